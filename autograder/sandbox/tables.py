"""Frames, series and indices of pandas as arrays: taken apart on one side, put together on the other, without pickle.

Where the rubric imports pandas, what comes back is a real one there, which compares and calculates as any other. One
with a class of somebody's own, in a time zone, or with too many rows stays where it is.
"""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any

import numpy as np

MAX_ROWS = 1 << 17
"""Looking labels up takes longer the more of them a peer has chosen, and longest if they share a hash."""
_MAX_LEVELS = 16
_MAX_COLUMNS = 1 << 12
_KINDS = (
    "DataFrame",
    "Series",
    "Index",
    "RangeIndex",
    "MultiIndex",
    "DatetimeIndex",
    "TimedeltaIndex",
    "CategoricalIndex",
)
_FREQUENCY = re.compile(r"-?\d{0,5}[A-Za-z]{1,4}(-[A-Z]{3})?")
_WITH_MASK = re.compile(r"U?Int(8|16|32|64)|Float(32|64)|boolean")
_OF_WORDS = ("str", "string")

Parts = list[Any]


class Stays(Exception):
    """This one cannot be taken apart."""


def take_apart(value: Any) -> Parts | None:
    """Return a frame, a series or an index as arrays and plain values; None for what is none, or has to stay."""
    cls = type(value)
    if not is_table(value):
        return None
    try:
        if len(value) > MAX_ROWS:
            return None
        if cls.__name__ == "DataFrame":
            columns = [_column(value.iloc[:, i].array) for i in range(value.shape[1])]
            return (
                None if len(columns) > _MAX_COLUMNS else ["frame", _index(value.index), _index(value.columns), columns]
            )
        if cls.__name__ == "Series":
            return ["series", _index(value.index), _column(value.array), _label(value.name)]
        return _index(value)
    except Stays:
        return None


def is_table(value: Any) -> bool:
    """Return whether a value is a frame, a series or an index of pandas, and of no class below."""
    cls = type(value)
    return cls.__name__ in _KINDS and cls.__module__.partition(".")[0] == "pandas"


def is_same(table: Any, other: Any) -> bool:
    """Return whether two hold the same, under the same labels."""
    if type(table) is not type(other) or not table.equals(other):
        return False
    labels = ("index", "columns") if type(table).__name__ == "DataFrame" else ("index",)
    return all(getattr(table, name).equals(getattr(other, name)) for name in labels if hasattr(table, name))


def refill(table: Any, content: Any) -> None:
    """Let a frame or a series of the rubric's hold what it holds after a call."""
    table._update_inplace(content)


def put_together(parts: Any) -> Any:
    """Return the frame, series or index of what an untrusted peer says are its parts.

    Raises:
        ValueError: they make none.
    """
    try:
        return _made(parts)
    except Exception as error:  # pandas raises anything, an AssertionError too
        raise ValueError("malformed table") from error


def _pandas() -> Any:
    return importlib.import_module("pandas")


def are_here() -> bool:
    """Return whether this process has loaded pandas."""
    return "pandas" in sys.modules


# -- taken apart -------------------------------------------------------------------------------------------------------


def _index(index: Any) -> Parts:
    if type(index).__name__ == "RangeIndex":
        return ["range", index.start, index.stop, index.step, _label(index.name)]
    if type(index).__name__ == "MultiIndex":
        levels = [_column(index.get_level_values(i).array) for i in range(index.nlevels)]
        return ["levels", levels, [_label(name) for name in index.names]]
    return ["index", _column(index.array), _label(index.name), getattr(index, "freqstr", None)]


def _column(array: Any) -> Parts:
    dtype = getattr(array.dtype, "numpy_dtype", array.dtype) if _is_plain(array) else array.dtype
    if isinstance(dtype, np.dtype):
        return ["array", np.asarray(array)]
    name = str(dtype)
    if name == "category":
        return ["category", np.asarray(array.codes), _column(array.categories.array), bool(array.ordered)]
    if name in _OF_WORDS:
        missing = np.asarray(array.isna())
        found = np.array(array, dtype=object)
        found[missing] = None
        return ["words", name, found, missing]
    if _WITH_MASK.fullmatch(name):
        missing = np.asarray(array.isna())
        return ["mask", name, array.to_numpy(dtype=dtype.numpy_dtype, na_value=dtype.type(0)), missing]
    raise Stays


