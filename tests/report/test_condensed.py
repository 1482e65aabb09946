"""Criteria as people read them: cases in one line with a count, and nothing said twice."""

import pytest

from autograder.base.i18n import same
from autograder.report import html, terminal
from autograder.report.condensed import condense
from autograder.results.cases import requirements
from autograder.results.grade_report import CriterionResult, Diagnosis, ExerciseResult, Problem

TITLE, OTHER = same("any size"), same("keeps the shape")


def result(name, outcome="passed", *, title=TITLE, message="", hint=None, visible=True):
    return CriterionResult(
        id=f"f.{name}",
        title=title,
        points=0.5,
        earned=0.5 if outcome == "passed" else 0,
        outcome=outcome,
        visible=visible,
        message=same(message),
        hint=same(hint) if hint else None,
    )


def test_a_cause_is_said_once():
    broadcasts = Diagnosis(id="does-not-broadcast", text=same("in dimension 1"))
    again = broadcasts.model_copy(update={"text": same("in dimension 0")})
    failed = [result(f"case{n}", "failed", title=same(str(n)), message=str(n)) for n in range(3)]
    causes = (broadcasts, again, Diagnosis(id="pythons-max", text=same("max")))
    shown = condense(r.model_copy(update={"diagnosis": d}) for r, d in zip(failed, causes, strict=True))
    assert [r.diagnosis and r.diagnosis.id for r in shown] == ["does-not-broadcast", None, "pythons-max"]
    assert [r.message.en for r in shown] == ["0", "1", "2"]


CASES = (result("any[1]"), result("any[2]", "failed", message="2 is wrong"), result("any[3]"), result("any[4]"))


def test_cases_of_one_title_are_one_line_with_a_count():
    (shown,) = condense(CASES)
    assert (shown.id, shown.title.en, shown.title.zh) == (
        "f.any",
        "any size (3 of 4 cases)",
        "any size（4 种情形中通过 3 种）",
    )
    assert (shown.points, shown.earned, shown.outcome, shown.message.en) == (2, 1.5, "failed", "2 is wrong")


@pytest.mark.parametrize(
    ("outcomes", "worst"),
    [
        ("passed passed", "passed"),
        ("passed skipped", "skipped"),
        ("error skipped", "error"),
        ("error failed", "failed"),
    ],
)
def test_the_outcome_is_that_of_the_worst_case(outcomes, worst):
    (found,) = requirements(result(f"any[{n}]", outcome) for n, outcome in enumerate(outcomes.split()))
    assert (found.id, found.outcome) == ("f.any", worst)


def test_what_was_not_tried_has_no_count():
    (shown,) = condense([result("any[1]", "skipped"), result("any[2]", "skipped")])
    assert shown.title == TITLE


def test_an_exercise_without_criteria_shows_none():
    assert condense([]) == []


def test_hidden_cases_stay_apart_from_visible_ones():
    assert len(condense([result("any[1]"), result("any[2]", visible=False)])) == 2


def test_an_explanation_that_several_share_stands_below_the_last():
    shown = condense([result(name, "failed", title=same(name), message="not defined") for name in "abc"])
    assert [r.message.en for r in shown] == ["", "", "not defined"]


def test_a_message_with_another_hint_is_referred_to():
    shown = condense(
        [result(n, "failed", title=same(n), message="TypeError", hint=f"hint {n}") for n in "ab"]
        + [result("c", title=same("c")), result("d", "failed", title=same("d"), message="another")]
    )
    assert [r.message.en for r in shown] == ["TypeError", "as above", "", "another"]
    assert [r.hint and r.hint.en for r in shown] == ["hint a", "hint b", None, None]


def test_every_surface_shows_the_count():
    exercise = ExerciseResult.of("f", same("F"), (*CASES, result("shape", title=OTHER)))
    assert "✗ any size (3 of 4 cases)" in terminal.plain([exercise], "en")
    assert html.table([exercise], "zh").count("any size") == 1
    assert "✗✓" in rendered(terminal.progress([exercise], "en"))


def test_a_total_says_what_it_leaves_out():
    exercise = ExerciseResult.of("f", same("F"), CASES)
    shown = rendered(terminal.progress([exercise], "en", later=3))
    assert "1.5 of the 2 points that can be checked here; 3 more are judged by checks you do not see" in shown
    assert rendered(terminal.progress([exercise], "en")).split()[-2:] == ["total", "1.5/2"]


def test_the_last_line_names_what_to_mend_first():
    exercise = ExerciseResult.of("f", same("F"), (result("shape", title=OTHER), *CASES))
    assert terminal.next_step([exercise], [], "en").line.plain == "✗ next: any size (3 of 4 cases) (f)"
    broken = Problem.of("cell-error", same("code cell 2, line 1\n    x = (\nSyntaxError: '(' was never closed"), cell=2)
    assert terminal.next_step([exercise], [broken], "en").line.plain == (
        "✗ code cell 2, line 1: SyntaxError: '(' was never closed"
    )
    step = terminal.next_step([exercise], [], "en")
    listed, below = rendered(terminal.criteria([exercise], "en", at_the_end=step.criterion)), rendered(step)
    for words in step.explanation:
        assert words in below and words not in listed
    assert step.explanation and "see below" in listed
    met = ExerciseResult.of("f", same("F"), CASES[:1])
    assert terminal.next_step([met], [], "en") is None


def rendered(part):
    from io import StringIO

    from rich.console import Console

    console = Console(file=StringIO(), width=120)
    console.print(part)
    return console.file.getvalue().strip()
