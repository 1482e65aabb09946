"""Values of Python's, numpy's and torch's own types that JSON lacks, as a name and what they are made of.

Only these very types travel so: an instance of a class below one of them has a class that the other side lacks.
"""

from __future__ import annotations

import datetime
import math
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import PosixPath, PurePath, PurePosixPath
from typing import Any

import numpy as np
import torch

HASHABLE = (
    datetime.date,
    datetime.time,
    datetime.timedelta,
    Fraction,
    Decimal,
    types.EllipsisType,
    torch.device,
    PurePath,
)
"""Those of them that may be keys."""
_MAX_WORDS = 1000
_MAX_DIGITS = 1000
"""How far the exponent of a decimal may be from 0: Python writes all of an integer's digits out."""
_MAX_SPARSE = 1 << 24
"""Elements of a sparse tensor that somebody may make dense."""
_MAX_FIELDS = 64

Parts = Callable[[Any], Any]


class NoParts(Exception):
    """This value of a standard type cannot be taken to pieces, such as a time in a zone with rules."""


def _zone(value: datetime.datetime | datetime.time) -> datetime.timedelta | None:
    zone = value.tzinfo
    if zone is None:
        return None
    if type(zone) is not datetime.timezone:
        raise NoParts
    return zone.utcoffset(None)


def _in_zone(offset: Any) -> datetime.timezone | None:
    return None if offset is None else datetime.timezone(offset)


def _datetime(y: int, mo: int, d: int, h: int, mi: int, s: int, us: int, fold: int, zone: Any) -> datetime.datetime:
    return datetime.datetime(y, mo, d, h, mi, s, us, _in_zone(zone), fold=fold)


def _time(h: int, mi: int, s: int, us: int, fold: int, zone: Any) -> datetime.time:
    return datetime.time(h, mi, s, us, _in_zone(zone), fold=fold)


def _decimal(words: Any) -> Decimal:
    if not isinstance(words, str) or len(words) > _MAX_WORDS:
        raise ValueError(words)
    made = Decimal(words)
    if made.is_snan() or (made.is_finite() and abs(made.adjusted()) > _MAX_DIGITS):
        raise ValueError(words)
    return made


def _fraction(numerator: Any, denominator: Any) -> Fraction:
    if type(numerator) is not int or type(denominator) is not int:
        raise ValueError(numerator)
    return Fraction(numerator, denominator)


def _defaultdict(factory: Any, content: Any) -> defaultdict[Any, Any]:
    return defaultdict(factory, _checked(content, dict))


def _deque(items: Any, most: Any) -> deque[Any]:
    return deque(_checked(items, list), None if most is None else _checked(most, int))


def _masked(data: Any, mask: Any) -> Any:
    if not isinstance(data, np.ndarray) or not isinstance(mask, np.ndarray):
        raise ValueError(data)
    if mask.dtype != np.bool_ or mask.shape != data.shape:
        raise ValueError(mask)
    return np.ma.MaskedArray(data, mask)


def _sizes(*sizes: Any) -> torch.Size:
    if not all(type(size) is int and 0 <= size < 1 << 40 for size in sizes):
        raise ValueError(sizes)
    return torch.Size(sizes)


def _layout(name: Any) -> torch.layout:
    found = getattr(torch, name) if isinstance(name, str) and name in ("strided", "sparse_coo", "sparse_csr") else None
    if not isinstance(found, torch.layout):
        raise ValueError(name)
    return found


def _device(words: Any) -> torch.device:
    return torch.device(_checked(words, str)[:_MAX_WORDS])


def _path(words: Any) -> PurePath:
    return PurePosixPath(_checked(words, str))


