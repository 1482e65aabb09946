"""`Notebook`: how cells run, what fails, and which function of a name is the one that is graded."""

import linecache
import traceback

import pytest

from autograder.sandbox.cells import Notebook
from autograder.sandbox.generators import CellSeed
from autograder.sandbox.variables import shown_by


def run(*sources, functions=None, names=("f",), **options):
    """Run cells; ``GRADE exercise`` stands for a grade cell."""
    notebook = Notebook(functions or dict.fromkeys(names, "exercise"))
    notebook.failures = []
    for number, source in enumerate(sources, start=1):
        if source.startswith("GRADE "):
            notebook.reach_grade_cell(source.removeprefix("GRADE "))
        else:
            notebook.failures += notebook.run(f"code cell {number}", source, **options)
    notebook.finish()
    return notebook


def kinds(notebook):
    return [failure.kind for failure in notebook.failures]


def script(*parts, **options):
    """The parts of a ``.py`` file, one after the other."""
    notebook, first_line = Notebook(dict.fromkeys("fgh", "exercise"), "submission"), 0
    notebook.failures = []
    for part in parts:
        notebook.failures += notebook.run("work.py", part, first_line=first_line, resume=True, **options)
        first_line += part.count("\n")
    notebook.finish()
    return notebook


# -- what IPython adds ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "%matplotlib inline",
        "!pip install d2l",
        "%config A.b = 1",
        "f?",
        "%%bash\nexit 1",
        "files = !ls",
        "%load_ext autoreload",
        "display(1)",
    ],
)
def test_magics_and_shell_lines_do_nothing(line):
    assert run(line).failures == []


def test_a_percent_sign_may_continue_an_expression():
    notebook = run("x = ('%d %s'\n     % (1, 'a'))\ny = 7 \\\n% 4")
    assert (notebook.failures, notebook.names["x"], notebook.names["y"]) == ([], "1 a", 3)


def test_the_time_magics_run_their_code():
    notebook = run("%%time\nx = 1\ndef f(): return x", "%time y = 2", "%%capture out\nz = 3", "%timeit w = 4")
    assert notebook.failures == []
    assert (notebook.find("f")(), *map(notebook.names.get, "yzw")) == (1, 2, 3, 4)


def test_options_of_the_time_magics_are_not_code():
    notebook = run("%timeit -n 1 -r 1 x = 1\ny = 2")
    assert (notebook.failures, notebook.names.get("x"), notebook.names.get("y")) == ([], 1, 2)


def test_the_value_of_a_timed_expression_can_be_assigned():
    assert run("y = %time 1 + 1").names["y"] == 2


@pytest.mark.parametrize("magic", ["%%bash", "%%writefile x.py", "%%javascript", "%%unheard_of"])
def test_other_cell_magics_do_not_run_their_body(magic, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook = run(f"{magic}\nx = 1")
    assert (notebook.failures, "x" in notebook.names) == ([], False)


@pytest.mark.parametrize(("magic", "line"), [("%%time\n\n1 / 0", 3), ("x = 1\n%time 1 / 0", 2)])
def test_an_error_under_a_time_magic_has_its_own_line(magic, line):
    (failure,) = run(magic).failures
    assert failure.frames[-1][:2] == ("code cell 1", line)


# -- running and failing -------------------------------------------------------------------------------------------------


def test_a_cell_runs_statement_by_statement_up_to_the_one_that_fails():
    notebook = run("a = 1\nb = 1 / 0\nc = 3", "d = 4")
    assert [name for name in "abcd" if name in notebook.names] == ["a", "d"]


def test_a_failing_cell_is_recorded_with_its_place():
    (failure,) = run("x = 1\n\nx.nothing", "y = 1").failures
    assert (failure.kind, failure.message) == ("AttributeError", "'int' object has no attribute 'nothing'")
    assert failure.frames == [("code cell 1", 3, "<module>", "x.nothing")]


def test_frames_name_the_cell_each_function_stands_in():
    (failure,) = run("def f(x):\n    return 1 / x", "\nf(0)").failures
    assert failure.frames == [("code cell 2", 2, "<module>", "f(0)"), ("code cell 1", 2, "f", "return 1 / x")]


def test_an_error_inside_a_library_ends_in_its_innermost_frame():
    (failure,) = run("import json\njson.loads('[')").failures
    assert [frame[0].rpartition("/")[2] for frame in failure.frames] == ["code cell 1", "decoder.py"]


def test_long_tracebacks_are_cut_in_the_middle():
    (failure,) = run("def f(n):\n    return f(n + 1)\nf(0)").failures
    assert failure.kind == "RecursionError"
    assert len(failure.frames) <= 8
    assert failure.frames[0][2] == "<module>"


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("raise SystemExit(0)", "SystemExit"),
        ("import sys; sys.exit()", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise BaseException", "BaseException"),
    ],
)
def test_exceptions_that_end_a_program_end_a_cell(statement, kind):
    notebook = run(statement, "x = 1")
    assert kinds(notebook)[0] in kind.split("|")
    assert notebook.names["x"] == 1


