"""What the class has in each assignment, for the pages of those who teach: every report is read once."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from autograder.results.classroom import Census, Counts
from autograder.results.grade_report import GradeReport
from autograder.web import attempts
from autograder.web.data import offerings, standing, submissions
from autograder.web.data.database import Database
from autograder.web.data.models import Offering, Submission
from autograder.web.data.standing import Reported

_MOST_CODE = 200
"""Examples whose code is kept: reading a notebook takes longer than showing it."""


@dataclass
class _Kept:
    """What has been read of one assignment."""

    census: Census = field(default_factory=Census)
    reported: dict[str, Reported] = field(default_factory=dict)
    counts: Counts | None = None
    scores: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Counted:
    """The reports that count at the moment, and what they add up to.

    Args:
        counts: of them all.
        reported: which they are, by login.
        scores: in each exercise, by login.
    """

    counts: Counts
    reported: dict[str, Reported]
    scores: Mapping[str, Mapping[str, float | None]]


class ClassCounts:
    """Follows the reports on all assignments of a course; a page costs as much as has changed since the one before."""

    def __init__(self) -> None:
        self._kept: defaultdict[int, _Kept] = defaultdict(_Kept)
        self._code: OrderedDict[int, Mapping[str, str]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, session: Session, offering: Offering) -> Counted:
        """Return what the newest reports of the students add up to.

        Args:
            session: any.
            offering: the assignment.
        """
        with self._lock:
            kept = self._kept[offering.id]
        with kept.lock:
            now = standing.reported(session, offering)
            if kept.counts is None or now != kept.reported:
                _follow(kept, session, now)
                kept.counts, kept.scores = kept.census.count(), kept.census.scores()
            return Counted(kept.counts, now, kept.scores)

    def warm(self, database: Database) -> None:
        """Read the reports of assignments that nobody has looked at yet, so that who looks first need not wait."""
        with database.read() as session:
            for offering in offerings.all_of_them(session):
                if offering.id not in self._kept:
                    self.of(session, offering)

    def code(self, session: Session, number: int) -> Mapping[str, str]:
        """Return the code of a submission, cell by cell.

        Raises:
            SubmissionError: nothing can be read from it.
        """
        with self._lock:
            known = self._code.get(number)
        if known is not None:
            return known
        found = session.get_one(Submission, number)
        read = attempts.cells(submissions.content(session, found), found.file)
        with self._lock:
            self._code[number] = read
            while len(self._code) > _MOST_CODE:
                self._code.popitem(last=False)
        return read


def _follow(kept: _Kept, session: Session, now: dict[str, Reported]) -> None:
    """Read the reports that are new, and forget those that do not count any more."""
    for login in kept.reported.keys() - now.keys():
        kept.census.drop(login)
    changed = {one.submission: login for login, one in now.items() if kept.reported.get(login) != one}
    for number, line in standing.lines(session, list(changed)).items():
        kept.census.put(GradeReport.from_json(line).model_copy(update={"student": changed[number]}))
    kept.reported = now
