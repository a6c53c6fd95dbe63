"""The web process stays light: neither models nor codecs nor a vector database are loaded to serve a page."""

import os
import subprocess
import sys

import pytest

from embedder_site.env import BASE_DIR

HEAVY = (
    *("torch", "transformers", "muq", "music2latent"),
    *("av", "soundfile", "soxr"),
    *("milvus_lite", "faiss", "pymilvus", "pyarrow"),
)
PROGRAM = """
import sys
import django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
loaded = [name for name in {heavy!r} if name in sys.modules]
sys.exit(", ".join(loaded) or None)
"""
SEARCHES = """
import sys
import django
django.setup()
import embeddings.embedders.checkpoints, embeddings.embedders.outside
import embeddings.jobs.prompts, recommendations.neighbours, recommendations.management.commands.similar
loaded = [name for name in (*{heavy!r}, "embeddings.jobs.texts") if name in sys.modules]
sys.exit(", ".join(loaded) or None)
"""


@pytest.mark.parametrize("code", [PROGRAM, SEARCHES], ids=["addresses", "searches"])
def test_importing_what_the_web_needs_loads_nothing_heavy(code: str) -> None:
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "embedder_site.settings"}
    program = [sys.executable, "-c", code.format(heavy=HEAVY)]
    ended = subprocess.run(program, env=environment, cwd=BASE_DIR, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
