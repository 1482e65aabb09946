"""Scores for other systems: what a form asks for, and the files of `autograder export` that answer it.

Tables are made in the gradebook's process; folders with which others run our grader are made here and packed.
"""

from __future__ import annotations

import base64
import io
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, text
from autograder.course.configuration import is_nbgrader_course
from autograder.course.course import Course
from autograder.lms import exporting
from autograder.lms.filling import Filled
from autograder.lms.formats import FILES, REPORTS, ROSTERS, RUNNERS, ScoreFormat
from autograder.lms.scores import Score
from autograder.results.journal import RESULTS

MOST_BYTES = 2 << 20
"""Of a roster: one of ten thousand people has half of it."""
_FILLED = TypeAdapter(Filled)
ROSTER = "roster.csv"
"""What a roster is called whose name nobody has said."""
_FOLDERS = (ScoreFormat.gradescope, ScoreFormat.classroom50)
"""A file for each submission."""


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to export.

    Args:
        to: the format.
        assignment: the only one, or nothing for all of them.
        language: of what people read in it.
        roster: the bytes of a roster to be filled, in base64.
        roster_name: what it is called in messages: a name without a folder.
        column: the title of the roster's column of scores.
        new_column: add a column.
        scale: convert scores to the points that the column is worth.
        overwrite: replace what the roster says already.
    """

    to: str
    assignment: str | None
    language: str
    roster: str | None = None
    roster_name: str = ROSTER
    column: str | None = None
    new_column: bool = False
    scale: bool = False
    overwrite: bool = False


@dataclass(frozen=True)
class Exported:
    """What was made.

    Args:
        file: its name.
        content: its bytes.
        done: what was done to a roster.
    """

    file: str
    content: bytes
    done: Filled | None = None

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Exported:
        """Return it as it came from the gradebook's process."""
        done = None if values["done"] is None else _FILLED.validate_python(values["done"])
        return cls(values["file"], base64.b64decode(values["content"]), done)

    def to_values(self) -> dict[str, Any]:
        """Return it as it travels."""
        done = None if self.done is None else _FILLED.dump_python(self.done, mode="json")
        return {"file": self.file, "content": base64.b64encode(self.content).decode(), "done": done}


def export(course: Course, wanted: dict[str, Any]) -> dict[str, Any]:
    """Answer a request in the gradebook's process.

    Raises:
        AutograderError: what is wanted cannot be made.
    """
    return make(course, Wanted(**wanted)).to_values()


def make(course: Course, wanted: Wanted) -> Exported:
    """Return the file that `autograder export` writes; where that is a folder, it is packed.

    Raises:
        AutograderError: what is wanted cannot be made.
    """
    to = ScoreFormat(wanted.to)
    if to in RUNNERS:
        return _runner(course, to, wanted.assignment)
    results = course.root / RESULTS
    has_gradebook = is_nbgrader_course(course.root)
    if not results.is_file() and (to in REPORTS or not has_gradebook):
        raise UsageError(text("nothing has been graded yet, so there are no scores to export"))
    if to in REPORTS:
        reports = exporting.reports_in(results, wanted.assignment)
        if to not in _FOLDERS:
            return Exported(FILES[to], exporting.report_file(to, reports, wanted.language, {}).encode())
        file = "results.json" if to is ScoreFormat.gradescope else FILES[to]
        made = ((exporting.place_of(r, file), exporting.report_file(to, [r], wanted.language, {})) for r in reports)
        return Exported(f"{to.value}.zip", _packed((str(place), content.encode(), 0o644) for place, content in made))
    reports = exporting.reports_in(results, wanted.assignment, may_be_none=has_gradebook)
    found = exporting.score_list(to, reports, wanted.assignment, course.root, wanted.language, gradebook=has_gradebook)
    if wanted.roster is None or to not in ROSTERS:
        return Exported(FILES[to], exporting.table(to, found))
    with tempfile.TemporaryDirectory() as folder:
        try:
            return _filled(found, to, wanted, Path(folder) / wanted.roster_name)
        except UsageError as error:
            raise UsageError(_without(folder, error.text)) from error


def _filled(found: list[Score], to: ScoreFormat, wanted: Wanted, roster: Path) -> Exported:
    roster.write_bytes(base64.b64decode(wanted.roster or ""))
    options = {"new_column": wanted.new_column, "scale": wanted.scale, "overwrite": wanted.overwrite}
    content, done = exporting.filled(found, to, roster, column=wanted.column, **options)
    folder = str(roster.parent)
    for words in (done.kept, done.kept_comments, done.unplaced):
        words[:] = [(student, _without(folder, reason)) for student, reason in words]
    done.notes = [_without(folder, note) for note in done.notes]
    return Exported(FILES[to], content, done)


def _without(folder: str, words: Text) -> Text:
    """Return words about the file without the place where it was kept for a moment."""
    return words.map(lambda said: said.replace(f"{folder}/", ""))


def _runner(course: Course, to: ScoreFormat, assignment: str | None) -> Exported:
    if assignment is None:
        raise UsageError(text("choose one assignment: others run the grader for one at a time"))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / to.value
        exporting.make_runner(to, course, assignment, folder)
        files = sorted(file for file in folder.rglob("*") if file.is_file())
        made = ((str(file.relative_to(folder)), file.read_bytes(), file.stat().st_mode) for file in files)
        return Exported(f"{to.value}-{assignment}.zip", _packed(made))


def _packed(files: Iterable[tuple[str, bytes, int]]) -> bytes:
    """Return files in a zip, each with its name, its bytes and its rights."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, some, mode in files:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = (mode & 0o777) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, some)
    return content.getvalue()
