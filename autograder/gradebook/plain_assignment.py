"""An assignment without a rubric, as the gradebook knows it, and what running one submission to it gives."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import platform
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import autograder
from autograder.base.errors import ConfigError, GradebookError, SandboxError, StudentError
from autograder.base.i18n import Text, printable, same, text
from autograder.base.run_folder import RunFolder
from autograder.course import confused
from autograder.course import submission as submissions
from autograder.course.configuration import CONFIG_FILE
from autograder.course.course import Course
from autograder.gradebook import autograded, handed_in, plain_notebooks, released_notebook, repair
from autograder.gradebook.autograde_rules import AutogradeRules
from autograder.gradebook.handed_in import Reading
from autograder.gradebook.imported import imported_by
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.gradebook.released_notebook import SourceNotebook
from autograder.results.counted import tell_waiting
from autograder.results.grade_report import ExerciseResult, GradeReport, Problem, bounded
from autograder.sandbox import confine

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from nbgrader.api import Gradebook

RUN = "autograder_run"
"""In an autograded notebook's metadata: the report that it belongs to, and what the gradebook gets of it."""

_REVISION = 3
"""Of what a run gives: after another one everything is run again."""
_DONE_BY_US = frozenset(("Execute", "ConfinedExecute", "SaveAutoGrades", "SaveScores", "AssignLatePenalties"))


@dataclass(frozen=True)
class PlainSubmission:
    """What somebody has handed in: a folder of notebooks and other files."""

    student: str
    folder: Path


@dataclass
class Executed:
    """A submission once its notebooks have run.

    Args:
        submission: what was run.
        report: its report.
        notebooks: with their outputs, by name; those that were handed in.
        notes: what the instructor should know.
        is_shown: whether ``autograded/`` has it already.
    """

    submission: PlainSubmission
    report: GradeReport
    notebooks: dict[str, NotebookNode]
    notes: list[Text] = field(default_factory=list)
    is_shown: bool = False


