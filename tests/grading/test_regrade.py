"""``autograder regrade``: who moves after a rubric has changed, before and after it counts."""

import io
import json
import os
import subprocess
import sys

import nbgrader_course as course_of
import pytest
import tiny_course as tiny
from rich.console import Console

from autograder.grading.regrade import Regrading
from autograder.report import moves as report
from autograder.results import journal
from autograder.results.counted import Counted, CountedCell
from autograder.results.moves import compare

FORGIVING = tiny.HIDDEN.replace(
    "checks.assert_gradient(student.double, x, reference=reference.double)", "student.double(x)"
)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = course_of.make(tmp_path_factory.mktemp("课程"))
    tiny.submit(course, "ann", course_of.notebook())
    tiny.submit(course, "bob", course_of.notebook("def double(x):\n    return 3 * x\n"))
    run(course, "grade")
    (course.root / "solutions" / "tiny" / "private" / "test_tiny_hidden.py").write_text(FORGIVING, encoding="utf-8")
    return course


def run(course, *arguments):
    command = [sys.executable, "-m", "autograder", *arguments]
    environment = os.environ | {"COLUMNS": "120", "PYTHONUTF8": "1"}
    done = subprocess.run(command, cwd=course.root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def scores(course):
    return {report.student: report.score for report in journal.read(course.root / "results.jsonl")}


@pytest.mark.slow
def test_first_it_is_shown_then_it_counts(course):
    before = (course.root / "results.jsonl").read_bytes()
    tables = course_of.tables(course_of.gradebook(course))
    shown = run(course, "regrade", "tiny")
    assert [line.split()[:4] for line in shown.splitlines() if line.startswith("bob")] == [
        ["bob", "6+?/15", "7+?/15", "+1"]
    ]
    assert shown.splitlines()[0] == "double.gradient: 1 student, +1 (has the right gradient)"
    assert shown.count("has the right gradient") == 1
    assert "double.gradient ✗ 0/1 → ✓ 1/1" in shown and "1 of 2 change" in shown and "ann" not in shown
    assert "the new scores count with --yes, or once you run `autograder grade` again" in shown
    assert (course.root / "results.jsonl").read_bytes() == before
    assert course_of.tables(course_of.gradebook(course)) == tables

    pending = course.root / "results.jsonl.tiny.regraded"
    waiting = pending.read_bytes()
    assert json.loads(run(course, "regrade", "tiny", "--json"))[0]["difference"] == 1
    assert pending.read_bytes() == waiting  # graded once, with the times it took then

    accepted = run(course, "regrade", "tiny", "--yes")
    assert "2 written" in accepted
    assert scores(course) == {"ann": 10, "bob": 7}
    assert course_of.grades(course, "bob")["test_double"] == (3, None, None, False)
    (kept,) = course.root.glob("results.tiny.*.jsonl")
    assert kept.read_bytes() == before
    assert not pending.exists()
    assert "0 of 2 change" in run(course, "regrade", "tiny")


def test_reports_are_compared_by_criterion(course):
    reports = list(journal.read(next(iter(course.root.glob("results*.jsonl")))))
    key = ("tiny", "bob")
    (bob,) = (r for r in reports if r.student == "bob")
    dearer = [
        e.model_copy(update={"criteria": tuple(c.model_copy(update={"points": c.points + 1}) for c in e.criteria)})
        for e in bob.exercises
    ]
    assert (
        compare({key: bob}, [bob]) == compare({key: bob}, [bob.model_copy(update={"exercises": tuple(dearer)})]) == []
    )
    renamed = bob.model_copy(update={"submission_sha256": "other", "score": 0.0})
    (move,) = compare({key: bob}, [renamed])
    assert move.is_resubmitted and move.difference == -bob.score and move.changes == ()
    essay = {"double": CountedCell(6, 6), "step": CountedCell(4, 4), "essay": CountedCell(2.5, 3)}
    (line,) = report.lines([move], "en", {"bob": Counted(essay)})
    assert (line.before, line.after) == (f"{bob.score + 2.5:g}/13", "2.5/13")  # what a person gave stays
    (new,) = compare({}, [bob])
    assert new.before is None and new.difference is None and len(new.changes) == 4


def test_a_change_that_moves_many_is_one_line_first(course):
    """Students whom a criterion moves alike are counted together, its cases as one; other files are another reason."""
    (bob,) = (r for r in journal.read(next(iter(course.root.glob("results*.jsonl")))) if r.student == "bob")

    def changed(name, earned, **other):
        criteria = tuple(
            c.model_copy(update={"earned": e, "outcome": "passed" if e else "failed", "id": f"double.cases[{n}]"})
            for n, (c, e) in enumerate(zip(bob.exercises[0].criteria, earned, strict=False))
        )
        first = bob.exercises[0].model_copy(update={"criteria": criteria})
        return bob.model_copy(update={"student": name, "score": sum(earned), "exercises": (first,), **other})

    before = {("tiny", name): changed(name, (0.0, 0.0)) for name in ("a", "b", "c", "d")}
    after = [changed("a", (1.0, 0.5)), changed("b", (0.5, 1.0)), changed("c", (0.0, 1.0))]
    moves = compare(before, [*after, changed("d", (1.0, 0.5), submission_sha256="another file")])
    title = bob.exercises[0].criteria[0].title
    second = bob.exercises[0].criteria[1].title
    assert report.summary(moves, "en").splitlines() == [
        f"double.cases: 2 students, +1.5 each ({second.en})",
        f"double.cases: 1 student, +1 ({second.en})",
    ]
    assert report.summary(moves, "zh").splitlines()[0] == f"double.cases：2 名学生，各 +1.5（{second.zh}）"
    console = Console(width=200, file=io.StringIO())
    console.print(report.table(moves, "en"))
    assert console.file.getvalue().count(title.en) == 1  # of d, who handed in another file


def test_without_results_there_is_one_line(course, tmp_path):
    with pytest.raises(Exception, match="`autograder grade` writes it"):
        Regrading(course, course.assignment("tiny"), tmp_path / "none.jsonl")
