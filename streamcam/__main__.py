"""The command `streamcam`, also as `python -m streamcam`."""

from __future__ import annotations

import sys
from typing import NoReturn


def command() -> NoReturn:
    """The console script: loads the command line and runs it. What a library lacks is told.

    Ctrl-C while it loads (0.3 s) ends it quietly; later a run hears of it by its own handlers.
    """
    try:
        _load_and_run()
    except KeyboardInterrupt:
        sys.exit(130)  # 128 + SIGINT, as shells say it


def _load_and_run() -> NoReturn:
    try:
        from streamcam.cli import command as run
    except (ImportError, RuntimeError) as error:
        from streamcam.doctor.libraries import missing

        lacking = missing(error)
        if lacking is None:
            raise
        sys.stderr.write(f"streamcam: {lacking}.\n")
        sys.exit(2)
    run()


if __name__ == "__main__":
    command()