def _checked(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise ValueError(value)
    return value


def _structured(names: Any, shape: Any, *fields: Any) -> np.ndarray[Any, Any]:
    if len(names) != len(fields) or len(fields) > _MAX_FIELDS or not all(type(name) is str for name in names):
        raise ValueError(names)
    shape = tuple(shape)
    if any(not isinstance(field, np.ndarray) or field.shape[: len(shape)] != shape for field in fields):
        raise ValueError(shape)
    kind = np.dtype([(n, f.dtype, f.shape[len(shape) :]) for n, f in zip(names, fields, strict=True)])
    made = np.zeros(shape, kind)
    for name, field in zip(names, fields, strict=True):
        made[name] = field
    return made


def _sparse(size: Any, is_coalesced: Any, *parts: Any) -> torch.Tensor:
    if not all(isinstance(part, torch.Tensor) for part in parts) or math.prod(_sizes(*size)) > _MAX_SPARSE:
        raise ValueError(size)
    settings: Any = {"size": tuple(size), "check_invariants": True}
    if is_coalesced is None:
        return torch.sparse_csr_tensor(*parts, **settings)
    return torch.sparse_coo_tensor(*parts, **settings, is_coalesced=_checked(is_coalesced, bool))


_PARTS: dict[type, tuple[str, Parts]] = {
    Counter: ("Counter", lambda v: [dict(v)]),
    OrderedDict: ("OrderedDict", lambda v: [dict(v)]),
    defaultdict: ("defaultdict", lambda v: [v.default_factory, dict(v)]),
    deque: ("deque", lambda v: [list(v), v.maxlen]),
    bytearray: ("bytearray", lambda v: [bytes(v)]),
    datetime.date: ("date", lambda v: [v.year, v.month, v.day]),
    datetime.datetime: (
        "datetime",
        lambda v: [v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.fold, _zone(v)],
    ),
    datetime.time: ("time", lambda v: [v.hour, v.minute, v.second, v.microsecond, v.fold, _zone(v)]),
    datetime.timedelta: ("timedelta", lambda v: [v.days, v.seconds, v.microseconds]),
    Fraction: ("Fraction", lambda v: [v.numerator, v.denominator]),
    Decimal: ("Decimal", lambda v: [str(v)]),
    PurePosixPath: ("path", lambda v: [str(v)]),
    PosixPath: ("path", lambda v: [str(v)]),
    types.EllipsisType: ("Ellipsis", lambda v: []),
    types.NotImplementedType: ("NotImplemented", lambda v: []),
    torch.Size: ("Size", list),
    torch.device: ("device", lambda v: [str(v)]),
    torch.layout: ("layout", lambda v: [str(v).removeprefix("torch.")]),
    np.matrix: ("matrix", lambda v: [np.asarray(v)]),
    type({}.keys()): ("dict_keys", lambda v: [dict.fromkeys(v)]),
    type({}.values()): ("dict_values", lambda v: [list(v)]),
    type({}.items()): ("dict_items", lambda v: [dict(v)]),
}

_MADE: dict[str, Callable[..., Any]] = {
    "Counter": lambda content: Counter(_checked(content, dict)),
    "OrderedDict": lambda content: OrderedDict(_checked(content, dict)),
    "defaultdict": _defaultdict,
    "deque": _deque,
    "bytearray": lambda content: bytearray(_checked(content, bytes)),
    "date": datetime.date,
    "datetime": _datetime,
    "time": _time,
    "timedelta": lambda days, seconds, rest: datetime.timedelta(days, seconds, rest),
    "Fraction": _fraction,
    "Decimal": _decimal,
    "path": _path,
    "Ellipsis": lambda: ...,
    "NotImplemented": lambda: NotImplemented,
    "Size": _sizes,
    "device": _device,
    "layout": _layout,
    "masked": _masked,
    "matrix": lambda content: _checked(content, np.ndarray).view(np.matrix),
    "dict_keys": lambda content: _checked(content, dict).keys(),
    "dict_values": lambda content: dict(enumerate(_checked(content, list))).values(),
    "dict_items": lambda content: _checked(content, dict).items(),
    "structured": _structured,
    "sparse": _sparse,
}


def take_apart(value: Any) -> tuple[str, list[Any]] | None:
    """Return the name of a value's type and what it is made of; None for any other type."""
    found = _PARTS.get(type(value))
    if found is None and _is_masked(value):
        found = ("masked", lambda v: [np.asarray(v.data), np.ma.getmaskarray(v)])
    try:
        return None if found is None else (found[0], found[1](value))
    except NoParts:
        return None


def _is_masked(value: Any) -> bool:
    """Return whether a value is a masked array, of which there is none before somebody loads the module for them."""
    module = sys.modules.get("numpy.ma")
    return module is not None and type(value) is module.MaskedArray


def fields_of(array: np.ndarray[Any, Any]) -> tuple[str, list[Any]]:
    """Take an array with named fields to pieces: names, shape, an array for each field."""
    names = list(array.dtype.names or ())
    return "structured", [names, list(array.shape), *(np.array(array[name], order="C") for name in names)]


def parts_of_sparse(tensor: torch.Tensor) -> tuple[str, list[Any]] | None:
    """Take a sparse tensor to pieces: size, whether no element is there twice, indices, values.

    Returns:
        None for another layout, and where it has a gradient.
    """
    if tensor.requires_grad:
        return None  # which goes through it where it is dense
    size = list(tensor.shape)
    if tensor.layout is torch.sparse_coo:
        return "sparse", [size, tensor.is_coalesced(), tensor._indices(), tensor._values()]
    if tensor.layout is torch.sparse_csr:
        return "sparse", [size, None, tensor.crow_indices(), tensor.col_indices(), tensor.values()]
    return None


def put_together(name: Any, parts: list[Any]) -> Any:
    """Return a value of what it is made of, which an untrusted peer may have sent.

    Raises:
        ValueError: or whatever else Python raises where the parts make no such value.
    """
    return _MADE[name](*parts)
