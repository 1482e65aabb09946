"""The random number generators of a process: Python's, numpy's, torch's."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


def seed_generators(seed: int) -> None:
    """Seed all of them."""
    torch.default_generator.manual_seed(seed)  # torch.manual_seed records three stack traces for devices we do not use
    random.seed(seed)
    np.random.seed(seed & 0xFFFFFFFF)


@dataclass(frozen=True)
class CellSeed:
    """What every cell of a notebook begins with, so that its values do not depend on the cells before.

    Args:
        value: the seed.
        variable: the variable that gets it, from which the notebook makes generators of its own; without one the
            generators of the process are seeded.
    """

    value: int
    variable: str | None = None

    def plant(self, names: dict[str, Any]) -> None:
        """A cell begins, with these global names."""
        if self.variable is None:
            seed_generators(self.value)
        else:
            names[self.variable] = self.value


@contextmanager
def preserved_generators() -> Iterator[None]:
    """Restore all of them after the block."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        yield
    random.setstate(python)
    np.random.set_state(numpy)
