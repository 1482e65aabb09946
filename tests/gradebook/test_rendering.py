"""What the formgrader shows of students' Markdown and outputs: everything that can be read, nothing that acts."""

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell
from traitlets.config import Config

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def page():
    """Cells -> what nbconvert makes of them with this checkout's settings for the formgrader."""
    config = Config()
    config.HTMLExporter.filters = {"markdown2html": "autograder.gradebook.rendering.markdown"}
    config.HTMLExporter.preprocessors = ["autograder.gradebook.rendering.CleanOutputs"]
    exporter = HTMLExporter(config=config, template_name="classic")

    def page(*cells):
        notebook = nbformat.from_dict(new_notebook(cells=list(cells)))
        return BeautifulSoup(exporter.from_notebook_node(notebook)[0], "html.parser").find(id="notebook-container")

    return page


def rendered(page, source, **cell):
    return page(new_markdown_cell(source, **cell)).find(class_="text_cell_render")


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "<a href='data:text/html,<script>alert(1)</script>'>click</a>",
        "<svg onload=alert(1)><g/></svg>",
        "<iframe src='https://example.org'></iframe>",
        "<form action='/formgrader'><input class='score' id='test_double'></form>",
        "<p id='test_double' class='nbgrader_cell'>mine</p>",
        "# test_double",
        "<style>.score { display: none }</style>",
        "<p style=\"position: fixed; background: url('https://example.org')\">x</p>",
        "$<script>alert(1)</script>$",
        "```python\n<script>alert(1)</script>\n```",
    ],
)
def test_markup_that_could_act_is_text(page, hostile):
    for cell in (new_markdown_cell(hostile), new_raw_cell(hostile)):
        found = page(cell)
        tags = {tag.name for tag in found.find_all(True)}
        assert not tags & {"script", "svg", "iframe", "form", "input", "style", "object"}
        assert not found.find_all(id="test_double") and not found.find_all(class_=["score", "nbgrader_cell"])
        for tag in found.find_all(True):
            assert not [name for name in tag.attrs if name.startswith("on")]
            assert not str(tag.get("href", "")).startswith(("javascript:", "data:"))
            assert "position" not in tag.get("style", "") and "url" not in tag.get("style", "")


def test_what_students_write_looks_as_they_meant_it(page):
    source = "**because** $\\alpha<\\beta$\n\n> quoted\n\n| a | b |\n|---|---|\n| 1 | `x<y` |\n\n```python\nif a < b: pass\n```"
    found = rendered(page, source)
    assert found.find("strong").text == "because"
    assert found.find("blockquote").text.strip() == "quoted"
    assert found.find("td").find_next("code").text == "x<y"
    assert "$\\alpha<\\beta$" in found.text
    assert found.find(class_="highlight").find(class_="k").text == "if"


def test_pictures_that_students_attach_are_shown(page):
    attached = {"a.png": {"image/png": PIXEL}}
    found = rendered(page, "![mine](attachment:a.png)", attachments=attached)
    assert found.find("img")["src"] == f"data:image/png;base64,{PIXEL}"


@pytest.mark.parametrize("source", ["![](attachment:gone.png) words", "> " * 3000 + "words"])
def test_what_cannot_be_rendered_is_still_to_be_read(page, source):
    assert "words" in rendered(page, source).text


def test_outputs_are_cleaned(page):
    outputs = [
        new_output("display_data", data={"text/html": "<table><tr><td>1</td></tr></table><script>alert(1)</script>"}),
        new_output("display_data", data={"application/javascript": "alert(1)", "text/plain": "plain"}),
        new_output("display_data", data={"image/svg+xml": "<svg onload='alert(1)'></svg>"}),
        new_output("display_data", data={"image/png": PIXEL}),
    ]
    found = page(new_code_cell("", outputs=outputs))
    assert not found.find_all(["script", "svg"])
    assert found.find("td").text == "1"
    assert "plain" in found.text
    assert found.find("img")["src"].startswith("data:image/png")
