"""Marks one answer to one question: what it earns, and why. Nothing here runs code or needs torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Protocol

from autograder.base.errors import SandboxError
from autograder.base.i18n import Text, text
from autograder.quiz.notation.parsing import Choices, FormatError, flat, parse_number, parse_shape, parse_word, shown
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
from autograder.quiz.questions.models import AnyQuestion, CreditRule, Match, Multi, Order, Single, TrueFalse
from autograder.quiz.scoring import credit

_MATCHING_S = 1.0
_AROUND_WORDS = " 。.\"'“”‘’「」"
NONE = ("none", "无", "都不对", "以上都不对", "none of them", "-")
_TRUE = ("true", "t", "yes", "y", "right", "correct", "1", "对", "是", "真", "正确", "√", "✓", "✔")
_FALSE = ("false", "f", "no", "n", "wrong", "incorrect", "0", "错", "否", "假", "错误", "不对", "×", "✗", "✘", "x")
_ARROWS = re.compile(r"[\s,;、>→⇒]+|->|=>")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one try earns.

    Args:
        share: of the question's points.
        feedback: what the student should read.
        chosen: the keys of the options chosen.
        malformed: parts that could not be read.
    """

    share: float
    feedback: tuple[Text, ...] = ()
    chosen: tuple[str, ...] = ()
    malformed: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Variant:
    """One checked set of parameters.

    Args:
        params: the values in the prompt.
        answer: what running the question's code gave.
        wrong: wrong values people arrive at, each with the number of its distractor.
    """

    params: dict[str, Any]
    answer: str
    wrong: tuple[tuple[str, int], ...] = ()


RunCode = Callable[[Code, Any], Verdict]
Marker = Callable[[Any], Verdict]


class Worded(Protocol):
    """An option, with or without its explanation."""

    @property
    def text(self) -> Text | None:
        """Its words."""

    @property
    def code(self) -> str | None:
        """Its code, if shown instead of words."""


def choices_of(options: Mapping[str, Worded]) -> Choices:
    """Return what reads the names of options: their keys, and their words in every language."""
    return Choices(
        {
            key: {words for words in (option.code, *(dict(option.text).values() if option.text else ())) if words}
            for key, option in options.items()
        }
    )


def marker_for(question: AnyQuestion, rule: CreditRule, run_code: RunCode) -> Marker:
    """Return the marker of a question, with everything prepared that its answers share.

    Args:
        question: one with parameters is marked by variant instead, see `mark_number`.
        rule: how several options are credited unless the question says otherwise.
        run_code: marks an answer to a ``code`` question.
    """
    match question:
        case Single():
            return _single(question)
        case Multi():
            return _multi(question, question.credit or rule)
        case TrueFalse():
            return lambda answer: _mark_truefalse(question, answer)
        case Blanks():
            return _blanks(question)
        case Number():
            variant = Variant({}, str(question.answer))
            return lambda answer: mark_number(question, variant, answer)
        case Match():
            return _match(question)
        case Order():
            return _order(question)
        case Code():
            return lambda answer: run_code(question, answer)


def is_blank(answer: Any) -> bool:
    """Return whether nothing was answered."""
    if isinstance(answer, str):
        return not answer.strip()
    if isinstance(answer, dict):
        return _are_blank(answer.values())
    if isinstance(answer, list) and answer:  # an empty one chooses nothing, which is an answer
        return _are_blank(answer)
    return answer is None


def _are_blank(parts: Iterable[Any]) -> bool:
    """Return whether all parts of an answer are blank; a part has no parts of its own."""
    return all(part == {} or (not isinstance(part, dict | list) and is_blank(part)) for part in parts)


def read_one(choices: Choices, answer: Any) -> str:
    """Return the one option that was chosen.

    Raises:
        FormatError: the answer names no option, or several.
    """
    chosen = choices.read(answer)
    if len(chosen) != 1:
        raise FormatError(text("{count} options were chosen; choose one", count=len(chosen)))
    return chosen[0]


def read_any(choices: Choices, answer: Any) -> list[str]:
    """Return the options that were chosen, possibly none.

    Raises:
        FormatError: a part of the answer names no option.
    """
    none = answer == [] or (isinstance(answer, str) and parse_word(answer) in NONE)
    return [] if none else choices.read(answer)


def read_order(choices: Choices, answer: Any) -> list[str]:
    """Return items in the order in which they were named.

    Raises:
        FormatError: one is unknown, or named twice.
    """
    if isinstance(answer, str):
        parts = [part for part in _ARROWS.split(answer) if part]
        answer = parts if len(parts) > 1 else answer
    given = choices.read_all(answer)
    if len(set(given)) < len(given):
        raise FormatError(text("an item is named twice"))
    return given


def parse_truth(answer: Any) -> bool:
    """Read true or false as somebody wrote it.

    Raises:
        FormatError: it is neither.
    """
    if isinstance(answer, bool):
        return answer
    word = parse_word(answer).rstrip(".")
    if word not in (*_TRUE, *_FALSE):
        raise FormatError(text("{answer} is neither true nor false", answer=shown(answer)))
    return word in _TRUE


