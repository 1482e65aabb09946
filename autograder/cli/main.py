"""The command line: parse, call, render; nothing else.

Exit codes: 0 done, 1 something did not pass or could not be graded, 2 wrong usage or configuration, 130 interrupted.
"""

from __future__ import annotations

import io
import shlex
import sys
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from autograder.base.errors import UsageError
from autograder.cli import gradebook, importing, lms, serve, starting
from autograder.cli import report as class_report
from autograder.cli.audit import audit
from autograder.cli.check import check
from autograder.cli.grade import grade, grade_all, show_reports
from autograder.cli.options import (
    JsonOption,
    LangOption,
    choose,
    errors_as_exit_codes,
    full_disks_as_exit_codes,
    print_json,
    waiting,
)
from autograder.cli.quiz import app as quiz
from autograder.cli.status import status

if TYPE_CHECKING:
    pass

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


class _Commands(TyperGroup):
    """The commands; for one of nbgrader's it names ours."""

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


def demo(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for the demo course.")] = Path(
        "autograder-demo"
    ),
    in_browser: Annotated[
        bool, typer.Option("--serve", help="Then serve it to browsers on this machine, with links to try it.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="N", min=0, max=65535, help="Port for --serve; by default 8000, or any where it is taken."
        ),
    ] = None,
    lang: LangOption = None,
) -> None:
    """Copy a small course with sample submissions to a folder, grade it and show the results."""
    from autograder.base.i18n import same, text
    from autograder.course import demo as demos
    from autograder.sandbox import confine  # the samples are our own: they may run where nothing can be confined

    with errors_as_exit_codes(lang):
        language = choose(lang)
        if port is not None and not in_browser:
            raise UsageError(text("--port goes with --serve"))
        if in_browser:
            serve.refuse_to_serve_demo()
        with waiting(text("making the course in {folder}", folder=folder), language):
            course = demos.make(folder)
        out = folder / "results.jsonl"
        reports = grade_all(
            course,
            [],
            list(course.assignments()),
            None,
            out,
            confined=confine.is_available(),
            quiet=False,
            language=language,
        )
        show_reports(reports, out, language, as_json=False)
        typer.echo()
        if in_browser:
            serve.serve_demo(course, reports, language, port)
            return
        for what, where in (
            (text("the submissions"), folder / "submitted"),
            (text("what students get"), folder / "assignments" / demos.ASSIGNMENT),
            (text("the reference and its rubric"), folder / "solutions" / demos.ASSIGNMENT),
        ):
            typer.echo((what + same(f": {where}")).get(language))
        spoken = ("--lang", language)
        practice = folder / "assignments" / demos.ASSIGNMENT / "mine.ipynb"
        mistake = folder / "submitted" / "04_no_reshape" / demos.ASSIGNMENT / f"{demos.ASSIGNMENT}.ipynb"
        for what, commands in (
            (
                text("next, try it as a student"),
                (("cp", mistake, practice), ("autograder", "check", practice, *spoken)),
            ),
            (
                text("then, as an instructor"),
                (
                    ("cd", folder),
                    ("autograder", "grade", *spoken),
                    ("autograder", "feedback", demos.ASSIGNMENT, *spoken),
                    ("autograder", "report", demos.ASSIGNMENT, *spoken),
                    ("autograder", "export", "--to", "csv", "--gradebook", *spoken),
                ),
            ),
            (text("and a course of your own"), (("autograder", "init", "../my-course", *spoken),)),
        ):
            lines = (shlex.join(map(str, words)) for words in commands)
            typer.echo((what + same(":" + "".join(f"\n  {line}" for line in lines))).get(language))


def doctor(lang: LangOption = None, json_output: JsonOption = False) -> None:
    """Show what this machine can do."""
    from autograder.base.i18n import text
    from autograder.cli.doctor import examine

    with errors_as_exit_codes(lang):
        language = choose(lang)
        with waiting(text("trying what this machine can do"), language, quiet=json_output):
            findings = examine(Path.cwd())
        if json_output:
            print_json([{"name": f.name.en, "value": f.value.en, "ok": f.ok} for f in findings])
        else:
            for finding in findings:
                mark = {True: "✓", False: "✗", None: "–"}[finding.ok]
                typer.echo(f"{mark} {finding.name.get(language)}: {finding.value.get(language)}")
    if any(finding.ok is False for finding in findings):
        raise typer.Exit(1)


_COMMANDS = {
    "Students": (check, status, lms.submit),
    "Instructors": (
        starting.init,
        *(gradebook.release, lms.collect, grade, class_report.report),
        *(gradebook.feedback, lms.export, gradebook.regrade, gradebook.extend),
    ),
    "Authors": (audit,),
    "Everyone": (serve.serve, demo, doctor),
}
"""The panels of ``--help``, with their commands in the order in which a term needs them."""

for _panel, _commands in _COMMANDS.items():
    for _command in _commands:
        app.command(rich_help_panel=_panel)(_command)
app.add_typer(quiz, rich_help_panel="Everyone")
app.add_typer(starting.new, name="new", rich_help_panel="Authors")
app.add_typer(importing.app, name="import", rich_help_panel="Authors")


def main() -> None:
    """Entry point of the ``autograder`` script."""
    for stream in (sys.stdin, sys.stdout):  # a Windows console in China has no ŷ, which is no reason to stop
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="replace")
    with full_disks_as_exit_codes():
        _prepared(sys.argv[1:2])()


def _prepared(beginning: list[str]) -> typer.Typer:
    """Return the application, with one command only if the line begins with it: all take as long as importing typer."""
    asked = [one for one in app.registered_commands if one.callback and [one.callback.__name__] == beginning]
    if not asked:
        return app
    alone = copy(app)
    alone.registered_commands, alone.registered_groups = asked, []
    return alone
