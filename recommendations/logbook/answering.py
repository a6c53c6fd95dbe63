"""Answers, and where it is wanted keeps what was asked and answered, to evaluate other ways on."""

import logging
import re
import time

from django.db import DatabaseError, transaction

from embeddings.store.base import VectorStore
from recommendations import conf
from recommendations.domain import Request
from recommendations.engine import recommend
from recommendations.logbook.asked import written
from recommendations.models import Answered
from recommendations.results import Answer

logger = logging.getLogger(__name__)

SOMEBODY = "…"
"""What is kept in place of a listener's name."""


def answer(request: Request, *, store: VectorStore, door: str) -> Answer:
    """Recommend, and keep the answer where REQUEST_LOG_DAYS says so.

    Args:
        request: what is asked for.
        store: where to look.
        door: through which it came in: `api`, `admin`, `command`.

    Raises:
        Refused: the request means nothing.
        BackendUnavailable: a service does not answer.

    """
    began = time.perf_counter()
    found = recommend(request, store=store)
    keep(request, found, door=door, seconds=time.perf_counter() - began)
    return found


def keep(request: Request, found: Answer, *, door: str, seconds: float) -> None:
    """Write an answer into the log, unless it is off; whatever comes of that, the answer is given."""
    days = conf.recommendations().log_days
    if not days:
        return
    try:
        with transaction.atomic():
            Answered.objects.keep(_row(request, found, door=door, seconds=seconds), days=days)
    except (DatabaseError, ValueError) as error:
        # A full disk, a locked database, or text that it cannot hold; the listener waits for music.
        logger.warning("answer not kept door=%s error=%s", door, error)


def _row(request: Request, found: Answer, *, door: str, seconds: float) -> Answered:
    return Answered(
        door=door,
        mode=request.mode,
        personal=bool(request.user),
        request=written(request),
        model_keys=list(found.models),
        tracks=[[one.candidate.id, one.score, one.explanation.rank_before] for one in found.tracks],
        warnings=[_nameless(warning, request.user) for warning in found.warnings],
        is_stub=found.is_stub,
        seconds=seconds,
    )


def _nameless(warning: str, user: str) -> str:
    """A warning that names the listener, without the name, as it is or as `repr` writes it."""
    names = "|".join(re.escape(name) for name in (repr(user)[1:-1], user))
    return re.sub(rf"(?<!\w)(?:{names})(?!\w)", SOMEBODY, warning, flags=re.IGNORECASE) if user else warning