def _single(question: Single) -> Marker:
    choices = choices_of(question.options)

    def mark(answer: Any) -> Verdict:
        chosen = read_one(choices, answer)
        option = question.options[chosen]
        share = 1.0 if chosen in question.key else option.score or 0.0
        return Verdict(share, (option.why,) if option.why and share < 1 else (), (chosen,))

    return mark


def _multi(question: Multi, rule: CreditRule) -> Marker:
    choices = choices_of(question.options)

    def mark(answer: Any) -> Verdict:
        chosen = read_any(choices, answer)
        share = credit.ticked(rule, len(question.options), question.key, chosen)
        wrong = [question.options[name].why for name in chosen if name not in question.key]
        feedback = [why for why in wrong if why is not None]
        if missing := len([name for name in question.key if name not in chosen]):
            feedback.append(text("right options that were not chosen: {count}", count=missing))
        return Verdict(share, tuple(feedback), tuple(chosen))

    return mark


def _mark_truefalse(question: TrueFalse, answer: Any) -> Verdict:
    said = parse_truth(answer)
    feedback = (question.why,) if question.why and said != question.key else ()
    return Verdict(float(said == question.key), feedback, ("true" if said else "false",))


def mark_number(question: Number, variant: Variant, answer: Any) -> Verdict:
    """Mark a number against one variant of the question."""
    value, right = parse_number(answer), parse_number(variant.answer)
    if is_near(value, right, question):
        return Verdict(1.0)
    for wrong, number in variant.wrong:
        if is_near(value, parse_number(wrong), question):
            return Verdict(0.0, (question.distractors[number].why,))
    return Verdict(0.0, _why_number(value, right, question, question.wrong))


def is_near(value: Decimal, right: Decimal, tolerance: Tolerance) -> bool:
    """Return whether a number is within the tolerance, ends included."""
    return abs(value - right) <= tolerance.half_width(right)


def _why_number(value: Decimal, right: Decimal, tolerance: Tolerance, wrong: Sequence[WrongNumber]) -> tuple[Text, ...]:
    for known in wrong:
        if is_near(value, parse_number(known.is_), tolerance):
            return (known.why,)
    if right and is_near(-value, right, tolerance):
        return (text("the sign is reversed"),)
    return ()


def _blanks(question: Blanks) -> Marker:
    markers = {name: marker_of_blank(blank) for name, blank in question.blanks.items()}
    total = sum(blank.weight for blank in question.blanks.values())

    def mark(answer: Any) -> Verdict:
        given = by_part(answer, list(markers))
        share, feedback, malformed, chosen = 0.0, list[Text](), list[Text](), list[str]()
        for name, part in given.items():
            if is_blank(part):
                continue
            try:
                verdict = markers[name](part)
            except FormatError as error:
                malformed.append(text("{name}: {reason}", name=name, reason=error.text))
                continue
            share += verdict.share * question.blanks[name].weight
            chosen.extend(f"{name}={option}" for option in verdict.chosen)
            feedback.extend(text("{name}: {reason}", name=name, reason=words) for words in verdict.feedback)
        return Verdict(_rounded(share / total), tuple(feedback), tuple(chosen), tuple(malformed))

    return mark


def by_part(answer: Any, names: Sequence[str]) -> dict[str, Any]:
    """Return an answer's parts by name; a list gives them in order, and an only part needs no name.

    Raises:
        FormatError: the answer does not name its parts, or names others.
    """
    if isinstance(answer, str) and len(names) > 1:
        answer = _named_parts(answer, names)
    if isinstance(answer, list) and len(answer) == len(names):
        return dict(zip(names, answer, strict=True))
    if not isinstance(answer, dict):
        if len(names) == 1:
            return {names[0]: answer}
        raise FormatError(text("{answer} must name its parts: {names}", answer=shown(answer), names=", ".join(names)))
    by_name = {name.casefold(): name for name in names}
    parts = {by_name.get(str(name).casefold()): value for name, value in answer.items()}
    if None in parts:
        unknown = next(name for name in answer if str(name).casefold() not in by_name)
        raise FormatError(
            text("{answer} is not one of the options {known}", answer=shown(unknown), known=", ".join(names))
        )
    return {name: value for name, value in parts.items() if name is not None}


def _named_parts(answer: str, names: Sequence[str]) -> Any:
    """Split ``W = 8x1; b = 1x1``, also at commas, into its parts; return words that name no parts unchanged."""
    pairs = [re.split(r"\s*[=:：＝]\s*", part, maxsplit=1) for part in re.split(r"[;；\n]+", answer) if part.strip()]
    if not all(len(pair) == 2 for pair in pairs):
        return answer
    if len(pairs) > 1:
        return {name.strip(): value for name, value in pairs}
    words = " ".join(answer.split())
    known = "|".join(map(re.escape, names))
    found = _outside_brackets(words, re.finditer(rf"(?:^|[ ,，、])({known}) ?[=:：＝] ?", words, re.IGNORECASE))
    if len(found) < 2 or found[0].start():
        return {name.strip(): value for name, value in pairs}
    if len({match[1].casefold() for match in found}) < len(found):
        return answer  # neither of two answers to one part may win by accident
    ends = [*(match.start() for match in found[1:]), None]
    values = [words[match.end() : end].strip(" ,，、") for match, end in zip(found, ends, strict=True)]
    return dict(zip((match[1] for match in found), values, strict=True))


