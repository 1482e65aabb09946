"""Folders with which other services run our grader: Gradescope's, and what all such folders need."""

from __future__ import annotations

import re
import shlex
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

import autograder
from autograder.base.errors import UsageError
from autograder.base.i18n import catalogue_file, text
from autograder.course.configuration import CONFIG_FILE, OWN_NAMES
from autograder.course.course import Course
from autograder.lms.reports import not_graded

_CHECKOUT = Path(autograder.__file__).resolve().parents[1]
_NAME = "dl-autograder"
_OF_THIS_INSTALLATION = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
_DEMO = re.compile(r"^\[tool\.setuptools\.data-files\]\n(?:(?!\[).*\n)*", re.MULTILINE)
"""The demo's files, solutions among them: they stay behind, and a wheel is built without them."""
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
export AUTOGRADER_STANDBY_S=0  # nothing comes after this submission
finish() {{
    rm -rf "$work"
    [ -s "$results" ] || cat > "$results" <<'END'
{failed}
END
    exit 0
}}
trap finish EXIT
cp -r "$root/source/course" "$work/course"
mkdir -p "$work/course/submitted/student"
cp -r "$root/submission" "$work/course/submitted/student/$assignment"
cd "$work/course"
# this also fails if the report says that something could not be graded
"$python" -m autograder grade --assignment "$assignment"{options} --jobs 1 --out "$work/reports.jsonl" ||
    [ -s "$work/reports.jsonl" ]
"$python" -m autograder export --results "$work/reports.jsonl" --to gradescope --out "$results" --lang {language}
"""

_CONFIG = """\
c = get_config()
c.CourseDirectory.source_directory = {source!r}
c.Autograder.languages = {languages}
"""


def gradescope(course: Course, name: str, folder: Path) -> list[Path]:
    """Write a folder to be zipped and given to Gradescope as an autograder; return the scripts in it.

    Args:
        course: its secret seeds the inputs.
        name: the assignment, with a rubric or with tests in its notebooks; what these earn is read from a gradebook.
        folder: new or empty.

    Raises:
        UsageError: there is no such assignment, or the folder is not empty or cannot be written.
    """
    (name,) = course.names(name)
    assignment = course.assignment(name) if course.has_rubric(name) else None
    needs_gradebook = assignment is None or bool(assignment.other_notebooks)
    with new_folder(folder):
        requirement = " ".join(pip_arguments(folder, "package"))
        copy_folder(course.source / name, folder / "course" / OWN_NAMES["source"] / name)
        if course.quizzes.is_dir():
            copy_folder(course.quizzes, folder / "course" / "quizzes")
        _configure(course, folder / "course")
        key = folder / "course" / ".autograder" / "key"
        key.parent.mkdir(parents=True)
        key.write_text(course.key().hex() + "\n", encoding="ascii")
        failed = text(
            "this could not be graded, through no fault of yours, and has no score yet: please tell your instructors"
        )
        language = course.languages[0] if assignment is None else assignment.settings.language
        run = _RUN.format(
            name=shlex.quote(name),
            options="" if needs_gradebook else " --no-gradebook",
            failed=not_graded(failed.get(language)),
            language=language,
        )
        scripts = {"setup.sh": _SETUP.format(requirement=requirement), "run_autograder": run}
        return [_script(folder / script, content) for script, content in scripts.items()]


@contextmanager
def new_folder(folder: Path) -> Iterator[None]:
    """Write into a folder that is new or empty.

    Raises:
        UsageError: it is not, or a file in it cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(text("{folder}: already exists; name a new folder with --out", folder=folder))
    try:
        yield
    except OSError as error:
        raise UsageError(
            text("{filename}: cannot be written: {reason}", filename=error.filename or folder, reason=error.strerror)
        ) from error


def _configure(course: Course, copy: Path) -> None:
    """Let a copy of the course have our folders and its own languages; nothing else of its configuration counts."""
    config = _CONFIG.format(source=OWN_NAMES["source"], languages=list(course.languages))
    (copy / CONFIG_FILE).write_text(config, encoding="utf-8")
    for file in (catalogue_file(language, course.root) for language in course.languages):
        if file.is_file():
            (copy / file.relative_to(course.root)).parent.mkdir(parents=True)
            shutil.copy(file, copy / file.relative_to(course.root))


def pip_arguments(folder: Path, place: str) -> list[str]:
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
    copy_folder(_CHECKOUT / "autograder", folder / place / "autograder")
    for file in _PACKAGE_FILES:
        if (_CHECKOUT / file).is_file():
            shutil.copy(_CHECKOUT / file, folder / place / file)
    project = folder / place / "pyproject.toml"
    project.write_text(_DEMO.sub("", project.read_text(encoding="utf-8")), encoding="utf-8")
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


def copy_folder(source: Path, target: Path) -> None:
    """Copy a folder without hidden files and caches."""
    ignored = shutil.ignore_patterns("__pycache__", ".*", "*.pyc")
    shutil.copytree(source, target, ignore=ignored, dirs_exist_ok=True)


def _script(path: Path, content: str) -> Path:
    path.write_text(content, encoding="utf-8")
    path.chmod(0o755)
    return path
