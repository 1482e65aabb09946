"""Proofs by execution: a right key is proved, every wrong one refused, and what else works is reported."""

import subprocess
import sys

import pytest
import tiny_quiz as tiny
from quiz_keys import wrong_keys

from autograder.base.errors import ConfigError, SandboxError, UsageError
from autograder.course.settings import Limits
from autograder.quiz.notation.parsing import FormatError
from autograder.quiz.proofs import certificates, evidence
from autograder.quiz.proofs.laboratory import CodeMarker, Laboratory, gather, prove_question
from autograder.quiz.proofs.laboratory import prove as prove_quiz
from autograder.sandbox import confine

pytestmark = pytest.mark.skipif(not confine.is_available(), reason="needs Landlock")


@pytest.fixture(scope="module")
def laboratory():
    with Laboratory(confined=True) as laboratory:
        yield laboratory


@pytest.fixture
def prove(laboratory, tmp_path):
    """Prove one question of the tiny quiz, with some of its words exchanged."""

    def prove(name, old="", new=""):
        assert old in tiny.SOURCE
        quiz = tiny.load(tmp_path, tiny.SOURCE.replace(old, new, 1))
        question = next(q for q in quiz.questions if q.id == name)
        return prove_question(quiz, question, laboratory)

    return prove


def test_every_question_of_the_tiny_quiz_is_proved(laboratory, tmp_path):
    quiz = tiny.load(tmp_path)
    proved = list(prove_quiz(quiz, laboratory))
    assert [(p.id, p.problems) for p in proved] == [(q.id, []) for q in quiz.questions]


@pytest.mark.parametrize(
    "name", ["one", "some", "statement", "shapes", "words", "sum", "varied", "pairs", "steps", "write"]
)
def test_every_wrong_key_is_refused(laboratory, tmp_path, name):
    quiz = tiny.load(tmp_path)
    question = next(q for q in quiz.questions if q.id == name)
    flipped = list(wrong_keys(question))
    assert flipped
    if name == "varied":
        assert all(prove_question(quiz, wrong, laboratory).problems for wrong in flipped)
        return
    rows = gather(question, laboratory)
    assert evidence.verify_key(question, rows).problems == []
    for wrong in flipped:
        assert evidence.verify_key(wrong, rows).problems, wrong


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("one", 'C: {code: "2 * 2"', 'C: {code: "4 - 2"', "option C is not in the key but satisfies the claim"),
        ("one", 'A: {code: "1 + 2"', 'A: {text: "1 + 2"', "option A: there is nothing to run"),
        ("one", "claims: value == 2", "claims: valeu == 2", "the claim cannot be judged: there is no 'valeu'"),
        ("one", "claims: value == 2", "claims: []", "say what the right answers have in common"),
        ("one", "claims: value == 2", "claims: value == 2, margin: {value: 3}", "right and wrong differ by a factor of 1.5, not 3"),
        ("one", "claims: value == 2", "claims: value == 2, margin: {vale: 3}", "margin.vale: the evidence holds no such number"),
        ("one", "claims: value == 2", "claims: value == 2, probe: vallue", "there is no 'vallue'; allowed: enumerate_shapes, linreg_sgd, value"),
        ("one", "claims: value == 2", "claims: value == 2, setup: 1 / 0", "running it failed: probe value, line"),
        ("one", '"1 + 1"', '"1 + one"', "option B is in the key but fails the claim (seeds [0]): error = NameError"),
        ("one", '"1 + 1"', '"__import__(\'os\')._exit(3)"', "running it failed: `probe`: the code ended its own process"),
        ("statement", "run: 2 > 1", "run: 2 > seed, claims: [value, x]", "there is no 'x'"),
        ("statement", "run: 2 > 1, seeds: [0]", "run: 2 > seed, seeds: [0, 5]", "running it says otherwise"),
        ("statement", "run: 2 > 1", "run: two > 1", "running it raised NameError"),
        ("shapes", "accept: [[1], []]", "accept: [[1]]", "also works but is not accepted: W (8, 1), b ()"),
        ("shapes", "accept: [[1], []]", "accept: [[1], [], [8]]", "b: (8,) is accepted but does not work"),
        ("shapes", "sizes: {m: [7, 5, 1]}", "sizes: {m: [7]}", "b (7, 1)"),
        ("words", '"0.1118"', '"0.1135"', "number: the key is 0.112, but running it gives 0.1135"),
        ("words", "is: 0.224", "is: 0.1135", "number: 0.1135 is too near the right value"),
        ("words", "is: weight", "is: BIAS", "word: BIAS is listed as wrong but accepted"),
        ("words", "choice: \"'A'\"", "choice: \"'B'\"", "choice: the key is A, but running it gives B"),
        ("sum", "run: 2 * 1.5", "run: 2 * 1.6", "the key is 3, but running it gives 3.2"),
        ("sum", "is: 1.5, why", "is: 3.004, why", "3.004 is too near the right value"),
        ("varied", "expr: n - k", "expr: n + k", "only 0 of 6 sets of parameters have distinct wrong values"),
        ("varied", "answer: {run: n + k}", "answer: {run: n + m}", "answer.run fails on"),
        ("varied", "answer: {run: n + k}", "answer: {run: torch.rand(()).item()}", "gives different values for different seeds"),
        ("pairs", 'Z: {text: "3", run: "3"}', 'Z: {text: "3", run: "4"}', "b-Z is not in the key but satisfies the claim"),
        ("steps", '"x = x * 3"', '"x = x + 3"', "order"),
        ("write", "accept: [x.sum() / 5]", "accept: [x.sum() / 4]", "accept: x.sum() / 4 does not give the same as the answer"),
        ("write", "is: x.sum()", "is: x.mean(0)", "wrong: x.mean(0) gives the same as the answer"),
        ("write", "answer: x.mean()", "answer: x.meen()", "running the answer raises AttributeError"),
    ],
)  # fmt: skip
def test_what_is_not_proved_says_why(prove, name, old, new, said):
    proved = prove(name, old, new)
    assert any(said in problem.en for problem in proved.problems), proved.problems
    assert proved.certificate is None


