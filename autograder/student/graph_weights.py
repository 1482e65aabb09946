"""How much memory graphs hold, also between their ends, where a function of three lines may have put a large matrix."""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from typing import Any

import torch

_STEPS = 1 << 18
"""So many of what calculates within graphs is looked at in all: a second's worth, even if each goes on another one."""
_NEAR = 1 << 8
"""How many are of each graph after that: those next to its results."""


class GraphWeights:
    """Those of several graphs, each with a number: memory that several of them hold counts once.

    Attributes:
        total: how many bytes they hold in all.
    """

    def __init__(self) -> None:
        self.total = 0
        self._steps = _STEPS
        self._held: dict[int, dict[int, int]] = {}  # the size of the memory that each holds, by where that begins
        self._holders: Counter[int] = Counter()

    def add(self, number: int, ends: Sequence[torch.Tensor], results: Sequence[torch.Tensor]) -> None:
        """Count a graph.

        Args:
            number: its own.
            ends: the tensors at its ends.
            results: those from which to look at what is between the ends; empty if that is left out.
        """
        held = self._held[number] = dict(map(_memory_of, [*ends, *self._within(results)]))
        for begin, size in held.items():
            if not self._holders[begin]:
                self.total += size
            self._holders[begin] += 1

    def _within(self, results: Sequence[torch.Tensor]) -> Iterator[torch.Tensor]:
        for saved in islice(_saved_in(results), max(_NEAR, self._steps)):
            self._steps -= 1
            yield from saved

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


def _saved_in(results: Sequence[torch.Tensor]) -> Iterator[list[torch.Tensor]]:
    """Yield the tensors that each step keeps for going back from some results, the last step first.

    >>> x = torch.zeros(3, requires_grad=True)
    >>> [saved for [saved] in filter(None, _saved_in([x.exp() + 1]))]  # what the exponential gave
    [tensor([1., 1., 1.], grad_fn=<ExpBackward0>)]
    """
    pending: deque[Any] = deque(tensor.grad_fn for tensor in results)
    seen: set[Any] = {None}
    while pending:
        node = pending.popleft()
        if node in seen:
            continue
        seen.add(node)
        pending += [above for above, _ in node.next_functions]
        found: list[torch.Tensor] = []
        kind: Any = type(node)
        for name in _names_of_saved(kind):
            with contextlib.suppress(RuntimeError):  # the code has gone back already, or has written to it since
                saved = getattr(node, name)
                found += (one for one in (saved if isinstance(saved, tuple) else (saved,)) if torch.is_tensor(one))
        yield found


@lru_cache(256)
def _names_of_saved(kind: type) -> tuple[str, ...]:
    return tuple(name for name in dir(kind) if name.startswith("_saved_") or name == "saved_tensors")
