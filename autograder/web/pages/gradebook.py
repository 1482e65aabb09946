"""The gradebook: students by assignments and quizzes, as nbgrader's gradebook has them now; who needs a person.

The first rows stand in the page; a script asks for the others and lets one sort and search all of them. Without it,
pages and the address's parameters do the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from autograder.base.errors import AutograderError, ConfigError, GradebookError
from autograder.base.i18n import Text, same, text
from autograder.gradebook import scores
from autograder.gradebook.scores import Overview, Total
from autograder.report.tables import points
from autograder.web import known_scores
from autograder.web.data import appeals, offerings, overrides, people, submissions
from autograder.web.data.models import Kind, Offering, Person, Role
from autograder.web.pages import places
from autograder.web.visit import Visit

_ON_A_PAGE = 50
_NOTHING = Overview({}, {}, {})


@dataclass(frozen=True)
class Column:
    """An assignment or a quiz.

    Args:
        name: in the gradebook.
        title: for people.
        maximum: what it is worth; None if the gradebook does not know it yet.
        offering: the number under which it is published; None if it is not.
    """

    name: str
    title: Text
    maximum: float | None
    offering: int | None


@dataclass(frozen=True)
class Cell:
    """What one student has in one column.

    Args:
        score: what counts; None if the gradebook has nothing.
        reasons: why a person is needed.
        by_hand: whether a person has given some of the points.
        comes: whether something was handed in that is not graded yet.
    """

    score: float | None
    reasons: tuple[Text, ...] = ()
    by_hand: bool = False
    comes: bool = False


@dataclass(frozen=True)
class Row:
    """One student.

    Args:
        login: their id.
        name: theirs.
        cells: one for each column.
        total: the sum of what counts.
    """

    login: str
    name: str
    cells: tuple[Cell, ...]
    total: float

    @property
    def needs_person(self) -> bool:
        """Whether something of theirs waits for a person."""
        return any(cell.reasons for cell in self.cells)


@dataclass(frozen=True)
class _Waiting:
    """What of the database waits, by offering and person."""

    ungraded: frozenset[tuple[int, int]]
    failed: frozenset[tuple[int, int]]
    appealed: Mapping[tuple[int, int], int]
    overridden: Mapping[tuple[int, int], int]


def gradebook(visit: Visit) -> Response:
    """Show the first rows, or a page of them, or give all of them to the script."""
    columns, rows, queues, elsewhere = _everything(visit)
    if visit.request.query_params.get("as") == "json":
        return JSONResponse([_as_json(visit, row) for row in rows])
    asked = {name: visit.request.query_params.get(name, "") for name in ("q", "needs", "sort")}
    chosen = _sorted(_searched(rows, asked["q"], needs_person=bool(asked["needs"])), columns, asked["sort"])
    pages = max(1, -(-len(chosen) // _ON_A_PAGE))
    number = min(_number(visit.request.query_params.get("page", "")), pages)
    return visit.page(
        "gradebook.html",
        columns=columns,
        rows=chosen[(number - 1) * _ON_A_PAGE : number * _ON_A_PAGE],
        count=len(chosen),
        waiting=sum(row.needs_person for row in rows),
        all_rows=len(rows),
        asked=asked,
        page=number,
        pages=pages,
        address=lambda row, place: visit.at(f"/class/gradebook/{quote(row.login)}/{quote(columns[place].name)}"),
        reasons=lambda cell: _in_words(visit, cell),
        link=lambda **changes: "?" + urlencode({k: v for k, v in (asked | changes).items() if v}),
        has_gradebook=visit.site.grader.publisher.has_gradebook,
        queues=queues,
        elsewhere=elsewhere,
        titles={column.name: column.title for column in columns},
    )


def _everything(visit: Visit) -> tuple[list[Column], list[Row], list[tuple[str, str, int, str]], Text | None]:
    """Return columns, rows and queues; and where the gradebook is, if all this is only what the database knows."""
    site, elsewhere, queues = visit.site, None, []
    try:
        overview = site.gradebook.overview() or _NOTHING
        with site.gradebook.reading() as connection:
            queues = [] if connection is None else scores.queues(connection)
    except GradebookError:
        if (elsewhere := site.gradebook.elsewhere) is None:
            raise
        with site.database.read() as session:
            overview = known_scores.overview(session, site.course, site.class_counts, site.gradebook)
    with site.database.read() as session:
        columns = columns_of(visit, session, overview)
        members = [*people.everybody(session), *people.former(session)]
        waiting = _waiting(session)
    rows = list(_rows(columns, overview, members, waiting))
    return columns, rows, queues, elsewhere


def columns_of(visit: Visit, session: Session, overview: Overview) -> list[Column]:
    """Return what is published, in the order of the due dates, then what only the gradebook knows."""
    found: dict[str, Column] = {}
    for kind in Kind:
        for offering in offerings.all_of_them(session, kind):
            try:
                name = visit.site.gradebook.name_of(offering)
            except AutograderError:  # a quiz that is being changed
                continue
            found[name] = Column(name, title_of(visit, offering), overview.assignments.get(name), offering.id)
    others = (name for name in overview.assignments if name not in found)
    return [*found.values(), *(Column(name, same(name), overview.assignments[name], None) for name in others)]


def title_of(visit: Visit, offering: Offering) -> Text:
    """Return the title of an assignment or a quiz; its name where it cannot be read."""
    try:
        if offering.kind == Kind.quiz:
            return visit.site.quizzes.of(offering.assignment).quiz.title
        return places.released_folder(visit, offering.assignment).settings.title
    except (ConfigError, AutograderError):
        return same(offering.assignment)


def _waiting(session: Session) -> _Waiting:
    return _Waiting(
        ungraded=submissions.ungraded(session),
        failed=submissions.failed(session),
        appealed=appeals.waiting(session),
        overridden=overrides.needing_a_look(session),
    )


def _rows(columns: Sequence[Column], overview: Overview, members: Sequence[Person], waiting: _Waiting) -> Iterator[Row]:
    """Yield the students of the course, then those who have left it or whom only the gradebook knows."""
    known = {member.login: member for member in members}
    for member in members:
        if member.enrolment is not None and member.enrolment.role == Role.student:
            yield _row(columns, overview, waiting, member.login, member.name, member.id)
    for login, name in sorted(overview.students.items()):
        if (person := known.get(login)) is None:
            yield _row(columns, overview, waiting, login, name, None)
        elif person.enrolment is None:
            yield _row(columns, overview, waiting, login, person.name, person.id)


def _row(
    columns: Sequence[Column], overview: Overview, waiting: _Waiting, login: str, name: str, person: int | None
) -> Row:
    totals = overview.totals
    cells = tuple(_cell(totals.get((login, one.name)), (one.offering, person), waiting) for one in columns)
    return Row(login, name, cells, sum(cell.score or 0.0 for cell in cells))


_REASONS = {
    "to_mark": text("to be marked"),
    "not_judged": text("could not be judged"),
    "second_look": text("has changed since it was marked"),
    "appeal": text("an open appeal"),
}


def _cell(total: Total | None, key: tuple[int | None, int | None], waiting: _Waiting) -> Cell:
    """Return one cell; there are thousands of them, so what is usual is looked for first."""
    comes = key in waiting.ungraded
    if total is None and not comes and key not in waiting.appealed:
        return _EMPTY
    reasons = tuple(_reasons(total or _NO_TOTAL, key, waiting))
    score = None if total is None else round(total.score, 6)
    return Cell(score, reasons, by_hand=total is not None and total.by_hand > 0, comes=comes)


def _reasons(total: Total, key: tuple[int | None, int | None], waiting: _Waiting) -> Iterator[Text]:
    if total.to_mark:
        yield _REASONS["to_mark"]
    if total.not_judged or key in waiting.failed:
        yield _REASONS["not_judged"]
    if total.second_look or key in waiting.overridden:
        yield _REASONS["second_look"]
    if key in waiting.appealed:
        yield _REASONS["appeal"]


_NO_TOTAL = Total(0.0)
_EMPTY = Cell(None)


def _searched(rows: Sequence[Row], words: str, *, needs_person: bool) -> list[Row]:
    """Return the students whose name or login holds some words, and of whom something waits if that is asked."""
    wanted = words.casefold().split()
    found = (row for row in rows if row.needs_person or not needs_person)
    return [row for row in found if all(word in f"{row.login} {row.name}".casefold() for word in wanted)]


def _sorted(rows: list[Row], columns: Sequence[Column], by: str) -> list[Row]:
    """Return rows by a column: ``name``, ``total`` or an assignment, with a minus the other way round."""
    wanted = by.removeprefix("-")
    places_of = {column.name: place for place, column in enumerate(columns)}

    def key(row: Row) -> Any:
        if wanted in places_of:
            score = row.cells[places_of[wanted]].score
            return (-1.0 if score is None else score, row.login)
        return (row.total, row.login) if wanted == "total" else (row.name if wanted == "name" else row.login, row.login)

    return sorted(rows, key=key, reverse=by.startswith("-"))


def _number(words: str) -> int:
    return max(1, int(words)) if words.isascii() and words.isdecimal() and len(words) < 7 else 1


def _in_words(visit: Visit, cell: Cell) -> str:
    return "; ".join(reason.get(visit.language) for reason in cell.reasons)


def _as_json(visit: Visit, row: Row) -> list[Any]:
    """Return a row as short as it can be: login, name, total, cells; see ``gradebook.js``."""
    cells = [
        [
            cell.score,
            points(cell.score) if cell.score is not None else "",
            _in_words(visit, cell),
            int(cell.by_hand),
            int(cell.comes),
        ]
        if cell is not _EMPTY
        else 0
        for cell in row.cells
    ]
    return [row.login, row.name, round(row.total, 6), points(row.total), int(row.needs_person), cells]
