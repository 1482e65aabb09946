"""Seeds that a rubric sets hold in the student's process as well: `torch.manual_seed`, and then a call of theirs."""

from __future__ import annotations

import functools
from typing import Any

import torch


class Seeds:
    """How often a rubric has called `torch.manual_seed` in this process, and what with."""

    def __init__(self) -> None:
        self.count = 0
        self.last = 0
        self._listens = False

    def listen(self) -> None:
        """Hear of every call from now on."""
        if self._listens:
            return
        self._listens = True
        original = torch.manual_seed

        @functools.wraps(original)
        def manual_seed(seed: Any) -> torch.Generator:
            generator = original(seed)
            self.count, self.last = self.count + 1, int(generator.initial_seed())
            return generator

        torch.manual_seed = manual_seed


SEEDS = Seeds()
