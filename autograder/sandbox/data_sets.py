"""Data sets of the rubric's in the student's process: what they hold has travelled, and they are real ones there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import Dataset, IterableDataset, TensorDataset


class Samples(Dataset[Any]):
    """A data set of samples that are there already."""

    def __init__(self, samples: list[Any]) -> None:
        self._samples = samples

    def __len__(self) -> int:
        return len(self._samples)

    def __getitem__(self, index: Any) -> Any:
        return self._samples[index]


class Stream(IterableDataset[Any]):
    """A data set that is iterated over, and has no length."""

    def __init__(self, samples: list[Any]) -> None:
        self._samples = samples

    def __iter__(self) -> Iterator[Any]:
        return iter(self._samples)


def contents_of(data_set: Dataset[Any]) -> tuple[str, list[Any]]:
    """Return the kind of a data set, and what it is made of."""
    if type(data_set) is TensorDataset:
        return "tensors", list(data_set.tensors)
    if isinstance(data_set, IterableDataset):
        return "stream", list(data_set)
    return "samples", [data_set[index] for index in range(len(data_set))]  # type: ignore[arg-type]


def make(kind: str, contents: list[Any]) -> Dataset[Any]:
    """Make a data set that holds the same."""
    if kind == "tensors":
        return TensorDataset(*contents)
    return Stream(contents) if kind == "stream" else Samples(contents)
