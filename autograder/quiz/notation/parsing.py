"""Answers as people write them: numbers, shapes, words and choices, in either language and either width.

An answer that cannot be read is a *format error*: it is not wrong, and does not use up an attempt.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation, Overflow
from itertools import islice
from typing import Any

from autograder.base.i18n import Text, printable, text

MAX_LENGTH = 500
"""A longer answer, unless it is code, was pasted by mistake."""

Shape = tuple[int | str, ...]

_SIGNS = str.maketrans({c: "-" for c in "−–—‐‑‒﹣－"} | {"﹢": "+", "＋": "+"})
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?")
_SUPERSCRIPT = re.compile(r"[⁺⁻]?[⁰¹²³⁴-⁹]+")
_POWER = re.compile(r"^(?:([+-]?[\d.]+)(?:[x*·×]|乘以?))?10(?:\^|\*\*)\(?([+-]?\d{1,4})\)?$")
_GROUPS = re.compile(r"[+-]?\d{1,3}(?:([,_' ])\d{3}(?:\1\d{3})+(?:\.\d+)?|,\d{3}\.\d+)")
_GROUPS_BEFORE_A_COMMA = re.compile(r"[+-]?\d{1,3}(?:([._' ])\d{3}(?:\1\d{3})+(?:,\d+)?|\.\d{3},\d+)")
_ONE_COMMA = re.compile(r"(?<![\d.,])(\d+),(\d+)(?![\d.,])")
_THOUSANDS = re.compile(r"[1-9]\d{0,2},\d{3}")
_TWO_NUMBERS = re.compile(r"\d\s+\.?\d")
_FRACTION = re.compile(r"^([+-]?[\d.]+)/([\d.]+)$")
_SHAPE_FILLERS = re.compile(r"torch\.size|shape|size|形状|大小|[=:'\"`。]|\.$", re.IGNORECASE)
_ROWS_AND_COLUMNS = re.compile(r"(\d+)\s*行\s*(\d+)\s*列")
_SHAPE_SIGNS = str.maketrans(
    {c: "x" for c in "×✕✖╳⨯*·⋅•乘X"}
    | {c: "," for c in "、;"}
    | {c: "(" for c in "【「［[{"}
    | {c: ")" for c in "】」］]}"}
)


class FormatError(Exception):
    """An answer that cannot be read; `text` says what to write instead."""

    def __init__(self, words: Text) -> None:
        self.text = words
        super().__init__(words.en)


class NumberError(FormatError):
    """An answer that is not a number."""


def flat(answer: str) -> str:
    """Normalize an answer: replace compatible characters (NFKC), strip the spaces around it.

    Raises:
        FormatError: it is longer than `MAX_LENGTH`.
    """
    if len(answer) > MAX_LENGTH:
        raise FormatError(
            text("this is {count} characters long; an answer has at most {most}", count=len(answer), most=MAX_LENGTH)
        )
    return unicodedata.normalize("NFKC", answer).strip()


def _written(answer: int | float | str) -> str:
    """Return an answer as a string.

    Raises:
        FormatError: it is a number with thousands of digits.
    """
    try:
        return str(answer)
    except ValueError:
        raise FormatError(text("this is longer than an answer can be")) from None


def _figures(answer: str) -> str:
    """Normalize a number or a shape, where a raised 3 is an exponent, not a digit."""
    return flat(_SUPERSCRIPT.sub(lambda found: f"^{found[0]}", answer))


def shown(answer: Any, length: int = 60) -> str:
    """Return somebody's answer in one printable line of at most ``length`` characters.

    >>> shown({"W": "8x1", "b": 1}), shown(["B", "A"])
    ('W = 8x1, b = 1', '[B, A]')
    """
    try:
        line = " ".join(printable(_in_words(answer, length)[: 4 * length]).split())
    except (RecursionError, ValueError):  # endlessly nested lists, a number with thousands of digits
        return "…"
    return line if len(line) <= length else line[: length - 1] + "…"


def _in_words(answer: Any, length: int) -> str:
    """Return an answer, or the beginning of it, without Python's quotes."""
    if isinstance(answer, str):
        return answer[: 4 * length]
    if isinstance(answer, dict):
        return ", ".join(f"{str(k)[:length]} = {str(part)[:length]}" for k, part in islice(answer.items(), length))
    if isinstance(answer, list) and all(isinstance(part, str) for part in answer[:length]):
        return f"[{', '.join(part[:length] for part in answer[:length])}]"
    return str(answer)


