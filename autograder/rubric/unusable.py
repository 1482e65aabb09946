"""Says what is wrong with a result that a criterion cannot use: None, or another number of values than it unpacks.

A criterion that begins with `loss, grad = student.f(x)` is stopped by Python where one value comes back. Python's words
are about the rubric's line; the student needs to read what their function returned, and how many values are asked for.
"""

from __future__ import annotations

import re

from torch.autograd.gradcheck import GradcheckError

from autograder.base.i18n import Text, same, text
from autograder.results.grade_report import Diagnosis
from autograder.rubric.classification import diagnosis
from autograder.rubric.kinds import of_kind
from autograder.student.calls import FailedCall

_TOO_FEW = re.compile(r"not enough values to unpack \(expected (?:at least )?(\d+), got (\d+)\)")
_TOO_MANY = re.compile(r"too many values to unpack \(expected (\d+)")
_NOT_SEVERAL = re.compile(r"cannot unpack non-iterable|iteration over a 0-d (?:tensor|array)")


def unusable(error: BaseException, call: FailedCall, reason: str) -> tuple[Text, Diagnosis | None]:
    """Return what a student reads where their result stopped a criterion, and the cause if it is certain.

    Args:
        error: what Python raised in the criterion.
        call: the call of the student's function before that.
        reason: what may be shown of the error.

    >>> call = FailedCall("f", "f(x: 1)", "float32 ()", 1, 0)
    >>> words, cause = unusable(TypeError("iteration over a 0-d tensor"), call, "TypeError")
    >>> words.en, cause.id
    ('f(x: 1) returned float32 (), where several values are asked for', 'one-value-returned')
    """
    said = {"call": same(call.words), "kind": same(call.returned)}
    if isinstance(error, GradcheckError):  # an assertion of torch's, in the words of its first line
        found = str(error).partition("\n")[0].rstrip(",:. ")[:200]
        return text(
            "the gradient fails a check against finite differences ({found}); {call}", found=found, **said
        ), None
    asked = _asked_for(error, call)
    if asked is None:
        cause = of_kind(None, "value") if call.returned == "None" else None
        if not call.words:
            words = text("what came back could not be judged ({reason})", reason=reason)
        elif call.length is None:
            words = text("what came back could not be judged ({reason}); {call}", reason=reason, call=call.words)
        else:
            words = text("what came back could not be judged ({reason}): {call} returned {kind}", reason=reason, **said)
        return words, cause
    if call.count == 0:
        return _where(asked, said), of_kind(None, "value")
    if call.count == 1:
        return _where(asked, said), diagnosis(
            "one-value-returned",
            text("one value came back where several are asked for: return them all, with commas between them"),
        )
    return _where(asked, said), diagnosis(
        "other-number-of-values-returned",
        text(
            "{count} values came back where {asked} are asked for: return exactly these, in the order asked for",
            count=call.count,
            asked=asked,
        ),
    )


def _asked_for(error: BaseException, call: FailedCall) -> int | None:
    """Return how many values of the call's result were unpacked, 0 for any number; None if another thing went wrong."""
    if isinstance(error, TypeError) and _NOT_SEVERAL.search(str(error)):
        return 0 if call.length == 0 and call.count < 2 else None
    if call.length is None or not isinstance(error, ValueError):
        return None
    if found := _TOO_FEW.search(str(error)):
        return int(found[1]) if call.length == int(found[2]) else None
    if found := _TOO_MANY.search(str(error)):
        return int(found[1]) if call.length > int(found[1]) else None
    return None


def _where(asked: int, said: dict[str, Text]) -> Text:
    if asked:
        return text("{call} returned {kind}, where {count} values are asked for", count=asked, **said)
    return text("{call} returned {kind}, where several values are asked for", **said)
