"""A gradebook of nbgrader's as a whole class fills it, written by statements in a second instead of by its functions in an hour."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

from nbgrader import api
from sqlalchemy import Table


def fill(file: Path, students: Sequence[str], assignments: Sequence[str], cells: int = 5) -> None:
    """Write a gradebook in which everybody has handed in everything; each assignment has an answer in words.

    Args:
        file: where.
        students: their ids.
        assignments: their names.
        cells: how many grade cells each has.
    """
    draw = Random(0)
    with api.Gradebook(f"sqlite:///{file}") as gradebook:
        rows: dict[Any, list[dict[str, Any]]] = {}

        def add(model: Any, **values: Any) -> str:
            row = {"id": api.new_uuid()} | values
            rows.setdefault(model.__table__, []).append(row)
            return str(row["id"])

        for student in students:
            add(api.Student, id=student)
        for name in assignments:
            assignment = gradebook.add_assignment(name)
            notebook = gradebook.add_notebook(name, name)
            graded = [
                gradebook.add_grade_cell(f"test_{n}", name, name, max_score=4, cell_type="code").id
                for n in range(cells)
            ]
            written = gradebook.add_solution_cell("test_0", name, name).id
            for student in students:
                submission = add(
                    api.SubmittedAssignment,
                    assignment_id=assignment.id,
                    student_id=student,
                    timestamp=datetime.now(UTC),
                )
                own = add(api.SubmittedNotebook, assignment_id=submission, notebook_id=notebook.id, flagged=False)
                for number, cell in enumerate(graded):
                    waits = number == 0 and draw.random() < 0.1
                    auto = None if number == 0 else float(draw.randint(0, 4))
                    manual = None if number or waits else 3.0
                    scores = {"auto_score": auto, "manual_score": manual, "needs_manual_grade": waits}
                    add(api.Grade, cell_id=cell, notebook_id=own, extra_credit=None, **scores)
                add(api.Comment, cell_id=written, notebook_id=own)
        for model in (api.Student, api.SubmittedAssignment, api.SubmittedNotebook, api.Grade, api.Comment):
            table: Table = model.__table__
            gradebook.db.execute(table.insert(), rows[table])
        gradebook.db.commit()
