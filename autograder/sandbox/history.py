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
        self._last = ["", "", ""]
        names.update(In=self._inputs, _ih=self._inputs, Out=self._outputs, _oh=self._outputs)
        names["_dh"] = [os.getcwd()]  # noqa: PTH109 -- each worker would pay for a path object
        names.update(_="", __="", ___="", _i="", _ii="", _iii="")

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
    """Is this the last expression of a cell, without a semicolon behind it?"""
    return isinstance(statement, ast.Expr) and not source.rstrip().endswith(";")
