"""Links that open released notebooks in Colab."""

import json

import nbformat
import nbgrader_course as course_of
import pytest
from command_line import autograder

from autograder.base.errors import UsageError
from autograder.gradebook import colab, releasing
from autograder.gradebook.nbgrader_course import NbgraderCourse

GITHUB = "https://github.com/uni/dl-course/blob/main/assignments"
OPENED = "https://colab.research.google.com/github/uni/dl-course/blob/main/assignments/mlp/mlp.ipynb"
FILE = "1AbCdEfGhIjKlMnOpQrStUvWxYz_-0123"


@pytest.mark.parametrize(
    "base",
    [
        GITHUB,
        f"{GITHUB}/",
        f" {GITHUB}?plain=1#top ",
        "http://www.github.com/uni/dl-course/tree/main/assignments",
        "https://colab.research.google.com/github/uni/dl-course/blob/main/assignments",
    ],
)
def test_a_folder_on_github(base):
    assert colab.address(base, "mlp", "mlp.ipynb") == OPENED


@pytest.mark.parametrize(
    ("base", "name", "path"),
    [
        ("https://github.com/uni/dl/tree/main", "mlp", "uni/dl/blob/main/mlp/mlp.ipynb"),
        ("https://github.com/uni/dl/blob/main/作业", "mlp", "uni/dl/blob/main/%E4%BD%9C%E4%B8%9A/mlp/mlp.ipynb"),
        ("https://github.com/uni/dl/blob/main/%E4%BD%9C", "hw 1", "uni/dl/blob/main/%E4%BD%9C/hw%201/hw%201.ipynb"),
        ("https://github.com/uni/dl/blob/main", "a)(b", "uni/dl/blob/main/a%29%28b/a%29%28b.ipynb"),
    ],
)
def test_an_address_holds_nothing_that_markdown_reads(base, name, path):
    assert colab.address(base, name, f"{name}.ipynb") == f"https://colab.research.google.com/github/{path}"


@pytest.mark.parametrize(
    "base",
    [
        f"https://drive.google.com/file/d/{FILE}/view?usp=sharing",
        f"https://colab.research.google.com/drive/{FILE}#scrollTo=x",
        f"https://drive.google.com/file/d/{FILE}",
    ],
)
def test_a_file_in_drive(base):
    assert colab.address(base, "mlp", "mlp.ipynb") == f"https://colab.research.google.com/drive/{FILE}"
    colab.check_base(base, 1)
    with pytest.raises(UsageError, match="release that assignment only"):
        colab.check_base(base, 2)


@pytest.mark.parametrize(
    "base",
    [
        "https://github.com/uni/dl-course",
        "https://github.com/uni/dl-course/blob/main/assignments/mlp/mlp.ipynb",
        "https://raw.githubusercontent.com/uni/dl-course/main/assignments",
        "https://github.example.org/uni/dl-course/blob/main/assignments",
        "https://github.com.example.org/uni/dl-course/blob/main/assignments",
        "https://gitlab.com/uni/dl-course/-/blob/main/assignments",
        f"https://drive.google.com/drive/folders/{FILE}",
        "git@github.com:uni/dl-course.git",
        "uni/dl-course",
        "assignments",
        "javascript://github.com/uni/dl/blob/main",
        "https://[github.com/uni/dl/blob/main",
    ],
)
def test_what_colab_cannot_open_is_refused(base):
    with pytest.raises(UsageError, match="Colab cannot open notebooks there") as refused:
        colab.address(base, "mlp", "mlp.ipynb")
    assert base in str(refused.value)


def test_a_link_stays_until_it_is_replaced_or_removed(tmp_path):
    course = course_of.make(tmp_path / "course")
    nbgrader = NbgraderCourse(course.root)

    def release(base=None):
        done = releasing.release(course, nbgrader, "tiny", colab_base=base)
        return done, nbformat.read(done.folder / "tiny.ipynb", nbformat.NO_CONVERT).cells

    _, plain = release()
    before = (course.root / "assignments" / "tiny" / "tiny.ipynb").read_bytes()
    done, cells = release(GITHUB)
    address = "https://colab.research.google.com/github/uni/dl-course/blob/main/assignments/tiny/tiny.ipynb"
    badge = f"[![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address})"
    assert done.links == {"tiny.ipynb": address} and done.changed == ["tiny.ipynb"]
    assert cells[0].cell_type == "markdown" and cells[0].source == badge and cells[1:] == plain
    done, again = release()
    assert again == cells and done.changed == [] and done.links == {"tiny.ipynb": address}
    done, moved = release("https://github.com/uni/dl-2027/tree/main")
    assert "/uni/dl-2027/blob/main/tiny/tiny.ipynb)" in moved[0].source and moved[1:] == plain
    done, removed = release("")
    assert removed == plain and done.links == {}
    assert (done.folder / "tiny.ipynb").read_bytes() == before
    (done.folder / "tiny.ipynb").write_text("no notebook")
    assert release()[1] == plain


def test_a_badge_of_the_authors_own_gives_way(tmp_path):
    course = course_of.make(tmp_path / "course")
    source = course.root / "solutions" / "tiny" / "tiny.ipynb"
    notebook = json.loads(source.read_text(encoding="utf-8"))
    private = '<a href="https://colab.research.google.com/github/me/private/blob/main/tiny.ipynb">Colab</a>'
    cell = {"cell_type": "markdown", "id": "mine", "metadata": {"id": "view-in-github"}, "source": private}
    source.write_text(json.dumps(notebook | {"cells": [cell, *notebook["cells"]]}), encoding="utf-8")
    done = releasing.release(course, NbgraderCourse(course.root), "tiny", colab_base=GITHUB)
    content = (done.folder / "tiny.ipynb").read_text(encoding="utf-8")
    assert content.count("colab.research.google.com/github") == 1 and "private" not in content


def test_the_command_says_where_colab_opens_what(tmp_path):
    course = course_of.make(tmp_path / "course")
    for lang, words in (("en", "Colab cannot open notebooks there"), ("zh", "Colab 打不开那里的笔记本")):
        out, err = autograder("release", "--colab", "https://gitlab.com/a/b", "--lang", lang, cwd=course.root, code=2)
        assert words in err and len(err.splitlines()) == 1 and not out
    assert not (course.root / "assignments").exists()
    out, _ = autograder("release", "tiny", "--colab", GITHUB, cwd=course.root)
    assert out.splitlines()[1].strip().startswith("https://colab.research.google.com/github/uni/dl-course/")
