"""What a fault did: operations that were lost, settled twice, or that nobody can explain."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from embeddings.domain import Vector
from embeddings.embedders import get_spec
from embeddings.models import (
    BatchJob,
    Generation,
    GenerationState,
    JobState,
    ResultState,
    Track,
    TrackFailure,
    TrackResult,
    TrackVector,
)
from embeddings.store.base import VectorStore
from tests.faults.stage import SETTLED, Aftermath, Stage, finished
from tests.witness import Change, documented, witnessed

ALIKE = 0.9999
"""Cosine of two vectors that were computed from the same file."""


@dataclass(slots=True, kw_only=True)
class Verdict:
    """What was found after one job; all but the first number should be 0."""

    operations: int = 0
    lost: int = 0
    """Not settled, failed without a reason of their own, or done without their vector, or with another one."""
    doubled: int = 0
    """Settled more than once, planned twice, or with more than one vector; vectors of no row."""
    unexplained: int = 0
    """Attempts beyond the first that neither a lost worker nor a kept failure accounts for."""
    remarks: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was lost or doubled."""
        return not (self.lost or self.doubled or self.unexplained)

    def note(self, words: str, count: int) -> int:
        """Keep a sentence for people about what is not as it should be."""
        if count:
            self.remarks.append(f"{count} {words}")
        return count


class Judge:
    """Compares rows, vectors and what the witness saw; knows how the vectors should be."""

    def __init__(self, stage: Stage, models: list[str]) -> None:
        self._stage = stage
        self._models = models
        self._right: dict[str, dict[str, Vector]] = {}

    def learn(self) -> None:
        """Take the vectors that are stored now for right."""
        store = self._stage.open_store()
        for model in self._models:
            self._right[model] = _everything(store, get_spec(model).alias)
        store.close()

    def forget_vectors(self) -> None:
        """Make every vector missing, here and in the store, so that the next job has everything to do."""
        store = self._stage.open_store()
        for generation in Generation.objects.filter(vectors__isnull=False).distinct():
            store.delete(generation.collection, [name for page in store.ids(generation.collection) for name in page])
            store.flush(generation.collection)
        TrackVector.objects.all().delete()
        TrackFailure.objects.all().delete()
        store.close()

    def judge(self, aftermath: Aftermath) -> Verdict:
        """Look at one job that should be at its end."""
        job = aftermath.job
        rows = TrackResult.objects.filter(job=job)
        verdict = Verdict(operations=rows.count())
        if not finished(job):
            verdict.remarks.append(f"job {job.pk} is still {job.state}: {job.message}")
        self._judge_rows(job, verdict)
        if job.state == JobState.FAILED:
            verdict.remarks.append(f"job {job.pk} failed: {job.message}")
        store = self._stage.open_store()
        for model in self._models:
            self._judge_vectors(store, aftermath, model, verdict)
        store.close()
        verdict.doubled += verdict.note("jobs too many, or results of somebody else written over", aftermath.doubled)
        return verdict

    def _judge_rows(self, job: BatchJob, verdict: Verdict) -> None:
        rows = TrackResult.objects.filter(job=job)
        wanted = Track.objects.present().count() * len(self._models)
        verdict.lost += verdict.note("operations without a row", max(0, wanted - verdict.operations))
        verdict.lost += verdict.note("operations not settled", TrackResult.objects.left_open(job.pk).count())
        verdict.lost += verdict.note("operations failed", rows.filter(state=ResultState.FAILED).count())
        seen = witnessed()
        ours = set(rows.values_list("pk", flat=True))
        settled = Counter(change.row for change in seen if change.row in ours and _settles(change))
        twice = {row for row, times in settled.items() if times > 1}
        lives = {row: [c.became for c in seen if (c.kind, c.row) == ("operation", row)] for row in twice}
        verdict.doubled += verdict.note(f"operations settled twice {lives}", len(twice))
        unknown = {change.named for change in seen if change.was != change.became} - documented()
        verdict.unexplained += verdict.note(f"changes of state that nobody documents: {unknown}", len(unknown))
        failures = Counter(TrackFailure.objects.filter(job=job).values_list("result_id", flat=True))
        spent = [row for row in rows.filter(state=ResultState.DONE) if row.attempts != 1 + row.lost + failures[row.pk]]
        verdict.unexplained += verdict.note("operations with attempts nobody explains", len(spent))

    def _judge_vectors(self, store: VectorStore, aftermath: Aftermath, model: str, verdict: Verdict) -> None:
        """Compare both sides of what searches read, and of what the job filled where that is something else."""
        alias, live = get_spec(model).alias, Generation.objects.get(model=model, state=GenerationState.LIVE)
        verdict.lost += verdict.note(f"alias: {alias} is not {live}", store.alias_target(alias) != live.collection)
        filled = Generation.objects.filter(results__job=aftermath.job, model=model).distinct()
        for generation in {live, *filled.exclude(state=GenerationState.DROPPED)}:
            self._judge_generation(store, aftermath, generation, verdict)

    def _judge_generation(
        self, store: VectorStore, aftermath: Aftermath, generation: Generation, verdict: Verdict
    ) -> None:
        held = {str(pk) for pk in generation.vectors.values_list("track_id", flat=True)}
        done = generation.results.filter(job=aftermath.job, state=ResultState.DONE)
        names = [name for page in store.ids(generation.collection) for name in page]
        unheld = {str(pk) for pk in done.values_list("track_id", flat=True)} - held
        verdict.lost += verdict.note("vectors missing in the store", len(held - set(names)))
        verdict.lost += verdict.note("done operations without a vector", len(unheld))
        verdict.doubled += verdict.note("vectors stored twice", len(names) - len(set(names)))
        verdict.doubled += verdict.note("vectors of no row", len(set(names) - held))
        verdict.doubled += verdict.note("counted beyond", max(0, store.count(generation.collection) - len(set(names))))
        right, stored = self._right.get(generation.model, {}), _everything(store, generation.collection)
        other = [
            name
            for name, vector in stored.items()
            if name not in aftermath.apart and not _alike(vector, right.get(name))
        ]
        verdict.lost += verdict.note("vectors of something else", len(other) if right else 0)


def _settles(change: Change) -> bool:
    return change.kind == "operation" and change.became in SETTLED


def _everything(store: VectorStore, collection: str) -> dict[str, Vector]:
    return store.fetch(collection, [name for page in store.ids(collection) for name in page])


def _alike(one: Vector, other: Vector | None) -> bool:
    return other is not None and float(np.dot(one, other)) > ALIKE
