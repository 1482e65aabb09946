"""Shows results in notebooks: as a small table that looks right on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence

from autograder.base.i18n import Language
from autograder.report.condensed import condense
from autograder.report.templates import fragment
from autograder.report.terminal import MARKS, explanation, judged_later, score_of
from autograder.results.grade_report import CriterionResult, ExerciseResult

_TEMPLATE = "report/templates/notebook.html"


def table(exercises: Sequence[ExerciseResult], language: Language) -> str:
    """Return a table of the criteria of some exercises; everything a student wrote is escaped."""
    later = judged_later().get(language)
    rows = [
        (*e.headed(language), score_of(e), [_criterion(r, language) for r in condense(e.criteria)], later)
        for e in exercises
    ]
    return str(fragment(_TEMPLATE, "table", rows))


def paragraphs(words: Sequence[str]) -> str:
    """Return paragraphs of plain words, escaped, which keep their line breaks."""
    return str(fragment(_TEMPLATE, "paragraphs", words))


def preformatted(words: str) -> str:
    """Return plain words as they were written, escaped."""
    return str(fragment(_TEMPLATE, "preformatted", words))


def _criterion(result: CriterionResult, language: Language) -> tuple[str, str, str, list[str]]:
    return result.outcome, MARKS[result.outcome], result.title.get(language), explanation(result, language)
