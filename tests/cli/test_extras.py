"""Without an extra, the command that needs it says in one line what to install; everything else works."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import nbgrader_course as course_of
import pytest
import tiny_course as tiny
from command_line import autograder

from autograder.sandbox import confine

pytestmark = pytest.mark.skipif(not confine.is_available(), reason="needs Landlock")
EXTRAS = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def without(modules, *arguments, cwd, code):
    """Run a command in a fresh process that cannot import some modules; return its errors, without what it waits for."""
    start = f"import sys; sys.modules.update(dict.fromkeys({modules})); from autograder.cli.main import main; main()"
    variables = os.environ | {"COLUMNS": "100", "PYTHONUTF8": "1"}
    command = [sys.executable, "-c", start, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == code, done.stdout + done.stderr
    return "\n".join(line for line in done.stderr.splitlines() if not line.endswith(" ..."))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    course = course_of.make(tmp_path_factory.mktemp("course"))
    tiny.submit(course, "ann", tiny.answers())
    autograder("grade", cwd=course.root)
    return course.root


@pytest.fixture
def in_postgresql(root):
    config = root / "nbgrader_config.py"
    before = config.read_text(encoding="utf-8")
    yield lambda address: config.write_text(f"{before}\nc.CourseDirectory.db_url = {address!r}\n", encoding="utf-8")
    config.write_text(before, encoding="utf-8")


@pytest.mark.parametrize(
    ("extra", "module", "arguments", "code", "words"),
    [
        ("spreadsheets", "openpyxl", ("export", "--to", "xlsx", "--lang", "en"), 2, "--to xlsx needs an extra: "),
        (
            "dask",
            "distributed",
            ("grade", "--engine", "dask", "--out", "x", "--lang", "zh"),
            2,
            "--engine dask 需要附加组件：",
        ),
        (
            "postgresql",
            "psycopg",
            ("export", "--to", "csv", "--gradebook", "--lang", "zh"),
            1,
            "/grades 需要附加组件：",
        ),
        ("postgresql", "psycopg", ("extend", "--lang", "en"), 1, "/grades needs an extra: "),
    ],
    ids=["export xlsx", "grade dask", "export gradebook", "extend"],
)
def test_an_extra_that_is_missing_is_named(root, in_postgresql, extra, module, arguments, code, words):
    if extra == "postgresql":
        in_postgresql("postgresql+psycopg://me:secret@127.0.0.1:1/grades")
    said = without([module], *arguments, cwd=root, code=code)
    assert len(said.splitlines()) == 1, said
    assert f"{words}pip install 'dl-autograder[{extra}]'" in said and module in said and "secret" not in said
    assert any(requirement.startswith(module) for requirement in EXTRAS[extra])


def test_a_driver_that_is_not_the_extras_is_not_asked_for(root, in_postgresql):
    in_postgresql("postgresql+psycopg2://me:secret@127.0.0.1:1/grades")
    said = without(["psycopg2"], "extend", "--lang", "en", cwd=root, code=1)
    assert "write postgresql+psycopg:// in c.CourseDirectory.db_url" in said
    assert "pip install 'dl-autograder[postgresql]'" in said and len(said.splitlines()) == 1


def test_without_any_extra_everything_else_works(root):
    missing = ["openpyxl", "dask", "distributed", "psycopg", "psycopg2"]
    assert "Traceback" not in without(missing, "grade", "--out", "again.jsonl", cwd=root, code=0)
    assert "Traceback" not in without(missing, "export", "--to", "csv", "--gradebook", cwd=root, code=0)
    assert (root / "scores.csv").read_text(encoding="utf-8-sig").splitlines()[1].startswith("ann,tiny,graded,10,")


def test_the_tests_have_every_extra():
    for extra in EXTRAS.keys() - {"test", "load"}:  # a class of a thousand at work is no test
        assert set(EXTRAS[extra]) <= set(EXTRAS["test"])
