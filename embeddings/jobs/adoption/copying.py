"""Copies a collection that another program keyed by `artist - title` into a generation that is keyed by track."""

import logging
from collections.abc import Callable, Iterator, Sequence
from uuid import UUID

import numpy as np
from django.db import transaction
from django.utils import timezone

from embeddings.domain import SYSTEM, Actor, EmbedderSpec, Vector, VectorRow
from embeddings.embedders.outside import stored_form
from embeddings.errors import Refused
from embeddings.jobs.adoption.names import Names
from embeddings.jobs.adoption.report import Adoption
from embeddings.jobs.generations import prepare, refuse_during_job
from embeddings.models import AuditEntry, Generation, GenerationState, Origin, Track, TrackVector
from embeddings.store.base import VectorStore
from embeddings.store.checks import batches

log = logging.getLogger(__name__)

ASIDE = "_predecessor"
"""What the old collection is called from then on, after its old name."""
KEY = "name"
IDS = 500
"""Ids in one condition; databases limit how many parameters a statement has."""
UNIT = 1e-3
"""How far the length of a vector may be from 1 and is left as it is."""

Report = Callable[[str], None]


def left_behind(spec: EmbedderSpec, store: VectorStore) -> str:
    """The collection that the old program left for a model, under its own name or set aside; "" when there is none."""
    names = [name for name in (spec.alias, spec.alias + ASIDE) if store.shape(name) is not None]
    return names[0] if names else ""


def adopt(
    spec: EmbedderSpec,
    store: VectorStore,
    *,
    by: Actor = SYSTEM,
    report: Report = lambda _: None,
) -> Adoption:
    """Set the old collection aside, and copy what can be told apart into generation 0; again, to go on after a crash.

    The generation is live where its model has none, or an empty one.

    Args:
        spec: whose alias the old collection has the name of.
        store: where it is.
        by: who, for the record.
        report: told how far it is.

    Raises:
        Refused: there is nothing to adopt, it is not the old program's, or it was adopted and retired since.
        BackendUnavailable: the store does not answer.

    """
    refuse_during_job(spec.key)
    if not Track.objects.present().exists():
        raise Refused("The catalogue is empty, so no name means anything: run manage.py sync first.", code="no_tracks")
    old = _set_aside(spec, store)
    generation = _generation(spec, store, by)
    prepare(spec, generation, store)
    generation.refresh_from_db()
    copied = Copy(spec, generation, store, old).run(report)
    store.flush(generation.collection)
    named, stored = generation.vectors.count(), store.count(generation.collection)
    if named != stored:
        sentence = f"{generation} has {stored:,} vectors and the database names {named:,}: adopt again, or verify it."
        raise Refused(sentence, code="counts_differ")
    log.info("collection adopted collection=%s from=%s stored=%s", generation, old, copied.stored)
    return copied


def drop_old(spec: EmbedderSpec, store: VectorStore, *, by: Actor = SYSTEM) -> str:
    """Drop the old collection that was set aside; its name, or "" when it was gone already.

    Raises:
        Refused: it was not adopted.

    """
    old = spec.alias + ASIDE
    if store.shape(old) is None:
        return ""
    generation = Generation.objects.filter(model=spec.key, origin=Origin.ADOPTED).first()
    if generation is None or not generation.promoted_at:
        raise Refused(f"{old} was not adopted, or what was adopted never served; it stays.", code="not_adopted")
    with transaction.atomic():
        AuditEntry.objects.note("drop-old", by, generation=generation, details={"collection": old})
    store.drop(old)
    return old


def _set_aside(spec: EmbedderSpec, store: VectorStore) -> str:
    """Give the old collection its other name, which frees its own for the alias."""
    old, shapes = spec.alias + ASIDE, (store.shape(spec.alias), store.shape(spec.alias + ASIDE))
    if shapes == (None, None):
        raise Refused(f"There is no collection {spec.alias} to adopt.", code="nothing_to_adopt")
    if None not in shapes:
        sentence = f"Both {spec.alias} and {old} are there; drop the one that is not wanted, and try again."
        raise Refused(sentence, code="two_to_adopt")
    shape = shapes[0] or shapes[1]
    found = shape.vectors.get("embedding", 0) if shape is not None and shape.key == KEY else 0
    if found not in {spec.dimension, spec.outside_dimension or spec.dimension}:
        raise Refused(
            f"The collection {spec.alias} is not one that can be adopted as {spec.key}: it would have a text key "
            f"{KEY!r} and vectors 'embedding' of {spec.dimension} dimensions.",
            code="misfit",
        )
    if shapes[0] is not None:
        store.rename(spec.alias, old)
    return old


