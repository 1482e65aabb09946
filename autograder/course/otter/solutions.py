"""Solutions: Otter's marks become nbgrader's, which know regions and nothing else.

Otter shows students ``x = ...`` where a line ends with ``# SOLUTION``; nbgrader shows its stub where a region was. So
what stands left of the equals sign, and what Otter calls a prompt, becomes a comment above the region.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from autograder.base import syntax
from autograder.base.errors import UsageError
from autograder.base.i18n import text

BEGIN, END = "### BEGIN SOLUTION", "### END SOLUTION"
_LINE = re.compile(r"^(.*?)[ \t]*# ?SOLUTION\b.*$")
_SEED = re.compile(r"^(.*?)[ \t]*# ?SEED[ \t]*$")
_IS_SEED_ALONE = re.compile(r"^\s*[\w.]+\.seed\(.*\)\s*;?$")
_BEGIN_BLOCK = re.compile(r"^\s*# BEGIN SOLUTION( NO PROMPT)?")
_IGNORE_LINE = re.compile(r"# IGNORE\s*$")
_BEGIN_IGNORE = re.compile(r"^\s*#\s*BEGIN\s*IGNORE\s*$", re.IGNORECASE)
_END_IGNORE = "# END IGNORE"
_END_OF = {"solution": "# END SOLUTION", "prompt": "# END PROMPT", "plugin": "# END PLUGIN"}


@dataclass
class _Region:
    """Lines that students do not get, and the comments above them."""

    lines: list[str] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)

    @property
    def indent(self) -> str:
        """The space before its first line."""
        return _indent(next((line for line in self.lines if line.strip()), self.lines[0] if self.lines else ""))

    def written(self) -> Iterator[str]:
        indent = self.indent
        yield from (f"{indent}# {comment}".rstrip() for comment in self.comments)
        yield from (indent + BEGIN, *self.lines, indent + END)


@dataclass(frozen=True)
class Solution:
    """A code cell with nbgrader's marks.

    Args:
        source: its text.
        is_marked: whether there are any.
        has_seed: whether a line of it seeds a generator, which students get too.
        has_plugin: whether a plugin of Otter's was left out.
    """

    source: str
    is_marked: bool = False
    has_seed: bool = False
    has_plugin: bool = False

    @property
    def code(self) -> str:
        """The text without the marks."""
        return "\n".join(line for line in self.source.split("\n") if line.strip() not in (BEGIN, END))


def converted(source: str, *, is_seeded: bool = False) -> Solution:
    r"""Convert a code cell.

    Args:
        source: its text.
        is_seeded: whether every cell is seeded when it is graded: then lines that do so are left out.

    Raises:
        UsageError: a block does not end, or ends without having begun.

    >>> print(converted("def f(x):\n    y = x * x # SOLUTION\n    return y # SOLUTION").source)
    def f(x):
        # y = ...
        ### BEGIN SOLUTION
        y = x * x
        return y
        ### END SOLUTION
    """
    parts: list[str | _Region] = []
    found = set[str]()
    for kind, lines in _blocks(without_ignored(source).split("\n")):
        if kind == "line":
            _take_line(lines[0], parts, found, is_seeded=is_seeded)
        elif kind == "solution":
            _region(parts, lines).lines += lines
        elif kind == "prompt":
            shown = [line.strip() for line in lines if line.strip()]
            _region(parts).comments += [line.removeprefix("#").strip() for line in shown]
        else:
            found.add(kind)
    written = [line for part in parts for line in (part.written() if isinstance(part, _Region) else [part])]
    marked = any(isinstance(part, _Region) for part in parts)
    return Solution("\n".join(written), marked, "seed" in found, "plugin" in found)


def without_ignored(source: str) -> str:
    r"""Return the text of a cell without what only those who teach read.

    Raises:
        UsageError: a block does not end, or ends without having begun.

    >>> without_ignored("a\n# BEGIN IGNORE\nb\n# END IGNORE\nc  # IGNORE\nd")
    'a\nd'
    """
    kept, inside = list[str](), False
    for line in source.split("\n"):
        if line.rstrip().endswith(_END_IGNORE):
            if not inside:
                _refuse_end(_END_IGNORE)
            inside = False
        elif inside or _IGNORE_LINE.search(line):
            continue
        elif _BEGIN_IGNORE.match(line):
            inside = True
        else:
            kept.append(line)
    if inside:
        _refuse_begin(_END_IGNORE)
    return "\n".join(kept)


def _refuse_end(end: str) -> NoReturn:
    begin = end.replace("END", "BEGIN")
    raise UsageError(text("`{end}` has no `{begin}`; remove it, or add one above", end=end, begin=begin))


def _refuse_begin(end: str) -> NoReturn:
    begin = end.replace("END", "BEGIN")
    raise UsageError(text("`{begin}` has no `{end}`; add one below", begin=begin, end=end))


def _take_line(line: str, parts: list[str | _Region], found: set[str], *, is_seeded: bool) -> None:
    if seeding := _SEED.match(line):
        if is_seeded and _IS_SEED_ALONE.match(seeding[1]):
            return
        found.add("seed")
        parts.append(seeding[1])
    elif solved := _LINE.match(line):
        own = solved[1]
        region = _region(parts, [own])
        region.lines.append(own)
        if "NO PROMPT" not in line and (target := _assigned(own)):
            region.comments.append(f"{target} = ...")
    else:
        parts.append(line)


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the blocks of a cell with their lines; a line outside of any is one of its own."""
    block, inside = "", list[str]()
    for line in lines:
        end = line.rstrip()
        if block:
            if end.endswith(_END_OF[block]):
                yield block, inside
                block, inside = "", []
            elif _beginning(line) in (block, "solution") and block != "prompt":
                raise UsageError(text("`{line}` stands in a block that has not ended", line=line.strip()))
            else:
                inside.append(line)
        elif block := _beginning(line):
            continue
        elif stray := next((mark for mark in _END_OF.values() if end.endswith(mark)), None):
            _refuse_end(stray)
        else:
            yield "line", [line]
    if block:
        _refuse_begin(_END_OF[block])


def _beginning(line: str) -> str:
    if _BEGIN_BLOCK.match(line):
        return "solution"
    if line.rstrip().endswith("# BEGIN PROMPT"):
        return "prompt"
    return "plugin" if line.rstrip().endswith(("# BEGIN PLUGIN", "# BEGIN PLUGIN EXPORT")) else ""


def _region(parts: list[str | _Region], lines: Sequence[str] = ()) -> _Region:
    """Return the region that ends here, or begin one: above the lines, or where they leave the block that it is in.

    Args:
        parts: those above.
        lines: what will be in it.
    """
    last = parts[-1] if parts else None
    leaves = isinstance(last, _Region) and any(
        line.strip() and not line.startswith(last.indent) for line in lines if last.lines
    )
    if not isinstance(last, _Region) or leaves:
        last = _Region()
        parts.append(last)
    return last


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]


def _assigned(line: str) -> str:
    """Return what a line assigns to, as it is written.

    >>> _assigned("    a, b = f(1)")
    'a, b'
    """
    try:
        (statement,) = syntax.parse(line.strip()).body
    except (SyntaxError, ValueError):
        return ""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return ""
    target = ast.unparse(statement.targets[0])
    return target.removeprefix("(").removesuffix(")") if isinstance(statement.targets[0], ast.Tuple) else target
