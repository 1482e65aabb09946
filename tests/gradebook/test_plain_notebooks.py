"""Notebooks without a rubric: what works in Jupyter works confined, in a folder that bears the assignment's name."""

import contextlib
import json
import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import jupyter_cells as cells
import jupyter_kernel
import nbformat
import pytest
import tiny_course as tiny
from nbformat import from_dict

from autograder.base.errors import SandboxError
from autograder.gradebook import cell_outputs, disk_watch
from autograder.gradebook import plain_notebooks as runner
from autograder.sandbox import confine

pytestmark = pytest.mark.skipif(not confine.is_available(), reason="this machine confines nothing")


LIBRARIES = ("numpy", "matplotlib.pyplot", "pandas", "torch")
"""What the notebooks of the course import."""


@pytest.fixture(scope="module")
def ours():
    with runner.NotebookRunner(2, LIBRARIES) as ours:
        yield ours


@pytest.fixture
def outcome(ours, tmp_path):
    """Sources -> the outputs of each cell."""

    def outcome(*sources, **files):
        folder = tmp_path / "week 1"
        folder.mkdir()
        for name, content in files.items():
            (folder / f"{name}.py").write_text(content)
        notebook = from_dict(tiny.notebook(*sources))
        ours.run(notebook, folder)
        return [cell.outputs for cell in notebook.cells]

    return outcome


def errors(outputs):
    return ["\n".join(o.traceback) for shown in outputs for o in shown if o.output_type == "error"]


@pytest.mark.parametrize("sources", cells.SHELL.values(), ids=cells.SHELL)
def test_cells_of_jupyter_run(outcome, sources):
    assert errors(outcome(*sources, "assert ok")) == []


@pytest.mark.parametrize("name", cells.SHOWN)
def test_cells_show_what_a_kernel_shows(ours, tmp_path, name):
    (folder := tmp_path / jupyter_kernel.FOLDER).mkdir()
    done = jupyter_kernel.notebook(cells.SHOWN[name])
    ours.run(done, folder)
    nbformat.validate(done)
    assert jupyter_kernel.lines(done) == json.loads(jupyter_kernel.RECORDED.read_text(encoding="utf-8"))[name]


@pytest.mark.parametrize("source", cells.FILES.values(), ids=cells.FILES)
def test_files_are_written_read_and_removed(outcome, source):
    assert errors(outcome(source, "assert ok")) == []


@pytest.mark.parametrize(
    "sources",
    [
        ["from helpers import half\nok = half(4) == 2"],
        ["%run helpers.py", "ok = width == 3 and half(4) == 2"],
        ["%run helpers", "ok = width == 3"],
        ["scale = 2\n%run -i scaled.py", "ok = scaled == 10"],
        ["%%writefile doubling.py\ndef double(x):\n    return 2 * x", "from doubling import double\nok = double(2) == 4"],
        ["%%writefile a.txt\none", "%%writefile -a a.txt\ntwo", "ok = open('a.txt').read() == 'one\\ntwo\\n'"],
        ["import os\nok = os.path.basename(os.getcwd()) == 'week 1'"],
        ["files = !ls\nok = files == ['helpers.py', 'scaled.py']"],
        ["with open('x.txt', 'w') as file:\n    file.write('a\\nb\\n')\nlines = !cat x.txt\nok = lines == ['a', 'b']"],
        ["!mkdir -p out/in\n%cd out\n!mkdir more\n%cd -\nimport os\nok = os.path.isdir('out/more') and os.path.isdir('out/in')"],
        ["import shutil\nshutil.copy('helpers.py', 'other.py')\nshutil.copytree('.', 'all')\nimport other\nok = other.width == 3"],
    ],
)  # fmt: skip
def test_files_beside_the_notebook_are_there(outcome, sources):
    files = {"helpers": "width = 3\ndef half(x):\n    return x / 2\n", "scaled": "scaled = 5 * scale\n"}
    assert errors(outcome(*sources, "assert ok", **files)) == []


@pytest.mark.parametrize("source", ["open('x.csv')", "import os\nopen(os.path.abspath('x.csv'))"])
def test_a_file_that_nobody_handed_in_is_no_limit(ours, tmp_path, source):
    notebook = from_dict(tiny.notebook(source))
    (problem,) = ours.run(notebook, tmp_path)
    assert problem.kind == "cell-error" and "there is no network" not in problem.text.en
    assert notebook.cells[0].outputs[0].ename == "FileNotFoundError"


