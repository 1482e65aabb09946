"""Grading on Dask: a real scheduler and real Dask workers, whose reports are those of this machine's engine."""

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import tiny_course as tiny
from dask_processes import ENDS_SOON, Processes, command, goes_on, grade, results
from distributed import Client
from process_tree import adopting, still_alive

from autograder.base.errors import SandboxError, UsageError
from autograder.course.jobs import Job
from autograder.grading import cluster
from autograder.results.journal import read
from autograder.sandbox import confine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not confine.is_available(), reason="this machine has no Landlock"),
]

SLOW = "import time\ntime.sleep(0.05)"
ANSWERS = {
    "right": tiny.answers(),
    "wrong": tiny.answers("def double(x):\n    return 3 * x"),
    "raises": tiny.answers("def double(x):\n    raise ValueError(f'of {object()}')"),
    "exits": tiny.answers("import os\ndef double(x):\n    os._exit(0)"),
    "empty": b"",
    "cut off": json.dumps(tiny.answers())[:500],
    "张 伟 🎓": tiny.answers(),
}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = tiny.make(tmp_path_factory.mktemp("course"))
    for student, content in ANSWERS.items():
        tiny.submit(course, student, content)
    (course.submitted / "nothing" / "tiny").mkdir(parents=True)
    (course.submitted / "folder" / "tiny" / "tiny.ipynb").mkdir(parents=True)
    (course.submitted / "link" / "tiny").mkdir(parents=True)
    (course.submitted / "link" / "tiny" / "tiny.ipynb").symlink_to(course.root / "solutions" / "tiny" / "tiny.ipynb")
    return course


@pytest.fixture(scope="module")
def slow_course(tmp_path_factory):
    course = tiny.make(tmp_path_factory.mktemp("slow"))
    for number in range(24):
        answer = tiny.DOUBLE if number % 2 else "def double(x):\n    return 3 * x"
        tiny.submit(course, f"s{number:02}", tiny.answers(answer, before=[SLOW]))
    return course


@pytest.fixture
def processes(tmp_path, request):
    with adopting() as descendants:
        processes = Processes(tmp_path, **getattr(request, "param", {}))
        yield processes
        started = descendants()
        processes.end()
        assert still_alive(started, ENDS_SOON) == []


@pytest.fixture(scope="module")
def here(course, slow_course, tmp_path_factory):
    """What this machine's engine says."""
    folder = tmp_path_factory.mktemp("here")
    for name, each in (("course", course), ("slow", slow_course)):
        assert grade(each, folder / name)[0] == 0
    return {name: results(folder / name) for name in ("course", "slow")}


def until_something_is_graded(out, process):
    while goes_on(process) and not (out.exists() and out.stat().st_size):
        pass


def test_without_an_address_a_cluster_is_started_here(course, here, tmp_path):
    with adopting() as descendants:
        code, told = grade(course, tmp_path / "out", "--engine", "dask", "--jobs", "2")
        assert still_alive(descendants(), ENDS_SOON) == []
    assert code == 0, told
    assert results(tmp_path / "out") == here["course"]


def test_a_killed_dask_worker_loses_nothing(slow_course, here, processes, tmp_path):
    victim = processes.add_worker()
    processes.add_worker()
    grader = subprocess.Popen(
        command(slow_course, tmp_path / "out", "--engine", "dask", "--scheduler", processes.address)
    )
    until_something_is_graded(tmp_path / "out", grader)
    victim.send_signal(signal.SIGKILL)
    assert grader.wait() == 0
    assert results(tmp_path / "out") == here["slow"]


