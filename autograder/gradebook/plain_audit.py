"""Measures what the asserts in notebooks are worth: wrong versions of the solutions, run as submissions are.

First every answer is left out once, which shows the grade cells that depend on it; versions of an answer that no grade
cell depends on could lose nothing and are not run. A version that only cells with hidden tests catch is run again with
what students see of them.
"""

from __future__ import annotations

import ast
import difflib
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.base.errors import SandboxError, StudentCrash, StudentTimeout
from autograder.course import mutants
from autograder.gradebook import plain_notebooks
from autograder.gradebook.autograde_rules import AutogradeRules
from autograder.gradebook.imported import imported_by
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.gradebook.plain_notebooks import NotebookRunner
from autograder.gradebook.plain_runners import Runners
from autograder.gradebook.plain_source import Answer, GradeCell, PlainSource
from autograder.grading.audit import EVERYTHING, Selection
from autograder.grading.mutations import PLAIN_VALUES, Generated, generate_in_lines, generate_trivial
from autograder.results.audit import Audit, CaughtBy, CriterionAudit, Kind, Place, Unjudged, Version

if TYPE_CHECKING:
    from nbformat import NotebookNode

_ENDED = (StudentTimeout.__name__, StudentCrash.__name__)
_TIMES_SLOWER, _LEAST_S = 10.0, 10.0
"""A version may take so many times as long as the source, and so long in any case: the machine may be busy."""
_SEEDING = """\
__import__("random").seed({key})
__import__("numpy").random.seed({key})
[module.manual_seed({key}) for module in [__import__("sys").modules.get("torch")] if module];
"""
_LEFT_AS_RELEASED = "left as released"


@dataclass(frozen=True)
class _Made:
    """A version of an answer: the record, and the cell that makes it."""

    version: Version
    answer: Answer
    cell: str


@dataclass(frozen=True)
class _Ran:
    """What came of a notebook.

    Args:
        failed: why each grade cell that loses points does.
        stopped: with what each other cell that matters has failed, by its position: a changed one, and one that did
            not end or ended the process.
    """

    failed: Mapping[str, str]
    stopped: Mapping[int, str]


