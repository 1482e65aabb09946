"""SIGKILL at any moment to anything of ours: the same command again gives the results of an undisturbed run, and nobody is left."""

import contextlib
import os
import random
import subprocess
import sys

import psutil
import pytest
import tiny_course as tiny
from process_tree import adopting, still_alive

from autograder.results.journal import read
from autograder.sandbox import confine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not confine.is_available(), reason="this machine has no Landlock"),
]

STUDENTS = 12
TAKES_A_WHILE = "import time\ntime.sleep(0.05)"
ROUNDS = [  # 20 kills; "worker" is tested by itself below
    ["rubric", "grader", "zygote", "rubric", "rubric"],
    ["zygote", "zygote", "grader", "grader", "rubric"],
    ["grader", "rubric", "rubric", "zygote", "zygote"],
    ["rubric", "zygote", "grader", "grader", "zygote"],
]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = tiny.make(tmp_path_factory.mktemp("course"))
    answers = [tiny.DOUBLE, "def double(x):\n    return 3 * x", "def double(x):\n    raise ValueError(x.shape)"]
    for number in range(STUDENTS):
        tiny.submit(course, f"s{number:02}", tiny.answers(answers[number % 3], before=[TAKES_A_WHILE]))
    return course


@pytest.fixture(scope="module")
def undisturbed(course, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed") / "results.jsonl"
    subprocess.run(command(course, out), check=True, capture_output=True)
    return results(out)


def command(course, out, jobs=1):
    options = ["--course", str(course.root), "--out", str(out), "--jobs", str(jobs)]
    return [sys.executable, "-m", "autograder", "grade", *options]


def results(out):
    return {r.student: r.model_copy(update={"duration_s": 0.0}).to_json() for r in read(out)}


def start(course, out, jobs=1):
    environment = os.environ | {"TMPDIR": str(out.parent)}
    return subprocess.Popen(
        command(course, out, jobs), env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def lines(out):
    return out.read_bytes().count(b"\n") if out.exists() else 0


NAMES = {"rubric": ("rubric-server", "session"), "zygote": ("zygote",), "worker": ("worker",)}


def candidates(grader, kind):
    """The processes of a kind under a grader, by the names they go by."""
    if kind == "grader":
        return [grader]
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):  # they come and go while one looks
        for process in grader.children(recursive=True):
            if process.name() in NAMES[kind]:
                found.append(process)
    return found


def kill_one(process, out, kind, after, draw):
    """Kill one process of a kind once so many reports are there; False if the grader had finished before."""
    while process.poll() is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.03)  # to look takes a while itself
        with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended by itself
            found = candidates(psutil.Process(process.pid), kind) if lines(out) >= after else []
            if found:
                victim = draw.choice(found)
                victim.kill()
                psutil.wait_procs([victim], timeout=10)  # or the next kill would be of the same one
                return True
    return False


def finish(process, course, out):
    """Let it end, and run the command again until it has nothing left to be sorry for."""
    for _ in range(4):
        if process.wait() == 0:
            return
        process = start(course, out)
    pytest.fail("the command did not come to an end without an error")


@pytest.mark.parametrize("number", range(len(ROUNDS)))
def test_killed_at_random_moments_it_loses_nothing_and_leaves_nobody(course, undisturbed, tmp_path, number):
    draw, jobs = random.Random(20 + number), 2 - number % 2
    out = tmp_path / "results.jsonl"
    with adopting() as descendants:
        process, killed = start(course, out, jobs), 0
        for kind in ROUNDS[number]:
            after = draw.choice([0, *range(lines(out), min(lines(out) + 4, STUDENTS))])
            print(f"round {number}: {kind} after {after} reports, {lines(out)} are there")
            while not kill_one(process, out, kind, after, draw):  # it had ended: killed too early, or all was done
                after = 0
                if lines(out) >= STUDENTS:
                    out.unlink()
                process = start(course, out, jobs)
            killed += 1
            if process.poll() is not None:
                process = start(course, out, jobs)
        finish(process, course, out)
        assert still_alive(descendants()) == []
    assert killed == len(ROUNDS[number])
    assert results(out) == undisturbed
    assert not list(tmp_path.glob("autograder-*"))  # a grader that is killed cannot clear up, but the next one can


def test_a_worker_that_is_killed_costs_no_other_submission_anything(course, undisturbed, tmp_path):
    """Seen from outside, a process killed by somebody is one that used too much memory."""
    out, draw = tmp_path / "results.jsonl", random.Random(1)
    with adopting() as descendants:
        process = start(course, out)
        killed = sum(kill_one(process, out, "worker", after, draw) for after in (0, 3, 6))
        finish(process, course, out)
        assert still_alive(descendants()) == []
    assert killed
    found = results(out)
    assert set(found) == set(undisturbed)
    assert sum(found[student] != undisturbed[student] for student in undisturbed) <= killed


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("when", [[0], [3], [2, 5, 8]], ids=["before the first", "once", "again and again"])
def test_a_zygote_that_is_killed_is_replaced_in_the_same_run(course, undisturbed, tmp_path, jobs, when):
    """All zygotes at once: those of the sessions and the one that they were copied from."""
    out = tmp_path / "results.jsonl"
    with adopting() as descendants:
        process, killed = start(course, out, jobs), 0
        for after in when:
            killed += kill_all(process, out, "zygote", after)
        if when == [0]:
            finish(process, course, out)  # all that could have replaced it may be gone as well
        ended = process.wait()
        assert results(out) == undisturbed
        assert ended == 0 or when == [0]
        assert still_alive(descendants()) == []
    assert killed >= len(when)


def kill_all(process, out, kind, after):
    """Kill all processes of a kind once so many reports are there; return how many there were."""
    while process.poll() is None:
        found = candidates(psutil.Process(process.pid), kind) if lines(out) >= after else []
        if found and (lines(out) or any(one.name() == "worker" for one in found[0].children(recursive=True))):
            for victim in found:
                with contextlib.suppress(psutil.NoSuchProcess):
                    victim.kill()
            psutil.wait_procs(found, timeout=10)
            return len(found)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.01)
    return 0
