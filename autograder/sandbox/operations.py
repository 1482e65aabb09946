"""What Python does with an object besides calling it, by the special method that asks for it.

The object is in the student's process, and its class decides there. The rubric's side names an operation; only the
worker carries it out.
"""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable
from typing import Any

from autograder.sandbox import introspection, plain_functions, subclasses, tables

Operation = Callable[..., Any]


def _enter(manager: Any) -> Any:
    return type(manager).__enter__(manager)


def _leave(manager: Any, kind: str | None) -> None:
    """Leave a context. An exception of the rubric's comes without its message, which may hold what is expected."""
    error = None if kind is None else plain_functions.as_raised(kind, "")
    type(manager).__exit__(manager, None if error is None else type(error), error, None)


LOOKING: dict[str, Operation] = {
    "__len__": len,
    "__getitem__": operator.getitem,
    "__setitem__": operator.setitem,
    "__delitem__": operator.delitem,
    "__setattr__": setattr,
    "__delattr__": delattr,
    "__reversed__": reversed,
    "__str__": str,
    "__repr__": repr,
    "__dir__": dir,
    "__float__": float,
    "__int__": int,
    "__index__": operator.index,
    "__complex__": complex,
    "__round__": round,
    "__abs__": abs,
    "__floor__": math.floor,
    "__ceil__": math.ceil,
    "__trunc__": math.trunc,
    "__bytes__": bytes,
    "__format__": format,
    "__neg__": operator.neg,
    "__pos__": operator.pos,
    "__invert__": operator.invert,
    "__enter__": _enter,
    "__exit__": _leave,
    "__copy__": copy.copy,
    "__deepcopy__": copy.deepcopy,
}
"""Any object may be asked for these: what comes back is a value like that of a call."""

DECIDING: dict[str, Operation] = {
    "__eq__": operator.eq,
    "__ne__": operator.ne,
    "__lt__": operator.lt,
    "__le__": operator.le,
    "__gt__": operator.gt,
    "__ge__": operator.ge,
    "__contains__": operator.contains,
    "__bool__": operator.truth,
    "__hash__": hash,
}
"""An assertion may be nothing else than one of these."""

COMBINING: dict[str, Operation] = {
    "__add__": operator.add,
    "__sub__": operator.sub,
    "__mul__": operator.mul,
    "__matmul__": operator.matmul,
    "__truediv__": operator.truediv,
    "__floordiv__": operator.floordiv,
    "__mod__": operator.mod,
    "__divmod__": divmod,
    "__pow__": pow,
    "__and__": operator.and_,
    "__or__": operator.or_,
    "__xor__": operator.xor,
    "__lshift__": operator.lshift,
    "__rshift__": operator.rshift,
    "__iadd__": operator.iadd,
    "__isub__": operator.isub,
    "__imul__": operator.imul,
    "__imatmul__": operator.imatmul,
    "__itruediv__": operator.itruediv,
    "__ifloordiv__": operator.ifloordiv,
    "__imod__": operator.imod,
    "__ipow__": operator.ipow,
    "__iand__": operator.iand,
    "__ior__": operator.ior,
    "__ixor__": operator.ixor,
    "__ilshift__": operator.ilshift,
    "__irshift__": operator.irshift,
}
"""The other operand may be what a rubric expects."""


def has_operators(cls: type) -> bool:
    """Return whether instances of a class answer comparisons and arithmetic otherwise than those of Python's own do.

    >>> has_operators(int), has_operators(object), has_operators(Exception)
    (False, False, False)
    >>> class Fuzzy(float):
    ...     def __eq__(self, other): return abs(self - other) < 0.1
    >>> has_operators(Fuzzy)
    True
    """
    return any(not _TELLING.isdisjoint(vars(own)) for own in cls.__mro__ if own not in subclasses.AS_ANY_OTHER)


_TELLING = (DECIDING.keys() | COMBINING.keys()) - {"__bool__"}


def _is_instance(value: Any, cls: Any) -> bool:
    return isinstance(cls, type) and isinstance(value, cls)


REFLECTED = {f"__r{name[2:]}": name for name in COMBINING if f"__i{name[2:]}" in COMBINING or name == "__divmod__"}
"""The methods of the right operand, and what they do."""
_OF_EVERY_OBJECT = {*vars(object), "__bool__", "__copy__", "__deepcopy__"}
SPECIAL = (
    "__hash__",
    *("__call__", "__iter__", "__contains__", "__aiter__", "__anext__", "__aenter__", "__aexit__"),
    *(name for name in (*LOOKING, *COMBINING, *REFLECTED) if name not in _OF_EVERY_OBJECT),
)
"""Special methods that some classes have: which of them, a number says by its bits."""
_found: dict[int, tuple[type, int]] = {}


def special_of(cls: type) -> int:
    """Return which of `SPECIAL` instances of a class have, of which the rubric's side makes a class with just these.

    >>> [name for bit, name in enumerate(SPECIAL) if special_of(range) >> bit & 1]
    ['__hash__', '__iter__', '__contains__', '__len__', '__getitem__', '__reversed__']
    """
    known = _found.get(id(cls))
    if known is None:
        names = {name: value for above in reversed(cls.__mro__) for name, value in vars(above).items()}
        bits = sum([1 << bit for bit, name in enumerate(SPECIAL) if name in names and names[name] is not None])
        if len(_found) >= _MOST_FOUND:
            _found.clear()
        known = _found[id(cls)] = (cls, bits)
    return known[1]


_MOST_FOUND = 1 << 10


KEEPING = ("__setattr__", "__setitem__")
"""Those by which the rubric gives an object something to keep."""
OPERATIONS = LOOKING | DECIDING | COMBINING
OPERATIONS |= {"isinstance": _is_instance, "held": subclasses.held_by, "table": tables.take_apart}
OPERATIONS |= introspection.OPERATIONS
