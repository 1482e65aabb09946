"""Grades the submissions of a course and keeps the reports.

.. code-block:: text

    jobs -> grade_all -> [rubric session + zygote + workers] per core -> GradeReport -> journal
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from autograder.course import confused, mutants, submission
from autograder.course.course import Assignment, Course
from autograder.course.jobs import Job
from autograder.grading.engine import Engine
from autograder.results.grade_report import GradeReport
from autograder.results.journal import Journal
from autograder.rubric.provenance import Provenance
from autograder.rubric.source_reading import refuse_mistakes

Grade = Callable[[Sequence[Job], Assignment, bytes], Iterator[GradeReport]]
"""Grades submissions of one assignment with the course's secret; yields reports in the order they are done."""


def grade_all(
    course: Course,
    jobs: Sequence[Job],
    journal: Journal,
    *,
    processes: int,
    confined: bool = True,
    elsewhere: Grade | None = None,
) -> Iterator[GradeReport]:
    """Grade submissions of a course, keep the reports and yield them; what has not changed is not graded again.

    Args:
        course: where the assignments and the secret are.
        jobs: what to grade.
        journal: the earlier reports; new ones are added as they are made.
        processes: how many rubric sessions work at once.
        confined: whether the kernel confines students' code.
        elsewhere: grades in place of this machine.

    Raises:
        ConfigError: a rubric is broken; its assignment gets no new reports.
        SandboxError: this machine cannot run submissions.
    """
    here = partial(grade, processes=processes, confined=confined)
    key = course.key()
    for assignment in map(course.assignment, dict.fromkeys(job.assignment for job in jobs)):
        refuse_mistakes(assignment)  # they are found before torch is loaded and anybody is graded
        mutants.apply_edits(assignment)
    for name in dict.fromkeys(job.assignment for job in jobs):
        assignment = course.assignment(name)
        provenance = Provenance(assignment, key, confined=confined)
        todo = []
        for job in (job for job in jobs if job.assignment == name):
            earlier = journal.reports.get((name, job.student))
            if earlier is not None and _still_holds(earlier, job, provenance):
                yield earlier
            else:
                todo.append(job)
        paths = {job.student: job.path for job in todo}
        for found in (elsewhere or here)(todo, assignment, key):
            report = _with_other_assignment(course, found, paths[found.student])
            journal.add(report)
            yield report
    journal.finish()


def _with_other_assignment(course: Course, report: GradeReport, path: Path | None) -> GradeReport:
    """Return a report that says so in one sentence, if what lacks functions is the notebook of another assignment."""
    if path is None or all(problem.kind != "missing" for problem in report.problems):
        return report
    other = confused.problem_of(course, report.assignment, path.name, confused.cells_of(path))
    if other is None:
        return report
    rest = (problem for problem in report.problems if problem.kind not in ("missing", "cell-error"))
    return report.model_copy(update={"problems": (other, *rest)})


def _still_holds(report: GradeReport, job: Job, provenance: Provenance) -> bool:
    """Return whether grading again would give this report again."""
    return (
        report.status != "error" and provenance.made(report) and report.submission_sha256 == submission.sha256(job.path)
    )


def grade(
    jobs: Sequence[Job], assignment: Assignment, key: bytes, *, processes: int, confined: bool = True
) -> Iterator[GradeReport]:
    """Grade submissions of one assignment and yield reports in the order they are done.

    Args:
        jobs: what to grade.
        assignment: the folder in ``solutions/``.
        key: the course's secret.
        processes: how many rubric sessions work at once.
        confined: whether the kernel confines students' code.

    Raises:
        ConfigError: the rubric is broken; there are no reports.
        SandboxError: this machine cannot run submissions.
    """
    if jobs:
        with Engine(jobs, assignment, key, sessions=min(processes, len(jobs)), confined=confined) as engine:
            yield from engine.reports()
