"""What a roster says: who stands in which row, which column takes the scores, and how many points it is worth.

.. code-block:: text

    Canvas    Student | LastName FirstName   ID   SIS User ID   SIS Login ID   Section   TITLE (number) ...  totals
              a row of points possible, perhaps a row of posting policies; the heads are always English
    Moodle    identifier   [name   other ids]   status   grade   maximum | scale   may change  ...  graded on  comment
              the heads are in the user's language; the order is always this one
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import permutations
from pathlib import Path

from autograder.base.errors import UsageError
from autograder.base.i18n import printable, text
from autograder.lms.roster_file import Record, RosterFile

_CANVAS_IDS = ("SIS User ID", "SIS Login ID", "Integration ID")
_CANVAS_OWN = {"Student", "LastName", "FirstName", "ID", *_CANVAS_IDS, "Root Account", "Section"}
_CANVAS_NUMBER = re.compile(r"\s*\(\d+\)$")
_TEST_STUDENTS = {"studenttest", "teststudent"}
_LOGIN_OF_A_TEST_STUDENT = re.compile(r"[0-9a-f]{40}")
_IDENTIFIER = re.compile(r"^(?P<word>[^@\d]*[^@\d\s])\s*(?P<number>\d+)$")
_GRADES = {
    *("Grade", "Bewertung", "成绩", "成績", "分数", "評定", "評点", "Note", "Calificación", "Nota", "Valutazione"),
    *("Voto", "Avaliação", "Оценка", "Cijfer", "Ocena", "Betyg"),
}
_MAXIMUM = re.compile("max|máx|massim|höchst|最高|最大|满分|滿分", re.I)
_COMMENTS = re.compile(
    "feedback|comment|koment|coment|kommentar|rétroaction|retroal|评语|反馈|評語|回饋|フィードバック", re.I
)
_NO = {"no", "nein", "否", "不", "non", "いいえ", "não", "nee", "нет", "nej", "nie"}
_NOBODY_YET = "-"
_SIMILAR = 0.5
_DATE = re.compile(r"\d.*\d{4}|\d{4}.*\d", re.DOTALL)
_NUMBER = re.compile(r"-?\d[\d.,\u00a0\u202f]*")


@dataclass(frozen=True)
class Person:
    """A row of a student.

    Args:
        record: the row.
        number: the LMS's own number of the student.
        ids: other ids, case folded.
        names: spellings of the name, only letters and digits, case folded.
        shown: as a message calls them.
        locked: the LMS takes no score for them.
        graded: a score in the row comes from the LMS; False if the LMS says that nobody has graded.
    """

    record: Record
    number: str
    ids: frozenset[str]
    names: frozenset[str]
    shown: str
    locked: bool = False
    graded: bool = True


@dataclass(frozen=True)
class ScoreColumn:
    """A column that takes scores.

    Args:
        column: its position.
        title: its head.
        points: what it is worth, if the roster says so.
    """

    column: int
    title: str
    points: float | None


@dataclass(frozen=True)
class Roster:
    """A roster that was understood.

    Args:
        file: its bytes.
        system: ``Canvas`` or ``Moodle``.
        people: a row for each student; Canvas's test student is none.
        columns: by assignment.
        decimal_mark: a point or a comma.
        name_columns: contain what students chose themselves.
        comment_column: takes feedback.
    """

    file: RosterFile
    system: str
    people: Sequence[Person]
    columns: dict[str, ScoreColumn]
    decimal_mark: str
    name_columns: tuple[int, ...] = ()
    comment_column: int | None = None


def number_in(cell: str) -> float | None:
    """Return the number in a cell, with a decimal point or comma; None if it is something else.

    >>> number_in("40,00"), number_in("1,234.5"), number_in("EX")
    (40.0, 1234.5, None)
    """
    cell = cell.strip()
    if not _NUMBER.fullmatch(cell):
        return None
    whole, _, decimals = re.sub(r"[\u00a0\u202f]", "", cell).replace(",", ".").rpartition(".")
    return float(f"{whole.replace('.', '')}.{decimals}" if whole else decimals)


def folded(words: str) -> str:
    """Return an id as ids are compared."""
    return " ".join(words.split()).casefold()


def squeezed(name: str) -> str:
    """Return a name as names are compared: letters and digits.

    >>> squeezed("Müller-Lüdenscheidt, Eva") == squeezed("müllerlüdenscheidt eva")
    True
    """
    return "".join(c for c in unicodedata.normalize("NFKC", name).casefold() if c.isalnum())


def canvas(path: Path, assignments: Mapping[str, float], *, title: str | None = None, add: bool = False) -> Roster:
    """Read an export of Canvas's gradebook.

    Args:
        path: the file.
        assignments: whose columns are needed, and what they are worth here.
        title: the head of the only assignment's column, if it is not the assignment's name.
        add: add a column that is not there.

    Raises:
        UsageError: it is no such export, or has no such column.
    """
    file = RosterFile(path)
    if (found := _canvas_rows(file)) is None:
        raise UsageError(
            text(
                "{roster}: is not an export of Canvas's gradebook: it has no columns Student (or LastName and "
                "FirstName) and ID",
                roster=path,
            )
        )
    names, students, people, points = found
    many = len(assignments) > 1
    asked = [_Asked(name, title or name, worth, many) for name, worth in assignments.items()]
    columns = {one.assignment: _canvas_column(file, one, points, add=add) for one in asked}
    cells = [[points[c] for c in range(len(file.head))] if points else [], *_cells(students)]
    return Roster(file, "Canvas", people, columns, _decimal_mark(file, cells), names)


def canvas_students(file: RosterFile) -> Sequence[Person] | None:
    """Return the students of an export of Canvas's gradebook; None if the file is something else."""
    found = _canvas_rows(file)
    return None if found is None else found[2]


