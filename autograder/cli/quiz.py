"""The commands of ``autograder quiz``."""

from __future__ import annotations

from typing import ClassVar

import typer

from autograder.cli.on_demand import OnDemandGroup, Panels


class _Commands(OnDemandGroup):
    panels: ClassVar[Panels] = {
        "Students": {"take": "quiz_answering:take"},
        "Instructors": {
            "list": "quiz_authoring:list_",
            "release": "quiz_authoring:release",
            "export": "quiz_authoring:export",
            "score": "quiz_answering:score",
            "stats": "quiz_answering:stats",
        },
        "Authors": {"prove": "quiz_authoring:prove", "lint": "quiz_authoring:lint", "schema": "quiz_authoring:schema"},
    }


app = typer.Typer(
    cls=_Commands,
    name="quiz",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Quizzes: take, score, prove, check, hand out.",
)


@app.callback()
def common() -> None:
    """Make a group of it, which has no commands yet."""
