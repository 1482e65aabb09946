"""Exercises of other courses, ported: every version of each gets what it deserves, and its students read why.

A course lies here as any does, `solutions/<name>/` with the source notebook, the rubric and the mutants; `autograder audit
--course tests/courses/ported` audits it. Here everything is judged in this process, as a rubric session does: the known versions
in confined workers, those made by rule without, as an audit with several keys does it.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from autograder.course import mutants, submission
from autograder.course.course import Course
from autograder.course.jobs import Job
from autograder.course.mutants import Answers, Mutant
from autograder.gradebook import releasing
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.grading.audit import KEY
from autograder.grading.mutations import generate
from autograder.grading.server import Session
from autograder.results.grade_report import CAUSES
from autograder.rubric import replay
from autograder.rubric.judge import Judge
from autograder.rubric.loop_budget import TooManyRounds
from autograder.rubric.provenance import Provenance
from autograder.rubric.pytest_session import run_session
from autograder.sandbox.process import Zygote
from autograder.student.worker_settings import worker_settings_of

ROOT = Path(__file__).parent / "ported"
COURSE = Course(ROOT)


@dataclass(frozen=True)
class Judged:
    """What became of an assignment's versions.

    Args:
        known: its mutants and equivalents.
        reports: the report on each, by id.
        survivors: the versions made by rule that lose no points.
    """

    known: mutants.Mutants
    reports: dict
    survivors: set


@pytest.fixture(scope="module", params=sorted(COURSE.assignments()))
def judged(request, zygote, tmp_path_factory):
    """Every version of one assignment, judged; the reference has met its own rubric, and the stub none of it."""
    assignment = COURSE.assignment(request.param)
    if not assignment.settings.preload:
        return judge_versions(assignment, zygote, tmp_path_factory)
    with Zygote.begin(
        worker_settings_of(assignment, confined=True)
    ) as own:  # to import it in every worker would take far longer
        return judge_versions(assignment, own, tmp_path_factory)


def judge_versions(assignment, zygote, tmp_path_factory):
    known, answers = mutants.load(assignment), Answers.of(assignment, assignment.notebook)
    file = tmp_path_factory.mktemp("handed in") / assignment.notebook.name
    judge = Judge(assignment, KEY)
    found = Judged(known, {}, set())

    def hand_in(exercise, source):
        notebook = answers.notebook({**answers.solutions, exercise: source})
        file.write_text(json.dumps(notebook), encoding="utf-8")

    def judge_all(criteria):
        session = Session(judge, criteria, Provenance(assignment, KEY, confined=True))
        session.prove_reference(zygote)
        session.prove_stub(zygote)
        for version in (*known.mutants, *known.equivalents):
            hand_in(version.exercise, answers.edited(version))
            exercise = version.exercise if isinstance(version, Mutant) else None
            job = Job(version.id, assignment.name, file, exercise=exercise)
            found.reports[version.id] = session.grade(job, zygote)
        judge.diagnose = None
        for name, exercise in assignment.settings.exercises.items():
            judge.exercise = name
            for made in generate(name, answers.solutions[name], [f.name for f in exercise.parsed]):
                hand_in(name, made.source)
                version = replay.load(judge, submission.read(file))
                if version is not None and _loses_nothing(judge, version):
                    found.survivors.add(made.id)

    run_session(judge, loop=judge_all)
    return found


def _loses_nothing(judge, version):
    """Whether a version passes every criterion; the first that fails will do."""
    with replay.before(judge, version):
        for criterion in filter(judge.asks_for, judge.criteria):
            judge.seed_criterion(criterion)
            try:
                judge.call(criterion, version)
            except (Exception, TooManyRounds, pytest.fail.Exception):  # noqa: BLE001 -- whatever a rubric and a wrong version raise
                return False
    return True


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """As a session of the grader has: threads of many small operations would wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def _criteria(report, *outcomes):
    return [c for exercise in report.exercises for c in exercise.criteria if c.outcome in outcomes]


def test_every_mutant_fails_what_it_claims_and_nothing_else(judged):
    wrong = {}
    for mutant in judged.known.mutants:
        report = judged.reports[mutant.id]
        failed = {criterion.id.partition("[")[0] for criterion in _criteria(report, "failed", "error")}
        if report.status != "graded" or failed != set(mutant.fails):
            wrong[mutant.id] = sorted(failed)
    assert wrong == {}


def test_equivalents_lose_nothing(judged):
    lost = {e.id: [(c.id, c.message.en) for c in _criteria(judged.reports[e.id], "failed", "error", "skipped")]
            for e in judged.known.equivalents}  # fmt: skip
    assert {name: criteria for name, criteria in lost.items() if criteria} == {}


def test_no_mutant_goes_without_a_cause_or_by_the_name_of_another(judged):
    ids = {mutant.id for mutant in judged.known.mutants}
    wrong = {}
    for mutant in judged.known.mutants:
        criteria = _criteria(judged.reports[mutant.id], "failed")
        causes = {cause for c in criteria if c.diagnosis for cause in c.diagnosis.id.split(CAUSES)}
        if not causes or (causes & ids and mutant.id not in causes):
            wrong[mutant.id] = sorted(causes)
    assert wrong == {}


SAID = {
    "detached-in-unroll": "a gradient was asked for, but what came back has none; ",
    "one-t-for-all": ": a parameter that gets its first gradient later has wrong values: 2 of 2 elements",
    "weights-detached": ": no gradient reaches q_proj.weight, q_proj.bias, k_proj.weight, k_proj.bias",
    "labels-without-a-legend": ": there is no legend",
}


def test_messages_say_what_is_wrong_and_no_expected_value(judged):
    for mutant in SAID.keys() & judged.reports.keys():
        (failed,) = _criteria(judged.reports[mutant], "failed")
        assert not failed.visible
        assert SAID[mutant] in failed.message.en
        assert "expected" not in failed.message.en


def test_what_survives_is_listed_with_a_reason(judged):
    assert judged.survivors == {listed.id for listed in judged.known.generated_equivalents}


def test_every_assignment_can_be_released(tmp_path):
    shutil.copytree(ROOT, tmp_path / "course", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    course = Course(tmp_path / "course")
    nbgrader = NbgraderCourse(course.root)
    for name, assignment in course.assignments().items():
        released = releasing.release(course, nbgrader, name)
        assert {path.name for path in released.folder.iterdir()} == {
            "assignment.yaml",
            f"{name}.ipynb",
            *(path.name for path in assignment.directory.glob("test_*.py")),
            *(["data"] if assignment.data.is_dir() else []),
        }
