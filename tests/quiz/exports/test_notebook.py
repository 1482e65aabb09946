"""A quiz in a notebook: no key in what students get, and the same points from `autograder grade` as from scoring."""

import ast
import io
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import stock
import tiny_course
import tiny_quiz as tiny
from command_line import run_quiz
from rich.console import Console

from autograder.base import files
from autograder.base.errors import ConfigError, UsageError
from autograder.base.i18n import same
from autograder.course.course import Assignment, Course
from autograder.course.jobs import Job, find_jobs
from autograder.grading import batch
from autograder.practice import check
from autograder.quiz import assignment, rubric
from autograder.quiz.exports import notebook
from autograder.quiz.proofs import certificates
from autograder.quiz.questions import loading
from autograder.quiz.rubric import steps
from autograder.quiz.scoring.markers import Variant
from autograder.quiz.scoring.scorer import Scorer
from autograder.quiz.scoring.sheets import Sheet
from autograder.report import terminal
from autograder.report.class_page import page
from autograder.results.classroom import summarise
from autograder.results.grade_report import Problem

ROOT = Path(__file__).parents[3]
FIRST = Variant({"n": 9, "k": 2}, "11", (("7", 0), ("18", 1)))
RIGHT = {**tiny.RIGHT, "varied": 11}
PARTLY = {
    "one": "A", "some": ["A", "C", "D"], "statement": "错", "shapes": {"W": "（８，１）", "b": (7, 1)},
    "words": {"word": "Ｂias", "number": "1/9", "choice": "columns"}, "sum": "３.０", "varied": "九", "pairs": {"a": "Y", "b": "Z"},
    "steps": ["d", "a", "b", "c"],
}  # fmt: skip


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course whose only assignment is the tiny quiz, proved for real."""
    root = tmp_path_factory.mktemp("course")  # with quizzes only: solutions/ is made
    tiny.make(root)
    shutil.copy(ROOT / "nbgrader_config.py", root)
    run_quiz("prove", "tiny", cwd=root)
    out, err = run_quiz("release", "tiny", "--to", "notebook", cwd=root)
    assert "no keys" in out
    assert "a notebook cannot express varied: everybody gets the same variant" in err
    return Course(root)


def handed_in(course, answers, code="x.sum() / 5"):
    """The students' notebook with answers filled in."""
    content = json.loads((course.root / "assignments/tiny_quiz/tiny_quiz.ipynb").read_text(encoding="utf-8"))
    for cell in content["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        value = code if name == "write" else repr(answers[name]) if name in answers else None
        if value is not None:
            head = "".join(cell["source"]).splitlines()[0]
            cell["source"] = f"{head}\n    return {value}"
    return json.dumps(content)


@pytest.fixture(scope="module")
def graded(course):
    varied = json.loads((course.root / "quizzes/tiny.proof.json").read_text(encoding="utf-8"))["questions"]["varied"][
        "variants"
    ]
    answers = {
        "right": handed_in(course, {**RIGHT, "varied": varied[0]["answer"]}),
        "partly": handed_in(course, PARTLY, code="x.sum()"),
        "blank": handed_in(course, {}, code="None"),
    }
    for student, content in answers.items():
        path = course.submitted / student / "tiny_quiz" / "tiny_quiz.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(content, encoding="utf-8")
    jobs = find_jobs([course.submitted], ["tiny_quiz"])
    return {r.student: r for r in batch.grade(jobs, course.assignment("tiny_quiz"), course.key(), processes=1)}


def points(report):
    return {exercise.name: exercise.score for exercise in report.exercises}


def test_grading_gives_what_scoring_gives(course, graded):
    quiz = loading.load(course.root / "quizzes/tiny.yaml")
    quiz = quiz.model_copy(update={"questions": quiz.questions[:-1]})
    assert points(graded["right"]) == {question.id: question.points for question in quiz.questions} | {"write": 1}
    assert set(points(graded["blank"]).values()) == {0}
    scored = Scorer(quiz, {"varied": [FIRST]}).score(Sheet("partly", {**PARTLY, "shapes": {"W": "8x1", "b": "7x1"}}))
    assert points(graded["partly"]) == pytest.approx({o.id: o.earned for o in scored.questions} | {"write": 0})
    assert points(graded["partly"])["some"] == 0.5


def test_what_is_wrong_is_told_as_scoring_tells_it(graded):
    told = {
        c.id: c.message.en
        for exercise in graded["partly"].exercises
        for c in exercise.criteria
        if c.outcome == "failed"
    }
    assert told["one.right"] == "this is three"
    assert "three is odd" in told["some.credit_1000"]
    assert "九" in told["varied.right"]
    assert "`answer_one` is not written yet" in graded["blank"].exercises[0].criteria[0].message.en


def test_a_class_report_counts_who_made_a_mistake_that_the_quiz_explains(course, graded):
    classroom = summarise(list(graded.values()), title=course.assignment("tiny_quiz").settings.title)
    mistakes = {mistake.id: (mistake.text.en, mistake.students) for mistake in classroom.mistakes}
    assert mistakes["one.this-is-three"] == ("this is three", ("partly",))
    assert page(classroom, "en").count("this is three") == 1
    result = next(c for e in graded["partly"].exercises for c in e.criteria if c.id == "one.right")
    assert list(terminal.paragraphs(result, "en")) == [("message", "this is three")]  # and not once more as the cause


def test_in_a_narrow_terminal_every_exercise_is_a_mark_and_the_total_stays(graded):
    screen = Console(width=60, file=io.StringIO())
    screen.print(terminal.class_table(list(graded.values()), "en", 60))
    lines = [line.split() for line in screen.file.getvalue().splitlines()]
    assert ["blank", "✗" * 10, "0"] in lines
    assert ["right", "✓" * 10, "10"] in lines
    assert ["partly", "✗◐✗◐◐✓✗◐◐✗", "4.08"] in lines
    assert "✓ all points ◐ some ✗ none ? not judged yet; in this order: one" in " ".join(screen.file.getvalue().split())


def test_a_problem_of_a_whole_class_is_told_once(graded):
    report, shared = graded["blank"], Problem(kind="note", cell=2, text=same("no network here"))
    others = {f"s{number}": [shared] for number in range(7)} | {"zoe": [shared, shared], "yan": []}
    reports = [report.model_copy(update={"student": who, "problems": tuple(what)}) for who, what in others.items()]
    screen = Console(width=80, file=io.StringIO())
    screen.print(terminal.class_table(reports, "en", 60))
    assert [line for line in screen.file.getvalue().splitlines() if "network" in line] == [
        "s0, s1, s2, s3, s4 and 2 more: code cell 2: no network here",
        "zoe: code cell 2: no network here (and 1 more)",
    ]


def test_students_can_check_whether_their_answers_can_be_read(course, tmp_path):
    """With nothing but the folder they get, which holds no key; the points come with the grade."""
    folder = tmp_path / "tiny_quiz"
    shutil.copytree(course.root / "assignments/tiny_quiz", folder)
    assert r"check(\"one\")" in (folder / "tiny_quiz.ipynb").read_text(encoding="utf-8")
    answers = {**PARTLY, "some": ["A", "Q"], "statement": "maybe", "words": {"word": "b", "choice": "A"}, "steps": "ab"}
    path = folder / "tiny_quiz.ipynb"
    path.write_text(handed_in(course, answers, code="'x.sum()'"), encoding="utf-8")
    report = check.check_file(path)[1]
    assert report.exercises[0].title.en == "Which one is two?"
    assert {
        c.id: c.message.en for exercise in report.exercises for c in exercise.criteria if c.outcome != "passed"
    } == {
        "some.form": "Q is not one of the options A, B, C, D",
        "statement.form": "maybe is neither true nor false",
        "words.form": "the answer leaves out number",
        "varied.form": "九 is not a number; write digits, such as 0.25",
        "steps.form": "the answer leaves out c, d",
        "write.form": "the answer is text; return the value of your expression",
    }
    assert (report.score, report.max_score) == (0, 0)


def test_students_get_no_key(course):
    folder = course.root / "assignments/tiny_quiz"
    assert sorted(path.name for path in folder.rglob("*")) == [
        "assignment.yaml", "test_tiny_quiz_form.py", "tiny.quiz.json", "tiny_quiz.ipynb",
    ]  # fmt: skip
    for path in folder.iterdir():
        content = path.read_text(encoding="utf-8")
        for secret in (
            "SOLUTION",
            "this is three",
            "One and one",
            "use your fingers",
            "'B'",
            "x.mean()",
            "prove",
            "claims",
        ):
            assert secret not in content, secret


def test_stock_nbgrader_makes_the_same_notebook(course):
    ours = json.loads((course.root / "assignments/tiny_quiz/tiny_quiz.ipynb").read_text(encoding="utf-8"))
    stock.run("nbgrader", "generate_assignment", "tiny_quiz", "--force", cwd=course.root)
    theirs = json.loads((course.root / "assignments/tiny_quiz/tiny_quiz.ipynb").read_text(encoding="utf-8"))
    kept = [cell for cell in theirs["cells"] if cell["id"] != "autograder-kit"]
    assert len(kept) == len(theirs["cells"]) - 1
    assert [("".join(c["source"]), c["id"]) for c in ours["cells"]] == [("".join(c["source"]), c["id"]) for c in kept]


def test_a_quiz_that_has_changed_since_judges_nobody(course, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(course.root, root)
    tiny.make(root, tiny.SOURCE.replace("key: true", "key: false"))
    broken = Course(root)
    with pytest.raises(ConfigError, match="has changed since its notebook was made"):
        list(
            batch.grade(find_jobs([broken.submitted], ["tiny_quiz"]), broken.assignment("tiny_quiz"), b"k", processes=1)
        )


def test_a_changed_quiz_is_noticed_where_the_sources_lie_outside_the_course(course, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(course.root / "quizzes", root / "quizzes")
    config = f"c = get_config()\nc.CourseDirectory.source_directory = {str(tmp_path / 'masters')!r}\n"
    (root / "nbgrader_config.py").write_text(config, encoding="utf-8")
    name, _ = assignment.release(root / "quizzes" / "tiny.yaml", Course(root))
    made = Course(root).assignment(name)
    assert made.directory == tmp_path / "masters" / "tiny_quiz"
    assignment.refuse_changed(made)
    tiny.make(root, tiny.SOURCE.replace("key: true", "key: false"))
    with pytest.raises(ConfigError, match="has changed since its notebook was made"):
        assignment.refuse_changed(made)


def test_a_machine_without_the_course_judges_by_the_quiz_as_it_was(course, tmp_path):
    """Dask sends the assignment's folder and nothing else."""
    folder = tmp_path / "sent" / "tiny_quiz"
    shutil.copytree(course.root / "solutions/tiny_quiz", folder)
    path = tmp_path / "ann.ipynb"
    path.write_text(handed_in(course, PARTLY), encoding="utf-8")
    jobs = [Job("ann", "tiny_quiz", path)]
    here, there = (
        next(iter(batch.grade(jobs, assignment, course.key(), processes=1)))
        for assignment in (course.assignment("tiny_quiz"), Assignment.load(folder))
    )
    assert points(there) == points(here)
    assert 0 < there.score < there.max_score


def test_a_quiz_becomes_part_of_an_assignment(tmp_path):
    course = tiny_course.make(tmp_path)
    tiny.make(tmp_path, tiny.SOURCE[: tiny.SOURCE.index("  - id: some")])
    for _ in range(2):  # the second time renews it
        run_quiz("release", "tiny", "--to", "notebook", "--into", "tiny", cwd=tmp_path)
    made = Assignment.load(tmp_path / "solutions" / "tiny")
    assert list(made.settings.exercises) == ["double", "step", "one"]
    assert made.settings.limits.call_s == 2
    source = json.loads(made.notebook.read_text(encoding="utf-8"))
    assert [c["metadata"]["nbgrader"]["grade_id"] for c in source["cells"][-3:]] == ["words_one", "one", "test_one"]
    tiny_course.submit(course, "ann", source)
    (report,) = batch.grade(find_jobs([course.submitted], ["tiny"]), made, course.key(), processes=1)
    assert (report.score, report.max_score) == (11, 11)


def test_a_quiz_in_an_assignment_is_renewed_with_other_questions_and_after_a_kill(tmp_path, monkeypatch):
    tiny_course.make(tmp_path)
    settings = tmp_path / "solutions/tiny/assignment.yaml"
    head, _, _ = tiny.SOURCE.partition("questions:\n")
    asked = "  - {id: %s, type: truefalse, prompt: {zh: 二大于一, en: two is more than one}, key: true}\n"

    def put_in(*names):
        tiny.make(tmp_path, head + "questions:\n" + "".join(asked % name for name in names))
        assignment.add_to(Course(tmp_path).assignment("tiny"), tmp_path / "quizzes/tiny.yaml", Course(tmp_path))

    def holds():
        loaded = Assignment.load(tmp_path / "solutions/tiny")
        cells = json.loads(loaded.notebook.read_text(encoding="utf-8"))["cells"]
        ids = {c["metadata"].get("nbgrader", {}).get("grade_id") for c in cells}
        return list(loaded.settings.exercises), {name for name in ("qa", "qb", "qc") if f"test_{name}" in ids}

    put_in("qa", "qb")
    settings.write_text(settings.read_text(encoding="utf-8") + "# the end\n", encoding="utf-8")
    assert holds() == (["double", "step", "qa", "qb"], {"qa", "qb"})
    put_in("qa", "qc")
    assert holds() == (["double", "step", "qa", "qc"], {"qa", "qc"})
    assert settings.read_text(encoding="utf-8").endswith("# the end\n")
    for survives in range(1, 5):  # killed after so many files, then done again
        with monkeypatch.context() as patched:
            written = []

            def write(path, content, *, make_folder, written=written, most=survives):
                if len(written) == most:
                    raise KeyboardInterrupt
                written.append(path)
                files.write_asked(path, content, make_folder=make_folder)

            patched.setattr(assignment, "write_asked", write)
            with pytest.raises(KeyboardInterrupt):
                put_in("qb")
        put_in("qb")
        assert holds() == (["double", "step", "qb"], {"qb"})
        put_in("qa", "qc")
    course = Course(tmp_path)
    source = json.loads((tmp_path / "solutions/tiny/tiny.ipynb").read_text(encoding="utf-8"))
    tiny_course.submit(course, "ann", source)
    (report,) = batch.grade(
        find_jobs([course.submitted], ["tiny"]), course.assignment("tiny"), course.key(), processes=1
    )
    assert (report.score, report.max_score) == (12, 12)


def test_what_is_not_of_this_quiz_is_not_replaced(tmp_path):
    tiny_course.make(tmp_path)
    head, _, _ = tiny.SOURCE.partition("questions:\n")
    asked = "  - {id: %s, type: truefalse, prompt: {zh: 二大于一, en: two is more than one}, key: true}\n"
    made = tiny.make(tmp_path, head + "questions:\n" + asked % "q1")
    other = made.with_name("other.yaml")
    other.write_text(made.read_text(encoding="utf-8").replace("id: tiny", "id: other"), encoding="utf-8")
    release = ("release", "--to", "notebook")
    run_quiz(*release, "tiny", "--into", "tiny", cwd=tmp_path)
    _, err = run_quiz(*release, "other", "--into", "tiny", cwd=tmp_path, code=2)
    assert "this assignment already has question q1, from quiz tiny; rename one of them" in err
    path = tmp_path / "solutions/tiny/tiny.ipynb"
    source = json.loads(path.read_text(encoding="utf-8"))
    marked = next(cell for cell in source["cells"] if "nbgrader" in cell["metadata"])
    source["cells"].insert(0, marked | {"id": "mine", "metadata": {"nbgrader": marked["metadata"]["nbgrader"] | {"grade_id": "imports"}}})  # fmt: skip
    path.write_text(json.dumps(source), encoding="utf-8")
    before = {path: path.read_bytes() for path in (tmp_path / "solutions").rglob("*") if path.is_file()}
    for name, said in (("imports", "has a cell 'imports' of its own"), ("double", "has a question of this name")):
        other.write_text(head.replace("id: tiny", "id: other") + "questions:\n" + asked % name, encoding="utf-8")
        _, err = run_quiz(*release, "other", "--into", "tiny", cwd=tmp_path, code=2)
        assert said in err
    assert {path: path.read_bytes() for path in (tmp_path / "solutions").rglob("*") if path.is_file()} == before
    run_quiz(*release, "tiny", cwd=tmp_path)
    _, err = run_quiz(*release, "other", "--into", "tiny_quiz", cwd=tmp_path, code=2)
    assert "was made from a quiz; add the questions to that quiz" in err


def test_a_sign_in_a_block_of_words_is_no_comment(tmp_path):
    settings = tmp_path / "assignment.yaml"
    settings.write_text(
        "exercises:\n  a: {title: x}\n  # of b\n  b:\n    title: |\n      words\n      # heading\n# end"
    )
    made = assignment._with_exercises(settings, {"q": {"title": "y", "functions": ["q()"]}}, ["a"])
    assert (
        made
        == "exercises:\n  # of b\n  b:\n    title: |\n      words\n      # heading\n  q:\n    title: y\n    functions:\n    - q()\n# end\n"
    )


COMMENTED = """\
schema: 1
exercises:
  # of a
  a:
    title: x   # beside

  # of b
  b:
    title: |
      words
      # heading

  # of c
  c: {title: 'q', functions: ["c(x)", d]}  # beside
  # of d
  d:
    functions:
      - x
      - y
# end

limits: {call_s: 3}  # seconds
"""
WITHOUT = {
    "a": "  a:\n    title: x   # beside\n",
    "b": "  b:\n    title: |\n      words\n      # heading\n",
    "c": "  c: {title: 'q', functions: [\"c(x)\", d]}  # beside\n",
    "d": "  d:\n    functions:\n      - x\n      - y\n",
}


@pytest.mark.parametrize("ours", ["", "a", "b", "c", "d", "ab", "bc", "cd", "ad", "abc", "bcd", "abcd"])
def test_all_else_of_the_settings_stays_as_it_was_written(tmp_path, ours):
    settings = tmp_path / "assignment.yaml"
    settings.write_text(COMMENTED, encoding="utf-8")
    added = {"q": {"title": {"zh": "问", "en": "ask"}, "functions": ["q()"]}}
    made = assignment._with_exercises(settings, added, list(ours))
    wanted = COMMENTED
    for name in ours:
        wanted = wanted.replace(WITHOUT[name], "")
    question = "  q:\n    title:\n      zh: 问\n      en: ask\n    functions:\n      - q()\n"
    wanted = wanted.replace("# end\n", question + "# end\n")
    assert without_empty_lines(made) == without_empty_lines(wanted)
    settings.write_text(made, encoding="utf-8")
    assert assignment._with_exercises(settings, added, ["q"]) == made


def without_empty_lines(content):
    return [line for line in content.splitlines() if line]


def test_names_of_blanks_numbers_and_cells_are_what_they_should_be(tmp_path):
    head = tiny.SOURCE[: tiny.SOURCE.index("questions:")]
    blanks = "  - {id: b, type: blanks, prompt: {zh: '`X @ {{w}}` $y = {{v}}$ {{u}}', en: '`X @ {{w}}` $y = {{v}}$ {{u}}'}, blanks: {u: {kind: number, answer: '50%'}, v: {kind: text, answer: a}, w: {kind: text, answer: b}}}\n"
    number = "  - {id: %s, type: number, answer: '%s', prompt: {zh: 问, en: ask}}\n"
    quiz = tiny.load(
        tmp_path, head + "questions:\n" + blanks + number % ("wide", "８１") + number % ("many", "65,546,000")
    )
    cells = {c["id"]: "".join(c["source"]) for c in notebook.cells(quiz, {}, keyed=True)}
    assert r"`X @ w` $y = \mathrm{v}$ `u`" in cells["words-b"]
    values = {name: ast.literal_eval(re.search("\n    return (.*)", cells[name])[1]) for name in ("b", "wide", "many")}
    assert values == {"b": {"u": "0.5", "v": "a", "w": "b"}, "wide": 81, "many": 65546000}
    quiz = tiny.load(tmp_path, head + "questions:\n" + number % ("x", 1) + number % ("test-x", 1))
    with pytest.raises(UsageError, match="two cells would be called 'test_x'"):
        notebook.cells(quiz, {}, keyed=True)


def test_every_step_of_the_credit_is_a_criterion_of_its_own(tmp_path):
    options = ", ".join(f"{chr(65 + n)}: {{text: '{n}'}}" for n in range(17))
    head = tiny.SOURCE[: tiny.SOURCE.index("questions:")]
    key = ", ".join("ABCDEFGH")
    quiz = tiny.load(
        tmp_path,
        head
        + f"questions:\n  - {{id: q, type: multi, credit: coverage, key: [{key}], prompt: {{zh: 问, en: ask}}, options: {{{options}}}}}\n",
    )
    made = rubric.criteria(tmp_path / "quizzes/tiny.yaml", sha256=certificates.fingerprint_of_quiz(quiz, {}))
    assert len(made) == len(steps(quiz, quiz.questions[0]))


def test_an_assignment_of_another_kind_is_not_overwritten(tmp_path):
    tiny.make(tmp_path, tiny.SOURCE[: tiny.SOURCE.index("  - id: some")])
    folder = tmp_path / "solutions" / "tiny_quiz"
    folder.mkdir(parents=True)
    _, err = run_quiz("release", "tiny", "--to", "notebook", cwd=tmp_path, code=2)
    assert "was not made from a quiz" in err
    assert not list(folder.iterdir())


@pytest.mark.parametrize("path", sorted((ROOT / "quizzes").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_quiz_of_the_course_is_a_notebook(path):
    quiz = loading.load(path)
    content = json.loads(notebook.notebook(quiz, {}, keyed=False))
    assert sum(c["metadata"].get("nbgrader", {}).get("points", 0) for c in content["cells"]) == quiz.points
    for question in quiz.questions:
        assert steps(quiz, question)[-1] == 1


def test_a_changed_key_stops_grading_even_if_everything_was_graded_before(course, graded, tmp_path):
    copy = tmp_path / "course"
    shutil.copytree(course.root, copy)
    (copy / "results.jsonl").write_text(
        "".join(report.to_json() + "\n" for report in graded.values()), encoding="utf-8"
    )
    assignment.refuse_changed(Course(copy).assignment("tiny_quiz"))
    quiz_file = copy / "quizzes" / "tiny.yaml"
    before = quiz_file.read_text(encoding="utf-8")
    quiz_file.write_text(before.replace("answer: 3", "answer: 4", 1), encoding="utf-8")
    assert quiz_file.read_text(encoding="utf-8") != before
    for command in (["grade", "--no-gradebook"], ["regrade", "tiny_quiz", "--no-gradebook"]):
        done = subprocess.run([sys.executable, "-m", "autograder", *command], cwd=copy, capture_output=True, text=True)
        assert done.returncode == 2, done.stderr
        assert (
            "tiny.yaml: has changed since its notebook was made; run `autograder quiz release --to notebook` again"
            in done.stderr
        )
    quiz_file.unlink()  # a machine that has the assignment but not the quiz judges by what was kept
    assignment.refuse_changed(Course(copy).assignment("tiny_quiz"))
