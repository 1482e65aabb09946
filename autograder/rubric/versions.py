"""Runs versions of the reference in this process: what a criterion or a probe finds in each of them.

A version is the reference with some edits of ``mutants.yaml``. It shares what the reference's cells have made; only the
definitions are executed again, because executing every cell would cost more than all criteria together.

A probe calls a submission's functions where chance plays no part, for example with one batch of all samples: what
comes back tells training mistakes apart whatever the batches were shuffled with. ``private/probes.py`` has one function
per exercise that needs it; it takes `student` and returns numbers of about 1.
"""

from __future__ import annotations

import ast
import builtins
import io
import linecache
import runpy
import symtable
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import replace
from functools import cached_property, partial
from types import CodeType
from typing import TYPE_CHECKING, Any

import torch

from autograder.base.errors import ConfigError, StudentError, StudentTimeout
from autograder.base.i18n import text
from autograder.course import mutants
from autograder.course.mutants import Answers, Equivalent, Mutants
from autograder.course.submission import Cell, Submission
from autograder.rubric.criteria import Criterion
from autograder.rubric.findings import Finding
from autograder.rubric.loop_budget import IMPORT, TooManyRounds, at_most, with_counted_rounds
from autograder.student.functions import Student
from autograder.student.local import LocalRunner, run_locally

if TYPE_CHECKING:
    from autograder.course.course import Assignment
    from autograder.rubric.judge import Judge
    from autograder.sandbox.cells import Notebook

Edits = tuple[Equivalent, ...]
"""What makes a version, in this order; none make the reference."""

Probe = Callable[[Student], Any]

MAX_ROUNDS = 30_000
"""Of all loops of a version in one criterion; training takes a few thousand."""


@contextmanager
def quietly() -> Iterator[None]:
    """Discard what a version prints, and its warnings."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def run_counted(assignment: Assignment, submission: Submission) -> Notebook:
    """Run the cells of code by the author in this process; each of their loops is counted, also when it runs later.

    Raises:
        TooManyRounds: the cells do not end.
    """
    counted = (replace(cell, source=with_counted_rounds(cell.source)) for cell in submission.cells)
    cells = (Cell("code cell 0", 0, IMPORT), *counted)
    with quietly(), at_most(MAX_ROUNDS):
        return run_locally(assignment, replace(submission, cells=cells))[0]


class Versions:
    """The versions of an assignment, and what was found in them.

    Args:
        judge: whose criteria judge; its assignment has a reference.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.before: Callable[[str], object] = lambda _: None
        """Called with the name of a version before it runs in this process, which it may bring down."""
        self.after: Callable[[], object] = lambda: None
        """Called when it has ended: what happens from now on is not its doing."""
        self._students: dict[str, Student] = {}
        self._found: dict[tuple[str, str], Finding] = {}
        self._compiled: dict[str, CodeType] = {}

    @cached_property
    def known(self) -> Mutants | None:
        """The contents of ``mutants.yaml``, if there is one."""
        assignment = self._judge.assignment
        return mutants.load(assignment) if mutants.are_listed(assignment) else None

    @cached_property
    def probes(self) -> dict[str, Probe]:
        """The probes by exercise.

        Raises:
            ConfigError: ``probes.py`` cannot be executed, or has a function that is not called like an exercise.
        """
        path = self._judge.assignment.private / "probes.py"
        if not path.is_file():
            return {}
        try:
            names = runpy.run_path(str(path))
        except Exception as error:
            words = text("cannot be executed: {reason}", reason=f"{type(error).__name__}: {error}")
            raise ConfigError(words, path=path) from error
        exercises = self._judge.assignment.settings.exercises
        return {name: names[name] for name in exercises if callable(names.get(name))}

    @cached_property
    def _answers(self) -> Answers:
        return Answers.of(self._judge.assignment, self._judge.assignment.notebook)

    def apply_edits(self) -> None:
        """Apply every edit of ``mutants.yaml`` and read the probes, before a submission depends on one.

        Raises:
            ConfigError: a file cannot be read, or a text to replace does not occur exactly once.
        """
        if self.known is not None:
            for version in self.known.versions:
                self._answers.edited(version)
        _ = self.probes

    def needed_by(self, exercise: str) -> set[str]:
        """The exercises whose functions the reference calls in this one: what breaks there shows here as well."""
        owners = self._judge.assignment.exercise_of
        names = _names_from_outside(self._answers.solutions.get(exercise, ""))
        return {owners[name] for name in names if name in owners} - {exercise}

    def are_compatible(self, edits: Edits) -> bool:
        """Can all of these edits be made, one after the other?"""
        try:
            self._sources(edits)
        except ConfigError:
            return False
        return True

    def finding(self, edits: Edits, judged: Criterion, *, draw: int = 0) -> Finding:
        """What a criterion finds in a version; it is tried once per draw of the version's own random numbers."""
        name = f"{judged.id}/{draw}" if draw else judged.id
        return self._once(edits, name, lambda version: self._judge.call(judged, version))

    def probed(self, edits: Edits, exercise: str) -> Finding:
        """What the probe of an exercise finds in a version; it is tried once."""
        return self._once(edits, f"{exercise}/probe", self.probes[exercise], _number)

    def probe(self, exercise: str, student: Student) -> Finding:
        """What the probe of an exercise finds in a submission."""
        self._judge.seed_submission(f"{exercise}/probe")
        return _number(self.probes[exercise], student)

    def _once(
        self, edits: Edits, name: str, try_on: Probe, find: Callable[[Probe, Student], Finding] | None = None
    ) -> Finding:
        key = name_of(edits), name
        if key not in self._found:
            self.before(key[0])
            try:
                version = self._student(edits)
                self._judge.seed_here(name)
                with quietly(), at_most(MAX_ROUNDS):
                    self._found[key] = (find or _try)(try_on, version)
            except (Exception, TooManyRounds):
                self.after()
                raise
            self.after()  # not where anything else was raised: that ends the process, by this version's doing
        return self._found[key]

    # -- making them ---------------------------------------------------------------------------------------------------

    @cached_property
    def _reference(self) -> tuple[dict[str, Any], Callable[[BaseException], Any]]:
        """The names of the reference's notebook, all of whose loops are counted."""
        notebook = run_counted(self._judge.assignment, self._judge.source)
        return dict(notebook.names), notebook.failure

    @cached_property
    def _definitions(self) -> list[Cell]:
        """The solutions, and the other cells that do nothing but define functions and classes."""
        return [c for c in self._judge.source.cells if c.grade_id in self._answers.solutions or _only_defines(c.source)]

    def _student(self, edits: Edits) -> Student:
        key = name_of(edits)
        if key not in self._students:
            names, failure = self._reference
            names, sources = {**names, "__builtins__": builtins}, self._sources(edits)
            for cell in self._definitions:
                self._define(cell, sources.get(cell.grade_id or "", cell.source), names)
            lines = {c.label: sources[c.grade_id] for c in self._definitions if c.grade_id in sources}
            told = partial(_with_own_lines, failure, lines)
            runner = LocalRunner(names.__getitem__, defined=lambda: names, failure=told, names=lambda _: names)
            assignment = self._judge.assignment
            self._students[key] = Student(assignment.functions, runner, variables=assignment.variables)
        return self._students[key]

    def _define(self, cell: Cell, source: str, names: dict[str, Any]) -> None:
        try:
            with quietly(), at_most(MAX_ROUNDS):
                if source not in self._compiled:
                    self._compiled[source] = compile(with_counted_rounds(source), cell.label, "exec")
                exec(self._compiled[source], names)  # noqa: S102 -- an edit of the reference, by the author
        except (Exception, TooManyRounds):  # noqa: BLE001 -- as in a notebook: what its cell defines is missing then
            for function, owner in self._judge.assignment.exercise_of.items():
                if owner == cell.grade_id:
                    names.pop(function, None)

    def _sources(self, edits: Edits) -> dict[str, str]:
        sources = dict(self._answers.solutions)
        for version in edits:
            sources[version.exercise] = self._answers.edited(version, sources[version.exercise])
        return sources


