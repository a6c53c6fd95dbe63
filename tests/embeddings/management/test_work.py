"""A worker as a program: it leaves the machine to whoever searches."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedder_site.env import BASE_DIR
from embeddings.jobs import control
from embeddings.store.base import VectorStore
from tests.services import database_url

pytestmark = pytest.mark.django_db(transaction=True)

SAYING = (
    "import os, sys, django; django.setup(); from django.core.management import call_command; "
    "call_command('work', burst=True); print(os.nice(0))"
)


def test_an_embedding_worker_steps_back_for_others(
    queue: None, redis_url: str, milvus_uri: str, few: Path, store: VectorStore, tmp_path: Path
) -> None:
    control.start_job()
    environment = os.environ | {
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": database_url(),
        "REDIS_URL": redis_url,
        "MILVUS_URI": milvus_uri,
        "MUSIC": str(few),
        "WORKER_NICE": "7",
        "DJANGO_SETTINGS_MODULE": "embedder_site.settings",
    }
    before = os.nice(0)
    command = [sys.executable, "-c", SAYING]
    ended = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=True)
    assert int(ended.stdout.split()[-1]) == min(19, before + 7)
