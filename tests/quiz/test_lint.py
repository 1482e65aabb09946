"""What a reviewer says: each fault that is planted is found, and nothing else."""

import pytest
import tiny_quiz as tiny

from autograder.quiz import lint
from autograder.quiz.scoring import credit
from autograder.quiz.scoring.markers import Variant

VARIANTS = {"varied": [Variant({"n": 5, "k": 2}, "7", (("3", 0), ("10", 1)))]}


@pytest.fixture
def remarks(tmp_path):
    def remarks(old="", new=""):
        assert old in tiny.SOURCE
        quiz = tiny.load(tmp_path, tiny.SOURCE.replace(old, new, 1))
        return [(r.kind, r.question, r.words.en) for r in lint.lint(quiz, tmp_path, VARIANTS)]

    return remarks


TESTS = "    prove: {run: 2 * 1.5, seeds: [0]}"
FAULTS = [
    ("explain: {zh: 一加一等于二。, en: One and one is two.}\n", "tags: []\n", "advice", "one", "there is no explanation"),
    ("    prove: {claims: value == 2, seeds: [0]}\n", "", "advice", "one", "nothing proves the key"),
    (", why: {zh: 这是三, en: this is three}", "", "advice", "one", "option A: it is wrong, but nothing says why"),
    ("    why: {zh: 数一数, en: count them}\n", "", "advice", "statement", "why: it is wrong"),
    (", why: {zh: 是二, en: it is two}", "", "advice", "pairs", "a: it is wrong"),
    ("{zh: 用手指数, en: use your fingers}", "use the fingers of your hands", "error", "one", "hints.0: the Chinese text is missing"),
    ("en: count them", "en: 数一数", "error", "statement", "why: the English text is in Chinese"),
    ("{zh: 用手指数,", "{zh: \" \",", "error", "one", "hints.0: the Chinese text is missing"),
    ("zh: 一加一等于二。", "zh: 只有 B 等于二。", "error", "one", "explain: mentions option B, but options are shuffled"),
    ("en: use your fingers", "en: \"see [this](missing.md)\"", "error", "one", "the link missing.md leads nowhere"),
    ("en: use your fingers", "en: \"see http://example.org/a\"", "error", "one", "http://example.org/a is not encrypted"),
    ('C: {code: "2 * 2"', 'C: {code: "1 + 2"', "error", "one", "options A and C say the same"),
    ("zh: 这是四, en: this is four", "zh: 这是三, en: this is three", "error", "one", "options A and C have the same explanation"),
    ('A: {text: "0", run: "0"}', 'A: {text: {zh: 都不是, en: none of these}, run: "0"}', "advice", "some", "option A refers to others"),
    ("type: multi\n", "type: multi\n    credit: net\n", None, "", ""),
    ("type: multi\n", "type: multi\n    credit: each\n", "advice", "some", "ticking everything earns 50%"),
    (TESTS, TESTS + "\n    tests: [{answer: 3, score: 1}, {answer: 三, format_error: true}, {answer: 1.5, score: 0}]", None, "", ""),
    (TESTS, TESTS + "\n    tests: [{answer: 4, score: 1}]", "error", "sum", "tests.0: 4 earns 0, not 1"),
    (TESTS, TESTS + "\n    tests: [{answer: 三, score: 1}]", "error", "sum", "tests.0: 三 cannot be read"),
    (TESTS, TESTS + "\n    tests: [{answer: 3, format_error: true}]", "error", "sum", "tests.0: 3 can be read"),
    ("variants: {deploy: 6}", "variants: {deploy: 6}\n    tests: [{answer: 7, variant: 0, score: 1}]", None, "", ""),
    ("variants: {deploy: 6}", "variants: {deploy: 6}\n    tests: [{answer: 8, variant: 0, score: 1}]", "error", "varied", "tests.0: 8 earns 0, not 1"),
    ("answer: 3\n", "answer: 3\n    tests: [{answer: '999', variant: 0, score: 1}]\n", "error", "sum", "tests.0: 999 earns 0, not 1"),
    ("variants: {deploy: 6}", "variants: {deploy: 6}\n    tests: [{answer: 7, variant: 6, score: 1}]", "error", "varied", "tests.0: 7 names variant 6, which does not exist"),
    ("wrong: [{is: 1.5,", "wrong: [{is: 3.001,", "error", "sum", "wrong.3.001: is accepted, so nobody ever sees"),
    ("wrong: [{is: [1, 8]", "wrong: [{is: [8, 1]", "error", "shapes", "W.wrong.[8, 1]: is accepted"),
    ("wrong: [{is: weight", "wrong: [{is: Offset", "error", "words", "word.wrong.Offset: is accepted"),
    ("key: [d, a, c, b]", "key: [a, b, c, d]", "error", "steps", "the items' names, sorted, give the right order"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "kind", "question", "words"), FAULTS)
