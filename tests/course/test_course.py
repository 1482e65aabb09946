"""A course on disk: its settings, its functions, its secret and the hash of what a grade depends on."""

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.base.errors import ConfigError, UsageError
from autograder.course.course import Assignment, Course, derive_seed
from autograder.course.settings import Function

SETTINGS = """\
schema: 1
title: {en: Softmax, zh: 柔性最大值}
exercises:
  softmax:
    title: {en: Softmax, zh: 柔性最大值}
    functions: ["softmax(X)"]
  sgd:
    title: {en: Descent, zh: 下降}
    functions: ["sgd(params, lr, batch_size=1)", "step(w)"]
    changes: {sgd: [params]}
    grade_id: sgd_points
"""


@pytest.fixture
def course(tmp_path):
    folder = tmp_path / "我的 course" / "solutions" / "softmax"
    (folder / "private").mkdir(parents=True)
    for name in ("softmax.ipynb", "test_a.py", "private/test_b.py", "private/mutants.yaml"):
        (folder / name).write_text(name)
    (folder / "assignment.yaml").write_text(SETTINGS, encoding="utf-8")
    return Course(tmp_path / "我的 course")


def folder_of(course):
    return course.root / "solutions" / "softmax"


# -- signatures ----------------------------------------------------------------------------------------------------------


def test_a_signature_is_read():
    function = Function.parse("sgd(params, lr, batch_size=1)", ("params",))
    assert function == Function("sgd", ("params", "lr", "batch_size"), 2, frozenset({"params"}), ("1",))
    assert str(function) == "sgd(params, lr, batch_size)"
    assert Function.parse("f()").parameters == ()
    any_number = Function.parse("f(x, /, *xs, by=1, **options)", ("xs",))
    assert (any_number.parameters, str(any_number)) == (("x", "by"), "f(x, *xs, by, **options)")


@pytest.mark.parametrize(
    "signature",
    [
        "f",
        "f(",
        "f(x))",
        "",
        pytest.param("f(x, x)"),
        "f(*x, **x)",
        "f(1)",
        "lambda x",
        "f(x): pass\ndef g(y)",
        "f x",
        "class(x)",
        "f(x\0)",
    ],
)
def test_what_is_no_signature_is_refused(signature):
    with pytest.raises(ValueError, match="signature"):
        Function.parse(signature)


def test_a_change_of_an_unknown_parameter_is_refused():
    with pytest.raises(ValueError, match="no parameter 'param'"):
        Function.parse("sgd(params)", ("param",))


# -- settings ------------------------------------------------------------------------------------------------------------


