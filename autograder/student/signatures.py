"""Signatures, classes and dataclasses as a submission tells them, checked before anything is made of them."""

from __future__ import annotations

import dataclasses
import keyword
from inspect import Parameter, Signature
from typing import Any, NamedTuple

from autograder.sandbox.frames import WireError
from autograder.sandbox.known_classes import find_class

_KINDS = (
    *(Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD, Parameter.VAR_POSITIONAL),
    *(Parameter.KEYWORD_ONLY, Parameter.VAR_KEYWORD),
)
_MAX_NAMES = 100
_MAX_NAME = 80
_DEFAULTS = (str, int, float, bool, type(None), tuple, type(...))

Fields = tuple[tuple[str, tuple[Any, ...]], ...]


class Facts(NamedTuple):
    """What is said of a class.

    Args:
        is_error: whether it is an exception.
        above: the names of the classes it is below, the nearest first: declared ones, and those of both sides.
        fields: those of a dataclass; None for others.
        itself: the class, where the student's code runs in this process.
    """

    is_error: bool
    above: tuple[str, ...]
    fields: Fields | None
    itself: type | None = None

    @property
    def known(self) -> tuple[type, ...]:
        """The classes of both sides that it is below."""
        if self.itself is not None:
            return (self.itself,)
        return tuple(filter(None, map(find_class, self.above))) or (object,)


def made_signature(parameters: Any) -> Signature:
    """Return the signature of what an untrusted answer says of parameters."""
    try:
        made = [_parameter(*parameter) for parameter in parameters[:_MAX_NAMES]]
        return Signature(made)
    except (TypeError, ValueError, KeyError) as error:
        raise ValueError("there is no signature") from error


def _parameter(name: Any, kind: Any, default: Any) -> Parameter:
    if not _is_name(name) or type(kind) is not int or type(default) is not list or len(default) > 1:
        raise ValueError(name)
    return Parameter(name, _KINDS[kind], default=default[0] if default else Parameter.empty)


def checked_fields(fields: Any) -> Fields:
    """Return the fields of a dataclass that an untrusted answer names.

    Raises:
        WireError: they are none.
    """
    if not isinstance(fields, list) or len(fields) > _MAX_NAMES:
        raise WireError("malformed fields")
    found = []
    for name, default in fields:
        if not _is_name(name) or not isinstance(default, list) or len(default) > 1:
            raise WireError("malformed fields")
        if not all(type(value) in _DEFAULTS and type(value) is not tuple for value in default):
            raise WireError("malformed fields")
        found.append((name, tuple(default)))
    return tuple(found)


def made_fields(fields: Fields) -> dict[str, Any]:
    """Return such fields as those of a dataclass, for what Python's module asks of one."""
    # every field is one by keyword, so that one without a default may follow one with
    made = [(name, Any, dataclasses.field(**({"default": default[0]} if default else {}))) for name, default in fields]
    cls: Any = dataclasses.make_dataclass("Fields", made, kw_only=True)
    found: dict[str, Any] = cls.__dataclass_fields__
    return found


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and len(name) <= _MAX_NAME and name.isidentifier() and not keyword.iskeyword(name)
