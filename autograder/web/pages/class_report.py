"""The class in one assignment, as it is at the moment: hand-ins, criteria, mistakes, who has not begun, what waits."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.base.errors import ConfigError, SubmissionError
from autograder.base.i18n import Text, text
from autograder.gradebook.scores import AssignmentScores
from autograder.report.tables import points
from autograder.results.classroom import Counts, Mistake
from autograder.web.class_counts import Counted
from autograder.web.data import explanations, offerings, standing
from autograder.web.data.models import Offering
from autograder.web.data.standing import Student, Waiting
from autograder.web.pages import places
from autograder.web.pages.class_overview import title_of
from autograder.web.pages.hours import Hours
from autograder.web.pages.live_page import unless_unchanged
from autograder.web.policies import Dates
from autograder.web.visit import Refused, Visit

_MOST_MISTAKES = 12


@dataclass(frozen=True)
class Example:
    """One student's work, for an example.

    Args:
        student: their login.
        submission: its number.
        code: what they wrote for the exercise, by cell.
    """

    student: str
    submission: int
    code: Mapping[str, str]


@dataclass(frozen=True)
class MistakeRow:
    """A mistake as the page shows it.

    Args:
        key: names it in the page.
        mistake: the diagnosis and who got it.
        places: where it was found, most common first: the requirement, its title, how many.
        example: somebody's work.
    """

    key: str
    mistake: Mistake
    places: Sequence[tuple[str, Text, int]]
    example: Example | None


@dataclass(frozen=True)
class Explained:
    """An explanation as the page lists it.

    Args:
        criterion: the requirement's id.
        cause: the diagnosis's.
        students: how many make the mistake.
        is_unseen: whether no report has the criterion any more, such as after it was renamed.
    """

    criterion: str
    cause: str
    students: int
    is_unseen: bool


@dataclass(frozen=True)
class Class:
    """Where the students stand in one assignment.

    Args:
        students: all of them.
        handed_in: how many have handed in.
        begun: those who have written or checked something, but not handed in.
        not_begun: all others.
        waiting: hand-ins that wait for their first verdict.
        failed: hand-ins that could not be judged so far, by our fault.
    """

    students: Sequence[Student]
    handed_in: int
    begun: Sequence[Student]
    not_begun: Sequence[Student]
    waiting: Sequence[Waiting]
    failed: Sequence[Waiting]

    @classmethod
    def of(cls, session: Session, offering: Offering) -> Class:
        """Look at an assignment."""
        everybody = standing.students(session)
        handed_in = standing.who_has_handed_in(session, offering)
        begun = standing.who_has_begun(session, offering) - handed_in
        jobs = standing.waiting(session, offering)
        return cls(
            students=everybody,
            handed_in=sum(one.id in handed_in for one in everybody),
            begun=[one for one in everybody if one.id in begun],
            not_begun=[one for one in everybody if one.id not in begun | handed_in],
            waiting=[job for job in jobs if not job.failures],
            failed=[job for job in jobs if job.failures],
        )


def report(visit: Visit) -> Response:
    """Show the class in one assignment."""
    with visit.site.database.read() as session:
        offering = named(visit, session)
        found = Class.of(session, offering)
        counted = visit.site.class_counts.of(session, offering)
        hours = Hours.of(session, offering, visit.now)
        mistakes = _mistakes(visit, session, offering, counted)
        explained = _explained(session, offering, counted.counts)
    dates = Dates.of(offering)
    counting = visit.site.gradebook.scores(offering)
    page = visit.page(
        "class_report.html",
        name=offering.assignment,
        title=title_of(visit, offering),
        dates=dates,
        stage=dates.stage(visit.now),
        found=found,
        counts=counted.counts,
        numbers=_numbers(found, counted, counting),
        counts_by_hand=counting is not None,
        given_up=_given_up(found, counted),
        hours=hours,
        mistakes=mistakes,
        explained=explained,
        explains={(one.criterion, one.cause) for one in explained},
        mistake_path=mistake_path,
        rarer=max(0, len(counted.counts.mistakes) - _MOST_MISTAKES),
        switches=False,
        sorts=False,
    )
    return unless_unchanged(visit, page)


def named(visit: Visit, session: Session) -> Offering:
    """Return the published assignment that a path names.

    Raises:
        Refused: there is none.
    """
    offering = offerings.by_name(session, visit.request.path_params["name"])
    if offering is None:
        raise Refused(404, text("there is no such assignment"))
    return offering


def _numbers(found: Class, counted: Counted, counting: AssignmentScores | None) -> list[tuple[Text, str]]:
    counts = counted.counts
    scores, most = counts.scores, counts.max_score
    if counting is not None:
        scores = [counting.scores[login] for login in counted.reported if login in counting.scores]
        most = counting.maximum
    of = f" / {points(most)}"
    return [
        (text("have handed in"), f"{found.handed_in} / {len(found.students)}"),
        (text("mean"), points(round(fmean(scores), 2)) + of if scores else "–"),
        (text("median"), points(round(median(scores), 2)) + of if scores else "–"),
        (text("full marks"), str(sum(score >= most for score in scores))),
        (text("cannot be read"), str(len(counts.statuses.get("unreadable", ())))),
        (text("wait to be graded"), str(len(found.waiting))),
    ]


def _explained(session: Session, offering: Offering, counts: Counts) -> list[Explained]:
    criteria = {one.id for one in counts.criteria}
    made = {(name, one.id): len(logins) for one in counts.mistakes for name, logins in one.places.items()}
    return [
        Explained(
            one.criterion,
            one.cause,
            students=made.get((one.criterion, one.cause), 0),
            is_unseen=bool(criteria) and one.criterion not in criteria,
        )
        for one in explanations.of(session, offering)
    ]


def _given_up(found: Class, counted: Counted) -> list[tuple[Student, int]]:
    """Return whose work could not be judged and is not tried again, with its number."""
    by_login = {student.login: student for student in found.students}
    logins = [login for login in counted.counts.statuses.get("error", ()) if login in by_login]
    return [(by_login[login], counted.reported[login].submission) for login in logins]


def _mistakes(visit: Visit, session: Session, offering: Offering, counted: Counted) -> list[MistakeRow]:
    titles = {criterion.id: criterion.title for criterion in counted.counts.criteria}
    rows = []
    for mistake in counted.counts.mistakes[:_MOST_MISTAKES]:
        made = [(name, titles[name], len(students)) for name, students in mistake.places.items()]
        rows.append(
            MistakeRow(
                key=key_of(mistake.id),
                mistake=mistake,
                places=sorted(made, key=lambda place: -place[2]),
                example=example(visit, session, offering, counted, mistake.student, mistake.example.id),
            )
        )
    return rows


def mistake_path(assignment: str, criterion: str, cause: str) -> str:
    """Return where the page of one mistake at one criterion is."""
    return f"/class/assignments/{assignment}/mistakes/{key_of(criterion, cause)}"


def key_of(*names: str) -> str:
    """Return what names something in a page, whatever characters its own name has."""
    return hashlib.sha256("\0".join(names).encode()).hexdigest()[:12]


def example(
    visit: Visit, session: Session, offering: Offering, counted: Counted, login: str, criterion: str
) -> Example | None:
    """Return what a student wrote for the exercise of a criterion; None if they have nothing that counts any more.

    Args:
        visit: the request.
        session: any.
        offering: the assignment.
        counted: the reports that count.
        login: the student.
        criterion: its id, which begins with the exercise.
    """
    if (found := counted.reported.get(login)) is None:
        return None
    try:
        code = visit.site.class_counts.code(session, found.submission)
    except SubmissionError as error:
        return Example(login, found.submission, {"": error.text.get(visit.language)})
    cells = _cells(visit, offering, criterion.partition(".")[0])
    return Example(login, found.submission, {name: code[name] for name in cells if name in code} or code)


def _cells(visit: Visit, offering: Offering, exercise: str) -> Sequence[str]:
    """Return the cells that students write for an exercise, as far as the release can be read."""
    try:
        return places.notebook_of(visit, offering.assignment).cells_of.get(exercise, [])
    except ConfigError:
        return ()
