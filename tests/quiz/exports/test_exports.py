"""Exports, read back by other means: the page in Chromium, Moodle's XML by a reader of our own."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tiny_quiz as tiny
from command_line import run_quiz

from autograder.quiz import lint
from autograder.quiz.exports import html, moodle
from autograder.quiz.notation.parsing import FormatError, parse_number, parse_shape
from autograder.quiz.proofs import certificates
from autograder.quiz.questions import loading
from autograder.quiz.questions.fill_in import Blanks, Code, Number
from autograder.quiz.questions.models import Match, Multi, Order, Single, TrueFalse
from autograder.quiz.scoring.markers import Variant
from autograder.quiz.scoring.scorer import Scorer
from autograder.quiz.scoring.sheets import Sheet

FOLDER = Path(__file__).parents[3] / "quizzes"
QUIZZES = loading.load_all(FOLDER)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def quiz(tmp_path):
    return tiny.load(tmp_path)


# -- the page ----------------------------------------------------------------------------------------------------------


def data_of(page):
    return json.loads(re.search(r'<script type="application/json" id="quiz">(.*?)</script>', page, re.DOTALL)[1])


def test_a_page_of_an_exam_holds_no_key(tmp_path):
    quiz = tiny.load(tmp_path, tiny.SOURCE.replace("attempts: [1, 0.5]", "mode: exam"))
    content = json.dumps(data_of(html.page(quiz, tiny.VARIANTS, {})[0]), ensure_ascii=False)
    for secret in set(tiny.SECRETS) - {"key"}:
        assert f'"{secret}"' not in content, secret
    assert "use your fingers" not in content
    assert '"keyed": false' in content


def test_a_page_needs_nothing_from_elsewhere(quiz):
    page, losses = html.page(quiz, tiny.VARIANTS, {})
    assert not re.search(r"(src|href)\s*=|@import|url\(|fetch\(|innerHTML", page)
    assert {loss.question for loss in losses} == {"words", "varied", "write"}


def test_words_that_look_like_markup_stay_words(tmp_path):
    quiz = tiny.load(tmp_path, tiny.SOURCE.replace("en: this is three", "en: </script><script>alert(1)</script>"))
    page, _ = html.page(quiz, tiny.VARIANTS, {})
    assert page.count("</script>") == 2
    assert data_of(page)["questions"][0]["why"]["A"]["en"] == "</script><script>alert(1)</script>"


def in_browser(page, script, tmp_path):
    """Run a script in the page and give the document as it then stands."""
    path = tmp_path / "page.html"
    path.write_text(page.replace("</body>", f"<script>{script}</script></body>"), encoding="utf-8")
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000", "--dump-dom", path.as_uri()]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


NUMBERS = ["9.5 × 10⁻⁷", "10³", "10^(-2)", "2³", "0.25¹⁰", "‐5", "50 %", "1/2", "0. 6", "3 4", "1 .5", "1,5", "0,125", "2,5e-3", "12,5%", "1,5,3", "1,234", "1,234,567", "1.234,5", "1,234.5", "1.234.567", "1'234'567,5", "1 234 567", "1_234_567", "1e-3", "1/0", "1.2.3", "5。", "五", "nan", ""]  # fmt: skip
SHAPES = ["8x1", "８×１", "8⨯1", "(8，1)", "(8,)", "8", "()", "", "n", "(n, 1)", "[[8, 1]]", "(8,1", "8,1)", "8x", "8,,1", "8*1.", "`8x1`", "torch.Size([8, 1])", "8行1列", "8.0x1", "-8x1", "(8²,)", "1x2x3x4x5x6x7x8x9"]  # fmt: skip


def read(parse, words):
    """What the package reads, in the form the page keeps it in; None for what cannot be read."""
    try:
        value = parse(words)
    except FormatError:
        return None
    return ",".join(map(str, value)) if isinstance(value, tuple) else pytest.approx(float(value), rel=1e-12)


HELPERS = """
const card = id => document.getElementById(id);
const tick = (id, ...names) => names.forEach(n => { card(id).querySelector(`input[value="${n}"]`).checked = true; });
const type = (id, name, value) => { card(id).querySelector(`[data-name="${name}"]`).value = value; };
const press = id => card(id).querySelector("button.main").click();
"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_judges_as_scoring_does(quiz, tmp_path):
    """Right, partly right and wrong answers of every type, judged by the page and by the package."""
    answers = {
        "one": "B", "some": ["A", "B", "C"], "statement": True, "shapes": {"W": "（8，1）", "b": "[7, 1]"},
        "words": {"word": "Ｂias", "number": "1/9", "choice": "B"}, "sum": "３.０", "pairs": {"a": "Y", "b": "Z"},
        "steps": ["d", "a", "b", "c"],
    }  # fmt: skip
    script = (
        HELPERS
        + """
    tick("one", "B"); tick("some", "A", "B", "C"); tick("statement", "true");
    type("shapes", "W", "（8，1）"); type("shapes", "b", "[7, 1]");
    type("words", "word", "Ｂias"); type("words", "number", "1/9"); type("words", "choice", "B");
    type("sum", "", "３.０"); type("pairs", "a", "Y"); type("pairs", "b", "Z");
    ["d", "a", "b", "c"].forEach((n, i) => type("steps", String(i), n));
    ["one", "some", "statement", "shapes", "words", "sum", "pairs", "steps"].forEach(press);
    document.title = JSON.stringify([quiz.questions.filter(q => stateOf(q).used).map(q => [q.id, earned(q)]), NUMBERS.map(number), SHAPES.map(shape)]);
    """.replace("NUMBERS", json.dumps(NUMBERS)).replace("SHAPES", json.dumps(SHAPES))
    )
    shown = in_browser(html.page(quiz, tiny.VARIANTS, {})[0], script, tmp_path)
    title = unescape(re.search("<title>(.*?)</title>", shown)[1])
    judged, numbers, shapes = json.loads(title)
    judged = dict(judged)
    assert dict(zip(NUMBERS, numbers, strict=True)) == {words: read(parse_number, words) for words in NUMBERS}
    assert dict(zip(SHAPES, shapes, strict=True)) == {words: read(parse_shape, words) for words in SHAPES}
    scored = Scorer(quiz, tiny.VARIANTS).score(Sheet("ann", answers))
    assert judged == pytest.approx({o.id: o.earned for o in scored.questions if o.id in answers})
    assert "一是奇数" in shown
    assert f"得分 {round(sum(judged.values()), 2)} / 10" in shown


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_on_the_page_an_answer_costs_one_attempt_and_one_that_cannot_be_read_none(quiz, tmp_path):
    script = (
        HELPERS
        + """type("shapes", "W", "8x1"); type("shapes", "b", "eight"); press("shapes");
        const unread = stateOf(quiz.questions.find(q => q.id === "shapes")).used;
        type("sum", "", "1.5"); press("sum"); press("sum"); document.getElementById("language").click(); press("sum");
        const sum = stateOf(quiz.questions.find(q => q.id === "sum"));
        const again = [sum.used, sum.done];
        type("sum", "", "3"); press("sum");
        document.title = JSON.stringify([unread, ...again, sum.used, sum.best]);"""
    )
    script += """type("shapes", "W", "1x8"); type("shapes", "b", "1x1"); press("shapes");"""
    shown = in_browser(html.page(quiz, tiny.VARIANTS, {})[0], script, tmp_path)
    assert json.loads(unescape(re.search("<title>(.*?)</title>", shown)[1])) == [0, 1, False, 2, 0.5]
    assert "W: the wrong way round" in shown


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_tells_options_apart_and_small_numbers_and_shows_formulas(tmp_path):
    numbered = ", ".join(f'"{n}": {{text: "{n} + 0.5"}}' for n in range(1, 13))
    source = tiny.SOURCE[: tiny.SOURCE.index("questions:")].replace("defaults:", 'intro: {zh: "$x_1$ 和 `y`", en: "$x_1$ and `y`"}\ndefaults:') + f"""questions:
  - {{id: many, type: multi, credit: exact, key: ["12"], prompt: {{zh: 问, en: ask}}, options: {{{numbered}}}}}
  - {{id: eps, type: number, answer: 2.220446e-16, rtol: 0.01, prompt: {{zh: 问, en: ask}}}}
  - {{id: dash, type: blanks, prompt: {{zh: "{{{{w}}}}", en: "{{{{w}}}}"}}, blanks: {{w: {{kind: text, answer: mini–batch}}}}}}
  - {{id: alpha, type: single, key: A, prompt: {{zh: "f'{{{{x}}}}'", en: "f'{{{{x}}}}'"}}, options: {{A: {{text: "$\\\\alpha$"}}, B: {{text: no}}}}, explain: {{zh: 是, en: it is}}}}
  - id: n
    type: number
    prompt: {{zh: "{{{{ n }}}} 加一", en: "{{{{ n }}}} plus one"}}
    params: {{n: {{int: [1, 9]}}}}
    answer: {{run: n + 1}}
"""  # fmt: skip
    quiz = tiny.load(tmp_path, source)
    script = (
        HELPERS
        + """tick("many", "12"); press("many"); type("eps", "", "0"); press("eps"); type("dash", "w", "mini–batch"); press("dash");
        tick("alpha", "A"); press("alpha");
        document.title = JSON.stringify(quiz.questions.map(q => [q.id, stateOf(q).best]).concat([[card("alpha").querySelectorAll("math").length, document.querySelectorAll("#intro math").length], [card("n").innerText, card("alpha").innerText]]));"""
    )
    shown = in_browser(html.page(quiz, {"n": [Variant({"n": 4}, "5")]}, {})[0], script, tmp_path)
    *shares, maths, (n, alpha) = json.loads(unescape(re.search("<title>(.*?)</title>", shown)[1]))
    assert dict(shares) == {"many": 1, "eps": 0, "dash": 1, "alpha": 1, "n": 0}
    assert maths == [2, 1]
    assert "4 加一" in n
    assert "f'{{x}}'" in alpha


