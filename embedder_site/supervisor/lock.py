"""One supervisor per VAR_DIR, and none beside services that outlived an earlier one."""

import fcntl
import os
import time
from pathlib import Path

from embeddings.errors import Refused


def lock_var_dir(lock_file: Path) -> int:
    """Take both locks for as long as this process lives; the descriptor that services are to inherit.

    The first lock is ours alone. The second is shared with every service, so it stays taken
    while anything started by a killed supervisor still writes to the same files.

    Raises:
        Refused: another supervisor, or what an earlier one left, uses the folder.

    """
    lock_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    # Other commands look at this lock for an instant, by taking it.
    if not _lock_within(own, seconds=0.5):
        number = lock_file.read_text().strip()
        raise Refused(
            f"Another supervisor (process {number}) already runs in {lock_file.parent.parent}. Stop it first, "
            "or give this one a folder and a port of its own: make run VAR_DIR=/another/folder PORT=9003"
        )
    os.ftruncate(own, 0)
    os.write(own, f"{os.getpid()}\n".encode())
    shared = os.open(lock_file.with_name("services.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    if not _lock_within(shared, seconds=15):
        raise Refused(
            f"Services of an earlier run still use {lock_file.parent.parent} although their supervisor is gone. "
            "Look for valkey-server, lite_server, gunicorn and rqworker with `ps x`, end them, and try again."
        )
    return shared


def _lock_within(descriptor: int, *, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        else:
            return True
