"""What is used, whether it answers, and what is missing: one finding per part of the installation."""

import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from embedder_site.doctor_keeping import check_keeping
from embedder_site.doctor_models import check_checkpoints, check_device, check_models
from embedder_site.doctor_texts import check_texts, reading
from embedder_site.env import VAR_DIR, given, supervisor_runs
from embedder_site.finding import Finding, missing
from embeddings import conf
from embeddings.errors import BackendUnavailable
from embeddings.library import configured_source
from embeddings.library.walk import Walk
from embeddings.paths import to_bytes

FEW_MEGABYTES = 200
SOME_MEGABYTES = 2000


def examine() -> list[Finding]:
    """All findings; nothing is started, changed or created."""
    database = check_database()
    checks: list[Callable[[], Finding]] = [check_queue, check_vectors, check_music, check_workers]
    services = [database, *(check() for check in checks), *check_text_workers()]
    models = [check_models(), *check_checkpoints(), *check_texts(), *check_device(tables=database.fine)]
    return [*services, *check_keeping(tables=database.fine, queue=_expected("REDIS_URL")), *models, check_disk()]


def mask(url: str) -> str:
    """The address without the secrets in it."""
    # Up to the last @: a password may hold any character, also those that it should not.
    return re.sub(r"(?<=://)(?:([^:@/\s]*:)|)\S*@", r"\1***@", url)


def database_in_words() -> str:
    """Which database is used, without its password."""
    config = connection.settings_dict
    who = "DATABASE_URL" if given("DATABASE_URL") else "embedded"
    if connection.vendor == "sqlite":
        return f"SQLite {config['NAME']} ({who})"
    return f"{connection.display_name} {config['NAME']} on {config['HOST'] or 'localhost'} ({who})"


def check_database() -> Finding:
    """The database, and whether its tables are those of this version."""
    used = database_in_words()
    if connection.vendor == "sqlite" and not Path(str(connection.settings_dict["NAME"])).exists():
        return missing("database", used, "not made yet", "`make run` makes it, or: manage.py migrate")
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError as error:
        return missing("database", used, _first_line(error), "Check DATABASE_URL, and that the server runs.")
    version = sqlite3.sqlite_version if connection.vendor == "sqlite" else _server_version()
    if waiting:
        return missing("database", used, f"version {version}, {waiting} migrations to do", "Run: manage.py migrate")
    return Finding(subject="database", state="ok", used=used, answer=f"answers, version {version}")


def check_queue() -> Finding:
    """Redis or Valkey."""
    used = _service_in_words("embedded Valkey", settings.REDIS_URL, "REDIS_URL")
    if not _expected("REDIS_URL"):
        return missing("queue", used, "not running", "`make run` starts it; or set REDIS_URL to a server of yours.")
    try:
        server = _queue().info("server")
        waiting = sum(int(_queue().llen(f"rq:queue:{name}")) for name in settings.RQ_QUEUES)
    except (redis.RedisError, ValueError) as error:
        return missing("queue", used, _first_line(error), "Check REDIS_URL, and that the server runs.")
    version = server.get("valkey_version") or server["redis_version"]
    name = server.get("server_name", "redis")
    return Finding(
        subject="queue", state="ok", used=used, answer=f"answers, {name} {version}, {waiting} messages waiting"
    )


def check_vectors() -> Finding:
    """Milvus or Milvus Lite."""
    from embeddings.store import connect  # noqa: PLC0415 - loads the client library, which takes a second

    used = _service_in_words("embedded Milvus Lite", settings.MILVUS_URI, "MILVUS_URI")
    if not _expected("MILVUS_URI"):
        return missing("vectors", used, "not running", "`make run` starts it; or set MILVUS_URI to a server of yours.")
    try:
        health = connect(conf.store()).health()
    except BackendUnavailable as error:
        return missing("vectors", used, _first_line(error), "Check MILVUS_URI, and that the server runs.")
    answer = f"answers, version {health.version}, {health.collections} collections"
    return Finding(subject="vectors", state="ok", used=used, answer=answer)


def check_music() -> Finding:
    """The music source and the folders it names."""
    library = conf.library()
    return _check_folder(library) if library.navidrome_db is None else _check_navidrome(library)


