"""Scoring: shares, attempts, hints and feedback; what is malformed is never wrong, and nothing is scored by accident."""

import random
import subprocess
import sys

import pytest
import tiny_quiz as tiny
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.base.errors import SandboxError, UsageError
from autograder.base.i18n import same
from autograder.quiz.notation.parsing import FormatError
from autograder.quiz.scoring import credit
from autograder.quiz.scoring.markers import Variant, Verdict
from autograder.quiz.scoring.scorer import Scorer, draw
from autograder.quiz.scoring.sheets import Sheet

VARIANTS = {"varied": [Variant({"n": n, "k": 2}, str(n + 2), ((str(n - 2), 0), (str(n * 2), 1))) for n in (5, 7, 9)]}


def run_code(question, answer):
    return Verdict(float(answer == question.answer))


@pytest.fixture(scope="module")
def quiz(tmp_path_factory):
    return tiny.load(tmp_path_factory.mktemp("quiz"))


@pytest.fixture(scope="module")
def scorer(quiz):
    return Scorer(quiz, VARIANTS, run_code)


@pytest.fixture
def outcome(scorer):
    def outcome(question, answer, student="ann"):
        scored = scorer.score(Sheet(student, {question: answer}))
        return next(o for o in scored.questions if o.id == question)

    return outcome


def test_all_right_earns_all_points(scorer, quiz):
    variant = VARIANTS["varied"][draw(quiz, "varied", "ann", 3)]
    scored = scorer.score(Sheet("ann", {**tiny.RIGHT, "varied": variant.answer}))
    assert [(o.id, o.outcome) for o in scored.questions if o.outcome != "right"] == []
    assert (scored.score, scored.max_score, scored.status) == (10, 10, "scored")


def test_an_empty_sheet_earns_nothing(scorer):
    scored = scorer.score(Sheet("ann"))
    assert (scored.score, {o.outcome for o in scored.questions}) == (0, {"blank"})


