"""Feedback pages, ours and those stock nbgrader makes of our autograded notebooks; stock export of our gradebook."""

import csv
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import nbgrader_course as course_of
import pytest
import stock
import tiny_course as tiny
from nbgrader.api import Gradebook

from autograder.base.errors import GradebookError
from autograder.gradebook import explanations, feedback, write
from autograder.gradebook.explanations import Explanation
from autograder.gradebook.nbgrader_course import NbgraderCourse

EVIL = "</pre></section><script>alert(1)</script><img src=x onerror=alert(2)>"
WRONG = "def double(x):\n    return 3 * x  # " + EVIL + "\n"
HIDDEN_WORDS = "hidden words of a hint"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A graded course, one submission of which a person has graded too."""
    course = course_of.make(tmp_path_factory.mktemp("课程"), config="c.LateSubmissionPlugin.penalty_method = 'zero'")
    hidden = course.root / "solutions" / "tiny" / "private" / "test_tiny_hidden.py"
    hint = f'"梯度正确"}}, hint={{"en": "{HIDDEN_WORDS}", "zh": "{HIDDEN_WORDS}"}})'
    hidden.write_text(tiny.HIDDEN.replace('"梯度正确"})', hint), encoding="utf-8")
    right = course_of.notebook(essay=EVIL)
    tiny.submit(course, "ann", right)
    file = tiny.submit(course, "bob", course_of.notebook(WRONG, essay=EVIL, before=[f"raise ValueError({EVIL!r})"]))
    (file.parent / "timestamp.txt").write_text("2026-03-04 05:06:07 UTC")
    tiny.submit(course, "eve", b"no notebook")
    late = tiny.submit(course, "lou", right)
    (late.parent / "timestamp.txt").write_text("2026-09-01 00:00:00 UTC")
    reports = course_of.grade(course)
    write.write(course, [], reports[:1])
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        gradebook.update_or_create_assignment("tiny", duedate="2026-08-01 00:00:00 UTC")
    write.write(course, [], reports)
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        for name, manual, extra in (("essay", 2, 0.5), ("test_step", 3, None)):
            grade = gradebook.find_grade(name, "tiny", "tiny", "bob")
            grade.manual_score, grade.extra_credit, grade.needs_manual_grade = manual, extra, False
        gradebook.find_comment("essay", "tiny", "tiny", "bob").manual_comment = "well <said>"
        gradebook.find_comment("double", "tiny", "tiny", "bob").manual_comment = "look at the factor"
        gradebook.db.commit()
    (course.root / "results.jsonl").write_text("".join(f"{report.to_json()}\n" for report in reports), encoding="utf-8")
    (course.root / explanations.FILE).write_bytes(explanations.to_json(map(explained, ("values", "gradient", "shape"))))
    return course


def explained(criterion):
    """What those who teach say to everybody whose result is the right one times a factor."""
    words = {"en": f"It is **wrong** by $c$ in {criterion}. <script>alert(3)</script>"}
    return Explanation(assignment="tiny", criterion=f"double.{criterion}", cause="constant-factor", words=words)


@pytest.fixture(scope="module")
def pages(course):
    """Language and student -> the page."""
    found = {}
    for language in ("zh", "en"):
        done = list(feedback.write_all(NbgraderCourse(course.root), course.assignment("tiny"), language))
        assert [page.student for page in done] == ["ann", "bob", "eve", "lou"]
        found |= {(language, page.student): page.file.read_text(encoding="utf-8") for page in done}
    return found


class Reader(HTMLParser):
    """The words of a page, its tags, and whether every tag is closed."""

    def __init__(self, page):
        super().__init__()
        self.words, self.tags, self.open = [], set(), []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        assert not [name for name, _ in attributes if name.startswith("on")]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, words):
        if self.open[-1:] != ["style"]:
            self.words.append(words)

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.words))


def test_scores_are_those_of_the_gradebook(pages):
    words = Reader(pages["en", "bob"]).text
    assert "7.5 of 15 points 2 of them are not graded yet" in words  # 2 + 3 + 2 + 0.5 of 6 + 4 + 3 + 2
    assert "A step 3 / 4 graded by hand" in words
    assert "essay 2.5 / 3 graded by hand extra credit: 0.5" in words
    assert "drawing – / 2 waits for a person to grade it" in words
    assert "handed in 2026-03-04 05:06 UTC" in words


def test_late_points_are_taken_off_and_said(pages):
    words = Reader(pages["en", "lou"]).text
    assert "0 of 15 points" in words and "10 points were taken off for being late" in words


def test_what_people_said_is_there(pages):
    words = Reader(pages["en", "bob"]).text
    assert "well <said>" in words and "look at the factor" in words


def test_a_criterion_has_message_and_hint_a_hidden_one_its_title(pages):
    words = Reader(pages["en", "bob"]).text
    assert "doubles" in words and "expected" in words
    assert "has the right gradient hidden test" in words
    assert HIDDEN_WORDS not in pages["en", "bob"] and HIDDEN_WORDS not in pages["zh", "bob"]


def test_an_explanation_stands_where_the_mistake_was_made_also_at_a_hidden_criterion(pages):
    for language in ("en", "zh"):
        words = Reader(pages[language, "bob"]).text
        found = [words.count(f"It is wrong by c in {name}. <script>") for name in ("values", "gradient", "shape")]
        assert found == [1, 1, 0]
    assert "From those who teach this course: It is wrong" in Reader(pages["en", "bob"]).text
    assert "It is wrong" not in Reader(pages["en", "ann"]).text
    assert "constant-factor" not in pages["en", "bob"]
    assert "<script>alert" not in pages["en", "bob"]


def test_broken_explanations_are_named(course):
    file = course.root / explanations.FILE
    before = file.read_bytes()
    file.write_text("[")
    with pytest.raises(GradebookError) as caught:
        list(feedback.write_all(NbgraderCourse(course.root), course.assignment("tiny"), "en"))
    file.write_bytes(before)
    assert "explanations.json cannot be read; remove it" in caught.value.text.en


def test_own_errors_have_their_cell(pages):
    words = Reader(pages["en", "bob"]).text
    assert re.search(r"What was noticed when your work was graded code cell 2 code cell 2, line 1 .*ValueError", words)


def test_what_a_student_wrote_is_text(pages):
    for page in pages.values():
        reader = Reader(page)
        assert not reader.open
        assert not reader.tags & {"script", "img", "iframe", "object", "form"}
    assert EVIL in " ".join(Reader(pages["en", "bob"]).words)
    assert "default-src 'none'" in pages["en", "bob"]


def test_pages_speak_both_languages(pages):
    assert (
        'lang="zh-CN"' in pages["zh", "bob"] and "等待人工评分" in pages["zh", "bob"] and "小作业" in pages["zh", "bob"]
    )
    assert not re.search("[一-鿿]", Reader(pages["en", "ann"]).text)


def test_what_could_not_be_read_has_a_page_with_the_reason(pages):
    assert "tiny.ipynb is not a notebook" in Reader(pages["en", "eve"]).text


@pytest.mark.slow
def test_stock_feedback_and_export_go_on_from_our_gradebook(course):
    stock.run("nbgrader", "generate_feedback", "tiny", "--force", cwd=course.root)
    page = (course.root / "feedback" / "bob" / "tiny" / "tiny.html").read_text(encoding="utf-8")
    assert "梯度正确" in page and HIDDEN_WORDS not in page
    assert page.count("<strong>wrong</strong>") == 2
    assert "<script>alert(1)" not in page and not re.search("<[^>]*onerror", page)
    stock.run("nbgrader", "export", cwd=course.root)
    with (course.root / "grades.csv").open() as file:
        rows = {row["student_id"]: row for row in csv.DictReader(file)}
    assert {name: (float(row["score"]), float(row["max_score"])) for name, row in rows.items()} == {
        "ann": (10, 15), "bob": (7.5, 15), "eve": (0, 15), "lou": (0, 15),
    }  # fmt: skip


def test_by_default_every_graded_assignment_gets_pages_and_where_there_is_none_it_is_said(course, tmp_path):
    def run(folder):
        command = [sys.executable, "-m", "autograder", "feedback", "--course", folder]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    more = tmp_path / "more"
    shutil.copytree(course.root, more)
    shutil.copytree(more / "solutions" / "tiny", more / "solutions" / "another")
    done = run(more)
    assert (done.returncode, done.stdout) == (0, "tiny: 4 pages in feedback/<student>/tiny/\n"), done.stderr
    (more / "gradebook.db").unlink()
    done = run(more)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("gradebook.db yet; run `autograder grade`, then this command again\n")
    assert not (more / "gradebook.db").exists()  # reading creates nothing
    (more / "nbgrader_config.py").unlink()
    done = run(more)
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no nbgrader_config.py; copy one there" in done.stderr
    assert not (more / "gradebook.db").exists()
