"""The results of scoring: one `SheetOutcome` per answer sheet, plain and quick to make, since there are many.

A sheet without a score could not be judged, which is our fault; one that cannot be read has the reason and no points.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from autograder.base.i18n import Text, text

Mark = Literal["right", "partial", "wrong", "blank", "format-error", "unjudged"]
SCHEMA = 1


@dataclass(frozen=True, slots=True)
class QuestionOutcome:
    """The verdict on one answer.

    Args:
        id: of the question.
        outcome: in one word; ``unjudged`` is never the student's fault.
        points: what the question is worth.
        earned: what this answer earns; None where it could not be judged.
        answer: what was answered, in one line; of several attempts the one that counts.
        chosen: the keys of the options chosen, for item analysis; ``part=option`` where the question has parts.
        attempt: the number of the attempt that counts; 0 for none.
        hints: how many were taken.
        variant: which variant of a question with parameters was asked.
        feedback: what the student should read.
    """

    id: str
    outcome: Mark
    points: float
    earned: float | None
    answer: str = ""
    chosen: tuple[str, ...] = ()
    attempt: int = 0
    hints: int = 0
    variant: int | None = None
    feedback: tuple[Text, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as it is written to JSON."""
        return {
            "id": self.id,
            "outcome": self.outcome,
            "points": self.points,
            "earned": self.earned,
            "answer": self.answer,
            "chosen": list(self.chosen),
            "attempt": self.attempt,
            "hints": self.hints,
            "variant": self.variant,
            "feedback": [words.model_dump() for words in self.feedback],
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> QuestionOutcome:
        """Return the outcome that `to_dict` wrote."""
        feedback = tuple(Text(**words) for words in written["feedback"])
        return cls(**{**written, "chosen": tuple(written["chosen"]), "feedback": feedback})


@dataclass(frozen=True, slots=True)
class SheetOutcome:
    """Everything known about one scored answer sheet."""

    student: str
    quiz: str
    version: int
    status: Literal["scored", "unreadable", "error"]
    score: float | None
    max_score: float
    questions: tuple[QuestionOutcome, ...]
    problems: tuple[Text, ...] = ()
    file: str = ""
    named: bool = True
    """Whether the sheet says whose it is."""

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as it is written to JSON."""
        return {
            "schema": SCHEMA,
            "student": self.student,
            "quiz": self.quiz,
            "version": self.version,
            "status": self.status,
            "score": self.score,
            "max_score": self.max_score,
            "questions": [question.to_dict() for question in self.questions],
            "problems": [words.model_dump() for words in self.problems],
            "file": self.file,
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> SheetOutcome:
        """Return the outcome that `to_dict` wrote, of a sheet with a name on it."""
        values = {name: value for name, value in written.items() if name != "schema"}
        values["questions"] = tuple(map(QuestionOutcome.from_dict, written["questions"]))
        values["problems"] = tuple(Text(**words) for words in written["problems"])
        return cls(**values)


def one_of_each_student(outcomes: Sequence[SheetOutcome], left_out: Text) -> tuple[list[SheetOutcome], list[Text]]:
    """Return the sheets that count for a student, and notes on the others.

    A sheet that cannot be read, or has no name on it, counts for nobody; of two sheets of one student, neither counts.

    Args:
        outcomes: of all sheets.
        left_out: what happens to a sheet that does not count, in a few words.
    """
    counts = Counter(sheet.student for sheet in outcomes if sheet.status != "unreadable")
    sheets, notes = [], dict[str, Text]()
    for sheet in outcomes:
        if sheet.status == "unreadable":
            name = sheet.file or sheet.student
            notes[name] = text("{sheet}: cannot be read; {left_out}", sheet=name, left_out=left_out)
        elif not sheet.named:
            name = f"{sheet.file} ({sheet.student})"
            notes[name] = text("{sheet}: does not say whose it is; {left_out}", sheet=sheet.student, left_out=left_out)
        elif counts[sheet.student] > 1:
            notes[sheet.student] = text(
                "{student}: has {count} answer sheets; {left_out}",
                student=sheet.student,
                count=counts[sheet.student],
                left_out=left_out,
            )
        else:
            sheets.append(sheet)
    return sheets, list(notes.values())
