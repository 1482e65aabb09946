"""The wheel alone, in a fresh environment outside the checkout: everything it needs travels in it."""

import json
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pexpect
import pytest

from autograder.course import demo
from autograder.sandbox import confine

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SOURCES = ("autograder", "assignments", "quizzes", "solutions", "nbgrader_config.py", "pyproject.toml", "README.md", "LICENSE")  # fmt: skip
COURSE = "share/dl-autograder/demo"
SPY = """\
tried = {}
for path in PATHS:
    try:
        with open(path, "rb") as file:
            tried[path] = file.read(1) and "read"
    except OSError as error:
        tried[path] = type(error).__name__
raise ValueError(" ".join(f"{what}:{list(tried.values()).count(what)}" for what in sorted(set(tried.values()))))
"""


def run(*command, cwd, code=0):
    """Run it outside any checkout; gives what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "AUTOGRADER"))}
    environment |= {"PYTHONUTF8": "1", "COLUMNS": "120"}
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=environment, capture_output=True, encoding="utf-8")
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def builds_here():
    """Has this environment what builds the wheel? Otherwise pip gets it from its index."""
    try:
        return int(version("setuptools").partition(".")[0]) >= 77
    except PackageNotFoundError:
        return False


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    sources = folder / "sources"  # a copy: building leaves files beside what it builds
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        sources.mkdir(exist_ok=True)
        copy(ROOT / name, sources / name)
    isolation = ["--no-build-isolation"] if builds_here() else []
    run(sys.executable, "-m", "pip", "wheel", "--no-deps", *isolation, "--wheel-dir", folder, sources, cwd=folder)
    (built,) = folder.glob("dl_autograder-*.whl")
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    """A folder of programs: those of a new environment, which has the wheel and sees the packages that it depends on."""
    folder = tmp_path_factory.mktemp("库 new") / "library"  # a name that starts with `lib`, as folders of packages do
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    run(sys.executable, "-m", "pip", "--python", folder, "install", "--no-deps", wheel, cwd=folder)
    seen = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
    (packages / "dependencies.pth").write_text("\n".join(seen), encoding="utf-8")
    return folder / "bin"


@pytest.fixture(scope="module")
def course(environment, tmp_path_factory):
    """The demo, made and graded by the installed program."""
    folder = tmp_path_factory.mktemp("somewhere")
    printed = run(environment / "autograder", "demo", cwd=folder)
    assert "01_right" in printed and "results.jsonl" in printed
    return folder / "autograder-demo"


def files_below(folder):
    """What a demo's folder holds of the course, without what students hand in and grading makes."""
    files = (path for path in folder.rglob("*") if path.is_file())
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
    return {name: content for name, content in found.items() if name.split("/")[0] in SOURCES}


def test_the_demo_course_travels_in_the_wheel_as_it_is_in_the_checkout(wheel, course, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name.partition(f"{COURSE}/")[2]: archive.read(name) for name in archive.namelist() if COURSE in name}
    assert {name: (ROOT / name).read_bytes() for name in packed} == packed
    copied = files_below(demo.make(tmp_path / "demo").root)
    assert set(copied) == set(packed)
    assert files_below(course) == copied


def test_the_wheel_holds_every_module_and_what_lies_beside_it(wheel):
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("autograder/")}
    package = ROOT / "autograder"
    there = {path.relative_to(ROOT).as_posix() for path in package.rglob("*") if path.is_file()}
    assert packed == {name for name in there if "__pycache__" not in name}


def test_it_is_the_wheel_that_runs(environment, course):
    script = "import autograder; print(autograder.__file__)"
    assert str(environment.parent) in run(environment / "python", "-c", script, cwd=course)
    assert str(environment.parent) in (environment / "autograder").read_text(encoding="utf-8")
    assert run(environment / "autograder", "--version", cwd=course).strip() == version("dl-autograder")


def test_the_demo_is_graded_as_in_a_checkout(course):
    reports = map(json.loads, (course / "results.jsonl").read_text(encoding="utf-8").splitlines())
    scores = {report["student"]: report["score"] for report in reports}
    assert scores["01_right"] == scores["02_differently_right"] == scores["22_script"] == 40
    assert all(scores[student] < 40 for student in demo.TYPICAL_MISTAKES)


def test_a_student_can_check_their_work(environment, course):
    notebook = course / "submitted" / "04_no_reshape" / demo.ASSIGNMENT / f"{demo.ASSIGNMENT}.ipynb"
    own = shutil.copy(notebook, course / "assignments" / demo.ASSIGNMENT / "mine.ipynb")
    assert "squared_loss" in run(environment / "autograder", "check", own, cwd=course, code=1)


def test_an_instructor_goes_on_from_the_demo_and_begins_a_course(environment, course):
    for command in (("grade",), ("feedback",), ("report", demo.ASSIGNMENT), ("export", "--to", "csv", "--gradebook")):
        run(environment / "autograder", *command, cwd=course)
    page = (course / f"{demo.ASSIGNMENT}.html").read_text(encoding="utf-8")
    assert f'href="feedback/01_right/{demo.ASSIGNMENT}/{demo.ASSIGNMENT}.html"' in page
    run(environment / "autograder", "init", "../mine", cwd=course)
    assert "first_steps:" in run(environment / "autograder", "release", cwd=course.parent / "mine")


def test_quizzes_are_listed_taken_and_scored(environment, course):
    listed = json.loads(run(environment / "autograder", "quiz", "list", "--json", cwd=course))
    assert [Path(quiz["file"]).stem for quiz in listed] == list(demo.QUIZZES)
    assert all(quiz["proved"] == quiz["questions"] for quiz in listed)
    (course / "answers.csv").write_text("student,fc-shapes\nann,\n", encoding="utf-8")
    scored = run(environment / "autograder", "quiz", "score", demo.QUIZZES[0], "answers.csv", cwd=course)
    assert "ann" in scored
    command = ["quiz", "take", demo.QUIZZES[0], "--lang", "en"]
    taking = pexpect.spawn(str(environment / "autograder"), command, cwd=course, encoding="utf-8", timeout=60)
    taking.expect("press any key")
    taking.send("q")
    taking.expect(pexpect.EOF)
    taking.close()
    assert taking.exitstatus == 0


def test_the_doctor_finds_the_machine_and_the_course_well(environment, course):
    found = json.loads(run(environment / "autograder", "doctor", "--json", cwd=course))
    assert all(finding["ok"] for finding in found)


@pytest.mark.skipif(not confine.is_available(), reason="this machine cannot confine students' code")
def test_a_students_code_cannot_read_the_demo_course(environment, course):
    """It may read every package, but the reference and the hidden criteria lie elsewhere."""
    secrets = [str(path) for path in (environment.parent / COURSE).rglob("*") if path.is_file()]
    assert any("/private/" in path for path in secrets)
    (package,) = environment.parent.glob("lib/python*/site-packages/autograder/__init__.py")
    spy = course / "spy.py"
    spy.write_text(f"PATHS = {[str(package), *secrets]!r}\n{SPY}", encoding="utf-8")
    printed = run(environment / "autograder", "grade", spy, "--assignment", demo.ASSIGNMENT, "--json", cwd=course)
    (report,) = json.loads(printed)
    assert f"PermissionError:{len(secrets)} read:1" in str(report["problems"])
