"""How `reembed` speaks: sentences for people, one JSON object for programs, and an exit code for scripts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from django.core.management.base import CommandError, OutputWrapper

from embeddings.errors import BackendUnavailable, Refused
from embeddings.jobs.waiting import DATABASE_AWAY


class ExitCode(IntEnum):
    """What a script learns without reading."""

    DONE = 0
    UNSUCCESSFUL = 1
    """The job failed or was cancelled; the generation did not pass."""
    USAGE = 2
    """Arguments that mean nothing; argparse's own."""
    REFUSED = 3
    """It cannot be done, or not now; the sentence says why."""
    AWAY = 4
    """A service does not answer; trying again later is enough."""
    INTERRUPTED = 130
    """What shells give for Ctrl-C."""


@dataclass(frozen=True, slots=True)
class Speech:
    """Where a verb says what came of it."""

    out: OutputWrapper
    as_json: bool

    def answer(self, text: str, **fields: Any) -> None:
        """Say what came of it, once: a text, or its fields as JSON."""
        self.say(text)
        if self.as_json:
            self.out.write(json.dumps(fields, indent=2, default=str))

    def say(self, line: str) -> None:
        """Say something on the way; programs are spared it."""
        if not self.as_json and line:
            # At once, also into a pipe or a journal: people wait for it.
            self.out.write(line)
            self.out.flush()

    def refuse(self, code: str, message: str) -> None:
        """Tell programs why nothing was done; people are told on standard error."""
        if self.as_json:
            self.out.write(json.dumps({"error": {"code": code, "message": message}}, indent=2))


@contextmanager
def exit_codes(speech: Speech, *, interrupted: str = "Interrupted.") -> Iterator[None]:
    """Turn what goes wrong in a verb into its sentence and its exit code.

    Args:
        speech: who says it.
        interrupted: what Ctrl-C left, in a sentence.

    Raises:
        CommandError: with the exit code; people read its sentence on standard error, programs in an object.

    """
    try:
        yield
    except Refused as refused:
        raise _ended(speech, refused.code, str(refused), ExitCode.REFUSED) from refused
    except BackendUnavailable as error:
        raise _ended(speech, "backend_unavailable", str(error), ExitCode.AWAY) from error
    except DATABASE_AWAY as error:
        raise _ended(speech, "database_unavailable", f"The database does not answer: {error}", ExitCode.AWAY) from error
    except KeyboardInterrupt as interrupt:
        raise _ended(speech, "interrupted", interrupted, ExitCode.INTERRUPTED) from interrupt


def _ended(speech: Speech, code: str, sentence: str, exit_code: ExitCode) -> CommandError:
    speech.refuse(code, sentence)
    return CommandError(sentence, returncode=exit_code)
