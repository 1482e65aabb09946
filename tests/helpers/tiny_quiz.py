"""A quiz with one question of every type, made on the spot."""

from pathlib import Path

from autograder.quiz.questions import loading
from autograder.quiz.questions.models import Quiz
from autograder.quiz.scoring.markers import Variant

SOURCE = """\
schema: 1
id: tiny
version: 1
title: {zh: 小测验, en: Tiny quiz}
defaults: {credit: balanced, attempts: [1, 0.5]}
questions:
  - id: one
    type: single
    prompt: {zh: 哪一个等于二？, en: "Which one is two?"}
    options:
      A: {code: "1 + 2", why: {zh: 这是三, en: this is three}}
      B: {code: "1 + 1"}
      C: {code: "2 * 2", why: {zh: 这是四, en: this is four}}
    key: B
    explain: {zh: 一加一等于二。, en: One and one is two.}
    hints: [{text: {zh: 用手指数, en: use your fingers}, cost: 0.25}]
    prove: {claims: value == 2, seeds: [0]}
  - id: some
    type: multi
    prompt: {zh: 哪些是偶数？, en: "Which are even?"}
    options:
      A: {text: "0", run: "0"}
      B: {text: "1", run: "1", why: {zh: 一是奇数, en: one is odd}}
      C: {text: "2", run: "2"}
      D: {text: "3", run: "3", why: {zh: 三是奇数, en: three is odd}}
    key: [A, C]
    prove: {claims: value % 2 == 0, seeds: [0]}
  - id: statement
    type: truefalse
    prompt: {zh: 二大于一。, en: Two is more than one.}
    key: true
    why: {zh: 数一数, en: count them}
    prove: {run: 2 > 1, seeds: [0]}
  - id: shapes
    type: blanks
    prompt: {zh: "X 是 7x8，XW+b 是 7x1：W {{W}}，b {{b}}", en: "X is 7x8, XW + b is 7x1: W {{W}}, b {{b}}"}
    blanks:
      W: {kind: shape, answer: [8, 1], weight: 3, wrong: [{is: [1, 8], why: {zh: 颠倒了, en: the wrong way round}}]}
      b: {kind: shape, answer: [1, 1], accept: [[1], []]}
    prove:
      probe: enumerate_shapes
      args: {code: "X @ W + b", given: {X: [m, 8]}, want: [m, 1], sizes: {m: [7, 5, 1]}}
  - id: words
    type: blanks
    prompt: {zh: "{{word}} {{number}} {{choice}}", en: "{{word}} {{number}} {{choice}}"}
    blanks:
      word: {kind: text, answer: bias, accept: [偏置], regex: "offsets?", wrong: [{is: weight, why: {zh: 那是权重, en: that is w}}]}
      number: {kind: number, answer: 0.112, atol: 0.001, wrong: [{is: 0.224, why: {zh: 忘了一半, en: without the half}}]}
      choice: {kind: choice, options: {A: {text: {zh: 行, en: rows}}, B: {text: {zh: 列, en: columns}}}, answer: A}
    prove: {run: {word: "'bias'", number: "0.1118", choice: "'A'"}, seeds: [0]}
  - id: sum
    type: number
    prompt: {zh: 1.5 的两倍是多少？, en: "What is twice 1.5?"}
    answer: 3
    rtol: 0.001
    wrong: [{is: 1.5, why: {zh: 没有加倍, en: not doubled}}]
    prove: {run: 2 * 1.5, seeds: [0]}
  - id: varied
    type: number
    prompt: {zh: "{{n}} 加 {{k}} 是多少？", en: "What is {{n}} plus {{k}}?"}
    params: {n: {int: [1, 50]}, k: {choice: [2, 3]}}
    where: ["n > k"]
    answer: {run: n + k}
    distractors: [{expr: n - k, why: {zh: 你做了减法, en: you subtracted}}, {expr: n * k, why: {zh: 你做了乘法, en: you multiplied}}]
    variants: {deploy: 6}
  - id: pairs
    type: match
    prompt: {zh: 配对, en: Match}
    left:
      a: {code: "1 + 1", why: {zh: 是二, en: it is two}}
      b: {code: "2 + 2", why: {zh: 是四, en: it is four}}
    right: {X: {text: "4", run: "4"}, Y: {text: "2", run: "2"}, Z: {text: "3", run: "3"}}
    key: {a: Y, b: X}
    prove: {claims: left_value == right_value, seeds: [0]}
  - id: steps
    type: order
    prompt: {zh: 排序, en: Put in order}
    items: {a: {code: "x = x + 1"}, b: {code: "result = x"}, c: {code: "x = x * 3"}, d: {code: "x = 1"}}
    key: [d, a, c, b]
    prove: {claims: value == 6, seeds: [0]}
  - id: write
    type: code
    prompt: {zh: 写出 x 的均值, en: Write the mean of x}
    given: {x: "torch.randn(5)"}
    answer: x.mean()
    accept: [x.sum() / 5]
    wrong: [{is: x.sum(), why: {zh: 要除以个数, en: divide by the count}}]
    forbid: [numpy]
    prove: {seeds: [0, 1]}
"""

RIGHT = {
    "one": "B",
    "some": ["A", "C"],
    "statement": True,
    "shapes": {"W": "8x1", "b": "1x1"},
    "words": {"word": "bias", "number": "0.112", "choice": "A"},
    "sum": 3,
    "pairs": {"a": "Y", "b": "X"},
    "steps": ["d", "a", "c", "b"],
    "write": "x.mean()",
}


def make(folder: Path, source: str = SOURCE) -> Path:
    """Write the quiz into a course's ``quizzes/``."""
    path = folder / "quizzes" / "tiny.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return path


def load(folder: Path, source: str = SOURCE) -> Quiz:
    """Write the quiz and load it."""
    return loading.load(make(folder, source))


VARIANTS = {"varied": [Variant({"n": n, "k": 2}, str(n + 2), ((str(n - 2), 0),)) for n in (5, 7, 9)]}


SECRETS = ["why", "explain", "key", "prove", "claims", "accept", "wrong", "regex", "atol", "rtol", "run", "score", "tests", "expr", "answer", "weight",
           "this is three", "这是三", "One and one is two", "count them", "偏置", "bias", "0.112", "x.mean()", "x.sum()", "divide by"]  # fmt: skip
