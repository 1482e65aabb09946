"""Reads the hostile submissions in ``attacks/`` and makes notebooks of them.

A file contains the hostile part only. Its docstring says what it tries, then, one per line:

    honest: linreg, sgd            exercises answered as the reference does; `none`, or `all`
    earns: linreg.shape            further criteria that what it returns does meet
    loses: sgd.one_step            criteria of its honest part that it spoils for itself
    says: PermissionError          words that the report must contain, which shows that it was really tried
    form: script                   handed in as a .py file
    status: unreadable             of the report; `graded` by default

`earns` and `loses` may end in `*`. The code below is cut at ``# %% start`` (a cell behind the imports), ``# %% NAME``
(the answer to that exercise), ``# %% answers`` (the answer to every exercise not named) and ``# %% end`` (the last cell). `@COURSE@`, `@PORT@` and `@TOKEN@` are what an attacker
could know: where the course is, where something listens, and a name of which no file may be left anywhere.
"""

from __future__ import annotations

import ast
import fnmatch
import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tiny_course as tiny

from autograder.course.course import Assignment, Course
from autograder.course.mutants import Answers

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parents[1] / "attacks"
NAME = "linear_regression"
LIMITS = {"call_s": 1, "cell_s": 1.5, "submission_s": 15, "memory_mb": 512}
_FIELD = re.compile(r"^ *(honest|earns|loses|says|form|status): +(.+)$", re.MULTILINE)
_MARK = re.compile(r"^# %% (\w+)$", re.MULTILINE)


@dataclass(frozen=True)
class Attack:
    """One hostile submission.

    Args:
        name: of the file and of the student.
        honest: the exercises it answers as the reference does.
        earns: patterns of criteria that it meets beyond these.
        loses: patterns of criteria that it spoils for itself.
        says: words that the report must contain.
        is_script: whether it is handed in as a ``.py`` file.
        status: of its report.
        parts: its code by place.
    """

    name: str
    honest: frozenset[str]
    earns: tuple[str, ...]
    loses: tuple[str, ...]
    says: tuple[str, ...]
    is_script: bool
    status: str
    parts: Mapping[str, str]

    def may_pass(self, honest_passes: set[str], criteria: Iterable[str]) -> set[str]:
        """Return the criteria this attack passes, given those that an honest submission of the same exercises passes."""
        return (honest_passes | _matching(criteria, self.earns)) - _matching(criteria, self.loses)


def _matching(names: Iterable[str], patterns: Iterable[str]) -> set[str]:
    return {name for name in names for pattern in patterns if fnmatch.fnmatchcase(name, pattern.replace("[", "[[]"))}


def parse(name: str, docstring: str, exercises: Iterable[str], parts: Mapping[str, str]) -> Attack:
    """Read the lines of a docstring that say what an attack may earn."""
    fields: dict[str, list[str]] = {}
    for field, value in _FIELD.findall(docstring):
        fields.setdefault(field, []).append(value)
    honest = {"none": frozenset(), "all": frozenset(exercises)}.get(fields["honest"][0]) or frozenset(
        n for n in _names(fields["honest"]) if n != "none"
    )
    assert honest <= set(exercises), f"{name}: no exercise {honest - set(exercises)}"
    return Attack(
        name=name,
        honest=honest,
        earns=_names(fields.get("earns", [])),
        loses=_names(fields.get("loses", [])),
        says=tuple(fields.get("says", [])),
        is_script=fields.get("form") == ["script"],
        status=fields.get("status", ["graded"])[0],
        parts=parts,
    )


def _names(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.strip() for value in values for name in value.split(","))


def read_all(exercises: Iterable[str]) -> list[Attack]:
    """Return every attack of the corpus."""
    return [_read(path, tuple(exercises)) for path in sorted(FOLDER.glob("*.py"))]


def _read(path: Path, exercises: tuple[str, ...]) -> Attack:
    source = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source)) or ""
    _, *pieces = _MARK.split(source)
    parts = dict(zip(pieces[::2], pieces[1::2], strict=True))
    assert parts, f"{path.name}: nothing to run"
    assert set(parts) <= {"start", "end", "answers", *exercises}, f"{path.name}: {set(parts)}"
    return parse(path.stem, docstring, exercises, parts)


@dataclass(frozen=True)
class Desk:
    """Makes notebooks for the real assignment, as students and attackers would hand them in."""

    answers: Answers
    exercises: tuple[str, ...]
    known: Mapping[str, str]

    @classmethod
    def of(cls, assignment: Assignment, known: Mapping[str, str]) -> Desk:
        """Return a desk for an assignment; ``known`` says what the placeholders of an attack stand for."""
        release = ROOT / "assignments" / NAME / f"{NAME}.ipynb"
        return cls(Answers.of(assignment, release), tuple(assignment.settings.exercises), known)

    def cells(self, honest: Iterable[str], parts: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """Return the cells that matter, imports and exercises with grade cells, with the hostile parts in their places."""
        parts = {place: self.filled(code) for place, code in (parts or {}).items()}
        given = dict.fromkeys(self.exercises, parts["answers"]) if "answers" in parts else {}
        given |= {name: self.answers.solutions[name] for name in honest} | parts
        cells = []
        for cell in self.answers.notebook(given)["cells"]:
            mark = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if cell["cell_type"] == "code" and mark:
                cells.append(cell)
            if mark == "imports" and "start" in parts:
                cells.append(tiny.code_cell(parts["start"]))
        return [*cells, *([tiny.code_cell(parts["end"])] if "end" in parts else [])]

    def filled(self, code: str) -> str:
        """Fill in what the attacker knows."""
        for word, value in self.known.items():
            code = code.replace(f"@{word}@", value)
        return code

    def content(self, attack: Attack) -> tuple[str, str]:
        """Return an attack's file: its suffix and its text."""
        cells = self.cells(attack.honest, attack.parts)
        if attack.is_script:
            sources = ["".join(c["source"]) for c in cells if not c["metadata"].get("nbgrader", {}).get("grade")]
            return ".py", "\n\n".join(f"# %%\n{source}" for source in sources)
        return ".ipynb", json.dumps(tiny.notebook(*cells))

    def honest_notebook(self, honest: Iterable[str]) -> str:
        """Return what a student hands in who has done these exercises and no others."""
        return json.dumps(tiny.notebook(*self.cells(honest)))


def make_course(root: Path, **limits: float) -> Course:
    """Copy the real assignment, with tight limits or these; unconfined, anybody could read and write everything in it."""
    folder = root / "solutions" / NAME
    shutil.copytree(ROOT / "solutions" / NAME, folder, ignore=shutil.ignore_patterns("__pycache__"))
    settings = folder / "assignment.yaml"
    kept = [line for line in settings.read_text(encoding="utf-8").splitlines() if not line.startswith("limits:")]
    shown = ", ".join(f"{name}: {value}" for name, value in (LIMITS | limits).items())
    settings.write_text("\n".join([*kept, f"limits: {{{shown}}}", ""]), encoding="utf-8")
    return Course(root)
