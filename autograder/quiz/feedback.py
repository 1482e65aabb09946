"""Writes a page for each student: every question, what they answered, and what to learn from it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from autograder.base.files import write_asked
from autograder.base.i18n import Language, Text, same, text
from autograder.quiz.exports.markup import Parts, parts_of, parts_of_option, to_html
from autograder.quiz.notation.formulas import in_mathml
from autograder.quiz.questions.fields import Option, with_gaps, with_values
from autograder.quiz.questions.fill_in import Blanks, ChoiceBlank, Code
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Quiz, Single, TrueFalse
from autograder.quiz.scoring.markers import Variant
from autograder.quiz.scoring.outcomes import Mark, QuestionOutcome, SheetOutcome, one_of_each_student
from autograder.quiz.terminal import MARKS
from autograder.report.templates import render as render_template

_WORDS: dict[Mark, Text] = {
    "right": text("right"),
    "partial": text("partly right"),
    "wrong": text("not right"),
    "blank": text("not answered"),
    "format-error": text("cannot be read"),
    "unjudged": text("could not be judged"),
}
_CLASSES: dict[Mark, str] = {
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
    """Write ``<folder>/<student>/<quiz>.html`` for every sheet; return how many, and who is left out and why.

    Args:
        folder: created if it does not exist.
        quiz: the quiz that was answered.
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
            notes.append(text("{student}: cannot be the name of a folder; no page for it", student=sheet.student))
            continue
        page = render(quiz, variants, sheet, language)
        write_asked(folder / sheet.student / f"{quiz.id}.html", page, make_folder=True)
        written += 1
    return written, notes


def render(quiz: Quiz, variants: Mapping[str, Sequence[Variant]], sheet: SheetOutcome, language: Language) -> str:
    """Return the page of one sheet."""
    return render_template(
        "quiz/templates/feedback.html",
        quiz=quiz,
        sheet=sheet,
        language=language,
        questions=questions(quiz, variants, sheet, language),
        parts=in_parts(language),
        marks=MARKS,
    )


def questions(
    quiz: Quiz, variants: Mapping[str, Sequence[Variant]], sheet: SheetOutcome, language: Language
) -> list[_Question]:
    """Return what the template `answered.html` shows of each question."""
    page = _Page(variants, language)
    return [page.question(q, outcome) for q, outcome in zip(quiz.questions, sheet.questions, strict=True)]


def in_parts(language: Language) -> Callable[[Text], Parts]:
    """Return what splits an author's words for a template."""
    return lambda words: parts_of(words.get(language), in_mathml)


@dataclass(frozen=True)
class _Option:
    """An option; ``right`` is None unless it was chosen."""

    words: Parts
    right: bool | None


@dataclass(frozen=True)
class _Answer:
    """What was answered, if anything: in words, as an order, or by options."""

    words: Text | None = None
    ordered: Sequence[Parts] = ()
    options: Sequence[_Option] | None = None


@dataclass(frozen=True)
class _Question:
    """What the page shows of a question."""

    outcome: QuestionOutcome
    tone: str
    mark: str
    verdict: Text
    remarks: Sequence[Text]
    prompt: Markup
    given: Sequence[tuple[str, str]]
    answered: _Answer
    lesson: Sequence[Text]


class _Page:
    def __init__(self, variants: Mapping[str, Sequence[Variant]], language: Language) -> None:
        self._variants, self._language = variants, language

    def question(self, question: AnyQuestion, outcome: QuestionOutcome) -> _Question:
        return _Question(
            outcome=outcome,
            tone=_CLASSES[outcome.outcome],
            mark=MARKS[outcome.outcome],
            verdict=_WORDS[outcome.outcome],
            remarks=list(_remarks(outcome)),
            prompt=self._prompt(question, outcome),
            given=list(question.given.items()) if isinstance(question, Code) else (),
            answered=self._answer(question, outcome),
            lesson=_lesson(question, outcome),
        )

    def _prompt(self, question: AnyQuestion, outcome: QuestionOutcome) -> Markup:
        blanks = question.blanks if isinstance(question, Blanks) else ()
        prompt = with_values(question.prompt.get(self._language), self._parameters(question, outcome))
        filled = with_gaps(prompt, blanks, "____({})", lambda words: to_html(words, in_mathml))
        return Markup(filled)  # noqa: S704 -- a template's HTML, in which a blank's name is letters and digits

    def _parameters(self, question: AnyQuestion, outcome: QuestionOutcome) -> Mapping[str, Any]:
        return {} if outcome.variant is None else self._variants[question.id][outcome.variant].params

    def _answer(self, question: AnyQuestion, outcome: QuestionOutcome) -> _Answer:
        """Return what was answered in the words the student saw: option letters are shuffled for each student."""
        match question:
            case Single() | Multi():
                options = [
                    _Option(self._option(option), name in question.key if name in outcome.chosen else None)
                    for name, option in question.options.items()
                ]
                return _Answer(same(outcome.answer) if outcome.answer and not outcome.chosen else None, (), options)
            case Match():
                return _Answer(options=self._pairs(question, dict(_pairs(outcome))))
            case Order() if outcome.chosen:
                return _Answer(ordered=[self._option(question.items[name]) for name in outcome.chosen])
            case Blanks() if outcome.answer:
                choices = {name: blank for name, blank in question.blanks.items() if isinstance(blank, ChoiceBlank)}
                options = [  # for a blank with options, the answer holds only the key
                    _Option(
                        [("text", f"{name}: "), *self._option(choices[name].options[key])], key == choices[name].answer
                    )
                    for name, key in _pairs(outcome)
                ]
                return _Answer(same(outcome.answer) if len(choices) < len(question.blanks) else None, (), options)
            case TrueFalse() if outcome.chosen:
                return _Answer(text("true") if outcome.chosen == ("true",) else text("false"))
            case _ if outcome.answer:
                return _Answer(same(outcome.answer))
        return _Answer()

    def _pairs(self, question: Match, given: Mapping[str, str]) -> list[_Option]:
        partners = {a: [("text", " → "), *self._option(question.right[b])] for a, b in given.items()}
        return [
            _Option(
                [("text", f"{a}. "), *self._option(left), *partners.get(a, ())],
                given[a] == question.key[a] if a in given else None,
            )
            for a, left in question.left.items()
        ]

    def _option(self, option: Option) -> Parts:
        return parts_of_option(option, self._language, in_mathml)


def _pairs(outcome: QuestionOutcome) -> list[tuple[str, str]]:
    """Return the parts of a question for which an option was chosen, each with its option."""
    return [(part, option) for part, _, option in (choice.partition("=") for choice in outcome.chosen)]


def _lesson(question: AnyQuestion, outcome: QuestionOutcome) -> Sequence[Text]:
    """Return what was wrong, and the explanation even of a right answer, which may be a guess."""
    if question.explain is None or question.explain in outcome.feedback or outcome.outcome == "unjudged":
        return outcome.feedback
    return (*outcome.feedback, question.explain)


def _remarks(outcome: QuestionOutcome) -> Iterator[Text]:
    if outcome.attempt > 1:
        yield text("attempt {number} counts", number=outcome.attempt)
    if outcome.hints:
        yield text("hints taken: {count}", count=outcome.hints)
