"""Known wrong and differently right versions of an assignment, as edits of its reference.

``private/mutants.yaml`` lists them; nothing of the reference is typed twice. A mutant names the misconception behind it
and the criteria that must fail; an equivalent must get full marks.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from autograder import yamlfile
from autograder.course import Assignment
from autograder.errors import ConfigError
from autograder.texts import Text

_SOLUTION_MARK = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Edit(_Record):
    """Replace a text that occurs exactly once."""

    find: Annotated[str, Field(min_length=1)]
    replace: str


class Equivalent(_Record):
    """Another right version of an exercise."""

    id: str
    exercise: str
    edits: Annotated[list[Edit], Field(min_length=1)]


class Mutant(Equivalent):
    """A wrong version, why it is wrong, and the criteria that must notice."""

    explain: Text
    fails: Annotated[list[str], Field(min_length=1)]


class GeneratedEquivalent(_Record):
    """A version that `autograder audit` generates and that is right all the same, with the reason."""

    id: str
    reason: Annotated[str, Field(min_length=1)]


class Mutants(_Record):
    """The contents of a ``mutants.yaml``."""

    schema_: Annotated[int, Field(alias="schema", ge=1, le=1)]
    mutants: list[Mutant] = []
    equivalents: list[Equivalent] = []
    generated_equivalents: list[GeneratedEquivalent] = []


def load(assignment: Assignment) -> Mutants:
    """Read an assignment's ``private/mutants.yaml``.

    Raises:
        ConfigError: it is missing or something in it is wrong.
    """
    return yamlfile.load(assignment.private / "mutants.yaml", Mutants)


@dataclass(frozen=True)
class Answers:
    """The reference's solution cells, from which notebooks like a student's are made.

    Args:
        path: the source notebook.
        release: the notebook students get, as JSON.
        solutions: the source of each solution cell by ``grade_id``.
    """

    path: Path
    release: Mapping[str, Any]
    solutions: Mapping[str, str]

    @classmethod
    def of(cls, assignment: Assignment, release: Path) -> Answers:
        """Read an assignment's source notebook and its release.

        Args:
            assignment: the folder in ``solutions/``.
            release: the notebook in ``assignments/``.
        """
        source = json.loads(assignment.notebook.read_text(encoding="utf-8"))
        marks = (
            (cell, cell["metadata"].get("nbgrader", {})) for cell in source["cells"] if cell["cell_type"] == "code"
        )
        solutions = {
            mark["grade_id"]: _SOLUTION_MARK.sub("", "".join(cell["source"]))
            for cell, mark in marks
            if mark.get("solution")
        }
        return cls(assignment.notebook, json.loads(release.read_text(encoding="utf-8")), solutions)

    def edited(self, exercise: str, edits: Sequence[Edit]) -> str:
        """The solution of an exercise after some edits.

        Raises:
            ConfigError: a text to replace does not occur exactly once.
        """
        source = self.solutions[exercise]
        for edit in edits:
            if source.count(edit.find) != 1:
                raise ConfigError(
                    f"{edit.find!r} occurs {source.count(edit.find)} times, not once", path=self.path, key=exercise
                )
            source = source.replace(edit.find, edit.replace)
        return source

    def notebook(self, answers: Mapping[str, str]) -> dict[str, Any]:
        """The released notebook with some cells filled in, as a student would save it."""
        notebook = copy.deepcopy(dict(self.release))
        for cell in notebook["cells"]:
            grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if grade_id in answers:
                cell["source"] = answers[grade_id].splitlines(keepends=True)
        return notebook

    def script(self, answers: Mapping[str, str]) -> str:
        """The same as a ``.py`` file: code cells only, without the tests."""
        cells = [cell for cell in self.notebook(answers)["cells"] if cell["cell_type"] == "code"]
        marks = [cell["metadata"].get("nbgrader", {}) for cell in cells]
        kept = (c for c, mark in zip(cells, marks, strict=True) if mark and not mark.get("grade"))
        return "\n\n\n".join("".join(cell["source"]) for cell in kept) + "\n"
