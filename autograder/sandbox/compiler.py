"""Does without torch's compiler: defers its import from the first step of training until something asks for it.

At every step an optimiser tells the compiler what not to compile, and the backward pass asks it whether two shapes
are equal even if their sizes are unknown. For that alone torch imports all of it: more than two seconds and a hundred
megabytes. While nothing is compiled, this module gives the same answers. What `torch.compile` is given runs as it is:
to compile it, torch would start another program.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import operator
import sys
import types
from collections.abc import Sequence
from typing import Any

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
    """Do without the compiler in this process, which has torch, until something asks for it."""
    sys.modules["torch"].compile = _compile  # type: ignore[attr-defined]
    importlib.import_module("torch.fx.experimental")  # the package of one of them
    for name, answers in _ANSWERS.items():
        if name in sys.modules:
            continue
        sys.modules[name] = module = _NotYetImported(name)
        vars(module).update(answers)
        package, _, attribute = name.rpartition(".")
        setattr(sys.modules[package], attribute, module)


def _compile(model: Any = None, **_: Any) -> Any:
    """Take the place of `torch.compile`, with a function or network and as a decorator with options."""
    return _compile if model is None else model


def defer_import_with_torch() -> None:
    """Do the same as soon as something imports torch, if nothing has so far."""
    if "torch" in sys.modules:
        defer_import()
    else:
        sys.meta_path.insert(0, _FinderOfTorch())


class _FinderOfTorch(importlib.abc.MetaPathFinder):
    """Finds torch once, as the others would, and defers the compiler's import after torch's own."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != "torch":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_defer(module: types.ModuleType) -> None:
                execute(module)
                defer_import()

            spec.loader.exec_module = execute_and_defer  # type: ignore[method-assign]
        return spec
