"""The questions of a quiz as a page shows them, and what its form brings; both know of released questions only.

What is said of an answer that was judged comes from the sitting, and of the key only once its question is closed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape
from starlette.datastructures import FormData

from autograder.base.errors import SandboxError
from autograder.base.i18n import Language, Text, text
from autograder.quiz.exports.html import evidence_of, right_answer
from autograder.quiz.exports.markup import to_html
from autograder.quiz.notation.formulas import in_lines, in_mathml
from autograder.quiz.notation.parsing import FormatError
from autograder.quiz.questions.fields import Option, with_gaps
from autograder.quiz.questions.models import AnyQuestion, Multi, Single
from autograder.quiz.scoring.markers import Verdict
from autograder.quiz.scoring.outcomes import Mark
from autograder.quiz.take import forms
from autograder.quiz.take.released import ShownOption, ShownQuestion
from autograder.quiz.take.sitting import Sitting
from autograder.web.quizzes import CourseQuiz, given
from autograder.web.visit import Refused

NONE = "-"
"""What the box «none of these» sends."""
MOST_CHARACTERS = 2000
_KINDS = {"shape": text("a shape"), "number": text("a number"), "text": text("a word"), "choice": text("choose")}
_SAID: dict[Mark, Text] = {"right": text("right!"), "partial": text("partly right"), "wrong": text("not right")}


# -- what a form brings ------------------------------------------------------------------------------------------------


def written(form: FormData, questions: Sequence[ShownQuestion]) -> dict[str, Any]:
    """Return the answers that a form changes, by question; an older page leaves newer answers as they are.

    Raises:
        Refused: one is too long.
    """
    found = {}
    for question in questions:
        before = form.get(f"was:{question.id}")
        if isinstance(before, str) and digest(value := _read(question, form)) != before:
            found[question.id] = value
    return found


def digest(value: Any) -> str:
    """Return what a form brings along to say which answer it had."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def _read(question: ShownQuestion, form: FormData) -> Any:
    name = f"a:{question.id}"
    match question.type:
        case "multi":
            ticked = [_words(value) for value in form.getlist(name)]
            return [] if ticked == [NONE] else ticked or None
        case "truefalse":
            return {"true": True, "false": False}.get(_words(form.get(name)))
        case "blanks" | "match":
            return {part: _words(form.get(f"{name}:{part}")) for part in question.blanks or question.left}
        case "order":
            return [_words(form.get(f"{name}:{place}")) for place in range(len(question.items))]
    return _words(form.get(name)) or None


def _words(value: object) -> str:
    words = value if isinstance(value, str) else ""
    if len(words) > MOST_CHARACTERS:
        raise Refused(413, text("an answer has at most {most} characters", most=MOST_CHARACTERS))
    return words


def problem_with(question: ShownQuestion, value: Any) -> Text | None:
    """Return why an answer cannot be read, as far as that can be said without its key."""
    answer = given(value)
    if answer is None:
        return None
    try:
        forms.check(question, answer)
    except FormatError as error:
        return error.text
    return None


# -- what a page shows -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Field:
    """Something to fill in: its name in the form, its label, and what may be chosen, by value."""

    name: str
    label: Markup
    value: str
    kind: Text | None = None
    choices: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Lesson:
    """What is said of a question that is closed: the right answer, why others are wrong, what running them gave."""

    right: Markup
    explain: Markup | None
    whys: Sequence[tuple[Markup, Markup]]
    columns: Sequence[str]
    rows: Sequence[tuple[Markup, Sequence[str]]]


@dataclass(frozen=True)
class Judged:
    """What came of the last answer that was judged."""

    mark: Mark
    said: Text
    feedback: Sequence[Markup]


