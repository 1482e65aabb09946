"""The configuration of a master notebook: the files that it names, and what has no counterpart here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from autograder.base.i18n import Text, text
from autograder.course.otter.plan import Note, Plan

_OF_NO_CONSEQUENCE = frozenset(
    {"name", "config_file", "init_cell", "check_all_cell", "run_tests", "tests", "files", "seed", "generate"}
    | {"test_files", "suppress_no_tests_warning", "strip_solutions_from_all_cells", "channel_priority_strict"}
)
"""Keys that are turned, or that are about what Otter writes into notebooks and files of its own."""


def notes_on_configuration(plan: Plan) -> Iterator[Note]:
    """Yield what was not turned of the configuration."""
    master = plan.master
    for name, place in plan.files.places.items():
        if place != name:
            yield Note(None, text("`files`: {name} is {moved} now, in the notebook too", name=name, moved=place))
    known: Mapping[str, Text] = {
        "requirements": text(
            "install the packages where you grade, and list slow ones as `preload` in assignment.yaml"
        ),
        "environment": text("install the packages where you grade"),
        "python_version": text("the Python that runs `autograder` grades"),
        "autograder_files": text("criteria can read files beside them in private/"),
        "student_files": text("set `scratch_mb` under `limits` in assignment.yaml, and students' code may write files"),
        "export_cell": text("`autograder submit` hands a notebook in"),
        "solutions_pdf": text("the source notebook holds the solutions"),
        "show_question_points": text("nbgrader shows the points of a grade cell"),
    }
    for key, value in master.config.items():
        if key in known and value not in (None, False):
            yield Note(None, text("`{key}` was left out: ", key=key) + known[key])
        elif key not in _OF_NO_CONSEQUENCE and value not in (None, False, [], {}):
            yield Note(None, text("`{key}` was left out: there is nothing like it here", key=key))
    yield from _notes_on_generate(plan)


def _notes_on_generate(plan: Plan) -> Iterator[Note]:
    master = plan.master
    generate = master.config.get("generate")
    for key in generate if isinstance(generate, dict) else ():
        if key not in ("seed", "seed_variable"):
            yield Note(None, text("`{key}` was left out: there is nothing like it here", key=f"generate: {key}"))
    for cell in plan.seeded_cells():
        words = text(
            "`# SEED`: students get this line, so that their values are those of the tests; tell them to keep it"
        )
        yield Note(cell, words)
