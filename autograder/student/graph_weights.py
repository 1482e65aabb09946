"""How much memory graphs hold, also between their ends, where a function of three lines may have put a large matrix."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import torch


class GraphWeights:
    """Those of several graphs, each with a number: memory that several of them hold counts once.

    Attributes:
        total: how many bytes they hold in all.
    """

    def __init__(self) -> None:
        self.total = 0
        self._held: dict[int, dict[int, int]] = {}  # the size of the memory that each holds, by where that begins
        self._holders: Counter[int] = Counter()

    def add(self, number: int, ends: Sequence[torch.Tensor], results: Sequence[torch.Tensor]) -> None:
        """Count a graph.

        Args:
            number: its own.
            ends: the tensors at its ends.
            results: those from which to look at what is between the ends; empty if that is left out.
        """
        held = self._held[number] = dict(map(_memory_of, [*ends, *_saved_in(results)] if results else ends))
        for begin, size in held.items():
            if not self._holders[begin]:
                self.total += size
            self._holders[begin] += 1

    def drop(self, number: int) -> None:
        """Count a graph no longer."""
        for begin, size in self._held.pop(number).items():
            self._holders[begin] -= 1
            if not self._holders[begin]:
                del self._holders[begin]
                self.total -= size


def _memory_of(tensor: torch.Tensor) -> tuple[int, int]:
    if tensor.layout is not torch.strided:
        return id(tensor), tensor.element_size() * tensor._nnz()
    storage = tensor.untyped_storage()
    return storage.data_ptr(), storage.nbytes()


def _saved_in(results: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
    """Yield the tensors that are kept for going back from some results.

    >>> x = torch.zeros(3, requires_grad=True)
    >>> [saved.tolist() for saved in _saved_in([x.exp() + 1])]  # what the exponential gave
    [[1.0, 1.0, 1.0]]
    """
    pending: list[Any] = [tensor.grad_fn for tensor in results]
    seen: set[Any] = {None}
    while pending:
        node = pending.pop()
        if node in seen:
            continue
        seen.add(node)
        pending += [above for above, _ in node.next_functions]
        kind: Any = type(node)
        for name in _names_of_saved(kind):
            with contextlib.suppress(RuntimeError):  # the code has gone back already, or has written to it since
                saved = getattr(node, name)
                yield from (one for one in (saved if isinstance(saved, tuple) else (saved,)) if torch.is_tensor(one))


@lru_cache(256)
def _names_of_saved(kind: type) -> tuple[str, ...]:
    return tuple(name for name in dir(kind) if name.startswith("_saved_") or name == "saved_tensors")
