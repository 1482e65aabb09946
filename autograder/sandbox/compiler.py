"""torch's compiler, imported when somebody compiles something instead of at the first step of an optimiser.

Every optimiser tells the compiler, at every step, what not to compile; for that alone torch imports all of it: two
seconds and a hundred megabytes. What optimisers ask of it does nothing unless something is being compiled.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any

import torch

_NAME = "torch._dynamo"


class _NotYetImported(types.ModuleType):
    """Answers optimisers; whoever asks for more gets the compiler itself, here and from then on."""

    @staticmethod
    def disable(function: Any, *_: Any, **__: Any) -> Any:
        return function

    @staticmethod
    def graph_break() -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name in ("__file__", "__wrapped__"):  # asked of every module by whoever looks at all of them
            raise AttributeError(name)
        if sys.modules.get(_NAME) is self:
            del sys.modules[_NAME]
        return getattr(importlib.import_module(_NAME), name)


def defer_import() -> None:
    """Do without the compiler in this process until it is asked for."""
    if _NAME not in sys.modules:
        sys.modules[_NAME] = torch._dynamo = _NotYetImported(_NAME)