WRONG, BLANK, MALFORMED = "wrong", "blank", "format-error"
CASES = [
    ("one", "A", WRONG, 0, "this is three"),
    ("one", "1 + 1", "right", 1, ""),
    ("one", "", BLANK, 0, ""),
    ("one", "  ", BLANK, 0, ""),
    ("one", None, BLANK, 0, ""),
    ("one", ["A", "B"], MALFORMED, 0, "2 options were chosen; choose one"),
    ("one", "A and B", MALFORMED, 0, "and b is not one of the options A, B, C"),
    ("one", "Z", MALFORMED, 0, "Z is not one"),
    ("some", "A", "partial", 0.5, "right options that were not chosen: 1"),
    ("some", "ABC", "partial", 0.5, "one is odd"),
    ("some", "ABCD", WRONG, 0, "three is odd"),
    ("some", [], WRONG, 0, ""),
    ("some", "none", WRONG, 0, ""),
    ("statement", "对", "right", 1, ""),
    ("statement", "False", WRONG, 0, "count them"),
    ("statement", False, WRONG, 0, "count them"),
    ("statement", "maybe", MALFORMED, 0, "neither true nor false"),
    ("shapes", {"W": "1x8", "b": "()"}, "partial", 0.25, "W: the wrong way round"),
    ("shapes", "W=８×１；b=1", "right", 1, ""),
    ("shapes", ["8x1", "1,1"], "right", 1, ""),
    ("shapes", {"w": "8x1"}, "partial", 0.75, ""),
    ("shapes", {"W": "8x1", "b": "one"}, "partial", 0.75, "b: one is not a shape"),
    ("shapes", {"W": "eight"}, MALFORMED, 0, "W: eight is not a shape"),
    ("shapes", {"W": "", "b": None}, BLANK, 0, ""),
    ("shapes", "8x1", MALFORMED, 0, "must name its parts: W, b"),
    ("shapes", "W=8x1, b=1x1", "right", 1, ""),
    ("shapes", "w：(8,1)，b＝（1,1）", "right", 1, ""),
    ("shapes", " b: 1x1  W: 8x1 ", "right", 1, ""),
    ("shapes", "W=8x1, W=1x8", MALFORMED, 0, ""),
    ("pairs", "a=Y, b=X", "right", 1, ""),
    ("words", {"word": True}, WRONG, 0, ""),
    ("shapes", {"W": {"deep": "x"}}, MALFORMED, 0, "is not a shape"),
    ("shapes", {"W": {}, "b": {}}, BLANK, 0, ""),
    ("shapes", "W:\nb: 1x1", "partial", 0.25, ""),
    ("shapes", "W = (8, 1), b = (1, 1)", "right", 1, ""),
    ("shapes", "W = 8x1; V = 1x1", MALFORMED, 0, "V is not one of the options W, b"),
    ("words", "word = f(x, number = 2)", WRONG, 0, ""),
    ("words", {"word": "“偏置”。"}, "partial", 0.333333, ""),
    ("shapes", {"V": "8x1"}, MALFORMED, 0, "V is not one of the options W, b"),
    ("words", {"word": "OFFSET", "number": "0.1125", "choice": "行"}, "right", 1, ""),
    ("words", {"word": "weight", "number": ".224", "choice": "B"}, WRONG, 0, "number: without the half"),
    ("sum", "3.003", "right", 1, ""),
    ("sum", "3.0031", WRONG, 0, ""),
    ("sum", "1.5", WRONG, 0, "not doubled"),
    ("sum", "-3", WRONG, 0, "the sign is reversed"),
    ("sum", "三", MALFORMED, 0, "三 is not a number"),
    ("sum", "1,5", WRONG, 0, "not doubled"),
    ("sum", "3,000", MALFORMED, 0, "can be read in two ways"),
    ("pairs", {"a": "Y", "b": "Z"}, "partial", 0.5, "b: it is four"),
    ("pairs", {"a": "2", "b": "4"}, "right", 1, ""),
    ("pairs", {"a": ["X", "Y"]}, MALFORMED, 0, "2 options were chosen"),
    ("steps", "d, a, b, c", "partial", 0.666667, ""),
    ("steps", "b→c→a→d", WRONG, 0, ""),
    ("steps", ["d", "a"], "partial", 0.333333, "names every item once"),
    ("steps", "abcc", MALFORMED, 0, ""),
    ("steps", "a,b,c,c", MALFORMED, 0, "named twice"),
    ("write", "x.mean()", "right", 1, ""),
    ("write", 5, MALFORMED, 0, "not an expression"),
]  # fmt: skip


@pytest.mark.parametrize(("question", "answer", "said", "earned", "feedback"), CASES)
def test_answers(outcome, question, answer, said, earned, feedback):
    got = outcome(question, answer)
    assert (got.outcome, got.earned) == (said, earned), got
    assert feedback in " | ".join(words.en for words in got.feedback)


def test_options_whose_words_differ_in_case_or_end_in_a_bracket_are_told_apart(tmp_path):
    source = tiny.SOURCE.replace('A: {code: "1 + 2"', 'A: {code: "torch.Tensor(1)"').replace(
        'B: {code: "1 + 1"}', 'B: {code: "torch.tensor(1)"}'
    )
    scorer = Scorer(tiny.load(tmp_path, source), VARIANTS)

    def answered(words):
        return scorer.score(Sheet("ann", {"one": words})).questions[0]

    for words in ("torch.tensor(1)", ["torch.tensor(1)"], "ｔorch.tensor(1)", "B. torch.tensor(1)", "b"):
        assert answered(words).outcome == "right", words
    assert answered("torch.Tensor(1)").outcome == WRONG
    assert "could be several of the options A, B, C" in answered("TORCH.TENSOR(1)").feedback[0].en


