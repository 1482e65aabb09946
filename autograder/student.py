"""A submission's functions as a rubric sees them: `student.squared_loss(y_hat, y)` looks like a local call.

Who runs the call is a `Runner`: a confined process (`autograder.sandbox.remote`) when grading, this process
(`LocalRunner`) in a student's own notebook and for the reference. Both treat arguments alike: what the assignment
does not declare as changed in place is frozen, and a change is noted instead of reaching the rubric's tensors.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, Self

import torch

from autograder.checks import Call, remember_call
from autograder.course import Assignment, Function
from autograder.datasets import OFFLINE
from autograder.environment import overridden
from autograder.errors import StudentError, StudentException
from autograder.sandbox.cells import Failure, Notebook, first_items
from autograder.sandbox.wire import identical
from autograder.source import Source, Use
from autograder.submission import Submission, tell_label
from autograder.texts import Text, same, text, without_addresses


class Runner(Protocol):
    """Whoever runs a student's functions."""

    def call(self, function: Function, arguments: list[Any], *, most: int | None = None) -> tuple[Any, list[str]]:
        """Call a function with its declared parameters in order.

        Args:
            function: the declaration.
            arguments: what it is called with.
            most: so many items of an iterator that it returns are given instead of the iterator.

        Returns:
            Its result, and the parameters it changed although it may not.

        Raises:
            StudentError: it returned no value.
        """
        ...


class Student:
    """The functions of one submission, as attributes."""

    def __init__(self, functions: Mapping[str, Function], runner: Runner, source: Source | None = None) -> None:
        self._functions, self._runner, self._source = functions, runner, source

    def __getattr__(self, name: str) -> StudentFunction:
        if name not in self._functions:
            raise AttributeError(
                f"assignment.yaml declares no function {name!r}; there are: {', '.join(self._functions)}"
            )
        return StudentFunction(self._functions[name], self._runner, self._source)


class StudentFunction:
    """One function; arguments may be given by the names in ``assignment.yaml``, whatever the student calls them."""

    def __init__(self, function: Function, runner: Runner, source: Source | None = None) -> None:
        self.function, self.runner, self._source = function, runner, source
        self.__name__ = function.name

    def find_use(self, *names: str) -> Use | None:
        """Where its source text uses one of these names; None too where there is no text to read."""
        return None if self._source is None else self._source.find_use(self.function.name, names)

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Call it as the assignment declares it.

        Raises:
            StudentError: it returned no value.
            TypeError: the rubric passes what the declaration does not allow.
        """
        return self._call(None, positional, named)

    def take(self, most: int, *positional: Any, **named: Any) -> Any:
        """Call it; of an iterator that it returns, give the first items, at most so many.

        Across a process boundary this is one message instead of two. Anything else is given as it is.

        Raises:
            StudentError: it returned no value, or the iterator gave none.
            TypeError: the rubric passes what the declaration does not allow.
        """
        return self._call(most, positional, named)

    def _call(self, most: int | None, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
        arguments = _in_order(self.function, positional, named)
        call = Call(self.function.name, tuple(zip(self.function.parameters, arguments, strict=False)))
        remember_call(call)
        result, changed = self.runner.call(self.function, arguments, most=most)
        call.changed.extend(changed)
        return result


def run_locally(assignment: Assignment, submission: Submission) -> tuple[Notebook, list[Failure]]:
    """Run the cells of a submission in this process; gives what they defined and what failed."""
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
        find: gives a function by name, or raises KeyError.
        defined: the names there are, to suggest one when the right name is missing.
        failure: tells an exception of the student's.
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
        """Calls the functions of a notebook that was run in this process."""
        return cls(notebook.find, defined=notebook.defined, failure=notebook.failure)

    def call(self, function: Function, arguments: list[Any], *, most: int | None = None) -> tuple[Any, list[str]]:
        """See `Runner`."""
        try:
            target = self._find(function.name)
        except KeyError:
            raise StudentError(missing_function(function.name, self._defined())) from None
        given = [self._own(argument) for argument in arguments]
        frozen = {
            name: [(tensor, tensor.detach().clone()) for tensor in _tensors(argument)]
            for name, argument in zip(function.parameters, given, strict=False)
            if name not in function.changes
        }
        try:
            with torch.set_grad_enabled(torch.is_grad_enabled()):  # a student may switch it and not back
                result = target(*given)
                if most is not None:
                    result = first_items(result, most)
        except Exception as error:  # noqa: BLE001 -- whatever the student raises is told as the student's
            raise student_exception(function.name, self._failure(error)) from None
        if any(result is now and not identical(before, now) for pairs in frozen.values() for now, before in pairs):
            result = result.clone()  # what came back, not what the argument is again in a moment
        return result, [name for name, pairs in frozen.items() if _restore(pairs)]

    def _own(self, argument: Any) -> Any:
        """Lists are copied, as they are when they travel; the student's own functions come without our wrapper."""
        if isinstance(argument, StudentFunction):
            return self._find(argument.function.name)
        if type(argument) in (list, tuple):
            return type(argument)(self._own(inner) for inner in argument)
        return argument