def test_moodle_gets_the_points_a_question_has_and_no_wrong_option_as_right(tmp_path):
    blanks = "blanks: {w: {kind: choice, answer: A, options: {A: {text: one}, B: {text: '=two'}, C: {text: '%50%three'}}}, v: {kind: shape, answer: [2]}}"
    head = tiny.SOURCE[: tiny.SOURCE.index("questions:")]
    asked = "  - {id: %s, type: blanks, points: %s, prompt: {zh: '{{w}} {{v}}', en: '{{w}} {{v}}'}, hints: [{text: {zh: 看, en: look}, cost: 0.5}], %s}\n"
    none = "  - {id: none, type: multi, key: [], none_correct: true, prompt: {zh: 问, en: ask}, options: {A: {text: a}, B: {text: b}}}\n"
    quiz = tiny.load(tmp_path, head + "questions:\n" + asked % ("four", 4, blanks) + asked % ("odd", 1, blanks) + none)
    exporter = moodle.MoodleExporter(quiz, {}, "en")
    xml = exporter.xml()
    assert "{2:MULTICHOICE:=one~%0%=two~%0%%50%three} {2:SHORTANSWER:" in xml
    told = {(loss.question, loss.words.en) for loss in exporter.losses}
    assert ("odd", "Moodle's weights are whole numbers: the question is worth 2 points there") in told
    assert not any(question == "four" and "whole" in words for question, words in told)
    assert ("none", "Moodle gives no points for choosing nothing") in told
    assert ("four", "a hint costs nothing in Moodle") in told
    exam = quiz.model_copy(update={"defaults": quiz.defaults.model_copy(update={"mode": "exam"})})
    assert "<hint" in xml
    assert "<hint" not in moodle.MoodleExporter(exam, {}, "en").xml()


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_evidence_can_be_read_on_a_phone(tmp_path):
    long = 'A: {text: {zh: 这个选项用很多字说出一个偶数, en: an even number in many words}, run: "0"}'
    quiz = tiny.load(tmp_path, tiny.SOURCE.replace('A: {text: "0", run: "0"}', long))
    names = ["half_mse", "w_err", "b_err", "largest_loss", "last_loss"]
    rows = {option: dict.fromkeys(names, number / 7) for number, option in enumerate("ABCD")}
    proofs = {"some": certificates.Certificate(sha256="", torch="", evidence=rows)}
    script = (
        HELPERS
        + """document.body.style.width = "390px"; tick("some", "A", "C"); press("some");
        const options = [...card("some").querySelectorAll("table td:first-child")];
        document.title = JSON.stringify([document.body.scrollWidth, options.map(option => option.clientWidth)]);"""
    )
    shown = in_browser(html.page(quiz, tiny.VARIANTS, proofs)[0], script, tmp_path)
    page_width, widths = json.loads(unescape(re.search("<title>(.*?)</title>", shown)[1]))
    assert page_width <= 390  # the table scrolls, not the page
    assert len(widths) == 4
    assert min(widths) >= 120  # not one letter per line


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_enter_judges_nothing_in_an_exam(tmp_path):
    quiz = tiny.load(tmp_path, tiny.SOURCE.replace("attempts: [1, 0.5]", "mode: exam"))
    script = (
        HELPERS
        + """let failed = "none"; window.addEventListener("error", event => { failed = event.message; });
        type("sum", "", "3");
        const unhandled = card("sum").querySelector("input").dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true, cancelable: true}));
        document.title = JSON.stringify([failed, unhandled, card("sum").querySelector(".place").innerText, card("sum").querySelectorAll("button").length]);"""
    )
    shown = in_browser(html.page(quiz, tiny.VARIANTS, {})[0], script, tmp_path)
    assert json.loads(unescape(re.search("<title>(.*?)</title>", shown)[1])) == ["none", True, "", 0]


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_page_speaks_both_languages_and_keeps_what_was_filled_in(quiz, tmp_path):
    script = (
        HELPERS
        + """type("sum", "", "三"); card("language").click(); press("sum");
        tick("one", "A"); press("one"); const told = card("one").innerText;
        card("one").querySelectorAll("button")[1].click(); tick("one", "B"); press("one"); tick("one", "A"); press("one");
        document.title = JSON.stringify([card("sum").querySelector("input").value, told, earned(quiz.questions[0])]);"""
    )
    shown = in_browser(html.page(quiz, tiny.VARIANTS, {})[0], script, tmp_path)
    kept, told, earned = json.loads(unescape(re.search("<title>(.*?)</title>", shown, re.DOTALL)[1]))
    assert kept == "三"
    assert "Attempts left: 1; this one earns up to 50 %" in told
    assert "Right answer" not in told
    scored = Scorer(quiz, tiny.VARIANTS).score(Sheet("ann", {"one": {"attempts": ["A", "B"], "hints": 1}}))
    assert earned == scored.questions[0].earned == 0.25
    assert "This answer cannot be read" in shown
    assert '<html lang="en">' in shown
    assert "What is twice 1.5?" in shown


