"""Tables of scores: for spreadsheets, and for the gradebooks of Canvas and Moodle where there is no roster."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from autograder.base.errors import UsageError
from autograder.base.extras import needs_extra
from autograder.lms.scores import Score

_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CANVAS_HEAD = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
_ID_BEHIND = re.compile(r"^(?P<name>.+)_(?P<id>\d+)$")


def _exercises(scores: Sequence[Score]) -> list[str]:
    return list(dict.fromkeys(name for score in scores for name in score.exercises))


def _rows(scores: Sequence[Score]) -> list[list[Any]]:
    """Return a header and a line for each score; ``final`` is no while a person has to grade something."""
    names = _exercises(scores)
    rows: list[list[Any]] = [["student", "assignment", "status", "score", "max_score", "final", *names]]
    for score in scores:
        rows.append(
            [score.student, score.assignment, score.status, score.score, score.max_score]
            + ["yes" if score.is_final else "no"]
            + [score.exercises.get(name) for name in names]
        )
    return rows


def as_csv(scores: Sequence[Score]) -> bytes:
    """Return a CSV file with a line per student and assignment and a column per exercise."""
    return _written(_rows(scores))


def as_xlsx(scores: Sequence[Score]) -> bytes:
    """Return a workbook with a sheet for each assignment.

    Raises:
        UsageError: the extra that writes workbooks is not installed.
    """
    try:
        import openpyxl
        from openpyxl.styles import Font
    except ImportError as error:
        raise UsageError(needs_extra("--to xlsx", "spreadsheets", error)) from error

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
    return content.getvalue()


def as_canvas(scores: Sequence[Score]) -> bytes:
    """Return a table that Canvas's gradebook imports, by the numbers in students' names, a column per assignment."""
    assignments = {score.assignment: score.max_score for score in scores}
    rows: list[list[Any]] = [
        [*_CANVAS_HEAD, *assignments],
        ["    Points Possible", "", "", "", "", *(f"{points:g}" for points in assignments.values())],
    ]
    for student in dict.fromkeys(score.student for score in scores):
        found = _ID_BEHIND.match(student)
        whose = [found["name"], found["id"], "", "", ""] if found else [student, "", "", student, ""]
        of_student = {score.assignment: _number(score) for score in scores if score.student == student}
        rows.append(whose + [of_student.get(name, "") for name in assignments])
    return _written(rows)


def as_moodle(scores: Sequence[Score]) -> bytes:
    """Return a table from which Moodle imports the grades of one assignment by ID number."""
    rows: list[list[Any]] = [["ID number", scores[0].assignment, "Feedback comments"]]
    rows += [[score.student, _number(score), score.feedback] for score in scores]
    return _written(rows)


def _number(score: Score) -> str:
    """Return a score as LMSs read it; empty if there is none."""
    return "" if score.score is None else f"{score.score:.6g}"


def _written(rows: Iterable[Sequence[Any]]) -> bytes:
    """Return the lines as CSV; nothing a student wrote becomes a formula."""
    content = io.StringIO(newline="")
    writer = csv.writer(content, lineterminator="\r\n")
    for row in rows:
        writer.writerow([_plain(value) for value in row])
    return content.getvalue().encode("utf-8-sig")


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:.10g}"
    return not_a_formula(value) if isinstance(value, str) else value


def not_a_formula(words: str) -> str:
    """Return words that spreadsheets show as they are; numbers stay numbers.

    >>> not_a_formula("=HYPERLINK(1)"), not_a_formula("-1.5")
    ("'=HYPERLINK(1)", '-1.5')
    """
    is_formula = words.lstrip(" ").startswith(_STARTS_A_FORMULA) and not re.fullmatch(r"[+-]?[\d.]+", words)
    return f"'{words}" if is_formula else words


def _printable(value: Any) -> Any:
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "\ufffd", value) if isinstance(value, str) else value