def _with_own_lines(failure: Callable[[BaseException], Any], sources: dict[str, str], error: BaseException) -> Any:
    """What an exception in a version is like, with the version's lines of source instead of the reference's."""
    kept = {label: linecache.cache[label] for label in sources if label in linecache.cache}
    try:
        for label, source in sources.items():
            linecache.cache[label] = (len(source), None, source.splitlines(keepends=True), label)
        return failure(error)
    finally:
        for label in sources:
            linecache.cache.pop(label, None)
        linecache.cache.update(kept)


def name_of(edits: Edits) -> str:
    """What a version is called."""
    return "+".join(version.id for version in edits)


def _names_from_outside(source: str) -> set[str]:
    """The names that the functions of a cell look up outside: neither their arguments nor their own variables."""

    def of(table: symtable.SymbolTable) -> set[str]:
        outside = {name for name in table.get_identifiers() if table.lookup(name).is_global()}
        return outside.union(*map(of, table.get_children()))

    return of(symtable.symtable(source, "<cell>", "exec"))


def _only_defines(source: str) -> bool:
    try:
        return all(isinstance(s, ast.FunctionDef | ast.ClassDef) for s in ast.parse(source).body)
    except (SyntaxError, ValueError):
        return False


def _try(try_on: Probe, student: Student) -> Finding:
    """What trying a criterion on a version comes to."""
    try:
        try_on(student)
    except TooManyRounds:
        return Finding(StudentTimeout.__name__)
    except (KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 -- `pytest.fail` and `sys.exit` raise no `Exception`
        return Finding.of(error)
    return Finding.of(None)


def _number(probe: Probe, student: Student) -> Finding:
    """What a probe returns, as numbers; of what the probe itself cannot use, the kind of exception."""
    try:
        return Finding("", actual=torch.tensor(_flat(probe(student)), dtype=torch.float64))
    except TooManyRounds:
        return Finding(StudentTimeout.__name__)
    except StudentError as error:
        return Finding.of(error)
    except Exception as error:  # noqa: BLE001 -- what a submission returns can be of any kind
        return Finding(type(error).__name__)


MAX_PROBED = 1000
"""So many numbers of a probe are compared; what a submission returns can be of any size."""


def _flat(value: Any) -> list[float]:
    """The numbers in nested lists and tensors."""
    if isinstance(value, torch.Tensor):
        return [float(x) for x in value.detach().flatten()[:MAX_PROBED]]
    if isinstance(value, list | tuple):
        return [x for part in value[:MAX_PROBED] for x in _flat(part)][:MAX_PROBED]
    return [float(value)]
