"""What the editor says by itself, by its own English words: it searches, and describes what it shows."""

from __future__ import annotations

from collections.abc import Mapping

from autograder.base.i18n import Text, text

SEARCH_WORDS: Mapping[str, Text] = {
    "Find": text("Find"),
    "Replace": text("Replace"),
    "next": text("next"),
    "previous": text("previous"),
    "all": text("all"),
    "match case": text("match case"),
    "regexp": text("regular expression"),
    "by word": text("whole words"),
    "replace": text("replace"),
    "replace all": text("replace all"),
    "close": text("close"),
    "current match": text("current match"),
    "on line": text("on line"),
    "replaced match on line $": text("replaced the match on line $"),
    "replaced $ matches": text("replaced $ matches"),
    "Go to line": text("Go to line"),
    "go": text("go"),
    "Control character": text("control character"),
    "Selection deleted": text("selection deleted"),
}