def test_a_syntax_error_costs_its_cell():
    notebook = run("def f():\n    return 1\n", "x = 1\nprint 'x'", "y = 1")
    (failure,) = notebook.failures
    assert (failure.kind, failure.frames) == ("SyntaxError", [("code cell 2", 2, "", "print 'x'")])
    assert "x" not in notebook.names
    assert (notebook.names["y"], notebook.find("f")()) == (1, 1)


def test_full_width_punctuation_is_a_syntax_error_of_its_line():
    (failure,) = run("x = 1\nprint（x）").failures
    assert (failure.kind, failure.frames[0][1]) == ("SyntaxError", 2)
    assert "U+FF08" in failure.message


@pytest.mark.parametrize(
    ("source", "said"), [("print((1)", "never closed"), ("def f():\n", "expected an indented block")]
)
def test_unfinished_code_is_told_as_python_tells_it(source, said):
    (failure,) = run(source).failures
    assert failure.kind in ("SyntaxError", "IndentationError")
    assert said in failure.message


@pytest.mark.parametrize(
    "source", ["x = '\0'", "(" * 5000 + ")" * 5000, "x = " + "-" * 50_000 + "1"], ids=["nul", "brackets", "signs"]
)
def test_code_that_cannot_be_compiled_costs_its_cell(source):
    notebook = run(source, "y = 1")
    assert len(notebook.failures) == 1
    assert notebook.names["y"] == 1


def test_future_imports_carry_over_to_later_cells():
    notebook = run("from __future__ import annotations", "def f(x: unknown): return x")
    assert notebook.failures == []
    assert notebook.find("f").__annotations__ == {"x": "unknown"}


def test_an_exception_whose_str_raises_is_recorded_without_message():
    notebook = run("class E(Exception):\n    def __str__(self): raise SystemExit\nraise E", "x = 1")
    (failure,) = notebook.failures
    assert (failure.kind, failure.message, notebook.names["x"]) == ("E", "", 1)


def test_an_exception_whose_message_is_endless_is_cut():
    (failure,) = run("raise ValueError('x' * 10_000_000)").failures
    assert len(failure.message) <= 2000


HOSTILE_NAME = "class M(type):\n    @property\n    def __name__(cls): raise SystemExit\nclass E(Exception, metaclass=M): pass\nraise E"
HOSTILE_TEXT = "class S(str):\n    def __getitem__(self, _): return [1]\nclass E(Exception):\n    def __str__(self): return S()\nraise E"


@pytest.mark.parametrize("source", [HOSTILE_NAME, HOSTILE_TEXT], ids=["name of the type", "text"])
def test_a_hostile_exception_is_recorded_as_plain_text(source):
    try:
        (failure,) = run(source).failures
    except BaseException:  # noqa: BLE001 -- pytest cannot tell of such an exception either
        failure = None
    assert failure is not None
    assert (type(failure.kind), type(failure.message)) == (str, str)


def test_main_is_main_in_a_notebook_only():
    main = "if __name__ == '__main__':\n    x = 1"
    assert "x" in run(main).names
    assert "x" not in script(main).names


# -- which function is graded --------------------------------------------------------------------------------------------


def test_a_function_is_graded_as_it_stood_at_its_grade_cell():
    notebook = run("def f(): return 1", "GRADE exercise", "f = None", "def f(): return 2", "class f: pass")
    assert notebook.find("f")() == 1


def test_of_two_grade_cells_of_one_name_the_last_counts():
    notebook = run("def f(): return 1", "GRADE exercise", "def f(): return 2", "GRADE exercise", "f = 3")
    assert notebook.find("f")() == 2


