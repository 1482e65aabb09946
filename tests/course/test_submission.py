"""Reading what was handed in: nothing in a file is worse than a reason its student can read, in either language."""

import hashlib
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.base.errors import SubmissionError
from autograder.course.submission import read, sha256


@pytest.fixture
def write(tmp_path):
    def write(content, name="work.ipynb"):
        path = tmp_path / name
        if not isinstance(content, bytes | str):
            content = json.dumps(content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def cell(source, kind="code", **metadata):
    return {"cell_type": kind, "source": source, "metadata": metadata, "outputs": [], "execution_count": 7}


def notebook(*cells, **more):
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"language_info": {"name": "python"}},
        "cells": list(cells),
        **more,
    }


def refusal(path):
    with pytest.raises(SubmissionError) as caught:
        read(path)
    reason = caught.value.text
    assert reason.en
    assert reason.zh != reason.en
    assert any("\u4e00" <= character <= "\u9fff" for character in reason.zh)
    reason.model_dump_json()
    return reason.en


# -- notebooks -----------------------------------------------------------------------------------------------------------

OLD = {"cell_type": "code", "language": "python", "input": ["x = 1\n", "y = 2"], "outputs": [], "collapsed": False}
FORMATS = {
    "2": {"nbformat": 2, "metadata": {"name": "a"}, "worksheets": [{"cells": [{**OLD, "input": "x = 1\ny = 2"}]}]},
    "3": {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [{"cells": [{"cell_type": "heading", "level": 1, "source": ["A"]}, OLD]}],
    },
    "3, two sheets": {"nbformat": 3, "worksheets": [{"cells": []}, {"cells": [OLD]}]},
    "4.0": {
        "nbformat": 4,
        "nbformat_minor": 0,
        "metadata": {},
        "cells": [cell("A", "markdown"), cell(["x = 1\n", "y = 2"])],
    },
    "4.5": notebook({**cell("x = 1\ny = 2"), "id": "ab12"}),
    "no format": {"cells": [cell("x = 1\ny = 2")]},
    "no metadata": {"cells": [{"cell_type": "code", "source": "x = 1\ny = 2"}]},
}


@pytest.mark.parametrize("content", FORMATS.values(), ids=FORMATS)
def test_every_format_of_notebooks_can_be_read(write, content):
    path = write(content)
    submission = read(path)
    (code,) = submission.cells
    assert (code.source, code.label, code.number, submission.problems) == ("x = 1\ny = 2", "code cell 1", 1, ())
    assert submission.sha256 == sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_newer_format_is_named_and_read_as_the_newest_known(write):
    submission = read(write(notebook(cell("x = 1"), cell("A", "markdown"), nbformat=5)))
    assert [code.source for code in submission.cells] == ["x = 1"]
    assert [(p.kind, "format 5; it was read as format 4" in p.text.en) for p in submission.problems] == [("note", True)]


@pytest.mark.parametrize(
    "more",
    [
        {"cells": [cell("x = 1"), {"cell_type": "code", "code": "y = 2"}]},
        {"cells": [cell("x = 1"), cell("y = 2", "widget")]},
        {"cells": []},
        {"cells": {"a": cell("x = 1")}},
    ],
    ids=["text elsewhere", "another type", "none", "by name"],
)
def test_a_newer_format_whose_cells_cannot_be_read_is_refused(write, more):
    """Else the code would be lost without a word."""
    assert "is of notebook format 5, of which not every cell" in refusal(write(notebook(**more, nbformat=5)))


def test_cell_numbers_count_code_cells(write):
    cells = read(write(notebook(cell("a", "markdown"), cell("x"), cell("b", "raw"), cell(""), cell("y")))).cells
    assert [(c.number, c.source, c.label) for c in cells] == [
        (1, "x", "code cell 1"),
        (2, "", "code cell 2"),
        (3, "y", "code cell 3"),
    ]


def test_the_marks_of_cells_are_read(write):
    grade = {"grade": True, "grade_id": "test_sgd", "points": 3, "solution": False, "locked": True}
    both = {"grade": True, "solution": True, "grade_id": "manual", "points": 1.5}
    cells = read(
        write(
            notebook(
                cell("a", nbgrader={"solution": True, "grade_id": "sgd"}),
                cell("b", nbgrader=grade),
                cell("c", nbgrader=both),
                cell("d", tags=["skip-grading"]),
                cell("e", tags="skip-grading", nbgrader="?"),
                cell("f", nbgrader={"grade_id": 7, "points": "3"}),
            )
        )
    ).cells
    assert [c.is_test for c in cells] == [False, True, False, False, False, False]
    assert [c.grade_id for c in cells] == ["sgd", "test_sgd", "manual", None, None, None]
    assert [c.points for c in cells] == [None, 3, 1.5, None, None, None]
    assert [c.skip for c in cells] == [False, False, False, True, False, False]