class PlainAssignment:
    """One assignment whose grade cells hold their own tests.

    Args:
        nbgrader: the course.
        gradebook: its gradebook, which learns the assignment if it does not know it.
        name: of the assignment.
        judged: the notebook that a rubric judges, which is left alone here.

    Raises:
        ConfigError: the course prepares notebooks in a way of its own.
        GradebookError: nbgrader cannot convert the source, or it is not in Python.
    """

    def __init__(self, nbgrader: NbgraderCourse, gradebook: Gradebook, name: str, *, judged: str | None = None) -> None:
        self.name, self.judged, self._nbgrader = name, judged, nbgrader
        self.rules = AutogradeRules(nbgrader)
        if self.rules.has_own_sanitizers:
            words = text("there are steps of your own, which only `nbgrader autograde {name}` takes", name=name)
            key = "c.Autograde.sanitize_preprocessors"
            raise ConfigError(words, path=nbgrader.root / CONFIG_FILE, key=key)
        self._further_steps = [step for step in self.rules.steps if step.__name__ not in _DONE_BY_US]
        self._source = nbgrader.folder("source", ".", name)
        self.sources = self._load_sources(gradebook)
        for source in self.sources:
            language = str(source.kernelspec.get("language") or "python")
            if language.lower() != "python":
                raise GradebookError(plain_notebooks.tell_other_language(source.name, language))

    def start_runner(self) -> plain_notebooks.NotebookRunner:
        """Start the processes for one submission at a time, with what the assignment's own notebooks import.

        Raises:
            SandboxError: this machine cannot confine them.
        """
        return plain_notebooks.NotebookRunner(self.rules.timeout_s, self._imported)

    @cached_property
    def _imported(self) -> tuple[str, ...]:
        return imported_by(self._source)

    def _load_sources(self, gradebook: Gradebook) -> tuple[SourceNotebook, ...]:
        """Return what the gradebook knows of the notebooks; enter them first if they are new."""
        from autograder.gradebook import releasing

        files = sorted(file for file in self._source.glob("*.ipynb") if file.stem != self.judged)
        found = releasing.sources(self._nbgrader, gradebook, self.name, files)
        gradebook.db.rollback()
        return found if self.judged is None else tuple(one for one in found if one.points)

    def files_of(self, source: SourceNotebook) -> tuple[Path, Path]:
        """Return where a notebook stands in the source, and where students got it from."""
        file = f"{source.name}.ipynb"
        return self._source / file, self._nbgrader.folder("release", ".", self.name) / file

    @property
    def is_one_notebook(self) -> bool:
        """Whether nobody has to be told which of the notebooks is meant."""
        return len(self.sources) == 1 and self.judged is None

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """The fields of a report that say what produced it, apart from the submission."""
        digest = hashlib.sha256(json.dumps([asdict(source) for source in self.sources], sort_keys=True).encode())
        for file in sorted(self.rules.own_files(self.name)):
            digest.update(os.fsencode(f"\0{file.name}\0{file.stat().st_size}\0"))
            digest.update(file.read_bytes())
        steps = [f"{step.__module__}.{step.__name__}" for step in self._further_steps]
        digest.update(repr((self.rules.timeout_s, steps, _REVISION)).encode())
        return {
            "rubric_sha256": digest.hexdigest(),
            "seed": "",
            "sandbox": confine.level(),
            "versions": {"autograder": autograder.__version__, "python": platform.python_version()},
        }

    @cached_property
    def source_version(self) -> str:
        """A hash of what running the source's own solutions depends on."""
        files = [(file.name, submissions.sha256(file)) for file in sorted(self._source.glob("*.ipynb"))]
        return hashlib.sha256(json.dumps([files, self.provenance], sort_keys=True).encode()).hexdigest()

    @property
    def max_score(self) -> float:
        """What all its cells are worth."""
        return round(sum(source.points for source in self.sources), 6)

    def sha256(self, submission: PlainSubmission) -> str:
        """Return a hash of the files that were handed in, as far as they can be read."""
        digest = hashlib.sha256()
        for path in sorted(submission.folder.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.name != "timestamp.txt":
                name = os.fsencode(path.relative_to(submission.folder))  # an archive's may be no text at all
                digest.update(name + f"\0{submissions.sha256(path)}\0".encode())
        return digest.hexdigest()

    # -- running -------------------------------------------------------------------------------------------------------

    def run(self, submission: PlainSubmission, runner: plain_notebooks.NotebookRunner) -> Executed:
        """Run all notebooks of a submission and score their grade cells; an error of ours becomes its report."""
        begun = time.monotonic()
        notebooks: dict[str, NotebookNode] = {}
        problems: list[Problem] = []
        notes: list[Text] = []
        try:
            with RunFolder() as place:
                folder = place / self.name
                folder.mkdir()
                self.rules.bring_along(self.name, submission.folder, folder, notes.append)
                found = handed_in.find(submission.folder, self.sources, self.judged)
                for source in self.sources:
                    one = found[source.name]
                    if one.odd is not None:
                        problems.append(self._in_notebook(source.name, one.odd))
                    if one.path is not None or one.is_lost:
                        reading = handed_in.read(one)
                        notebooks[source.name] = self._execute(reading, source, folder, submission, runner, problems)
        except (SandboxError, StudentError) as error:  # the latter before any of the student's cells
            return Executed(submission, self._failed(submission, error.text), {}, notes)
        except OSError as error:  # such as a full disk: the others are graded all the same
            words = text("its files could not be copied: {reason}", reason=printable(str(error)))
            return Executed(submission, self._failed(submission, words), {}, notes)
        return Executed(submission, self._report(submission, notebooks, problems, begun), notebooks, notes)

    def run_source(self, runner: plain_notebooks.NotebookRunner) -> Executed:
        """Run the author's own notebooks, solutions included, as if somebody had handed them in."""
        alone = copy.copy(self)
        alone._further_steps = []  # they may ask the gradebook for a student
        return alone.run(PlainSubmission("", self._source), runner)

    def _execute(
        self,
        reading: Reading,
        source: SourceNotebook,
        folder: Path,
        submission: PlainSubmission,
        runner: plain_notebooks.NotebookRunner,
        problems: list[Problem],
    ) -> NotebookNode:
        """Return a notebook with marks, locked cells and outputs in place; what cannot be read has empty answers."""
        notebook, noticed = reading.notebook, [*reading.problems]
        if reading.unread is not None:
            released_notebook.restore(notebook, source)
            plain_notebooks.say_not_run([c for c in notebook.cells if c.cell_type == "code"], reading.unread)
            handed_in.put_first(notebook, reading.unread)
        else:
            if (other := self._of_other_assignment(reading)) is not None:
                noticed.append(other)
            released_notebook.restore(notebook, source)
            noticed += runner.run(notebook, folder, submission.folder)
            self._do_further_steps(notebook, source, submission.folder.parent.name)
        repair.name_cells(notebook.cells)
        scores, notes = plain_notebooks.scores(notebook, source)
        problems += [self._in_notebook(source.name, problem) for problem in (*noticed, *notes)]
        made = {"scores": scores, "comments": autograded.comments(notebook, source)}
        notebook.metadata[RUN] = made | {"unread": reading.unread is not None}
        return notebook

    def _of_other_assignment(self, reading: Reading) -> Problem | None:
        cells = reading.notebook.cells
        marks = (cell.metadata.get("nbgrader", {}).get("grade_id") for cell in cells if "source" in cell)
        named = frozenset(mark for mark in marks if mark)
        return confused.problem_of(Course(self._nbgrader.root), self.name, reading.file, named)

    def _in_notebook(self, name: str, problem: Problem) -> Problem:
        """Return a problem that names its notebook, if there are several."""
        return problem if self.is_one_notebook else problem.of_notebook(name)

    def _do_further_steps(self, notebook: NotebookNode, source: SourceNotebook, student: str) -> None:
        place = {"assignment": self.name, "notebook": source.name, "student": student}
        resources = {"nbgrader": place | {"db_url": self._nbgrader.folders.db_url}}
        for step in self._further_steps:
            step(parent=self.rules.converter)(notebook, resources)

    # -- reports -------------------------------------------------------------------------------------------------------

    def _report(
        self,
        submission: PlainSubmission,
        notebooks: dict[str, NotebookNode],
        problems: Sequence[Problem],
        begun: float,
    ) -> GradeReport:
        exercises, notes = [], []
        for source in self.sources:
            made = notebooks[source.name].metadata[RUN] if source.name in notebooks else {}
            scores = made.get("scores", {})
            worth = {cell.name: cell.points for cell in source.cells.values() if cell.points}
            given = {name: scores.get(name, 0.0) for name in worth}
            exercises += [
                self._exercise(source.name, name, score, worth[name])
                for name, score in given.items()
                if score is not None
            ]
            if waiting := sum(score is None or made.get("unread", False) for score in given.values()):
                notes.append((source.name, waiting))
        is_unread = bool(notebooks) and all(one.metadata[RUN]["unread"] for one in notebooks.values())
        return GradeReport(
            status="unreadable" if is_unread else "graded",
            score=round(sum(exercise.score or 0.0 for exercise in exercises), 6),
            exercises=tuple(exercises),
            problems=(*bounded(problems), *self._waiting(notes)),
            submission_sha256=self.sha256(submission),
            duration_s=round(time.monotonic() - begun, 3),
            **self._fields_of(submission),
        )

    def _waiting(self, counts: Sequence[tuple[str, int]]) -> list[Problem]:
        """Return notes on the cells that wait for a person: one for all notebooks, unless others are judged apart."""
        if self.judged is None:
            total = sum(count for _, count in counts)
            return [Problem.of("waiting", tell_waiting(total))] if total else []
        return [self._in_notebook(name, Problem.of("waiting", tell_waiting(count))) for name, count in counts]

    def _exercise(self, notebook: str, cell: str, score: float, points: float) -> ExerciseResult:
        name = cell if self.is_one_notebook else f"{notebook}/{cell}"
        title = same("" if self.is_one_notebook else notebook)
        return ExerciseResult(name=name, title=title, score=max(0.0, score), max_score=points, criteria=())

    def _failed(self, submission: PlainSubmission, reason: Text) -> GradeReport:
        return GradeReport(
            status="error",
            score=None,
            exercises=(),
            problems=(Problem.of("platform", reason),),
            submission_sha256="",
            duration_s=0.0,
            **self._fields_of(submission),
        )

    def _fields_of(self, submission: PlainSubmission) -> dict[str, Any]:
        """Return the fields that every report on a submission has, whatever came of it."""
        named = {"student": submission.student, "assignment": self.name, "file": printable(str(submission.folder))}
        return {**named, "max_score": self.max_score, **self.provenance}
