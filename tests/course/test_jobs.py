"""What lies in ``submitted/`` and is nobody's work is named, in a line for a whole class."""

import json

import pytest
import tiny_course as tiny

from autograder.course.confused import other_assignment
from autograder.course.course import Course
from autograder.course.jobs import find_jobs, left_out


@pytest.fixture
def submitted(tmp_path):
    for number in range(7):
        folder = tmp_path / "submitted" / f"s{number}" / "tiny"
        folder.mkdir(parents=True)
        (folder / "tiny.ipynb").touch()
    return tmp_path / "submitted"


def said(submitted):
    return [words.en for words in left_out(submitted, {"tiny": ["tiny.ipynb", "more.ipynb"], "big": ["big.ipynb"]})]


def test_where_all_is_in_place_nothing_is_said(submitted):
    (submitted / "s0" / "tiny" / "more.ipynb").touch()
    (submitted / "s0" / "tiny" / ".hidden.ipynb").touch()
    (submitted / "s0" / "tiny" / "data.csv").touch()
    (submitted / "s0" / "notes.txt").touch()
    (submitted / "s0" / ".ipynb_checkpoints").mkdir()
    (submitted / "s1" / "big").mkdir()
    (submitted / "s1" / "big" / "Untitled.ipynb").touch()  # the only one, whose report says so
    assert said(submitted) == []


def test_names_of_no_assignment_are_told_with_the_one_that_was_meant(submitted):
    for number in range(7):
        (submitted / f"s{number}" / "tinny").mkdir()
    (submitted / "s3" / "Tiny").mkdir()
    (submitted / "s4" / "tiny.ipynb").touch()
    (submitted / "s5" / "quantum").mkdir()
    (submitted / "s6" / "BIG").mkdir()
    assert said(submitted) == [
        "submitted/<student>/tinny: was left out; no assignment has this name "
        "(handed in by s0, s1, s2, s3, s4 and 2 more); did you mean tiny?",
        "submitted/<student>/BIG: was left out; no assignment has this name (handed in by s6); did you mean big?",
        "submitted/<student>/Tiny: was left out; no assignment has this name (handed in by s3); did you mean tiny?",
        "submitted/<student>/quantum: was left out; no assignment has this name (handed in by s5)",
        "submitted/<student>/tiny.ipynb: was left out; no assignment has this name (handed in by s4); did you mean tiny?",
    ]
    for number in range(20):
        (submitted / "s6" / f"typo{number}").mkdir()
    assert len(said(submitted)) == 9 and said(submitted)[-1].startswith("17 more names")


def test_notebooks_beside_the_right_one_are_told_once_for_all(submitted):
    for number in range(7):
        for name in ("tiny-copy", "more"):
            (submitted / f"s{number}" / "tiny" / f"{name}.ipynb").touch()
    (submitted / "s6" / "tiny" / "more.ipynb").rename(
        submitted / "s6" / "tiny" / "more (1).ipynb"
    )  # its report says so
    (submitted / "s0" / "tiny" / "draft.ipynb").touch()
    assert said(submitted) == [
        "tiny: notebooks of other names beside the graded ones were left out: s0/draft.ipynb, s0/tiny-copy.ipynb, "
        "s1/tiny-copy.ipynb, s2/tiny-copy.ipynb, s3/tiny-copy.ipynb and 2 more"
    ]


def test_a_sole_submission_in_a_misspelt_folder_is_nobodys_and_is_named(tmp_path):
    folder = tmp_path / "submitted" / "ann" / "tinny"
    folder.mkdir(parents=True)
    (folder / "tiny.ipynb").touch()
    submitted = tmp_path / "submitted"
    assert find_jobs([submitted], ["tiny"]) == []
    assert [words.partition(": ")[0] for words in said(submitted)] == ["submitted/<student>/tinny"]
    (
        submitted / "bob.ipynb"
    ).touch()  # a folder of loose files, each with its student's name or in a folder that has it
    assert {job.student for job in find_jobs([submitted], ["tiny"])} == {"bob", "tinny"}
    assert said(submitted) == []


@pytest.mark.parametrize(
    ("cells", "other"),
    [
        ({"double", "step"}, None),
        ({"triple", "six"}, "other"),
        ({"triple", "six", "double"}, None),
        ({"triple", "six", "seven", "double"}, "other"),
        ({"mine", "yours"}, None),
        (set(), None),
    ],
)
def test_the_notebook_of_another_assignment_is_known_by_its_cells(tmp_path, cells, other):
    course = Course(tiny.make(tmp_path).root)
    (course.source / "other").mkdir()
    content = tiny.notebook(*(tiny.code_cell("1", name) for name in ("triple", "six", "seven")))
    (course.source / "other" / "other.ipynb").write_text(json.dumps(content))
    assert other_assignment(course, "tiny", cells) == other
