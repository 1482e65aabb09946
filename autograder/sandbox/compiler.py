"""torch's compiler, imported when somebody compiles something instead of at the first step of training.

At every step an optimiser tells the compiler what not to compile, and the backward pass asks it whether two shapes
are equal even if their sizes are unknown. For that alone torch imports all of it: more than two seconds and a hundred
megabytes. Unless something is being compiled, the answers are those given here.
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
    """Gives its few answers; whoever asks for more gets the module itself, here and from then on."""

    def __getattr__(self, name: str) -> Any:
        wants_submodule = name == "__path__" and self.__name__ == _PACKAGE
        if name.startswith("__") and not wants_submodule:  # asked of any module, by whoever looks at all of them
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


def defer_import() -> None:
    """Do without the compiler in this process until it is asked for."""
    for name, answers in _ANSWERS.items():
        if name in sys.modules:
            continue
        sys.modules[name] = module = _NotYetImported(name)
        vars(module).update(answers)
        package, _, attribute = name.rpartition(".")
        setattr(sys.modules[package], attribute, module)
