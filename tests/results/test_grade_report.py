"""What a report says of one of several notebooks."""

import pytest

from autograder.base.i18n import same
from autograder.results.grade_report import MAX_PROBLEMS, Problem, bounded

LATE = Problem.of("cell-timeout", same("this cell did not finish"), cell=2)


def test_a_problem_of_the_only_notebook_is_written_as_before_there_were_several():
    assert LATE.model_dump(mode="json") == {
        "kind": "cell-timeout",
        "cell": 2,
        "line": None,
        "text": {"en": "this cell did not finish", "zh": "this cell did not finish"},
    }
    assert Problem.model_validate(LATE.model_dump(mode="json")) == LATE and LATE.in_full == LATE.text
    one = LATE.of_notebook("data")
    assert Problem.model_validate_json(one.model_dump_json()) == one != LATE


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("this cell did not finish", "data: this cell did not finish"),
        ("there is no data.ipynb", "there is no data.ipynb"),
        ("data.ipynb was expected", "data.ipynb was expected"),
        ("mydata.ipynb breaks off", "data: mydata.ipynb breaks off"),
    ],
)
def test_readers_see_which_notebook_is_meant_and_see_it_once(words, said):
    assert Problem.of("note", same(words)).of_notebook("data").in_full == same(said)


def test_that_there_are_more_problems_is_said_of_the_same_notebook():
    *_, more = bounded([LATE.of_notebook("data")] * (MAX_PROBLEMS + 1))
    assert (more.kind, more.notebook, more.cell) == ("cell-timeout", "data", None)
