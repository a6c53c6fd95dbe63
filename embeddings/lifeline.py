"""Tie a program to the life of the one that started it: `lifeline.py PARENT SIGNAL COMMAND...` becomes COMMAND.

Run as a file with a bare interpreter, so it imports nothing of the project. The tie is made
between fork and the command itself without running Python code in a forked interpreter.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to_parent(parent: int, ending: int) -> None:
    """Ask the kernel for the signal `ending` as soon as `parent` is gone; leave at once if it is gone already.

    Linux only; elsewhere nothing happens, and a killed supervisor leaves its services running.
    """
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ending)
    if os.getppid() != parent:
        sys.exit("the program that started this one is gone")


def bound_command(command: list[str], ending: signal.Signals) -> list[str]:
    """The command line that runs `command` for as long as this process lives."""
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(int(ending)), *command]


if __name__ == "__main__":
    tie_to_parent(int(sys.argv[1]), int(sys.argv[2]))
    os.execvp(sys.argv[3], sys.argv[3:])  # noqa: S606 - no shell is meant
