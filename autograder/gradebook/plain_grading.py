"""Grades submissions to assignments without a rubric, many at once, and writes what they earn.

.. code-block:: text

    submitted/ ── PlainAssignment.run, in one NotebookRunner per core ──> batches ──> autograded/, gradebook, journal

A report is in the journal once the gradebook has it, so that after a kill nothing counts that is not written.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from autograder.base.files import FolderInPlace, replaced_together
from autograder.base.i18n import Text, first_of, text
from autograder.course.course import Course
from autograder.course.jobs import student_of
from autograder.gradebook import autograded, mixed, released_notebook, repair, source_check
from autograder.gradebook.nbgrader_course import NbgraderCourse, as_node
from autograder.gradebook.plain_assignment import RUN, Executed, PlainAssignment, PlainSubmission
from autograder.gradebook.plain_notebooks import UNDONE
from autograder.gradebook.plain_runners import Runners
from autograder.gradebook.released_notebook import SourceNotebook
from autograder.gradebook.rows import GradebookRow, Rows, transaction
from autograder.gradebook.write import BATCH, WriteOutcome
from autograder.results.grade_report import GradeReport
from autograder.results.journal import Journal

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

_ADDED = (RUN, UNDONE, "kernelspec", "nbgrader")
_WHOLE = "whole"
"""Beside the report's hash, where the journal has it only together with that of a rubric: the report."""


def find(course: Course, name: str, paths: Sequence[Path] = ()) -> list[PlainSubmission]:
    """Return what was handed in to an assignment, in nbgrader's tree.

    Args:
        course: the course.
        name: the assignment.
        paths: only what lies in or above these; everything if there are none.
    """
    wanted = [path.resolve() for path in paths]
    found: dict[str, PlainSubmission] = {}
    for folder in sorted(course.submitted.glob(f"*/{name}")):
        place = folder.resolve()
        is_asked_for = not wanted or any(place.is_relative_to(path) or path.is_relative_to(place) for path in wanted)
        if is_asked_for and folder.is_dir() and not _is_link(folder) and not folder.parent.name.startswith("."):
            student = student_of(folder.parent)
            found.setdefault(student, PlainSubmission(student, folder))
    return list(found.values())


def links(course: Course, name: str) -> Text | None:
    """Name those whose folder is a link and who are therefore graded by no test; None if there are none."""
    students = [student_of(folder.parent) for folder in course.submitted.glob(f"*/{name}") if _is_link(folder)]
    if not students:
        return None
    return text(
        "{assignment}: folders that are links, which could lead to another student's work, were left out: {students}",
        assignment=name,
        students=first_of(sorted(students)),
    )


def _is_link(folder: Path) -> bool:
    return folder.is_symlink() or folder.parent.is_symlink()


