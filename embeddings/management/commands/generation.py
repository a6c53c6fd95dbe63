"""`manage.py generation`: list, export, import and adopt generations; docs/backup.md and docs/adoption.md say how."""

import argparse
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db.models import Count

from embeddings import conf
from embeddings.embedders import SPECS, get_spec
from embeddings.errors import NotFound, Refused
from embeddings.jobs import adoption, archive
from embeddings.jobs.migration import find_generation
from embeddings.jobs.resident import resident
from embeddings.management.left_out import left_out
from embeddings.management.reembed.job_verbs import actor
from embeddings.management.reembed.speech import Speech, exit_codes
from embeddings.models import AuditEntry, Generation
from embeddings.store import connect

SAYING_SECONDS = 5.0
DATES = ("created_at", "verified_at", "promoted_at", "retired_at", "dropped_at")


class Command(BaseCommand):
    """One verb for each thing that may be done to a generation as a whole."""

    help = "List, export, import and adopt generations: the builds of a model's vectors."

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
        listed = verbs.add_parser("list", help="show generations: state, origin, vectors, dates")
        listed.add_argument("--model", choices=sorted(SPECS), help="only those of this model")
        export = verbs.add_parser("export", help="write a generation into a folder; again, to go on after a crash")
        which = "its collection (embedding_g0002), model and number (muq:2), or a model: its live one"
        export.add_argument("generation", help=which)
        export.add_argument("--to", type=Path, help="folder; by default its collection's name in BACKUP_DIR")
        lacking = "also when the store lacks vectors that the database says are there"
        export.add_argument("--allow-lacking", action="store_true", help=lacking)
        restore = verbs.add_parser("import", help="read such a folder into a new generation; again, to go on")
        restore.add_argument("folder", type=Path)
        fewer = "also in the place of what is live and not in this store, with far fewer vectors"
        restore.add_argument("--allow-fewer", action="store_true", help=fewer)
        adopt = verbs.add_parser("adopt", help="take over collections of the program before this one; again, to go on")
        adopt.add_argument("--models", default="", help=f"comma-separated, from: {', '.join(SPECS)}; by default all")
        sure = adopt.add_mutually_exclusive_group()
        compare = "embed a sample here; when it agrees, jobs go on with these vectors instead of making all anew"
        sure.add_argument("--compare", action="store_true", help=compare)
        sure.add_argument("--trust", action="store_true", help="the same without looking")
        sure.add_argument("--drop-old", action="store_true", help="only drop the old collection that was set aside")
        for one in (restore, adopt):
            one.add_argument("--left-out", type=Path, help="write what was left out, and why, into this file")
        for one in verbs.choices.values():
            one.add_argument("--json", action="store_true", help="answer with one JSON object, for programs")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one verb; what is refused ends with its sentence."""
        chosen = argparse.Namespace(**options)
        speech = Speech(self.stdout, chosen.json)
        verbs = {"list": _list, "export": _export, "import": _import, "adopt": _adopt}
        with exit_codes(speech, interrupted="Interrupted; the same command goes on where this one stopped."):
            verbs[chosen.verb](chosen, speech)


def _list(chosen: argparse.Namespace, speech: Speech) -> None:
    found = Generation.objects.filter(model=chosen.model) if chosen.model else Generation.objects.all()
    held = dict(found.order_by("pk").annotate(held=Count("vectors")).values_list("pk", "held"))
    facts = [_facts(generation, held[generation.pk]) for generation in found.order_by("model", "-number")]
    wide = max((len(fact["generation"]) for fact in facts), default=0)
    lines = [
        f"{fact['generation']:<{wide}}  {fact['model']} version {fact['spec_version']}, {fact['state']}, "
        f"{fact['origin']}: {fact['vectors']:,} vectors, begun {fact['created_at']:%Y-%m-%d %H:%M}"
        for fact in facts
    ]
    speech.answer("\n".join(lines) or "There is no generation yet.", generations=facts)


def _facts(generation: Generation, vectors: int) -> dict[str, Any]:
    return {
        "generation": generation.collection,
        "model": generation.model,
        "number": generation.number,
        "spec_version": generation.spec_version,
        "checkpoint": generation.checkpoint,
        "precision": generation.precision,
        "state": generation.state,
        "origin": generation.origin,
        "vectors": vectors,
        **{name: getattr(generation, name) for name in DATES},
    }


def _export(chosen: argparse.Namespace, speech: Speech) -> None:
    generation = _named(chosen.generation)
    folder = chosen.to or conf.backups() / generation.collection
    with closing(connect(conf.store())) as store:
        manifest = archive.export(
            generation, folder, store, report=_throttled(speech.say), allow_lacking=chosen.allow_lacking
        )
    details = {"folder": str(folder), "rows": manifest.count}
    AuditEntry.objects.note("export", actor(), generation=generation, details=details)
    lacking = f" {manifest.lacking:,} that the store does not have are not in it." if manifest.lacking else ""
    text = f"{manifest.count:,} vectors of {generation} are in {folder} ({manifest.size / 1e6:,.1f} MB).{lacking}"
    speech.answer(
        text,
        generation=str(generation),
        folder=str(folder),
        rows=manifest.count,
        bytes=manifest.size,
        parts=len(manifest.parts),
        lacking=manifest.lacking,
    )


def _named(name: str) -> Generation:
    """The generation that is named; for a model, the one that serves."""
    if name not in SPECS:
        return find_generation(name)
    live = Generation.objects.live(name)
    if live is None:
        raise NotFound(f"{name} has no live generation.")
    return live


def _import(chosen: argparse.Namespace, speech: Speech) -> None:
    with left_out(chosen.left_out) as write, closing(connect(conf.store())) as store:
        tell = _throttled(speech.say)
        found = archive.restore(chosen.folder, store, by=actor(), report=tell, allow_fewer=chosen.allow_fewer)
        write((row.reason, f"{row.path}\t{row.name}") for row in found.unmapped)
    generation = found.generation
    generation.refresh_from_db()
    imported = found.stored + found.already
    lines = [f"{imported:,} of {found.rows:,} vectors are in {generation}, which is {_state(generation)}."]
    if found.stale:
        lines.append(f"{found.stale:,} were made from another state of their file; a job embeds those again.")
    if found.unmapped:
        lines.append(f"{len(found.unmapped):,} are of tracks that the catalogue does not have.")
    speech.answer(
        "\n".join(lines),
        generation=str(generation),
        state=generation.state,
        rows=found.rows,
        stored=found.stored,
        already=found.already,
        stale=found.stale,
        unmapped=len(found.unmapped),
    )


def _adopt(chosen: argparse.Namespace, speech: Speech) -> None:
    if chosen.drop_old and chosen.left_out:
        raise Refused("--drop-old leaves nothing out, so there is nothing for --left-out.", code="bad_arguments")
    keys = [key.strip() for key in chosen.models.split(",") if key.strip()]
    with left_out(chosen.left_out) as write, closing(connect(conf.store())) as store:
        specs = [get_spec(key) for key in keys] or [
            spec for spec in SPECS.values() if adoption.left_behind(spec, store)
        ]
        if not specs:
            raise NotFound("The vector store holds no collection of the program before this one.")
        if chosen.drop_old:
            dropped = [name for spec in specs if (name := adoption.drop_old(spec, store, by=actor()))]
            speech.answer(f"Dropped: {', '.join(dropped) or 'nothing'}.", dropped=dropped)
            return
        adopted = []
        for spec in specs:
            adopted.append(adoption.adopt(spec, store, by=actor(), report=_throttled(speech.say)))
            write(adopted[-1].reasons)
        trusted = [_trust(found.generation, chosen, speech) for found in adopted]
    lines = [_adopted(found, said) for found, said in zip(adopted, trusted, strict=True)]
    speech.answer("\n".join(lines), adopted=[_counts(found) for found in adopted])


def _trust(generation: Generation, chosen: argparse.Namespace, speech: Speech) -> str:
    if not (chosen.compare or chosen.trust):
        return "A job makes new ones beside them."
    mine = resident() if chosen.compare else None
    try:
        said = adoption.trust(generation, mine, by=actor(), report=_throttled(speech.say))
    finally:
        if mine is not None:
            mine.close()
    return f"{said} Jobs go on with them."


def _adopted(found: adoption.Adoption, said: str) -> str:
    generation = found.generation
    generation.refresh_from_db()
    copied = f"{found.stored + found.already:,} of {found.rows:,} vectors"
    lines = [f"{generation.model}: {copied} are in {generation}, which is {_state(generation)}. {said}"]
    counts = {"ambiguous": "several tracks have the name", "unknown": "no track has the name"}
    counts |= {"doubled": "another name means the same track", "unusable": "the vector has no direction"}
    lines += [f"  {len(names):6,d} left out: {why}" for kind, why in counts.items() if (names := getattr(found, kind))]
    return "\n".join(lines)


def _counts(found: adoption.Adoption) -> dict[str, Any]:
    kinds = ("ambiguous", "unknown", "doubled", "unusable")
    plain = {"rows": found.rows, "stored": found.stored, "already": found.already}
    told = {"generation": str(found.generation), "model": found.generation.model, "state": found.generation.state}
    return told | plain | {kind: len(getattr(found, kind)) for kind in kinds}


def _state(generation: Generation) -> str:
    following = f"; then: manage.py reembed verify {generation}" if generation.state == "building" else ""
    return f"{generation.get_state_display()}{following}"


def _throttled(say: Callable[[str], None]) -> Callable[[str], None]:
    """Say something every few seconds and leave the rest unsaid."""
    said = time.monotonic()

    def tell(sentence: str) -> None:
        nonlocal said
        if time.monotonic() - said > SAYING_SECONDS:
            said = time.monotonic()
            say(sentence)

    return tell
