"""The process that stands by for checks: found, never stale, never in the way."""

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys

import pytest
import tiny_course as tiny
from listening import standing_by

from autograder.base.errors import ConfigError
from autograder.practice import standby
from autograder.sandbox import standby as sandbox_standby
from autograder.sandbox.standby import IDLE_S

WRONG = "def double(x):\n    return 3 * x\n"


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """A runtime folder of this module's own; whoever stands by in it is ended."""
    folder = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(folder))
        patch.setenv(IDLE_S, "300")
        yield folder
    for place in folder.rglob("*.socket"):
        with contextlib.suppress(OSError):
            os.kill(standing_by(place), signal.SIGKILL)


@pytest.fixture
def mine(tmp_path):
    """A student's notebook, right in everything, in the folder it came in."""
    course = tiny.make(tmp_path / "course")
    folder = tmp_path / "作业" / "tiny"
    shutil.copytree(course.root / "solutions" / "tiny", folder, ignore=shutil.ignore_patterns("private"))
    return write(folder / "mine.ipynb")


def write(path, **answers):
    path.write_text(json.dumps(tiny.answers(**answers)), encoding="utf-8")
    return path


def places(runtime):
    return list((runtime / "autograder").glob("*.socket"))


def outcomes(path):
    _, report = standby.check_file(path)
    return {c.id: c.outcome for exercise in report.exercises for c in exercise.criteria}


@pytest.fixture
def warm(runtime, mine):
    """Somebody stands by; gives the socket."""
    assert outcomes(mine) == {"double.shape": "passed", "double.values": "passed"}
    (place,) = places(runtime)
    return place


def test_the_same_process_answers_again_and_the_asking_one_stays_light(warm, mine):
    before = standing_by(warm)
    script = (
        "import sys; from pathlib import Path; from autograder.practice import standby\n"
        f"_, report = standby.check_file(Path({str(mine)!r}))\n"
        "print(report.status, report.exercises[0].score, 'torch' in sys.modules, 'pytest' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["graded", "5.0", "False", "False"]
    assert standing_by(warm) == before


def test_what_it_says_is_what_a_check_here_says(warm, mine, monkeypatch):
    write(mine, double=WRONG)
    asked = standby.check_file(mine)[1]
    monkeypatch.setenv(IDLE_S, "0")
    here = standby.check_file(mine)[1]
    assert asked.model_copy(update={"duration_s": 0}) == here.model_copy(update={"duration_s": 0})


def test_one_exercise_can_be_asked_for(warm, mine):
    _, report = standby.check_file(mine, exercise="double")
    assert [exercise.name for exercise in report.exercises] == ["double"]
    assert report.score == 5


def test_an_exercise_that_is_judged_later_says_so(warm, mine):
    _, report = standby.check_file(mine, exercise="step")
    assert [(exercise.name, exercise.criteria) for exercise in report.exercises] == [("step", ())]


def test_handing_in_after_a_check_imports_nothing_more(warm, mine):
    mine = mine.rename(mine.with_name("tiny.ipynb"))
    script = (
        "import sys; from pathlib import Path; from autograder.lms import submitting\n"
        f"handed_in = submitting.prepare(*submitting.find(Path({str(mine)!r})))\n"
        "print(handed_in.report.status, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["graded", "False"]


def test_no_verdict_is_stale(warm, mine):
    """Neither the submission nor the rubric of the check before counts."""
    write(mine, double=WRONG)
    assert outcomes(mine) == {"double.shape": "passed", "double.values": "failed"}
    rubric = mine.parent / "test_tiny.py"
    rubric.write_text(rubric.read_text().replace("2 * x)", "3 * x)"))
    assert outcomes(mine) == {"double.shape": "passed", "double.values": "passed"}


def test_data_is_read_as_it_is_now(mine, tmp_path_factory, monkeypatch):
    runtime = tmp_path_factory.mktemp("run")  # the path of a socket may not be long
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv(IDLE_S, "3")
    write(mine, double="def double(x):\n    return float(open('data/factor.txt').read()) * x\n")
    factor = mine.parent / "data" / "factor.txt"
    factor.parent.mkdir()
    for value, outcome in (("3", "failed"), ("2.0", "passed")):
        factor.write_text(value)
        assert outcomes(mine) == {"double.shape": "passed", "double.values": outcome}
    assert places(runtime)


def test_an_authors_mistake_is_told_as_ever(warm, mine):
    (mine.parent / "test_tiny.py").write_text("import torch\nnonsense(\n")
    with pytest.raises(ConfigError, match=r"test_tiny\.py:2:9: SyntaxError"):
        standby.check_file(mine)


def test_an_authors_mistake_comes_from_the_process_that_stands_by_with_its_column(warm, mine):
    rubric = mine.parent / "test_tiny.py"
    rubric.write_text("import torch\nnonsense(\n")
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(warm))
        with connection.makefile("rw", encoding="utf-8") as channel:
            channel.write(json.dumps({"path": str(mine)}) + "\n")
            channel.flush()
            error = ConfigError.from_dict(json.loads(channel.readline())["mistake"])
    assert (error.path, error.line, error.column) == (rubric, 2, 9)


def test_who_asks_for_nothing_disturbs_nobody(warm, mine):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(warm))
        connection.sendall(b"no json\n")
        assert connection.recv(100) == b""
    assert outcomes(mine)["double.values"] == "passed"


def test_one_that_was_killed_is_replaced(warm, mine):
    before = standing_by(warm)
    handle = os.pidfd_open(before)
    os.kill(before, signal.SIGKILL)
    select.select([handle], [], [])
    os.close(handle)
    assert outcomes(mine)["double.values"] == "passed"
    assert standing_by(warm) != before


def test_it_ends_by_itself_and_leaves_nothing(mine, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv(IDLE_S, "1")
    standby.check_file(mine)
    for place in places(tmp_path):  # it may have ended already
        with contextlib.suppress(OSError):
            handle = os.pidfd_open(standing_by(place))
            assert select.select([handle], [], [], 120)[0]
            os.close(handle)
    assert list((tmp_path / "autograder").iterdir()) == []


def test_a_folder_that_others_may_enter_is_not_used(mine, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv(IDLE_S, "300")
    (tmp_path / "autograder").mkdir(mode=0o755)
    (tmp_path / "autograder").chmod(0o755)
    assert outcomes(mine)["double.values"] == "passed"
    assert places(tmp_path) == []


def test_without_a_runtime_folder_it_is_in_one_that_is_this_users_alone(tmp_path, monkeypatch, recwarn):
    """Its parent too, where it is not the system's: who may write there could exchange it."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert sandbox_standby._folder() == tmp_path / "autograder"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    folder = sandbox_standby._folder()
    assert folder.stat().st_uid == folder.parent.stat().st_uid == os.getuid()
    assert not (folder.stat().st_mode | folder.parent.stat().st_mode) & 0o077
    assert not recwarn.list


def test_another_version_of_the_package_has_another_name(mine, monkeypatch, tmp_path):
    told = ("a.program", {"a setting": 1}, None)
    before = sandbox_standby._name(*told)
    assert sandbox_standby._name(*told) == before
    copy = tmp_path / "package"
    copy.mkdir()
    (copy / "changed.py").write_text("x = 1\n")
    monkeypatch.setattr(sandbox_standby, "_PACKAGE", copy)
    assert sandbox_standby._name(*told) != before
