"""The page that each student gets when answers have been scored."""

import re

import pytest
import tiny_quiz as tiny
from command_line import run_quiz

from autograder.quiz import feedback
from autograder.quiz.scoring.markers import Variant
from autograder.quiz.scoring.scorer import Scorer
from autograder.quiz.scoring.sheets import Sheet

VARIANTS = {"varied": [Variant({"n": 9, "k": 2}, "11", (("7", 0), ("18", 1)))]}
SOURCE = tiny.SOURCE.replace('en: "Which one is two?"', r'en: "Which `a < b` one is $\\frac{4}{2}$?"')
ANSWERS = {
    "one": {"attempts": ["A", "B"], "hints": 1}, "some": ["A", "B"], "statement": "对",
    "shapes": {"W": "<b>8x1", "b": "(1,)"}, "sum": "<script>alert(1)</script>", "varied": 7, "pairs": {"a": "X", "b": "X"},
    "steps": ["d", "c", "a", "b"], "zzz": 1,
}  # fmt: skip


@pytest.fixture
def quiz(tmp_path):
    return tiny.load(tmp_path, SOURCE)


def page_of(quiz, answers, language, student="安 <ann>"):
    return feedback.render(quiz, VARIANTS, Scorer(quiz, VARIANTS).score(Sheet(student, answers)), language)


def sections(page):
    return re.findall(r"<section>\n(.*?)</section>", page, re.DOTALL)


def test_a_page_says_what_was_answered_and_why_it_is_wrong(quiz):
    page = page_of(quiz, ANSWERS, "en")
    one, some, statement, shapes, words, total, varied, pairs, steps, _ = sections(page)
    assert '1. <span class="passed">✓ right</span>' in one
    assert "0.25 / 1" in one
    assert "attempt 2 counts" in one
    assert "hints taken: 1" in one
    assert "Which <code>a &lt; b</code> one is <math" in one
    assert re.search(r'<li class="passed"><span>✓</span><span><code>1 \+ 1</code> <span class="tag">your choice', one)
    assert "One and one is two." in one
    assert some.count("your choice") == 2
    assert re.search(r'<li class="failed"><span>✗</span><span>1 <span class="tag">your choice', some)
    assert "one is odd" in some
    assert "your answer: true" in statement
    assert "____(W), b ____(b)" in shapes
    assert "W: &lt;b&gt;8x1 is not a shape" in shapes
    assert "2. " not in words
    assert "– not answered" in words
    paired = page_of(quiz, {"pairs": "a=Y"}, "en")
    assert re.search(r'<li class="passed"><span>✓</span><span>a. <code>1 \+ 1</code> → 2', paired)
    assert (
        page_of(quiz, {}, "en").count("<code>2 * 2</code>") == 1
    )  # who has not answered sees what there was to choose
    chosen = page_of(quiz, {"words": {"choice": "B"}}, "en")
    assert re.search(r'<li class="failed"><span>✗</span><span>choice: columns', chosen)
    assert "? cannot be read" in total
    assert "&lt;script&gt;alert(1)&lt;/script&gt; is not a number" in total
    assert "What is 9 plus 2?" in varied
    assert "you subtracted" in varied
    assert "a. <code>1 + 1</code> → 4" in pairs
    assert "a: it is two" in pairs
    assert steps.index("x = 1") < steps.index("x = x * 3") < steps.index("x = x + 1") < steps.index("result = x")


def test_a_page_is_safe_and_in_one_language(quiz):
    page = page_of(quiz, ANSWERS, "zh")
    assert "<script" not in page
    assert "安 &lt;ann&gt;" in page
    assert "没有题目 zzz" in page
    for words in ("你的选择", "按第 2 次作答计分", "看过的提示：1", "未作答", "无法读取", "你的答案：对"):
        assert words in page, words
    for words in ("your", "answered", "read", "counts", "hints"):
        assert words not in page.partition("</style>")[2], words


def test_a_page_for_everyone_who_can_be_told_apart(tmp_path):
    tiny.make(tmp_path, tiny.SOURCE[: tiny.SOURCE.index("  - id: varied")])
    answers = tmp_path / "answers"
    answers.mkdir()
    for name, content in {
        "ann": "student: ann\nanswers: {one: B}", "eve": "student: ../../eve\nanswers: {one: B}", "bob": "student: bob\nanswers: {}",
        "bob2": "student: bob\nanswers: {one: A}", "cut": "{", "dots": "student: ..\nanswers: {one: A}",
    }.items():  # fmt: skip
        (answers / f"{name}.yaml").write_text(content, encoding="utf-8")
    out, err = run_quiz("score", "tiny", "answers", "--feedback", "back", "--lang", "en", cwd=tmp_path, code=1)
    assert "pages written: 1, back/<student>/tiny.html" in out
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.html")] == ["back/ann/tiny.html"]
    assert "1 / 1" in (tmp_path / "back/ann/tiny.html").read_text(encoding="utf-8")
    assert "bob: has 2 answer sheets; no page for it" in err
    assert "cut.yaml: cannot be read; no page for it" in err
    assert "../../eve: cannot be the name of a folder; no page for it" in err
    assert "..: cannot be the name of a folder; no page for it" in err
    (tmp_path / "file").write_text("")
    _, err = run_quiz("score", "tiny", "answers/ann.yaml", "--feedback", "file", cwd=tmp_path, code=2)
    assert "cannot be written" in err