def test_an_assignment_is_read(course):
    assignment = course.assignment("softmax")
    assert (assignment.name, assignment.settings.language, assignment.has_reference) == ("softmax", "zh", True)
    assert assignment.exercise_of == {"softmax": "softmax", "sgd": "sgd", "step": "sgd"}
    assert assignment.functions["sgd"].changes == {"params"}
    assert assignment.grade_ids == {"test_softmax": "softmax", "sgd_points": "sgd"}
    assert [path.name for path in assignment.rubrics] == ["test_a.py", "test_b.py"]
    assert list(course.assignments()) == ["softmax"]
    visible = Assignment(assignment.directory, assignment.settings, visible_only=True)
    assert [path.name for path in visible.rubrics] == ["test_a.py"]


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "said"),
    [
        ("schema: 1", "schema: 2", 1, "schema", ""),
        ("schema: 1\n", "", 1, "schema", "missing"),
        ("title: {en: Softmax, zh: 柔性最大值}\nex", "title: {en: Softmax}\nex", 2, "title.zh", "missing"),
        ("schema: 1", "schema: 1\nlanguage: fr", 2, "language", ""),
        ("schema: 1", "schema: 1\nlimits: {call_s: 0}", 2, "limits.call_s", "greater than 0"),
        ("schema: 1", "schema: 1\nlimits: {call_s: .inf}", 2, "limits.call_s", "finite"),
        ("schema: 1", "schema: 1\nlimits: {timeout: 1}", 2, "limits.timeout", "misspelt"),
        ("schema: 1", "schema: 1\nlimits: {memory_mb: 1}", 2, "limits.memory_mb", ""),
        ('["softmax(X)"]', "[]", 6, "exercises.softmax.functions", ""),
        ('["softmax(X)"]', '["softmax(X"]', 4, "exercises.softmax", "is not a signature"),
        ('["softmax(X)"]', '["step(X)"]', 3, "exercises", "two exercises have a function 'step'"),
        ("{sgd: [params]}", "{sgd: [param]}", 7, "exercises.sgd", "no parameter 'param'"),
        ("{sgd: [params]}", "{sdg: [params]}", 10, "exercises.sgd.changes.sdg", "not one of this exercise's functions"),
        ("sgd_points", "sgd points", 11, "exercises.sgd.grade_id", "pattern"),
        ("    grade_id", "    changes: {}\n    grade_id", 11, "changes", "duplicate key"),
        ("  sgd:\n", "  softmax:\n", 7, "softmax", "duplicate key"),
    ],
)
def test_a_mistake_in_the_settings_is_told_with_file_line_and_key(course, old, new, line, key, said):
    path = folder_of(course) / "assignment.yaml"
    assert old in SETTINGS
    path.write_text(SETTINGS.replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        course.assignment("softmax")
    error = caught.value
    assert error.path == path
    assert (error.line, error.key) == (line, key) or (line is None and error.key is None)
    assert said in error.text.en


def test_the_folder_names_the_assignment_however_it_is_reached(course, monkeypatch):
    monkeypatch.chdir(folder_of(course))
    assert Assignment.load(Path()).name == "softmax"
    assert Assignment.load(Path()).notebook.name == "softmax.ipynb"


def test_a_folder_without_settings_is_a_mistake(tmp_path):
    with pytest.raises(ConfigError, match=r"assignment\.yaml"):
        Assignment.load(tmp_path)


# -- finding -------------------------------------------------------------------------------------------------------------


def test_a_course_is_found_from_anywhere_inside(course):
    for start in (course.root, folder_of(course), folder_of(course) / "private", folder_of(course) / "softmax.ipynb"):
        assert Course.find(start) == course


def test_outside_of_a_course_the_remedy_is_named(tmp_path):
    with pytest.raises(UsageError, match="--course"):
        Course.find(tmp_path)


def test_an_unknown_assignment_is_told_with_those_there_are(course):
    with pytest.raises(UsageError, match=r"no assignment 'sofmax'.*there are: softmax"):
        course.assignment("sofmax")


def test_a_course_without_assignments_is_a_mistake(tmp_path):
    (tmp_path / "solutions").mkdir()
    with pytest.raises(ConfigError, match=r"assignment\.yaml"):
        Course.find(tmp_path).assignments()


# -- secret --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


def test_the_key_stays_and_is_readable_by_its_owner_only(course, state):
    umask = os.umask(0)
    try:
        key = course.key()
    finally:
        os.umask(umask)
    file = course.root / ".autograder" / "key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(key) == 32
    assert Course(course.root).key() == key
    assert [path.name for path in file.parent.iterdir()] == ["key"]
    assert not state.exists()


def test_two_courses_have_two_keys(tmp_path, state):
    assert Course(tmp_path / "a").key() != Course(tmp_path / "b").key()


def test_processes_that_start_at_once_get_one_key(course, state):
    code = "import sys, pathlib; from autograder.course.course import Course; sys.stdin.read(); print(Course(pathlib.Path(sys.argv[1])).key().hex())"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(course.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    for process in processes:  # each waits for the end of its input
        process.stdin.close()
    keys = set()
    for process in processes:
        with process.stdout:
            keys.add(process.stdout.read())
        assert process.wait() == 0
    assert keys == {course.key().hex() + "\n"}


def test_a_course_that_cannot_be_written_keeps_its_key_in_the_state_folder(course, state):
    (course.root / ".autograder").write_text("a file, where the folder would be")  # stops root as well
    key = course.key()
    assert Course(course.root).key() == key
    (file,) = state.rglob("key")
    digest = hashlib.sha256(str(course.root).encode()).hexdigest()[:16]
    assert file == state / "autograder" / digest / "key"  # where those of earlier versions are
    assert bytes.fromhex(file.read_text().strip()) == key
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(list(file.parent.iterdir())) == 1


def test_a_read_only_file_system_keeps_its_key_in_the_state_folder(state):
    course = Course(Path("/proc"))
    assert course.key() == course.key()
    assert len(list(state.rglob("key"))) == 1


def test_the_key_in_the_course_comes_first(course, state):
    blocked = course.root / ".autograder"
    blocked.write_text("")
    elsewhere = course.key()
    blocked.unlink()
    assert course.key() == elsewhere
    blocked.mkdir()
    (blocked / "key").write_text("ab" * 32)
    assert course.key() == bytes.fromhex("ab" * 32)


@pytest.mark.parametrize("content", ["", "no key", "ab"])
def test_a_damaged_key_is_refused(course, state, content):
    (course.root / ".autograder").mkdir()
    (course.root / ".autograder" / "key").write_text(content)
    with pytest.raises(ConfigError, match="key"):
        course.key()


def test_seeds_depend_on_the_key_and_every_name():
    seeds = {
        derive_seed(key, *names) for key in (b"a", b"b") for names in ((), ("x",), ("x", "y"), ("xy",), ("y", "x"))
    }
    assert len(seeds) == 10
    assert all(0 <= seed < 1 << 63 for seed in seeds)


# -- hash ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["assignment.yaml", "softmax.ipynb", "test_a.py", "private/test_b.py", "private/mutants.yaml"]
)
@pytest.mark.parametrize("change", ["edit", "remove"])
def test_the_hash_changes_with_every_file_that_matters(course, name, change):
    assignment = course.assignment("softmax")
    before = assignment.sha256()
    path = folder_of(course) / name
    path.write_bytes(path.read_bytes() + b"\n") if change == "edit" else path.unlink()
    assert assignment.sha256() != before


@pytest.mark.parametrize("name", ["test_new.py", "private/test_new.py", "private/data/new.csv"])
def test_the_hash_changes_with_new_files(course, name):
    assignment = course.assignment("softmax")
    before = assignment.sha256()
    (folder_of(course) / name).parent.mkdir(exist_ok=True)
    (folder_of(course) / name).write_text("")
    assert assignment.sha256() != before


@pytest.mark.parametrize("name", ["digits.csv", "data/digits.csv", "shared_checks.py"])
def test_the_hash_changes_with_what_a_rubric_may_read_or_import(course, name):
    assignment = course.assignment("softmax")
    (folder_of(course) / name).parent.mkdir(exist_ok=True)
    (folder_of(course) / name).write_text("1")
    before = assignment.sha256()
    (folder_of(course) / name).write_text("2")
    assert assignment.sha256() != before


def test_the_hash_is_that_of_names_and_contents_only(course, tmp_path):
    assignment = course.assignment("softmax")
    before = assignment.sha256()
    for cache in (
        folder_of(course) / "__pycache__",
        folder_of(course) / "private" / "__pycache__",
        folder_of(course) / ".ipynb_checkpoints",
    ):
        cache.mkdir()
        (cache / "test_a.cpython-311.pyc").write_bytes(b"x")
    os.utime(folder_of(course) / "test_a.py", (0, 0))
    assert assignment.sha256() == before
    moved = course.root.rename(tmp_path / "moved")
    assert Course(moved).assignment("softmax").sha256() == before


def test_swapping_two_files_changes_the_hash(course):
    assignment = course.assignment("softmax")
    before = assignment.sha256()
    one, other = folder_of(course) / "private" / "test_b.py", folder_of(course) / "private" / "mutants.yaml"
    contents = one.read_text(), other.read_text()
    one.write_text(contents[1])
    other.write_text(contents[0])
    assert assignment.sha256() != before
