"""What a master notebook holds: the assignment's configuration, questions, and the cells between them.

Raw cells, or Markdown cells fenced as ``otter``, begin and end blocks: a question, and in it a prompt, a solution,
tests. Other cells belong to the block that they stand in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NoReturn

import yaml

from autograder.base import yaml_records
from autograder.base.errors import ConfigError, UsageError
from autograder.base.i18n import Text, same, text
from autograder.course.otter import oldest
from autograder.course.otter.cells import Cell, read_cells

Role = Literal["text", "prompt", "solution", "tests"]
BEGIN, END = "BEGIN", "END"
_BLOCK = re.compile(r"#\s+(begin|end)\s+(question|prompt|solution|tests)\b", re.IGNORECASE)
_CONFIG = re.compile(r"#\s+assignment\s+config\b", re.IGNORECASE)
_IGNORED = re.compile(r"##?\s*ignore\b", re.IGNORECASE)


@dataclass
class Question:
    """A question.

    Args:
        name: as the master notebook has it.
        cell: where it begins.
        config: what is said of it.
        parts: its cells in their order, each with the block it stands in.
    """

    name: str
    cell: Cell
    config: Mapping[str, Any]
    parts: list[tuple[Role, Cell]] = field(default_factory=list)

    @property
    def exercise(self) -> str:
        """The name as part of names in Python."""
        if not self.name.isascii():  # nbgrader knows no other letters
            return f"question_{self.cell.number}"
        return re.sub(r"\W", "_", self.name)

    @property
    def is_manual(self) -> bool:
        """Does a person grade it?"""
        return bool(self.config.get("manual"))

    def cells(self, role: Role) -> list[Cell]:
        """Return the cells of a block."""
        return [cell for own, cell in self.parts if own == role]


@dataclass
class Master:
    """A master notebook.

    Args:
        path: the file.
        config: the assignment's configuration, that of its ``config_file`` included.
        parts: questions, and the cells outside of them, in their order.
    """

    path: Path
    config: dict[str, Any] = field(default_factory=dict)
    parts: list[Cell | Question] = field(default_factory=list)

    @property
    def questions(self) -> list[Question]:
        """Its questions."""
        return [part for part in self.parts if isinstance(part, Question)]

    @property
    def seed(self) -> tuple[int, str | None] | None:
        """The seed that cells begin with when they are graded, and the variable that gets it, if one does.

        As Otter documents under "Intercell Seeding": ``seed`` with a variable, else ``generate: seed`` for the
        generators of numpy and Python.
        """
        own, generate = self.config.get("seed"), self.config.get("generate")
        own = own if isinstance(own, dict) else {"autograder_value": own}
        variable, value = own.get("variable"), own.get("autograder_value")
        if value is None and isinstance(generate, dict):
            variable, value = generate.get("seed_variable", variable), generate.get("seed")
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 32:
            return None
        return value, None if variable is None else str(variable)

    @property
    def tests_raise(self) -> bool:
        """Are tests functions that raise, instead of statements that show something?"""
        tests = self.config.get("tests")
        return isinstance(tests, dict) and tests.get("ok_format") is False

    def values_of(self, cell: Cell, source: str) -> Any:
        """Return the values of a configuration in a cell."""
        try:
            return _values(source, self.path)
        except ConfigError as error:
            self.refuse(cell, text("is not YAML: {reason}", reason=error.text.in_one_line()))

    def refuse(self, cell: Cell, words: Text) -> NoReturn:
        """Say what is wrong with a cell.

        Raises:
            UsageError: always.
        """
        raise UsageError(text("{file}: cell {number}: {reason}", file=self.path, number=cell.number, reason=words))


def _values(source: str, path: Path) -> Any:
    """Return what YAML 1.1 means, as Otter reads it: ``no`` is false, and the last of two keys counts.

    Raises:
        ConfigError: it is not YAML.
    """
    try:
        return yaml.safe_load(source)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        yaml_records.plain(source, path)  # says it better
        raise ConfigError(same(" ".join(str(error).split())), path=path) from error


def read(path: Path) -> Master:
    """Read a master notebook.

    Raises:
        UsageError: it is not one; names the cell and what to do.
    """
    master = Master(path)
    cells = [cell for cell in read_cells(path) if not _IGNORED.match(cell.first_line)]
    if oldest.is_in(cells):
        cells = list(oldest.with_blocks(cells))
    _Reader(master).read(cells)
    if not master.questions:
        words = text(
            "{file}: has no question of Otter's: no raw cell begins with `# BEGIN QUESTION`; "
            "name the master notebook, not one that `otter assign` has made of it",
            file=path,
        )
        raise UsageError(words)
    return master


class _Reader:
    """Puts cells into blocks.

    Args:
        master: the notebook, filled by this.
    """

    def __init__(self, master: Master) -> None:
        self._master = master
        self._question: Question | None = None
        self._blocks: list[tuple[str, Cell]] = []  # those that are open, with the cell that begins each

    def read(self, cells: Iterable[Cell]) -> None:
        for cell in cells:
            boundary = _BLOCK.match(cell.source) if cell.kind == "raw" else None
            if boundary is not None:
                begins, block = boundary[1].upper() == BEGIN, boundary[2].lower()
                (self._begin if begins else self._end)(block, cell)
            elif cell.kind == "raw" and _CONFIG.match(cell.source):
                self._configure(cell)
            else:
                self._add(cell)
        if self._blocks:
            block, cell = self._blocks[-1]
            self._refuse(cell, text("`# BEGIN {block}` has no `# END {block}`; add one below", block=block.upper()))

    def _begin(self, block: str, cell: Cell) -> None:
        inside = [name for name, _ in self._blocks]
        if (block == "question" and inside) or len(inside) > 1:
            words = text(
                "`# BEGIN {block}` stands in a block that has not ended; add `# END {open}` above it",
                block=block.upper(),
                open=inside[-1].upper(),
            )
            self._refuse(cell, words)
        if block != "question" and not inside:
            words = text("`# BEGIN {block}` stands outside of a question; move it into one", block=block.upper())
            self._refuse(cell, words)
        self._blocks.append((block, cell))
        if block == "question":
            self._ask(cell)

    def _ask(self, cell: Cell) -> None:
        config = self._yaml(cell)
        name = str(config.get("name") or "").strip()
        if not name:
            self._refuse(cell, text("the question has no name; add a line such as `name: q1`"))
        question = Question(name, cell, config)
        for other in self._master.questions:
            if other.exercise.lower() == question.exercise.lower():
                words = text(
                    "a question in cell {other} is called {name!r} too; give each a name of its own",
                    other=other.cell.number,
                    name=other.name,
                )
                self._refuse(cell, words)
        self._question = question
        self._master.parts.append(question)

    def _end(self, block: str, cell: Cell) -> None:
        if not self._blocks or self._blocks[-1][0] != block:
            if block in [name for name, _ in self._blocks]:
                open_block, begun = self._blocks[-1]
                words = text(
                    "`# END {block}` stands here, but `# BEGIN {open}` of cell {number} has not ended; "
                    "add `# END {open}` above it",
                    block=block.upper(),
                    open=open_block.upper(),
                    number=begun.number,
                )
                self._refuse(cell, words)
            words = text("`# END {block}` has no `# BEGIN {block}`; remove it, or add one above", block=block.upper())
            self._refuse(cell, words)
        self._blocks.pop()
        if block == "question":
            self._question = None

    def _add(self, cell: Cell) -> None:
        if self._question is None:
            self._master.parts.append(cell)
            return
        block = self._blocks[-1][0]
        if block == "tests" and not cell.source.strip():
            return
        if block == "tests" and cell.kind != "code":
            self._refuse(cell, text("only code cells can be tests; move it above `# BEGIN TESTS`"))
        role: Role = "text" if block == "question" else block  # type: ignore[assignment]
        self._question.parts.append((role, cell))

    def _configure(self, cell: Cell) -> None:
        config = self._yaml(cell)
        if config.get("config_file"):
            file = self._master.path.parent / str(config["config_file"])
            try:
                shared = _values(file.read_text(encoding="utf-8"), file)
            except (OSError, UnicodeDecodeError) as error:
                self._refuse(cell, text("config_file {file} cannot be read: {reason}", file=file, reason=error))
            except ConfigError as error:
                raise UsageError(error.text) from None
            config = {**(shared if isinstance(shared, dict) else {}), **config}
        self._master.config.update(config)

    def _yaml(self, cell: Cell) -> dict[str, Any]:
        found = self._master.values_of(cell, cell.source)
        if found is None:
            return {}
        if not isinstance(found, dict):
            self._refuse(cell, text("must be YAML of the form `name: q1`, below the first line"))
        return found

    def _refuse(self, cell: Cell, words: Text) -> NoReturn:
        self._master.refuse(cell, words)
