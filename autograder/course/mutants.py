"""Known wrong and differently right versions of an assignment, as edits of its reference.

``private/mutants.yaml`` lists them; nothing of the reference is typed twice. A mutant names the misconception behind it
and the criteria that must fail; an equivalent must get full marks.
"""

from __future__ import annotations

import ast
import copy
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from autograder.base import yaml_records
from autograder.base.errors import ConfigError
from autograder.base.files import line_of
from autograder.base.i18n import Text, text
from autograder.base.records import Record
from autograder.base.words import Words, in_languages
from autograder.course import source_notebook
from autograder.course.course import Assignment

_SOLUTION_MARK = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)
_SOLUTION = re.compile(r"^([ \t]*)### BEGIN SOLUTION[ \t]*$.*?^[ \t]*### END SOLUTION[ \t]*$", re.MULTILINE | re.DOTALL)
_NOT_WRITTEN = "raise NotImplementedError()"


VARIANT = "~"
"""Stands before the number of a variant in its name."""


class Edit(Record):
    """The replacement of a text that occurs exactly once."""

    find: Annotated[str, Field(min_length=1)]
    replace: str


class Equivalent(Record):
    """Another right version of an exercise."""

    id: str
    exercise: str
    edits: Annotated[list[Edit], Field(min_length=1)]


class Mutant(Equivalent):
    """A wrong version, why it is wrong, and the criteria that must notice.

    ``variants`` are other edits that make the same mistake: with another constant, or another right way around it.
    """

    explain: Words
    fails: Annotated[list[str], Field(min_length=1)]
    variants: list[Annotated[list[Edit], Field(min_length=1)]] = []

    @property
    def forms(self) -> tuple[Mutant, ...]:
        """The mutant, and each of its variants as a mutant of a name of its own."""
        others = (
            self.model_copy(update={"id": f"{self.id}{VARIANT}{number}", "edits": edits, "variants": []})
            for number, edits in enumerate(self.variants, start=1)
        )
        return (self, *others)

    @property
    def name(self) -> str:
        """The id, without the number of the variant."""
        return self.id.partition(VARIANT)[0]


class GeneratedEquivalent(Record):
    """A version that `autograder audit` generates and that is right nevertheless, with the reason."""

    id: str
    reason: Annotated[str, Field(min_length=1)]


class Mutants(Record):
    """The contents of a ``mutants.yaml``."""

    schema_: Annotated[int, Field(alias="schema", ge=1, le=1)]
    mutants: list[Mutant] = []
    equivalents: list[Equivalent] = []
    generated_equivalents: list[GeneratedEquivalent] = []

    @property
    def versions(self) -> list[Mutant | Equivalent]:
        """Every version that an edit makes: the mutants in all their forms, and the equivalents."""
        return [*(form for mutant in self.mutants for form in mutant.forms), *self.equivalents]


def are_listed(assignment: Assignment) -> bool:
    """Is there a ``mutants.yaml``? A quiz that was turned into an assignment has none."""
    return _path(assignment.directory).exists()


def load(assignment: Assignment) -> Mutants:
    """Read an assignment's ``private/mutants.yaml``.

    Raises:
        ConfigError: it is missing or something in it is wrong.
    """
    if not are_listed(assignment):
        raise ConfigError(
            text(
                "is missing; list a wrong version for each criterion, or write only `schema: 1` to begin with the "
                "versions that are made by rule (for a quiz there is `autograder quiz prove`)"
            ),
            path=_path(assignment.directory),
        )
    known = yaml_records.load(_path(assignment.directory), Mutants, context=in_languages(assignment.languages))
    seen: set[str] = set()
    for version in (*known.mutants, *known.equivalents):
        if version.exercise not in assignment.settings.exercises:
            words = text("assignment.yaml has no exercise {name!r}", name=version.exercise)
            raise mistake(assignment.directory, version.id, words)
        if version.id in seen:
            raise mistake(assignment.directory, version.id, text("another version has this id"))
        seen.add(version.id)
    return known


def excuses(folder: Path) -> dict[str, str]:
    """Return the generated versions of a plain assignment that are right after all, each with the reason.

    Args:
        folder: the assignment's; its ``private/mutants.yaml`` need not be there.

    Raises:
        ConfigError: something in the file is wrong, or is about a rubric.
    """
    path = _path(folder)
    if not path.exists():
        return {}
    known = yaml_records.load(path, Mutants)
    for version in known.versions:
        words = text("without a rubric there are only generated_equivalents; remove this version")
        raise mistake(folder, version.id, words)
    return {one.id: one.reason for one in known.generated_equivalents}


def _path(assignment: Path) -> Path:
    return assignment / "private" / "mutants.yaml"


def mistake(assignment: Path, version: str, words: Text) -> ConfigError:
    """Return the error for a version, with its line in ``mutants.yaml``."""
    path = _path(assignment)
    return ConfigError(words, path=path, line=line_of(path, f"id: {version}", last=True), key=version)