def test_a_probe_is_confined(laboratory):
    with laboratory.bench("value") as bench:
        for code in (
            "open('/etc/passwd').read()",
            "open('/tmp/autograder-probe', 'w')",
            "__import__('socket').socket()",
        ):
            assert bench.run(code, {}, 0)["error"] in ("PermissionError", "OSError")
        assert bench.run("1 + 1", {}, 0)["value"] == 2


# -- certificates ------------------------------------------------------------------------------------------------------


@pytest.fixture
def certified(laboratory, tmp_path):
    quiz = tiny.load(tmp_path)
    path = tmp_path / "quizzes" / "tiny.yaml"
    proved = prove_quiz(quiz, laboratory)
    certificates.save(path, certificates.Certificates(quiz="tiny", questions={p.id: p.certificate for p in proved}))
    return path


def states(path, source):
    path.write_text(source, encoding="utf-8")
    quiz = tiny.loading.load(path)
    known = certificates.load(path, quiz)
    return {q.id: certificates.state_of(q, known) for q in quiz.questions}


def test_a_certificate_holds_until_the_question_changes(certified):
    assert set(states(certified, tiny.SOURCE).values()) == {"proved"}
    words = tiny.SOURCE.replace("this is three", "that is three").replace("cost: 0.25", "cost: 0.5")
    assert set(states(certified, words).values()) == {"proved"}
    for old, new in (
        ("key: B", "key: A"),
        ('"1 + 2"', '"1 + 3"'),
        ("value == 2", "value < 3"),
        ('en: "Which one is two?"', "en: What"),
    ):
        assert states(certified, tiny.SOURCE.replace(old, new, 1))["one"] == "stale", new
    assert states(certified, tiny.SOURCE.replace("id: one", "id: uno"))["uno"] == "missing"


