"""Puts scores into a roster: whose row, what changes, what stays because somebody decided it, and who is left over."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, printable, text
from autograder.lms.rosters import Person, Roster, ScoreColumn, folded, number_in, squeezed
from autograder.lms.score_tables import not_a_formula
from autograder.lms.scores import Score

_ID_BEHIND = re.compile(r"^(?P<name>.+?)_+(?P<id>\d+)$")
_SAME = 0.005
"""Both systems show two decimals: a score that differs by less is the one they have."""


@dataclass(frozen=True)
class Change:
    """A cell that gets another value.

    Args:
        student: as the course calls them.
        column: its head.
        old: what it said.
        new: what it says now.
        is_comment: it is no score.
    """

    student: str
    column: str
    old: str
    new: str
    is_comment: bool = False


@dataclass
class Filled:
    """What was done to a roster.

    Args:
        changes: cells that have another value.
        kept: scores that were not entered although their student is in the roster, and why.
        kept_comments: the same for comments.
        unplaced: students with a score and without a row of their own, and why.
        unreported: people in the roster without a score of an assignment, by assignment.
        notes: whatever else an instructor should know.
    """

    changes: list[Change] = field(default_factory=list)
    kept: list[tuple[str, Text]] = field(default_factory=list)
    kept_comments: list[tuple[str, Text]] = field(default_factory=list)
    unplaced: list[tuple[str, Text]] = field(default_factory=list)
    unreported: dict[str, list[str]] = field(default_factory=dict)
    notes: list[Text] = field(default_factory=list)


def fill(roster: Roster, scores: Sequence[Score], *, scale: bool = False, overwrite: bool = False) -> Filled:
    """Put scores into the cells of a roster.

    Args:
        roster: is changed.
        scores: of the assignments that the roster has columns for.
        scale: convert scores to the points that a column is worth.
        overwrite: replace what the roster says already: other scores, ``EX``, comments.

    Raises:
        UsageError: a column is worth other points, and ``scale`` is false.
    """
    _refuse_other_points(roster, scores, scale=scale)
    filled = Filled(notes=_not_final(scores))
    rows = _rows_of(roster, {score.student: None for score in scores}, filled)
    taken: dict[str, set[int]] = {name: set() for name in roster.columns}
    for score in scores:
        for person in rows.get(score.student, ()):
            taken[score.assignment].add(id(person.record))
            _enter(roster, person, score, overwrite=overwrite, filled=filled)
    for name, records in taken.items():
        left = [person.shown for person in roster.people if id(person.record) not in records]
        if left:
            filled.unreported[name] = left
    _disarm_names(roster, filled)
    return filled


def _refuse_other_points(roster: Roster, scores: Iterable[Score], *, scale: bool) -> None:
    for score in scores:
        column = roster.columns[score.assignment]
        if column.points is None or not score.max_score or abs(column.points - score.max_score) <= _SAME:
            continue
        if scale and column.points > 0:
            continue
        remedy = text("--scale converts the scores, or change the points in {system}", system=roster.system)
        if column.points <= 0:
            remedy = text("change the points in {system}", system=roster.system)
        raise UsageError(
            text(
                "{roster}: column {title} is worth {theirs} points, {assignment} is worth {ours} here; {remedy}",
                roster=roster.file.path,
                title=printable(column.title),
                theirs=f"{column.points:g}",
                assignment=score.assignment,
                ours=f"{score.max_score:g}",
                remedy=remedy,
            )
        )


def _not_final(scores: Iterable[Score]) -> list[Text]:
    waiting = [score.student for score in scores if score.score is not None and not score.is_final]
    if not waiting:
        return []
    names = ", ".join(printable(student) for student in dict.fromkeys(waiting))
    return [text("not final, a person still has to grade something: {students}", students=names)]


# -- whose row -----------------------------------------------------------------------------------------------------


def _rows_of(roster: Roster, students: Iterable[str], filled: Filled) -> dict[str, list[Person]]:
    """Return the rows of each student: by number, then by other ids, by name only where that is certain."""
    found: dict[str, list[Person]] = {}
    students = list(students)
    numbers = {person.number for person in roster.people}
    ours_are_theirs = any(_number_and_name(student)[0] in numbers for student in students)
    index = _Index(roster.people)
    for student in students:
        rows, reason = index.rows(student, ids_count=ours_are_theirs, roster=str(roster.file.path))
        if reason is None:
            found[student] = rows
            if len(rows) > 1:
                lines = ", ".join(str(person.record.line) for person in rows)
                filled.notes.append(
                    text(
                        "{student}: has several rows (lines {lines}); each gets the score", student=student, lines=lines
                    )
                )
        else:
            filled.unplaced.append((student, reason))
    owners = Counter(id(row.record) for rows in found.values() for row in rows)
    for student, rows in list(found.items()):
        if any(owners[id(row.record)] > 1 for row in rows):
            line = rows[0].record.line
            filled.unplaced.append(
                (student, text("line {line} fits several students of the results; left out", line=line))
            )
            del found[student]
    return found


def _number_and_name(student: str) -> tuple[str, str]:
    match = _ID_BEHIND.match(student)
    return (match["id"], match["name"]) if match else (student if student.isdecimal() else "", student)


class _Index:
    """The people of a roster by what they can be found by."""

    def __init__(self, people: Sequence[Person]) -> None:
        self._by_number: dict[str, list[Person]] = {}
        self._by_id: dict[str, list[Person]] = {}
        self._by_name: dict[str, list[Person]] = {}
        for person in people:
            if person.number:
                self._by_number.setdefault(person.number, []).append(person)
            for one in person.ids:
                self._by_id.setdefault(one, []).append(person)
            for name in person.names:
                self._by_name.setdefault(name, []).append(person)

    def rows(self, student: str, *, ids_count: bool, roster: str) -> tuple[list[Person], Text | None]:
        """Return the rows of a student; without any, the reason.

        Args:
            student: as the course calls them.
            ids_count: the numbers behind our students' names are those of the roster.
            roster: names the file.
        """
        number, name = _number_and_name(student)
        ways = [self._by_number.get(number, []), self._by_id.get(folded(student), []), self._by_id.get(number, [])]
        people = _distinct([person for way in ways for person in way])
        if number == student:
            candidates = people
        else:
            agreeing = [person for person in people if squeezed(name) in person.names]
            first = next((_distinct(way) for way in ways if way), [])
            candidates = agreeing if len(people) > 1 and len(_people(agreeing)) == 1 else first
        named = _distinct([*self._by_name.get(squeezed(student), []), *self._by_name.get(squeezed(name), [])])
        if candidates and named and number != student and not any(person in named for person in candidates):
            one, other = candidates[0].record.line, named[0].record.line
            return [], text("the number fits line {one}, the name line {other}; left out", one=one, other=other)
        if candidates:
            return _only(candidates)
        if named and number and ids_count and all(person.number for person in named):
            row = named[0]
            return [], text(
                "{name} in line {line} has another number, {theirs}; left out",
                name=row.shown,
                line=row.record.line,
                theirs=printable(row.number),
            )
        return _only(named) if named else ([], text("is not in {roster}; left out", roster=roster))


def _only(rows: list[Person]) -> tuple[list[Person], Text | None]:
    """Return the rows if they are one person's, who may stand in several sections."""
    if len(_people(rows)) == 1:
        return rows, None
    lines = ", ".join(str(person.record.line) for person in rows)
    return [], text("several rows fit (lines {lines}); left out, enter it by hand", lines=lines)


