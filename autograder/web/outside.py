"""What commands beside the server have written: reports in the journal that are not the ones that count here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from autograder.results.grade_report import GradeReport
from autograder.results.journal import Key

Counting = tuple[str, str, int, str, bytes]
"""A report that the journal got from here: assignment, student, the submission's number and hash, the digest."""


def changed_reports(journal: Path, counting: Iterable[Counting]) -> list[tuple[int, bytes, GradeReport]]:
    """Return what commands have made of submissions that were graded here.

    Args:
        journal: ``results.jsonl``.
        counting: what was written to it from here, as it is before the journal is read.

    Returns:
        The number of each submission, the digest of what counts, and the other report on the same file.
    """
    known = {one[:2]: one[2:] for one in counting}
    own = {known_as: key for key, (_, _, known_as) in known.items()}
    last: dict[Key, bytes | None] = {}
    for line in _lines(journal):
        key = own.get(hashlib.sha256(line).digest())
        if key is not None:
            last[key] = None
        elif (other := _key(line)) is not None:
            last[other] = line
    found = []
    for key, foreign in last.items():
        if foreign is None or key not in known:
            continue
        number, sha256, counts = known[key]
        report = _report(foreign)
        if report is not None and report.submission_sha256 == sha256:
            found.append((number, counts, report))
    return found


def _lines(journal: Path) -> Iterator[bytes]:
    """Yield the whole lines; one that is being written is read the next time."""
    try:
        with journal.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]
    except FileNotFoundError:
        return


def _key(line: bytes) -> Key | None:
    try:
        values = json.loads(line)
        return values["assignment"], values["student"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None


def _report(line: bytes) -> GradeReport | None:
    try:
        return GradeReport.from_json(line)
    except ValidationError:
        return None