def test_a_function_written_below_its_grade_cell_is_found():
    assert run("GRADE exercise", "def f(): return 1", "f = None").find("f")() == 1


@pytest.mark.parametrize(
    "definition",
    [
        "def f(): return 1",
        "if True:\n    def f(): return 1",
        "try:\n    def f(): return 1\nexcept OSError: pass",
        "try:\n    1 / 0\nexcept ZeroDivisionError:\n    def f(): return 1",
        "import contextlib\nwith contextlib.suppress(OSError):\n    def f(): return 1",
        "for _ in range(1):\n    def f(): return 1",
        pytest.param(
            "match 1:\n    case 1:\n        def f(): return 1",
        ),
        "%%time\ndef f(): return 1",
    ],
)
@pytest.mark.parametrize("join", ["same cell", "later cell"])
def test_without_grade_cell_the_last_def_is_graded(definition, join):
    rebound = (f"{definition}\nf = None",) if join == "same cell" else (definition, "f = None")
    assert run("def f(): return 0", *rebound).find("f")() == 1


def test_a_function_that_is_no_def_is_graded_as_it_stands_at_the_end():
    assert run("f = lambda: 1", "f = lambda: 2").find("f")() == 2


def test_helpers_defined_later_are_visible():
    notebook = run("def f(): return helper()", "GRADE exercise", "def helper(): return 1")
    assert notebook.find("f")() == 1


def test_helpers_are_those_of_the_grade_cell_where_they_were_rebound():
    notebook = run("def helper(): return 1\ndef f(): return helper()", "GRADE exercise", "def helper(): return 2")
    assert notebook.find("f")() == 1


COURSE = ("def data_iter(): return 'mine'", "GRADE data", "def train(): return data_iter()", "GRADE training")


def test_an_exercise_uses_the_functions_of_others_as_they_stood_then():
    functions = {"data_iter": "data", "train": "training"}
    notebook = run(*COURSE, "class DataLoader: pass\ndata_iter = DataLoader()", functions=functions)
    assert (notebook.find("train")(), notebook.find("data_iter")()) == ("mine", "mine")


def test_without_grade_cells_an_exercise_uses_the_last_defs_of_others():
    functions = {"data_iter": "data", "train": "training"}
    notebook = run(*(c for c in COURSE if not c.startswith("GRADE")), "data_iter = [1]", functions=functions)
    assert notebook.find("train")() == "mine"


def test_a_rebound_helper_of_an_early_exercise_does_not_reach_a_late_one():
    functions = {"f": "first", "g": "second"}
    notebook = run(
        "k = 1\ndef f(): return k",
        "GRADE first",
        "k = 2\ndef g(): return k",
        "GRADE second",
        "k = 3",
        functions=functions,
    )
    assert [notebook.find(name)() for name in "fgfg"] == [1, 2, 1, 2]


def test_globals_that_a_call_changes_stay_changed_within_the_exercise():
    functions = {"f": "first", "g": "second"}
    notebook = run(
        "n = 0\ndef f():\n    global n\n    n += 1\n    return n",
        "GRADE first",
        "def g(): return n",
        "GRADE second",
        functions=functions,
    )
    assert [notebook.find(name)() for name in "ffgf"] == [1, 2, 0, 3]


def test_decorators_closures_and_classes_see_the_view_of_their_exercise():
    notebook = run(
        "import functools\nk = 1\ndef twice(g):\n    @functools.wraps(g)\n    def inner(*a): return 2 * g(*a) * k\n    return inner",
        "@twice\ndef f(x): return x + k",
        "class Net:\n    def __call__(self, x): return f(x) + k\ndef make():\n    c = k\n    return lambda x: c + k + x",
        "GRADE exercise",
        "k = 100\nf = make = Net = twice = None",
        names=("f", "make", "Net"),
    )
    assert notebook.find("f")(1) == 4
    assert notebook.find("Net")()(1) == 5
    assert notebook.find("make")()(0) == 2


def test_a_missing_function_is_a_key_error():
    with pytest.raises(KeyError):
        run("x = 1").find("f")


def test_a_function_that_is_none_is_there_all_the_same():
    notebook = Notebook({"f": "exercise"})
    notebook.run("code cell 1", "f = 5\nx = 5")
    notebook.finish()
    assert "f" in notebook.defined() and "x" not in notebook.defined()