def _canvas_rows(file: RosterFile) -> tuple[tuple[int, ...], list[Record], list[Person], Record | None] | None:
    """Return the columns of names, the rows of people, the people but for Canvas's own, and the row of points."""
    place = {head.strip(): column for column, head in reversed(list(enumerate(file.head)))}
    names = (
        (place["Student"],) if "Student" in place else tuple(place[n] for n in ("LastName", "FirstName") if n in place)
    )
    if not names or not place.keys() & {"ID", *_CANVAS_IDS}:
        return None
    ids = [place[name] for name in ("ID", *_CANVAS_IDS) if name in place]
    students = [row for row in file.records[1:] if any(row[column].strip() for column in ids)]
    lines = {row.line for row in students}
    others = [row for row in file.records[1:] if row.line not in lines]
    points = next((row for row in others if _says_points(row, names[0], after=max(ids))), None)
    students += [row for row in others if row is not points and any(row[column].strip() for column in names)]
    people = [_canvas_person(row, place, names) for row in students]
    return names, students, [person for person in people if not _is_test_student(person)], points


def _says_points(row: Record, name: int, *, after: int) -> bool:
    """Return whether a row without any id says what the columns are worth."""
    numbers = [cell for cell in row.raw[after + 1 :] if number_in(cell.strip('"')) is not None]
    return "points possible" in row[name].casefold() or bool(row[name].strip() and numbers)


def _canvas_person(row: Record, place: dict[str, int], names: tuple[int, ...]) -> Person:
    parts = [row[column].strip() for column in names]
    if len(parts) == 1:
        parts = [part.strip() for part in parts[0].split(",")]
    return Person(
        record=row,
        number=row[place["ID"]].strip() if "ID" in place else "",
        ids=frozenset(folded(row[place[n]]) for n in _CANVAS_IDS if n in place and row[place[n]].strip()),
        names=_orders(parts),
        shown=printable(", ".join(part for part in parts if part) or f"#{row.line}"),
    )


def _is_test_student(person: Person) -> bool:
    """Return whether Canvas made up this student, under a name in whatever language, to show teachers their view."""
    logins = [one for one in person.ids if _LOGIN_OF_A_TEST_STUDENT.fullmatch(one)]
    return bool(person.names & _TEST_STUDENTS) or bool(person.ids and len(logins) == len(person.ids))


def _orders(parts: Sequence[str]) -> frozenset[str]:
    """Return a name with its parts in any order."""
    return frozenset(squeezed("".join(order)) for order in permutations(parts[:3])) - {""}


@dataclass(frozen=True)
class _Asked:
    """A column that is needed.

    Args:
        assignment: whose scores go there.
        title: its head.
        worth: what the assignment is worth here.
        is_one_of_many: other assignments need columns too.
    """

    assignment: str
    title: str
    worth: float
    is_one_of_many: bool


def _canvas_column(file: RosterFile, asked: _Asked, points: Record | None, *, add: bool) -> ScoreColumn:
    """Return the column with a title, with or without Canvas's number behind it."""
    heads, title = [head.strip() for head in file.head], asked.title.strip()
    found = [c for c, head in enumerate(heads) if head == title] or [
        c for c, head in enumerate(heads) if _CANVAS_NUMBER.sub("", head) == title and head not in _CANVAS_OWN
    ]
    if not found and add:
        return _added(file, asked, points)
    free = [c for c, head in enumerate(heads) if head and head not in _CANVAS_OWN and not _is_read_only(points, c)]
    if len(found) != 1:
        raise _which_column(file, asked, [heads[c] for c in found], [heads[c] for c in free])
    if found[0] not in free:
        raise UsageError(
            text("{roster}: Canvas takes no scores in column {title}; it is read only", roster=file.path, title=title)
        )
    return ScoreColumn(found[0], heads[found[0]], number_in(points[found[0]]) if points else None)


