"""Where the ``autograder`` script begins: another process may have the command's imports ready."""

from __future__ import annotations

import atexit
import gc
import sys

COMMANDS = ("grade", "feedback")
"""Those that need nbgrader, take long to start, and may be run again if the process that took one over is killed."""


def main() -> None:
    """Run a command, here or in the process that stands by."""
    is_of_nbgrader = sys.argv[1:2] and sys.argv[1] in COMMANDS
    gc.set_threshold(200_000 if is_of_nbgrader else 50_000)  # most of what a command makes are modules, which stay
    atexit.register(gc.freeze)  # nor does Python look for garbage among them at the end, which takes as long again
    if is_of_nbgrader:  # others need not import what finds that process
        _hand_over()
    _run()


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