class PlainAudit:
    """The audit of one plain assignment.

    Args:
        nbgrader: the course.
        name: the assignment.

    Raises:
        ConfigError: there is nothing to audit in its source.
        GradebookError: nbgrader cannot convert the source.
    """

    def __init__(self, nbgrader: NbgraderCourse, name: str) -> None:
        self._source = PlainSource.read(nbgrader, name)
        self._rules, self._own = AutogradeRules(nbgrader), nbgrader.folder("source", ".", name)
        self._imported = imported_by(self._own)
        self._excuses = mutants.excuses(self._own)
        self._made = [self._excused(made) for answer in self._source.answers for made in _versions_of(answer)]

    def _excused(self, made: _Made) -> _Made:
        excuse = self._excuses.get(made.version.id) if made.version.kind == "generated" else None
        return replace(made, version=made.version.model_copy(update={"excuse": excuse})) if excuse else made

    @property
    def versions(self) -> list[Version]:
        """Every version of the answers, not judged yet."""
        return [made.version for made in self._made]

    def run(
        self,
        *,
        processes: int,
        keys: int = 1,
        chosen: Selection = EVERYTHING,
        advance: Callable[[], None] = lambda: None,
    ) -> Audit:
        """Run the source and the versions of its answers.

        Args:
            processes: how many notebooks run at once.
            keys: how often each version is run; each time other random numbers are drawn.
            chosen: the versions to judge.
            advance: called after each version.

        Raises:
            SandboxError: this machine cannot confine notebooks.
        """
        made = [one for one in self._made if chosen.has(one.version)]
        answers = [one for one in self._source.answers if not chosen.exercises or one.name in chosen.exercises]
        with (
            tempfile.TemporaryDirectory(prefix="autograder-audit-") as place,
            Runners(processes, self._start_runner) as runners,
        ):
            folder = Path(place, self._source.name)
            folder.mkdir()
            self._rules.bring_along(self._source.name, self._own, folder, lambda _: None)
            judge = _Judge(self._source, folder, runners, keys)
            judge.run_source(self._rules.timeout_s)
            judge.leave_out(answers)
            judged = judge.judge(made, advance)
        is_whole = not chosen.versions
        return Audit(
            assignment=self._source.name,
            judge="asserts",
            keys=keys,
            is_partial=not is_whole,
            versions=tuple(judged),
            stale=tuple(id for id in self._excuses if not any(v.id == id for v in self.versions)),
            criteria=tuple(self._criteria(judge, judged, answers)) if is_whole else (),
            unjudged=tuple(self._unjudged(judge, answers)) if is_whole else (),
        )

    def _start_runner(self) -> NotebookRunner:
        return NotebookRunner(self._rules.timeout_s, self._imported, pictures=False)

    def _criteria(
        self, judge: _Judge, judged: Sequence[Version], answers: Sequence[Answer]
    ) -> Iterator[CriterionAudit]:
        generated, decisive, hidden, unanswered, tried = (Counter[str]() for _ in range(5))
        for version in judged:
            tried[version.exercise] += version.is_wrong
            if version.kind == "generated":
                generated.update(version.failed)
                decisive.update(version.failed if len(version.failed) == 1 else ())
                hidden.update(version.failed if version.caught_by == "hidden" else ())
            else:
                unanswered.update(version.failed)
        is_whole = len(answers) == len(self._source.answers)
        for test in self._source.tests:
            dependents = [answer for answer in answers if test in judge.tests_of(answer)]
            if dependents or is_whole:
                yield CriterionAudit(
                    id=test.name,
                    exercise=test.behind,
                    tried=sum(tried[answer.name] for answer in dependents),
                    named=0,
                    generated=generated[test.name],
                    decisive=decisive[test.name],
                    hidden=hidden[test.name],
                    unanswered=unanswered[test.name] + judge.answers_needed_by(test),
                    points=test.points,
                    cell=test.number,
                    problem=judge.why_source_fails(test),
                )

    def _unjudged(self, judge: _Judge, answers: Sequence[Answer]) -> Iterator[Unjudged]:
        versions = Counter(version.exercise for version in self.versions)
        for answer in answers:
            if not judge.tests_of(answer):
                yield Unjudged(
                    id=answer.name,
                    cell=answer.number,
                    points=answer.points,
                    versions=versions[answer.name],
                    is_blocked=judge.is_blocked(answer),
                )
        if len(answers) == len(self._source.answers):
            yield from (Unjudged(id=one.name, cell=None, points=one.points) for one in self._source.by_hand)


