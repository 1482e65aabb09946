"""Runs a submission and its functions in this process: the reference, a mutant, a student's own notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Self

import torch

from autograder.base.environment import overridden
from autograder.course.course import Assignment
from autograder.course.settings import Function
from autograder.course.submission import Submission
from autograder.datasets import OFFLINE
from autograder.sandbox.cells import Failure, Notebook, first_items, positional_parameters
from autograder.sandbox.stand_ins import make_here
from autograder.sandbox.wire import identical
from autograder.student.failures import missing_function, student_exception
from autograder.student.functions import Parameters, StudentFunction


def run_locally(assignment: Assignment, submission: Submission) -> tuple[Notebook, list[Failure]]:
    """Run the cells of a submission in this process; return what they defined and what failed."""
    notebook = Notebook(assignment.exercise_of, "submission" if submission.is_script else "__main__")
    failures: list[Failure] = []
    with overridden(OFFLINE, "1"):
        for cell in submission.cells:
            if cell.is_test:
                if cell.grade_id in assignment.grade_ids:
                    notebook.reach_grade_cell(assignment.grade_ids[cell.grade_id])
            elif not cell.skip:
                failures += notebook.run(cell.label, cell.source, first_line=cell.first_line, resume=cell.resume)
    notebook.finish()
    return notebook, failures


class LocalRunner:
    """Calls functions in this process.

    Args:
        find: returns a function by name, or raises KeyError.
        defined: returns the defined names, to suggest one when the right name is missing.
        failure: describes an exception of the student's.
    """

    def __init__(
        self,
        find: Callable[[str], Any],
        *,
        defined: Callable[[], Iterable[str]],
        failure: Callable[[BaseException], Failure],
    ) -> None:
        self._find, self._defined, self._failure = find, defined, failure

    @classmethod
    def of(cls, notebook: Notebook) -> Self:
        """Return a runner for a notebook that was run in this process."""
        return cls(notebook.find, defined=notebook.defined, failure=notebook.failure)

    def call(self, function: Function, arguments: list[Any], *, most: int | None = None) -> tuple[Any, list[str]]:
        """See `Runner`."""
        try:
            target = self._find(function.name)
        except KeyError:
            raise missing_function(function.name, self._defined()) from None
        given = [self._own(argument, name) for argument, name in zip(arguments, function.parameters, strict=False)]
        frozen = {
            name: [(tensor, tensor.detach().clone()) for tensor in _tensors(argument)]
            for name, argument in zip(function.parameters, given, strict=False)
            if name not in function.changes
        }
        try:
            with torch.set_grad_enabled(torch.is_grad_enabled()):  # a student may switch it and never back
                result = target(*given)
                if most is not None:
                    result = first_items(result, most)
        except Exception as error:  # noqa: BLE001 -- whatever the student raises is shown as theirs
            raise student_exception(function.name, self._failure(error)) from None
        if any(result is now and not identical(before, now) for pairs in frozen.values() for now, before in pairs):
            result = result.clone()  # as it came back: the argument itself is restored in a moment
        return result, [name for name, pairs in frozen.items() if _restore(pairs)]

    def parameters(self, function: Function) -> Parameters | None:
        """See `Runner`."""
        try:
            found = positional_parameters(self._find(function.name))
        except KeyError:
            return None
        return None if found is None else Parameters(tuple(found[0]), *found[1:])

    def _own(self, argument: Any, name: str) -> Any:
        """Turn an argument into what arrives after travelling: lists are copies, functions real ones.

        The wrapper comes off the student's own functions. Networks and classes stay what they are.
        """
        if isinstance(argument, StudentFunction) and argument.runner is self:
            return self._find(argument.function.name)
        if type(argument) in (list, tuple):
            return type(argument)(self._own(inner, name) for inner in argument)
        if callable(argument) and not isinstance(argument, torch.nn.Module | type):
            return make_here(argument, name)
        return argument


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [tensor for inner in value for tensor in _tensors(inner)]
    return []


def _restore(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> bool:
    """Undo changes to frozen tensors; return whether there were any."""
    changed = [(now, before) for now, before in pairs if not identical(before, now)]
    for now, before in changed:
        if now.shape == before.shape and now.dtype == before.dtype and now.is_contiguous():
            now.data.copy_(before)  # where it lies: the rubric may hold a view of it
        else:
            now.data = before
    return bool(changed)
