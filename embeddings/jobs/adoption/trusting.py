"""Decides whether adopted vectors are what would be computed today; then jobs go on with them."""

from django.db import transaction

from embeddings import conf
from embeddings.domain import SYSTEM, Actor
from embeddings.embedders import get_spec
from embeddings.errors import Refused
from embeddings.jobs.adoption.copying import Report
from embeddings.jobs.checking.check import Check
from embeddings.jobs.checking.sample import check_sample
from embeddings.jobs.generations import refuse_during_job
from embeddings.jobs.identity import identify
from embeddings.jobs.resident import Resident
from embeddings.models import AuditEntry, Generation, GenerationState, Identity, Origin

EXACT = "float32"
"""In which a sample is compared: reduced precision would hide what differs."""


def trust(
    generation: Generation,
    resident: Resident | None,
    *,
    by: Actor = SYSTEM,
    report: Report = lambda _: None,
) -> str:
    """Take adopted vectors for vectors of today's version and checkpoint, so that jobs only add what is missing.

    Args:
        generation: an adopted one.
        resident: embeds a sample again here, which has to agree; None to trust without looking.
        by: who, for the record.
        report: told how far it is.

    Returns:
        What was found, in a sentence.

    Raises:
        Refused: it was not adopted, nothing could be compared, or the sample differs.
        BackendUnavailable: the store or the hub does not answer.

    """
    if generation.origin != Origin.ADOPTED or generation.state in {GenerationState.RETIRED, GenerationState.DROPPED}:
        raise Refused(f"{generation} is no adopted generation that is still used.", code="not_adopted")
    refuse_during_job(generation.model)
    spec = get_spec(generation.model)
    identity = identify(spec, conf.models(), report)
    found = "Nothing was compared."
    if resident is not None:
        found = _agreed(generation, _compare(generation, identity, resident, report))
    with transaction.atomic():
        Generation.objects.filter(pk=generation.pk).update(
            spec_version=spec.version,
            checkpoint=identity.checkpoint,
            packages=identity.packages,
            precision=identity.precision,
        )
        AuditEntry.objects.note("trust", by, generation=generation, details={"found": found})
    return found


def _agreed(generation: Generation, check: Check) -> str:
    """What a comparison found.

    Raises:
        Refused: it did not agree.

    """
    if not check.passed:
        because = "could not be compared" if check.passed is None else "are not what is computed today"
        raise Refused(
            f"The vectors of {generation} {because}: {check.sentence} They go on serving as they are; the next job "
            "embeds the library anew beside them.",
            code="not_trusted",
        )
    return check.sentence


def _compare(generation: Generation, identity: Identity, resident: Resident, report: Report) -> Check:
    """Embed a sample again, as if the generation had been made with what there is today."""
    supposed = Generation(
        pk=generation.pk,
        model=generation.model,
        number=generation.number,
        spec_version=get_spec(generation.model).version,
        dimension=generation.dimension,
        checkpoint=identity.checkpoint,
        packages=identity.packages,
        precision=EXACT if identity.checkpoint else "",
        collection=generation.collection,
    )

    def beat(sentence: str, *, slow: bool = False) -> None:  # noqa: ARG001 - a sample in a terminal holds no lease
        report(sentence)

    held = generation.vectors.filter(track__missing_since=None).order_by("track_id").values_list("track_id", flat=True)
    return check_sample(
        supposed,
        ids=[str(pk) for pk in held],
        suspects=[],
        resident=resident,
        config=conf.verification(),
        beat=beat,
    )
