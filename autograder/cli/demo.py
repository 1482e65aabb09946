"""A small course with sample submissions, to look at."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from autograder.base.errors import UsageError
from autograder.cli import serve
from autograder.cli.grade import grade_all, show_reports
from autograder.cli.options import LangOption, choose, errors_as_exit_codes, waiting


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
