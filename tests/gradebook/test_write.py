"""Route A: ``autograder grade`` writes nbgrader's gradebook and folders from the reports."""

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys

import nbgrader_course as course_of
import postgres_server
import pytest
import tiny_course as tiny
from nbgrader.api import Course, Gradebook
from sqlalchemy import event, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from autograder.base.errors import ConfigError, GradebookError
from autograder.cli import grade as command
from autograder.cli.main import app
from autograder.gradebook import releasing, write
from autograder.gradebook.nbgrader_course import NbgraderCourse

WRONG = "def double(x):\n    return 3 * x\n"
FULL = {"test_double": (6, None, None, False), "test_step": (4, None, None, False)}
UNREAD = {name: (0, None, None, True) for name in ("test_double", "test_step", "essay")}
"""Zeros that wait for a person, since nothing could be read."""


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A course with its submissions, its reports, and no gradebook but the release."""
    course = course_of.make(tmp_path_factory.mktemp("课程"))
    nbgrader = NbgraderCourse(course.root)
    releasing.release(course, nbgrader, "tiny")
    released = course.root / "assignments" / "tiny" / "tiny.ipynb"
    right = {"double": tiny.DOUBLE, "step": tiny.STEP, "essay": course_of.ANSWER}
    late = tiny.submit(course, "ann", course_of.handed_in(released, **right))
    (late.parent / "timestamp.txt").write_text("2026-01-02 10:00:00 UTC")
    (late.parent / "data.txt").write_text("mine")
    (late.parent / "test_tiny.py").write_text("mine")
    (late.parent / "stolen.py").symlink_to(course.root / "solutions" / "tiny" / "private" / "test_tiny_hidden.py")
    odd = tiny.submit(
        course, "bob", course_of.handed_in(released, **right | {"double": WRONG, "essay": "<script>x</script>"})
    )
    (odd.parent / "timestamp.txt").write_text("yesterday")
    tiny.submit(course, "cyd", damaged(course_of.handed_in(released, **right)))
    tiny.submit(course, "dan", tiny.DOUBLE + "\n\n" + tiny.STEP, name="tiny.py")
    tiny.submit(course, "eve", b"")
    tiny.submit(course, "fay", course_of.handed_in(released, double="1 / 0\n'<script>'\n" + tiny.DOUBLE))
    tiny.submit(course, "gus", course_of.handed_in(released, **right), name="my own.ipynb")
    (course.submitted / "hal" / "tiny").mkdir(parents=True)
    return course, course_of.grade(course)


def damaged(notebook):
    """Marks edited, cells doubled, a grade cell changed and one deleted."""
    cells = {c["metadata"].get("nbgrader", {}).get("grade_id"): c for c in notebook["cells"]}
    cells["test_double"]["metadata"]["nbgrader"] |= {"points": 600, "checksum": "0"}
    cells["test_double"]["source"] = "1 + 1"
    cells["intro"]["cell_type"] = "raw"
    cells["step"]["metadata"]["nbgrader"]["schema_version"] = 99
    cells["essay"]["metadata"]["nbgrader"]["grade"] = False
    stranger = tiny.code_cell("pass", "never_heard_of", points=50)
    first_try = tiny.code_cell("def double(x):\n    return None\n", "double")
    kept = [c for c in notebook["cells"] if c is not cells["test_step"]]
    notebook["cells"] = [first_try | {"id": "other"}, *kept, stranger]
    return notebook


@pytest.fixture
def course(graded, tmp_path):
    """A copy of it, to write to."""
    shutil.copytree(graded[0].root, tmp_path / "copy", symlinks=True)
    return type(graded[0])(tmp_path / "copy")


@pytest.fixture(scope="module")
def written(graded, tmp_path_factory):
    """A copy whose gradebook has been written."""
    folder = tmp_path_factory.mktemp("written") / "copy"
    shutil.copytree(graded[0].root, folder, symlinks=True)
    course = type(graded[0])(folder)
    return course, write.write(course, [], graded[1])


def configure(course, line):
    with (course.root / "nbgrader_config.py").open("a") as file:
        file.write(f"\n{line}\n")


def autograded(course, student, name="tiny.ipynb"):
    return course.root / "autograded" / student / "tiny" / name


def cell(course, student, grade_id):
    notebook = json.loads(autograded(course, student).read_text())
    (found,) = (c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == grade_id)
    return found


@pytest.mark.parametrize(
    ("student", "expected"),
    [
        ("ann", FULL | {"essay": (None, None, None, True)}),
        ("bob", FULL | {"test_double": (2, None, None, False), "essay": (None, None, None, True)}),
        ("cyd", FULL | {"essay": (None, None, None, True)}),
        ("dan", FULL | {"essay": (0, None, None, False)}),
        ("eve", UNREAD),
        ("fay", {"test_double": (0, None, None, False), "test_step": (0, None, None, False), "essay": (0, None, None, False)}),
        ("gus", FULL | {"essay": (None, None, None, True)}),
        ("hal", UNREAD),
    ],
)  # fmt: skip
def test_each_cell_has_its_score_or_waits_for_a_person(written, student, expected):
    assert course_of.grades(written[0], student) == expected | {"drawing": (None, None, None, True)}


def test_nothing_written_is_remarked_as_nbgrader_does(written):
    comments = {(row[0], row[1]): row[3] for row in course_of.tables(course_of.gradebook(written[0]))["comments"]}
    assert comments["ann", "essay"] is None
    assert comments["dan", "essay"] == comments["fay", "step"] == "No response."
    assert comments["fay", "double"] is None
    assert comments["dan", "drawing"] is None
    assert {comments[who, cell] for who in ("eve", "hal") for cell in ("double", "essay")} == {
        None
    }  # nobody could read it


def test_the_time_of_submission_is_that_of_the_file(written):
    course, outcome = written
    times = {row[0]: str(row[1]) for row in course_of.tables(course_of.gradebook(course))["submissions"]}
    assert times["ann"].startswith("2026-01-02 10:00:00")
    assert times["bob"] == "None"
    assert "bob: timestamp.txt does not contain a timestamp; it was renamed to timestamp.unreadable.txt" in map(
        str, outcome.notes
    )


def test_the_autograded_folder_is_as_nbgrader_leaves_it(written):
    course, outcome = written
    names = {p.name for p in autograded(course, "ann").parent.iterdir()}
    assert names == {"tiny.ipynb", "timestamp.txt", "data.txt", "test_tiny.py", "assignment.yaml"}
    assert autograded(course, "ann", "test_tiny.py").read_text() == tiny.VISIBLE  # the course's, not the student's
    assert {oct(p.stat().st_mode & 0o777) for p in autograded(course, "ann").parent.iterdir()} == {"0o444"}
    assert "ann: stolen.py is a link and was ignored" in map(str, outcome.notes)
    assert not [p for p in (course.root / "autograded").rglob(".*")]


def test_locked_cells_and_marks_come_back(written):
    restored = cell(written[0], "cyd", "test_double")
    assert "".join(restored["source"]) == 'check("double")'
    assert restored["metadata"]["nbgrader"]["points"] == 6
    assert cell(written[0], "cyd", "intro")["cell_type"] == "markdown"
    assert "".join(cell(written[0], "cyd", "double")["source"]) == tiny.DOUBLE
    assert cell(written[0], "cyd", "test_step")["outputs"]
    assert "never_heard_of" not in autograded(written[0], "cyd").read_text()


def test_the_report_is_the_output_and_hides_what_is_hidden(written):
    page = "".join(cell(written[0], "bob", "test_double")["outputs"][0]["data"]["text/html"])
    assert "doubles" in page or "加倍" in page
    assert "梯度正确" in page  # hidden: the title and nothing else
    everything = autograded(written[0], "bob").read_text()
    assert "assert_gradient" not in everything and "finite differences" not in everything


def test_a_students_own_errors_stand_below_their_cell(written):
    (output,) = cell(written[0], "fay", "double")["outputs"]
    assert output["output_type"] == "error" and "ZeroDivisionError" in "".join(output["traceback"])


def test_what_is_said_about_a_whole_submission_stands_above_it(written):
    for student, words in (("eve", "tiny.ipynb"), ("gus", "my own.ipynb"), ("hal", "tiny.ipynb")):
        first = json.loads(autograded(written[0], student).read_text())["cells"][0]
        assert words in "".join(first["outputs"][0]["data"]["text/plain"])


def test_writing_again_changes_nothing(graded, course):
    reports = graded[1]
    first = write.write(course, [], reports)
    before = course_of.tables(course_of.gradebook(course)), autograded(course, "ann").stat().st_mtime_ns
    second = write.write(course, [], reports)
    assert (first.written, second.written, second.unchanged) == (8, 0, 8)
    assert (course_of.tables(course_of.gradebook(course)), autograded(course, "ann").stat().st_mtime_ns) == before


def other_report(reports, student, like):
    """A student's report with what another one's says."""
    own, other = (next(r for r in reports if r.student == s) for s in (student, like))
    return own.model_copy(update={"exercises": other.exercises, "score": other.score})


def test_the_table_has_what_the_gradebook_counts_of_what_is_in_it(graded, written, tmp_path):
    """A file that lies elsewhere may bear the name of a student who has handed in another one."""
    course, reports = written[0], graded[1]
    _, counted = command._write(course, [], reports, [], tmp_path, "en", as_json=False)
    assert (counted["tiny"]["ann"].score, counted["tiny"]["ann"].maximum) == (10, 15)
    assert [name for name, cell in counted["tiny"]["ann"].cells.items() if cell.waits] == ["drawing", "essay"]
    _, counted = command._write(course, [tmp_path], reports, [], tmp_path, "en", as_json=False)
    assert counted == {}


def test_what_a_person_has_entered_stays(graded, course):
    reports = graded[1]
    write.write(course, [], reports)
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        grade = gradebook.find_grade("test_double", "tiny", "tiny", "ann")
        grade.manual_score, grade.extra_credit, grade.needs_manual_grade = 5, 1, False
        gradebook.find_comment("essay", "tiny", "tiny", "ann").manual_comment = "good"
        gradebook.db.commit()
    write.write(course, [], reports)
    assert course_of.grades(course, "ann")["test_double"] == (6, 5, 1, False)  # nothing new: no second look
    write.write(course, [], [other_report(reports, "ann", "bob")])
    assert course_of.grades(course, "ann")["test_double"] == (2, 5, 1, True)
    comments = [row for row in course_of.tables(course_of.gradebook(course))["comments"] if row[:2] == ("ann", "essay")]
    assert comments[0][4] == "good"


def test_what_could_not_be_judged_waits_for_a_person_and_is_no_zero(graded, course):
    (report,) = (r for r in graded[1] if r.student == "ann")
    double = report.exercises[0]
    broken = double.model_copy(
        update={"score": None, "criteria": tuple(c.model_copy(update={"outcome": "error", "earned": 0.0}) for c in double.criteria)}
    )  # fmt: skip
    write.write(
        course,
        [],
        [report.model_copy(update={"status": "error", "score": None, "exercises": (broken, report.exercises[1])})],
    )
    assert course_of.grades(course, "ann")["test_double"] == (None, None, None, True)


OWN_PLUGIN = """\
from nbgrader.plugins import BasePlugin

