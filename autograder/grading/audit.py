"""Measures what a rubric is worth: grades known and generated wrong versions, and differently right ones.

Named mutants must fail the criteria they name, equivalents must get full marks, and of the versions generated from the
reference at least 95 % must lose a point; ``mutants.yaml`` lists by hand those that are right after all. Functions that
solve nothing must earn next to nothing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from autograder.base.i18n import text
from autograder.base.run_folder import RunFolder
from autograder.course import mutants
from autograder.course.course import Assignment
from autograder.course.jobs import Job
from autograder.course.mutants import Answers, Mutant, Mutants
from autograder.grading.engine import Engine
from autograder.grading.mutations import generate, generate_trivial
from autograder.results.audit import Audit, CriterionAudit, Version
from autograder.results.grade_report import CriterionResult, GradeReport
from autograder.rubric.criteria import is_named

KEY = b"audit"
"""Seeds the inputs of every audit: the same rubric gets the same result everywhere."""


def count_versions(assignment: Assignment) -> int:
    """Return how many versions an audit grades.

    Raises:
        ConfigError: ``mutants.yaml`` or an edit in it is wrong.
    """
    return len(_versions(assignment, mutants.load(assignment), Answers.of(assignment, assignment.notebook)))


def audit(
    assignment: Assignment, *, processes: int, confined: bool = True, advance: Callable[[], None] = lambda: None
) -> Audit:
    """Grade every version of an assignment.

    Args:
        assignment: the folder in ``solutions/``.
        processes: how many rubric processes work at once.
        confined: whether the kernel confines the versions.
        advance: called after each version.

    Raises:
        ConfigError: the rubric, ``mutants.yaml`` or an edit in it is wrong.
        SandboxError: this machine cannot run the versions.
    """
    known = mutants.load(assignment)
    answers = Answers.of(assignment, assignment.notebook)
    versions = _versions(assignment, known, answers)
    reports: dict[str, GradeReport] = {}
    with RunFolder() as folder:
        jobs = list(_hand_in(folder, assignment, answers, versions))
        unsettled: list[Job] = []
        with Engine(jobs, assignment, KEY, sessions=min(processes, len(jobs)), confined=confined) as engine:
            for report in engine.reports():
                reports[report.student] = report
                number = int(report.student)
                if jobs[number].exercise and not _judged(versions[number][0], report).is_settled:
                    unsettled.append(replace(jobs[number], exercise=None))
                else:
                    advance()
            engine.add(unsettled)
            for report in engine.reports():
                reports[report.student] = report
                advance()
    if jobs:
        _refuse_unknown_criteria(assignment, known, reports[jobs[0].student])
    judged = tuple(_judged(version, reports[job.student]) for job, (version, _) in zip(jobs, versions, strict=True))
    generated = {v.id for v in judged if v.kind == "generated"}
    return Audit(
        assignment=assignment.name,
        versions=judged,
        criteria=tuple(_criteria(judged, reports[jobs[0].student] if jobs else None)),
        stale=tuple(e.id for e in known.generated_equivalents if e.id not in generated),
    )


def _versions(assignment: Assignment, known: Mutants, answers: Answers) -> list[tuple[Version, str]]:
    """Return every version with the source of its cell."""
    excuses = {e.id: e.reason for e in known.generated_equivalents}
    found = []
    for version in (*known.mutants, *known.equivalents):
        named = version if isinstance(version, Mutant) else None
        record = Version(
            id=version.id,
            kind="mutant" if named else "equivalent",
            exercise=version.exercise,
            must_fail=tuple(named.fails) if named else (),
        )
        found.append((record, answers.edited(version)))
    for name, exercise in assignment.settings.exercises.items():
        for made in generate(name, answers.solutions[name], [f.name for f in exercise.parsed]):
            record = Version(id=made.id, kind="generated", exercise=name, excuse=excuses.get(made.id))
            found.append((record, made.source))
        for made in generate_trivial(name, answers.solutions[name], exercise.parsed):
            found.append((Version(id=made.id, kind="trivial", exercise=name), made.source))
    return found


def _hand_in(
    folder: Path, assignment: Assignment, answers: Answers, versions: Sequence[tuple[Version, str]]
) -> Iterator[Job]:
    """Write every version as a student's notebook, named by its number.

    The first is judged by every criterion, to learn which there are, and so are equivalents, which must meet all of
    them. Of the others only the exercise that they change is judged.
    """
    for number, (version, source) in enumerate(versions):
        path = folder / f"{number:04}.ipynb"
        notebook = answers.notebook({**answers.solutions, version.exercise: source})
        path.write_text(json.dumps(notebook), encoding="utf-8")
        whole = version.kind == "equivalent" or number == 0
        yield Job(path.stem, assignment.name, path, exercise=None if whole else version.exercise)


def _refuse_unknown_criteria(assignment: Assignment, known: Mutants, report: GradeReport) -> None:
    names = {_base(c) for exercise in report.exercises for c in exercise.criteria}
    for mutant in known.mutants:
        for name in mutant.fails:
            if name.partition("[")[0] not in names:
                words = text("there is no criterion {name!r}", name=name)
                raise mutants.mistake(assignment.directory, mutant.id, words)


def _judged(version: Version, report: GradeReport) -> Version:
    criteria = [c for e in report.exercises for c in e.criteria]
    exercise = next(e for e in report.exercises if e.name == version.exercise)
    own = exercise.criteria
    not_passed = [c for c in criteria if c.outcome != "passed"]
    failed = [c for c in own if c.outcome == "failed"] or [c for c in criteria if c.outcome == "failed"]
    problem = None if report.status == "graded" else " ".join(p.text.en for p in report.problems) or report.status
    told = next((c.diagnosis for c in (*own, *criteria) if c.diagnosis), None)
    return version.model_copy(
        update={
            "failed": tuple(dict.fromkeys(_base(c) for c in failed)),
            "missed": tuple(m for m in version.must_fail if not any(is_named(c.id, m) for c in not_passed)),
            "diagnosis": told.id if told else None,
            "problem": problem,
            "earned": exercise.score or 0.0,
            "points": exercise.max_score,
        }
    )


def _criteria(versions: Sequence[Version], report: GradeReport | None) -> Iterator[CriterionAudit]:
    named, generated, decisive = Counter[str](), Counter[str](), Counter[str]()
    for version in versions:
        if version.kind in ("mutant", "generated"):
            (named if version.kind == "mutant" else generated).update(version.failed)
            decisive.update(version.failed if len(version.failed) == 1 else ())
    ids = [_base(c) for exercise in report.exercises for c in exercise.criteria] if report else []
    for name in dict.fromkeys(ids):
        yield CriterionAudit(id=name, named=named[name], generated=generated[name], decisive=decisive[name])


def _base(criterion: CriterionResult) -> str:
    """Return the criterion's id without the case of a parametrised test."""
    return criterion.id.partition("[")[0]
