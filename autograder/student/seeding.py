"""Seeds that a rubric sets hold in the student's process as well: `torch.manual_seed`, and then a call of theirs."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

_MOST = 1 << 63
"""What a message can carry; a larger seed, or one that is no number, holds on the rubric's side alone."""


class Seeds:
    """What a rubric has seeded in this process, and when: of torch, numpy and Python."""

    def __init__(self) -> None:
        self.count = 0
        self._last: dict[str, tuple[int, int]] = {}
        self._listens = False

    def listen(self) -> None:
        """Hear of every call from now on."""
        if self._listens:
            return
        self._listens = True
        for library, owner, name in (
            ("torch", torch, "manual_seed"),
            ("numpy", np.random, "seed"),
            ("python", random, "seed"),
        ):
            setattr(owner, name, self._heard(library, getattr(owner, name)))

    def since(self, count: int) -> dict[str, int]:
        """Return the seeds of the libraries that were seeded after so many calls."""
        return {library: seed for library, (heard, seed) in self._last.items() if heard > count}

    def _heard(self, library: str, original: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(original)
        def seeding(*positional: Any, **named: Any) -> Any:
            result = original(*positional, **named)
            seed = result.initial_seed() if library == "torch" else next(iter((*positional, *named.values())), None)
            if isinstance(seed, int | np.integer) and -_MOST <= seed < _MOST:
                self.count += 1
                self._last[library] = self.count, int(seed)
            return result

        return seeding


SEEDS = Seeds()
