"""Where a track stands in each model: embedded when, with which remark, or why not."""

from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db.models import Max, QuerySet

from embeddings.embedders import SPECS
from embeddings.models import GenerationState, ResultState, Track, TrackFailure, TrackResult, TrackVector

Row = TypeVar("Row", TrackResult, TrackFailure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """One model's view of a track."""

    model: str
    embedded_at: datetime | None
    current: bool
    """Whether the vector was made from the file as it is now."""
    remark: str
    failure: TrackFailure | None
    """The newest failed attempt, unless the track was embedded after it."""


def standings(track: Track) -> list[Standing]:
    """Look a track up in every model, in three queries."""
    live = TrackVector.objects.filter(track=track, generation__state=GenerationState.LIVE)
    vectors = {vector.generation.model: vector for vector in live.select_related("generation")}
    done = TrackResult.objects.filter(track=track, state=ResultState.DONE)
    results = {row.model: row for row in _newest_by_model(done)}
    failures = {row.model: row for row in _newest_by_model(TrackFailure.objects.filter(track=track))}
    return [_standing(key, track, vectors.get(key), results.get(key), failures.get(key)) for key in SPECS]


def _newest_by_model(rows: QuerySet[Row]) -> QuerySet[Row]:
    newest = rows.order_by().values("model").annotate(newest=Max("pk"))
    return rows.filter(pk__in=newest.values("newest"))


def _standing(
    model: str, track: Track, vector: TrackVector | None, result: TrackResult | None, failure: TrackFailure | None
) -> Standing:
    overcome = vector and failure and vector.stored_at >= failure.created_at
    return Standing(
        model=model,
        embedded_at=vector.stored_at if vector else None,
        current=vector is not None and vector.signature == track.signature,
        remark=result.warning if result else "",
        failure=None if overcome else failure,
    )
