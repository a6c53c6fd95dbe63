"""Clips cut from a stream are those of the windows cut from the whole, each once and in little memory."""

import random
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from embeddings.audio.clips import cut_clips
from embeddings.audio.windows import cut
from embeddings.domain import EmbedderSpec, Samples, Window
from embeddings.embedders import get_spec

RATE = 10
SPEC = replace(get_spec("muq"), sample_rate=RATE)


def clips_of(window: Samples, length: int) -> list[Samples]:
    """The rule of the package, said once more: clips without gaps, the last completed with the start."""
    whole = len(window) // length * length
    clips = [window[at : at + length] for at in range(0, whole, length)]
    rest = window[whole:]
    return [*clips, np.concatenate([rest, window[: length - len(rest)]])] if len(rest) else clips


def cut_whole(seconds: float, spec: EmbedderSpec = SPEC) -> list[Window]:
    return list(cut_clips([numbered(seconds, spec.sample_rate)], spec))


def numbered(seconds: float, rate: int = RATE) -> Samples:
    return np.arange(round(seconds * rate), dtype=np.float32)


@pytest.mark.parametrize(
    "seconds", [0, 0.1, 2, 3, 5, 9.9, 10, 10.1, 29, 119.9, 120, 120.1, 121, 134.9, 135, 240, 247.3]
)
def test_clips_are_the_distinct_ones_of_all_windows(seconds: float) -> None:
    track, length = numbered(seconds), round(10 * RATE)
    windows = cut([track], rate=RATE, window_seconds=120, hop_seconds=15)
    wanted = {tuple(clip) for window in windows for clip in clips_of(window.samples, length)}
    got = [tuple(clip.samples) for clip in cut_whole(seconds)]
    assert len(got) == len(set(got))
    assert set(got) == wanted


def test_four_minutes_are_45_clips_where_the_windows_have_108() -> None:
    assert len(cut_whole(240)) == 45
    assert len(list(cut([numbered(240)], rate=RATE, window_seconds=120, hop_seconds=15))) * 12 == 108


@pytest.mark.parametrize("seconds", [3, 29, 119, 121, 240])
def test_spans_tell_where_a_clip_lies_and_how_much_of_it_is_from_the_start(seconds: float) -> None:
    track = numbered(seconds)
    clips = cut_whole(seconds)
    for clip in clips:
        own = clip.span.length - clip.span.wrapped
        assert np.array_equal(clip.samples[:own], track[clip.span.start : clip.span.start + own])
        assert np.array_equal(clip.samples[own:], track[: clip.span.wrapped])
    assert max(clip.span.start + clip.span.length - clip.span.wrapped for clip in clips) == len(track)
    assert [clip.index for clip in clips] == list(range(len(clips)))


def test_only_a_track_shorter_than_a_window_is_wrapped() -> None:
    assert [clip.span.wrapped / RATE for clip in cut_whole(29)] == [0, 0, 1]
    assert not any(clip.span.wrapped for seconds in (120, 121, 247.3) for clip in cut_whole(seconds))


def test_a_track_shorter_than_half_a_clip_is_heard_twice() -> None:
    (clip,) = cut_whole(3)
    assert list(clip.samples) == [*range(30), *range(30)]


def test_blocks_of_any_length_give_the_same_clips() -> None:
    rng = random.Random(7)
    for _ in range(100):
        track = numbered(rng.uniform(0, 400))

        def blocks(track: Samples = track) -> Iterator[Samples]:
            position = 0
            while position < len(track):
                step = rng.choice([1, 13, 100, 700, 5000])
                yield track[position : position + step]
                position += step

        streamed, whole = list(cut_clips(blocks(), SPEC)), list(cut_clips([track], SPEC))
        assert [clip.span for clip in streamed] == [clip.span for clip in whole]
        assert all(np.array_equal(a.samples, b.samples) for a, b in zip(streamed, whole, strict=True))


def test_clips_do_not_share_memory_with_blocks() -> None:
    block = numbered(30)
    clip = next(cut_clips([block], SPEC))
    block[:] = -1
    assert (clip.samples >= 0).all()


def test_memory_does_not_grow_with_the_track() -> None:
    spec = replace(SPEC, sample_rate=1000)

    def long_track() -> Iterator[Samples]:
        for _ in range(2000):
            yield np.zeros(10_000, np.float32)

    tracemalloc.start()
    count = sum(1 for _ in cut_clips(long_track(), spec))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count > 3000
    assert peak < 2 * 120 * 1000 * 4


def test_windows_that_are_no_whole_number_of_clips_are_refused() -> None:
    with pytest.raises(ValueError, match="whole number of clips"):
        next(cut_clips([numbered(200)], replace(SPEC, clip_seconds=7)))
