"""Every page: nothing anybody wrote becomes markup, nothing is fetched, one stylesheet, colours that can be read."""

import ast
import itertools
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import tiny_course as course_of
import tiny_quiz as quiz_of
from jinja2 import UndefinedError

import autograder
from autograder.base.i18n import Text, same
from autograder.course.jobs import find_jobs
from autograder.gradebook import feedback_page
from autograder.gradebook.feedback_page import Answer, CodeCell, Feedback, Given
from autograder.grading import batch
from autograder.quiz import feedback as quiz_feedback
from autograder.quiz.exports import html as quiz_page
from autograder.quiz.scoring.markers import Variant
from autograder.quiz.scoring.scorer import Scorer
from autograder.quiz.scoring.sheets import Sheet
from autograder.report import html as notebook_table
from autograder.report.class_page import page as class_page
from autograder.report.templates import environment, render
from autograder.results.classroom import summarise

PACKAGE = Path(autograder.__file__).parent
STYLE = (PACKAGE / "report" / "style.css").read_text(encoding="utf-8")
EVIL = "'\"></pre></style></title><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7 * 7 }}"
NAME = "\"><img src=x onerror=alert('name')>"
TITLE = Text(en=f"Title {EVIL}", zh=f"标题 {EVIL}")
VARIANTS = {"varied": [Variant({"n": 9, "k": 2}, "11", (("7", 0), ("18", 1)))]}
VOID = {"meta", "br", "wbr", "img", "input"}


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report on a student with a hostile name whose function raises a hostile message."""
    course = course_of.make(tmp_path_factory.mktemp("course"))
    raising = f"raise ValueError({EVIL!r})"
    course_of.submit(course, NAME, course_of.answers(f"def double(x):\n    {raising}\n{raising}\n"))
    (found,) = batch.grade(
        find_jobs([course.submitted], ["tiny"]), course.assignment("tiny"), course.key(), processes=1
    )
    assert EVIL in json.dumps(found.to_dict(), ensure_ascii=False).replace('\\"', '"')
    return found


def class_report(report, language, tmp_path):
    return class_page(summarise([report], title=TITLE, students=[NAME, EVIL]), language)


def feedback(report, language, tmp_path):
    return feedback_page.render(
        Feedback(
            title=TITLE,
            student=NAME,
            handed_in=EVIL,
            score=1,
            maximum=10,
            taken_off=0.5,
            exercises=[(exercise, Given(0, 6), [EVIL]) for exercise in report.exercises],
            answers=[Answer(EVIL, EVIL, Given(1, 2, comment=EVIL))],
            problems=report.problems,
            cells=[CodeCell(1, EVIL, (EVIL,))],
            comments=[(EVIL, EVIL)],
        ),
        language,
    )


def quiz(tmp_path):
    hostile = json.dumps(EVIL)
    return quiz_of.load(
        tmp_path,
        quiz_of.SOURCE.replace("title: {zh: 小测验, en: Tiny quiz}", f"title: {{zh: {hostile}, en: {hostile}}}")
        .replace('en: "Which are even?"', f"en: {hostile}")
        .replace("zh: 哪些是偶数？", f"zh: {hostile}")
        .replace("en: one is odd", f"en: {hostile}")
        .replace("zh: 一是奇数", f"zh: {hostile}"),
    )


def quiz_feedback_page(report, language, tmp_path):
    hostile = quiz(tmp_path)
    answers = {"some": ["A", "B"], "sum": EVIL, "words": {"word": EVIL}, "write": EVIL, "shapes": {"W": EVIL}, EVIL: 1}
    return quiz_feedback.render(hostile, VARIANTS, Scorer(hostile, VARIANTS).score(Sheet(NAME, answers)), language)


def quiz_to_take(report, language, tmp_path):
    return quiz_page.page(quiz(tmp_path), VARIANTS, {})[0]


PAGES = {
    class_report: {"script": 1},
    feedback: {},
    quiz_feedback_page: {},
    quiz_to_take: {"script": 2},
}
every_page = pytest.mark.parametrize("make", PAGES, ids=lambda make: make.__name__)


class Reader(HTMLParser):
    """Tags, attributes and words of a page; fails where a tag is closed that is not open."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(page)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, words):
        self.words.append(words)


