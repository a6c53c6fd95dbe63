"""What log records are about (`job`, `model`, `worker`): named around work, read where records are written."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType

_named: ContextVar[Mapping[str, object]] = ContextVar("named", default=MappingProxyType({}))


@contextmanager
def about(**names: object) -> Iterator[None]:
    """Name what the work inside is about, besides what was named around it; holds for this thread."""
    token = _named.set({**_named.get(), **names})
    try:
        yield
    finally:
        _named.reset(token)


def current() -> Mapping[str, object]:
    """Give what was named around the caller."""
    return _named.get()
