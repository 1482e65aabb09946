"""Measures what a rubric is worth: grades known and generated wrong versions, and differently right ones.

Named mutants must fail the criteria they name, equivalents must get full marks, and of the versions generated from the
reference at least 95 % must lose a point; ``mutants.yaml`` lists by hand those that are right after all. Functions that
solve nothing must earn next to nothing.

The inputs are random and depend on the course's key, so a version may be caught in one course and pass in the next.
With several keys each of them judges every version, which shows what depends on luck.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from autograder.base.errors import ConfigError
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
from autograder.rubric.provenance import seed_of
from autograder.rubric.source_reading import refuse_mistakes

KEY = b"audit"
"""Seeds the inputs of every audit: the same rubric gets the same result everywhere."""


@dataclass(frozen=True)
class Selection:
    """Chooses the versions to judge.

    Args:
        exercises: the exercises whose versions are judged; empty for all.
        versions: the ids of the versions; empty for all.
    """

    exercises: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()

    def has(self, version: Version) -> bool:
        """Return whether this version is to be judged."""
        return (not self.exercises or version.exercise in self.exercises) and (
            not self.versions or version.id in self.versions
        )


EVERYTHING = Selection()


def keys_of(count: int) -> tuple[bytes, ...]:
    """Return so many course keys, the same in every audit."""
    return (KEY, *(f"audit {number}".encode() for number in range(2, count + 1)))


def versions_of(assignment: Assignment) -> list[Version]:
    """Return every version of an assignment, not judged yet.

    Raises:
        ConfigError: ``mutants.yaml`` or an edit in it is wrong, or the rubric cannot work.
    """
    refuse_mistakes(assignment)
    answers = Answers.of(assignment, assignment.notebook)
    return [version for version, _ in _versions(assignment, mutants.load(assignment), answers)]


def audit(
    assignment: Assignment,
    *,
    processes: int,
    keys: int = 1,
    chosen: Selection = EVERYTHING,
    confined: bool = True,
    advance: Callable[[], None] = lambda: None,
) -> Audit:
    """Grade every version of an assignment.

    Args:
        assignment: the folder in ``solutions/``.
        processes: how many rubric processes work at once.
        keys: how many course keys judge each version: the first in a worker, as it judges submissions, the others in
            the rubric's process. Versions that solve nothing are judged with the first only.
        chosen: the versions to judge.
        confined: whether the kernel confines the versions.
        advance: called after each version.

    Raises:
        ConfigError: the rubric, ``mutants.yaml`` or an edit in it is wrong.
        SandboxError: this machine cannot run the versions.
    """
    known = mutants.load(assignment)
    answers = Answers.of(assignment, assignment.notebook)
    every = _versions(assignment, known, answers)
    versions = [(version, source) for version, source in every if chosen.has(version)]
    course_keys = keys_of(keys)
    with RunFolder() as folder:
        jobs = list(_hand_in(folder, assignment, answers, versions, course_keys))
        verdicts = [Verdicts(version, job, assignment) for job, (version, _) in zip(jobs, versions, strict=True)]
        with Engine(jobs, assignment, KEY, sessions=min(processes, len(jobs)), confined=confined) as engine:
            _collect(engine, verdicts, advance, lambda report: _refuse_unknown_criteria(assignment, known, report))
            engine.add([v.job for v in verdicts if v.needs_the_whole_rubric()])
            _collect(engine, verdicts, advance)
    judged = tuple(v.judged() for v in verdicts)
    generated = {version.id for version, _ in every if version.kind == "generated"}
    criteria = _criteria(judged, verdicts[0].first) if verdicts and not chosen.versions else ()
    return Audit(
        assignment=assignment.name,
        keys=keys,
        is_partial=bool(chosen.versions),
        versions=judged,
        criteria=tuple(c for c in criteria if not chosen.exercises or c.exercise in chosen.exercises),
        without_cell=tuple(
            name
            for name in assignment.settings.exercises
            if name not in answers.solutions and (not chosen.exercises or name in chosen.exercises)
        ),
        stale=tuple(e.id for e in known.generated_equivalents if e.id not in generated),
    )


def _collect(
    engine: Engine,
    verdicts: Sequence[Verdicts],
    advance: Callable[[], None],
    look_at: Callable[[GradeReport], None] = lambda report: None,
) -> None:
    """Add what the engine reports to the verdicts; let somebody look at what the whole rubric says of the first one."""
    for report in engine.reports():
        found = verdicts[int(report.student)]
        if found is verdicts[0]:
            look_at(report)
        found.add(report)
        if found.are_final(report):
            advance()


class Verdicts:
    """Collects the reports on one version, one for each key.

    Args:
        version: the version, not judged yet.
        job: the job that judges it.
        assignment: the assignment of the version.
    """

    def __init__(self, version: Version, job: Job, assignment: Assignment) -> None:
        self.version, self.job = version, job
        self._keys = {seed_of(key, assignment): key for key in (KEY, *job.keys)}
        self._reports: dict[str, GradeReport] = {}
        self._own = seed_of(KEY, assignment)

    @property
    def first(self) -> GradeReport:
        """The report with the first key, the only one with diagnoses."""
        return self._reports[self._own]

    def add(self, report: GradeReport) -> None:
        """Keep a report; a later one with the same key replaces it."""
        self._reports[report.seed] = report

    def are_final(self, report: GradeReport) -> bool:
        """Return whether this was the version's last report; the first key's comes last."""
        return report.seed == self._own and not (self.job.exercise and self._unsettled())

    def needs_the_whole_rubric(self) -> bool:
        """Return whether the exercise leaves a key unsettled; then the job becomes one of the whole rubric."""
        unsettled = self._unsettled() if self.job.exercise else []
        if unsettled:
            self.job = replace(self.job, exercise=None, keys=tuple(key for key in unsettled if key != KEY))
        return bool(unsettled)

    def _unsettled(self) -> list[bytes]:
        if self.first.status == "error":
            return [KEY]
        return [key for seed, key in self._keys.items() if not self._with_key(seed).is_settled]

    def _with_key(self, seed: str) -> Version:
        judged = _judged(self.version, self._reports[seed])
        # only the first key's report has diagnoses
        return judged if seed == self._own else judged.model_copy(update={"diagnosis": judged.id})

    def judged(self) -> Version:
        """Return the version with what became of it."""
        first = _judged(self.version, self.first)
        if first.problem:
            return first
        found = [_judged(self.version, self._reports[seed]) for seed in self._keys]
        return first.model_copy(
            update={
                "failed": tuple(dict.fromkeys(name for version in found for name in version.failed)),
                "missed": tuple(dict.fromkeys(name for version in found for name in version.missed)),
                "problem": next((version.problem for version in found if version.problem), None),
                "keys": len(found),
                "caught": sum(bool(version.failed) and not version.missed for version in found),
            }
        )


def _versions(assignment: Assignment, known: Mutants, answers: Answers) -> list[tuple[Version, str]]:
    """Return every version with the source of its cell.

    Raises:
        ConfigError: there is none, or an edit is wrong.
    """
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
        for variant in named.forms[1:] if named else ():
            answers.edited_soundly(variant)
        found.append((record, answers.edited_soundly(version)))
    for name, exercise in assignment.settings.exercises.items():
        source = answers.solutions.get(name, "")  # an exercise of variables may be answered elsewhere
        for made in generate(name, source, [f.name for f in exercise.parsed], exercise.variables):
            record = Version(id=made.id, kind="generated", exercise=name, excuse=excuses.get(made.id))
            found.append((record, made.source))
        for made in generate_trivial(name, source, exercise.parsed):
            found.append((Version(id=made.id, kind="trivial", exercise=name), made.source))
    if not found:
        words = text(
            "no cell with a solution has the name of an exercise ({names}) as its `grade_id`, so there is nothing to"
            " change; give each exercise and the cell that answers it one name",
            names=", ".join(assignment.settings.exercises),
        )
        raise ConfigError(words, path=assignment.notebook)
    return found


def _hand_in(
    folder: Path,
    assignment: Assignment,
    answers: Answers,
    versions: Sequence[tuple[Version, str]],
    keys: Sequence[bytes],
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
        yield Job(
            path.stem,
            assignment.name,
            path,
            exercise=None if whole else version.exercise,
            keys=() if version.kind == "trivial" else tuple(keys[1:]),
        )


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


def _criteria(versions: Sequence[Version], report: GradeReport) -> Iterator[CriterionAudit]:
    named, generated, decisive, tried = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for version in versions:
        tried[version.exercise] += version.is_wrong
        if version.kind in ("mutant", "generated"):
            (named if version.kind == "mutant" else generated).update(version.failed)
            decisive.update(version.failed if len(version.failed) == 1 else ())
    for exercise in report.exercises:
        for name in dict.fromkeys(_base(c) for c in exercise.criteria):
            yield CriterionAudit(
                id=name,
                exercise=exercise.name,
                tried=tried[exercise.name],
                named=named[name],
                generated=generated[name],
                decisive=decisive[name],
            )


def _base(criterion: CriterionResult) -> str:
    """Return the criterion's id without the case of a parametrised test."""
    return criterion.id.partition("[")[0]
