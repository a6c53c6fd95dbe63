"""Cuts a track into the clips that its windows are averaged from, every clip once however many windows share it."""

from collections.abc import Iterable, Iterator

import numpy as np

from embeddings.audio.windows import Tape
from embeddings.domain import EmbedderSpec, Samples, Span, Window


def cut_clips(blocks: Iterable[Samples], spec: EmbedderSpec) -> Iterator[Window]:
    """Cut blocks into the spec's clips, holding little more than one window in memory.

    Windows lie as in `windows.cut` with overlap: one every hop, and one more full window that ends
    with the track. Each is a row of clips without gaps, and windows whose starts differ by a multiple
    of the clip's length have clips in common. A track shorter than one window is one window of its
    own length, whose last clip is completed with the start of the track; `Span.wrapped` says by how
    much. A track shorter than half a clip is heard twice and stays shorter than one.

    Clips come as soon as a window that holds them is certain, which is not always in time order.

    Args:
        blocks: [n] or [n, 2] float32 each, all of one kind, any lengths.
        spec: `window_seconds` has to be a multiple of `clip_seconds`.

    """
    seconds = spec.window_seconds, spec.hop_seconds, spec.clip_seconds
    size, hop, length = (round(value * spec.sample_rate) for value in seconds)
    if hop < 1 or length < 1 or size % length:
        raise ValueError("a window has to be a whole number of clips, and hops one sample or longer")
    clips, start = _Clips(spec.sample_rate, length), 0
    for block in blocks:
        clips.tape.append(block)
        while clips.tape.end >= start + size:
            yield from clips.between(start, start + size)
            start += hop
            # The window that ends with the track starts up to one hop before the next one.
            clips.tape.forget(start - hop)
    end = clips.tape.end
    if start == 0 or end > start - hop + size:
        yield from clips.between(max(0, end - size), end)


class _Clips:
    """The clips of one track that nobody got yet."""

    def __init__(self, rate: int, length: int) -> None:
        self.tape = Tape()
        self._rate = rate
        self._length = length
        self._given: set[int] = set()

    def between(self, start: int, end: int) -> Iterator[Window]:
        """Clips of the window from `start` up to `end`; only a window that is the whole track may end in a part."""
        for at in range(start, end, self._length):
            if at not in self._given:
                yield self._clip(at, min(at + self._length, end))

    def _clip(self, start: int, end: int) -> Window:
        index, missing = len(self._given), self._length - (end - start)
        self._given.add(start)
        samples = self.tape.read(start, end)
        wrapped = min(missing, end)
        if wrapped:
            samples = np.concatenate([samples, self.tape.read(0, wrapped)])
        span = Span(start=start, length=len(samples), wrapped=wrapped)
        return Window(index=index, rate=self._rate, span=span, samples=samples)
