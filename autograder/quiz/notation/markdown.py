"""Markdown with formulas between dollar signs, as HTML that a page of ours can hold whoever wrote it."""

from __future__ import annotations

import re

import mistune
from markupsafe import Markup

from autograder.quiz.notation.formulas import FormulaError, to_mathml
from autograder.report.markup import clean

_FORMULA = re.compile(r"(```.*?```|`[^`\n]*`)|\$\$(.+?)\$\$|\$(?!\s)([^$\n]+?)(?<!\s)\$(?!\d)", re.DOTALL)
_PLACE = "\ue000{}\ue001"
_PLACED = re.compile("\ue000(\\d+)\ue001")
_HEADING = re.compile(r"(</?h)([1-5])(?=[\s>])")
_markdown = mistune.create_markdown(escape=False, plugins=["table", "strikethrough"])


def to_html(source: str) -> Markup:
    """Return Markdown with formulas as HTML that shows but cannot act; its headings stand one level below a page's."""
    formulas: list[Markup] = []

    def take_out(found: re.Match[str]) -> str:
        if found[1] is not None:
            return found[1]
        formulas.append(_formula(found[2] or found[3], block=found[2] is not None))
        return _PLACE.format(len(formulas) - 1)

    html = clean(str(_markdown(_FORMULA.sub(take_out, source.replace("\ue000", "").replace("\ue001", "")))))
    lowered = _HEADING.sub(lambda found: f"{found[1]}{int(found[2]) + 1}", html)
    return Markup(_PLACED.sub(lambda found: formulas[int(found[1])], lowered))  # noqa: S704 -- cleaned above


def _formula(latex: str, *, block: bool) -> Markup:
    try:
        mathml = to_mathml(latex.strip())
    except FormulaError:
        return Markup("<code>{}</code>").format(latex)
    return Markup(mathml.replace('display="inline"', 'display="block"', 1) if block else mathml)  # noqa: S704 -- parsed
