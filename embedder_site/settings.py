"""Django's settings: every value comes from `env`, with a default that needs no service installed."""

from embedder_site.env import BASE_DIR, VAR_DIR, address, choice, database, env, library, path, secret_key
from embedder_site.logs import configuration

SECRET_KEY = secret_key()
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])

INSTALLED_APPS = [
    "embedder_site",
    "recommendations",
    "embeddings",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_rq",
    "rest_framework",
    "rest_framework.authtoken",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "embedder_site.urls"
WSGI_APPLICATION = "embedder_site.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"
# Nothing to collect: the few static files are found where their packages keep them, once, at start.
WHITENOISE_USE_FINDERS = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
DATABASES = {"default": database()}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_HTTPONLY = True
SECURE_CONTENT_TYPE_NOSNIFF = True
X_FRAME_OPTIONS = "DENY"
HTTPS = env.bool("HTTPS", default=False)
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None

# services
REDIS_URL = address("REDIS_URL", "redis_url", default="redis://127.0.0.1:26379/0")
MILVUS_URI = address("MILVUS_URI", "milvus_uri", default="http://127.0.0.1:29530")
MILVUS_TOKEN = env.str("MILVUS_TOKEN", default="")
MILVUS_TIMEOUT_SECONDS = env.float("MILVUS_TIMEOUT_SECONDS", default=30.0)

RQ_QUEUES = {
    name: {
        "URL": REDIS_URL,
        "DEFAULT_TIMEOUT": -1,
        # JSON, never pickle: a message can name a function and plain arguments, and nothing else.
        "SERIALIZER": "rq.serializers.JSONSerializer",
    }
    for name in ("control", "embed", "text")
}
RQ = {"COMMIT_MODE": "on_db_commit", "WORKER_CLASS": "embeddings.jobs.worker.ResidentWorker"}
RQ_SHOW_ADMIN_LINK = False

# the library
_library = library()
MUSIC = _library["MUSIC"]
NAVIDROME_DB = _library["NAVIDROME_DB"]
NAVIDROME_PATH_MAP = _library["NAVIDROME_PATH_MAP"]
SAMPLE_MUSIC = BASE_DIR / "sample"

# audio
AUDIO_MAX_SECONDS = env.float("AUDIO_MAX_SECONDS", default=6 * 3600.0)
AUDIO_STALL_SECONDS = env.float("AUDIO_STALL_SECONDS", default=60.0)
AUDIO_MEMORY_MB = env.int("AUDIO_MEMORY_MB", default=1024)
AUDIO_DECODERS = env.int("AUDIO_DECODERS", default=0)

# models
DEVICE = env.str("DEVICE", default="auto")
PRECISION = env.str("PRECISION", default="auto")
CHECKPOINTS = {key: choice(f"{key.upper()}_CHECKPOINT") for key in ("muq", "mert", "latent")}
MAX_GPU_MEMORY_GB = env.float("MAX_GPU_MEMORY_GB", default=0.0)
MODEL_IDLE_SECONDS = env.float("MODEL_IDLE_SECONDS", default=360.0)
DIGESTS_FILE = VAR_DIR / "checkpoints.json"
TEXT_CHECKPOINT_DIR = path("TEXT_CHECKPOINT_DIR")
TEXT_TIMEOUT_SECONDS = env.int("TEXT_TIMEOUT_SECONDS", default=10)
TEXT_USE_STUBS = env.bool("TEXT_USE_STUBS", default=False)

# jobs
MODELS = [key.strip() for key in (choice("MODELS") or "acoustic").split(",") if key.strip()]
JOB_SLICE_SIZE = env.int("JOB_SLICE_SIZE", default=64)
JOB_LEASE_SECONDS = env.float("JOB_LEASE_SECONDS", default=60.0)
JOB_MAX_RETRIES = env.int("JOB_MAX_RETRIES", default=3)
JOB_STALL_SECONDS = env.float("JOB_STALL_SECONDS", default=600.0)
VERIFY_COVERAGE = env.float("VERIFY_COVERAGE", default=0.98)
VERIFY_SAMPLE = env.int("VERIFY_SAMPLE", default=5)
VERIFY_SECONDS = env.float("VERIFY_SECONDS", default=120.0)
RETIRED_DAYS = env.float("RETIRED_DAYS", default=14.0)
JOB_SWEEP_SECONDS = env.int("JOB_SWEEP_SECONDS", default=5)
WORKER_NICE = env.int("WORKER_NICE", default=10)
# Called by the worker that finishes a job; a list, because who embeds does not know who recommends.
AFTER_JOB = ["recommendations.fitting.fit:after_job"]
WORKER_SLOT = env.str("WORKER_SLOT", default="")
BACKUP_DIR = path("BACKUP_DIR") or str(VAR_DIR / "backups")

# keeping the library in step
SYNC_SCHEDULE = env.str("SYNC_SCHEDULE", default="0 4 * * *").strip()
GONE_DAYS = env.float("GONE_DAYS", default=30.0)
NAVIDROME_URL = env.str("NAVIDROME_URL", default="").rstrip("/")
NAVIDROME_USER = env.str("NAVIDROME_USER", default="")
NAVIDROME_PASSWORD = env.str("NAVIDROME_PASSWORD", default="")
NAVIDROME_PASSWORD_FILE = path("NAVIDROME_PASSWORD_FILE")
NAVIDROME_POLL_SECONDS = env.int("NAVIDROME_POLL_SECONDS", default=60)

# recommendations
MAX_PER_ARTIST = env.int("MAX_PER_ARTIST", default=3)
MAX_PER_ALBUM = env.int("MAX_PER_ALBUM", default=2)
BRIDGE_LEAST_RECALL = env.float("BRIDGE_LEAST_RECALL", default=0.05)
REQUEST_LOG_DAYS = env.float("REQUEST_LOG_DAYS", default=0.0)

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "embeddings.api.authentication.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_PAGINATION_CLASS": "embeddings.api.pagination.Pages",
    "EXCEPTION_HANDLER": "embedder_site.api_errors.answer_error",
    "PAGE_SIZE": 50,
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}

LOG_LEVEL = env.str("LOG_LEVEL", default="")
LOG_FORMAT = env.str("LOG_FORMAT", default="line")
LOGGING = configuration(LOG_FORMAT, LOG_LEVEL)

METRICS_NETWORKS = env.list("METRICS_NETWORKS", default=["127.0.0.0/8", "::1/128"])
