"""The contents of an ``assignment.yaml``: exercises, functions, limits."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from autograder.base import syntax
from autograder.base.errors import UndeclaredCall
from autograder.base.i18n import OURS, Text, text
from autograder.base.moments import Moment
from autograder.base.words import CourseLanguage, Words, speak_the_courses_language
from autograder.base.yaml_records import mistake

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Name = Annotated[str, Field(pattern=r"^[^\W\d]\w*$")]
"""A name in Python."""


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Settings):
    """What one submission may use."""

    call_s: Seconds = 10
    cell_s: Seconds = 20
    submission_s: Seconds = 120
    memory_mb: Annotated[int, Field(ge=64)] = 2048
    output_kb: Annotated[int, Field(ge=1)] = 1024
    scratch_mb: Annotated[int, Field(ge=0, le=1 << 20)] = 0


@dataclass(frozen=True)
class Function:
    """A function students write: its parameters in order, and those it may change in place.

    Args:
        name: its name.
        parameters: their names.
        required: how many of the first ones have no default.
        changes: those whose arguments it may change.
        defaults: what the declaration writes for the others; empty of those by name that have none either.
        by_name: how many of them, the last ones, are passed by name only.
        more: what takes further arguments in order, `xs` of ``*xs``; empty where nothing does.
        others: likewise by name, `options` of ``**options``.
    """

    name: str
    parameters: tuple[str, ...]
    required: int
    changes: frozenset[str] = frozenset()
    defaults: tuple[str, ...] = ()
    by_name: int = 0
    more: str = ""
    others: str = ""

    @classmethod
    def parse(cls, signature: str, changes: tuple[str, ...] = ()) -> Self:
        """Read a signature as an author writes it.

        >>> Function.parse("sgd(params, lr, batch_size=1)").parameters
        ('params', 'lr', 'batch_size')
        >>> Function.parse("sgd(params, *, momentum=0, lr)").parameters
        ('params', 'lr', 'momentum')

        Raises:
            ValueError: it is no signature.
        """
        try:
            source = f"def {signature}: ..."
            compile(source, "signature", "exec")  # refuses what the parser alone accepts: a name given twice
            (definition,) = syntax.parse(source).body
        except (SyntaxError, ValueError):
            words = text(
                "{signature!r} is not a signature, such as 'sgd(params, lr, batch_size)' or, of a class, 'Net(width)'",
                signature=signature,
            )
            raise mistake(words) from None
        assert isinstance(definition, ast.FunctionDef)
        arguments = definition.args
        in_order = [*arguments.posonlyargs, *arguments.args]
        more, others = (found.arg if found else "" for found in (arguments.vararg, arguments.kwarg))
        by_name = sorted(zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True), key=lambda pair: bool(pair[1]))
        names = tuple(argument.arg for argument in (*in_order, *(argument for argument, _ in by_name)))
        if unknown := set(changes) - {*names, more, others}:
            words = text("{name} has no parameter {parameter!r}", name=definition.name, parameter=min(unknown))
            raise mistake(words)
        without = [None] * (len(in_order) - len(arguments.defaults))
        written = [*without, *arguments.defaults, *(default for _, default in by_name)]
        required = next((place for place, default in enumerate(written) if default is not None), len(names))
        defaults = tuple("" if default is None else ast.unparse(default) for default in written[required:])
        return cls(definition.name, names, required, frozenset(changes), defaults, len(by_name), more, others)

    @property
    def in_order(self) -> tuple[str, ...]:
        """The parameters that are passed in order."""
        return self.parameters[: len(self.parameters) - self.by_name]

    def called_with(self, count: int, names: Collection[str]) -> Self:
        """Return the declaration of a call, with a parameter for each of the further arguments that it may take.

        >>> Function.parse("mix(x, *more, by=1, **options)").called_with(3, ["by", "k"]).parameters
        ('x', 'more[0]', 'more[1]', 'by', 'k')

        Args:
            count: how many arguments are passed in order.
            names: those of the arguments that are passed by name.
        """
        first, last = self.in_order, self.parameters[len(self.in_order) :]
        more = tuple(f"{self.more}[{i}]" for i in range(count - len(first))) if self.more else ()
        others = tuple(name for name in names if name not in self.parameters) if self.others else ()
        if not more and not others:
            return self
        written = [*[""] * self.required, *self.defaults]
        written[len(first) : len(first)] = [""] * len(more)
        required = self.required + len(more) * (self.required > len(first))
        may_change = (*more * (self.more in self.changes), *others * (self.others in self.changes))
        return replace(
            self,
            parameters=(*first, *more, *last, *others),
            required=required,
            defaults=(*written[required:], *[""] * len(others)),
            by_name=len(last) + len(others),
            changes=self.changes.union(may_change),
        )

    def split(self, arguments: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Divide arguments for the first parameters into those that are passed in order and by name.

        >>> Function.parse("sgd(params, *, lr)").split(["p", 0.1])
        (['p'], {'lr': 0.1})
        """
        if not self.by_name:
            return arguments, {}
        count = len(self.in_order)
        return arguments[:count], dict(zip(self.parameters[count:], arguments[count:], strict=False))

    def default_of(self, parameter: str) -> Any:
        """Return what stands for a parameter that is left out although a later one is given.

        >>> Function.parse("generate(model, steps=10, top_k=None)").default_of("steps")
        10

        Raises:
            UndeclaredCall: it has no default.
            ValueError: or one that only the student's code can make.
        """
        place = self.parameters.index(parameter) - self.required
        if not 0 <= place < len(self.defaults) or not self.defaults[place]:
            raise self.refusal(text("called without {parameter}", parameter=parameter))
        return ast.literal_eval(self.defaults[place])

    def refusal(self, how: Text) -> UndeclaredCall:
        """Return the error of a call that the declaration does not allow."""
        words = text(
            "{function}: {how}, which assignment.yaml does not declare; what the student's function takes,"
            " `inspect.signature(student.{name})` tells",
            function=self,
            how=how,
            name=self.name,
        )
        return UndeclaredCall(words)

    def __str__(self) -> str:
        names = [*self.in_order, *(f"*{self.more}",) * bool(self.by_name or self.more)]
        names += [*self.parameters[len(self.in_order) :], *(f"**{self.others}",) * bool(self.others)]
        return f"{self.name}({', '.join(names)})"


