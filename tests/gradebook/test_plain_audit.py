"""The audit of asserts in notebooks: what its wrong versions show of them, in both languages and as JSON."""

import io
import json
import os
import tempfile
from pathlib import Path

import nbgrader_course as course_of
import pytest
import tiny_course as tiny
import yaml
from rich.console import Console
from typer.testing import CliRunner

from autograder.cli.main import app
from autograder.course.configuration import CONFIG_FILE
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.gradebook.plain_audit import PlainAudit
from autograder.grading.audit import Selection
from autograder.grading.mutations import generate_in_lines
from autograder.report.audit import overview, tables
from autograder.sandbox import confine

pytestmark = pytest.mark.skipif(not confine.is_available(), reason="this machine confines nothing")

AREA = """\
%matplotlib inline
def area(r):
    "Return the area of a circle."
    ### BEGIN SOLUTION
    if r < 0:
        raise ValueError("negative")
    print("computing")
    return math.pi * r ** 2
    ### END SOLUTION
"""
TEST_AREA = """\
### BEGIN HIDDEN TESTS
assert area(0) == 0
### END HIDDEN TESTS
assert area(1) == math.pi
"""
ABOVE = """\
def above(n):
    for i in itertools.count():
        if i > n:
            return i
"""
DRAWS_NOTHING = "drawn: statement `plt.plot([1, 2])` -> `pass`"
OLD = tiny.code_cell("x = 1", "x")
OLD["metadata"]["nbgrader"]["schema_version"] = 1
DRAWN = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nheight = 3"


def cells():
    by_hand = tiny.code_cell("plt.title('area')\nsize = 7", "drawing")
    by_hand["metadata"]["nbgrader"] |= {"grade": True, "points": 2}
    return [
        "import itertools, math",
        course_of.markdown_cell("Why?", "why", grade=True, solution=True, points=3),
        tiny.code_cell(AREA, "area"),
        tiny.code_cell(TEST_AREA, "test_area", points=2),
        tiny.code_cell(ABOVE, "above"),
        tiny.code_cell("assert above(2) == 3", "test_above", points=1),
        tiny.code_cell("limit = 1.0", "limit"),
        tiny.code_cell("import random\nassert random.random() < limit", "test_limit", points=1),
        tiny.code_cell(DRAWN, "drawn"),
        tiny.code_cell("assert height", "test_drawn", points=1),
        tiny.code_cell("assert True", "test_nothing", points=1),
        tiny.code_cell("spare = 1 + 1", "spare"),
        by_hand,
        tiny.code_cell("assert open('table.csv').read() == '1,3'", "test_table", points=1),
    ]


def make(root, *parts, name="a", kernel="python", **others):
    (root / CONFIG_FILE).write_text(
        (course_of.ROOT / CONFIG_FILE).read_text(encoding="utf-8") + "\nc.Execute.timeout = 1\n", encoding="utf-8"
    )
    folder = root / "solutions" / "hw"
    folder.mkdir(parents=True)
    content = tiny.notebook(*parts)
    content["metadata"]["kernelspec"]["language"] = kernel
    (folder / f"{name}.ipynb").write_text(json.dumps(content), encoding="utf-8")
    for file, words in others.items():
        (folder / file.replace("_", ".")).write_text(words, encoding="utf-8")
    return root


def run(course, *options):
    return CliRunner().invoke(app, ["audit", "hw", "--course", str(course), "--lang", "en", *options])


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    root = make(tmp_path_factory.mktemp("asserts"), *cells(), table_csv="1,2")
    private = root / "solutions" / "hw" / "private"
    private.mkdir()
    excuses = [{"id": DRAWS_NOTHING, "reason": "for the eye"}, {"id": "gone", "reason": "it was here"}]
    (private / "mutants.yaml").write_text(yaml.safe_dump({"schema": 1, "generated_equivalents": excuses}))
    return root


@pytest.fixture(scope="module")
def prepared(course):
    return PlainAudit(NbgraderCourse(course), "hw")


@pytest.fixture(scope="module")
def audited(prepared):
    return prepared.run(processes=1)


def test_every_version_is_caught_by_somebody_or_survives(audited):
    caught = {v.id: v.caught_by for v in audited.of("generated")}
    assert {v.id for v in audited.survivors} | {DRAWS_NOTHING} == {name for name, whom in caught.items() if not whom}
    assert caught["area: sign `return math.pi * r ** 2` -> `return -(math.pi * r ** 2)`"] == "visible"
    assert caught["area: comparison `r < 0` -> `r <= 0`"] == "hidden"
    assert caught["area: constant `2` -> `3`"] is caught["area: statement `if r < 0:` -> `pass`"] is None
    assert caught["above: statement `if i > n:` -> `pass`"] == "visible"  # it never returns
    assert {v.id: v.excuse for v in audited.versions if v.excuse} == {DRAWS_NOTHING: "for the eye"}
    assert not any("print" in name or "inline" in name for name in caught)


