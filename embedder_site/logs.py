"""How log records are written: as lines for people, or as JSON, one object a line, for programs that collect them.

Messages of this project end in `name=%s` pairs. In JSON each pair is a field as well, read from the
message's template, so that nothing in a value can pass for a field.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from embeddings.jobs.context import current

FORMATS = ("line", "json")
LINE = "%(asctime)s %(levelname)s %(name)s %(message)s"
PLACE = re.compile(r"%(?:%|(?P<kind>[-#0 +]*\d*(?:\.\d+)?[a-zA-Z]))")
NAMED = re.compile(r"(?<![\w=])(\w+)=$")
OWN = frozenset({"time", "level", "logger", "message", "exception", "stack"})
"""Fields that are always ours."""
SECRET = re.compile(r"(?<=://)[^/\s@]*:[^/\s]*@")


class JsonFormatter(logging.Formatter):
    """One JSON object for each record: `time`, `level`, `logger`, `message`, and whatever its message names."""

    def format(self, record: logging.LogRecord) -> str:
        """Write one line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": masked(record.getMessage()),
        }
        told |= {name: value for name, value in fields_of(record).items() if name not in OWN}
        if record.exc_info:
            told["exception"] = masked(self.formatException(record.exc_info))
        if record.stack_info:
            told["stack"] = record.stack_info
        return json.dumps(told, ensure_ascii=False)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """Give what a record's message names, and what was named around it (`job`, `model`, `worker`)."""
    return {**current(), **_named(record)}


def _named(record: logging.LogRecord) -> dict[str, Any]:
    """Read `name=%s` pairs off the template; a message that is no template names nothing."""
    arguments, template = record.args, record.msg
    if not isinstance(template, str) or not isinstance(arguments, tuple):
        return {}
    found, place = {}, 0
    for match in PLACE.finditer(template):
        if match["kind"] is None:
            continue
        name = NAMED.search(template, 0, match.start())
        if name and place < len(arguments):
            found[name[1]] = _plain(arguments[place])
        place += 1
    return found


def _plain(value: object) -> object:
    """Keep numbers and truth as they are; everything else is written out, as in the message."""
    return value if value is None or isinstance(value, bool | int | float) else masked(str(value))


def masked(text: str) -> str:
    """Hide the password in every address."""
    return SECRET.sub("***@", text)


def configuration(style: str, level: str) -> dict[str, Any]:
    """Give Django's LOGGING; in JSON, warnings and what ends a program are written as records from now on.

    Args:
        style: one of `FORMATS`; anything else is refused by a system check, and written as lines until then.
        level: the least that is written of our own; empty for warnings.

    """
    chosen, least = style if style in FORMATS else "line", level or "WARNING"
    loggers: dict[str, dict[str, Any]] = {name: {"level": least} for name in ("embeddings", "recommendations")}
    if chosen == "json":
        # What would otherwise be printed between the records.
        logging.captureWarnings(capture=True)
        sys.excepthook = _log_uncaught
        # The web server's own handlers, which write lines, are replaced once it has loaded the application.
        loggers["gunicorn.error"] = {"handlers": ["console"], "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": LINE}, "json": {"()": "embedder_site.logs.JsonFormatter"}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": chosen}},
        "root": {"handlers": ["console"], "level": least},
        "loggers": loggers,
    }


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger("embedder_site").critical("ended by an error", exc_info=(kind, error, trace))
