"""Cuts a stream of audio blocks into the windows that a model asks for."""

from collections.abc import Iterable, Iterator

import numpy as np

from embeddings.domain import EmbedderSpec, Samples, Span, Window

AUDIBLE_DBFS = -70.0
"""Level above which sound counts: far under any music, 20 dB over the noise of 16-bit dither."""

AUDIBLE_SECONDS = 0.2
"""How much of a window has to sound; a resampler's ringing at the edge of a constant does not."""

_FRAME_SECONDS = 0.05


def cut_sliding(blocks: Iterable[Samples], spec: EmbedderSpec) -> Iterator[Window]:
    """Cut into the spec's windows, one hop after the other; see `cut`."""
    return cut(blocks, rate=spec.sample_rate, window_seconds=spec.window_seconds, hop_seconds=spec.hop_seconds)


def cut(
    blocks: Iterable[Samples],
    *,
    rate: int,
    window_seconds: float,
    hop_seconds: float,
    min_tail_seconds: float = 1.0,
) -> Iterator[Window]:
    """Cut blocks into windows, holding little more than one window in memory.

    Full windows start at 0, hop, 2 hop and so on. What remains at the end becomes, without overlap
    (hop = window), one shorter window, unless it is shorter than `min_tail_seconds`; with overlap,
    one more full window that ends with the track. A track shorter than one window is one window of
    its own length. Nothing is ever padded.

    Args:
        blocks: [n] or [n, 2] float32 each, all of one kind, any lengths.
        rate: samples per second.
        window_seconds: length of a window.
        hop_seconds: from the start of a window to the start of the next.
        min_tail_seconds: shortest remainder worth a window of its own.

    """
    size, hop = round(window_seconds * rate), round(hop_seconds * rate)
    if size < 1 or hop < 1:
        raise ValueError("windows and hops have to be one sample or longer")
    tape, index = Tape(), 0
    for block in blocks:
        tape.append(block)
        while tape.end >= index * hop + size:
            yield _window(tape, index, rate, index * hop, index * hop + size)
            index += 1
            # With overlap the window that ends with the track starts up to one hop before the next one.
            tape.forget(index * hop - (hop if hop < size else 0))
    start = index * hop
    if hop < size and index and tape.end > start - hop + size:
        yield _window(tape, index, rate, tape.end - size, tape.end)
    elif tape.end > start and (index == 0 or (hop >= size and tape.end - start >= min_tail_seconds * rate)):
        yield _window(tape, index, rate, start, tape.end)


def audible(window: Window) -> bool:
    """Whether a person would hear anything in it: a fifth of a second above -70 dBFS, constants removed."""
    frame = max(1, round(_FRAME_SECONDS * window.rate))
    count = len(window.samples) // frame
    if count == 0:
        return False
    loud = np.zeros(count, np.bool_)
    for channel in window.samples.reshape(len(window.samples), -1).T:
        frames = channel[: count * frame].reshape(count, frame)
        centred = frames - frames.mean(axis=1, keepdims=True)
        loud |= np.einsum("ij,ij->i", centred, centred) > frame * 10 ** (AUDIBLE_DBFS / 10)
    return int(loud.sum()) >= min(count, round(AUDIBLE_SECONDS / _FRAME_SECONDS))


def _window(tape: "Tape", index: int, rate: int, start: int, end: int) -> Window:
    return Window(index=index, rate=rate, span=Span(start=start, length=end - start), samples=tape.read(start, end))


class Tape:
    """The stretch of a stream that may still be asked for, addressed by its position in the whole."""

    def __init__(self) -> None:
        self._blocks: list[Samples] = []
        self._start = 0
        self.end = 0

    def append(self, block: Samples) -> None:
        """Add what comes next."""
        self._blocks.append(block)
        self.end += len(block)

    def forget(self, before: int) -> None:
        """Let go of what lies wholly before a position."""
        while self._blocks and self._start + len(self._blocks[0]) <= before:
            self._start += len(self._blocks.pop(0))

    def read(self, start: int, end: int) -> Samples:
        """A copy of the samples from `start` up to `end`, which have to be there still."""
        out = np.empty((end - start, *self._blocks[0].shape[1:]), np.float32)
        position = self._start
        for block in self._blocks:
            first, last = max(start, position), min(end, position + len(block))
            if first < last:
                out[first - start : last - start] = block[first - position : last - position]
            position += len(block)
        return out