def _outside_brackets(words: str, matches: Iterable[re.Match[str]]) -> list[re.Match[str]]:
    depth, position, found = 0, 0, []
    for match in matches:
        between = words[position : match.start()]
        depth += sum(map(between.count, "([{（【")) - sum(map(between.count, ")]}）】"))
        position = match.start()
        if depth <= 0:
            found.append(match)
    return found


def _rounded(share: float) -> float:
    """Round off the errors of a sum, so that all parts right is exactly 1."""
    return min(1.0, max(0.0, round(share, 9)))


def marker_of_blank(blank: Blank) -> Marker:
    """Return the marker of one blank."""
    match blank:
        case ShapeBlank():
            return lambda answer: _mark_shape(blank, answer)
        case NumberBlank():
            return lambda answer: _mark_number_blank(blank, answer)
        case TextBlank():
            return _word(blank)
        case ChoiceBlank():
            choices = choices_of(blank.options)
            return lambda answer: _mark_choice(blank, choices, answer)


def _mark_shape(blank: ShapeBlank, answer: Any) -> Verdict:
    shape, right = parse_shape(answer), parse_shape(blank.answer)
    if shape in (right, *map(parse_shape, blank.accept)):
        return Verdict(1.0)
    for wrong in blank.wrong:
        if shape == parse_shape(wrong.is_):
            return Verdict(0.0, (wrong.why,))
    if len(shape) > 1 and shape == right[::-1]:
        return Verdict(0.0, (text("the dimensions are exchanged"),))
    if len(shape) != len(right):
        words = text("number of dimensions: {count}; expected {right}", count=len(shape), right=len(right))
        return Verdict(0.0, (words,))
    return Verdict(0.0)


def _mark_number_blank(blank: NumberBlank, answer: Any) -> Verdict:
    value, right = parse_number(answer), parse_number(blank.answer)
    if is_near(value, right, blank):
        return Verdict(1.0)
    return Verdict(0.0, _why_number(value, right, blank, blank.wrong))


def _word(blank: TextBlank) -> Marker:
    right = {parse_word(word) for word in (blank.answer, *blank.accept)}
    wrong = {parse_word(known.is_): known.why for known in blank.wrong}
    matches = _matcher(blank.regex) if blank.regex else lambda _: False

    def mark(answer: Any) -> Verdict:
        word = parse_word(answer)
        if {word, word.strip(_AROUND_WORDS)} & right or matches(flat(str(answer))):
            return Verdict(1.0)
        return Verdict(0.0, (wrong[word],) if word in wrong else ())

    return mark


def _matcher(pattern: str) -> Callable[[str], bool]:
    """Return a matcher for an author's pattern, with a time limit: some patterns take for ever on some words."""
    import regex

    compiled = regex.compile(pattern, regex.IGNORECASE)

    def matches(words: str) -> bool:
        try:
            return compiled.fullmatch(words, timeout=_MATCHING_S) is not None
        except TimeoutError:
            raise SandboxError(text("regex {pattern!r} does not finish", pattern=pattern)) from None

    return matches


def _mark_choice(blank: ChoiceBlank, choices: Choices, answer: Any) -> Verdict:
    chosen = read_one(choices, answer)
    why = blank.options[chosen].why
    right = chosen == blank.answer
    return Verdict(float(right), (why,) if why and not right else (), (chosen,))


def _match(question: Match) -> Marker:
    choices = choices_of(question.right)

    def mark(answer: Any) -> Verdict:
        given = by_part(answer, list(question.left))
        right, feedback, malformed, chosen = 0, list[Text](), list[Text](), list[str]()
        for name, part in given.items():
            if is_blank(part):
                continue
            try:
                partner = read_one(choices, part)
            except FormatError as error:
                malformed.append(text("{name}: {reason}", name=name, reason=error.text))
                continue
            chosen.append(f"{name}={partner}")
            right += partner == question.key[name]
            why = question.left[name].why
            if partner != question.key[name] and why is not None:
                feedback.append(text("{name}: {reason}", name=name, reason=why))
        return Verdict(_rounded(right / len(question.left)), tuple(feedback), tuple(chosen), tuple(malformed))

    return mark


def _order(question: Order) -> Marker:
    choices = choices_of(question.items)

    def mark(answer: Any) -> Verdict:
        given = read_order(choices, answer)
        share = max(credit.ordered(right, given) for right in (question.key, *question.accept))
        if share < 1 and len(given) < len(question.items):
            return Verdict(share, (text("an order names every item once"),), tuple(given))
        return Verdict(share, (), tuple(given))

    return mark
