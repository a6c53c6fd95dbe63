import pytest

for part in ("base", "rows", "search", "alias", "joint"):
    pytest.register_assert_rewrite(f"tests.embeddings.store.contract_{part}")
