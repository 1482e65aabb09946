"""The feedback page: one self-contained HTML file without scripts; whatever a student wrote is escaped.

A hidden criterion appears with its title and outcome only. The page is light or dark as its reader likes, and fits a
phone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from autograder.base.i18n import Language, Text, text
from autograder.gradebook.explanations import NOTHING, Said
from autograder.report.condensed import condense
from autograder.report.tables import points
from autograder.report.templates import render as render_template
from autograder.report.terminal import MARKS, OUTCOMES, paragraphs
from autograder.results.grade_report import ExerciseResult, Problem


@dataclass(frozen=True)
class Given:
    """What the gradebook has for one cell.

    Args:
        score: with extra credit; what counts.
        maximum: the points there are to get.
        extra: the extra credit in the score.
        by_hand: a person has given the score.
        waits: a person has yet to grade it.
        comment: a person's words.
    """

    score: float
    maximum: float
    extra: float = 0.0
    by_hand: bool = False
    waits: bool = False
    comment: str = ""


@dataclass(frozen=True)
class Answer:
    """A cell that a person grades: its name, what the student wrote, what was given."""

    name: str
    written: str
    given: Given


@dataclass(frozen=True)
class CodeCell:
    """A code cell of the student's: its number among them, its text, what went wrong in it."""

    number: int
    source: str
    errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Feedback:
    """Everything on one page.

    Args:
        title: the assignment's.
        student: the student's id.
        handed_in: when, in words; empty if unknown.
        score: the total, after what was taken off.
        maximum: the points there were to get.
        taken_off: for being late.
        exercises: with what the gradebook has for each, and a person's comments on the code.
        answers: the cells that people grade.
        problems: with the submission as a whole and with its cells.
        cells: the student's code.
        comments: a person's, on cells that belong to no exercise: the cell's name and the words.
    """

    title: Text
    student: str
    handed_in: str
    score: float
    maximum: float
    taken_off: float
    exercises: Sequence[tuple[ExerciseResult, Given, Sequence[str]]]
    answers: Sequence[Answer]
    problems: Sequence[Problem]
    cells: Sequence[CodeCell]
    comments: Sequence[tuple[str, str]] = ()

    @property
    def not_graded(self) -> float:
        """The points in the maximum that a person has yet to give."""
        given = [*(one for _, one, _ in self.exercises), *(answer.given for answer in self.answers)]
        return sum(one.maximum for one in given if one.waits and not one.by_hand)


def render(feedback: Feedback, language: Language, said: Said = NOTHING) -> str:
    """Return the page in one language, with what those who teach have said to its mistakes."""
    return render_template("gradebook/templates/feedback.html", language=language, **values(feedback, said))


def values(feedback: Feedback, said: Said) -> dict[str, Any]:
    """Return what ``feedback_content.html`` shows, for the pages that include it."""
    return {
        "feedback": feedback,
        "outcomes": OUTCOMES,
        "marks": MARKS,
        "paragraphs": paragraphs,
        "condense": condense,
        "remarks": _remarks,
        "said": said,
    }


def _remarks(given: Given) -> Iterator[Text]:
    if given.waits:
        yield text("waits for a person to grade it")
    elif given.by_hand:
        yield text("graded by hand")
    if given.extra:
        yield text("extra credit: {points}", points=points(given.extra))
