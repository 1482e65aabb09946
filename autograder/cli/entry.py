"""Where the ``autograder`` script begins: another process may have the command's imports ready."""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command, here or in the process that stands by."""
    from autograder.cli import handing_over

    arguments = sys.argv[1:]
    if handing_over.is_possible(arguments):
        known = handing_over.circumstances()
        if (code := handing_over.hand_over(known)) is not None:
            sys.exit(code)
        if handing_over.is_worth_a_copy(arguments):
            from autograder.cli import taking_over

            taking_over.leave_copy_behind(known, _run)
    _run()


def _run() -> None:
    from autograder.cli import main as application

    application.main()
