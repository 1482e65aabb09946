"""Imports a master notebook of Otter's: writes the assignment, tries its criteria out, and writes it as they need.

A criterion must be met by the source notebook and not by what students begin with. Otter asks for neither, and its
tests run where the notebook runs. So each criterion is tried: one that the source notebook does not meet from here
runs in the student's process, and one that it does not meet there either is left out.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from autograder.base.errors import ConfigError, UsageError
from autograder.base.i18n import Text, same, text
from autograder.course.course import Assignment, Course
from autograder.course.otter import master as masters
from autograder.course.otter import writing
from autograder.course.otter.criteria import Treatment
from autograder.course.otter.notebook import code_cells_of_master
from autograder.course.otter.plan import Criterion, Exercise, Note, Plan
from autograder.results.grade_report import CriterionResult
from autograder.rubric.judge import Judge
from autograder.rubric.plugin import run_criteria
from autograder.rubric.pytest_session import run_session
from autograder.rubric.run import open_submission
from autograder.rubric.versions import quietly
from autograder.sandbox import confine, spawning, system
from autograder.sandbox.process import Workers, Zygote
from autograder.student.local import run_locally
from autograder.student.worker_settings import worker_settings_of

_REASON = 160
_MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_STOPPED = ("cell-error", "cell-timeout", "cell-crash")
_ROUNDS = 6
"""A test can become another one so often: inside, asking for an answer, waiting, left out, cells that may fail."""


@dataclass(frozen=True)
class Imported:
    """An assignment made of a master notebook.

    Args:
        folder: the assignment's.
        exercises: the questions that are judged by criteria.
        by_hand: the names of those that a person grades.
        notes: what was not turned, or not quite.
    """

    folder: Path
    exercises: tuple[Exercise, ...]
    by_hand: tuple[str, ...]
    notes: tuple[Note, ...]


def import_master(path: Path, course: Course, name: str) -> Imported:
    """Turn a master notebook into an assignment of a course.

    Args:
        path: the notebook.
        course: the course.
        name: the assignment's.

    Raises:
        UsageError: the notebook is not one, the assignment is there already, or it cannot be written.
    """
    folder = course.source / name
    if folder.exists():
        raise UsageError(text("{path}: exists already; choose another name", path=folder))
    plan = Plan(masters.read(path))
    with tempfile.TemporaryDirectory(prefix="autograder-import-") as scratch:
        failure = _settle(plan, course, Path(scratch) / name)
    exercises = writing.write(plan, folder, course.languages)
    notes = writing.notes(plan)
    if plan.stops is not None:
        words = text(
            "the source notebook stops when it runs as students' work does, and only then; tests that need what "
            "follows were left out: {reason}",
            reason=plan.stops.in_one_line(),
        )
        notes = [Note(None, words), *notes]
    if failure is not None:
        notes = [Note(None, _untried(failure, folder)), *notes]
    by_hand = tuple(question.name for question in plan.master.questions if question.is_manual)
    return Imported(folder, tuple(exercises), by_hand, tuple(notes))


def _untried(reason: Text, folder: Path) -> Text:
    if missing := _MISSING.search(reason.en):
        return text(
            "the criteria have not been tried out: `{module}` is not installed; install it where you grade, remove "
            "{folder} and import again",
            module=missing[1],
            folder=folder,
        )
    return text(
        "the criteria have not been tried out ({reason}); mend that, or tag a cell that is meant to fail "
        "`raises-exception`, remove {folder} and import again",
        reason=reason,
        folder=folder,
    )


def _settle(plan: Plan, course: Course, folder: Path) -> Text | None:
    """Try the criteria out until nothing has to change; return why that was not possible."""
    with contextlib.ExitStack() as stack:
        workers: Workers | None = None
        for _ in range(_ROUNDS):
            exercises = writing.write(plan, folder, course.languages)
            if not exercises:
                return None
            try:
                assignment = Assignment.load(folder, languages=course.languages)
                judge = Judge(assignment, course.key())
            except ConfigError as error:
                return error.text
            try:
                workers = workers or stack.enter_context(_workers(assignment))
                found = _try(judge, workers)
            except ConfigError as error:
                if plan.excuse(_failures(judge)):
                    continue
                return error.text
            plan.stops = found.stops
            if not _improve(plan, exercises, found):
                return None
    return None


def _failures(judge: Judge) -> dict[int, Text]:
    """Return the cells of the master notebook that fail here, and why; none if that can be helped by installing."""
    with contextlib.chdir(judge.assignment.directory), quietly():
        _, failures = run_locally(judge.assignment, judge.source)
    if any(failure.kind == ModuleNotFoundError.__name__ for failure in failures):
        return {}
    cells = code_cells_of_master(judge.assignment.notebook)
    found = {cells.get(label): failure for failure in failures for label, *_ in failure.frames[:1]}
    return {
        number: _short(same(f"{failure.kind}: {failure.message}"))
        for number, failure in found.items()
        if number is not None
    }


def _workers(assignment: Assignment) -> contextlib.AbstractContextManager[Workers]:
    """Make the processes that run the notebook's code, confined if the machine can do that."""
    confined = confine.is_available(assignment.settings.limits.scratch_mb)
    settings = worker_settings_of(assignment, confined=confined, many=False)
    return (Zygote.begin if system.can_fork() else spawning.Spawner.begin)(settings)