class Late(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return score if student_id == "ann" else 1 / 0
"""


@pytest.mark.parametrize("line", ["c.LateSubmissionPlugin.penalty_method = 'zero'", "c.AssignLatePenalties.plugin_class = 'own_rule_for_late_work.Late'"])  # fmt: skip
def test_late_penalties_are_the_plugins(graded, course, line):
    configure(course, line)
    (course.root / "own_rule_for_late_work.py").write_text(OWN_PLUGIN)
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        gradebook.update_or_create_assignment("tiny", duedate="2026-01-01 00:00:00 UTC")
    write.write(course, [], graded[1])
    rows = course_of.tables(course_of.gradebook(course))["submitted notebooks"]
    assert {row[0]: row[3] for row in rows if row[3] is not None} == {"ann": 10}
    if "own" in line:
        (course.submitted / "hal" / "tiny" / "timestamp.txt").write_text("2026-01-02 10:00:00 UTC")
        with pytest.raises(ConfigError, match=r"nbgrader_config.py: the plugin Late for late penalties fails: ZeroDiv"):
            write.write(course, [], graded[1])


STOCK = [f"nbgrader.preprocessors.{name}" for name in ("ClearOutput", "DeduplicateIds", "OverwriteKernelspec", "OverwriteCells", "CheckCellMetadata")]  # fmt: skip


@pytest.mark.parametrize(("steps", "told"), [(STOCK, 0), (["mine.Tidy", *STOCK], 1)])
def test_steps_of_the_courses_own_before_grading_are_told_to_have_no_effect(graded, course, steps, told):
    configure(course, f"c.Autograde.sanitize_preprocessors = {steps!r}")
    reports = [report for report in graded[1] if report.student == "hal"]
    notes = write.write(course, [], reports).notes
    assert sum("c.Autograde.sanitize_preprocessors does nothing" in note.en for note in notes) == told


def test_an_assignment_the_gradebook_does_not_know_is_entered(graded, course):
    (course.root / "gradebook.db").unlink()
    shutil.rmtree(course.root / "assignments")
    write.write(course, [], graded[1])
    assert course_of.grades(course, "gus")["test_double"] == (6, None, None, False)
    assert not (course.root / "assignments").exists()


def test_the_assignments_other_notebooks_keep_what_shows_their_scores(graded, course):
    other = course.root / "solutions" / "tiny" / "other.ipynb"
    other.write_text(json.dumps(tiny.notebook(tiny.code_cell("assert 1", "asserted", points=1))))
    releasing.release(course, NbgraderCourse(course.root), "tiny")
    shown = autograded(course, "ann", "other.ipynb")
    shown.parent.mkdir(parents=True)
    shown.write_text("by nbgrader autograde")
    notes = write.write(course, [], graded[1]).notes
    assert shown.read_text() == "by nbgrader autograde" and autograded(course, "ann").is_file()
    assert not any("other.ipynb" in note.en for note in notes)
    shutil.copy(other, course.submitted / "gus" / "tiny")
    notes = write.write(course, [], graded[1]).notes
    assert any("`autograder grade --assignment tiny` runs its tests" in note.en for note in notes)


def test_points_that_changed_after_the_release_are_refused(graded, course):
    releasing.release(course, NbgraderCourse(course.root), "tiny")
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        gradebook.find_grade_cell("test_double", "tiny", "tiny").max_score = 7
        gradebook.db.commit()
    with pytest.raises(GradebookError, match=r"test_double: the rubric gives 6 points.*autograder release tiny"):
        write.write(course, [], graded[1])


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("c.CourseDirectory.db_url = 'sqlite:////no/such/folder/g.db'", "unable to open database file"),
        (
            "c.CourseDirectory.db_url = 'sqlite:///file:{root}/gradebook.db?mode=ro&uri=true'",
            "readonly database; make the file",
        ),
    ],
)
def test_a_gradebook_that_cannot_be_written_is_one_line(graded, course, config, words):
    configure(course, config.format(root=course.root))
    with pytest.raises(GradebookError, match=words) as caught:
        write.write(course, [], graded[1])
    assert "\n" not in str(caught.value)


def test_a_locked_gradebook_is_one_line_and_nothing_is_written(graded, course, monkeypatch):
    monkeypatch.setattr("autograder.gradebook.rows.PATIENCE_MS", 1)
    with Gradebook(course_of.gradebook(course), "dl") as gradebook:
        gradebook.db.execute(text("BEGIN IMMEDIATE"))
        before = list(course.root.glob("autograded/*"))
        with pytest.raises(GradebookError, match="database is locked"):
            write.write(course, [], graded[1])
    assert list(course.root.glob("autograded/*")) == before


HOLD = """\
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def grade_by_command(course):
    """`autograder grade`, in this process."""
    return CliRunner().invoke(app, ["grade", "--course", str(course.root), "--out", str(course.root / "results.jsonl")])


def test_a_gradebook_that_another_program_holds_is_written_later_from_the_reports(course):
    configure(course, f"c.CourseDirectory.db_url = '{course_of.gradebook(course)}?timeout=0.01'")
    results = course.root / "results.jsonl"
    command = [sys.executable, "-c", HOLD, str(course.root / "gradebook.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        done = grade_by_command(course)
        other.stdin.close()
    assert done.exit_code == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("autograder: ")]
    assert "gradebook.db" in line and "database is locked; another program is writing to it" in line
    assert not list(course.root.glob("autograded/*"))
    before = results.read_bytes()  # with the time that grading each took
    done = grade_by_command(course)
    assert done.exit_code == 0 and "8 written, 0 unchanged" in done.stdout
    assert results.read_bytes() == before


def test_a_disk_that_fills_while_the_gradebook_is_written_is_one_line_and_nothing_is_half_written(graded, course):
    write.write(course, [], graded[1][:1])
    before = course_of.tables(course_of.gradebook(course)), sorted(course.root.glob("autograded/**/*"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    half = (course.root / "gradebook.db").stat().st_size // 2  # enough for all but the pages that are written last
    resource.setrlimit(resource.RLIMIT_FSIZE, (half, limits[1]))
    try:
        with pytest.raises(GradebookError, match=r"gradebook.db.*; make room and run the same command again$"):
            write.write(course, [], graded[1])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (course_of.tables(course_of.gradebook(course)), sorted(course.root.glob("autograded/**/*"))) == before
    outcome = write.write(course, [], graded[1])
    assert (outcome.written, outcome.unchanged) == (7, 1)


def test_folders_that_cannot_be_made_are_one_line_and_the_rest_is_kept(graded, course):
    target = course.root / "autograded"
    shutil.rmtree(target, ignore_errors=True)
    target.write_text("a file where the folder should be")
    with pytest.raises(GradebookError, match="autograded"):
        write.write(course, [], graded[1])
    assert course_of.tables(course_of.gradebook(course))["submissions"] == []
    target.unlink()
    assert write.write(course, [], graded[1]).written == 8


def test_the_database_is_named_as_its_folder_is_called_and_without_a_password(graded, course):
    assert NbgraderCourse(graded[0].root).database == course_of.gradebook(graded[0])
    configure(course, "c.CourseDirectory.db_url = 'postgresql+psycopg://me:secret@host/db'")
    assert NbgraderCourse(course.root).database == "postgresql+psycopg://me:***@host/db"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("c.CourseDirectory.ignore = 1 / 0", "nbgrader_config.py:\\d+: ZeroDivisionError: division by zero"),
        ("c.CourseDirectory.ignore = 3", "nbgrader_config.py: .*ignore.*list"),
        ("c.CourseDirectory.db_url = 'nonsense'", "nbgrader_config.py: c.CourseDirectory.db_url: "),
        ("c.AssignLatePenalties.plugin_class = 'nowhere.Plugin'", "nbgrader_config.py: .*nowhere.Plugin"),
        ("c.CourseDirectory.db_url = 'mysql://me@host/db'", "No module named 'MySQLdb'; install it"),
    ],
)
def test_a_broken_configuration_is_one_line(graded, course, line, words):
    configure(course, line)
    with pytest.raises((ConfigError, GradebookError), match=words):
        write.write(course, [], graded[1])


@pytest.mark.parametrize("what", ["elsewhere", "loose", "no config"])
def test_where_there_is_no_gradebook_to_write_it_is_said(graded, course, tmp_path, what):
    if what == "no config":
        (course.root / "nbgrader_config.py").unlink()
    if what == "loose":
        shutil.rmtree(course.submitted)
        course.submitted.mkdir()
    paths = [tmp_path / "somewhere"] if what == "elsewhere" else []
    outcome = write.write(course, paths, graded[1])
    assert outcome.database == "" and outcome.notes[0].en.startswith("the gradebook was not written: ")


# -- kills and rivals --------------------------------------------------------------------------------------------------

WRITE = """\
import os, signal, sys
from pathlib import Path
from autograder.course.course import Course
from autograder.gradebook.write import write
from autograder.results import journal
course = Course(Path(sys.argv[1]))
reports = [r for r in journal.read(Path(sys.argv[2])) if r.student.startswith(tuple(sys.argv[3]))]
renames = 0
def count(event, arguments):
    global renames
    if event == "os.rename" and Path(arguments[1]).name == "tiny":
        renames += 1
        if renames == int(sys.argv[4]):
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(count)
print("ready", flush=True)
sys.stdin.readline()
write(course, [], reports)
"""


def many(graded, root, count):
    """A course in which many have handed in what ann and bob did."""
    course, reports = graded
    shutil.copytree(course.root, root, ignore=shutil.ignore_patterns("submitted"))
    copies = []
    for number in range(count):
        like = "ann" if number % 2 else "bob"
        student = f"{'xyz'[number % 3]}{number:03}"
        shutil.copytree(course.submitted / like, root / "submitted" / student, symlinks=True)
        copies.append(next(r for r in reports if r.student == like).model_copy(update={"student": student}))
    for name in ("one.jsonl", "two.jsonl"):
        (root / name).write_text("".join(r.to_json() + "\n" for r in copies))
    return type(course)(root), copies


def start(course, results, letters="xyz", killed_at=0):
    """A grader in a process of its own, which waits for `go`; it is killed when it puts its n-th folder in place."""
    command = [sys.executable, "-c", WRITE, str(course.root), str(course.root / results), letters, str(killed_at)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
    assert child.stdout.readline() == "ready\n"
    return child


def go(*children):
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()


@pytest.mark.parametrize("killed", ["before the commit", "after it"])
def test_another_answer_is_asked_about_once_more_if_the_run_was_killed_meanwhile(graded, written, tmp_path, killed):
    shutil.copytree(written[0].root, tmp_path / "copy", symlinks=True)
    course = type(written[0])(tmp_path / "copy")
    with Gradebook(course_of.gradebook(course)) as gradebook:
        given = gradebook.find_grade("essay", "tiny", "tiny", "ann")
        given.manual_score, given.needs_manual_grade = 3, False
        gradebook.db.commit()
    database, place = course.root / "gradebook.db", autograded(course, "ann").parent
    rows, old = database.read_bytes(), shutil.copytree(place, tmp_path / "old")
    file = course.submitted / "ann" / "tiny" / "tiny.ipynb"
    file.write_text(file.read_text().replace(course_of.ANSWER, "Another one."))
    (ann,) = (report for report in graded[1] if report.student == "ann")
    reports = [ann.model_copy(update={"submission_sha256": "another"})]
    write.write(course, [], reports)
    old.rename(place.with_name(".tiny.old"))
    if killed == "before the commit":
        database.write_bytes(rows)
    assert write.write(course, [], reports).written == 1
    assert course_of.grades(course, "ann")["essay"] == (None, 3, None, True)
    assert not list(place.parent.glob(".*"))


@pytest.mark.slow
def test_killed_in_the_middle_and_started_again_gives_the_same_gradebook(graded, tmp_path):
    course, reports = many(graded, tmp_path / "killed", 30)
    undisturbed, _ = many(graded, tmp_path / "undisturbed", 30)
    child = start(course, "one.jsonl", killed_at=25)
    go(child)
    child.communicate()  # which also closes its pipes
    assert child.returncode == -signal.SIGKILL
    assert len(list(course.root.glob("autograded/*/tiny"))) == 24
    write.write(course, [], reports)
    write.write(undisturbed, [], reports)
    assert course_of.tables(course_of.gradebook(course)) == course_of.tables(course_of.gradebook(undisturbed))
    first, second = (
        {p.relative_to(c.root): p.read_bytes() for p in c.root.glob("autograded/*/*/*") if p.suffix != ".ipynb"}
        for c in (course, undisturbed)
    )
    assert first == second
    assert len(list(course.root.glob("autograded/*/tiny/tiny.ipynb"))) == 30
    assert not list(course.root.glob("autograded/*/.*"))


@pytest.fixture(scope="module")
def postgres():
    with postgres_server.running() as server:
        yield server.create()


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_two_graders_at_once_lose_nothing(graded, tmp_path, database, request):
    course, reports = many(graded, tmp_path / "both", 24)
    address = course_of.gradebook(course)
    if database == "postgresql":
        address = request.getfixturevalue("postgres")
        configure(course, f"c.CourseDirectory.db_url = {address!r}")
    children = [start(course, "one.jsonl", "xy"), start(course, "two.jsonl", "yz")]
    go(*children)
    for child in children:
        child.communicate()
    assert [child.returncode for child in children] == [0, 0]
    alone, _ = many(graded, tmp_path / "alone", 24)
    write.write(alone, [], reports)
    assert course_of.tables(address) == course_of.tables(course_of.gradebook(alone))


def test_a_new_gradebook_has_the_version_that_nbgrader_gives_it_and_no_program_is_started(tmp_path, monkeypatch):
    shutil.copy(course_of.ROOT / "nbgrader_config.py", tmp_path)
    stock = course_of.stock_version()
    monkeypatch.setenv("PATH", "")
    with NbgraderCourse(tmp_path).open() as gradebook:
        assert gradebook.db.execute(text("select version_num from alembic_version")).scalars().all() == [stock]


def test_another_process_may_enter_the_course_into_a_new_gradebook_at_the_same_moment(tmp_path):
    shutil.copy(course_of.ROOT / "nbgrader_config.py", tmp_path)
    nbgrader = NbgraderCourse(tmp_path)

    def enter(*_):
        with sqlite3.connect(tmp_path / "gradebook.db") as other:
            other.execute("insert into course (id) values (?)", [nbgrader.folders.course_id])

    event.listen(Session, "before_flush", enter, once=True)
    with nbgrader.open() as gradebook:
        assert [course.id for course in gradebook.db.query(Course)] == [nbgrader.folders.course_id]
