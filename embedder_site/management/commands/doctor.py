"""`manage.py doctor`: what is used, whether it answers, what is missing."""

import json
import sys
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from embedder_site.doctor import examine
from embedder_site.finding import Finding

SIGNS = {"ok": "ok     ", "warning": "warning", "missing": "MISSING"}


class Command(BaseCommand):
    """Prints the findings; exit code 1 when something needed is missing."""

    help = "Says which database, queue, vector store, music, workers and models are used, and what is missing."
    # It has to work where the configuration does not.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """One option."""
        parser.add_argument("--json", action="store_true", help="for programs")

    def handle(self, **options: Any) -> None:
        """Examine, print, and leave with the verdict."""
        findings = examine()
        fine = all(finding.fine for finding in findings)
        if options["json"]:
            self.stdout.write(json.dumps({"ok": fine, "findings": [asdict(finding) for finding in findings]}, indent=2))
        else:
            for finding in findings:
                self._print(finding)
        sys.exit(0 if fine else 1)

    def _print(self, finding: Finding) -> None:
        self.stdout.write(f"{SIGNS[finding.state]}  {finding.subject:<9} {finding.used}: {finding.answer}")
        if finding.advice:
            self.stdout.write(f"{'':<19} -> {finding.advice}")
