"""The engine: every submission gets its report, whatever the others do, and a kill loses nothing."""

import json
import os
import re
import shutil

import psutil
import pytest
import tiny_course as tiny

from autograder.base.errors import ConfigError, SandboxError, UsageError
from autograder.course.jobs import find_jobs
from autograder.grading import batch
from autograder.grading.server import Session
from autograder.results import journal
from autograder.rubric.judge import Judge
from autograder.rubric.provenance import Provenance
from autograder.rubric.pytest_session import run_session
from autograder.sandbox.process import Zygote

WRONG = "def double(x):\n    return 3 * x\n"


def grade(course, paths=None, *, processes=1):
    assignment = course.assignment("tiny")
    jobs = find_jobs(paths or [course.submitted], ["tiny"])
    return {r.student: r for r in batch.grade(jobs, assignment, course.key(), processes=processes)}


def outcomes(report):
    return {c.id: c.outcome for exercise in report.exercises for c in exercise.criteria}


def messages(report):
    return " ".join(c.message.en for exercise in report.exercises for c in exercise.criteria)


def without_durations(reports):
    return {student: report.model_copy(update={"duration_s": 0.0}).to_json() for student, report in reports.items()}


def other_notebook():
    """The notebook of another assignment, which has no rubric."""
    return tiny.notebook(
        tiny.code_cell("def triple(x):\n    return 3 * x", "triple"),
        tiny.code_cell("assert triple(2) == 6", "six", points=1),
    )


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = tiny.make(tmp_path_factory.mktemp("course"))
    (course.source / "other").mkdir()
    (course.source / "other" / "other.ipynb").write_text(json.dumps(other_notebook()))
    return course


@pytest.fixture(scope="module")
def graded(course):
    """One batch with everything that arrives: honest, wrong, damaged and hostile submissions side by side."""
    submissions = {
        "right": tiny.answers(),
        "wrong": tiny.answers(WRONG),
        "half": tiny.answers(step="def step(params, lr):\n    raise NotImplementedError()\n"),
        "empty file": b"",
        "truncated": json.dumps(tiny.answers(), indent=1)[:700],
        "gbk": json.dumps(tiny.answers(before=["# 我的作业"]), ensure_ascii=False).encode("gbk"),
        "no notebook": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "missing function": tiny.answers("x = 1"),
        "of another": other_notebook(),
        "renamed": tiny.answers("def doubel(x):\n    return 2 * x"),
        "raises on import": tiny.answers(before=["import no_such_module", "raise RuntimeError('mine')"]),
        "loops on import": tiny.answers(before=["while True: pass"]),
        "loops in function": tiny.answers("def double(x):\n    while True: pass"),
        "exits": tiny.answers("import os\ndef double(x):\n    os._exit(0)"),
        "exits on import": tiny.answers(before=["import os; os._exit(0)"]),
        "segfaults": tiny.answers("import ctypes\ndef double(x):\n    ctypes.string_at(0)"),
        "floods": tiny.answers("def double(x):\n    for _ in range(300): print('x' * 1_000_000)\n    return 2 * x"),
        "prints Chinese": tiny.answers(
            "def double(x):\n    for _ in range(400): print('输出' * 500)\n    return 2 * x"
        ),
        "10 GB": tiny.answers("def double(x):\n    return torch.ones(10 * 2**30 // 4)"),
        "returns None": tiny.answers("def double(x):\n    2 * x"),
        "returns object": tiny.answers("def double(x):\n    return object()"),
        "traceback": tiny.answers("def double(x):\n    y = x\n    return y.nonsense"),
        "张 伟 🎓": tiny.answers(),
    }
    for student, content in submissions.items():
        tiny.submit(course, student, content)
    tiny.submit(course, "script", "import torch\n" + tiny.DOUBLE + tiny.STEP, name="tiny.py")
    (course.submitted / "nothing" / "tiny").mkdir(parents=True)
    return grade(course, processes=2)


