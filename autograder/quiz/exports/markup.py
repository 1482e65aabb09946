"""A quiz's words as HTML, for the formats that carry HTML."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Sequence

from autograder.base.i18n import Language
from autograder.quiz.notation.formulas import replaced
from autograder.quiz.questions.fields import Option

_CODE = re.compile(r"`([^`]+)`")


def in_brackets(latex: str) -> str:
    """A formula as MathJax finds it in a page."""
    return rf"\({html.escape(latex, quote=False)}\)"


def to_html(words: str, formula: Callable[[str], str] = in_brackets) -> str:
    r"""Words of an author, where only backquotes and dollar signs mean something.

    Args:
        words: with formulas between dollar signs.
        formula: makes HTML of one.

    >>> to_html("is `a < b` so, or $a < b$?")
    'is <code>a &lt; b</code> so, or \\(a &lt; b\\)?'
    """

    def escaped(plain: str) -> str:
        return _CODE.sub(r"<code>\1</code>", html.escape(plain, quote=False))

    return replaced(words, formula, escaped)


def option_html(option: Option, language: Language, formula: Callable[[str], str] = in_brackets) -> str:
    """What an option shows."""
    if option.text is None:
        return f"<code>{html.escape(option.code or '', quote=False)}</code>"
    return to_html(option.text.get(language), formula)


def spellings(shape: Sequence[int | str]) -> list[str]:
    """How a shape is written, for readers that compare letters.

    >>> spellings([8, 1])
    ['8x1', '(8, 1)', '[8, 1]']
    """
    numbers = [str(size) for size in shape]
    if len(numbers) < 2:
        return [f"({numbers[0]},)", numbers[0]] if numbers else ["()"]
    return ["x".join(numbers), f"({', '.join(numbers)})", f"[{', '.join(numbers)}]"]
