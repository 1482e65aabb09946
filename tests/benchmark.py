"""How fast grading is: ``python tests/benchmark.py``.

Two measurements, each of a whole process with everything it starts: the linear regression assignment with its training, and a
course of four functions that stock ``nbgrader autograde`` grades as well, in the same run on the same submissions. CPU seconds
and their ratio can be compared between machines; seconds by the clock cannot. A third one, of a session alone, is explained in
``tests/benchmark_reference.py``.

``--passing`` grades only submissions that pass: what everybody pays. ``--against PYTHON`` does so with another checkout's
environment as well, in turn, each with its own rubrics: did a change make right submissions dearer?
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from autograder.course import mutants
from autograder.course.course import Course
from autograder.grading.engine import _MANY

sys.path.insert(0, str(Path(__file__).with_name("helpers")))
import tiny_course as tiny

ROOT = Path(__file__).parents[1]
HIDDEN_TESTS = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"

STOCK_CONFIGURATION = """\
c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
c.CourseDirectory.ignore = ["private", "__pycache__"]
"""
SOLUTIONS = {
    "squared_loss": "def squared_loss(y_hat, y):\n    return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2",
    "sgd": """\
        def sgd(params, lr, batch_size):
            with torch.no_grad():
                for p in params:
                    p -= lr * p.grad / batch_size
                    p.grad.zero_()""",
    "softmax": """\
        def softmax(X):
            e = (X - X.max(dim=1, keepdim=True).values).exp()
            return e / e.sum(dim=1, keepdim=True)""",
    "clip_gradients": """\
        def clip_gradients(params, theta):
            norm = sum((p.grad ** 2).sum() for p in params).sqrt()
            if norm > theta:
                for p in params:
                    p.grad *= theta / norm
            return norm""",
}
WRONG = {
    "squared_loss": "def squared_loss(y_hat, y):\n    return (y_hat - y.reshape(y_hat.shape)) ** 2",
    "softmax": "def softmax(X):\n    return X.exp() / X.exp().sum(dim=1, keepdim=True)",
    "clip_gradients": "def clip_gradients(params, theta):\n    for p in params:\n        p.grad.clamp_(-theta, theta)",
}
ASSERTS = {  # for stock nbgrader
    "squared_loss": """\
        assert squared_loss(torch.ones(2, 1), torch.zeros(2)).shape == (2, 1)
        a, b = torch.randn(15, 1), torch.randn(15)
        assert torch.allclose(squared_loss(a, b), (a - b.view(15, 1)) ** 2 / 2)""",
    "sgd": """\
        w = torch.tensor([1.0, -2.0], requires_grad=True)
        (w ** 2).sum().backward()
        sgd([w], 0.1, 2)
        assert torch.allclose(w, torch.tensor([0.9, -1.8]))
        assert w.is_leaf and w.requires_grad and not w.grad.any()""",
    "softmax": """\
        X = torch.randn(4, 5)
        assert torch.allclose(softmax(X), torch.softmax(X, 1))
        assert torch.isfinite(softmax(torch.tensor([[1000.0, 1001.0]]))).all()""",
    "clip_gradients": """\
        p = [torch.zeros(2, requires_grad=True), torch.zeros(1, requires_grad=True)]
        p[0].grad, p[1].grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
        assert abs(float(clip_gradients(p, 1.0)) - 5) < 1e-4
        assert abs(sum((q.grad ** 2).sum() for q in p).sqrt() - 1) < 1e-5""",
}
RUBRIC = """\
import torch
from autograder import checks, criterion


def says(words):
    return {"en": words, "zh": words}


@criterion("squared_loss", points=1, title=says("keeps the shape"))
def test_squared_loss_shape(student, rng):
    checks.assert_shape(student.squared_loss(torch.ones(2, 1), torch.zeros(2)), (2, 1))


@criterion("squared_loss", points=1, title=says("values"))
def test_squared_loss_values(student, rng):
    a, b = torch.randn(15, 1, generator=rng), torch.randn(15, generator=rng)
    checks.assert_close(student.squared_loss(a, b), (a - b.view(15, 1)) ** 2 / 2)


@criterion("squared_loss", points=1, title=says("gradient"))
def test_squared_loss_gradient(student, rng):
    a, b = torch.randn(5, 1, generator=rng, dtype=torch.float64).requires_grad_(), torch.randn(5, generator=rng, dtype=torch.float64)
    checks.assert_gradient(student.squared_loss, a, b, reference=lambda a, b: (a - b.view(5, 1)) ** 2 / 2)