def test_a_limit_that_was_in_the_way_is_told_as_that(graded):
    assert {
        student: [problem.text.en for problem in report.problems if problem.kind == "output"]
        for student, report in graded.items()
        if student in ("right", "floods", "prints Chinese", "exits")
    } == {
        "right": [],
        "floods": ["the code printed more than the 1024 KB that are kept"],
        "prints Chinese": ["the code printed more than the 1024 KB that are kept"],
        "exits": [],
    }
    failed = next(c for c in graded["10 GB"].exercises[0].criteria if c.outcome == "failed")
    assert failed.message.en.endswith("\nthe code may use 512 MB of memory")
    assert failed.message.zh.endswith("\n代码最多可以用 512 MB 内存")


def test_everybody_gets_a_report_with_every_criterion(course, graded):
    assert set(graded) == {folder.name for folder in course.submitted.iterdir()}
    for report in graded.values():
        assert set(outcomes(report)) == {"double.shape", "double.values", "double.gradient", "step.descends"}
        assert report.max_score == 10


@pytest.mark.parametrize(
    ("student", "status", "score"),
    [
        ("right", "graded", 10),
        ("wrong", "graded", 6),
        ("half", "graded", 6),
        ("empty file", "unreadable", 0),
        ("truncated", "unreadable", 0),
        ("gbk", "graded", 10),
        ("no notebook", "unreadable", 0),
        ("missing function", "graded", 4),
        ("of another", "graded", 0),
        ("renamed", "graded", 4),
        ("raises on import", "graded", 10),
        ("loops on import", "graded", 10),
        ("loops in function", "graded", 4),
        ("exits", "graded", 4),
        ("exits on import", "graded", 10),
        ("segfaults", "graded", 4),
        ("floods", "graded", 10),
        ("10 GB", "graded", 4),
        ("prints Chinese", "graded", 10),
        ("returns None", "graded", 4),
        ("returns object", "graded", 4),
        ("张 伟 🎓", "graded", 10),
        ("script", "graded", 10),
        ("nothing", "unreadable", 0),
    ],
)
def test_scores(graded, student, status, score):
    assert (graded[student].status, graded[student].score) == (status, score)


@pytest.mark.parametrize(
    ("student", "reason"),
    [
        ("half", "`step` is not written yet"),
        ("empty file", "is empty"),
        ("truncated", "breaks off in line"),
        ("gbk", "is not UTF-8"),
        ("no notebook", "is not a notebook"),
        ("missing function", "`double` is not defined"),
        ("renamed", "`doubel` is: was it renamed?"),
        ("raises on import", "RuntimeError: mine"),
        ("loops on import", "did not finish within 2 s"),
        ("loops in function", "`double` did not return within 2 s"),
        ("exits", "ended its own process"),
        ("exits on import", "ended its own process"),
        ("segfaults", "segmentation fault"),
        ("10 GB", "allocate"),
        ("returns None", "is a `return` missing?"),
        ("returns object", "must be a tensor"),
        ("nothing", "there is no tiny.ipynb"),
    ],
)
def test_reasons(graded, student, reason):
    report = graded[student]
    assert reason in messages(report) + " ".join(problem.text.en for problem in report.problems)
    assert all(problem.text.zh for problem in report.problems)


def test_the_notebook_of_another_assignment_is_recognised(course, graded, tmp_path):
    """Wherever it was graded; what it lacks is then not said one by one."""
    jobs = [job for job in course.jobs(["tiny"]) if job.student in ("of another", "missing function")]
    with journal.Journal(tmp_path / "results.jsonl") as kept:
        grading = batch.grade_all(
            course, jobs, kept, processes=1, elsewhere=lambda jobs, *_: (graded[job.student] for job in jobs)
        )
        said = {report.student: [problem.text.en for problem in report.problems] for report in grading}
    assert said == {
        "of another": ["tiny.ipynb is the notebook of another assignment, other; hand in that of tiny"],
        "missing function": ["`double` is not defined in this submission"],
    }


def test_a_failing_cell_is_named(graded):
    problems = graded["raises on import"].problems
    assert [(p.kind, p.cell, p.line) for p in problems] == [("cell-error", 2, 1), ("cell-error", 3, 1)]


def test_the_students_own_traceback_is_shown(graded):
    message = graded["traceback"].exercises[0].criteria[0].message.en
    assert "code cell 2, line 3, in double" in message
    assert "return y.nonsense" in message
    assert "autograder" not in message