def test_a_survivor_says_where_it_is_and_what_the_asserts_miss(audited):
    found = {v.id: v for v in audited.survivors}
    place = found["area: constant `2` -> `3`"].place
    assert (place.cell, place.line, place.tests) == (2, 8, ("test_area",))
    assert (place.removed, place.added) == (("    return math.pi * r ** 2",), ("    return math.pi * r ** 3",))
    assert place.says.en == "no assert of test_area depends on `2`"
    assert found["area: constant `2` -> `3`"].points == 2


def test_the_grade_cells_that_test_nothing_or_fail_anyway_need_fixing(audited):
    faults = [fault.en for fault in audited.faults]
    assert "test_nothing (code cell 10): passes with every answer and with none; points given away: 1" in faults
    assert "generated_equivalents: no generated version is called 'gone'" in faults
    assert any(
        fault.startswith("test_table (code cell 13): the source's own solution does not pass: ") for fault in faults
    )
    assert [(cell.id, cell.points) for cell in audited.unjudged] == [("spare", None), ("drawing", 2), ("why", 3)]
    by_id = {cell.id: cell for cell in audited.criteria}
    assert by_id["test_area"].hidden == 3 and by_id["test_above"].decisive == by_id["test_above"].generated > 0


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["area: code cell 2, line 8; points at stake: 2", "no assert of test_area depends on `2`", "needs fixing"]),
        ("zh", ["area：代码单元格 2，第 8 行；涉及分数：2", "test_area 中没有断言依赖 `2`", "需要修正"]),
    ],
)  # fmt: skip
def test_the_table_reads_naturally_in_both_languages(audited, language, words):
    screen = Console(width=150, file=io.StringIO())
    screen.print(tables(audited, language))
    shown = screen.file.getvalue()
    for one in (*words, "    +     return math.pi * r ** 3"):
        assert one in shown


def test_a_grade_cell_that_no_wrong_version_fails_says_so_instead_of_zeros(audited):
    cell = audited.criteria[0].model_copy(update={"generated": 0, "hidden": 0, "decisive": 0, "tried": 3})
    screen = Console(width=150, file=io.StringIO())
    screen.print(tables(audited.model_copy(update={"criteria": (cell,)}), "en"))
    assert f"{cell.id}: no wrong version loses points in it" in screen.file.getvalue()


@pytest.mark.parametrize(
    ("changes", "must"),
    [({}, None), ({"judge": "rubric"}, "95%"), ({"least": 0.99}, "99%"), ({"least": 0.01}, None), ({"least": 0.99, "is_partial": True}, None)],
)  # fmt: skip
def test_asserts_need_not_catch_a_share_of_the_versions_unless_it_is_asked_for(audited, changes, must):
    assert 0.01 < audited.kill_rate < 0.95
    told = [f.en for f in audited.model_copy(update=changes).faults if "of the generated versions lose a point" in f.en]
    assert [words.rpartition("; ")[2] for words in told] == ([f"{must} must"] if must else [])


def test_of_a_long_line_what_differs_is_shown(audited):
    place = next(version.place for version in audited.survivors if version.place is not None)
    long = "    table = [" + "'some text', " * 30 + "{}, " + "'different', " * 30 + "]"
    changed = [
        version.model_copy(update={"place": place.model_copy(update={"removed": (long.format("12345"),), "added": (long.format(new),)})})
        for version, new in zip(audited.survivors, ("12346", "-12345"), strict=False)
    ]  # fmt: skip
    screen = Console(width=150, file=io.StringIO())
    screen.print(tables(audited.model_copy(update={"versions": tuple(changed)}), "en"))
    shown = [line for line in screen.file.getvalue().splitlines() if line.startswith(("    - ", "    + "))]
    rows = [line.replace("'some text', ", "s").replace("'different', ", "o") for line in shown]
    assert rows == [
        "    -     ...t', ss12345, oo'd...",
        "    +     ...ss12346, oo'd...",
        "    +     ...t', ss-12345, o'different...",
    ]


