"""The format before raw cells: a question is a Markdown cell with a fenced block, its solution the cell below.

It is turned into the cells of the present format, which keep the numbers of those they come from.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from autograder.course.otter.cells import Cell

_FENCED = re.compile(r"```[ \t]*\n[ \t]*BEGIN (ASSIGNMENT|QUESTION)[ \t]*\n(.*?)```[ \t]*\n?", re.DOTALL)
_TEST = re.compile(r"##?\s*(hidden\s*)?test\b|\"\"\"\s*#\s*BEGIN\s*TEST\s*CONFIG", re.IGNORECASE)
_SOLUTION = re.compile(r"^(?:<strong>|\*\*)solution:?(?:</strong>|\*\*)", re.IGNORECASE | re.MULTILINE)
_MANUAL = re.compile(r"^manual:\s*true\b", re.IGNORECASE | re.MULTILINE)


def is_in(cells: Iterable[Cell]) -> bool:
    """Are these cells of that format?"""
    return any(cell.kind == "markdown" and _FENCED.search(cell.source) for cell in cells)


def with_blocks(cells: Sequence[Cell]) -> Iterator[Cell]:
    """Yield the cells with raw cells between them that begin and end blocks."""
    rest = list(cells)
    while rest:
        cell = rest.pop(0)
        fenced = _FENCED.search(cell.source) if cell.kind == "markdown" else None
        if fenced is None:
            yield cell
            continue
        other = (cell.source[: fenced.start()] + cell.source[fenced.end() :]).strip()
        if fenced[1] == "ASSIGNMENT":
            yield replace(cell, kind="raw", source=f"# ASSIGNMENT CONFIG\n{_without_dots(fenced[2])}")
            continue
        yield replace(cell, kind="raw", source=f"# BEGIN QUESTION\n{_without_dots(fenced[2])}")
        if other:
            yield replace(cell, source=other)
        yield from _answered(cell, rest, is_manual=_MANUAL.search(fenced[2]) is not None)


def _answered(question: Cell, rest: list[Cell], *, is_manual: bool) -> Iterator[Cell]:
    """Yield what belongs to a question, taken from the cells that follow, and its end."""
    while is_manual and rest and rest[0].kind == "markdown" and not _SOLUTION.search(rest[0].source):
        if _FENCED.search(rest[0].source):
            break
        yield from _block("PROMPT", [rest.pop(0)])
    if rest and not _is_test(rest[0]) and not (rest[0].kind == "markdown" and _FENCED.search(rest[0].source)):
        yield from _block("SOLUTION", [rest.pop(0)])
    tests = []
    while rest and _is_test(rest[0]):
        tests.append(rest.pop(0))
    if tests:
        yield from _block("TESTS", tests)
    yield replace(question, kind="raw", source="# END QUESTION")


def _block(name: str, cells: Sequence[Cell]) -> Iterator[Cell]:
    yield replace(cells[0], kind="raw", source=f"# BEGIN {name}")
    yield from cells
    yield replace(cells[-1], kind="raw", source=f"# END {name}")


def _is_test(cell: Cell) -> bool:
    return cell.kind == "code" and _TEST.match(cell.source) is not None


def _without_dots(config: str) -> str:
    """Three dots in a line of their own end a YAML document."""
    return re.sub(r"^\.\.\.$", "", config, flags=re.MULTILINE)
