"""Tables of scores: for spreadsheets, and as the gradebooks of Canvas and Moodle import them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.base.errors import UsageError
from autograder.base.i18n import text
from autograder.lms.scores import Score

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_BOM = "\ufeff"
"""Makes spreadsheets read UTF-8."""
_CANVAS_HEAD = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_CANVAS_WHOSE = ("ID", "SIS User ID", "SIS Login ID", "Student")
_MOODLE_HEAD = ("Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade", "Feedback comments")
_MOODLE_WHOSE = ("ID number", "Username", "Email address", "Full name", "Identifier")
_ID_BEHIND = re.compile(r"^(?P<name>.+)_(?P<id>\d+)$")


@dataclass(frozen=True)
class Exported:
    """A file, and the students whose scores have no place in it.

    Args:
        content: of the file.
        unplaced: students that are not in the roster.
    """

    content: str | bytes
    unplaced: tuple[str, ...] = ()


def _exercises(scores: Sequence[Score]) -> list[str]:
    return list(dict.fromkeys(name for score in scores for name in score.exercises))


def _rows(scores: Sequence[Score]) -> list[list[Any]]:
    """Return a header and a line for each score."""
    names = _exercises(scores)
    rows: list[list[Any]] = [["student", "assignment", "status", "score", "max_score", *names]]
    for score in scores:
        rows.append(
            [score.student, score.assignment, score.status, score.score, score.max_score]
            + [score.exercises.get(name) for name in names]
        )
    return rows


def as_csv(scores: Sequence[Score]) -> Exported:
    """Return a CSV file with a line per student and assignment and a column per exercise."""
    return Exported(_written(_rows(scores)))


def as_xlsx(scores: Sequence[Score]) -> Exported:
    """Return a workbook with a sheet for each assignment."""
    import openpyxl
    from openpyxl.styles import Font

    book = openpyxl.Workbook()
    book.remove(book.active)
    for name in dict.fromkeys(score.assignment for score in scores):
        sheet = book.create_sheet(re.sub(r"[\[\]:*?/\\]", "_", name)[:31])
        for row in _rows([score for score in scores if score.assignment == name]):
            sheet.append([None] * len(row))
            for column, value in enumerate(row, 1):
                cell = sheet.cell(sheet.max_row, column)
                cell.value = _printable(value)
                if isinstance(value, str):
                    cell.data_type = "s"  # what looks like a formula stays text
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "B2"
    content = io.BytesIO()
    book.save(content)
    return Exported(content.getvalue())


def as_canvas(scores: Sequence[Score], roster: Path | None) -> Exported:
    """Return a table that Canvas's gradebook imports.

    It is the roster with the scores filled in; without one, a table by the numbers in students' names.

    Args:
        scores: of any number of assignments, one column each.
        roster: an export of Canvas's gradebook.

    Raises:
        UsageError: the roster is not such an export.
    """
    assignments = {score.assignment: score.max_score for score in scores}
    if roster is None:
        return _canvas_without_roster(scores, assignments)
    rows = _read(roster)
    head = rows[0]
    if "Student" not in head or not set(head) & set(_CANVAS_WHOSE[:3]):
        raise UsageError(
            text("{roster}: is not an export of Canvas's gradebook: it has no columns Student and ID", roster=roster)
        )
    columns = {name: _canvas_column(head, name) for name in assignments}
    for row in rows:
        row.extend([""] * (len(head) - len(row)))
    points = next((row for row in rows[1:3] if row[0].strip() == "Points Possible"), None)
    if points is not None:
        for name, column in columns.items():
            points[column] = points[column] or f"{assignments[name]:g}"
    students = [row for row in rows[1:] if row is not points and row[0].strip()]
    unplaced = _fill(
        students,
        scores,
        [head.index(n) for n in _CANVAS_WHOSE if n in head],
        lambda s: {columns[s.assignment]: _number(s)},
    )
    return Exported(_written(rows), unplaced)


def _canvas_column(head: list[str], assignment: str) -> int:
    """Return the column of an assignment, named after it with or without Canvas's number; add it if missing."""
    for position, title in enumerate(head):
        if re.sub(r"\s*\(\d+\)$", "", title) == assignment:
            return position
    head.append(assignment)
    return len(head) - 1


