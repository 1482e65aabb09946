"""`autograder check --watch`: checks a file whenever it is saved and says what that has changed.

Nothing is cleared and nothing jumps: each check adds a few lines below the last. Hints come one at a time, on
request, those of earlier criteria first; a check does not forget which ones have been shown.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from enum import Enum, auto
from pathlib import Path

from rich.console import Console
from rich.control import Control
from rich.padding import Padding
from rich.rule import Rule
from rich.segment import ControlType
from rich.text import Text as Styled

from autograder.base.i18n import Language, Text, text
from autograder.report import terminal
from autograder.report.condensed import merge
from autograder.results.cases import requirements
from autograder.results.grade_report import CriterionResult, GradeReport

_LOOK_EVERY_S = 0.3


class Event(Enum):
    """What can happen while `watch` waits."""

    SAVED = auto()
    HINT = auto()
    QUIT = auto()


class Watch:
    """Compares each check of a file with the one before and shows what has changed.

    Args:
        console: where to show it.
        language: the language of the output.
        later: points that are judged by criteria which are not checked here.
    """

    def __init__(self, console: Console, language: Language, *, later: float = 0.0) -> None:
        self._console, self._language, self._later = console, language, later
        self._criteria: dict[str, CriterionResult] = {}
        self._hinted: set[str] = set()
        self.passed = False

    def tell(self, report: GradeReport) -> None:
        """Show what differs from the check before, and where every exercise stands."""
        merged = [merge(r) for exercise in report.exercises for r in requirements(exercise.criteria)]
        criteria = {c.id: c for c in merged}
        changed = [c for c in criteria.values() if _differs(self._criteria.get(c.id), c)]
        shown = [c for c in changed if self._criteria or c.outcome != "skipped"]
        self._criteria = criteria
        self._hinted = {name for name in self._hinted if name in criteria and criteria[name].outcome != "passed"}
        self.passed = all(c.outcome == "passed" for c in criteria.values())
        if not changed:
            self._say(text("nothing has changed"), "dim")
        for problem in report.problems:
            self._console.print(terminal.problem(problem, self._language))
        for result in shown:
            self._draw(result)
        self._console.print(terminal.progress(report.exercises, self._language, later=self._later))
        if (step := terminal.next_step(report.exercises, report.problems, self._language)) is not None:
            self._console.print(step.line)

    def hint(self) -> None:
        """Show the next hint that has not been shown yet."""
        for result in self._criteria.values():
            if result.outcome == "failed" and result.hint is not None and result.id not in self._hinted:
                self._hinted.add(result.id)
                self._console.print(Styled(result.title.get(self._language), style="bold"))
                self._say(text("hint: {hint}", hint=result.hint))
                return
        self._say(text("there are no more hints"), "dim")

    def _draw(self, result: CriterionResult) -> None:
        self._console.print(terminal.mark(result, self._language))
        for line in terminal.explanation(result, self._language, hints=False):
            self._console.print(Padding(Styled(line), (0, 0, 0, 4)))

    def _say(self, words: Text, style: str = "") -> None:
        self._console.print(Styled(words.get(self._language), style=style))


def watch(file: Path, check: Callable[[], GradeReport], seen: Watch, console: Console, language: Language) -> None:
    """Check at every save, until q is pressed.

    Args:
        file: the file to watch.
        check: checks it.
        seen: shows the results; it has seen the first check.
        console: where to say what it is waiting for.
        language: the language of the output.
    """
    keys = _KeyLine(
        console, text("waiting for {file} to be saved · h: next hint · q: quit", file=file.name).get(language)
    )
    keys.draw()
    try:
        for event in _events(file):
            keys.erase()
            if event is Event.QUIT:
                return
            if event is Event.HINT:
                seen.hint()
            else:
                console.print()
                write_heading(console, file)
                seen.tell(check())
            keys.draw()
    finally:
        keys.erase()


class _KeyLine:
    """The line that says which keys there are: always the last one on the screen, and only once on it."""

    def __init__(self, console: Console, words: str) -> None:
        self._console, self._words = console, words

    def draw(self) -> None:
        """Write it below everything else."""
        line = Styled(self._words, style="dim", overflow="ellipsis", no_wrap=True)
        line.truncate(max(1, self._console.width - 1), overflow="ellipsis")  # on one line, so that it can be erased
        self._console.print(line, end="" if self._console.is_terminal else "\n", soft_wrap=True)

    def erase(self) -> None:
        """Make room for what comes next."""
        if self._console.is_terminal:
            self._console.control(Control((ControlType.CURSOR_MOVE_TO_COLUMN, 0), (ControlType.ERASE_IN_LINE, 2)))


def write_heading(console: Console, file: Path) -> None:
    """Write what was checked when, so that one sees where a check begins."""
    title = Styled(f"{time.strftime('%H:%M:%S')} {file.name}", style="bold")
    console.print(Rule(title, align="left", style="dim"))


def _differs(before: CriterionResult | None, now: CriterionResult) -> bool:
    return before is None or (before.outcome, before.title, before.message) != (now.outcome, now.title, now.message)


def _events(file: Path) -> Iterator[Event]:
    """Yield keys and saves as they come; a file that is gone for a moment is being saved."""

    def stamp() -> tuple[int, int] | None:
        try:
            found = file.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size

    before = stamp()
    with _single_keys() as key_within:
        while True:
            key = key_within(_LOOK_EVERY_S)
            if key in ("h", "H"):
                yield Event.HINT
            elif key in ("q", "Q"):
                yield Event.QUIT
            if (now := stamp()) not in (before, None):
                before = now
                yield Event.SAVED


@contextlib.contextmanager
def _single_keys() -> Iterator[Callable[[float], str]]:
    """Yield a function that waits so many seconds for a key; without a keyboard it only waits."""
    try:
        import termios
        import tty
    except ImportError:  # on Windows
        termios = None  # type: ignore[assignment]
    if termios is None or not sys.stdin.isatty():
        yield _no_key
        return

    keyboard = sys.stdin.fileno()

    def key_within(seconds: float) -> str:
        ready, _, _ = select.select([keyboard], [], [], seconds)
        return os.read(keyboard, 1).decode(errors="replace") if ready else ""

    settings = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    try:
        yield key_within
    finally:
        termios.tcsetattr(keyboard, termios.TCSADRAIN, settings)


def _no_key(seconds: float) -> str:
    time.sleep(seconds)
    return ""
