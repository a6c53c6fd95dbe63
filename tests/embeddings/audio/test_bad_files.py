"""Every bad file gets what docs/bad-files.md says, in bounded time and memory."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from embeddings.audio.decoders import Decoder
from embeddings.errors import TrackError, all_subclasses
from tests.bad_files import collection
from tests.bad_files.verdict import MAX_SECONDS, PAGE, Verdict, judge, render
from tests.embeddings.audio.test_decoders import peak_mb

_DECIDED_ELSEWHERE = {"vector_invalid", "worker_lost", "decode_timeout", "decoder_crashed", "out_of_memory"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One pass over the whole collection."""

    verdicts: list[Verdict]
    seconds: float
    peak_mb: float
    same_child: bool


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with collection() as (folder, cases), Decoder(max_seconds=MAX_SECONDS, stall_seconds=30, memory_mb=512) as decoder:
        judge(decoder, folder, cases[:1])
        child, started = decoder.pid, time.monotonic()
        verdicts = judge(decoder, folder, cases)
        assert decoder.pid
        yield Run(
            verdicts=verdicts,
            seconds=time.monotonic() - started,
            peak_mb=peak_mb(decoder.pid),
            same_child=decoder.pid == child,
        )


def test_every_file_gets_what_its_case_asks_for(run: Run) -> None:
    surprises = [(v.case.shown, v.outcome, v.sentence) for v in run.verdicts if not v.expected]
    assert surprises == []


def test_the_page_says_what_happens(run: Run) -> None:
    # Numbers in the sentences hang on the last digits of encoders, which differ from processor to processor.
    assert without_numbers(PAGE.read_text()) == without_numbers(render(run.verdicts))


def test_hours_of_sound_take_little_memory_and_time(run: Run) -> None:
    assert run.peak_mb < 200
    assert run.seconds < 120


def test_no_file_of_the_collection_kills_the_child(run: Run) -> None:
    assert run.same_child


def test_every_way_to_fail_while_decoding_occurs(run: Run) -> None:
    codes = {kind.code for kind in all_subclasses(TrackError)} - _DECIDED_ELSEWHERE
    assert codes <= {v.outcome for v in run.verdicts}


def test_every_failure_says_a_sentence(run: Run) -> None:
    assert all(v.sentence.endswith(".") for v in run.verdicts if v.outcome != "embedded")


def without_numbers(text: str) -> str:
    return re.sub(r"\d+(\.\d+)?", "#", text)