def _in_order(function: Function, positional: tuple[Any, ...], named: dict[str, Any]) -> list[Any]:
    names = function.parameters
    if not named and len(positional) == len(names):  # as most calls are
        return list(positional)
    given = dict(zip(names, positional, strict=False))
    if len(positional) > len(names) or given.keys() & named.keys() or named.keys() - set(names):
        raise TypeError(f"{function} cannot take {len(positional)} arguments and {sorted(named)}")
    given |= named
    count = max((names.index(name) + 1 for name in given), default=0)
    if missing := [name for name in names[: max(count, function.required)] if name not in given]:
        raise TypeError(f"{function}: {missing[0]} is missing")
    return [given[name] for name in names[:count]]


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list | tuple):
        return [tensor for inner in value for tensor in _tensors(inner)]
    return []


def _restore(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> bool:
    """Undo changes to frozen tensors; True if there were any."""
    changed = [(now, before) for now, before in pairs if not identical(before, now)]
    for now, before in changed:
        if now.shape == before.shape and now.dtype == before.dtype and now.is_contiguous():
            now.data.copy_(before)  # where it lies: the rubric may hold a view of it
        else:
            now.data = before
    return bool(changed)


def missing_function(name: str, defined: Iterable[str]) -> Text:
    """Says that a function is not there, and which name was perhaps meant."""
    close = difflib.get_close_matches(name, [d for d in defined if d != name], n=1, cutoff=0.7)
    hint = text("; `{found}` is: was it renamed?", found=close[0]) if close else same("")
    return text("`{name}` is not defined in this submission{hint}", name=name, hint=hint)


def student_exception(function: str, failure: Failure) -> StudentException:
    """The student's own traceback as an error."""
    if failure.kind == "NotImplementedError" and not failure.message:
        return StudentException(text("`{name}` is not written yet", name=function), kind=failure.kind)
    if failure.kind == "WireError":
        return StudentException(
            text("what `{name}` returned cannot be used: {reason}", name=function, reason=failure.message),
            kind=failure.kind,
        )
    return StudentException(tell_failure(failure), kind=failure.kind)


def tell_failure(failure: Failure) -> Text:
    """A student's traceback, innermost line last, as Python writes it."""
    words = same("")
    for label, line, name, source in failure.frames:
        where = text("{place}, line {line}", place=tell_label(label), line=line)
        inside = text(", in {name}", name=name) if name and name != "<module>" else same("")
        words = words + where + inside + same(f"\n    {source}\n" if source else "\n")
    message = without_addresses(failure.message)
    words = words + same(f"{failure.kind}: {message}" if message else failure.kind)
    return words if failure.limit is None else words + same("\n") + failure.limit


def frames_outside(error: BaseException, package: str) -> Failure:
    """An exception's frames without those of this package: for code that runs in the reader's own process."""
    import linecache

    frames = []
    traceback = error.__traceback__
    while traceback is not None:
        code, line = traceback.tb_frame.f_code, traceback.tb_lineno or 0
        if not code.co_filename.startswith(package) and "site-packages" not in code.co_filename:
            frames.append(
                (_cell_name(code.co_filename), line, code.co_name, linecache.getline(code.co_filename, line).strip())
            )
        traceback = traceback.tb_next
    return Failure(type(error).__name__, str(error), frames[-8:])


def _cell_name(file: str) -> str:
    """Jupyter's name of a cell, where the file is one."""
    if "ipykernel_" not in file and not file.startswith("<ipython-input"):
        return file
    compiler = getattr(getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)(), "compile", None)
    name = compiler.format_code_name(file) if compiler is not None else None
    return f"{name[0]} {name[1]}" if name else "cell"
