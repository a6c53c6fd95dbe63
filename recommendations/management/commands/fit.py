"""`manage.py fit`: fits the backgrounds and bridges that recommendations need, and says how good they are."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from embeddings.embedders import SPECS
from embeddings.errors import NotEmbedded
from embeddings.management.reembed.speech import Speech, exit_codes
from recommendations.arithmetic.bridge import NEAREST
from recommendations.fitting.fit import Fitted, fit_all
from recommendations.fitting.learning import Learned
from recommendations.models import StoredBackground
from recommendations.store import vector_store


class Command(BaseCommand):
    """Fit what recommendations know of live generations; jobs do so when they end, where too much has changed."""

    help = "Fit the backgrounds and bridges of the live generations anew, and show how good they are."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--models", default="", help=f"comma-separated, from: {', '.join(SPECS)}; by default all")
        parser.add_argument("--outdated", action="store_true", help="only where too much has changed since")
        parser.add_argument("--json", action="store_true", help="answer with one JSON object, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Fit, and say what came of it."""
        chosen = argparse.Namespace(**options)
        speech = Speech(self.stdout, chosen.json)
        models = [key.strip() for key in chosen.models.split(",") if key.strip()]
        with exit_codes(speech):
            found = fit_all(vector_store(), models=models, only_outdated=chosen.outdated)
            if not found:
                raise NotEmbedded(f"Nothing was embedded with {' or '.join(models or SPECS)} yet: start a job first.")
            speech.answer("\n".join(map(_told, found)), generations=[_facts(fitted) for fitted in found])


def _told(fitted: Fitted) -> str:
    lines = [f"{fitted.generation}  {fitted.seconds:.1f} s"]
    for row in fitted.backgrounds:
        texts = f"{row.texts} texts by {row.wording}" if row.wording else "no texts"
        lines.append(
            f"  background  {row.field}: {row.tracks} tracks, {texts}; "
            f"cosines of random pairs {row.mean:.3f} ± {row.spread:.3f}"
        )
    return "\n".join([*lines, f"  bridge      {_told_bridge(fitted)}"])


def _told_bridge(fitted: Fitted) -> str:
    if fitted.bridge is None:
        return "none: " + (
            "it reads texts itself" if fitted.generation.joint_dimension else "no live model reads texts"
        )
    row, quality = fitted.bridge.stored, fitted.bridge.stored.quality
    if not row.gallery:
        return f"none: {row.refusal}"
    return (
        f"from {fitted.bridge.source}: {row.tracks} tracks, recall@{NEAREST} {quality.recall:.1%} where guessing has "
        f"{quality.chance:.1%}, strength {row.strength:.1g}; {f'refused: {row.refusal}' if row.refusal else 'used'}"
    )


def _facts(fitted: Fitted) -> dict[str, Any]:
    return {
        "generation": fitted.generation.collection,
        "model": fitted.generation.model,
        "seconds": round(fitted.seconds, 3),
        "backgrounds": [_background_facts(row) for row in fitted.backgrounds],
        "bridge": _bridge_facts(fitted.bridge) if fitted.bridge else None,
    }


def _background_facts(row: StoredBackground) -> dict[str, Any]:
    named = ("field", "tracks", "texts", "wording", "mean", "spread", "fitted_at")
    return {name: getattr(row, name) for name in named}


def _bridge_facts(bridge: Learned) -> dict[str, Any]:
    row, quality = bridge.stored, bridge.stored.quality
    return {
        "source": bridge.source.collection,
        "tracks": row.tracks,
        "recall": quality.recall,
        "chance": quality.chance,
        "gallery": quality.gallery,
        "strength": row.strength,
        "refusal": row.refusal,
        "fitted_at": row.fitted_at,
    }
