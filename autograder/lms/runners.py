"""Folders that make other services run our grader: Gradescope's autograder, GitHub Classroom's workflow."""

from __future__ import annotations

import shlex
import shutil
import zipfile
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import autograder
from autograder.base.errors import UsageError
from autograder.base.i18n import text
from autograder.course.configuration import CONFIG_FILE, OWN_NAMES
from autograder.course.course import Assignment, Course
from autograder.lms.reports import not_graded

_CHECKOUT = Path(autograder.__file__).resolve().parents[1]
_NAME = "dl-autograder"
_OF_THIS_INSTALLATION = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
_PACKAGE_FILES = ("pyproject.toml", "README.md", "LICENSE", "constraints.txt")

_SETUP = """\
#!/usr/bin/env bash
# Gradescope runs this once, when the image is built.
set -euo pipefail
environment="${{AUTOGRADER_VENV:-/opt/autograder}}"
cd "${{AUTOGRADER_ROOT:-/autograder}}/source"
apt-get update
apt-get install -y --no-install-recommends python3 python3-venv
python3 -m venv "$environment"
"$environment/bin/pip" install --no-cache-dir {requirement}
"""

_RUN = """\
#!/usr/bin/env bash
# Gradescope runs this for every submission and then reads results.json, so the file is always written. Without a score
# it counts as a failure of the autograder, not as a zero; the reason is printed, where only the staff sees it.
set -euo pipefail
root="${{AUTOGRADER_ROOT:-/autograder}}"
python="${{AUTOGRADER_VENV:-/opt/autograder}}/bin/python"
assignment={name}
results="$root/results/results.json"
mkdir -p "$root/results"
rm -f "$results"
work=$(mktemp -d)
finish() {{
    rm -rf "$work"
    [ -s "$results" ] || cat > "$results" <<'END'
{failed}
END
    exit 0
}}
trap finish EXIT
mkdir "$work/student"
cp -r "$root/submission" "$work/student/$assignment"
cd "$root/source/course"
# this also fails if the report says that something could not be graded
"$python" -m autograder grade "$work" --assignment "$assignment" --no-gradebook --jobs 1 --out "$work/reports.jsonl" ||
    [ -s "$work/reports.jsonl" ]
"$python" -m autograder export --results "$work/reports.jsonl" --to gradescope --out "$results" --lang {language}
"""

_CONFIG = """\
c = get_config()
c.CourseDirectory.source_directory = {source!r}
c.Autograder.languages = {languages}
"""

_WORKFLOW = """\
# Runs the visible criteria on every push; the log of the step shows what they say.
name: autograder
on: [push, workflow_dispatch]
permissions:
  contents: read
jobs:
  check:
    runs-on: ubuntu-latest
    timeout-minutes: 20
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
          cache: pip
      - run: python -m pip install -r requirements.txt
      - run: autograder check {notebook}
"""


def gradescope(course: Course, assignment: Assignment, folder: Path) -> list[Path]:
    """Write a folder to be zipped and given to Gradescope as an autograder; return the scripts in it.

    Args:
        course: its secret seeds the inputs.
        assignment: the folder with the solution.
        folder: new or empty.

    Raises:
        UsageError: the folder is not empty, or cannot be written.
    """
    name = assignment.name
    _begin(folder)
    try:
        requirement = " ".join(_requirement(folder, "package"))
        source = OWN_NAMES["source"]
        _copy(assignment.directory, folder / "course" / source / name)
        config = _CONFIG.format(source=source, languages=list(course.languages))
        (folder / "course" / CONFIG_FILE).write_text(config, encoding="utf-8")
        if course.quizzes.is_dir():
            _copy(course.quizzes, folder / "course" / "quizzes")
        key = folder / "course" / ".autograder" / "key"
        key.parent.mkdir(parents=True)
        key.write_text(course.key().hex() + "\n", encoding="ascii")
        failed = text(
            "this could not be graded, through no fault of yours, and has no score yet: please tell your instructors"
        )
        language = assignment.settings.language
        run = _RUN.format(name=shlex.quote(name), failed=not_graded(failed.get(language)), language=language)
        scripts = {"setup.sh": _SETUP.format(requirement=requirement), "run_autograder": run}
        return [_script(folder / script, content) for script, content in scripts.items()]
    except OSError as error:
        raise UsageError(
            text("{filename}: cannot be written: {reason}", filename=error.filename or folder, reason=error.strerror)
        ) from error


