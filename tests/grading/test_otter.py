"""A master notebook of Otter's is imported, and answers get what Otter documents."""

import json
import shutil

import pytest
from otter_master import LAB, write
from typer.testing import CliRunner

from autograder.cli.main import app
from autograder.course.course import Course
from autograder.course.jobs import Job
from autograder.grading import audit, engine
from autograder.sandbox import confine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The course, and what the command said."""
    root = tmp_path_factory.mktemp("otter")
    (root / "nbgrader_config.py").write_text("c = get_config()\nc.Autograder.languages = ['en']\n", encoding="utf-8")
    (root / "source").mkdir()
    (root / "numbers.txt").write_text("4 5", encoding="utf-8")
    (root / "halves.py").write_text("def half(x):\n    return x // 2\n", encoding="utf-8")
    write(root / "lab.ipynb", *LAB)
    done = CliRunner().invoke(app, ["import", "otter", str(root / "lab.ipynb"), "--course", str(root), "--lang", "en"])
    assert done.exit_code == 0, done.output
    return Course(root), done.stdout


ANSWERS = {
    "right": ({}, {"q1": 2, "q1.b": 3, "q2": 2, "q3": 2, "q6": 1}),
    "wrong_value": ({"prime = 2": "prime = 3"}, {"q1": 0, "q1.b": 2, "q2": 2, "q3": 2, "q6": 1}),
    "hidden_case": ({"by * x for": "2 * x for"}, {"q1": 2, "q1.b": 2, "q2": 2, "q3": 2, "q6": 1}),
    "printing": ({"return [by": "print('x')\n    return [by"}, {"q1": 2, "q1.b": 3, "q2": 2, "q3": 2, "q6": 1}),
    "part_of_all": ({".read().split()": ".read()"}, {"q1": 2, "q1.b": 3, "q2": 0, "q3": 2, "q6": 1}),
    "wrong_object": ({"day=4)": "day=3)"}, {"q1": 2, "q1.b": 3, "q2": 2, "q3": 1, "q6": 1}),
    "name_of_pythons": ({"sorted(xs)[-1]": "sorted(xs)[0]"}, {"q1": 2, "q1.b": 3, "q2": 2, "q3": 2, "q6": 0.5}),
    "missing": ({"prime = 2": "", "day = ": "dya = "}, {"q1": 0, "q1.b": 2, "q2": 2, "q3": 0, "q6": 1}),
}
"""Edits of the solution, and what each question earns then."""


def test_answers_get_what_otter_documents(imported, tmp_path):
    course, _ = imported
    assignment = course.assignment("lab")
    source = assignment.notebook.read_text(encoding="utf-8")
    jobs = []
    for name, (edits, _) in ANSWERS.items():
        edited = source
        for old, new in edits.items():
            edited = edited.replace(json.dumps(old)[1:-1], json.dumps(new)[1:-1])
        path = tmp_path / f"{name}.ipynb"
        path.write_text(edited, encoding="utf-8")
        jobs.append(Job(name, "lab", path))
    with engine.Engine(jobs, assignment, b"k" * 32, sessions=1, confined=confine.is_available()) as running:
        reports = {report.student: report for report in running.reports()}
    found = {name: {e.title.en: e.score for e in report.exercises} for name, report in reports.items()}
    assert found == {name: earned for name, (_, earned) in ANSWERS.items()}
    failed = [problem.text.en for problem in reports["right"].problems]
    assert len(failed) == confine.is_available()  # a cell that shows an error in the master notebook is meant to
    assert all("/etc/passwd" in words for words in failed)
    told = {c.id: c.message.en for e in reports["wrong_value"].exercises for c in e.criteria if c.outcome != "passed"}
    assert told.keys() == {"q1.case2", "q1_b.case3"}  # hidden ones, of which nothing is told
    assert told["q1.case2"] == "what the test shows is not what was expected"
    assert told["q1_b.case3"].endswith("the requirement is not met")


def test_what_was_made_and_what_was_not_is_told(imported):
    course, said = imported
    assert "q1.b: criteria: 3, points: 3" in said and "q4: a person grades it" in said
    notes = said.partition("left out, or changed on the way:\n")[2]
    for words in (
        "`solutions_pdf` was left out: the source notebook holds the solutions",
        "`files`: numbers.txt is data/numbers.txt now, in the notebook too",
        "q3, test 1: runs in the student's process, as Otter's tests do: ",
        "q3, test 2: passes without an answer; here it asks for one first",
        "q5, test 1: was left out, with its 1 points: the source notebook does not meet it: ",
        "words of a solution were left out",
        "calls of Otter were left out",
        "it shows an error, so it is tagged `raises-exception`",
        "it fails here, so it is tagged `raises-exception`: it may fail in grading, too: AttributeError: ",
    ):
        assert words in notes
    stops = "stops when it runs as students' work does, and only then; tests that need what follows were left out: code cell "
    assert (stops in notes) == confine.is_available()
    cells = json.loads((course.source / "lab" / "lab.ipynb").read_text(encoding="utf-8"))["cells"]
    by_hand = next(c for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") == "q4")
    assert (by_hand["cell_type"], by_hand["metadata"]["nbgrader"]["points"]) == ("markdown", 1.5)


def test_it_is_released_without_a_secret_and_has_wrong_versions(imported, tmp_path):
    course, _ = imported
    root = tmp_path / "course"
    shutil.copytree(course.root, root)
    run = CliRunner().invoke
    done = run(app, ["release", "lab", "--course", str(root)])
    assert done.exit_code == 0, done.output
    release = "".join(p.read_text(encoding="utf-8") for p in sorted((root / "release" / "lab").glob("*.*")))
    assert "# prime = ..." in release and "Because ..." in release and "Write your thing here." in release
    for secret in (
        "prime = 2",
        "secret reasons",
        "hidden test",
        "0.0763",
        "by * x for",
        "It is even",
        "teachers' talk",
    ):
        assert secret not in release
    versions = {v.exercise: v.id for v in audit.versions_of(course.assignment("lab")) if v.kind == "generated"}
    assert versions.keys() == {"q1", "q1_b", "q2", "q3", "q6"} and versions["q1"] == "prime: constant `2` -> `1`"


def test_a_name_that_is_taken_or_none_is_refused(imported):
    course, _ = imported
    for options, says in ((["--name", "lab"], "exists already"), (["--name", "a b"], "choose one with --name")):
        done = CliRunner().invoke(
            app, ["import", "otter", str(course.root / "lab.ipynb"), "--course", str(course.root), *options]
        )
        assert done.exit_code == 2 and says in done.output
