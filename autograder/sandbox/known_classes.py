"""Classes that both processes have: what an object of the student's can be told to be, or a rubric can pass.

A class travels as its name. On the rubric's side the name is a claim, which makes ``isinstance`` true and nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.nn import functional

_ROOTS = {
    "builtins": ("BaseException",),
    "enum": ("Enum",),
    "functools": ("partial",),
    "collections.abc": ("Sized", "Iterable", "Container", "Callable", "Hashable"),
    "torch.autograd": ("Function",),
    "torch.nn": ("Module",),
    "torch.nn.modules.linear": ("NonDynamicallyQuantizableLinear",),
    "torch.optim": ("Optimizer",),
    "torch.optim.lr_scheduler": ("LRScheduler",),
    "torch.utils.data": ("Dataset", "Sampler", "DataLoader"),
    "torch.distributions": ("Distribution",),
    "pandas": ("DataFrame", "Series", "Index"),
    "matplotlib.axes": ("Axes",),
    "matplotlib.figure": ("Figure",),
    "matplotlib.lines": ("Line2D",),
    "matplotlib.patches": ("Patch",),
    "matplotlib.collections": ("Collection",),
    "matplotlib.text": ("Text",),
    "matplotlib.image": ("AxesImage",),
    "matplotlib.legend": ("Legend",),
}
"""Where the classes are, and of which of their library's they have to be. The modules hold others too, such as Tensor
or kinds of dict: whose values travel as what they are, nothing may claim to be one."""
_LIBRARIES = {
    package: tuple(library for library in _ROOTS if library.partition(".")[0] == package)
    for package in {library.partition(".")[0] for library in _ROOTS}
}
"""Those that may have a class, by the package where that says it was defined."""
_CONTAINERS = (list, tuple, dict, set, frozenset)
_OF_VALUES = {
    "builtins": (bool, int, float, complex, str, bytes, bytearray, *_CONTAINERS, BaseException),
    "numpy": (np.generic, np.ndarray),
    "torch": (torch.Tensor, torch.Generator),
    "torch.nn": (torch.nn.Parameter,),
}
"""Classes of values, which can be passed and returned as classes."""


def name_of_class(cls: type) -> str | None:
    """Return the name under which a class travels as a value; None where it cannot."""
    for library, kinds in _OF_VALUES.items():
        if issubclass(cls, kinds) and vars(sys.modules[library]).get(cls.__name__) is cls:
            return f"{library}.{cls.__name__}"
    return name_of(cls)


def find_class(name: object) -> type | None:
    """Return the class that travels under a name."""
    library, _, own = name.rpartition(".") if isinstance(name, str) else ("", "", "")
    found = vars(sys.modules[library]).get(own) if library in _OF_VALUES else None
    if isinstance(found, type) and issubclass(found, _OF_VALUES[library]):
        return found
    return find(name)


def name_of(cls: type) -> str | None:
    """Return the name under which both processes know a class; None where they do not."""
    for library in _LIBRARIES.get(str(cls.__module__).partition(".")[0], ()):
        if _class_in(library, cls.__name__) is cls:
            return f"{library}.{cls.__name__}"
    return None


def kind_of(value: Any) -> str | None:
    """Return the name of the first class among those of a value that both processes know."""
    return next(filter(None, map(name_of, type(value).__mro__)), None)


def find(name: object) -> type | None:
    """Return the class of a name, where this process has loaded it."""
    library, _, own = name.rpartition(".") if isinstance(name, str) else ("", "", "")
    return _class_in(library, own) if library in _ROOTS else None


def name_of_function(value: object) -> str | None:
    """Return the name of a function of torch.nn.functional, such as a layer's activation."""
    return next((name for name, own in vars(functional).items() if own is value and not name.startswith("_")), None)


def find_function(name: str) -> Callable[..., Any]:
    """Return the function of that name."""
    found: Callable[..., Any] = vars(functional)[name]
    return found


def _class_in(library: str, name: str) -> type | None:
    names = vars(sys.modules[library]) if library in sys.modules else {}
    found = names.get(name)
    if not isinstance(found, type) or not issubclass(found, tuple([names[root] for root in _ROOTS[library]])):
        return None
    return found
