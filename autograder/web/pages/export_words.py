"""How the page of exports calls formats and fields, also in messages that name options of the command."""

from __future__ import annotations

import re

from autograder.base.i18n import Text, text
from autograder.lms.formats import ScoreFormat

FORMATS = {
    ScoreFormat.csv: text("table (CSV)"),
    ScoreFormat.xlsx: text("spreadsheet (Excel)"),
    ScoreFormat.canvas: text("Canvas"),
    ScoreFormat.moodle: text("Moodle"),
    ScoreFormat.gradescope: text("Gradescope, a file for each submission"),
    ScoreFormat.junit: text("JUnit XML"),
    ScoreFormat.markdown: text("Markdown"),
    ScoreFormat.classroom50: text("Classroom 50, a file for each submission"),
    ScoreFormat.gradescope_autograder: text("autograder for Gradescope (contains the solution)"),
    ScoreFormat.classroom50_autograder: text("autograder for Classroom 50"),
    ScoreFormat.github: text("template for GitHub"),
}
FIELDS = {
    "assignment": text("Assignment or quiz"),
    "column": text("Title of its column of scores"),
    "new_column": text("Add a column (Canvas)"),
    "scale": text("Convert scores to the points of the column"),
    "overwrite": text("Replace what is there already"),
}
"""By their names in the form, which are those of the command's options with other dashes."""
_OPTIONS = {f"--{name.replace('_', '-')}": words for name, words in FIELDS.items()} | {
    f"--to {one.value}": words for one, words in FORMATS.items()
}
_OPTION = re.compile(rf"({'|'.join(sorted(_OPTIONS, key=len, reverse=True))})(?![\w-])(?: TITLE)?")


def without_options(words: Text) -> Text:
    """Return a message with the page's fields in place of the command's options."""

    def said(language: str, one: str) -> str:
        return _OPTION.sub(lambda found: f"“{_OPTIONS[found[1]].get(language)}”", one)

    return Text(**{language: said(language, one) for language, one in words})
