"""A page for self-study: one file, no server, both languages, by keyboard or on a phone.

For practice it carries the keys, as the quiz file does; for a test or an exam it carries only what is released, and
judges nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autograder.base.i18n import Language, Text, text
from autograder.quiz.exports.losses import Loss
from autograder.quiz.notation.formulas import marked
from autograder.quiz.notation.parsing import parse_number, parse_shape, parse_word
from autograder.quiz.proofs.certificates import Certificate
from autograder.quiz.proofs.evidence import tell
from autograder.quiz.questions.fields import Option, with_values
from autograder.quiz.questions.fill_in import (
    Blank,
    Blanks,
    ChoiceBlank,
    Code,
    Number,
    NumberBlank,
    ShapeBlank,
    TextBlank,
    Tolerance,
    WrongNumber,
)
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Quiz, Single, TrueFalse
from autograder.quiz.scoring import credit
from autograder.quiz.scoring.markers import Variant
from autograder.quiz.take.released import release, shuffled
from autograder.report.templates import render


def page(
    quiz: Quiz, variants: Mapping[str, Sequence[Variant]], certificates: Mapping[str, Certificate]
) -> tuple[str, list[Loss]]:
    """Return the page, and what it cannot express.

    Args:
        quiz: in the mode ``practice`` the page carries keys and explanations.
        variants: of its questions with parameters; the page shows the first of each.
        certificates: whose evidence the page shows, by question.
    """
    keyed = quiz.defaults.mode == "practice"
    shown = release(quiz, variants, quiz.defaults.mode).model_dump(mode="json", exclude_defaults=True)
    shown |= {"keyed": keyed, "points": quiz.points, "language": quiz.language, "languages": list(quiz.languages)}
    for question, data in zip(quiz.questions, shown["questions"], strict=True):
        _prepare(quiz, question, data, variants.get(question.id, ()))
        if keyed:
            data |= _key(quiz, question, variants.get(question.id, ()))
            if question.id in certificates:
                data["evidence"] = evidence_of(question, certificates[question.id])
    data = _with_formulas(shown)
    return render("quiz/exports/page.html", quiz=quiz, language=quiz.language, data=data), list(_losses(quiz))


def _with_formulas(data: Any) -> Any:
    """Return the page's data with MathML in every text that is in several languages."""
    if isinstance(data, dict):
        if data.keys() >= {"en", "zh"}:
            return {language: marked(words) if isinstance(words, str) else words for language, words in data.items()}
        return {name: _with_formulas(value) for name, value in data.items()}
    return [_with_formulas(value) for value in data] if isinstance(data, list) else data


def _losses(quiz: Quiz) -> Sequence[Loss]:
    losses = []
    for question in quiz.questions:
        if isinstance(question, Code):
            losses.append(Loss(question.id, text("a page cannot run Python: the answer is shown for comparison")))
        if isinstance(question, Number) and question.params:
            losses.append(Loss(question.id, text("every reader gets the same variant")))
        if isinstance(question, Blanks) and any(isinstance(b, TextBlank) and b.regex for b in question.blanks.values()):
            losses.append(Loss(question.id, text("answers that only the regex accepts are not accepted")))
    return losses


def _prepare(quiz: Quiz, question: AnyQuestion, data: dict[str, Any], variants: Sequence[Variant]) -> None:
    """Add what the page needs of a question with or without its key."""
    for part in ("options", "right", "items"):
        if part in data:
            data["order"] = (
                shuffled(data[part], quiz.id, question.id, "page") if data.get("shuffle", True) else list(data[part])
            )
    if variants:
        data.pop("variants", None)
        data["prompt"] = {
            language: with_values(words, variants[0].params) for language, words in data["prompt"].items()
        }


