"""The random number generators of a process: Python's, and those of numpy and torch where they have been imported."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


def seed_generators(seed: int) -> None:
    """Seed all of them."""
    for library in ("python", "numpy", "torch"):
        seed_generator_of(library, seed)


def seed_generator_of(library: str, seed: int) -> None:
    """Seed the one of Python, numpy or torch, if it has been imported."""
    if library == "python":
        random.seed(seed)
    elif (module := sys.modules.get(library)) is None:
        return
    elif library == "numpy":
        module.random.seed(seed & 0xFFFFFFFF)
    else:
        module.default_generator.manual_seed(seed)  # torch.manual_seed records three stack traces for other devices


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
    import numpy as np
    import torch

    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        yield
    random.setstate(python)
    np.random.set_state(numpy)
