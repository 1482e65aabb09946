"""Scores read from nbgrader's tables without nbgrader: they are those that nbgrader itself adds up."""

import shutil
import subprocess
import sys

import large_gradebook
import nbgrader_course  # noqa: F401 -- lets nbgrader start alembic once
import pytest
from nbgrader import api

from autograder.gradebook import marks, nbgrader_tables, scores
from autograder.gradebook.marks import Mark
from autograder.gradebook.scores import AssignmentScores


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A gradebook of three students by two assignments, with a penalty, extra credit and one that only has more time."""
    file = tmp_path_factory.mktemp("filled") / "gradebook.db"
    large_gradebook.fill(file, ["ann", "bob", "eve"], ["one", "two"], cells=3)
    with api.Gradebook(f"sqlite:///{file}") as gradebook:
        gradebook.find_submission_notebook("one", "one", "ann").late_submission_penalty = 1.5
        gradebook.find_submission_notebook("two", "two", "bob").late_submission_penalty = 100.0
        gradebook.find_grade("test_1", "one", "one", "bob").extra_credit = 2.25
        gradebook.add_task_cell("drawing", "two", "two", max_score=5, cell_type="markdown")
        zoe, one = gradebook.add_student("zoe"), gradebook.find_assignment("one")
        gradebook.db.add(api.SubmittedAssignment(assignment=one, student=zoe))
        gradebook.db.commit()
    return file


@pytest.fixture
def opened(filled, tmp_path):
    address = f"sqlite:///{shutil.copy(filled, tmp_path)}"
    engine = nbgrader_tables.engine(tmp_path, address)
    with api.Gradebook(address) as gradebook:
        yield gradebook, engine
    engine.dispose()


def test_the_columns_are_nbgraders():
    for name, table in nbgrader_tables._TABLES.tables.items():
        assert set(table.c.keys()) <= set(api.Base.metadata.tables[name].c.keys()), name


def test_nbgrader_is_not_loaded_for_it():
    code = "import sys; import autograder.gradebook.marks; sys.exit('nbgrader' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_totals_are_those_of_nbgrader(opened):
    gradebook, engine = opened
    with engine.connect() as connection:
        found = scores.overview(connection)
        work = {key: scores.of_student(connection, *key) for key in found.totals}
        assert scores.of_student(connection, "zoe", "one") is None
        for name, maximum in found.assignments.items():
            mine = {student: one.score for (student, assignment), one in found.totals.items() if assignment == name}
            assert scores.of_assignment(connection, name) == AssignmentScores(mine, maximum)
        assert scores.of_assignment(connection, "none") is None
    assert found.assignments == {one.name: one.max_score for one in gradebook.assignments} == {"one": 12.0, "two": 17.0}
    assert set(found.students) == {"ann", "bob", "eve", "zoe"}
    expected = {}
    for name in ("one", "two"):
        for submission in gradebook.find_assignment(name).submissions:
            if submission.notebooks:
                penalty = submission.late_submission_penalty or 0.0
                score = max(0.0, submission.score - penalty)
                expected[submission.student.id, name] = (score, bool(submission.needs_manual_grade))
    assert {key: (one.score, one.waits) for key, one in found.totals.items()} == expected
    assert {key: one.score for key, one in work.items()} == {key: score for key, (score, _) in expected.items()}


def test_a_cell_of_another_notebook_may_have_the_same_name(opened):
    gradebook, engine = opened
    notebook = gradebook.add_notebook("a", "one")
    cell = gradebook.add_grade_cell("test_0", "a", "one", max_score=2, cell_type="code")
    written = gradebook.add_solution_cell("test_0", "a", "one")
    row = api.SubmittedNotebook(assignment=gradebook.find_submission("one", "eve"), notebook=notebook)
    gradebook.db.add_all([row, api.Grade(cell=cell, notebook=row, auto_score=1)])
    gradebook.db.add(api.Comment(cell=written, notebook=row, manual_comment="of the other"))
    gradebook.db.commit()
    with engine.connect() as connection:
        work = scores.of_student(connection, "eve", "one")
    assert [work.grade(name, "test_0").maximum for name in ("one", "a")] == [4, 2]
    assert [work.comment(name, "test_0").manual for name in ("one", "a")] == ["", "of the other"]


@pytest.mark.parametrize(
    ("auto", "manual", "waits", "expected"),
    [
        (None, None, True, {"to_mark": 1}),
        (None, 2.0, True, {"second_look": 1, "by_hand": 1}),
        (None, 2.0, False, {"by_hand": 1}),
        (0.0, None, False, {}),
    ],
)
def test_why_a_person_is_needed(opened, auto, manual, waits, expected):
    gradebook, engine = opened
    grade = gradebook.find_grade("test_0", "one", "one", "eve")  # an answer in words
    grade.auto_score, grade.manual_score, grade.needs_manual_grade = auto, manual, waits
    gradebook.db.commit()
    with engine.connect() as connection:
        total = scores.overview(connection).totals["eve", "one"]
    counts = {name: getattr(total, name) for name in ("to_mark", "not_judged", "second_look", "by_hand")}
    assert {name: count for name, count in counts.items() if count} == expected


def test_what_the_autograder_could_not_judge_is_another_reason(opened):
    gradebook, engine = opened
    grade = gradebook.find_grade("test_1", "one", "one", "eve")
    grade.auto_score, grade.needs_manual_grade = None, True
    gradebook.db.commit()
    with engine.connect() as connection:
        assert scores.overview(connection).totals["eve", "one"].not_judged == 1


def test_a_mark_is_written_as_the_formgrader_writes_it_or_not_at_all(opened):
    gradebook, engine = opened
    number = gradebook.find_grade("test_0", "one", "one", "eve").id
    mark, seen = Mark(2.5, 0.5, "why"), Mark(3.0)
    gradebook.find_grade("test_0", "one", "one", "eve").manual_score = 3.0
    gradebook.db.commit()
    for before, new, there in (
        (Mark(1.0), mark, seen),  # somebody else was there
        (seen, mark, None),
        (seen, mark, None),  # the same again, as after a kill
        (seen, Mark(0.0), mark),
        (mark, Mark(None, 0.0, ""), None),
    ):
        with marks.writing(engine, "one") as connection:
            assert marks.give(connection, number, ["test_0"], before, new) == there
        gradebook.db.expire_all()
        grade, comment = (
            find("test_0", "one", "one", "eve") for find in (gradebook.find_grade, gradebook.find_comment)
        )
        now = there if there is not None else new
        assert Mark(grade.manual_score, grade.extra_credit or 0.0, comment.manual_comment or "") == now
        assert grade.needs_manual_grade is (now.score is None)
        gradebook.db.rollback()
