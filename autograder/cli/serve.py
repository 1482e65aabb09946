"""``serve``: the course in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from autograder.base.errors import UsageError
from autograder.cli.options import LangOption, choose, course_at, errors_as_exit_codes


def serve(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="The course's folder, or one in it.")] = Path(),
    host: Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", metavar="N", min=0, max=65535, help="Port to listen at; 0 for any free one.")
    ] = 8000,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="URL",
            help="Database, such as postgresql+psycopg://...; by default a file in the course.",
        ),
    ] = None,
    root_path: Annotated[
        str, typer.Option("--root-path", metavar="PATH", help="Path below which a proxy shows the server.")
    ] = "",
    public_url: Annotated[
        str | None, typer.Option("--public-url", metavar="URL", help="Address that people use, if a proxy has another.")
    ] = None,
    lang: LangOption = None,
) -> None:
    """Serve the course to browsers: students practise and hand in, the instructor publishes."""
    from autograder.base.extras import needs_extra
    from autograder.base.i18n import text
    from autograder.sandbox import system

    with errors_as_exit_codes(lang):
        _refuse_bad_paths(root_path, public_url)
        course = course_at(folder)
        language = choose(lang)
        try:
            from autograder.web.serving import Serving, serve
        except ImportError as error:
            if error.name in system.ONLY_UNIX:  # no extra helps where the system lacks it
                raise
            raise UsageError(needs_extra("serve", "web", error)) from error

        def tell(address: str, link: str) -> None:
            typer.echo(text("the course is at {address}", address=address).get(language))
            typer.echo(text("who opens this link first becomes the instructor: {link}", link=link).get(language))

        serve(course, Serving(host, port, database, root_path.rstrip("/"), public_url), tell)


def _refuse_bad_paths(root_path: str, public_url: str | None) -> None:
    from autograder.base.i18n import text

    if root_path and not root_path.startswith("/"):
        raise UsageError(text("--root-path begins with a slash, as in /course"))
    if public_url is not None and (
        urlsplit(public_url).scheme not in ("http", "https") or not urlsplit(public_url).netloc
    ):
        raise UsageError(text("--public-url is a whole address, as in https://example.edu/course"))
