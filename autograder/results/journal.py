"""Keeps ``results.jsonl``: reports are added as they are made, and none of them is ever lost.

Each line is complete and on disk before the next submission begins; if a kill cuts a line short, opening the file again
drops the rest of it. At the end one step replaces the file by the same reports in order. What another rubric has judged
anew is in a file beside it before the old reports leave this one, so that a kill costs none of them either.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
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
Replaced = dict[Key, list[GradeReport]]
"""Old reports in whose place another rubric's are; the oldest first."""
State = tuple[int, int, int]
"""What a file is known by, as long as nobody changes it."""


class Journal:
    """The reports in one file, by assignment and student; a context manager.

    Args:
        path: the file.
        known: the `state` of an earlier journal, whose reports are known; if the file is still the same, it is not read
            again, and `reports` has only what is added.
        is_draft: whether its reports do not count yet, so that nobody misses those they replace.

    Raises:
        UsageError: the file cannot be written or is not a results file, or another grader is writing it.
    """

    def __init__(self, path: Path, *, known: State | None = None, is_draft: bool = False) -> None:
        self.path, self._is_draft = path, is_draft
        self.state: State | None = None
        """How the file was when it was closed with everything that was to be added; None before that."""
        self.reports: dict[Key, GradeReport] = {}
        self.kept: dict[str, Path] = {}
        """Where old reports are, by assignment, once `keep` or `finish` has kept them."""
        self._file = _open_alone(path)
        self.is_read = known is None or known != _state(self._file)
        """Whether `reports` has what was in the file."""
        self._begin(self._read() if self.is_read else {})

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
        self._note(report)

    @property
    def before(self) -> dict[Key, GradeReport]:
        """The reports as they were before another rubric's: before this run, and before those that were killed."""
        return {key: reports[-1] for key, reports in self._old.items()}

    def keep(self, assignment: str) -> Path:
        """Write the reports of an assignment as they were `before` to a file beside this one, and return it.

        Raises:
            UsageError: it cannot be written.
        """
        old = [report for key, reports in sorted(self._old.items()) if key[0] == assignment for report in reports]
        lines = list(_lines(old))
        digest = hashlib.sha256(b"".join(lines)).hexdigest()[:8]
        self.kept[assignment] = self.path.with_name(f"{self.path.stem}.{assignment}.{digest}.jsonl")
        self._replace(self.kept[assignment], lines).close()
        return self.kept[assignment]

    def finish(self) -> None:
        """Replace the file by its reports in order, each once, having kept what another rubric has judged anew.

        Raises:
            UsageError: the new file cannot be written; the old one is unchanged.
        """
        for assignment in () if self._is_draft else sorted(self._judged_anew):
            self.keep(assignment)
        file = self._replace(self.path, _lines(report for _, report in sorted(self.reports.items())))
        self._file.close()
        self._file = file
        self._begin({})

    def _begin(self, replaced: Replaced) -> None:
        """Take the reports for the old ones, but for those that another rubric's have replaced already."""
        self._old = {key: replaced.get(key, [report]) for key, report in self.reports.items()}
        self._judged_anew: set[str] = set()
        for key in replaced:
            self._note(self.reports[key])

    def _note(self, report: GradeReport) -> None:
        """Note whose old reports are to be kept."""
        old = self._old.get((report.assignment, report.student))
        if old is not None and is_judged_anew(old[-1], report):
            self._judged_anew.add(report.assignment)

    def _replace(self, path: Path, lines: Iterable[bytes]) -> BinaryIO:
        """Replace a file as a whole; return it open and locked, so that at no moment anybody else may write it."""
        temporary = path.with_name(path.name + ".new")
        try:
            with ExitStack() as if_it_fails:
                file = if_it_fails.enter_context(temporary.open("wb"))
                _lock(file)
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
                temporary.replace(path)
                if_it_fails.pop_all()
            return file
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

    def _read(self) -> Replaced:
        self._file.seek(0)
        try:
            self.reports, replaced, whole = _whole_lines(self.path, self._file)
        except UsageError:
            self._file.close()
            raise
        if whole < self._file.seek(0, os.SEEK_END):
            self._file.truncate(whole)
        return replaced

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
            reports, _, _ = _whole_lines(path, file)
    except OSError as error:
        raise UsageError(text("{path}: cannot be read: {reason}", path=path, reason=error.strerror)) from error
    yield from reports.values()


def _state(file: BinaryIO) -> State:
    found = os.fstat(file.fileno())
    return found.st_ino, found.st_size, found.st_mtime_ns


def is_judged_anew(old: GradeReport, new: GradeReport) -> bool:
    """Return whether another rubric, or other tests, have judged a file that had a score."""
    is_same_file = old.score is not None and old.submission_sha256 == new.submission_sha256
    return is_same_file and old.rubric_sha256 != new.rubric_sha256


def _lines(reports: Iterable[GradeReport]) -> Iterator[bytes]:
    return (report.to_json().encode() + b"\n" for report in reports)


def _open_alone(path: Path) -> BinaryIO:
    """Open a file to add to it, which nobody else does from then on.

    Raises:
        UsageError: it cannot be written, or another grader is writing it.
    """
    while True:
        try:
            file = path.open("a+b")
        except OSError as error:
            raise UsageError(
                text(
                    "{path}: cannot be written: {reason}; name another file with --out",
                    path=path,
                    reason=error.strerror,
                )
            ) from error
        try:
            _lock(file)
            if path.stat().st_ino == os.fstat(file.fileno()).st_ino:
                return file
        except FileNotFoundError:
            pass
        except OSError:
            file.close()
            raise UsageError(
                text("{path}: another grader is writing this file; wait for it, or name another with --out", path=path)
            ) from None
        file.close()  # whoever had it has just put another in its place


def _lock(file: BinaryIO) -> None:
    """Lock a file for this process; OSError if another has it."""
    import fcntl  # not there on Windows, where reports are read but none is made

    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _whole_lines(path: Path, lines: Iterable[bytes]) -> tuple[dict[Key, GradeReport], Replaced, int]:
    """Return the reports, those that another rubric's have replaced, and how many bytes all take."""
    with without_collections():  # reports are free of cycles
        return _parse_lines(path, lines)


def _parse_lines(path: Path, lines: Iterable[bytes]) -> tuple[dict[Key, GradeReport], Replaced, int]:
    reports: dict[Key, GradeReport] = {}
    replaced: Replaced = {}
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
        key = (report.assignment, report.student)
        if (old := reports.get(key)) is not None and old.rubric_sha256 != report.rubric_sha256:
            replaced.setdefault(key, []).append(old)
        reports[key] = report
    return reports, replaced, size


def _parse(line: bytes) -> GradeReport | None:
    try:
        return GradeReport.from_json(line)
    except ValidationError:
        return None
