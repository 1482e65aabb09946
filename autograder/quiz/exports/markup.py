"""A quiz's words as HTML, for the formats that carry HTML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from autograder.base.i18n import Language
from autograder.quiz.notation.formulas import split
from autograder.quiz.questions.fields import Option
from autograder.report.templates import fragment

_CODE = re.compile(r"`([^`]+)`")
Parts = Sequence[tuple[str, str]]
"""An author's words in pieces: each with its kind, ``text``, ``code`` or ``formula``."""


def in_brackets(latex: str) -> str:
    """Return a formula as MathJax finds it in a page."""
    return rf"\({latex}\)"


def parts_of(words: str, formula: Callable[[str], str] = in_brackets) -> Parts:
    """Split an author's words at backquotes and dollar signs, the only marks that mean something.

    Args:
        words: with formulas between dollar signs.
        formula: turns a formula into plain text or `Markup`.
    """
    return list(_parts_of(words, formula))


def _parts_of(words: str, formula: Callable[[str], str]) -> Iterator[tuple[str, str]]:
    for is_formula, part in split(words):
        if is_formula:
            yield "formula", formula(part)
        else:
            yield from (("code" if n % 2 else "text", piece) for n, piece in enumerate(_CODE.split(part)) if piece)


def parts_of_option(option: Option, language: Language, formula: Callable[[str], str] = in_brackets) -> Parts:
    """Split what an option shows, as `parts_of` does."""
    if option.text is None:
        return [("code", option.code or "")]
    return parts_of(option.text.get(language), formula)


def to_html(words: str, formula: Callable[[str], str] = in_brackets) -> str:
    r"""Return an author's words as HTML; the arguments are those of `parts_of`.

    >>> to_html("is `a < b` so, or $a < b$?")
    'is <code>a &lt; b</code> so, or \\(a &lt; b\\)?'
    """
    return _html(parts_of(words, formula))


def option_html(option: Option, language: Language) -> str:
    """Return what an option shows, as HTML."""
    return _html(parts_of_option(option, language))


def _html(parts: Parts) -> str:
    return str(fragment("quiz/exports/words.html", "words", parts))


def spellings(shape: Sequence[int | str]) -> list[str]:
    """Return the ways to write a shape, for targets that compare text.

    >>> spellings([8, 1])
    ['8x1', '(8, 1)', '[8, 1]']
    """
    numbers = [str(size) for size in shape]
    if len(numbers) < 2:
        return [f"({numbers[0]},)", numbers[0]] if numbers else ["()"]
    return ["x".join(numbers), f"({', '.join(numbers)})", f"[{', '.join(numbers)}]"]
