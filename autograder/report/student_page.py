"""A page for one student: a self-contained HTML file without scripts, light or dark as its reader likes.

It fits a phone and prints well. What goes into the body is HTML: whoever makes it escapes what others wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from html import escape
from pathlib import Path

from autograder.base.i18n import Language, text
from autograder.report.tables import points

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def document(title: str, body: Iterable[str], language: Language) -> str:
    """The file.

    Args:
        title: in plain words.
        body: HTML, piece by piece.
        language: of the page.
    """
    head = (
        f'<!DOCTYPE html>\n<html lang="{"zh-CN" if language == "zh" else "en"}">\n<head>',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        f"<title>{escape(title)}</title>\n<style>\n{_style()}</style>\n</head>\n<body>\n<main>",
    )
    return "\n".join((*head, *body, "</main>\n</body>\n</html>")) + "\n"


@cache
def _style() -> str:
    """Read once: there may be a thousand pages."""
    return Path(__file__).with_name("document.css").read_text(encoding="utf-8")


def total(score: float | None, maximum: float, language: Language) -> Iterator[str]:
    """What was earned of what there is, in figures and as a bar."""
    of = escape(text("of {maximum} points", maximum=points(maximum)).get(language))
    shown = points(score if score is None else round(score, 2))
    yield f'<div class="total"><b>{shown}</b> <span class="soft">{of}</span></div>'
    share = 100 * min(max((score or 0.0) / maximum, 0.0), 1.0) if maximum else 0.0
    yield f'<div class="bar" aria-hidden="true"><i style="width:{share:.1f}%"></i></div>'
