"""One evening of faults: the site is started once, every fault is tried, and the table is printed."""

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from random import Random

from django.db import connection

from embeddings.models import BatchJob, JobState, Track
from tests.faults.programme import FAULTS, SQLITE_ONLY, Trial, attempt
from tests.faults.stage import PATIENCE, Stage, finished
from tests.faults.verdict import Judge
from tests.services import until
from tests.witness import call_witness

WIDTH = 34


class Show:
    """What was asked for, and what came of it."""

    def __init__(self, folder: Path, settings: dict[str, str], chosen: argparse.Namespace, *, mounted: bool) -> None:
        self._stage = Stage(folder, settings, workers=chosen.workers)
        self._judge = Judge(self._stage, chosen.models.split(","))
        self._chosen = chosen
        self._mounted = mounted
        self._trials: list[Trial] = []

    def run(self, stack: ExitStack) -> int:
        """Do it all; 0 when nothing was lost or doubled."""
        wanted = self._wanted()
        stack.callback(self._stage.clear_away)
        self._stage.rise()
        call_witness()
        self._learn()
        for number in range(self._chosen.rounds):
            for fault in wanted:
                # Every fault of every round has moments of its own, whichever others are tried.
                self._try(fault, Random(f"{self._chosen.seed} {number} {fault}"))
        until(self._stage.whole, seconds=PATIENCE)
        self._stage.end()
        self._say_table()
        if self._chosen.json:
            Path(self._chosen.json).write_text(json.dumps([_plain(trial) for trial in self._trials], indent=2))
        return int(not all(trial.verdict.clean for trial in self._trials))

    def _learn(self) -> None:
        """Let one job go undisturbed: what it leaves is right."""
        job = self._stage.start_job()
        until(lambda: finished(job), seconds=PATIENCE)
        assert job.state == JobState.COMPLETED, f"{job.state}: {job.message}"
        self._judge.learn()
        tracks, models = Track.objects.count(), self._chosen.models
        where = f"{connection.vendor}, {self._chosen.workers} workers, seed {self._chosen.seed}"
        _say(f"{tracks} tracks, {models}; {where}; undisturbed {job.elapsed(job.finished_at or job.created_at)}")

    def _wanted(self) -> list[str]:
        """The faults that were named, or all; without those that a server's disk does not know."""
        named = [name.strip() for name in self._chosen.faults.split(",") if name.strip()] or list(FAULTS)
        if unknown := [fault for fault in named if fault not in FAULTS]:
            sys.exit(f"There is no fault {unknown[0]!r}; choose from {', '.join(FAULTS)}.")
        return [fault for fault in named if connection.vendor == "sqlite" or fault not in SQLITE_ONLY]

    def _try(self, fault: str, chance: Random) -> None:
        trial = attempt(self._stage, self._judge, fault, chance)
        self._trials.append(trial)
        verdict = trial.verdict
        counts = f"lost {verdict.lost} doubled {verdict.doubled} unexplained {verdict.unexplained}"
        _say(f"{fault:<{WIDTH}} {trial.state:<22} {trial.seconds:5.1f} s  {counts}  {'; '.join(verdict.remarks)}")
        if BatchJob.objects.active().exists():
            self._stage.post(f"jobs/{BatchJob.objects.active().get().pk}/cancel")
            until(lambda: not BatchJob.objects.active().exists(), seconds=PATIENCE)

    def _say_table(self) -> None:
        how = "a disk of its own" if self._mounted else "a limit of file sizes, for nothing may be mounted here"
        _say(f"\n{'fault':<{WIDTH}} tried   lost doubled   operations   longest")
        for fault in dict.fromkeys(trial.fault for trial in self._trials):
            tried = [trial for trial in self._trials if trial.fault == fault]
            lost, doubled = sum(t.verdict.lost for t in tried), sum(t.verdict.doubled for t in tried)
            operations, longest = sum(t.verdict.operations for t in tried), max(t.seconds for t in tried)
            _say(f"{fault:<{WIDTH}} {len(tried):5} {lost:6} {doubled:7} {operations:12} {longest:7.1f} s")
        _say(f"(disk full: {how})")


def _plain(trial: Trial) -> dict[str, object]:
    verdict = trial.verdict
    return {
        "fault": trial.fault,
        "state": trial.state,
        "seconds": round(trial.seconds, 1),
        "operations": verdict.operations,
        "lost": verdict.lost,
        "doubled": verdict.doubled,
        "unexplained": verdict.unexplained,
        "remarks": verdict.remarks,
    }


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201
