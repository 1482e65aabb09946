"""Finds the known mistake in a submission: the mutant that does the same under every criterion of the exercise.

The mutants of ``mutants.yaml`` are edits of the reference, so they may run in this process. A mutant runs only if it
can be the answer: all criteria that it names have failed. It is the answer if every criterion of the exercise finds the
same in both: the same message, up to rounding, and the same values. If a few mutants match, the student reads that it
is one of them. An exercise that builds on a failed one gets no diagnosis. A mutant that never ends matches a submission
that does not return in time.
"""

from __future__ import annotations

import ast
import io
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from autograder.base.errors import StudentTimeout
from autograder.base.i18n import text
from autograder.course import mutants
from autograder.course.mutants import Answers, Mutant, Mutants
from autograder.course.submission import Cell
from autograder.results.grade_report import CAUSES, CriterionResult, Diagnosis
from autograder.rubric.criteria import Criterion, is_named
from autograder.rubric.findings import Finding
from autograder.rubric.loop_budget import IMPORT, TooManyRounds, at_most, with_counted_rounds
from autograder.student.functions import Student
from autograder.student.local import LocalRunner, run_locally

if TYPE_CHECKING:
    from autograder.rubric.judge import Judge

MAX_CAUSES = 3
MAX_ROUNDS = 30_000
"""The limit for all loops of a mutant in one criterion; training takes a few thousand."""


