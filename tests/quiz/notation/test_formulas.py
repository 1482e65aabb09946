"""Formulas in one line of Unicode say what the LaTeX says, with brackets wherever a line needs them."""

import re

import pytest
from markupsafe import escape

from autograder.quiz.exports.markup import to_html
from autograder.quiz.notation.formulas import in_lines, in_mathml, problems, to_line


@pytest.mark.parametrize(
    ("latex", "line"),
    [
        (r"\frac{1}{n}\sum_{i=1}^{n} (\hat y_i - y_i)^2", "1/n ∑ᵢ₌₁ⁿ(ŷᵢ − yᵢ)²"),
        (r"\frac{a+b}{c d}", "(a + b)/(cd)"),
        (r"\left(\frac{a}{b}\right)^2 {\frac a b}^2", "(a/b)²(a/b)²"),
        (r"\frac{\partial L}{\partial w} - \frac{\theta}{\|g\|}", "∂L/∂w − θ/‖g‖"),
        (r"W \in \mathbb{R}^{8\times 1}, y_b x", "W ∈ ℝ^(8 × 1), y_b x"),
        (r"\mathbf{w}^* = (X^\top X)^{-1} X^\top y", "w* = (XᵀX)⁻¹Xᵀy"),
        (r"-\log \hat{\mathbf y}_j \le -2 \quad z", "−log ŷⱼ ≤ −2 z"),
        (r"\sqrt{a^2+b^2} + \sqrt[3]{x} + \sqrt[b]{x}", "√(a² + b²) + ³√x + ᵇ√x"),
        (r"\begin{bmatrix}1&2\\3&4\end{bmatrix}", "[1, 2; 3, 4]"),
        (r"\bar{xy} + \bar x + \vec x + \lim_{x\to 0} f'(x)", "bar(xy) + x̄ + x⃗ + lim_(x → 0) f′(x)"),
        (r"\operatorname{softmax}(o)_j = \frac{\exp(o_j)}{\sum_k \exp(o_k)}", "softmax(o)ⱼ = (exp(oⱼ))/(∑ₖ exp(oₖ))"),
        (r"\overset{!}{=} 2^{x^y}", "=^! 2^(xʸ)"),
    ],
)
def test_a_line_says_what_the_formula_says(latex, line):
    assert to_line(latex) == line


@pytest.mark.parametrize(
    "latex",
    [
        "&",
        r"\overset~",
        r"\bar\not#",
        r"\frac<",
        r"\text{<a href=//evil.example>grade</a>}",
        r"\text{<img src=x onerror=alert(1)>}",
        r"\href{javascript:alert(1)}{x}",
    ],
)
def test_what_a_student_writes_between_dollar_signs_neither_stops_nor_becomes_markup(latex):
    assert in_lines(f"${latex}$") == f"${latex}$"
    shown = to_html(f"${latex}$", in_mathml)
    assert shown == escape(f"${latex}$") or re.fullmatch(r"(</?m[a-z]+( [^<>]*)?>|[^<>])*", shown)
    assert not re.search("href|onerror", re.sub("&lt;.*?&gt;|" + re.escape(escape(latex)), "", shown))
    assert list(problems(f"${latex}$"))


def test_prices_are_no_formulas():
    words = "价格 $5 和 $6, or $5 and $6, $ 1 $"
    assert in_lines(words) == words
    assert in_lines("$2^n$ and $x$, $y$.") == "2ⁿ and x, y."


def test_what_is_no_formula_stays_as_it_was_written():
    assert in_lines(r"$x_1$ \\, $\nothing_2$, $\frac{$ and 5 $") == r"x₁ \\, $\nothing_2$, $\frac{$ and 5 $"
