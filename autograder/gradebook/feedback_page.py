"""The feedback page: one self-contained HTML file without scripts; whatever a student wrote is escaped.

Of a hidden criterion it has the title and the outcome. It is light or dark as its reader likes, and fits a phone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from autograder.base.i18n import Language, Text, text
from autograder.report.student_page import document, total
from autograder.report.tables import points
from autograder.report.terminal import MARKS, paragraphs
from autograder.results.grade_report import CriterionResult, ExerciseResult, Problem

_OUTCOMES = {
    "passed": text("passed"),
    "failed": text("failed"),
    "skipped": text("not tried, because what it builds on failed"),
    "error": text("could not be judged"),
}


@dataclass(frozen=True)
class Given:
    """What the gradebook has for one cell.

    Args:
        score: with extra credit; what counts.
        maximum: what there is to get.
        extra: the extra credit in it.
        by_hand: a person has given it.
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
        student: whose it is.
        handed_in: when, in words; empty where nobody knows.
        score: the total, after what was taken off.
        maximum: what there was to get.
        taken_off: for being late.
        exercises: with what the gradebook has for each, and a person's comments on the code.
        answers: that people grade.
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


def render(feedback: Feedback, language: Language) -> str:
    """The page in one language."""
    title = f"{feedback.title.get(language)} · {feedback.student}"
    return document(title, _Page(feedback, language).body(), language)


class _Page:
    def __init__(self, feedback: Feedback, language: Language) -> None:
        self._feedback, self._language = feedback, language

    def body(self) -> Iterator[str]:
        """The page from top to bottom."""
        f = self._feedback
        yield from self._header()
        yield from self._problems()
        for exercise, given, comments in f.exercises:
            yield from self._exercise(exercise, given, comments)
        for answer in f.answers:
            yield from self._answer(answer)
        yield from self._code()

    def _say(self, words: Text) -> str:
        return escape(words.get(self._language))

    def _header(self) -> Iterator[str]:
        f = self._feedback
        yield f"<header>\n<h1>{self._say(f.title)}</h1>"
        when = " · " + self._say(text("handed in {time}", time=f.handed_in)) if f.handed_in else ""
        yield f'<div class="soft">{escape(f.student)}{when}</div>'
        yield from total(f.score, f.maximum, self._language)
        if f.taken_off:
            words = text("{points} points were taken off for being late", points=points(f.taken_off))
            yield f'<p class="soft">{self._say(words)}</p>'
        yield from (f'<p class="comment">{escape(name)}: {escape(words)}</p>' for name, words in f.comments)
        yield "</header>"

    def _head(self, title: str, given: Given) -> str:
        shown = "–" if given.waits and not given.score else points(round(given.score, 2))
        return (
            f'<div class="head"><h2>{title}</h2><span class="points">{shown} / {points(given.maximum)}</span></div>'
            + "".join(f'<span class="tag">{self._say(words)}</span>' for words in _remarks(given))
        )

    def _exercise(self, exercise: ExerciseResult, given: Given, comments: Sequence[str]) -> Iterator[str]:
        yield "<section>"
        yield self._head(self._say(exercise.title), given)
        yield from (f'<p class="comment">{escape(words)}</p>' for words in comments)
        yield "<ul>"
        yield from (self._criterion(criterion.for_student()) for criterion in exercise.criteria)
        yield "</ul>\n</section>"

    def _criterion(self, result: CriterionResult) -> str:
        outcome = self._say(_OUTCOMES[result.outcome])
        hidden = "" if result.visible else f'<span class="tag">{self._say(text("hidden test"))}</span>'
        worth = f"{points(result.earned)} / {points(result.points)}" if result.points else ""
        why = "".join(f'<p class="{kind}">{escape(words)}</p>' for kind, words in paragraphs(result, self._language))
        return (
            f'<li class="{result.outcome}">'
            f'<span role="img" aria-label="{outcome}" title="{outcome}">{MARKS[result.outcome]}</span>'
            f"<span>{self._say(result.title)}{hidden}</span>"
            f'<span class="points">{worth}</span>' + (f'<div class="why">{why}</div>' if why else "") + "</li>"
        )

    def _answer(self, answer: Answer) -> Iterator[str]:
        yield "<section>"
        yield self._head(escape(answer.name), answer.given)
        yield f'<p class="answer">{escape(answer.written)}</p>'
        if answer.given.comment:
            yield f'<p class="comment">{escape(answer.given.comment)}</p>'
        yield "</section>"

    def _problems(self) -> Iterator[str]:
        if not self._feedback.problems:
            return
        yield f"<section>\n<h2>{self._say(text('What went wrong when your code ran'))}</h2>"
        for problem in self._feedback.problems:
            place = self._say(text("code cell {number}", number=problem.cell)) if problem.cell is not None else ""
            yield f'<div class="cell"><div class="soft">{place}</div>'
            yield f'<pre class="wrong">{escape(problem.get(self._language))}</pre></div>'
        yield "</section>"

    def _code(self) -> Iterator[str]:
        if not self._feedback.cells:
            return
        yield f"<section>\n<details>\n<summary>{self._say(text('Your code, cell by cell'))}</summary>"
        for cell in self._feedback.cells:
            place = self._say(text("code cell {number}", number=cell.number))
            yield f'<div class="cell"><div class="soft">{place}</div><pre>{escape(cell.source)}</pre>'
            yield from (f'<pre class="wrong">{escape(words)}</pre>' for words in cell.errors)
            yield "</div>"
        yield "</details>\n</section>"


def _remarks(given: Given) -> Iterator[Text]:
    if given.waits:
        yield text("waits for a person to grade it")
    elif given.by_hand:
        yield text("graded by hand")
    if given.extra:
        yield text("extra credit: {points}", points=points(given.extra))