def test_a_hidden_criterion_tells_no_expected_values(graded):
    hidden = graded["wrong"].exercises[0].criteria[2]
    assert not hidden.visible
    assert "expected" not in hidden.message.en


def test_a_failed_need_skips(graded):
    assert outcomes(graded["returns None"])["double.values"] == "skipped"


def test_reports_do_not_depend_on_jobs_order_or_company(course, graded):
    """Deadlines aside, which are the one thing that depends on the clock."""
    alone = {s: grade(course, [course.submitted / s / "tiny"])[s] for s in ("wrong", "gbk")}
    for student, report in without_durations(alone).items():
        assert report == without_durations(graded)[student]


@pytest.mark.slow
def test_reports_are_the_same_alone_and_among_five_hundred(tmp_path):
    course = tiny.make(tmp_path)
    kinds = {
        "right": tiny.DOUBLE,
        "wrong": WRONG,
        "raises": "def double(x):\n    raise ValueError(x.sum())",
        "random": "def double(x):\n    return 2 * x + torch.rand(1)",
        "missing": "y = 1",
    }
    names = [f"{kind}-{number}" for number in range(100) for kind in kinds]
    for name in names:
        tiny.submit(course, name, tiny.answers(kinds[name.partition("-")[0]]))
    alone = without_durations(grade(course, [course.submitted / f"{kind}-0" / "tiny" for kind in kinds]))
    together = without_durations(grade(course, processes=2))
    assert len(together) == len(names)
    for name in names:
        first = f"{name.partition('-')[0]}-0"
        assert together[name].replace(f'"{name}"', f'"{first}"') == alone[first]


def test_no_process_is_left(course, graded):
    children = psutil.Process().children(recursive=True)
    running = [c for c in children if c.status() != psutil.STATUS_ZOMBIE]
    assert not [c for c in running if c.name() in ("rubric-server", "session")]


def test_the_courses_secret_and_its_folder_are_in_no_report(course, graded):
    for report in graded.values():
        assert course.key().hex() not in report.to_json()
        assert os.fspath(course.root) not in report.to_json()


# -- authors' mistakes -------------------------------------------------------------------------------------------------


