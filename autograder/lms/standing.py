"""Where a student stands: every assignment and quiz around them, when it is due, what is done, what is handed in.

Nothing is run for it: how a check ended and what was handed in is in `autograder.practice.history`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from autograder.base.errors import ConfigError, SubmissionError, UsageError
from autograder.base.i18n import Language, Text, text
from autograder.course import kit
from autograder.course.course import Assignment, Course, find_assignment
from autograder.course.kit import Kit
from autograder.course.submission import read, sha256
from autograder.practice import history
from autograder.practice.history import HandedIn, LastCheck
from autograder.quiz.questions import loading
from autograder.quiz.questions.models import Quiz
from autograder.quiz.take import released
from autograder.quiz.take.released import ReleasedQuiz

_ANSWERS = ".answers.json"
PACKED = "zip"
"""The way of a hand-in that is only half of one: the zip must still be uploaded."""


@dataclass(frozen=True)
class AssignmentStanding:
    """Where a student stands with an assignment.

    Args:
        name: the assignment.
        title: what its author calls it.
        language: what its students read.
        due: when it is due, if that is known here.
        file: the notebook.
        last_check: how the last check of the file ended, if there was one.
        checked_as_it_is: neither the file nor the assignment has changed since.
        handed_in: the last hand-in, if there was one.
        handed_in_as_it_is: the file has not changed since.
    """

    name: str
    title: Text
    language: Language
    due: datetime | None
    file: Path
    last_check: LastCheck | None
    checked_as_it_is: bool
    handed_in: HandedIn | None
    handed_in_as_it_is: bool

    @classmethod
    def of(cls, assignment: Assignment, file: Path) -> AssignmentStanding:
        """Return where the student stands with a notebook of an assignment's."""
        work = history.read(file)
        now = sha256(file) if file.is_file() else ""
        last, handed_in = work.last_check, max(work.handed_in, key=lambda one: one.time, default=None)
        return cls(
            name=assignment.name,
            title=assignment.settings.title,
            language=assignment.settings.language,
            due=assignment.settings.due,
            file=file,
            last_check=last,
            checked_as_it_is=last is not None
            and (last.sha256, last.rubric_sha256) == (now, _public(assignment).sha256()),
            handed_in=handed_in,
            handed_in_as_it_is=handed_in is not None and handed_in.sha256 == now,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "kind": "assignment",
            "name": self.name,
            "title": self.title.model_dump(),
            "due": self.due.isoformat() if self.due else None,
            "file": str(self.file),
            "passed": self.last_check.passed if self.last_check else None,
            "total": self.last_check.total if self.last_check else None,
            "checked": self.last_check.time.isoformat() if self.last_check else None,
            "checked_as_it_is": self.checked_as_it_is,
            "handed_in": self.handed_in.time.isoformat() if self.handed_in else None,
            "handed_in_way": self.handed_in.way if self.handed_in else None,
            "handed_in_as_it_is": self.handed_in_as_it_is,
        }


@dataclass(frozen=True)
class QuizStanding:
    """Where a student stands with a quiz.

    Args:
        name: the quiz.
        title: what its author calls it.
        language: what its students read.
        due: when it is due, if that is known here.
        answered: how many questions have an answer.
        questions: how many there are.
        answers: the file with the answers, if there is one.
    """

    name: str
    title: Text
    language: Language
    due: datetime | None
    answered: int
    questions: int
    answers: Path | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "kind": "quiz",
            "name": self.name,
            "title": self.title.model_dump(),
            "due": self.due.isoformat() if self.due else None,
            "answered": self.answered,
            "questions": self.questions,
            "answers": str(self.answers) if self.answers else None,
        }