@dataclass(frozen=True)
class _Trial:
    """What became of each criterion.

    Args:
        source: for the source notebook.
        stub: for what students begin with.
        stops: what a cell of the source notebook cannot do here, if one fails.
    """

    source: Mapping[str, CriterionResult]
    stub: Mapping[str, CriterionResult]
    stops: Text | None


def _try(judge: Judge, workers: Workers) -> _Trial:
    """Judge the source notebook and the stub by every criterion.

    Raises:
        ConfigError: the source notebook or the rubric fails as a whole.
    """
    judge.diagnose = lambda results, _: results
    trials: list[Mapping[str, CriterionResult]] = []
    stops: list[Text] = []

    def loop(session: pytest.Session) -> None:
        with contextlib.chdir(judge.assignment.directory), quietly():  # where its data is, as when grading
            _ = judge.reference
        for submission in (judge.source, judge.stub):
            judge.judges_reference = submission is judge.source
            with open_submission(judge, workers, submission) as runner:
                if judge.judges_reference:
                    stops.extend(problem.text for problem in runner.problems if problem.kind in _STOPPED)
                run_criteria(session)
            trials.append(dict(judge.results))

    run_session(judge, loop=loop)
    of_source, of_stub = trials
    return _Trial(of_source, of_stub, next(iter(stops), None))


def _improve(plan: Plan, exercises: Iterable[Exercise], found: _Trial) -> bool:
    """Change what has to become of tests; return whether there was anything to change."""
    changes = {
        criterion.case.cell.number: better
        for exercise in exercises
        for criterion in exercise.criteria
        if (better := _better(plan, exercise, criterion, found)) is not None
    }
    plan.treatments.update(changes)
    return bool(changes)


def _better(plan: Plan, exercise: Exercise, criterion: Criterion, found: _Trial) -> Treatment | None:
    """Return another treatment of a criterion, if it cannot stay as it is."""
    name, now = exercise.id_of(criterion), plan.treatment_of(criterion.case)
    if found.source[name].outcome in ("failed", "error"):
        reason = _short(found.source[name].message)
        if criterion.written.inside is None:
            return replace(now, inside=text("the rubric cannot judge it from outside ({reason})", reason=reason))
        words = text(
            "the source notebook does not meet it: {reason}; run the notebook from top to bottom, save it with its "
            "outputs and import again. A test must not rely on what an earlier test has changed",
            reason=reason,
        )
        return replace(now, left_out=words)
    if found.stub[name].outcome != "passed":
        return None
    if not now.touches and plan.answers(exercise.question):
        return replace(now, touches=True)
    hidden = criterion.case.is_hidden
    others = [c for c in exercise.criteria if c is not criterion and c.case.is_hidden <= hidden]  # those tried before
    if not now.waits and any(found.stub[exercise.id_of(other)].outcome != "passed" for other in others):
        return replace(now, waits=True)
    words = text("it passes before anything is written; let it look at what students write, and import again")
    return replace(now, left_out=words)


def _short(words: Text) -> Text:
    """Return what went wrong in one line that is not too long."""
    return words.in_one_line().map(lambda told: told if len(told) <= _REASON else f"{told[:_REASON]}...")
