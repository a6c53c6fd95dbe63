"""`manage.py answers`: the log of what was asked and answered: written out, asked again in another way, thrown away."""

import argparse
import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from embeddings.errors import Refused
from embeddings.management.reembed.speech import Speech, exit_codes
from recommendations.arithmetic.rankings import Likeness
from recommendations.logbook.replaying import Replay, replay
from recommendations.management import choosing
from recommendations.models import Answered
from recommendations.store import vector_store

AT_ONCE = 500
"""Rows that are read at a time."""
REASONS = {
    "personal": "a listener's own plays had a part in them, and who that was is not kept",
    "has_vectors": "vectors belonged to them, which are not kept",
    "unreadable": "another version wrote them",
    "not_embedded": "what they name has no vectors any more",
}


class Command(BaseCommand):
    """One verb for each thing that the log is good for."""

    help = "What was asked and answered, where REQUEST_LOG_DAYS keeps it."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
        export = verbs.add_parser("export", help="write one JSON object per line, the oldest first")
        export.add_argument("file", type=Path, help="where to; - for the terminal")
        again = verbs.add_parser(
            "replay", help="ask all of it again in another way, and compare with what was answered"
        )
        choosing.declare(again)
        again.add_argument("--newest", type=int, metavar="N", help="only the last N")
        again.add_argument("--each", action="store_true", help="also a line for each")
        verbs.add_parser("clear", help="throw all of it away")
        for one in verbs.choices.values():
            one.add_argument("--json", action="store_true", help="answer with one JSON object, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one verb; what is refused ends with its sentence."""
        chosen = argparse.Namespace(**options)
        speech = Speech(self.stdout, chosen.json)
        verbs = {"export": _export, "replay": _replay, "clear": _clear}
        with exit_codes(speech):
            verbs[chosen.verb](chosen, speech)


def _export(chosen: argparse.Namespace, speech: Speech) -> None:
    if str(chosen.file) == "-":
        _write(speech.out)
        return
    try:
        with chosen.file.open("w", encoding="utf-8") as file:
            count = _write(file)
    except OSError as error:
        raise Refused(f"{chosen.file} cannot be written: {error.strerror}.", code="not_writable") from error
    speech.answer(f"{count:,} answers are in {chosen.file}.", answers=count, file=str(chosen.file))


def _write(file: Any) -> int:
    count = 0
    for row in Answered.objects.order_by("pk").iterator(chunk_size=AT_ONCE):
        file.write(json.dumps(_line(row), ensure_ascii=False) + "\n")
        count += 1
    return count


def _line(row: Answered) -> dict[str, Any]:
    return {
        "id": row.pk,
        "createdAt": row.created_at.isoformat(),
        "door": row.door,
        "mode": row.mode,
        "personal": row.personal,
        "request": row.request,
        "models": row.model_keys,
        "tracks": [{"id": track_id, "score": score, "rankBefore": before} for track_id, score, before in row.tracks],
        "warnings": row.warnings,
        "isStub": row.is_stub,
        "seconds": row.seconds,
    }


def _replay(chosen: argparse.Namespace, speech: Speech) -> None:
    rows = Answered.objects.order_by("-pk")
    if chosen.newest is not None:
        rows = rows[: max(0, chosen.newest)]
    if not rows.exists():
        raise Refused("The log is empty; REQUEST_LOG_DAYS=30 keeps answers for a month.", code="nothing_kept")

    def tell(row: Answered, like: Likeness) -> None:
        if chosen.each:
            tau = "–" if like.kendall_tau is None else f"{like.kendall_tau:.2f}"
            speech.say(f"answer {row.pk}: overlap {like.overlap:.2f}, tau {tau}, RBO {like.rank_biased_overlap:.2f}")

    configuration = choosing.chosen(vars(chosen))
    found = replay(rows.iterator(chunk_size=AT_ONCE), configuration, store=vector_store(), report=tell)
    speech.answer(
        _told(found),
        asked=found.asked,
        overlap=found.overlap,
        jaccard=found.jaccard,
        kendallTau=found.kendall_tau,
        rankBiasedOverlap=found.rank_biased_overlap,
        leftOut=dict(found.left_out),
    )


def _told(found: Replay) -> str:
    lines = [f"{found.asked:,} requests were asked again."]
    if found.asked:
        means = {
            "overlap": found.overlap,
            "Jaccard": found.jaccard,
            "Kendall's tau-b": found.kendall_tau,
            "rank-biased overlap": found.rank_biased_overlap,
        }
        shown = ", ".join(f"{name} {'–' if mean is None else f'{mean:.3f}'}" for name, mean in means.items())
        lines.append(f"Means, against what was answered then: {shown}.")
    for code, count in sorted(found.left_out.items()):
        lines.append(f"  {count:6,d} left out: {REASONS.get(code, code)}")
    return "\n".join(lines)


def _clear(_chosen: argparse.Namespace, speech: Speech) -> None:
    count, _ = Answered.objects.all().delete()
    speech.answer(f"{count:,} answers were thrown away.", answers=count)
