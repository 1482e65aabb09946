"""Cells that are not Python or stopped early, and what is missing because of them: it is said once, at the cell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from autograder.base.errors import NotDefined
from autograder.base.i18n import Text, text
from autograder.course.submission import Cell, tell_label
from autograder.sandbox.failure import Failure
from autograder.student.failures import is_stub, missing_here, unparsed_function, unreached_function, unwritten_class

_SYNTAX = ("SyntaxError", "IndentationError", "TabError")
_UNDEFINED = re.compile(r"name '(\w+)' is not defined")


class Unparsed:
    """The cells of one submission that could not be parsed, or that failed."""

    def __init__(self) -> None:
        self._first: dict[int, Text] = {}  # by position: where the syntax error is
        self._after: dict[int, Text] = {}  # by position: the place that its failure follows from
        self._stopped: dict[int, Text | None] = {}  # by position: where an exception ended a cell; None: a stub's own
        self._cells: dict[int, Cell] = {}

    def add(self, position: int, cell: Cell, failure: Failure) -> bool:
        """Note a failure of a cell; return whether it only follows from an earlier syntax error."""
        self._cells[position] = cell
        if is_syntax_error(failure, cell):
            self._first.setdefault(position, _place(failure, cell))
            return False
        missing = self.cause_of(failure)
        if missing is not None:
            self._after.setdefault(position, missing[1])
        else:
            self._stopped.setdefault(position, None if is_stub(failure) else _place(failure, cell))
        return missing is not None

    def cause_of(self, failure: Failure) -> tuple[str, Text] | None:
        """Return the name that is missing and where the syntax error is that a failure follows from."""
        missing = _UNDEFINED.match(failure.message) if failure.kind == "NameError" else None
        place = self.place_of(missing[1]) if missing else None
        return (missing[1], place) if missing and place is not None else None

    def place_of(self, name: str) -> Text | None:
        """Return where the syntax error is for which a name is missing, if that is the reason."""
        places = {**self._after, **self._first}
        return next((places[at] for at in sorted(places) if _binds(self._cells[at].source, name)), None)

    def missing(self, name: str) -> NotDefined | None:
        """Return the error that a name is missing because of its cell, which the report shows already."""
        place = self.place_of(name)
        if place is not None:
            return unparsed_function(name, place)
        for at in sorted(self._stopped):
            if _binds(self._cells[at].source, name):
                place = self._stopped[at]
                return unwritten_class(name) if place is None else unreached_function(name, place)
        return None

    def missing_in(self, failure: Failure) -> NotDefined | None:
        """Return the same of a failure that only comes of a missing name."""
        name = _UNDEFINED.match(failure.message) if failure.kind == "NameError" else None
        return self.missing(name[1]) if name else None

    def is_first(self, position: int) -> bool:
        """Has this cell a syntax error?"""
        return position in self._first


def missing_in_kernel(name: str, cells: Iterable[Cell], defined: Iterable[str]) -> NotDefined:
    """Return the error that a name is missing in a notebook that still runs, by the cells that it has run."""
    last = next((cell for cell in reversed([*cells]) if _binds(cell.source, name)), None)
    if last is None:
        return missing_here(name, defined)
    if _is_class_stub(last.source, name):
        return unwritten_class(name)
    return unreached_function(name, tell_label(last.label))


def is_of_unwritten_class(failure: Failure, cell: Cell, declared: Iterable[str]) -> bool:
    """Is it the stub of a declared class that raised? Its criteria say that it is not written yet."""
    return is_stub(failure) and any(_is_class_stub(cell.source, name) for name in declared)


def _is_class_stub(source: str, name: str) -> bool:
    """Does the body of a class raise what stubs raise, as soon as it is defined?"""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    bodies = [node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    raised = [line.exc for body in bodies for line in body if isinstance(line, ast.Raise) and line.exc]
    return any(ast.unparse(one).partition("(")[0] == "NotImplementedError" for one in raised)


def is_syntax_error(failure: Failure, cell: Cell) -> bool:
    """Could the cell itself not be parsed? Not what ``eval`` raises, which has frames that ran."""
    ran = any(name for label, _, name, _ in failure.frames if label == cell.label)
    return failure.kind in _SYNTAX and not ran and len(failure.frames) <= 1


def _place(failure: Failure, cell: Cell) -> Text:
    line = failure.frames[0][1] if failure.frames else 0
    if cell.number is not None or not line:
        return tell_label(cell.label)
    return text("{place}, line {line}", place=tell_label(cell.label), line=line)


def _binds(source: str, name: str) -> bool:
    """Would this text give a value to the name, as far as one can see in text that is not Python?"""
    word = re.escape(name)
    return bool(
        re.search(
            rf"^\s*(?:async\s+)?(?:def|class)\s+{word}\b"
            rf"|^\s*(?:[\w*]+\s*,\s*)*{word}\s*(?:,\s*[\w*]+\s*)*(?::[^=\n]+)?=(?!=)"
            rf"|^\s*(?:from\b.*)?\bimport\b.*\b{word}\b",
            source,
            re.MULTILINE,
        )
    )
