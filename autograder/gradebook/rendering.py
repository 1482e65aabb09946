"""What nbgrader's pages show of a student's notebook: no markup that could act, and our feedback page for our rubrics.

nbgrader copies students' Markdown into the formgrader's pages unchanged: a script in an answer would run with the
rights of the instructor who grades it. ``nbgrader_config.py`` names this module's classes and filter under
``c.HTMLExporter`` and ``c.GenerateFeedback``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import bleach
from bleach.css_sanitizer import CSSSanitizer
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import escape
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.api import Gradebook

from autograder.base.i18n import choose_language
from autograder.gradebook import feedback
from autograder.gradebook.autograded import MARK
from autograder.gradebook.nbgrader_course import rubric_of
from autograder.report.html import preformatted

if TYPE_CHECKING:
    from nbgrader.converters import GenerateFeedback

_TAGS = frozenset(
    (
        *("a", "abbr", "b", "blockquote", "br", "center", "code", "dd", "del", "details", "div", "dl", "dt", "em"),
        *("font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd", "li", "ol", "p", "pre", "s", "small"),
        *("span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"),
    )
)
_ATTRIBUTES = {
    "*": {"style", "title", "align"},
    "a": {"href"},
    "font": {"color"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_STYLES = (
    *("background-color", "border-collapse", "border-top", "color", "font-size", "font-weight", "margin-top"),
    *("max-width", "opacity", "padding", "text-align", "vertical-align", "white-space", "width"),
)
_PROTOCOLS = ("http", "https", "mailto", "data")
_HIGHLIGHTED = ("div", "span")
"""Pygments marks by class what to colour. No other tag may have a class, since the pages' scripts go by them."""


def clean(markup: str) -> str:
    """Return markup that shows but cannot act; other tags become text, so that a person sees what was tried."""
    styles = CSSSanitizer(allowed_css_properties=_STYLES)
    return str(bleach.clean(markup, _TAGS, _is_allowed, _PROTOCOLS, css_sanitizer=styles))


def _is_allowed(tag: str, name: str, value: str) -> bool:
    if value.lstrip().lower().startswith("data:"):
        return tag == "img" and value.startswith("data:image/")
    if name == "class":
        return tag in _HIGHLIGHTED and (value == "highlight" or len(value) <= 2)
    return name in _ATTRIBUTES["*"] or name in _ATTRIBUTES.get(tag, ())


@pass_context
def markdown(context: Context, source: str) -> str:
    """Return Markdown as clean HTML; replaces nbconvert's filter ``markdown2html``."""
    attachments = context.get("cell", {}).get("attachments", {})
    renderer = IPythonRenderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    try:
        return clean(MarkdownWithMath(renderer=renderer).render(source))
    except Exception:  # noqa: BLE001 -- a missing picture, a thousand brackets: the words must stay readable
        return preformatted(source)


class CleanOutputs(Preprocessor):
    """Cleans what code cells show and drops what could act; ``c.HTMLExporter.preprocessors`` names it."""

    _KEPT = frozenset(("text/plain", "text/latex", "image/png", "image/jpeg"))

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Clean a raw or code cell; `markdown` cleans Markdown once it has become markup."""
        if cell.cell_type == "raw":
            cell.source = str(escape(cell.source))
        if cell.cell_type == "code":
            for output in (output for output in cell.outputs if "data" in output):
                output.data = NotebookNode(self._cleaned(output.data))
            cell.outputs = [output for output in cell.outputs if output.get("data", True)]
        return cell, resources

    def _cleaned(self, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for kind, shown in data.items():
            if kind == "text/html":
                yield kind, clean(shown)
            elif kind in self._KEPT:
                yield kind, shown


class FeedbackPage(HTMLExporter):
    """The page of ``autograder feedback`` if a rubric of ours judged; for ``c.GenerateFeedback.exporter_class``."""

    def from_notebook_node(  # type: ignore[override]
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """Return the page; nbgrader's own for notebooks without a rubric."""
        place = (resources or {}).get("nbgrader")
        if place is None or MARK not in nb.metadata:
            return super().from_notebook_node(nb, resources, **kw)
        folders = cast("GenerateFeedback", self.parent).coursedir
        assignment = rubric_of(folders, place["assignment"], place["notebook"])
        if assignment is None:
            return super().from_notebook_node(nb, resources, **kw)
        with Gradebook(place["db_url"], folders.course_id) as gradebook:
            submission = gradebook.find_submission(assignment.name, place["student"])
            language = choose_language(None, assignment.settings.language)
            return feedback.render(assignment, submission, nb, language), self._init_resources(resources)