FORMULA = tiny.SOURCE.replace(
    "en: One and one is two.", r"en: 'It is $\hat{y}_i = \frac{1}{2} \sum_j w_j < 3$, not `$x$`.'"
)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_formulas_are_mathml_in_the_page(tmp_path):
    script = HELPERS + 'card("language").click(); tick("one", "A"); press("one"); tick("one", "C"); press("one");'
    shown = in_browser(html.page(tiny.load(tmp_path, FORMULA), tiny.VARIANTS, {})[0], script, tmp_path)
    assert re.search(
        r'<math xmlns="http://www.w3.org/1998/Math/MathML"[^>]*>.*<mfrac>.*</math>, not <code>\$x\$</code>', shown
    )


def test_formulas_go_to_other_systems_in_their_own_notation(tmp_path):
    quiz = tiny.load(tmp_path, FORMULA)
    words = r"It is \(\hat{y}_i = \frac{1}{2} \sum_j w_j &lt; 3\), not <code>$x$</code>."
    assert words in ElementTree.fromstring(moodle.MoodleExporter(quiz, tiny.VARIANTS, "en").xml()).findtext(
        ".//generalfeedback/text"
    )


def test_a_formula_that_is_none_is_an_error_of_the_review(tmp_path):
    quiz = tiny.load(tmp_path, FORMULA.replace(r"\hat{y}_i", r"\hut{y}_"))
    told = [remark.words.en for remark in lint.lint(quiz, tmp_path, {}) if remark.kind == "error"]
    assert any(r"explain: $\hut{y}_ = " in words for words in told)


