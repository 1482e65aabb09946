"""Test cells: what each says of itself, and what it shows."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from autograder.base import syntax
from autograder.base.errors import UsageError
from autograder.base.i18n import text
from autograder.course.otter.cells import Cell
from autograder.course.otter.master import Master, Question
from autograder.course.otter.points import resolved

_BEGIN = re.compile(r"(?:.\s*=\s*)?\"\"?\"?\s*#\s*BEGIN\s*TEST\s*CONFIG", re.IGNORECASE)
_END = re.compile(r"^\"\"?\"?;?\s*#\s*END\s*TEST\s*CONFIG.*$", re.IGNORECASE | re.MULTILINE)
_HIDDEN = re.compile(r"\s*#.*\bhidden\b", re.IGNORECASE)
_OLDEST = re.compile(r"\s*##?\s*test\s*(##)?\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class Case:
    """One test.

    Args:
        question: whose.
        number: its place among the question's tests, from 1 on.
        cell: where it stands.
        source: its statements.
        expected: what its cell shows.
        config: what it says of itself.
        points: what it is worth.
        raises: whether it is a function that raises where the answer is wrong, as ``ok_format: false`` has it.
    """

    question: Question
    number: int
    cell: Cell
    source: str
    expected: str
    config: Mapping[str, Any]
    points: float = 0.0
    raises: bool = False

    @property
    def is_hidden(self) -> bool:
        """Is it kept from students?"""
        return bool(self.config["hidden"])

    @property
    def name(self) -> str:
        """The name of the criterion that it becomes, without that of its exercise."""
        return f"case{self.number}"

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return syntax.parse(self.source)


def cases_of(master: Master, question: Question) -> list[Case]:
    """Return the tests of a question with their points.

    Raises:
        UsageError: one is not Python, or says of itself what Otter does not know.
    """
    found = [_case(master, question, at, cell) for at, cell in enumerate(question.cells("tests"), start=1)]
    try:
        points = resolved(question.config.get("points"), [_own_points(master, case) for case in found])
    except UsageError as error:
        master.refuse(question.cell, error.text)
    return [replace(case, points=worth) for case, worth in zip(found, points, strict=True)]


def _own_points(master: Master, case: Case) -> float | None:
    points = case.config.get("points")
    if points is None or (isinstance(points, int | float) and not isinstance(points, bool) and points >= 0):
        return points
    master.refuse(case.cell, text("points must be a number, 0 or more, not {points}", points=repr(points)))


def _case(master: Master, question: Question, number: int, cell: Cell) -> Case:
    source, config, hidden = cell.source, {}, False
    if _BEGIN.match(source):
        end = _END.search(source)
        if end is None:
            master.refuse(
                cell,
                text(
                    "`{begin}` has no `{end}`; add one below", begin="# BEGIN TEST CONFIG", end='""" # END TEST CONFIG'
                ),
            )
        config = _config(master, cell, source[: end.start()].partition("\n")[2])
        source = source[end.end() :]
    elif _HIDDEN.match(cell.first_line) or _OLDEST.match(cell.first_line):
        hidden = _HIDDEN.match(cell.first_line) is not None
        source = source.partition("\n")[2]
    source = source.strip("\n")
    try:
        if not syntax.parse(source).body:
            master.refuse(cell, text("the test is empty; write what it tests, or remove it"))
    except (SyntaxError, ValueError) as error:
        master.refuse(
            cell, text("the test is not Python: {reason}; Otter takes no magics in tests either", reason=error)
        )
    asked = {"hidden": hidden, **config}
    return Case(question, number, cell, source, cell.shown.rstrip("\n"), asked, raises=master.tests_raise)


def _config(master: Master, cell: Cell, source: str) -> dict[str, Any]:
    found = master.values_of(cell, source)
    if found is None:
        return {}
    if not isinstance(found, dict):
        master.refuse(cell, text("a test's configuration is YAML such as `points: 1`"))
    return found
