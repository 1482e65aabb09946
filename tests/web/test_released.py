"""A released notebook as a page, and as it is handed in."""

import json

import pytest
import tiny_course as tiny
import web_course

from autograder.base.errors import ConfigError
from autograder.course.submission import read
from autograder.quiz.notation.markdown import to_html
from autograder.web import released
from autograder.web.released import ReleasedNotebook


@pytest.fixture
def folder(tmp_path):
    return web_course.make(tmp_path).root / "assignments" / "tiny"


@pytest.fixture
def notebook(folder):
    return ReleasedNotebook.of(released.load(folder))


def test_what_is_shown_from_top_to_bottom(notebook):
    assert [block.kind for block in notebook.blocks] == ["code", "words", "answer", "check", "answer", "check"]
    assert notebook.stubs == web_course.STUBS


def test_what_is_handed_in_is_the_release_with_the_students_cells(notebook, folder, tmp_path):
    file = tmp_path / "tiny.ipynb"
    source = "def double(x):\n\n    return 2 * x  # 加倍 \ud800"
    file.write_bytes(notebook.filled({"double": source, "test_double": "check = print", "nothing": "x"}))
    cells = {cell.grade_id: cell.source for cell in read(file).cells}
    assert cells["double"] == source.replace("\ud800", "?")
    assert cells["step"] == web_course.STUBS["step"]
    assert cells["test_double"] == 'check("double")'
    before, after = (json.loads(path.read_text()) for path in (folder / "tiny.ipynb", file))
    assert [cell["metadata"] for cell in after["cells"]] == [cell["metadata"] for cell in before["cells"]]


def test_filling_in_leaves_the_next_student_alone(notebook):
    notebook.filled({"double": tiny.DOUBLE})
    assert tiny.DOUBLE.encode() not in notebook.filled({})


def test_a_release_that_changes_is_read_again(folder):
    before = ReleasedNotebook.of(released.load(folder))
    assert ReleasedNotebook.of(released.load(folder)) is before
    (folder / "tiny.ipynb").write_text(json.dumps(tiny.answers("pass", "pass")))
    assert ReleasedNotebook.of(released.load(folder)).stubs["double"] == "pass"


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"cells": [3]}', '{"cells": [{"cell_type": "code"}]}'])
def test_what_is_no_notebook_is_the_authors_mistake(folder, content):
    (folder / "tiny.ipynb").write_text(content)
    with pytest.raises(ConfigError):
        ReleasedNotebook.of(released.load(folder))


def test_pictures_and_printed_words_of_the_release_are_shown(folder):
    cell = tiny.code_cell("plot()")
    cell["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": ["one\n", "two\n"]},
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": "aGk=\n", "text/plain": "<Figure>"}},
        {"output_type": "display_data", "metadata": {}, "data": {"text/html": "<script>alert(1)</script>"}},
    ]
    (folder / "tiny.ipynb").write_text(json.dumps(tiny.answers(after=[cell])))
    shown = ReleasedNotebook.of(released.load(folder)).blocks[-1]
    assert (shown.printed, shown.pictures) == ("one\ntwo\n", ("data:image/png;base64,aGk=\n",))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("# One\n\n## Two", "<h2>One</h2>\n<h3>Two</h3>"),
        ("*a* `b $x$`", "<p><em>a</em> <code>b $x$</code></p>"),
        ("costs $5 and $6", "<p>costs $5 and $6</p>"),
        ("```\n$$x$$\n```", "<pre><code>$$x$$\n</code></pre>"),
    ],
)
def test_markdown(source, expected):
    assert to_html(source).strip() == expected


def test_formulas_are_mathml_in_lines_and_between_them():
    html = to_html("so $x_1 < 2$ and\n\n$$\\frac{a_1}{b_2}\n= *c*$$")
    assert html.count("<math") == 2
    assert 'display="inline"' in html
    assert 'display="block"' in html
    assert "<em>" not in html


@pytest.mark.parametrize("latex", ["\\frac{", "\\text{<script>alert(1)</script>}", "\\nonsense"])
def test_what_is_no_formula_stays_as_written(latex):
    html = to_html(f"${latex}$")
    assert "<math" not in html
    assert "<script" not in html
    assert "<code>" in html


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[a](javascript:alert(1))",
        "<a href='data:text/html,x'>a</a>",
        "<iframe src=x></iframe>",
        "\ue0000\ue001",
    ],
)
def test_markup_that_could_act_is_only_shown(source):
    html = to_html(source).lower()
    assert not any(sign in html for sign in ("<script", "<iframe", " onerror", 'href="javascript', 'href="data'))