def _canvas_without_roster(scores: Sequence[Score], assignments: Mapping[str, float]) -> Exported:
    rows: list[list[Any]] = [
        [*_CANVAS_HEAD, *assignments],
        ["    Points Possible", "", "", "", "", *(f"{points:g}" for points in assignments.values())],
    ]
    for student in dict.fromkeys(score.student for score in scores):
        found = _ID_BEHIND.match(student)
        whose = [found["name"], found["id"], "", "", ""] if found else [student, "", "", student, ""]
        of_student = {score.assignment: _number(score) for score in scores if score.student == student}
        rows.append(whose + [of_student.get(name, "") for name in assignments])
    return Exported(_written(rows))


def as_moodle(scores: Sequence[Score], roster: Path | None) -> Exported:
    """Return Moodle's grading worksheet with the scores filled in, or a table to import grades by ID number.

    Args:
        scores: of one assignment.
        roster: the worksheet from Moodle.

    Raises:
        UsageError: there are several assignments, or the roster is not such a worksheet.
    """
    names = {score.assignment for score in scores}
    if len(names) != 1:
        raise UsageError(
            text("Moodle takes one assignment per file, not {count}; choose one with --assignment", count=len(names))
        )
    if roster is None:
        rows: list[list[Any]] = [["ID number", min(names), "Feedback comments"]]
        rows += [[score.student, _number(score), score.feedback] for score in scores]
        return Exported(_written(rows))
    sheet = _read(roster)
    head = sheet[0]
    if "Identifier" not in head or "Grade" not in head:
        raise UsageError(
            text(
                "{roster}: is not a grading worksheet of Moodle: it has no columns Identifier and Grade", roster=roster
            )
        )
    columns = {"grade": head.index("Grade")}
    if "Feedback comments" in head:
        columns["feedback"] = head.index("Feedback comments")
    for row in sheet:
        row.extend([""] * (len(head) - len(row)))

    def values(score: Score) -> dict[int, str]:
        told = {columns["feedback"]: _plain(score.feedback)} if "feedback" in columns else {}
        return {columns["grade"]: _number(score)} | told

    unplaced = _fill(sheet[1:], scores, [head.index(n) for n in _MOODLE_WHOSE if n in head], values)
    return Exported(_written(sheet, plain=False), unplaced)


def _fill(rows: Sequence[list[str]], scores: Sequence[Score], whose: Sequence[int], values: Any) -> tuple[str, ...]:
    """Put scores into the lines of their students; return the students found in no line, or in several."""
    lines: dict[str, list[list[str]]] = {}
    for row in rows:
        for name in {_folded(row[column]) for column in whose if row[column].strip()}:
            lines.setdefault(name, []).append(row)
    unplaced: list[str] = []
    for score in scores:
        found = _ID_BEHIND.match(score.student)
        names = [score.student, *((found["id"], f"Participant {found['id']}", found["name"]) if found else ())]
        fitting = [lines[_folded(n)] for n in names if len(lines.get(_folded(n), ())) == 1]
        if not fitting:
            unplaced.append(score.student)
            continue
        for column, value in values(score).items():
            fitting[0][0][column] = value
    return tuple(dict.fromkeys(unplaced))


def _folded(name: str) -> str:
    return " ".join(name.split()).casefold()


def _number(score: Score) -> str:
    """Return a score as LMSs read it; empty if there is none, which leaves what they have."""
    return "" if score.score is None else f"{score.score:.6g}"


def _read(path: Path) -> list[list[str]]:
    try:
        content = path.read_text(encoding="utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(content, newline=""), strict=True) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(text("{path}: cannot be read as CSV: {error}", path=path, error=error)) from error
    if not rows:
        raise UsageError(text("{path}: is empty", path=path))
    return rows


def _written(rows: Iterable[Sequence[Any]], *, plain: bool = True) -> str:
    """Return the lines as CSV; nothing a student wrote becomes a formula."""
    content = io.StringIO(newline="")
    content.write(_BOM)
    writer = csv.writer(content, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_plain(value) if plain else value for value in row])
    return content.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, str) and value.startswith(_STARTS_A_FORMULA) and not re.fullmatch(r"[+-]?[\d.]+", value):
        return f"'{value}"
    return value


def _printable(value: Any) -> Any:
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "\ufffd", value) if isinstance(value, str) else value
