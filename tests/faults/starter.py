"""`python -m tests.faults.starter`: starts a job by command, ready to do so the moment its input says so."""

import sys

import django
from django.core.management import CommandError, call_command


def main() -> int:
    """Say that it is ready, wait, start; 1 when refused."""
    django.setup()
    from embeddings.models import BatchJob

    BatchJob.objects.active().exists()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    try:
        call_command("reembed", "start", "--detach")
    except CommandError as error:
        sys.stdout.write(f"refused: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
