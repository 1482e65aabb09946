"""A course of one small assignment, made on the spot: `double(x)` and `step(params, lr)`, 10 points."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from autograder.course.course import Course

SETTINGS = """\
schema: 1
title: {zh: 小作业, en: Tiny}
exercises:
  double:
    title: {zh: 加倍, en: Double}
    functions: ["double(x)"]
  step:
    title: {zh: 一步, en: A step}
    functions: ["step(params, lr)"]
    changes: {step: [params]}
limits: {call_s: 2, cell_s: 2, submission_s: 30, memory_mb: 512}
"""

VISIBLE = """\
import torch
from autograder import checks, criterion


@criterion("double", points=2, title={"en": "keeps the shape", "zh": "保持形状"}, hint={"en": "2 * x", "zh": "2 * x"})
def test_double_shape(student, rng):
    x = torch.randn(3, 2, generator=rng)
    checks.assert_shape(student.double(x), (3, 2))


@criterion("double", points=3, title={"en": "doubles", "zh": "加倍"}, needs="double.shape")
def test_double_values(student, rng):
    x = torch.randn(3, 2, generator=rng)
    checks.assert_close(student.double(x), 2 * x)
"""

HIDDEN = """\
import torch
from autograder import checks, criterion


@criterion("double", points=1, title={"en": "has the right gradient", "zh": "梯度正确"})
def test_double_gradient(student, reference, rng):
    x = torch.randn(3, dtype=torch.float64, generator=rng).requires_grad_()
    checks.assert_gradient(student.double, x, reference=reference.double)


@criterion("step", points=4, title={"en": "descends in place", "zh": "就地下降"})
def test_step_descends(student, reference, rng):
    w = torch.randn(3, generator=rng).requires_grad_()
    w.grad = torch.randn(3, generator=rng)
    expected = w.detach() - 0.1 * w.grad
    student.step([w], 0.1)
    checks.assert_close(w.detach(), expected)
"""

DOUBLE = "def double(x):\n    return 2 * x\n"
STEP = "def step(params, lr):\n    for p in params:\n        p.data -= lr * p.grad\n"


def code_cell(
    source: str, grade_id: str | None = None, *, points: float | None = None, tags: list[str] | None = None
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"tags": tags} if tags else {}
    if grade_id:
        metadata["nbgrader"] = {
            "schema_version": 3,
            "grade_id": grade_id,
            "grade": points is not None,
            "solution": points is None,
            "locked": points is not None,
            "task": False,
        } | ({"points": points} if points is not None else {})
    return {
        "cell_type": "code",
        "id": (grade_id or "cell").replace("_", "-"),
        "metadata": metadata,
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def notebook(*cells: str | dict[str, Any]) -> dict[str, Any]:
    """Return a notebook of nbformat 4.5; a string becomes a code cell."""
    return {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [code_cell(cell) if isinstance(cell, str) else cell for cell in cells],
    }


def answers(
    double: str = DOUBLE,
    step: str = STEP,
    *,
    before: Iterable[str | dict[str, Any]] = (),
    after: Iterable[str | dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return a notebook as a student hands it in."""
    return notebook(
        "import torch\nfrom autograder import check",
        *before,
        code_cell(double, "double"),
        code_cell('check("double")', "test_double", points=6),
        code_cell(step, "step"),
        code_cell('check("step")', "test_step", points=4),
        *after,
    )


def make(
    root: Path,
    *,
    settings: str = SETTINGS,
    visible: str = VISIBLE,
    hidden: str = HIDDEN,
    source: dict[str, Any] | None = None,
) -> Course:
    """Write the course's folders and return the `Course`."""
    folder = Path(root) / "solutions" / "tiny"
    (folder / "private").mkdir(parents=True)
    (folder / "assignment.yaml").write_text(settings, encoding="utf-8")
    (folder / "test_tiny.py").write_text(visible, encoding="utf-8")
    (folder / "private" / "test_tiny_hidden.py").write_text(hidden, encoding="utf-8")
    (folder / "tiny.ipynb").write_text(json.dumps(source or answers()), encoding="utf-8")
    return Course(Path(root))


def submit(course: Course, student: str, content: dict[str, Any] | str | bytes, name: str = "tiny.ipynb") -> Path:
    """Hand in a notebook (as a dict), text or bytes."""
    file = course.submitted / student / "tiny" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        content = json.dumps(content)
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file
