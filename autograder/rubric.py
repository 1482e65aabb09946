"""Rubrics: ordinary pytest files whose tests are criteria.

.. code-block:: python

    @criterion("squared_loss", points=2, title={"en": "keeps the shape of y_hat", "zh": "保持 y_hat 的形状"})
    def test_squared_loss_keeps_shape(student, rng): ...

This module is the pytest plugin. The same rubric file runs under plain ``pytest solutions/<name> --submission FILE``
(`autograder.plain`), in a student's notebook (`autograder.practice`) and in the grading engine
(`autograder.session`): each of them puts a `Judge` into the session, and the fixtures and hooks here work with it.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from pydantic import ValidationError

from autograder.errors import AutograderError, ConfigError, StudentError
from autograder.results import CriterionResult, Diagnosis, ExerciseResult, Outcome
from autograder.texts import Text, same, text

if TYPE_CHECKING:
    import torch

    from autograder.course import Assignment
    from autograder.sandbox.cells import Failure, Notebook
    from autograder.student import Student
    from autograder.submission import Submission

Test = TypeVar("Test", bound=Callable[..., None])


@dataclass(frozen=True)
class Criterion:
    """One requirement, worth points.

    Args:
        id: ``<exercise>.<name>``, stable from run to run.
        exercise: the exercise it belongs to.
        points: what it is worth; a parametrised test's points are shared by its cases.
        title: the requirement in a few words.
        hint: how to meet it.
        needs: the id of a criterion without which this one is not tried.
        path: the rubric file.
        line: where the test begins.
        visible: students have the file.
    """

    id: str
    exercise: str
    points: float
    title: Text
    hint: Text | None
    needs: str | None
    path: Path
    line: int
    visible: bool = True


_CRITERION = pytest.StashKey[Criterion]()
_JUDGE = pytest.StashKey["Judge"]()
_DECLARED = "__criterion__"


def criterion(
    exercise: str,
    *,
    points: float,
    title: Mapping[str, str],
    hint: Mapping[str, str] | None = None,
    needs: str | None = None,
) -> Callable[[Test], Test]:
    """Declare a test to be a criterion of an exercise.

    Args:
        exercise: a name under ``exercises`` of ``assignment.yaml``; the test is called ``test_<exercise>_...``.
        points: what it is worth, above 0.
        title: the requirement in a few words, in ``en`` and ``zh``.
        hint: how to meet it, in ``en`` and ``zh``.
        needs: the id of an earlier criterion; if that one has not passed, this one is skipped.

    Raises:
        ConfigError: one of these is not as described.
    """

    def declare(test: Test) -> Test:
        path, line = Path(test.__code__.co_filename), test.__code__.co_firstlineno

        def mistake(message: str) -> ConfigError:
            return ConfigError(message, path=path, line=line, key=test.__name__)

        def both_languages(what: str, words: object) -> Text:
            try:
                return Text.model_validate(words)
            except ValidationError:
                raise mistake(f"{what} must have exactly the languages en and zh") from None

        prefix = f"test_{exercise}_"
        if not test.__name__.startswith(prefix):
            raise mistake(f"the name of a criterion of {exercise!r} must start with {prefix!r}")
        if isinstance(points, bool) or not isinstance(points, int | float) or not 0 < points < float("inf"):
            raise mistake(f"points must be a number above 0, not {points!r}")
        declared = Criterion(
            id=f"{exercise}.{test.__name__.removeprefix(prefix)}",
            exercise=exercise,
            points=float(points),
            title=both_languages("title", title),
            hint=None if hint is None else both_languages("hint", hint),
            needs=needs,
            path=path,
            line=line,
        )
        setattr(test, _DECLARED, declared)
        return test

    return declare


def is_named(criterion_id: str, name: str) -> bool:
    """Does a name mean this criterion? That of a parametrised test means all of its cases."""
    return criterion_id == name or criterion_id.startswith(f"{name}[")


class Judge:
    """What one pytest session judges with: the criteria, the submission behind `student`, the verdicts so far.

    Args:
        assignment: whose rubric it is.
        key: seeds all random inputs.
        exercise: judge the criteria of this exercise only.
    """

    def __init__(self, assignment: Assignment, key: bytes, *, exercise: str | None = None) -> None:
        self.assignment, self.key, self.exercise = assignment, key, exercise
        self.criteria: list[Criterion] = []
        self.results: dict[str, CriterionResult] = {}
        self.student: Student | None = None
        self._seed_submission: Callable[[int], None] | None = None
        self.mistake: ConfigError | None = None
        self.proving = False
        """The reference is being judged: what breaks now is the rubric's fault."""
        self._reference: Student | None = None

    @property
    def reference(self) -> Student:
        """The source notebook's functions, in this process."""
        return self._reference or self.load_reference()

    def load_reference(self) -> Student:
        """Run the source notebook in this process and give its functions.

        Raises:
            ConfigError: there is none, it cannot be read, or a cell of it fails.
        """
        self._reference = _load_reference(self.assignment)
        return self._reference

    def seed_of(self, name: str) -> int:
        """The seed of one criterion's inputs."""
        from autograder.course import derive_seed

        return derive_seed(self.key, self.assignment.name, name)

    def begin(self, student: Student, *, seed_submission: Callable[[int], None] | None = None) -> None:
        """From now on `student` is this one; ``seed_submission`` seeds its process, where it has its own."""
        self.student, self.results, self._seed_submission = student, {}, seed_submission

    def seed_criterion(self, judged: Criterion) -> None:
        """Let every criterion draw the same numbers whatever ran before it."""
        from autograder.sandbox.generators import seed_generators

        seed = self.seed_of(f"{judged.id}/student")
        seed_generators(seed)
        if self._seed_submission is not None:
            self._seed_submission(seed)

    def record(
        self, judged: Criterion, outcome: Outcome, message: Text | None = None, diagnosis: Diagnosis | None = None
    ) -> None:
        """Keep a verdict."""
        message = message or same("")
        self.results[judged.id] = CriterionResult(
            id=judged.id,
            title=judged.title,
            points=judged.points,
            earned=judged.points if outcome == "passed" else 0.0,
            outcome=outcome,
            visible=judged.visible,
            message=message.en,
            message_zh=message.zh,
            diagnosis=diagnosis,
            hint=None if outcome == "passed" else judged.hint,
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
        return tuple(
            ExerciseResult.of(
                name, exercise.title, tuple(self.results[c.id] for c in self.criteria if c.exercise == name)
            )
            for name, exercise in self.assignment.settings.exercises.items()
            if self.exercise in (None, name)
        )

    def skip_all(self, reason: Text) -> None:
        """No criterion can be tried, by the student's doing: they earn nothing."""
        self.results = {}
        for judged in self.criteria:
            self.record(judged, "skipped", reason)


def _load_reference(assignment: Assignment) -> Student:
    from autograder import submission
    from autograder.student import LocalRunner, Student, tell_failure

    if not assignment.has_reference:
        raise ConfigError("has no private/ folder, so there is no reference here", path=assignment.directory)
    try:
        source = submission.read(assignment.notebook)
    except AutograderError as error:
        raise ConfigError(str(error), path=assignment.notebook) from error
    notebook, failures = run_locally(assignment, source)
    if failures:
        raise ConfigError(
            f"the reference fails: {tell_failure(failures[0])}".replace("\n", " "), path=assignment.notebook
        )
    return Student(assignment.functions, LocalRunner.of(notebook))


def run_locally(assignment: Assignment, submission: Submission) -> tuple[Notebook, list[Failure]]:
    """Run the cells of a submission in this process; gives what they defined and what failed."""
    from autograder.sandbox.cells import Notebook

    notebook = Notebook(assignment.exercise_of, "submission" if submission.path.suffix == ".py" else "__main__")
    failures: list[Failure] = []
    for cell in submission.cells:
        if cell.is_test:
            if cell.grade_id in assignment.grade_ids:
                notebook.reach_grade_cell(assignment.grade_ids[cell.grade_id])
        elif not cell.skip:
            failures += notebook.run(cell.label, cell.source, first_line=cell.first_line, resume=cell.resume)
    notebook.finish()
    return notebook, failures


# -- fixtures ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def student(request: pytest.FixtureRequest) -> Student:
    """The submission's functions, as attributes."""
    judge = request.config.stash[_JUDGE]
    assert judge.student is not None
    return judge.student


@pytest.fixture
def reference(request: pytest.FixtureRequest) -> Student:
    """The reference's functions, as attributes; for hidden criteria only."""
    return request.config.stash[_JUDGE].reference


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> torch.Generator:
    """A random number generator whose seed depends on the course's secret and the criterion."""
    import torch

    judge = request.config.stash[_JUDGE]
    return torch.Generator().manual_seed(judge.seed_of(request.node.stash[_CRITERION].id))


# -- hooks -------------------------------------------------------------------------------------------------------------


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Turn declared tests into criteria."""
    judge = config.stash.get(_JUDGE, None)
    if judge is None:
        return
    declared = [item for item in items if is_criterion(item)]
    others = [item for item in items if not is_criterion(item)]
    declared.sort(key=lambda item: not _is_visible(judge, item))  # visible ones first, whatever the folders are called
    try:
        _adopt(judge, declared)
    except ConfigError as error:
        judge.mistake = judge.mistake or error
    items[:] = [*others, *(item for item in declared if _CRITERION in item.stash)]


def pytest_exception_interact(node: pytest.Item | pytest.Collector, call: pytest.CallInfo[Any]) -> None:
    """A rubric that cannot be imported is its author's mistake, told in one line."""
    judge = node.config.stash.get(_JUDGE, None)
    if isinstance(node, pytest.Collector) and judge is not None and judge.mistake is None and call.excinfo is not None:
        judge.mistake = _as_mistake(call.excinfo.value, node.path)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs something that is not there; start every criterion from its own seed."""
    judged = criterion_of(item)
    if judged is None:
        return
    judge = item.config.stash[_JUDGE]
    unmet = judge.unmet_need(judged)
    if unmet is not None:
        judge.record(judged, "skipped", text("not tried, because “{title}” is not met yet", title=unmet.title))
        pytest.skip(f"needs {judged.needs}")
    judge.seed_criterion(judged)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Remember the calls of one criterion only, and keep a hidden one's values to itself."""
    judged = criterion_of(item)
    if judged is None:
        return (yield)
    from autograder.checks import criterion_scope

    with criterion_scope(hidden=not judged.visible):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Turn what happened into a verdict."""
    report: Any = yield
    judged = criterion_of(item)
    if judged is None:
        return report  # type: ignore[no-any-return]
    judge = item.config.stash[_JUDGE]
    if call.excinfo is None:
        if call.when == "call":
            judge.record(judged, "passed")
    elif not (isinstance(call.excinfo.value, pytest.skip.Exception) and judged.id in judge.results):
        judge.record(judged, *_verdict(judge, judged, call.excinfo.value))
    return report  # type: ignore[no-any-return]


def _verdict(judge: Judge, judged: Criterion, error: BaseException) -> tuple[Outcome, Text, Diagnosis | None]:
    """What an exception means: who is at fault, and what the student reads."""
    from autograder.checks import CheckFailed, describe_last_call

    if isinstance(error, CheckFailed):
        from autograder.diagnosis import explain

        return "failed", error.text, explain(error.actual, error.expected)
    if isinstance(error, StudentError):
        return "failed", error.text, None
    if isinstance(error, pytest.skip.Exception):
        return "skipped", same(str(error)), None
    if isinstance(error, AutograderError | OSError | MemoryError) or judge.proving:
        return "error", same(f"{type(error).__name__}: {error}"), None
    told = f"{type(error).__name__}: {error}" if judged.visible else type(error).__name__
    if isinstance(error, AssertionError | pytest.fail.Exception):
        return "failed", text("the requirement is not met") if not judged.visible else same(str(error)[:1000]), None
    # the reference passes this criterion, so it is what the student's function returned that broke it
    return (
        "failed",
        text("what came back could not be judged ({reason}); {call}", reason=told[:300], call=describe_last_call()),
        None,
    )


# -- criteria ----------------------------------------------------------------------------------------------------------


def put_judge(config: pytest.Config, judge: Judge) -> None:
    """Let a judge decide in this session."""
    config.stash[_JUDGE] = judge


def is_criterion(item: pytest.Item) -> bool:
    """Was this test declared by `criterion`?"""
    return hasattr(getattr(item, "function", None), _DECLARED)


def criterion_of(item: pytest.Item) -> Criterion | None:
    """The criterion an item is, once it has been collected under a judge."""
    return item.stash.get(_CRITERION, None)


def _adopt(judge: Judge, items: Sequence[pytest.Item]) -> None:
    """Check the declarations and put a criterion on every item that is to run.

    Raises:
        ConfigError: at the first thing wrong.
    """
    cases = Counter(_declared(item).id for item in items)
    known: set[str] = set()
    for item in items:
        declared, visible = _declared(item), _is_visible(judge, item)
        case = getattr(item, "callspec", None)
        judged = replace(
            declared,
            points=declared.points / cases[declared.id],
            visible=visible,
            path=item.path,
            id=declared.id if case is None else f"{declared.id}[{case.id}]",
        )
        _check(judge, judged, item, known)
        known.add(judged.id)
        if judge.exercise in (None, judged.exercise):
            item.stash[_CRITERION] = judged
            judge.criteria.append(judged)


def _is_visible(judge: Judge, item: pytest.Item) -> bool:
    return judge.assignment.private.resolve() not in item.path.resolve().parents


def _declared(item: pytest.Item) -> Criterion:
    declared: Criterion = getattr(item.function, _DECLARED)  # type: ignore[attr-defined]
    return declared


def _check(judge: Judge, judged: Criterion, item: pytest.Item, known: set[str]) -> None:
    place: dict[str, Any] = {"path": judged.path, "line": judged.line, "key": judged.id}
    if judged.exercise not in judge.assignment.settings.exercises:
        raise ConfigError(f"assignment.yaml has no exercise {judged.exercise!r}", **place)
    if judged.id in known:
        raise ConfigError("there is another criterion of this name", **place)
    if judged.needs is not None and not any(is_named(other, judged.needs) for other in known):
        raise ConfigError(f"needs={judged.needs!r} is not an earlier criterion", **place)
    if judged.visible and "reference" in getattr(item, "fixturenames", ()):
        raise ConfigError("students have this file but not the reference; move the criterion to private/", **place)


def _as_mistake(error: BaseException, path: Path) -> ConfigError:
    """An exception while a rubric was imported, as its author's mistake with file and line."""
    cause = error.__cause__ or error
    if isinstance(cause, ConfigError):
        return cause
    if isinstance(cause, SyntaxError):
        return ConfigError(f"SyntaxError: {cause.msg}", path=Path(cause.filename or path), line=cause.lineno)
    frames = inspect.getinnerframes(cause.__traceback__) if cause.__traceback__ else []
    line = next((frame.lineno for frame in reversed(frames) if Path(frame.filename) == path), None)
    return ConfigError(f"{type(cause).__name__}: {cause}".splitlines()[0], path=path, line=line)


# -- running a session -------------------------------------------------------------------------------------------------


class _JudgeSession:
    """Puts a judge into a session and, where given, runs its criteria in another way than once."""

    def __init__(self, judge: Judge, loop: Callable[[pytest.Session], None] | None) -> None:
        self._judge, self._loop = judge, loop
        self.stopped_by: Exception | None = None

    def pytest_configure(self, config: pytest.Config) -> None:
        put_judge(config, self._judge)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        if self._judge.mistake is not None or session.testsfailed:
            return True
        if self._loop is None:
            return None
        try:
            self._loop(session)
        except Exception as error:  # noqa: BLE001 -- pytest would print it; it is for the caller of `run_session`
            self.stopped_by = error
        return True


def run_session(judge: Judge, *, loop: Callable[[pytest.Session], None] | None = None) -> None:
    """Run an assignment's rubric in this process: quietly, and with no other plugins or settings than ours.

    Args:
        judge: collects the verdicts.
        loop: runs the collected criteria; by default each of them once.

    Raises:
        ConfigError: the rubric is broken.
    """
    from autograder import rubric

    rubrics = judge.assignment.rubrics
    if not rubrics:
        raise ConfigError("holds no test_*.py, so there is nothing to judge by", path=judge.assignment.directory)
    quiet = [
        "no:terminal",
        "no:cacheprovider",
        "no:unraisableexception",
        "no:threadexception",
        "no:logging",
        "no:doctest",
        "no:junitxml",
        "no:faulthandler",
    ]
    options = [
        "-c",
        os.devnull,
        f"--rootdir={judge.assignment.directory}",
        f"--confcutdir={judge.assignment.directory}",
        "--import-mode=importlib",
        "--capture=no",
        *(part for name in quiet for part in ("-p", name)),
    ]
    plugin = _JudgeSession(judge, loop)
    with _no_other_plugins(), _forgotten(rubrics):
        code = pytest.main([*options, *map(str, rubrics)], plugins=[rubric, plugin])
    if plugin.stopped_by is not None:
        raise plugin.stopped_by
    if judge.mistake is not None:
        raise judge.mistake
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) or not judge.criteria:
        raise ConfigError(f"no criterion could be collected (pytest: {pytest.ExitCode(code).name})", path=rubrics[0])


def run_criteria(session: pytest.Session) -> None:
    """Run every criterion of a session once; module-wide fixtures stay for the next time."""
    items = session.items
    for index, item in enumerate(items):
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=items[(index + 1) % len(items)])


@contextlib.contextmanager
def _forgotten(files: Sequence[Path]) -> Iterator[None]:
    """Another session in this process reads these files anew, as they are then, or others of the same name."""
    yield
    paths = {str(file) for file in files}
    for name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in paths:
            del sys.modules[name]


@contextlib.contextmanager
def _no_other_plugins() -> Iterator[None]:
    name = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
