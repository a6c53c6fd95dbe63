"""Windows cut from a stream are those cut from the whole, in little memory."""

import random
import tracemalloc
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embeddings.audio.windows import audible, cut
from embeddings.domain import Samples, Span, Window

RATE = 100


def expected(total: int, size: int, hop: int, tail: int) -> list[tuple[int, int]]:
    """The rule, said once more without streaming: start and end of every window."""
    if total <= size:
        return [(0, total)] if total else []
    starts = list(range(0, total - size + 1, hop))
    windows = [(start, start + size) for start in starts]
    if hop < size and windows[-1][1] < total:
        windows.append((total - size, total))
    rest = starts[-1] + hop
    if hop >= size and total - rest >= max(tail, 1):
        windows.append((rest, total))
    return windows


def blocks_of(track: Samples, rng: random.Random) -> Iterator[Samples]:
    position = 0
    while position < len(track):
        step = rng.choice([1, 7, 50, 333, 2000])
        yield track[position : position + step]
        position += step


@pytest.mark.parametrize("channels", [1, 2])
def test_streamed_windows_are_those_of_the_whole_track(channels: int) -> None:
    rng = random.Random(3)
    for _ in range(300):
        size, total = rng.randrange(1, 400), rng.randrange(0, 2000)
        hop = rng.choice([size, rng.randrange(1, size + 1), size + 5])
        track = np.arange(total * channels, dtype=np.float32).reshape((total,) if channels == 1 else (total, 2))
        got = list(cut(blocks_of(track, rng), rate=RATE, window_seconds=size / RATE, hop_seconds=hop / RATE))
        wanted = expected(total, size, hop, RATE)
        assert [(round(w.start_seconds * RATE), len(w.samples)) for w in got] == [(a, b - a) for a, b in wanted]
        assert all(np.array_equal(w.samples, track[a:b]) for w, (a, b) in zip(got, wanted, strict=True))
        assert [w.index for w in got] == list(range(len(wanted)))


@pytest.mark.parametrize(("seconds", "count"), [(240, 9), (247, 10), (60, 1), (120, 1), (121, 2)])
def test_overlapping_windows_are_as_many_as_the_predecessor_made(seconds: int, count: int) -> None:
    track = np.zeros(seconds * RATE, np.float32)
    assert len(list(cut([track], rate=RATE, window_seconds=120, hop_seconds=15))) == count


def test_a_short_tail_is_dropped_and_a_short_track_is_not() -> None:
    def lengths(seconds: float) -> list[int]:
        track = np.zeros(round(seconds * RATE), np.float32)
        return [len(w.samples) for w in cut([track], rate=RATE, window_seconds=10, hop_seconds=10)]

    assert lengths(20.9) == [1000, 1000]
    assert lengths(21) == [1000, 1000, 100]
    assert lengths(0.5) == [50]


def test_windows_do_not_share_memory_with_blocks() -> None:
    block = np.zeros(1000, np.float32)
    window = next(cut([block], rate=RATE, window_seconds=10, hop_seconds=10))
    block[:] = 1
    assert not window.samples.any()


def test_memory_does_not_grow_with_the_track() -> None:
    def endless() -> Iterator[Samples]:
        for _ in range(2000):
            yield np.zeros(10_000, np.float32)

    tracemalloc.start()
    for _ in cut(endless(), rate=1000, window_seconds=120, hop_seconds=15):
        pass
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * 120 * 1000 * 4


def heard(samples: NDArray[Any]) -> bool:
    span = Span(start=0, length=len(samples))
    return audible(Window(index=0, rate=24_000, span=span, samples=samples.astype(np.float32)))


def test_a_quiet_tone_is_audible_and_digital_silence_is_not() -> None:
    tone = 0.001 * np.sin(np.arange(240_000) / 10)
    assert heard(tone)
    assert heard(np.stack([0 * tone, tone], axis=1))
    assert not heard(np.zeros(240_000))


def test_dither_constants_and_denormals_are_not_audible() -> None:
    rng = np.random.default_rng(1)
    assert not heard(rng.integers(-1, 2, 240_000) / 32768)
    assert not heard(np.full(240_000, 0.5))
    assert not heard(np.full((240_000, 2), 1e-40))


def test_a_click_is_not_sound_and_a_drum_is() -> None:
    silence = np.zeros(240_000)
    click, drum = silence.copy(), silence.copy()
    click[100_000:100_100] = 0.5
    drum[100_000:112_000] = np.random.default_rng(1).normal(size=12_000) * np.exp(-np.arange(12_000) / 3000)
    assert not heard(click)
    assert heard(drum)
