"""Draws the README's picture, the table that ``autograder demo`` ends with: ``python tests/draw_demo.py RESULTS OUT.svg``."""

import sys
from pathlib import Path

from rich.console import Console

from autograder import journal
from autograder.report import terminal

reports = list(journal.read(Path(sys.argv[1])))
with Path("/dev/null").open("w") as nowhere:
    console = Console(record=True, width=118, file=nowhere, force_terminal=True)
    console.print(terminal.class_table(reports, "en", console.width))
    console.print(terminal.summary(reports, "en"))
    console.save_svg(sys.argv[2], title="autograder demo")
