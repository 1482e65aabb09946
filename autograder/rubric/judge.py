"""The judge of a pytest session: criteria, the submission behind `student`, the verdicts so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from autograder.base.errors import ConfigError, SandboxError
from autograder.base.files import line_of
from autograder.base.i18n import Text, same, text
from autograder.results.grade_report import CriterionResult, Diagnosis, ExerciseResult, Outcome
from autograder.rubric.criteria import Criterion, is_named

if TYPE_CHECKING:  # pytest loads this module in every session; torch is for those that judge
    import torch

    from autograder.course.course import Assignment
    from autograder.course.submission import Submission
    from autograder.rubric.constants import Constants
    from autograder.rubric.criteria import PlainTest
    from autograder.rubric.findings import Finding
    from autograder.sandbox.cells import Notebook
    from autograder.student.calls import Call
    from autograder.student.functions import Student
    from autograder.student.instances import Instances


Diagnose = Callable[["dict[str, CriterionResult]", "dict[str, Finding]"], "dict[str, CriterionResult]"]
"""Takes verdicts and findings by criterion and returns the verdicts with diagnoses."""


class Judge:
    """Decides in one pytest session: holds the criteria, the submission behind `student` and the verdicts so far.

    Args:
        assignment: the assignment whose rubric judges.
        key: seeds all random inputs.
        exercise: judge the criteria of this exercise only; may be changed between submissions.
    """

    def __init__(self, assignment: Assignment, key: bytes, *, exercise: str | None = None) -> None:
        self.assignment, self.key, self.exercise = assignment, key, exercise
        self.visible_only = False
        """Judge by the criteria that students have; may be changed between submissions."""
        self.known: list[Criterion] = []
        """Every criterion that was collected."""
        self.results: dict[str, CriterionResult] = {}
        self.student: Student | None = None
        self._seed_submission: Callable[[int], None] | None = None
        self.mistake: ConfigError | None = None
        self.judges_reference = False
        """The reference is being judged: what breaks now is the rubric's fault."""
        self.fault: SandboxError | None = None
        """What the platform failed in, so that nothing judged since says anything of the submission."""
        self.plain_tests: dict[str, PlainTest] = {}
        """The tests that can be called without pytest's set-up and tear-down, by criterion."""
        self.constants: Constants | None = None
        """What the rubric's modules and cases hold, which every submission finds as it was read."""
        self.findings: dict[str, Finding] = {}
        """What the criteria tried so far have found."""
        self.diagnose: Diagnose | None = None
        """Names the known mistakes in the verdicts, if the assignment's mutants are at hand."""
        self.on_verdict: Callable[[CriterionResult], None] | None = None
        """Called with each verdict as it is found, where somebody looks on."""
        self.probe: Callable[[], None] | None = None
        """Called before a submission is closed, to ask what tells its mistakes apart while its functions are there."""
        self.probed: dict[str, Finding] = {}
        """What the probes found, by exercise."""
        self._seeds: dict[str, int] = {}
        self._named: dict[str, list[str]] = {}  # the criteria that a name means
        self._passed: dict[str, CriterionResult] = {}
        self._differences: dict[str, tuple[Text, Diagnosis] | None] = {}
        self._told: set[tuple[str, str]] = set()
        self._changed_by_reference: dict[str, set[tuple[str, str]]] = {}  # by criterion: functions and parameters

    @property
    def criteria(self) -> list[Criterion]:
        """The criteria to judge now."""
        return [judged for judged in self.known if self.asks_for(judged)]

    def asks_for(self, judged: Criterion) -> bool:
        """Is this one of the criteria to judge now?"""
        return self.exercise in (None, judged.exercise) and (judged.visible or not self.visible_only)

    @cached_property
    def source(self) -> Submission:
        """The source notebook: the reference, and what its mutants are edits of.

        Raises:
            ConfigError: there is none here, it cannot be read, or its marks are wrong.
        """
        from autograder.course import source_notebook

        if not self.assignment.has_reference:
            words = text("has no private/ folder, so there is no reference here")
            raise ConfigError(words, path=self.assignment.directory)
        return source_notebook.read(self.assignment)

    @cached_property
    def stub(self) -> Submission:
        """What students begin with: the source notebook without its solutions.

        Raises:
            ConfigError: as for `source`.
        """
        from autograder.course.mutants import Answers

        stubs = Answers.of(self.assignment, self.assignment.notebook).stubs
        cells = (replace(cell, source=stubs.get(cell.grade_id or "", cell.source)) for cell in self.source.cells)
        return replace(self.source, cells=tuple(cells))

    @cached_property
    def reference(self) -> Student:
        """The source notebook's functions, in this process.

        Raises:
            ConfigError: there is none, it cannot be read, or a cell of it fails.
        """
        from autograder.student.failures import tell_failure
        from autograder.student.functions import Student
        from autograder.student.local import LocalRunner, run_locally

        notebook, failures = run_locally(self.assignment, self.source)
        if failures:
            words = text("the reference fails: {reason}", reason=tell_failure(failures[0]).in_one_line())
            raise ConfigError(words, path=self.assignment.notebook)
        self._refuse_undefined(notebook)
        return Student(
            self.assignment.functions,
            LocalRunner.of(notebook),
            variables=self.assignment.variables,
            remembered=False,
        )

    def _refuse_undefined(self, reference: Notebook) -> None:
        settings = self.assignment.directory / "assignment.yaml"
        for name, function in self.assignment.functions.items():
            try:
                reference.find(name)
            except KeyError:
                words = text("{file} defines no {name!r}", file=self.assignment.notebook.name, name=name)
                line = line_of(settings, f"{name}({', '.join(function.parameters[:1])}") or line_of(settings, name)
                key = f"exercises.{self.assignment.exercise_of[name]}.functions"
                raise ConfigError(words, path=settings, line=line, key=key) from None

    @cached_property
    def instances(self) -> Instances:
        """Which objects may answer for themselves: of declared functions that are classes.

        They are classes in the reference or, where a student checks, by their names.
        """
        from autograder.student.instances import Instances

        declared = self.assignment.functions
        if not self.assignment.has_reference:
            return Instances(frozenset(name for name in declared if name[:1].isupper()))
        from autograder.student.source_use import Source

        return Instances(frozenset(Source(self.source.cells, {}, {}).classes() & declared.keys()))

    def seed_of(self, name: str) -> int:
        """Return the seed of one criterion's inputs."""
        if name not in self._seeds:
            from autograder.course.course import derive_seed

            self._seeds[name] = derive_seed(self.key, self.assignment.name, name)
        return self._seeds[name]

    def use_key(self, key: bytes) -> None:
        """Seed all random inputs by another key from now on."""
        self.key = key
        self._seeds.clear()

    def inputs_of(self, judged: Criterion) -> torch.Generator:
        """Return the generator of a criterion's inputs, seeded from the course's secret alike for all submissions."""
        import torch

        return torch.Generator().manual_seed(self.seed_of(judged.id))

    def call(self, judged: Criterion, student: Student) -> None:
        """Try a criterion's plain test on these functions and raise what the test raises."""
        from autograder.student.calls import criterion_scope

        test = self.plain_tests[judged.id]
        fixtures: dict[str, Callable[[], object]] = {
            "student": lambda: student,
            "variables": lambda: student.variables_of(judged.exercise),
            "reference": lambda: self.reference,
            "rng": lambda: self.inputs_of(judged),
        }
        with criterion_scope(hidden=not judged.visible, looks_at=judged.looks_at) as watched:
            test.function(**{name: fixtures[name]() for name in test.fixtures}, **test.case)
            if watched:
                self.hold_changes_against(judged, watched)

    def hold_changes_against(self, judged: Criterion, watched: Sequence[Call]) -> None:
        """Fail a criterion if what it looks at was changed, unless something says so or the reference does so.

        Else an argument that was filled with zeros would give an expected value of zeros.

        Args:
            judged: the criterion, which has come to its end.
            watched: the calls of which it looks at arguments.

        Raises:
            CheckFailed: one of them was.
        """
        changing = [(call, name) for call in watched for name in call.shown]
        if self.judges_reference:
            self._changed_by_reference[judged.id] = {(call.name, name) for call, name in changing}
        for call, name in changing:
            if (call.name, name) not in self._changed_by_reference.get(judged.id, {(call.name, name)}):
                from autograder.rubric.check_failures import changed_in_place

                raise changed_in_place(call, [name])

    def begin(self, student: Student, *, seed_submission: Callable[[int], None] | None = None) -> None:
        """Judge this student from now on; ``seed_submission`` seeds their process, if they have one of their own."""
        self.student, self.results, self._seed_submission = student, {}, seed_submission
        self.fault = None
        if self.constants is not None:
            self.constants.put_back()
        self.findings, self.probed, self._differences, self._told = {}, {}, {}, set()

    def difference(self, function: str) -> tuple[Text, Diagnosis] | None:
        """How the parameters of the submission's function differ from those asked for; see `signatures`."""
        if function not in self._differences:
            from autograder.rubric.signatures import difference

            asked = getattr(self.student, function)
            self._differences[function] = difference(asked.function, asked.parameters())
        return self._differences[function]

    @property
    def student_in_order(self) -> Student:
        """The submission's functions, which get their arguments in their own order where it was found to be another."""
        from autograder.rubric.signatures import ANOTHER_ORDER

        assert self.student is not None
        is_other = any(found is not None and found[1] is ANOTHER_ORDER for found in self._differences.values())
        return self.student.reordered() if is_other else self.student

    def tells_first(self, exercise: str, what: str) -> bool:
        """Is this the first time that something is told in an exercise, about a function or a limit?"""
        is_first = (exercise, what) not in self._told
        self._told.add((exercise, what))
        return is_first

    def seed_criterion(self, judged: Criterion) -> None:
        """Let every criterion draw the same numbers whatever ran before it."""
        self.seed_submission(judged.id)

    def seed_submission(self, name: str) -> None:
        """Set this process's generators, and the submission's, to where something of this name begins."""
        seed = self.seed_here(name)
        if self._seed_submission is not None:
            self._seed_submission(seed)

    def seed_here(self, name: str) -> int:
        """Seed this process's generators for a criterion or a probe and return the seed."""
        from autograder.sandbox.generators import seed_generators

        seed = self.seed_of(f"{name}/student")
        seed_generators(seed)
        return seed

    def record_passed(self, judged: Criterion) -> None:
        """Record a pass: one verdict, shared by all submissions."""
        if judged.id not in self._passed:
            self._passed[judged.id] = _verdict(judged, "passed")
        self._keep(self._passed[judged.id])

    def record(
        self,
        judged: Criterion,
        outcome: Outcome,
        message: Text | None = None,
        diagnosis: Diagnosis | None = None,
        *,
        hint: bool = False,
    ) -> None:
        """Record a verdict, with the criterion's hint if it can help."""
        self._keep(_verdict(judged, outcome, message, diagnosis, judged.hint if hint else None))

    def _keep(self, result: CriterionResult) -> None:
        self.results[result.id] = result
        if self.on_verdict is not None:
            self.on_verdict(result)

    def unmet_need(self, judged: Criterion) -> CriterionResult | None:
        """Return the verdict that makes trying a criterion pointless: what it needs has not passed."""
        if judged.needs is None:
            return None
        if judged.needs not in self._named:
            self._named[judged.needs] = [known.id for known in self.known if is_named(known.id, judged.needs)]
        needed = (self.results[i] for i in self._named[judged.needs] if i in self.results)
        return next((result for result in needed if result.outcome != "passed"), None)

    def exercises(self) -> tuple[ExerciseResult, ...]:
        """Return the verdicts by exercise; a criterion without one could not be judged."""
        criteria = self.criteria
        for judged in criteria:
            if judged.id not in self.results:
                self.record(judged, "error", text("this criterion was not reached"))
        results = self._explained() if self.findings else self.results
        return tuple(
            ExerciseResult.of(name, exercise.title, tuple(results[c.id] for c in criteria if c.exercise == name))
            for name, exercise in self.assignment.settings.exercises.items()
            if self.exercise in (None, name)
        )

    def _explained(self) -> dict[str, CriterionResult]:
        from autograder.rubric.diagnosis import without_accidents

        results = without_accidents(self.results, self.findings)
        return results if self.diagnose is None else self.diagnose(results, self.findings)

    def skip_all(self) -> None:
        """Skip every criterion: the submission cannot be read, so all earn 0."""
        self.results, self.findings, self.probed = {}, {}, {}
        for judged in self.criteria:
            self.record(judged, "skipped")


def _verdict(
    judged: Criterion,
    outcome: Outcome,
    message: Text | None = None,
    diagnosis: Diagnosis | None = None,
    hint: Text | None = None,
) -> CriterionResult:
    return CriterionResult(
        id=judged.id,
        title=judged.title,
        points=judged.points,
        earned=judged.points if outcome == "passed" else 0.0,
        outcome=outcome,
        visible=judged.visible,
        message=message or same(""),
        diagnosis=diagnosis,
        hint=hint,
    )