def _key(quiz: Quiz, question: AnyQuestion, variants: Sequence[Variant]) -> dict[str, Any]:
    """Return the key of a question in the form the page judges by."""
    known: dict[str, Any] = {}
    match question:
        case Single():
            known = _choice(quiz, question.options, question.key)
            known["scores"] = {name: option.score for name, option in question.options.items() if option.score}
        case Multi():
            rule = question.credit or quiz.defaults.credit
            shares = credit.by_counts(rule, len(question.options), len(question.key))
            known = _choice(quiz, question.options, question.key) | {"shares": shares}
        case TrueFalse():
            right, wrong = ("true", "false") if question.key else ("false", "true")
            words = Text(en="true", zh="对") if question.key else Text(en="false", zh="错")
            known = {"key": [right], "why": {wrong: _text(question.why)}, "right_answer": _text(words)}
        case Number():
            answer = variants[0].answer if variants else str(question.answer)
            wrong_ones = [(value, question.distractors[n].why) for value, n in variants[0].wrong] if variants else []
            known = _number(question, answer, question.wrong, wrong_ones) | {"right_answer": answer}
        case Blanks():
            known = {
                "blanks": {name: _blank(quiz, blank) for name, blank in question.blanks.items()},
                "right_answer": _in_each(
                    quiz,
                    lambda language: ", ".join(
                        f"{n} = {_blank_answer(b, language)}" for n, b in question.blanks.items()
                    ),
                ),
            }
        case Match():
            pairs = [(question.left[a], question.right[b]) for a, b in question.key.items()]
            known = {
                "key": question.key,
                "why": {name: _text(option.why) for name, option in question.left.items()},
                "right_answer": _in_each(
                    quiz, lambda language: "; ".join(f"{a.shown(language)} → {b.shown(language)}" for a, b in pairs)
                ),
            }
        case Order():
            known = {
                "keys": [question.key, *question.accept],
                "right_answer": _in_each(
                    quiz, lambda language: " → ".join(question.items[n].shown(language) for n in question.key)
                ),
            }
        case Code():
            known = {"right_answer": question.answer}
    return known | {"explain": _text(question.explain)}


def right_answer(quiz: Quiz, question: AnyQuestion, variants: Sequence[Variant], language: Language) -> str:
    """Return the right answer in the words that the question shows.

    Args:
        quiz: that the question belongs to.
        question: with its key.
        variants: the one that was asked, if it has any.
        language: of the words.
    """
    words = _key(quiz, question, variants)["right_answer"]
    return str(words.get(language) or words["en"]) if isinstance(words, dict) else str(words)


def _in_each(quiz: Quiz, words: Callable[[Language], str]) -> dict[Language, str]:
    return {language: words(language) for language in dict.fromkeys(("en", "zh", *quiz.languages))}


def _text(words: Text | None) -> dict[str, str] | None:
    return None if words is None else words.model_dump()


def _choice(quiz: Quiz, options: Mapping[str, Option], key: Sequence[str]) -> dict[str, Any]:
    return {
        "key": list(key),
        "why": {name: _text(option.why) for name, option in options.items() if option.why is not None},
        "right_answer": _in_each(quiz, lambda language: " · ".join(options[name].shown(language) for name in key)),
    }


def _number(
    tolerance: Tolerance, answer: Any, wrong: Sequence[WrongNumber], more: Sequence[tuple[str, Text]] = ()
) -> dict[str, Any]:
    right = parse_number(answer)
    known = [(w.is_, w.why) for w in wrong] + list(more)
    return {
        "kind": "number",
        "answer": float(right),
        "within": float(tolerance.half_width(right)),
        "wrong": [{"is": float(parse_number(value)), "why": _text(why)} for value, why in known],
    }


def _blank(quiz: Quiz, blank: Blank) -> dict[str, Any]:
    match blank:
        case NumberBlank():
            return _number(blank, blank.answer, blank.wrong) | {"weight": blank.weight}
        case ShapeBlank():
            return {
                "kind": "shape",
                "weight": blank.weight,
                "accept": [_shape(shape) for shape in (blank.answer, *blank.accept)],
                "wrong": [{"is": _shape(w.is_), "why": _text(w.why)} for w in blank.wrong],
            }
        case TextBlank():
            return {
                "kind": "text",
                "weight": blank.weight,
                "accept": [parse_word(word) for word in (blank.answer, *blank.accept)],
                "wrong": [{"is": parse_word(w.is_), "why": _text(w.why)} for w in blank.wrong],
            }
        case ChoiceBlank():
            return {
                "kind": "choice",
                "weight": blank.weight,
                "key": blank.answer,
                "options": {
                    name: {"text": _in_each(quiz, option.shown)} for name, option in sorted(blank.options.items())
                },
                "why": {name: _text(option.why) for name, option in blank.options.items()},
            }


def _shape(shape: Any) -> str:
    return ",".join(map(str, parse_shape(shape)))


def _blank_answer(blank: Blank, language: Language) -> str:
    if isinstance(blank, ShapeBlank):
        return f"({', '.join(map(str, blank.answer))}{',' if len(blank.answer) == 1 else ''})"
    return blank.options[blank.answer].shown(language) if isinstance(blank, ChoiceBlank) else str(blank.answer)


def evidence_of(question: AnyQuestion, certificate: Certificate) -> dict[str, dict[str, str]]:
    """Return what running each option gave, by option and name; under an empty name where it is the same for all."""
    if not isinstance(question, Single | Multi | TrueFalse):
        return {}
    rows = {of: {n: tell(v) for n, v in values.items()} for of, values in certificate.evidence.items() if values}
    first = next(iter(rows.values()), {})
    return {"": first} if rows and all(values == first for values in rows.values()) else rows
