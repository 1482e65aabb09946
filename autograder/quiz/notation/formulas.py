"""Formulas in an author's words: LaTeX between dollar signs, ``$y = x_1 w + b$``, but not inside backquotes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from autograder.base.i18n import Text, text

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_FORMULA = re.compile(r"(`[^`]*`)|\$(?!\s)([^$\n]+)(?<!\s)\$(?!\d)")
"""Dollar signs are read as Pandoc reads them: ``$5 and $6`` are prices."""
_MATHML = re.compile(r"(\{http://www\.w3\.org/1998/Math/MathML\})?m[a-z]+$")
_UNKNOWN = re.compile(r"\\[A-Za-z]+")
BEGIN, END = "\ue000", "\ue001"
"""Enclose MathML in the words of a page: private-use characters that nobody types."""


class FormulaError(ValueError):
    """What stands between dollar signs is not a formula, or none that can be shown."""

    def __init__(self, words: Text) -> None:
        self.text = words
        super().__init__(words.en)


def to_mathml(latex: str) -> str:
    """Convert a formula to MathML, which browsers show without a script.

    >>> to_mathml("x_1")[:60]
    '<math xmlns="http://www.w3.org/1998/Math/MathML" display="in'

    Raises:
        FormulaError: it is not LaTeX; the message says why.
    """
    return _converted(latex)[0]


def _converted(latex: str) -> tuple[str, Element]:
    """Convert a formula to MathML; return it as text and as a parsed element."""
    from xml.etree import ElementTree

    from latex2mathml.converter import convert

    try:
        mathml = str(convert(latex))
        root = ElementTree.fromstring(mathml)  # noqa: S314 -- our own converter wrote it; anything but XML raises
    except Exception as error:
        words = text("${latex}$ is not a formula ({reason})", latex=latex, reason=type(error).__name__)
        raise FormulaError(words) from error
    if unknown := _UNKNOWN.search(mathml):
        raise FormulaError(text("${latex}$: {command} is unknown", latex=latex, command=unknown[0]))
    for element in root.iter():  # the converter lets through whatever stands in \text
        if not _MATHML.match(element.tag) or any("href" in name or name.startswith("on") for name in element.attrib):
            tag = element.tag.rpartition("}")[2]
            raise FormulaError(text("${latex}$ holds what does not belong in a formula: {tag}", latex=latex, tag=tag))
    return mathml, root


def in_mathml(latex: str) -> str:
    """Convert a formula to `Markup` for a page; leave anything else as written, for the template to escape."""
    from markupsafe import Markup

    try:
        return Markup(to_mathml(latex))  # noqa: S704 -- it has been parsed: elements of MathML and nothing else
    except FormulaError:
        return f"${latex}$"


def to_line(latex: str) -> str:
    r"""Convert a formula to one line of Unicode, which terminals show and screen readers read.

    >>> to_line(r"\hat y_i = x_i^\top w + b"), to_line(r"\frac{1}{2}(\hat y - y)^2"), to_line("e^{x_j - m}")
    ('ŷᵢ = xᵢᵀw + b', '1/2 (ŷ − y)²', 'e^(xⱼ − m)')

    Raises:
        FormulaError: it is not LaTeX; the message says why.
    """
    from autograder.quiz.notation.unicode_math import line_of

    root = _converted(latex)[1]
    try:
        return line_of(root)
    except Exception as error:
        words = text("${latex}$ cannot be written in one line ({reason})", latex=latex, reason=type(error).__name__)
        raise FormulaError(words) from error


def problems(words: str) -> Iterator[Text]:
    """Yield what is wrong with each formula in some words."""
    for found in _FORMULA.finditer(words):
        if found[2] is not None:
            try:
                to_line(found[2])
            except FormulaError as error:
                yield error.text


def split(words: str) -> Iterator[tuple[bool, str]]:
    """Yield words in pieces, each with whether it is a formula; a formula comes without its dollar signs."""
    end = 0
    for found in _FORMULA.finditer(words):
        if found[2] is not None:
            yield False, words[end : found.start()]
            yield True, found[2]
            end = found.end()
    yield False, words[end:]


def replaced(words: str, formula: Callable[[str], str], other: Callable[[str], str] = str) -> str:
    """Convert every formula in some words by ``formula``, and everything else by ``other``."""
    return "".join(formula(part) if is_formula else other(part) for is_formula, part in split(words))


def marked(words: str) -> str:
    """Replace formulas by MathML between `BEGIN` and `END`; leave one that cannot be converted as written."""
    return replaced(words, _or_as_written(lambda latex: f"{BEGIN}{to_mathml(latex)}{END}"))


def in_lines(words: str) -> str:
    r"""Replace formulas by one line of Unicode each; leave one that cannot be converted as written.

    >>> in_lines(r"$w_1 \le 2$, and `$w_1$` in code")
    'w₁ ≤ 2, and `$w_1$` in code'
    """
    return replaced(words, _or_as_written(to_line)) if "$" in words else words


def _or_as_written(formula: Callable[[str], str]) -> Callable[[str], str]:
    def converted(latex: str) -> str:
        try:
            return formula(latex)
        except FormulaError:
            return f"${latex}$"

    return converted
