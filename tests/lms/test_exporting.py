"""Scores as other systems import them, read back by tools of others where there are some."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from base64 import urlsafe_b64encode
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import junitparser
import openpyxl
import pytest
import tiny_course as tiny
import yaml

from autograder.base.errors import UsageError
from autograder.base.i18n import same
from autograder.course.course import Course
from autograder.course.jobs import find_jobs
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.grading import batch
from autograder.lms import classroom50, exporting, github, runners, score_tables, scores
from autograder.lms import reports as writing
from autograder.lms.formats import ScoreFormat
from autograder.results.grade_report import ExerciseResult, Problem
from autograder.results.journal import Journal
from autograder.sandbox import confine

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = tiny.make(tmp_path_factory.mktemp("course"))
    tiny.submit(course, "doejane_101", tiny.answers())
    tiny.submit(course, "zhangwei_102", tiny.answers("def double(x):\n    return 3 * x\n"))
    tiny.submit(course, "=HYPERLINK(1)", b"no notebook\x1b[31m")
    return course


@pytest.fixture(scope="module")
def graded(course):
    jobs = find_jobs([course.submitted], ["tiny"])
    found = list(batch.grade(jobs, course.assignment("tiny"), course.key(), processes=1))
    with Journal(course.root / "results.jsonl") as journal:
        for report in found:
            journal.add(report)
    return {report.student: report for report in found}


@pytest.fixture
def exported(graded):
    return scores.of_reports(graded.values())


@pytest.fixture
def unjudged(graded):
    """A report without a score, as a fault of the platform leaves it."""
    report = graded["doejane_101"]
    exercise = report.exercises[0]
    criterion = exercise.criteria[0].model_copy(update={"outcome": "error", "earned": 0.0})
    broken = exercise.model_copy(update={"score": None, "criteria": (criterion, *exercise.criteria[1:])})
    return report.model_copy(update={"status": "error", "score": None, "exercises": (broken, *report.exercises[1:])})


@pytest.fixture
def by_asserts(graded):
    """A report on notebooks without a rubric: each of their grade cells has one score, and one waits for a person."""
    cells = [("a/test_f", 3.0, 3.0), ("b/test_g", 0.5, 2.0)]
    whole = [
        ExerciseResult(name=name, title=same(name[0]), score=score, max_score=worth, criteria=())
        for name, score, worth in cells
    ]
    return graded["doejane_101"].model_copy(update={"exercises": tuple(whole), "score": 3.5, "max_score": 9.0})


def rows_of(content):
    assert content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


# -- tables ------------------------------------------------------------------------------------------------------------


def test_csv(exported):
    assert rows_of(score_tables.as_csv(exported)) == [
        ["student", "assignment", "status", "score", "max_score", "final", "double", "step"],
        ["'=HYPERLINK(1)", "tiny", "unreadable", "0", "10", "no", "0", "0"],
        ["doejane_101", "tiny", "graded", "10", "10", "yes", "6", "4"],
        ["zhangwei_102", "tiny", "graded", "6", "10", "yes", "2", "4"],
    ]


def test_a_submission_that_could_not_be_graded_has_no_score_anywhere(unjudged):
    found = scores.of_reports([unjudged])
    assert rows_of(score_tables.as_csv(found))[1][3:6] == ["", "10", "no"]
    assert rows_of(score_tables.as_canvas(found))[2][5] == ""
    assert rows_of(score_tables.as_moodle(found))[1][1] == ""
    document = json.loads(writing.as_gradescope(unjudged, "en"))
    assert "score" not in document
    assert document["tests"] == []


def test_xlsx(exported, tmp_path):
    (tmp_path / "scores.xlsx").write_bytes(score_tables.as_xlsx(exported))
    sheet = openpyxl.load_workbook(tmp_path / "scores.xlsx")["tiny"]
    lines = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert lines[0] == ["student", "assignment", "status", "score", "max_score", "final", "double", "step"]
    assert lines[2] == ["doejane_101", "tiny", "graded", 10, 10, "yes", 6, 4]
    assert (sheet["A2"].value, sheet["A2"].data_type) == ("=HYPERLINK(1)", "s")


def test_canvas_without_a_roster_goes_by_the_numbers_in_the_names(exported):
    assert rows_of(score_tables.as_canvas(exported))[:4] == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "tiny"],
        ["    Points Possible", "", "", "", "", "10"],
        ["'=HYPERLINK(1)", "", "", "'=HYPERLINK(1)", "", "0"],
        ["doejane", "101", "", "", "", "10"],
    ]


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of nbgrader's own functions
def test_totals_of_the_gradebook_count_what_a_person_gave_and_what_is_late(exported, unjudged, tmp_path):
    """ann's manual score counts, bob is late, carl could not be graded by us, dora handed in nothing."""
    (tmp_path / "solutions").mkdir()
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    with NbgraderCourse(tmp_path).open() as gradebook:
        gradebook.add_assignment("tiny")
        gradebook.add_notebook("tiny", "tiny")
        gradebook.add_grade_cell("test_double", "tiny", "tiny", max_score=10, cell_type="code")
        for student in ("ann", "bob", "carl", "dora"):
            gradebook.add_student(student)
        for student, auto, manual, penalty in (("ann", 3, 9, None), ("bob", 8, None, 2), ("carl", 8, None, None)):
            gradebook.add_submission("tiny", student)
            grade = gradebook.find_grade("test_double", "tiny", "tiny", student)
            grade.auto_score, grade.manual_score = auto, manual
            gradebook.find_submission_notebook("tiny", "tiny", student).late_submission_penalty = penalty
            grade.needs_manual_grade = student == "bob"
        gradebook.db.commit()
    carl = scores.of_reports([unjudged.model_copy(update={"student": "carl"})])
    found = {s.student: (s.score, s.status) for s in scores.with_gradebook(carl, tmp_path)}
    assert found == {"ann": (9, "graded"), "bob": (6, "graded"), "carl": (None, "error"), "dora": (0, "missing")}
    is_final = {s.student: s.is_final for s in scores.with_gradebook(carl, tmp_path)}
    assert is_final == {"ann": True, "bob": False, "carl": False, "dora": True}
    printed = tmp_path / "scores.csv"  # and without any reports
    autograder("export", "--to", "csv", cwd=tmp_path)
    assert "ann,tiny,graded,9,10,yes" in printed.read_text() and "bob,tiny,graded,6,10,no" in printed.read_text()
    assert "dora" not in printed.read_text()
    told = autograder("export", "--to", "csv", "--no-gradebook", cwd=tmp_path, code=2).stderr
    assert "results.jsonl: there is no such file" in told
    (tmp_path / "roster.csv").write_text(
        "Student,ID,SIS Login ID,Section,tiny\n,,,,Manual Posting\nAnn,1,ann,A,\nBob,2,bob,A,\n"
    )
    roster = ("--roster", "roster.csv", "--out", "filled.csv")
    done = autograder("export", "--to", "canvas", "--gradebook", "--assignment", "tiny", *roster, cwd=tmp_path, code=1)
    assert "not final, a person still has to grade something: bob" in done.stderr and "dora: is not in" in done.stderr
    assert "Ann,1,ann,A,9\nBob,2,bob,A,6\n" in (tmp_path / "filled.csv").read_text()
    told = autograder("export", "--to", "csv", "--gradebook", "--assignment", "else", cwd=tmp_path, code=2).stderr
    assert "nobody has handed in else yet" in told