# -- Moodle ------------------------------------------------------------------------------------------------------------


def read_moodle(xml):
    """Name, type and {answer: fraction} of each question, by a reader that knows nothing of the writer."""
    found = {}
    for element in ElementTree.fromstring(xml).iter("question"):
        if element.get("type") == "category":
            continue
        answers = {a.findtext("text"): float(a.get("fraction")) for a in element.findall("answer")}
        for pair in element.findall("subquestion"):
            answers[pair.findtext("text")] = pair.findtext("answer/text")
        found[element.findtext("name/text")] = (element.get("type"), answers, element)
    return found


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.stem)
def test_moodle_gets_every_key(path, language):
    quiz = QUIZZES[path]
    variants = certificates.variants_of(quiz, certificates.load(path, quiz))
    exporter = moodle.MoodleExporter(quiz, variants, language)
    found, lost = read_moodle(exporter.xml()), {loss.question: loss.words.en for loss in exporter.losses}
    for question in quiz.questions:
        if isinstance(question, Order | Code):
            assert "left out" in lost[question.id]
            assert question.id not in found
        elif isinstance(question, Number) and question.params:
            for number, variant in enumerate(variants[question.id], 1):
                answers = found[f"{question.id}-{number}"][1]
                assert [float(a) for a, fraction in answers.items() if fraction == 100] == [
                    pytest.approx(float(variant.answer))
                ]
        else:
            kind, answers, element = found[question.id]
            assert_same_key(question, kind, answers, element, language)