@pytest.mark.parametrize(
    ("hints", "share"),
    [(None, 1), (0, 1), (1, 0.75), (1.0, 0.75), ("1", 0.75), (["a"], 0.75), ("many", 0.75), ({}, 0.75), (-3, 1)],
)
def test_a_hint_costs_however_its_number_is_written(quiz, hints, share):
    scored = Scorer(quiz, VARIANTS, run_code).score(Sheet("ann", {"one": {"attempts": ["B"], "hints": hints}}))
    assert scored.questions[0].earned == share


def test_numbers_and_patterns_without_end_stop_nobody(tmp_path):
    quiz = tiny.load(tmp_path, tiny.SOURCE.replace('regex: "offsets?"', 'regex: "(a|aa)+b"'))
    scorer = Scorer(quiz, VARIANTS, run_code)
    huge = Sheet(
        "eve",
        dict.fromkeys(["sum", "one", "some", "pairs", "steps", "varied"], 16**6000) | {"words": {"word": 16**6000}},
    )
    endless, bob = Sheet("dan", {"words": {"word": "a" * 90}}), Sheet("bob", {"words": {"word": "AAAB"}, "one": "B"})
    eve, dan, bob = (scorer.score(sheet) for sheet in (huge, endless, bob))
    assert "longer than an answer can be" in eve.questions[5].feedback[0].en
    assert (eve.score, bob.score) == (0, pytest.approx(1 + 1 / 3))
    assert (dan.status, dan.questions[4].outcome, dan.questions[4].earned) == ("error", "unjudged", None)


def test_a_key_is_read_before_words_and_alike_words_among_others(tmp_path):
    source = (
        tiny.SOURCE.replace('A: {text: "0", run: "0"}', 'A: {text: "tensor(1)"}')
        .replace('B: {text: "1", run: "1"', 'B: {text: "Tensor(1)"')
        .replace('C: {text: "2", run: "2"}', 'C: {text: "torch dot ones"}')
        .replace('D: {text: "3", run: "3"', 'D: {text: "b"')
    )
    scorer = Scorer(tiny.load(tmp_path, source), VARIANTS)

    def chosen(words):
        return scorer.score(Sheet("ann", {"some": words})).questions[1].chosen

    assert chosen("tensor(1);torch dot ones;") == ("A", "C")
    assert chosen("Tensor(1), torch dot ones") == ("B", "C")
    assert chosen("TENSOR(1), torch dot ones") == ()
    assert chosen(["b"]) == chosen("B") == ("B",)


def test_an_answer_within_answers_without_end_stops_nobody(quiz):
    nested = {}
    for _ in range(5000):
        nested = {"W": nested}
    scorer = Scorer(quiz, VARIANTS, run_code)
    sheets = [Sheet("eve", {name: nested for name in tiny.RIGHT}), Sheet("ann", {"one": "B"})]
    assert [scorer.score(sheet).score for sheet in sheets] == [0, 1]


def test_who_is_wrong_is_told_why_and_what_is_right(outcome):
    assert [words.zh for words in outcome("one", "C").feedback] == ["这是四", "一加一等于二。"]
    assert outcome("one", "B").feedback == ()


@pytest.mark.parametrize(
    ("given", "said", "earned", "attempt"),
    [
        ({"attempts": ["A", "B"]}, "right", 0.5, 2),
        ({"attempts": ["B", "A"]}, "right", 1, 1),
        ({"attempts": ["Z", "B"]}, "right", 1, 1),  # what cannot be read costs no attempt
        ({"attempts": ["", "B"]}, "right", 1, 1),
        ({"attempts": ["A", "C", "B"]}, "wrong", 0, 1),  # two are allowed
        ({"attempts": ["B"], "hints": 1}, "right", 0.75, 1),
        ({"attempts": ["B"], "hints": 99}, "right", 0.75, 1),
        ({"attempts": ["B"], "hints": -5}, "right", 1, 1),
        ({"attempts": "B"}, "right", 1, 1),
        ({"attempts": [], "hints": 1}, "blank", 0, 0),
        ({"attempts": ["A"], "hints": 1}, "wrong", 0, 1),
    ],
)
def test_attempts_and_hints_cost(outcome, given, said, earned, attempt):
    got = outcome("one", given)
    assert (got.outcome, got.earned, got.attempt) == (said, earned, attempt)