def test_cells_that_fail_are_problems_as_beside_a_rubric_and_tests_are_not(ours, tmp_path):
    """What only follows from a syntax error is said there, and a hidden line of a test nowhere."""
    sources = (
        tiny.code_cell("def f(x)\n    return x", "answer"),
        "f(2)",
        tiny.code_cell("def secret():\n    return 1 / 0\nassert f(2) == 4", "f_test", points=4),
        "def g():\n    return y\ng()",
        "secret()",
        tiny.code_cell("z", tags=["raises-exception"]),
    )
    problems = ours.run(from_dict(tiny.notebook(*sources)), tmp_path)
    assert [(one.kind, one.cell, one.line) for one in problems] == [
        ("cell-error", 1, 1),
        ("cell-error", 4, 3),
        ("cell-error", 5, 1),
    ]
    colon, name, division = (one.text for one in problems)
    assert colon.en.endswith("A colon is missing at the end of this line.") and colon.zh.endswith("冒号。")
    assert name.en.startswith("code cell 4, line 3\n    g()\n") and name.en.endswith("name 'y' is not defined")
    assert division.en == "code cell 5, line 1\n    secret()\nZeroDivisionError: division by zero"


def test_a_missing_script_is_an_error_of_its_cell(outcome):
    (error,) = errors(outcome("%run nowhere.py", "1"))
    assert "FileNotFoundError" in error and error.startswith("code cell 1, line 1")


def test_an_error_in_a_script_names_its_line(outcome):
    (error,) = errors(outcome("%run broken.py", broken="x = 1\n\n1 / 0\n"))
    assert "broken.py, line 3\n    1 / 0" in error


def test_the_cell_with_the_endless_loop_fails_alone(outcome):
    shown = outcome("def f(): return 2\nprint('begins')\nx = 1\nwhile True:\n    pass", "f() + x")
    assert shown[0][0].text == "begins\n"
    (error,) = errors(shown)
    assert error.startswith("code cell 1, line ") and error.endswith("within 2 s; is there an endless loop?")
    assert shown[0][1].ename == "StudentTimeout"
    assert shown[1][0].data["text/plain"] == "3"


def test_one_that_goes_on_all_the_same_is_left_out(outcome):
    catching = "import time\nwhile True:\n    try:\n        time.sleep(60)\n    except BaseException: pass"
    shown = outcome("x = 1", catching, "x")
    assert (len(errors(shown)), shown[2][0].data["text/plain"]) == (1, "1")


def test_a_figure_that_takes_too_long_to_draw_is_no_part_of_the_next_cell(outcome):
    slow = "import time, matplotlib.pyplot as plt\nplt.plot([1])\nplt.gcf().savefig = lambda *_, **__: time.sleep(60)"
    shown = outcome(slow, "len(plt.get_fignums())")
    assert [output.output_type for output in shown[0]] == ["error"]
    assert [output.data["text/plain"] for output in shown[1]] == ["0"]


def test_clearing_leaves_what_comes_after(outcome):
    (shown,) = outcome(
        "from IPython.display import clear_output, display\nfor n in range(3):\n    clear_output(wait=True)\n    display(n)\nclear_output(wait=True)"
    )
    assert [output.data["text/plain"] for output in shown] == ["2"]


@pytest.mark.parametrize("loader", cells.LOADERS.values(), ids=cells.LOADERS)
def test_a_loader_with_workers_loads(outcome, loader):
    assert errors(outcome(cells.LOADER_CELL.format(loader=loader), "assert ok")) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("open('/left-behind', 'w')", "in the working folder only"),
        ("import os\nos.fork()", "no other process"),
        ("import socket\nsocket.socket()", "no network"),
        ("input()", "nobody is there"),
        ("import nowhere", "neither installed here nor beside the notebook"),
        ("open('large', 'wb').write(bytes(200 << 20))", "at most 128 MB"),
    ],
)
def test_a_limit_is_named(outcome, source, words):
    (error,) = errors(outcome(source))
    assert words in error


