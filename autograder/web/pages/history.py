"""What one has handed in for an assignment, what changed from one attempt to another, and the way back to one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.base.errors import SubmissionError
from autograder.base.i18n import Text, text
from autograder.web import attempts, limits
from autograder.web.attempts import CellChange
from autograder.web.data import drafts, submissions
from autograder.web.data.database import take_turns
from autograder.web.data.models import Submission
from autograder.web.pages import places, results
from autograder.web.pages.places import VERDICTS, Place
from autograder.web.pages.results import Pair, Result
from autograder.web.visit import Refused, Visit


@dataclass(frozen=True)
class Comparison:
    """Two attempts side by side.

    Args:
        before: the one.
        after: the other.
        cells: those that differ.
        problem: why the files cannot be compared.
        criteria: those whose outcome differs, before and after; None where only one of them was shown or graded.
    """

    before: Result
    after: Result
    cells: list[CellChange]
    problem: Text | None
    criteria: list[Pair]


def history(visit: Visit) -> Response:
    """Show all attempts, and what changed between two: the last two unless others are chosen."""
    with visit.site.database.read() as session:
        place = places.readable(visit, session)
        found = _mine(visit, session, place)
        earlier = results.earlier(visit, session, found)
        pair = _chosen(visit, found)
        contents = [(one, submissions.content(session, one.submission)) for one in pair]
        _, replaced_at = drafts.replaced(session, place.offering, visit.member)
    if contents:
        visit.bound("compare", visit.member.id, limits.CHECK)
    return visit.page(
        "history.html",
        name=place.name,
        title=place.released.settings.title,
        attempts=found,
        earlier=earlier,
        compared=_compare(*contents) if contents else None,
        owners={cell: exercise for exercise, cells in place.notebook.cells_of.items() for cell in cells},
        exercises=place.released.settings.exercises,
        replaced_at=replaced_at,
        **VERDICTS,
    )


def _mine(visit: Visit, session: Session, place: Place) -> list[Result]:
    return results.of_all(visit, session, submissions.of(session, place.offering, visit.member), place.dates)


def _chosen(visit: Visit, found: list[Result]) -> list[Result]:
    """Return the two attempts to compare; nothing where there are not two.

    Raises:
        Refused: an attempt was named that is not there.
    """
    if len(found) < 2:
        return []
    by_number = {str(one.submission.id): one for one in found}
    asked = (visit.request.query_params.get("before"), visit.request.query_params.get("after"))
    pair = [by_number.get(number) if number else usual for number, usual in zip(asked, found[-2:], strict=True)]
    chosen = [one for one in pair if one is not None]
    if len(chosen) < 2:
        raise Refused(404, text("there is no such submission"))
    return chosen


def _compare(before: tuple[Result, bytes], after: tuple[Result, bytes]) -> Comparison:
    cells: list[CellChange] = []
    problem = None
    try:
        old, new = (attempts.cells(content, one.submission.file) for one, content in (before, after))
        cells = attempts.changes(old, new)
    except SubmissionError as error:
        problem = error.text
    return Comparison(before[0], after[0], cells, problem, _moved(before[0], after[0]))


def _moved(before: Result, after: Result) -> list[Pair]:
    are_graded = before.report is not None and after.report is not None
    return results.moved(before.exercises, after.exercises) if are_graded else []


def restore(visit: Visit) -> Response:
    """Ask whether an attempt's code shall replace the drafts; do it once that is confirmed, or undo it."""
    if visit.field("do") == "undo":
        with visit.site.database.write() as session:
            take_turns(session, visit.member.id)
            place = places.place(visit, session)
            sources, _ = drafts.replaced(session, place.offering, visit.member)
            _replace(visit, session, place, sources, "what was before")
        return visit.go(f"/assignments/{place.name}")
    with visit.site.database.read() as session:
        place = places.place(visit, session)
        attempt = _attempt(visit, session)
        sources = _restorable(place, attempt, submissions.content(session, attempt))
        changed = _changed(visit, session, place, sources)
    if visit.field("do") == "ask":
        title = place.released.settings.title
        return visit.page("restore.html", name=place.name, title=title, attempt=attempt, cells=list(changed))
    with visit.site.database.write() as session:
        take_turns(session, visit.member.id)
        _replace(visit, session, place, sources, str(attempt.id))
    return visit.go(f"/assignments/{place.name}")


def _changed(visit: Visit, session: Session, place: Place, sources: Mapping[str, str]) -> dict[str, str]:
    """Return what stands in the cells that other sources would change."""
    current = place.notebook.stubs | drafts.of(session, place.offering, visit.member)
    return {cell: current[cell] for cell, source in sources.items() if current.get(cell, source) != source}


def _replace(visit: Visit, session: Session, place: Place, sources: Mapping[str, str], why: str) -> None:
    if before := _changed(visit, session, place, sources):
        new = {cell: sources[cell] for cell in before}
        drafts.replace(session, place.offering, visit.member, new, before, why)


def _attempt(visit: Visit, session: Session) -> Submission:
    """Return the attempt that a form names.

    Raises:
        Refused: it is not one of this person's, for this assignment.
    """
    number = visit.field("attempt")
    found = (
        submissions.by_id(session, int(number))
        if number.isascii() and number.isdecimal() and len(number) < 18
        else None
    )
    is_mine = found is not None and found.person_id == visit.member.id
    if found is None or not is_mine or found.offering.assignment != visit.request.path_params["name"]:
        raise Refused(404, text("there is no such submission"))
    return found


def _restorable(place: Place, attempt: Submission, content: bytes) -> dict[str, str]:
    """Return what an attempt has in the cells that are the student's to write.

    Raises:
        Refused: there are none in it, as in a script.
    """
    try:
        found = attempts.cells(content, attempt.file)
    except SubmissionError as error:
        raise Refused(400, error.text) from error
    sources = {cell: source.replace("\0", "") for cell, source in found.items() if cell in place.notebook.stubs}
    if not sources:
        raise Refused(400, text("this file has no cells of the assignment's notebook; download it instead"))
    return sources
