"""Quiz files: what they may say, and that a mistake is told with file, line, column, key and what would be right."""

import json
from pathlib import Path

import jsonschema
import pytest
import tiny_quiz as tiny
import yaml
from yamlcore import CoreLoader

from autograder.base.errors import ConfigError, UsageError
from autograder.quiz.questions import loading

ROOT = Path(__file__).parents[3]


def test_every_type_is_read(tmp_path):
    quiz = tiny.load(tmp_path)
    assert {q.type for q in quiz.questions} == {
        "single", "multi", "truefalse", "blanks", "number", "match", "order", "code",
    }  # fmt: skip
    assert quiz.points == len(quiz.questions)
    assert quiz.questions[0].options["A"].why.zh == "这是三"


MISTAKES = [
    ("key: B\n", "key: [B, E]\n", "14:14: questions.one.key.1: there is no option 'E'; allowed: A, B, C"),
    ("key: B\n", "key: [B, B]\n", "14:14: questions.one.key.1: B is named twice"),
    ("key: B\n", "key: []\n", "14:5: questions.one.key: the key is empty"),
    ("key: B\n", "kye: B\n", "14:5: questions.one.kye: unknown key; is it misspelt? did you mean key? allowed: id, points"),
    ("key: B\n", "key: B\n    key: A\n", "15:5: key: duplicate key; keep one of the two"),
    ("key: true", "key: yes", "questions.statement.key: write true or false"),
    ("shuffle", "shuffle", None),
    ("type: single", "type: singel", "8:5: questions.one.type: allowed: 'single', 'multi'"),
    ("type: single", "tipe: single", "questions.one.type: this key is missing"),
    ("kind: shape", "kind: form", "questions.shapes.blanks.W.kind: allowed: 'shape', 'number', 'text', 'choice'"),
    ("id: some", "id: one", "questions.one.id: two questions are called 'one'"),
    ("id: some", "id: so me", "questions.so me.id: must match the pattern ^"),
    ("balanced", "balance", "5:12: defaults.credit: allowed: 'balanced', 'exact', 'net', 'each', 'coverage'"),
    ("attempts: [1, 0.5]", "attempts: [1, 1.5]", "5:44: defaults.attempts.1: must be 1 or less"),
    ("attempts: [1, 0.5]", "attempts: [0.5, 1]", "5:30: defaults.attempts: a later attempt may not earn more than an earlier one"),
    ("answer: [8, 1]", "answer: [8, -1]", "questions.shapes.blanks.W.answer: (8,-1) is not a shape"),
    ("answer: 3\n", "answer: 1:20\n", "questions.sum.answer: 1:20 is not a number"),
    ("answer: 3\n", "answer: 08\n", None),
    ("answer: [8, 1]", "answer: 08", "questions.shapes.blanks.W.answer: must be a list, such as [A, B]"),
    ("text: \"0\"", "text: 0", "questions.some.options.A.text"),
    ("W {{W}}，", "W，", "questions.shapes.prompt: the zh prompt must show the blank {{W}} exactly once"),
    ("W {{W}}，", "W {{W}}{{V}}，", "questions.shapes.prompt: there is no blank 'V'; allowed: W, b"),
    ("regex: \"offsets?\"", "regex: \"(\"", "questions.words.blanks.word.regex: is not a regular expression"),
    ("answer: A}", "answer: D}", "questions.words.blanks.choice.answer: there is no option 'D'; allowed: A, B"),
    ("where: [\"n > k\"]", "where: [\"n > m\"]", "questions.varied.where.0: there is no parameter 'm'; allowed: n, k"),
    ("where: [\"n > k\"]", "where: [\"n.bit_length()\"]", "questions.varied.where.0: 'n.bit_length()': only these can be called"),
    ("int: [1, 50]", "int: [50, 1]", "questions.varied.params.n.int: from is larger than to"),
    ("answer: {run: n + k}", "answer: 5", "questions.varied.answer: params and answer: {run: ...} belong together"),
    ("key: {a: Y, b: X}", "key: {a: Y, b: V}", "questions.pairs.key.b: there is no right side 'V'; allowed: X, Y, Z"),
    ("key: {a: Y, b: X}", "key: {a: Y}", "questions.pairs.key: the key says nothing about b"),
    ("key: [d, a, c, b]", "key: [a, b, c, c]", "questions.steps.key: must name every item once: a, b, c, d"),
    ("answer: 3\n", "answer: \"1e400\"\n", "questions.sum.answer: '1e400' is beyond 1e+300"),
    ("a: Y, b: X}", "a: Y, B: X}", "questions.pairs.key.B: there is no left side 'B'"),
    ("c: {code: \"x = x * 3\"}", "B: {code: \"x = x * 3\"}", "questions.steps.items.B: B and another one differ only in case"),
    ("X: {text: \"4\"", "y: {text: \"4\"", "questions.pairs.right.Y: Y and another one differ only in case"),
    ("options: {A: {text: {zh: 行", "options: {b: {text: {zh: 行", "questions.words.blanks.choice.options.B: B and another one differ"),
    ("{zh: 配对, en: Match}", "{zh: 配对 (2, 2), en: Match}", "unknown key; if it is a part of words with a comma, put them in quotes"),
    ("claims: value == 2", "claims: value = 2", "questions.one.prove.claims: 'value = 2' is not a claim"),
    ("claims: value == 2", "claims: open(1)", "questions.one.prove.claims: 'open(1)' is not a claim: only these can be called: abs"),
    ("code: \"1 + 2\", ", "", "questions.one.options.A.text: an option needs a text or code"),
    ("C: {code: \"2 * 2\"", "b: {code: \"2 * 2\"", "questions.one.options.b: b and another one differ only in case"),
    ("version: 1", "version: 0", "3:1: version: must be 1 or more"),
    ("zh: 小测验, ", "", "4:1: title.zh: this key is missing"),
    ("questions:\n", "questions:\n  - 5\n", "7:5: questions.0"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), MISTAKES)
