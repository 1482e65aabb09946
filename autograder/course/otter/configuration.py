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


def _about_grades() -> Mapping[str, Text]:
    """What becomes of the keys below ``generate`` that change a grade, or what students read of it."""
    return {
        "points_possible": text("an assignment is worth the sum of its questions; scale it where you export grades"),
        "score_threshold": text("students get the points that they earn; draw the line where you export grades"),
        "grade_from_log": text("the notebook is always run again"),
        "show_hidden": text("feedback names the hidden criteria that a student misses, never what they test"),
        "show_all_public": text("feedback always shows every visible criterion"),
        "plugins": text("there is nothing like it here"),
    }


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
    asked = {key: value for key, value in (generate if isinstance(generate, dict) else {}).items() if value is not None}
    known = _about_grades()
    others = [str(key) for key in asked if key not in known and key not in ("seed", "seed_variable")]
    for key, words in known.items():
        if asked.get(key) not in (None, False, []):
            yield Note(None, text("`{key}` was left out: ", key=f"generate: {key}") + words)
    if others:
        told = ", ".join(others)
        yield Note(None, text("`generate`: left out, since it is about Gradescope and PDFs: {keys}", keys=told))
    for cell in plan.seeded_cells():
        words = text(
            "`# SEED`: students get this line, so that their values are those of the tests; tell them to keep it"
        )
        yield Note(cell, words)
