"""Vectors of prompts: remembered in the database, else asked of a worker of the queue `text`."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from embeddings import conf
from embeddings.domain import EmbedderSpec, Vector
from embeddings.embedders import SPECS, get_spec
from embeddings.embedders.trained_files import fingerprint, is_there, weights_path
from embeddings.errors import BackendUnavailable, NotEmbedded, Refused
from embeddings.jobs.asking import Answer, ask
from embeddings.models import Asked, Generation, PromptVector
from embeddings.models.prompt import LONGEST, TowerKind
from embeddings.store.base import VectorField

WAITING = 4
"""Calls of this process that may wait for a worker at once: half of the web server's threads, so that pages go on."""
AT_ONCE = 256
"""Prompts of one message; what is more goes in further ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPrompt:
    """What a prompt became, and what it can be compared with."""

    vector: Vector
    """float32 of unit length, as long as the vectors of `field`."""
    generation: Generation
    """Whose vectors lie in the same space; another one may be live when somebody searches."""
    field: VectorField = "joint"
    """Which of its vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPrompts:
    """What several prompts became, and what they can be compared with."""

    vectors: NDArray[np.float32]
    """[m, d], one row of unit length per prompt, in their order; a row of NaN for one that failed."""
    generation: Generation
    field: VectorField
    failed: Mapping[int, Refused | BackendUnavailable]
    """Why a prompt has no vector, by its place among the prompts; never all of them."""


def read_prompt(model: str, prompt: str, *, tower: TowerKind = "own") -> ReadPrompt:
    """Turn a prompt into a vector that is comparable with vectors of the model's live generation.

    Args:
        model: key of a spec.
        prompt: what somebody looks for, in any language that the tower reads.
        tower: who reads it; see `read_prompts`.

    Raises:
        UnknownEmbedder: no such model.
        Refused: the model has no such tower (`no_text`), or there is nothing to read (`prompt_empty`, `bad_prompt`).
        NotEmbedded: there is no music to compare it with.
        CheckpointRefused: the text worker lacks the checkpoint that the music was embedded with, or that is trained.
        BackendUnavailable: no text worker answered within TEXT_TIMEOUT_SECONDS, the one that did computes
            otherwise than the music was embedded, or too many calls of this process wait already.

    """
    read = read_prompts(model, [prompt], tower=tower)
    return ReadPrompt(vector=read.vectors[0], generation=read.generation, field=read.field)


def read_prompts(model: str, prompts: Sequence[str], *, tower: TowerKind = "own") -> ReadPrompts:
    """Turn prompts into vectors: one query for those that were read before, one message for the others.

    Args:
        model: key of a spec.
        prompts: at least one; the same one may stand there twice.
        tower: `own` reads into the space that the model shares with text, `joint` of the generation;
            `trained` reads into the space of the model's vectors themselves, `embedding`.

    Raises:
        EmbedderError: as `read_prompt`; what is wrong with some of the prompts and not with all is in
            `ReadPrompts.failed`.

    """
    if not prompts:
        raise ValueError("there is no prompt to read")
    spec = get_spec(model)
    _require(spec, tower)
    answers = [_readable_or_why(prompt) for prompt in prompts]
    words = [answer for answer in answers if isinstance(answer, str)]
    if not words and isinstance(answers[0], Refused):
        raise answers[0]
    live = _live(spec, tower)
    question = _question(live, spec, tower)
    known = _read([replace(question, prompt=one) for one in dict.fromkeys(words)])
    settled = [known[answer] if isinstance(answer, str) else answer for answer in answers]
    failed = {place: answer for place, answer in enumerate(settled) if not isinstance(answer, np.ndarray)}
    if len(failed) == len(settled):
        raise failed[0]
    return ReadPrompts(
        vectors=_stacked(settled), generation=live, field="joint" if tower == "own" else "embedding", failed=failed
    )


def trained_available(model: str) -> bool:
    """Whether a text checkpoint was trained for a model, as far as the names of files tell; costs next to nothing."""
    return is_there(conf.texts().checkpoint_dir, get_spec(model).key)


