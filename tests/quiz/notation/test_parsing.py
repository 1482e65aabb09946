"""Answers as people write them, in either language and width; and what is no answer at all."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.quiz.notation.expressions import ExpressionError, evaluate, names_in
from autograder.quiz.notation.parsing import Choices, FormatError, parse_number, parse_shape, parse_word, shown


@pytest.mark.parametrize(
    "words",
    ["8x1", "8×1", "（8，1）", "[8,1]", "torch.Size([8, 1])", "８×１", "8 1", "8 X 1", "8乘1", "【8、1】", "shape=(8, 1)", "形状：8*1",
     "8行1列", " (8, 1,) ", "8x1。", "'8x1'", "8·1", "8✕1", "Size: 8x1", [8, 1], (8, 1), ["8", "1"], "「8，1」", "{8, 1}", "8;1"],
)  # fmt: skip
def test_one_shape_is_written_in_many_ways(words):
    assert parse_shape(words) == (8, 1)


@pytest.mark.parametrize(
    ("words", "shape"),
    [("(8,)", (8,)), ("8", (8,)), (8, (8,)), ("(n)", ("n",)), ("()", ()), ("[]", ()), ([], ()), ("torch.Size([])", ()), ("(n, n)", ("n", "n")), ("Nx1", ("n", 1)), ("2x3x4", (2, 3, 4))],
)  # fmt: skip
def test_shapes_that_differ_stay_different(words, shape):
    assert parse_shape(words) == shape


@pytest.mark.parametrize("words", ["", "eight by one", "8x", "x8", "8xx1", "8,,1", "-8x1", "8.5x1", "((8,1)", "8x1)", True, None, {}, "8x1 and b 1", "B", "n", "八乘一", "9" * 600, "(8²,)"])  # fmt: skip
def test_what_is_no_shape_is_a_format_error(words):
    with pytest.raises(FormatError):
        parse_shape(words)


@pytest.mark.parametrize(
    ("words", "value"),
    [("14", "14"), (14, "14"), (0.112, "0.112"), ("１４", "14"), ("−3", "-3"), ("－3.5", "-3.5"), ("3/4", "0.75"), ("1e-3", "0.001"), (".5", "0.5"), ("5.", "5"),
     ("65,546,000", "65546000"), ("65 546 000", "65546000"), ("65_546_000", "65546000"), ("50%", "0.5"), ("1.5×10^3", "1500"), ("2*10**-2", "0.02"), ("9.5 × 10⁻⁷", "9.5e-7"), ("10³", "1000"), ("10^(-7)", "1e-7"), ("+2", "2"), ("0.112。", "0.112"),
     ("1,5", "1.5"), ("３，０", "3"), ("-0,125", "-0.125"), ("1234,567", "1234.567"), ("12,5 %", "0.125"), ("2,5e-3", "0.0025"), ("1,5×10^3", "1500"), ("1.234,5", "1234.5"), ("1,234.5", "1234.5"), ("1.234.567", "1234567"), ("1'234'567,5", "1234567.5")],
)  # fmt: skip
def test_one_number_is_written_in_many_ways(words, value):
    assert parse_number(words) == Decimal(value)


@pytest.mark.parametrize("words", ["", "十四", "1,5,3", "3 4", "1 .5", "1,234", "-12,500", "1,234×10^2", "1.2,3,4", "nan", "inf", "1/0", "1e99999", "0x10", "1 apple", True, None, [1], "1..2", "--1", "1" * 600, "3//4", "0.25¹⁰", "2³"])  # fmt: skip
def test_what_is_no_number_or_could_be_two_is_a_format_error(words):
    with pytest.raises(FormatError):
        parse_number(words)


def test_a_comma_that_may_separate_thousands_is_asked_about():
    with pytest.raises(FormatError, match="1,234 can be read in two ways"):
        parse_number("1,234")


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12, places=6))
def test_every_decimal_is_read_as_itself(value):
    assert parse_number(str(value)) == value


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=6))
def test_every_shape_is_read_as_itself(sizes):
    assert (
        parse_shape(str(sizes))
        == parse_shape(str(tuple(sizes)))
        == parse_shape("x".join(map(str, sizes)))
        == tuple(sizes)
    )


@given(st.text(max_size=40) | st.integers() | st.floats() | st.none() | st.lists(st.text(max_size=3), max_size=3))
def test_whatever_is_written_is_read_or_refused(words):
    for parse in (parse_shape, parse_number, parse_word, Choices({"A": ["one"], "B": []}).read):
        try:
            parse(words)
        except FormatError as error:
            assert error.text.en
            assert error.text.zh
            assert "\x1b" not in error.text.en


def test_words_are_one_whatever_their_case_width_and_spaces():
    assert parse_word(" Ｂｉａｓ   Term ") == parse_word("bias term")


CHOICES = Choices({"A": ["rows, and columns"], "B": ["b(x)", "乙"], "C": ["C++"], "D": []})


@pytest.mark.parametrize(
    ("words", "keys"),
    [("B", "B"), ("b", "B"), ("Ｂ", "B"), ("B.", "B"), ("(B)", "B"), ("B)", "B"), ("乙", "B"), ("B. b(x)", "B"), ("B: something else was here", "B"), ("rows, and columns", "A"),
     ("A,C", "AC"), ("A、C", "AC"), ("c a", "CA"), ("AC", "AC"), ("A;B|C", "ABC"), (["a", "C"], "AC"), ("rows, and columns; C++", "AC"), ("A. rows, and columns, B. b(x)", "AB"), ("A A", "A")],
)  # fmt: skip
def test_options_are_named_by_key_or_words(words, keys):
    assert CHOICES.read(words) == list(keys)


@pytest.mark.parametrize(
    "words", ["E", "A, E", "AE", ["A", "E"], [["A"]], {"A": 1}, "the second", "<b>B</b>", "\x1b[1mB"]
)
def test_what_names_no_option_is_a_format_error(words):
    with pytest.raises(FormatError):
        CHOICES.read(words)


def test_what_is_shown_of_an_answer_is_one_short_printable_line():
    assert shown("a\x1b[31m\nb" + "c" * 100_000) == "a\ufffd[31m b" + "c" * 51 + "…"


# -- claims and formulas -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "value"),
    [("n // 2 + 1", 4), ("1 < n <= 7", True), ("n < 1 or n == 7", True), ("not n > 3 and n", False), ("shape == [n, 1]", True), ("shape[0] - -1", 8), ("close(x, 0.3)", True),
     ("max(shape) ** 2", 49), ("'a' in 'abc'", True), ("finite(x)", True), ("n if n else 0", None), ("(1).real", None), ("[i for i in shape]", None), ("__import__('os')", None), ("n(1)", None),
     ("missing", None), ("1 / 0", None), ("9 ** 9999", None), ("shape[5]", None), ("1 +", None), ("lambda: 1", None), ("f'{n}'", None), ("", None), ("exp(n, base=2)", None)],
)  # fmt: skip
def test_expressions_are_evaluated_or_refused(source, value):
    values = {"n": 7, "shape": [7, 1], "x": 0.1 + 0.2}
    if value is None:
        with pytest.raises(ExpressionError):
            evaluate(source, values)
    else:
        assert evaluate(source, values) == value


def test_names_in_an_expression():
    assert names_in("abs(n) > k and close(x, [1, m])") == {"n", "k", "x", "m"}