def _is_read_only(points: Record | None, column: int) -> bool:
    """Return whether the row of points has words, in whatever language, where a number would stand."""
    return points is not None and bool(points[column].strip()) and number_in(points[column]) is None


def _added(file: RosterFile, asked: _Asked, points: Record | None) -> ScoreColumn:
    column = len(file.head)
    for record in file.records:
        file.put(record, column, "")
    file.put(file.records[0], column, asked.title)
    if points is not None:
        file.put(points, column, f"{asked.worth:g}")
    file.head.append(asked.title)
    return ScoreColumn(column, asked.title, asked.worth)


def _which_column(file: RosterFile, asked: _Asked, found: Sequence[str], free: Sequence[str]) -> UsageError:
    """Return the error that asks for the title of a column."""
    option = f"--assignment {asked.assignment} --column" if asked.is_one_of_many else "--column"
    values = {"roster": file.path, "title": printable(asked.title), "option": option}
    if found:
        titles = ", ".join(f'"{printable(head)}"' for head in found)
        return UsageError(
            text(
                "{roster}: several columns are called {title}: {titles}; name one with {option}",
                **values,
                titles=titles,
            )
        )
    similar = sorted(free, key=lambda head: -_similarity(asked.title, head))
    similar = [head for head in similar if _similarity(asked.title, head) >= _SIMILAR]
    if similar:
        options = " / ".join(f'{option} "{printable(head)}"' for head in similar[:3])
        return UsageError(
            text(
                "{roster}: has no column {title}; is it one of these: {titles}? (--new-column adds a column, which "
                "Canvas imports as a new assignment)",
                **values,
                titles=options,
            )
        )
    titles = ", ".join(f'"{printable(head)}"' for head in free[:8]) or "–"
    return UsageError(
        text(
            "{roster}: has no column {title}; name the right one with {option} TITLE; there are: {titles} "
            "(--new-column adds a column, which Canvas imports as a new assignment)",
            **values,
            titles=titles,
        )
    )


def _similarity(title: str, head: str) -> float:
    """Return how alike two titles are, from 0 to 1; one inside the other is as good as equal."""
    one, other = squeezed(title), squeezed(_CANVAS_NUMBER.sub("", head))
    if one and other and (one in other or other in one):
        return 1.0
    words = {w for w in re.split(r"[\W_]+", title.casefold()) if w}
    shared = words & set(re.split(r"[\W_]+", head.casefold()))
    return max(SequenceMatcher(None, one, other).ratio(), len(shared) / max(1, len(words)))


def moodle(path: Path, assignment: str, *, title: str | None = None) -> Roster:
    """Read a grading worksheet of Moodle's, whose heads are in any language.

    Args:
        path: the file.
        assignment: whose scores it takes.
        title: the head of the column of grades, if it cannot be recognized.

    Raises:
        UsageError: it is no such worksheet, or takes words of a scale.
    """
    file = RosterFile(path)
    rows = file.records[1:]
    identifier = _identifiers(file, rows)
    column = None if identifier is None else _moodle_grades(file, rows, title)
    if identifier is None or column is None:
        heads = ", ".join(f'"{printable(head)}"' for head in file.head)
        raise UsageError(
            text(
                "{roster}: is not a grading worksheet of Moodle: neither the heads nor the cells tell the columns of "
                "identifiers and grades ({heads}); if there are some, name that of the grades with --column TITLE",
                roster=path,
                heads=heads,
            )
        )
    most, scale = _maximum(file, rows, column)
    if scale:
        raise UsageError(
            text(
                "{roster}: column {title} takes words of a scale ({words}), not points; set the assignment to points "
                "in Moodle and download the worksheet again",
                roster=path,
                title=printable(file.head[column]),
                words=printable(scale),
            )
        )
    may_change, graded_on, comment = _behind_the_grade(file, rows, column)
    names = _names(rows, identifier, column)
    about = range(column) if identifier < column else [c for c in range(len(file.head)) if c != column]
    people = [
        Person(
            record=row,
            number=found["number"]
            if (found := _IDENTIFIER.match(row[identifier].strip()))
            else row[identifier].strip(),
            ids=frozenset(folded(row[c]) for c in about if row[c].strip()),
            names=frozenset(squeezed(row[c]) for c in about if c != identifier) - {""},
            shown=printable(row[names[0] if names else identifier]),
            locked=may_change is not None and folded(row[may_change]) in _NO,
            graded=graded_on is None or row[graded_on].strip() != _NOBODY_YET,
        )
        for row in rows
    ]
    marks = [
        [] if most is None else [f"{row[column + 1]}" for row in rows],
        [row[column] for row in rows],
        *_cells(rows),
    ]
    target = ScoreColumn(column, file.head[column].strip(), most)
    return Roster(file, "Moodle", people, {assignment: target}, _decimal_mark(file, marks), names, comment)


