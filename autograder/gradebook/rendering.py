"""What nbgrader's pages show of a student's notebook: no markup that could act, and our feedback page for our rubrics.

nbgrader copies students' Markdown into the formgrader's pages unchanged: a script in an answer would run with the
rights of the instructor who grades it. ``nbgrader_config.py`` names this module's classes and filter under
``c.HTMLExporter`` and ``c.GenerateFeedback``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import escape
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode, from_dict
from nbgrader.api import Gradebook

from autograder.base.i18n import choose_language
from autograder.course import kit
from autograder.gradebook import feedback, repair
from autograder.gradebook.autograded import MARK
from autograder.gradebook.nbgrader_course import rubric_of
from autograder.gradebook.plain_feedback import rounded, say_what_counts, without_hidden_tests
from autograder.report.html import preformatted
from autograder.report.markup import clean, is_deep
from autograder.report.templates import render

if TYPE_CHECKING:
    from nbgrader.converters import GenerateFeedback

_MAX_MARKDOWN = 50_000
"""Longer Markdown is shown as it was written: some takes the square of its length, and nobody else is served then."""
_PICTURE = re.compile(r"[A-Za-z0-9+/=]{200,}")
_MAX_SIZE = 10_000
_END_OF_HEAD = "</head>"
_OTHERS = {"nbgrader": dict, "magics_language": str}
"""What the gradebook and nbconvert have put into a cell's metadata by then: the fields to fill in, how to colour."""


@pass_context
def markdown(context: Context, source: str) -> str:
    """Return Markdown as clean HTML; replaces nbconvert's filter ``markdown2html``."""
    if len(_PICTURE.sub("", source)) > _MAX_MARKDOWN:
        return preformatted(source)
    attachments = context.get("cell", {}).get("attachments", {})
    renderer = IPythonRenderer(escape=False, attachments=attachments, exclude_anchor_links=True)
    try:
        markup = MarkdownWithMath(renderer=renderer).render(source)
        return preformatted(source) if is_deep(markup) else clean(markup)
    except Exception:  # noqa: BLE001 -- a missing picture, a thousand brackets: the words must stay readable
        return preformatted(source)


def as_it_is(words: str) -> str:
    """Return cleaned markup unchanged, in place of nbconvert's ``strip_files_prefix``: it is slow at many brackets."""
    return words


class CleanOutputs(Preprocessor):
    """Cleans what cells show and drops what could act; ``c.HTMLExporter.preprocessors`` names it.

    Notebooks that were autograded before they were repaired, or by others, are shown too. A kit is left out,
    thousands of letters that nobody reads.
    """

    _KEPT = frozenset(("text/plain", "text/latex", "image/png", "image/jpeg"))

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Clean a notebook."""
        own = {name: value for name, value in nb.metadata.items() if name == MARK}
        nb.metadata = from_dict(repair.metadata(nb.metadata) | own)
        repair.name_cells(nb.cells)
        return super().preprocess(nb, resources)

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Clean a raw or code cell; `markdown` cleans Markdown once it has become markup."""
        own = {n: v for n, v in cell.metadata.items() if n in _OTHERS and isinstance(v, _OTHERS[n])}
        cell.metadata = from_dict(repair.cell_metadata(cell.metadata) | own)
        if cell.cell_type not in ("code", "markdown"):
            cell.cell_type, cell.source = "raw", str(escape(cell.source))
        if cell.cell_type == "code":
            cell.source = kit.without(cell.source)
            cell.outputs = [from_dict(shown) for shown in map(self._output, cell.outputs) if shown is not None]
        return cell, resources

    def _output(self, output: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return an output with nothing but what is shown; None if that is nothing."""
        match output.get("output_type"):
            case "stream":
                name = "stderr" if output.get("name") == "stderr" else "stdout"
                return {"output_type": "stream", "name": name, "text": _words(output.get("text"))}
            case "error":
                lines = output.get("traceback")
                shown = [_words(line) for line in lines] if isinstance(lines, list) else []
                words = {name: _words(output.get(name)) for name in ("ename", "evalue")}
                return {"output_type": "error", **words, "traceback": shown}
            case "display_data" | "execute_result" as kind:
                given = output.get("data")
                data = dict(self._cleaned(given)) if isinstance(given, dict) else {}
                metadata = output.get("metadata")
                sizes = dict(_sizes(metadata)) if isinstance(metadata, dict) else {}
                shown_as = {"output_type": kind, "data": data, "metadata": sizes}
                return shown_as | ({"execution_count": None} if kind == "execute_result" else {}) if data else None
            case _:
                return None

    def _cleaned(self, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for kind, shown in data.items():
            if kind == "text/html":
                yield kind, clean(_words(shown))
            elif kind in self._KEPT:
                yield kind, _words(shown)


def _sizes(metadata: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what an output's metadata may say: how large its pictures are, in pixels, and what they show."""
    for name, value in metadata.items():
        if name in ("width", "height"):
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= _MAX_SIZE:
                yield name, value
        elif name == "alt" and repair.is_name(value):
            yield name, value
        elif name in ("image/png", "image/jpeg") and isinstance(value, dict):
            yield name, {n: v for n, v in _sizes(value) if not isinstance(v, dict)}


def _words(value: Any) -> str:
    """Return a text that is written whole or in lines."""
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return "".join(value)
    return value if isinstance(value, str) else ""


class FeedbackPage(HTMLExporter):
    """The page of ``autograder feedback`` if a rubric of ours judged; for ``c.GenerateFeedback.exporter_class``."""

    def default_filters(self) -> Iterator[tuple[str, Any]]:
        """Yield nbconvert's filters, and what shows a score that nobody has given yet."""
        yield from super().default_filters()
        yield "round", rounded

    def from_notebook_node(  # type: ignore[override]
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, dict[str, Any]]:
        """Return the page; nbgrader's own, without hidden tests, for notebooks without a rubric."""
        place = (resources or {}).get("nbgrader")
        if place is None:
            return self._of_nbgrader(nb, resources, **kw)
        folders = cast("GenerateFeedback", self.parent).coursedir
        assignment = rubric_of(folders, place["assignment"], place["notebook"]) if MARK in nb.metadata else None
        if assignment is None:
            return self._of_nbgrader(nb, resources, **kw)
        with Gradebook(place["db_url"], folders.course_id) as gradebook:
            submission = gradebook.find_submission(assignment.name, place["student"])
            language = choose_language(None, assignment.settings.language)
            page = feedback.render(assignment, submission, nb, language, Path(folders.root))
            return page, self._init_resources(resources)

    def _of_nbgrader(self, nb: NotebookNode, resources: dict[str, Any] | None, **kw: Any) -> tuple[str, dict[str, Any]]:
        """Return nbgrader's page without hidden tests; it fits phones, pictures too."""
        page, found = super().from_notebook_node(without_hidden_tests(nb), resources, **kw)
        fitting = render("gradebook/templates/fit_for_phones.html")
        return page.replace(_END_OF_HEAD, fitting + _END_OF_HEAD, 1), found

    def _preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Return the notebook with what the gradebook has for its cells and for the notebooks beside it."""
        shown, found = super()._preprocess(nb, resources)
        if "nbgrader" in found:
            say_what_counts(shown, found["nbgrader"], Path(cast("GenerateFeedback", self.parent).coursedir.root))
        return shown, found
