"""The class at a glance: what it counts, and that the page stands by itself."""

import html
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest
import tiny_course as tiny

from autograder.base.i18n import Text, same, text
from autograder.course.jobs import find_jobs
from autograder.grading import batch
from autograder.report import plots
from autograder.report.class_page import page
from autograder.results.classroom import summarise
from autograder.results.grade_report import Problem
from autograder.results.journal import Journal

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
TITLE = Text(en="Tiny", zh="小作业")
VOID = {"meta", "br", "wbr", "meter", "input"}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = tiny.make(tmp_path_factory.mktemp("course"))
    submissions = {
        "ann": tiny.answers(),
        "bob": tiny.answers("def double(x):\n    return x.t() * 2\n"),
        "<script>alert(1)</script>": tiny.answers("def double(x):\n    return -2 * x\n"),
        "dora": tiny.answers("def double(x):\n    return -2 * x\n"),
        "eve": b"",
    }
    for student, content in submissions.items():
        tiny.submit(course, student.replace("/", "∕"), content)
    (course.submitted / "fay").mkdir()
    return course


@pytest.fixture(scope="module")
def reports(course):
    jobs = find_jobs([course.submitted], ["tiny"])
    found = list(batch.grade(jobs, course.assignment("tiny"), course.key(), processes=1))
    with Journal(course.root / "results.jsonl") as journal:
        for report in found:
            journal.add(report)
    return found


@pytest.fixture(scope="module")
def classroom(reports):
    return summarise(reports, title=TITLE, students=["ann", "fay"])


def test_what_is_counted(classroom):
    assert len(classroom.reports) == 5
    assert classroom.missing == ("fay",)
    assert sorted(classroom.scores) == [5, 6, 6, 10]  # what cannot be read waits, and is in no mean
    assert classroom.mean == pytest.approx(6.75)
    assert classroom.median == 6
    double, step = classroom.exercises
    assert (double.full, double.judged, step.full) == (1, 4, 4)
    outcomes = {criterion.id: dict(criterion.outcomes) for criterion in classroom.criteria}
    assert outcomes["double.shape"] == {"passed": 3, "failed": 1, "skipped": 1}
    assert outcomes["double.values"] == {"passed": 1, "failed": 2, "skipped": 2}


def test_points_that_wait_for_a_person_are_marked(reports, classroom):
    assert page(classroom, "en").count("0?</td>") == 3  # eve's total and both exercises
    first = reports[0].model_copy(update={"problems": ()})
    waiting = first.model_copy(
        update={"problems": (Problem.of("waiting", text("one cell waits for a person to grade it")),)}
    )
    for report, mark in ((first, False), (waiting, True)):
        shown = page(summarise([report], title=TITLE), "en")
        assert (f"{report.score:g}?</td>" in shown) is ("a person has yet to give" in shown) is mark


def test_an_exercise_that_is_called_like_its_title_is_named_once(reports):
    double, step = reports[0].exercises
    report = reports[0].model_copy(update={"exercises": (double, step.model_copy(update={"title": same("step")}))})
    shown = page(summarise([report], title=same("tiny")), "en", languages=["en"])
    names = re.findall(r"<td data-value=\"(?:double|step)\">(.*?)</td>", shown)
    assert names == [f"{double.title.en} <code>double</code>", "<code>step</code>"]
    assert "<code>tiny</code>" not in shown


def test_a_problem_names_its_cell_once(reports):
    error = Problem.of("cell-error", same("code cell 2, line 1\nValueError: no"), cell=2)
    note = Problem.of("note", text("one cell waits for a person to grade it"), cell=3)
    shown = reports[0].model_copy(update={"problems": (error, note)})
    words = " ".join(re.sub("<[^>]*>", " ", page(summarise([shown], title=TITLE), "en", languages=["en"])).split())
    assert "code cell 2: ValueError: no" in words and "line 1" not in words
    assert "code cell 3: one cell waits for a person to grade it" in words


def test_a_mistake_that_only_hidden_tests_notice_is_said_to_be_unread(reports, classroom):
    """The author has explained it, and nobody but the instructor learns of it."""
    hidden = [
        report.model_copy(
            update={
                "exercises": tuple(
                    one.model_copy(
                        update={"criteria": tuple(c.model_copy(update={"visible": False}) for c in one.criteria)}
                    )
                    for one in report.exercises
                )
            }
        )
        for report in reports
    ]
    words = "so these students have not read this explanation"
    assert any(not mistake.is_untold for mistake in classroom.mistakes)
    assert words in page(summarise(hidden, title=TITLE), "en", languages=["en"])
    first = classroom.mistakes[0]
    assert f"made by 2: {', '.join(map(html.escape, first.students))}" in page(classroom, "en", languages=["en"])


