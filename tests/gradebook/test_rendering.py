"""What the formgrader shows of students' Markdown and outputs: everything that can be read, nothing that acts."""

import re
import time
from html import unescape

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell
from traitlets.config import Config

from autograder.course.configuration import configure
from autograder.gradebook.rendering import CleanOutputs

MARKUP = "<script>alert(1)</script>"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def page():
    """Cells -> what nbconvert makes of them with this checkout's settings for the formgrader."""
    config = Config()
    configure(config, languages=["en"])
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


@pytest.mark.parametrize(
    "address",
    [
        "&#100;ata:text/html,x",
        "&#x64;&#97;ta:text/html,x",
        "d&#97&#116;a:text/html,x",
        "&amp;#100;ata:text/html,x",
        "da&Tab;ta:text/html,x",
        "d&#10;ata&colon;text/html,x",
        "&#1;data:text/html,x",
        "&nbsp;data:text/html,x",
        "\u200bdata:text/html,x",
        "data&#58;image/png;base64,x",
        "&#106;avascript:alert(1)",
        "java&NewLine;script&colon;alert(1)",
        "vbscript:x",
    ],
)
@pytest.mark.parametrize("form", ["<a href='{}'>click</a>", '<a href="{}" title="&quot;">click</a>', "[click]({})"])
def test_an_address_is_judged_as_a_browser_reads_it(page, address, form):
    cell = page(new_markdown_cell(form.format(address)))
    output = page(new_code_cell("", outputs=[new_output("display_data", data={"text/html": form.format(address)})]))
    for found in (cell, output):
        assert "click" in found.text
        for link in found.find_all("a"):
            target = re.sub(r"[\x00-\x20\xa0\u200b]", "", unescape(unescape(link.get("href", "")))).lower()
            assert not target.startswith(("data:", "javascript:", "vbscript:"))


@pytest.mark.parametrize(
    "address", ["https://example.org/a?b=1&amp;c=2", "mailto:a@example.org", "#part", "other.html"]
)
def test_an_honest_address_is_kept(page, address):
    assert rendered(page, f"<a href='{address}'>click</a>").find("a")["href"] == unescape(address)


@pytest.mark.parametrize("name", ["width", "height"])
@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("120", "120"), ("50%", "50%"), ("1.5px", "1.5px"), ("1 onload=alert(1)", None), ("&#49; x", None), ("-1", None),
        ("1e9", None), ("99999", None), ("\u0661", None), ("calc(1px)", None),
    ],
)  # fmt: skip
def test_the_size_of_a_picture_is_a_number(page, name, value, kept):
    assert rendered(page, f"<img src='https://example.org/a.png' {name}='{value}'>").find("img").get(name) == kept


def test_a_table_cell_does_not_span_a_million_columns(page):
    found = rendered(page, "<table><tr><td colspan='2' rowspan='1000000'>x</td></tr></table>").find("td")
    assert found["colspan"] == "2" and "rowspan" not in found.attrs


def cleaned(page, cell):
    """A cell that nbconvert refuses to look at before our step has cleaned it."""
    whole = nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]})
    notebook, _ = CleanOutputs().preprocess(whole, {})
    nbformat.validate(notebook)
    return page(*notebook.cells)


ODD_SIZES = [
    {"image/png": {"width": "1 onload=alert(1)", "height": "1 onload=alert(1)"}},
    {"width": "1 onload=alert(1)", "height": [1]},
    {"image/png": {"width": True, "height": -5}},
    {"image/png": {"width": float("inf"), "height": float("nan")}},
    {"image/png": 5},
    {"image/png": [["width", 1]]},
    {"filenames": {"image/png": "https://example.org/x.png"}, "image/png": {"unconfined": True}},
    {"filenames": 5},
    {"image/png": {"alt": {"a": 1}}, "alt": 5},
    5,
    None,
    [],
]


