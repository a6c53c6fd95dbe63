"""What tests share: real services, a catalogue of real music, and a worker that works it off."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import django_rq
import pytest
import redis
from django.conf import settings as django_settings

from embedder_site.supervisor.services import valkey_program
from embeddings.jobs.resident import resident
from embeddings.jobs.worker import ResidentWorker
from embeddings.library.folder import FolderSource
from embeddings.library.sync import sync
from embeddings.models import Track
from embeddings.store.base import VectorStore
from recommendations.store import vector_store
from tests import walks
from tests.checkpoints.fixtures import checkpoints
from tests.order import longest_first
from tests.services import answers, free_port, milvus_uri, until

__all__ = ["checkpoints", "milvus_uri", "walks"]

SAMPLE = Path(__file__).resolve().parent.parent / "sample"
FEW = ("Flare/Fantasycore", "Lincoln Domina/HyperRogue")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes long where several workers share the tests."""
    if hasattr(config, "workerinput"):
        longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object:
    """Spread the tests as they can bear it."""
    # Only here, as pytest runs without pytest-xdist too.
    from tests.spreading import ByFile

    return ByFile(config, log)


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A queue for the whole test session."""
    port, folder = free_port(), tmp_path_factory.mktemp("valkey")
    command = [str(valkey_program()), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    until(lambda: answers(port))
    yield f"redis://127.0.0.1:{port}/0"
    server.terminate()
    server.wait(timeout=10)


@pytest.fixture
def queue(redis_url: str, settings: Any) -> None:
    """An empty queue behind the application."""
    redis.Redis.from_url(redis_url).flushdb()
    settings.RQ_QUEUES = {name: config | {"URL": redis_url} for name, config in django_settings.RQ_QUEUES.items()}


@pytest.fixture
def store(milvus_uri: str, settings: Any) -> Iterator[VectorStore]:
    """A vector store behind the application; what other tests left there is another generation's."""
    settings.MILVUS_URI = milvus_uri
    resident.cache_clear()
    vector_store.cache_clear()
    yield vector_store()
    resident().close()
    resident.cache_clear()
    vector_store.cache_clear()


@pytest.fixture
def few(tmp_path: Path, settings: Any) -> Path:
    """A music folder of our own with eight tracks of the sample."""
    folder = tmp_path / "music"
    for part in FEW:
        shutil.copytree(SAMPLE / part, folder / part)
    settings.MUSIC = str(folder)
    return folder


@pytest.fixture
def catalogue(few: Path, db: None) -> list[Track]:
    """The eight tracks, known to the catalogue."""
    sync(FolderSource(few))
    return list(Track.objects.order_by("path"))


@pytest.fixture
def work(queue: None, store: VectorStore) -> Callable[[], None]:
    """Run a worker in this process until no message is left."""

    def run() -> None:
        queues = [django_rq.get_queue(name) for name in ("control", "embed")]
        worker = ResidentWorker(queues, connection=queues[0].connection, serializer=queues[0].serializer)
        worker.work(burst=True, logging_level="WARNING")

    return run
