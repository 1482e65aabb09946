"""Classroom 50's ``result.json``: one report, as an organisation of Classroom 50 collects it into its scores.

Source: "The ``result.json`` contract" in Classroom 50's wiki (foundation50/classroom50 at 6b0b83c,
``wiki/Advanced-Autograding.md``), and ``validate_result`` of its ``runner.py``, which refuses what does not fit: scores
are whole numbers, none is above its maximum, and every field says something.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from fractions import Fraction
from math import lcm
from typing import Any

from autograder.base.errors import UsageError
from autograder.base.i18n import Language, text
from autograder.results.cases import Requirement, requirements
from autograder.results.grade_report import GradeReport

SCHEMA = "classroom50/result/v1"
_UNKNOWN = "unknown"
_FINEST = 100
"""The smallest part of a point that whole numbers can stand for is one of this many."""


def as_result(
    report: GradeReport, language: Language, environment: Mapping[str, str], *, now: datetime | None = None
) -> str:
    """Return a report as ``result.json``.

    Scores are whole numbers there, but ours need not be: with halves of points in a rubric every number counts halves.
    The points as the rubric has them stand beside, as ``points`` and ``max_points``.

    Args:
        report: of one submission.
        language: of the tests' names.
        environment: Classroom 50's runner says there whose submission it is; elsewhere GitHub's own variables do. What
            neither says is ``unknown``, and Classroom 50 refuses that.
        now: when it was judged.

    Raises:
        UsageError: the submission could not be graded; a file would count as a score.
    """
    if report.score is None:
        raise UsageError(
            text(
                "{assignment}: this submission could not be graded, so there is no score to write",
                assignment=report.assignment,
            )
        )
    found = [(e.title.get(language), r) for e in report.exercises for r in requirements(e.criteria)]
    parts = _parts(points for _, requirement in found for points in (requirement.points, requirement.earned))
    tests = [_test(exercise, requirement, parts, language) for exercise, requirement in found]
    document = {
        "schema": SCHEMA,
        **_identity(report, environment, now or datetime.now(UTC)),
        "score": sum(test["score"] for test in tests),
        "max-score": sum(test["max-score"] for test in tests),
        "tests": tests,
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def _test(exercise: str, requirement: Requirement, parts: int, language: Language) -> dict[str, Any]:
    return {
        "test-name": f"{exercise}: {requirement.title.get(language)}",
        "passed": requirement.outcome == "passed",
        "score": round(requirement.earned * parts),
        "max-score": round(requirement.points * parts),
        "points": requirement.earned,
        "max_points": requirement.points,
    }


def _parts(points: Iterable[float]) -> int:
    """Return how many parts a point has, so that all of these are whole numbers of them.

    >>> _parts([2, 4]), _parts([0.5, 2]), _parts([0.666667, 0.25]), _parts([1 / 97, 1 / 89])
    (1, 2, 12, 100)
    """
    found = lcm(*(Fraction(value).limit_denominator(_FINEST).denominator for value in points))
    return found if found <= _FINEST else _FINEST


def _identity(report: GradeReport, environment: Mapping[str, str], now: datetime) -> dict[str, str]:
    """Return whose submission it is, and where."""

    def found(*names: str, default: str = _UNKNOWN) -> str:
        return next((environment[name] for name in names if environment.get(name)), default)

    repository = f"{found('GITHUB_SERVER_URL', default='https://github.com')}/{found('GITHUB_REPOSITORY')}"
    sha, time = found("GITHUB_SHA"), now.astimezone(UTC)
    submission = found("SUBMISSION_TAG", default=f"submit/{time:%Y-%m-%dT%H-%M-%SZ}-{sha[:7]}")
    commit = found("COMMIT_URL", default=f"{repository}/commit/{sha}")
    return {
        "classroom": found("CLASSROOM", "GITHUB_REPOSITORY_OWNER"),
        "assignment": found("ASSIGNMENT", default=report.assignment),
        "assignment_type": found("ASSIGNMENT_TYPE", default="individual"),
        "owner": found("OWNER", "USERNAME", "GITHUB_ACTOR"),
        "submission": submission,
        "commit": commit,
        "release": found("RELEASE_URL", default=f"{repository}/releases/tag/{submission.replace('/', '%2F')}"),
        "review": found("REVIEW_URL", default=commit),
        "datetime": f"{time:%Y-%m-%dT%H:%M:%SZ}",
    }
