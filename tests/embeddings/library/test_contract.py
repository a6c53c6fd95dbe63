"""Both sources under the same suite."""

from pathlib import Path

import pytest

from tests.embeddings.library.contract import SourceContract
from tests.embeddings.library.shelves import FolderShelf, NavidromeShelf


class TestFolder(SourceContract):
    @pytest.fixture
    def shelf(self, tmp_path: Path) -> FolderShelf:
        return FolderShelf(tmp_path)


class TestNavidrome(SourceContract):
    @pytest.fixture
    def shelf(self, tmp_path: Path) -> NavidromeShelf:
        return NavidromeShelf(tmp_path)
