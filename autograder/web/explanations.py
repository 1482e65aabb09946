"""What those who teach say to a mistake, on the pages of the server and in a file of the course.

Nothing is stored with a report, so what is said reaches work that was handed in before as well as after.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup
from sqlalchemy.orm import Session

from autograder.base.files import write_whole
from autograder.base.i18n import Language
from autograder.gradebook import explanations as saying
from autograder.gradebook.explanations import FILE, NOTHING, Said
from autograder.results.grade_report import ExerciseResult, GradeReport
from autograder.web import policies
from autograder.web.data import explanations
from autograder.web.data.database import Database
from autograder.web.data.models import Explanation, Offering


def at(
    session: Session,
    offering: Offering,
    report: GradeReport | None,
    shown: Sequence[ExerciseResult],
    language: Language,
) -> Said:
    """Return what is said to the mistakes in a report, at requirements that its reader sees.

    Args:
        session: any.
        offering: the assignment.
        report: all that grading gave, hidden criteria with their diagnoses; None while it is being graded.
        shown: what the policy shows of it.
        language: of the reader.
    """
    if report is None or not (written := explanations.of(session, offering)):
        return NOTHING
    said = [_outside(one, offering) for one in written]
    return saying.said_to(said, saying.mistakes(report.exercises), shown, language)


def of_check(database: Database, offering: Offering, report: GradeReport | None, language: Language) -> Said:
    """Return what is said to the mistakes that a check has found, at the criteria that students have."""
    if report is None:
        return NOTHING
    with database.read() as session:
        return at(session, offering, report, policies.shown(report, hidden=False), language)


def as_html(explanation: Explanation, language: Language) -> Markup:
    """Return an explanation in the reader's language, or else in one that it has."""
    return saying.as_html(explanations.words_of(explanation), language)


def keep(database: Database, root: Path) -> None:
    """Write the course's file, from which `autograder feedback` has what is said, if it says something else.

    Raises:
        OSError: it cannot be written.
    """
    with database.read() as session:
        said = [_outside(one, one.offering) for one in explanations.everywhere(session)]
    file, content = root / FILE, saying.to_json(said)
    there = file.read_bytes() if file.exists() else saying.to_json(())
    if there != content:
        write_whole(file, content)


def _outside(explanation: Explanation, offering: Offering) -> saying.Explanation:
    words = explanations.words_of(explanation)
    return saying.Explanation(
        assignment=offering.assignment, criterion=explanation.criterion, cause=explanation.cause, words=words
    )