def parameters(rng):
    params = [torch.randn(3, 1, generator=rng).requires_grad_(), torch.zeros(1, requires_grad=True)]
    for p in params:
        p.grad = torch.randn(p.shape, generator=rng)
    return params


@criterion("sgd", points=2, title=says("steps"))
def test_sgd_steps(student, rng):
    params = parameters(rng)
    expected = [p.detach() - 0.1 * p.grad / 8 for p in params]
    student.sgd(params, 0.1, 8)
    for p, e in zip(params, expected):
        checks.assert_close(p.detach(), e)


@criterion("sgd", points=1, title=says("zeroes"))
def test_sgd_zeroes(student, rng):
    params = parameters(rng)
    student.sgd(params, 0.1, 8)
    assert all(p.grad is None or not p.grad.any() for p in params)


@criterion("softmax", points=1, title=says("values"))
def test_softmax_values(student, rng):
    X = torch.randn(20, 7, generator=rng)
    checks.assert_close(student.softmax(X), torch.softmax(X, 1))


@criterion("softmax", points=1, title=says("stable"))
def test_softmax_stable(student, rng):
    checks.assert_stable(student.softmax, torch.tensor([[1000.0, 1001.0], [-1000.0, 0.0]]))


@criterion("softmax", points=1, title=says("gradient"))
def test_softmax_gradient(student, rng):
    X = torch.randn(4, 5, generator=rng, dtype=torch.float64).requires_grad_()
    checks.assert_gradient(student.softmax, X, reference=lambda X: torch.softmax(X, 1))


@criterion("clip_gradients", points=2, title=says("clips"))
def test_clip_gradients_clips(student, rng):
    params = parameters(rng)
    student.clip_gradients(params, 0.01)
    assert abs(float(sum((p.grad ** 2).sum() for p in params).sqrt()) - 0.01) < 1e-4


@criterion("clip_gradients", points=2, title=says("leaves small ones"))
def test_clip_gradients_small(student, rng):
    params = parameters(rng)
    before = [p.grad.clone() for p in params]
    student.clip_gradients(params, 1e6)
    for p, e in zip(params, before):
        checks.assert_close(p.grad, e)
