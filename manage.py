#!/usr/bin/env python3
"""The command line of the application."""

import os
import sys


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "embedder_site.settings")
    try:
        from django.core.management import execute_from_command_line
    except ModuleNotFoundError:
        sys.exit("Django is not installed here. Once `make run` has made .venv, say first: . .venv/bin/activate")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
