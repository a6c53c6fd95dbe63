"""One track on its way from a decoder to the model: its windows, and what became of it."""

from collections.abc import Callable, Iterator

from embeddings.audio.decoders import Decoder, Decoding
from embeddings.audio.quality import require_length, require_sound
from embeddings.audio.windows import audible
from embeddings.domain import EmbedderSpec, Samples, TrackRef
from embeddings.embedders import load_cutter
from embeddings.errors import TrackError
from embeddings.jobs.batching import Attempt, QueuedWindow
from embeddings.jobs.inference import Ended

SPARED = 0.9
"""Share of a model's minimum under which a window is not computed: resampling and cropping may cost a little of it."""


class Listener:
    """Decodes tracks and cuts them into one model's windows; keeps nothing, so any thread may use it."""

    def __init__(
        self, spec: EmbedderSpec, send: Callable[[QueuedWindow], None], moved: Callable[[], None] = lambda: None
    ) -> None:
        """Send windows somewhere, which may wait; tell of every block that is decoded, also of silence."""
        self._spec = spec
        self._cut = load_cutter(spec)
        self._send = send
        self._moved = moved

    def listen(self, decoder: Decoder, ref: TrackRef) -> Ended:
        """Send a track's windows; whatever is wrong with the track is said in what comes back."""
        attempt = Attempt(track_id=ref.id)
        try:
            return self._listen(decoder, ref, attempt)
        except TrackError as error:
            return Ended(attempt=attempt, windows=0, error=error)

    def _listen(self, decoder: Decoder, ref: TrackRef, attempt: Attempt) -> Ended:
        spec, sent, offset, heard = self._spec, 0, 0.0, False
        shortest = SPARED * spec.min_seconds * spec.sample_rate
        with decoder.decode(ref.root, ref.path, rate=spec.sample_rate, channels=spec.channels) as decoding:
            for window in self._cut(self._blocks(decoding), spec):
                sounds = (heard and not spec.skips_silence) or audible(window)
                if len(window.samples) < shortest or (spec.skips_silence and not sounds):
                    continue
                offset = window.start_seconds if sounds and not heard else offset
                heard = heard or sounds
                self._send(QueuedWindow(attempt=attempt, window=window))
                sent += 1
            summary = decoding.summary
        require_length(summary.seconds, min_seconds=spec.min_seconds)
        require_sound(heard=heard)
        warning = " ".join(summary.warnings)
        return Ended(attempt=attempt, windows=sent, offset=offset, audio_seconds=summary.seconds, warning=warning)

    def _blocks(self, decoding: Decoding) -> Iterator[Samples]:
        for block in decoding:
            self._moved()
            yield block
