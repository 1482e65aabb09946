"""The course's quizzes: complete, in both languages, proved, and with no key that could be another one."""

import json
import re
from pathlib import Path

import pytest
import yaml
from quiz_keys import wrong_keys
from yamlcore import CoreLoader

from autograder.quiz import lint
from autograder.quiz.proofs import certificates, evidence
from autograder.quiz.proofs.laboratory import _MAX_PERMUTED, Laboratory, gather, prove_question
from autograder.quiz.questions import loading
from autograder.quiz.questions.fill_in import Code, Number
from autograder.quiz.questions.models import Order, Quiz
from autograder.quiz.scoring.markers import Verdict
from autograder.quiz.scoring.scorer import Scorer
from autograder.quiz.scoring.sheets import Sheet
from autograder.sandbox import confine

FOLDER = Path(__file__).parents[2] / "quizzes"
QUIZZES = loading.load_all(FOLDER)
ALL = [(path, question) for path, quiz in QUIZZES.items() for question in quiz.questions]
BY_ID = {question.id: question for _, question in ALL}


def test_there_are_four_quizzes_of_at_least_forty_questions():
    assert len(QUIZZES) == 4
    assert len(ALL) >= 40
    assert len(BY_ID) == len(ALL)
    assert {question.type for _, question in ALL} == {
        "single",
        "multi",
        "truefalse",
        "blanks",
        "number",
        "match",
        "order",
        "code",
    }


@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.stem)
def test_a_quiz_reads_the_same_without_libyaml(path):
    plain = Quiz.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=CoreLoader))
    assert plain == QUIZZES[path]


@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.stem)
def test_a_reviewer_has_nothing_to_remark(path):
    quiz = QUIZZES[path]
    assert lint.lint(quiz, path.parent, certificates.variants_of(quiz, certificates.load(path, quiz))) == []


@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.stem)
def test_every_certificate_is_there_and_fresh(path):
    known = certificates.load(path, QUIZZES[path])
    assert {q.id: certificates.state_of(q, known) for q in QUIZZES[path].questions} == {
        q.id: "proved" for q in QUIZZES[path].questions
    }
    assert set(known.questions) == {q.id for q in QUIZZES[path].questions}


def test_the_courses_keys_are_these():
    shapes = BY_ID["fc-shapes"].blanks
    assert (shapes["W"].answer, shapes["b"].answer) == ([8, 1], [1, 1])
    loss = BY_ID["loss-broadcast"]
    assert [loss.options[name].code for name in loss.key] == ["(y_hat - y.view(-1)) ** 2 / 2"]
    assert BY_ID["mean-loss"].answer == 0.112
    assert {w.is_ for w in BY_ID["mean-loss"].wrong} >= {0.224, 0.336}
    shift = BY_ID["softmax-shift"]
    assert [shift.options[name].code for name in shift.key] == ["[-2, -1, 0]"]
    early = BY_ID["early-accuracy"]
    assert ["during the epoch" in early.options[name].text.en for name in early.key] == [True]
    assert BY_ID["counting-weights"].answer == 65_546_000


def test_the_evidence_of_the_loss_question_is_what_the_course_measured():
    path = FOLDER / "linear_regression.yaml"
    told = certificates.load(path, QUIZZES[path]).questions["loss-broadcast"].evidence
    assert told["B"]["shape"] == [10, 10]
    assert 3 < told["B"]["w_err"] < 4
    assert 6 < told["B"]["half_mse"] < 8
    assert told["B"]["own_loss_last"] < told["B"]["own_loss_first"]
    for name in "ACD":
        assert told[name]["w_err"] < 1e-3
        assert told[name]["half_mse"] < 1e-4


@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.stem)
def test_all_keys_together_earn_everything(path):
    quiz = QUIZZES[path]
    variants = certificates.variants_of(quiz, certificates.load(path, quiz))
    scorer = Scorer(quiz, variants, lambda question, answer: Verdict(float(answer == question.answer)))
    scored = scorer.score(Sheet("ann", {q.id: right_answer(q, scorer, variants) for q in quiz.questions}))
    assert [o.id for o in scored.questions if o.outcome != "right"] == []
    assert scored.score == quiz.points
    assert scorer.score(Sheet("ann")).score == 0


def right_answer(question, scorer, variants):
    if question.id in variants:
        found = variants[question.id]
        return next(v.answer for v in found if scorer.mark(question, v.answer, "ann").share == 1)
    if hasattr(question, "blanks"):
        return {name: blank.answer for name, blank in question.blanks.items()}
    return question.answer if isinstance(question, Number | Code) else question.key


@pytest.mark.parametrize("question", [q for _, q in ALL if hasattr(q, "options")], ids=lambda q: q.id)
def test_every_wrong_option_has_its_own_explanation(question):
    whys = [option.why for name, option in question.options.items() if name not in question.key]
    assert all(why is not None for why in whys)
    assert len({why.en for why in whys}) == len({why.zh for why in whys}) == len(whys)


def test_no_word_of_the_proofs_is_chinese_and_no_english_is_left_in_chinese():
    for _, question in ALL:
        assert re.search("[\u4e00-\u9fff]", question.prompt.zh), question.id
        assert question.explain is not None


def test_certificates_are_plain_json():
    for path in QUIZZES:
        json.loads(certificates.path_of(path).read_text(encoding="utf-8"))


@pytest.mark.slow
@pytest.mark.skipif(not confine.is_available(), reason="needs Landlock")
@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.stem)
def test_every_key_is_proved_and_every_flipped_key_refused(path):
    """Everything is run once; then each key is replaced by every wrong one it could be."""
    quiz, flips = QUIZZES[path], 0
    with Laboratory(confined=True) as bench:
        for question in quiz.questions:
            wrong = list(wrong_keys(question))
            assert wrong, question.id
            if isinstance(question, Number) and question.params:
                assert prove_question(quiz, question, bench).problems == []
                for other in wrong:
                    assert prove_question(quiz, other, bench).problems, (question.id, other.answer)
            else:
                rows = gather(question, bench)
                assert evidence.verify_key(question, rows).problems == [], question.id
                for other in wrong:
                    assert evidence.verify_key(other, rows).problems, (question.id, other)
            flips += len(wrong)
    assert flips > 3 * len(quiz.questions)


def test_orders_are_proved_against_every_other_order():
    for _, question in ALL:
        if isinstance(question, Order):
            assert len(question.items) <= _MAX_PERMUTED
