"""What becomes of each bad file when it goes through the real decoder, and the page that says so."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embeddings.audio.decode import DecodeLimits, stream
from embeddings.audio.decoders import Decoder
from embeddings.audio.locate import resolve
from embeddings.audio.quality import require_length, require_sound
from embeddings.audio.windows import audible, cut
from embeddings.errors import TrackError
from embeddings.paths import to_text
from tests.bad_files.case import Case

MAX_SECONDS = 6 * 3600.0
_RATE = 24_000
_NOBODY = 65_534

PAGE = Path(__file__).parents[2] / "docs" / "bad-files.md"

_INTRODUCTION = """# What becomes of bad files

Real libraries hold files that are cut, mislabelled, silent, locked or not sound at all. This table says what
happens to each kind. It is made by running the files of `tests/bad_files` through the decoder that workers use
(a model with windows of 10 seconds and a minimum of 1 second, `AUDIO_MAX_SECONDS` at its default of 6 hours),
and the test suite fails when it is no longer true. `python -m tests.bad_files` writes it anew.

- **embedded**: the track gets its vector. A sentence beside it says what is wrong with the file.
- anything else is the code of a failure: the track gets no vector, the job goes on, and the sentence is what the
  failure says. `audio_missing`, `permission_denied` and `decode_timeout` are tried again by the next job, all
  others when the file has changed.
- **in a scan**: whether the folder source offers the file as a track at all.

| file | what it is | in a scan | what it gets | what it says |
|---|---|---|---|---|
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one file got."""

    case: Case
    outcome: str
    sentence: str

    @property
    def expected(self) -> bool:
        """Whether it is what the case asks for."""
        warned = self.outcome == "embedded" and bool(self.sentence)
        return (self.outcome, warned) == (self.case.outcome, self.case.warns)


def judge(decoder: Decoder, folder: Path, cases: Sequence[Case]) -> list[Verdict]:
    """Try to embed every case, up to the model."""
    return [_judge(decoder, folder, case) for case in cases]


def render(verdicts: Sequence[Verdict]) -> str:
    """The whole page."""
    rows = [
        f"| `{v.case.shown}` | {v.case.what} | {'yes' if v.case.listed else 'no'} | {v.outcome} | {v.sentence} |"
        for v in verdicts
    ]
    return _INTRODUCTION + "\n".join(rows) + "\n"


def _judge(decoder: Decoder, folder: Path, case: Case) -> Verdict:
    root, path = to_text(os.fsencode(folder)), to_text(case.path)
    try:
        if case.outcome == "permission_denied":
            with _as_nobody():
                list(stream(resolve(root, path), rate=_RATE, channels=1, limits=DecodeLimits(max_seconds=1)))
        warnings = _embed(decoder, root, path)
    except TrackError as error:
        return Verdict(case=case, outcome=error.code, sentence=str(error))
    return Verdict(case=case, outcome="embedded", sentence=" ".join(warnings))


def _embed(decoder: Decoder, root: str, path: str) -> tuple[str, ...]:
    with decoder.decode(root, path, rate=_RATE, channels=1) as decoding:
        windows = cut(decoding, rate=_RATE, window_seconds=10, hop_seconds=10)
        heard = sum(audible(window) for window in windows) > 0
        require_length(decoding.summary.seconds, min_seconds=1)
    require_sound(heard=heard)
    return decoding.summary.warnings


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Root may read everything, so it has to become someone else to be refused."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
