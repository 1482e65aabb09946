"""What a rubric's source tells before it runs; what becomes of it is tested where rubrics run."""

import textwrap

import pytest
import tiny_course as tiny

from autograder.base.errors import ConfigError
from autograder.gradebook import releasing
from autograder.grading import audit, batch
from autograder.results.journal import Journal
from autograder.rubric.source_reading import looking_back, refuse_replacements, refuse_undeclared

LOOKS = {
    "a copy": "before = X.clone()\nout = student.f(X)\nassert out.shape == X.shape\nassert torch.equal(X, before)",
    "a list": "student.f([3, xs], k=1)\nassert xs == [1]",
    "the first of two": "student.f(X, state)\nassert X.sum() == 3",
    "by name": "student.f(a=3, X=X)\nnp.testing.assert_allclose(X, before)",
    "a check": "y = student.f(X)\nchecks.assert_close(X, before)",
    "what it holds": "student.f(batch)\nassert batch.x.sum() == 3",
    "in a loop": "for X in cases:\n    student.f(X)\n    assert X[0] == 1",
}
DOES_NOT = {
    "the result": "out = student.f(X)\nassert torch.equal(out, 2 * X)\nassert out.sum() == X.sum()",
    "another name": "y = student.f(X)\nz = y + 1\nfor row, x in zip(z, X):\n    assert x == row",
    "in one": "assert torch.equal(student.f(X), X)",
    "before": "assert X.shape == (3, 2)\nstudent.f(X)",
    "a copy is passed": "student.f(X.clone())\nassert X.sum() == 3",
    "it asks itself": "checks.assert_unchanged(student.f, X)\nassert X.shape == (3, 2)",
    "rebound": "X = student.f(X)\nassert X.sum() == 3",
    "a context": "with student.opened(X) as found:\n    assert found == X",
    "of ours": "g(X)\nassert X.sum() == 3",
}


@pytest.mark.parametrize(
    ("body", "looks"), [*((body, True) for body in LOOKS.values()), *((body, False) for body in DOES_NOT.values())],
    ids=[*LOOKS, *DOES_NOT],
)  # fmt: skip
def test_a_test_that_asserts_something_of_what_it_has_passed_looks_back(tmp_path, body, looks):
    file = tmp_path / "test_it.py"
    file.write_text(f"def test_it(student, X):\n{textwrap.indent(body, '    ')}\n")
    place = "X" if "X=X" in body else 0
    assert looking_back(file) == ({"test_it": {("f", place)}} if looks else {})


IMPORTS = "import numpy as np\nimport torch.nn.functional as F\nimport helpers\nfrom unittest import mock\n"


@pytest.mark.parametrize(
    ("source", "is_refused"),
    [
        ("monkeypatch.setattr(np.random, 'beta', f)", True),
        ("monkeypatch.delattr(F, 'softmax')", True),
        ("monkeypatch.setattr('builtins.input', f)", True),
        ("with mock.patch('torch.softmax') as softmax: pass", True),
        ("with mock.patch.object(F, 'softmax'): pass", True),
        ("monkeypatch.setattr(net, 'rate', 3)", False),
        ("monkeypatch.setattr(helpers, 'f', g)", False),
        ("monkeypatch.setenv('HOME', '.')", False),
        ("model = mock.Mock(return_value=3)", False),
    ],
)
def test_what_is_replaced_where_no_code_of_theirs_runs_is_refused(tmp_path, source, is_refused):
    file = tmp_path / "test_it.py"
    file.write_text(f"{IMPORTS}def test_it(student, monkeypatch):\n    {source}\n")
    if not is_refused:
        refuse_replacements(file)
        return
    with pytest.raises(ConfigError, match="replaces it on this side only") as refused:
        refuse_replacements(file)
    assert refused.value.line == 6


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("student.dubble(3)", "`student.dubble`: assignment.yaml declares no function dubble; write `student.double`"),
        ("f = student.train\n    f(3)", 'declare it there, under `functions:` of its exercise, such as "train(x)"'),
        ("assert [student.nothing for _ in 'ab']", "declares no function nothing"),
        ("getattr(student, 'triple')(3)", "`student.triple`"),
        ("def helper(x):\n        return student.helped(x)", "`student.helped`"),
        ("getattr(student, name)(3)", None),
        ("student.double(3).grad", None),
        ("getattr(student, 'triple', None)", None),
        ("for student in students:\n        student.marks", None),
        ("student.reordered.double(3)", None),
    ],
)
def test_functions_that_nobody_declares_are_refused(tmp_path, source, said):
    file = tmp_path / "test_it.py"
    file.write_text(f"def of_others(pupil):\n    pupil.name\n\ndef test_it(student):\n    {source}\n")
    if said is None:
        refuse_undeclared(file, ["double"])
        return
    with pytest.raises(ConfigError) as refused:
        refuse_undeclared(file, ["double"])
    assert said in str(refused.value) and refused.value.line in (5, 6)


def graded(course):
    with Journal(course.root / "results.jsonl") as journal:
        return list(batch.grade_all(course, course.jobs(["tiny"]), journal, processes=1))


@pytest.mark.parametrize(
    "command",
    [
        lambda course: releasing.require_source(course, "tiny"),
        lambda course: audit.versions_of(course.assignment("tiny")),
        graded,
    ],
    ids=["release", "audit", "grade"],
)
def test_every_command_of_an_author_finds_them_at_its_start(tmp_path, command):
    course = tiny.make(tmp_path, visible=tiny.VISIBLE.replace("student.double", "student.dubble", 1))
    tiny.submit(course, "ann", tiny.answers())
    with pytest.raises(ConfigError, match=r"test_tiny.py:8: `student.dubble`"):
        command(course)
