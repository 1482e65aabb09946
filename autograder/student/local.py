"""Runs a submission and its functions in this process: the reference, a mutant, a student's own notebook."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import islice
from operator import is_
from typing import Any, Self

import numpy as np
import torch

from autograder.base.environment import overridden
from autograder.base.errors import NotDefined, StudentException
from autograder.course.course import Assignment
from autograder.course.settings import Function
from autograder.course.submission import Submission
from autograder.datasets import OFFLINE
from autograder.sandbox import stand_ins, tables, transforms
from autograder.sandbox.cells import Notebook, positional_parameters
from autograder.sandbox.failure import Failure
from autograder.sandbox.frozen import (
    holds_container,
    is_iterator,
)
from autograder.sandbox.generator_states import KINDS, hand_over
from autograder.sandbox.lists import CHANGEABLE, DICTS, like
from autograder.sandbox.operations import OPERATIONS
from autograder.sandbox.plain_functions import is_theirs, make_here
from autograder.sandbox.torch_modes import Recording
from autograder.sandbox.tracing import Recorder, Use
from autograder.sandbox.variables import copied, shown_by
from autograder.student import own_objects
from autograder.student.failures import cell_name, missing_function, student_exception
from autograder.student.functions import Parameters, StudentFunction
from autograder.student.local_effects import FrozenArguments, GivenContainers, tensors_in
from autograder.student.raised import lead_to, raised_here
from autograder.student.signatures import Facts
from autograder.student.variables import Ran
from autograder.student.worker_settings import cell_seed_of

_AS_THEY_ARE = frozenset((bool, int, float, str, type(None), torch.Tensor))
"""Types of arguments that arrive as they are."""
_BARE = ("builtins", "itertools")
"""Where iterators are from of which only items are asked for, such as generators; others have attributes, methods."""


def run_locally(assignment: Assignment, submission: Submission) -> tuple[Notebook, list[Failure]]:
    """Run the cells of a submission in this process; return what they defined and what failed."""
    module = "submission" if submission.is_script else "__main__"
    notebook = Notebook(assignment.exercise_of, module, assignment.variables, cell_seed_of(assignment))
    stand_ins.use_shell(notebook.shell)
    failures: list[Failure] = []
    with overridden(OFFLINE, "1"):
        for cell in submission.cells:
            if cell.is_test:
                if cell.grade_id in assignment.grade_ids:
                    notebook.reach_grade_cell(assignment.grade_ids[cell.grade_id])
            elif not cell.skip:
                failed = notebook.run(cell.label, cell.source, first_line=cell.first_line, resume=cell.resume)
                failures += [] if cell.may_fail else failed
    notebook.finish()
    return notebook, failures


class LocalRunner:
    """Calls functions in this process.

    Args:
        find: returns a function by name, or raises KeyError.
        defined: returns the defined names, to suggest one when the right name is missing.
        failure: describes an exception of the student's.
        names: returns the names that an exercise's tests find.
        missing: describes why a name is missing, given those that are defined.
    """

    def __init__(
        self,
        find: Callable[[str], Any],
        *,
        defined: Callable[[], Iterable[str]],
        failure: Callable[[BaseException], Failure],
        names: Callable[[str], Mapping[str, Any]],
        missing: Callable[[str, Iterable[str]], NotDefined] = missing_function,
    ) -> None:
        self._find, self._defined, self._failure, self._names = find, defined, failure, names
        self._tell_missing = missing

    @classmethod
    def of(cls, notebook: Notebook) -> Self:
        """Return a runner for a notebook that was run in this process."""
        return cls(notebook.find, defined=notebook.defined, failure=notebook.failure, names=notebook.names_at)

    def call(
        self,
        function: Function,
        arguments: list[Any],
        *,
        most: int | None = None,
        looked_at: frozenset[str] = frozenset(),
    ) -> tuple[Any, list[str]]:
        """See `Runner`."""
        try:
            target = self._find(function.name)
        except KeyError:
            raise self._missing(function.name) from None
        if transforms.are_on():
            return transforms.call_within(  # type: ignore[no-any-return]
                lambda *own: self.call(function, list(own), most=most, looked_at=looked_at), arguments, {}
            )
        shown = function.parameters if isinstance(target, type) else function.changes | looked_at
        given = self._given(function.parameters, arguments, shown)
        frozen = FrozenArguments(
            {
                name: tensors_in(argument)
                for name, argument in zip(function.parameters, given, strict=False)
                if name not in function.changes
            },
            looked_at,
        )
        containers = GivenContainers(
            zip(function.parameters, arguments, given, strict=False), function.changes, looked_at, frozen
        )
        try:
            with Recording(torch.is_grad_enabled()):  # a student may switch it and never back
                in_order, by_name = function.split(given)
                result = containers.as_passed(frozen.settle(target(*in_order, **by_name)))
                if is_iterator(result):
                    if type(result).__module__ in _BARE:
                        result = containers.watch(frozen.watch(result))
                    if most is not None:
                        result = list(islice(result, most))
        except Exception as error:  # noqa: BLE001 -- whatever the student raises is shown as theirs
            frozen.settle(None)
            containers.settle()
            told = self._as_theirs(function.name, error)
            told.changed_arguments = frozen.changed
            try:
                raise told
            finally:
                lead_to(told, error)
        containers.settle()
        return result, frozen.changed

    def record(
        self, function: Function, arguments: list[Any], watch: Sequence[str], *, exact: bool = False, most: int = 0
    ) -> list[Use] | None:
        """See `Runner`."""
        with Recorder(watch, exact=exact) as record:
            self.call(function, arguments, most=most)
        uses = record.uses
        return uses and [use._replace(label=cell_name(use.label)) for use in uses]

    def attribute(self, function: Function, name: str) -> Any:
        """See `Runner`."""
        return self._look(function, lambda found: getattr(found, name))

    def error_class(self, function: Function) -> type[Exception] | None:
        """See `Runner`; it is the student's class itself."""
        try:
            found = self._find(function.name)
        except KeyError:
            return None
        return found if isinstance(found, type) and issubclass(found, Exception) else None

    def facts(self, function: Function) -> Facts | None:
        """See `Runner`."""
        try:
            found = self._find(function.name)
        except KeyError:
            return None
        if not isinstance(found, type):
            return None
        return Facts(False, (), None, found)

    def operate(self, function: Function, operation: str, *operands: Any) -> Any:
        """See `Runner`."""
        own = [self._find(o.function.name) if isinstance(o, StudentFunction) else o for o in operands]
        return self._look(function, lambda found: OPERATIONS[operation](found, *own))

    def is_instance(self, function: Function, value: object) -> bool:
        """See `Runner`."""
        return self._look(function, lambda found: OPERATIONS["isinstance"](value, found)) is True

    def is_it(self, function: Function, value: object) -> bool:
        """See `Runner`."""
        return self._look(function, lambda found: found is value) is True

    def _missing(self, name: str) -> NotDefined:
        return self._tell_missing(name, self._defined())

    def _look(self, function: Function, look: Callable[[Any], Any]) -> Any:
        try:
            target = self._find(function.name)
        except KeyError:
            raise self._missing(function.name) from None
        try:
            return look(target)
        except Exception as error:  # noqa: BLE001 -- whatever the student raises is shown as theirs
            raise self._as_theirs(function.name, error) from None

    def _as_theirs(self, function: str, error: Exception) -> StudentException:
        cls: Any = type(error)
        return student_exception(function, self._failure(error), raised_here(cls), error)

    def parameters(self, function: Function) -> Parameters | None:
        """See `Runner`."""
        try:
            found = positional_parameters(self._find(function.name))
        except KeyError:
            return None
        return None if found is None else Parameters(tuple(found[0]), *found[1:])

    def variable(self, exercise: str, name: str) -> Any:
        """See `Reader`; where the notebook still runs, it is what it is now."""
        names = self._names(exercise)
        if name not in names:
            raise self._missing(name)
        return copied({name: names[name]})[name]

    def run_test(self, exercise: str, source: str) -> Ran:
        """See `Reader`."""
        try:
            return Ran(*shown_by(source, self._names(exercise)))
        except AssertionError:
            raise
        except Exception as error:  # noqa: BLE001 -- whatever the student's code raises is shown as theirs
            raise student_exception(exercise, self._failure(error)) from None

    def _given(self, names: Sequence[str], arguments: list[Any], shown: Collection[str]) -> list[Any]:
        """Return what arrives in place of the arguments.

        Lists are copies, unless all of them show what is done to them, or an object is made, which may keep them: then
        they are the rubric's.
        """
        pairs = list(zip(arguments, names, strict=False))
        lists = [(i, *pair) for i, pair in enumerate(pairs) if own_objects.holds_container(pair[0])] if shown else []
        if lists and all(name in shown for _, _, name in lists):
            copies: dict[int, Any] = {}
            given = [self._own(argument, name, copies, may_change=True) for argument, name in pairs]
            if all(given[i] is argument for i, argument, _ in lists):
                return given
        copies = {}
        return [self._own(argument, name, copies) for argument, name in pairs]

    def _own(self, argument: Any, name: str, copies: dict[int, Any], *, may_change: bool = False) -> Any:
        """Return what arrives in place of an argument; a list that stands in several places is one there as well.

        One that may change arrives as it is, but for parameters in it, which stay who they are.
        """
        if type(argument) in _AS_THEY_ARE:
            return argument
        if type(argument) is not tuple and type(argument) not in CHANGEABLE:
            return self._own_value(argument, name)
        if id(argument) not in copies:
            copies[id(argument)] = self._own_container(argument, name, copies, may_change=may_change)
        return copies[id(argument)]

    def _own_container(self, argument: Any, name: str, copies: dict[int, Any], *, may_change: bool) -> Any:
        before = list(argument.values() if type(argument) in DICTS else argument)
        inside = [self._own(inner, name, copies, may_change=may_change) for inner in before]
        if may_change and all(map(is_, inside, before)) and not any(map(_is_trained, inside)):
            return argument
        if type(argument) in DICTS:
            return like(argument, dict(zip(argument, inside, strict=True)))
        return tuple(inside) if type(argument) is tuple else like(argument, inside)

    def _own_record(self, argument: Any, name: str) -> Any:
        own = copy.copy(argument)
        if hasattr(own, "__dict__"):
            vars(own).update({key: self._own(inner, name, {}) for key, inner in vars(own).items()})
        return own

    def _own_value(self, argument: Any, name: str) -> Any:
        """Turn an argument into what arrives after travelling: lists are copies, functions real ones.

        The wrapper comes off the student's own functions. Networks and classes stay what they are.
        """
        if isinstance(argument, StudentFunction) and argument.runner is self:
            return self._find(argument.function.name)
        if (isinstance(argument, np.ndarray) and holds_container(argument)) or tables.is_table(argument):
            return argument.copy()
        if isinstance(argument, dict) and type(argument) is not dict:
            return copy.copy(argument)
        if isinstance(argument, KINDS):
            return hand_over(argument)
        if own_objects.form_of(argument) is not None:
            return self._own_record(argument, name)
        if own_objects.is_more_than_a_function(argument, own_objects.asked_of(argument)):
            return argument
        if callable(argument) and not isinstance(argument, torch.nn.Module | type) and not is_theirs(argument):
            return make_here(argument, name)
        return argument


def _is_trained(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.requires_grad
