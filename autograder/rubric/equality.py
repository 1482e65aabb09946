"""Checks what is no tensor and no array: text, numbers, lists, sets, dictionaries, and all of these in one another.

The message names the place where a value differs first. In a hidden criterion it says how, never what would be right.
"""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch

from autograder.base.i18n import Text, same, text, without_addresses
from autograder.rubric.check_failures import failed_after_call, is_code, named
from autograder.rubric.checks import assert_close
from autograder.rubric.kinds import of_kind
from autograder.student.calls import describe, describe_kind, values_are_hidden

_KINDS: dict[str, type | tuple[type, ...]] = {
    "bool": (bool, np.bool_),  # no number here
    "str": str,
    "bytes": bytes,
    "list": list,
    "tuple": tuple,
    "dict": dict,
    "set": (set, frozenset),
    "None": type(None),
    "number": Real,
}


class _Shown(reprlib.Repr):
    """Shows of tensors and arrays inside a value what a message says of them elsewhere: kind and shape."""

    def repr_Tensor(self, value: torch.Tensor, _: int) -> str:
        return describe(value)

    def repr_ndarray(self, value: np.ndarray[Any, Any], _: int) -> str:
        return describe(value)


_SHOWN, _COMPARED = _Shown(), reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 80
_COMPARED.maxlist = _COMPARED.maxtuple = _COMPARED.maxset = _COMPARED.maxfrozenset = _COMPARED.maxdict = 50
_COMPARED.maxstring = _COMPARED.maxother = 500


def assert_equal(value: Any, expected: Any, *, name: str | None = None) -> None:
    """Check that a value equals the expected one: text, numbers, lists, tuples, sets, dictionaries, in one another.

    A list equals no tuple, and True no 1. Numbers with a point, tensors and arrays, also those inside, are equal up to
    rounding, as for `assert_close`.

    Args:
        value: what the student's function returned.
        expected: what it must equal.
        name: what the value is, for the message.

    Raises:
        CheckFailed: they differ.
    """
    words = _difference(value, expected, name)
    if words is not None:
        raise failed_after_call(
            words,
            diagnosis=of_kind(value, "value") if expected is not None and name is None else None,
            finding=f"{words.en}\n{without_addresses(_COMPARED.repr(value))}",
        )


def _difference(value: Any, expected: Any, name: str | None) -> Text | None:
    """Say how a value differs from the expected one; None where it does not."""
    if isinstance(expected, torch.Tensor | np.ndarray) or _has_a_point(value, expected):
        assert_close(float(value) if _kind_of(value) == "number" else value, expected, name=name)
        return None
    if (kind := _kind_of(expected)) != _kind_of(value):
        asked = type(expected).__name__ if kind in (None, "number") else kind
        return text("{name} must be of type {asked}, but is {value}", name=named(name), asked=asked, value=_told(value))
    if kind == "dict":
        return _difference_of_dicts(value, expected, name)
    if kind in ("list", "tuple"):
        return _difference_of_items(value, expected, name)
    if kind == "set":
        return _difference_of_elements(value, expected, named(name))
    if bool(value == expected):
        return None
    if values_are_hidden():
        return text("{name} has a wrong value", name=named(name))
    return text(
        "{name} must be {wanted}, but is {got}", name=named(name), wanted=_SHOWN.repr(expected), got=_SHOWN.repr(value)
    )


def _kind_of(value: Any) -> str | None:
    return next((name for name, kind in _KINDS.items() if isinstance(value, kind)), None)


def _has_a_point(value: Any, expected: Any) -> bool:
    """Return whether a number, also one in a tensor, is to be compared with one that may be rounded."""
    is_number = _kind_of(value) == "number" or isinstance(value, torch.Tensor | np.ndarray)
    return isinstance(expected, float | np.floating) and is_number


def _told(value: Any) -> str:
    return describe_kind(value) if values_are_hidden() or value is None else _SHOWN.repr(value)


def _difference_of_dicts(value: dict[Any, Any], expected: dict[Any, Any], name: str | None) -> Text | None:
    inside = ((value[key], inner, _inside(name, _SHOWN.repr(key))) for key, inner in expected.items())
    keys = f"{name or 'result'}.keys()" if is_code(name) else f"the set of keys of {name}"
    words = _difference_of_elements(value, expected, named(keys))
    return words or next((found for one in inside if (found := _difference(*one)) is not None), None)


def _inside(name: str | None, key: str) -> str:
    """Return what a message calls a part of a value."""
    return f"{name or 'result'}[{key}]" if is_code(name) else f"[{key}] of {name}"


def _difference_of_items(value: Sequence[Any], expected: Sequence[Any], name: str | None) -> Text | None:
    pairs = enumerate(zip(value, expected, strict=False))
    inside = ((own, wanted, _inside(name, str(place))) for place, (own, wanted) in pairs)
    if len(value) == len(expected):
        return next((found for one in inside if (found := _difference(*one)) is not None), None)
    said = {"name": named(name), "actual": len(value), "count": len(expected)}
    if not values_are_hidden():
        return text("{name} must have {count} items, but has {actual}", **said)
    if len(value) > len(expected):
        return text("{name} has {actual} items, which is too many", **said)
    return text("{name} has {actual} items, which is too few", **said)


def _difference_of_elements(value: Collection[Any], expected: Collection[Any], name: Text) -> Text | None:
    lacking, further = [x for x in expected if x not in value], [x for x in value if x not in expected]
    if not lacking and not further:
        return None
    parts = []
    if values_are_hidden():
        parts += [text("lacks {count} of its elements", count=len(lacking))] if lacking else []
        parts += [text("has {count} that do not belong there", count=len(further))] if further else []
    else:
        parts += [text("lacks {elements}", elements=_listed(lacking))] if lacking else []
        parts += [text("has {elements}, which should not be there", elements=_listed(further))] if further else []
    return name + same(" ") + (parts[0] if len(parts) == 1 else text("{one} and {other}", one=parts[0], other=parts[1]))


def _listed(elements: list[Any]) -> str:
    return ", ".join(map(_SHOWN.repr, elements[:6])) + (", ..." if len(elements) > 6 else "")