def test_the_commonest_mistake_comes_first_and_a_student_counts_once(classroom):
    first = classroom.mistakes[0]
    assert len(first.students) == 2
    assert {mistake.id for mistake in classroom.mistakes} >= {first.id}
    assert first.example.message.en


class _Page(HTMLParser):
    """Notes whatever would be fetched, and tags that do not match."""

    def __init__(self):
        super().__init__()
        self.open, self.fetched, self.scripts = [], [], 0

    def handle_starttag(self, tag, attributes):
        self.scripts += tag == "script"
        self.fetched += [
            v for n, v in attributes if n in ("src", "href", "xlink:href") and not (v or "").startswith("#")
        ]
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def test_the_page_stands_by_itself_and_nobodys_words_become_markup(classroom):
    content = page(classroom, "en")
    read = _Page()
    read.feed(content)
    assert not read.open
    assert not read.fetched
    assert read.scripts == 1
    assert "://" not in re.sub(r'xmlns(:\w+)?="[^"]*"', "", content)
    assert "&lt;script&gt;" in content


def test_the_page_is_the_same_every_time_and_in_both_languages(classroom):
    assert page(classroom, "zh") == page(classroom, "zh")
    content = page(classroom, "zh")
    assert '<html lang="zh">' in content
    assert '<span class="en" lang="en">handed in nothing</span><span class="zh" lang="zh">未提交</span>' in content


def test_rows_lead_to_the_feedback_that_there_is(classroom):
    content = page(classroom, "en", {"ann": "feedback/ann/tiny/tiny.html", "eve": "feedback/eve/tiny/tiny.html"})
    assert content.count('<a href="feedback/ann/tiny/tiny.html">ann</a>') == 1
    assert content.count('<a href="feedback/eve/tiny/tiny.html">eve</a>') == 2  # among those not graded, too
    assert content.count("<a ") == 3


def test_nobody_graded_is_a_page_too(reports):
    broken = [r for r in reports if r.status == "unreadable"]
    assert "1" in page(summarise(broken, title=TITLE), "en")


def test_pictures_take_the_pages_colours():
    picture = plots.histogram([1, 2, 2.5], upper=10)
    assert picture.startswith("<svg")
    assert "currentColor" in picture
    assert "var(--accent)" in picture
    assert "#010203" not in picture
    assert "<text" in plots.bars(["线性", "b"], [0.5, 1])


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_a_table_is_sorted_and_the_language_switched_in_a_browser(classroom, tmp_path):
    script = (
        "document.getElementById('language').click();"
        "const table = [...document.querySelectorAll('table')].find(t => t.querySelector('[data-value=dora]'));"
        "const total = table.querySelectorAll('th button')[1]; total.click(); total.click();"
        "document.title = JSON.stringify([document.documentElement.lang, [...table.tBodies[0].rows].map(r => r.cells[1].textContent)]);"
    )
    path = tmp_path / "page.html"
    path.write_text(page(classroom, "zh").replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path / 'p'}",
        "--virtual-time-budget=2000",
        "--dump-dom",
        path.as_uri(),
    ]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    assert json.loads(re.search("<title>(.*?)</title>", shown)[1]) == ["en", ["10", "6", "6", "5", "0?"]]


def test_the_command(course, reports):
    def run(*arguments, code=0):
        command = [sys.executable, "-m", "autograder", "report", *arguments]
        done = subprocess.run(command, cwd=course.root, capture_output=True, text=True)
        assert done.returncode == code, done.stderr
        return done

    (course.root / "nbgrader_config.py").write_text("c = get_config()\n")
    dora = course.root / "feedback" / "dora" / "tiny" / "tiny.html"
    dora.parent.mkdir(parents=True)
    dora.write_text("feedback")
    (course.root / "pages").mkdir()
    assert run("tiny", "--out", "pages/of class.html").stdout == "pages/of class.html\n"
    assert '<a href="../feedback/dora/tiny/tiny.html">dora</a>' in (course.root / "pages/of class.html").read_text()
    assert not (course.root / "gradebook.db").exists()  # reading creates nothing
    assert run().stdout == "tiny.html\n"
    assert "fay" in (course.root / "tiny.html").read_text(encoding="utf-8")
    assert "there is no such file" in run("tiny", "--results", "none.jsonl", code=2).stderr
    assert "no assignment 'other'" in run("other", code=2).stderr