def github_classroom(course: Course, assignment: Assignment, folder: Path) -> list[Path]:
    """Write a template repository for GitHub Classroom: what students get, and a workflow that checks it.

    Args:
        course: with what students get.
        assignment: only its name is used.
        folder: new or empty.

    Raises:
        UsageError: the assignment is not released, or the folder is not empty or cannot be written.
    """
    released = course.release / assignment.name
    if not (released / f"{assignment.name}.ipynb").is_file():
        raise UsageError(
            text(
                "{released}: is not released yet; run `autograder release {name}`",
                released=released,
                name=assignment.name,
            )
        )
    _begin(folder)
    try:
        _copy(released, folder)
        workflow = folder / ".github" / "workflows" / "autograder.yml"
        workflow.parent.mkdir(parents=True)
        notebook = shlex.quote(f"{assignment.name}.ipynb")
        workflow.write_text(_WORKFLOW.format(notebook=notebook), encoding="utf-8")
        requirement = "\n".join(_requirement(folder, ".github/autograder"))
        with (folder / "requirements.txt").open("a", encoding="utf-8") as file:  # the assignment may bring its own
            file.write(f"\n{requirement}\n" if file.tell() else f"{requirement}\n")
    except OSError as error:
        raise UsageError(
            text("{filename}: cannot be written: {reason}", filename=error.filename or folder, reason=error.strerror)
        ) from error
    return [workflow]


def _begin(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(text("{folder}: already exists; name a new folder with --out", folder=folder))


def _requirement(folder: Path, place: str) -> list[str]:
    """Return pip's arguments for a folder; put our package into it if it was not installed from an index."""
    if not (_CHECKOUT / "pyproject.toml").is_file():
        installed = distribution(_NAME)
        if installed.read_text("direct_url.json") is None:
            return [f"{_NAME}=={installed.version}"]
        (folder / place).mkdir(parents=True)
        wheel = _wheel(installed, folder / place)
        versions = {d.metadata["Name"]: d.version.partition("+")[0] for d in distributions()}
        pins = "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()) if name != _NAME)
        (folder / place / "constraints.txt").write_text(pins, encoding="utf-8")
        return [f"-c {place}/constraints.txt", f"./{place}/{wheel.name}"]
    _copy(_CHECKOUT / "autograder", folder / place / "autograder")
    for file in _PACKAGE_FILES:
        if (_CHECKOUT / file).is_file():
            shutil.copy(_CHECKOUT / file, folder / place / file)
    return [f"-c {place}/constraints.txt", f"./{place}"]


def _wheel(installed: Distribution, folder: Path) -> Path:
    """Write the installed package as the wheel that it came from."""
    path = folder / f"{_NAME.replace('-', '_')}-{installed.version}-py3-none-any.whl"
    files = [
        file
        for file in installed.files or ()
        if ".." not in file.parts and "__pycache__" not in file.parts and file.name not in _OF_THIS_INSTALLATION
    ]
    (info,) = {file.parent for file in files if file.name == "METADATA"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for file in files:
            wheel.write(str(file.locate()), str(file))
        hashes = [f"{f},{f.hash.mode}={f.hash.value},{f.size}\n" for f in files if f.hash is not None]
        wheel.writestr(f"{info}/RECORD", "".join([*hashes, f"{info}/RECORD,,\n"]))
    return path


def _copy(source: Path, target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.pyc")
    shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)


def _script(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    path.chmod(0o755)
    return path
