"""Master notebooks of Otter's: their formats, their mistakes, solutions and points."""

import json

import pytest
from otter_master import code, question, raw, words, write

from autograder.base.errors import UsageError
from autograder.course.otter import files, master, names, points, solutions, writing
from autograder.course.otter.plan import Plan

ANSWERED = {"solution": [code("x = 1 # SOLUTION")], "tests": [code("x", "1")]}


@pytest.mark.parametrize(
    ("asked", "own", "worth"),
    [
        (None, [None, None], [0.5, 0.5]),
        (6, [2, None, 2, None], [2, 1, 2, 1]),
        (3, [None, None, None], [1, 1, 1]),
        (None, [None, 2, None], [0, 2, 0]),
        (None, [0, None, None], [0, 0.5, 0.5]),
        (None, [0, 0], [0, 0]),
        (4, [4, None], [4, 0]),
        ([1, 0.5], [None, 9], [1, 0.5]),
        ({"each": 2}, [None, None], [2, 2]),
    ],
)
def test_points_are_resolved_as_otter_documents(asked, own, worth):
    assert points.resolved(asked, own) == worth


@pytest.mark.parametrize(("asked", "own"), [(1, [2, None]), ([1], [None, None]), ("two", [None]), (True, [None])])
def test_points_that_contradict_each_other_are_refused(asked, own):
    with pytest.raises(UsageError):
        points.resolved(asked, own)


@pytest.mark.parametrize(
    ("source", "becomes"),
    [
        ("x = 1 # SOLUTION", "# x = ...\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION"),
        ("a, b = f(1)  # SOLUTION", "# a, b = ...\n### BEGIN SOLUTION\na, b = f(1)\n### END SOLUTION"),
        ("t = 1 # SOLUTION NO PROMPT\nprint(t)", "### BEGIN SOLUTION\nt = 1\n### END SOLUTION\nprint(t)"),
        ("if x:\n    # BEGIN SOLUTION\n    y = 2\n    # END SOLUTION\n    z = 3", "if x:\n    ### BEGIN SOLUTION\n    y = 2\n    ### END SOLUTION\n    z = 3"),
        ('def f():\n    # BEGIN SOLUTION NO PROMPT\n    return 1\n    # END SOLUTION\n    """ # BEGIN PROMPT\n    # write f\n    pass\n    """; # END PROMPT', "def f():\n    # write f\n    # pass\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"),
        ('# BEGIN SOLUTION NO PROMPT\na = 1\n# END SOLUTION\n""" # BEGIN PROMPT\na = ...\ndef f():\n    #try\n    return ...\n""" # END PROMPT', "# a = ...\n# def f():\n#     #try\n#     return ...\n### BEGIN SOLUTION\na = 1\n### END SOLUTION"),
        ("np.random.seed(1) # SEED\nx = 2", "np.random.seed(1)\nx = 2"),
        ("def f():\n    return 1 # SOLUTION\ng = 2 # SOLUTION", "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n# g = ...\n### BEGIN SOLUTION\ng = 2\n### END SOLUTION"),
        ("for i in x: # SOLUTION\n    # BEGIN SOLUTION\n    y = i\n    # END SOLUTION\nz = 1 # SOLUTION", "# z = ...\n### BEGIN SOLUTION\nfor i in x:\n    y = i\nz = 1\n### END SOLUTION"),
        ("# BEGIN SOLUTION\nx = 1\nprint(x) # IGNORE\n# END SOLUTION", "### BEGIN SOLUTION\nx = 1\n### END SOLUTION"),
        ("x = 1\n# BEGIN IGNORE\ny = 2\n# END IGNORE\nz = 3 # IGNORE", "x = 1"),
    ],
)  # fmt: skip
def test_solutions_become_regions(source, becomes):
    assert solutions.converted(source).source == becomes


