"""The package's structure: no circle of imports, cheap to import, public names where courses expect them.

That a package imports only from packages below its own is checked by import-linter; its layers are in ``pyproject.toml``.
"""

import importlib
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

import autograder

PACKAGE = Path(autograder.__file__).parent
GRAPH = grimp.build_graph("autograder", cache_dir=None)


def circle(edges):
    """A circle of such arrows, if there is one: what remains when everything without an arrow in or out is taken away."""
    left = set(edges)
    while True:
        ends = {a for a, _ in left} & {b for _, b in left}
        kept = {(a, b) for a, b in left if a in ends and b in ends}
        if kept == left:
            return sorted(left)
        left = kept


IMPORTS = {(m, other) for m in GRAPH.modules for other in GRAPH.find_modules_directly_imported_by(m)}


def test_no_circle_of_files_lazy_and_type_only_imports_included():
    assert circle(IMPORTS) == []


def loaded_after(statement):
    script = f"import sys\n{statement}\nprint(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout.split()
    )


def test_importing_the_package_loads_nothing_heavy():
    assert not {"torch", "nbgrader", "pytest", "numpy", "pydantic"} & loaded_after("import autograder")


def test_help_loads_nothing_heavy():
    statement = "import autograder.cli.main as c\ntry: c.app(['grade', '--help'])\nexcept SystemExit: pass"
    assert not {"torch", "nbgrader", "pytest", "numpy"} & loaded_after(statement)


def test_who_hands_a_command_over_loads_next_to_nothing():
    loaded = loaded_after("import autograder.cli.entry, autograder.cli.handing_over")
    assert not {"typer", "rich", "pydantic", "yaml", "traitlets"} & loaded


def test_of_nbgrader_only_what_grading_needs_is_loaded():
    needed = "import autograder.gradebook, nbgrader.apps.baseapp, nbgrader.api, nbgrader.converters.autograde"
    loaded = loaded_after(needed)
    assert {"sqlalchemy", "jsonschema"} <= loaded
    assert not {"jupyter_server", "setuptools", "requests", "bleach", "lark", "jinja2"} & loaded


def test_the_pytest_plugin_does_not_load_torch():
    assert not {"torch", "numpy"} & loaded_after("import autograder.rubric.standalone")


def test_notebooks_without_a_rubric_are_graded_without_torch():
    graders = "import autograder.gradebook.plain_grading, autograder.gradebook.preprocessors"
    assert not {"torch", "numpy"} & loaded_after(f"{graders}, autograder.sandbox.notebook_zygote")


def test_the_worker_knows_nothing_of_rubrics():
    loaded = loaded_after("import autograder.sandbox.worker, autograder.sandbox.zygote")
    ours = {name for name in loaded if name.startswith("autograder.")}
    assert {name.split(".")[1] for name in ours} == {"sandbox"}


def test_public_names_are_exactly_these():
    assert set(autograder.__all__) == {"check", "checks", "criterion", "unpack"}
    for name in autograder.__all__:
        assert getattr(autograder, name) is not None


@pytest.mark.parametrize(
    "path",
    [
        "autograder.checks.assert_close",
        "autograder.datasets.load_images",
        "autograder.gradebook.carrying.AddKit",
        "autograder.gradebook.preprocessors.ConfinedExecute",
        "autograder.gradebook.preprocessors.SaveScores",
        "autograder.gradebook.preprocessors.SubmissionReader",
        "autograder.gradebook.preprocessors.expect_notebook",
        "autograder.gradebook.rendering.markdown",
        "autograder.gradebook.rendering.CleanOutputs",
        "autograder.gradebook.rendering.FeedbackPage",
        "autograder.quiz.rubric.criteria",
        "autograder.quiz.rubric.form_criteria",
    ],
)
def test_paths_that_courses_name_do_not_move(path):
    module, _, name = path.rpartition(".")
    assert getattr(importlib.import_module(module), name) is not None


@pytest.mark.parametrize(
    "statement",
    ["from autograder import check, checks, criterion", "import autograder.checks", "from autograder import datasets"],
)
def test_public_names_are_imported_as_courses_do(statement):
    loaded_after(statement)
