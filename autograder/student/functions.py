"""A submission's functions as a rubric sees them: `student.squared_loss(y_hat, y)` looks like a local call.

A `Runner` runs the call: in a confined process (`autograder.student.remote`) when grading, in this process
(`LocalRunner`) in a student's own notebook and for the reference. Both treat arguments alike: what the assignment
does not declare as changed in place is frozen, and a change is noted instead of reaching the rubric's tensors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass, replace
from functools import lru_cache
from inspect import Parameter, Signature
from types import FunctionType, MappingProxyType
from typing import Any, NamedTuple, Protocol

from autograder.base.errors import StudentError, StudentException
from autograder.base.i18n import text
from autograder.course.settings import Function
from autograder.sandbox.tracing import Use
from autograder.student.calls import Call, looked_at, remember_call
from autograder.student.failures import missing_attribute
from autograder.student.raised import ErrorClass
from autograder.student.signatures import Facts, made_fields, made_signature
from autograder.student.source_use import Source
from autograder.student.variables import Reader, Variables

_OWN = ("function", "runner", "_source", "_reordered", "_remembered", "__name__")
"""Attributes of a `StudentFunction`; others are those of the student's class."""
_READ = (
    "__doc__",
    "__defaults__",
    "__kwdefaults__",
    "__annotations__",
    "__qualname__",
    "__members__",
    "__wrapped__",
    "__code__",
)


class Parameters(NamedTuple):
    """What a student's function takes by position.

    Args:
        names: of its parameters.
        required: how many of them have no default.
        more: whether any number of further ones may follow.
    """

    names: tuple[str, ...]
    required: int
    more: bool


class Runner(Protocol):
    """What runs a student's functions."""

    def call(
        self,
        function: Function,
        arguments: list[Any],
        *,
        most: int | None = None,
        looked_at: frozenset[str] = frozenset(),
    ) -> tuple[Any, list[str]]:
        """Call a function with its declared parameters in order.

        Args:
            function: the declaration.
            arguments: what it is called with.
            most: how many items to return instead of an iterator; None for the iterator itself.
            looked_at: the parameters whose arguments show what it does to them, whether it may or not.

        Returns:
            Its result, and the parameters it changed although it may not; the list grows if an iterator that it
            returned changes one later.

        Raises:
            StudentError: it returned no value.
        """
        ...

    def record(
        self, function: Function, arguments: list[Any], watch: Sequence[str], *, exact: bool = False, most: int = 0
    ) -> list[Use] | None:
        """Call a function and record which ready-made operations run meanwhile.

        Args:
            function: the declaration.
            arguments: what it is called with.
            watch: the names of the operations, as `Recorder` takes them.
            exact: as `Recorder` takes it.
            most: so many items of an iterator that it returns are taken.

        Returns:
            The uses in order; None if the code disturbed the record.

        Raises:
            StudentError: it returned no value.
        """
        ...

    def attribute(self, function: Function, name: str) -> Any:
        """Return an attribute of a student's class or function.

        Raises:
            StudentError: it is not defined, or has no such attribute.
        """
        ...

    def error_class(self, function: Function) -> type[Exception] | None:
        """Return what ``pytest.raises`` and ``except`` take for the student's class; None if it is no exception.

        Raises:
            StudentError: it is one in the reference, but not in the submission.
        """
        ...

    def facts(self, function: Function) -> Facts | None:
        """Return what is known of the student's class; None if it is none."""
        ...

    def operate(self, function: Function, operation: str, *operands: Any) -> Any:
        """Carry out one of `operations` with a student's class or function.

        Raises:
            StudentError: it is not defined, or raised an exception.
        """
        ...

    def is_instance(self, function: Function, value: object) -> bool:
        """Return whether a value is an instance of a student's class; of what is no class, nothing is.

        Raises:
            StudentError: the class is not defined.
        """
        ...

    def is_it(self, function: Function, value: object) -> bool:
        """Return whether a value is a student's class or function itself.

        Raises:
            StudentError: it is not defined.
        """
        ...

    def parameters(self, function: Function) -> Parameters | None:
        """Look up what the student's function takes; None where nobody can tell."""
        ...


