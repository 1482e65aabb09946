"""Random generators of a rubric's, as a student's function gets them: a copy that goes on from the same state.

The rubric's own one moves to a place that follows from its state alone. Nothing comes back: a student who could say
where it is would choose the inputs that are drawn from it next.
"""

from __future__ import annotations

import copy
import random
from typing import Any

import numpy as np
import torch

KINDS = (torch.Generator, np.random.Generator, np.random.RandomState, random.Random)
_SEEDS = 1 << 31


def hand_over(generator: Any) -> Any:
    """Return a copy of a generator, and move the generator itself on.

    >>> own, same = (torch.Generator().manual_seed(3) for _ in "ab")
    >>> given = hand_over(own)
    >>> bool(torch.rand(1, generator=given) == torch.rand(1, generator=same))
    True
    >>> bool(torch.rand(1, generator=own) == torch.rand(1, generator=same))
    False
    """
    if isinstance(generator, torch.Generator):
        given: Any = generator.clone_state()
        generator.manual_seed(int(torch.randint(_SEEDS, (), generator=generator)))
        return given
    given = copy.deepcopy(generator)
    if isinstance(generator, np.random.Generator):
        bits = generator.bit_generator
        bits.state = type(bits)(int(generator.integers(_SEEDS))).state
    elif isinstance(generator, np.random.RandomState):
        generator.seed(generator.randint(_SEEDS))
    else:
        generator.seed(generator.getrandbits(31))
    return given


def state_of(generator: Any) -> list[Any]:
    """Return kind and state of a generator, for `with_state`."""
    if isinstance(generator, torch.Generator):
        return ["torch", generator.get_state()]
    if isinstance(generator, np.random.Generator):
        return ["numpy", type(generator.bit_generator).__name__, generator.bit_generator.state]
    if isinstance(generator, np.random.RandomState):
        return ["RandomState", generator.get_state()]
    return ["random", generator.getstate()]


def with_state(kind: str, *state: Any) -> Any:
    """Return a generator in a state."""
    if kind == "torch":
        made: Any = torch.Generator()
        made.set_state(*state)
    elif kind == "numpy":
        name, inner = state
        made = np.random.Generator(getattr(np.random, name)())
        made.bit_generator.state = inner
    elif kind == "RandomState":
        made = np.random.RandomState()
        made.set_state(*state)
    else:
        made = random.Random()  # noqa: S311 -- as the rubric's own
        made.setstate(*state)
    return made
