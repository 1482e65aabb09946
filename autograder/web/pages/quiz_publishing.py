"""The quizzes of the course as the instructor publishes them."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from autograder.base.errors import AutograderError, UsageError
from autograder.base.i18n import Text, text
from autograder.quiz.questions.models import Mode
from autograder.quiz.take import releases
from autograder.web.data import offerings
from autograder.web.data.models import Kind
from autograder.web.quizzes import CourseQuiz
from autograder.web.visit import Visit

MODES: dict[Mode, Text] = {
    "practice": text("practice"),
    "test": text("test"),
    "exam": text("exam"),
}


def rows(visit: Visit, session: Session) -> list[dict[str, Any]]:
    """Return every quiz of the course with how it is published, or with what is wrong with it."""
    published = {offering.assignment: offering for offering in offerings.all_of_them(session, Kind.quiz)}
    found: list[dict[str, Any]] = []
    for name in visit.site.quizzes.names():
        row: dict[str, Any] = {"name": name, "offering": published.get(name), "problem": None, "quiz": None}
        try:
            row["quiz"] = visit.site.quizzes.of(name).quiz
        except AutograderError as error:
            row["problem"] = error.text
        found.append(row)
    return found


def record(visit: Visit, quiz: CourseQuiz, mode: Mode) -> None:
    """Record how a quiz is handed out, as `quiz release` does.

    Raises:
        UsageError: this version was an exam, and answers to it are scored as an exam's.
    """
    if visit.site.quizzes.publish(quiz.name, mode).defaults.mode == "exam" and mode != "exam":
        words = text(
            "version {version} of {quiz} was an exam before, so answers to it are scored as an exam's: "
            "raise its version to begin anew, or delete {file}",
            version=quiz.quiz.version,
            quiz=quiz.name,
            file=releases.file_of(quiz.file).name,
        )
        raise UsageError(words)
