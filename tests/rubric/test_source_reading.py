"""What a rubric's source tells before it runs; what becomes of it is tested where rubrics run."""

import pytest
import tiny_course as tiny

from autograder.base.errors import ConfigError
from autograder.gradebook import releasing
from autograder.grading import audit, batch
from autograder.results.journal import Journal
from autograder.rubric.source_reading import refuse_mistakes, refuse_replacements, refuse_undeclared

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


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("email.massage", "no module email.massage here; is it misspelt? did you mean message? if not, install it"),
        ("emial.message", "did you mean email?"),
        ("qqzz.to_be_found", "is it misspelt? if not, install it where you grade"),
        ("email.message as mail", "is it misspelt?"),
        ("", "is it misspelt?"),
        ("email.message", None),
        ("sys", None),
        ("os.path", None),
        ("torch.ops", None),
        ("torch.made_by_the_package_itself", None),
    ],
)
def test_a_module_to_preload_that_is_missing_is_refused_at_its_line(tmp_path, module, said):
    settings = f"{tiny.SETTINGS}preload:\n- torch\n- '{module}'\n"
    assignment = tiny.make(tmp_path, settings=settings).assignment("tiny")
    if said is None:
        refuse_mistakes(assignment)
        return
    with pytest.raises(ConfigError) as refused:
        refuse_mistakes(assignment)
    assert said in str(refused.value) and refused.value.key == "preload"
    assert module == "" or refused.value.line == settings.count("\n")


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
