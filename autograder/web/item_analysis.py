"""A quiz in numbers: what `quiz stats` says, of the attempts in the database, with times and misconceptions."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import fmean, median

from sqlalchemy.orm import Session

from autograder.base.i18n import Text
from autograder.quiz.questions.models import AnyQuestion
from autograder.quiz.scoring import statistics
from autograder.quiz.scoring.outcomes import QuestionOutcome, SheetOutcome
from autograder.quiz.scoring.statistics import Analysis, QuestionStatistics
from autograder.web.data import standing
from autograder.web.data.models import Offering
from autograder.web.data.standing import Attempt
from autograder.web.quizzes import CourseQuiz

_MOST_NAMED = 6
"""Misconceptions and answers of one question that are listed."""


@dataclass(frozen=True)
class Item:
    """One question, over the attempts that count.

    Args:
        id: of the question.
        statistics: how hard it is and whether it separates; None for fewer than two students.
        outcomes: how many answers are right, wrong, blank and so on.
        tries: how many attempts at the question it took on average, of those who answered it.
        hints: how many hints were taken on average.
        seconds: the median time from the answer saved before, or the beginning, to the last change of this one.
        misconceptions: what the feedback on answers says, and how many read it; most common first.
        answers: what was answered in words or numbers, whether that is right, and how often; most common first.
    """

    id: str
    statistics: QuestionStatistics | None
    outcomes: Mapping[str, int]
    tries: float | None
    hints: float
    seconds: float | None
    misconceptions: Sequence[tuple[Text, int]]
    answers: Sequence[tuple[str, bool, int]]


@dataclass(frozen=True)
class ItemAnalysis:
    """A quiz over all students.

    Args:
        attempts: how many were begun.
        is_open: how many are not finished.
        unscored: how many are finished and wait to be scored.
        left_out: how many students whose last attempt was at other questions, before the quiz was changed.
        students: how many count: each with the last attempt.
        analysis: facility, discrimination, reliability; None for fewer than two students.
        seconds: how long these attempts took: the first quartile, the median, the third quartile.
        items: question by question.
    """

    attempts: int
    is_open: int
    unscored: int
    left_out: int
    students: int
    analysis: Analysis | None
    seconds: tuple[float, float, float] | None
    items: Sequence[Item]


class ItemAnalyses:
    """Analyses the quizzes of a course, each again once an attempt or the quiz has changed."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[CourseQuiz, Sequence[Attempt], ItemAnalysis]] = {}
        self._lock = threading.Lock()

    def of(self, session: Session, offering: Offering, quiz: CourseQuiz) -> ItemAnalysis:
        """Return the analysis of a quiz as it is now.

        Args:
            session: any.
            offering: how it is published.
            quiz: the quiz.
        """
        attempts = standing.attempts(session, offering)
        with self._lock:  # one after the other: those who wait get what the first has found
            known = self._known.get(offering.id)
            if known is None or known[0] is not quiz or known[1] != attempts:
                known = self._known[offering.id] = (quiz, attempts, _analyse(session, quiz, attempts))
        return known[2]


def _analyse(session: Session, quiz: CourseQuiz, attempts: Sequence[Attempt]) -> ItemAnalysis:
    last = {one.student: one for one in attempts if one.is_scored}  # of each student the last one counts
    read = {number: SheetOutcome.from_dict(json.loads(line)) for number, line in _lines(session, last).items()}
    names = [question.id for question in quiz.quiz.questions]
    sheets = {
        number: sheet
        for number, sheet in read.items()
        if sheet.status == "scored" and [question.id for question in sheet.questions] == names
    }
    counted = [one for one in last.values() if one.number in sheets]
    analysis = statistics.analyse(list(sheets.values())) if len(sheets) > 1 else None
    times = _times(session, counted)
    return ItemAnalysis(
        attempts=len(attempts),
        is_open=sum(one.finished_at is None for one in attempts),
        unscored=sum(one.finished_at is not None and not one.is_scored for one in attempts),
        left_out=len(last) - len(counted),
        students=len(counted),
        analysis=analysis,
        seconds=_quartiles([_seconds(one.begun_at, one.finished_at) for one in counted if one.finished_at is not None]),
        items=[
            _item(
                question,
                [sheet.questions[position] for sheet in sheets.values()],
                analysis.items[position] if analysis is not None else None,
                times.get(question.id, ()),
            )
            for position, question in enumerate(quiz.quiz.questions)
        ],
    )


def _lines(session: Session, last: Mapping[int, Attempt]) -> dict[int, str]:
    return standing.outcomes(session, [one.number for one in last.values()])


def _item(
    question: AnyQuestion,
    outcomes: Sequence[QuestionOutcome],
    found: QuestionStatistics | None,
    seconds: Sequence[float],
) -> Item:
    tries = [one.attempt for one in outcomes if one.attempt]
    said = Counter(words for one in outcomes for words in dict.fromkeys(one.feedback) if words != question.explain)
    given = Counter((one.answer, one.outcome == "right") for one in outcomes if one.answer)
    return Item(
        id=question.id,
        statistics=found,
        outcomes=Counter(one.outcome for one in outcomes),
        tries=fmean(tries) if tries else None,
        hints=fmean(one.hints for one in outcomes) if outcomes else 0.0,
        seconds=median(seconds) if seconds else None,
        misconceptions=said.most_common(_MOST_NAMED),
        answers=[(answer, is_right, count) for (answer, is_right), count in given.most_common(_MOST_NAMED)],
    )


def _times(session: Session, counted: Sequence[Attempt]) -> dict[str, list[float]]:
    """Return how long each question took in each attempt, as far as the times of saving say."""
    found: defaultdict[str, list[float]] = defaultdict(list)
    saves = standing.last_saves(session, [one.number for one in counted])
    for attempt in counted:
        before = attempt.begun_at
        for saved_at, question in saves.get(attempt.number, ()):
            found[question].append(_seconds(before, saved_at))
            before = saved_at
    return found


def _seconds(begin: datetime, end: datetime) -> float:
    return max(0.0, (end - begin).total_seconds())


def _quartiles(values: Sequence[float]) -> tuple[float, float, float] | None:
    if not values:
        return None
    ordered = sorted(values)
    first, third = (ordered[round(share * (len(ordered) - 1))] for share in (0.25, 0.75))
    return first, median(ordered), third
