"""What happened to a criterion becomes its verdict: who is at fault, and what the student reads."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from autograder.base.errors import (
    AutograderError,
    NotDefined,
    NotWritten,
    SandboxError,
    StudentError,
    StudentException,
)
from autograder.base.i18n import Text, same, text, without_addresses
from autograder.results.grade_report import Diagnosis, Outcome
from autograder.rubric.criteria import Criterion
from autograder.rubric.judge import Judge

if TYPE_CHECKING:
    from autograder.student.functions import Student

_WITHOUT_GRADIENT = "element 0 of tensors does not require grad"
"""How torch begins to say that what `backward` was asked for ends in no graph."""


def record(judge: Judge, judged: Criterion, error: BaseException | None) -> None:
    """Record a criterion's finding and verdict."""
    if isinstance(error, SandboxError):
        judge.fault = error
    _note_finding(judge, judged, error)
    if error is None:
        judge.record_passed(judged)
        return
    outcome, message, diagnosis = _verdict(judge, judged, error)
    if outcome == "failed" and not isinstance(error, StudentError):
        from autograder.rubric.check_failures import with_changes

        message, diagnosis = with_changes(message, diagnosis)
    if outcome == "failed":
        message, diagnosis = _with_signatures(judge, judged, error, message, diagnosis)
    judge.record(judged, outcome, message, diagnosis, hint=outcome == "failed" and _is_about_an_answer(error))


def _note_finding(judge: Judge, judged: Criterion, error: BaseException | None) -> None:
    from autograder.rubric.findings import Finding

    try:
        judge.findings[judged.id] = Finding.of(error)
    except Exception:  # noqa: BLE001 -- what cannot be compared is not diagnosed; the verdict does not depend on it
        judge.findings[judged.id] = Finding(type(error).__name__)


def _is_about_an_answer(error: BaseException) -> bool:
    """A hint is about an answer; one that is missing, or that never comes, is not answered yet."""
    return not isinstance(error, StudentError) or (
        isinstance(error, StudentException) and not isinstance(error, NotWritten)
    )


def _with_signatures(
    judge: Judge, judged: Criterion, error: BaseException, message: Text, diagnosis: Diagnosis | None
) -> tuple[Text, Diagnosis | None]:
    """Where the function called last takes other parameters than asked, say so once; then what else is wrong."""
    from autograder.rubric.signatures import ANOTHER_ORDER, besides
    from autograder.student.calls import failed_call

    name = failed_call().function
    if not name or isinstance(error, NotWritten | NotDefined):
        return message, diagnosis
    found = judge.difference(name)
    if found is None:
        return message, diagnosis
    words, cause = found
    is_first = judge.tells_first(judged.exercise, name)
    first = (words + same("\n") + message, cause) if is_first else (message, None)
    if cause is not ANOTHER_ORDER or judged.id not in judge.plain_tests or not _is_about_an_answer(error):
        return first
    message, second = _in_order(judge, judged)
    return (first[0] + same("\n") + message, besides(cause, second)) if is_first else (message, second)


def _in_order(judge: Judge, judged: Criterion) -> tuple[Text, Diagnosis | None]:
    """Try a criterion again with the arguments in the student's order: what would be wrong in the order asked?

    What it finds then is its finding from here on. It stays failed.
    """
    assert judge.student is not None
    judge.seed_criterion(judged)
    error = tried(judge, judged, judge.student.reordered())
    _note_finding(judge, judged, error)
    if error is None:
        return text("With the parameters in the order asked, this would be met."), None
    _, message, diagnosis = _verdict(judge, judged, error)
    return text("With the parameters in the order asked: {message}", message=message), diagnosis


def tried(judge: Judge, judged: Criterion, student: Student) -> BaseException | None:
    """Call a criterion's plain test on these functions and return what it raises."""
    try:
        judge.call(judged, student)
    except (pytest.exit.Exception, KeyboardInterrupt):
        raise
    except BaseException as raised:  # noqa: BLE001 -- pytest catches as much: its own outcomes are no `Exception`
        return raised
    return None


def _with_limit_once(judge: Judge, judged: Criterion, error: StudentException) -> Text:
    """The words of an exception; a limit that an exercise has named already is only referred to."""
    if error.limit is None or judge.tells_first(judged.exercise, error.limit.en):
        return error.text
    refers = text("the same limit as above")
    return Text(
        en=error.text.en.removesuffix(error.limit.en) + refers.en,
        zh=error.text.zh.removesuffix(error.limit.zh) + refers.zh,
    )


def _verdict(judge: Judge, judged: Criterion, error: BaseException) -> tuple[Outcome, Text, Diagnosis | None]:
    """Return what an exception means: who is at fault, and what the student reads."""
    from autograder.rubric.check_failures import CheckFailed
    from autograder.student.calls import failed_call

    if isinstance(error, CheckFailed):
        from autograder.rubric.diagnosis import explain

        try:
            diagnosis = error.diagnosis or explain(error.actual, error.expected)
        except Exception:  # noqa: BLE001 -- a tensor can be of any kind; a diagnosis that fails costs the diagnosis
            diagnosis = None
        return "failed", error.text, diagnosis
    if isinstance(error, StudentException):
        from autograder.rubric.exceptions import cause_of

        return "failed", _with_limit_once(judge, judged, error), cause_of(error)
    if isinstance(error, StudentError):
        return "failed", error.text, None
    if isinstance(error, pytest.skip.Exception):
        return "skipped", same(str(error)), None
    if judge.judges_reference:
        from autograder.rubric.their_code import way_round

        words = error.text if isinstance(error, AutograderError) else same(str(error))
        return "error", same(f"{type(error).__name__}: ") + (way_round(error) or words), None
    if isinstance(error, AutograderError | OSError):
        # for the author: a report names no path or line of the course
        print(f"{judged.path}:{judged.line}: {judged.id}: {type(error).__name__}: {error}", file=sys.stderr)
        return "error", text("this could not be judged: the assignment or the platform is at fault, not you"), None
    told = f"{type(error).__name__}: {error}" if judged.visible else type(error).__name__
    if isinstance(error, AssertionError | pytest.fail.Exception):
        from autograder.rubric.plain_asserts import in_words

        return "failed", in_words(without_addresses(str(error))[:1000]) if judged.visible else _not_met(), None
    if isinstance(error, RuntimeError) and str(error).startswith(_WITHOUT_GRADIENT):
        from autograder.rubric.gradients import detached

        words = text("a gradient was asked for, but what came back has none; {call}", call=failed_call().words)
        return "failed", words, detached()
    # the reference passes this criterion, so it is what the student's function returned that broke it
    from autograder.rubric.unusable import unusable

    return "failed", *unusable(error, failed_call(), without_addresses(told)[:300])


def _not_met() -> Text:
    """Say that an assertion of a hidden criterion failed: after which call, and what kind of value that returned."""
    from autograder.student.calls import failed_call

    call = failed_call()
    said = {"call": same(call.words), "kind": same(call.returned)}
    if call.returned:
        return text("after {call}, which returned {kind}: the requirement is not met", **said)
    return (
        text("after {call}: the requirement is not met", **said) if call.words else text("the requirement is not met")
    )
