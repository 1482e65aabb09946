"""Writes the assignment: source notebook, settings, criteria, data."""

from __future__ import annotations

import ast
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from autograder.base.files import write_asked
from autograder.base.i18n import Language, Text, same, text
from autograder.course.otter.cases import Case
from autograder.course.otter.configuration import notes_on_configuration
from autograder.course.otter.criteria import own_function
from autograder.course.otter.notebook import SourceNotebook
from autograder.course.otter.plan import Criterion, Exercise, Note, Plan, notes_on_questions

_TITLE = 70
_MUTANTS = "schema: 1\nmutants: []\n"


def write(plan: Plan, folder: Path, languages: Sequence[Language]) -> list[Exercise]:
    """Write an assignment into its folder, over an earlier one of the same notebook; return its exercises.

    Without any exercise there is nothing to judge by: then it is a notebook that a person grades.

    Args:
        plan: what becomes of the master notebook.
        folder: of the assignment.
        languages: of the course.

    Raises:
        UsageError: a file cannot be written, or one that the master notebook names is not there.
    """
    exercises = plan.exercises()
    notebook = SourceNotebook(plan, exercises).content()
    _write(folder / f"{folder.name}.ipynb", json.dumps(notebook, ensure_ascii=False, indent=1) + "\n")
    for name, path in plan.files.paths.items():
        target = folder / plan.files.places[name]
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(path, target)
    if exercises:
        _write(folder / "assignment.yaml", _settings(plan, exercises, languages))
        _write(folder / "private" / "mutants.yaml", _MUTANTS)
        for name, hidden in ((f"test_{folder.name}.py", False), (f"private/test_{folder.name}_hidden.py", True)):
            source = _rubric(plan, exercises, languages, hidden=hidden)
            if source:
                _write(folder / name, source)
            else:
                (folder / name).unlink(missing_ok=True)
    return exercises


def notes(plan: Plan) -> list[Note]:
    """Return what was not turned, or not quite."""
    exercises = plan.exercises()
    found = [*notes_on_configuration(plan), *notes_on_questions(plan, exercises), *plan.notes_on_code()]
    return sorted(found, key=lambda note: note.cell or 0)


def _write(path: Path, content: str) -> None:
    write_asked(path, content, make_folder=True)


def _settings(plan: Plan, exercises: Iterable[Exercise], languages: Sequence[Language]) -> str:
    title = same(str(plan.master.config.get("name") or plan.master.path.stem))
    settings: dict[str, Any] = {
        "schema": 1,
        "title": _words(title, languages),
        "language": languages[0],
        "exercises": {},
    }
    for exercise in exercises:
        entry: dict[str, Any] = {"title": _words(same(exercise.question.name), languages)}
        if exercise.functions:
            entry["functions"] = [f"{name}({', '.join(own)})" for name, own in exercise.functions.items()]
        if changes := {name: list(own) for name, own in exercise.functions.items() if own}:
            entry["changes"] = changes
        if exercise.variables:
            entry["variables"] = list(exercise.variables)
        settings["exercises"][exercise.question.exercise] = entry
    if plan.master.seed is not None:
        value, variable = plan.master.seed
        settings["seed"] = {"value": value} | ({} if variable is None else {"variable": variable})
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=120)


def _words(words: Text, languages: Sequence[Language]) -> str | dict[str, str]:
    told = {str(language): words.get(language) for language in languages}
    return told if len(told) > 1 else next(iter(told.values()))


def _rubric(plan: Plan, exercises: Iterable[Exercise], languages: Sequence[Language], *, hidden: bool) -> str:
    """Return a rubric file, empty if there is no criterion for it."""
    chosen = [(e, c) for e in exercises for c in e.criteria if c.case.is_hidden == hidden]
    if not chosen:
        return ""
    imports = sorted({line for _, criterion in chosen for line in criterion.written.imports})
    checks = any("checks." in line for _, criterion in chosen for line in criterion.written.body)
    words = text("Turned from {file} by `autograder import otter`.", file=plan.master.path.name).get(languages[0])
    head = [f'"""{words}"""', "", *imports, *([""] if imports else [])]
    head.append(f"from autograder import {'checks, ' if checks else ''}criterion")
    parts = ["\n".join(head)]
    parts += ["\n".join(_criterion(exercise, criterion, languages)) for exercise, criterion in chosen]
    return "\n\n\n".join(parts) + "\n"


def _criterion(exercise: Exercise, criterion: Criterion, languages: Sequence[Language]) -> Iterator[str]:
    case, written, name = criterion.case, criterion.written, exercise.question.exercise
    failure = case.config.get("failure_message")
    points = int(criterion.points) if criterion.points == int(criterion.points) else criterion.points
    if written.inside is not None:
        yield "# " + (text("in the student's process: ") + written.inside).get(languages[0])
    yield "@criterion("
    yield f'    "{name}", points={points},'
    yield f"    title={_quoted(_title(case), languages)},"
    if failure:
        yield f"    hint={_quoted(same(str(failure)), languages)},"
    if criterion.needs:
        yield f'    needs="{criterion.needs}",'
    yield ")"
    yield f"def test_{name}_{case.name}({', '.join(written.fixtures)}):"
    for line in written.body:
        yield f"    {line}".rstrip()


def _quoted(words: Text, languages: Sequence[Language]) -> str:
    return json.dumps(_words(words, languages), ensure_ascii=False)


def _title(case: Case) -> Text:
    """Return what students read of a criterion; of a hidden one they learn nothing else."""
    if case.is_hidden:
        return text("hidden test {number}", number=case.number)
    if name := case.config.get("name"):
        return same(str(name))
    function = own_function(case)
    if function is not None:
        return same(function.name.removeprefix("test_").replace("_", " "))
    line = " ".join(ast.unparse(case.tree.body[-1]).split())
    return same(line if len(line) <= _TITLE else f"{line[: _TITLE - 3]}...")
