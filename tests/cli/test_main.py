"""The command line, started as its users start it."""

import errno
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import tiny_course as tiny
from command_line import autograder
from typer.testing import CliRunner

from autograder.base.errors import UsageError
from autograder.base.i18n import same
from autograder.cli import gradebook, options
from autograder.cli.main import app
from autograder.course import demo
from autograder.results.grade_report import GradeReport

WRONG = "def double(x):\n    return 3 * x\n"


def test_the_version_is_that_of_the_installed_package(tmp_path):
    assert autograder("--version", cwd=tmp_path)[0].strip() == version("dl-autograder")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = tiny.make(tmp_path_factory.mktemp("课程 one"))
    tiny.submit(course, "ann", tiny.answers())
    tiny.submit(course, "bob", tiny.answers(WRONG, before=["1 / 0"]))
    tiny.submit(course, "eve", b"")
    for folder in (course.root / "solutions" / "essay", course.submitted / "ann" / "essay"):
        folder.mkdir()  # an assignment without a rubric
        (folder / "essay.ipynb").write_text(json.dumps(tiny.answers()), encoding="utf-8")
    return course


@pytest.fixture(scope="module")
def graded(course):
    return autograder("grade", cwd=course.root)


def test_grade_prints_a_table(graded):
    lines = [line.split() for line in graded[0].splitlines()]
    assert ["ann", "6", "4", "10"] in lines
    assert ["bob", "2", "4", "6", "code", "cell", "2:", "ZeroDivisionError:", "division", "by", "zero"] in lines
    assert ["eve", "0", "0", "0", "tiny.ipynb", "is", "empty"] in lines
    assert "2 graded, 1 unreadable, 0 could not be graded; mean of those graded 8 of 10" in graded[0]
    assert "essay: has no rubric; its tests can be run once nbgrader knows the course" in graded[1]


def test_grade_writes_one_object_per_line(course, graded):
    lines = (course.root / "results.jsonl").read_text(encoding="utf-8").splitlines()
    reports = [GradeReport.model_validate_json(line) for line in lines]
    assert [(r.student, r.status, r.score) for r in reports] == [
        ("ann", "graded", 10),
        ("bob", "graded", 6),
        ("eve", "unreadable", 0),
    ]
    names = {
        "schema", "student", "assignment", "status", "score", "max_score", "exercises", "problems", "file", "submission_sha256",
        "rubric_sha256", "seed", "sandbox", "versions", "duration_s",
    }  # fmt: skip
    assert set(json.loads(lines[0])) == names


def test_the_same_command_again_grades_only_what_changed(course, graded, tmp_path):
    out = tmp_path / "r.jsonl"
    shutil.copy(course.root / "results.jsonl", out)
    before = {json.loads(line)["student"]: line for line in out.read_text().splitlines()}
    other = tiny.submit(course, "bob", tiny.answers(before=["1 / 0"]))
    autograder("grade", "--out", out, cwd=course.root)
    tiny.submit(course, "bob", tiny.answers(WRONG, before=["1 / 0"]))
    after = {json.loads(line)["student"]: line for line in out.read_text().splitlines()}
    assert other.exists()
    assert (after["ann"], after["eve"]) == (before["ann"], before["eve"])
    assert json.loads(after["bob"])["score"] == 10


def test_what_another_rubric_has_graded_is_graded_again_and_said(course, graded, tmp_path):
    out = tmp_path / "r.jsonl"
    reports = {
        r.student: r for r in map(GradeReport.from_json, (course.root / "results.jsonl").read_text().splitlines())
    }
    old = reports["bob"].model_copy(update={"rubric_sha256": "old"})
    (double, step), given = old.exercises, 1.0
    double = double.model_copy(update={"score": double.score - given})
    old = old.model_copy(update={"score": old.score - given, "exercises": (double, step)})
    before = "".join(one.to_json() + "\n" for one in (reports["ann"], old, reports["eve"]))
    out.write_text(before)
    _, notes = autograder("grade", "--out", out, cwd=course.root)
    (kept,) = tmp_path.glob("r.tiny.*.jsonl")
    assert f"graded again: 1; who moves: 1; the old reports: {kept}" in notes
    assert kept.read_text() == before
    _, notes = autograder("grade", "--out", out, cwd=course.root)
    assert "graded again" not in notes


