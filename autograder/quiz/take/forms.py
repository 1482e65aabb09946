"""Checks an answer without its key: whether it can be read, and what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from autograder.base.i18n import text
from autograder.quiz.notation.parsing import FormatError, parse_number, parse_shape, parse_word
from autograder.quiz.scoring.markers import by_part, choices_of, is_blank, parse_truth, read_any, read_one, read_order
from autograder.quiz.take.released import ShownBlank, ShownQuestion


def check(question: ShownQuestion, answer: Any) -> None:
    """Check that scoring can read an answer; parts of it may be blank, and code is not run.

    Raises:
        FormatError: it cannot be read.
    """
    match question.type:
        case "single":
            read_one(choices_of(question.options), answer)
        case "multi":
            read_any(choices_of(question.options), answer)
        case "truefalse":
            parse_truth(answer)
        case "number":
            parse_number(answer)
        case "order":
            read_order(choices_of(question.items), answer)
        case "blanks" | "match":
            for name, part in by_part(answer, _parts(question)).items():
                if not is_blank(part):
                    _check_part(question, name, part)


def check_blank(blank: ShownBlank, part: Any) -> None:
    """Check that scoring can read what fills a blank.

    Raises:
        FormatError: it cannot be read.
    """
    match blank.kind:
        case "shape":
            parse_shape(part)
        case "number":
            parse_number(part)
        case "choice":
            read_one(choices_of(blank.options), part)
        case "text":
            parse_word(part)


def missing(question: ShownQuestion, answer: Any) -> list[str]:
    """Return the parts that a readable answer leaves out."""
    if question.type == "order":
        given = read_order(choices_of(question.items), answer)
        return [name for name in question.items if name not in given]
    if question.type in ("blanks", "match"):
        given_parts = by_part(answer, _parts(question))
        return [name for name in _parts(question) if is_blank(given_parts.get(name))]
    return []


def _parts(question: ShownQuestion) -> Sequence[str]:
    return list(question.blanks or question.left)


def _check_part(question: ShownQuestion, name: str, part: Any) -> None:
    try:
        if question.type == "match":
            read_one(choices_of(question.right), part)
        else:
            check_blank(question.blanks[name], part)
    except FormatError as error:
        raise FormatError(text("{name}: {reason}", name=name, reason=error.text)) from None
