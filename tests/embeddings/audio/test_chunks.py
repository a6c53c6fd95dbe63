"""Chunks cut from a stream hold the frames that the model's own package puts into its chunks."""

import random
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from embeddings.audio.chunks import HOP, REACH, cut_chunks
from embeddings.domain import Samples, Window
from embeddings.embedders import get_spec

FRAME = HOP + REACH
SPEC = get_spec("latent")
SHORT = replace(SPEC, hop_seconds=16 * HOP / SPEC.sample_rate, window_seconds=(16 * HOP + REACH) / SPEC.sample_rate)
"""Chunks of 16 frames, to see many of them."""


def ramp(total: int, channels: int = 1) -> Samples:
    """A track whose every sample is another one."""
    return np.arange(total * channels, dtype=np.float32).reshape((total,) if channels == 1 else (total, 2))


def frames(samples: Samples) -> NDArray[np.float32]:
    """[frames, 2048]: the frames of a spectrum without padding."""
    if len(samples) < FRAME:
        return np.empty((0, FRAME), np.float32)
    return np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]


def whole(track: Samples, size: int) -> list[NDArray[np.float32]]:
    """The package's rule, said without streaming: all frames, completed with the first ones, in chunks."""
    found = frames(track)
    found = found[: len(found) // 8 * 8]
    if len(found) <= size:
        return [found] if len(found) else []
    missing = -len(found) % size
    return np.split(np.concatenate([found, found[:missing]]), (len(found) + missing) // size)


def seen(window: Window) -> NDArray[np.float32]:
    """The frames that an embedder reads of a window: none across the seam."""
    own = window.span.length - window.span.wrapped
    return np.concatenate([frames(window.samples[:own]), frames(window.samples[own:])])


def blocks_of(track: Samples, rng: random.Random) -> Iterator[Samples]:
    position = 0
    while position < len(track):
        step = rng.choice([1, 100, 5000, 44_100, 100_000])
        yield track[position : position + step]
        position += step


def test_streamed_chunks_hold_the_frames_of_the_whole_track() -> None:
    rng = random.Random(5)
    for _ in range(150):
        track = ramp(rng.randrange(0, 60_000))
        got = [seen(window) for window in cut_chunks(blocks_of(track, rng), SHORT)]
        wanted = whole(track, 16)
        assert [len(frames) for frames in got] == [len(frames) for frames in wanted]
        assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))


@pytest.mark.parametrize("chunks", [1, 2, 3])
@pytest.mark.parametrize("more", [-1, 0, 1, 8 * HOP - 1, 8 * HOP])
def test_no_chunk_is_wasted_at_an_exact_multiple(chunks: int, more: int) -> None:
    track = ramp(chunks * 856 * HOP + REACH + more)
    got = [seen(window) for window in cut_chunks([track], SPEC)]
    wanted = whole(track, 856)
    assert len(got) == chunks + (more == 8 * HOP)
    assert all(np.array_equal(a, b) for a, b in zip(got, wanted, strict=True))


def test_spans_say_where_a_chunk_lies_and_what_completes_it() -> None:
    windows = list(cut_chunks([ramp(883_000, channels=2)], SPEC))
    own, rest = 8 * HOP + REACH, (856 - 8) * HOP + REACH
    assert [window.index for window in windows] == [0, 1, 2]
    assert [(window.span.start, window.span.wrapped) for window in windows] == [
        (0, 0),
        (856 * HOP, 0),
        (2 * 856 * HOP, rest),
    ]
    assert [window.samples.shape for window in windows] == [(439_808, 2), (439_808, 2), (own + rest, 2)]
    assert all(window.span.length == len(window.samples) for window in windows)


def test_a_completed_chunk_has_one_shape_in_all_tracks() -> None:
    tails = [list(cut_chunks([ramp(total)], SPEC))[-1] for total in (500_000, 600_000, 700_001)]
    assert {window.samples.shape for window in tails} == {(441_344,)}


def test_a_short_track_is_one_window_of_whole_latents() -> None:
    (window,) = cut_chunks([ramp(44_100)], SPEC)
    assert (len(window.samples), window.span.wrapped) == (80 * HOP + REACH, 0)


def test_the_shortest_track_has_5632_samples() -> None:
    assert list(cut_chunks([ramp(5631)], SPEC)) == []
    assert [len(window.samples) for window in cut_chunks([ramp(5632)], SPEC)] == [5632]
    assert list(cut_chunks([], SPEC)) == []


def test_windows_are_nobody_elses() -> None:
    track = ramp(15_000)
    windows = []
    for window in cut_chunks([track], SHORT):
        windows.append(window.samples.copy())
        window.samples[:] = -1
    track[:] = -1
    assert all((samples >= 0).all() for samples in windows)


def test_a_spec_of_another_model_is_refused() -> None:
    with pytest.raises(ValueError, match="no chunks"):
        list(cut_chunks([ramp(50_000)], get_spec("mert")))


def test_memory_does_not_grow_with_the_track() -> None:
    def three_hours() -> Iterator[Samples]:
        for _ in range(3 * 3600):
            yield np.zeros((44_100, 2), np.float32)

    tracemalloc.start()
    count = sum(1 for _ in cut_chunks(three_hours(), SPEC))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 1087
    assert peak < 5 * 439_808 * 8
