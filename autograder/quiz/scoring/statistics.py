"""Item analysis: how hard each question is, whether it separates strong from weak students, what was chosen instead.

Source: classical test theory, as in F. Lord and M. Novick, Statistical Theories of Mental Test Scores (1968).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, pvariance

from autograder.quiz.scoring.outcomes import SheetOutcome

_GROUP = 0.27
"""The best and the worst students whose choices are compared, as a share of all; after T. Kelley (1939)."""


@dataclass(frozen=True)
class QuestionStatistics:
    """One question, over all students.

    Args:
        id: of the question.
        facility: mean share of its points, 0 to 1.
        deviation: standard deviation of that share.
        discrimination: correlation with the points of all other questions; None where one of the two never varies.
        efficiency: its covariance with those points, as a share of the largest that these scores allow.
        blank: share of students who gave no answer, or none that could be read.
        chosen: of all students, the share that chose each option.
        chosen_by_best: of the best 27 %.
        chosen_by_worst: of the worst 27 %.
    """

    id: str
    facility: float
    deviation: float
    discrimination: float | None
    efficiency: float | None
    blank: float
    chosen: dict[str, float]
    chosen_by_best: dict[str, float]
    chosen_by_worst: dict[str, float]


@dataclass(frozen=True)
class Analysis:
    """A quiz over all students.

    Args:
        students: how many there are.
        mean: of the scores, in points.
        deviation: standard deviation of the scores, in points.
        alpha: Cronbach's alpha; None where it is undefined.
        error: standard error of measurement, in points.
        items: question by question.
    """

    students: int
    mean: float
    deviation: float
    alpha: float | None
    error: float | None
    items: tuple[QuestionStatistics, ...]


def analyse(sheets: Sequence[SheetOutcome]) -> Analysis:
    """Analyse the scored sheets of one quiz; sheets that were not scored are left out.

    Args:
        sheets: at least two that were scored.

    Raises:
        ValueError: fewer than two were scored.
    """
    scored = [sheet for sheet in sheets if sheet.status == "scored"]
    if len(scored) < 2:
        raise ValueError("at least two scored sheets are needed")
    columns = [[sheet.questions[n].earned or 0.0 for sheet in scored] for n in range(len(scored[0].questions))]
    totals = [sum(line) for line in zip(*columns, strict=True)]
    ranked = sorted(range(len(scored)), key=lambda n: totals[n])
    size = max(1, round(_GROUP * len(scored)))
    alpha = cronbach_alpha(columns)
    deviation = math.sqrt(pvariance(totals))
    return Analysis(
        students=len(scored),
        mean=fmean(totals),
        deviation=deviation,
        alpha=alpha,
        error=None if alpha is None else deviation * math.sqrt(max(0.0, 1 - alpha)),
        items=tuple(
            _item(scored, position, column, totals, best=ranked[-size:], worst=ranked[:size])
            for position, column in enumerate(columns)
        ),
    )


def cronbach_alpha(columns: Sequence[Sequence[float]]) -> float | None:
    """Return Cronbach's alpha of some questions; None for a single one, and where the scores never vary.

    >>> cronbach_alpha([[1, 0, 1, 0], [1, 0, 1, 0]])
    1.0
    """
    totals = [sum(line) for line in zip(*columns, strict=True)]
    count, variance = len(columns), pvariance(totals)
    if count < 2 or not variance:
        return None
    within = math.fsum(pvariance(column) for column in columns)
    alpha: float = count / (count - 1) * (1 - within / variance)
    return alpha


def _item(
    sheets: Sequence[SheetOutcome],
    position: int,
    column: Sequence[float],
    totals: Sequence[float],
    *,
    best: Sequence[int],
    worst: Sequence[int],
) -> QuestionStatistics:
    outcomes = [sheet.questions[position] for sheet in sheets]
    points = outcomes[0].points
    rest = [total - own for total, own in zip(totals, column, strict=True)]
    together = _covariance(column, rest)
    spread = math.sqrt(pvariance(column) * pvariance(rest))
    largest = _covariance(sorted(column), sorted(rest))
    return QuestionStatistics(
        id=outcomes[0].id,
        facility=fmean(column) / points,
        deviation=math.sqrt(pvariance(column)) / points,
        discrimination=together / spread if spread > 1e-12 else None,
        efficiency=together / largest if largest > 1e-12 else None,
        blank=fmean(outcome.outcome in ("blank", "format-error") for outcome in outcomes),
        chosen=_rates([outcome.chosen for outcome in outcomes]),
        chosen_by_best=_rates([outcomes[n].chosen for n in best]),
        chosen_by_worst=_rates([outcomes[n].chosen for n in worst]),
    )


def _covariance(a: Sequence[float], b: Sequence[float]) -> float:
    mean_a, mean_b = fmean(a), fmean(b)
    return fmean((x - mean_a) * (y - mean_b) for x, y in zip(a, b, strict=True))


def _rates(choices: Sequence[tuple[str, ...]]) -> dict[str, float]:
    counts = Counter(name for chosen in choices for name in set(chosen))
    return {name: counts[name] / len(choices) for name in sorted(counts)}