def test_a_mistake_is_one_line_that_says_where_and_what_is_allowed(old, new, said, tmp_path):
    source = tiny.SOURCE.replace(old, new, 1)
    if said is None:
        tiny.load(tmp_path, source)
        return
    with pytest.raises(ConfigError) as caught:
        tiny.load(tmp_path, source)
    words = str(caught.value)
    assert said in words
    assert "\n" not in words
    assert caught.value.line
    assert caught.value.column


def test_a_quiz_is_found_by_name_or_path(tmp_path):
    path = tiny.make(tmp_path)
    assert loading.find(Path("tiny"), tmp_path) == loading.find(path, tmp_path) == path
    with pytest.raises(UsageError, match="there are: tiny"):
        loading.find(Path("huge"), tmp_path)
    with pytest.raises(UsageError, match="there is no quiz here"):
        loading.load_all(tmp_path)


def test_two_quizzes_of_one_id_are_refused(tmp_path):
    path = tiny.make(tmp_path)
    path.with_name("other.yaml").write_text(tiny.SOURCE, encoding="utf-8")
    with pytest.raises(ConfigError, match="has the same id as other"):
        loading.load_all(path.parent)


def test_the_schema_for_editors_is_current():
    """``autograder quiz schema > quizzes/quiz.schema.json`` brings it up to date."""
    assert (ROOT / "quizzes" / loading.SCHEMA_NAME).read_text(encoding="utf-8") == loading.schema_text()


def test_the_schema_says_yes_and_no_as_the_package_does():
    validator = jsonschema.Draft202012Validator(loading.schema())
    data = yaml.load(tiny.SOURCE, Loader=CoreLoader)
    assert validator.is_valid(data)
    for old, new in (
        ("type: single", "type: singel"),
        ("key: true", "key: yes"),
        ("version: 1", "version: one"),
        ("key: B", "kye: B"),
    ):
        assert not validator.is_valid(yaml.load(tiny.SOURCE.replace(old, new, 1), Loader=CoreLoader)), new
    json.dumps(loading.schema())