EXPLAINED = {
    "!wget -q https://example.com/a.zip": "`wget` did nothing",
    "%%bash\npython3 train.py": "`python3` did nothing",
    "%cd ..": "%cd .. did nothing",
    "import multiprocessing as mp\nwith mp.Pool(2) as pool:\n    ok = pool.map(abs, [-1, 2]) == [1, 2]": "works with threads",
    "n = input('n? ')": "nobody is there to answer input()",
    "import subprocess\nsubprocess.run(['ls'])": "no other process",
    "import os\nos.symlink('a', 'b')": "copy the file instead",
    "open('../data/x.csv')": "../data/x.csv lies outside of the notebook's folder",
    "import numpy as np\nnp.loadtxt('../x.csv')": "../x.csv lies outside",
    "open('/etc/passwd')": "in the working folder only",
    "import pdb\npdb.set_trace()": "answer the debugger",
    "print('x' * 100_000)": "shows more than is kept",
    "for n in range(300): display(n)": "shows more than is kept",
}


@pytest.mark.parametrize(("source", "words"), EXPLAINED.items())
def test_what_is_left_out_is_said_below_the_cell_and_to_the_instructor(ours, tmp_path, source, words):
    notebook = from_dict(tiny.notebook("1", source))
    (problem,) = ours.run(notebook, tmp_path)
    assert (problem.kind, problem.cell) == ("note", 2)
    assert words in problem.text.en and problem.text.en != problem.text.zh
    shown = json.dumps(notebook.cells[1].outputs, ensure_ascii=False)
    assert words in shown and problem.text.zh in shown


def test_each_cell_says_which_command_was_left_out_of_it(ours, tmp_path):
    notebook = from_dict(tiny.notebook("!make", "!make; make", "!date", "x = !date\nx"))
    problems = ours.run(notebook, tmp_path)
    assert [(problem.cell, "`make`" in problem.text.en) for problem in problems] == [(1, True), (2, True), (4, False)]
    assert [len(cell.outputs) for cell in notebook.cells] == [1, 1, 1, 2]
    assert "`date` was not run" in notebook.cells[2].outputs[0].text  # nobody has to do anything


def test_what_installs_is_said_once_and_not_to_the_instructor(ours, tmp_path):
    notebook = from_dict(tiny.notebook("!pip install a\n!pip install b", "!pip install c", "!conda install d"))
    assert ours.run(notebook, tmp_path) == []
    assert [[output.text.split()[0] for output in cell.outputs] for cell in notebook.cells] == [
        ["`pip`"],
        [],
        ["`conda`"],
    ]


def test_each_submission_draws_numbers_of_its_own_and_the_same_every_time(ours, tmp_path):
    """All are forked from one process, whose generators have been seeded or used."""
    draws = (
        "import random, numpy, torch\n[g() for g in (random.random, numpy.random.rand, lambda: torch.rand(()).item())]"
    )
    drawn = []
    for other in ("", "# mine", ""):
        ours.run(notebook := from_dict(tiny.notebook(draws, other)), tmp_path)
        drawn.append([float(n) for n in notebook.cells[0].outputs[0].data["text/plain"].strip("[]").split(",")])
    assert all(first != second for first, second, _ in zip(*drawn, strict=True))
    assert drawn[0] == drawn[2]


@pytest.mark.parametrize(
    "asks", ["!make", "%%bash\nmake", "%%python\n1", "x = !date\nassert x == []", "f()", "1\nf(); 1 / 0"]
)
def test_a_test_that_asks_for_a_command_waits_for_a_person(ours, tmp_path, asks):
    """Without the command's answer it would pass, or fail, whatever the student has done."""
    answer = "import os\ndef f(): os.system('make')"
    cells = [tiny.code_cell(source, f"test_{n}", points=4) for n, source in enumerate((asks, "1 == 1"))]
    cells[1]["metadata"][runner.UNDONE] = True  # as a student might claim
    notebook = from_dict(tiny.notebook(answer, *cells))
    ours.run(notebook, tmp_path)
    assert [runner.score(cell).score for cell in notebook.cells[1:]] == [None, 4]


def test_the_code_finds_the_notebook_as_it_was_handed_in(ours, tmp_path):
    """Where nbgrader keeps it, it holds the hidden tests by now."""
    made, handed_in = tmp_path / "made", tmp_path / "handed in"
    for folder, content in ((made, "hidden"), (handed_in, "own")):
        (folder / "sub").mkdir(parents=True)
        (folder / "p.ipynb").write_text(content)
        (folder / "sub" / "q.ipynb").write_text(content)
    (made / "other.ipynb").write_text("hidden")
    (handed_in / "link.ipynb").symlink_to("p.ipynb")
    notebook = from_dict(
        tiny.notebook("import glob\n[(name, open(name).read()) for name in sorted(glob.glob('*.ipynb'))]")
    )
    ours.run(notebook, made, handed_in)
    assert notebook.cells[0].outputs[0].data["text/plain"] == "[('p.ipynb', 'own')]"


