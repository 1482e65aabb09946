"""Describes what a criterion found in a submission, so that two versions can be compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

import torch

from autograder.base.errors import StudentError, StudentException
from autograder.base.i18n import without_addresses
from autograder.rubric.check_failures import CheckFailed
from autograder.rubric.exceptions import cause_by_line

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")


_WHERE = re.compile(r"\n +\+ +(?:where|and) ")
"""How pytest goes on to say where the values come from, in terms of objects, which are others in another process."""
_PLACE = re.compile(r" at \[[\d, ]*\] it is .*")  # which element a message names depends on the last bit


@dataclass(frozen=True)
class Finding:
    """What a criterion found in one version.

    Args:
        words: the message without its numbers; kind and last line of an exception; empty only where all is well.
        numbers: the numbers in the message.
        actual: the wrong tensor, if there is one.
        compared: values were compared one by one with those expected.
        cause: of an exception that several mistakes raise alike, the one that its line of source shows.
    """

    words: str
    numbers: tuple[float, ...] = ()
    actual: torch.Tensor | None = None
    compared: bool = False
    cause: str = ""

    @classmethod
    def of(cls, error: BaseException | None) -> Finding:
        """Return the finding of a criterion that raised this exception, or that passed if it is None."""
        if error is None:
            return cls("")
        if isinstance(error, CheckFailed):
            actual = error.actual.detach() if isinstance(error.actual, torch.Tensor) else None
            told = _PLACE.sub("", error.finding)
            compared = isinstance(error.expected, torch.Tensor) and not error.expected.is_meta and actual is not None
            return cls(_NUMBER.sub("#", told), tuple(map(float, _NUMBER.findall(told))), actual, compared)
        if isinstance(error, StudentException):
            # torch's message about wrong arguments has many lines and ends in an empty one, which is no finding
            last_line = error.text.en.rstrip().rpartition("\n")[2]
            return cls(f"{error.kind}: {last_line}", cause=cause_by_line(error))
        if isinstance(error, StudentError):
            return cls(type(error).__name__)
        told = _WHERE.split(without_addresses(f"{type(error).__name__}: {error}"))[0]
        if isinstance(error, AssertionError):
            return cls(_NUMBER.sub("#", told), tuple(map(float, _NUMBER.findall(told))))
        # as if the student's code had raised it, as an operator on an object of theirs does in another process
        return cls(f"{type(error).__name__}: {told.rstrip().rpartition(chr(10))[2].removesuffix(':')}")

    def agrees(self, other: Finding) -> bool:
        """Return whether both are the same up to rounding."""
        if (self.words, self.cause) != (other.words, other.cause) or len(self.numbers) != len(other.numbers):
            return False
        near = torch.allclose(torch.tensor(self.numbers), torch.tensor(other.numbers), rtol=1e-2, atol=1e-6)
        if self.actual is None or other.actual is None:
            return near and self.actual is other.actual
        return near and _same(self.actual, other.actual)

    def resembles(self, other: Finding) -> bool:
        """Do both pass, or both fail? More cannot be asked where the rest depends on chance."""
        return bool(self.words) == bool(other.words)

    def is_near(self, other: Finding) -> bool:
        """Is it the same up to what chance adds? For the numbers of a probe, which are of about 1."""
        if self.words != other.words or self.actual is None or other.actual is None:
            return self.words == other.words and self.actual is other.actual
        same_shape = self.actual.shape == other.actual.shape
        return same_shape and torch.allclose(self.actual, other.actual, rtol=0.03, atol=0.02, equal_nan=True)


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    if not one.is_floating_point():
        return torch.equal(one, other)
    finite = other[torch.isfinite(other)]
    scale = float(finite.abs().max()) if finite.numel() else 0.0
    return torch.allclose(one, other, rtol=1e-3, atol=1e-6 * scale, equal_nan=True)