def test_the_callables_a_student_defined_are_known():
    names = run("def f(): pass\nx = 1\nclass Net: pass", "GRADE exercise", "del f").defined()
    assert {"f", "Net"} <= set(names)
    assert "x" not in names


# -- scripts -------------------------------------------------------------------------------------------------------------


def test_a_typo_in_one_function_of_a_script_costs_that_function():
    notebook = script(
        "import math\n\ndef f(x):\n    return x +\n\ndef g(x):\n    return math.floor(x)\n\n@staticmethod\ndef h(x): return x\n"
    )
    assert kinds(notebook) == ["SyntaxError"]
    assert notebook.find("g")(1.5) == 1
    assert notebook.find("h")(2) == 2
    with pytest.raises(KeyError):
        notebook.find("f")


def test_the_line_of_a_typo_in_a_script_is_the_line_of_the_file():
    (failure,) = script("x = 1\n\n", "def f(x):\n    return x\n\ndef g(x):\n    return x +\n").failures
    assert failure.frames[0][:2] == ("work.py", 7)


def test_a_failing_statement_does_not_stop_a_script():
    notebook = script("a = 1 / 0\nb = undefined\ndef f(): return 1\n")
    assert kinds(notebook) == ["ZeroDivisionError", "NameError"]
    assert notebook.find("f")() == 1


def test_the_main_part_of_a_script_is_not_run():
    assert script("def f(): return 1\nif __name__ == '__main__':\n    raise SystemExit\n").failures == []


def test_definitions_only_runs_neither_loops_nor_assignments():
    notebook = run(
        "import math\nx = 1\nwhile True: pass\ndef f(): return math.pi\nclass Net: pass", definitions_only=True
    )
    assert (notebook.failures, "x" in notebook.names, "Net" in notebook.names) == ([], False, True)
    assert notebook.find("f")() > 3


def test_line_numbers_of_a_script_in_parts_are_those_of_the_file():
    parts = ["# %%\nimport math\n", "# %%\ndef f(x):\n    return 1 / x\n", "# %%\n\nf(0)\n"]
    (failure,) = script(*parts).failures
    assert failure.frames == [("work.py", 8, "<module>", "f(0)"), ("work.py", 5, "f", "return 1 / x")]
    assert linecache.getlines("work.py") == "".join(parts).splitlines(keepends=True)


def test_tracebacks_show_the_lines_of_a_cell():
    notebook = run("\n\ndef f():\n    return 1 / 0")
    try:
        notebook.find("f")()
    except ZeroDivisionError as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
    assert (last.filename, last.lineno, last.line) == ("code cell 1", 4, "return 1 / 0")


@pytest.mark.parametrize("character", ["\f", "\u2028", "\x1c"])
def test_only_line_feeds_end_a_line(character):
    (failure,) = run(f"x = '''{character}'''\n1 / 0\ny = 1").failures
    assert failure.frames == [("code cell 1", 2, "<module>", "1 / 0")]


def test_every_cell_begins_with_the_seed():
    notebook = Notebook({}, cell_seed=CellSeed(7))
    for source in ("import numpy as np\nfirst = np.random.rand()", "second = np.random.rand()"):
        assert notebook.run("c", source) == []
    assert round(notebook.names["first"], 4) == round(notebook.names["second"], 4) == 0.0763
    named = Notebook({}, cell_seed=CellSeed(4, "seed"))
    assert named.run("c", "seed = 9\nfirst = seed") == named.run("c", "second = seed") == []
    assert (named.names["first"], named.names["second"]) == (9, 4)


def test_variables_are_copies_of_what_the_grade_cell_found():
    notebook = Notebook({"f": "other"}, variables={"e": ["x", "once", "late"]})
    assert notebook.run("c", "x = y = [1]\nonce = (n for n in [2])") == []
    notebook.reach_grade_cell("e")
    assert notebook.run("c", "x.append(3)\nlate = 4") == []
    notebook.finish()
    names = notebook.names_at("e")
    assert (names["x"], names["late"], next(names["once"])) == ([1], 4, 2)
    assert shown_by("print(x)\nz = x * 2\nz", names) == ("[1]\n", "[1, 1]")
    assert shown_by("x.append(5)", names) == ("", None) and "z" not in names
