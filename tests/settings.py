"""The product's settings, away from its user's environment and files."""

import os
import tempfile

KEPT = {"TEST_DATABASE_URL", "MILVUS_TEST_URI"}
OURS = (
    "SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "MILVUS_",
    "MUSIC",
    "NAVIDROME_",
    "MODELS",
    "AUDIO_",
    "BACKUP_",
    "JOB_",
    "LOG_",
    "METRICS_",
    "VERIFY_",
    "RETIRED_",
    "REQUEST_LOG_",
    "SYNC_",
    "GONE_",
    "WORKER",
    "DEVICE",
    "PRECISION",
    "MAX_GPU_",
    "MAX_PER_",
    "BRIDGE_",
    "MUQ_",
    "MERT_",
    "LATENT_",
    "TEXT_",
    "HF_",
    "TRANSFORMERS_",
)
for name in [name for name in os.environ if name.startswith(OURS) and name not in KEPT]:
    del os.environ[name]
os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="embedder-tests-")
if "TEST_DATABASE_URL" in os.environ:
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from embedder_site.env import VAR_DIR  # noqa: E402
from embedder_site.settings import *  # noqa: E402, F403
from embedder_site.settings import DATABASES, RQ_QUEUES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, because workers and supervisors of the tests are threads and processes of their own.
    DATABASES["default"]["TEST"] = {"NAME": str(VAR_DIR / "test.sqlite3")}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
# Where nothing ever listens: the ports of a supervisor may be another test's at this moment.
REDIS_URL = "redis://127.0.0.1:1/0"
MILVUS_URI = "http://127.0.0.1:1"
RQ_QUEUES = {name: config | {"URL": REDIS_URL} for name, config in RQ_QUEUES.items()}
