"""What the terminal says below the tables."""

import io

import pytest
from rich.console import Console

from autograder.base.i18n import same
from autograder.report import audit as audits
from autograder.report import terminal
from autograder.results.audit import Audit, Version
from autograder.results.counted import Counted, CountedCell
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport

TWO_WAIT = Counted({name: CountedCell(None, 2, waits=True) for name in "ab"})


def report(student, status):
    met = CriterionResult(id="f.a", title=same("a"), points=4, earned=0, outcome="skipped", visible=True)
    return GradeReport(
        student=student, assignment="hw", status=status, score=0, max_score=4, file="", exercises=(ExerciseResult.of("f", same("f"), (met,)),),
        submission_sha256="", rubric_sha256="", seed="", sandbox="", versions={}, duration_s=0.1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        (["graded"], "2 cells wait for a person to grade them"),
        (["unreadable"], "one unreadable submission waits for a person to look at it"),
        (
            ["graded", "unreadable", "unreadable"],
            "2 unreadable submissions wait for a person to look at them, 2 cells wait for a person to grade them",
        ),
    ],
)
def test_of_what_nobody_could_read_no_cells_are_counted(statuses, said):
    reports = [report(f"s{number}", status) for number, status in enumerate(statuses)]
    words = terminal.summary(reports, "en", {one.student: TWO_WAIT for one in reports})
    assert words.plain.endswith(f"; marked ?: {said}")


def shown(versions):
    """What the terminal says of an audit of these versions."""
    screen = Console(width=400, file=io.StringIO())
    screen.print(audits.tables(Audit(assignment="hw", versions=versions, criteria=()), "en"))
    return screen.file.getvalue()


@pytest.mark.parametrize(("mutants", "said"), [(0, "mutants: 0; "), (1, "mutants: 1 (explanation found for 0%); ")])
def test_no_mutants_have_no_explanations(mutants, said):
    versions = [Version(id="m", exercise="f", kind="mutant")] * mutants
    assert f"named {said}equivalents: 0" in shown(versions)


def test_what_earns_too_much_for_nothing_stands_once_and_with_its_remedy():
    cheap, dear = (Version(id=f"returns {n}", exercise="f", kind="trivial", earned=n, points=10) for n in (9, 1))
    said = shown([cheap, dear])
    assert said.count("returns 9") == said.count("returns 1") == 1
    assert said.index("returns 1") < said.index("needs fixing") < said.index("returns 9") < said.index("`needs=`")
    assert "needs" not in shown([dear])
