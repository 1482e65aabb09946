"""Lists, dicts and sets that the student's code gives a function of the rubric's: each is one on both sides.

Those among the arguments of the call that is going on are the rubric's own until it is over. Of others, those that the
code still has are known by number, since it may give them again. A list is a copy where tensors or arrays lie in it;
these are the rubric's own as well where they are arguments themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from autograder.sandbox import plain_functions
from autograder.sandbox.aliases import WALKED
from autograder.sandbox.effects import Effects
from autograder.sandbox.held_lists import HeldLists
from autograder.sandbox.protocol import CallbackRequest
from autograder.sandbox.still_held import lists_handed
from autograder.sandbox.values import Encoder

_Result = TypeVar("_Result")
_count = plain_functions.make(
    plain_functions.describe(lambda x: x, "f"), lambda *given, **_: sys.getrefcount(given[0]) - 1
)
_BY_A_CALL = _count([])
"""The references that a call of a function of the rubric's has to an argument."""


class HandedLists:
    """Those of one worker.

    Args:
        lists: what is one on both sides.
    """

    def __init__(self, lists: HeldLists) -> None:
        self._lists = lists
        self.effects: Effects | None = None
        """Of the call that is going on."""

    def encode(
        self, positional: tuple[Any, ...], keywords: dict[str, Any], encoder: Encoder, request: CallbackRequest
    ) -> None:
        """Put the arguments of a call of the rubric's function into a request."""
        if self.effects is not None:
            encoder.known_arrays = self.effects.arrays
        self._encode(positional, keywords, encoder, request)
        if self.effects is not None and encoder.tensors and (own := self.effects.given_on(encoder)):
            request["aliases"] = own

    def _encode(
        self, positional: tuple[Any, ...], keywords: dict[str, Any], encoder: Encoder, request: CallbackRequest
    ) -> None:
        values = [*positional, *keywords.values()]
        encoder.look_through(values)
        each, held = ({}, set()) if WALKED.isdisjoint(map(type, values)) else lists_handed(values, _BY_A_CALL)
        if not each:
            request["args"], request["kwargs"] = encoder.encode(positional), encoder.encode(keywords)
            return
        if self.effects is not None and (given := self.effects.hand_over(each, self._lists)):
            request["kept_lists"] = given
        numbered = {key for key, one in each.items() if self._lists.has(one)}
        if not self._lists.is_full:
            numbered |= held
        tree: Any = encoder.encode_numbered(
            (positional, keywords),
            numbered,
            lambda one: self._lists.adopt(one) if id(one) in numbered else None,
            self._lists.settled(numbered),
        )
        request["args"], request["kwargs"] = tree["u"]

    def during(self, effects: Effects, run: Callable[[], _Result]) -> _Result:
        """Run what a call with these effects does, after which lists of its arguments are two again."""
        outer, self.effects = self.effects, effects
        try:
            return run()
        finally:
            self.effects = outer