def _require(spec: EmbedderSpec, tower: TowerKind) -> None:
    if tower == "own" and not spec.text_loader:
        reading = ", ".join(known.key for known in SPECS.values() if known.text_loader)
        raise Refused(f"The model {spec.key} knows no text; ask {reading}.", code="no_text")
    folder = conf.texts().checkpoint_dir
    if tower == "trained" and not is_there(folder, spec.key):
        lacking = f"there is no {weights_path(folder, spec.key)}" if folder else "TEXT_CHECKPOINT_DIR is not set"
        raise Refused(f"No text checkpoint was trained for the model {spec.key}: {lacking}.", code="no_text")


def _live(spec: EmbedderSpec, tower: TowerKind) -> Generation:
    """The generation that prompts are compared with."""
    live = Generation.objects.live(spec.key)
    if live is None:
        raise NotEmbedded(f"Nothing was embedded with {spec.key} yet: start a job first.")
    if tower == "own" and live.joint_dimension != spec.joint_dimension:
        raise NotEmbedded(
            f"{live} holds no vectors that a text can be compared with, as those of {spec.key} that were made "
            f"elsewhere: embed the library anew, with: manage.py reembed start --rebuild --models {spec.key}"
        )
    return live


def _question(live: Generation, spec: EmbedderSpec, tower: TowerKind) -> Asked:
    """What all vectors of one call depend on, without a prompt."""
    folder = conf.texts().checkpoint_dir
    if tower == "own" or folder is None:
        checkpoint, packages = live.checkpoint, live.packages
    else:
        # What was trained apart from the music depends on nothing of it but the version of its vectors.
        checkpoint, packages = fingerprint(folder, spec.key), ""
    return Asked(
        model=spec.key,
        spec_version=live.spec_version,
        checkpoint=checkpoint,
        packages=packages,
        prompt="",
        tower=tower,
    )


def _read(asked: Sequence[Asked]) -> dict[str, Answer]:
    """What becomes of each prompt, by its words."""
    known: dict[Asked, Answer] = {**PromptVector.objects.known(asked)}
    unread = [one for one in asked if one not in known]
    for start in range(0, len(unread), AT_ONCE):
        some = unread[start : start + AT_ONCE]
        with _place():
            answers = dict(zip(some, ask(some), strict=True))
        PromptVector.objects.keep({one: told for one, told in answers.items() if isinstance(told, np.ndarray)})
        known |= answers
    return {one.prompt: known[one] for one in asked}


def _stacked(answers: Sequence[Answer]) -> NDArray[np.float32]:
    length = next(len(answer) for answer in answers if isinstance(answer, np.ndarray))
    nothing = np.full(length, np.nan, np.float32)
    return np.stack([answer if isinstance(answer, np.ndarray) else nothing for answer in answers])


def _readable_or_why(prompt: str) -> str | Refused:
    try:
        return readable(prompt)
    except Refused as error:
        return error


def readable(prompt: str) -> str:
    """Give the words of a prompt with one space between them.

    Raises:
        Refused: there are none, or too many, or they are no valid text.

    """
    words = " ".join(prompt.split())
    if not words:
        raise Refused("There is nothing to read in the prompt; describe the music in a few words.", code="prompt_empty")
    if len(words) > LONGEST:
        raise Refused(f"A prompt may have {LONGEST:,} characters, not {len(words):,}.", code="bad_prompt")
    if "\0" in words or words != words.encode(errors="replace").decode():
        raise Refused("The prompt is no valid text.", code="bad_prompt")
    return words


@cache
def _places() -> threading.BoundedSemaphore:
    """Where calls of this process wait."""
    return threading.BoundedSemaphore(WAITING)


@contextmanager
def _place() -> Iterator[None]:
    places = _places()
    if not places.acquire(blocking=False):
        raise BackendUnavailable(f"{WAITING} prompts wait for the text worker already; ask again in a moment.")
    try:
        yield
    finally:
        places.release()