def _is_plain(array: Any) -> bool:
    """Return whether an array of pandas is one of numpy, as it has been given a cover."""
    return type(array).__name__ == "NumpyExtensionArray"


def _label(name: Any) -> Any:
    if name is None or type(name) in (str, int, float, bool, tuple):
        return name
    raise Stays


# -- put together ------------------------------------------------------------------------------------------------------


def _made(parts: Any) -> Any:
    pd = _pandas()

    kind, *rest = parts
    if kind == "frame":
        index, columns, content = rest
        rows, labels = _made_index(index), _made_index(columns)
        arrays = [_made_column(column) for column in content]
        if len(labels) != len(arrays) or any(len(array) != len(rows) for array in arrays):
            raise ValueError("columns of other lengths")
        frame = pd.DataFrame(dict(enumerate(arrays))) if arrays else pd.DataFrame(index=rows)
        frame.index, frame.columns = rows, labels
        return frame
    if kind == "series":
        index, content, name = rest
        made = _made_column(content)
        made.index, made.name = _made_index(index), _checked_label(name)
        return made
    return _made_index(parts)


def _made_index(parts: Any) -> Any:
    pd = _pandas()

    kind, *rest = parts
    if kind == "range":
        start, stop, step, name = rest
        numbers = range(start, stop, step)
        if len(numbers) > MAX_ROWS:
            raise ValueError("too many rows")
        return pd.RangeIndex(numbers, name=_checked_label(name))
    if kind == "levels":
        levels, names = rest
        if not 0 < len(levels) <= _MAX_LEVELS:
            raise ValueError("too many levels")
        return pd.MultiIndex.from_arrays([_made_column(level) for level in levels], names=[*map(_checked_label, names)])
    if kind != "index":
        raise ValueError("no index")
    content, name, frequency = rest
    made = _made_column(content)
    index = pd.Index(made, dtype=made.dtype, name=_checked_label(name))
    if frequency is not None and isinstance(index, pd.DatetimeIndex | pd.TimedeltaIndex):
        if not isinstance(frequency, str) or not _FREQUENCY.fullmatch(frequency):
            raise ValueError("malformed frequency")
        index.freq = frequency
    return index


def _made_column(parts: Any) -> Any:
    pd = _pandas()

    kind, *rest = parts
    if kind == "array":
        values = _checked_array(*rest)
        return pd.Series(values, dtype=values.dtype)  # or pandas would look what is in an array of objects
    if kind == "category":
        codes, categories, is_ordered = rest
        kinds = pd.Index(_made_column(categories))
        return pd.Series(pd.Categorical.from_codes(_checked_array(codes), kinds, ordered=is_ordered is True))
    name, content, missing = rest
    values, mask = _checked_array(content), _checked_array(missing)
    if mask.dtype != np.bool_ or mask.shape != values.shape:
        raise ValueError("malformed mask")
    is_known = name in _OF_WORDS if kind == "words" else kind == "mask" and _WITH_MASK.fullmatch(name)
    if not is_known or (kind == "words" and not all(type(word) is str for word in values[~mask])):
        raise ValueError("malformed column")
    made: Any = pd.array(values, dtype=name)
    made[mask] = pd.NA
    return pd.Series(made)


def _checked_array(array: Any) -> np.ndarray[Any, Any]:
    if type(array) is not np.ndarray or array.ndim != 1 or len(array) > MAX_ROWS:
        raise ValueError("malformed column")
    return array


def _checked_label(name: Any) -> Any:
    if name is not None and type(name) not in (str, int, float, bool, tuple):
        raise ValueError("malformed name")
    hash(name)
    return name
