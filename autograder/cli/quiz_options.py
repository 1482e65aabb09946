"""What the quiz commands share: their arguments, and how to find the quizzes that these name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from autograder.quiz.questions.models import Quiz

CourseOption = Annotated[
    Path, typer.Option("--course", metavar="FOLDER", help="The course's folder, which contains quizzes/.")
]
AnswersArgument = Annotated[
    list[Path], typer.Argument(metavar="ANSWERS", help="Answer sheets: .yaml, .json, .jsonl, .csv files or folders.")
]
QuizArgument = Annotated[Path, typer.Argument(metavar="QUIZ", help="A quiz file, or the name of one in quizzes/.")]
QuizzesArgument = Annotated[
    list[Path] | None, typer.Argument(metavar="QUIZ", help="Quiz files or names; by default all of quizzes/.")
]


def quizzes_of(names: list[Path] | None, course: Path) -> dict[Path, Quiz]:
    """Load the quizzes with these names, or all of the course if there are none."""
    from autograder.quiz.questions import loading

    if not names:
        return loading.load_all(course / "quizzes")
    files = [loading.find(name, course) for name in names]
    return {file: loading.load(file) for file in files}
