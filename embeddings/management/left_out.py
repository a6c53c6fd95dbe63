"""The file that `--left-out` names: what was not taken over, and why, one line each."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from embeddings.errors import Refused

Write = Callable[[Iterable[tuple[str, str]]], None]
"""Takes reasons and names."""


@contextmanager
def left_out(file: Path | None) -> Iterator[Write]:
    """Give what writes into the file, which is opened before hours of work; without a file it writes nowhere.

    Raises:
        Refused: it cannot be written.

    """
    if file is None:
        yield lambda _: None
        return
    try:
        opened = file.open("w", encoding="utf-8")
    except OSError as error:
        raise _refused(file, error) from error

    def write(pairs: Iterable[tuple[str, str]]) -> None:
        try:
            opened.writelines(f"{reason}\t{' '.join(name.splitlines())}\n" for reason, name in pairs)
            opened.flush()
        except OSError as error:
            raise _refused(file, error) from error

    with opened:
        yield write


def _refused(file: Path, error: OSError) -> Refused:
    return Refused(f"{file} cannot be written: {error.strerror}.", code="not_writable")
