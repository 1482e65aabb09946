"""Rubrics as pytest sees them: real inner sessions, under plain pytest and quietly inside a process."""

import json
import os
import re
import subprocess
import sys

import pytest
import tiny_course as tiny

from autograder.base.errors import ConfigError
from autograder.base.i18n import Text
from autograder.course.course import Assignment
from autograder.results.grade_report import CriterionResult, ExerciseResult
from autograder.rubric.judge import Judge
from autograder.rubric.plugin import run_criteria
from autograder.rubric.pytest_session import run_session
from autograder.sandbox.cells import Notebook
from autograder.student.functions import Student
from autograder.student.local import LocalRunner


@pytest.fixture
def course(tmp_path):
    return tiny.make(tmp_path)


def run(folder, *arguments, alone=True):
    """A real pytest session in a process of its own, with our plugin alone or as it finds it: what it printed."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    if alone:
        command += ["-p", "autograder.rubric.standalone"]
    environment = os.environ | ({"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"} if alone else {})
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, encoding="utf-8")
    return done.stdout + done.stderr


def submission(folder, notebook):
    file = folder / "zoe.ipynb"
    file.write_text(json.dumps(notebook))
    return f"--submission={file}"


def test_without_a_submission_the_reference_is_judged(course):
    assert "4 passed" in run(course.root, "solutions/tiny", alone=False)


def test_a_submission_is_judged_and_points_are_shown(course):
    printed = run(
        course.root, "solutions/tiny", submission(course.root, tiny.answers("def double(x):\n    return 3 * x"))
    )
    assert "2 failed, 2 passed" in printed
    assert re.search(r"at \[\d, \d\] it is \S+, expected \S+", printed)
    assert re.search(r"^double +2 / 6$", printed, re.MULTILINE)
    assert re.search(r"^step +4 / 4$", printed, re.MULTILINE)


def test_messages_come_in_chinese(course):
    wrong = submission(course.root, tiny.answers("def double(x):\n    return x[0]"))
    assert "返回值的形状应为 (3, 2)，却是 (2,)" in run(course.root, "solutions/tiny", wrong, "--lang=zh")


def test_an_unreadable_submission_is_one_line(course):
    (course.root / "zoe.ipynb").write_text("")
    printed = run(course.root, "solutions/tiny", "--submission=zoe.ipynb")
    assert "ERROR: zoe.ipynb is empty" in printed.splitlines()


def test_a_mistake_in_a_rubric_is_one_line(tmp_path):
    tiny.make(tmp_path, visible=tiny.VISIBLE.replace("double.shape", "double.form"))
    last = run(tmp_path, "solutions/tiny").strip().splitlines()[-1]
    assert re.fullmatch(
        r"ERROR: .*test_tiny.py:11: double.values: needs='double.form' is not an earlier criterion; did you mean double.shape\? earlier: double.shape",
        last,
    )


def test_ordinary_tests_are_left_alone(tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it(): assert 1")
    printed = run(tmp_path, alone=False)
    assert "1 passed" in printed
    assert not re.search("points|warning", printed)


def judged(course, names, **options):
    judge = begun(course, names, **options)
    run_session(judge)
    return judge


def begun(course, names, **options):
    assignment = Assignment.load(course.root / "solutions" / "tiny")
    judge = Judge(assignment, b"key", **options)
    runner = LocalRunner(
        names.__getitem__,
        defined=lambda: names,
        failure=lambda error: pytest.fail(repr(error)),
        names=lambda _: names,
    )
    judge.begin(Student(assignment.functions, runner))
    return judge


def thrice(course):
    """Return the outcomes of three submissions of one session, all of them right."""
    judge, outcomes = begun(course, {"double": double, "step": step}), []

    def loop(session):
        for _ in range(3):
            judge.begin(judge.student)
            run_criteria(session)
            outcomes.append([result.outcome for result in judge.results.values()])

    run_session(judge, loop=loop)
    return outcomes


def double(x):
    return 2 * x


def step(params, lr):
    for p in params:
        p.data -= lr * p.grad


def test_the_same_rubric_runs_quietly_in_this_process(course, capfd):
    judge = judged(course, {"double": double, "step": step})
    assert [(e.name, e.score) for e in judge.exercises()] == [("double", 6), ("step", 4)]
    assert capfd.readouterr() == ("", "")


def test_one_exercise_can_be_judged_alone(course):
    (exercise,) = judged(course, {"double": double}, exercise="double").exercises()
    assert (exercise.name, exercise.score) == ("double", 6)


def test_an_exercise_alone_ignores_what_others_need(course):
    judge = judged(course, {"step": step}, exercise="step")
    assert [r.outcome for r in judge.exercises()[0].criteria] == ["passed"]


def test_a_frozen_argument_is_restored_in_this_process_too(tmp_path):
    visible = tiny.VISIBLE.replace(
        "checks.assert_shape(student.double(x), (3, 2))", "checks.assert_unchanged(student.double, x)"
    )
    course = tiny.make(tmp_path, visible=visible)
    judge = judged(course, {"double": lambda x: x.mul_(2), "step": step})
    results = judge.exercises()[0].criteria
    assert "changed its argument x in place" in results[0].message.en
    assert results[1].outcome == "skipped"


def test_what_a_criterion_asserts_of_its_argument_afterwards_sees_what_was_done_to_it(tmp_path):
    visible = tiny.VISIBLE.replace(
        "    checks.assert_shape(student.double(x), (3, 2))",
        "    before = x.clone()\n    assert student.double(x).shape == (3, 2)\n    assert torch.equal(x, before)",
    )
    course = tiny.make(tmp_path, visible=visible.replace(', needs="double.shape"', ""))
    for double, outcomes in ((lambda x: x.mul_(2), ["failed", "passed"]), (lambda x: 2 * x, ["passed"] * 2)):
        judge = judged(course, {"double": double, "step": step})
        assert [result.outcome for result in judge.exercises()[0].criteria[:2]] == outcomes
        failed = judge.exercises()[0].criteria[0]
        said = "after double(x: float32 (3, 2)): the call changed its argument x in place\n"
        said += "this does not hold: torch.equal(tensor("
        assert failed.outcome == "passed" or failed.message.en.startswith(said)
        assert failed.outcome == "passed" or failed.diagnosis.id == "changed-in-place"


def test_parametrised_criteria_share_their_points(tmp_path):
    visible = tiny.VISIBLE.replace("import torch\n", "import pytest, torch\n").replace(
        '@criterion("double", points=3', '@pytest.mark.parametrize("n", [1, 2, 4])\n@criterion("double", points=3'
    )
    visible = visible.replace("def test_double_values(student, rng)", "def test_double_values(student, rng, n)")
    course = tiny.make(tmp_path, visible=visible)
    results = judged(course, {"double": double, "step": step}).exercises()[0].criteria
    assert [(r.id, r.points) for r in results[1:4]] == [(f"double.values[{n}]", 1) for n in (1, 2, 4)]


def test_a_plain_assert_of_a_hidden_criterion_says_after_which_call_and_what_kind_of_value(tmp_path):
    hidden = tiny.HIDDEN.replace(
        "    checks.assert_gradient(student.double, x, reference=reference.double)",
        "    secret = 417\n    assert student.double(torch.ones(2)) is secret, secret",
    )
    course = tiny.make(tmp_path, hidden=hidden)
    for answer, words in (
        (double, "after double(x: float32 (2,)), which returned float32 (2,): the requirement is not met"),
        (lambda x: "no", "after double(x: float32 (2,)), which returned str: the requirement is not met"),
    ):
        message = judged(course, {"double": answer, "step": step}).results["double.gradient"].message
        assert message.en == words
        assert message.zh != words
        assert "417" not in message.zh


def of_double(course, source):
    """The criteria of `double` for a version of it in this process."""
    assignment = Assignment.load(course.root / "solutions" / "tiny")
    notebook = Notebook(assignment.exercise_of)
    assert notebook.run("code cell 1", source) == []
    notebook.finish()
    judge = Judge(assignment, b"key", exercise="double")
    judge.begin(Student(assignment.functions, LocalRunner.of(notebook)))
    run_session(judge)
    return {c.id: c for c in judge.exercises()[0].criteria}


@pytest.mark.parametrize(
    ("source", "hinted", "cause"),
    [
        ("def double(x): return x + x[0, :1, None] @ x", True, "not-a-shape-for-matmul"),
        ("def double(x): raise ValueError('not so')", True, None),
        ("def double(x): raise NotImplementedError", False, None),
        ("", False, None),
    ],
)
def test_an_exception_shows_the_hint_and_its_cause_and_what_is_missing_does_not(course, source, hinted, cause):
    found = of_double(course, source)["double.shape"]
    assert found.outcome == "failed"
    assert (found.hint is not None) is hinted
    assert (found.diagnosis and found.diagnosis.id) == cause


def test_both_signatures_are_named_once_in_an_exercise(course):
    found = of_double(course, "def double(factor, x): return factor * x")
    first, last = found["double.shape"], found["double.gradient"]
    assert first.message.en.splitlines()[0] == "asked is double(x); yours takes (factor, x)"
    assert first.diagnosis.id == "another-number-of-parameters"
    assert "asked is" not in last.message.en and last.diagnosis is None


def test_a_wrong_value_of_a_function_with_another_order_names_both_signatures(tmp_path):
    settings = tiny.SETTINGS.replace('"double(x)"', '"double(x, y)"')
    visible = tiny.VISIBLE.replace("student.double(x)", "student.double(x, x[:, :1])")
    course = tiny.make(
        tmp_path, settings=settings, visible=visible, source=tiny.answers("def double(x, y): return 2 * x")
    )
    found = of_double(course, "def double(y, x): return 2 * x")["double.shape"]
    assert found.message.en.splitlines()[0] == "asked is double(x, y); yours takes (y, x)"
    assert found.diagnosis.id == "parameters-in-another-order"
    assert "must have shape" in found.message.en


def test_random_inputs_depend_on_key_and_criterion_only(tmp_path):
    seen = []

    def keep(x):
        seen.append(x.sum().item())
        return 2 * x

    course = tiny.make(tmp_path)
    for _ in range(2):
        judged(course, {"double": keep, "step": step})
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :]
    assert seen[0] != seen[1]


def test_a_rubric_that_is_missing_is_the_authors_mistake(tmp_path):
    course = tiny.make(tmp_path)
    (course.root / "solutions" / "tiny" / "test_tiny.py").unlink()
    (course.root / "solutions" / "tiny" / "private" / "test_tiny_hidden.py").unlink()
    with pytest.raises(ConfigError, match="nothing to judge by"):
        judged(course, {})


# -- with pytest's set-up of each test, and without ----------------------------------------------------------------------

OWN_FIXTURE = """
import pytest

