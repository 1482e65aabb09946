import importlib
import subprocess
import sys
from types import ModuleType

import pytest

import autograder.gradebook  # noqa: F401 -- which imports nbgrader only as far as it is asked for
from autograder.gradebook import on_demand

INIT = """\
from .inside import own, another as renamed
from ondemand_outer import made
from . import beside
ran = True
def late():
    return own
"""


@pytest.fixture
def package(tmp_path, monkeypatch) -> ModuleType:
    """A package whose ``__init__`` has not run yet."""
    (tmp_path / "ondemand_outer.py").write_text("made = []\n")
    folder = tmp_path / "ondemand"
    folder.mkdir()
    (folder / "__init__.py").write_text(INIT)
    (folder / "inside.py").write_text("from ondemand import beside\nown, another = [], []\n")
    (folder / "beside.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(on_demand, "MODULES", on_demand.MODULES | {"ondemand"})
    yield importlib.import_module("ondemand")
    for name in [name for name in sys.modules if name.startswith("ondemand")]:
        del sys.modules[name]


def has_run(package: ModuleType) -> bool:
    return "ran" in vars(package)


def test_a_name_comes_from_its_module_alone(package):
    from ondemand import renamed

    assert renamed is sys.modules["ondemand.inside"].another
    assert not has_run(package)
    assert "ondemand_outer" not in sys.modules


def test_a_name_of_its_own_runs_the_package(package):
    own = package.own
    assert package.late() is own
    assert has_run(package)
    assert package.own is own


def test_a_module_of_it_is_no_reason_to_run_it(package):
    assert package.beside is sys.modules["ondemand.beside"]
    assert not has_run(package)


def test_what_python_asks_every_module_for_is_no_reason_either(package):
    assert not hasattr(package, "__wrapped__")
    assert not has_run(package)


def test_a_name_that_there_is_not(package):
    with pytest.raises(AttributeError, match="module 'ondemand' has no attribute 'nothing'"):
        package.nothing  # noqa: B018
    assert has_run(package)


def test_everything_is_there_for_a_star(package):
    names = {}
    exec("from ondemand import *", names)
    assert {"own", "renamed", "made", "late", "beside"} <= set(names)


def test_a_module_that_would_hide_its_own_name_runs_the_package_at_once(package, tmp_path):
    (tmp_path / "ondemand" / "__init__.py").write_text("from .inside import another as inside\n")
    importlib.invalidate_caches()
    for name in [name for name in sys.modules if name.startswith("ondemand")]:
        del sys.modules[name]
    assert importlib.import_module("ondemand").inside == []


@pytest.mark.parametrize("name", sorted(on_demand.MODULES))
def test_names_are_those_that_the_whole_package_has(name):
    package = importlib.import_module(name)
    spec = package.__spec__
    whole = ModuleType(name)
    vars(whole).update(
        {key: value for key, value in vars(package).items() if key.startswith("__") and key != "__getattr__"}
    )
    spec.loader.exec_module(whole)
    from_modules = dict(on_demand.taken(spec.loader.get_source(name), name))
    assert from_modules
    assert all(getattr(package, key) is getattr(whole, key) for key in from_modules)


def test_a_step_that_runs_code_finds_what_talks_to_kernels_once_there_is_one():
    from nbgrader.preprocessors import Execute
    from traitlets.config import Config

    step = Execute(config=Config({"ExecutePreprocessor": {"timeout": 7}}))
    assert step.timeout == 7
    assert step.kernel_manager_class is importlib.import_module("jupyter_client.manager").AsyncKernelManager
    assert issubclass(step.kernel_manager_class, type(step).kernel_manager_class.klass)


def test_a_notebook_that_is_checked_is_checked(monkeypatch):
    import nbformat

    for name in ("fastjsonschema", "jsonschema"):
        monkeypatch.setenv("NBFORMAT_VALIDATOR", name)
        nbformat.validate(nbformat.from_dict({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
        with pytest.raises(nbformat.ValidationError, match=r"'text' was unexpected|must contain"):
            nbformat.validate({"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5, "text": ""})


def test_a_course_may_begin_with_any_name_of_a_package():
    """A step of a course's own that reads notebooks asks `nbformat` before nbgrader has."""
    first = "import autograder.gradebook, nbformat; print(nbformat.read.__module__)"
    done = subprocess.run([sys.executable, "-c", first], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("nbformat\n", "")
