"""The criteria of an exercise as people read them: cases in one line with a count, and no explanation twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest

from autograder.base.i18n import Text, same, text
from autograder.results.cases import Requirement, requirements
from autograder.results.grade_report import CriterionResult


def condense(criteria: Iterable[CriterionResult]) -> list[CriterionResult]:
    """Return one result per requirement; an explanation that several share stands below the last of them.

    Where only the hints differ, the message is said once, and the next ones refer to it; a cause is said once.
    """
    return _without_repetition([merge(requirement) for requirement in requirements(criteria)])


def merge(requirement: Requirement) -> CriterionResult:
    """Return a requirement as one result: the points of all cases, the words of the first that is not met."""
    if len(requirement.cases) == 1:
        return requirement.cases[0]
    return requirement.example.model_copy(
        update={
            "id": requirement.id,
            "title": _with_count(requirement),
            "points": requirement.points,
            "earned": requirement.earned,
        }
    )


def _with_count(requirement: Requirement) -> Text:
    if requirement.outcome == "skipped":
        return requirement.title
    return text(
        "{title} ({passed} of {count} cases)",
        title=requirement.title,
        passed=requirement.passed,
        count=len(requirement.cases),
    )


def _without_repetition(results: Sequence[CriterionResult]) -> list[CriterionResult]:
    shown: list[CriterionResult] = []
    said: set[Text] = set()
    causes: set[str] = set()
    for result, following in zip_longest(results, results[1:]):
        if following is not None and _explanation(result) == _explanation(following):
            shown.append(result.model_copy(update={"message": same(""), "diagnosis": None, "hint": None}))
            continue
        if result.message.en and result.outcome == "failed" and result.message in said:
            shown.append(result.model_copy(update={"message": text("as above"), "diagnosis": None}))
        elif result.diagnosis is not None and result.diagnosis.id in causes:
            shown.append(result.model_copy(update={"diagnosis": None}))
        else:
            shown.append(result)
        said.add(result.message)
        causes.update({result.diagnosis.id} if result.diagnosis is not None else ())
    return shown


def _explanation(result: CriterionResult) -> tuple[object, ...]:
    return result.outcome, result.message, result.diagnosis, result.hint
