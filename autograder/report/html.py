"""Results for notebooks: a small table that looks right on light and dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from autograder.base.i18n import Language
from autograder.report.terminal import MARKS, explanation, score_of
from autograder.results.grade_report import CriterionResult, ExerciseResult

_COLOURS = {"passed": "#2e9f4d", "failed": "#d64545", "error": "#c98a00", "skipped": "#888"}


def table(exercises: Sequence[ExerciseResult], language: Language) -> str:
    """The criteria of some exercises; everything a student wrote is escaped."""
    rows = "".join(_exercise(exercise, language) for exercise in exercises)
    return f'<table style="border-collapse:collapse;text-align:left;max-width:60em;color:inherit">{rows}</table>'


def _exercise(exercise: ExerciseResult, language: Language) -> str:
    head = (
        f'<tr><th colspan="2" style="text-align:left;padding:.4em .6em">{escape(exercise.title.get(language))} '
        f"<code>{escape(exercise.name)}</code> {score_of(exercise)}</th></tr>"
    )
    return head + "".join(_criterion(result, language) for result in exercise.criteria)


def _criterion(result: CriterionResult, language: Language) -> str:
    more = "".join(
        f'<div style="white-space:pre-wrap;font-size:90%;opacity:.85;margin-top:.2em">{escape(paragraph)}</div>'
        for paragraph in explanation(result, language)
    )
    return (
        '<tr style="border-top:1px solid #8884">'
        f'<td style="vertical-align:top;padding:.3em .6em;font-weight:bold;color:{_COLOURS[result.outcome]}">'
        f"{MARKS[result.outcome]}</td>"
        f'<td style="text-align:left;padding:.3em .6em">{escape(result.title.get(language))}{more}</td></tr>'
    )