@contextmanager
def quietly() -> Iterator[None]:
    """Discard what a mutant prints, and its warnings."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


class KnownMistakes:
    """The mutants of an assignment, and what each criterion finds in them.

    Args:
        judge: tries its criteria; its assignment has a reference.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.before_mutant: Callable[[str], object] = lambda _: None
        """Called with the id of a mutant before it runs in this process, which it may bring down."""
        self.after_mutant: Callable[[], object] = lambda: None
        """Called when it has ended: a crash from now on is not its fault."""
        self.deadly: frozenset[str] = frozenset()
        """The ids of mutants that brought the process down more than once."""
        self._versions: dict[str, Student] = {}
        self._found: dict[tuple[str, str], Finding] = {}

    @cached_property
    def _known(self) -> Mutants | None:
        assignment = self._judge.assignment
        return mutants.load(assignment) if mutants.are_listed(assignment) else None

    @cached_property
    def _answers(self) -> Answers:
        return Answers.of(self._judge.assignment, self._judge.assignment.notebook)

    def prove(self) -> None:
        """Apply every edit of ``mutants.yaml``, before a submission depends on one.

        Raises:
            ConfigError: the file cannot be read, or a text to replace does not occur exactly once.
        """
        if self._known is not None:
            for version in (*self._known.mutants, *self._known.equivalents):
                self._answers.edited(version)

    def _needed_by(self, exercise: str) -> set[str]:
        """Return the exercises whose functions the reference calls in this one: what breaks there breaks here too."""
        owners = self._judge.assignment.exercise_of
        nodes = ast.walk(ast.parse(self._answers.solutions.get(exercise, "")))
        return {owners[n.id] for n in nodes if isinstance(n, ast.Name) and n.id in owners} - {exercise}

    def diagnose(
        self, results: Mapping[str, CriterionResult], findings: Mapping[str, Finding]
    ) -> dict[str, CriterionResult]:
        """Return the results with the known mistake of each exercise named at its first failed criterion.

        Args:
            results: the verdicts by criterion.
            findings: what the criteria that were tried found.
        """
        named = dict(results)
        broken = {c.exercise for c in self._judge.criteria if results[c.id].outcome != "passed"}
        for exercise in dict.fromkeys(c.exercise for c in self._judge.criteria):
            criteria = [c for c in self._judge.criteria if c.exercise == exercise]
            failed = [c.id for c in criteria if results[c.id].outcome == "failed"]
            found: list[Mutant] = []
            with suppress(Exception):  # a diagnosis that fails costs the diagnosis, never the grade
                if failed and not broken & self._needed_by(exercise):
                    found = self._mistakes(exercise, criteria, results, findings)
            if 0 < len(found) <= MAX_CAUSES:
                diagnosis = _one_of(found)
                for name in failed:
                    first = name == failed[0]
                    named[name] = named[name].model_copy(update={"diagnosis": diagnosis if first else None})
        return named

    def _mistakes(
        self,
        exercise: str,
        criteria: list[Criterion],
        results: Mapping[str, CriterionResult],
        findings: Mapping[str, Finding],
    ) -> list[Mutant]:
        tried = [c for c in criteria if c.id in findings]
        if any(results[c.id].outcome == "error" for c in criteria) or not self._can_replay(tried):
            return []
        tried.sort(key=lambda c: results[c.id].outcome == "passed")  # failed criteria tell mutants apart soonest
        not_passed = [c.id for c in criteria if results[c.id].outcome != "passed"]
        found: list[Mutant] = []
        for mutant in self._known.mutants if self._known is not None else ():
            if mutant.exercise != exercise or not _can_be(mutant, not_passed):
                continue
            if mutant.id not in self.deadly and self._does_the_same(mutant, tried, findings):
                found.append(mutant)
        return found

    def _does_the_same(self, mutant: Mutant, tried: list[Criterion], findings: Mapping[str, Finding]) -> bool:
        try:
            return all(self._finding(mutant, c).agrees(findings[c.id]) for c in tried)
        except (Exception, TooManyRounds):  # noqa: BLE001 -- it cannot be run or compared: the others still can
            return False

    def _can_replay(self, criteria: list[Criterion]) -> bool:
        return all(c.id in self._judge.plain_tests for c in criteria)

    def _finding(self, mutant: Mutant, judged: Criterion) -> Finding:
        key = (mutant.id, judged.id)
        if key not in self._found:
            self.before_mutant(mutant.id)
            try:
                self._found[key] = self._replay(judged, self._version(mutant))
            except (Exception, TooManyRounds):
                self.after_mutant()
                raise
            self.after_mutant()  # not after any other exception: it ends the process, and this mutant is to blame
        return self._found[key]

    def _replay(self, judged: Criterion, version: Student) -> Finding:
        """Try a criterion on a version whose functions are in this process."""
        self._judge.seed_here(judged)
        try:
            with quietly(), at_most(MAX_ROUNDS):
                self._judge.call(judged, version)
        except TooManyRounds:
            return Finding(StudentTimeout.__name__)
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 -- `pytest.fail` and `sys.exit` raise no `Exception`
            return Finding.of(error)
        return Finding.of(None)

    def _version(self, mutant: Mutant) -> Student:
        if mutant.id not in self._versions:
            assignment, source = self._judge.assignment, self._judge.source
            edited = self._answers.edited(mutant)
            cells = [replace(c, source=edited) if c.grade_id == mutant.exercise else c for c in source.cells]
            counted = [replace(c, source=with_counted_rounds(c.source)) for c in cells]
            first = Cell("code cell 0", 0, IMPORT)
            with at_most(MAX_ROUNDS):
                notebook, _ = run_locally(assignment, replace(source, cells=(first, *counted)))
            self._versions[mutant.id] = Student(assignment.functions, LocalRunner.of(notebook))
        return self._versions[mutant.id]


def _one_of(found: list[Mutant]) -> Diagnosis:
    """Return one diagnosis for mistakes that all do the same."""
    words = found[0].explain
    for other in found[1:]:
        if other.explain == found[0].explain:
            continue
        words = text("{cause} Or: {other}", cause=words, other=other.explain)
    return Diagnosis(id=CAUSES.join(mutant.id for mutant in found), text=words)


def _can_be(mutant: Mutant, not_passed: list[str]) -> bool:
    return all(any(is_named(criterion, name) for criterion in not_passed) for name in mutant.fails)
