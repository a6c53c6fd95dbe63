"""Cuts a track into the chunks of spectrum that Music2Latent encodes, as if the whole file lay before it."""

from collections.abc import Iterable, Iterator

import numpy as np

from embeddings.audio.windows import Tape
from embeddings.domain import EmbedderSpec, Samples, Span, Window

HOP = 512
"""Samples from one frame of the spectrum to the next."""

REACH = 3 * HOP
"""How far a frame of 2048 samples reaches beyond its own hop."""

STEP = 8
"""Frames that become one latent; what remains of a track beyond a multiple of them is left out."""


def cut_chunks(blocks: Iterable[Samples], spec: EmbedderSpec) -> Iterator[Window]:
    """Cut into chunks of `hop_seconds`, holding a few of them in memory however long the track is.

    A track of one chunk or less is one window of its own length. In a longer one, the remainder at
    the end is completed to a whole chunk with the track's first frames: first the samples of its own
    frames, then `Span.wrapped` samples from the start of the track. No frame may be read across
    that seam. Less than eight frames (5632 samples) give no window.

    Args:
        blocks: [n] or [n, 2] float32 each, all of one kind, any lengths.
        spec: a window is a hop and the three hops of 512 samples that its last frame reaches further.

    Raises:
        ValueError: the spec's windows are no chunks.

    """
    size, hop = round(spec.window_seconds * spec.sample_rate), round(spec.hop_seconds * spec.sample_rate)
    if hop < 1 or hop % (STEP * HOP) or size != hop + REACH:
        raise ValueError(f"windows of {size} samples every {hop} are no chunks of whole latents")
    tape, head, index = Tape(), np.empty(0, np.float32), 0
    for block in blocks:
        tape.append(block)
        while tape.end >= index * hop + size:
            samples = tape.read(index * hop, index * hop + size)
            # A copy: the window belongs to whoever takes it.
            head = head if index else samples.copy()
            yield _window(spec, index, samples)
            index += 1
            tape.forget(index * hop)
    own = (tape.end - index * hop - REACH) // (STEP * HOP) * (STEP * HOP)
    if own > 0:
        rest = tape.read(index * hop, index * hop + own + REACH)
        # The first frames once more; the track's start is not repeated in a track of one chunk.
        wrapped = head[: hop - own + REACH] if index else rest[:0]
        yield _window(spec, index, np.concatenate([rest, wrapped]), len(wrapped))


def _window(spec: EmbedderSpec, index: int, samples: Samples, wrapped: int = 0) -> Window:
    start = index * round(spec.hop_seconds * spec.sample_rate)
    span = Span(start=start, length=len(samples), wrapped=wrapped)
    return Window(index=index, rate=spec.sample_rate, span=span, samples=samples)