class PlainGrading:
    """Grades the assignments of a course that have no rubric; a context manager.

    The processes that run notebooks are started for the first submission that has to run.

    Args:
        course: the course; nbgrader must know it.
        journal: the earlier reports; new ones are added as they are written.
        processes: how many submissions run at once.

    Raises:
        ConfigError: the course's configuration is broken.
    """

    def __init__(self, course: Course, journal: Journal, *, processes: int) -> None:
        self._journal, self._processes = journal, processes
        self._nbgrader = NbgraderCourse(course.root)
        self._opened = ExitStack()
        self.outcome = WriteOutcome(self._nbgrader.database)
        """Counts what is written, and has notes for the instructor."""

    def grade(self, name: str, submissions: Sequence[PlainSubmission]) -> Iterator[GradeReport]:
        """Grade submissions to one assignment, write them to the gradebook and yield their reports.

        What has not changed is not run again.

        Args:
            name: the assignment.
            submissions: what was handed in to it.

        Raises:
            ConfigError: the course grades in a way of its own.
            GradebookError: the gradebook cannot be written, or the notebooks cannot be run.
            SandboxError: this machine cannot run submissions.
        """
        assignment = PlainAssignment(self._nbgrader, self._gradebook, name)
        for executed in self._executed(assignment, submissions):
            if not executed.is_shown:
                self._journal.add(executed.report)
            yield executed.report
        self._journal.finish()

    def preview(self, name: str, submissions: Sequence[PlainSubmission]) -> Iterator[GradeReport]:
        """Yield the reports that `grade` would, and raise what it would; write nothing."""
        assignment = PlainAssignment(self._nbgrader, self._gradebook, name)
        yield from (one.report for one in self._executed(assignment, submissions, is_preview=True))

    def grade_rest(
        self,
        name: str,
        submissions: Sequence[PlainSubmission],
        reports: Sequence[GradeReport],
        advance: Callable[[], None] = lambda: None,
    ) -> list[GradeReport]:
        """Grade the notebooks of an assignment that its rubric does not judge, as `grade` does.

        Args:
            name: the assignment.
            submissions: what was handed in to it.
            reports: those by the rubric.
            advance: called after each submission.

        Returns:
            The reports with the scores of all notebooks, which are in the journal, too.
        """
        assignment = PlainAssignment(self._nbgrader, self._gradebook, name, judged=name)
        rest = {}
        for executed in self._executed(assignment, submissions):
            rest[executed.submission.student] = executed.report
            advance()
        found = _completed(reports, rest, assignment)
        for report in found:
            if self._journal.reports.get((name, report.student)) != report:
                self._journal.add(report)
        self._journal.finish()
        return found

    def preview_rest(
        self, name: str, submissions: Sequence[PlainSubmission], reports: Sequence[GradeReport]
    ) -> list[GradeReport]:
        """Return the reports that `grade_rest` would; write nothing."""
        assignment = PlainAssignment(self._nbgrader, self._gradebook, name, judged=name)
        executed = self._executed(assignment, submissions, is_preview=True)
        return _completed(reports, {one.submission.student: one.report for one in executed}, assignment)

    def _executed(
        self, assignment: PlainAssignment, submissions: Sequence[PlainSubmission], *, is_preview: bool = False
    ) -> Iterator[Executed]:
        """Run what has changed; yield each submission once it is written, unless nothing is to be."""
        if not assignment.sources:
            return
        self.outcome.notes += source_check.not_released(assignment)
        writer = _Writer(self._nbgrader, self._gradebook, assignment, self.outcome)
        if not is_preview:
            writer.recover(submissions)
        unchanged = self._unchanged(writer, submissions)
        todo = [one for one in submissions if one.student not in unchanged]
        with Runners(self._processes, assignment.start_runner) as runners:
            done = (executed for _, executed in runners.each(assignment.run, todo))
            if is_preview:
                yield from chain(unchanged.values(), done)
                return
            writer.write(list(unchanged.values()))
            yield from unchanged.values()
            while batch := list(islice(done, BATCH)):
                writer.write(batch)
                yield from batch
            self.outcome.notes += source_check.warnings(assignment, self._nbgrader.root, runners.started)

    def _unchanged(self, writer: _Writer, submissions: Sequence[PlainSubmission]) -> dict[str, Executed]:
        """Return what has been run already, by student."""
        found: dict[str, Executed] = {}
        for one in submissions:
            report = writer.earlier(one, self._journal)
            if report is not None and (shown := writer.shown(one, report)) is not None:
                found[one.student] = shown
        return found

    def __enter__(self) -> Self:
        self._gradebook = self._opened.enter_context(self._nbgrader.open())
        return self

    def __exit__(self, *error: Any) -> None:
        self._opened.__exit__(*error)  # which says in one line what cannot be written


def _completed(
    reports: Sequence[GradeReport], rest: Mapping[str, GradeReport], assignment: PlainAssignment
) -> list[GradeReport]:
    names = [source.name for source in assignment.sources]
    return [
        mixed.completed(report, rest[report.student], names) if report.student in rest else report for report in reports
    ]