SEEN_BY_READING = [
    ({"visible": tiny.VISIBLE.replace("points=2", "punkte=2")}, "test_tiny.py:5: TypeError: criterion() got an unexpected keyword"),
    ({"visible": tiny.VISIBLE.replace("points=2", "points=-1")}, "test_tiny.py:5: test_double_shape: points must be a number, 0 or more"),
    ({"visible": tiny.VISIBLE.replace("def test_double_shape(", "def test_double_shape((")}, "test_tiny.py:6:23: SyntaxError"),
    ({"visible": tiny.VISIBLE.replace("needs=\"double.shape\"", "needs=\"double.shap\"")}, "needs='double.shap' is not an earlier criterion; did you mean double.shape? earlier: double.shape"),
    ({"visible": tiny.VISIBLE + "\n\ndef test_double_more(student):\n    pass\n"}, "test_tiny.py:17: test_double_more: has no @criterion"),
    ({"visible": tiny.VISIBLE.replace("(student, rng)", "(student, reference, rng)")}, "students have this file but not the reference"),
    ({"visible": tiny.VISIBLE.replace('"double", points=2', '"duoble", points=2')},
     "test_tiny.py:5: duoble.test_double_shape: there is no exercise 'duoble'; there are: double, step; write one"),
    ({"visible": tiny.VISIBLE.replace("def test_double_shape", "def test_shape")},
     "test_tiny.py:5: test_shape: the name of a criterion of 'double' must start with 'test_double_'; rename the test"),
    ({"visible": tiny.VISIBLE.replace("double_shape(student, rng)", "double_shape(student, rgn)")},
     "test_tiny.py:5: double.shape: there is no fixture 'rgn'; did you mean rng? there are: student, variables, rng"),
    ({"visible": tiny.VISIBLE.replace("double_shape(student, rng)", "double_shape(student, rng, caplog)")},
     "test_tiny.py:5: double.shape: what the student's code logs stays in its process"),
    ({"hidden": tiny.HIDDEN.replace("double_gradient(student, reference, rng)", "double_gradient(student, refrence, rng)")},
     "double.gradient: there is no fixture 'refrence'; did you mean reference? there are: student, variables, reference, rng"),
    ({"visible": tiny.VISIBLE.replace("double_shape(student, rng)", "double_shape(student, bathc, rng)").replace(
        "\n\n\n@", "\nimport pytest\n@pytest.fixture\ndef batch():\n    return 3\n\n@", 1)},
     "double.shape: there is no fixture 'bathc'; did you mean batch? there are: student, variables, rng, batch"),
    ({"visible": tiny.VISIBLE.replace("    checks.", "    assert type(x) is not student.double\n    checks.", 1)},
     "write `type(x) != student.double`, or `isinstance` if classes below it will do"),
    ({"visible": tiny.VISIBLE.replace("    checks.", "    V = student.double\n    assert V is x.__class__\n    checks.", 1)},
     "write `x.__class__ == V`, or `isinstance`"),
    ({"visible": tiny.VISIBLE.replace("(student, rng):", "(student, rng, monkeypatch):\n    monkeypatch.setattr(torch, 'add', None)", 1)},
     "test_tiny.py:7: `monkeypatch.setattr(torch, 'add', None)` replaces it on this side only"),
    ({"visible": tiny.VISIBLE.replace(', "zh": "保持形状"', "")}, "test_tiny.py:5: double.shape: title.zh: this key is missing; the course is in zh, en"),
    ({"hidden": tiny.HIDDEN.replace("reference.double", "reference.dubble")},
     "hidden.py:8: `reference.dubble`: assignment.yaml declares no function dubble; write `reference.double`"),
]  # fmt: skip
SEEN_BY_PROVING = [
    ({"visible": tiny.VISIBLE.replace("2 * x)", "3 * x)")}, "double.values: the reference does not meet it"),
    ({"visible": tiny.VISIBLE.replace("2 * x)", "3 * x)"), "hidden": tiny.HIDDEN.replace("- 0.1 *", "- 0.2 *")},
     "; nor step.descends (line 11): after step("),
    ({"visible": tiny.VISIBLE.replace("checks.assert_shape(", "checks.assert_shap(")}, "double.shape: the reference does not meet it: AttributeError"),
    ({"visible": tiny.VISIBLE.replace("    checks.", "    import inspect\n    inspect.getsource(student.double)\n    checks.", 1)},
     "test_tiny.py:5: double.shape: the reference does not meet it: TypeError: `inspect` reads code, and that of a student's"),
    ({"visible": tiny.VISIBLE.replace("    checks.", "    torch.jit.trace(student.double, x)\n    checks.", 1)}, "`torch.jit` reads code"),
    ({"visible": tiny.VISIBLE.replace("points=3", "points=4")}, "test_double: the grade cell is worth 6 points, its criteria 7"),
    ({"visible": tiny.VISIBLE.replace("checks.assert_shape(student.double(x), (3, 2))", "checks.assert_shape(x, (3, 2))")},
     "test_tiny.py:5: double.shape: the stub meets it"),
    ({"visible": tiny.VISIBLE.replace("student.double(x)", "2 * x")}, "before anything is written; it also meets double.values"),
    ({"source": tiny.answers(step="raise ValueError('reference is broken')")}, "tiny.ipynb: the reference fails: code cell 4, line 1"),
    ({"source": tiny.notebook(tiny.DOUBLE, tiny.STEP)},
     "there is no grade cell 'test_double' for exercise 'double': give the cell with `check(\"double\")` this id"),
    ({"source": tiny.notebook(tiny.code_cell("check('step')", "test_double", points=6))},
     "tiny.ipynb:1: test_double: this grade cell is that of 'double', but checks 'step'"),
    ({"source": tiny.answers("def double(x):\n    ### BEGIN SOLUTIONS\n    return 2 * x\n    ### END SOLUTION")},
     "tiny.ipynb:1: double: `### BEGIN SOLUTION` stands there 0 times, `### END SOLUTION` 1 times"),
    ({"settings": tiny.SETTINGS.replace('["double(x)"]', '["double(x)", "triple(x)"]')},
     "assignment.yaml:6: exercises.double.functions: tiny.ipynb defines no 'triple'"),
]  # fmt: skip


