"""Brings the files of a checkpoint to this machine: as often as it takes, and no others than the spec names."""

import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from embeddings.domain import EmbedderSpec, HubFiles
from embeddings.embedders.checkpoints.arriving import Arriving, Part, Wanted, run_aside
from embeddings.embedders.checkpoints.files import in_words, variable
from embeddings.errors import BackendUnavailable, CheckpointRefused

if TYPE_CHECKING:
    from embeddings.embedders.checkpoints.hub import Hub

FRUITLESS_ATTEMPTS = 3
SECONDS_BETWEEN_ATTEMPTS = 1.0
SPARE_BYTES = 100_000_000


def download(hub: "Hub", spec: EmbedderSpec, wanted: Sequence[HubFiles], report: Callable[[str], None]) -> None:
    """Download to the hub's cache what is wanted of a spec; what an earlier attempt left there is continued.

    Args:
        hub: where from, and where to.
        spec: the model.
        wanted: those of the spec's files that the cache lacks.
        report: told in a sentence where it stands, at most once a second, in this thread.

    Raises:
        BackendUnavailable: the hub does not answer, or the connection broke again and again.
        CheckpointRefused: the hub does not have it or does not give it, or the disk is full.

    """
    arriving = Arriving(key=spec.key, source=hub.endpoint)
    run_aside(partial(_download, hub, wanted, arriving), lambda: report(arriving.sentence))


def _download(hub: "Hub", wanted: Sequence[HubFiles], arriving: Arriving) -> None:
    arriving.parts = tuple(
        hub.look_up(Wanted(key=arriving.key, repository=files.repository, revision=files.revision, name=name))
        for files in wanted
        for name in files.names
    )
    _refuse_full_disk(hub, arriving)
    for part in arriving.parts:
        _fetch(hub, part)


def _refuse_full_disk(hub: "Hub", arriving: Arriving) -> None:
    place = next(folder for folder in (hub.cache, *hub.cache.parents) if folder.exists())
    free, needed = shutil.disk_usage(place).free, arriving.size - arriving.arrived
    if needed and needed + SPARE_BYTES > free:
        raise CheckpointRefused(
            f"{arriving.key} needs {in_words(needed)} in {hub.cache}, where {in_words(free)} are free; make room, "
            f"set HF_HOME to a folder on a larger disk, or set {variable(arriving.key)} to one that holds its files."
        )


def _fetch(hub: "Hub", part: Part) -> None:
    farthest, fruitless = part.arrived, 0
    while True:
        try:
            return hub.fetch(part)
        except BackendUnavailable:
            fruitless = 0 if part.arrived > farthest else fruitless + 1
            if fruitless >= FRUITLESS_ATTEMPTS:
                raise
            farthest = max(farthest, part.arrived)
        time.sleep(SECONDS_BETWEEN_ATTEMPTS)
