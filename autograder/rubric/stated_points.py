"""The points of a rubric's criteria as its source states them, to be compared before anything runs."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

from autograder.base import syntax
from autograder.base.errors import ConfigError
from autograder.base.files import line_of
from autograder.base.i18n import text
from autograder.course.course import Assignment
from autograder.course.submission import Submission

_HARMLESS = (ast.Import, ast.Assign, ast.AnnAssign, ast.ClassDef, ast.Pass)
"""Statements that declare no criterion, unless they give something the name of a test."""


def refuse_unequal(assignment: Assignment, source: Submission, totals: Mapping[str, float]) -> None:
    """Refuse grade cells that are worth something else than their criteria.

    Args:
        assignment: names the exercise of each grade cell.
        source: its notebook.
        totals: the points of each exercise's criteria.

    Raises:
        ConfigError: the first such cell, or an exercise without a criterion.
    """
    in_notebook = {cell.grade_id: cell.points for cell in source.cells if cell.is_test}
    for grade_id, exercise in assignment.grade_ids.items():
        total = round(totals.get(exercise, 0.0), 6)
        if not total:
            raise ConfigError(
                text("no criterion belongs to this exercise"),
                path=assignment.directory / "assignment.yaml",
                line=line_of(assignment.directory / "assignment.yaml", f"  {exercise}:"),
                key=f"exercises.{exercise}",
            )
        if in_notebook[grade_id] != total:
            raise ConfigError(
                text(
                    "the grade cell is worth {points} points, its criteria {total}; make them equal",
                    points=f"{in_notebook[grade_id]:g}",
                    total=f"{total:g}",
                ),
                path=assignment.notebook,
                line=line_of(assignment.notebook, f'"grade_id": "{grade_id}"'),
                key=grade_id,
            )


def stated_in(paths: Iterable[Path]) -> dict[str, float] | None:
    """Return the points of each exercise; None if a file does not state all of them in figures, one test at a time."""
    totals: dict[str, float] = defaultdict(float)
    try:
        for statement in (one for path in paths for one in syntax.parse(path.read_bytes()).body):
            if (stated := _stated(statement)) is not None:
                totals[stated[0]] += stated[1]
    except (SyntaxError, ValueError):  # pytest says what is wrong with a file that cannot be read
        return None
    return dict(totals)


def _stated(statement: ast.stmt) -> tuple[str, float] | None:
    """Return the exercise and the points of a criterion; None if the statement declares none.

    Raises:
        ValueError: that cannot be known.
    """
    match statement:
        case ast.FunctionDef(name=name) if name.startswith("test"):
            criteria = [one for one in statement.decorator_list if _is_criterion(one)]
            match criteria:
                case [ast.Call(args=[ast.Constant(value=str(exercise))], keywords=keywords)]:
                    (points,) = (one.value for one in keywords if one.arg == "points")
                    if isinstance(points, ast.Constant) and isinstance(points.value, int | float):
                        return exercise, float(points.value)
            raise ValueError
        case ast.FunctionDef() | ast.Expr(value=ast.Constant()):
            return None
        case ast.ImportFrom(names=names) if not any(one.name == "*" or one.name.startswith("test") for one in names):
            return None
    if isinstance(statement, _HARMLESS) and not any(_is_test(node) for node in ast.walk(statement)):
        return None
    raise ValueError


def _is_criterion(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "criterion"


def _is_test(node: ast.AST) -> bool:
    name = getattr(node, "id", None) or getattr(node, "name", None)
    return isinstance(name, str) and name.lower().startswith("test")
