"""The audit of a rubric, the versions it generates, and the known mistakes that diagnoses name."""

import ast
import json
import re
import shutil

import pytest
import tiny_course
import yaml
from typer.testing import CliRunner

from autograder.base.errors import ConfigError
from autograder.cli.main import app
from autograder.course import mutants
from autograder.course.jobs import find_jobs
from autograder.course.settings import Function
from autograder.grading import audit, batch, engine
from autograder.grading.mutations import generate, generate_trivial

SAID = {"en": "It is three times as much.", "zh": "这是三倍。"}
TRIPLE = {
    "id": "double-triples",
    "exercise": "double",
    "edits": [{"find": "2 * x", "replace": "3 * x"}],
    "explain": SAID,
    "fails": ["double.values", "double.gradient"],
}
ASCENT = {
    "id": "step-ascent",
    "exercise": "step",
    "edits": [{"find": "-=", "replace": "+="}],
    "explain": {"en": "That is uphill.", "zh": "这是上坡。"},
    "fails": ["step.descends"],
}
SUM = {"id": "double-as-a-sum", "exercise": "double", "edits": [{"find": "2 * x", "replace": "x + x"}]}


# the shape alone, which anything of that shape has, is worth little
VISIBLE = tiny_course.VISIBLE.replace("points=2", "points=1").replace("points=3", "points=4")


