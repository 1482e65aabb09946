"""A template repository for GitHub, whose workflow gives a score, and a folder with which Classroom 50 does."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path

from autograder.base.errors import UsageError
from autograder.base.i18n import text
from autograder.course.course import Assignment, Course
from autograder.lms.runners import copy_folder, new_folder, pip_arguments

_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""The versions that are pinned belong to this Python."""

_WORKFLOW = """\
# Runs the visible criteria on every push. The summary of the run shows the score and what is still open; the artifact
# `score` holds the same as report.json, summary.md and result.json, the file of Classroom 50. A run is green once
# every criterion that students can see is met. Those who push can change this file and the criteria as well: this is
# practice, not a grade.
name: autograder
on: [push, workflow_dispatch]
permissions:
  contents: read
jobs:
  check:
    runs-on: ubuntu-latest
    timeout-minutes: 20
    env:
      PIP_EXTRA_INDEX_URL: https://download.pytorch.org/whl/cpu  # a tenth of the download: the runners have no GPU
    defaults:
      run:
        working-directory: {folder}  # a check calls the assignment as its folder
    steps:
      - uses: actions/checkout@v4
        with:
          path: {folder}
      - uses: actions/setup-python@v5
        with:
          python-version: "{python}"
          cache: pip
          cache-dependency-path: {requirements}
      - name: Install
        run: python -m pip install -r requirements.txt
      - name: Score
        run: |
          mkdir -p score
          autograder check {notebook} --json > score/report.json || [ $? = 1 ]
          autograder export --results score/report.json --to markdown --out score/summary.md --lang {language}
          cat score/summary.md >> "${{GITHUB_STEP_SUMMARY:-/dev/null}}"
          autograder export --results score/report.json --to classroom50 --out score/result.json --lang {language}
      - uses: actions/upload-artifact@v4
        if: always()
        with:
          name: score
          path: {score}
      - name: Criteria
        run: autograder check {notebook} --lang {language}
"""

_ENTRY_POINT = '''\
"""Classroom 50 runs this for every submission: it judges the student's notebook by the visible criteria.

Put it and the folders beside it into CLASSROOM/autograders/ASSIGNMENT/ of the organisation's `classroom50` repository,
and give the assignment the runtime {{"python": "{python}"}}. Only the notebook is taken from the student's repository.
Anybody who knows the address can read this folder, so it holds no hidden criteria.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NOTEBOOK = {notebook!r}
REQUIREMENTS = {requirements!r}
ENVIRONMENT = {{"PIP_EXTRA_INDEX_URL": "https://download.pytorch.org/whl/cpu"}} | os.environ
BUNDLE, CHECKOUT = Path(__file__).resolve().parent, Path.cwd()


def run(*arguments, folder, accepted=(0,), **options):
    """Run a module of Python; a failure is one of the platform, and gives no score."""
    command = [sys.executable, "-P", "-m", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=ENVIRONMENT, **options)
    if done.returncode not in accepted:
        sys.exit(f"{{arguments[0]}} ended with exit code {{done.returncode}}")


with tempfile.TemporaryDirectory() as temporary:
    work, report = Path(temporary, {name!r}), Path(temporary, "report.json")
    shutil.copytree(BUNDLE / "assignment", work)
    if (CHECKOUT / NOTEBOOK).is_file():
        shutil.copyfile(CHECKOUT / NOTEBOOK, work / NOTEBOOK)
    else:
        print(f"{{NOTEBOOK}} is missing: what was handed out is judged instead")
    if (work / "requirements.txt").is_file():
        REQUIREMENTS += ["-r", str(work / "requirements.txt")]
    run("pip", "install", "--quiet", *REQUIREMENTS, folder=BUNDLE)
    with report.open("w", encoding="utf-8") as file:
        run("autograder", "check", NOTEBOOK, "--json", folder=work, accepted=(0, 1), stdout=file)
    for form, name in (("markdown", "release-body.md"), ("classroom50", "result.json")):
        target = ("--out", CHECKOUT / name, "--lang", {language!r})
        run("autograder", "export", "--results", report, "--to", form, *target, folder=work)
'''


def template(course: Course, assignment: Assignment, folder: Path) -> list[Path]:
    """Write a template repository for any organisation: what students get, and a workflow that gives a score.

    Args:
        course: with what students get.
        assignment: its name and its language.
        folder: new or empty.

    Raises:
        UsageError: the assignment is not released, or the folder is not empty or cannot be written.
    """
    released = _released(course, assignment)
    with new_folder(folder):
        copy_folder(released, folder)
        workflow = folder / ".github" / "workflows" / "autograder.yml"
        workflow.parent.mkdir(parents=True)
        workflow.write_text(_workflow(assignment), encoding="utf-8")
        requirement = "\n".join(pip_arguments(folder, ".github/autograder"))
        with (folder / "requirements.txt").open("a", encoding="utf-8") as file:  # the assignment may bring its own
            file.write(f"\n{requirement}\n" if file.tell() else f"{requirement}\n")
    return [workflow]


def _workflow(assignment: Assignment) -> str:
    name = assignment.name
    places = {"folder": name, "requirements": f"{name}/requirements.txt", "score": f"{name}/score"}
    return _WORKFLOW.format(
        notebook=shlex.quote(f"{name}.ipynb"),
        language=assignment.settings.language,
        python=_PYTHON,
        **{key: json.dumps(place, ensure_ascii=False) for key, place in places.items()},
    )


def classroom50(course: Course, assignment: Assignment, folder: Path) -> list[Path]:
    """Write an autograder for Classroom 50: an entry point, the released assignment and our package.

    Source: "Writing an ``autograder.py``" in Classroom 50's wiki (foundation50/classroom50,
    ``wiki/Advanced-Autograding.md`` at 6b0b83c).

    Args:
        course: with what students get.
        assignment: its name and its language.
        folder: new or empty.

    Raises:
        UsageError: the assignment is not released, or the folder is not empty or cannot be written.
    """
    released = _released(course, assignment)
    with new_folder(folder):
        copy_folder(released, folder / "assignment")
        requirements = [word for line in pip_arguments(folder, "package") for word in line.split()]
        script = folder / "autograder.py"
        words = _ENTRY_POINT.format(
            name=assignment.name,
            notebook=f"{assignment.name}.ipynb",
            requirements=requirements,
            language=assignment.settings.language,
            python=_PYTHON,
        )
        script.write_text(words, encoding="utf-8")
    return [script]


def _released(course: Course, assignment: Assignment) -> Path:
    released = course.release / assignment.name
    if not (released / f"{assignment.name}.ipynb").is_file():
        raise UsageError(
            text(
                "{released}: is not released yet; run `autograder release {name}`",
                released=released,
                name=assignment.name,
            )
        )
    return released