NEVER_AGAIN = {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0"}


@pytest.mark.parametrize("processes", [NEVER_AGAIN], indirect=True, ids=[""])
def test_a_submission_that_ends_dask_workers_is_said_and_tried_again(processes, tmp_path):
    course = tiny.make(tmp_path / "course")
    tiny.submit(course, "ann", tiny.answers(before=["import time\ntime.sleep(1.5)"]))
    victim = processes.add_worker()
    out, options = tmp_path / "out", ("--engine", "dask", "--scheduler", processes.address)
    grader = subprocess.Popen(command(course, out, *options), stdout=subprocess.DEVNULL)
    until_a_student_is_at_work(victim, grader)
    victim.kill()
    assert grader.wait() == 1
    (report,) = read(out)
    assert (report.status, report.score) == ("error", None)
    assert "ended the Dask workers" in report.problems[0].text.en
    processes.add_worker()
    assert grade(course, out, *options)[0] == 0
    assert next(read(out)).score == 10


def until_a_student_is_at_work(dask_worker, grader):
    while goes_on(grader):
        with contextlib.suppress(psutil.NoSuchProcess):
            tree = psutil.Process(dask_worker.pid).children(recursive=True)
            if any(process.name() == "session" for process in tree) and sum(p.name() == "worker" for p in tree) > 1:
                return


def test_a_lost_scheduler_is_said_and_what_is_graded_is_kept(slow_course, here, processes, tmp_path):
    processes.add_worker()
    out = tmp_path / "out"
    grader = subprocess.Popen(
        command(slow_course, out, "--engine", "dask", "--scheduler", processes.address),
        stderr=subprocess.PIPE,
        text=True,
    )
    until_something_is_graded(out, grader)
    processes.scheduler.kill()
    told = grader.communicate()[1]
    assert (grader.returncode, "the connection to the Dask scheduler" in told) == (1, True), told
    assert "Traceback" not in told
    kept = results(out)
    assert kept and kept.items() <= here["slow"].items()
    assert grade(slow_course, out)[0] == 0
    assert results(out) == here["slow"]


UNCONFINABLE = (sys.executable, str(Path(__file__).parents[1] / "helpers" / "without_landlock.py"), "--unshare")


def test_reports_are_those_of_this_machine_and_who_cannot_confine_is_not_used(course, here, processes, tmp_path):
    processes.add_worker(*UNCONFINABLE)
    options = ("--engine", "dask", "--scheduler", processes.address)
    code, told = grade(course, tmp_path / "none", *options)
    assert (code, "no Dask worker can grade" in told, "cannot confine" in told) == (1, True, True), told
    for _ in range(2):
        processes.add_worker()
    with Client(processes.address) as client:
        client.wait_for_workers(3)  # where none but an unfit one has come yet, grading ends
    code, told = grade(course, tmp_path / "two", *options)
    assert (code, results(tmp_path / "two")) == (0, here["course"]), told


def test_a_scheduler_that_was_started_again_is_found_again(course, processes, monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_S", 2)
    monkeypatch.setattr(cluster, "_REST_S", 0)

    def said():
        with pytest.raises(SandboxError) as caught:
            list(opened.grade([Job("ann", "tiny", None)], course.assignment("tiny"), course.key()))
        return caught.value.text.en

    def add_worker():
        worker = processes.add_worker(*UNCONFINABLE)  # answers without an engine, which would take seconds to start
        with Client(processes.address) as client:
            client.wait_for_workers(1)
        return worker

    worker = add_worker()
    with cluster.Cluster(processes.address, 1, must_confine=True) as opened:
        assert "no Dask worker can grade" in said()
        for process in (processes.scheduler, worker):
            process.kill()
            process.wait()
        assert [("was lost" in said()) for _ in range(2)] == [True, True]
        processes.start_scheduler(processes.address.rpartition(":")[2])
        add_worker()
        assert "no Dask worker can grade" in said()


def test_without_a_scheduler_nothing_is_begun(monkeypatch):
    monkeypatch.setattr(cluster, "_CONNECT_S", 1)
    with pytest.raises(UsageError, match=r"^tcp://127.0.0.1:1: no Dask scheduler answers there"):
        cluster.Cluster("tcp://127.0.0.1:1", 1, must_confine=True).__enter__()


def test_a_mistake_in_the_rubric_is_told_with_its_file_here(tmp_path):
    course = tiny.make(tmp_path, visible=tiny.VISIBLE.replace("double.shape", "double.form"))
    tiny.submit(course, "ann", tiny.answers())
    code, told = grade(course, tmp_path / "out", "--engine", "dask", "--jobs", "1")
    place = course.root / "solutions" / "tiny" / "test_tiny.py"
    assert (code, f"{place}:11: double.values: needs='double.form'" in told) == (2, True), told


def test_a_mistake_keeps_its_column_on_the_way_here(tmp_path):
    course = tiny.make(tmp_path, visible=tiny.VISIBLE.replace("def test_double_shape(", "def test_double_shape(("))
    tiny.submit(course, "ann", tiny.answers())
    code, told = grade(course, tmp_path / "out", "--engine", "dask", "--jobs", "1")
    place = course.root / "solutions" / "tiny" / "test_tiny.py"
    assert (code, f"{place}:6:23: SyntaxError" in told) == (2, True), told