def test_a_certificate_is_of_one_version_of_torch(certified, monkeypatch):
    quiz = tiny.loading.load(certified)
    known = certificates.load(certified, quiz)
    other = known.model_copy(
        update={"questions": {n: c.model_copy(update={"torch": "1.0"}) for n, c in known.questions.items()}}
    )
    assert {certificates.state_of(q, other) for q in quiz.questions} == {"stale"}


def test_proving_again_writes_the_same_file(certified, laboratory):
    before = certificates.path_of(certified).read_bytes()
    quiz = tiny.loading.load(certified)
    proved = prove_quiz(quiz, laboratory)
    certificates.save(
        certified, certificates.Certificates(quiz="tiny", questions={p.id: p.certificate for p in proved})
    )
    assert certificates.path_of(certified).read_bytes() == before


def test_variants_are_those_that_were_checked(certified):
    quiz = tiny.loading.load(certified)
    variants = certificates.variants_of(quiz, certificates.load(certified, quiz))["varied"]
    assert len(variants) == 6
    for variant in variants:
        assert int(variant.answer) == variant.params["n"] + variant.params["k"]
        assert variant.params["n"] > variant.params["k"]
        assert len({variant.answer, *(value for value, _ in variant.wrong)}) == 3
    quiz = tiny.load(certified.parents[1], tiny.SOURCE.replace("run: n + k", "run: k + n"))
    with pytest.raises(UsageError, match="varied: its variants are unchecked"):
        certificates.variants_of(quiz, certificates.load(certified, quiz))


def test_a_damaged_certificate_is_named(certified):
    certificates.path_of(certified).write_text("{")
    with pytest.raises(ConfigError, match=r"tiny\.proof\.json: is damaged"):
        certificates.load(certified, tiny.loading.load(certified))


def test_certificates_are_read_without_torch():
    script = "import sys, autograder.quiz.proofs.certificates as c; c.torch_version(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "nbgrader", "numpy"} & set(loaded)


# -- students' expressions ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def code_marker(laboratory):
    return CodeMarker(laboratory)


@pytest.fixture
def question(tmp_path):
    return next(q for q in tiny.load(tmp_path).questions if q.id == "write")


@pytest.mark.parametrize(
    ("answer", "share", "said"),
    [
        ("x.mean()", 1, ""),
        ("torch.mean(x)", 1, ""),
        (" (x.sum())/5 ", 1, ""),
        ("sum(x.tolist()) / len(x)", 0, "its shape is None"),
        ("x.sum( )", 0, "divide by the count"),
        ("x.mean() + 1e-2", 0, "its values are not the ones asked for"),
        ("x.mean(0, keepdim=True)", 0, "its shape is [1]"),
        ("y.mean()", 0, "running it raises NameError"),
        ("open('/etc/passwd')", 0, "running it raises"),
        ("(_ for _ in ()).throw(SystemExit)", 0, "running it raises SystemExit"),
        ("exit(0)", 0, "its shape is None"),  # as in a notebook, it ends nothing
        ("[1 for _ in iter(int, 1)]", 0, "did not return within"),
        ("x.fill_(0.5).mean()", 0, "values"),
    ],
)
def test_an_expression_is_judged_by_its_value(code_marker, question, answer, share, said, monkeypatch):
    monkeypatch.setattr(
        "autograder.quiz.proofs.laboratory._ANSWER_LIMITS", Limits(call_s=1, cell_s=30, submission_s=60)
    )
    verdict = code_marker(question, answer)
    assert verdict.share == share
    assert said in "".join(words.en for words in verdict.feedback)


@pytest.mark.parametrize(
    "answer", ["x.mean(", "y = 1", "import os", "numpy.mean(x)", "x.__class__", "(" * 300, "x" * 501, "\0"]
)
def test_what_is_no_expression_or_forbidden_costs_no_attempt(code_marker, question, answer):
    with pytest.raises(FormatError):
        code_marker(question, answer)


@pytest.mark.parametrize("name", ["mean", "sum"])
def test_what_students_may_not_write_is_no_answer_of_the_authors(tmp_path, laboratory, name):
    quiz = tiny.load(tmp_path)
    question = quiz.questions[-1].model_copy(update={"forbid": [name]})
    problems = prove_question(quiz, question, laboratory).problems
    assert any(f"would be refused if a student gave it: `{name}` may not be used" in words.en for words in problems)


