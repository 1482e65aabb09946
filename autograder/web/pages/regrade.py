"""Grading an assignment again after its rubric has changed: who moves, before anything counts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import anyio
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response

from autograder.base.errors import AutograderError, ConfigError, UsageError
from autograder.base.i18n import Text, text
from autograder.course import mutants
from autograder.gradebook import scores
from autograder.report import moves as words_of
from autograder.results.grade_report import GradeReport
from autograder.results.moves import Move, compare
from autograder.web import overriding
from autograder.web.data import offerings, regradings, submissions
from autograder.web.data.models import Offering, Regrading
from autograder.web.data.regradings import Pair, Progress, Refusal
from autograder.web.visit import Refused, Visit, in_thread

_LOOK_EVERY_S = 1.0
_MOST_SHOWN = 20
_MOST_WORDS = 1000
_REFUSED = {
    Refusal.is_over: text("this was accepted or discarded already, here or in another window"),
    Refusal.is_stopped: text(
        "a mistake in the assignment has stopped this, so there is nothing to accept: mend it and begin once more"
    ),
    Refusal.is_incomplete: text(
        "not everybody has been graded again, such as those who have handed in meanwhile: look at it once more"
    ),
    Refusal.has_other_rubric: text(
        "the assignment has changed since: what you have looked at is not what it would give now; grade again"
    ),
}


@dataclass(frozen=True)
class Preview:
    """What accepting would do.

    Args:
        moves: who gets another score or verdict.
        numbers: of the submissions, by login.
        count: how many were graded again.
        unjudged: who could not be judged again, and keeps the report that counts.
    """

    moves: Sequence[Move]
    numbers: dict[str, int]
    count: int
    unjudged: Sequence[str]


def overview(visit: Visit) -> Response:
    """Show every published assignment, with how many reports were made by another rubric than the present one."""
    visit.site.grader.wake_publisher()  # who has just run `autograder regrade` wants to see it here
    with visit.site.database.read() as session:
        rows = [_row(visit, session, offering) for offering in offerings.all_of_them(session)]
    return visit.page("regrade_overview.html", rows=rows)


def _row(visit: Visit, session: Session, offering: Offering) -> dict[str, Any]:
    row: dict[str, Any] = {"name": offering.assignment, "open": regradings.open_one(session, offering)}
    try:
        assignment = visit.site.course.assignment(offering.assignment)
    except ConfigError as error:
        return row | {"title": None, "problem": error.located(visit.site.course.root)}
    except UsageError as error:  # its folder has gone
        return row | {"title": None, "problem": error.text}
    all_of_them, by_others = submissions.by_other_rubrics(session, offering, assignment.sha256())
    return row | {"title": assignment.settings.title, "problem": None, "all": all_of_them, "others": by_others}


def regrade(visit: Visit, problem: Text | None = None) -> Response:
    """Show how far an assignment's regrading is, and then who would move.

    Args:
        visit: the request.
        problem: why what was just asked for has not been done.
    """
    with visit.site.database.read() as session:
        offering = _offering(visit, session)
        row = _row(visit, session, offering)
        regrading = regradings.open_one(session, offering)
        progress = regradings.progress(session, regrading) if regrading else None
        is_ready = regrading is not None and progress is not None and progress.is_complete and not row["problem"]
        preview = _preview(regradings.pairs(session, regrading)) if regrading and is_ready else None
        done = regradings.history(session, offering, _MOST_SHOWN)
        elsewhere = _elsewhere(visit, session, offering)
        unwritten = submissions.unwritten_count(session, offering)
    return visit.page(
        "regrade.html",
        200 if problem is None else 400,
        **row,
        regrading=regrading,
        progress=progress,
        preview=preview,
        summary=words_of.summary(preview.moves, visit.language).splitlines() if preview else [],
        lines=words_of.lines(preview.moves, visit.language) if preview else [],
        moved_scores=sum(move.difference != 0 for move in preview.moves) if preview else 0,
        by_hand=_given_by_hand(visit, offering) if preview else (),
        is_changed=_is_changed(visit, regrading),
        stopped=regradings.problem_of(regrading) if regrading else None,
        done=done,
        elsewhere=elsewhere,
        unwritten=unwritten,
        complaint_of=problem,
    )


def _offering(visit: Visit, session: Session) -> Offering:
    offering = offerings.by_name(session, visit.request.path_params["name"])
    if offering is None:
        raise Refused(404, text("there is no such assignment"))
    return offering


def _preview(pairs: Sequence[Pair]) -> Preview:
    before, after = {}, []
    for pair in pairs:
        if pair.after is not None and pair.after != pair.before:  # the same line moves nobody
            old, new = (GradeReport.from_json(line) for line in (pair.before, pair.after))
            before[old.assignment, old.student] = old
            after.append(new)
    return Preview(
        moves=compare(before, after),
        numbers={pair.submission.person.login: pair.submission.id for pair in pairs},
        count=len(pairs),
        unjudged=[pair.submission.person.login for pair in pairs if pair.after is None],
    )


def _given_by_hand(visit: Visit, offering: Offering) -> set[str]:
    """Return the logins of those whose exercises a person has given points for, which count whatever the checks say.

    Nobody where the gradebook cannot be read: who moves is shown all the same.
    """
    name = offering.assignment
    judged = overriding.exercises_of(visit.site.course, name)
    try:
        with visit.site.gradebook.reading() as connection:
            given = {} if connection is None else scores.manual_scores(connection, [name])
    except AutograderError:
        return set()
    return {login for login, _, cell in given if cell in judged}


def _is_changed(visit: Visit, regrading: Regrading | None) -> bool:
    """Return whether the assignment on disk is another one than the one that grades here."""
    if regrading is None:
        return False
    try:
        return visit.site.course.assignment(regrading.offering.assignment).sha256() != regrading.rubric_sha256
    except (ConfigError, UsageError):
        return True


def _elsewhere(visit: Visit, session: Session, offering: Offering) -> list[str]:
    """Return whose work lies in ``submitted/`` and was not handed in here: the command grades it again."""
    course, name = visit.site.course, offering.assignment
    if not course.submitted.is_dir():
        return []
    return sorted({job.student for job in course.jobs([name])} - submissions.logins(session, offering))


def decide(visit: Visit) -> Response:
    """Begin to grade again, let the new reports count, or discard them."""
    acts = {"begin": _begin, "accept": _accept, "discard": _discard}
    if (act := acts.get(visit.field("do"))) is None:
        with visit.site.database.read() as session:
            _offering(visit, session)
        raise Refused(400, text("this form cannot be read"))
    try:
        act(visit)
    except ConfigError as error:
        return regrade(visit, error.located(visit.site.course.root))
    except UsageError as error:
        return regrade(visit, error.text)
    visit.site.regrader.wake()
    return visit.go(f"/class/regrade/{visit.request.path_params['name']}")


def _begin(visit: Visit) -> None:
    """Begin, in place of a regrading that the form names, if it does.

    Raises:
        ConfigError: the assignment is broken.
        UsageError: there is an open regrading already.
    """
    with visit.site.database.read() as session:
        name = _offering(visit, session).assignment
    mutants.apply_edits(visit.site.course.assignment(name))  # a mistake is found before anybody waits
    rubric_sha256, provenance = visit.site.regrader.provenance(name)
    try:
        with visit.site.database.write() as session:
            offering = _offering(visit, session)
            if number := _number(visit):
                regradings.discard(session, number, visit.member)
                session.flush()
            regrading = regradings.begin(session, offering, visit.member, rubric_sha256)
            regradings.include(session, regrading, provenance.made)
    except IntegrityError:
        raise UsageError(text("this assignment is being graded again already")) from None


def _accept(visit: Visit) -> None:
    """Let the new reports count.

    Raises:
        ConfigError: the assignment is broken.
        UsageError: they may not count, and why.
    """
    with visit.site.database.read() as session:
        name = _offering(visit, session).assignment
    rubric_sha256, provenance = visit.site.regrader.provenance(name)
    words = " ".join(visit.field("words").split())[:_MOST_WORDS]
    with visit.site.database.write() as session:
        if (open_one := regradings.open_one(session, _offering(visit, session))) is not None:
            regradings.include(session, open_one, provenance.made)
        refusal = regradings.accept(session, _number(visit), visit.member, words, rubric_sha256=rubric_sha256)
    if refusal is not None:
        raise UsageError(_REFUSED[refusal])
    visit.site.grader.wake_publisher()


def _discard(visit: Visit) -> None:
    """Forget what was graded again.

    Raises:
        UsageError: it has ended already.
    """
    with visit.site.database.write() as session:
        _offering(visit, session)
        if not regradings.discard(session, _number(visit), visit.member):
            raise UsageError(_REFUSED[Refusal.is_over])


def _number(visit: Visit) -> int:
    """Return the regrading that a form is about; 0 where it names none."""
    words = visit.field("regrading")
    return int(words) if words.isascii() and words.isdecimal() and len(words) < 18 else 0


async def events(visit: Visit) -> Response:
    """Say when there is more to see, as server-sent events."""

    def now() -> tuple[int | None, Progress | None, bool]:
        with visit.site.database.read() as session:
            found = regradings.open_one(session, _offering(visit, session))
            if found is None:
                return None, None, False
            return found.id, regradings.progress(session, found), found.problem is not None

    first = await in_thread(now)  # refuses before the stream has begun

    async def stream() -> AsyncIterator[ServerSentEvent]:
        yield ServerSentEvent(event="waiting", data="")  # so that proxies pass on that there is an answer
        while first[0] is not None and await in_thread(now) == first:
            await anyio.sleep(_LOOK_EVERY_S)
        yield ServerSentEvent(event="graded", data="")

    return EventSourceResponse(stream())