# -- reports -----------------------------------------------------------------------------------------------------------

GRADESCOPE_TEST = {
    "score", "max_score", "status", "name", "name_format", "number", "output", "output_format", "tags", "visibility", "extra_data",
}  # fmt: skip


def test_gradescope(graded):
    document = json.loads(writing.as_gradescope(graded["zhangwei_102"], "en"))
    assert set(document) <= {
        "score", "execution_time", "output", "output_format", "test_output_format", "test_name_format", "visibility",
        "stdout_visibility", "extra_data", "tests", "leaderboard",
    }  # fmt: skip
    assert document["score"] == sum(test["score"] for test in document["tests"]) == 6
    assert sum(test["max_score"] for test in document["tests"]) == 10
    assert all(set(test) <= GRADESCOPE_TEST for test in document["tests"])
    by_name = {test["name"]: test for test in document["tests"]}
    assert by_name["Double: doubles"]["status"] == "failed"
    assert "double" in by_name["Double: doubles"]["output"]
    assert by_name["Double: has the right gradient"]["output"] == ""  # hidden: its title only


def test_grade_cells_with_asserts_are_told_by_name_and_points(by_asserts):
    document = json.loads(writing.as_gradescope(by_asserts, "en"))
    assert all(set(test) <= GRADESCOPE_TEST for test in document["tests"])
    assert [(test["name"], test["score"], test["max_score"], test["status"]) for test in document["tests"]] == [
        ("a/test_f", 3, 3, "passed"),
        ("b/test_g", 0.5, 2, "failed"),
    ]
    (suite,) = junitparser.JUnitXml.fromstring(writing.as_junit([by_asserts], "en").encode())
    assert (suite.tests, suite.failures) == (2, 1)
    assert {case.name: [found.message for found in case.result] for case in suite} == {
        "a/test_f": [],
        "b/test_g": ["0.5 / 2"],
    }
    assert writing.as_markdown([by_asserts], "en") == (
        "## tiny: 3.5 / 9\n\n| exercise | score |\n| --- | ---: |\n| a/test\\_f | 3 / 3 |\n| b/test\\_g | 0.5 / 2 |\n"
    )


