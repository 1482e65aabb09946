"""Hand-ins per hour, as a row of bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from autograder.web.data import standing
from autograder.web.data.models import Offering

_HOURS = 48


@dataclass(frozen=True)
class Hours:
    """How many hand-ins came in each of some hours.

    Args:
        counts: by the hours' beginnings, oldest first.
    """

    counts: Sequence[tuple[datetime, int]]

    @classmethod
    def of(cls, session: Session, offering: Offering | None, now: datetime) -> Hours | None:
        """Return the last two days with hand-ins; None if there never were any.

        Args:
            session: any.
            offering: for which assignment; None for all.
            now: the time.
        """
        counts = standing.hand_ins(session, offering, _HOURS, now)
        return cls(counts) if counts else None

    @property
    def busiest(self) -> tuple[datetime, int]:
        """The hour with most hand-ins, and how many came in it."""
        return max(self.counts, key=lambda hour: hour[1])

    @property
    def total(self) -> int:
        """How many came in all these hours."""
        return sum(count for _, count in self.counts)

    def bars(self) -> Iterator[tuple[int, datetime, int, float]]:
        """Yield for each hour its place from the left, its beginning, its hand-ins, and how high its bar is, 0 to 1."""
        most = self.busiest[1]
        for place, (begins, count) in enumerate(self.counts):
            yield place, begins, count, count / most if most else 0.0
