"""The small checkpoints as a fixture; a conftest that imports it offers it to its tests."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Checkpoint folders by key of a spec, as the setting CHECKPOINTS takes them; written once per test session."""
    # Only here: importing torch takes seconds, which tests without neural models need not wait for.
    import torch

    from tests.checkpoints import WRITERS, write_checkpoints

    # Models of this size compute fastest in one thread: on a busy machine, twenty times faster.
    torch.set_num_threads(1)
    folder = tmp_path_factory.getbasetemp() / "checkpoints"
    if not folder.exists():
        write_checkpoints(folder)
    return {key: folder / key for key in WRITERS}