def test_a_planted_fault_is_found_and_nothing_else(remarks, old, new, kind, question, words):
    usual = set(remarks())
    found = set(remarks(old, new)) - usual
    if kind is None:
        assert not found
    else:
        assert len(found) == 1, found
        (remark,) = found
        assert remark[:2] == (kind, question)
        assert words in remark[2]


def test_patterns_over_the_whole_quiz_are_found(tmp_path):
    head = tiny.SOURCE[: tiny.SOURCE.index("questions:")].replace("attempts: [1, 0.5]", "shuffle: false")
    one = "  - {id: q%d, type: single, prompt: {zh: 问, en: ask}, options: {A: {text: yes indeed}, B: {text: no}}, key: A}\n"
    quiz = tiny.load(tmp_path, head + "questions:\n" + "".join(one % n for n in range(5)))
    words = [r.words.en for r in lint.lint(quiz, tmp_path, {}) if not r.question]
    assert words == [
        "in 5 of 5 single choices the longest option is right",
        "the right option is A in 5 of 5 single choices",
    ]


def test_options_that_cannot_be_told_apart_in_a_form_are_found(tmp_path):
    def remarks(*options):
        head = tiny.SOURCE[: tiny.SOURCE.index("questions:")]
        listed = ", ".join(f'{name}: {{text: "{words}"}}' for name, words in options)
        source = (
            head
            + f"questions:\n  - {{id: q, type: single, prompt: {{zh: 问, en: ask}}, key: {options[0][0]}, options: {{{listed}}}}}\n"
        )
        return {r.words.en for r in lint.lint(tiny.load(tmp_path, source), tmp_path, {}) if r.kind == "error"}

    assert remarks(("A", "tensor"), ("B", "Tensor")) == set()  # an exact answer tells them apart
    assert remarks(("A", "b"), ("B", "w")) == {"the text of option A can be read as another answer"}
    assert remarks(("A", "rows"), ("B", "rows, columns"), ("C", "columns")) == {
        "the text of option B can be read as another answer"
    }
    assert remarks(("A", "x"), ("B", "")) >= {"B.text: the text is empty"}


def test_what_guessing_earns(tmp_path):
    guesses = {g.question: g for g in lint.guesses(tiny.load(tmp_path))}
    assert guesses["one"].random == pytest.approx(1 / 3)
    assert (guesses["some"].blank, guesses["some"].everything) == (0, 0)
    assert guesses["some"].random == pytest.approx(3 / 16)  # {A}, {C} earn 1/2, AC 1, ABC and ACD 1/2 of 16 sets
    assert guesses["statement"].random == 0.5
    assert guesses["words"].random == pytest.approx(1 / 6)
    assert guesses["pairs"].random == pytest.approx(1 / 3)
    assert guesses["sum"].random == 0
    assert guesses["steps"].random == pytest.approx(17 / 36)  # 58 / 24 of 4 items stand in order on average, one always


def test_what_guessing_earns_where_two_orders_are_right_or_items_are_many():
    assert credit.of_shuffling(["abc", "acb"]) == pytest.approx(2 / 3)  # 1 twice, 1/2 in the other four
    many = credit.of_shuffling(["abcdefghij"])
    assert many == pytest.approx(0.37, abs=0.02)
    assert many == credit.of_shuffling(["abcdefghij"])
