"""The cases of one requirement: criteria of one title, as a parametrised test makes them, count as one for readers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from autograder.base.i18n import Text
from autograder.results.grade_report import CriterionResult, Outcome

_WORST_FIRST: tuple[Outcome, ...] = ("failed", "error", "skipped", "passed")


@dataclass(frozen=True)
class Requirement:
    """One requirement in one submission.

    Args:
        cases: the verdicts on its cases, at least one.
    """

    cases: tuple[CriterionResult, ...]

    @property
    def id(self) -> str:
        """The criterion's id, without the name of a case."""
        return self.cases[0].id.partition("[")[0] if len(self.cases) > 1 else self.cases[0].id

    @property
    def title(self) -> Text:
        """What all cases are called."""
        return self.cases[0].title

    @property
    def outcome(self) -> Outcome:
        """The worst of them."""
        return min((case.outcome for case in self.cases), key=_WORST_FIRST.index)

    @property
    def example(self) -> CriterionResult:
        """The first case that has this outcome."""
        return next(case for case in self.cases if case.outcome == self.outcome)

    @property
    def passed(self) -> int:
        """How many cases are met."""
        return sum(case.outcome == "passed" for case in self.cases)

    @property
    def points(self) -> float:
        """What all cases are worth."""
        return round(sum(case.points for case in self.cases), 6)

    @property
    def earned(self) -> float:
        """What was earned in all of them."""
        return round(sum(case.earned for case in self.cases), 6)


def requirements(criteria: Iterable[CriterionResult]) -> list[Requirement]:
    """Gather the criteria of an exercise by title; those students have apart from those they do not have."""
    found: dict[tuple[Text, bool], list[CriterionResult]] = {}
    for result in criteria:
        found.setdefault((result.title, result.visible), []).append(result)
    return [Requirement(tuple(cases)) for cases in found.values()]
