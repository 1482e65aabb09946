"""Commands run by the process that stands by: the same as without it, whoever is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import nbgrader_course as course_of
import pytest
import tiny_course as tiny
from listening import all_standing_by

from autograder.cli import handing_over
from autograder.course.configuration import CONFIG_FILE
from autograder.course.course import Course
from autograder.sandbox import confine
from autograder.sandbox.standby import IDLE_S

pytestmark = pytest.mark.skipif(not confine.is_available(), reason="this machine confines nothing")
RIGHT, WRONG = "def f(x):\n    return 2 * x", "def f(x):\n    return x"

SLOW = "import time\ntime.sleep(2)\n" + RIGHT


def notebook(source):
    return json.dumps(tiny.notebook(tiny.code_cell(source, "f"), tiny.code_cell("assert f(2) == 4", "f_0", points=4)))


@pytest.fixture
def course(tmp_path):
    (tmp_path / "solutions" / "hw").mkdir(parents=True)
    (tmp_path / "solutions" / "hw" / "hw.ipynb").write_text(notebook(RIGHT))
    (tmp_path / CONFIG_FILE).write_text((course_of.ROOT / CONFIG_FILE).read_text(encoding="utf-8"))
    for student, source in (("ann", RIGHT), ("bob", WRONG), ("cyd", SLOW)):
        folder = tmp_path / "submitted" / student / "hw"
        folder.mkdir(parents=True)
        (folder / "hw.ipynb").write_text(notebook(source))
    return Course(tmp_path)


class Commands:
    """Runs the command in a course, with a runtime folder of its own."""

    def __init__(self, root, runtime):
        self._root, self._runtime = root, runtime
        self._environment = os.environ | {"XDG_RUNTIME_DIR": str(runtime), IDLE_S: "60", "PYTHONUTF8": "1"}

    def begin(self, *arguments, **variables):
        command = [sys.executable, "-m", "autograder", *arguments]
        end = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=self._root, env=self._environment | variables, text=True, **end)

    def run(self, *arguments, **variables):
        process = self.begin(*arguments, **variables)
        said, errors = process.communicate(timeout=60)
        return process.returncode, said, errors

    def scores(self, *arguments, **variables):
        code, said, errors = self.run("grade", "--json", *arguments, **variables)
        assert code == 0, errors
        return {report["student"]: report["score"] for report in json.loads(said)}

    def standing(self):
        """The process that runs commands."""
        (found,) = all_standing_by(self._runtime, [socket.SOCK_STREAM])
        return found

    def begun(self):
        """A command that grades everybody anew, and the fork that does it and has not finished."""
        standing = self.standing()
        while True:
            reports = self._root / f"{time.monotonic_ns()}.jsonl"
            wait_until(lambda: not standing.children())
            process = self.begin("grade", "--json", "--out", reports.name)
            wait_until(reports.exists)
            for fork in standing.children():
                fork.suspend()
                has_finished = "cyd" in reports.read_text(encoding="utf-8")
                fork.resume()
                if not has_finished:
                    return process, fork
            process.communicate(timeout=60)  # this process has been away for as long as SLOW takes

    def end(self):
        for process in all_standing_by(self._runtime):
            process.kill()


def kill(process):
    process.kill()
    process.wait(30)


def wait_until(found, within_s=30):
    ends = time.monotonic() + within_s
    while not found():
        assert time.monotonic() < ends
        time.sleep(0.005)


@pytest.fixture
def commands(course, tmp_path_factory):
    made = Commands(course.root, tmp_path_factory.mktemp("run"))
    yield made
    made.end()


def test_the_next_command_is_run_by_a_copy_of_the_first_and_no_kill_changes_a_grade(commands, course):
    right = {"ann": 4.0, "bob": 0.0, "cyd": 4.0}
    assert commands.scores() == right
    first = commands.standing()

    # like a process of its own: output, mistakes, codes, variables
    code, said, errors = commands.run("grade", "--lang", "zh", COLUMNS="40")
    assert (code, "ann" in said, max(map(len, said.splitlines()[1:4])) <= 40) == (0, True, True), errors
    for mistake in ("submitted/nobody", "--no-such-option"):
        code, _, errors = commands.run("grade", mistake, "--lang", "en")
        assert (code, mistake in errors, "Traceback" in errors) == (2, True, False)
    wait_until(lambda: not first.children())  # no zombies either
    assert commands.standing() == first

    # the command is killed, or interrupted: its fork goes with it
    for number, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGINT, 130)):
        process, fork = commands.begun()
        process.send_signal(number)
        process.communicate(timeout=60)
        assert process.returncode == code
        wait_until(lambda gone=fork: not gone.is_running())

    # the fork is killed: the command runs here; the process itself, whose socket stays: another takes its place
    process, fork = commands.begun()
    kill(fork)
    said, errors = process.communicate(timeout=60)
    assert {report["student"]: report["score"] for report in json.loads(said)} == right, errors
    second = commands.standing()
    assert second != first
    kill(second)
    assert commands.scores() == right
    assert commands.standing() not in (first, second)
    assert [course_of.grades(course, student)["f_0"][0] for student in right] == list(right.values())


def test_a_process_under_other_circumstances_is_another(monkeypatch):
    before = handing_over.circumstances()
    monkeypatch.setenv("COLUMNS", "40")  # goes along with each command
    assert handing_over.circumstances() == before
    monkeypatch.setenv("AUTOGRADER_LANG", "en")
    monkeypatch.syspath_prepend("elsewhere")
    assert {name for name, value in handing_over.circumstances().items() if value != before[name]} == {
        "variables",
        "path",
    }
