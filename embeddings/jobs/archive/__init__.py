"""Archives: one generation as files in a folder, written from one store and read into another."""

from collections.abc import Callable
from pathlib import Path

from embeddings.domain import SYSTEM, Actor
from embeddings.errors import EmbedderError
from embeddings.jobs.archive.manifest import Manifest
from embeddings.jobs.archive.report import ImportReport
from embeddings.models import Generation
from embeddings.store.base import VectorStore

Report = Callable[[str], None]


class Stopped(EmbedderError):
    """Told to stop before the end; the same call goes on where this one stopped."""


def _silent(_sentence: str) -> None:
    """Tell nobody."""


def _never() -> bool:
    return False


def export(
    generation: Generation,
    folder: Path,
    store: VectorStore,
    *,
    report: Report = _silent,
    should_stop: Callable[[], bool] = _never,
    allow_lacking: bool = False,
) -> Manifest:
    """Write a generation into a folder, or go on with what was broken off there.

    What an earlier export left there complete stays until this one is.

    Args:
        generation: which.
        folder: made when it is not there; else empty, or with an archive of the same generation.
        store: where its vectors are.
        report: told how far it is.
        should_stop: asked between pages.
        allow_lacking: finish also without vectors that the database says are there and the store does not have.

    Raises:
        Refused: the folder holds something else, cannot be written, or vectors are lacking.
        BackendUnavailable: the store does not answer.
        Stopped: it was told to.

    """
    from embeddings.jobs.archive import exporting  # noqa: PLC0415 - pyarrow costs what the web need not pay

    return exporting.Export(generation, folder, store, report, should_stop).run(allow_lacking=allow_lacking)


def restore(
    folder: Path,
    store: VectorStore,
    *,
    by: Actor = SYSTEM,
    report: Report = _silent,
    allow_fewer: bool = False,
) -> ImportReport:
    """Read an archive into a generation of its own, or go on with that where it was broken off.

    Every file is checked before anything is written. The generation is live where its model has
    none; otherwise it waits to be verified and promoted.

    Args:
        folder: what `export` has written, here or elsewhere.
        store: where the vectors go.
        by: who, for the record.
        report: told how far it is.
        allow_fewer: let it take the place of a live generation that this store lacks, also with far fewer vectors.

    Raises:
        Refused: it is no archive, is damaged, does not fit this version's models, is in use, or is of another library.
        BackendUnavailable: the store does not answer.

    """
    from embeddings.jobs.archive import restoring  # noqa: PLC0415 - pyarrow costs what the web need not pay

    return restoring.run(folder, store, by=by, report=report, allow_fewer=allow_fewer)