def test_a_source_that_fails_is_told_with_what_failed_first(tmp_path):
    answer, test = (
        tiny.code_cell("answer = g.value", "answer"),
        tiny.code_cell("assert answer", "test_answer", points=1),
    )
    done = run(make(tmp_path, "import of_another_machine as g", answer, test))
    words = "the source's own solution does not pass: ModuleNotFoundError: No module named 'of_another_machine'"
    assert done.exit_code == 1 and words in " ".join(done.stdout.split())


def test_what_matters_most_is_told_first(audited):
    points = [version.points for version in audited.survivors]
    assert points == sorted(points, reverse=True) and len(set(points)) > 1
    screen = Console(width=150, file=io.StringIO())
    screen.print(overview([audited, audited.model_copy(update={"versions": (), "criteria": (), "stale": ()})], "en"))
    lines = [line.split() for line in screen.file.getvalue().splitlines()]
    assert lines[-1] == [audited.assignment, "0"]
    assert lines[-2] == [
        audited.assignment,
        str(len(audited.wrong)),
        f"{audited.kill_rate:.1%}",
        str(len(audited.faults)),
    ]


def test_the_command_judges_what_is_asked_for(course):
    asked = ("--only", "area: constant `2` -> `3`", "--only", "limit: constant `1.0` -> `0.5`")
    done = run(course, *asked, "--keys", "2", "--json")
    assert done.exit_code == 1
    (document,) = json.loads(done.stdout)
    survivor, lucky = document["versions"]
    assert (document["judge"], document["survivors"]) == ("asserts", [survivor["id"]])
    assert (survivor["caught_by"], survivor["place"]["line"], survivor["earned"]) == (None, 8, 2)
    assert survivor["place"]["says"]["en"] == "no assert of test_area depends on `2`"
    assert (lucky["keys"], lucky["caught"], lucky["share"]) == (2, 1, 0.5)  # by what is drawn
    assert f"{lucky['id']}: is caught with 1 of 2 keys only" in document["faults"]


def test_an_interrupted_audit_leaves_nothing_behind(prepared, monkeypatch):
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)  # where we are root, notebooks run as nobody
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    children = Path(f"/proc/self/task/{os.getpid()}/children")
    running = children.read_text()

    def interrupt():
        assert children.read_text() != running
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepared.run(processes=1, chosen=Selection(exercises=frozenset(("above",))), advance=interrupt)
    place.rmdir()
    assert children.read_text() == running


def test_only_the_solution_s_own_lines_change_and_nothing_twice():
    source = "x = 3\ny = x + 5\nprint(y + 1)\nz = f(y)\nassert z > 3\nw = [7, 7, 7, 7, 7, 7, 7, 7]\nv = 1.0 * (z / 1 + 0)\nv[2] - 40"
    versions = [version.id for version in generate_in_lines("a", source, [2, 3, 4, 5, 6, 7, 8])]
    assert "a: operator `x + 5` -> `x - 5`" in versions
    assert not any("/ 1` ->" in name or "+ 0` ->" in name for name in versions if "operator" in name)  # it is the same
    assert not any("v[2]" in name or "`40`" in name for name in versions)  # it is only shown
    assert "a: argument `f(y)` -> `y`" in versions
    assert not any("`3`" in name or "print" in name or "assert" in name for name in versions)
    assert sum("`7`" in name for name in versions) == 8


@pytest.mark.parametrize(
    ("parts", "options", "words"),
    [
        (["x = 1"], {}, "hw/a.ipynb: no code cell is marked as a solution"),
        ([tiny.code_cell("x = 1", "x")], {}, "hw/a.ipynb: no cell holds tests"),
        ([tiny.code_cell("x <- 1", "x")], {"kernel": "R"}, "hw/a.ipynb: is for R; only notebooks in Python"),
        ([tiny.code_cell("### BEGIN SOLUTION\nx = 1", "x")], {}, "hw/a.ipynb: x: no end solution statement found"),
        ([OLD], {}, "hw/a.ipynb: its marks are of an older version of nbgrader; keep a copy and run `nbgrader update "),
        (["### BEGIN SOLUTION\nx = 1\n### END SOLUTION"], {}, "Solution region detected in a non-solution cell"),
    ],
    ids=["no-answer", "no-tests", "language", "no-end", "version", "no-mark"],
)  # fmt: skip
def test_a_source_that_cannot_be_audited_is_refused_in_one_line(tmp_path, parts, options, words):
    done = run(make(tmp_path, *parts, **options))
    assert done.exit_code == 2
    (line,) = (line for line in done.stderr.splitlines() if not line.endswith(" ..."))
    assert words in line
