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
OURS = (ROOT / CONFIG_FILE).read_text(encoding="utf-8")
ONE = (
    "nbgrader autograde, one",
    "autograder grade, one, nothing stands by",
    "autograder grade, one, and leaves processes that stand by",
    "autograder grade, one, by the processes that stand by",
)
COLD = {IDLE_S: "0"}
MOST_OF_STOCK = 20
"""Stock nbgrader takes so long that a larger class tells no more."""


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


def timed(what: str, runtime: Path, root: Path, *command: str, **environment: str) -> float:
    """Run a command, print what it took and return its CPU seconds."""
    before, began = cpu_s(runtime), time.monotonic()
    run(root, *command, **environment)
    used = cpu_s(runtime) - before
    print(f"{what:62}{used:8.2f} CPU s{time.monotonic() - began:9.2f} s", flush=True)
    return used


def cpu_s(runtime: Path) -> float:
    """Return what our ended children have used, and theirs, and the processes that stand by."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = all_standing_by(runtime)
    while any(process.children() for process in found):
        time.sleep(0.01)  # what its forks have used counts once they have ended
    return used.ru_utime + used.ru_stime + sum(sum(process.cpu_times()[:4]) for process in found)


def measure(place: Path, students: int, jobs: str, pairs: int, imports: str) -> None:
    """Measure one alone, by either in turn, then many; print what one of the many costs beyond the one alone."""
    ours = make(place / "ours", students, OURS, imports)
    stock = make(place / "stock", students, STOCK, imports)
    rounds = [measure_one(place / f"{number}", ours, stock, jobs) for number in range(pairs)]
    seconds = list(zip(*rounds, strict=True))
    first = dict(zip(ONE, map(median, seconds), strict=True))
    for what, each in zip(ONE[1:], seconds[1:], strict=True):
        shares = [own / theirs for own, theirs in zip(each, seconds[0], strict=True)]
        print(f"{what}: {median(shares):.2f} of stock ({min(shares):.2f} to {max(shares):.2f})")
    many = timed(f"autograder grade, {students}", place, ours, "autograder", "grade", "--jobs", jobs, **COLD)
    all_stock = timed(f"nbgrader autograde, {students}", place, stock, "nbgrader", "autograde", "hw")
    beyond = (many - first[ONE[1]]) / (students - 1)
    stock_beyond = (all_stock - first[ONE[0]]) / (students - 1)
    print(f"beyond one: {beyond:.3f} of {stock_beyond:.2f} CPU s each, {beyond / stock_beyond:.3f} of stock")


def measure_one(place: Path, ours: Path, stock: Path, jobs: str) -> list[float]:
    """Return the CPU seconds of a submission alone, for each of `ONE`."""
    place.mkdir(mode=0o700)  # what others may enter is no place for sockets
    stock, cold, kept = (copytree(course, place / name) for course, name in ((stock, "s"), (ours, "c"), (ours, "k")))
    command = ("autograder", "grade", "--jobs", jobs)
    warm = {IDLE_S: "60", "XDG_RUNTIME_DIR": str(place)}
    found = [
        timed(ONE[0], place, stock, "nbgrader", "autograde", "hw", "--student=s000"),
        timed(ONE[1], place, cold, *command, "submitted/s000/hw", **COLD),
        timed(ONE[2], place, kept, *command, "submitted/s000/hw", **warm),
        timed(ONE[3], place, kept, *command, "submitted/s001/hw", **warm),
    ]
    for process in all_standing_by(place):
        process.kill()
        process.wait()
    return found


def measure_curve(place: Path, jobs: str, imports: str) -> dict[str, dict[int, float]]:
    """Return the CPU seconds of whole classes by their size: ours, and stock nbgrader's."""
    found: dict[str, dict[int, float]] = {"autograder grade": {}, "nbgrader autograde": {}}
    for students in (1, 5, 10, 20, 40, 100):
        ours = make(place / f"ours-{students}", students, OURS, imports)
        what = f"autograder grade, {students}"
        found["autograder grade"][students] = timed(what, place, ours, "autograder", "grade", "--jobs", jobs, **COLD)
        if students <= MOST_OF_STOCK:
            stock = make(place / f"stock-{students}", students, STOCK, imports)
            what = f"nbgrader autograde, {students}"
            found["nbgrader autograde"][students] = timed(what, place, stock, "nbgrader", "autograde", "hw")
    return found


def draw_curve(path: Path, curves: dict[str, dict[int, float]]) -> None:
    """Draw CPU seconds over the number of submissions."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    for name, seconds in curves.items():
        axes.plot(list(seconds), list(seconds.values()), "o-", label=name)
    axes.set(xlabel="submissions", ylabel="CPU seconds", title="a notebook with numpy and matplotlib, everything on")
    axes.set(xlim=(0, None), ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Measure and print, or draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--students", type=int, default=100)
    parser.add_argument("--jobs", default="1")
    parser.add_argument("--pairs", type=int, default=5, help="how often one alone is graded, by either in turn")
    parser.add_argument("--torch", action="store_true", help="the notebook imports torch, too")
    parser.add_argument("--curve", type=Path, metavar="SVG", help="measure classes of 1 to 100 instead, and draw that")
    told = parser.parse_args()
    imports = IMPORTS + ("\nimport torch" if told.torch else "")
    with tempfile.TemporaryDirectory() as name:
        if told.curve:
            draw_curve(told.curve, measure_curve(Path(name), told.jobs, imports))
        else:
            measure(Path(name), told.students, told.jobs, told.pairs, imports)


if __name__ == "__main__":
    main()