SETTINGS = [
    ({"settings": tiny.SETTINGS.replace("title: {zh: 加倍, en: Double}", "titel: {zh: 加倍, en: Double}")},
     "assignment.yaml:5:5: exercises.double.titel: unknown key"),
    ({"settings": tiny.SETTINGS + "due: tomorrow\n"}, "due: must be a date and a time with its zone, such as 2026-12-01 23:59+08:00"),
    ({"settings": "schema: 1\ntitle: ["}, "assignment.yaml:2:9: not valid YAML"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), [*SETTINGS, SEEN_BY_READING[0], SEEN_BY_READING[2], SEEN_BY_PROVING[0]])
def test_an_authors_mistake_is_one_line_and_gives_no_grades(tmp_path, change, words):
    course = tiny.make(tmp_path, **change)
    tiny.submit(course, "s1", tiny.answers())
    with pytest.raises(ConfigError) as error:
        grade(course)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(("change", "words"), [*SEEN_BY_READING, *SEEN_BY_PROVING])
def test_an_authors_mistake_is_found_before_anybody_is_judged(tmp_path, zygote, change, words):
    """What a rubric server does before it is ready, in this process; the test above has one of each kind come from there."""
    judge = Judge(tiny.make(tmp_path, **change).assignment("tiny"), b"key")

    def prove(criteria):
        session = Session(judge, criteria, Provenance(judge.assignment, judge.key, confined=True))
        session.prove_reference(zygote)
        session.prove_stub(zygote)

    with pytest.raises(ConfigError) as error:
        run_session(judge, loop=prove)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_rubric_saved_as_gbk_is_called_that(tmp_path):
    course = tiny.make(tmp_path)
    rubric = course.source / "tiny" / "test_tiny.py"
    rubric.write_bytes(tiny.VISIBLE.encode("gbk"))
    judge = Judge(course.assignment("tiny"), b"key")
    with pytest.raises(ConfigError, match=r"test_tiny\.py:\d+: is not UTF-8; save it as UTF-8$"):
        run_session(judge, loop=pytest.fail)


def test_what_a_student_returns_cannot_break_the_rubric(tmp_path):
    """Plain arithmetic on the result raises in the rubric's process, but it is the student's result that cannot be used.

    What is said of it is about the student's last call, whatever the reference is asked after that.
    """
    visible = tiny.VISIBLE.replace(
        "checks.assert_close(student.double(x), 2 * x)", "assert (student.double(x) - 2 * x).abs().max() == 0"
    )
    hidden = tiny.HIDDEN.replace(
        "    checks.assert_gradient(student.double, x, reference=reference.double)",
        "    out, right = student.double(x.detach()), reference.double(x.detach())\n"
        "    checks.assert_arguments_unchanged()\n"
        "    assert out.shape == right.shape",
    )
    course = tiny.make(tmp_path, visible=visible.replace(', needs="double.shape"', ""), hidden=hidden)
    tiny.submit(course, "words", tiny.answers("def double(x):\n    return 'nonsense'"))
    tiny.submit(course, "in place", tiny.answers("def double(x):\n    x *= 2\n    return x"))
    tiny.submit(course, "list", tiny.answers("def double(x):\n    return (2 * x).tolist()"))
    criteria = {name: report.exercises[0].criteria for name, report in grade(course).items()}
    for name, number, words in (
        ("words", 1, "could not be judged (TypeError"),
        ("in place", 2, "changed its argument x in place"),
        ("list", 2, "(AttributeError): double(x: float64 (3,)) returned list of 3"),
    ):
        assert criteria[name][number].outcome == "failed"
        assert words in criteria[name][number].message.en


