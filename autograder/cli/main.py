"""The command line: parse, call, render; nothing else.

Exit codes: 0 done, 1 something did not pass or could not be graded, 2 wrong usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import io
import sys
from typing import Annotated, Any, ClassVar

import typer

from autograder.cli.on_demand import OnDemandGroup, Panels
from autograder.cli.options import full_disks_as_exit_codes

OF_NBGRADER = {
    "autograde": "grade",
    "assign": "release",
    "generate_assignment": "release",
    "generate_feedback": "feedback",
    "zip_collect": "collect",
    "validate": "check",
    "list": "status",
}
"""What those who come from nbgrader type, and the command that does it here."""


class _Commands(OnDemandGroup):
    """All commands, in the order in which a term needs them; for one of nbgrader's it names ours."""

    panels: ClassVar[Panels] = {
        "Students": {"check": "check:check", "status": "status:status", "submit": "lms:submit"},
        "Instructors": {
            "init": "starting:init",
            "release": "gradebook:release",
            "collect": "lms:collect",
            "grade": "grade:grade",
            "report": "report:report",
            "feedback": "gradebook:feedback",
            "export": "lms:export",
            "regrade": "gradebook:regrade",
            "extend": "gradebook:extend",
        },
        "Authors": {"audit": "audit:audit", "new": "starting:new", "import": "importing:app"},
        "Everyone": {"serve": "serve:serve", "demo": "demo:demo", "doctor": "doctor:doctor", "quiz": "quiz:app"},
    }

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")  # how pydantic begins what typer says
            raise

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] in OF_NBGRADER and self.get_command(ctx, args[0]) is None:
            ctx.fail(f"No such command {args[0]!r}. Here it is `autograder {OF_NBGRADER[args[0]]}`.")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_Commands,
    name="autograder",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Auto-graded exercises and quizzes for deep-learning courses in PyTorch.",
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("dl-autograder"))
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_tell_version, is_eager=True)
    ] = False,
) -> None:
    """Handle the options of the application itself."""


def main() -> None:
    """Entry point of the ``autograder`` script."""
    for stream in (sys.stdin, sys.stdout):  # a Windows console in China has no ŷ, which is no reason to stop
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    with full_disks_as_exit_codes():
        app()