def course_with(root, *, visible=VISIBLE, settings=tiny_course.SETTINGS, **known):
    course = tiny_course.make(root, visible=visible, settings=settings)
    folder = course.root / "solutions" / "tiny" / "private"
    content = {"schema": 1, "mutants": [TRIPLE, ASCENT], "equivalents": [SUM], **known}
    (folder / "mutants.yaml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return course


def run(course, *options):
    result = CliRunner().invoke(app, ["audit", "--course", str(course.root), "--jobs", "1", *options])
    return result.exit_code, result.stdout


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return course_with(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def sound_audit(sound):
    return audit.audit(sound.assignment("tiny"), processes=1)


def test_a_sound_rubric_has_no_faults(sound_audit):
    assert sound_audit.faults == []
    assert sound_audit.kill_rate == sound_audit.diagnosis_rate == 1
    assert len(sound_audit.of("generated")) == 9
    assert {v.diagnosis for v in sound_audit.of("equivalent")} == {None}


def test_each_criterion_tells_what_it_kills(sound_audit):
    by_id = {c.id: c for c in sound_audit.criteria}
    assert set(by_id) == {"double.shape", "double.values", "double.gradient", "step.descends"}
    assert (by_id["double.shape"].named, by_id["double.values"].named) == (0, 1)
    assert by_id["step.descends"].decisive == by_id["step.descends"].named + by_id["step.descends"].generated


def test_what_solves_nothing_earns_next_to_nothing(sound_audit):
    earned = {v.id: v.earned for v in sound_audit.of("trivial")}
    assert {name for name, points in earned.items() if points} == {
        "double: returns `x`",
        "double: returns `torch.zeros_like(x)`",
        "double: returns `torch.ones_like(x)`",
    }
    assert max(earned.values()) == 1


def test_the_command_prints_tables(sound):
    code, told = run(sound)
    assert code == 0
    assert "double.values" in told
    assert "1 / 6  double: returns `x`" in told
    assert "decisive: those of both that fail no other" in " ".join(told.split())


def test_faults_are_told_and_fail_the_command(tmp_path):
    course = course_with(
        tmp_path,
        visible=tiny_course.VISIBLE,
        mutants=[{**TRIPLE, "fails": ["double.shape"]}],
        equivalents=[{**SUM, "edits": [{"find": "2 * x", "replace": "x + x + x"}]}],
        generated_equivalents=[
            {"id": "double: constant `2` -> `3`", "reason": "no"},
            {"id": "double: constant `2` -> `7`", "reason": "no"},
        ],
    )
    code, told = run(course, "tiny", "--json", "--least", "99.5")
    (document,) = json.loads(told)
    faults = document["faults"]
    assert (code, document["assignment"], document["kill_rate"], document["least"]) == (1, "tiny", 1.0, 0.995)
    assert "double: returns `x`: earns 2 of 6 points" in faults
    assert "double-triples: passes double.shape" in faults
    assert "double-as-a-sum: is right but fails double.values, double.gradient" in faults
    assert "double: constant `2` -> `3`: is right but fails double.values, double.gradient" in faults
    assert "generated_equivalents: no generated version is called 'double: constant `2` -> `7`'" in faults


def test_an_assignment_without_mutants_does_not_stop_the_audit_of_the_others(tmp_path):
    course = course_with(tmp_path)
    other = shutil.copytree(course.root / "solutions/tiny", course.root / "solutions/plain")
    (other / "tiny.ipynb").rename(other / "plain.ipynb")
    (other / "private/mutants.yaml").unlink()
    result = CliRunner().invoke(app, ["audit", "--course", str(course.root), "--jobs", "1", "--json"])
    assert result.exit_code == 0
    assert [document["assignment"] for document in json.loads(result.stdout)] == ["tiny"]
    assert "plain: has no private/mutants.yaml; not audited" in result.stderr
    result = CliRunner().invoke(app, ["audit", "plain", "--course", str(course.root)])
    assert result.exit_code == 2
    assert "mutants.yaml: is missing; list a wrong version for each criterion" in result.stderr


@pytest.mark.parametrize(
    ("mutants", "words"),
    [
        ([{**TRIPLE, "edits": [{"find": "x", "replace": "y"}]}],
         "double-triples: 'x' occurs 2 times in the solution of 'double', not once"),
        ([{**TRIPLE, "edits": [{"find": "def double(x):\n  return 2 * x", "replace": "x"}]}],
         "double-triples: 'def double(x):\\n  return 2 * x' stands in the solution of 'double' with other blanks"),
        ([{**TRIPLE, "edits": [{"find": r"def double(x):\n    return 2 * x", "replace": "x"}]}],
         r'\n is a line break in double quotes only; write find: "...\n..." instead of single quotes'),
        ([{**TRIPLE, "edits": [{"find": "2 * x", "replace": "2 * x"}]}], "double-triples: the edits change nothing"),
        ([{**TRIPLE, "edits": [{"find": "return 2 * x", "replace": "y = 3 * x\n  return y"}]}],
         "double-triples: with these edits the solution is not Python: line 3, '  return y': unindent does not match"),
        ([ASCENT, {**TRIPLE, "exercise": "dubble"}], "double-triples: assignment.yaml has no exercise 'dubble'"),
        ([TRIPLE, TRIPLE], "double-triples: another version has this id"),
        ([{**TRIPLE, "explain": {"en": "Thrice."}}], "mutants.double-triples.explain.zh: this key is missing"),
        ([{**TRIPLE, "fails": ["double.valuse"]}], "double-triples: there is no criterion 'double.valuse'"),
    ],
    ids=["edit", "blanks", "single quotes", "no change", "no Python", "exercise", "twice", "language", "criterion"],
)  # fmt: skip
def test_an_authors_mistake_is_refused_with_its_line(tmp_path, mutants, words):
    course = course_with(tmp_path, mutants=mutants)
    with pytest.raises(ConfigError) as error:
        audit.audit(course.assignment("tiny"), processes=1)
    assert words in str(error.value)
    assert str(error.value).startswith(f"{course.root / 'solutions' / 'tiny' / 'private' / 'mutants.yaml'}:")
    assert error.value.line


def test_an_audit_with_nothing_to_change_is_refused_not_praised(tmp_path):
    course = course_with(tmp_path, mutants=[], equivalents=[])
    notebook = course.root / "solutions/tiny/tiny.ipynb"
    content = json.loads(notebook.read_text("utf-8"))
    for cell in content["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("solution"):
            cell["metadata"]["nbgrader"]["grade_id"] += "-cell"
    notebook.write_text(json.dumps(content), "utf-8")
    with pytest.raises(ConfigError, match="no cell with a solution has the name of an exercise") as error:
        audit.audit(course.assignment("tiny"), processes=1)
    assert error.value.path == notebook


CALLS = """

@criterion("double", points=1, title={"en": "can be called", "zh": "可以调用"})
def test_double_call(student):
    student.double(torch.ones(1))
"""


def test_what_says_nothing_of_an_exercise_or_a_criterion_is_told_in_words(tmp_path, monkeypatch):
    visible = VISIBLE.replace("points=4", "points=3") + CALLS
    course = course_with(tmp_path, visible=visible, mutants=[TRIPLE], equivalents=[])
    path = course.root / "solutions" / "tiny" / "tiny.ipynb"
    source = path.read_text(encoding="utf-8")
    assert source.count('"grade_id": "step"') == 1
    path.write_text(source.replace('"grade_id": "step"', '"grade_id": "the_step"'), encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "160")
    _, told = run(course)
    assert "step: no version of it was made, because no cell with a solution has this name" in " ".join(told.split())
    assert "step.descends: no version was tried against it" in told
    assert "double.call: no wrong version fails it; write a mutant that should" in told


def test_the_audit_of_a_source_notebook_of_another_name_is_one_line(tmp_path):
    course = course_with(tmp_path)
    (course.root / "solutions/tiny/tiny.ipynb").rename(course.root / "solutions/tiny/homework.ipynb")
    code = CliRunner().invoke(app, ["audit", "--course", str(course.root), "--jobs", "1"])
    assert code.exit_code == 2
    assert (
        "tiny.ipynb: is missing; rename homework.ipynb: the source notebook has the name of its folder" in code.stderr
    )


# -- diagnosis ---------------------------------------------------------------------------------------------------------


def diagnoses(course, folder, *doubles):
    """What is told to students who have written these functions, by criterion."""
    folder.mkdir(exist_ok=True)
    for number, double in enumerate(doubles):
        content = json.dumps(tiny_course.answers(double=double))
        (folder / f"{number}.ipynb").write_text(content, encoding="utf-8")
    reports = batch.grade(find_jobs([folder], ["tiny"]), course.assignment("tiny"), b"k", processes=1)
    return [
        {c.id: c.diagnosis for exercise in report.exercises for c in exercise.criteria if c.diagnosis}
        for report in sorted(reports, key=lambda r: r.student)
    ]


@pytest.fixture(scope="module")
def diagnosed(sound, tmp_path_factory):
    return diagnoses(
        sound,
        tmp_path_factory.mktemp("wrong"),
        "def double(x):\n    return (x + x + x).clone()\n",
        "def double(x):\n    return 3 * x + 1\n",
        "def double(x):\n    return 2 * x.detach()\n",
    )


def test_code_that_does_what_a_known_mistake_does_is_told_so(diagnosed):
    """Written otherwise than the mutant, and named once, at the first criterion that fails."""
    assert {name: (d.id, d.text.zh) for name, d in diagnosed[0].items()} == {
        "double.values": ("double-triples", SAID["zh"])
    }


def test_other_wrong_code_is_not_taken_for_a_known_mistake(diagnosed):
    assert [{name: d.id for name, d in named.items()} for named in diagnosed[1:]] == [
        {},
        {"double.gradient": "detached"},
    ]


def test_mistakes_that_do_the_same_are_told_as_alternatives(tmp_path):
    other = {"id": "double-trebles", "explain": {"en": "Thrice.", "zh": "三次。"}}
    course = course_with(tmp_path / "course", mutants=[TRIPLE, {**TRIPLE, **other}])
    found = diagnoses(course, tmp_path / "wrong", "def double(x):\n    return 3 * x\n")[0]["double.values"]
    assert found.id == "double-triples|double-trebles"
    assert found.text.en == "It is three times as much. Or: Thrice."
    assert audit.audit(course.assignment("tiny"), processes=1).diagnosis_rate == 1


def test_a_known_mistake_that_never_ends_is_named_and_keeps_nobody_waiting(tmp_path):
    """It is tried on everything that fails in the same place, and is itself the answer for what does not return."""
    endless = {
        "id": "double-never-ends",
        "exercise": "double",
        "edits": [{"find": "return 2 * x", "replace": "while True:\n        x = x + 1"}],
        "explain": {"en": "The loop never ends.", "zh": "循环永远不会结束。"},
        "fails": ["double.shape"],
    }
    impatient = tiny_course.SETTINGS.replace("call_s: 2", "call_s: 1")
    course = course_with(tmp_path / "course", settings=impatient, mutants=[TRIPLE, endless])
    found, other = diagnoses(
        course,
        tmp_path / "wrong",
        "def double(x):\n    while x is not None:\n        pass\n",
        "def double(x):\n    return x.sum() + 1\n",
    )
    assert {name: d.id for name, d in found.items()} == {"double.shape": "double-never-ends"}
    assert "double-never-ends" not in {d.id for d in other.values()}


def test_grading_refuses_an_edit_that_no_longer_applies_before_anybody_is_graded(tmp_path):
    course = course_with(tmp_path, mutants=[{**TRIPLE, "edits": [{"find": "4 * x", "replace": "3 * x"}]}])
    tiny_course.submit(course, "ann", tiny_course.answers())
    result = CliRunner().invoke(
        app, ["grade", "--course", str(course.root), "--jobs", "1", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if line and not line.startswith("grading ")]
    assert re.search(r"mutants\.yaml:\d+: double-triples: '4 \* x' occurs 0 times in the solution of 'double'", line)
    assert not list(course.root.rglob("results.jsonl"))


def test_the_line_is_that_of_the_version_and_not_of_one_whose_id_begins_alike(tmp_path):
    stale = {**TRIPLE, "edits": [{"find": "4 * x", "replace": "3 * x"}]}
    alike = {**TRIPLE, "id": f"{TRIPLE['id']}-again"}
    course = course_with(tmp_path, mutants=[stale, alike])
    file = course.root / "solutions/tiny/private/mutants.yaml"
    lines = file.read_text(encoding="utf-8").splitlines()
    (number,) = [n for n, line in enumerate(lines, 1) if line.endswith(f"id: {TRIPLE['id']}")]
    with pytest.raises(ConfigError, match=rf"mutants\.yaml:{number}: double-triples: '4 \* x' occurs 0 times"):
        mutants.apply_edits(course.assignment("tiny"))


def test_grading_refuses_mutants_that_are_not_yaml(tmp_path):
    course = course_with(tmp_path)
    (course.root / "solutions/tiny/private/mutants.yaml").write_text("schema: 1\nmutants: [\n", encoding="utf-8")
    tiny_course.submit(course, "ann", tiny_course.answers())
    result = CliRunner().invoke(
        app, ["grade", "--course", str(course.root), "--jobs", "1", "--out", str(tmp_path / "out")]
    )
    assert result.exit_code == 2
    (line,) = [line for line in result.stderr.splitlines() if line and not line.startswith("grading ")]
    assert re.search(r"mutants\.yaml:\d+:\d+: not valid YAML", line)


@pytest.mark.parametrize(
    "body",
    ["import os; os._exit(3)", "import time; time.sleep(3600)", "raise SystemExit", "import pytest; pytest.fail('odd')",
     "raise KeyboardInterrupt", "return torch.eye(3).to_sparse()", "class E(Exception):\n        __str__ = None\n    raise E"],
    ids=["ends", "hangs", "exits", "fails", "interrupts", "sparse", "unprintable"],
)  # fmt: skip
def test_a_mutant_that_cannot_be_run_costs_the_diagnosis_and_never_the_grade(tmp_path, monkeypatch, body):
    """The other mutants are still tried."""
    monkeypatch.setattr(engine, "_MUTANT_S", 3)
    odd = {**TRIPLE, "id": "double-odd", "edits": [{"find": "return 2 * x", "replace": body}]}
    course = course_with(tmp_path / "course", mutants=[odd, TRIPLE])
    wrong = "def double(x):\n    return 3 * x\n"
    tiny_course.submit(course, "ann", tiny_course.answers(double=wrong))
    jobs = find_jobs([course.submitted], ["tiny"])
    (report,) = batch.grade(jobs, course.assignment("tiny"), b"k", processes=1)
    assert report.status == "graded"
    assert [c.diagnosis.id for e in report.exercises for c in e.criteria if c.diagnosis] == ["double-triples"]
    assert {c.id: c.outcome for e in report.exercises for c in e.criteria}["double.values"] == "failed"
    assert str(course.root) not in report.to_json()


def once_more(folder, times):
    """Python that ends its process so many times, and never again."""
    return (
        f"import os, pathlib; made = pathlib.Path({str(folder)!r}) / str(len(os.listdir({str(folder)!r})))\n"
        f"if made.name < '{times}':\n    made.touch(); os._exit(3)\n"
    )


def diagnosed_in_spite_of(tmp_path, body):
    odd = {**TRIPLE, "edits": [{"find": "return 2 * x", "replace": body.strip().replace("\n", "\n    ")}]}
    course = course_with(tmp_path / "course", mutants=[odd])
    tiny_course.submit(course, "ann", tiny_course.answers(double="def double(x):\n    return 3 * x\n"))
    jobs = find_jobs([course.submitted], ["tiny"])
    (report,) = batch.grade(jobs, course.assignment("tiny"), b"k", processes=1)
    assert report.status == "graded"
    return [c.diagnosis.id for e in report.exercises for c in e.criteria if c.diagnosis]


@pytest.mark.parametrize(("times", "named"), [(1, {"double-triples"}), (2, {"constant-factor"})])
def test_only_a_mutant_that_brought_a_session_down_twice_is_not_run_again(tmp_path, times, named):
    (deaths := tmp_path / "deaths").mkdir()
    assert set(diagnosed_in_spite_of(tmp_path, once_more(deaths, times) + "return 3 * x")) == named
    assert len(list(deaths.iterdir())) == times


def test_a_mutant_that_has_ended_is_not_blamed_for_what_happens_later(tmp_path, monkeypatch):
    """It makes the process end when the report is written, as if it were killed from outside then."""
    monkeypatch.setattr(engine, "MAX_TRIES", 3)
    (deaths := tmp_path / "deaths").mkdir()
    ends = once_more(deaths, 2).strip().replace("\n", "\n    ")
    body = (
        "from autograder.results.grade_report import GradeReport\n"
        "written = GradeReport.to_dict\n"
        f"def end(report):\n    {ends}\n    return written(report)\n"
        "if written.__name__ != 'end':\n    GradeReport.to_dict = end\n"
        "return 3 * x"
    )
    assert diagnosed_in_spite_of(tmp_path, body) == ["double-triples"]
    assert len(list(deaths.iterdir())) == 2


# -- generated versions ------------------------------------------------------------------------------------------------

CELL = '''import torch

def other(x):
    return x + 1

def f(x, y=2):
    """Says 3."""
    with torch.no_grad():
        z = x.sum(dim=0, keepdim=True) - y
    while z > 5:
        z = z - 1
    if z > 0.5 and x is not None:
        z += torch.clamp(z, 1, y)
    return z @ x, -z
'''


def test_every_kind_of_change_is_made_once_in_the_exercises_function_only():
    ids = [version.id for version in generate("f", CELL, ["f"])]
    assert len(ids) == len(set(ids))
    assert not [i for i in ids if i.startswith("other") or "Says" in i or "z - 1" in i]
    for expected in (
        "f: axis `dim=0` -> `dim=1`",
        "f: call `x.sum(dim=0, keepdim=True)` -> `x.mean(dim=0, keepdim=True)`",
        "f: constant `True` -> `False`",
        "f: constant `0.5` -> `1.0`",
        "f: comparison `x is not None` -> `x is None`",
        "f: condition `if z > 0.5 and x is not None:` -> `if True:`",
        "f: context `with torch.no_grad():` -> `if True:`",
        "f: operator `z @ x` -> `z * x`",
        "f: order `z @ x` -> `x @ z`",
        "f: order `torch.clamp(z, 1, y)` -> `torch.clamp(1, z, y)`",
        "f: order `return (z @ x, -z)` -> `return (-z, z @ x)`",
        "f: sign `-z` -> `z`",
        "f: statement `z += torch.clamp(z, 1, y)` -> `pass`",
    ):
        assert expected in ids


@pytest.mark.parametrize(
    ("expression", "is_swapped"),
    [
        ("x - y", True),
        ("(x - y) ** 3", True),
        ("abs(x - y - 1)", True),  # inside, x - y
        ("abs((x - y) / 2)", True),
        ("(x - y) ** 2", False),
        ("(x - y).square().sum()", False),
        ("((x - y).pow(2)).sum()", False),
        ("np.abs(x - y)", False),
        ("np.linalg.norm(x - y, axis=1)", False),
        ("max(x, y)", False),
        ("math.isclose(x, 0)", False),
        ("F.mse_loss(x, y)", False),
        ("x.transpose(1, 2)", False),
        ("torch.where(x, y, 0)", True),
    ],
)
def test_nothing_is_swapped_where_the_order_cannot_matter(expression, is_swapped):
    made = [v for v in generate("f", f"def f(x, y):\n    return {expression}", ["f"]) if v.kind == "order"]
    assert any(v.old != "(x - y) ** 2" for v in made) == is_swapped


@pytest.mark.parametrize(
    ("body", "part", "is_changed"),
    [
        ("u = np.zeros(len(x))\n    u = x - y\n    return u", "np.zeros", False),
        ("u = f(x)\n    u = x - y\n    return u", "u = f(x)", True),
        ("u = np.zeros(3)\n    u = u + y\n    return u", "np.zeros", True),
        ("u = x.pop()\n    u = x.pop()\n    return u", "u = x.pop()", True),
        ("return x.reshape(2, -1)", "`-1`", False),
        ("return x.reshape(2, -1)", "`2`", True),
        ("return abs(-x)", "`-x`", False),
        ("return abs(-x + 1)", "`-x`", True),
        ("return pd.isna(x) or y", "`pd`", False),
        ("for i in range(20):\n        x = g(x)\n    return x", "`21`", False),
        ("for i in range(20):\n        x = g(x)\n    return x", "`20` -> `1`", True),
        ("for i in range(20):\n        x = g(x, i)\n    return x", "`21`", True),
        ("for i in range(3):\n        x = g(x)\n    return x", "`4`", True),
        ("for i in range(20):\n        x = g(x)\n        if i % 5 == 0: print(i)\n    return x", "`21`", False),
        ("for i in range(20):\n        x = g(x)\n        if i % 5 == 0: print(i)\n    return x", "`5`", False),
        ("for i in range(20):\n        x = g(x)\n        if i % 5 == 0: x = x / 2\n    return x", "`5`", True),
    ],
)
def test_nothing_is_changed_that_cannot_matter(body, part, is_changed):
    """A value that nobody reads, a size that NumPy takes from the others, a sign under abs, a round more of many."""
    made = generate("f", f"def f(x, y):\n    {body}", ["f"])
    assert any(part in version.id for version in made) == is_changed


def test_each_generated_version_is_python_and_differs_from_the_reference():
    sources = [version.source for version in generate("f", CELL, ["f"])]
    whole = ast.unparse(ast.parse(CELL))
    assert all(ast.parse(source) and source != whole for source in sources)
    assert len(set(sources)) == len(sources)


NET = """import torch.nn as nn

class Helper:
    def forward(self, x):
        return x + 1

class Net(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.linear = nn.Linear(d, 2)

    def forward(self, x):
        return self.linear(x) * 2
"""


def test_methods_of_the_cells_classes_are_varied_like_functions():
    ids = [version.id for version in generate("net", NET, ["Net"])]
    assert not [i for i in ids if not i.startswith(("Net.__init__: ", "Net.forward: ", "Helper.forward: "))]
    for expected in (
        "Helper.forward: operator `x + 1` -> `x - 1`",
        "Net.__init__: constant `2` -> `3`",
        "Net.__init__: statement `self.linear = nn.Linear(d, 2)` -> `pass`",
        "Net.forward: operator `self.linear(x) * 2` -> `self.linear(x) / 2`",
        "Net.forward: sign `return self.linear(x) * 2` -> `return -(self.linear(x) * 2)`",
    ):
        assert expected in ids


HELPERS = """import torch

half = lambda x: x / 2

def unused(x):
    return x + 1

def inner(x):
    return half(x) - 3

class Scale:
    factor = 4.0

    class Inside:
        def twice(self, x):
            return 2 * x

    @staticmethod
    def apply(x):
        return x * 5

    def __init__(self, y):
        self.y = y

    def __call__(self, x):
        return self.y + x

def f(x):
    return inner(x) * 2
"""


def test_helpers_that_the_exercises_function_calls_are_varied_and_others_are_not():
    ids = [version.id for version in generate("f", HELPERS, ["f"])]
    assert {i.partition(":")[0] for i in ids} == {
        "half", "inner", "f", "Scale", "Scale.Inside.twice", "Scale.apply", "Scale.__init__", "Scale.__call__",
    }  # fmt: skip
    for expected in (
        "half: operator `x / 2` -> `x * 2`",
        "inner: constant `3` -> `4`",
        "Scale: constant `4.0` -> `8.0`",
        "Scale.Inside.twice: constant `2` -> `1`",
    ):
        assert expected in ids


def test_methods_that_solve_nothing_are_made_with_the_others_silenced():
    made = {v.id: ast.parse(v.source) for v in generate_trivial("f", HELPERS, [Function.parse("f(x)")])}
    assert {i.partition(":")[0] for i in made} == {"f", "Scale.apply", "Scale.__call__"}
    assert "Scale.apply: returns `x`" in made  # a static method has no self
    assert "Scale.__call__: returns `self`" not in made
    told = ast.unparse(made["Scale.__call__: returns `x`"])
    assert "def __call__(self, x):\n        return x" in told
    assert "def __init__(self, y):\n        super().__init__()" in told
    assert "def f(x):\n    return None" in told


# -- several keys ------------------------------------------------------------------------------------------------------

SIGN = {
    "id": "double-forgets-the-sign",
    "exercise": "double",
    "edits": [{"find": "2 * x", "replace": "2 * x if x.dim() > 1 or x[0] > 0 else -2 * x"}],
    "explain": {"en": "The sign is lost.", "zh": "丢了符号。"},
    "fails": ["double.gradient"],
}
LUCKY = {"id": "double-right-by-luck", "exercise": "double", "edits": SIGN["edits"]}
ENDLESS = {
    "id": "double-never-ends",
    "exercise": "double",
    "edits": [{"find": "return 2 * x", "replace": "while True:\n        x = x + 1"}],
    "explain": {"en": "The loop never ends.", "zh": "循环永远不会结束。"},
    "fails": ["double.shape"],
}


@pytest.fixture(scope="module")
def chancy(tmp_path_factory):
    """A course with a mutant that about half of the keys catch, and an equivalent that they refuse."""
    return course_with(tmp_path_factory.mktemp("chancy"), mutants=[TRIPLE, SIGN], equivalents=[SUM, LUCKY])


def test_what_only_some_keys_catch_is_a_fault_and_what_only_some_accept(chancy):
    code, told = run(chancy, "--keys", "12", "--json")
    (document,) = json.loads(told)
    versions = {v["id"]: v for v in document["versions"]}
    caught = versions["double-forgets-the-sign"]["caught"]
    assert (code, document["keys"]) == (1, 12)
    assert 0 < caught < 12
    assert versions["double-forgets-the-sign"]["share"] == round(caught / 12, 4)
    assert versions["double-right-by-luck"]["share"] == round(1 - caught / 12, 4)
    assert {v["share"] for i, v in versions.items() if i in ("double-triples", "double-as-a-sum")} == {1.0}
    assert {v["keys"] for v in document["versions"] if v["kind"] != "trivial"} == {12}
    assert document["faults"] == [
        f"double-forgets-the-sign: passes double.gradient with {12 - caught} of 12 keys",
        f"double-right-by-luck: is right but fails double.gradient with {caught} of 12 keys",
    ]


def test_the_first_of_several_keys_is_the_one_of_an_audit_with_one(chancy, sound, sound_audit):
    several = audit.audit(sound.assignment("tiny"), processes=1, keys=3)
    assert several.faults == []
    for one, more in zip(sound_audit.versions, several.versions, strict=True):
        assert (one.earned, one.diagnosis) == (more.earned, more.diagnosis)
        assert more.caught == (0 if more.kind == "equivalent" else more.keys) or more.kind == "trivial"
    assert audit.keys_of(1) == (audit.KEY,)
    assert audit.keys_of(3)[:2] == audit.keys_of(2)


def test_the_shares_are_shown_and_versions_can_be_chosen(chancy):
    code, told = run(chancy, "--keys", "12", "--only", "double-forgets-the-sign", "--only", "double-triples")
    assert code == 1
    assert re.search(r"double-forgets-the-sign +(?!12)\d+ / 12", told)
    assert re.search(r"double-triples +12 / 12", told)
    assert "double.values" not in told.partition("to be mended")[0]  # nothing is said of the criteria as a whole
    assert run(chancy, "--only", "double-triples")[0] == 0


def test_only_one_exercise_can_be_audited(chancy):
    code, told = run(chancy, "--exercise", "step", "--json")
    (document,) = json.loads(told)
    assert code == 0
    assert {v["exercise"] for v in document["versions"]} == {"step"}
    assert [c["id"] for c in document["criteria"]] == ["step.descends"]


@pytest.mark.parametrize(
    ("option", "name", "words"),
    [("--exercise", "dubble", "there are no versions of an exercise called dubble, only of: double, step"),
     ("--only", "double-tripels", "no version has the id double-tripels"),
     ("--keys", "0", "--keys")],
)  # fmt: skip
def test_what_there_is_not_cannot_be_audited(chancy, option, name, words):
    result = CliRunner().invoke(app, ["audit", "--course", str(chancy.root), option, name])
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())


def test_a_version_that_never_ends_is_caught_with_every_key(tmp_path):
    impatient = tiny_course.SETTINGS.replace("call_s: 2", "call_s: 1")
    course = course_with(tmp_path, settings=impatient, mutants=[ENDLESS])
    chosen = audit.Selection(versions=frozenset({"double-never-ends"}))
    (version,) = audit.audit(course.assignment("tiny"), processes=1, keys=4, chosen=chosen).versions
    assert (version.keys, version.caught, version.missed) == (4, 4, ())


# -- criteria that nothing was tried against ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lang", "words"), [("en", "no version was tried against it"), ("zh", "没有用任何版本检验过它")]
)
def test_a_criterion_that_no_version_was_tried_against_says_so(tmp_path, monkeypatch, lang, words):
    """Of a name that is bound to a ready-made function no version can be made."""
    course = course_with(tmp_path, mutants=[ASCENT], equivalents=[])
    path = course.root / "solutions" / "tiny" / "tiny.ipynb"
    source = path.read_text(encoding="utf-8")
    assert source.count(json.dumps(tiny_course.DOUBLE)) == 1
    ready_made = "from functools import partial\ndouble = partial(torch.mul, 2)\n"
    path.write_text(source.replace(json.dumps(tiny_course.DOUBLE), json.dumps(ready_made)), encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "160")
    code, told = run(course, "--lang", lang)
    assert code == 0
    assert [line.partition(":")[0] for line in told.splitlines() if words in line] == [
        "double.shape", "double.values", "double.gradient",
    ]  # fmt: skip
    (document,) = json.loads(run(course, "--json")[1])
    assert document["untried"] == ["double.shape", "double.values", "double.gradient"]
