"""The figures of one model, worked out from what was measured, and their bars."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from bench.figure import Figure

FOUR_MINUTES = 240.0
TIMES_NAIVE = 2.0
"""How much faster than the packages window by window `muq` has to be on a CPU."""
HALF = 0.5
"""Share of the matrix ceiling that a model has to reach on a GPU, unless decoding holds it back."""
NINE_TENTHS = 0.9
"""Share of the pace of decoding alone at which decoding is what holds a model back."""
ALL = 3
TOGETHER = 10_000
"""Tracks per hour through all models, one after the other, on a GPU of a data centre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours:
    """What the product did with all tracks."""

    elapsed: float
    """Seconds of decoding, computing and folding."""
    busy: float
    """Cores that computed, on average."""
    utilisation: float | None
    """Percent of the time in which the GPU had work; None where nobody tells."""
    loading_gb: float
    embedding_gb: float
    flop_per_window: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Naive:
    """What the packages did with one of them, decoded already."""

    elapsed: float
    """Seconds of all calls, those that were not timed taken to be like those that were."""
    busy: float
    """Cores that computed, on average: as many as for the product, or the comparison is of something else."""
    calls: int
    timed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One model in one run."""

    key: str
    on_gpu: bool
    tracks: int
    """All of one length."""
    seconds_each: float
    windows_each: int
    windows_of_four_minutes: int
    decoding: float
    """Seconds of decoding and cutting all tracks, without a model."""
    ceiling: float
    """FLOP/s of a large matrix product in the same precision."""
    ours: Ours
    naive: Naive

    @property
    def four_minutes(self) -> float:
        """Time for a track of four minutes, by its number of windows."""
        return self.ours.elapsed / (self.tracks * self.windows_each) * self.windows_of_four_minutes

    @property
    def pace(self) -> float:
        """Tracks of four minutes per hour."""
        return 3600 / self.four_minutes

    @property
    def decoding_pace(self) -> float:
        """Tracks of four minutes per hour that decoding alone delivers."""
        return 3600 / (self.decoding / self.tracks * FOUR_MINUTES / self.seconds_each)

    @property
    def achieved(self) -> float:
        """FLOP/s of the whole path."""
        return self.ours.flop_per_window * self.windows_each * self.tracks / self.ours.elapsed

    @property
    def share(self) -> float:
        """Of the matrix ceiling."""
        return self.achieved / self.ceiling

    @property
    def of_bound(self) -> float:
        """The pace beside the one that half the ceiling, or decoding where that is slower, would allow."""
        return self.pace / min(self.pace * HALF / self.share, NINE_TENTHS * self.decoding_pace)

    @property
    def times_naive(self) -> float:
        """How much faster than the packages window by window."""
        return self.naive.elapsed * self.tracks / self.ours.elapsed


def figures(measured: Measured) -> Iterator[Figure]:
    """Every figure of one model; bars are those of the device that it ran on."""
    named = partial(_named, measured.key)
    yield from _pace(measured)
    if measured.ours.utilisation is not None:
        yield named("GPU utilisation", measured.ours.utilisation, "%")
    yield named("cores busy", measured.ours.busy, "cores")
    yield named("memory that loading took at most", measured.ours.loading_gb, "GB")
    yield named("memory that embedding took at most", measured.ours.embedding_gb, "GB")
    yield named("work of a window, counted", measured.ours.flop_per_window / 1e9, "GFLOP")
    yield named("achieved by the whole path", measured.achieved / 1e12, "TFLOP/s")
    yield named("matrix ceiling", measured.ceiling / 1e12, "TFLOP/s")
    yield named("achieved / ceiling", measured.share, "x")
    if measured.on_gpu:
        yield named("pace / the lesser of half the ceiling and nine tenths of decoding", measured.of_bound, "x", bar=1)
    naive = measured.naive
    yield named(f"packages alone, {naive.timed} of {naive.calls} calls timed", naive.elapsed, "s/track")
    yield named("packages alone, cores busy", naive.busy, "cores")
    bar = TIMES_NAIVE if measured.key == "muq" and not measured.on_gpu else None
    yield named("times the packages' pace", measured.times_naive, "x", bar=bar)


def _pace(measured: Measured) -> Iterator[Figure]:
    named, music = partial(_named, measured.key), f"{measured.tracks} x {measured.seconds_each:g} s"
    yield named(f"whole path, {music}, {measured.windows_each} windows each", measured.ours.elapsed, "s")
    exact = measured.seconds_each == FOUR_MINUTES
    scaled = "" if exact else f", by their {measured.windows_of_four_minutes} windows"
    yield named(f"tracks of four minutes{scaled}", measured.pace, "tracks/hour")
    yield named("music", FOUR_MINUTES / measured.four_minutes, "x real time")
    yield named("tracks of four minutes, decoding alone", measured.decoding_pace, "tracks/hour")


def _named(key: str, name: str, value: float, unit: str, *, bar: float | None = None) -> Figure:
    return Figure(name=f"{key}: {name}", value=value, unit=unit, bar=bar)


def together(found: Sequence[Measured], *, data_centre: bool) -> Figure:
    """Say the pace of a track through all models, one after the other; the bar is for GPUs of data centres alone."""
    names = " + ".join(measured.key for measured in found)
    pace = 3600 / sum(measured.four_minutes for measured in found)
    bar = TOGETHER if data_centre and len(found) == ALL else None
    return Figure(name=f"{names}: tracks of four minutes, all models", value=pace, unit="tracks/hour", bar=bar)
