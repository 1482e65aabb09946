"""Which tensors and arrays show memory of one another, or of what nobody here knows: a row of a state, ``p.data``."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import Any

import numpy as np
import torch

Place = tuple[int, list[int], list[int]]
"""Where a tensor lies in another one: where it begins there, its shape and strides, in items."""
_STORAGE, _CDATA = torch.Tensor.untyped_storage, attrgetter("_cdata")
_count_uses: Any = torch._C._storage_Use_Count  # nothing public tells
_MOST_OF_BASE = 1 << 16
_USES_OF_ONE = 2  # by the tensor, and by what asks


def _references_to_base(view: Any) -> int:
    return sys.getrefcount(view.base if isinstance(view, np.ndarray) else view._base)


_OF_ALONE = _references_to_base(np.zeros(2)[1:])
"""If nothing but the view has it; as of a tensor's."""


def are_shown_by_others(values: Collection[Any]) -> bool:
    """Return whether something else may show the memory of one of some values, which are mostly new tensors."""
    try:
        if max(map(_count_uses, map(_CDATA, map(_STORAGE, values)))) <= _USES_OF_ONE:
            return False
    except (TypeError, RuntimeError):  # there are arrays, or what has no memory
        pass
    return any(map(is_shown_by_others, values))


def is_shown_by_others(value: Any) -> bool:
    """Return whether something else may show the memory of a tensor or an array, which nobody can go back to.

    >>> held = torch.zeros(3)
    >>> is_shown_by_others(held[1:]), is_shown_by_others(torch.zeros(3)[1:]), is_shown_by_others(torch.zeros(3))
    (True, False, False)
    """
    if isinstance(value, np.ndarray):
        if not isinstance(value.base, np.ndarray | torch.Tensor):
            return False
        return _references_to_base(value) > _OF_ALONE or is_shown_by_others(value.base)
    if not isinstance(value, torch.Tensor):
        return False
    try:
        uses = _count_uses(_CDATA(_STORAGE(value)))
    except RuntimeError:  # there is no memory, or it is not in one piece
        return False
    if uses <= _USES_OF_ONE or not value.is_leaf:
        return False
    return not value._is_view() or uses > _USES_OF_ONE + 1 or _references_to_base(value) > _OF_ALONE


def base_of(value: Any) -> Any:
    """Return the tensor or array that one is a view of, so that what shows it as well is one with it; None of others.

    It is None as well where that is so large that the view had better travel alone.
    """
    base: Any = value.base if isinstance(value, np.ndarray) else value._base if value._is_view() else None
    if type(base) is not type(value) or base.dtype != value.dtype or base.nbytes > _MOST_OF_BASE:
        return None
    return base


def memory_of(value: Any) -> int:
    """Return where the memory begins that a tensor or an array shows; 0 where that is not one piece."""
    while isinstance(value, np.ndarray) and isinstance(value.base, np.ndarray | torch.Tensor):
        value = value.base
    if isinstance(value, np.ndarray):
        return int(value.__array_interface__["data"][0])
    try:
        return int(value.untyped_storage().data_ptr())
    except RuntimeError:
        return 0


def place_in(whole: torch.Tensor, tensor: torch.Tensor) -> Place | None:
    """Return where a tensor, which begins in the memory of another one, lies in that; None where it does not.

    >>> x = torch.zeros(2, 3)
    >>> place_in(x, x.T[1:])
    (1, [2, 2], [1, 3])
    """
    if tensor.dtype is not whole.dtype or not tensor.numel():
        return None
    place = (tensor.data_ptr() - whole.data_ptr()) // whole.itemsize, list(tensor.shape), list(tensor.stride())
    return place if end_of(*place) <= end_of(0, whole.shape, whole.stride()) else None


def is_part_of(whole: torch.Tensor, begins: int, shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Return whether all that is at a place in a tensor's memory is of the tensor itself, which may have gaps."""
    end = end_of(0, whole.shape, whole.stride())
    if end_of(begins, shape, strides) > end:
        return False
    if whole.is_contiguous():
        return True
    own = torch.zeros(end, dtype=torch.bool)
    own.as_strided(whole.shape, whole.stride()).fill_(True)
    return bool(own.as_strided(shape, strides, begins).all())


def end_of(begins: int, shape: Sequence[int], strides: Sequence[int]) -> int:
    """Return after which item of another tensor one ends that lies in it."""
    return begins + 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
