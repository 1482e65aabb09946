"""Whether a student's function was written by hand: a check that calls it and looks at what runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from autograder.base.errors import StudentException
from autograder.base.i18n import Text, same, text
from autograder.course.submission import tell_label
from autograder.rubric.check_failures import CheckFailed
from autograder.sandbox.tracing import Use, plain

ACTIVATIONS = tuple(name for name in torch.nn.modules.activation.__all__ if name not in ("Sigmoid", "Tanh"))
"""For `assert_written_without`: the activations of torch, but for two that are functions of mathematics anyway.

With the right settings many of them are one another: softplus with a large beta is relu, and so is silu.
"""
LOSSES = tuple(torch.nn.modules.loss.__all__)
"""For `assert_written_without`: the losses of torch. One with a margin takes the maximum of 0 and something."""


def assert_written_without(
    function: Any, *names: str, arguments: tuple[Any, ...] | Sequence[tuple[Any, ...]] | None = None, most: int = 0
) -> None:
    """Check, by calling the student's function, that it runs none of these ready-made operations.

    What counts is what runs, however it is reached and whatever the text says: torch's operations, and functions of
    Python's libraries. Students' own functions, classes and variables may have any name.

    Args:
        function: the student's function.
        names: of functions, operations or classes. Case and underscores do not matter, and a longer name counts:
            ``"softmax"`` means ``Softmax2d``, ``log_softmax`` and attention, which is a softmax inside, too. The first
            is what the function should be; `ACTIVATIONS` and `LOSSES` are whole kinds that may do the same.
        arguments: what it is called with: a tuple, or a list of tuples for several calls, as the other criteria have
            them. A function may do something else for other shapes.
        most: so many items of an iterator that it returns are taken; what it does for later ones is not seen.

    Raises:
        CheckFailed: it runs one of them, or disturbs the record.
        StudentError: it returned no value in the first of the calls, or ended or blocked its process in any.
        TypeError: the rubric gives no arguments.
    """
    if not arguments:
        raise TypeError("assert_written_without calls the function: give it arguments=(X,), or several such in a list")
    for number, given in enumerate([arguments] if isinstance(arguments, tuple) else arguments):
        try:
            uses = function.record(given, *names, most=most)
        except StudentException:
            if number == 0:
                raise
            continue  # that it cannot take these as well is for another criterion to say
        if uses is None:
            raise CheckFailed(
                text(
                    "`{name}` disturbs the record of what it calls (as sys.setprofile does), so nobody can tell what it uses",  # noqa: E501
                    name=function.__name__,
                )
            )
        if uses:
            raise _ready_made(function.__name__, names, uses)


def _ready_made(name: str, names: Sequence[str], uses: Sequence[Use]) -> CheckFailed:
    """Return the failure for an operation that ran, with its line; the finding is the same wherever that is."""
    named = [use for use in uses if any(plain(watched) in plain(use.operation) for watched in names)]
    use = (named or uses)[0]
    ran = use.operation.removeprefix("aten::") if named else names[0]  # attention, say, has a softmax inside
    place = tell_label(use.label)
    said = {"name": name, "used": same(use.expression), "ran": same(ran), "place": place, "line": use.line}
    if named and plain(names[0]) not in plain(ran):
        return CheckFailed(_as_good_as(use, said | {"asked": names[0]}), finding=f"`{name}` is another ready-made one")
    if not use.label:
        words = text("`{name}` runs `{ran}`, which you should write yourself here", **said)
    elif not use.expression:
        words = text("`{name}` ({place}, line {line}) runs `{ran}`, which you should write yourself here", **said)
    elif plain(ran.rpartition(".")[2]) in plain(use.expression):
        words = text("`{name}` uses `{used}` ({place}, line {line}), which you should write yourself here", **said)
    else:
        words = text(
            "`{name}` uses `{used}` ({place}, line {line}), which runs `{ran}`; you should write that yourself here",
            **said,
        )
    return CheckFailed(words, finding=f"`{name}` is ready-made")


def _as_good_as(use: Use, said: Mapping[str, Any]) -> Text:
    """Say that something else than what was to be written is no less ready-made."""
    if not use.label:
        return text(
            "`{name}` runs `{ran}`, which is no less ready-made than `{asked}`; you should write it yourself here",
            **said,
        )
    used = use.expression or said["ran"]
    return text(
        "`{name}` uses `{used}` ({place}, line {line}), which is no less ready-made than `{asked}`; "
        "you should write it yourself here",
        **{**said, "used": used},
    )
