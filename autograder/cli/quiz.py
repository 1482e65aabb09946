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
app.command("list")(quiz_authoring.list_)
app.command()(quiz_answering.score)
app.command()(quiz_answering.take)
app.command()(quiz_authoring.release)
app.command()(quiz_authoring.export)
app.command()(quiz_authoring.prove)
app.command()(quiz_authoring.lint)
app.command()(quiz_answering.stats)
app.command()(quiz_authoring.schema)