def test_damaged_cells_are_left_out_and_named(write):
    submission = read(write(notebook(cell("a"), 5, None, cell(7), cell(["x", 1]), {"cell_type": "code"}, cell("b"))))
    assert [(c.number, c.source) for c in submission.cells] == [(1, "a"), (4, ""), (5, "b")]
    assert [(p.kind, p.cell) for p in submission.problems] == [
        ("cell-skipped", None),
        ("cell-skipped", None),
        ("cell-skipped", 2),
        ("cell-skipped", 3),
    ]
    assert all(p.text.en and p.text.zh != p.text.en for p in submission.problems)


@pytest.mark.parametrize(
    "odd", [None, 5, "x", [], {"language_info": 5}, {"language_info": {"name": None}}, {"kernelspec": []}], ids=str
)
def test_odd_metadata_is_overlooked(write, odd):
    assert read(write({"cells": [{**cell("x"), "metadata": odd}], "metadata": odd})).cells[0].source == "x"


@pytest.mark.parametrize(
    "metadata", [{"language_info": {"name": "R"}}, {"kernelspec": {"language": "R", "name": "ir"}}]
)
def test_a_notebook_of_another_language_is_refused(write, metadata):
    assert "notebook for R" in refusal(write(notebook(metadata=metadata)))


@pytest.mark.parametrize("name", ["python", "Python", "ipython3"])
def test_every_python_is_python(write, name):
    assert read(write(notebook(cell("x"), metadata={"language_info": {"name": name}}))).cells


@pytest.mark.parametrize(
    "encode",
    [
        lambda s: s.encode("utf-8-sig"),
        lambda s: s.encode("utf-16"),
        lambda s: b"\xfe\xff" + s.encode("utf-16-be"),
        lambda s: s.encode(),
    ],
    ids=["BOM", "UTF-16", "UTF-16 BE", "UTF-8"],
)
@pytest.mark.parametrize("name", ["work.ipynb", "work.py"])
def test_marks_of_encodings_are_understood(write, encode, name):
    source = "x = '线性回归'"
    content = source if name.endswith(".py") else json.dumps(notebook(cell(source)), ensure_ascii=False)
    submission = read(write(encode(content), name))
    assert ([c.source for c in submission.cells], submission.problems) == ([source], ())


@pytest.mark.parametrize("name", ["work.ipynb", "work.py"])
def test_gbk_is_read_and_noted(write, name):
    source = "x = '线性回归'"
    content = source if name.endswith(".py") else json.dumps(notebook(cell(source)), ensure_ascii=False)
    submission = read(write(content.encode("gbk"), name))
    assert [c.source for c in submission.cells] == [source]
    assert [p.kind for p in submission.problems] == ["encoding"]


def test_lone_surrogates_and_nul_bytes_cost_nothing_else(write):
    submission = read(
        write(
            rb'{"cells": [{"cell_type": "code", "source": "x = \"\ud800\""}, {"cell_type": "code", "source": "y\u0000", "metadata": {"nbgrader": {"grade_id": "\udfff"}}}]}'
        )
    )
    assert [c.source for c in submission.cells] == ['x = "?"', "y\0"]
    for c in submission.cells:
        c.source.encode()


def test_60_mb_of_outputs_are_read(write):
    outputs = [{"output_type": "stream", "text": "x" * (60 << 20)}]
    assert read(write(notebook({**cell("x = 1"), "outputs": outputs}))).cells[0].source == "x = 1"


# -- what cannot be read -------------------------------------------------------------------------------------------------

WHOLE = json.dumps(notebook(cell("x = 1"), cell("y = 2")), indent=1)


@pytest.mark.parametrize(
    "content", [b"", b" \n\t", b"\xef\xbb\xbf", b"\xff\xfe"], ids=["nothing", "blank", "BOM", "UTF-16 BOM"]
)
@pytest.mark.parametrize("name", ["work.ipynb", "work.py"])
def test_an_empty_file_is_told_as_such(write, content, name):
    assert "is empty" in refusal(write(content, name))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_notebook_is_told_as_such(write, share):
    assert "breaks off in line" in refusal(write(WHOLE[: int(len(WHOLE) * share)]))


@pytest.mark.parametrize("end", range(1, len(WHOLE), 7))
def test_a_notebook_cut_anywhere_is_refused(write, end):
    refusal(write(WHOLE[:end]))


@pytest.mark.parametrize(
    "content",
    ["import torch\n", "{'cells': []}", b"\x00" * 64, WHOLE + "}"],
    ids=["python", "repr", "zeros", "more"],
)
def test_what_is_not_json_is_told_with_its_line(write, content):
    assert "line" in refusal(write(content))