def test_tolerances_are_two_and_a_number_beyond_floats_is_judged(laboratory, question):
    def share(author, answer, **tolerances):
        asked = question.model_copy(update={"answer": author, "wrong": [], **tolerances})
        return CodeMarker(laboratory)(asked, answer).share

    assert share("torch.tensor([1e-5, 2e-5])", "torch.tensor([0.0, 9e-5])", rtol=1e-4, atol=1e-9) == 0
    assert share("torch.tensor([1e-5, 2e-5])", "torch.tensor([1e-5, 2.0001e-5])", rtol=1e-4, atol=1e-9) == 1
    assert share("5", "10**400") == 0
    assert share("10**400", "10**400") == 1


@pytest.mark.parametrize(
    "answer",
    [
        "nn.Softmax(0)(x)",
        "x._softmax(0, False)",
        "getattr(x, 'soft' + 'max')(0)",
        "eval('x.soft' 'max(0)')",
        "vars(torch)['softmax'](x, 0)",
    ],
)
def test_what_is_forbidden_has_other_names_and_ways_around(laboratory, question, answer):
    with pytest.raises(FormatError, match="may not be used"):
        CodeMarker(laboratory)(question.model_copy(update={"forbid": ["softmax"]}), answer)


@pytest.mark.parametrize(
    ("forbid", "answer", "refused"),
    [("add_", "x.add_(1)", True), ("add_", "x.add(1)", True), ("_foo", "_foo(x)", True), ("X", "x.mean()", False), ("mean", "nn.ReLU().eval()(x)", False), ("mean", "eval('x')", True)],
)  # fmt: skip
def test_what_is_given_and_what_is_a_method_is_not_forbidden(laboratory, question, forbid, answer, refused):
    asked = question.model_copy(update={"forbid": [forbid]})
    judge = CodeMarker(laboratory)
    if refused:
        with pytest.raises(FormatError, match="may not be used"):
            judge(asked, answer)
    else:
        judge(asked, answer)


def test_a_key_that_is_run_is_kept_in_full(prove):
    proved = prove("varied", "answer: {run: n + k}", "answer: {run: n * 1000003 + k / 7}")
    for variant in proved.certificate.variants:
        params = variant["params"]
        assert float(variant["answer"]) == pytest.approx(params["n"] * 1000003 + params["k"] / 7, rel=1e-14)
    proved = prove("varied", "answer: {run: n + k}", "answer: {run: (n + 5000) * (n + 4999) / 2}")
    assert all(variant["answer"].isdigit() for variant in proved.certificate.variants)
    assert [p.en for p in prove("varied", 'where: ["n > k"]', 'where: ["n > 99"]').problems] == [
        "where: no set of parameters drawn satisfies it"
    ]


def test_what_an_author_calls_weight_is_part_of_what_is_proved(tmp_path):
    def print_of(old, new):
        (question,) = [q for q in tiny.load(tmp_path, tiny.SOURCE.replace("{{W}}", "{{weight}}").replace("      W: {", "      weight: {").replace(old, new)).questions if q.id == "shapes"]  # fmt: skip
        return certificates.fingerprint(question)

    assert print_of("[8, 1], weight: 3", "[8, 1], weight: 3") == print_of("[8, 1], weight: 3", "[8, 1], weight: 5")
    assert print_of("[8, 1], weight: 3", "[8, 1], weight: 3") != print_of("[8, 1], weight: 3", "[9, 1], weight: 3")


def test_an_authors_answer_that_fails_is_nobodys_zero(laboratory, question, monkeypatch):
    monkeypatch.setattr(
        "autograder.quiz.proofs.laboratory._ANSWER_LIMITS", Limits(call_s=1, cell_s=30, submission_s=60)
    )
    broken = question.model_copy(update={"answer": "[1 for _ in iter(int, 1)]"})
    with pytest.raises(SandboxError, match="the author's answer fails"):
        CodeMarker(laboratory)(broken, "x.mean()")
