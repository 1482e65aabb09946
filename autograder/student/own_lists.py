"""Lists, dicts and sets of the rubric's that the student's code has kept: each is one on both sides.

What the rubric does to one is done there with the next message; see `sandbox.held_lists`. What the code does to one
later is done here where the code may, as the reference's does, and is held against it elsewhere: then there are two.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any

import numpy as np
import torch

from autograder.base.errors import StudentError
from autograder.base.i18n import text
from autograder.sandbox.frames import WireError
from autograder.sandbox.links import are_same
from autograder.sandbox.lists import News, fill, is_as_before, items_of, like, news_of

MAX_OWN = 1 << 10
_VALUES = frozenset({bool, int, float, complex, str, bytes, range, slice})


class OwnList:
    """One of them.

    Args:
        value: it.
        name: the parameter or argument that it was passed as.
        may_change: has this name, if the code may change it.
        note: is told the name where it was changed and may be.
        gives_on: returns of the name whether a function of the rubric's may get it from the code.
    """

    tensors = 0
    """How many that the rubric has put into it are one on both sides."""

    is_noted = True
    """Whether it is to be noted that the code has changed it although it may not."""

    def __init__(
        self,
        value: Any,
        name: str,
        may_change: Container[str],
        note: Callable[[str], None],
        gives_on: Callable[[str], bool],
    ) -> None:
        self.value, self.name, self._may_change, self._note, self._gives_on = value, name, may_change, note, gives_on
        self.has_parted = False
        self.settle()

    def settle(self) -> None:
        """Note that the other side knows what it holds."""
        self._known = items_of(self.value)

    def forget(self) -> None:
        """Note that the other side knows nothing of it."""
        self._known = []

    def with_inside(self, value: Any) -> OwnList:
        """Return one that the rubric has put into it."""
        return OwnList(value, self.name, self._may_change, self._note, self._gives_on)

    def is_given_on(self) -> bool:
        """Return whether a function of the rubric's may get it from the code."""
        return self._gives_on(self.name)

    def news(self) -> News | None:
        """Return what the rubric has made of it since, which the other side knows from now on."""
        news = news_of(self.value, self._known)
        if news is not None:
            self.settle()
        return news

    def check(self) -> None:
        """Check that it is not two by now.

        Raises:
            StudentError: the code has changed it, and may not, and now the rubric has changed it as well.
        """
        if self.has_parted and not is_as_before(self.value, self._known):
            raise StudentError(
                text(
                    "an object that was given `{name}` has kept it and changes it later; it may do so only where"
                    " assignment.yaml lists `{name}` under `changes` of its class",
                    name=self.name,
                )
            )

    def take(self, content: Any) -> bool:
        """Let it hold what the code's holds; return whether that is not allowed, and they are two from now on.

        Raises:
            WireError: it is of another kind.
        """
        if type(content) is not type(self.value):
            raise WireError("a list that is none any more")
        merged = merged_with(self.value, content)
        if is_as_before(merged, items_of(self.value)):
            return False
        if self.name not in self._may_change:
            self.has_parted = True
            return True
        self._note(self.name)
        fill(self.value, merged)
        self.settle()
        return False


def merged_with(value: Any, content: Any) -> Any:
    """Return a content with what the value holds already where that is the same."""
    if isinstance(value, dict):
        own = {key: key for key in value}
        merged = {_either(own.get(key), key): _either(value.get(key), new) for key, new in content.items()}
        return like(content, merged)
    if isinstance(value, set):
        return value if value == content else content
    before = [*value, *[None] * (len(content) - len(value))]
    return [_either(old, new) for old, new in zip(before, content, strict=False)]


def _either(old: Any, new: Any) -> Any:
    if isinstance(old, torch.Tensor) and isinstance(new, torch.Tensor):
        return old if are_same(old, new) else new
    if type(old) is not type(new):
        return new
    if type(old) is tuple:
        is_same = len(old) == len(new) and all(_either(*pair) is pair[0] for pair in zip(old, new, strict=True))
        return old if is_same else new
    if isinstance(old, np.ndarray | np.generic):
        is_same = (old.shape, old.dtype) == (new.shape, new.dtype) and old.tobytes() == new.tobytes()
        return old if is_same and not old.dtype.hasobject else new
    return old if type(old) in _VALUES and (old == new or (old != old and new != new)) else new  # NaN