def test_a_cell_that_ended_its_process_keeps_its_number(ours, tmp_path):
    notebook = from_dict(tiny.notebook("1", "import os; os._exit(0)", "2", "In[3], Out[1]"))
    ours.run(notebook, tmp_path)
    assert [cell.execution_count for cell in notebook.cells] == [1, 2, 3, 4]
    assert notebook.cells[3].outputs[0].data["text/plain"] == "('2', 1)"


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("import os; os._exit(0)", "cell-crash", "ended its own process"),
        ("import os\nfor n in range(3, 30):\n    try: os.write(n, b'\\xff' * 5000)\n    except OSError: pass",
         "cell-crash", "what came back cannot be used"),
        ("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", "cell-timeout", "did not finish"),
    ],
)  # fmt: skip
def test_whatever_ends_a_process_is_said_in_the_report(ours, tmp_path, code, kind, words):
    (problem,) = ours.run(from_dict(tiny.notebook("1", code)), tmp_path)
    assert (problem.kind, problem.cell) == (kind, 2) and words in problem.text.en


def test_folders_inside_folders_do_no_harm_to_the_next_one(ours, outcome, tmp_path):
    deep = "import os\nfor n in range(3000):\n    os.mkdir('d' * 200)\n    os.chdir('d' * 200)"
    outcome(deep)
    notebook = from_dict(tiny.notebook("import os\nos.listdir()"))
    (tmp_path / "next").mkdir()
    ours.run(notebook, tmp_path / "next")
    assert notebook.cells[0].outputs[0].data["text/plain"] == "[]"


def test_nothing_is_left_of_the_one_before(ours, tmp_path):
    first, second = (
        from_dict(tiny.notebook(source)) for source in ("open('mine', 'w').close()", "import os\nos.listdir()")
    )
    (tmp_path / "same").mkdir()
    ours.run(first, tmp_path / "same")
    ours.run(second, tmp_path / "same")
    assert second.cells[0].outputs[0].data["text/plain"] == "[]"


@pytest.mark.parametrize(
    "make",
    [
        "open(f'{n}', 'w').close()",
        "os.mkdir(f'{n}')",
        "os.symlink('nowhere', f'{n}')",
        "os.makedirs(f'{n % 20}', 0o700, exist_ok=True); open(f'{n % 20}/{n}', 'w').close()",
    ],
    ids=["files", "folders", "links", "files in folders"],
)
def test_files_without_number_are_stopped_and_harm_nobody(ours, outcome, tmp_path, make):
    """An empty file takes no room, but a file system has only so many."""
    endless = f"import os\nfor n in range(3_000_000):\n    {make}"
    began = time.monotonic()
    assert errors(outcome(endless, "4"))
    assert time.monotonic() - began < 60
    notebook = from_dict(tiny.notebook("import os\nos.listdir()"))
    (tmp_path / "next").mkdir()
    ours.run(notebook, tmp_path / "next")
    assert notebook.cells[0].outputs[0].data["text/plain"] == "[]"


@pytest.fixture
def open_folder():
    """One that every user may write to; pytest's own lets nobody in."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def test_a_folder_that_may_not_be_listed_hides_nothing(open_folder):
    """A grader who is not root has the same rights as the code."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            if os.getuid() == 0:
                os.setuid(65534)
            folder, most = open_folder / "folder", disk_watch._Taken(1 << 20, 100)
            (folder / "locked" / "inner").mkdir(parents=True)
            assert disk_watch._taken(folder, most) is not None
            (folder / "locked" / "file").write_text("hidden")
            (folder / "locked").chmod(0o300)
            assert disk_watch._taken(folder, most) is None
            (folder / "locked").chmod(0)
            disk_watch.empty(folder)
            assert not any(folder.iterdir())
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_only_what_code_adds_to_its_folder_counts(outcome, monkeypatch):
    """A course may bring along more data than code may write."""
    monkeypatch.setattr(disk_watch, "_MAX_FOLDER", 1000)
    waits, adds = "import time\ntime.sleep(0.5)\n", "open('x', 'w').write('x' * 1001)\n"
    (ended,) = errors(outcome(waits, adds + waits, data="#" * 2000))
    assert "killed" in ended