def _check_folder(library: conf.LibraryConfig) -> Finding:
    named = "MUSIC" if given("MUSIC") else "as named last"
    source = named if settings.MUSIC else "the sample; set MUSIC or NAVIDROME_DB"
    used = f"folder {library.music} ({source})"
    try:
        first = next(Walk(root=os.fsencode(library.music)).files(), None)
    except OSError as error:
        return missing("music", used, str(error.strerror), "Check the path, and that this user may read it.")
    if first is None:
        return missing("music", used, "there is no audio file in it", "Check the path; is the disk mounted?")
    return Finding(subject="music", state="ok", used=used, answer="readable")


def _check_navidrome(library: conf.LibraryConfig) -> Finding:
    source = "NAVIDROME_DB" if given("NAVIDROME_DB") else "as named last"
    used = f"Navidrome's {library.navidrome_db} ({source})"
    try:
        listings = configured_source(library).listings({})
    except BackendUnavailable as error:
        return missing("music", used, _first_line(error), "Check the paths, and that this user may read them.")
    tracks = sum(len(listing.tracks) for listing in listings)
    roots = [listing.library.root for listing in listings]
    lost = [root for root in roots if not os.access(to_bytes(root), os.R_OK | os.X_OK)]
    if lost:
        advice = "Mount the folder, or say where it is here: NAVIDROME_PATH_MAP=/music=/mnt/music"
        return missing("music", used, f"{tracks} tracks, but cannot read {', '.join(lost)}", advice)
    return Finding(subject="music", state="ok", used=used, answer=f"readable, {tracks} tracks in {', '.join(roots)}")


def check_workers() -> Finding:
    """Who takes tracks from the queue."""
    if not _expected("REDIS_URL"):
        return missing("workers", "none", "the queue is not running", "`make run` starts workers.")
    try:
        alive = _workers_of("embed")
    except (redis.RedisError, ValueError):
        return missing("workers", "unknown", "the queue does not answer", "Mend the queue first.")
    if not alive:
        return missing("workers", "none", "nobody takes work from the queue", "`make run` starts them; see docs.")
    return Finding(subject="workers", state="ok", used="; ".join(alive), answer=f"{len(alive)} alive")


def check_text_workers() -> list[Finding]:
    """Who reads prompts; nothing when no model of MODELS has a text tower."""
    asked = reading()
    if not asked or not _expected("REDIS_URL"):
        return []
    try:
        alive = _workers_of("text")
    except (redis.RedisError, ValueError):
        return [missing("text", "unknown", "the queue does not answer", "Mend the queue first.")]
    if alive:
        return [Finding(subject="text", state="ok", used="; ".join(alive), answer=f"{len(alive)} alive")]
    advice = "To search by text, start one: manage.py work --queue text"
    answer = f"nobody reads prompts for {', '.join(asked)}"
    return [Finding(subject="text", state="warning", used="none", answer=answer, advice=advice)]


def _workers_of(queue: str) -> list[str]:
    """Host and process of each worker that takes messages from a queue.

    Raises:
        RedisError: the queue does not answer.

    """
    connection = _queue()
    known = [connection.hgetall(str(key)) for key in connection.smembers(f"rq:workers:{queue}")]
    # The set remembers a killed worker; what it said about itself expires.
    return sorted(", process ".join([str(said["hostname"]), str(said["pid"])]) for said in known if said)


def check_disk() -> Finding:
    """Room for what the application writes itself."""
    place = next(folder for folder in (VAR_DIR, *VAR_DIR.parents) if folder.exists())
    used = f"{VAR_DIR} ({'VAR_DIR' if given('VAR_DIR') else 'default'})"
    megabytes = shutil.disk_usage(place).free // 1_000_000
    answer = f"{megabytes / 1000:.1f} GB free"
    if not os.access(place, os.W_OK):
        return missing("disk", used, "this user may not write there", "Change its owner, or set VAR_DIR.")
    if megabytes < FEW_MEGABYTES:
        return missing("disk", used, answer, "Make room.")
    if megabytes < SOME_MEGABYTES:
        return Finding(subject="disk", state="warning", used=used, answer=answer, advice="Make room soon.")
    return Finding(subject="disk", state="ok", used=used, answer=answer)


def _expected(variable: str) -> bool:
    """Whether anything should be listening: somebody configured it, or a supervisor runs."""
    return given(variable) or supervisor_runs()


def _service_in_words(embedded: str, url: str, variable: str) -> str:
    if given(variable):
        return f"{mask(url)} ({variable})"
    return f"{embedded}, {mask(url)}" if supervisor_runs() else embedded


def _queue() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3, decode_responses=True)


def _server_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        found: str = cursor.fetchone()[0]
    return found


def _first_line(error: Exception) -> str:
    lines = mask(str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__