def parse_number(answer: Any) -> Decimal:
    """Read a number as somebody wrote it.

    >>> [str(parse_number(words)) for words in ("８１", "−0.5", "1e-3", "3/4", "65,546,000", "50%", "1.5×10^3")]
    ['81', '-0.5', '0.001', '0.75', '65546000', '0.5', '1.5E+3']
    >>> [str(parse_number(words)) for words in ("1,5", "0,125", "1.234,5", "1,234.5")]
    ['1.5', '0.125', '1234.5', '1234.5']

    Raises:
        NumberError: it is not a number, or could be two: ``1,234`` is 1234 to some and 1.234 to others.
    """
    if isinstance(answer, bool) or not isinstance(answer, int | float | str):
        raise NumberError(text("{answer} is not a number; write digits, such as 0.25", answer=shown(answer)))
    words = _figures(_written(answer)).translate(_SIGNS).rstrip("。").strip()
    if _GROUPS.fullmatch(words):
        words = re.sub(r"[,_' ]", "", words)
    elif _GROUPS_BEFORE_A_COMMA.fullmatch(words):
        words = re.sub(r"[._' ]", "", words)
    if _TWO_NUMBERS.search(words):
        raise NumberError(text("{answer} could be two numbers; write one, without spaces", answer=shown(answer)))
    words = re.sub(r"\s+", "", words)
    words = _ONE_COMMA.sub(_as_a_point, words)
    percent = words.endswith("%")
    try:
        value = _value(words.removesuffix("%"))
    except (InvalidOperation, Overflow, ZeroDivisionError):
        value = None
    if value is None or not value.is_finite():
        raise NumberError(text("{answer} is not a number; write digits, such as 0.25", answer=shown(answer)))
    return value / 100 if percent else value


def _as_a_point(found: re.Match[str]) -> str:
    """Return a number with a decimal comma, written with a point.

    Raises:
        NumberError: the comma may as well separate thousands.
    """
    if _THOUSANDS.fullmatch(found[0]):
        raise NumberError(
            text("{answer} can be read in two ways; write a point for decimals and no comma", answer=found[0])
        )
    return f"{found[1]}.{found[2]}"


def _value(words: str) -> Decimal | None:
    if _NUMBER.fullmatch(words):
        return Decimal(words)
    if found := _POWER.fullmatch(words):
        return Decimal(f"{found[1] or 1}e{found[2]}")
    if found := _FRACTION.fullmatch(words):
        return Decimal(found[1]) / Decimal(found[2])
    return None


def parse_shape(answer: Any) -> Shape:
    """Read a shape as somebody wrote it; letters stand for unknown sizes, but a letter alone is more likely an option.

    >>> [parse_shape(words) for words in ("8x1", "８×１", "（8，1）", "torch.Size([8, 1])", "8行1列")]
    [(8, 1), (8, 1), (8, 1), (8, 1), (8, 1)]
    >>> parse_shape("(8,)"), parse_shape("()"), parse_shape("n x n"), parse_shape("7")
    ((8,), (), ('n', 'n'), (7,))

    Raises:
        FormatError: it is not a shape.
    """
    if isinstance(answer, list | tuple):
        answer = "(" + ",".join(map(str, answer)) + ")"
    if isinstance(answer, bool) or not isinstance(answer, int | str):
        raise _not_a_shape(answer)
    words = _ROWS_AND_COLUMNS.sub(r"\1x\2", _figures(_written(answer)))
    words = _SHAPE_FILLERS.sub(" ", words.translate(_SHAPE_SIGNS)).strip()
    inside = re.fullmatch(r"\(?\s*\(?([^()]*)\)?\s*\)?", words)
    if inside is None or words.count("(") != words.count(")"):
        raise _not_a_shape(answer)
    parts = [part for part in re.split(r"[x,\s]+", inside[1]) if part]
    if (not parts and "(" not in words) or len(parts) > 8 or re.search(r"[x,]\s*[x,]|^\s*[x,]|x\s*$", inside[1]):
        raise _not_a_shape(answer)
    shape = tuple(_dimension(part, answer) for part in parts)
    if len(shape) == 1 and isinstance(shape[0], str) and "(" not in words:
        raise _not_a_shape(answer)
    return shape


def _dimension(part: str, answer: Any) -> int | str:
    if re.fullmatch(r"[0-9]{1,9}", part):
        return int(part)
    if re.fullmatch(r"[a-wyz]", part.lower()):
        return part.lower()
    raise _not_a_shape(answer)


def _not_a_shape(answer: Any) -> FormatError:
    return FormatError(text("{answer} is not a shape; write one such as 3x4 or (3, 4)", answer=shown(answer)))


