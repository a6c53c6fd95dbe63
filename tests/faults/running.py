"""The programme of faults as a test runs it: a program of its own, whose findings are read from a file."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.embedder_site.running import BASE_DIR


def tried(folder: Path, *options: str) -> dict[str, dict[str, Any]]:
    """What came of each fault; what the program printed is shown when a test fails."""
    found = folder / "found.json"
    command = [sys.executable, "-m", "tests.faults", "--rounds", "1", "--json", str(found), *options]
    environment = {
        name: value for name, value in os.environ.items() if name not in {"DJANGO_SETTINGS_MODULE", "VAR_DIR"}
    }
    ended = subprocess.run(command, cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False)
    print(ended.stdout, ended.stderr)  # noqa: T201
    assert found.exists(), ended.stderr
    return {trial["fault"]: trial for trial in json.loads(found.read_text())}
