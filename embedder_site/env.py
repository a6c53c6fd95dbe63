"""The only reader of the process environment: every setting from outside, typed, with its default."""

import fcntl
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()

CALLER_DIR = Path(env.str("CALLER_DIR", default=".")).absolute()
"""Where relative paths given from outside start; `make` runs elsewhere than the person who called it."""


def given(variable: str) -> bool:
    """Whether somebody set it to anything."""
    return bool(env.str(variable, default=""))


def path(variable: str) -> str:
    """A path from the environment, made absolute; empty when not given."""
    written: str = env.str(variable, default="")
    return str((CALLER_DIR / Path(written).expanduser()).resolve()) if written else ""


VAR_DIR = Path(path("VAR_DIR") or BASE_DIR / "var")
"""Everything that the application writes on its own: databases, secrets, logs."""

LOCK_FILE = VAR_DIR / "run" / "supervisor.lock"
"""Locked by a running supervisor, and by nothing that outlives it."""

SERVICES_FILE = VAR_DIR / "run" / "services.json"
"""Where a running supervisor says how its embedded services are reached."""


LIBRARY_FILE = VAR_DIR / "library.json"
"""The music source that a supervisor was last given."""


def child_environment() -> dict[str, str]:
    """The environment for programs that we start elsewhere than where we were started."""
    # Unbuffered: what a child says reaches a pipe or a log when it is said, not when it ends.
    return {**env.ENVIRON, "CALLER_DIR": str(CALLER_DIR), "PYTHONUNBUFFERED": "1"}


def supervisor_runs() -> bool:
    """Whether a supervisor uses VAR_DIR now; a file left by a killed one is told from a living one by its lock."""
    try:
        with LOCK_FILE.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def embedded_services() -> dict[str, str]:
    """What a running supervisor wrote (`redis_url`, `milvus_uri`, its library), empty when none runs."""
    if not SERVICES_FILE.exists() or not supervisor_runs():
        return {}
    try:
        found: dict[str, str] = json.loads(SERVICES_FILE.read_text())
    except FileNotFoundError:
        return {}
    return found


def address(variable: str, embedded: str, *, default: str) -> str:
    """What the environment says, else where the supervisor put it, else where it would."""
    written: str = env.str(variable, default="")
    return written or embedded_services().get(embedded, default)


def library() -> dict[str, str]:
    """MUSIC, NAVIDROME_DB and NAVIDROME_PATH_MAP.

    With neither of the first two, what a running supervisor uses, else what the last one was given:
    a forgotten variable must not swap the catalogue for the sample.
    """
    mapping: str = env.str("NAVIDROME_PATH_MAP", default="")
    named = {"MUSIC": path("MUSIC"), "NAVIDROME_DB": path("NAVIDROME_DB"), "NAVIDROME_PATH_MAP": mapping}
    if named["MUSIC"] or named["NAVIDROME_DB"]:
        return named
    kept = embedded_services() or remembered_library()
    return {variable: value or kept.get(variable.lower(), "") for variable, value in named.items()}


def choice(variable: str) -> str:
    """MODELS, or a checkpoint's folder: as given, else as a running supervisor uses it, else as the last one did.

    A forgotten variable must not leave a model's vectors to grow stale without a word.
    """
    written = path(variable) if variable.endswith("_CHECKPOINT") else env.str(variable, default="")
    return str(written) or (embedded_services() or remembered_library()).get(variable.lower(), "")


def remembered_library() -> dict[str, str]:
    """What `remember_library` kept (`music`, `navidrome_db`, `models` and so on), empty before the first time."""
    try:
        kept: dict[str, str] = json.loads(LIBRARY_FILE.read_text())
    except FileNotFoundError:
        return {}
    return kept


def remember_library(source: Mapping[str, str]) -> None:
    """Keep the music source and models for runs that name none; whoever reads meanwhile sees the old or the new."""
    fresh = LIBRARY_FILE.with_suffix(".new")
    fresh.write_text(json.dumps(dict(source), indent=2) + "\n")
    fresh.replace(LIBRARY_FILE)


def kept_secret(name: str) -> str:
    """A random secret, made on first use and kept in VAR_DIR where only this user reads it."""
    kept = VAR_DIR / name
    if not kept.exists():
        VAR_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = VAR_DIR / f"{name}.{secrets.token_hex(4)}"
        fresh.touch(mode=0o600)
        fresh.write_text(secrets.token_urlsafe(50))
        # A link never replaces: of two programs that start together, both use the first one's secret.
        with suppress(FileExistsError):
            kept.hardlink_to(fresh)
        fresh.unlink()
    return kept.read_text()


def secret_key() -> str:
    """SECRET_KEY, or one of our own."""
    written: str = env.str("SECRET_KEY", default="")
    return written or kept_secret("secret_key")


def database() -> dict[str, Any]:
    """DATABASE_URL, or SQLite tuned for several writers."""
    config: dict[str, Any] = env.db_url("DATABASE_URL", default=f"sqlite:///{VAR_DIR / 'db.sqlite3'}")
    if config["ENGINE"].endswith("sqlite3"):
        config["OPTIONS"] = {
            "timeout": 20,
            # The write lock is taken at BEGIN: two writers queue instead of failing with "database is locked".
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-64000;",
        }
    else:
        config["CONN_MAX_AGE"] = 60
        config["CONN_HEALTH_CHECKS"] = True
        if config["ENGINE"].endswith("postgresql"):
            config.setdefault("OPTIONS", {}).setdefault("connect_timeout", 10)
    return config