"""
POINTS = {"squared_loss": 3, "sgd": 3, "softmax": 3, "clip_gradients": 4}


@dataclass
class Usage:
    """What a command and everything it started used."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def run(command: Sequence[str | Path], cwd: Path) -> Usage:
    """Run a command to its end and measure it: CPU by the kernel's account, memory by sampling the whole tree."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    started = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=cwd, env=os.environ | {"PATH": path}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    peak, done = [0.0], threading.Event()

    def sample() -> None:
        while not done.wait(0.2):
            try:
                tree = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
                peak[0] = max(peak[0], sum(p.memory_full_info().pss for p in tree) / 2**20)
            except psutil.Error:
                continue

    sampler = threading.Thread(target=sample)
    sampler.start()
    assert process.stdout
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    done.set()
    sampler.join()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{output[-3000:]}")
    return Usage(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, peak[0])


def grade(course: Course, jobs: int, *options: str, python: str = sys.executable) -> Usage:
    out = course.root / "results.jsonl"
    out.unlink(missing_ok=True)
    command: list[str | Path] = [
        python,
        "-m",
        "autograder",
        "grade",
        "--no-gradebook",
        "--out",
        out,
        "--jobs",
        str(jobs),
    ]
    return run([*command, *options], course.root)


def linear_regression(folder: Path, students: int) -> Course:
    """The real assignment; submissions are the reference and its equivalents in turn."""
    name = "linear_regression"
    shutil.copytree(ROOT / "solutions" / name, folder / "solutions" / name)
    course = Course(folder)
    assignment = course.assignment(name)
    answers = mutants.Answers.of(assignment, ROOT / "assignments" / name / f"{name}.ipynb")
    changes: list[dict[str, str]] = [
        {},
        *({e.exercise: answers.edited(e)} for e in mutants.load(assignment).equivalents),
    ]
    for number in range(students):
        notebook = answers.notebook({**answers.solutions, **changes[number % len(changes)]})
        write(folder / "submitted" / f"s{number:04d}" / name / f"{name}.ipynb", notebook)
    return course


def four_functions(folder: Path, students: int) -> Course:
    """A course for both graders: the grade cells hold asserts for nbgrader, the rubric judges the same functions."""
    (folder / "solutions" / "hw1" / "private").mkdir(parents=True)
    (folder / "nbgrader_config.py").write_text(STOCK_CONFIGURATION)
    titles = "".join(
        f"  {name}:\n    title: {{en: {name}, zh: {name}}}\n    functions: ['{signature(name)}']\n"
        + (f"    changes: {{{name}: [params]}}\n" if "params" in signature(name) else "")
        for name in SOLUTIONS
    )
    settings = f"schema: 1\ntitle: {{en: hw1, zh: hw1}}\nexercises:\n{titles}limits: {{call_s: 5}}\n"
    (folder / "solutions" / "hw1" / "assignment.yaml").write_text(settings)
    (folder / "solutions" / "hw1" / "test_hw1.py").write_text(RUBRIC)
    write(folder / "solutions" / "hw1" / "hw1.ipynb", notebook_of({}))
    for number in range(students):
        wrong = list(WRONG)[number % 4 : number % 4 + 1]  # every fourth is all right
        write(
            folder / "submitted" / f"s{number:04d}" / "hw1" / "hw1.ipynb",
            notebook_of({name: WRONG[name] for name in wrong}),
        )
    run([sys.executable, "-m", "nbgrader", "generate_assignment", "hw1"], folder)
    return Course(folder)


def signature(name: str) -> str:
    return SOLUTIONS[name].strip().splitlines()[0].removeprefix("def ").rstrip(":")


def notebook_of(answers: dict[str, str]) -> dict[str, Any]:
    cells = [tiny.code_cell("import torch", "imports")]
    cells[0]["metadata"]["nbgrader"] |= {"solution": False, "locked": True}
    for name, solution in SOLUTIONS.items():
        source = textwrap.dedent(answers.get(name, solution))
        cells.append(tiny.code_cell(source, name))
        cells.append(tiny.code_cell(textwrap.dedent(ASSERTS[name]), f"test_{name}", points=POINTS[name]))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    return tiny.notebook(*cells)


def write(path: Path, notebook: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")


def four_functions_right(root: Path, folder: Path, students: int) -> Course:
    """The course of four functions, handed in right by everybody; it is the same for every checkout."""
    course = four_functions(folder, 1)
    for number in range(students):
        notebook = notebook_of({"sgd": f"{textwrap.dedent(SOLUTIONS['sgd'])}\n# {number}"})
        write(folder / "submitted" / f"s{number:04d}" / "hw1" / "hw1.ipynb", notebook)
    return course


def references(root: Path, folder: Path, name: str, students: int) -> Course:
    """An assignment of a checkout, its own reference handed in by everybody."""
    shutil.copytree(root / "solutions" / name, folder / "solutions" / name)
    notebook = json.loads((root / "solutions" / name / f"{name}.ipynb").read_text(encoding="utf-8"))
    last = next(c for c in reversed(notebook["cells"]) if c["metadata"].get("nbgrader", {}).get("solution"))
    source = "".join(last["source"])
    for number in range(students):
        last["source"] = f"{source}\n# {number}"
        write(folder / "submitted" / f"s{number:04d}" / name / f"{name}.ipynb", notebook)
    return Course(folder)


def root_of(python: str) -> Path:
    """The checkout that an environment works on."""
    code = "import autograder, pathlib; print(pathlib.Path(autograder.__file__).parents[1])"
    asked = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True, cwd="/")
    return Path(asked.stdout.strip())


def beyond_the_start(few: Course, many: Course, counts: tuple[int, int], jobs: int, python: str) -> float:
    """CPU seconds of a submission, without those that the first one costs; all must pass.

    The number of submissions that pass is looked at, because those that fail cost more. Both courses have so many that
    the zygote prepares for many, which it does once and leaves out for a few.
    """
    start, usage = (grade(course, jobs, python=python) for course in (few, many))
    lines = (many.root / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert all(report["score"] == report["max_score"] for report in map(json.loads, lines)), "not all pass"
    assert len(lines) == counts[1]
    return (usage.cpu_s - start.cpu_s) / (counts[1] - counts[0])


def measure_passing(folder: Path, students: int, jobs: int, pythons: Sequence[str], pairs: int) -> None:
    """Grade right submissions with each environment in turn, and print the median of each and of the ratios."""
    makers = {"four functions": four_functions_right}
    for name in ("linear_regression", "gradient_clipping"):
        makers[name] = partial(references, name=name)
    for title, make in makers.items():
        counts = (_MANY, students)
        courses = [
            [make(root_of(python), folder / f"{title.split()[0]}-{number}-{count}", students=count) for count in counts]
            for number, python in enumerate(pythons)
        ]
        costs = [
            [
                beyond_the_start(few, many, counts, jobs, python)
                for (few, many), python in zip(courses, pythons, strict=True)
            ]
            for _ in range(pairs)
        ]
        told = " and ".join(f"{median(each):.4f}" for each in zip(*costs, strict=True))
        print(f"{title:20s} {students:5d} passing  {told} CPU s each, beyond the start", end="")
        ratios = [new / old for new, *others in costs for old in others]
        print(f"; ratio {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})" if ratios else "", flush=True)


def report(name: str, usage: Usage, students: int) -> None:
    each = usage.cpu_s / students
    line = f"{name:34s} {students:5d} submissions  {students / usage.wall_s:6.2f}/s  {each:6.3f} CPU s each"
    print(f"{line}  peak {usage.peak_mb:5.0f} MB", flush=True)


def draw_curve(path: Path, counts: Sequence[int], usages: Sequence[Usage]) -> None:
    """CPU seconds of the whole command over the number of submissions."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot(counts, [usage.cpu_s for usage in usages], "o-")
    axes.set(xlabel="submissions", ylabel="CPU seconds", title="autograder grade, four functions, everything on")
    axes.set(xlim=(0, None), ylim=(0, None))
    axes.grid(alpha=0.3)
    figure.savefig(path, metadata={"Date": None})


