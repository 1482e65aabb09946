"""Where the ``autograder`` script begins: another process may have the command's imports ready."""

from __future__ import annotations

import atexit
import gc
import os
import sys
from contextlib import suppress

COMMANDS = ("grade", "feedback")
"""Those that need nbgrader, take long to start, and may be run again if the process that took one over is killed."""


def main() -> None:
    """Run a command, here or in the process that stands by."""
    is_of_nbgrader = sys.argv[1:2] and sys.argv[1] in COMMANDS
    gc.set_threshold(200_000 if is_of_nbgrader else 50_000)  # most of what a command makes are modules, which stay
    codes: list[int] = []
    atexit.register(_leave, codes)  # the first to be registered is the last that Python calls
    try:
        if is_of_nbgrader:  # others need not import what finds that process
            _hand_over()
        _run()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            codes.append(ended.code or 0)
        raise


def _leave(codes: list[int]) -> None:
    """End now, if a command has ended in order: to take apart what it has imported takes a tenth of a short one."""
    gc.freeze()  # nor is any of that garbage
    with suppress(OSError, ValueError, AttributeError):  # what Python says of streams that cannot be written it may say
        sys.stdout.flush()
        sys.stderr.flush()
        for code in codes:
            os._exit(code)


def _hand_over() -> None:
    """End with the exit code of the process that has run the command; leave one behind if there was none."""
    from autograder.cli import handing_over

    if handing_over.is_possible() and (known := handing_over.circumstances()) is not None:
        if (code := handing_over.hand_over(known)) is not None:
            sys.exit(code)
        if handing_over.is_worth_a_copy(sys.argv[1:]):
            from autograder.cli import taking_over

            taking_over.leave_copy_behind(known, _run)


def _run() -> None:
    from autograder.cli import main as application

    application.main()