def assert_same_key(question, kind, answers, element, language):
    match question:
        case Single() | Multi():
            shown = list(answers.items())
            assert len(shown) == len(question.options)
            right = [name for name, (_, fraction) in zip(question.options, shown, strict=True) if fraction > 0]
            assert sorted(right) == sorted(question.key)
            assert sum(f for f in answers.values() if f > 0) == pytest.approx(100, abs=1e-3)
            if isinstance(question, Multi):
                assert sum(answers.values()) == pytest.approx(0, abs=1e-3)  # balanced: everything ticked pays nothing
        case TrueFalse():
            assert answers == {"true": 100.0 * question.key, "false": 100.0 * (not question.key)}
        case Number():
            assert [float(a) for a, fraction in answers.items() if fraction == 100] == [float(question.answer)]
        case Match():
            for name, option in question.left.items():
                wanted = question.right[question.key[name]].shown(language)
                assert answers[option.shown(language) if option.text else f"<code>{option.code}</code>"] == wanted
        case Blanks():
            holes = re.findall(r"\{(\d+):([A-Z]+):=([^~#}]*)", element.findtext("questiontext/text"))
            for (weight, _, answer), blank in zip(holes, question.blanks.values(), strict=True):
                right = (
                    "x".join(map(str, blank.answer))
                    if blank.kind == "shape" and len(blank.answer) > 1
                    else str(blank.answer)
                )
                assert int(weight) == blank.weight
                assert answer.split(":")[0] in (right, "(30,)")
    assert kind


def test_moodle_is_told_what_it_cannot_do(tmp_path):
    source = tiny.SOURCE.replace("type: multi\n", "type: multi\n    credit: coverage\n").replace(
        "[1, 0.5]", "[1, 0.9, 0.1]"
    )
    exporter = moodle.MoodleExporter(tiny.load(tmp_path, source), tiny.VARIANTS, "en")
    exporter.xml()
    said = {(loss.question, loss.words.en) for loss in exporter.losses}
    assert ("some", "Moodle cannot credit by coverage: balanced is used instead") in said
    assert ("one", "every attempt costs the same share in Moodle") in said
    assert ("words.word", "what only the regex accepts is not accepted") in said


def test_export_refuses_losses_unless_they_are_wanted(tmp_path):
    tiny.make(tmp_path, tiny.SOURCE[: tiny.SOURCE.index("  - id: varied")])
    _, err = run_quiz("export", "tiny", "--to", "moodle", cwd=tmp_path, code=1)
    assert "moodle cannot express shapes: a shape is accepted in three spellings only" in err
    assert "nothing was written" in err
    assert not (tmp_path / "tiny.moodle.xml").exists()
    assert run_quiz("export", "tiny", "--to", "moodle", "--lossy", cwd=tmp_path)[0] == "tiny.moodle.xml\n"
    assert read_moodle((tmp_path / "tiny.moodle.xml").read_text(encoding="utf-8"))
    assert run_quiz("export", "tiny", "--to", "html", "--lossy", cwd=tmp_path)[0] == "tiny.html\n"
