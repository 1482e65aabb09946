"""`Shell`: what IPython adds to Python, in a notebook without a kernel."""

import gc
import subprocess
import sys

import jupyter_cells as cells
import pytest

from autograder.sandbox.cells import Notebook


def run(*sources):
    notebook = Notebook({})
    notebook.found = [f for n, source in enumerate(sources, 1) for f in notebook.run(f"code cell {n}", source)]
    return notebook


@pytest.mark.parametrize("sources", cells.SHELL.values(), ids=cells.SHELL)
def test_cells_of_jupyter_run_in_a_worker(open_student, sources):
    student = open_student(*sources, "def found(): return ok")
    assert [problem for problem in student.runner.problems if problem.kind != "note"] == []
    assert student.found()


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("%%timeit -n1 -r1 x = 1\n\n1 / 0", 3),
        ("%%timeit 1 / 0\nx = 1", 1),
        ("%%capture out\nx = 1\n1 / 0", 3),
        ("x = 1\n\ny = %timeit -o -q 1 / 0", 3),
        ("import asyncio\n\nawait asyncio.sleep(0)\n1 / 0", 4),
        ("async def f():\n    1 / 0\nawait f()", 2),
    ],
)
def test_what_fails_has_its_own_line(source, line):
    (failure,) = run(source).found
    assert (failure.kind, failure.frames[-1][:2]) == ("ZeroDivisionError", ("code cell 1", line))


def test_what_was_captured_before_an_error_is_there():
    notebook = run("%%capture out\nprint(1)\n1 / 0")
    assert notebook.names["out"].stdout == "1\n"


def test_a_measurement_that_nobody_asked_for_runs_its_code_once():
    assert run("seen = []\n%timeit -n 1000 -r 7 seen.append(1)").names["seen"] == [1]


def test_a_measurement_ends_whatever_was_asked_for():
    result = run("import time\nspent = %timeit -o -q -n 1000000 -r 1000 time.sleep(0.05)").names["spent"]
    assert (result.loops < 20, result.repeat) == (True, 1)


def test_functions_defined_under_a_magic_are_graded():
    notebook = Notebook({"f": "exercise"})
    assert notebook.run("code cell 1", "%%capture out\ndef f(): return 4") == []
    notebook.finish()
    assert notebook.find("f")() == 4


def test_a_cell_without_magics_imports_nothing():
    script = (
        "import sys\nfrom autograder.sandbox.cells import Notebook\nnotebook = Notebook({})\n"
        "assert notebook.run('code cell 1', 'x = 1\\nx') == []\n"
        "print({'IPython', 'asyncio', 'tqdm', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_script_has_no_history():
    notebook = Notebook({}, "submission")
    notebook.run("work.py", "1 + 1")
    assert {"In", "Out", "_"}.isdisjoint(notebook.names)


@pytest.mark.parametrize("loader", cells.LOADERS.values(), ids=cells.LOADERS)
def test_a_loader_with_workers_gives_the_same_batches_and_one_note(open_student, loader):
    source = cells.LOADER_CELL.format(loader=loader)
    student = open_student(source, source + "def found(): return ok")
    assert student.found()
    (note,) = student.runner.problems
    assert (note.kind, note.cell, note.line) == ("note", 1, 7)
    assert "num_workers=0" in note.text.en and "num_workers=0" in note.text.zh


def test_a_loader_inside_a_function_is_noted_where_it_stands(open_student):
    student = open_student(
        "import torch\ndef f(x):\n    for batch in torch.utils.data.DataLoader(x, num_workers=1):\n        return batch"
    )
    assert student.runner.problems == ()
    import torch

    assert student.f(torch.ones(1, 2)).tolist() == [[1, 1]]
    assert [(p.kind, p.cell, p.line) for p in student.runner.problems] == [("note", 1, 3)]


def test_a_shuffled_loader_draws_as_without_workers(open_student):
    cell = "import torch\ndef f(workers):\n    torch.manual_seed(3)\n    return torch.cat(list(torch.utils.data.DataLoader(torch.arange(9), 2, shuffle=True, num_workers=workers)))"
    student = open_student(cell)
    assert student.f(0).tolist() == student.f(2).tolist()


def test_the_reference_may_ask_for_workers(open_local):
    student = open_local(
        "import torch\ndef f(x):\n    return next(iter(torch.utils.data.DataLoader(x, num_workers=2)))"
    )
    import torch

    assert student.f(torch.ones(1, 2)).tolist() == [[1, 1]]


# -- interrupted cells ---------------------------------------------------------------------------------------------------


def timed_out(student, cell):
    return [(p.kind, p.cell, p.line) for p in student.runner.problems if p.cell == cell]


def test_what_stands_before_an_endless_loop_stays(open_student):
    student = open_student(
        "def f(): return count\ncount = 0\ndef g(): return h()\nwhile True:\n    count += 1\nx = 9\ndef h(): return 3",
        "def x_is_there(): return 'x' in globals()",
        cell_s=0.3,
    )
    assert student.f() > 0
    assert (student.g(), student.x_is_there()) == (3, False)
    assert timed_out(student, 1) == [("cell-timeout", 1, 5)] or timed_out(student, 1) == [("cell-timeout", 1, 4)]
    words = student.runner.problems[0].text
    assert words.en.startswith("code cell 1, line ") and "死循环" in words.zh
    assert words.en.endswith("\nthis cell did not finish within 0.3 s; is there an endless loop?")  # a table's line


@pytest.mark.parametrize(
    "loop",
    [
        "import time\ntime.sleep(60)",
        "import threading\nthreading.Event().wait()",
        "import asyncio\nawait asyncio.sleep(60)",
        "import asyncio\nasync def f():\n    while True: pass\nawait f()",
        "%%time\nwhile True: pass",
        "import itertools\nsum(1 for _ in itertools.count())",
    ],
)
def test_whatever_a_cell_waits_for_it_is_interrupted(open_student, loop):
    student = open_student("kept = 5", loop, "def f(): return kept", cell_s=0.3)
    assert (student.f(), student.runner.host.generation) == (5, 1)
    assert [kind for kind, *_ in timed_out(student, 2)] == ["cell-timeout"]


@pytest.mark.parametrize(
    "catching",
    [
        "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException: pass",
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass",
        "import signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])\nwhile True: pass",
    ],
)
def test_a_cell_that_does_not_end_then_is_ended(open_student, catching):
    student = open_student("def f(): return 1\n" + catching, "def g(): return 2", cell_s=0.3)
    assert (student.f(), student.g(), student.runner.host.generation) == (1, 2, 2)
    assert [kind for kind, *_ in timed_out(student, 1)] == ["cell-timeout"]


def test_an_interrupt_of_the_students_own_is_an_error_like_others(open_student):
    student = open_student("def f(): return 1\nraise KeyboardInterrupt", cell_s=2)
    assert (student.f(), timed_out(student, 1)) == (1, [("cell-error", 1, 2)])


def test_the_rest_of_a_script_is_defined(open_student):
    source = "def f(): return 1\nwhile True: pass\ndef g(): return 2\n"
    from autograder.course.submission import Cell

    student = open_student(Cell("work.py", None, source, resume=True), is_script=True, cell_s=0.3)
    assert (student.f(), student.g(), student.runner.host.generation) == (1, 2, 1)


def test_a_notebook_that_goes_takes_no_other_ones_loop_along():
    """Notebooks of one process: the reference, its versions."""
    cell = "import asyncio\nawait asyncio.sleep(0)"
    first, second = run(cell), run(cell)
    del first
    gc.collect()
    assert (second.found, second.run("code cell 2", "await asyncio.sleep(0)")) == ([], [])
