"""What a rubric's modules and cases hold is for every submission as it was when the rubric was read.

``@pytest.mark.parametrize("xs", [[3, 1, 2]])`` and ``WORDS = ["a"]`` are read once, for many submissions. What a
student's code may change of them, or the rubric itself keeps in them, must not be there for the next one: wherever it
is, such as in a module with helpers, in a default argument, in an attribute of a class, in a named tuple, in the
gradient of a parameter.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterable
from functools import partial
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import torch

from autograder.sandbox.links import are_same
from autograder.sandbox.lists import BASES, is_as_before, items_of, put_back
from autograder.student.own_objects import is_own, is_own_module

_ABSENT = object()


class Constants:
    """Knows what may change of some values, and puts it back.

    Args:
        values: of any kind.
    """

    def __init__(self, values: Iterable[Any]) -> None:
        self._put_back: list[Callable[[], None]] = []
        self._fixtures: dict[object, Constants] = {}
        seen: dict[int, Any] = {}
        pending = list(values)
        while pending:
            value = pending.pop()
            if id(value) not in seen:
                seen[id(value)] = value
                pending += self._watch(value)

    def add(self, fixture: object, value: Any) -> None:
        """Know what a fixture has made for several tests, in place of what it made before."""
        self._fixtures[fixture] = Constants([value])

    def put_back(self) -> None:
        """Let those that hold something else by now hold what they held first: the same objects, as they were."""
        for restore in self._put_back:
            restore()
        for made in self._fixtures.values():
            made.put_back()

    def _watch(self, value: Any) -> list[Any]:
        """Note what a value holds; return what may change inside of that."""
        if isinstance(value, (tuple, frozenset)):
            return list(value)
        if isinstance(value, torch.Tensor):
            self._put_back.append(_tensor(value))
            return []
        if isinstance(value, np.ndarray):
            self._put_back.append(partial(_put_array, value, value.copy()))
            return list(value.flat) if value.dtype.hasobject else []
        if isinstance(value, partial):
            return [value.func, value.args, value.keywords]
        if isinstance(value, FunctionType | ModuleType):
            name = value.__module__ if isinstance(value, FunctionType) else value.__name__
            return self._code(value) if is_own_module(name or "") else []
        if (generator := _generator(value)) is not None:
            self._put_back.append(generator)
            return []
        found = []
        if isinstance(value, BASES):
            found = items_of(value)
            self._put_back.append(partial(_put_items, value, found))
        if isinstance(value, type):
            return [*found, _module(value), *self._attributes(value, vars(value))] if is_own(value) else found
        if is_own(type(value)) or isinstance(value, SimpleNamespace | torch.nn.Module | torch.optim.Optimizer):
            slots = {name: getattr(value, name, _ABSENT) for name in _slots(type(value))}
            return [*found, *self._attributes(value, slots), *([vars(value)] if hasattr(value, "__dict__") else [])]
        return found

    def _code(self, value: FunctionType | ModuleType) -> list[Any]:
        """Watch the attributes of a module, or what a function holds."""
        if isinstance(value, ModuleType):
            return self._attributes(value, vars(value))
        cells = [(cell, cell.cell_contents) for cell in value.__closure__ or () if _is_full(cell)]
        self._put_back += [partial(_put_attribute, cell, "cell_contents", content) for cell, content in cells]
        return [_module(value), value.__defaults__, value.__kwdefaults__, *(content for _, content in cells)]

    def _attributes(self, owner: Any, attributes: Any) -> list[Any]:
        """Watch the attributes of a module or class, or those of an object that are in no dict."""
        known = {name: value for name, value in attributes.items() if name[:2] != "__" and not _computes(value)}
        self._put_back += [partial(_put_attribute, owner, name, value) for name, value in known.items()]
        return [getattr(value, "__func__", value) for value in known.values()]


def _module(value: Any) -> ModuleType | None:
    """Return the module that a function or class is from; in a student's notebook that is none of the rubric's."""
    return None if value.__module__ == "__main__" else sys.modules.get(value.__module__)


def _is_full(cell: Any) -> bool:
    try:
        return cell.cell_contents is not _ABSENT
    except ValueError:
        return False


def _computes(value: Any) -> bool:
    """Return whether an attribute is no value, but what gets one."""
    return hasattr(type(value), "__set__") or value is _ABSENT


def _slots(cls: type) -> list[str]:
    names = [vars(above).get("__slots__", ()) for above in cls.__mro__]
    return [name for each in names for name in ((each,) if isinstance(each, str) else each) if name[:2] != "__"]


def _generator(value: Any) -> Callable[[], None] | None:
    """Return what puts back the state of a generator of random numbers; None for other values."""
    if isinstance(value, np.random.Generator):
        value = value.bit_generator
    if isinstance(value, np.random.BitGenerator):
        return partial(setattr, value, "state", value.state)
    if isinstance(value, np.random.RandomState):
        return partial(value.set_state, value.get_state())
    if isinstance(value, random.Random) and not isinstance(value, random.SystemRandom):
        return partial(value.setstate, value.getstate())
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return partial(_put_state, value, state)
    return None


def _put_state(generator: torch.Generator, state: torch.Tensor) -> None:
    generator.set_state(state)


def _put_items(value: Any, items: list[Any]) -> None:
    if not is_as_before(value, items):
        put_back(value, items)


def _put_attribute(owner: Any, name: str, value: Any) -> None:
    now = vars(owner).get(name, _ABSENT) if isinstance(owner, type) else getattr(owner, name, _ABSENT)
    if now is not value:
        (type if isinstance(owner, type) else object).__setattr__(owner, name, value)


def _put_array(value: np.ndarray[Any, Any], first: np.ndarray[Any, Any]) -> None:
    if value.flags.writeable:
        value[...] = first


def _tensor(value: torch.Tensor) -> Callable[[], None]:
    gradient = value.grad if value.is_leaf else None  # torch warns of asking others
    first = value.detach().clone(), None if gradient is None else gradient.detach().clone(), value.requires_grad
    return partial(_put_tensor, value, *first)


def _put_tensor(value: torch.Tensor, first: torch.Tensor, gradient: torch.Tensor | None, requires_grad: bool) -> None:
    if (value.shape, value.dtype) != (first.shape, first.dtype) or value.layout is not torch.strided:
        value.data = first.clone()
    elif not are_same(value, first):
        value.detach().copy_(first)  # into the same memory, which others may show
    if value.is_leaf:
        value.grad = None if gradient is None else gradient.clone()
        value.requires_grad_(requires_grad)