def test_an_exam_has_one_attempt(tmp_path):
    quiz = tiny.load(tmp_path, tiny.SOURCE.replace("attempts: [1, 0.5]", "attempts: [1, 0.5], mode: exam"))
    scored = Scorer(quiz, VARIANTS).score(Sheet("ann", {"one": {"attempts": ["A", "B"], "hints": 1}}))
    assert (scored.questions[0].outcome, scored.questions[0].earned, scored.questions[0].hints) == ("wrong", 0, 0)


def test_a_single_choice_may_be_half_right(tmp_path):
    quiz = tiny.load(tmp_path, tiny.SOURCE.replace('A: {code: "1 + 2",', 'A: {code: "1 + 2", score: 0.4,'))
    got = Scorer(quiz, VARIANTS).score(Sheet("ann", {"one": "A"})).questions[0]
    assert (got.outcome, got.earned, got.feedback[0].en) == ("partial", 0.4, "this is three")


def test_variants_are_drawn_by_name_and_never_change(quiz, scorer):
    drawn = {name: draw(quiz, "varied", name, 3) for name in ("ann", "bob", "eve", "学生")}
    assert drawn == {"ann": 2, "bob": 1, "eve": 0, "学生": 2}
    for name, position in drawn.items():
        answer = VARIANTS["varied"][position].answer
        assert scorer.score(Sheet(name, {"varied": answer})).questions[6].outcome == "right"
        other = scorer.score(Sheet(name, {"varied": str(int(answer) - 4)})).questions[6]
        assert [words.en for words in other.feedback] == ["you subtracted"]


def test_a_sheet_does_not_choose_its_seed(quiz, scorer):
    numbers = {name: draw(quiz, "varied", name, 3) for name in ("ann", "bob", "chen", "ding", "eve", "fang")}
    other = next(name for name in numbers if numbers[name] != numbers["bob"])
    answer = VARIANTS["varied"][numbers[other]].answer
    foreign = scorer.score(Sheet("bob", {"varied": answer}, seed=other))
    assert foreign.questions[6].outcome == "wrong"
    assert f"names the seed {other}; it was ignored" in foreign.problems[0].en
    own = scorer.score(Sheet("bob", {"varied": VARIANTS["varied"][numbers["bob"]].answer}, seed="bob"))
    assert (own.questions[6].outcome, own.problems) == ("right", ())


def test_variants_that_were_not_checked_are_not_scored(quiz):
    with pytest.raises(UsageError, match="quiz prove"):
        Scorer(quiz)


def test_code_that_cannot_be_run_is_nobodys_zero(quiz):
    def broken(question, answer):
        raise SandboxError(same("gone"))

    scored = Scorer(quiz, VARIANTS, broken).score(Sheet("ann", tiny.RIGHT))
    assert (scored.status, scored.score) == ("error", None)
    assert next(o for o in scored.questions if o.id == "write").outcome == "unjudged"
    assert Scorer(quiz, VARIANTS).score(Sheet("ann", {"one": "B"})).score == 1  # nobody answered it


def test_odd_sheets_are_told(scorer):
    scored = scorer.score(Sheet("ann", {"one": "B", "two": "A", "\x1b[31mx": "A"}, version=7))
    assert [words.en for words in scored.problems] == [
        "there is no question two; its answer was left out",
        "there is no question \ufffd[31mx; its answer was left out",
        "answered in version 7 of the quiz, scored by version 1",
    ]
    assert scored.score == 1
    other = scorer.score(Sheet("ann", tiny.RIGHT, quiz="other"))
    assert (other.status, other.score) == ("unreadable", 0)
    assert other.problems[-1].en == "these are answers to other, not to tiny"


# -- properties --------------------------------------------------------------------------------------------------------