class Seed(_Settings):
    """What every cell of a notebook begins with; see `CellSeed`."""

    value: Annotated[int, Field(ge=0, lt=1 << 32)]
    variable: Name | None = None


class Exercise(_Settings):
    """One exercise: its functions, variables of the notebook that its criteria read, and its nbgrader grade cell."""

    title: Words
    functions: list[str] = []
    variables: list[Name] = []
    changes: dict[str, list[str]] = {}
    grade_id: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_\-]+$")] | None = None

    @model_validator(mode="after")
    def _signatures_are_signatures(self) -> Self:
        if not self.functions and not self.variables:
            raise mistake(text("name the functions, or the variables, that students write"), "functions")
        names = {function.name for function in self.parsed}
        if unknown := set(self.changes) - names:
            words = text("{name!r} is not one of this exercise's functions", name=min(unknown))
            raise mistake(words, "changes", min(unknown))
        return self

    @property
    def parsed(self) -> tuple[Function, ...]:
        """The functions, parsed."""

        def changes(signature: str) -> tuple[str, ...]:
            return tuple(self.changes.get(signature.partition("(")[0].strip(), ()))

        return tuple(Function.parse(s, changes(s)) for s in self.functions)


class Settings(_Settings):
    """The contents of an ``assignment.yaml``."""

    schema_: Literal[1] = Field(alias="schema")
    title: Words
    language: CourseLanguage = OURS[0]
    due: Moment | None = None
    exercises: Annotated[dict[str, Exercise], Field(min_length=1)]
    limits: Limits = Limits()
    preload: list[str] = []
    seed: Seed | None = None

    _speak_the_courses_language = model_validator(mode="before")(speak_the_courses_language)

    @property
    def is_in_one_language(self) -> bool:
        """Is no title said in a second language? A student's copy shows its course's languages by nothing else."""
        titles = (self.title, *(exercise.title for exercise in self.exercises.values()))
        return all(len({words for _, words in title}) == 1 for title in titles)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [f.name for exercise in self.exercises.values() for f in exercise.parsed]
        if twice := {name for name in names if names.count(name) > 1}:
            raise mistake(
                text(
                    "two exercises have a function {name!r}; name it in one: criteria of all exercises can call it",
                    name=min(twice),
                ),
                "exercises",
            )
        return self
