"""A syntax error is said once, at its cell; what is missing because of it names that cell."""

import pytest

from autograder.base.errors import NotDefined, StudentError
from autograder.course.submission import Cell

BROKEN = "import torch\nhelper = 3\ndef f(x)\n    return x"


def problems(student):
    return [(p.kind, p.cell, p.text.en.splitlines()[-1]) for p in student.runner.problems]


@pytest.mark.parametrize("broken", [BROKEN, "def f(x):\nreturn x", "def f(x):\n    return (x", "f = lambda x: x +"])
def test_a_function_whose_cell_is_not_python_says_so(open_student, broken):
    student = open_student("x = 1", broken, declare=["f(x)"])
    with pytest.raises(NotDefined) as caught:
        student.f(1)
    assert caught.value.text.en == "`f` is not defined: code cell 2 has a syntax error"
    assert caught.value.text.zh == "`f` 没有定义：代码单元格 2 有语法错误"
    assert [(kind, cell) for kind, cell, _ in problems(student)] == [("cell-error", 2)]


def test_what_only_follows_is_not_listed_and_what_does_not_is(open_student):
    student = open_student(
        "1 / 0", BROKEN, "y = f(1)", "print(y)", "print(z)", "def g(): return f(1)", declare=["f(x)"]
    )
    assert [cell for _, cell, _ in problems(student)] == [2, 1, 5]
    with pytest.raises(StudentError) as caught:
        student.g()
    assert caught.value.text.en == "`f` is not defined: code cell 2 has a syntax error"


def test_a_function_that_stands_in_another_cell_is_missing_as_ever(open_student):
    student = open_student(BROKEN, "def gg(x): return x", declare=["g(x)"])
    with pytest.raises(NotDefined, match=r"`g` is not defined in this submission"):
        student.g(1)


def test_text_that_a_students_code_evaluates_is_no_broken_cell(open_student):
    student = open_student("f = eval('1 +')", declare=["f(x)"])
    with pytest.raises(NotDefined, match=r"`f` is not defined: code cell 1 stopped with an error before it"):
        student.f(1)


def test_a_function_whose_cell_stopped_before_it_names_that_cell(open_student):
    student = open_student(
        "import no_such_module\ndef f(x): return x", "def g(): return f(1)", declare=["f(x)", "g()", "h()"]
    )
    for call in (lambda: student.f(1), student.g):
        with pytest.raises(NotDefined) as caught:
            call()
        assert caught.value.text.zh == "`f` 没有定义：代码单元格 1 还没运行到它就出错停下了"
    assert [(kind, cell) for kind, cell, _ in problems(student)] == [("cell-error", 1)]
    with pytest.raises(NotDefined, match="in this submission"):
        student.h()


def test_a_class_whose_stub_raises_while_it_is_defined_is_not_written_yet(open_student):
    student = open_student("class Mean:\n    # your code here\n    raise NotImplementedError()", declare=["Mean()"])
    with pytest.raises(NotDefined, match=r"^`Mean` is not written yet"):
        student.Mean()
    assert problems(student) == []  # that is all there is to say


def test_a_stub_of_what_nobody_declares_is_a_problem_of_its_cell(open_student):
    student = open_student(
        "class Helper:\n    raise NotImplementedError()",
        "raise NotImplementedError()",
        "def f(): return Helper()",
        declare=["f()"],
    )
    with pytest.raises(StudentError, match="Helper"):
        student.f()
    assert [(kind, cell) for kind, cell, _ in problems(student)] == [("cell-error", 1), ("cell-error", 2)]


def test_what_stands_before_the_error_is_there(open_student):
    student = open_student("def f(x): return x\n1 / 0", declare=["f(x)"])
    assert student.f(1) == 1


@pytest.mark.parametrize(
    ("source", "means"),
    [
        ("def f(x)\n    return x", "colon is missing"),
        ("y = (1 + 2", "never closed"),
        ("y = 1)", "no partner"),
        ("def f(x):\nreturn x", "must be indented"),
        ("def f(x):\n    y = 1\n      return y", "same column"),
        ("if y = 1: pass", "comparison"),
        ("y = 'a", "quotation mark"),
        ("y = max(1，2)", "English form"),
        ("y = max(1 2)", "comma"),
        ("return 1", "outside its function"),
        ("break", "outside its loop"),
    ],
)
def test_a_syntax_error_is_explained(open_student, source, means):
    student = open_student(source)
    ((_, _, words),) = problems(student)
    assert means in words
    (problem,) = student.runner.problems
    assert "Error: " in problem.text.zh.splitlines()[-2]
    assert not problem.text.zh.splitlines()[-1].isascii()


def test_in_a_script_the_line_is_named(open_student):
    script = Cell("mine.py", None, "def g(): return 1\ndef f(x)\n    return x\ndef h(): return 2\n", resume=True)
    student = open_student(script, is_script=True, declare=["f(x)", "g()", "h()"])
    assert (student.g(), student.h()) == (1, 2)
    with pytest.raises(NotDefined, match=r"mine.py, line 2 has a syntax error"):
        student.f(1)