@pytest.fixture
def x(rng):
    yield torch.randn(3, 2, generator=rng)

"""
ONE_WITH_SETUP = tiny.VISIBLE.replace("\n\n\n@", f"\n{OWN_FIXTURE}\n@", 1).replace(
    "test_double_shape(student, rng):\n    x = torch.randn(3, 2, generator=rng)\n",
    "test_double_shape(student, x):\n",
)
WITH_SETUP = {
    "a mark": tiny.VISIBLE.replace("import torch\n", "import pytest, torch\n").replace(
        '@criterion("double", p', '@pytest.mark.skipif(False, reason="")\n@criterion("double", p'
    ),
    "the request": tiny.VISIBLE.replace("(student, rng)", "(student, rng, request)"),
    "an automatic fixture": tiny.VISIBLE.replace(
        "\n\n\n@", "\nimport pytest\n@pytest.fixture(autouse=True)\ndef around():\n    yield\n\n@", 1
    ),
    "a set-up function": tiny.VISIBLE + "\ndef setup_function():\n    pass\n",
}


SHAPE = tiny.VISIBLE[
    tiny.VISIBLE.index("def test_double_shape") : tiny.VISIBLE.index('\n\n\n@criterion("double", points=3')
]
SUBTESTS = """def test_double_shape(student, subtests):
    for n in (3, 2, 1):
        with subtests.test(n=n):
            assert student.double(torch.ones(n, 2)).shape == (n, 2)"""
IN_A_TEST_CASE = """def test_double_shape(self):
    {}


