"""What is known of the values of a test before it runs: what was passed to the student's code, and what comes of it.

A verdict that depends on something that was passed, or on what was calculated from that after the call, and on nothing
that has come from the student since, is about what their code has done to it. Where something of theirs is in it as
well, what was passed only gives the expected value, and must not be spoilt: then ``assert expected.shape == (2, 3)`` is
about the test itself, unless it is held against what was there before the call. Whether a result *is* an argument, or
lies in its memory, is about both.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from itertools import count
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from autograder.student.calls import Looked

Code = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Thing = tuple[int | str, ...]
"""Something that can be passed: a number or a name for it, then the attributes that lead to a part of it."""
Seen = frozenset[tuple["Looked", int]]
"""Arguments, each with the number of the call that got it."""


class Part(NamedTuple):
    """What is known of a value that is judged as a whole.

    Args:
        things: what it is, holds or shares memory with.
        seen: the arguments from whose state after a call it was calculated.
        theirs: the number of the last call whose result is in it: 0 where nothing of the student's is, infinite where
            an object of theirs is, which is what the latest call has made of it.
        same: the things whose identity it tells.
        before: those from whose state before any call it was calculated.
    """

    things: frozenset[Thing] = frozenset()
    seen: Seen = frozenset()
    theirs: float = 0
    same: frozenset[Thing] = frozenset()
    before: frozenset[Thing] = frozenset()

    def told_by(self, other: Part) -> Part:
        """Return another part, of which this one tells something as well."""
        return Part(
            other.things,
            other.seen | self.seen,
            max(other.theirs, self.theirs),
            other.same | self.same,
            other.before | self.before,
        )

    def inner(self, name: str) -> Part:
        """Return an attribute of it, or an item with a name."""
        return self._replace(things=frozenset((*thing, name) for thing in self.things))

    def of_an_object(self) -> Part:
        """Return it as something of an object, if it is of the student's."""
        return self._replace(theirs=inf) if self.theirs else self


class Value(NamedTuple):
    """A value: parts that are judged one by one, as the operands of ``and`` and what a list holds.

    Args:
        parts: they; none of a constant.
        name: what the student's code is called by, if it is called.
        function: a function of the rubric's, and the names around it.
    """

    parts: frozenset[Part] = frozenset()
    name: str = ""
    function: tuple[Code, dict[str, Value]] | None = None

    @property
    def theirs(self) -> bool:
        """Whether something of the student's is in it."""
        return any(part.theirs > 0 for part in self.parts)

    @property
    def is_plain(self) -> bool:
        """Whether no object of the student's is in it."""
        return all(part.theirs < inf for part in self.parts)

    @property
    def things(self) -> frozenset[Thing]:
        """All that it is, or holds."""
        return frozenset().union(*(part.things for part in self.parts))

    def each(self, change: Callable[[Part], Part]) -> Value:
        """Return it with other parts, which no function is."""
        return Value(frozenset(map(change, self.parts)), self.name)


Names = dict[str, Value]
CONSTANT = Value()
THEIRS = Value(frozenset({Part(theirs=inf)}))


def together(values: Iterable[Value]) -> Value:
    """Return what any of some values may be, or what holds all of them."""
    found = [value for value in values if value is not CONSTANT]
    if len(found) < 2:
        return found[0] if found else CONSTANT
    name = next((value.name for value in found if value.name), "")
    function = next((value.function for value in found if value.function), None)
    return Value(frozenset().union(*(value.parts for value in found)), name, function)


class Passing:
    """Follows what is passed in one test.

    Args:
        declared: the arguments that functions may change: what they fill is the student's from then on.
    """

    def __init__(self, declared: frozenset[Looked]) -> None:
        self._declared = declared
        self._filled: set[Thing] = set()
        self._passed: dict[int | str, dict[Thing, set[tuple[Looked, int]]]] = {}
        self._looked: set[Looked] = set()
        self._held_against: set[Looked] = set()
        self._expected: set[Looked] = set()
        self._count = count()
        self._calls = 1

    @property
    def looked_at(self) -> frozenset[Looked]:
        """The arguments on which a verdict depends, and which may therefore be spoilt."""
        return frozenset(self._held_against | (self._looked - self._expected))

    def new(self, name: str = "") -> Value:
        """Return something that nothing is known of."""
        return Value(frozenset({Part(frozenset({(name or next(self._count),)}))}))

    def give(self, value: Value, name: str, place: int | str | None) -> None:
        """Note that the next call gets a value; name and place are as in `Looked`."""
        for thing in value.things:
            self._passed.setdefault(thing[0], {}).setdefault(thing, set()).add(((name, place), self._calls))
        if (name, place) in self._declared:
            self._filled |= value.things

    def call(self, function: Value) -> Value:
        """Return the result of the student's code; an object where what is called has the name of a class."""
        now, self._calls = self._calls, self._calls + 1
        made = self.made_of(function)
        return made if function.name[:1].isupper() else made.each(lambda part: part._replace(theirs=now))

    def is_passed(self, value: Value) -> bool:
        """Return whether a value has been passed, or a part of it."""
        return bool(self._passed_as(value.things))

    def made_of(self, *values: Value, same: bool = False) -> Value:
        """Return what is calculated from values, perhaps from which of them are the same."""
        seen: Seen = frozenset()
        before: frozenset[Thing] = frozenset()
        identity: frozenset[Thing] = frozenset()
        theirs: float = 0
        for value in values:
            for part in value.parts:
                passed = self._passed_as(part.things)
                seen |= part.seen | passed
                if not passed:  # what is passed itself is no copy that others are held against
                    before |= part.before | part.things
                identity |= part.same | part.things if same else part.same
                theirs = max(theirs, self._theirs(part))
        return Value(frozenset({Part(frozenset({(next(self._count),)}), seen, theirs, identity, before)}))

    def holding(self, *values: Value) -> Value:
        """Return what is or holds these, as a copy of them may."""
        return together([self.made_of(*values), *values])

    def judge(self, values: Iterable[Value]) -> None:
        """Note that the verdict depends on values."""
        for part in together(values).parts:
            theirs, before = self._theirs(part), self._passed_as(part.before)
            for passed in part.seen | self._passed_as(part.things):
                argument, call = passed
                if theirs >= call:
                    self._expected.add(argument)
                else:
                    self._looked.add(argument)
                    if passed in before:
                        self._held_against.add(argument)
            self._held_against |= {argument for argument, _ in self._passed_as(part.same)}

    def _passed_as(self, things: Iterable[Thing]) -> Seen:
        found: Seen = frozenset()
        for mine in things:
            for thing, places in self._passed.get(mine[0], {}).items():
                if _are_related(mine, thing):
                    found |= places
        return found

    def _theirs(self, part: Part) -> float:
        is_filled = any(_are_related(mine, thing) for mine in part.things for thing in self._filled)
        return inf if is_filled else part.theirs


def _are_related(first: Thing, second: Thing) -> bool:
    """Return whether one of two is a part of the other."""
    return first[: len(second)] == second[: len(first)]
