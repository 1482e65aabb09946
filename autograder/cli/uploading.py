"""``submit --to``: hands in at a course's server, with a token that never stands on the command line."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from autograder.base.errors import AutograderError, UsageError
from autograder.base.files import write_asked
from autograder.cli.options import choose, waiting

TOKEN = "AUTOGRADER_TOKEN"  # noqa: S105 -- a name


def hand_in(path: Path, address: str, token_file: Path | None, lang: str | None) -> None:
    """Send a notebook to a server, print what it has acknowledged, and keep that as a receipt."""
    import json

    from autograder.base.i18n import text
    from autograder.course.course import find_notebook
    from autograder.lms import submitting
    from autograder.lms.uploading import Server
    from autograder.practice import history
    from autograder.practice.history import HandedIn

    file = find_notebook(path)
    language = choose(lang)
    Server.at(address, "", language)  # before anybody is asked for a token
    server = Server.at(address, _token(token_file, language), language)
    try:
        content = file.read_bytes()
    except OSError as error:
        words = text("{file} cannot be read: {reason}", file=file, reason=error.strerror)
        raise UsageError(words, for_students=True) from error
    assignment = _assignment(file)
    with waiting(text("handing in"), language):
        received = server.hand_in(assignment, file.name, content)
    note = submitting.server_receipt(assignment, file.name, received, server.address)
    history.remember_hand_in(file, HandedIn(time=received.time, sha256=received.sha256, way=server.address))
    there = received.time.astimezone()
    done = text("handed in") if received.is_new else text("the server had this file already: it was handed in before")
    typer.echo(done.get(language))
    words = text("time: {time}, SHA-256: {hash}", time=there.isoformat(" ", "seconds"), hash=received.sha256)
    typer.echo(words.get(language))
    if received.is_late:
        typer.echo(text("it came after it was due, so it counts as late").get(language))
    kept = Path(f"{assignment}-{there:%Y-%m-%dT%H%M%S}.receipt.json")
    write_asked(kept, json.dumps(note, ensure_ascii=False, indent=1) + "\n", make_folder=True)
    typer.echo(text("receipt: {file}", file=str(kept)).get(language))
    typer.echo(text("the result appears at {page}", page=received.page).get(language))


def _assignment(file: Path) -> str:
    """Return the assignment that a file belongs to: by what is beside or in it, else by its name."""
    from autograder.course.kit import assignment_of

    try:
        return assignment_of(file).name
    except AutograderError:
        return file.stem


def _token(file: Path | None, language: str) -> str:
    """Return the student's token: from a file, from the environment, or from the keyboard.

    Raises:
        UsageError: there is none, or others can read the file.
    """
    from autograder.base.i18n import text

    if file is not None:
        return _token_in(file)
    if token := os.environ.get(TOKEN, "").strip():
        return _clean(token)
    if not sys.stdin.isatty():
        words = text("no token: set {variable}, or name a file with --token-file", variable=TOKEN)
        raise UsageError(words, for_students=True)
    asked: str = typer.prompt(
        text("your personal token (from the course's page, under your name)").get(language), hide_input=True
    )
    return _clean(asked)


def _token_in(file: Path) -> str:
    from autograder.base.i18n import text

    try:
        mode, words = file.stat().st_mode, file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        said = text("{file} cannot be read: {reason}", file=file, reason=error.strerror)
        raise UsageError(said, for_students=True) from error
    if os.name == "posix" and mode & 0o077:
        raise UsageError(
            text("{file}: others can read your token; run: chmod 600 {file}", file=file), for_students=True
        )
    return _clean(words)


def _clean(words: str) -> str:
    """Return a token that can stand in a request.

    Raises:
        UsageError: it cannot.
    """
    from autograder.base.i18n import text

    token = words.strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(text("this is no token; copy it from the course's page, under your name"), for_students=True)
    return token
