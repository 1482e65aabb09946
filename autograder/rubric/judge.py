"""What a pytest session judges with: criteria, the submission behind `student`, the verdicts so far."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from autograder.base.errors import ConfigError, SubmissionError
from autograder.base.i18n import Text, same, text
from autograder.results.grade_report import CriterionResult, Diagnosis, ExerciseResult, Outcome
from autograder.rubric.criteria import Criterion, is_named

if TYPE_CHECKING:  # pytest loads this module in every session; torch is for those that judge
    import torch

    from autograder.course.course import Assignment
    from autograder.course.submission import Submission
    from autograder.rubric.criteria import PlainTest
    from autograder.rubric.findings import Finding
    from autograder.student.functions import Student


Explain = Callable[["dict[str, CriterionResult]", "dict[str, Finding]"], "dict[str, CriterionResult]"]
"""Verdicts and findings by criterion -> the same verdicts, with diagnoses."""


class Judge:
    """What one pytest session judges with: the criteria, the submission behind `student`, the verdicts so far.

    Args:
        assignment: whose rubric it is.
        key: seeds all random inputs.
        exercise: judge the criteria of this exercise only; may be changed between submissions.
    """

    def __init__(self, assignment: Assignment, key: bytes, *, exercise: str | None = None) -> None:
        self.assignment, self.key, self.exercise = assignment, key, exercise
        self.known: list[Criterion] = []
        """Every criterion that was collected."""
        self.results: dict[str, CriterionResult] = {}
        self.student: Student | None = None
        self._seed_submission: Callable[[int], None] | None = None
        self.mistake: ConfigError | None = None
        self.proving = False
        """The reference is being judged: what breaks now is the rubric's fault."""
        self.plain_tests: dict[str, PlainTest] = {}
        """The tests of those criteria that can be tried without pytest's set-up and tear-down of each."""
        self.findings: dict[str, Finding] = {}
        """What the criteria found that were tried."""
        self.explain: Explain | None = None
        """Names the known mistakes in the verdicts, where the assignment's mutants are at hand."""
        self.probe: Callable[[], None] | None = None
        """Called before a submission is closed, to ask what tells its mistakes apart while its functions are there."""
        self.probed: dict[str, Finding] = {}
        """What the probes found, by exercise."""
        self._seeds: dict[str, int] = {}
        self._passed: dict[str, CriterionResult] = {}

    @property
    def criteria(self) -> list[Criterion]:
        """Those to be judged now."""
        return [judged for judged in self.known if self.exercise in (None, judged.exercise)]

    @cached_property
    def source(self) -> Submission:
        """The source notebook: the reference, and what its mutants are edits of.

        Raises:
            ConfigError: there is none here, or it cannot be read.
        """
        from autograder.course import submission

        if not self.assignment.has_reference:
            raise ConfigError("has no private/ folder, so there is no reference here", path=self.assignment.directory)
        notebook = self.assignment.require_notebook()
        try:
            return submission.read(notebook)
        except SubmissionError as error:
            raise ConfigError(str(error), path=self.assignment.notebook) from error

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
            words = f"the reference fails: {tell_failure(failures[0])}".replace("\n", " ")
            raise ConfigError(words, path=self.assignment.notebook)
        return Student(self.assignment.functions, LocalRunner.of(notebook))

    def seed_of(self, name: str) -> int:
        """The seed of one criterion's inputs."""
        if name not in self._seeds:
            from autograder.course.course import derive_seed

            self._seeds[name] = derive_seed(self.key, self.assignment.name, name)
        return self._seeds[name]

    def inputs_of(self, judged: Criterion) -> torch.Generator:
        """What a criterion draws its random inputs from: by the course's secret, the same for every submission."""
        import torch

        return torch.Generator().manual_seed(self.seed_of(judged.id))

    def call(self, judged: Criterion, student: Student) -> None:
        """Try a criterion's plain test on these functions; raises what the test raises."""
        from autograder.student.calls import criterion_scope

        test = self.plain_tests[judged.id]
        fixtures: dict[str, Callable[[], object]] = {
            "student": lambda: student,
            "reference": lambda: self.reference,
            "rng": lambda: self.inputs_of(judged),
        }
        with criterion_scope(hidden=not judged.visible):
            test.function(**{name: fixtures[name]() for name in test.fixtures}, **test.case)

    def begin(self, student: Student, *, seed_submission: Callable[[int], None] | None = None) -> None:
        """From now on `student` is this one; ``seed_submission`` seeds its process, where it has its own."""
        self.student, self.results, self._seed_submission = student, {}, seed_submission
        self.findings, self.probed = {}, {}

    def seed_criterion(self, judged: Criterion) -> None:
        """Let every criterion draw the same numbers whatever ran before it."""
        self.seed_submission(judged.id)

    def seed_submission(self, name: str) -> None:
        """Set this process's generators, and the submission's, to where something of this name begins."""
        seed = self.seed_here(name)
        if self._seed_submission is not None:
            self._seed_submission(seed)

    def seed_here(self, name: str) -> int:
        """Set this process's generators to where a criterion or a probe begins; gives the seed."""
        from autograder.sandbox.generators import seed_generators

        seed = self.seed_of(f"{name}/student")
        seed_generators(seed)
        return seed

    def record_passed(self, judged: Criterion) -> None:
        """Keep the verdict that says the same of every submission."""
        if judged.id not in self._passed:
            self.record(judged, "passed")
            self._passed[judged.id] = self.results[judged.id]
        self.results[judged.id] = self._passed[judged.id]

    def record(
        self,
        judged: Criterion,
        outcome: Outcome,
        message: Text | None = None,
        diagnosis: Diagnosis | None = None,
        *,
        hint: bool = False,
    ) -> None:
        """Keep a verdict, with the criterion's hint where it can help."""
        self.results[judged.id] = CriterionResult(
            id=judged.id,
            title=judged.title,
            points=judged.points,
            earned=judged.points if outcome == "passed" else 0.0,
            outcome=outcome,
            visible=judged.visible,
            message=message or same(""),
            diagnosis=diagnosis,
            hint=judged.hint if hint else None,
        )

    def unmet_need(self, judged: Criterion) -> CriterionResult | None:
        """The verdict for which a criterion need not be tried."""
        needed = (r for i, r in self.results.items() if judged.needs is not None and is_named(i, judged.needs))
        return next((result for result in needed if result.outcome != "passed"), None)

    def exercises(self) -> tuple[ExerciseResult, ...]:
        """The verdicts by exercise; a criterion without one could not be judged."""
        for judged in self.criteria:
            if judged.id not in self.results:
                self.record(judged, "error", text("this criterion was not reached"))
        results = self._explained() if self.findings else self.results
        return tuple(
            ExerciseResult.of(name, exercise.title, tuple(results[c.id] for c in self.criteria if c.exercise == name))
            for name, exercise in self.assignment.settings.exercises.items()
            if self.exercise in (None, name)
        )

    def _explained(self) -> dict[str, CriterionResult]:
        from autograder.rubric.diagnosis import without_accidents

        results = without_accidents(self.results, self.findings)
        return results if self.explain is None else self.explain(results, self.findings)

    def skip_all(self) -> None:
        """No criterion can be tried, by the student's doing: they earn nothing."""
        self.results, self.findings, self.probed = {}, {}, {}
        for judged in self.criteria:
            self.record(judged, "skipped")