def test_results_of_others_stay_in_the_file(course, graded, tmp_path):
    out = tmp_path / "r.jsonl"
    shutil.copy(course.root / "results.jsonl", out)
    file = tmp_path / "zoe.ipynb"
    file.write_text(json.dumps(tiny.answers()))
    printed, _ = autograder("grade", file, "--course", course.root, "--out", out, cwd=tmp_path)
    assert "ann" not in printed
    assert [json.loads(line)["student"] for line in out.read_text().splitlines()] == ["ann", "bob", "eve", "zoe"]


def test_json_is_one_document_and_nothing_else(course, graded):
    printed, _ = autograder("grade", "--json", cwd=course.root)
    assert [r["student"] for r in json.loads(printed)] == ["ann", "bob", "eve"]


def test_the_table_speaks_chinese(course, graded):
    printed, notes = autograder("grade", "--lang", "zh", cwd=course.root)
    assert "已评 2 份，无法读取 1 份" in printed and "报告：results.jsonl" in printed
    assert "essay：没有评分标准" in notes and "未写成绩册" in notes


def test_a_narrow_terminal_gets_the_problems_below(course, graded):
    printed, _ = autograder("grade", cwd=course.root, COLUMNS="60")
    assert "eve: tiny.ipynb is empty" in printed.splitlines()
    assert all(len(line) <= 60 for line in printed.splitlines()[:-1])


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["grade", "nowhere.ipynb"], "nowhere.ipynb: there is no such file or folder"),
        (["grade", "tiny"], "tiny: is an assignment, not a file or folder: autograder grade --assignment tiny"),
        (["grade", "--assignment", "tinny"], "there are: essay, tiny"),
        (["grade", "--course", "/"], "no course here"),
        (["grade", "--out", "no/such/folder/r.jsonl"], "cannot be written"),
        (["grade", "solutions/tiny/private"], "no submissions found in"),
        (["grade", "submitted/ann/essay"], "no submissions found in"),
        (["check", "nowhere.ipynb"], "there is no such file"),
        (["demo", "solutions"], "is not empty; name another folder"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(course, arguments, line):
    printed, errors = autograder(*arguments, cwd=course.root, code=2)
    assert printed == ""
    assert line in errors
    assert errors.count("\n") == 1


def test_a_broken_rubric_is_one_line_exit_code_2_and_no_grades(tmp_path):
    course = tiny.make(tmp_path, visible=tiny.VISIBLE.replace("points=2", "punkte=2"))
    tiny.submit(course, "ann", tiny.answers())
    _, errors = autograder("grade", cwd=course.root, code=2)
    assert (
        errors.strip()
        .splitlines()[-1]
        .startswith(f"autograder: {course.root}/solutions/tiny/test_tiny.py:5: TypeError:")
    )
    assert (course.root / "results.jsonl").read_text() == ""


def loads_torch(*arguments, cwd):
    """Run a command that fails; return whether its process imported torch or nbgrader, and its errors."""
    command = [sys.executable, "-X", "importtime", "-m", "autograder", *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return re.search(r"\| +(torch|nbgrader)$", done.stderr, re.MULTILINE) is not None, done.stderr


@pytest.mark.parametrize(
    ("file", "content", "commands", "line"),
    [
        ("solutions/tiny/assignment.yaml", "typo: 1", ("grade", "release", "feedback", "regrade tiny"), "typo: unknown key"),
        ("solutions/tiny/private/mutants.yaml", "schema: 1\ntypo: 1", ("audit tiny",), "mutants.yaml:2:1: typo: unknown key"),
        ("nbgrader_config.py", "c = get_config()\nc.x = (", ("grade", "release", "feedback", "regrade tiny"), "nbgrader_config.py:2: SyntaxError: "),
    ],
)  # fmt: skip
def test_a_mistake_of_an_author_is_said_before_anything_slow_is_loaded(tmp_path, file, content, commands, line):
    course = tiny.make(tmp_path)
    tiny.submit(course, "ann", tiny.answers())
    (course.root / "results.jsonl").touch()
    old = (course.root / file).read_text() if file.endswith("yaml") and (course.root / file).exists() else ""
    (course.root / file).write_text(old + content)
    for command in commands:
        slow, errors = loads_torch(*command.split(), cwd=course.root)
        assert line in errors and not slow


def test_a_config_that_fails_when_it_runs_is_said_before_anybody_is_graded(tmp_path):
    course = tiny.make(tmp_path)
    tiny.submit(course, "ann", tiny.answers())
    (course.root / "nbgrader_config.py").write_text("c = get_config()\nc.x = 1 / 0\n")
    _, errors = autograder("grade", cwd=course.root, code=2)
    assert errors.endswith("nbgrader_config.py:2: ZeroDivisionError: division by zero\n")
    assert not (course.root / "results.jsonl").exists()


def test_a_released_notebook_is_not_handed_in_by_a_student_called_assignments(course, tmp_path):
    folder = tmp_path / "assignments" / "tiny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").write_text(json.dumps(tiny.answers()))
    for what in (folder / "tiny.ipynb", folder, folder.parent):
        printed, _ = autograder("grade", what, "--course", course.root, "--json", cwd=tmp_path)
        assert [r["student"] for r in json.loads(printed)] == ["tiny"]


def test_a_read_only_course_is_graded_from_elsewhere(course, tmp_path):
    copy = tmp_path / "read only"
    shutil.copytree(course.root, copy, ignore=shutil.ignore_patterns(".autograder", "results*"))
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    work = tmp_path / "work"
    work.mkdir()
    try:
        autograder("grade", "--course", copy, cwd=work, XDG_STATE_HOME=str(work))
        assert (work / "results.jsonl").exists()
    finally:
        for path in [copy, *copy.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["starting", "grading"])
def test_interrupted_it_keeps_what_is_done_and_exits_with_130(course, tmp_path, moment):
    out, many = tmp_path / "r.jsonl", tmp_path / "many"
    many.mkdir()
    for number in range(200):
        shutil.copy(course.submitted / "ann" / "tiny" / "tiny.ipynb", many / f"s{number}.ipynb")
    command = [sys.executable, "-m", "autograder", "grade", str(many), "--course", str(course.root), "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not out.exists() or (moment == "grading" and out.read_bytes().count(b"\n") < 3):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    printed, errors = process.communicate()
    assert process.returncode == 130
    assert not printed
    assert set(errors.splitlines()[-1].split(" / ")) == {  # first what the system speaks
        "已中断；做完的都已保存，再次运行同一条命令会接着做",
        "interrupted; what is done is kept, run the same command again to continue",
    }
    assert "Traceback" not in errors
    assert moment == "starting" or 3 <= out.read_bytes().count(b"\n") < 200


def received(course, tmp_path, notebook):
    folder = tmp_path / "tiny"
    shutil.copytree(course.root / "solutions" / "tiny", folder, ignore=shutil.ignore_patterns("private"))
    (folder / "mine.ipynb").write_text(json.dumps(notebook))
    return folder


def test_check_shows_what_is_open_and_exits_with_1(course, tmp_path):
    folder = received(course, tmp_path, tiny.answers(WRONG))
    printed, _ = autograder("check", "mine.ipynb", "--lang", "en", cwd=folder, code=1)
    assert "✓ keeps the shape" in printed
    assert "✗ doubles" in printed
    assert "expected" in printed


def test_check_of_right_code_exits_with_0_and_speaks_json(course, tmp_path):
    folder = received(course, tmp_path, tiny.answers())
    printed, _ = autograder("check", "mine.ipynb", "--json", cwd=folder)
    assert json.loads(printed)["score"] == 5


def test_check_takes_the_folder_that_holds_the_notebook(course, tmp_path):
    folder = received(course, tmp_path, tiny.answers())
    (folder / "tiny.ipynb").write_text(json.dumps(tiny.answers(WRONG)))
    printed, _ = autograder("check", folder, "--lang", "en", cwd=tmp_path, code=1)
    assert "✗ doubles" in printed
    assert autograder("check", ".", "--lang", "en", cwd=folder, code=1)[0] == printed
    (folder / "tiny.ipynb").unlink()
    _, errors = autograder("check", folder, "--lang", "en", cwd=tmp_path, code=2)
    assert f"{folder / 'tiny.ipynb'}: there is no such file; your notebook must have this name" in errors
    assert errors.endswith(": rename mine.ipynb, or rename the folder to mine if that was its name\n")
    (folder / "assignment.yaml").unlink()
    _, errors = autograder("check", folder, "--lang", "en", cwd=tmp_path, code=2)
    assert f"{folder}: what a check needs is neither in the notebook's first code cell nor in files beside it" in errors
    shutil.copy(folder / "mine.ipynb", folder / "other.ipynb")
    _, errors = autograder("check", folder, "--lang", "en", cwd=tmp_path, code=2)
    assert f"{folder}: holds several notebooks; name the one you mean: mine.ipynb, other.ipynb" in errors
    for file in folder.glob("*.ipynb"):
        file.unlink()
    _, errors = autograder("check", folder, "--lang", "en", cwd=tmp_path, code=2)
    assert f"{folder}: no assignment.yaml here or above; name your notebook" in errors


def test_check_of_an_unreadable_file_says_why_and_exits_with_1(course, tmp_path):
    folder = received(course, tmp_path, tiny.answers())
    (folder / "mine.ipynb").write_text("")
    printed, errors = autograder("check", "mine.ipynb", cwd=folder, code=1)
    assert printed.splitlines()[-1] == "mine.ipynb 是空的"
    assert errors in ("", "正在检查 mine.ipynb ...\n")  # the second where torch takes its time


def test_doctor_tries_a_student_process(course):
    printed, _ = autograder("doctor", "--json", cwd=course.root)
    findings = {f["name"]: f for f in json.loads(printed)}
    assert findings["student processes"]["ok"]
    assert findings["student processes"]["value"].startswith("can be started; confined by ")
    assert "tiny" in findings["course"]["value"]
    assert "✓ torch: " in autograder("doctor", cwd=course.root)[0]


def test_doctor_ticks_nothing_outside_a_course_and_refuses_a_broken_one(course, tmp_path):
    outside = autograder("doctor", "--lang", "en", cwd=tmp_path)[0]
    assert "– course: " in outside and "no course here" in outside
    assert "– 课程：" in autograder("doctor", "--lang", "zh", cwd=tmp_path)[0].replace(": ", "：")
    (found,) = (f for f in json.loads(autograder("doctor", "--json", cwd=tmp_path)[0]) if f["name"] == "course")
    assert found["ok"] is None
    broken = tmp_path / "broken"
    shutil.copytree(course.root / "solutions", broken / "solutions")
    with (broken / "solutions" / "tiny" / "assignment.yaml").open("a") as settings:
        settings.write("typo: 1\n")
    assert re.search("✗ course: .*typo: unknown key", autograder("doctor", cwd=broken, code=1)[0])


@pytest.mark.slow
def test_the_demo_grades_its_samples_and_says_where_to_look(tmp_path):
    printed, _ = autograder("demo", cwd=tmp_path)
    lines = (tmp_path / "autograder-demo" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    reports = {report["student"]: report for report in map(json.loads, lines)}
    assert len(reports) == 26
    assert all(student in printed for student in reports)
    full = {"01_right", "02_differently_right", "22_script", "23_magics_and_plots", "25_rebinds_names", "26_张伟 📓"}
    assert {student for student, report in reports.items() if report["score"] == 40} == full
    assert {student for student, report in reports.items() if report["status"] == "unreadable"} == {"24_truncated"}
    assert all(reports[student]["score"] < 40 for student in demo.TYPICAL_MISTAKES)
    assert str(Path("autograder-demo", "submitted")) in printed
    again, _ = autograder("demo", cwd=tmp_path)
    assert again == printed
    _, _, suggested = printed.partition("next, try it as a student:")
    commands = [shlex.split(line) for line in suggested.splitlines() if line.startswith("  ")]
    assert [words[:2] for words in commands[1:]] == [
        *(["autograder", "check"], ["cd", "autograder-demo"]),
        *(["autograder", "grade"], ["autograder", "feedback"], ["autograder", "report"]),
        *(["autograder", "export"], ["autograder", "init"]),
    ]
    course = tmp_path / "autograder-demo"
    for words in commands[3:]:
        autograder(*words[1:], cwd=course)
    assert (course / "feedback" / "01_right" / "linear_regression" / "linear_regression.html").is_file()
    page = (course / "linear_regression.html").read_text(encoding="utf-8")
    assert 'href="feedback/01_right/linear_regression/linear_regression.html"' in page
    assert "01_right,linear_regression,graded,40,40" in (course / "scores.csv").read_text(encoding="utf-8")
    assert (tmp_path / "my-course" / "nbgrader_config.py").is_file()
    chinese = autograder("demo", "--lang", "zh", cwd=tmp_path)[0]
    assert "接下来，以学生的身份试一试" in chinese and "--lang zh" in chinese


def test_help_groups_the_commands_by_reader(tmp_path):
    printed = autograder("--help", cwd=tmp_path)[0]
    panels = re.findall(r"^╭─ (\w+) ", printed, re.MULTILINE)
    assert panels == ["Options", "Students", "Instructors", "Authors", "Everyone"]
    assert re.search(
        r"─ Students ─.*│ check .*│ submit .*─ Instructors ─.*│ grade .*─ Authors ─.*│ audit ", printed, re.DOTALL
    )
    assert "[FOLDER]" in (usage := autograder("submit", "--help", cwd=tmp_path)[0]) and "[[" not in usage


def test_a_command_loads_no_other(tmp_path):
    script = """if True:
        import sys
        from autograder.cli.main import app
        try:
            app([sys.argv[1], "--help"])
        except SystemExit:
            commands = {"check", "grade", "gradebook", "lms", "serve", "starting", "quiz", "quiz_answering", "demo"}
            print("loaded", *sorted(one for one in commands if f"autograder.cli.{one}" in sys.modules))"""
    for command, loaded in {"grade": ["grade"], "feedback": ["gradebook"], "quiz": ["quiz", "quiz_answering"]}.items():
        done = subprocess.run([sys.executable, "-c", script, command], capture_output=True, text=True, check=True)
        assert done.stdout.splitlines()[-1].split() == ["loaded", *loaded]


def test_python_m_autograder_and_the_script_are_the_same(tmp_path):
    script = Path(sys.executable).with_name("autograder")
    environment = os.environ | {"COLUMNS": "100"}
    printed = subprocess.run([script, "--help"], capture_output=True, text=True, env=environment).stdout
    module = autograder("--help", cwd=tmp_path)[0].replace("python -m autograder", "autograder")
    assert printed.split() == module.split()


def test_a_full_disk_is_one_line_and_a_reader_who_has_gone_none(monkeypatch, capsys):
    reading, writing = os.pipe()
    os.close(reading)
    for output, said in (("/dev/full", "not everything could be written: No space left on device"), (writing, "")):
        with open(output, "w") as stream, monkeypatch.context() as patch:  # noqa: PTH123 -- the second is no path
            patch.setattr(sys, "stdout", stream)
            with pytest.raises(SystemExit) as ended, options.full_disks_as_exit_codes():
                print("words")
                raise SystemExit(0)
        assert ended.value.code == 1
        errors = capsys.readouterr().err
        assert said in errors and bool(errors) == bool(said)
    with pytest.raises(OSError, match="mine"), options.full_disks_as_exit_codes():
        raise OSError(errno.ENOENT, "mine")


def test_a_format_that_there_is_not_is_said_in_typers_own_words():
    said = " ".join(CliRunner().invoke(app, ["export", "--to", "nosuch"]).stderr.split())
    assert "Invalid value for '--to': 'nosuch' is not one of 'csv'" in said


def test_regrade_advises_to_let_scores_count_only_where_some_change(capsys):
    gradebook._tell_moves([], 2, "en", {}, is_written=False, as_json=False)
    assert capsys.readouterr().out == "0 of 2 change\n"


def test_no_bar_is_drawn_for_nothing_and_no_rate_guessed_from_little(capsys):
    for count in (0, 3):
        with options.progress(count, "en", quiet=False) as advance:
            for _ in range(count):
                advance()
        shown = capsys.readouterr().err
        assert ("3/3" in shown, "0/0" in shown, "/s" in shown) == (count == 3, False, False)
    with pytest.raises(UsageError), options.progress(3, "en", quiet=False):
        raise UsageError(same("no"))
    assert "0/3" not in capsys.readouterr().err
