"""Keeps ``results.jsonl``: reports are added as they are made, and none of them is ever lost.

Each line is complete and on disk before the next submission begins; if a kill cuts a line short, opening the file again
drops the rest of it. At the end one step replaces the file by the same reports in order.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self

from pydantic import ValidationError

from autograder.base.errors import UsageError
from autograder.base.garbage import without_collections
from autograder.base.i18n import text
from autograder.results.grade_report import GradeReport

RESULTS = "results.jsonl"
"""The file of a course."""
Key = tuple[str, str]
State = tuple[int, int, int]
"""What a file is known by, as long as nobody changes it."""


class Journal:
    """The reports in one file, by assignment and student; a context manager.

    Args:
        path: the file.
        known: the `state` of an earlier journal, whose reports are known; if the file is still the same, it is not read
            again, and `reports` has only what is added.

    Raises:
        UsageError: the file cannot be written or is not a results file, or another grader is writing it.
    """

    def __init__(self, path: Path, *, known: State | None = None) -> None:
        self.path = path
        self.state: State | None = None
        """How the file was when it was closed with everything that was to be added; None before that."""
        self.reports: dict[Key, GradeReport] = {}
        try:
            self._file = path.open("a+b")
        except OSError as error:
            raise UsageError(
                text(
                    "{path}: cannot be written: {reason}; name another file with --out",
                    path=path,
                    reason=error.strerror,
                )
            ) from error
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            raise UsageError(
                text("{path}: another grader is writing this file; wait for it, or name another with --out", path=path)
            ) from None
        self.is_read = known is None or known != _state(self._file)
        """Whether `reports` has what was in the file."""
        if self.is_read:
            self._read()

    def add(self, report: GradeReport) -> None:
        """Add a report, which is on disk before this returns.

        Raises:
            UsageError: it cannot be written; those before it are kept.
        """
        line = memoryview(report.to_json().encode() + b"\n")
        try:
            while line:  # not through a buffer, which would be written once more when the file is closed
                line = line[os.write(self._file.fileno(), line) :]
            os.fdatasync(self._file.fileno())
        except OSError as error:
            raise self._cannot_be_written(error) from error
        self.reports[report.assignment, report.student] = report

    def finish(self) -> None:
        """Replace the file by its reports in order, each once.

        Raises:
            UsageError: the new file cannot be written; the old one is unchanged.
        """
        temporary = self.path.with_name(self.path.name + ".new")
        try:
            with temporary.open("wb") as file:
                for _, report in sorted(self.reports.items()):
                    file.write(report.to_json().encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self.path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise self._cannot_be_written(error) from error

    def _cannot_be_written(self, error: OSError) -> UsageError:
        return UsageError(
            text(
                "{path}: cannot be written: {reason}; what was graded before is kept, "
                "run the same command again to continue",
                path=self.path,
                reason=error.strerror,
            )
        )

    def _read(self) -> None:
        self._file.seek(0)
        try:
            self.reports, whole = _whole_lines(self.path, self._file)
        except UsageError:
            self._file.close()
            raise
        if whole < self._file.seek(0, os.SEEK_END):
            self._file.truncate(whole)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: object, *_: object) -> None:
        if error is None:
            self.state = _state(self._file)
        self._file.close()


class KnownReports:
    """What a journal holds, for a process that adds to it again and again: a digest of each report."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._digests: dict[Key, bytes] = {}

    @contextmanager
    def journal(self, path: Path, *, whole: bool = False) -> Iterator[Journal]:
        """Open a journal, which is read only if it has changed since, or if all of its reports are wanted.

        Raises:
            UsageError: as for a `Journal`.
        """
        with Journal(path, known=None if whole else self._state) as journal:
            self._state = None  # until everything is in it
            if journal.is_read:
                self._digests = {key: _digest(report) for key, report in journal.reports.items()}
            yield journal
        self._state = journal.state

    def add(self, journal: Journal, report: GradeReport) -> None:
        """Add a report to the journal that is open, unless it is there already.

        Raises:
            UsageError: it cannot be written.
        """
        key, digest = (report.assignment, report.student), _digest(report)
        if self._digests.get(key) != digest:
            journal.add(report)
            self._digests[key] = digest


def _digest(report: GradeReport) -> bytes:
    return hashlib.sha256(report.to_json().encode()).digest()


def read(path: Path) -> Iterator[GradeReport]:
    """Yield the last report of each submission in a results file, which may be read-only or still being written.

    The one document that `autograder check --json` prints is read as well.

    Raises:
        UsageError: it cannot be read, or is not a results file.
    """
    try:
        with path.open("rb") as file:
            first = file.readline()
            if first.strip() == b"{" and (report := _parse(first + file.read())) is not None:
                yield report
                return
            file.seek(0)
            reports, _ = _whole_lines(path, file)
    except OSError as error:
        raise UsageError(text("{path}: cannot be read: {reason}", path=path, reason=error.strerror)) from error
    yield from reports.values()


def _state(file: BinaryIO) -> State:
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_size, found.st_mtime_ns


def _lock(file: BinaryIO) -> None:
    """Lock a file for this process; OSError if another has it."""
    import fcntl  # not there on Windows, where reports are read but none is made

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _whole_lines(path: Path, lines: Iterable[bytes]) -> tuple[dict[Key, GradeReport], int]:
    """Return the reports and how many bytes they take; a line that was cut short does not count."""
    with without_collections():  # reports are free of cycles
        return _parse_lines(path, lines)


def _parse_lines(path: Path, lines: Iterable[bytes]) -> tuple[dict[Key, GradeReport], int]:
    reports: dict[Key, GradeReport] = {}
    size = 0
    for number, line in enumerate(lines, start=1):
        if not line.endswith(b"\n"):
            break
        size += len(line)
        report = _parse(line)
        if report is None:
            raise UsageError(
                text(
                    "{path}:{number}: this is not a line of a results file; name another file, or remove it",
                    path=path,
                    number=number,
                )
            )
        reports[report.assignment, report.student] = report
    return reports, size


def _parse(line: bytes) -> GradeReport | None:
    try:
        return GradeReport.from_json(line)
    except ValidationError:
        return None