def measure_curve(folder: Path, counts: Sequence[int], jobs: int) -> list[Usage]:
    usages = []
    for count in counts:
        usages.append(grade(four_functions(folder / f"curve-{count}", count), jobs))
        report("four functions", usages[-1], count)
    return usages


def measure_dask(folder: Path, students: int, jobs: int) -> None:
    """What a submission costs more on a Dask cluster of this machine, beyond the start of either."""
    few, many = (four_functions(folder / f"dask-{count}", count) for count in (jobs, students))
    each = {}
    for engine in ("local", "dask"):
        start, usage = (grade(course, jobs, "--engine", engine) for course in (few, many))
        report(f"four functions, --engine {engine}", usage, students)
        each[engine] = (usage.cpu_s - start.cpu_s) / (students - jobs)
    overhead = each["dask"] - each["local"]
    print(f"a submission costs {1000 * overhead:.1f} ms CPU more on Dask, beyond the start")
    print(f"extrapolated, not measured: 100,000 submissions take {each['dask'] * 100_000 / 3600:.1f} CPU hours")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--students", type=int, default=100, help="submissions for autograder")
    parser.add_argument(
        "--stock",
        type=int,
        default=6,
        help="submissions for stock nbgrader, which takes seconds for each; 0 leaves it out",
    )
    parser.add_argument(
        "--curve", type=Path, metavar="SVG", help="measure 10 to 2,000 submissions instead, and draw that"
    )
    parser.add_argument(
        "--dask", action="store_true", help="measure the local engine against Dask on this machine instead"
    )
    parser.add_argument("--passing", action="store_true", help="measure submissions that pass instead")
    parser.add_argument(
        "--against", metavar="PYTHON", help="with --passing: the Python of another checkout's environment"
    )
    parser.add_argument("--pairs", type=int, default=3, help="with --passing: so often each environment in turn")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.passing:
            pythons = [sys.executable, *filter(None, [options.against])]
            measure_passing(folder, options.students, options.jobs, pythons, options.pairs)
            return
        if options.curve:
            counts = (10, 50, 200, 500, 1000, 2000)
            draw_curve(options.curve, counts, measure_curve(folder, counts, options.jobs))
            return
        if options.dask:
            measure_dask(folder, options.students, options.jobs)
            return
        for title, make in (("linear_regression", linear_regression), ("four functions", four_functions)):
            start = grade(make(folder / f"{make.__name__}-start", options.jobs), options.jobs)
            usage = grade(make(folder / make.__name__, options.students), options.jobs)
            report(title, usage, options.students)
            count = options.students - options.jobs
            cpu_s, wall_s = (usage.cpu_s - start.cpu_s) / count, (usage.wall_s - start.wall_s) / count
            print(
                f"{'  beyond the start':34s} {count:5d} submissions  {1 / wall_s:6.2f}/s  {cpu_s:6.3f} CPU s each",
                flush=True,
            )
        subprocess.run([sys.executable, Path(__file__).with_name("benchmark_reference.py")], check=True)
        if options.stock:
            course = four_functions(folder / "stock", options.stock)
            stock = run([sys.executable, "-m", "nbgrader", "autograde", "hw1"], course.root)
            report("four functions, stock nbgrader", stock, options.stock)
            ratio = (stock.cpu_s / options.stock) / (usage.cpu_s / options.students)
            print(f"CPU per submission, stock nbgrader to autograder: {ratio:.1f} to 1")


if __name__ == "__main__":
    main()