def test_all_that_a_notebook_shows_fits_into_memory_and_its_score_counts(outcome, monkeypatch):
    monkeypatch.setattr(cell_outputs, "MAX_SHOWN", 1000)
    first, second, third = outcome("print('a' * 600)", "print('b' * 600)\n2.5", "print('c' * 300)\n1 / 0")
    assert first[0].text == "a" * 600 + "\n"
    assert [output.data for output in second] == [{"text/plain": "2.5"}]
    assert [output.output_type for output in third] == ["stream", "error"]


def test_a_cell_that_shows_many_pictures_shows_them_all(outcome):
    """A dozen figures of a public course, 2 MB in all, cost the points of their cell."""
    picture = "class Picture:\n    def _repr_png_(self):\n        return bytes(700_000)\n"
    first, second = outcome(f"{picture}display(Picture())\nPicture()", "2")
    assert [len(output.data["image/png"]) for output in first] == [933_336] * 2
    assert second[0].data == {"text/plain": "2"}


@pytest.mark.parametrize(
    ("source", "picture"),
    [
        ("class P:\n    def _repr_jpeg_(self): return b'j'\n    def __repr__(self): return 'p'\nP()", "image/jpeg"),
        ("from IPython.display import Image\nImage(b'\\xff\\xd8j', format='jpeg')", "image/jpeg"),
        ("display({'text/plain': 'p', 'image/jpeg': 'ag=='}, raw=True)", "image/jpeg"),
        ("display({'text/plain': 'p', 'image/jpeg': 'ag==', 'image/png': 'ag=='}, raw=True)", "image/png"),
    ],
)
def test_a_photograph_is_a_picture_as_well(outcome, source, picture):
    """One form of it is enough: of those in Jupyter's notebooks, the first is shown."""
    ((output,),) = outcome(source)
    assert set(output.data) == {"text/plain", picture}


def test_a_notebook_that_takes_too_long_in_all_is_not_run_to_its_end(outcome, monkeypatch):
    monkeypatch.setattr(runner, "_MOST_TIMES", 0.05)
    shown = outcome("import time\ntime.sleep(0.2)\n1", "2", "3")
    assert shown[0][0].data["text/plain"] == "1"
    assert [outputs[0].ename for outputs in shown[1:]] == ["NotRun", "NotRun"]


def test_the_process_is_gone_before_the_next_gets_its_folder(outcome):
    """Its threads could go on writing there; with so much memory it takes a while to go."""
    (shown,) = outcome("import os\nheld = b'x' * (300 << 20)\nos.getpid()")
    state = Path("/proc", shown[0].data["text/plain"], "stat")
    assert not state.exists() or ") Z " in state.read_text()


def test_nobody_else_on_the_machine_finds_the_folder(outcome):
    (shown,) = outcome("import os\nprint(os.getcwd())")
    run = next(parent for parent in Path(shown[0].text).parents if "autograder-run-" in parent.name)
    assert not run.stat().st_mode & 0o066
    assert len(next(run.iterdir()).name) == 32


def test_what_ends_on_a_full_disk_is_nobodys_zero(ours, tmp_path, monkeypatch):
    """Somebody may have filled it with files that have no name any more."""
    monkeypatch.setattr(disk_watch, "_RESERVE", 1 << 60)
    monkeypatch.setattr(disk_watch, "_MAX_FOLDER", -(1 << 60))
    with pytest.raises(SandboxError, match="almost full"):
        ours.run(from_dict(tiny.notebook("while True:\n    pass")), tmp_path)


@pytest.mark.parametrize("during", [False, True], ids=["between", "during"])
def test_a_zygote_that_is_killed_is_replaced(tmp_path, during):
    with runner.NotebookRunner(10, LIBRARIES) as ours:

        def kill():
            os.kill(ours._zygote.pid, signal.SIGKILL)

        timer = threading.Timer(0.5, kill)
        timer.start() if during else kill()
        notebook = from_dict(tiny.notebook("import time\ntime.sleep(1)", "1 + 1"))
        (tmp_path / "week").mkdir()
        ours.run(notebook, tmp_path / "week")
        timer.cancel()
        assert notebook.cells[1].outputs[0].data["text/plain"] == "2"
        assert errors(cell.outputs for cell in notebook.cells) == []
