"""What the page of a generation shows of its examinations: a line for each check, in words and readable figures."""

from typing import Any

from embeddings.models import Generation, Verification

RESULTS = {True: "passed", False: "failed", None: "for information"}
EARLIER = 5


def examinations_of(generation: Generation) -> dict[str, Any]:
    """Give the newest examination with its checks, and what came of those before."""
    newest, *earlier = [*generation.verifications.all()[: EARLIER + 1]] or [None]
    return {
        "examined": newest,
        "checks": [_line(check) for check in newest.checks] if newest else [],
        "took": _took(newest) if newest else "",
        "earlier": earlier,
    }


def _line(check: dict[str, Any]) -> dict[str, str]:
    return {
        "title": str(check["name"]).replace("_", " "),
        "result": RESULTS[check["passed"]],
        "sentence": str(check["sentence"]),
        "value": _figure(check["value"]),
        "bar": _figure(check["bar"]),
    }


def _figure(value: float | None) -> str:
    """Write a number with no more digits than anybody reads."""
    return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.5g}"


def _took(examined: Verification) -> str:
    if examined.started_at is None or examined.finished_at is None:
        return ""
    seconds = (examined.finished_at - examined.started_at).total_seconds()
    return f"{seconds:.1f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