class Reading(Runner, Reader, Protocol):
    """What also reads the variables of the notebook."""


class Student:
    """The functions of one submission, as attributes.

    Args:
        functions: the declarations, by name.
        runner: calls the functions.
        source: the cells of the submission, to find lines in.
        variables: names of variables, by exercise.
        reordered: arguments go in the order of the names of the student's own parameters.
        remembered: messages describe the last call of these functions; the reference's are nobody's business.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        runner: Reading,
        source: Source | None = None,
        *,
        variables: Mapping[str, Sequence[str]] = MappingProxyType({}),
        reordered: bool = False,
        remembered: bool = True,
    ) -> None:
        self._functions, self._runner, self._source, self._reordered = functions, runner, source, reordered
        self._variables, self._remembered = variables, remembered

    def __repr__(self) -> str:
        return "student"  # as pytest writes it, where it explains an assertion

    def reordered(self) -> Student:
        """Return the same functions, which get their arguments in the order that the names of their parameters have."""
        return Student(self._functions, self._runner, self._source, variables=self._variables, reordered=True)

    def variables_of(self, exercise: str) -> Variables:
        """Return the variables of the notebook that an exercise declares."""
        return Variables(self._runner, exercise, self._variables.get(exercise, ()))

    def __getattr__(self, name: str) -> Any:
        if name not in self._functions:
            raise AttributeError(
                f"assignment.yaml declares no function {name!r}; there are: {', '.join(self._functions)}"
            )
        function = self._function(self._functions[name])
        found: Any = self._runner.error_class(function.function)
        if isinstance(found, ErrorClass):
            found.function = function
        setattr(self, name, found or function)  # found at once the next time
        return found or function

    def _function(self, declared: Function) -> StudentFunction:
        facts = self._runner.facts(declared)
        cls = StudentFunction if facts is None else class_with(facts)
        return cls(declared, self._runner, self._source, reordered=self._reordered, remembered=self._remembered)


class StudentFunction:
    """One function; arguments may be given by the names in ``assignment.yaml``, whatever the student calls them."""

    def __init__(
        self,
        function: Function,
        runner: Runner,
        source: Source | None = None,
        *,
        reordered: bool = False,
        remembered: bool = True,
    ) -> None:
        self.function, self.runner, self._source, self._reordered = function, runner, source, reordered
        self._remembered = remembered
        self.__name__ = function.name

    def __repr__(self) -> str:
        return self.function.name

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What ``isinstance``, and so `inspect`, takes it for."""
        return FunctionType

    @property
    def __signature__(self) -> Signature:
        """The student's own; where it has none, what the assignment declares."""
        try:
            return made_signature(self.runner.operate(self.function, "signature"))
        except (StudentError, ValueError):
            return self._declared_signature()

    def _declared_signature(self) -> Signature:
        function = self.function
        in_order = len(function.in_order)
        made = [
            Parameter(
                name,
                Parameter.POSITIONAL_OR_KEYWORD if place < in_order else Parameter.KEYWORD_ONLY,
                default=Parameter.empty if place < function.required else ...,
            )
            for place, name in enumerate(function.parameters)
        ]
        if function.more:
            made.insert(in_order, Parameter(function.more, Parameter.VAR_POSITIONAL))
        if function.others:
            made.append(Parameter(function.others, Parameter.VAR_KEYWORD))
        return Signature(made)

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the student's class: a constant, a class method."""
        if name.startswith("_") and name not in _READ:  # what libraries look for in any object
            raise AttributeError(name)
        try:
            return self.runner.attribute(self.function, name)
        except StudentException as error:
            raise missing_attribute(error) from None

    def __eq__(self, other: object) -> bool:
        """Whether it is the same function; one that came back, such as an item of a registry, is asked."""
        if isinstance(other, StudentFunction):
            return (self.runner, self.function.name) == (other.runner, other.function.name)
        return self.runner.is_it(self.function, other)

    def __hash__(self) -> int:
        return hash(self.function.name)

    def __instancecheck__(self, value: object) -> bool:
        """Whether ``isinstance`` takes a value for one of the student's class."""
        return self.runner.is_instance(self.function, value)

    def record(self, arguments: Sequence[Any], *names: str, exact: bool = False, most: int = 0) -> list[Use] | None:
        """Call it and record which ready-made operations run; see `Runner.record`.

        A use with no line of the student's is given the line that defines the function.
        """
        function, in_order = _in_order(self.function, tuple(arguments), {})
        self._remember(function, in_order)
        uses = self.runner.record(*self._passed(function, in_order), names, exact=exact, most=most)
        if uses is None or self._source is None or all(use.label for use in uses):
            return uses
        label, line = self._source.find_definition(self.function.name) or ("", 0)
        return [use if use.label else use._replace(label=label, line=line) for use in uses]

    def parameters(self) -> Parameters | None:
        """Look up what it takes in the submission; None where nobody can tell."""
        return self.runner.parameters(self.function)

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Call it as the assignment declares it.

        Raises:
            StudentError: it returned no value.
            TypeError: the rubric passes what the declaration does not allow.
        """
        return self._call(None, positional, named)

    def take(self, most: int, *positional: Any, **named: Any) -> Any:
        """Call it; if it returns an iterator, return at most so many of its first items.

        Across a process boundary this is one message instead of two. Any other result is returned as it is.

        Raises:
            StudentError: it returned no value, or the iterator gave none.
            TypeError: the rubric passes what the declaration does not allow.
        """
        return self._call(most, positional, named)

    def _call(self, most: int | None, positional: tuple[Any, ...], named: dict[str, Any]) -> Any:
        function, arguments = _in_order(self.function, positional, named)
        call = self._remember(function, arguments)
        function, passed = self._passed(function, arguments) if self._reordered else (function, arguments)
        try:
            result, changed = self.runner.call(function, passed, most=most, looked_at=call.looked_at)
        except StudentException as error:
            call.changed = error.changed_arguments
            raise
        call.changed = changed  # the runner's own list: while an iterator is advanced it may grow
        call.result = result
        return result

    def _passed(self, function: Function, arguments: list[Any]) -> tuple[Function, list[Any]]:
        """Return what is called and the arguments in the order in which they are passed."""
        return _in_own_order(function, self.parameters(), arguments) if self._reordered else (function, arguments)

    def _remember(self, function: Function, arguments: list[Any]) -> Call:
        name, parameters = function.name, function.parameters
        given = tuple(zip(parameters, arguments, strict=False))
        call = Call(name, given, looked_at=looked_at(name, parameters))
        if self._remembered:
            remember_call(call)
        return call


_words = property(lambda self: self.__getattr__("__doc__"))
StudentFunction.__doc__ = _words  # type: ignore[assignment]  # that of the student's function, not of this class


class StudentClass(StudentFunction):
    """A class of the student's, with what Python does with classes: ``issubclass``, the members of an enumeration."""

    facts: Facts
    """What is known of it; see `class_with`."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """What ``isinstance``, and so `inspect`, takes it for."""
        return type

    def __eq__(self, other: object) -> bool:
        return _declared_name(other) == self.function.name or super().__eq__(other)

    def __hash__(self) -> int:
        return hash(self.function.name if self.facts.itself is None else self.facts.itself)

    @property
    def __bases__(self) -> tuple[type, ...]:
        """The classes of both sides that it is below, for ``issubclass(student.Net, nn.Module)``."""
        return self.facts.known

    def __subclasscheck__(self, other: object) -> bool:
        if self.facts.itself is not None and isinstance(other, type) and not isinstance(other, StudentFunction):
            return issubclass(other, self.facts.itself)
        if (name := _declared_name(other)) is not None:
            other = StudentFunction(Function(name, (), 0), self.runner)
        function = getattr(other, "function", None)
        other = function if isinstance(other, type) and not isinstance(other, StudentFunction) else other
        return isinstance(other, StudentFunction) and self._operate("issubclass", other, itself_last=True) is True

    def __iter__(self) -> Iterator[Any]:
        found: Iterator[Any] = iter(self._operate("iter"))
        return found

    def __len__(self) -> int:
        return int(self._operate("__len__"))

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, key: Any) -> Any:
        return self._operate("__getitem__", key)

    def __contains__(self, item: object) -> bool:
        return self._operate("__contains__", item) is True

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            self._operate("__setattr__", name, value)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        raise TypeError(
            f"{self.__name__} is a class of the student's: a class below it cannot be defined on this side;"
            " define one in a function that the notebook holds, or call methods of the student's own instead"
        )

    def __dir__(self) -> list[str]:
        return [str(name) for name in self._operate("__dir__")]

    def _operate(self, operation: str, *operands: Any, itself_last: bool = False) -> Any:
        if itself_last:
            (first,) = operands
            return first.runner.operate(first.function, operation, self)
        return self.runner.operate(self.function, operation, *operands)


def _declared_name(cls: object) -> str | None:
    """Return the declared name of the class of a student's object; see `remote_objects.DECLARED`."""
    found = vars(cls).get("__declared_as__") if type.__instancecheck__(type, cls) else None
    return found if isinstance(found, str) else None