@every_page
@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_anybody_wrote_stays_words(make, language, report, tmp_path):
    page = make(report, language, tmp_path)
    read = Reader(page)
    assert read.tags.count("script") == PAGES[make].get("script", 0)
    assert "img" not in read.tags
    assert not [name for name, _ in read.attributes if name.startswith("on")]
    shown = "".join(read.words)
    data = re.search(r'<script type="application/json" id="quiz">(.*?)</script>', page, re.DOTALL)
    shown += json.loads(data[1])["questions"][1]["prompt"][language] if data else ""
    assert EVIL in shown
    if make is not quiz_to_take:
        assert NAME in shown


def test_a_table_in_a_notebook_is_words_too(report):
    for language in ("en", "zh"):
        read = Reader(notebook_table.table(report.exercises, language) + notebook_table.paragraphs([EVIL]))
        assert set(read.tags) == {"table", "tr", "th", "td", "code", "div", "p"}
        assert "alert(2)>" in "".join(read.words)


@every_page
def test_a_page_is_one_file_with_the_one_stylesheet(make, report, tmp_path):
    page = make(report, "en", tmp_path)
    assert page.startswith("<!DOCTYPE html>\n<html lang=")
    assert page.count("<style>") == 1
    assert STYLE.strip() in page
    assert "default-src 'none'" in page
    read = Reader(page)
    fetched = [value for name, value in read.attributes if name in ("src", "href", "xlink:href", "action")]
    assert not [address for address in fetched if not address.startswith("#")]
    assert not re.search(r"@import|url\(", STYLE)


def test_a_name_without_a_value_stops_the_page():
    with pytest.raises(UndefinedError, match="feedback"):
        render("gradebook/templates/feedback.html", language="en")


def test_markup_in_a_value_is_escaped_and_words_are_in_the_language_of_the_page():
    template = environment().from_string("{{ words|say }} {{ plain }}")
    assert template.render(words=Text(en="a", zh="<b>"), plain="<i>", language="zh") == "&lt;b&gt; &lt;i&gt;"
    assert template.render(words=same("a"), plain="&", language="en") == "a &amp;"


# -- the stylesheet ----------------------------------------------------------------------------------------------------


def luminance(colour):
    digits = colour.lstrip("#")
    digits = "".join(digit * 2 for digit in digits) if len(digits) == 3 else digits
    shares = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return sum(weight * share for weight, share in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_what_is_written_can_be_read(scheme):
    """The contrast of WCAG 2.2, level AA: 4.5 for words, 3 for the edges of what is filled in."""
    colours = [
        dict(re.findall(r"--([\w-]+): (#\w+);", block)) for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
    ]
    names = colours[scheme]
    for ink, paper in itertools.product(("ink", "soft", "good", "bad", "open", "accent"), ("page", "card", "code")):
        assert contrast(names[ink], names[paper]) >= 4.5, (ink, paper)
    assert contrast(names["on-accent"], names["accent"]) >= 4.5
    assert contrast(names["edge"], names["card"]) >= 3


def test_colours_stand_in_the_stylesheets_properties_only():
    below = STYLE[STYLE.index("/* -- the page") :]
    assert not re.search(r"#[0-9a-f]{3,8}\b(?![\w-]* ?[{.,>:])", re.sub(r"#(language|total)", "", below))
    used = set(re.findall(r"var\(--([\w-]+)", STYLE))
    assert used - {"tone"} <= set(re.findall(r"--([\w-]+):", STYLE))


# -- the package -------------------------------------------------------------------------------------------------------


def test_no_module_puts_html_together():
    """Moodle's file is XML whose texts are HTML: there a few words are escaped by hand. Decoding entities makes no page."""
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
        imported |= {
            node.module
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and [a.name for a in node.names] != ["unescape"]
        }
        assert "html" not in imported or path.name == "moodle.py", path
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                pieces = "".join(str(piece.value) for piece in node.values if isinstance(piece, ast.Constant))
                assert not re.search(r"</[a-z]|<[a-z]+ [a-z]+=", pieces), f"{path}:{node.lineno}"
