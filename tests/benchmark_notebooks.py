"""Measures the grading of ordinary notebooks beside stock nbgrader's: ``python tests/benchmark_notebooks.py``.

One assignment in numpy and matplotlib, no rubric. Asserts nothing; prints CPU seconds, those of all processes included:
a submission alone in turn with stock, a few times over, then many, and what one of the many costs beyond the one alone.
Of the processes that stand by, what they use meanwhile counts, too.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from statistics import median

sys.path.insert(0, str(Path(__file__).with_name("helpers")))

import tiny_course as tiny
from listening import all_standing_by
from nbgrader_course import ROOT

from autograder.course.configuration import CONFIG_FILE
from autograder.sandbox.standby import IDLE_S

IMPORTS = """\
%matplotlib inline
import numpy as np
import matplotlib.pyplot as plt"""
STANDARDISE = """\
def standardise(X):
    return (X - X.mean(axis=0)) / X.std(axis=0)"""
WRONG = STANDARDISE.replace("axis=0", "axis=1")
LINE = """\
def draw(X):
    figure, axes = plt.subplots()
    axes.scatter(X[:, 0], X[:, 1])
    axes.set_xlabel("first")
    return axes"""
TESTS = """\
X = np.random.RandomState(1).rand(50, 2)
assert np.allclose(standardise(X).mean(axis=0), 0)
assert np.allclose(standardise(X).std(axis=0), 1)"""
PLOT = """\
axes = draw(X)
assert axes.get_xlabel() == "first"
plt.show()"""
STOCK = """\
c = get_config()
c.CourseDirectory.course_id = "course"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
"""


def notebook(standardise: str, imports: str) -> str:
    return json.dumps(
        tiny.notebook(
            tiny.code_cell(imports),
            tiny.code_cell(standardise, "standardise"),
            tiny.code_cell(TESTS, "standardise_tests", points=3),
            tiny.code_cell(LINE, "draw"),
            tiny.code_cell(PLOT, "draw_tests", points=2),
        )
    )


def make(root: Path, students: int, configuration: str, imports: str) -> Path:
    """Make a course that nbgrader knows, with everybody's submission."""
    (root / "solutions" / "hw").mkdir(parents=True)
    (root / "solutions" / "hw" / "hw.ipynb").write_text(notebook(STANDARDISE, imports))
    (root / CONFIG_FILE).write_text(configuration)
    run(root, "nbgrader", "generate_assignment", "hw", "--create")
    for number in range(students):
        folder = root / "submitted" / f"s{number:03}" / "hw"
        folder.mkdir(parents=True)
        (folder / "hw.ipynb").write_text(notebook((STANDARDISE, WRONG)[number % 2], imports))
    return root


def run(root: Path, *command: str, **environment: str) -> None:
    program = [sys.executable, "-m", *command]
    done = subprocess.run(program, cwd=root, env=os.environ | environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.stderr[-2000:]}")


@contextmanager
def timed(what: str, found: dict[str, float], runtime: Path) -> Iterator[None]:
    before, began = cpu_s(runtime), time.monotonic()
    yield
    found[what] = cpu_s(runtime) - before
    print(f"{what:52}{found[what]:8.2f} CPU s{time.monotonic() - began:9.2f} s", flush=True)


def cpu_s(runtime: Path) -> float:
    """Return what our ended children have used, and theirs, and the processes that stand by."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = all_standing_by(runtime)
    while any(process.children() for process in found):
        time.sleep(0.01)  # what its forks have used counts once they have ended
    return used.ru_utime + used.ru_stime + sum(sum(process.cpu_times()[:4]) for process in found)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--students", type=int, default=100)
    parser.add_argument("--jobs", default="1")
    parser.add_argument("--pairs", type=int, default=5, help="how often one alone is graded, by either in turn")
    parser.add_argument("--torch", action="store_true", help="the notebook imports torch, too")
    told = parser.parse_args()
    students, jobs, imports = told.students, told.jobs, IMPORTS + ("\nimport torch" if told.torch else "")
    with tempfile.TemporaryDirectory() as place:
        ours = make(Path(place, "ours"), students, (ROOT / CONFIG_FILE).read_text(encoding="utf-8"), imports)
        stock = make(Path(place, "stock"), students, STOCK, imports)
        cold, one, runtime = {IDLE_S: "0"}, "submitted/s000/hw", Path(place)
        pairs, found = [], dict[str, float]()
        for number in range(told.pairs):
            alone = [Path(copytree(course, f"{course}-{number}")) for course in (ours, stock)]
            with timed("autograder grade, one, nothing warm", found, runtime):
                run(alone[0], "autograder", "grade", one, "--jobs", jobs, **cold)
            with timed("nbgrader autograde, one", found, runtime):
                run(alone[1], "nbgrader", "autograde", "hw", "--student=s000")
            pairs.append(tuple(found.values()))
        found.clear()
        warm = {IDLE_S: "60", "XDG_RUNTIME_DIR": place}
        run(alone[0], "autograder", "grade", "submitted/s001/hw", **warm)
        with timed("autograder grade, one, by the processes that stand by", found, runtime):
            run(alone[0], "autograder", "grade", "submitted/s002/hw", "--jobs", jobs, **warm)
        for process in all_standing_by(runtime):
            process.kill()
            process.wait()  # it must not count in the beginning of the next measurement only
        with timed(f"autograder grade, {students}", found, runtime):
            run(ours, "autograder", "grade", "--jobs", jobs, **cold)
        with timed(f"nbgrader autograde, {students}", found, runtime):
            run(stock, "nbgrader", "autograde", "hw")
        shares = [own / theirs for own, theirs in pairs]
        first, second = (median(seconds) for seconds in zip(*pairs, strict=True))
        third, many, all_stock = found.values()
        beyond, stock_beyond = ((a - b) / (students - 1) for a, b in ((many, first), (all_stock, second)))
        print(f"one: {median(shares):.2f} of stock ({min(shares):.2f} to {max(shares):.2f}), warm {third / second:.2f}")
        print(f"beyond one: {beyond:.3f} of {stock_beyond:.2f} CPU s each, {beyond / stock_beyond:.3f} of stock")


if __name__ == "__main__":
    main()