@pytest.mark.parametrize(
    ("kind", "source", "becomes"),
    [
        ("code", "read('a.csv') or read(\"./a.csv\") or 'see a.csv'", "read('data/a.csv') or read(\"data/a.csv\") or 'see a.csv'"),
        ("code", "read(f'in/more/{n}.csv'), row['in'], 'in/more'", "read(f'data/in/more/{n}.csv'), row['in'], 'in/more'"),
        ("code", "os.listdir('img'), 'img/x.png', 'image'", "os.listdir('data/img'), 'data/img/x.png', 'image'"),
        ("code", "sys.path.append('src')", "sys.path.append('data/src')"),
        ("code", "read('data/a.csv')", "read('data/a.csv')"),
        ("code", "read('../shared/b.csv')", "read('data/shared/b.csv')"),
        ("markdown", "![p](img/p.png) <img src='a.csv' width=2> 'a.csv'", "![p](data/img/p.png) <img src='data/a.csv' width=2> 'a.csv'"),
    ],
)  # fmt: skip
def test_cells_read_files_where_they_are_now(kind, source, becomes):
    named = ["a.csv", "in/more/x.csv", "img", "src/help.py", "../shared/b.csv"]
    assert files.Files(places={name: files.place_of(name) for name in named}).rewritten(source, kind) == becomes


def test_a_name_that_pythons_own_has_too_is_the_notebooks(tmp_path):
    solution, tests = (
        [code("def max(xs):\n    return xs[-1] # SOLUTION")],
        [code("max([1, 2])", "2"), code("min([1])", "1")],
    )
    plan = Plan(master.read(write(tmp_path / "m.ipynb", *question("name: q1", solution=solution, tests=tests))))
    (exercise,) = plan.exercises()
    assert [criterion.written.body for criterion in exercise.criteria] == [
        ("max = student.max", "checks.assert_shows(lambda: max([1, 2]), '2')"),
        ("checks.assert_shows(lambda: min([1]), '1')",),
    ]


def test_names_of_modules_beside_the_notebook_are_the_notebooks():
    sources = ["from lib.more import *\nfrom lib import f\nimport lib.more as more, numpy as np", "from math import *"]
    found = names.defined_by(sources, frozenset({"lib"}))
    assert (found.stars, found.imports, found.names) == (
        ["from math import *"],
        {"np": "import numpy as np"},
        {"f", "more", "np"},
    )


def swap(cells, at, cell):
    return [*cells[:at], *cell, *cells[at + 1 :]]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (swap(question("name: q1", **ANSWERED), 3, []), r"cell 4: `# BEGIN TESTS` stands in a block that has not ended|cell 4: .*"),
        (question("name: q1", **ANSWERED)[:-1], r"cell 1: `# BEGIN QUESTION` has no `# END QUESTION`; add one below"),
        (question("name: q1", **ANSWERED)[1:], r"cell 1: `# BEGIN SOLUTION` stands outside of a question; move it into one"),
        ([*question("name: q1", **ANSWERED), raw("# END TESTS")], r"cell 9: `# END TESTS` has no `# BEGIN TESTS`; remove it"),
        ([*question("name: q1", **ANSWERED), *question("name: Q1", **ANSWERED)], r"cell 9: a question in cell 1 is called 'q1' too"),
        (question("points: 1", **ANSWERED), r"cell 1: the question has no name; add a line such as `name: q1`"),
        (question("name: [q1", **ANSWERED), r"cell 1: is not YAML"),
        (question("name: q1", solution=[code("# BEGIN SOLUTION\nx = 1")], tests=[code("x")]), r"cell 3: `# BEGIN SOLUTION` has no `# END SOLUTION`"),
        ([words("x\n# BEGIN IGNORE\ny"), *question("name: q1", **ANSWERED)], r"cell 1: `# BEGIN IGNORE` has no `# END IGNORE`"),
        (question("name: q1", solution=[code("x = 1")], tests=[words("x")]), r"cell 6: only code cells can be tests"),
        (question("name: q1", solution=[code("x = 1")], tests=[code("%time x")]), r"cell 6: the test is not Python: .*no magics"),
        (question("name: q1; points: 1", solution=[code("x = 1")], tests=[code('""" # BEGIN TEST CONFIG\npoints: 2\n""" # END TEST CONFIG\nx')]), r"cell 1: the tests are worth 2 points, the question 1"),
        ([raw("# ASSIGNMENT CONFIG", "files: [gone.csv, away.png]"), *question("name: q1", **ANSWERED)], r"`files` names what is not there: gone\.csv, away\.png$"),
        ([code("x = 1")], r"has no question of Otter's"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_in_one_line_with_file_and_cell(tmp_path, cells, says):
    file = write(tmp_path / "m.ipynb", *cells)
    with pytest.raises(UsageError, match=says) as raised:
        writing.write(Plan(master.read(file)), tmp_path / "lab", ["en"])
    assert str(raised.value).startswith(f"{file}: ") and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("m.ipynb", "not JSON", "is not a notebook"),
        ("m.ipynb", '{"cells": [{"cell_type": "code"}]}', "is not a notebook"),
        ("m.ipynb", '{"cells": [{"cell_type": "code", "source": "", "metadata": 3}]}', "is not a notebook"),
        ("m.ipynb", '{"cells": [], "metadata": {"kernelspec": {"name": "ir"}}}', "is in R; only notebooks"),
        ("table.csv", "a,b", r"is not a notebook \(\.ipynb\); name the master notebook"),
        ("m.Rmd", "# words", "is R Markdown or Quarto; only notebooks in Python"),
    ],
)
def test_a_file_of_another_kind_is_refused(tmp_path, name, content, says):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(UsageError, match=says):
        master.read(tmp_path / name)
    with pytest.raises(UsageError, match="is in r; only notebooks in Python"):
        master.read(write(tmp_path / "r.ipynb", code("x <- 1"), language="r"))


