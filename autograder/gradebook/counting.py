"""What nbgrader's gradebook counts in one assignment, cell by cell, by the names that reports have for them."""

from __future__ import annotations

from collections.abc import Collection

from autograder.course.course import Course
from autograder.gradebook import nbgrader_tables, scores
from autograder.results.counted import Counted, CountedCell


def counted(course: Course, name: str, students: Collection[str]) -> dict[str, Counted]:
    """Return what counts of some submissions, by student; nothing if there is no gradebook, or it does not know them.

    Args:
        course: the course.
        name: the assignment.
        students: their ids.

    Raises:
        ConfigError: the course's configuration is broken.
        GradebookError: the gradebook cannot be read.
    """
    if not nbgrader_tables.is_there(course.root):
        return {}
    with nbgrader_tables.reading(course.root, nbgrader_tables.address(course.root)) as connection:
        grades, taken_off = scores.of_everybody(connection, name)
    exercises = course.assignment(name).grade_ids if course.has_rubric(name) else {}
    is_one_notebook = len(list((course.source / name).glob("*.ipynb"))) == 1
    found: dict[str, dict[str, CountedCell]] = {}
    for grade in (one for one in grades if one.maximum and one.student in students):
        is_own = grade.notebook == name if exercises else is_one_notebook
        column = exercises.get(grade.cell, grade.cell) if is_own else f"{grade.notebook}/{grade.cell}"
        found.setdefault(grade.student, {})[column] = CountedCell(
            score=None if grade.auto is None and grade.manual is None else max(0.0, round(grade.score, 6)),
            maximum=grade.maximum,
            waits=grade.waits,
        )
    return {student: Counted(cells, taken_off.get(student, 0.0)) for student, cells in found.items()}