@dataclass(frozen=True)
class Answers:
    """The reference's solution cells, from which notebooks like a student's are made.

    Args:
        path: the source notebook.
        release: the notebook students get, as JSON.
        solutions: the source of each solution cell by ``grade_id``.
        stubs: what students find in those cells.
    """

    path: Path
    release: Mapping[str, Any]
    solutions: Mapping[str, str]
    stubs: Mapping[str, str]

    @classmethod
    def of(cls, assignment: Assignment, release: Path) -> Answers:
        """Read an assignment's source notebook and its release.

        Args:
            assignment: the folder in ``solutions/``.
            release: the notebook in ``assignments/``.
        """
        cells = _solution_cells(assignment.require_notebook())
        return cls(
            path=assignment.notebook,
            release=json.loads(release.read_text(encoding="utf-8")),
            solutions={name: _SOLUTION_MARK.sub("", source) for name, source in cells.items()},
            stubs={name: _stub_of(source) for name, source in cells.items()},
        )

    def edited(self, version: Equivalent, source: str | None = None) -> str:
        """Return the solution of an exercise with a version's edits.

        Args:
            version: the edits.
            source: what to edit instead of the solution, for example the solution with other edits.

        Raises:
            ConfigError: there is no such solution, or a text to replace does not occur in it exactly once.
        """
        if version.exercise not in self.solutions:
            words = text(
                "{file} has no solution cell {name!r} to edit; give the cell that answers the exercise this `grade_id`",
                file=self.path.name,
                name=version.exercise,
            )
            raise mistake(self.path.parent, version.id, words)
        if source is None:
            source = self.solutions[version.exercise]
        for edit in version.edits:
            if source.count(edit.find) != 1:
                raise mistake(self.path.parent, version.id, _not_once(edit.find, source, version.exercise))
            source = source.replace(edit.find, edit.replace)
        return source

    def edited_soundly(self, version: Equivalent) -> str:
        """Return the same, if it is of use to an author; those who grade need not ask.

        Raises:
            ConfigError: as for `edited`, or what comes out is the solution itself, or not Python.
        """
        made = self.edited(version)
        fault = _fault(made, self.solutions[version.exercise])
        if fault is not None:
            raise mistake(self.path.parent, version.id, fault)
        return made

    def notebook(self, answers: Mapping[str, str]) -> dict[str, Any]:
        """Return the released notebook with some cells filled in, as a student would save it."""
        notebook = copy.deepcopy(dict(self.release))
        for cell in notebook["cells"]:
            grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id")
            if grade_id in answers:
                cell["source"] = answers[grade_id].splitlines(keepends=True)
        return notebook

    def script(self, answers: Mapping[str, str]) -> str:
        """Return the same as a ``.py`` file: code cells only, without the tests."""
        cells = [cell for cell in self.notebook(answers)["cells"] if cell["cell_type"] == "code"]
        marks = [cell["metadata"].get("nbgrader", {}) for cell in cells]
        kept = (c for c, mark in zip(cells, marks, strict=True) if mark and not mark.get("grade"))
        return "\n\n\n".join("".join(cell["source"]) for cell in kept) + "\n"


def apply_edits(assignment: Assignment) -> None:
    """Read the source notebook and apply every edit of ``mutants.yaml``, if there is one, before anything slow begins.

    Raises:
        ConfigError: the notebook or ``mutants.yaml`` is missing or damaged, or an edit does not apply.
    """
    source_notebook.read(assignment)
    if are_listed(assignment):
        answers, known = Answers.of(assignment, assignment.notebook), load(assignment)
        for version in known.versions:
            answers.edited(version)


def _solution_cells(notebook: Path) -> dict[str, str]:
    """Return the source of each solution cell, by ``grade_id``.

    Raises:
        ConfigError: the file is not a notebook.
    """
    try:
        content = json.loads(notebook.read_text(encoding="utf-8"))
        code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
        marks = [(cell, cell["metadata"].get("nbgrader", {})) for cell in code]
        return {mark["grade_id"]: "".join(cell["source"]) for cell, mark in marks if mark.get("solution")}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        words = text("is not a notebook, or is damaged; open it in Jupyter and save it again")
        raise ConfigError(words, path=notebook) from error


def _not_once(find: str, solution: str, exercise: str) -> Text:
    """Say that a text to replace does not stand in a solution exactly once, or that only its blanks differ."""
    if find not in solution and " ".join(find.split()) in " ".join(solution.split()):
        return text(
            "{find!r} stands in the solution of {exercise!r} with other blanks or line breaks; "
            "copy it with its indentation",
            find=find,
            exercise=exercise,
        )
    if find not in solution and find.replace("\\n", "\n") in solution:
        return text(
            "`{find}` is not in the solution of {exercise!r}: \\n is a line break in double quotes only; write "
            'find: "...\\n..." instead of single quotes',
            find=find,
            exercise=exercise,
        )
    return text(
        "{find!r} occurs {count} times in the solution of {exercise!r}, not once; "
        "copy a text into find that stands there exactly once",
        find=find,
        count=solution.count(find),
        exercise=exercise,
    )


def _fault(made: str, solution: str) -> Text | None:
    """Say what is wrong with what edits made of a solution: nothing is new, or it is no longer Python."""
    if made == solution:
        return text("the edits change nothing")
    error = _syntax_error(made)
    if error is None or _syntax_error(solution):  # Python alone cannot read a cell with a magic
        return None
    return text(
        "with these edits the solution is not Python: line {line}, {line_there!r}: {reason}; in `replace`, lines after "
        "the first need all of their indentation",
        line=error.lineno,
        line_there=(error.text or "").rstrip(),
        reason=error.msg,
    )


def _syntax_error(source: str) -> SyntaxError | None:
    try:
        ast.parse(source)
    except SyntaxError as error:
        return error
    return None


def _stub_of(source: str) -> str:
    """Return a solution cell as nbgrader releases it: without marks, all of it is the solution."""
    stub, found = _SOLUTION.subn(rf"\g<1>{_NOT_WRITTEN}", source)
    return stub if found else _NOT_WRITTEN