@pytest.mark.parametrize("metadata", ODD_SIZES, ids=map(repr, ODD_SIZES))
@pytest.mark.parametrize("kind", ["image/png", "image/jpeg"])
def test_an_outputs_metadata_is_cleaned(page, metadata, kind):
    if isinstance(metadata, dict) and "image/png" in metadata:
        metadata = {kind: metadata["image/png"]} | {k: v for k, v in metadata.items() if k != "image/png"}
    cell = new_code_cell("", outputs=[new_output("display_data", data={kind: PIXEL})])
    cell.outputs[0]["metadata"] = metadata
    found = cleaned(page, cell).find("img")
    assert set(found.attrs) == {"src", "alt"} and found["src"] == f"data:{kind};base64,{PIXEL}"


def test_an_honest_size_is_kept(page):
    sizes = {"image/png": {"width": 120, "height": 80.5, "alt": 'a "plot"'}}
    found = page(new_code_cell("", outputs=[new_output("display_data", data={"image/png": PIXEL}, metadata=sizes)]))
    assert (found.find("img")["width"], found.find("img")["height"], found.find("img")["alt"]) == (
        "120", "80.5", 'a "plot"',
    )  # fmt: skip


def test_html_in_an_output_is_never_isolated_in_a_frame(page):
    output = new_output("display_data", data={"text/html": "<b>x</b>"}, metadata={"text/html": {"isolated": True}})
    found = page(new_code_cell("", outputs=[output]))
    assert found.find("b").text == "x" and not found.find("iframe")


ODD_OUTPUTS = [
    {},
    {"output_type": "unheard of"},
    {"output_type": ["stream"]},
    {"output_type": "stream"},
    {"output_type": "stream", "name": 5, "text": ["words", "\n"]},
    {"output_type": "stream", "name": "stdout", "text": {"a": 1}},
    {"output_type": "display_data"},
    {"output_type": "display_data", "data": ["text/plain"], "metadata": {}},
    {"output_type": "display_data", "data": {"text/html": 5, "text/plain": ["a", 5]}, "metadata": {}},
    {"output_type": "display_data", "data": {"image/png": None}, "metadata": {}},
    {"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {}}, "metadata": {}},
    {"output_type": "execute_result", "data": {"text/plain": "1"}, "execution_count": MARKUP, "metadata": {}},
    {"output_type": "error", "ename": 5, "evalue": None, "traceback": [MARKUP, 5]},
    {"output_type": "error", "ename": "E", "evalue": "e", "traceback": "none"},
]


@pytest.mark.parametrize("output", ODD_OUTPUTS, ids=map(repr, ODD_OUTPUTS))
def test_a_malformed_output_is_shown_as_far_as_it_goes(page, output):
    cell = new_code_cell("x = 'the source'", outputs=[new_output("stream", name="stdout", text="before\n")])
    cell.outputs.append(nbformat.from_dict(output))
    found = cleaned(page, cell)
    assert "the source" in found.text and "before" in found.text
    assert not found.find_all("script")


def test_code_in_another_language_is_coloured_as_that_language(page):
    assert (
        page(new_code_cell("%%bash\nfor x in 1; do echo $x; done")).find(class_="highlight").find(class_="k").text
        == "for"
    )


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


SLOW = ("[" * 200_000, "\\\\begin{a}" * 40_000, "<b>" * 30_000, "<b></x>" * 7_000, "![" * 20_000, "<div>" * 9_000)


@pytest.mark.parametrize("source", SLOW, ids=lambda source: source[:8])
def test_no_markdown_keeps_the_formgrader_from_serving_others(page, source):
    began = time.process_time()
    shown = rendered(page, f"{source} words").get_text()
    assert time.process_time() - began < 10
    assert shown.strip().endswith("words")


def test_no_output_keeps_the_formgrader_from_serving_others(page):
    began = time.process_time()
    shown = page(new_code_cell("1", outputs=[new_output("display_data", {"text/html": "<b>" * 200_000 + "words"})]))
    assert time.process_time() - began < 10
    assert "words" in shown.get_text()


def test_long_tables_and_pictures_in_markdown_are_shown(page):
    rows = "".join(f"<tr><td>{number}<br></td></tr>" for number in range(3_000))
    assert (
        len(
            page(
                new_code_cell("1", outputs=[new_output("display_data", {"text/html": f"<table>{rows}</table>"})])
            ).find_all("td")
        )
        == 3_000
    )
    assert rendered(page, f"![p](data:image/png;base64,{PIXEL * 2_000}) **words**").find("strong")


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