@dataclass(frozen=True)
class Question:
    """A question as one student sees it at the moment.

    Args:
        shown: the released question.
        number: its place in the quiz.
        prompt: with the student's parameters.
        ticks: the options of a choice: value, words, whether it is chosen.
        fields: what else is to be filled in.
        was: the answer that the page was made with, for `written`.
        is_open: whether it can be answered.
        hints: those that were taken.
        hint_cost: of the next one in percent; None where there is none.
        attempts_left: where answers are judged at once.
        worth: what the next attempt can earn, in percent.
        problem: why the answer cannot be read or was not judged.
        judged: what came of the last attempt.
        lesson: what is said once it is closed.
    """

    shown: ShownQuestion
    number: int
    prompt: Markup
    ticks: Sequence[tuple[str, Markup, bool]]
    fields: Sequence[Field]
    was: str
    is_open: bool
    hints: Sequence[Markup]
    hint_cost: int | None
    attempts_left: int | None
    worth: int
    problem: Text | None
    judged: Judged | None
    lesson: Lesson | None


class Asking:
    """Makes the questions of one student's page.

    Args:
        quiz: with its keys, for what is said of closed questions.
        sitting: the student's answers.
        saved: what they have saved last, by question.
        language: of the page.
    """

    def __init__(self, quiz: CourseQuiz, sitting: Sitting, saved: Mapping[str, Any], language: Language) -> None:
        self._quiz, self._sitting, self._saved, self._language = quiz, sitting, saved, language

    def question(self, number: int, problem: Text | None = None) -> Question:
        """Return a question by its place, from 1 on; a problem that is given is said instead of our own."""
        sitting, shown = self._sitting, self._sitting.shown.questions[number - 1]
        tries, value = sitting.tries[shown.id], self._saved.get(shown.id)
        is_open, used = sitting.is_open(shown), len(tries.attempts)
        more = shown.hints[tries.hints : tries.hints + 1] if is_open else []
        return Question(
            shown=shown,
            number=number,
            prompt=self._prompt(shown),
            ticks=list(self._ticks(shown, value)),
            fields=list(self._fields(shown, value)),
            was=digest(value if value is not None or shown.type in _CHOSEN else _read(shown, FormData())),
            is_open=is_open,
            hints=[self.say(hint.text) for hint in shown.hints[: tries.hints]],
            hint_cost=round(100 * more[0].cost) if more else None,
            attempts_left=len(shown.attempts) - used if sitting.scorer is not None else None,
            worth=round(100 * shown.attempts[min(used, len(shown.attempts) - 1)]),
            problem=problem or (problem_with(shown, value) if is_open else None),
            judged=self._judged(shown),
            lesson=None if is_open else self._lesson(shown),
        )

    def say(self, words: Text) -> Markup:
        """Return an author's words as HTML."""
        return _html(words.get(self._language))

    def _prompt(self, shown: ShownQuestion) -> Markup:
        prompt = shown.prompt_for(self._sitting.variant(shown), self._language)
        return Markup(with_gaps(prompt, shown.blanks, "____({})", _html))  # noqa: S704 -- a blank's name is an identifier

    def _option(self, option: ShownOption | Option) -> Markup:
        if option.text is None:
            return Markup("<code>{}</code>").format(option.code or "")
        return self.say(option.text)

    def _ticks(self, shown: ShownQuestion, value: Any) -> Sequence[tuple[str, Markup, bool]]:
        if shown.type == "truefalse":
            words = {"true": (text("true"), True), "false": (text("false"), False)}
            return [(key, self.say(said), value is truth) for key, (said, truth) in words.items()]
        chosen = value if isinstance(value, list) else [value]
        names = self._sitting.order(shown, list(shown.options))
        ticks = [(name, self._option(shown.options[name]), name in chosen) for name in names]
        if shown.type == "multi":
            ticks.append((NONE, self.say(text("none of these")), value == [] or NONE in chosen))
        return ticks

    def _fields(self, shown: ShownQuestion, value: Any) -> Sequence[Field]:
        name, parts = f"a:{shown.id}", value if isinstance(value, dict) else {}
        match shown.type:
            case "blanks":
                return [
                    Field(
                        f"{name}:{part}",
                        Markup("{}").format(part),
                        parts.get(part, ""),
                        _KINDS[blank.kind],
                        self._choices(shown, blank.options),
                    )
                    for part, blank in shown.blanks.items()
                ]
            case "match":
                right = self._choices(shown, shown.right)
                return [
                    Field(f"{name}:{part}", self._option(left), parts.get(part, ""), None, right)
                    for part, left in shown.left.items()
                ]
            case "order":
                items, places = self._choices(shown, shown.items), value if isinstance(value, list) else []
                return [
                    Field(f"{name}:{n}", Markup("{}.").format(n + 1), places[n] if n < len(places) else "", None, items)
                    for n in range(len(shown.items))
                ]
            case "number" | "code":
                return [Field(name, self.say(text("your answer")), value or "")]
        return []

    def _choices(self, shown: ShownQuestion, options: Mapping[str, ShownOption]) -> Sequence[tuple[str, str]]:
        """Return what a list offers: words without markup, in the student's order."""
        return [
            (name, in_lines(options[name].get(self._language)) if options[name].text else options[name].code or "")
            for name in self._sitting.order(shown, list(options))
        ]

    # -- what is said of answers ---------------------------------------------------------------------------------------

    def _judged(self, shown: ShownQuestion) -> Judged | None:
        keyed, attempts = self._sitting.keyed(shown), self._sitting.tries[shown.id].attempts
        if self._sitting.scorer is None or keyed is None or not attempts:
            return None
        try:
            verdict = self._sitting.scorer.mark(keyed, attempts[-1], self._sitting.student)
        except (FormatError, SandboxError) as error:
            verdict = Verdict(0.0, (error.text,))
        mark: Mark = "right" if verdict.share == 1 else "partial" if verdict.share else "wrong"
        return Judged(mark, _SAID[mark], [self.say(words) for words in verdict.feedback])

    def _lesson(self, shown: ShownQuestion) -> Lesson | None:
        keyed = self._sitting.keyed(shown)
        if keyed is None:
            return None
        return self.lesson(keyed, self._sitting.variant(shown))

    def lesson(self, keyed: AnyQuestion, variant: int) -> Lesson:
        """Return what the key, the explanations and the proof say of a question."""
        quiz, options = self._quiz, keyed.options if isinstance(keyed, Single | Multi) else {}
        certificate = quiz.certificates.questions.get(keyed.id)
        evidence = evidence_of(keyed, certificate) if certificate is not None else {}
        columns = list(dict.fromkeys(name for values in evidence.values() for name in values))
        return Lesson(
            right=self._right(keyed, options, variant),
            explain=None if keyed.explain is None else self.say(keyed.explain),
            whys=[(self._option(o), self.say(o.why)) for o in options.values() if o.why is not None],
            columns=[name.replace("_", " ") for name in columns],
            rows=[
                (
                    self._option(options[of]) if of in options else escape(of),
                    [v.get(n, "–") for n in columns],
                )
                for of, v in evidence.items()
            ],
        )

    def _right(self, keyed: AnyQuestion, options: Mapping[str, Option], variant: int) -> Markup:
        if options and isinstance(keyed, Single | Multi):
            named = [self._option(options[name]) for name in sorted(keyed.key)]
            return Markup(" · ").join(named) if named else self.say(text("none of these"))
        asked = self._quiz.variants.get(keyed.id, ())[variant : variant + 1]
        return _html(right_answer(self._quiz.quiz, keyed, asked, self._language))


_CHOSEN = ("single", "multi", "truefalse", "number", "code")
"""Types of which an answer that is missing is None in a form as well."""


def _html(words: str) -> Markup:
    return Markup(to_html(words, in_mathml))  # noqa: S704 -- a template's HTML, escaped there
