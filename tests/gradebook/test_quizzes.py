"""Scores of quizzes in a real gradebook of nbgrader's."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiny_quiz as tiny
from command_line import run_quiz
from nbgrader.api import Gradebook

from autograder.base.errors import GradebookError, UsageError
from autograder.base.i18n import same
from autograder.gradebook import quizzes
from autograder.quiz.scoring.outcomes import QuestionOutcome, SheetOutcome

ROOT = Path(__file__).parents[2]
SOURCE = tiny.SOURCE[: tiny.SOURCE.index("  - id: varied")]


@pytest.fixture
def course(tmp_path):
    (tmp_path / "solutions").mkdir()
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    tiny.make(tmp_path, SOURCE)
    return tmp_path


def scores(course):
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        return {
            s.student.id: (s.score, s.max_score, s.needs_manual_grade)
            for s in gradebook.assignment_submissions("quiz-tiny")
        }


def sheet(quiz, student, earned, status="scored"):
    outcomes = tuple(
        QuestionOutcome(q.id, "wrong", q.points, None if earned is None else earned * q.points, feedback=(same("why"),))
        for q in quiz.questions
    )
    return SheetOutcome(student, quiz.id, 1, status, None, quiz.points, outcomes)


def test_the_command_writes_scores_and_leaves_out_what_is_not_sure(course):
    answers = course / "answers"
    answers.mkdir()
    for name, content in {"ann": "one: B", "bob": "one: A", "bob2": "one: B", "cut": "{"}.items():
        student = name[:3]
        words = "{" if content == "{" else f"student: {student}\nanswers: {{{content}}}\n"
        (answers / f"{name}.yaml").write_text(words, encoding="utf-8")
    (answers / "dora.yaml").write_text("student: dora\nanswers: {statement: true, sum: 3}\n", encoding="utf-8")
    out, err = run_quiz("score", "tiny", "answers", "--gradebook", cwd=course, code=1)
    assert "2 written, 0 unchanged" in out
    assert "bob: has 2 answer sheets; not in the gradebook" in err
    assert "cut.yaml: cannot be read; not in the gradebook" in err
    assert scores(course) == {"ann": (1, 6, False), "dora": (2, 6, False)}
    out, _ = run_quiz("score", "tiny", "answers", "--gradebook", cwd=course, code=1)
    assert "0 written, 2 unchanged" in out


def test_a_quiz_that_was_handed_in_keeps_its_questions(course):
    """Nbgrader replaces no cells that have grades: better told before anything is written than by nbgrader afterwards."""
    run_quiz("release", "tiny", "--to", "notebook", cwd=course)
    folder = course / "submitted/ann/tiny_quiz"
    shutil.copytree(course / "assignments/tiny_quiz", folder)
    command = [sys.executable, "-m", "autograder"]
    subprocess.run([*command, "release", "tiny_quiz"], cwd=course, check=True, capture_output=True)
    subprocess.run([*command, "grade"], cwd=course, check=True, capture_output=True)
    run_quiz("release", "tiny", "--to", "notebook", cwd=course)  # with the same questions it is renewed
    tiny.make(course, SOURCE.replace("id: statement", "id: assertion"))
    before = {path: path.read_bytes() for path in (course / "solutions").rglob("*") if path.is_file()}
    _, err = run_quiz("release", "tiny", "--to", "notebook", cwd=course, code=1)
    assert "there are submissions, and the quiz has other questions now (test_assertion, test_statement)" in err
    assert {path: path.read_bytes() for path in (course / "solutions").rglob("*") if path.is_file()} == before


def test_a_course_of_quizzes_alone_has_a_gradebook_and_nobody_is_invented(course):
    (course / "solutions").rmdir()
    (course / "a.csv").write_text("who,one\nann,B\n")
    (course / "b.csv").write_text("student,one\nbob,B\n")
    out, err = run_quiz("score", "tiny", "a.csv", "b.csv", "--gradebook", cwd=course, code=1)
    assert "1 written" in out
    assert "a (2): does not say whose it is; not in the gradebook" in err
    assert scores(course) == {"bob": (1, 6, False)}


def test_a_manual_score_stays_and_what_could_not_be_judged_waits_for_a_person(course):
    quiz = tiny.loading.load(course / "quizzes" / "tiny.yaml")
    quizzes.write(course, quiz, [sheet(quiz, "ann", 0.5), sheet(quiz, "eve", None, "error")], "en")
    assert scores(course) == {"ann": (3, 6, False), "eve": (0, 6, True)}
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        grade = gradebook.find_grade("one", "quiz-tiny", "quiz-tiny", "ann")
        grade.manual_score = 1.0
        assert gradebook.find_comment("one", "quiz-tiny", "quiz-tiny", "ann").auto_comment == "why"
        gradebook.db.commit()
    outcome = quizzes.write(course, quiz, [sheet(quiz, "ann", 0.0)], "en")
    assert outcome.written == 1
    assert scores(course)["ann"] == (1, 6, True)  # nbgrader asks the person again


def test_a_quiz_with_other_questions_is_not_mixed_with_the_old_one(course):
    quiz = tiny.loading.load(course / "quizzes" / "tiny.yaml")
    quizzes.write(course, quiz, [sheet(quiz, "ann", 1.0)], "en")
    fewer = quiz.model_copy(update={"questions": quiz.questions[1:]})
    with pytest.raises(GradebookError, match=r"other questions or points \(one\)"):
        quizzes.write(course, fewer, [sheet(fewer, "ann", 1.0)], "en")
    assert scores(course) == {"ann": (6, 6, False)}


def test_without_nbgrader_there_is_no_gradebook(tmp_path):
    with pytest.raises(UsageError, match=r"no nbgrader_config\.py"):
        quizzes.write(tmp_path, tiny.load(tmp_path, SOURCE), [], "en")