@lru_cache(256)
def class_with(facts: Facts) -> type[StudentClass]:
    """Return the kind of `StudentClass` for what is known of one."""
    members: dict[str, Any] = {"facts": facts, "__doc__": _words}
    if facts.fields is not None:
        members["__dataclass_fields__"] = made_fields(facts.fields)
    elif is_dataclass(facts.itself):
        members["__dataclass_fields__"] = facts.itself.__dataclass_fields__
    return type("StudentClass", (StudentClass,), members)


def _in_order(function: Function, positional: tuple[Any, ...], named: dict[str, Any]) -> tuple[Function, list[Any]]:
    """Return the arguments of a call in the order of the declaration, with what it says where one is left out.

    Where only the student's code knows that, what follows is passed by name, and the declaration that is returned has
    no more parameters than are passed.
    """
    names = function.parameters
    if not named and len(positional) == len(names) and not function.by_name:  # as most calls are
        return function, list(positional)
    if function.more or function.others:
        function = function.called_with(len(positional), named)
        names = function.parameters
    given = dict(zip(function.in_order, positional, strict=False))
    if len(positional) > len(function.in_order) or given.keys() & named.keys() or named.keys() - set(names):
        how = text("called with {count} arguments in order", count=len(positional))
        if named:
            told = ", ".join(sorted(named))
            how = text("called with {count} arguments in order and {names} by name", count=len(positional), names=told)
        raise function.refusal(how)
    given |= named
    count = max((names.index(name) + 1 for name in given), default=0)
    passed: dict[str, Any] = {}
    in_order, by_name = len(function.in_order), 0
    for place, name in enumerate(names[: max(count, function.required)]):
        if name in given:
            passed[name] = given[name]
            by_name += place >= in_order
            continue
        try:
            default = function.default_of(name)
        except ValueError:
            in_order = min(place, in_order)
        if place < in_order:
            passed[name] = default
    if in_order == len(function.in_order) and tuple(passed) == names[: len(passed)]:
        return function, list(passed.values())
    return replace(function, parameters=tuple(passed), by_name=by_name), list(passed.values())


def _in_own_order(asked: Function, own: Parameters | None, arguments: list[Any]) -> tuple[Function, list[Any]]:
    """Declaration and arguments in the order of a student's function, which its parameters of the same names tell.

    The others keep theirs. Where arguments are left out, or the number is another one, nothing is moved.
    """
    if own is None or own.more or asked.by_name or not len(own.names) == len(asked.parameters) == len(arguments):
        return asked, arguments
    others = iter([place for place, name in enumerate(asked.parameters) if name not in own.names])
    places = [asked.parameters.index(name) if name in asked.parameters else next(others) for name in own.names]
    names = tuple(asked.parameters[place] for place in places)
    return replace(asked, parameters=names), [arguments[place] for place in places]