import pytest, unittest
class TestDouble(unittest.TestCase):
    test_double_shape = test_double_shape
    @pytest.fixture(autouse=True)
    def given(self, student): self.student = student
del test_double_shape"""
WITH_PARTS = {
    "subtests": SUBTESTS,
    "a test case": IN_A_TEST_CASE.format("self.assertEqual(self.student.double(torch.ones(2, 2)).shape, (2, 2))"),
    "subtests of a test case": IN_A_TEST_CASE.format(
        """for n in (3, 2, 1):
        with self.subTest(n=n):
            self.assertEqual(self.student.double(torch.ones(n, 2)).shape, (n, 2))"""
    ),
}


@pytest.mark.parametrize("test", WITH_PARTS.values(), ids=WITH_PARTS)
def test_a_criterion_fails_with_one_of_its_parts(tmp_path, test):
    course = tiny.make(tmp_path, visible=tiny.VISIBLE.replace(SHAPE, test))
    assert thrice(course) == [["passed"] * 4] * 3
    judge, verdicts = begun(course, {"double": lambda x: x[:1] if len(x) == 2 else 2 * x, "step": step}), []
    judge.on_verdict = verdicts.append
    run_session(judge)
    assert [verdict.outcome for verdict in verdicts if verdict.id == "double.shape"] == ["failed"]
    assert "[1, 2]" in str(verdicts[0].message)


def test_criteria_that_ask_for_our_fixtures_only_are_called_as_they_are(course):
    judge = judged(course, {"double": double, "step": step})
    assert set(judge.plain_tests) == {c.id for c in judge.criteria}


def test_a_criterion_with_a_fixture_of_its_own_is_set_up_by_pytest(tmp_path):
    judge = judged(tiny.make(tmp_path, visible=ONE_WITH_SETUP), {"double": lambda x: 3 * x, "step": step})
    assert [r.outcome for r in judge.exercises()[0].criteria] == ["passed", "failed", "failed"]
    assert "double.shape" not in judge.plain_tests


@pytest.mark.parametrize("visible", [ONE_WITH_SETUP, *WITH_SETUP.values()], ids=["one fixture", *WITH_SETUP])
def test_every_submission_of_a_session_is_set_up(tmp_path, visible):
    """The first that is judged is the reference; the only such criterion follows itself."""
    assert thrice(tiny.make(tmp_path, visible=visible)) == [["passed"] * 4] * 3


CHANGING = (
    tiny.VISIBLE.replace(
        "import torch\n",
        """import collections
