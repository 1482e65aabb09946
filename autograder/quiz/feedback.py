"""A page for each student whose answers were scored: every question, what was answered, what to learn from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from autograder.base.files import write_asked
from autograder.base.i18n import Language, Text, same, text
from autograder.quiz.exports.markup import option_html, to_html
from autograder.quiz.notation.formulas import in_mathml
from autograder.quiz.questions.fields import Option, with_gaps, with_values
from autograder.quiz.questions.fill_in import Blanks, ChoiceBlank, Code
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Quiz, Single, TrueFalse
from autograder.quiz.scoring.markers import Variant
from autograder.quiz.scoring.outcomes import Outcome, QuestionOutcome, SheetOutcome, one_of_each_student
from autograder.quiz.terminal import MARKS
from autograder.report.student_page import document, total
from autograder.report.tables import points

_WORDS: dict[Outcome, Text] = {
    "right": text("right"),
    "partial": text("partly right"),
    "wrong": text("not right"),
    "blank": text("not answered"),
    "format-error": text("cannot be read"),
    "unjudged": text("could not be judged"),
}
_CLASSES: dict[Outcome, str] = {
    "right": "passed",
    "partial": "partly",
    "wrong": "failed",
    "blank": "skipped",
    "format-error": "failed",
    "unjudged": "error",
}


def write_all(
    folder: Path,
    quiz: Quiz,
    variants: Mapping[str, Sequence[Variant]],
    outcomes: Sequence[SheetOutcome],
    language: Language,
) -> tuple[int, list[Text]]:
    """Write ``<folder>/<student>/<quiz>.html`` for every sheet; gives how many, and who is left out and why.

    Args:
        folder: is made where there is none.
        quiz: what was answered.
        variants: of its questions with parameters.
        outcomes: of the sheets.
        language: of the pages.

    Raises:
        UsageError: a page cannot be written.
    """
    sheets, notes = one_of_each_student(outcomes, text("no page for it"))
    written = 0
    for sheet in sheets:
        if "/" in sheet.student or sheet.student.startswith("."):
            notes.append(text("{student}: is no name for a folder; no page for it", student=sheet.student))
            continue
        page = render(quiz, variants, sheet, language)
        write_asked(folder / sheet.student / f"{quiz.id}.html", page, make_folder=True)
        written += 1
    return written, notes


def render(quiz: Quiz, variants: Mapping[str, Sequence[Variant]], sheet: SheetOutcome, language: Language) -> str:
    """The page of one sheet."""
    title = f"{quiz.title.get(language)} · {sheet.student}"
    return document(title, _Page(quiz, variants, sheet, language).body(), language)


class _Page:
    def __init__(
        self, quiz: Quiz, variants: Mapping[str, Sequence[Variant]], sheet: SheetOutcome, language: Language
    ) -> None:
        self._quiz, self._variants, self._sheet, self._language = quiz, variants, sheet, language

    def body(self) -> Iterator[str]:
        """From top to bottom."""
        sheet = self._sheet
        yield f"<header>\n<h1>{self._say(self._quiz.title)}</h1>"
        yield f'<div class="soft">{escape(sheet.student)}</div>'
        yield from total(sheet.score, sheet.max_score, self._language)
        yield from (f'<p class="comment">{self._say(words)}</p>' for words in sheet.problems)
        yield "</header>"
        for position, (question, outcome) in enumerate(zip(self._quiz.questions, sheet.questions, strict=True), 1):
            yield from self._question(position, question, outcome)

    def _say(self, words: Text) -> str:
        return _html(words.get(self._language))

    def _question(self, position: int, question: AnyQuestion, outcome: QuestionOutcome) -> Iterator[str]:
        worth = f"{points(outcome.earned)} / {points(outcome.points)}"
        verdict = f"{MARKS[outcome.outcome]} {self._say(_WORDS[outcome.outcome])}"
        heading = f'{position}. <span class="{_CLASSES[outcome.outcome]}">{verdict}</span>'
        yield f'<section>\n<div class="head"><h2>{heading}</h2><span class="points">{worth}</span></div>'
        yield from (f'<span class="tag">{self._say(words)}</span>' for words in _remarks(outcome))
        blanks = question.blanks if isinstance(question, Blanks) else ()
        prompt = with_values(question.prompt.get(self._language), self._parameters(question, outcome))
        yield f'<p class="prompt">{with_gaps(prompt, blanks, "____({})", _html)}</p>'
        given = question.given.items() if isinstance(question, Code) else ()
        yield from (f"<p><code>{escape(name)} = {escape(expression)}</code></p>" for name, expression in given)
        yield from self._answer(question, outcome)
        if lesson := _lesson(question, outcome):
            told = "".join(f"<p>{self._say(words)}</p>" for words in lesson)
            yield f'<div class="comment">{told}</div>'
        yield "</section>"

    def _parameters(self, question: AnyQuestion, outcome: QuestionOutcome) -> Mapping[str, Any]:
        return {} if outcome.variant is None else self._variants[question.id][outcome.variant].params

    def _answer(self, question: AnyQuestion, outcome: QuestionOutcome) -> Iterator[str]:
        """What was answered, in the words the student saw: letters are shuffled for each."""
        match question:
            case Single() | Multi():
                if outcome.answer and not outcome.chosen:
                    yield self._your(same(outcome.answer))
                yield from self._list(
                    (self._option(option), name in question.key if name in outcome.chosen else None)
                    for name, option in question.options.items()
                )
            case Match():
                given = dict(_pairs(outcome))
                partners = {a: f" → {self._option(question.right[b])}" for a, b in given.items()}
                yield from self._list(
                    (
                        f"{a}. {self._option(left)}{partners.get(a, '')}",
                        given[a] == question.key[a] if a in given else None,
                    )
                    for a, left in question.left.items()
                )
            case Order() if outcome.chosen:
                items = "".join(f"<li>{self._option(question.items[name])}</li>" for name in outcome.chosen)
                yield f'<ol class="answer">{items}</ol>'
            case Blanks() if outcome.answer:
                choices = {name: blank for name, blank in question.blanks.items() if isinstance(blank, ChoiceBlank)}
                if len(choices) < len(question.blanks):
                    yield self._your(same(outcome.answer))
                yield from self._list(  # of a blank with options the answer holds but the key
                    (f"{name}: {self._option(choices[name].options[key])}", key == choices[name].answer)
                    for name, key in _pairs(outcome)
                )
            case TrueFalse() if outcome.chosen:
                yield self._your(text("true") if outcome.chosen == ("true",) else text("false"))
            case _ if outcome.answer:
                yield self._your(same(outcome.answer))

    def _your(self, answer: Text) -> str:
        words = text("your answer: {answer}", answer=answer).get(self._language)
        return f'<p class="answer">{escape(words)}</p>'

    def _option(self, option: Option) -> str:
        return option_html(option, self._language, in_mathml)

    def _list(self, options: Iterable[tuple[str, bool | None]]) -> Iterator[str]:
        """What there is to choose, in HTML; what was chosen with whether that was right."""
        yield "<ul>"
        for words, right in options:
            if right is None:
                yield f"<li><span></span><span>{words}</span></li>"
            else:
                name, mark = ("passed", MARKS["right"]) if right else ("failed", MARKS["wrong"])
                tag = f'<span class="tag">{self._say(text("your choice"))}</span>'
                yield f'<li class="{name}"><span>{mark}</span><span>{words}{tag}</span></li>'
        yield "</ul>"


def _pairs(outcome: QuestionOutcome) -> list[tuple[str, str]]:
    """The parts of a question for which an option was chosen, each with its option."""
    return [(part, option) for part, _, option in (choice.partition("=") for choice in outcome.chosen)]


def _html(words: str) -> str:
    return to_html(words, in_mathml)


def _lesson(question: AnyQuestion, outcome: QuestionOutcome) -> Sequence[Text]:
    """What was wrong, and the explanation: who was right may have guessed."""
    if question.explain is None or question.explain in outcome.feedback or outcome.outcome == "unjudged":
        return outcome.feedback
    return (*outcome.feedback, question.explain)


def _remarks(outcome: QuestionOutcome) -> Iterator[Text]:
    if outcome.attempt > 1:
        yield text("attempt {number} counts", number=outcome.attempt)
    if outcome.hints:
        yield text("hints taken: {count}", count=outcome.hints)
