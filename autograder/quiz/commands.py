"""``autograder quiz ...``: which commands there are."""

from __future__ import annotations

import typer

from autograder.quiz import answering, authoring

app = typer.Typer(
    name="quiz",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Quizzes: take, score, prove, check, hand out.",
)
app.command("list")(authoring.list_)
app.command()(answering.score)
app.command()(answering.take)
app.command()(authoring.release)
app.command()(authoring.export)
app.command()(authoring.prove)
app.command()(authoring.lint)
app.command()(answering.stats)
app.command()(authoring.schema)
