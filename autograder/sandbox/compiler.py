"""Defers the import of torch's compiler from the first step of training until something is compiled.

At every step an optimiser tells the compiler what not to compile, and the backward pass asks it whether two shapes
are equal even if their sizes are unknown. For that alone torch imports all of it: more than two seconds and a hundred
megabytes. While nothing is compiled, this module gives the same answers.
"""

from __future__ import annotations

import importlib
import operator
import sys
import types
from typing import Any

import torch.fx.experimental  # noqa: F401 -- the package of one of them

_PACKAGE = "torch._dynamo"
_ANSWERS: dict[str, dict[str, Any]] = {
    _PACKAGE: {"disable": lambda function, *_, **__: function, "graph_break": lambda: None},
    "torch.fx.experimental.symbolic_shapes": {"sym_eq": operator.eq, "expect_true": bool},
}


class _NotYetImported(types.ModuleType):
    """Gives its few answers itself; any other question imports the real module, which takes its place."""

    def __getattr__(self, name: str) -> Any:
        wants_submodule = name == "__path__" and self.__name__ == _PACKAGE
        if name.startswith("__") and not wants_submodule:  # code that inspects all modules asks for these
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def defer_import() -> None:
    """Do without the compiler in this process until something asks for it."""
    for name, answers in _ANSWERS.items():
        if name in sys.modules:
            continue
        sys.modules[name] = module = _NotYetImported(name)
        vars(module).update(answers)
        package, _, attribute = name.rpartition(".")
        setattr(sys.modules[package], attribute, module)
