"""What the pages of one server share: the course, its database, the engines, the secrets."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from itsdangerous import BadSignature, URLSafeSerializer

from autograder.course.course import Course
from autograder.grading.batch import Grade
from autograder.web.checking import Checker
from autograder.web.data import events
from autograder.web.data.database import Database
from autograder.web.grader import Grader
from autograder.web.invigilator import Invigilator
from autograder.web.limits import Limiter, Tally
from autograder.web.quizzes import Quizzes
from autograder.web.tallies import Tallies

_KEPT_EVERY_S = 60


class Bell:
    """Wakes the pages that wait for the report on a submission; rung from any thread."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: defaultdict[int, set[asyncio.Event]] = defaultdict(set)

    def begin(self) -> None:
        """Ring in the loop that runs now."""
        self._loop = asyncio.get_running_loop()

    def ring(self, number: int) -> None:
        """Wake those who wait for this number."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and with it the pages
                self._loop.call_soon_threadsafe(self._wake, number)

    async def wait(self, number: int, seconds: float) -> None:
        """Wait until it rings, but no longer than so many seconds: another server may have graded it."""
        event = asyncio.Event()
        self._waiting[number].add(event)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)
        finally:
            self._waiting[number].discard(event)
            if not self._waiting[number]:
                del self._waiting[number]

    def _wake(self, number: int) -> None:
        for event in self._waiting.get(number, ()):
            event.set()


@dataclass
class Site:
    """One server of one course.

    Args:
        course: the course.
        database: everything that lasts.
        confined: whether the kernel confines students' code.
        sessions: how many submissions of one assignment are judged at once.
        public_url: the address that people use, where it is not the one that requests name.
        samples: who may be by links, for as long as this server runs: by the links' tokens, their numbers; for the
            demo only.
        hosts: the names under which requests are answered, in small letters; None for any.
        elsewhere: grades hand-ins in place of this machine.
    """

    course: Course
    database: Database
    confined: bool
    sessions: int
    public_url: str | None = None
    samples: Mapping[str, int] = field(default_factory=dict)
    hosts: frozenset[str] | None = None
    elsewhere: Grade | None = None
    limiter: Limiter = field(default_factory=Limiter)
    bell: Bell = field(default_factory=Bell)
    failed_sign_ins: Tally = field(default_factory=lambda: Tally(_KEPT_EVERY_S))
    """By whose login was tried; None for those that nobody has."""

    def __post_init__(self) -> None:
        self.checker = Checker(self.course, sessions=self.sessions, most=4, confined=self.confined)
        self.grader = Grader(
            self.course,
            self.database,
            self.bell.ring,
            sessions=self.sessions,
            confined=self.confined,
            elsewhere=self.elsewhere,
        )
        self.quizzes = Quizzes(self.course, most=min(2, self.sessions))
        self.tallies = Tallies()
        self.invigilator = Invigilator(self.quizzes, self.database, self.grader.publisher)
        secret = hmac.new(self.course.key(), b"forms of the course in a browser", hashlib.sha256).digest()
        self._forms = URLSafeSerializer(secret, salt="form")

    def form_token(self, browser: str) -> str:
        """Return what a form of ours brings along, so that no other site can send it for this browser."""
        return str(self._forms.dumps(_short(browser)))

    def is_form_token(self, token: str, browser: str) -> bool:
        """Return whether a form is one that we gave to this browser."""
        try:
            return hmac.compare_digest(str(self._forms.loads(token)), _short(browser))
        except BadSignature:
            return False

    def keep_failed_sign_ins(self, counts: Mapping[object, int]) -> None:
        """Write into the event log how often somebody could not sign in, by whose login was tried."""
        if not counts:
            return
        with self.database.write() as session:
            for number, count in counts.items():
                whom = number if isinstance(number, int) else None
                events.record(session, "failed to sign in", str(count), whom_id=whom)

    def close(self) -> None:
        """End everything that runs."""
        self.keep_failed_sign_ins(self.failed_sign_ins.rest())
        self.invigilator.close()
        self.grader.close()
        self.checker.close()
        self.database.close()


def _short(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()[:32]