@pytest.mark.parametrize(
    "content", [5, "x", None, [], [1], {}, {"cells": 5}, {"cells": {}}, {"worksheets": {}}], ids=str
)
def test_json_that_is_no_notebook_is_told_as_such(write, content):
    assert "no list of cells" in refusal(write(json.dumps(content)))


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"cells":' * 100_000,
        '{"metadata": ' + "[" * 100_000 + "]" * 100_000 + ', "cells": []}',
        '{"cells": [' + "9" * 10_000 + "]}",
    ],
    ids=["lists", "objects", "inside", "number"],
)
def test_monstrous_json_is_refused(write, content):
    refusal(write(content))


def test_a_folder_and_a_missing_file_are_no_files(tmp_path):
    (tmp_path / "work.ipynb").mkdir()
    assert "is not a file" in refusal(tmp_path / "work.ipynb")
    assert "is not a file" in refusal(tmp_path / "nothing.ipynb")
    assert sha256(tmp_path / "work.ipynb") == sha256(None) == ""


def test_a_file_that_cannot_be_read_is_told_with_the_reason(tmp_path):
    (tmp_path / "work.ipynb").symlink_to("/proc/self/mem")  # may be opened, even by root, and not be read at 0
    assert "Input/output error" in refusal(tmp_path / "work.ipynb")


def test_a_loop_of_links_is_no_file(tmp_path):
    (tmp_path / "work.ipynb").symlink_to(tmp_path / "work.ipynb")
    refusal(tmp_path / "work.ipynb")


def test_a_file_beyond_reason_is_refused_unread(tmp_path):
    path = tmp_path / "work.ipynb"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    assert "clear the outputs" in refusal(path)


def test_a_file_name_that_is_no_text_is_told_in_a_message_that_is(tmp_path):
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xcf\xdf\xd0\xd4.ipynb"))  # as a GBK archive unpacks
    path.write_bytes(b"")
    refusal(path)


def test_a_language_that_is_no_text_is_told_in_a_message_that_is(write):
    refusal(write(rb'{"cells": [], "metadata": {"language_info": {"name": "\ud800"}}}'))


json_trees = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["code", "python", "R", "skip-grading", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "cells",
                    "worksheets",
                    "cell_type",
                    "source",
                    "input",
                    "metadata",
                    "nbgrader",
                    "tags",
                    "language_info",
                    "name",
                    "kernelspec",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@settings(max_examples=300)
@given(json_trees | st.lists(json_trees, max_size=4).map(lambda cells: {"cells": cells}))
def test_any_json_is_a_submission_or_refused(tmp_path_factory, tree):
    path = tmp_path_factory.getbasetemp() / "any.ipynb"
    path.write_text(json.dumps(tree))
    try:
        submission = read(path)
    except SubmissionError:
        return
    for code in submission.cells:
        (code.label + code.source).encode()
    for problem in submission.problems:
        problem.model_dump_json()


@settings(max_examples=100)
@given(st.binary(max_size=100), st.sampled_from([".py", ".ipynb"]))
def test_any_bytes_are_a_submission_or_refused(tmp_path_factory, content, suffix):
    path = tmp_path_factory.getbasetemp() / f"bytes{suffix}"
    path.write_bytes(content)
    try:
        read(path)
    except SubmissionError:
        return


# -- scripts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("marker", ["# %%", "# %% [markdown]", "# In[3]:", "# In[ ]:", "# <codecell>"])
def test_a_script_is_cut_at_its_markers(write, marker):
    source = f"import torch\n\n{marker}\n\ndef f():\n    return 1\n{marker}\nf()"
    cells = read(write(source, "work.py")).cells
    assert "".join(c.source for c in cells) == source
    assert [(c.first_line, c.number, c.label, c.resume) for c in cells] == [
        (n, None, "work.py", True) for n in (0, 2, 6)
    ]


@pytest.mark.parametrize("source", ["x = 1\n", "x = '''\n    # %% not here\n'''\n", "#%%x\nx = 1"])
def test_a_script_without_markers_is_one_cell(write, source):
    assert [c.source for c in read(write(source, "work.py")).cells] == [source]


def test_line_ends_of_other_systems_are_counted(write):
    cells = read(write("x = 1\r\n# %%\r\ny = 2\r\n", "work.py")).cells
    assert [c.first_line for c in cells] == [0, 1]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"PK\x03\x04zip", "zip archive"),
        (b"<!DOCTYPE html>", "web page"),
        (b"%PDF-1.7", "PDF"),
        (b"<<<<<<< HEAD\n{}", "merge conflict"),
    ],
)
def test_other_kinds_of_files_are_named(tmp_path, content, kind):
    (tmp_path / "zoe.ipynb").write_bytes(content)
    with pytest.raises(SubmissionError, match=kind):
        read(tmp_path / "zoe.ipynb")


def test_a_notebook_saved_as_a_script_is_read_as_a_notebook(tmp_path):
    notebook = {"nbformat": 4, "metadata": {}, "cells": [{"cell_type": "code", "source": "x = 1", "metadata": {}}]}
    (tmp_path / "zoe.py").write_text(json.dumps(notebook))
    assert [cell.source for cell in read(tmp_path / "zoe.py").cells] == ["x = 1"]
