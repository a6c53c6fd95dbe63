"""Errors, sorted by whose fault they are.

`TrackError`          the track's: recorded as a `TrackFailure`, the job goes on.
`BackendUnavailable`  the backend's: rows are given back and tried again.
`Refused`             the caller's: answered with a sentence.
Anything else         ours: fails loudly.
"""

from typing import ClassVar


class EmbedderError(Exception):
    """Base of all errors that this project raises on purpose."""


class TrackError(EmbedderError):
    """One track could not be embedded; `code` is stable, the message is a sentence for people.

    A permanent error is not tried again until the file changes. One that may pass is tried
    `attempts` times in one job, `backoff_seconds` after the first and twice as long after each that
    follows; what fails then as well is left to the next job, or to a person's retry.
    """

    code: ClassVar[str] = "track_error"
    permanent: ClassVar[bool] = True
    attempts: ClassVar[int] = 1
    backoff_seconds: ClassVar[float] = 0.0


class AudioMissing(TrackError):
    """The file is not where the catalogue says; it may come back (an unmounted disk).

    A player or a tagger that replaces a file takes it away for a moment. What is gone for longer is
    gone from the catalogue after its next synchronisation.
    """

    code = "audio_missing"
    permanent = False
    attempts = 2
    backoff_seconds = 10.0


class PermissionDenied(TrackError):
    """The file exists and may not be read by this user.

    Programs that copy music set its mode last, and network disks refuse for a moment after they are
    mounted again.
    """

    code = "permission_denied"
    permanent = False
    attempts = 2
    backoff_seconds = 30.0


class PathOutsideLibrary(TrackError):
    """The path, or the link behind it, leads out of its library's folder."""

    code = "path_outside_library"


class NotAudio(TrackError):
    """The content is no audio that could be decoded: text, a picture, a device, no audio stream."""

    code = "not_audio"


class AudioUnreadable(TrackError):
    """It claims to be audio and cannot be decoded: damaged, encrypted, or an unknown codec."""

    code = "audio_unreadable"


class AudioEmpty(TrackError):
    """The file, or its audio stream, holds no samples."""

    code = "audio_empty"


class AudioSilent(TrackError):
    """It decodes, and nothing in it can be heard; a vector of silence would match everything."""

    code = "audio_silent"


class AudioTooShort(TrackError):
    """Shorter than the model's minimum."""

    code = "audio_too_short"


class AudioTooLong(TrackError):
    """Longer than AUDIO_MAX_SECONDS."""

    code = "audio_too_long"


class DecodeTimeout(TrackError):
    """The decoder gave no sample for AUDIO_STALL_SECONDS (a network disk that hangs).

    A disk that wakes up or reconnects takes minutes, and each attempt costs a decoder a minute.
    """

    code = "decode_timeout"
    permanent = False
    attempts = 3
    backoff_seconds = 60.0


class DecoderCrashed(TrackError):
    """The decoding process died on this file, or took more memory than it may."""

    code = "decoder_crashed"


class VectorInvalid(TrackError):
    """The model gave a vector that is not finite, or is all zero."""

    code = "vector_invalid"


class OutOfMemory(TrackError):
    """One window of it alone does not fit into the device's memory; another worker may have more.

    Somebody else may have held that memory for a moment, such as the track that was computed before.
    """

    code = "out_of_memory"
    permanent = False
    attempts = 2


class WorkerLost(TrackError):
    """Three workers died while they had this track in hand."""

    code = "worker_lost"


class BackendUnavailable(EmbedderError):
    """A service we depend on (vector store, database, queue, library) does not answer."""


class WorkerUnfit(BackendUnavailable):
    """A worker cannot compute a generation as it was begun (another checkpoint, precision or package)."""


class WorkerHung(EmbedderError):
    """Nothing moves in a worker any more, and no thread of it can be ended; only another process in its place helps."""


class MusicAway(BackendUnavailable):
    """The folder of a library is not there for this worker, or is empty: its disk is not mounted."""


class CatalogueBusy(BackendUnavailable):
    """Somebody else changed the catalogue while it was being synchronised; trying again is enough."""


class Refused(EmbedderError):
    """What the caller asked for cannot be done; `code` is stable, the message says why and what to do."""

    def __init__(self, message: str, *, code: str = "refused") -> None:
        super().__init__(message)
        self.code = code


class JobAlreadyActive(Refused):
    """Only one job may be active at a time."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="job_already_active")


class NotPossibleNow(Refused):
    """The job is in a state that does not allow this."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="not_possible_now")


class UnknownEmbedder(Refused):
    """No spec has this key."""

    def __init__(self, key: str, known: list[str]) -> None:
        super().__init__(f"There is no model {key!r}; choose from {', '.join(known)}.", code="unknown_model")


class CheckpointRefused(Refused):
    """A model's weights are missing, damaged or not that model's; the message says what to do."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="checkpoint_refused")


class NotFound(Refused):
    """What the caller names does not exist."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="not_found")


class NotEmbedded(Refused):
    """The track has no vector yet, so nothing can be compared with it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="not_embedded")


def all_subclasses(cls: type[TrackError]) -> list[type[TrackError]]:
    """Every way a track can fail, for choices and documentation."""
    return [found for sub in cls.__subclasses__() for found in (sub, *all_subclasses(sub))]
