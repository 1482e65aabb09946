"""What all commands share: languages, JSON, the console, and the one place where an error becomes an exit code.

Exit codes: 0 done, 1 something did not pass or could not be graded, 2 wrong usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import AutograderError, ConfigError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from autograder.base.i18n import Language, Text
    from autograder.course.course import Course


LangOption = Annotated[
    str | None,
    typer.Option("--lang", metavar="LANGUAGE", help="Language of the output: zh, en or another one of the course."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
JobsOption = Annotated[
    int | None, typer.Option("--jobs", metavar="N", min=1, help="Number of processes; by default one per core.")
]
CourseOption = Annotated[Path, typer.Option("--course", metavar="FOLDER", help="The course's folder, or one in it.")]
UnsafeOption = Annotated[
    bool, typer.Option("--unsafe-no-sandbox", help="Grade even if student code cannot be confined; reports say so.")
]
AssignmentsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="ASSIGNMENT", help="Assignments; by default all of them.")
]
AssignmentArgument = Annotated[str, typer.Argument(metavar="ASSIGNMENT", help="Name of an assignment.")]
ResultsOption = Annotated[Path, typer.Option("--results", metavar="FILE", help="Results that `grade` wrote.")]
RESULTS = Path("results.jsonl")
_NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EPIPE)
_AT_ONCE_S = 0.4
"""Nobody wonders for so long whether anything happens."""
_SHORT_S = 2
"""What has taken less says little of what the rest will take."""


def course_at(folder: Path) -> Course:
    """Return the course that a folder lies in; from now on, its languages are spoken."""
    from autograder.course.course import Course

    course = Course.find(folder)
    _ = course.languages
    return course


def choose(asked: str | None, default: Language | None = None) -> Language:
    """Return the language of the output.

    Args:
        asked: with ``--lang``.
        default: where nobody has chosen one; by default the course's first.

    Raises:
        UsageError: neither the course nor the platform has the language that was asked for.
    """
    from autograder.base.i18n import choose_language, known_languages, text

    if asked and asked not in (known := known_languages()):
        raise UsageError(
            text("--lang: {asked} is not a language here; there are: {names}", asked=asked, names=", ".join(known))
        )
    return choose_language(asked, default)


def console(*, stderr: bool = False) -> Console:
    """Return a console as wide as the terminal."""
    from rich.console import Console

    return Console(stderr=stderr)


def print_json(document: object) -> None:
    """Write one JSON document to the standard output."""
    sys.stdout.write(_as_json(document, indent=2) + "\n")


def print_json_array(items: Iterable[object]) -> None:
    """Write one JSON array, an item per line as it comes: there may be 100,000."""
    between = "["
    for item in items:
        sys.stdout.write(f"{between}\n{_as_json(item)}")
        between = ","
    sys.stdout.write("[]\n" if between == "[" else "\n]\n")


def _as_json(document: object, indent: int | None = None) -> str:
    import json

    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    return json.dumps(document, ensure_ascii=not unicode, indent=indent)


def must_confine(*, unsafe: bool, scratch_mb: int = 0) -> bool:
    """Return whether student code can be confined here; refuse if it cannot, unless ``unsafe``.

    Args:
        unsafe: go on without confinement.
        scratch_mb: size of the largest scratch folder, in MB.

    Raises:
        UsageError: it cannot be confined, and ``unsafe`` is false; or the system cannot grade at all.
    """
    from autograder.sandbox import confine, system

    refusal = confine.refusal(scratch_mb, has_option=True)
    if refusal is not None and not (unsafe and system.can_fork()):
        raise UsageError(refusal)
    return refusal is None


@contextmanager
def errors_as_exit_codes(lang: str | None = None) -> Iterator[None]:
    """Turn an error into a line of text, in the language that was asked for, and an exit code."""
    try:
        yield
    except AutograderError as error:
        raise typer.Exit(tell_error(error, lang)) from error
    except ModuleNotFoundError as error:
        from autograder.sandbox import system

        if error.name not in system.ONLY_UNIX or (refusal := system.refusal()) is None:
            raise
        raise typer.Exit(tell_error(UsageError(refusal), lang)) from error
    except KeyboardInterrupt:
        from autograder.base.i18n import text

        sys.stderr.write(
            text("interrupted; what is done is kept, run the same command again to continue").for_anybody + "\n"
        )
        raise typer.Exit(130) from None


@contextmanager
def full_disks_as_exit_codes() -> Iterator[None]:
    """End with one line where nothing more can be written; without one where nobody reads the output any more."""
    try:
        try:
            yield
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()  # what cannot be written is noticed here, and not when Python ends
    except OSError as error:
        if error.errno not in _NOT_WRITTEN:
            raise
        from autograder.base.i18n import text

        if error.errno != errno.EPIPE:
            words = text("not everything could be written: {reason}", reason=error.strerror)
            sys.stderr.write(f"autograder: {words.for_anybody}\n")
        if sys.stdout is not None:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        raise SystemExit(1) from None


def tell_error(error: AutograderError, lang: str | None = None) -> int:
    """Write an error as a line of text, in the language that was asked for; return the exit code it stands for."""
    from autograder.base.i18n import chosen_language

    words = error.said(chosen_language(lang))
    sys.stderr.write("autograder: " + " ".join(words.split()) + "\n")
    return 2 if isinstance(error, UsageError | ConfigError) else 1


@contextmanager
def waiting(words: Text, language: Language, *, quiet: bool = False) -> Iterator[None]:
    """Say on the standard error what one is waiting for, unless it is done at once.

    Args:
        words: what is being done, such as "checking x.ipynb".
        language: the language of the output.
        quiet: say nothing.
    """
    import threading

    timer = threading.Timer(_AT_ONCE_S, lambda: sys.stderr.write(words.get(language) + " ...\n"))
    timer.daemon = True
    if not quiet:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def progress(total: int, language: Language, *, quiet: bool) -> Iterator[Callable[[], None]]:
    """Show a progress bar of grading, with rate and time to go; yield what to call after each submission."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from autograder.base.i18n import text

    if not total:
        yield lambda: None
        return
    columns = (
        TextColumn(text("grading").get(language)),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(compact=True),
    )
    screen = console(stderr=True)
    words = text("grading one submission") if total == 1 else text("grading {count} submissions", count=total)
    with (
        waiting(words, language, quiet=quiet or screen.is_terminal),
        Progress(*columns, console=screen, disable=quiet) as bar,
    ):
        number = bar.add_task("", total=total, rate="")
        task = bar.tasks[0]

        def advance() -> None:
            elapsed = task.elapsed or 0.0
            speed = (task.completed + 1) / elapsed if elapsed > _SHORT_S else None
            bar.update(number, advance=1, rate=f"{speed:5.1f}/s" if speed else "")

        try:
            yield advance
        except BaseException:
            bar.live.transient = not task.completed  # what was not begun leaves no bar above its error
            raise
