"""What those who teach say to a mistake, where a student sees that they have made it.

A mistake is the same if the diagnosis has the same id at the same requirement; what its words say of sizes and factors
may differ. Nothing is stored with a report, so what is said reaches work that was handed in before as well as after.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from markupsafe import Markup
from sqlalchemy.orm import Session

from autograder.base.i18n import Language
from autograder.results.cases import requirements
from autograder.results.grade_report import ExerciseResult, GradeReport
from autograder.web import policies
from autograder.web.data import explanations
from autograder.web.data.database import Database
from autograder.web.data.models import Explanation, Offering
from autograder.web.released import to_html

Said = Mapping[str, Sequence[Markup]]
"""What is said, by the requirement's id, as HTML."""
NOTHING: Said = {}


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
    visible = {found.id for exercise in shown for found in requirements(exercise.criteria)}
    made = {(name, cause) for name, cause in _mistakes(report.exercises) if name in visible}
    said: defaultdict[str, list[Markup]] = defaultdict(list)
    for one in written:
        if (one.criterion, one.cause) in made:
            said[one.criterion].append(as_html(one, language))
    return said


def of_check(database: Database, offering: Offering, report: GradeReport | None, language: Language) -> Said:
    """Return what is said to the mistakes that a check has found, at the criteria that students have."""
    if report is None:
        return NOTHING
    with database.read() as session:
        return at(session, offering, report, policies.shown(report, hidden=False), language)


def _mistakes(exercises: Iterable[ExerciseResult]) -> Iterator[tuple[str, str]]:
    """Yield requirement and diagnosis of every mistake, by their ids."""
    for exercise in exercises:
        for found in requirements(exercise.criteria):
            for case in found.cases:
                if case.diagnosis is not None:
                    yield found.id, case.diagnosis.id


def as_html(explanation: Explanation, language: Language) -> Markup:
    """Return an explanation in the reader's language, or else in one that it has."""
    words = explanations.words_of(explanation)
    spoken = language if language in words else next(iter(words))
    return _html(words[spoken], "zh-CN" if spoken == "zh" else spoken)


@lru_cache(maxsize=256)
def _html(words: str, language: str) -> Markup:
    return Markup('<div lang="{}">{}</div>').format(language, to_html(words))