class _Writer:
    """Writes the submissions to one assignment."""

    def __init__(
        self, nbgrader: NbgraderCourse, gradebook: Gradebook, assignment: PlainAssignment, outcome: WriteOutcome
    ) -> None:
        self._nbgrader, self._gradebook, self._assignment, self._outcome = nbgrader, gradebook, assignment, outcome

    def recover(self, submissions: Sequence[PlainSubmission]) -> None:
        """Undo what a run that was killed has not finished, so that it is done once more as a whole."""
        folders = [FolderInPlace(self._place(one.student)) for one in submissions]
        if unfinished := [folder for folder in folders if folder.is_unfinished]:
            with transaction(self._gradebook, self._assignment.name):  # a run that is at work ends its batch first
                for folder in unfinished:
                    folder.recover()

    def earlier(self, submission: PlainSubmission, journal: Journal) -> GradeReport | None:
        """Return the report of the last time; where a rubric judges, too, it is kept with the notebooks."""
        if self._assignment.judged is None:
            return journal.reports.get((self._assignment.name, submission.student))
        folder = self._place(submission.student)
        for source in self._assignment.sources:
            with suppress(OSError, ValueError, LookupError, TypeError):
                notebook = json.loads((folder / f"{source.name}.ipynb").read_text(encoding="utf-8"))
                return GradeReport.model_validate(notebook["metadata"][RUN][_WHOLE])
        return None

    def shown(self, submission: PlainSubmission, report: GradeReport) -> Executed | None:
        """Return what was run earlier, from ``autograded/``, if running it again would give the same."""
        made_alike = all(getattr(report, key) == value for key, value in self._assignment.provenance.items())
        is_same = report.submission_sha256 == self._assignment.sha256(submission)
        if report.status == "error" or not made_alike or not is_same:
            return None
        folder, digest = self._place(submission.student), autograded.sha256(report)
        found = {}
        for source in self._assignment.sources:
            try:
                notebook = json.loads((folder / f"{source.name}.ipynb").read_text(encoding="utf-8"))
                is_ours = notebook["metadata"][RUN]["report"] == digest
                if not is_ours or not released_notebook.is_restored(notebook, source):
                    return None
                if not repair.is_well_formed(notebook, added=_ADDED):
                    return None
            except FileNotFoundError:
                if (submission.folder / f"{source.name}.ipynb").exists() or not folder.is_dir():
                    return None
            except (OSError, ValueError, LookupError, TypeError, AttributeError):
                return None
            else:
                found[source.name] = as_node(notebook)
        return Executed(submission, report, found, is_shown=True)

    def write(self, batch: Sequence[Executed]) -> None:
        """Write some submissions; what could not be judged is not written."""
        for executed in batch:
            self._outcome.notes += [note for note in executed.notes if note not in self._outcome.notes]
        for executed in batch:
            executed.is_shown = executed.is_shown or self._has_nothing_to_show(executed)
        judged = [executed for executed in batch if executed.report.status != "error"]
        self._outcome.write(judged, self._write_batch)

    def _has_nothing_to_show(self, executed: Executed) -> bool:
        """Whether none of the notebooks beside a rubric's was handed in, and the folder says nothing else."""
        if self._assignment.judged is None or executed.notebooks:
            return False
        folder = self._place(executed.submission.student)
        return not any((folder / f"{source.name}.ipynb").exists() for source in self._assignment.sources)

    def _write_batch(self, batch: Sequence[Executed]) -> int:
        """Write the folders and rows of a batch, or none of them."""
        penalty = self._assignment.rules.penalty
        changed = {one.submission.student for one in batch if not one.is_shown}
        rewritten = {one.submission.student: self._rewritten(one) for one in batch if not one.is_shown}
        with replaced_together() as folders, transaction(self._gradebook, self._assignment.name) as row:
            for executed in (one for one in batch if not one.is_shown):
                folders.append(FolderInPlace(self._place(executed.submission.student)))
                self._fill(folders[-1].begin(), executed)
                folders[-1].put_in_place()
            for source in self._assignment.sources:
                rows = Rows(self._gradebook, row, source, [executed.submission.student for executed in batch])
                for executed in batch:
                    record = self._record(executed, source, rewritten.get(executed.submission.student, {}))
                    if record is not None and not rows.holds(record, penalty):
                        rows.write(record, penalty)
                        changed.add(executed.submission.student)
        return len(changed)

    def _rewritten(self, executed: Executed) -> dict[str, frozenset[str]]:
        """Return the cells whose answer is another than when they were graded before, by notebook."""
        place = self._place(executed.submission.student)
        sources = (source for source in self._assignment.sources if source.name in executed.notebooks)
        return {one.name: autograded.changed(place, executed.notebooks[one.name], one) for one in sources}

    def _record(
        self, executed: Executed, source: SourceNotebook, rewritten: Mapping[str, frozenset[str]]
    ) -> GradebookRow | None:
        """Return what the gradebook gets of one notebook; None if another one's record says that it is missing."""
        missing = frozenset(one.name for one in self._assignment.sources if one.name not in executed.notebooks)
        student = executed.submission.student
        timestamp = self._outcome.handed_in_at(student, executed.submission.folder)
        if source.name in missing:
            if executed.notebooks or source is not self._assignment.sources[0]:
                return None
            scores: dict[str, float | None] = {
                cell.name: 0.0 for cell in source.cells.values() if cell.points is not None
            }
            return GradebookRow(student, timestamp, scores, {}, missing - {source.name})
        run = executed.notebooks[source.name].metadata[RUN]
        changed = rewritten.get(source.name, frozenset())
        is_unread = bool(run.get("unread"))
        return GradebookRow(student, timestamp, run["scores"], run["comments"], missing, changed, is_unread)

    def _place(self, student: str) -> Path:
        return self._nbgrader.folder("autograded", student, self._assignment.name)

    def _fill(self, folder: Path, executed: Executed) -> None:
        """Put into a folder what nbgrader puts into ``autograded/<student>/<assignment>/``."""
        rules, digest = self._assignment.rules, autograded.sha256(executed.report)
        rules.bring_along(self._assignment.name, executed.submission.folder, folder, lambda _: None)
        for name, notebook in executed.notebooks.items():
            notebook.metadata[RUN]["report"] = digest
            if self._assignment.judged is not None:
                notebook.metadata[RUN][_WHOLE] = executed.report.to_dict()
            autograded.write(folder / f"{name}.ipynb", notebook)
        judged = self._place(executed.submission.student) / f"{self._assignment.judged}.ipynb"
        if self._assignment.judged is not None and judged.is_file():
            shutil.copyfile(judged, folder / judged.name)
        rules.set_permissions(folder)