def test_junit_is_read_by_another_tool(graded):
    suites = {
        suite.name: suite
        for suite in junitparser.JUnitXml.fromstring(writing.as_junit(list(graded.values()), "en").encode())
    }
    suite = suites["tiny.zhangwei_102"]
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 2, 0, 0)
    failed = {case.name: case.result[0] for case in suite if case.result}
    assert set(failed) == {"values", "gradient"}
    assert isinstance(failed["values"], junitparser.Failure)
    assert failed["values"].message == "doubles"
    assert {case.classname for case in suite} == {"tiny.zhangwei_102.double", "tiny.zhangwei_102.step"}
    assert suites["tiny.=HYPERLINK(1)"].skipped == 4


def test_junit_has_the_attributes_that_pytest_writes(graded, tmp_path):
    (tmp_path / "test_it.py").write_text("def test_a(): pass\ndef test_b(): assert False\n", encoding="utf-8")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--junitxml=it.xml",
        "-c",
        os.devnull,
        "test_it.py",
    ]
    subprocess.run(command, cwd=tmp_path, capture_output=True)
    theirs = junitparser.JUnitXml.fromfile(str(tmp_path / "it.xml"))._elem
    ours = junitparser.JUnitXml.fromstring(writing.as_junit(list(graded.values()), "en").encode())._elem
    for path in (".", "testsuite", "testsuite/testcase", "testsuite/testcase/failure"):
        assert set(ours.find(path).attrib) <= set(theirs.find(path).attrib), path


# -- the command, and those who run the grader -------------------------------------------------------------------------


