"""The outcome of grading: one `GradeReport` per submission, one line of ``results.jsonl``.

Scores fail closed: a criterion earns its points if it passed and nothing otherwise; if one could not be judged, there
is no score at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from autograder.base.i18n import Language, Text, same, text
from autograder.base.records import Record
from autograder.results import version_1

Outcome = Literal["passed", "failed", "error", "skipped"]
Points = Annotated[float, Field(ge=0, allow_inf_nan=False)]
SCHEMA: Literal[2] = 2
CAUSES = "|"
"""Separates the ids of mistakes that do the same, in the id of a diagnosis."""

MAX_PROBLEMS = 50
"""A report lists at most this many: a notebook can have any number of cells, each with something wrong."""

FOLLOWS = "follows-from-"
"""Begins the id of a diagnosis that names no mistake of its own: right code would do the same after an earlier one."""


class Diagnosis(Record):
    """Why an answer is wrong, under an id that stays the same from run to run."""

    id: str
    text: Text


class Problem(Record):
    """Something about a submission that its student should know, whatever the score.

    Args:
        kind: what it is.
        notebook: the one that it is about; left out where a submission has one notebook, or it is about all of them.
        cell: the number of the cell, among those with code.
        line: in that cell.
        text: what is said.
    """

    kind: Literal[
        "unreadable",
        "encoding",
        "cell-error",
        "cell-timeout",
        "cell-crash",
        "cell-skipped",
        "missing",
        "timeout",
        "crash",
        "output",
        "note",
        "platform",
        "waiting",
    ]
    notebook: str | None = Field(default=None, exclude_if=lambda name: name is None)
    cell: int | None = None
    line: int | None = None
    text: Text

    @classmethod
    def of(cls, kind: str, words: Text, *, cell: int | None = None, line: int | None = None) -> Self:
        """Return a problem described in both languages."""
        return cls(kind=kind, cell=cell, line=line, text=words)  # type: ignore[arg-type]

    def of_notebook(self, name: str) -> Self:
        """Return the problem as that of one of several notebooks."""
        return self.model_copy(update={"notebook": name})

    @property
    def heading(self) -> str:
        """The name of its notebook, where there are several and the words do not name its file; else ``""``."""
        is_named = f" {self.notebook}.ipynb" in f" {self.text.en}"
        return "" if self.notebook is None or is_named else self.notebook

    @property
    def in_full(self) -> Text:
        """The words behind the name of their notebook, where readers need it."""
        return same(f"{self.heading}: ") + self.text if self.heading else self.text


def bounded(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return the problems that a report lists: of very many the first ones, and that there are more."""
    if len(problems) <= MAX_PROBLEMS:
        return tuple(problems)
    words = text("there are more problems like these; only the first {count} are shown", count=MAX_PROBLEMS)
    more = problems[MAX_PROBLEMS].model_copy(update={"cell": None, "line": None, "text": words})
    return (*problems[:MAX_PROBLEMS], more)


class CriterionResult(Record):
    """The verdict on one criterion."""

    id: str
    title: Text
    points: Points
    earned: Points
    outcome: Outcome
    visible: bool
    message: Text = same("")
    diagnosis: Diagnosis | None = None
    hint: Text | None = None

    @model_validator(mode="after")
    def _all_or_nothing(self) -> Self:
        if self.earned != (self.points if self.outcome == "passed" else 0):
            raise ValueError(f"{self.id}: {self.outcome} earns {self.earned} of {self.points}")
        return self

    def for_student(self) -> Self:
        """Return what its student may see: of a hidden criterion only the title and the outcome."""
        if self.visible:
            return self
        return self.model_copy(update={"message": same(""), "diagnosis": None, "hint": None})


def names_itself(title: Text, name: str) -> bool:
    """Whether a title says nothing beyond the name of its exercise, such as the notebook of a grade cell."""
    return all(f"{name}/".startswith(f"{words}/") for _, words in title)


class ExerciseResult(Record):
    """The criteria of one exercise; without a score if one of them could not be judged."""

    name: str
    title: Text
    score: Points | None
    max_score: Points
    criteria: tuple[CriterionResult, ...]

    @classmethod
    def of(cls, name: str, title: Text, criteria: tuple[CriterionResult, ...]) -> Self:
        """Add up the criteria of one exercise."""
        judged = all(c.outcome != "error" for c in criteria)
        return cls(
            name=name,
            title=title,
            criteria=criteria,
            score=round(sum(c.earned for c in criteria), 6) if judged else None,
            max_score=round(sum(c.points for c in criteria), 6),
        )

    def headed(self, language: Language) -> tuple[str, str]:
        """Return the title and the name; the name and ``""`` where the title adds nothing to it."""
        return (self.name, "") if names_itself(self.title, self.name) else (self.title.get(language), self.name)

    @property
    def is_whole(self) -> bool:
        """Whether it is judged as a whole, as grade cells with asserts are; without points nothing is judged."""
        return not self.criteria and self.max_score > 0

    def for_student(self) -> Self:
        """Return what its student may see."""
        return self.model_copy(update={"criteria": tuple(c.for_student() for c in self.criteria)})


class GradeReport(Record):
    """Everything known about one graded submission."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_: Literal[2] = Field(default=SCHEMA, alias="schema")
    student: str
    assignment: str
    status: Literal["graded", "unreadable", "error"]
    score: Points | None
    max_score: Points
    exercises: tuple[ExerciseResult, ...]
    problems: tuple[Problem, ...] = ()
    file: str
    submission_sha256: str
    rubric_sha256: str
    seed: str
    sandbox: str
    versions: dict[str, str]
    duration_s: float

    @property
    def waits(self) -> bool:
        """Whether a person has yet to give points: for some cells, or for what cannot be read."""
        return self.status == "unreadable" or any(problem.kind == "waiting" for problem in self.problems)

    @classmethod
    def from_json(cls, line: bytes | str) -> Self:
        """Return the report of one line of ``results.jsonl``, of this version or of version 1.

        Raises:
            ValidationError: it is none.
        """
        try:
            return cls.model_validate_json(line)
        except ValidationError:  # nearly every line is of this version, and is read without a look at the number
            if (values := version_1.read(line)) is None:
                raise
            return cls.model_validate(values | {"schema": SCHEMA})

    @model_validator(mode="after")
    def _score_is_the_sum(self) -> Self:
        scores = [exercise.score for exercise in self.exercises]
        judged = self.status != "error" and None not in scores
        expected = round(sum(s for s in scores if s is not None), 6) if judged else None
        if self.score != expected or (self.status == "unreadable" and self.score != 0):
            raise ValueError(f"status {self.status} and score {self.score} do not agree with {scores}")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, with the names of ``results.jsonl``."""
        return self.model_dump(mode="json", by_alias=True)

    def to_json(self) -> str:
        """Return the report as one line of ``results.jsonl``."""
        return self.model_dump_json(by_alias=True)
