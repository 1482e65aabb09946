"""Data sets of the rubric's in the student's process: real ones, whose items come when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import Dataset, IterableDataset, TensorDataset


class Items(Dataset[Any]):
    """A data set whose items are the rubric's.

    Args:
        item: returns an item.
        length: how many there are.
    """

    def __init__(self, item: Callable[[Any], Any], length: int) -> None:
        self._item, self._length = item, length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        return self._item(index)


class Stream(IterableDataset[Any]):
    """A data set that is iterated over, and has no length: what it gives has travelled with it."""

    def __init__(self, samples: list[Any]) -> None:
        self._samples = samples

    def __iter__(self) -> Iterator[Any]:
        return iter(self._samples)


def parts_of(data_set: Dataset[Any]) -> tuple[str, list[Any]]:
    """Return the kind of a data set, and what `make` needs for one that holds the same."""
    if type(data_set) is TensorDataset:
        return "tensors", list(data_set.tensors)
    if isinstance(data_set, IterableDataset):
        return "stream", [list(data_set)]
    return "items", [data_set.__getitem__, len(data_set)]  # type: ignore[arg-type]


def make(kind: str, *parts: Any) -> Dataset[Any]:
    """Make a data set that holds the same."""
    if kind == "tensors":
        return TensorDataset(*parts)
    return Stream(*parts) if kind == "stream" else Items(*parts)
