"""Samples the background of a generation's field, and keeps it for as long as it describes what is there."""

import logging
import time
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

import numpy as np
from django.db.models import Exists, OuterRef
from django.utils import timezone
from numpy.typing import NDArray

from embeddings.models import Generation, TrackVector
from embeddings.store.base import VectorField, VectorStore
from recommendations.arithmetic.calibration import SAME
from recommendations.domain import Wording
from recommendations.models import StoredBackground
from recommendations.models.vectors import to_bytes

SAMPLED = 256
DRIFT = 0.02
"""Share of a generation's vectors that may have come, gone or been replaced before it is sampled anew."""

AT_ONCE = 500
"""Rows that one query names."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TextProbes:
    """What texts look like in a field: [texts, dimension] of unit length, and how they were made."""

    vectors: NDArray[np.float32]
    wording: Wording | Literal[""]


NO_TEXTS = TextProbes(vectors=np.empty((0, 0), np.float32), wording="")
"""No text gets there."""


def background_of(generation: Generation, field: VectorField, store: VectorStore) -> StoredBackground:
    """The background of a field as it is kept, without its vectors; sampled now where there is none that is good.

    Args:
        generation: as it was read from the database just now.
        field: which of its vectors.
        store: where they are.

    Raises:
        BackendUnavailable: the store does not answer.
        CollectionMissing: the generation is gone.

    """
    kept = kept_background(generation, field)
    return kept if kept is not None else sample(generation, field, store)


def kept_background(generation: Generation, field: VectorField) -> StoredBackground | None:
    """The background of a field as it is kept, without its vectors, unless too much changed since."""
    row = StoredBackground.objects.heads().filter(generation=generation, field=field).first()
    if row is None or row.writes == generation.writes:
        return row
    if has_drifted(generation, count=row.count, since=row.fitted_at):
        return None
    # Looked at once for these writes, and not again by every request.
    StoredBackground.objects.filter(pk=row.pk, fitted_at=row.fitted_at).update(writes=generation.writes)
    return row


def has_drifted(generation: Generation, *, count: int, since: datetime) -> bool:
    """Whether more than `DRIFT` of the vectors that there were came, went or were replaced."""
    now, fresh = generation.vectors.count(), generation.vectors.filter(stored_at__gt=since).count()
    return max(fresh, abs(now - count)) > DRIFT * count


def sample(
    generation: Generation, field: VectorField, store: VectorStore, *, texts: TextProbes | None = None
) -> StoredBackground:
    """Sample the background of a field and keep it; of two who do so at once, the later one's stays, and both go on.

    Args:
        generation: as it was read from the database just now.
        field: which of its vectors.
        store: where they are.
        texts: how texts look in this field; None where that is not known now, and what was known is kept.

    Raises:
        BackendUnavailable: the store does not answer.
        CollectionMissing: the generation is gone.

    """
    began = time.perf_counter()
    texts = texts or _known_texts(generation, field)
    count, ids = generation.vectors.count(), choose(generation, SAMPLED)
    found = store.fetch(generation.collection, ids, field=field)
    ids = [chosen for chosen in ids if chosen in found]
    dimension = generation.joint_dimension if field == "joint" else generation.dimension
    vectors = np.asarray([found[chosen] for chosen in ids], np.float32).reshape(-1, dimension)
    mean, spread = _random_cosines(vectors)
    StoredBackground.objects.keep(
        StoredBackground(
            generation=generation,
            field=field,
            tracks=len(ids),
            texts=len(texts.vectors),
            track_ids=ids,
            dimension=dimension,
            vectors=to_bytes(vectors),
            probes=to_bytes(texts.vectors),
            wording=texts.wording,
            count=count,
            writes=generation.writes,
            mean=mean,
            spread=spread,
            seconds=time.perf_counter() - began,
            fitted_at=timezone.now(),
        )
    )
    log.info("background sampled generation=%s field=%s tracks=%d", generation, field, len(ids))
    return StoredBackground.objects.heads().get(generation=generation, field=field)


def _known_texts(generation: Generation, field: VectorField) -> TextProbes:
    row = StoredBackground.objects.filter(generation=generation, field=field).first()
    return TextProbes(vectors=row.text_probes, wording=cast("Wording", row.wording)) if row else NO_TEXTS


def choose(generation: Generation, most: int, *, within: Generation | None = None) -> list[str]:
    """Ids of at most so many tracks of a generation, by chance, and always alike.

    Args:
        generation: which.
        most: how many.
        within: only tracks that this one has as well.

    """
    rows = generation.vectors.order_by("pk")
    if within is not None:
        rows = rows.filter(Exists(within.vectors.filter(track=OuterRef("track"))))
    pks = list(rows.values_list("pk", flat=True))
    chance = np.random.default_rng(zlib.crc32(generation.collection.encode()))
    chosen = [pks[place] for place in chance.permutation(len(pks))[:most]]
    tracks: list[str] = []
    for start in range(0, len(chosen), AT_ONCE):
        some = TrackVector.objects.filter(pk__in=chosen[start : start + AT_ONCE])
        tracks += map(str, some.values_list("track_id", flat=True))
    return sorted(tracks)


def _random_cosines(vectors: NDArray[np.float32]) -> tuple[float, float]:
    """Mean and spread of the cosines of all pairs."""
    cosines = (vectors @ vectors.T)[np.triu_indices(len(vectors), 1)].astype(np.float64)
    cosines = cosines[cosines < SAME]
    return (float(cosines.mean()), float(cosines.std())) if cosines.size else (0.0, 0.0)
