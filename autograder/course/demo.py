"""A small course to try everything on: the real assignment with submissions as students hand them in.

Most samples are the reference with one of the edits of ``mutants.yaml``; the others are damaged as files and notebooks
often are.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import autograder
from autograder.base.errors import UsageError
from autograder.base.i18n import text
from autograder.course import mutants
from autograder.course.course import Course
from autograder.course.mutants import Answers

ASSIGNMENT = "linear_regression"
QUIZZES = ("linear_regression", "multilayer_perceptron")
_MARK = ".autograder-demo"
_CALL_S = 2
_INSTALLED = "share/dl-autograder/demo/nbgrader_config.py"  # pyproject.toml puts it there

TYPICAL_MISTAKES = {
    "04_no_reshape": "loss-broadcasts-to-n-by-n",
    "05_half_missing": "loss-without-half",
    "06_mean_loss": "loss-mean",
    "07_w_transposed": "init-w-transposed",
    "08_bias_per_sample": "init-bias-per-input",
    "09_no_batch_size": "sgd-without-batch-size",
    "10_batch_size_twice": "sgd-divides-twice",
    "11_ascent": "sgd-ascent",
    "12_rebinds": "sgd-rebinds",
    "13_inside_autograd": "sgd-inside-autograd",
    "14_last_batch_lost": "iter-drops-last-batch",
    "15_never_shuffles": "iter-never-shuffles",
    "16_shuffles_apart": "iter-shuffles-apart",
    "17_never_zeroes": "train-never-zeroes",
}
"""The sample submissions that are mutants, each by its mutant's id."""

DIFFERENTLY_RIGHT = (
    "init-random-bias",
    "loss-with-unsqueeze",
    "sgd-with-decorator",
    "iter-with-random-shuffle",
    "train-zeroes-afterwards",
    "concise-sequential",
)


def make(folder: Path) -> Course:
    """Copy the course to a folder and hand in the samples.

    Args:
        folder: new, empty, or an earlier demo, which is replaced.

    Raises:
        UsageError: the folder holds something else, or this installation has no course to copy.
    """
    origin = _origin()
    if folder.exists() and not (folder.is_dir() and ((folder / _MARK).exists() or not any(folder.iterdir()))):
        raise UsageError(text("{folder}: is not empty; name another folder for the demo", folder=folder))
    try:
        _copy(origin, folder)
    except OSError as error:
        raise UsageError(
            text(
                "{filename}: {reason}; name another folder for the demo",
                filename=error.filename or folder,
                reason=error.strerror,
            )
        ) from error
    return Course(folder)


def _origin() -> Path:
    """Find the course to copy: in the checkout, or where the wheel put it.

    A wheel puts it under the environment's ``share``, not beside the modules: students' processes may read every
    package, and this is a reference solution with its hidden criteria.

    Raises:
        UsageError: it is in neither place.
    """
    checkout = Path(autograder.__file__).resolve().parents[1]
    if (checkout / "solutions" / ASSIGNMENT).is_dir():
        return checkout
    try:
        files = distribution("dl-autograder").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        settings = Path(str(file.locate()))
        if file.match(_INSTALLED) and settings.is_file():
            return settings.resolve().parent
    raise UsageError(text("the demo course is missing from this installation; install dl-autograder again"))


def _copy(origin: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).touch()
    for part in ("solutions", "assignments"):
        target = folder / part / ASSIGNMENT
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(origin / part / ASSIGNMENT, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        settings = target / "assignment.yaml"  # one of the samples never returns, and the user waits for the demo
        limited = re.sub(r"call_s: [\d.]+", f"call_s: {_CALL_S}", settings.read_text(encoding="utf-8"))
        settings.write_text(limited, encoding="utf-8")
    shutil.rmtree(folder / "quizzes", ignore_errors=True)
    (folder / "quizzes").mkdir()
    for name in QUIZZES:
        for suffix in (".yaml", ".proof.json"):
            shutil.copy(origin / "quizzes" / (name + suffix), folder / "quizzes")
    shutil.copy(origin / "quizzes" / "quiz.schema.json", folder / "quizzes")
    shutil.copy(origin / "nbgrader_config.py", folder)
    shutil.rmtree(folder / "submitted", ignore_errors=True)
    assignment = Course(folder).assignment(ASSIGNMENT)
    answers = Answers.of(assignment, folder / "assignments" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb")
    for student, name, content in samples(answers, mutants.load(assignment)):
        file = folder / "submitted" / student / ASSIGNMENT / name
        file.parent.mkdir(parents=True)
        file.write_bytes(content)


def samples(answers: Answers, versions: mutants.Mutants) -> Iterator[tuple[str, str, bytes]]:
    """Yield the sample submissions: student, file name, content."""
    right = dict(answers.solutions)
    wrong = {mutant.id: mutant for mutant in versions.mutants}
    other = {equivalent.id: equivalent for equivalent in versions.equivalents}

    def notebook(
        student: str, changes: dict[str, str], edit: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> tuple[str, str, bytes]:
        content = answers.notebook({**right, **changes})
        edit(content)
        return student, f"{ASSIGNMENT}.ipynb", _as_bytes(content)

    yield notebook("01_right", {})
    yield notebook(
        "02_differently_right",
        {other[i].exercise: answers.edited(other[i]) for i in DIFFERENTLY_RIGHT},
    )
    yield notebook(
        "03_endless_loop",
        {"data_iter": "def data_iter(batch_size, features, labels):\n    while True:\n        pass\n"},
    )
    for student, name in TYPICAL_MISTAKES.items():
        yield notebook(student, {wrong[name].exercise: answers.edited(wrong[name])})
    yield "18_empty", f"{ASSIGNMENT}.ipynb", _as_bytes(dict(answers.release))
    half = {name: source for name, source in right.items() if name in ("init_params", "linreg", "squared_loss")}
    yield "19_half_done", f"{ASSIGNMENT}.ipynb", _as_bytes(answers.notebook(half))
    yield notebook("20_syntax_error", {"sgd": right["sgd"].replace("batch_size):", "batch_size)")})
    yield notebook("21_renamed", {"squared_loss": right["squared_loss"].replace("def squared_loss", "def square_loss")})
    yield "22_script", f"{ASSIGNMENT}.py", answers.script(right).encode()
    yield notebook("23_magics_and_plots", {}, _add_magics_and_plots)
    yield "24_truncated", f"{ASSIGNMENT}.ipynb", _as_bytes(answers.notebook(right))[:9000]
    yield notebook("25_rebinds_names", {}, _rebind_names)
    yield "26_张伟 📓", "我的作业.ipynb", _as_bytes(answers.notebook(right))


def _add_magics_and_plots(notebook: dict[str, Any]) -> None:
    _append(
        notebook, "%matplotlib inline\n!pip list\nimport matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()\n"
    )
    _append(notebook, "%%time\nw, b = init_params(2)\nprint('w is %d x %d'\n      % tuple(w.shape))\n")


def _rebind_names(notebook: dict[str, Any]) -> None:
    _append(
        notebook,
        "loss = nn.MSELoss()\nsquared_loss = loss\ndata_iter = DataLoader(TensorDataset(torch.ones(4, 2)), 2)\n",
    )


def _append(notebook: dict[str, Any], source: str) -> None:
    cell: dict[str, Any] = {
        "cell_type": "code",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": source.splitlines(keepends=True),
    }
    notebook["cells"].append(cell)


def _as_bytes(notebook: dict[str, Any]) -> bytes:
    return json.dumps(notebook, ensure_ascii=False, indent=1).encode()
