"""A quiz in numbers, question by question, for those who teach: keys are on this page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from autograder.base.i18n import Language, Text, text
from autograder.quiz import feedback
from autograder.quiz.exports.markup import Parts, parts_of_option, to_html
from autograder.quiz.notation.formulas import in_mathml
from autograder.quiz.questions.fields import Option, with_gaps
from autograder.quiz.questions.fill_in import Blanks, ChoiceBlank
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Single, TrueFalse
from autograder.report.tables import points
from autograder.web.data import offerings
from autograder.web.data.models import Kind
from autograder.web.item_analysis import ItemAnalysis
from autograder.web.pages.live_page import unless_unchanged
from autograder.web.policies import Dates
from autograder.web.visit import Refused, Visit


def statistics(visit: Visit) -> Response:
    """Show how hard each question is, whether it separates, and what was answered."""
    name = visit.request.path_params["name"]
    with visit.site.database.read() as session:
        offering = offerings.by_name(session, name, Kind.quiz)
        if offering is None:
            raise Refused(404, text("there is no such quiz"))
        quiz = visit.site.quizzes.of(name)
        found = visit.site.item_analyses.of(session, offering, quiz)
    dates = Dates.of(offering)
    page = visit.page(
        "quiz_statistics.html",
        name=name,
        quiz=quiz.quiz,
        dates=dates,
        stage=dates.stage(visit.now),
        found=found,
        numbers=_numbers(found),
        questions=list(_questions(quiz.quiz.questions, found, visit.language)),
        parts=feedback.in_parts(visit.language),
        minutes=_minutes,
    )
    return unless_unchanged(visit, page)


def _numbers(found: ItemAnalysis) -> list[tuple[Text, str]]:
    analysis = found.analysis
    shown = [
        (text("students who count"), str(found.students)),
        (text("attempts begun"), str(found.attempts)),
        (text("not finished"), str(found.is_open)),
        (text("wait to be scored"), str(found.unscored)),
    ]
    if analysis is not None:
        shown += [
            (text("mean"), points(round(analysis.mean, 2))),
            (text("standard deviation"), points(round(analysis.deviation, 2))),
            (text("Cronbach's alpha"), _two_digits(analysis.alpha)),
            (text("standard error of a score"), _two_digits(analysis.error)),
        ]
    if found.seconds is not None:
        shown.append((text("time taken: median (middle half)"), _spread(*found.seconds)))
    return shown


def _spread(first: float, middle: float, third: float) -> str:
    return f"{_minutes(middle)} ({_minutes(first)}–{_minutes(third)})"


def _minutes(seconds: float | None) -> str:
    return "–" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _two_digits(value: float | None) -> str:
    return "–" if value is None else f"{round(value, 2) + 0.0:.2f}"  # no minus before a zero


def _questions(questions: Sequence[AnyQuestion], found: ItemAnalysis, language: Language) -> Iterator[dict[str, Any]]:
    """Yield what the page shows of each question."""
    for number, (question, item) in enumerate(zip(questions, found.items, strict=True), 1):
        analysis, choices = item.statistics, _choices(question, language)
        yield {
            "number": number,
            "item": item,
            "prompt": _prompt(question, language),
            "discrimination": _two_digits(analysis.discrimination if analysis else None),
            "efficiency": _two_digits(analysis.efficiency if analysis else None),
            "is_suspicious": analysis is not None and (analysis.discrimination or 0.0) < 0,
            "choices": choices if analysis is not None else [],
            "answers": [] if choices and not isinstance(question, Blanks) else item.answers,
        }


def _prompt(question: AnyQuestion, language: Language) -> Markup:
    blanks = question.blanks if isinstance(question, Blanks) else ()
    filled = with_gaps(question.prompt.get(language), blanks, "____({})", lambda words: to_html(words, in_mathml))
    return Markup(filled)  # noqa: S704 -- a template's HTML, in which a blank's name is letters and digits


@dataclass(frozen=True)
class _Choice:
    """Something that can be chosen: how outcomes call it, its words, and whether it is right."""

    key: str
    words: Parts
    is_right: bool


def _choices(question: AnyQuestion, language: Language) -> list[_Choice]:
    match question:
        case Single() | Multi():
            return [
                _Choice(name, _words(option, language, f"{name}. "), name in question.key)
                for name, option in question.options.items()
            ]
        case TrueFalse():
            said = {True: text("true"), False: text("false")}
            return [_Choice(str(o).lower(), [("text", w.get(language))], o is question.key) for o, w in said.items()]
        case Match():
            return list(_pairs(question, language))
        case Blanks():
            return list(_of_blanks(question, language))
    return []


def _pairs(question: Match, language: Language) -> Iterator[_Choice]:
    for a, left in question.left.items():
        for b, right in question.right.items():
            words = [*_words(left, language), *_words(right, language, " → ")]
            yield _Choice(f"{a}={b}", words, question.key[a] == b)


def _of_blanks(question: Blanks, language: Language) -> Iterator[_Choice]:
    for name, blank in question.blanks.items():
        if isinstance(blank, ChoiceBlank):
            for key, option in blank.options.items():
                yield _Choice(f"{name}={key}", _words(option, language, f"{name}: "), key == blank.answer)


def _words(option: Option, language: Language, before: str = "") -> Parts:
    return [("text", before), *parts_of_option(option, language, in_mathml)]