import numpy as np
import pytest
import torch
class World:
    def __init__(self): self.steps = []
ROWS, KNOWN, WEIGHT, SIZES, WORLD, SELF = [[1], {"a": [2]}], {}, torch.zeros(2), np.ones(2), World(), []
SELF.append(SELF)
QUEUE = collections.deque([1, 2], 2)
""",
        1,
    )
    .replace(
        '@criterion("double", points=2',
        '@pytest.mark.parametrize(("xs", "pair"), [([3, 1], (1, [2]))])\n@criterion("double", points=2',
        1,
    )
    .replace(
        "def test_double_shape(student, rng):",
        """def test_double_shape(student, rng, xs, pair):
    assert (xs, pair, ROWS, KNOWN, WORLD.steps) == ([3, 1], (1, [2]), [[1], {"a": [2]}], {}, [])
    assert (WEIGHT.tolist(), WEIGHT.requires_grad, SIZES.tolist(), list(QUEUE)) == ([0, 0], False, [1, 1], [1, 2])
    xs.sort()
    pair[1].clear()
    ROWS[1]["a"].append(3)
    KNOWN["student"] = student
    WORLD.steps.append(1)
    SIZES[0] = 5
    QUEUE.append(3)
    WEIGHT.add_(1).requires_grad_()""",
        1,
    )
)


@pytest.mark.parametrize("more", ["", "\ndef setup_function():\n    pass\n"], ids=["plain", "set up by pytest"])
def test_what_a_rubric_holds_is_the_same_for_every_submission(tmp_path, more):
    assert thrice(tiny.make(tmp_path, visible=CHANGING + more)) == [["passed"] * 4] * 3


def test_what_somebody_has_told_pytest_about_their_own_tests_is_not_for_rubrics(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTEST_ADDOPTS", "-v -k nothing --no-such-option")
    monkeypatch.setenv("PYTEST_PLUGINS", "no_such_plugin")
    judge = judged(tiny.make(tmp_path), {"double": double, "step": step})
    assert {r.outcome for r in judge.exercises()[0].criteria} == {"passed"}


@pytest.mark.parametrize("visible", WITH_SETUP.values(), ids=WITH_SETUP)
def test_both_ways_come_to_the_same(tmp_path, visible):
    wrong = {"double": lambda x: 3 * x, "step": step}
    plain = judged(tiny.make(tmp_path / "plain"), wrong)
    whole = judged(tiny.make(tmp_path / "whole", visible=visible), wrong)
    assert "double.values" not in whole.plain_tests
    assert whole.exercises() == plain.exercises()


def test_hooks_of_a_conftest_are_called(tmp_path):
    course = tiny.make(tmp_path)
    hook = "import pytest\ndef pytest_runtest_setup(item):\n    pytest.skip('not today')\n"
    (course.root / "solutions" / "tiny" / "conftest.py").write_text(hook)
    judge = judged(course, {"double": double, "step": step})
    assert {r.outcome for e in judge.exercises() for r in e.criteria} == {"skipped"}


# -- scores fail closed ------------------------------------------------------------------------------------------------

TITLE = Text(en="t", zh="标题")


def result(outcome, earned, points=2.0):
    return CriterionResult(id="e.c", title=TITLE, points=points, earned=earned, outcome=outcome, visible=True)


@pytest.mark.parametrize(
    ("outcome", "earned", "points"),
    [
        ("failed", 2, 2),
        ("skipped", 1, 2),
        ("error", 2, 2),
        ("passed", 3, 2),
        ("passed", 1, 2),
        ("passed", float("nan"), float("nan")),
        ("passed", -1, -1),
    ],
)
def test_points_nobody_earned_are_no_result(outcome, earned, points):
    with pytest.raises(ValueError, match=r"earn|finite|greater"):
        result(outcome, earned, points)


def test_an_exercise_that_could_not_be_judged_has_no_score():
    exercise = ExerciseResult.of("e", TITLE, (result("passed", 2), result("error", 0)))
    assert (exercise.score, exercise.max_score) == (None, 4)


def test_a_rubric_imports_the_module_beside_it_and_not_that_of_another_assignment(tmp_path):
    asked = tiny.VISIBLE.replace("import torch\n", "import torch\nfrom ours import FACTOR\n", 1)
    asked = asked.replace(
        "def test_double_shape(student, rng):", "def test_double_shape(student, rng):\n    assert FACTOR"
    )
    path = list(sys.path)
    for folder, factor in (("right", 2), ("wrong", 0)):
        course = tiny.make(tmp_path / folder, visible=asked)
        (course.root / "solutions" / "tiny" / "ours.py").write_text(f"FACTOR = {factor}\n")
        judge = judged(course, {"double": double, "step": step})
        first = next(iter(judge.results.values()))
        assert first.outcome == ("passed" if factor else "failed")
    assert "ours" not in sys.modules
    assert sys.path == path


SPOILS = (
    "def test_double_shape(student, rng):\n    x = torch.ones(3)\n    y = student.double(x)\n    assert y is not x\n"
)


def spoiled(x):
    return x.zero_() + 0


@pytest.mark.parametrize(("reference", "outcome"), [(double, "failed"), (spoiled, "passed"), (None, "passed")])
def test_what_a_criterion_looks_at_is_changed_only_as_the_reference_changes_it(tmp_path, reference, outcome):
    """`y` is right, since what is expected is calculated from an argument that is zero by now."""
    body = SPOILS + "    assert torch.equal(y, 2 * x)\n    return\n"
    course = tiny.make(tmp_path, visible=tiny.VISIBLE.replace("def test_double_shape(student, rng):", body, 1))
    judge, results = begun(course, {"double": reference, "step": step}), []

    def loop(session):
        if reference is not None:
            judge.judges_reference = True
            run_criteria(session)
            judge.judges_reference = False
        judge.begin(begun(course, {"double": spoiled, "step": step}).student)
        run_criteria(session)
        results.append(judge.results["double.shape"])

    run_session(judge, loop=loop)
    assert results[0].outcome == outcome
    if outcome == "failed":
        assert results[0].message.en.endswith("the call changed its argument x in place")
        assert results[0].diagnosis.id == "changed-in-place"
