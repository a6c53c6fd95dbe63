"""A worker whose clock is moved while it works: `python -m tests.faults.clock SECONDS` works, and moves on SIGUSR1.

Nothing but `time.time` and `datetime.now` of that program is changed; the monotonic clock goes on, as
it does where a machine's clock is set.
"""

import datetime as dt
import importlib
import signal
import sys
import time
from typing import Any

REAL_DATETIME = dt.datetime
real_time = time.time
moved = [0.0]


class _Kind(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, REAL_DATETIME)


class MovedDatetime(REAL_DATETIME, metaclass=_Kind):
    """Makes ordinary datetimes; only what it says of now is moved."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return REAL_DATETIME(*args, **kwargs)

    @classmethod
    def now(cls, tz: dt.tzinfo | None = None) -> Any:
        return REAL_DATETIME.fromtimestamp(real_time() + moved[0], tz)

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now(dt.UTC).replace(tzinfo=None)


def main(seconds: float) -> None:
    """Become a worker."""
    # It is built upon datetime as it is, and would not load with another.
    importlib.import_module("pymilvus")
    signal.signal(signal.SIGUSR1, lambda *_: moved.__setitem__(0, seconds))
    time.time = lambda: real_time() + moved[0]
    dt.datetime = MovedDatetime  # type: ignore[misc]

    from manage import main as manage

    sys.argv = ["manage.py", "work"]
    manage()


if __name__ == "__main__":
    main(float(sys.argv[1]))
