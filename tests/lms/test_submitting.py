"""Handing in as a student does: a receipt, a zip that can be collected, and nbgrader's real exchange."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbgrader_course as course_of
import pexpect
import pytest
import tiny_course as tiny
from nbgrader.apps import CollectApp, ReleaseAssignmentApp, ReleaseFeedbackApp
from typer.testing import CliRunner

from autograder.base.errors import UsageError
from autograder.cli.main import app
from autograder.course.course import Course
from autograder.lms import submitting
from autograder.lms.collecting import collect

ROOT = Path(__file__).parents[2]


@pytest.fixture
def fetched(tmp_path):
    """An assignment as a student has it, somewhere with spaces."""
    course = tiny.make(tmp_path / "course")
    folder = tmp_path / "my work" / "tiny"
    shutil.copytree(course.root / "solutions" / "tiny", folder, ignore=shutil.ignore_patterns("private"))
    return folder


def fill(folder, *arguments):
    path = folder / "tiny.ipynb"
    path.write_text(json.dumps(tiny.answers(*arguments)), encoding="utf-8")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def submit(*arguments, cwd, code=0, **environment):
    command = [sys.executable, "-m", "autograder", "submit", *map(str, arguments)]
    environment = os.environ | {"AUTOGRADER_LANG": "en"} | environment
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def instructor(*arguments):
    """A command in this process, where nbgrader and torch are loaded once."""
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output


def receipts(folder):
    return [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("tiny-*.receipt.json")]


def test_a_zip_with_a_receipt_that_can_be_collected(fetched, tmp_path):
    sha256 = fill(fetched)
    settings = fetched / "assignment.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + "due: 2020-12-01T15:59Z\n", encoding="utf-8")
    done = submit("--zip", "hand in.zip", cwd=fetched, TZ="Asia/Shanghai")
    assert re.search(r"due: 2020-12-01 23:59 \(UTC\+08:00\), \d+ d \d+ h late", done.stdout)
    assert "every criterion you can see is met" in done.stdout
    assert "packed; now upload hand in.zip" in done.stdout and "handed in" not in done.stdout
    assert sha256 in done.stdout
    (note,) = receipts(fetched)
    assert note["time"].endswith("+08:00") and note["time"].replace("T", " ") in done.stdout
    stamp = note["time"].removesuffix("+08:00").replace(":", "")
    assert (fetched / f"tiny-{stamp}.receipt.json").is_file()
    assert (note["assignment"], note["sha256"], note["way"], note["open"]) == ("tiny", sha256, "zip", [])
    with zipfile.ZipFile(fetched / "hand in.zip") as archive:
        assert archive.namelist() == ["tiny.ipynb", "receipt.json"]
        assert json.loads(archive.read("receipt.json")) == note
    download = tmp_path / "submissions.zip"
    with zipfile.ZipFile(download, "w") as archive:
        archive.write(fetched / "hand in.zip", "doejane_101_9001_hand in.zip")
    collect(download, tmp_path / "submitted", "tiny")
    collected = tmp_path / "submitted" / "doejane_101" / "tiny" / "tiny.ipynb"
    assert hashlib.sha256(collected.read_bytes()).hexdigest() == sha256


def test_what_is_open_is_told_and_nobody_hands_it_in_by_accident(fetched):
    fill(fetched, "def double(x):\n    return 3 * x\n")
    done = submit("--zip", "a.zip", cwd=fetched, code=2)
    assert "still open: 1" in done.stdout
    assert "--yes" in done.stderr
    assert not (fetched / "a.zip").exists()
    assert not receipts(fetched)
    done = submit("--zip", "a.zip", cwd=fetched, code=2, AUTOGRADER_LANG="")  # the report is in the course's language
    assert "尚未达到的评分项：1" in done.stdout
    assert "add --yes to hand in anyway" in done.stderr and "若仍要提交，请加上 --yes" in done.stderr


def test_it_asks_at_a_terminal(fetched):
    fill(fetched, "def double(x):\n    return 3 * x\n")
    command = ["-m", "autograder", "submit", "--zip", "a.zip", "--lang", "zh"]
    child = pexpect.spawn(sys.executable, command, cwd=str(fetched), encoding="utf-8", timeout=120)
    child.expect("仍然提交吗")
    child.sendline("n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 1
    assert not (fetched / "a.zip").exists()


def test_what_is_no_assignment_is_told(fetched, tmp_path):
    assert "no such file" in submit("elsewhere", cwd=tmp_path, code=2).stderr
    (fetched / "mine.ipynb").write_text("{}", encoding="utf-8")
    assert "only tiny.ipynb can be handed in" in submit(fetched / "mine.ipynb", cwd=tmp_path, code=2).stderr
    (fetched / "tiny.ipynb").unlink()
    told = submit(cwd=fetched, code=2).stderr
    assert "your notebook must have this name" in told and "你的笔记本应当叫这个名字" not in told
    told = submit(cwd=fetched, code=2, AUTOGRADER_LANG="").stderr  # nobody has chosen a language
    assert "your notebook must have this name" in told and "你的笔记本应当叫这个名字" in told and told.count("\n") == 1
    settings = fetched / "assignment.yaml"
    words = re.sub(r"\{zh: [^,{}]*, en: ([^{}]*)\}", r"\1", settings.read_text(encoding="utf-8"))
    settings.write_text(words.replace("schema: 1", "schema: 1\nlanguage: en"), encoding="utf-8")
    told = submit(cwd=fetched, code=2, AUTOGRADER_LANG="").stderr  # a copy in one language says so of its course
    assert "your notebook must have this name" in told and "你的笔记本应当叫这个名字" not in told


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # nbgrader leaves files open
def test_through_nbgraders_exchange(fetched, tmp_path, monkeypatch):
    """Released, handed in and collected by nbgrader's own commands, ours in the middle and at the end."""
    course, exchange = tmp_path / "course", tmp_path / "exchange"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8") + f"\nc.Exchange.root = {str(exchange)!r}\n"
    (course / "nbgrader_config.py").write_text(config, encoding="utf-8")
    (fetched.parent / "nbgrader_config.py").write_text(config, encoding="utf-8")
    home = {"HOME": str(tmp_path / "home"), "JUPYTER_DATA_DIR": str(tmp_path / "data"), "USER": "ann", "LOGNAME": "ann"}
    (tmp_path / "home").mkdir()

    def nbgrader(command):
        """One of nbgrader's commands in this process, where it is loaded once."""
        with monkeypatch.context() as patch:
            patch.chdir(course)
            command.initialize(["tiny"])
            command.start()

    shutil.copytree(
        course / "solutions" / "tiny", course / "assignments" / "tiny", ignore=shutil.ignore_patterns("private")
    )
    sha256 = fill(fetched, "def double(x):\n    return 3 * x\n")
    for name, value in home.items():
        monkeypatch.setenv(name, value)
    handed_in = submitting.prepare(*submitting.find(fetched))
    with pytest.raises(UsageError, match=r"submit: Inbound directory doesn't exist: .*/dl/inbound; .*--zip FILE"):
        submitting.to_exchange(handed_in, None)  # not released yet
    nbgrader(ReleaseAssignmentApp())
    done = submit("--yes", cwd=fetched, **home)
    (note,) = receipts(fetched)
    assert (note["way"], note["open"]) == ("nbgrader's exchange", ["double.values"])
    assert sha256 in done.stdout and "handed in" in done.stdout
    nbgrader(CollectApp())
    (collected,) = (course / "submitted").glob("*/tiny/tiny.ipynb")
    assert hashlib.sha256(collected.read_bytes()).hexdigest() == sha256
    student = collected.parts[-3]
    tiny.submit(Course(course), "by_mail", tiny.answers())
    instructor("grade", "--course", course, "--out", course / "results.jsonl")
    scores = {"test_double": (2, None, None, False), "test_step": (4, None, None, False)}
    assert course_of.grades(Course(course), student) == scores
    instructor("feedback", "--course", course, "--lang", "en")
    page = (course / "feedback" / student / "tiny" / "tiny.html").read_text(encoding="utf-8")
    assert "6 of 10 points" in re.sub(r"\s+", " ", re.sub("<[^>]*>", "", page))
    nbgrader(ReleaseFeedbackApp())
    secret = (collected.parent / "submission_secret.txt").read_bytes()
    released = exchange / "dl" / "feedback" / f"{hashlib.md5(secret + b'tiny').hexdigest()}.html"
    assert released.read_text(encoding="utf-8") == page