def written(folder, path):
    """What becomes of a master notebook, as text."""
    writing.write(Plan(master.read(path)), folder / "lab", ["en"])
    cells = json.loads((folder / "lab" / "lab.ipynb").read_text(encoding="utf-8"))["cells"]
    marks = [cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in cells]
    rubrics = [f.read_text(encoding="utf-8") for f in sorted((folder / "lab").rglob("test_*.py"))]
    return [(mark, "".join(cell["source"])) for mark, cell in zip(marks, cells, strict=True) if mark], rubrics


def test_configuration_means_what_it_means_to_otter(tmp_path):
    (tmp_path / "shared.yml").write_text("files: [a.csv]\nname: first\nname: lab\n", encoding="utf-8")
    test = code('""" # BEGIN TEST CONFIG\nhidden: no\n""" # END TEST CONFIG\nx', "1")
    cells = [
        raw("# ASSIGNMENT CONFIG", "config_file: shared.yml", "files: []", "tests: {ok_format: yes}"),
        *question("name: q1; manual: off; all_or_nothing: No; points: &worth 2", **ANSWERED | {"tests": [test, test]}),
    ]
    plan = Plan(master.read(write(tmp_path / "m.ipynb", *cells)))
    (exercise,) = plan.exercises()
    assert [(c.points, c.case.is_hidden) for c in exercise.criteria] == [(1, False), (1, False)]
    assert plan.master.config["name"] == "lab" and not plan.files.paths


def test_what_generate_asks_for_is_told_by_what_it_changes(tmp_path):
    config = (
        "generate: {seed: 3, points_possible: 100, show_hidden: true, score_threshold: null, pdf: true, zips: false}"
    )
    file = write(tmp_path / "m.ipynb", raw("# ASSIGNMENT CONFIG", config), *question("name: q1", **ANSWERED))
    assert [note.words.en for note in writing.notes(Plan(master.read(file)))] == [
        "`generate: points_possible` was left out: "
        "an assignment is worth the sum of its questions; scale it where you export grades",
        "`generate: show_hidden` was left out: "
        "feedback names the hidden criteria that a student misses, never what they test",
        "`generate`: left out, since it is about Gradescope and PDFs: pdf, zips",
    ]