def parse_word(answer: Any) -> str:
    """Normalize a word: case, width and doubled spaces do not matter.

    Raises:
        FormatError: it is not a word.
    """
    if not isinstance(answer, int | float | str):
        raise FormatError(text("{answer} is not a word", answer=shown(answer)))
    return _one_form(flat(_written(answer)))


class Choices:
    """The options of a question, as people name them: by key or by their words, one or several.

    Args:
        options: every key, with the words it is shown as.

    >>> choices = Choices({"A": ["rows, summed"], "B": ["columns"], "C": []})
    >>> choices.read("Ａ、c"), choices.read("ac"), choices.read("rows, summed; B. columns"), choices.read(["b"])
    (['A', 'C'], ['A', 'C'], ['A', 'B'], ['B'])
    >>> choices.read("A.rows, summed┋B、columns")
    ['A', 'B']
    """

    def __init__(self, options: Mapping[str, Collection[str]]) -> None:
        self._keys = ", ".join(options)
        said: dict[str, set[str]] = {}
        self._exact: dict[str, str] = {}
        for key, shown_as in options.items():
            for words in shown_as:
                said.setdefault(_one_form(words), set()).add(key)
                self._exact[_in_one_width(words)] = key
        self._alike = {words for words, keys in said.items() if len(keys) > 1}  # such as `Tensor(1)` and `tensor(1)`
        names = {words: min(keys) for words, keys in said.items() if len(keys) == 1}
        for words, keys in said.items():
            for key in keys:
                names |= {f"{key.casefold()}{mark}{words}": key for mark in (". ", ") ", ".", ")", "、", ":", ": ")}
        self._letters = {key.casefold(): key for key in options if len(key) == 1}
        self._by_key = {key.casefold(): key for key in options}
        self._names = names | self._by_key
        every = sorted({*self._names, *self._alike}, key=len, reverse=True)
        alternatives = "|".join(map(re.escape, every))
        self._next = re.compile(rf"[\s(\[]*({alternatives})[.)\]:]?(?:[\s,;、。|┋/+&]+|$)")
        self._head = re.compile(rf"({'|'.join(self._letters) or chr(0)})[.):]\s*\S")

    def read(self, answer: Any) -> list[str]:
        """Return the keys of the options somebody chose, in the order written, each once.

        Raises:
            FormatError: a part of the answer names no option.
        """
        return list(dict.fromkeys(self.read_all(answer)))

    def read_all(self, answer: Any) -> list[str]:
        """Return the keys as `read` does, but as often as they were written.

        Raises:
            FormatError: a part of the answer names no option.
        """
        if isinstance(answer, list | tuple):
            return [self._one(part) for part in answer]
        words = parse_word(answer)
        if (key := self._named(words, answer)) is not None:
            return [key]
        if words and all(letter in self._letters for letter in words):
            return [self._letters[letter] for letter in words]
        return self._several(words, answer)

    def _one(self, part: Any) -> str:
        words = parse_word(part)
        for name in (words, words.rstrip(".)")):
            if (key := self._named(name, part)) is not None:
                return key
        raise self._unknown(part)

    def _named(self, words: str, written: Any) -> str | None:
        """Return the option that some words name; a key takes precedence over an option's words."""
        if words in self._alike and words not in self._by_key:
            return self._exactly(_in_one_width(str(written)))
        return self._names.get(words)

    def _exactly(self, words: str) -> str:
        """Return the option with exactly these words, where others differ only in case."""
        if words in self._exact:
            return self._exact[words]
        raise FormatError(
            text("{answer} could be several of the options {known}", answer=shown(words), known=self._keys)
        )

    def _several(self, words: str, answer: Any) -> list[str]:
        position, keys = 0, list[str]()
        exact = _in_one_width(str(answer))
        while position < len(words):
            found = self._next.match(words, position)
            if found is None:
                head = self._head.match(words)  # a key and words that only look like the option's
                if head is None:
                    raise self._unknown(words[position:] if position else answer)
                return [self._letters[head[1]]]
            name = found[1]
            if name in self._alike and name not in self._by_key and len(exact) == len(words):
                keys.append(self._exactly(exact[found.start(1) : found.end(1)]))
            elif name in self._names:
                keys.append(self._names[name])
            else:
                raise self._unknown(name)
            position = found.end()
        return keys

    def _unknown(self, part: Any) -> FormatError:
        return FormatError(text("{answer} is not one of the options {known}", answer=shown(part), known=self._keys))


def _one_form(words: str) -> str:
    return _in_one_width(words).casefold()


def _in_one_width(words: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", words).split())