def test_what_breaks_in_a_criterion_is_for_its_author_and_not_in_the_report(tmp_path, capfd):
    visible = tiny.VISIBLE.replace(
        "    checks.assert_close(student.double(x), 2 * x)",
        "    if student.double(x).sum() != (2 * x).sum():\n        open(__file__ + '.missing')",
    )
    # the stub does not return, so that this shows with a student only
    course = tiny.make(tmp_path, visible=visible)
    tiny.submit(course, "s1", tiny.answers("def double(x):\n    return 3 * x"))
    report = grade(course)["s1"]
    result = report.exercises[0].criteria[1]
    assert (result.outcome, report.score) == ("error", None)
    assert result.message.en == "this could not be judged: the assignment or the platform is at fault, not you"
    assert str(tmp_path) not in report.to_json()
    assert "test_tiny" not in report.to_json()
    said = capfd.readouterr().err
    assert re.search(r"test_tiny\.py:11: double\.values: FileNotFoundError: .*test_tiny\.py", said)


def test_where_the_platform_fails_in_the_middle_nothing_is_said_of_the_submission(tmp_path, zygote):
    """What makes its processes is killed in a criterion: it is to be judged again, not to get half a report."""
    pid = tmp_path / "pid"
    visible = tiny.VISIBLE.replace(
        "    checks.assert_close(student.double(x), 2 * x)",
        "    if student.double(x).sum() != (2 * x).sum():\n        import os, pathlib\n"
        f"        os.kill(int(pathlib.Path({str(pid)!r}).read_text()), 9)\n"
        "        while True:\n            student.double(x)",  # until its process has ended as well
    )
    course = tiny.make(tmp_path, visible=visible)
    tiny.submit(course, "s1", tiny.answers("def double(x):\n    return 3 * x"))
    judge = Judge(course.assignment("tiny"), b"key")

    def judge_one(criteria):
        before = set(psutil.Process(zygote.pid).children())
        with Zygote(zygote.copy()) as own:
            (process,) = {p for p in psutil.Process(zygote.pid).children() if p.name() == "zygote"} - before
            pid.write_text(str(process.pid))
            session = Session(judge, criteria, Provenance(judge.assignment, judge.key, confined=True))
            session.prove_reference(own)
            with pytest.raises(SandboxError):
                session.grade(find_jobs([course.submitted], ["tiny"])[0], own)

    run_session(judge, loop=judge_one)


def test_a_rubric_process_that_dies_is_the_platforms_fault(tmp_path):
    """Its submission is tried twice, gets no score, and the others are graded."""
    visible = tiny.VISIBLE.replace(
        "    checks.assert_shape(student.double(x), (3, 2))",
        "    out = student.double(x)\n    if out.sum() == 42:\n        import os\n        os._exit(1)\n    checks.assert_shape(out, (3, 2))",
    )
    course = tiny.make(tmp_path, visible=visible)
    tiny.submit(course, "bad luck", tiny.answers("def double(x):\n    return torch.full((3, 2), 7.0)"))
    for name in ("s1", "s2"):
        tiny.submit(course, name, tiny.answers())
    reports = grade(course)
    assert {s: r.score for s, r in reports.items()} == {"bad luck": None, "s1": 10, "s2": 10}
    assert reports["bad luck"].status == "error"
    assert set(outcomes(reports["bad luck"]).values()) == {"error"}


# -- finding submissions -----------------------------------------------------------------------------------------------


def found(*paths, assignments=("tiny",)):
    return [(j.student, j.assignment, j.path.name if j.path else None) for j in find_jobs(list(paths), assignments)]


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x = 1")
    return path


def test_nbgraders_tree_gives_students_and_assignments(tmp_path):
    touch(tmp_path / "s1" / "tiny" / "tiny.ipynb")
    touch(tmp_path / "s1" / "tiny" / "notes.ipynb")
    touch(tmp_path / "s2" / "tiny" / "Tiny (1).ipynb")
    touch(tmp_path / "s3" / "other" / "other.ipynb")
    assert found(tmp_path) == [("s1", "tiny", "tiny.ipynb"), ("s2", "tiny", "Tiny (1).ipynb")]
    assert found(tmp_path, assignments=("tiny", "other"))[-1] == ("s3", "other", "other.ipynb")


def test_a_students_folder_and_an_assignments_folder_are_understood(tmp_path):
    touch(tmp_path / "s1" / "tiny" / "tiny.ipynb")
    assert found(tmp_path / "s1") == found(tmp_path / "s1" / "tiny") == [("s1", "tiny", "tiny.ipynb")]


