"""The tiny course for nbgrader, with an answer and a task that a person grades; the gradebook's tables as values."""

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import tiny_course as tiny
from nbgrader import api
from sqlalchemy import create_engine, text

from autograder.course.course import Course
from autograder.course.jobs import find_jobs
from autograder.grading.batch import grade_all
from autograder.results.grade_report import GradeReport
from autograder.results.journal import Journal

stock_version = functools.cache(api.get_alembic_version)
api.get_alembic_version = stock_version  # it starts a program, for seconds, to give the same version again

ROOT = Path(__file__).parents[2]
ESSAY, ANSWER = "### BEGIN SOLUTION\nBecause it is linear.\n### END SOLUTION", "Because of the factor."


PENALTY = """
from nbgrader.plugins import BasePlugin

class OnePoint(BasePlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        return 1.0 + total_seconds_late // 86400

c.AssignLatePenalties.plugin_class = OnePoint
"""
"""A late policy of a course's own: a point, and another one for each day."""


def markdown_cell(source: str, grade_id: str, **marks: Any) -> dict[str, Any]:
    mark = {
        "schema_version": 3,
        "grade_id": grade_id,
        "grade": False,
        "solution": False,
        "locked": False,
        "task": False,
    }
    return {"cell_type": "markdown", "id": grade_id, "metadata": {"nbgrader": mark | marks}, "source": source}


def notebook(double: str = tiny.DOUBLE, step: str = tiny.STEP, essay: str = ESSAY, **options: Any) -> dict[str, Any]:
    """Return a notebook of the course; by default the source notebook."""
    content = tiny.answers(double, step, **options)
    content["cells"] += [
        markdown_cell("Read this.", "intro", locked=True),
        markdown_cell(essay, "essay", grade=True, solution=True, points=3),
        markdown_cell(
            "Draw it.\n\n=== BEGIN MARK SCHEME ===\nneat\n=== END MARK SCHEME ===",
            "drawing",
            task=True,
            locked=True,
            points=2,
        ),
    ]
    return content


def make(root: Path, *, config: str = "", source: dict[str, Any] | None = None) -> Course:
    """Write the course with the checkout's ``nbgrader_config.py`` and return the `Course`."""
    course = tiny.make(root, source=source or notebook())
    shutil.copy(ROOT / "nbgrader_config.py", course.root)
    if config:
        with (course.root / "nbgrader_config.py").open("a") as file:
            file.write(config)
    return course


def handed_in(released: Path, **sources: str) -> dict[str, Any]:
    """Return a released notebook with some cells filled in, as by a student."""
    content: dict[str, Any] = json.loads(Path(released).read_text())
    for cell in content["cells"]:
        name = cell["metadata"].get("nbgrader", {}).get("grade_id")
        cell["source"] = sources.get(name, cell["source"])
    return content


def grade(course: Course) -> list[GradeReport]:
    """Grade everything that was handed in and return the reports."""
    with Journal(course.root / "results.jsonl") as journal:
        return list(grade_all(course, find_jobs([course.submitted], list(course.assignments())), journal, processes=1))


_QUERIES = {
    "students": "select id, first_name, last_name, email from student",
    "assignments": "select name, substr(cast(duedate as varchar), 1, 19), course_id from assignment",
    "notebooks": "select name, kernelspec from notebook",
    "cells": "select b.name, b.type, n.name from base_cell b join notebook n on n.id = b.notebook_id",
    "graded": "select b.name, g.max_score, g.cell_type from base_cell b join grade_cells g on g.id = b.id",
    "tasks": "select b.name, t.max_score, t.cell_type from base_cell b join task_cells t on t.id = b.id",
    "sources": "select name, cell_type, source, locked, checksum from source_cell",
    "submissions": "select student_id, substr(cast(timestamp as varchar), 1, 19), extension from submitted_assignment",
    "submitted notebooks": """
        select s.student_id, n.name, m.flagged, m.late_submission_penalty from submitted_notebook m
        join submitted_assignment s on s.id = m.assignment_id join notebook n on n.id = m.notebook_id""",
    "grades": """
        select s.student_id, b.name, b.type, g.auto_score, g.manual_score, g.extra_credit, g.needs_manual_grade from grade g
        join base_cell b on b.id = g.cell_id join submitted_notebook m on m.id = g.notebook_id
        join submitted_assignment s on s.id = m.assignment_id""",
    "comments": """
        select s.student_id, b.name, b.type, c.auto_comment, c.manual_comment from comment c
        join base_cell b on b.id = c.cell_id join submitted_notebook m on m.id = c.notebook_id
        join submitted_assignment s on s.id = m.assignment_id""",
    "version": "select version_num from alembic_version",
    "course": "select id from course",
}


def tables(address: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every table of a gradebook, without the numbers that nbgrader draws at random."""
    engine = create_engine(address)
    with engine.connect() as connection:
        found = {
            name: sorted((tuple(row) for row in connection.execute(text(query))), key=repr)
            for name, query in _QUERIES.items()
        }
    engine.dispose()
    return found


def gradebook(course: Course) -> str:
    """Return the address of the course's SQLite gradebook."""
    return f"sqlite:///{course.root / 'gradebook.db'}"


def grades(course: Course, student: str) -> dict[str, tuple[Any, ...]]:
    """Return a student's scores in each cell: automatic, manual, extra, and whether a person must grade it."""
    return {
        row[1]: (*tuple(row[3:6]), bool(row[6])) for row in tables(gradebook(course))["grades"] if row[0] == student
    }
