"""Two empty libraries that tests fill and rearrange."""

from pathlib import Path

import pytest

from tests.embeddings.library.shelves import FolderShelf, NavidromeShelf


@pytest.fixture
def navidrome(tmp_path: Path) -> NavidromeShelf:
    return NavidromeShelf(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> FolderShelf:
    return FolderShelf(tmp_path)