def _generation(spec: EmbedderSpec, store: VectorStore, by: Actor) -> Generation:
    """Generation 0 of the model, made once."""
    numbered = Generation.objects.filter(model=spec.key, number=0)
    if (found := numbered.first()) is not None:
        if found.state in {GenerationState.RETIRED, GenerationState.DROPPED}:
            raise Refused(f"{found} was adopted before, and is {found.state} now.", code="adopted_before")
        return found
    live = Generation.objects.live(spec.key)
    collection = f"{spec.alias}_g0000"
    if collection in store.collections():
        raise Refused(
            f"The store has a collection {collection} of a database that is gone; drop it, and try again.",
            code="collection_taken",
        )
    with transaction.atomic():
        made = Generation.objects.create(
            model=spec.key,
            number=0,
            # Nobody knows what made them: no version of ours is told to go on with them.
            spec_version=0,
            dimension=spec.dimension,
            collection=collection,
            origin=Origin.ADOPTED,
            state=GenerationState.BUILDING if live else GenerationState.LIVE,
            promoted_at=None if live else timezone.now(),
        )
        AuditEntry.objects.note("adopt", by, generation=made)
    return made


class Copy:
    """One old collection on its way into one generation."""

    def __init__(self, spec: EmbedderSpec, generation: Generation, store: VectorStore, old: str) -> None:
        """Read the catalogue's names."""
        self._spec = spec
        self._generation = generation
        self._store = store
        self._old = old
        self._names = Names()
        self._given: set[UUID] = set()
        self._left_out: dict[str, list[str]] = {"ambiguous": [], "unknown": [], "doubled": [], "unusable": []}
        self._rows = self._stored = self._already = 0

    def run(self, report: Report) -> Adoption:
        """Read page by page; tracks that have their vector already are passed over."""
        for page in self._store.keyed_vectors(self._old):
            self._rows += len(page)
            meant = dict(self._meant(page))
            for ids in batches(list(meant), IDS):
                self._take({pk: meant[pk] for pk in ids})
            report(f"{self._rows:,} names read, {len(self._given):,} of them are known")
        return Adoption(
            generation=self._generation,
            rows=self._rows,
            stored=self._stored,
            already=self._already,
            **{reason: tuple(names) for reason, names in self._left_out.items()},
        )

    def _meant(self, page: Sequence[tuple[str, Vector]]) -> Iterator[tuple[UUID, Vector]]:
        """Tracks that are certain, with their vectors; why the others are left out is kept."""
        for name, vector in page:
            try:
                found = self._names.find(name)
            except KeyError:
                self._left_out["unknown"].append(name)
                continue
            if found is None:
                self._left_out["ambiguous"].append(name)
            elif found in self._given:
                self._left_out["doubled"].append(name)
            elif (unit := self._unit(vector)) is None:
                self._left_out["unusable"].append(name)
            else:
                self._given.add(found)
                yield found, unit

    def _unit(self, vector: Vector) -> Vector | None:
        """The vector as it is where it has unit length, brought to it otherwise; None for one without a direction."""
        with np.errstate(over="ignore", invalid="ignore"):
            fits = len(vector) == self._spec.dimension and abs(float(np.linalg.norm(vector)) - 1.0) <= UNIT
        if fits:
            return vector
        try:
            unit: Vector = stored_form(self._spec, [vector])[0]
        except Refused:
            return None
        return unit

    def _take(self, meant: dict[UUID, Vector]) -> None:
        """Write the vectors of tracks that have none yet, then the rows that say so."""
        held = set(self._generation.vectors.filter(track__in=list(meant)).values_list("track_id", flat=True))
        due = Track.objects.in_bulk([pk for pk in meant if pk not in held])
        self._store.upsert(self._generation.collection, [self._row(track, meant[pk]) for pk, track in due.items()])
        # The file may have changed since; nobody knows, and it is not embedded again for that.
        TrackVector.objects.record(
            [TrackVector(generation=self._generation, track=track, signature=track.signature) for track in due.values()]
        )
        self._stored += len(due)
        self._already += len(held)

    def _row(self, track: Track, vector: Vector) -> VectorRow:
        return track.labels(offset=0.0, model_id=self._generation.model_id).row(str(track.pk), vector)
