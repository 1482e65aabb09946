"""Engines that stay warm: submissions one by one, from several threads, judged as a command judges them."""

import json
from concurrent.futures import wait

import psutil
import pytest
import tiny_course as tiny

from autograder.base.errors import ConfigError, SandboxError
from autograder.course.course import PRACTICE_KEY
from autograder.course.jobs import Job
from autograder.grading.batch import grade
from autograder.grading.warm import WarmEngines
from autograder.practice.check import check_file

HANGS = "def double(x):\n    while True:\n        pass\n"
DIES = "import os\n\n\ndef double(x):\n    os._exit(1)\n"
FLATTENS = "def double(x):\n    return (2 * x).flatten()\n"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return tiny.make(tmp_path_factory.mktemp("course"))


@pytest.fixture(scope="module")
def engines():
    opened = WarmEngines(PRACTICE_KEY, sessions=2, most=2, confined=True)
    yield opened
    opened.close()


@pytest.fixture
def judge(course, engines, tmp_path):
    def judge(name, **options):
        file = tmp_path / str(len(list(tmp_path.iterdir()))) / "tiny.ipynb"
        file.parent.mkdir()
        file.write_text(json.dumps(tiny.answers(**options.pop("cells", {}))))
        return engines.judge(course.assignment("tiny"), Job(name, "tiny", file, **options))

    return judge


def without_time(report):
    return report.model_copy(update={"duration_s": 0.0})


def test_reports_are_those_of_the_command(course, judge, tmp_path):
    file = tmp_path / "tiny.ipynb"
    file.write_text(json.dumps(tiny.answers(FLATTENS)))
    job = Job("ann", "tiny", file)
    (expected,) = grade([job], course.assignment("tiny"), PRACTICE_KEY, processes=1)
    assert without_time(judge("ann", cells={"double": FLATTENS}).result()) == without_time(expected)


def test_visible_criteria_have_the_words_of_a_students_own_check(course, judge, tmp_path):
    """A check adds nothing to the words but the names of known mistakes, of which this course has none."""
    report = judge("ann", cells={"double": FLATTENS}, visible_only=True).result()
    file = course.root / "solutions" / "tiny" / "mine.ipynb"
    file.write_text(json.dumps(tiny.answers(FLATTENS)))
    try:
        _, expected = check_file(file)
    finally:
        file.unlink()
    assert report.exercises == expected.exercises
    assert [c.id for e in report.exercises for c in e.criteria] == ["double.shape", "double.values"]


def test_one_exercise_alone(judge):
    (exercise,) = judge("ann", exercise="double").result().exercises
    assert exercise.name == "double"
    assert len(exercise.criteria) == 3


def test_many_at_once_each_get_their_own_report(judge):
    names = [f"student{number}" for number in range(12)]
    futures = [judge(name, cells={"double": FLATTENS if n % 2 else tiny.DOUBLE}) for n, name in enumerate(names)]
    reports = [future.result(60) for future in futures]
    assert [report.student for report in reports] == names
    assert [report.score for report in reports] == [10.0, 5.0] * 6


def test_code_that_hangs_or_dies_delays_nobody_else(judge):
    hanging = judge("hangs", cells={"double": HANGS})
    others = [judge("dies", cells={"double": DIES}), *(judge(f"fine{n}") for n in range(4))]
    done, _ = wait([hanging, *others], return_when="FIRST_COMPLETED")
    assert hanging not in done
    assert [other.result(60).score for other in others] == [4.0, 10.0, 10.0, 10.0, 10.0]
    assert hanging.result(60).score == 4.0


def test_the_same_student_may_fail_us_often(judge):
    """Deaths are counted per submission: an engine lives long, and a student tries again and again."""
    for _ in range(3):
        assert judge("ann", cells={"double": DIES}).result(60).status == "graded"


def test_a_killed_session_is_replaced(judge):
    judge("before").result(60)
    sessions = [child for child in psutil.Process().children(recursive=True) if child.name() == "session"]
    assert sessions
    for session in sessions:
        session.kill()
    assert judge("after").result(60).score == 10.0


def test_a_change_of_the_rubric_counts_at_once(course, judge):
    rubric = course.root / "solutions" / "tiny" / "test_tiny.py"
    before = rubric.read_text()
    try:
        rubric.write_text(before.replace('"en": "doubles"', '"en": "gives twice"'))
        report = judge("ann").result(60)
        assert "gives twice" in [c.title.en for e in report.exercises for c in e.criteria]
        rubric.write_text("def test_nothing(:")
        with pytest.raises(ConfigError):
            judge("ann").result(60)
    finally:
        rubric.write_text(before)
    assert judge("ann").result(60).score == 10.0


def test_an_engine_that_nobody_needs_ends_and_starts_again(course, tmp_path):
    file = tmp_path / "tiny.ipynb"
    file.write_text(json.dumps(tiny.answers()))
    engines = WarmEngines(PRACTICE_KEY, sessions=1, most=2, confined=True)
    try:
        for _ in range(2):
            assert not engines.keep_warm("tiny")
            assert engines.judge(course.assignment("tiny"), Job("ann", "tiny", file)).result(60).score == 10
            engines.rest(3600)
            assert engines.keep_warm("tiny")
            held = [one for one in psutil.Process().children() if one.name() == "rubric-server"]
            engines.rest(0)
            assert held
            assert any(not one.is_running() or one.status() == psutil.STATUS_ZOMBIE for one in held)
    finally:
        engines.close()


def test_closing_ends_at_once_and_says_so(course, tmp_path):
    opened = WarmEngines(PRACTICE_KEY, sessions=1, most=1, confined=True)
    file = tmp_path / "tiny.ipynb"
    file.write_text(json.dumps(tiny.answers(HANGS)))
    future = opened.judge(course.assignment("tiny"), Job("ann", "tiny", file))
    opened.close()
    with pytest.raises(SandboxError):
        future.result(0)
