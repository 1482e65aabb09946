"""Registers the commands of ``autograder quiz``."""

from __future__ import annotations

import typer

from autograder.cli import quiz_answering, quiz_authoring

app = typer.Typer(
    name="quiz",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Quizzes: take, score, prove, check, hand out.",
)
_COMMANDS = {
    "Students": (quiz_answering.take,),
    "Instructors": (
        *(quiz_authoring.list_, quiz_authoring.release, quiz_authoring.export),
        *(quiz_answering.score, quiz_answering.stats),
    ),
    "Authors": (quiz_authoring.prove, quiz_authoring.lint, quiz_authoring.schema),
}

for _panel, _commands in _COMMANDS.items():
    for _command in _commands:
        app.command(_command.__name__.rstrip("_"), rich_help_panel=_panel)(_command)
