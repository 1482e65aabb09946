"""Says in plain words what Python's commonest syntax errors mean."""

from __future__ import annotations

import re

from autograder.base.i18n import Text, text

_MEANINGS: tuple[tuple[str, Text], ...] = (
    (r"^expected ':'", text("A colon is missing at the end of this line.")),
    (r"was never closed", text("A bracket is opened on this line and never closed.")),
    (r"^unmatched '|does not match opening parenthesis", text("A closing bracket on this line has no partner.")),
    (
        r"^expected an indented block",
        text("What belongs to a line that ends in a colon must be indented below it, by four spaces."),
    ),
    (
        r"^unexpected indent|^unindent does not match",
        text("This line is indented differently from its block: all lines of a block begin in the same column."),
    ),
    (r"inconsistent use of tabs", text("Tabs and spaces are mixed. Indent with four spaces everywhere.")),
    (r"Maybe you meant '=='", text("A single `=` gives a value to a name. A comparison is written `==`.")),
    (r"^unterminated .*string", text("The closing quotation mark of a string is missing.")),
    (
        r"^invalid (?:non-printable )?character",
        text("Python does not know this character. Type punctuation, brackets and spaces in their English form."),
    ),
    (r"^'(?:return|yield)' outside function", text("This line stands outside its function: indent it.")),
    (r"^'(?:break|continue)' (?:outside|not properly in) loop", text("This line stands outside its loop: indent it.")),
    (r"Perhaps you forgot a comma", text("A comma, an operator or a bracket is missing on this line.")),
)


def meaning_of(message: str) -> Text | None:
    """Return what a syntax error means, where its message leaves no doubt.

    >>> meaning_of("expected ':'").en
    'A colon is missing at the end of this line.'
    """
    return next((words for pattern, words in _MEANINGS if re.search(pattern, message)), None)
