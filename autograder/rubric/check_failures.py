"""How a check fails: the exception, and the words before its reason."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from autograder.base.i18n import Text, same, text
from autograder.rubric.classification import diagnosis
from autograder.student.calls import failed_call, last_call, last_declared_call

if TYPE_CHECKING:
    from autograder.results.grade_report import Diagnosis
    from autograder.student.calls import Call

_CHANGED = "changed-in-place"
_IN_BRACKETS = re.compile(r"\([^)]*\)|\[[^]]*\]")


class CheckFailed(AssertionError):
    """A requirement that was not met.

    Args:
        text: what the student reads.
        actual: what came back, for a diagnosis.
        expected: the right answer, for a diagnosis; it is never printed.
        diagnosis: the cause, if it is already known.
        finding: what was found, if the message says more than that; versions with equal findings make the same mistake.
    """

    def __init__(
        self,
        text: Text,
        *,
        actual: Any = None,
        expected: Any = None,
        diagnosis: Diagnosis | None = None,
        finding: str | None = None,
    ) -> None:
        super().__init__(text.en)
        self.text, self.actual, self.expected, self.diagnosis = text, actual, expected, diagnosis
        self.finding = text.en if finding is None else finding


def failed_after_call(reason: Text, **more: Any) -> CheckFailed:
    """Return the failure that says after which call something was found.

    Args:
        reason: what was found.
        more: see `CheckFailed`. By default the finding names the last call of a declared function: of others nobody
            knows where a version of the reference runs in this process.
    """
    return CheckFailed(_after(last_call(), reason), **{"finding": _after(last_declared_call(), reason).en, **more})


def changed_in_place(call: Call | None, names: Sequence[str]) -> CheckFailed:
    """Return the failure that a call changed arguments."""
    words = text("the call changed its argument {names} in place", names=", ".join(names))
    cause = diagnosis(
        _CHANGED,
        text(
            "`-=`, `X[...] = ...` and methods such as `append`, `sort` or those that end in `_` change what the caller "
            "passed; make something new"
        ),
    )
    return CheckFailed(_after(call, words), diagnosis=cause, finding=_after(last_declared_call(), words).en)


def with_changes(message: Text, cause: Diagnosis | None) -> tuple[Text, Diagnosis | None]:
    """Where a call has changed what the failed criterion looks at, say so before the rest."""
    call = failed_call().changing
    if call is None or (cause is not None and cause.id == _CHANGED):
        return message, cause
    found = changed_in_place(call, call.shown)
    return found.text + same("\n") + message if message.en else found.text, cause or found.diagnosis


def _after(call: Call | None, reason: Text) -> Text:
    return reason if call is None else text("after {call}: {reason}", call=same(str(call)), reason=reason)


def is_code(name: str | None) -> bool:
    """Return whether a name is a piece of code, as no name is, and not several words."""
    return not name or " " not in _IN_BRACKETS.sub("", name)


def named(name: str | Text | None) -> Text:
    """Return what a message calls a value: a piece of code, or several words as they stand."""
    if isinstance(name, Text):
        return name
    if name and not is_code(name):
        return Text(en=name, zh=f"{name} ")
    return Text(en=f"`{name}`", zh=f"`{name}` ") if name else text("the result")
