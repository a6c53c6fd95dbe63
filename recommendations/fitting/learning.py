"""Learns bridges from the tracks that two generations have in common, and keeps them."""

import logging
import time
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

import numpy as np
from django.utils import timezone
from threadpoolctl import threadpool_limits

from embeddings.domain import Vector
from embeddings.models import Generation
from embeddings.store.base import VectorStore
from recommendations import conf
from recommendations.arithmetic.bridge import NEAREST, Bridge, Quality, learn
from recommendations.fitting.sampling import choose, has_drifted
from recommendations.models import StoredBridge
from recommendations.models.vectors import from_bytes, to_bytes

FEWEST = 50
"""Tracks in common from which a bridge is learned."""
MOST = 5000
"""Tracks that it is learned from; more would teach it little, and 5,000 of the widest model take four seconds."""
LEAST_DEVIATIONS = 4.0
"""Of guessing, by which a recall has to be above it: of 270 bridges between shuffled tracks none was above three."""
REMEMBERED = 6
"""Bridges of this process: one for each model; up to eight megabytes each."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A bridge as it is kept."""

    source: Generation
    """Live; whose joint vectors it maps, and whose model reads the texts."""
    stored: StoredBridge
    """Without its matrices."""

    @property
    def refusal(self) -> str:
        """Why it must not be used, in a sentence; empty when it may be."""
        return self.stored.refusal

    def load(self) -> Bridge:
        """Read its matrices.

        Raises:
            ValueError: it is refused.

        """
        if self.refusal:
            raise ValueError(self.refusal)
        return _loaded(self.stored.pk, self.stored.fitted_at)

    def text_mean(self) -> Vector | None:
        """[joint dimension], of the texts that could be read when it was learned; None where none could."""
        if not self.stored.knows_texts:
            return None
        return from_bytes(self.stored.means, 1)[-self.source.joint_dimension :, 0]


def kept_bridge(target: Generation) -> Learned | None:
    """The bridge into a generation; None where there is none, or its source is not live any more."""
    stored = StoredBridge.objects.into(target)
    return None if stored is None else Learned(source=stored.source, stored=stored)


def is_good(learned: Learned | None, target: Generation, source: Generation, *, texts: bool) -> bool:
    """Whether nothing would be gained by learning a bridge anew.

    Args:
        learned: as it is kept.
        target: as it was read from the database just now.
        source: likewise.
        texts: whether texts can be read now.

    """
    if learned is None or learned.source != source or (texts and not learned.stored.knows_texts):
        return False
    row = learned.stored
    if (row.writes, row.source_writes) == (target.writes, source.writes):
        return True
    if has_drifted(target, count=row.count, since=row.fitted_at):
        return False
    if has_drifted(source, count=row.source_count, since=row.fitted_at):
        return False
    seen = {"writes": target.writes, "source_writes": source.writes}
    StoredBridge.objects.filter(pk=row.pk, fitted_at=row.fitted_at).update(**seen)
    return True


def learn_bridge(target: Generation, source: Generation, store: VectorStore, text_mean: Vector | None) -> Learned:
    """Learn the bridge from one generation's joint space into another generation, and keep it, good or bad.

    Args:
        target: as it was read from the database just now.
        source: likewise; it has joint vectors.
        store: where the vectors of both are.
        text_mean: [joint dimension], of texts in the source's joint space; None where none could be read.

    Raises:
        BackendUnavailable: the store does not answer.
        CollectionMissing: one of the generations is gone.

    """
    began = time.perf_counter()
    row = StoredBridge(
        target=target,
        source=source,
        count=target.vectors.count(),
        writes=target.writes,
        source_count=source.vectors.count(),
        source_writes=source.writes,
        tracks=0,
        fitted_at=timezone.now(),
    )
    ids = choose(target, MOST, within=source)
    joint, vectors = store.fetch(source.collection, ids, field="joint"), store.fetch(target.collection, ids)
    both = [chosen for chosen in ids if chosen in joint and chosen in vectors]
    row.tracks, row.knows_texts = len(both), text_mean is not None
    if len(both) >= FEWEST:
        x, y = (np.asarray([found.pop(chosen) for chosen in both], np.float32) for found in (joint, vectors))
        # On cores that decode, a second thread of BLAS spins for its turn: half a second became half a minute.
        with threadpool_limits(limits=1, user_api="blas"):
            _write(row, *learn(x, y), text_mean)
    row.refusal = _refusal(row)
    row.seconds = time.perf_counter() - began
    StoredBridge.objects.keep(row)
    log.info("bridge learned target=%s source=%s recall=%.3f refusal=%s", target, source, row.recall, row.refusal)
    return Learned(source=source, stored=StoredBridge.objects.heads().get(target=target))


def _write(row: StoredBridge, bridge: Bridge, quality: Quality, text_mean: Vector | None) -> None:
    row.weights = to_bytes(bridge.weights)
    texts = np.zeros_like(bridge.joint_mean) if text_mean is None else text_mean
    row.means, row.radius = to_bytes(np.concatenate([bridge.joint_mean, bridge.mean, texts])), bridge.radius
    row.strength, row.gallery, row.recall = quality.strength, quality.gallery, quality.recall


def _refusal(row: StoredBridge) -> str:
    """Why a bridge must not be used, in a sentence."""
    name, source = row.target.model, row.source.model
    if row.tracks < FEWEST:
        return f"Only {row.tracks} tracks have vectors of both {source} and {name}; a bridge is learned from {FEWEST}."
    quality = row.quality
    least = conf.recommendations().bridge_least_recall
    if not quality.beyond_chance >= least or quality.deviations < LEAST_DEVIATIONS:
        return (
            f"The bridge from {source} to {name} finds {quality.recall:.1%} of tracks among the {NEAREST} nearest to "
            f"what it makes of them, and guessing finds {quality.chance:.1%}: too little to trust it with a text. "
            f"It is {quality.deviations:.1f} standard deviations above guessing, of which {LEAST_DEVIATIONS:g} are "
            f"asked for, and {quality.beyond_chance:.1%} of the way to always right, of which {least:.1%} are "
            "(BRIDGE_LEAST_RECALL)."
        )
    if not row.knows_texts:
        return (
            f"The bridge from {source} to {name} waits for texts to be read once, which needs a text worker: "
            "start one (manage.py work --queue text), then: manage.py fit"
        )
    return ""


@lru_cache(maxsize=REMEMBERED)
def _loaded(pk: int, fitted_at: datetime) -> Bridge:  # noqa: ARG001 - part of the key
    """Read one bridge; `fitted_at` tells it from what the same row held before."""
    row = StoredBridge.objects.select_related("source", "target").get(pk=pk)
    joint, dimension = row.source.joint_dimension, row.target.dimension
    means = from_bytes(row.means, 1)[:, 0]
    joint_mean, mean, text_mean = np.split(means, [joint, joint + dimension])
    weights = from_bytes(row.weights, dimension)
    return Bridge(weights=weights, joint_mean=joint_mean, mean=mean, radius=row.radius, text_mean=text_mean)
