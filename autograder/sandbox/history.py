"""``In``, ``Out``, ``_`` and their relatives: what the cells before have said and shown."""

from __future__ import annotations

import ast
import os
from typing import Any


class History:
    """``In``, ``Out``, ``_`` and their relatives, among the global names of a notebook.

    Args:
        names: those.
    """

    def __init__(self, names: dict[str, Any]) -> None:
        self._names = names
        self._inputs: list[str] = [""]
        self._outputs: dict[int, Any] = {}
        self.forget()
        names["_dh"] = [os.getcwd()]  # noqa: PTH109 -- each worker would pay for a path object
        names.update(_i="", _ii="", _iii="")

    @property
    def count(self) -> int:
        """The number of the cell that runs."""
        return len(self._inputs) - 1

    def begin(self, source: str) -> None:
        """A cell begins."""
        names = self._names
        names.update(_iii=names.get("_ii", ""), _ii=names.get("_i", ""), _i=self._inputs[-1])
        self._inputs.append(source)
        names[f"_i{self.count}"] = source

    def forget(self) -> None:
        """Forget what the cells have shown."""
        self._outputs.clear()
        self._last = ["", "", ""]
        self._names.update(_="", __="", ___="", In=self._inputs, _ih=self._inputs, Out=self._outputs, _oh=self._outputs)

    def keep(self, value: Any) -> None:
        """What the last expression of the cell came to."""
        if value is None or value is self._outputs:
            return
        names = self._names
        self._outputs[self.count] = names[f"_{self.count}"] = value
        if all(names.get(name) is last for name, last in zip(("_", "__", "___"), self._last, strict=True)):
            self._last = [value, *self._last[:2]]  # else the student has a variable of that name
            names.update(zip(("_", "__", "___"), self._last, strict=True))


def is_shown(statement: ast.stmt, source: str) -> bool:
    """Is this an expression of a cell without a semicolon behind it?

    Args:
        statement: of the cell's tree.
        source: the cell's text, where magics still stand as they were written.
    """
    if not isinstance(statement, ast.Expr):
        return False
    lines = source.rstrip().split("\n")
    if source.lstrip().startswith("%%") or lines[-1].lstrip().startswith("%"):
        return not source.rstrip().endswith(";")
    end, column = statement.end_lineno or 0, statement.end_col_offset or 0
    behind = lines[end - 1].encode()[column:] if 0 < end <= len(lines) else b""
    return not behind.lstrip().startswith(b";")
