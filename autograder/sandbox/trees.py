"""What trees of values may name: shapes, tuples, tensors."""

from __future__ import annotations

import unicodedata
from collections import namedtuple
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from autograder.sandbox import bounds
from autograder.sandbox.frames import WireError

_MAX_NAME = 80
Tree = Any


def is_plain_name(name: Any) -> bool:
    """Return whether Python reads a name as it stands: two that look alike to it are one parameter twice."""
    is_name = isinstance(name, str) and len(name) <= _MAX_NAME and name.isidentifier()
    return is_name and unicodedata.is_normalized("NFKC", name)


@lru_cache(maxsize=256)
def named_tuple(kind: str, fields: tuple[str, ...]) -> Callable[..., tuple[Any, ...]]:
    """Return a class of named tuples, one for each name and fields."""
    return namedtuple(kind, fields)


def is_named_tuple(value: object, kind: str) -> bool:
    """Return whether a value is one of these, of a class with this name.

    >>> is_named_tuple(named_tuple("Point", ("x", "y"))(1, 2), "Point"), is_named_tuple((1, 2), "tuple")
    (True, False)
    """
    cls = type(value)
    return issubclass(cls, tuple) and (cls.__module__, cls.__name__) == (__name__, kind)


def checked_shape(shape: Any) -> list[int]:
    """Return an untrusted shape if a tensor or an array may have it.

    Raises:
        WireError: it may not.
    """
    if type(shape) is not list or len(shape) > 16:
        raise WireError("malformed shape")
    for size in shape:
        if type(size) is not int or not 0 <= size < 1 << 40:
            raise WireError("malformed shape")
    if 0 in shape and bounds.seems_vast(shape):
        raise WireError("malformed shape")
    return shape


def used_tensors(tree: Tree) -> list[int]:
    """Return the indices of the tensors a tree names, each once, in order."""
    found: dict[int, None] = {}

    def walk(node: Tree) -> None:
        if isinstance(node, list):
            for child in node:
                walk(child)
        elif isinstance(node, dict):
            for tag, inner in node.items():
                if tag in ("t", "p", "n") and type(inner) is int:
                    found[inner] = None
                else:
                    walk(inner)

    try:
        walk(tree)
    except RecursionError:
        raise WireError("the value is nested too deep") from None
    return list(found)