class _Judge:
    """Runs versions of the answers and says which grade cells catch them.

    Args:
        source: the assignment.
        folder: the files beside its notebooks.
        runners: where they run.
        keys: how often each version is run.
    """

    def __init__(self, source: PlainSource, folder: Path, runners: Runners, keys: int) -> None:
        self._source, self._folder, self._runners, self._keys = source, folder, runners, range(keys)
        self._of_source: dict[str, _Ran] = {}
        self._dependents: dict[str, list[GradeCell]] = {}
        self._tests: dict[str, list[GradeCell]] = {}

    def run_source(self, timeout_s: float | None) -> None:
        """Run the notebooks as they are, to learn which cells fail anyway and how long a version may take.

        Args:
            timeout_s: how long a cell may take by the course's configuration.
        """
        begun = time.monotonic()
        names = list(self._source.notebooks)
        self._of_source = dict(self._runners.each(self._run_whole, names))
        enough = max(_LEAST_S, _TIMES_SLOWER * (time.monotonic() - begun))
        self._runners.set_timeout(min(enough, timeout_s or enough))

    def why_source_fails(self, test: GradeCell) -> str | None:
        """Return what a grade cell says against the source's own solution; None if it passes."""
        return self._of_source[test.notebook].failed.get(test.name)

    def leave_out(self, answers: Sequence[Answer]) -> None:
        """Run the notebooks without one answer each, to learn which grade cells depend on it."""
        for answer, ran in self._runners.each(self._run_without, answers):
            tests = [test for test in self._source.tests if self._is_caught(test, ran)]
            behind = [test for test in tests if test.behind == answer.name]
            named = [test for test in tests if test.mentions(answer.names)]
            self._dependents[answer.name], self._tests[answer.name] = tests, behind or named or tests

    def tests_of(self, answer: Answer) -> list[GradeCell]:
        """Return the grade cells that are about an answer.

        Of those that fail without it, they are those behind it, or else those that speak of what it defines, or all.
        """
        return self._tests[answer.name]

    def answers_needed_by(self, test: GradeCell) -> int:
        """Return how many answers a grade cell fails without."""
        return sum(test in tests for tests in self._dependents.values())

    def is_blocked(self, answer: Answer) -> bool:
        """Does the source itself fail tests that are about an answer?"""
        tests = self._in(answer.notebook)
        behind = [test for test in tests if test.behind == answer.name]
        about = behind or [test for test in tests if test.mentions(answer.names)]
        return any(self.why_source_fails(test) is not None for test in about)

    def judge(self, made: Sequence[_Made], advance: Callable[[], None]) -> list[Version]:
        """Run the versions of the answers that a grade cell depends on, and return what became of them."""
        judged: dict[_Made, Version] = {}
        wanted = [one for one in made if self.tests_of(one.answer)]
        for _ in range(len(made) - len(wanted)):
            advance()
        for one, version in self._runners.each(self._judged, wanted):
            judged[one] = version
            advance()
        return [judged[one] for one in wanted]

    def _judged(self, made: _Made, runner: NotebookRunner) -> Version:
        tests = self.tests_of(made.answer)
        points, place = sum(test.points for test in tests), made.version.place
        found: dict[str, object] = {
            "points": points,
            "place": place and place.model_copy(update={"tests": tuple(test.name for test in tests)}),
        }
        try:
            verdicts = [self._verdict(made, tests, runner, key) for key in self._keys]
        except SandboxError as error:
            return made.version.model_copy(update={**found, "problem": error.text.en})
        failed = {test.name: test for failing, _ in verdicts for test in failing}
        caught = [whom for _, whom in verdicts if whom is not None]
        found |= {
            "failed": tuple(failed),
            "caught_by": caught[0] if caught else None,
            "earned": points - sum(test.points for test in tests if test in verdicts[0][0]),
            "keys": len(self._keys),
            "caught": len(caught),
        }
        return made.version.model_copy(update=found)

    def _verdict(
        self, made: _Made, tests: Sequence[GradeCell], runner: NotebookRunner, key: int
    ) -> tuple[list[GradeCell], CaughtBy | None]:
        """Run a version up to the grade cells about its answer, and if none catches it, up to all that need it."""
        failed, caught_by = self._caught(made, tests, runner, key)
        if caught_by is None and (others := self._dependents[made.answer.name]) != tests:
            failed, caught_by = self._caught(made, others, runner, key)
        return failed, caught_by

    def _caught(
        self, made: _Made, tests: Sequence[GradeCell], runner: NotebookRunner, key: int
    ) -> tuple[list[GradeCell], CaughtBy | None]:
        """Run a version as far as these grade cells; return those that fail, and who has caught it."""
        answer, changed = made.answer, {made.answer.position: made.cell}
        ran = self._ran(answer.notebook, changed, runner, tests, key)
        failed = [test for test in tests if self._is_caught(test, ran)]
        if not failed:
            stopped = ran.stopped.keys() - self._of_source[answer.notebook].stopped.keys()
            return [], "itself" if stopped else None
        if all(test.has_hidden for test in failed):
            visible = {test.position: test.visible for test in failed}
            if not self._ran(answer.notebook, {**changed, **visible}, runner, failed, key).failed.keys() & {
                test.name for test in failed
            }:
                return failed, "hidden"
        return failed, "visible"

    def _is_caught(self, test: GradeCell, ran: _Ran) -> bool:
        return test.name in ran.failed and self.why_source_fails(test) is None

    def _run_whole(self, notebook: str, runner: NotebookRunner) -> _Ran:
        every = [self._ran(notebook, {}, runner, self._in(notebook), key) for key in self._keys]
        failed = {name: why for ran in every for name, why in ran.failed.items()}
        return _Ran(failed, {position: why for ran in every for position, why in ran.stopped.items()})

    def _run_without(self, answer: Answer, runner: NotebookRunner) -> _Ran:
        return self._ran(answer.notebook, {answer.position: answer.empty}, runner, self._in(answer.notebook), 0)

    def _in(self, notebook: str) -> list[GradeCell]:
        return [test for test in self._source.tests if test.notebook == notebook]

    def _ran(
        self, name: str, changed: Mapping[int, str], runner: NotebookRunner, tests: Sequence[GradeCell], key: int
    ) -> _Ran:
        """Run a notebook, with other text in some of its cells, as far as some grade cells.

        What it draws at random depends on the key alone, unless it makes a generator of its own without a seed.
        """
        notebook = deepcopy(self._source.notebooks[name])
        for position, source in changed.items():
            notebook.cells[position].source = source
        del notebook.cells[max((test.position for test in tests), default=-1) + 1 :]
        notebook.cells.insert(0, _seeding(key))
        runner.run(notebook, self._folder)
        del notebook.cells[0]
        judged = {test.position for test in self._in(name)}
        stopped = {
            position: error.ename
            for position, cell in enumerate(notebook.cells)
            if position not in judged
            and (error := _error_in(cell)) is not None
            and (position in changed or error.ename in _ENDED)
        }
        reasons = ((test.name, _reason(notebook.cells[: test.position + 1])) for test in tests)
        return _Ran({name: why for name, why in reasons if why is not None}, stopped)