def _identifiers(file: RosterFile, rows: Sequence[Record]) -> int | None:
    """Return the column of identifiers, a word and a number each: ``Participant 1001``, ``Teilnehmer/in1001``."""
    for column, head in enumerate(file.head):
        if head.strip() == "Identifier" or are_identifiers([row[column] for row in rows]):
            return column
    return 0 if rows and all(row[0].strip().isdecimal() for row in rows) else None


def _names(rows: Sequence[Record], identifier: int, grade: int) -> tuple[int, ...]:
    """Return the column of names: right behind the identifiers, unless the marking is blind and states stand there."""
    cells = [row[identifier + 1] for row in rows]
    return (identifier + 1,) if grade > identifier + 2 and 2 * len(set(cells)) > len(cells) else ()


def are_identifiers(cells: Sequence[str]) -> bool:
    """Return whether cells name people as Moodle does, by a word and a number: ``Participant 7``."""
    found = [_IDENTIFIER.match(cell.strip()) for cell in cells]
    return bool(found) and None not in found and len({match["word"] for match in found if match}) == 1


def _moodle_grades(file: RosterFile, rows: Sequence[Record], title: str | None) -> int | None:
    """Return the column of grades: the one asked for, or known by its head, or before one maximum for everybody."""
    heads = [head.strip() for head in file.head]
    if title is not None:
        return heads.index(title.strip()) if title.strip() in heads else None
    known = [c for c, head in enumerate(heads) if head in _GRADES]
    if len(known) == 1:
        return known[0]
    before = [c for c in range(1, len(heads) - 1) if _takes_marks(rows, c) and any(_same_for_all(rows, c + 1))]
    chosen = [c for c in before if c in known] or before
    return chosen[0] if len(chosen) == 1 else None


def _takes_marks(rows: Sequence[Record], column: int) -> bool:
    """Return whether most cells are empty or numbers; names, ids and states are neither."""
    cells = [row[column].strip() for row in rows]
    marks = [cell for cell in cells if cell in ("", "-") or number_in(cell) is not None]
    return bool(cells) and 2 * len(marks) > len(cells)


def _maximum(file: RosterFile, rows: Sequence[Record], grade: int) -> tuple[float | None, str]:
    """Return the points, or the words of the scale, that a worksheet names for all rows alike."""
    beside = _same_for_all(rows, grade + 1)
    if any(beside):
        return beside
    for column, head in enumerate(file.head):  # somebody has moved the columns
        if _MAXIMUM.search(head) and (points := _same_for_all(rows, column)[0]) is not None:
            return points, ""
    return None, ""


def _same_for_all(rows: Sequence[Record], column: int) -> tuple[float | None, str]:
    """Return the number, or the words, that every row has in a column."""
    cells = {row[column].strip() for row in rows}
    if len(cells) != 1:
        return None, ""
    (cell,) = cells
    words = [word.strip() for word in re.split(r"[\r\n,]+", cell) if word.strip()]
    number = number_in(cell)
    return number, ", ".join(words) if number is None and len(words) > 1 else ""


def _behind_the_grade(
    file: RosterFile, rows: Sequence[Record], grade: int
) -> tuple[int | None, int | None, int | None]:
    """Return the columns that say whether the grade may change and when it was given, and that of comments."""
    behind = range(grade + 2, len(file.head))
    few = (c for c in behind[:2] if any(folded(row[c]) in _NO for row in rows))
    stamps = [
        c for c in behind if rows and all((cell := row[c].strip()) == _NOBODY_YET or _DATE.search(cell) for row in rows)
    ]
    graded_on = max(stamps, default=None)
    if graded_on is not None and graded_on + 1 < len(file.head):
        return next(few, None), graded_on, graded_on + 1
    named = (c for c in reversed(behind) if _COMMENTS.search(file.head[c]))
    return next(few, None), graded_on, next(named, None)


def _cells(rows: Sequence[Record]) -> list[list[str]]:
    return [[row[c] for row in rows for c in range(len(row.raw))]]


def _decimal_mark(file: RosterFile, groups: Iterable[Sequence[str]]) -> str:
    """Return the decimal mark of the first group of cells that has one."""
    for cells in groups:
        commas, points = (
            sum(re.fullmatch(rf"-?\d+{mark}\d+", cell.strip()) is not None for cell in cells) for mark in (",", r"\.")
        )
        if commas or points:
            return "," if commas > points else "."
    return "," if file.delimiter == ";" else "."