def _people(rows: Iterable[Person]) -> set[tuple[str, frozenset[str], frozenset[str]]]:
    return {(person.number, person.ids, person.names) for person in rows}


def _distinct(rows: Iterable[Person]) -> list[Person]:
    return list({id(person.record): person for person in rows}.values())


# -- what changes --------------------------------------------------------------------------------------------------


def _enter(roster: Roster, person: Person, score: Score, *, overwrite: bool, filled: Filled) -> None:
    """Put a score and its comment into a row, unless somebody has decided otherwise."""
    column = roster.columns[score.assignment]
    old = person.record[column.column]
    reason = _reason_to_keep(person, score, column, old, overwrite=overwrite)
    if reason is not None:
        filled.kept.append((score.student, reason))
        return
    value = _converted(score, column)
    if not _says(old, value):
        new = f"{value:.6g}".replace(".", roster.decimal_mark)
        roster.file.put(person.record, column.column, new)
        filled.changes.append(Change(score.student, column.title, old.strip(), new))
        if not person.graded and not overwrite and number_in(old) is not None:
            reason = text(
                "{student}: {old} stood in the file only: nobody has graded them in Moodle yet",
                student=score.student,
                old=old.strip(),
            )
            filled.notes.append(reason)
    if roster.comment_column is not None and score.feedback:
        _comment(roster, person, score, roster.comment_column, overwrite=overwrite, filled=filled)


def _reason_to_keep(person: Person, score: Score, column: ScoreColumn, old: str, *, overwrite: bool) -> Text | None:
    """Return why a cell stays as it is; None if it takes the score."""
    if score.score is None:
        return text("has no score yet; {title} stays as it is", title=printable(column.title))
    if person.locked:
        return text(
            "Moodle's worksheet says that the grade cannot be changed; the score here is {new}",
            new=f"{_converted(score, column):.6g}",
        )
    if overwrite or not old.strip() or old.strip() == "-":
        return None
    number = number_in(old)
    if number is not None and (not person.graded or _says(old, _converted(score, column))):
        return None
    return text(
        "{title} says {old}, which stays; the score here is {new}; --overwrite replaces it",
        title=printable(column.title),
        old=printable(old.strip()),
        new=f"{_converted(score, column):.6g}",
    )


def _says(cell: str, value: float) -> bool:
    number = number_in(cell)
    return number is not None and abs(number - value) <= _SAME


def _converted(score: Score, column: ScoreColumn) -> float:
    """Return the score in points of the column."""
    earned = score.score or 0.0
    return earned if column.points is None or not score.max_score else earned * column.points / score.max_score


def _comment(roster: Roster, person: Person, score: Score, column: int, *, overwrite: bool, filled: Filled) -> None:
    title, old = roster.file.head[column].strip(), person.record[column]
    new = not_a_formula(score.feedback)
    if old.strip() == new.strip():
        return
    if old.strip() and not overwrite:
        reason = text("{title} has a comment already, which stays; --overwrite replaces it", title=printable(title))
        filled.kept_comments.append((score.student, reason))
    elif not roster.file.can_hold(new):
        reason = text(
            "{title} stays empty: the comment cannot be written in {encoding}, the file's encoding",
            title=printable(title),
            encoding=roster.file.encoding,
        )
        filled.kept_comments.append((score.student, reason))
    else:
        roster.file.put(person.record, column, new)
        filled.changes.append(Change(score.student, title, old.strip(), new, is_comment=True))


def _disarm_names(roster: Roster, filled: Filled) -> None:
    """Keep spreadsheets from running what a student chose as their name; no system imports the names."""
    for person in roster.people:
        for column in roster.name_columns:
            name = person.record[column]
            if len(name) > 1 and not_a_formula(name) != name:
                roster.file.put(person.record, column, not_a_formula(name))
                words = text(
                    "line {line}: the name {name} would be a formula in a spreadsheet; a ' stands before it now",
                    line=person.record.line,
                    name=printable(name),
                )
                filled.notes.append(words)
