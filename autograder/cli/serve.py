"""``serve``: the course in a browser; and the demo there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from autograder.base.errors import UsageError
from autograder.cli.engines import (
    CaFileOption,
    CertOption,
    EngineChoice,
    EngineOption,
    KeyOption,
    Place,
    SchedulerOption,
)
from autograder.cli.options import LangOption, choose, course_at, errors_as_exit_codes

if TYPE_CHECKING:
    from autograder.base.i18n import Language
    from autograder.course.course import Course
    from autograder.results.grade_report import GradeReport


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
    proxies: Annotated[
        str | None,
        typer.Option(
            "--proxies",
            metavar="ADDRESSES",
            help="Addresses or networks of proxies that are believed, with commas; by default this machine's, where "
            "there is --root-path or --public-url.",
        ),
    ] = None,
    publish_here: Annotated[
        bool,
        typer.Option(
            "--publish-here",
            help="Write hand-ins and grades into this folder from now on, all of them once more, even if they were "
            "kept in another so far.",
        ),
    ] = False,
    metrics_token_file: Annotated[
        Path | None,
        typer.Option(
            "--metrics-token-file",
            metavar="FILE",
            help="File with a word that opens /metrics from other machines; without it only this machine sees them.",
        ),
    ] = None,
    backup: Annotated[
        Path | None,
        typer.Option(
            "--backup", metavar="FILE", help="Write a copy of the database to a new file, while it is served, and end."
        ),
    ] = None,
    engine: EngineOption = EngineChoice.local,
    scheduler: SchedulerOption = None,
    tls_ca_file: CaFileOption = None,
    tls_cert: CertOption = None,
    tls_key: KeyOption = None,
    lang: LangOption = None,
) -> None:
    """Serve the course to browsers: students practise and hand in, the instructor publishes."""
    from autograder.base.i18n import text

    with errors_as_exit_codes(lang):
        _refuse_bad_paths(root_path, public_url)
        course = course_at(folder)
        language = choose(lang)
        serving = _serving("serve")
        if backup is not None:
            serving.back_up(course, database, backup)
            size = text("{megabytes} MB", megabytes=f"{backup.stat().st_size / 1e6:.1f}")
            typer.echo(text("{path}: the database as it was just now, {size}", path=backup, size=size).get(language))
            return
        place = Place(engine, scheduler, (tls_ca_file, tls_cert, tls_key))
        place.check()
        how = serving.Serving(
            host,
            port,
            database=database,
            root_path=root_path.rstrip("/"),
            public_url=public_url,
            proxies=proxies,
            writes_here=publish_here,
            metrics_token=_token_in(metrics_token_file),
        )

        def tell(address: str, link: str) -> None:
            typer.echo(text("the course is at {address}", address=address).get(language))
            typer.echo(text("who opens this link first becomes the instructor: {link}", link=link).get(language))

        if engine is EngineChoice.local:
            serving.serve(course, how, tell)
            return
        serving.refuse_without_sandbox(course)  # checks stay here
        with place.opened(None, unsafe=False, scratch_mb=0, language=language) as (elsewhere, _):
            serving.serve(course, replace(how, elsewhere=elsewhere), tell)


def refuse_to_serve_demo() -> None:
    """Say before the demo is made why it cannot be served.

    Raises:
        UsageError: the extra is missing, or this machine cannot confine students' code.
    """
    from autograder.sandbox import confine

    _serving("demo --serve")
    if (refusal := confine.refusal()) is not None:
        raise UsageError(refusal)


def serve_demo(course: Course, reports: Sequence[GradeReport], language: Language, port: int | None) -> None:
    """Serve the demo course, with its submissions and their reports, to browsers on this machine.

    Without a port, at the usual one or any that is free.
    """
    from autograder.base.i18n import text
    from autograder.web.samples import INSTRUCTOR, STUDENT, Samples

    serving, samples = _serving("demo --serve"), Samples(course, reports)

    def tell(address: str, _: str) -> None:
        student, teacher = (f"{address}/link/{samples.links[login]}" for login in (STUDENT, INSTRUCTOR))
        typer.echo(text("the course is at {address}", address=address).get(language))
        typer.echo(text("as a student who has made a mistake: {link}", link=student).get(language))
        typer.echo(text("as the instructor: {link}", link=teacher).get(language))
        typer.echo(text("these links are for this machine; Ctrl-C ends the server").get(language))

    how = serving.Serving(or_any_port=True) if port is None else serving.Serving(port=port)
    serving.serve(course, how, tell, samples)


def _serving(command: str) -> ModuleType:
    """Load the server.

    Raises:
        UsageError: the extra is missing.
    """
    from autograder.base.extras import needs_extra
    from autograder.sandbox import system

    try:
        from autograder.web import serving
    except ImportError as error:
        if error.name in system.ONLY_UNIX:  # no extra helps where the system lacks it
            raise
        raise UsageError(needs_extra(command, "web", error)) from error
    return serving


_SHORTEST_TOKEN = 16


def _token_in(file: Path | None) -> str | None:
    """Return the word in a file.

    Raises:
        UsageError: it cannot be read, or the word can be guessed.
    """
    from autograder.base.i18n import text

    if file is None:
        return None
    try:
        word = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "ASCII"
        raise UsageError(text("{path}: cannot be read: {reason}", path=file, reason=reason)) from error
    if len(word) < _SHORTEST_TOKEN or not word.isprintable() or " " in word:
        words = text(
            "{path}: the word for /metrics has at least {count} letters and no spaces", path=file, count=_SHORTEST_TOKEN
        )
        raise UsageError(words)
    return word


def _refuse_bad_paths(root_path: str, public_url: str | None) -> None:
    from autograder.base.i18n import text

    if root_path and not root_path.startswith("/"):
        raise UsageError(text("--root-path begins with a slash, as in /course"))
    if public_url is not None and (
        urlsplit(public_url).scheme not in ("http", "https") or not urlsplit(public_url).netloc
    ):
        raise UsageError(text("--public-url is a whole address, as in https://example.edu/course"))