def test_loose_files_are_called_after_their_students(tmp_path):
    files = [touch(tmp_path / name) for name in ("zoe.ipynb", "张 三.py")]
    assert found(*files) == found(tmp_path) == [("zoe", "tiny", "zoe.ipynb"), ("张 三", "tiny", "张 三.py")]


def test_what_was_handed_in_for_another_assignment_is_not_graded_as_this_one(tmp_path):
    touch(tmp_path / "s1" / "other" / "other.ipynb")
    touch(tmp_path / "other" / "zoe.ipynb")
    touch(tmp_path / "late" / "ann.ipynb")
    assert [job.student for job in find_jobs([tmp_path], ["tiny"], ["other"])] == ["ann"]
    assert find_jobs([tmp_path / "s1" / "other"], ["tiny"], ["other"]) == []


def test_files_called_after_the_assignment_belong_to_their_folder(tmp_path):
    touch(tmp_path / "ann" / "tiny.ipynb")
    touch(tmp_path / "bob" / "tiny.ipynb")
    assert found(tmp_path) == [("ann", "tiny", "tiny.ipynb"), ("bob", "tiny", "tiny.ipynb")]


def test_nothing_is_graded_twice_and_nothing_under_anothers_name(tmp_path):
    one, other = touch(tmp_path / "a" / "zoe.ipynb"), touch(tmp_path / "b" / "zoe.ipynb")
    assert found(one, one) == [("zoe", "tiny", "zoe.ipynb")]
    students = [student for student, *_ in found(one, other)]
    assert len(set(students)) == 2


def test_two_candidates_are_not_chosen_between(tmp_path):
    for name in ("a.ipynb", "b.ipynb"):
        touch(tmp_path / "s1" / "tiny" / name)
    (job,) = find_jobs([tmp_path], ["tiny"])
    assert job.path is None
    assert "a.ipynb, b.ipynb" in job.reason.en


def test_a_folder_of_loose_notebooks_may_have_the_assignments_name(tmp_path):
    for student in ("ann", "bob"):
        touch(tmp_path / "downloads" / "tiny" / f"{student}.ipynb")
    both = [("ann", "tiny", "ann.ipynb"), ("bob", "tiny", "bob.ipynb")]
    assert found(tmp_path / "downloads" / "tiny") == found(tmp_path / "downloads") == both
    assert found(tmp_path / "downloads" / "tiny" / "bob.ipynb") == both[1:]
    touch(tmp_path / "downloads" / "tiny" / "tiny.ipynb")  # now it is what one student handed in
    assert found(tmp_path / "downloads" / "tiny") == [("downloads", "tiny", "tiny.ipynb")]


def test_what_a_student_handed_in_stays_one_submission_however_it_is_named(tmp_path):
    handed_in = tmp_path / "submitted" / "ann" / "tiny"
    touch(handed_in / "draft.ipynb")
    touch(handed_in / "final.ipynb")
    (job,) = find_jobs([handed_in], ["tiny"])
    assert (job.student, job.path) == ("ann", None)


def test_a_courses_own_folders_are_no_students(tmp_path):
    for folder in ("assignments", "solutions", "release"):
        file = touch(tmp_path / folder / "tiny" / "tiny.ipynb")
        assert found(file) == found(file.parent) == [("tiny", "tiny", "tiny.ipynb")]


def test_a_link_is_no_submission(tmp_path):
    """It could lead to the solution, or to another student's file."""
    solution = touch(tmp_path / "elsewhere" / "tiny.ipynb")
    folder = tmp_path / "handed in"
    folder.mkdir()
    (folder / "zoe.ipynb").symlink_to(solution)
    (job,) = find_jobs([folder], ["tiny"])
    assert (job.student, job.path) == ("zoe", None)
    assert "zoe.ipynb is a link" in job.reason.en


def test_a_link_does_not_push_another_submission_out(tmp_path):
    honest = touch(tmp_path / "a" / "zoe.ipynb")
    for folder in ("b", "c"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "zoe.ipynb").symlink_to(honest)
    jobs = find_jobs([tmp_path], ["tiny"])
    assert len({job.student for job in jobs}) == 3
    assert [job.path for job in jobs if job.student == "zoe"] == [honest]