KEYS = "ABCDEFGH"
RULES = sorted(credit.RULES)


@given(st.integers(2, 8), st.data())
def test_shares_lie_between_0_and_1_and_the_key_earns_1(count, data):
    options = KEYS[:count]
    key = data.draw(st.sets(st.sampled_from(options), min_size=1))
    chosen = data.draw(st.lists(st.sampled_from(options), unique=True))
    for rule in RULES:
        assert 0 <= credit.ticked(rule, count, key, chosen) <= 1
        assert credit.ticked(rule, count, key, sorted(key)) == 1
        assert credit.ticked(rule, count, key, chosen) == credit.ticked(rule, count, key, chosen[::-1])
        if set(chosen) != key:
            assert credit.ticked(rule, count, key, chosen) < 1


@given(st.integers(2, 8), st.data())
def test_blank_and_everything_pay_nothing_when_balanced(count, data):
    options = KEYS[:count]
    key = data.draw(st.sets(st.sampled_from(options), min_size=1, max_size=count - 1))
    assert credit.ticked("balanced", count, key, []) == 0
    assert credit.ticked("balanced", count, key, options) == 0


def test_the_rules_by_hand():
    """n = 5, key ABC, ticked ABD: t = 2, w = 1."""
    shares = {rule: credit.ticked(rule, 5, "ABC", "ABD") for rule in RULES}
    assert {rule: round(share, 4) for rule, share in shares.items()} == {
        "balanced": 0.1667, "coverage": 0.4444, "each": 0.6, "exact": 0, "net": 0.3333,
    }  # fmt: skip
    assert credit.of_guessing("exact", "AB", "A") == 0.25


@given(st.permutations(range(6)))
def test_an_order_earns_1_only_when_right_and_0_only_when_reversed(order):
    share = credit.ordered(range(6), order)
    assert 0 <= share <= 1
    assert (share == 1) == (order == list(range(6)))
    assert (share == 0) == (order == list(range(6))[::-1])


ANSWERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(["A", "B", "8x1", "3"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["W", "b", "a", "attempts", "hints", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*tiny.RIGHT, "varied", "zzz"]), ANSWERS, max_size=10), st.randoms())
def test_whatever_is_answered_scores_within_its_points_in_any_order(scorer, answers, rng):
    scored = scorer.score(Sheet("ann", answers))
    for outcome in scored.questions:
        assert 0 <= outcome.earned <= outcome.points
        assert (outcome.outcome == "right") == (outcome.earned > 0 and outcome.outcome == "right")
    assert scored.score == pytest.approx(sum(o.earned for o in scored.questions))
    shuffled = list(answers.items())
    rng.shuffle(shuffled)
    assert scorer.score(Sheet("ann", dict(shuffled))).questions == scored.questions


def test_the_order_of_options_and_questions_never_matters(quiz, scorer, tmp_path):
    rng = random.Random(7)
    questions = list(quiz.questions)
    rng.shuffle(questions)
    for position, question in enumerate(questions):
        if hasattr(question, "options"):
            items = list(question.options.items())
            rng.shuffle(items)
            questions[position] = question.model_copy(update={"options": dict(items)})
    other = Scorer(quiz.model_copy(update={"questions": questions}), VARIANTS, run_code)
    for answers in (tiny.RIGHT, {"one": "A", "some": "ABD", "steps": "b,a,c,d"}, {}):
        mine = {o.id: o for o in scorer.score(Sheet("ann", answers)).questions}
        assert {o.id: o for o in other.score(Sheet("ann", answers)).questions} == mine


def test_a_judge_tells_format_errors_apart(scorer, quiz):
    with pytest.raises(FormatError):
        scorer.mark(quiz.questions[0], "Z", "ann")


def test_scoring_loads_neither_torch_nor_nbgrader():
    script = "import sys; import autograder.quiz.scoring.scorer, autograder.quiz.questions.loading, autograder.quiz.scoring.sheets; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "nbgrader", "numpy", "pytest"} & set(loaded)
