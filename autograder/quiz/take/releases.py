"""Remembers what a quiz was handed out as: beside the quiz, where no student writes. This decides how it is scored.

A sheet may say what it likes: the answers to an exam are scored as an exam's.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from errno import ENAMETOOLONG, ENOENT
from pathlib import Path
from typing import Literal

from pydantic import ConfigDict, Field, ValidationError

from autograder.base.errors import AutograderError, ConfigError, UsageError
from autograder.base.files import write_whole
from autograder.base.i18n import text
from autograder.base.records import Record
from autograder.quiz.questions.models import Mode, Quiz


class Release(Record):
    """One version of a quiz, handed out in one mode."""

    version: int
    mode: Mode


class Releases(Record):
    """The contents of ``NAME.releases.json``."""

    model_config = ConfigDict(populate_by_name=True)

    schema_: Literal[1] = Field(default=1, alias="schema")
    quiz: str
    releases: tuple[Release, ...] = ()

    def modes(self, version: int) -> set[Mode]:
        """Return what a version was handed out as, or the last one before it: a corrected key is no new exam."""
        versions = {release.version for release in self.releases}
        last = max((v for v in versions if v <= version), default=max(versions, default=version))
        return {release.mode for release in self.releases if release.version == last}


def file_of(quiz: Path) -> Path:
    """Return the file in which the releases of a quiz are recorded."""
    return quiz.with_name(f"{quiz.stem}.releases.json")


def as_released(file: Path, quiz: Quiz) -> Quiz:
    """Return a quiz in the mode it was handed out in: an exam if it was ever one in this version.

    Raises:
        ConfigError: the record is damaged.
    """
    return _in_mode_of(_load(file, quiz), quiz)


@contextmanager
def recorded(file: Path, quiz: Quiz, mode: Mode) -> Iterator[Quiz]:
    """Record that a quiz is handed out, and take it back if handing it out fails.

    Yields:
        The quiz as its answers will be scored.

    Raises:
        ConfigError: the record is damaged.
        UsageError: it cannot be written, and scoring would not know of it.
    """
    before, known = _content(file), _load(file, quiz)
    release = Release(version=quiz.version, mode=mode)
    now = known.model_copy(update={"releases": tuple(dict.fromkeys([*known.releases, release]))})
    bound = _in_mode_of(now, quiz)
    if now != known:
        _write(file, now, mode, needed=(bound.defaults.mode == "exam") != _is_exam(known, quiz))
    try:
        yield bound
    except AutograderError:
        _restore(file_of(file), before)
        raise


def _is_exam(known: Releases, quiz: Quiz) -> bool:
    return _in_mode_of(known, quiz).defaults.mode == "exam"


def _content(file: Path) -> bytes | None:
    try:
        return file_of(file).read_bytes()
    except OSError:
        return None


def _restore(path: Path, content: bytes | None) -> None:
    with suppress(OSError):  # what cannot be written has not been written before either
        if content is None:
            path.unlink(missing_ok=True)
        else:
            write_whole(path, content)


def _write(file: Path, now: Releases, mode: Mode, *, needed: bool) -> None:
    """Write the record; where scoring is the same without it, a folder that is read-only is no obstacle."""
    try:
        write_whole(file_of(file), now.model_dump_json(by_alias=True, indent=1) + "\n")
    except OSError as error:
        if needed:
            words = text(
                "{file}: cannot be written: {reason}; scoring would not know that this is released as {mode}: "
                "say mode: {mode} under defaults in the quiz",
                file=file_of(file),
                reason=error.strerror or "",
                mode=mode,
            )
            raise UsageError(words) from error


def _in_mode_of(known: Releases, quiz: Quiz) -> Quiz:
    modes = known.modes(quiz.version)
    mode: Mode = quiz.defaults.mode
    if "exam" in modes:
        mode = "exam"
    elif modes and mode == "exam":
        mode = "test"
    return in_mode(quiz, mode)


def in_mode(quiz: Quiz, mode: Mode) -> Quiz:
    """Return a quiz in another mode."""
    return quiz.model_copy(update={"defaults": quiz.defaults.model_copy(update={"mode": mode})})


def _load(file: Path, quiz: Quiz) -> Releases:
    path = file_of(file)
    try:
        return Releases.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        if isinstance(error, OSError) and error.errno in (ENOENT, ENAMETOOLONG):
            return Releases(quiz=quiz.id)
        words = text("this does not say what was released; restore it, or delete it and release the quiz again")
        raise ConfigError(words, path=path) from error
