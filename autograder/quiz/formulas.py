"""Formulas in an author's words: LaTeX between dollar signs, ``$y = x_1 w + b$``; none inside backquotes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_FORMULA = re.compile(r"(`[^`]*`)|\$([^$\n]+)\$")
_UNKNOWN = re.compile(r"\\[A-Za-z]+")
BEGIN, END = "\ue000", "\ue001"
"""Around MathML in the words of a page: characters that nobody writes."""


def to_mathml(latex: str) -> str:
    """A formula as MathML, which browsers show without a script.

    >>> to_mathml("x_1")[:60]
    '<math xmlns="http://www.w3.org/1998/Math/MathML" display="in'

    Raises:
        ValueError: it is no LaTeX, with the reason.
    """
    from latex2mathml.converter import convert

    try:
        mathml = str(convert(latex))
    except Exception as error:
        raise ValueError(f"${latex}$ is no formula: {type(error).__name__}") from error
    if unknown := _UNKNOWN.search(mathml):
        raise ValueError(f"${latex}$: {unknown[0]} is unknown")
    return mathml


def problems(words: str) -> Iterator[str]:
    """What is wrong with the formulas in some words."""
    for found in _FORMULA.finditer(words):
        if found[2] is not None:
            try:
                to_mathml(found[2])
            except ValueError as error:
                yield str(error)


def replaced(words: str, formula: Callable[[str], str], other: Callable[[str], str] = str) -> str:
    """Words with every formula, and everything else, put into another form."""
    parts, end = [], 0
    for found in _FORMULA.finditer(words):
        if found[2] is not None:
            parts += [other(words[end : found.start()]), formula(found[2])]
            end = found.end()
    return "".join([*parts, other(words[end:])])


def marked(words: str) -> str:
    """Words with MathML in place of the formulas, between marks; a formula that is none stays as it was written."""

    def formula(latex: str) -> str:
        try:
            return f"{BEGIN}{to_mathml(latex)}{END}"
        except ValueError:
            return f"${latex}$"

    return replaced(words, formula)