def find(start: Path) -> tuple[list[AssignmentStanding], list[QuizStanding]]:
    """Return where a student stands with all that lies in a folder, or in the course that it belongs to.

    Args:
        start: the folder that holds assignments' folders and quizzes, or one inside an assignment.

    Raises:
        UsageError: there is nothing.
        ConfigError: a file is broken.
    """
    if not start.is_dir():
        raise UsageError(text("{path}: there is no such file or folder", path=start), for_students=True)
    root, released_to = _places(start.resolve())
    assignments = [AssignmentStanding.of(*one) for one in _assignments(released_to)]
    quizzes = list(_quizzes(root, start))
    if not (assignments or quizzes) and (words := tell_plain(start)) is not None:
        raise UsageError(words, for_students=True)
    if not (assignments or quizzes):
        words = text(
            "{folder}: holds no assignment and no quiz; go to the folder in which yours lie, or name it", folder=start
        )
        raise UsageError(words, for_students=True)
    return assignments, quizzes


def tell_plain(start: Path) -> Text | None:
    """Name the assignments of the course that have no rubric, and what knows of them; None if there are none."""
    with contextlib.suppress(UsageError):
        course = Course.find(start)
        if course.languages and (names := course.plain()):  # once asked for them, errors are said in these languages
            return text(
                "{names}: without a rubric, nothing is known of it here; "
                "`nbgrader list --inbound` shows what has been handed in",
                names=", ".join(names),
            )
    return None


def _places(start: Path) -> tuple[Path, Path]:
    """Return the folder that everything lies in, and the one with what students have of the assignments.

    In a course these are its own and the one of what was released; elsewhere both are the folder around the assignment.
    """
    try:
        course = Course.find(start)
        return course.root, course.release
    except UsageError:
        pass
    with contextlib.suppress(UsageError, ConfigError):
        start = find_assignment(start).directory.parent
    return start, start


def _assignments(folder: Path) -> Iterator[tuple[Assignment, Path]]:
    """Yield the assignments with their notebooks: first the folders with files, then notebooks that carry a kit."""
    found = set()
    for settings in sorted(folder.glob("*/assignment.yaml")):
        assignment = Assignment.load(settings.parent)
        found.add(assignment.name)
        yield assignment, assignment.notebook
    for notebook in sorted((*folder.glob("*.ipynb"), *folder.glob("*/*.ipynb"))):
        if notebook.stem not in found and (packed := _kit_in(notebook)) is not None and packed.name == notebook.stem:
            found.add(packed.name)
            yield packed.place(), notebook


def _kit_in(notebook: Path) -> Kit | None:
    try:
        return kit.latest(cell.source for cell in read(notebook).cells)
    except (SubmissionError, kit.DamagedKit):
        return None


def _quizzes(root: Path, start: Path) -> Iterator[QuizStanding]:
    answers = [sheet for folder in {root, start.resolve()} for sheet in _sheets(folder)]
    found: dict[str, ReleasedQuiz | Quiz] = {}
    for file in released.files_in(root):
        handed_out = released.load(file)
        found.setdefault(handed_out.id, handed_out)
    for file in sorted((root / "quizzes").glob("*.yaml")):
        keyed = loading.load(file)
        found.setdefault(keyed.id, keyed)
    for quiz in found.values():
        mine = [(file, sheet) for file, sheet in answers if sheet.get("quiz") == quiz.id]
        newest, sheet = max(mine, key=lambda pair: pair[0].stat().st_mtime, default=(None, {}))
        yield QuizStanding(
            name=quiz.id,
            title=quiz.title,
            language=quiz.language,
            due=quiz.due,
            answered=sum(_is_answered(sheet, question.id) for question in quiz.questions),
            questions=len(quiz.questions),
            answers=newest,
        )


def _sheets(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the saved answers in a folder; what cannot be read is not theirs."""
    for file in sorted(folder.glob(f"*{_ANSWERS}")):
        try:
            sheet = json.loads(file.read_bytes())
        except (OSError, ValueError):
            continue
        if isinstance(sheet, dict):
            yield file, sheet


def _is_answered(sheet: dict[str, Any], question: str) -> bool:
    answers = sheet.get("answers")
    tries = answers.get(question) if isinstance(answers, dict) else None
    return bool(tries.get("attempts")) if isinstance(tries, dict) else tries is not None


def _public(assignment: Assignment) -> Assignment:
    """Return the assignment as a check judges by it."""
    return Assignment(assignment.directory, assignment.settings, visible_only=True)