def autograder(*arguments, cwd, code=0):
    done = subprocess.run([sys.executable, "-m", "autograder", *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


def test_the_command(course, graded, tmp_path):
    results = str(course.root / "results.jsonl")
    assert autograder("export", "--results", results, "--to", "csv", cwd=tmp_path).stdout == "scores.csv\n"
    autograder("export", "--results", results, "--to", "gradescope", "--course", str(course.root), cwd=tmp_path)
    assert (
        json.loads((tmp_path / "gradescope/tiny/doejane_101/results.json").read_text(encoding="utf-8"))["score"] == 10
    )
    spoken = (tmp_path / "gradescope/tiny/zhangwei_102/results.json").read_text(encoding="utf-8")
    assert "加倍" in spoken  # the course's language, as its students read it
    assert (
        "there is no such file"
        in autograder("export", "--results", "none.jsonl", "--to", "csv", cwd=tmp_path, code=2).stderr
    )
    assert not (tmp_path / "none.jsonl").exists()


def test_gradescopes_folder_grades_a_submission(course, graded, tmp_path):
    """As Gradescope runs it: our folder as the source, one submission, a file with the results."""
    root = tmp_path / "autograder"
    runners.gradescope(course, "tiny", root / "source")
    assert (root / "source" / "package" / "pyproject.toml").is_file()
    (root / "submission").mkdir()
    shutil.copy(course.submitted / "zhangwei_102" / "tiny" / "tiny.ipynb", root / "submission" / "hw one.ipynb")

    def run(venv=sys.prefix):
        environment = {**os.environ, "AUTOGRADER_ROOT": str(root), "AUTOGRADER_VENV": venv}
        command = [str(root / "source" / "run_autograder")]
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        return json.loads((root / "results" / "results.json").read_text(encoding="utf-8")), done.stderr

    document, _ = run()
    assert document["score"] == 6
    assert document["output"].startswith("应提交 tiny.ipynb") and "hw one.ipynb" in document["output"]
    (root / "source" / "course" / "solutions" / "tiny" / "assignment.yaml").write_text("no settings")
    for venv, reason in ((sys.prefix, "assignment.yaml"), ("/nowhere", "/nowhere/bin/python")):
        document, said = run(venv)
        assert "score" not in document and document["tests"] == []
        assert document["output"].startswith("本次提交未能评分") and reason not in document["output"]
        assert reason in said
    subprocess.run(["bash", "-n", str(root / "source" / "setup.sh")], check=True)
    needed = (root / "source" / "setup.sh").read_text(encoding="utf-8").split()[-3:]
    assert needed[0] == "-c" and all((root / "source" / path).exists() for path in needed[1:])


@pytest.mark.parametrize("to", [ScoreFormat.github, ScoreFormat.classroom50_autograder])
def test_what_a_repository_is_judged_by_is_a_rubric(tmp_path, to):
    (tmp_path / "solutions" / "hw").mkdir(parents=True)
    (tmp_path / "solutions" / "hw" / "p.ipynb").write_text(json.dumps(tiny.notebook()))
    with pytest.raises(
        UsageError, match=r"hw: has no rubric, .* only that of --to gradescope-autograder runs the tests"
    ):
        exporting.make_runner(to, Course(tmp_path), "hw", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.slow
@pytest.mark.skipif(not confine.is_available(), reason="this machine confines nothing")
def test_gradescopes_folder_runs_the_tests_in_notebooks(tmp_path):
    """Where there is no rubric; a renamed notebook is known as by `autograder grade`."""
    root, course = tmp_path / "autograder", Course(tmp_path / "course")
    content = tiny.notebook(tiny.code_cell("x = 1", "answer"), tiny.code_cell("assert x == 1", "test_x", points=4))
    (course.root / "solutions" / "hw").mkdir(parents=True)
    (course.root / "solutions" / "hw" / "p.ipynb").write_text(json.dumps(content))
    (course.root / "nbgrader_config.py").write_text(
        "c = get_config()\nc.CourseDirectory.source_directory = 'solutions'\n"
    )
    runners.gradescope(course, "hw", root / "source")
    (root / "submission").mkdir()
    (root / "submission" / "mine.ipynb").write_text(json.dumps(content))
    environment = {**os.environ, "AUTOGRADER_ROOT": str(root), "AUTOGRADER_VENV": sys.prefix}
    subprocess.run([str(root / "source" / "run_autograder")], env=environment, check=True, capture_output=True)
    document = json.loads((root / "results" / "results.json").read_text(encoding="utf-8"))
    assert (document["score"], [one["name"] for one in document["tests"]]) == (4, ["test_x"])
    assert "mine.ipynb" in document["output"]


def test_a_package_that_came_from_no_index_is_brought_along_as_a_wheel(course, tmp_path):
    """As ``pip install .`` leaves it: without a checkout around it, and with a note where it came from."""
    site, package = tmp_path / "site", Path(runners.__file__).parents[1]
    shutil.copytree(package, site / "autograder", ignore=shutil.ignore_patterns("__pycache__"))
    info = site / f"dl_autograder-{version('dl-autograder')}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: dl-autograder\nVersion: {version('dl-autograder')}\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (info / "direct_url.json").write_text('{"dir_info": {}, "url": "file:///somewhere"}')
    files = [path.relative_to(site) for path in site.rglob("*") if path.is_file()]
    hashes = {f: urlsafe_b64encode(sha256((site / f).read_bytes()).digest()).decode().rstrip("=") for f in files}
    record = [f"{f},sha256={hashes[f]},{(site / f).stat().st_size}\n" for f in files] + ["../bin/autograder,,\n"]
    (info / "RECORD").write_text("".join(record))
    command = ["-m", "autograder", "export", "--to", "gradescope-autograder", "--assignment", "tiny", "--out"]
    environment = os.environ | {"PYTHONPATH": str(site)}
    subprocess.run([sys.executable, *command, tmp_path / "out"], cwd=course.root, env=environment, check=True)
    needed = (tmp_path / "out" / "setup.sh").read_text(encoding="utf-8").split()[-3:]
    assert f"pytest=={version('pytest')}" in (tmp_path / "out" / needed[1]).read_text().split()
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", "--target", tmp_path / "installed"]
    subprocess.run([*pip, tmp_path / "out" / needed[2]], check=True)
    installed = {p.relative_to(tmp_path / "installed") for p in (tmp_path / "installed" / "autograder").rglob("*")}
    assert {f for f in files if f.parts[0] == "autograder"} <= installed


@pytest.fixture(scope="module")
def released(course):
    folder = course.root / "assignments" / "tiny"
    with pytest.raises(UsageError, match="not released yet"):
        github.template(course, course.assignment("tiny"), course.root / "nothing")
    with pytest.raises(UsageError, match="not released yet"):
        github.classroom50(course, course.assignment("tiny"), course.root / "nothing")
    shutil.copytree(course.root / "solutions" / "tiny", folder, ignore=shutil.ignore_patterns("private"))
    (folder / "requirements.txt").write_text("numpy", encoding="utf-8")
    return course


PIP = {"PIP_DRY_RUN": "1", "PIP_NO_DEPS": "1", "PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "0"}
"""pip looks at what it would install, and leaves that."""


def test_a_template_for_github_gives_a_score(released, tmp_path):
    folder = tmp_path / "tiny"
    (workflow,) = github.template(released, released.assignment("tiny"), folder)
    job = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]["check"]
    steps = job["steps"]
    assert [key for step in steps for key in step if key in ("uses", "run")] == [
        "uses",
        "uses",
        "run",
        "run",
        "uses",
        "run",
    ]
    assert steps[0]["with"]["path"] == job["defaults"]["run"]["working-directory"] == "tiny"
    assert (tmp_path / steps[1]["with"]["cache-dependency-path"]).is_file()
    assert sorted(p.name for p in folder.iterdir()) == [
        ".github", "assignment.yaml", "requirements.txt", "test_tiny.py", "tiny.ipynb",
    ]  # fmt: skip
    needed = (folder / "requirements.txt").read_text(encoding="utf-8").split()
    assert needed == ["numpy", "-c", ".github/autograder/constraints.txt", "./.github/autograder"]
    with pytest.raises(UsageError, match="already exists"):
        github.template(released, released.assignment("tiny"), folder)
    tiny_answer = json.dumps(tiny.answers("def double(x):\n    return 3 * x\n"))
    (folder / "tiny.ipynb").write_text(tiny_answer, encoding="utf-8")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    actions = {"GITHUB_STEP_SUMMARY": str(tmp_path / "summary"), "GITHUB_REPOSITORY": "uni/tiny-ann"}
    actions |= {"GITHUB_REPOSITORY_OWNER": "uni", "GITHUB_ACTOR": "ann", "GITHUB_SHA": "0123456789abcdef", "PATH": path}
    codes = []
    for step in (step for step in steps if "run" in step):
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(command, cwd=folder, env=os.environ | PIP | actions, capture_output=True, text=True)
        codes.append(done.returncode)
        assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stdout + done.stderr
    assert codes == [0, 0, 1]  # green only once every criterion is met
    assert (tmp_path / "summary").read_text(encoding="utf-8").startswith("## tiny: 2 / 5\n")
    assert json.loads((tmp_path / steps[4]["with"]["path"] / "report.json").read_text(encoding="utf-8"))["score"] == 2
    result = json.loads((folder / "score" / "result.json").read_text(encoding="utf-8"))
    assert refusal(result, "uni", "tiny", "ann") is None
    assert (result["score"], result["max-score"]) == (2, 5)
    assert result["submission"].startswith("submit/") and result["submission"].endswith("-0123456")
    assert result["commit"] == result["review"] == "https://github.com/uni/tiny-ann/commit/0123456789abcdef"


def test_what_a_template_installs_is_a_package_without_the_demos_solutions(released, tmp_path):
    github.template(released, released.assignment("tiny"), tmp_path / "tiny")
    source = tmp_path / "tiny" / ".github" / "autograder"
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-index", "--no-deps", "--no-build-isolation", source]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "autograder/lms/github.py" in names and not [name for name in names if "solutions" in Path(name).parts]


def test_classroom_50_runs_our_autograder(released, tmp_path):
    """As its runner does: in the student's checkout, whose own rubric and modules count for nothing."""
    bundle, checkout = tmp_path / "bundle", tmp_path / "checkout"
    (script,) = github.classroom50(released, released.assignment("tiny"), bundle)
    assert sorted(p.name for p in bundle.iterdir()) == ["assignment", "autograder.py", "package"]
    (checkout / "autograder").mkdir(parents=True)
    (checkout / "autograder" / "__init__.py").write_text("raise SystemExit(0)")
    (checkout / "test_tiny.py").write_text("raise SystemExit(0)")
    (checkout / "tiny.ipynb").write_text(json.dumps(tiny.answers()), encoding="utf-8")
    identity = {
        "CLASSROOM": "dl-2026", "ASSIGNMENT": "hw-1", "OWNER": "ann", "ASSIGNMENT_TYPE": "individual",
        "SUBMISSION_TAG": "submit/2026-06-01T14-32-05Z-a1b2c3d", "COMMIT_URL": "https://github.com/uni/r/commit/a1",
        "RELEASE_URL": "https://github.com/uni/r/releases/tag/x", "REVIEW_URL": "https://github.com/uni/r/compare/0...1",
    }  # fmt: skip

    def run():
        environment = os.environ | PIP | identity
        return subprocess.run([sys.executable, script], cwd=checkout, env=environment, capture_output=True, text=True)

    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((checkout / "result.json").read_text(encoding="utf-8"))
    assert refusal(result, "dl-2026", "hw-1", "ann") is None
    assert (result["score"], result["max-score"], result["review"]) == (5, 5, identity["REVIEW_URL"])
    assert (checkout / "release-body.md").read_text(encoding="utf-8").startswith("## tiny: 5 / 5\n")
    (checkout / "result.json").unlink()
    (bundle / "assignment" / "test_tiny.py").write_text("no Python")
    done = run()
    assert done.returncode not in (0, None) and not (checkout / "result.json").exists()


# -- Classroom 50's file, and Markdown ---------------------------------------------------------------------------------


def refusal(result, classroom, assignment, owner):
    """Why Classroom 50 would refuse a result, by the rules of its documentation; None if it would not."""
    texts = (
        "classroom",
        "assignment",
        "assignment_type",
        "owner",
        "submission",
        "commit",
        "release",
        "review",
        "datetime",
    )
    if result["schema"] != "classroom50/result/v1" or not all(isinstance(result[t], str) and result[t] for t in texts):
        return "a field is missing"
    if (result["classroom"], result["assignment"], result["owner"]) != (classroom, assignment, owner):
        return "somebody else's"
    if not result["submission"].startswith("submit/") or not re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", result["datetime"]
    ):
        return "submission or time"
    for entry in (result, *result["tests"]):
        if not (type(entry["score"]) is type(entry["max-score"]) is int and 0 <= entry["score"] <= entry["max-score"]):
            return f"the score of {entry}"
    if any(not isinstance(test["passed"], bool) or not test["test-name"] for test in result["tests"]):
        return "a test"
    sums = [sum(test[key] for test in result["tests"]) for key in ("score", "max-score")]
    return None if sums == [result["score"], result["max-score"]] else "the sums"


@pytest.mark.parametrize(
    ("points", "whole"), [((2.0, 3.0), (2, 3)), ((0.5, 1.25), (2, 5)), ((2 / 3, 2.0), (2, 6)), ((0.03, 1 / 7), (3, 14))]
)
def test_points_become_whole_numbers_of_one_unit(graded, points, whole):
    report = graded["doejane_101"]
    given = iter(points)
    criteria = tuple(
        c.model_copy(update={"points": round(p, 6), "earned": round(p, 6)})
        for c, p in zip(report.exercises[0].criteria, given, strict=False)
    )
    exercise = ExerciseResult.of("double", report.exercises[0].title, criteria)
    changed = report.model_copy(
        update={"exercises": (exercise,), "score": exercise.score, "max_score": exercise.max_score}
    )
    environment = {"GITHUB_REPOSITORY_OWNER": "uni", "GITHUB_ACTOR": "ann"}
    result = json.loads(classroom50.as_result(changed, "en", environment))
    assert refusal(result, "uni", "tiny", "ann") is None
    assert tuple(test["max-score"] for test in result["tests"]) == whole
    assert [test["max_points"] for test in result["tests"]] == [round(p, 6) for p in points]


def test_without_a_score_there_is_no_result(unjudged, course, graded, tmp_path):
    with pytest.raises(UsageError, match="could not be graded"):
        classroom50.as_result(unjudged, "en", {})
    assert (
        refusal(json.loads(classroom50.as_result(graded["=HYPERLINK(1)"], "zh", {})), "unknown", "tiny", "unknown")
        is None
    )
    results = str(course.root / "results.jsonl")
    said = autograder("export", "--results", results, "--to", "classroom50", cwd=tmp_path, code=2).stderr
    assert "takes one submission per file, not 3" in said and not (tmp_path / "result.json").exists()


def test_markdown(graded, unjudged, course, tmp_path):
    page = writing.as_markdown(list(graded.values()), "en")
    assert page.index("## tiny, =HYPERLINK(1): 0 / 10") < page.index("## tiny, doejane\\_101: 10 / 10")
    assert "| Double | 2 / 6 |\n| A step | 4 / 4 |" in page
    hidden = "has the right gradient"
    assert f"✗ {hidden}\n  " not in page and hidden in page  # its title and verdict, no more
    assert "Only the criteria that you can see count here" not in page
    assert writing.as_markdown([unjudged], "en").startswith("## tiny: ? / 10\n")
    broken = Problem.of("cell-error", same("# no heading\n```\n<img src=x>"))
    said = writing.as_markdown([unjudged.model_copy(update={"problems": (broken,)})], "zh")
    assert "````text\n# no heading\n```\n<img src=x>\n````" in said and "| 练习 | 得分 |" in said
    results = str(course.root / "results.jsonl")
    autograder("export", "--results", results, "--to", "markdown", "--lang", "en", cwd=tmp_path)
    assert (tmp_path / "scores.md").read_text(encoding="utf-8") == page
