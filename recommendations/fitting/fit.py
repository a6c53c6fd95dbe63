"""Fits what live generations need for recommendations: their backgrounds, and bridges for texts into them."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Exists, OuterRef
from numpy.typing import NDArray

from embeddings.domain import EmbedderSpec, Vector
from embeddings.embedders import SPECS, get_spec
from embeddings.errors import BackendUnavailable, Refused
from embeddings.jobs.prompts import read_prompts, trained_available
from embeddings.models import BatchJob, Generation, GenerationState, TrackVector
from embeddings.models.prompt import TowerKind
from embeddings.store.base import CollectionMissing, VectorField, VectorStore
from recommendations.fitting.learning import Learned, is_good, kept_bridge, learn_bridge
from recommendations.fitting.sampling import NO_TEXTS, TextProbes, kept_background, sample
from recommendations.models import StoredBackground
from recommendations.prompt_templates import sentences

AT_ONCE = 8
"""Texts of one message, so that listeners' own prompts need not wait for all of them."""
TRAINED_STEP = 3
"""Of the templates every third is read by a trained tower, whose encoder may take seconds for each."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """What one live generation has now."""

    generation: Generation
    backgrounds: tuple[StoredBackground, ...]
    """Of its fields, without their vectors."""
    bridge: Learned | None
    """Into it; None where texts get there without, or no model shares a space with them."""
    seconds: float
    """What bringing it up to date took."""


def fit_all(
    store: VectorStore,
    *,
    models: Sequence[str] = (),
    only_outdated: bool,
    should_stop: Callable[[], bool] = lambda: False,
) -> list[Fitted]:
    """Fit live generations, in the order of `SPECS`.

    Args:
        store: where their vectors are.
        models: keys of specs; none for all.
        only_outdated: whether what describes a generation still is kept.
        should_stop: whether this worker has to end soon; what was not reached is fitted another time.

    Raises:
        UnknownEmbedder: there is no such model.
        BackendUnavailable: the store does not answer.

    """
    wanted = [get_spec(key).key for key in models] or list(SPECS)
    live = live_generations(SPECS.values())
    source = next((found for found in live.values() if found.joint_dimension), None)
    fitter = _Fitter(store=store, source=source, only_outdated=only_outdated, should_stop=should_stop)
    done = []
    for generation in (live[key] for key in live if key in wanted):
        if should_stop():
            break
        try:
            done.append(fitter.fit(generation))
        except CollectionMissing as error:
            # Dropped meanwhile, or lost; the next job finds out which.
            log.warning("generation not fitted generation=%s reason=%s", generation, error)
    return done


def after_job(job: BatchJob, store: VectorStore, should_stop: Callable[[], bool]) -> None:
    """Fit what a finished job has outdated; see `embeddings.jobs.aftermath`.

    Raises:
        BackendUnavailable: the store does not answer; requests fit what they need, and the next job the rest.

    """
    fit_all(store, only_outdated=True, should_stop=should_stop)
    log.info("fitted job=%s", job.pk)


def live_generations(specs: Iterable[EmbedderSpec]) -> dict[str, Generation]:
    """Live generations with vectors by model, in the order of the specs."""
    keys = [spec.key for spec in specs]
    filled = Exists(TrackVector.objects.filter(generation=OuterRef("pk")))
    live = Generation.objects.filter(filled, state=GenerationState.LIVE, model__in=keys)
    return {found.model: found for found in sorted(live, key=lambda found: keys.index(found.model))}


def _known_mean(before: Learned | None, source: Generation) -> Vector | None:
    """Mean of texts in the source, where they could be read earlier."""
    return before.text_mean() if before is not None and before.source == source else None


class _Fitter:
    """Fits one generation after the other; texts are read once."""

    def __init__(
        self, *, store: VectorStore, source: Generation | None, only_outdated: bool, should_stop: Callable[[], bool]
    ) -> None:
        self._store = store
        self._source = source
        self._only_outdated = only_outdated
        self._should_stop = should_stop
        self._texts = self._read(source, "own") if source else None

    def fit(self, generation: Generation) -> Fitted:
        began = time.perf_counter()
        before = kept_bridge(generation)
        bridge = self._bridge(before, generation)
        renewed = bridge is not before
        fields: tuple[VectorField, ...] = ("embedding", "joint") if generation.joint_dimension else ("embedding",)
        backgrounds = tuple(self._background(generation, field, bridge, renewed=renewed) for field in fields)
        seconds = time.perf_counter() - began
        return Fitted(generation=generation, backgrounds=backgrounds, bridge=bridge, seconds=seconds)

    def _bridge(self, before: Learned | None, target: Generation) -> Learned | None:
        if self._source is None or target.joint_dimension:
            return None
        known = self._texts is not None
        if self._only_outdated and before and is_good(before, target, self._source, texts=known):
            return before
        mean = self._texts.mean(axis=0) if self._texts is not None else _known_mean(before, self._source)
        return learn_bridge(target, self._source, self._store, mean)

    def _background(
        self, generation: Generation, field: VectorField, bridge: Learned | None, *, renewed: bool
    ) -> StoredBackground:
        probes = self._probes(generation, field, bridge)
        kept = kept_background(generation, field) if self._only_outdated and not renewed else None
        if kept is not None and (probes is None or probes.wording == kept.wording):
            return kept
        return sample(generation, field, self._store, texts=probes)

    def _probes(self, generation: Generation, field: VectorField, bridge: Learned | None) -> TextProbes | None:
        """How texts look in a field; None where nobody can read any now, so that what was known is kept."""
        if field == "joint":
            texts = self._texts if generation == self._source else self._read(generation, "own")
            return None if texts is None else TextProbes(vectors=texts, wording="tower")
        trained = self._read(generation, "trained") if trained_available(generation.model) else None
        if trained is not None:
            return TextProbes(vectors=trained, wording="trained")
        if bridge is None or bridge.refusal:
            return NO_TEXTS
        return None if self._texts is None else TextProbes(vectors=bridge.load().map(self._texts), wording="bridge")

    def _read(self, generation: Generation, tower: TowerKind) -> NDArray[np.float32] | None:
        """[texts, dimension] of the templates in a generation's space; None while nobody can read them."""
        prompts = sentences() if tower == "own" else sentences()[::TRAINED_STEP]
        vectors = []
        for start in range(0, len(prompts), AT_ONCE):
            if self._should_stop():
                return None
            try:
                read = read_prompts(generation.model, prompts[start : start + AT_ONCE], tower=tower)
            except (Refused, BackendUnavailable) as error:
                log.info("templates not read generation=%s tower=%s reason=%s", generation, tower, error)
                return None
            if read.generation != generation:
                return None
            vectors += [vector for place, vector in enumerate(read.vectors) if place not in read.failed]
        return np.stack(vectors)
