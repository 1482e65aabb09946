"""From reports to nbgrader's gradebook and its ``autograded/`` folders, in batches.

The reports are the truth and the gradebook is written from them: writing them twice, or again after a kill at any
moment, gives the same gradebook. What is already written is left alone, so that a classmate who hands in late does not
send grades given by hand back for a second look.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from autograder.base.files import FolderInPlace, replaced_together
from autograder.base.i18n import Text, same, text
from autograder.course.configuration import is_nbgrader_course
from autograder.course.course import Assignment, Course
from autograder.course.jobs import Job, student_of
from autograder.gradebook import autograded, late_policy, mixed, nbgrader_course, released_notebook
from autograder.gradebook.autograde_rules import AutogradeRules
from autograder.gradebook.autograded import Autograded
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.gradebook.rows import GradebookRow, Rows, transaction
from autograder.results.grade_report import GradeReport
from autograder.results.journal import Key

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

Item = TypeVar("Item")

BATCH = 20
"""Submissions in one transaction: nobody else who writes to the gradebook waits longer than these take."""
_TRIES = 5
_SANITIZED_BY_US = text(
    "nbgrader_config.py: c.Autograde.sanitize_preprocessors does nothing for notebooks with a rubric, whose marks and "
    "locked cells come from the gradebook; take it out, or leave the assignment without assignment.yaml to "
    "`nbgrader autograde`"
)


@dataclass
class WriteOutcome:
    """The result of writing a gradebook.

    Args:
        database: its address, without a password; empty if none was written, for the reason in `notes`.
        written: how many submissions.
        unchanged: how many were already in it.
        penalties: what is taken off for being late, by assignment and student, where it is anything.
        notes: what the instructor should know.
    """

    database: str = ""
    written: int = 0
    unchanged: int = 0
    penalties: dict[Key, float] = field(default_factory=dict)
    notes: list[Text] = field(default_factory=list)

    def handed_in_at(self, student: str, folder: Path) -> datetime | None:
        """Return when a folder was handed in; note what is wrong with the file that says so."""
        timestamp, note = nbgrader_course.timestamp(folder)
        if note and (words := same(f"{student}: ") + note) not in self.notes:
            self.notes.append(words)
        return timestamp

    def write(self, items: Sequence[Item], write_batch: Callable[[Sequence[Item]], int], *, size: int = BATCH) -> None:
        """Write in batches, and count what was written.

        Args:
            items: everything, some of which may be in the gradebook already.
            write_batch: writes some of them in one transaction; returns how many were not.
            size: how many.
        """
        for start in range(0, len(items), size):
            batch = items[start : start + size]
            written = _until_written(partial(write_batch, batch))
            self.written += written
            self.unchanged += len(batch) - written

    @property
    def summary(self) -> Text:
        """What was written where."""
        return text(
            "gradebook: {database}: {written} written, {unchanged} unchanged",
            database=self.database,
            written=self.written,
            unchanged=self.unchanged,
        )


def write(course: Course, paths: Sequence[Path], reports: Sequence[GradeReport]) -> WriteOutcome:
    """Write the reports of a course's ``submitted/`` tree to its gradebook.

    Args:
        course: the course.
        paths: what was graded; empty means all of ``submitted/``.
        reports: what grading it gave.

    Raises:
        GradebookError: the gradebook cannot be written.
        ConfigError: the course's ``nbgrader_config.py`` is broken.
    """
    if not all(path.resolve().is_relative_to(course.submitted.resolve()) for path in paths):
        return WriteOutcome(
            notes=[
                text("the gradebook was not written: these submissions are not in {folder}", folder=course.submitted)
            ]
        )
    entries = list(_entries(course, reports))
    if not entries:
        words = text(
            "the gradebook was not written: {folder} has no <student>/<assignment>/ folders", folder=course.submitted
        )
        return WriteOutcome(notes=[words])
    if not is_nbgrader_course(course.root):
        return WriteOutcome(
            notes=[text("the gradebook was not written: {folder} has no nbgrader_config.py", folder=course.root)]
        )
    nbgrader = NbgraderCourse(course.root)
    outcome = WriteOutcome(nbgrader.database)
    written = {(entry.report.assignment, entry.report.student) for entry in entries}
    for report in (r for r in reports if (r.assignment, r.student) not in written):
        words = text("not written to the gradebook: no folder in {folder} has this name", folder=course.submitted.name)
        outcome.notes.append(same(f"{report.student}: ") + words)
    with nbgrader.open() as gradebook:
        for name in dict.fromkeys(entry.report.assignment for entry in entries):
            of_assignment = [entry for entry in entries if entry.report.assignment == name]
            _AssignmentWriter(nbgrader, gradebook, course.assignment(name), outcome).write(of_assignment)
    return outcome


def _until_written(write: Callable[[], int]) -> int:
    """Write a batch; try again if another grader was faster with one of its rows."""
    from sqlalchemy.exc import IntegrityError, OperationalError

    for _ in range(_TRIES - 1):
        try:
            return write()
        except IntegrityError:
            continue
        except OperationalError as error:
            if "deadlock" not in str(error):
                raise
    return write()


@dataclass(frozen=True)
class SubmissionInTree:
    """A submission in the tree: its report, its file, its folder."""

    report: GradeReport
    path: Path | None
    folder: Path


def _entries(course: Course, reports: Sequence[GradeReport]) -> Iterator[SubmissionInTree]:
    names = sorted({report.assignment for report in reports})
    places = [course.submitted / report.student / report.assignment for report in reports]
    is_few = len(places) <= BATCH and all(map(_is_plain, places))  # a whole class is found faster from above
    jobs = {(job.assignment, job.student): job for job in course.jobs(names, places if is_few else None)}
    others = () if is_few else [(name, d) for name in names for d in course.submitted.glob(f"*/{name}")]
    folders = {(name, student_of(d.parent)): d for name, d in others}
    for report in sorted(reports, key=lambda r: (r.assignment, r.student)):
        found = (report.assignment, report.student)
        job: Job | None = jobs.get(found)
        folder = course.submitted / report.student / report.assignment
        folder = folder if folder.exists() else folders.get(found, folder)  # a name that cannot be printed is another
        if job is not None and folder.exists():
            yield SubmissionInTree(report, job.path, folder)


def _is_plain(place: Path) -> bool:
    """Return whether this is a student's folder of an assignment, and not the way to another's."""
    return place.is_dir() and not place.is_symlink() and not place.parent.is_symlink()


class _AssignmentWriter:
    """Writes the submissions of one assignment."""

    def __init__(
        self, nbgrader: NbgraderCourse, gradebook: Gradebook, assignment: Assignment, outcome: WriteOutcome
    ) -> None:
        self._nbgrader, self._gradebook, self._assignment, self._outcome = nbgrader, gradebook, assignment, outcome
        self._rules = AutogradeRules(nbgrader)
        if self._rules.has_own_sanitizers and _SANITIZED_BY_US not in outcome.notes:
            outcome.notes.append(_SANITIZED_BY_US)
        self._source = self._load_source()
        self._others = self._other_notebooks()

    def write(self, entries: Sequence[SubmissionInTree]) -> None:
        """Write some submissions, batch by batch."""
        entries = [replace(one, report=mixed.own_part(one.report, self._others)) for one in entries]
        self._outcome.write(entries, self._write_batch)
        name, students = self._assignment.name, {entry.report.student for entry in entries}
        taken = late_policy.penalties(self._gradebook, name, students)
        self._gradebook.db.rollback()
        self._tell_not_run(entries)
        self._outcome.penalties |= {(name, student): penalty for student, penalty in taken.items()}

    def _tell_not_run(self, entries: Sequence[SubmissionInTree]) -> None:
        """Name the other notebooks that somebody has handed in and nothing has run."""
        for name in sorted(self._others):
            file = f"{name}.ipynb"
            handed_in = (entry.report.student for entry in entries if (entry.folder / file).is_file())
            if not all((self._place(student) / file).is_file() for student in handed_in):
                self._outcome.notes.append(
                    text(
                        "{notebook}.ipynb has no rubric; `autograder grade --assignment {assignment}` runs its tests",
                        notebook=name,
                        assignment=self._assignment.name,
                    )
                )

    def _place(self, student: str) -> Path:
        return self._nbgrader.folder("autograded", student, self._assignment.name)

    def _load_source(self) -> released_notebook.SourceNotebook:
        """Return what the gradebook knows of the notebook; enter the assignment first if it is new."""
        from autograder.gradebook import releasing

        name = self._assignment.name
        (source,) = releasing.sources(self._nbgrader, self._gradebook, name, [self._assignment.notebook])
        return source

    def _other_notebooks(self) -> frozenset[str]:
        found = self._gradebook.find_assignment(self._assignment.name).notebooks
        names = frozenset(notebook.name for notebook in found) - {self._assignment.name}
        self._gradebook.db.rollback()
        return names

    def _write_batch(self, batch: Sequence[SubmissionInTree]) -> int:
        """Write the folders and rows of a batch, or none of them."""
        with replaced_together() as folders, transaction(self._gradebook, self._assignment.name) as row:
            rows = Rows(self._gradebook, row, self._source, [entry.report.student for entry in batch])
            for entry in batch:
                target = self._place(entry.report.student)
                FolderInPlace(target).recover()  # what is compared is what the gradebook was written with
                made = autograded.make(entry.path, entry.report, self._source, self._assignment)
                record = self._record(entry, made)
                is_shown = autograded.is_shown(target, entry.report, self._source)
                if not (is_shown and rows.holds(record, self._rules.penalty)):
                    record = replace(record, changed=autograded.changed(target, made.notebook, self._source))
                    folders.append(FolderInPlace(target))
                    self._fill(folders[-1].begin(), entry, made)
                    folders[-1].put_in_place()
                    rows.write(record, self._rules.penalty)
        return len(folders)

    def _record(self, entry: SubmissionInTree, made: Autograded) -> GradebookRow:
        timestamp = self._outcome.handed_in_at(entry.report.student, entry.folder)
        missing = frozenset(name for name in self._others if not (entry.folder / f"{name}.ipynb").exists())
        return GradebookRow(
            entry.report.student, timestamp, made.scores, made.comments, missing, is_unread=made.is_unread
        )

    # -- files ---------------------------------------------------------------------------------------------------------

    def _fill(self, folder: Path, entry: SubmissionInTree, made: Autograded) -> None:
        """Put into a folder what nbgrader puts into ``autograded/<student>/<assignment>/``."""
        self._rules.bring_along(self._assignment.name, entry.folder, folder, self._outcome.notes.append)
        autograded.write(folder / f"{self._assignment.name}.ipynb", made.notebook)
        before = self._place(entry.report.student)
        for other in (f"{notebook}.ipynb" for notebook in self._others):
            if (before / other).is_file():  # its scores stay, and so does what shows them
                shutil.copyfile(before / other, folder / other)
        self._rules.set_permissions(folder)
