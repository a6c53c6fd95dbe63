"""The page about operating the site names every variable that the site reads."""

import re

import pytest

from tests.embedder_site.running import BASE_DIR

CODE = "".join((BASE_DIR / "embedder_site" / name).read_text() for name in ("env.py", "settings.py"))
READ = set(re.findall(r'(?:env\.\w+|path|address|given)\(\s*"([A-Z][A-Z_]+)"', CODE))


def test_variables_are_found_at_all() -> None:
    assert {"VAR_DIR", "REDIS_URL", "MUSIC", "DATABASE_URL", "LOG_LEVEL"} <= READ


@pytest.mark.parametrize("variable", sorted(READ))
def test_a_variable_is_explained(variable: str) -> None:
    assert f"| `{variable}` |" in (BASE_DIR / "docs" / "operating.md").read_text()