def test_checkpoints_and_rubrics_are_no_submissions(tmp_path):
    touch(tmp_path / ".ipynb_checkpoints" / "zoe-checkpoint.ipynb")
    touch(tmp_path / "test_tiny.py")
    touch(tmp_path / "zoe.ipynb")
    assert found(tmp_path) == [("zoe", "tiny", "zoe.ipynb")]


# -- authors' mistakes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("tiny.ipynb", "[", "tiny.ipynb breaks off in line 1"),
        ("private/mutants.yaml", "schema: 1\ntypo: 1\n", "mutants.yaml:2:1: typo: unknown key"),
    ],
)
def test_a_mistake_in_the_last_assignment_is_found_before_the_first_is_graded(tmp_path, file, content, complaint):
    course = tiny.make(tmp_path)
    shutil.copytree(course.root / "solutions" / "tiny", course.root / "solutions" / "again")
    (course.root / "solutions" / "again" / "tiny.ipynb").rename(course.root / "solutions" / "again" / "again.ipynb")
    (course.root / "solutions" / "tiny" / file).write_text(content)
    jobs = find_jobs(
        [touch(tmp_path / "ann" / name / f"{name}.ipynb") for name in ("again", "tiny")], ["again", "tiny"]
    )
    assert [job.assignment for job in jobs] == ["again", "tiny"]
    graded = []

    def elsewhere(jobs, assignment, key):
        graded.append(assignment.name)
        yield from ()

    with journal.Journal(tmp_path / "r.jsonl") as reports, pytest.raises(ConfigError, match=complaint):
        list(batch.grade_all(course, jobs, reports, processes=1, elsewhere=elsewhere))
    assert graded == []


# -- results.jsonl -----------------------------------------------------------------------------------------------------


def test_a_report_is_read_back_as_it_was_written(tmp_path, graded):
    path = tmp_path / "results.jsonl"
    with journal.Journal(path) as book:
        for report in graded.values():
            book.add(report)
        book.finish()
    assert {r.student: r for r in journal.read(path)} == graded
    assert [json.loads(line)["student"] for line in path.read_text().splitlines()] == sorted(graded)


def test_a_line_that_was_cut_short_is_dropped(tmp_path, graded):
    path = tmp_path / "results.jsonl"
    line = graded["right"].to_json() + "\n"
    path.write_text(line + line.replace("right", "other")[: len(line) // 2])
    with journal.Journal(path) as book:
        assert [student for _, student in book.reports] == ["right"]
        book.add(graded["wrong"])
        path.chmod(0o444)
        assert len(list(journal.read(path))) == 2  # while it is being written
    assert {r.student for r in journal.read(path)} == {"right", "wrong"}


def test_a_file_that_is_none_of_ours_is_refused_and_kept(tmp_path):
    path = tmp_path / "thesis.txt"
    path.write_text("chapter 1\n")
    with pytest.raises(UsageError, match=r"thesis.txt:1: this is not a line of a results file"):
        journal.Journal(path)
    assert path.read_text() == "chapter 1\n"


def test_two_graders_do_not_write_one_file(tmp_path):
    with journal.Journal(tmp_path / "r.jsonl"), pytest.raises(UsageError, match="another grader is writing"):
        journal.Journal(tmp_path / "r.jsonl")


def test_a_source_notebook_of_another_name_is_one_line(tmp_path):
    course = tiny.make(tmp_path)
    notebook = course.assignment("tiny").notebook
    notebook.rename(notebook.with_name("homework.ipynb"))
    tiny.submit(course, "ann", tiny.answers())
    with pytest.raises(ConfigError, match=r"tiny/tiny\.ipynb: is missing; rename homework\.ipynb"):
        grade(course)


def test_a_criterion_of_a_misspelt_exercise_is_told_the_exercises_there_are(tmp_path):
    course = tiny.make(
        tmp_path, visible=tiny.VISIBLE.replace('"double"', '"dobule"').replace("test_double", "test_dobule")
    )
    tiny.submit(course, "ann", tiny.answers())
    with pytest.raises(ConfigError, match="no exercise 'dobule'; there are: double, step"):
        grade(course)