def test_fenced_cells_and_the_oldest_format_mean_the_same(tmp_path):
    solution, public, hidden = code("x = 4 # SOLUTION"), code("x > 3", "True"), code("x", "4")
    asked = [words("What is `x`?"), words("Why?")]
    reason = words("**SOLUTION**: so")
    config, manual = "name: q1; points: 2", "name: q2; manual: true; points: 1"
    present = [
        *question(config, asked[0], solution=[solution], tests=[public, {**hidden, "source": "# HIDDEN\nx"}]),
        *question(manual, asked[1], solution=[reason]),
    ]
    fenced = [words("```otter\n" + c["source"] + "\n```") if c["cell_type"] == "raw" else c for c in present]
    oldest = [
        words(f"{asked[0]['source']}\n\n```\nBEGIN QUESTION\nname: q1\npoints: 2\n```"),
        solution,
        {**public, "source": "## Test ##\nx > 3"},
        {**hidden, "source": "## Hidden Test ##\nx"},
        words(f"{asked[1]['source']}\n```\nBEGIN QUESTION\nname: q2\nmanual: true\npoints: 1\n```"),
        reason,
    ]
    found = []
    for number, cells in enumerate((present, fenced, oldest)):
        (tmp_path / str(number)).mkdir()
        found.append(written(tmp_path / str(number), write(tmp_path / str(number) / "m.ipynb", *cells)))
    assert found[0] == found[1] == found[2]
    marks, (hidden_rubric, rubric) = found[0]
    assert [mark for mark, _ in marks] == ["q1", "test_q1", "q2"]
    assert "checks.assert_shows(lambda: x > 3, 'True')" in rubric and "'4'" not in rubric
    assert "checks.assert_shows(lambda: x, '4')" in hidden_rubric and 'title="hidden test 2"' in hidden_rubric


def test_tests_that_raise_become_their_statements(tmp_path):
    tests = [
        code("def test_shape(np, f, env):\n    y = f(2)\n    assert np.isclose(y, env['expected'])\n\ntest_shape(np, f, globals())"),
        code("# HIDDEN\ndef test_all(env):\n    assert sorted(env)\n"),
    ]  # fmt: skip
    cells = [
        raw("# ASSIGNMENT CONFIG", "tests: {ok_format: false}"),
        code("import numpy as np\nexpected = 4"),
        *question("name: q1", solution=[code("def f(x, *, k=2):\n    return x ** k # SOLUTION")], tests=tests),
    ]
    _, (hidden, rubric) = written(tmp_path, write(tmp_path / "m.ipynb", *cells))
    assert "import numpy as np\n" in rubric and 'title="shape"' in rubric
    body = (
        "f = variables['f']\n    expected = variables['expected']\n    y = f(2)\n    assert np.isclose(y, expected)\n"
    )
    assert f"def test_q1_case1(variables):\n    {body}" in rubric
    assert "variables.run(test)" in hidden and "env=globals()" in hidden


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("plt.gca().get_title()", "it asks `matplotlib`"),
        ("import os\nos.path.exists('a')", "it asks `os`"),
        ("'x' in globals()", "it asks for `globals`"),
        ("[_ for _ in range(2)] == [_ + 1]", "it asks for `_`"),
        ("for _ in range(2):\n    pass\nx == given", None),
        ("student = x\nstudent", "it uses the name `student`"),
        ("def f():\n    global x\n    x = 3\nf()", "it changes names"),
        ("x == given", None),
    ],
)
def test_what_depends_on_the_process_runs_in_the_students(tmp_path, test, reason):
    cells = [
        code("import matplotlib.pyplot as plt\ngiven = 1"),
        *question("name: q1", solution=[code("x = 1 # SOLUTION")], tests=[code(test, "True")]),
    ]
    plan = Plan(master.read(write(tmp_path / "m.ipynb", *cells)))
    (exercise,) = plan.exercises()
    inside = exercise.criteria[0].written.inside
    assert (inside is None) if reason is None else inside.en.startswith(reason)
