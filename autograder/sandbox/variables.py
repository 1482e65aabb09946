"""What an exercise's variables were at its grade cell, and tests that run there.

Later cells rebind a variable, and change what it holds. So a copy is kept when the grade cell is reached: as deep a one
as Python makes, and the object itself where it makes none.
"""

from __future__ import annotations

import ast
import contextlib
import copy
from collections.abc import Mapping, Sequence
from typing import Any

from autograder.sandbox import printing
from autograder.sandbox.bounds import MAX_SHOWN_BY_TEST

_FILE = "<test>"


class Variables:
    """The variables that an assignment declares, by exercise.

    Args:
        declared: their names.
    """

    def __init__(self, declared: Mapping[str, Sequence[str]]) -> None:
        self.declared = declared
        self._kept: dict[str, dict[str, Any]] = {}

    def keep(self, exercise: str, names: Mapping[str, Any]) -> None:
        """The grade cell of an exercise is reached."""
        if exercise in self.declared:
            self._kept[exercise] = copied({n: names[n] for n in self.declared[exercise] if n in names})

    def finish(self, names: Mapping[str, Any]) -> None:
        """The last cell has run: a variable that no grade cell has seen is what it is now."""
        for exercise, declared in self.declared.items():
            kept = self._kept.setdefault(exercise, {})
            kept.update(copied({n: names[n] for n in declared if n in names and n not in kept}))

    def of(self, exercise: str) -> dict[str, Any]:
        """Return those variables of an exercise that the submission defines."""
        return self._kept.get(exercise, {})


def shown_by(source: str, names: Mapping[str, Any]) -> tuple[str, str | None]:
    """Run the statements of a test; return what they print, and the last expression as a notebook shows it.

    Args:
        source: the statements.
        names: what they find.
    """
    tree, said, value, own = ast.parse(source), list[str](), None, dict(names)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with printing.heard(said):
        exec(compile(tree, _FILE, "exec"), own)  # noqa: S102 -- it is the test
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), _FILE, "eval"), own)  # noqa: S307 -- likewise
        shown = None if value is None else "".join(repr(value)[:MAX_SHOWN_BY_TEST])
    return "".join(said), shown


def copied(values: dict[str, Any]) -> dict[str, Any]:
    """Copy values together, so that what they share stays shared."""
    done: dict[int, Any] = {}
    copies = dict(values)
    for name, value in values.items():
        with contextlib.suppress(Exception):  # a generator, a module, a file: these stay what they are
            copies[name] = copy.deepcopy(value, done)
    return copies