def _versions_of(answer: Answer) -> Iterator[_Made]:
    """Yield every version of an answer: one change each, and what solves nothing."""
    if answer.tree is None:
        return
    original = ast.unparse(answer.tree)
    if answer.released != answer.empty:
        made = Generated(f"{answer.name}: {_LEFT_AS_RELEASED}", answer.name, answer.released)
        yield _Made(_version(made, "trivial", answer, original), answer, answer.released)
    for made in generate_in_lines(answer.name, answer.source, answer.lines):
        yield _Made(_version(made, "generated", answer, original), answer, answer.magic + made.source)
    for made in generate_trivial(answer.name, answer.source, answer.functions, PLAIN_VALUES, answer.lines):
        yield _Made(_version(made, "trivial", answer, original), answer, answer.magic + made.source)


def _version(made: Generated, kind: Kind, answer: Answer, original: str) -> Version:
    changed = difflib.ndiff(original.splitlines(), made.source.splitlines()) if kind == "generated" else ()
    lines = [line for line in changed if line[0] in "-+"]
    place = Place(
        notebook=answer.notebook,
        cell=answer.number,
        line=made.line + answer.magic.count("\n") if made.line is not None else None,
        kind=made.kind,
        old=made.old,
        new=made.new,
        removed=tuple(line[2:] for line in lines if line[0] == "-"),
        added=tuple(line[2:] for line in lines if line[0] == "+"),
        tests=(),
    )
    return Version(id=made.id, kind=kind, exercise=answer.name, place=place)


def _seeding(key: int) -> NotebookNode:
    """Return a cell that seeds what a notebook may draw from; it leaves no names behind."""
    from nbformat import v4

    return v4.new_code_cell(_SEEDING.format(key=key))


def _error_in(cell: NotebookNode) -> NotebookNode | None:
    outputs = cell.outputs if cell.cell_type == "code" else ()
    return next((output for output in outputs if output.output_type == "error"), None)


def _reason(cells: Sequence[NotebookNode]) -> str | None:
    """Return why the last of these cells, a grade cell, does not give all its points; None if it does.

    A name that is not there is missing because of what failed first, such as an import.
    """
    error = _error_in(cells[-1])
    if error is not None and error.ename == NameError.__name__:
        error = next(found for cell in cells if (found := _error_in(cell)) is not None)
    if error is not None:
        return f"{error.ename}: {error.evalue}".strip(": ").partition("\n")[0]
    given = plain_notebooks.score(cells[-1])
    most = float(cells[-1].metadata.nbgrader["points"])
    return None if given.score == most else given.reason.en if given.reason else f"{given.score:g} / {most:g}"
