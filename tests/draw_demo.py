"""Draws the README's picture, the demo's table: ``python tests/draw_demo.py autograder-demo/results.jsonl``."""

import sys
from pathlib import Path

from rich.console import Console

from autograder.report import terminal
from autograder.results import journal


def draw(results: Path, picture: Path) -> None:
    reports = list(journal.read(results))
    with Path("/dev/null").open("w") as nowhere:
        console = Console(record=True, width=124, file=nowhere, force_terminal=True)
        console.print(terminal.class_table(reports, "en", console.width))
        console.print(terminal.summary(reports, "en"))
        console.save_svg(str(picture), title="autograder demo")


if __name__ == "__main__":
    draw(Path(sys.argv[1]), Path(__file__).with_name("demo.svg"))
