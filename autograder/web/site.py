"""What the pages of one server share: the course, its database, the engines, the secrets."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from itsdangerous import BadSignature, URLSafeSerializer

from autograder.course.course import Course
from autograder.grading.batch import Grade
from autograder.web.bell import Bell
from autograder.web.checking import Checker
from autograder.web.class_counts import ClassCounts
from autograder.web.data import events, submissions
from autograder.web.data.database import Database
from autograder.web.gradebook import CourseGradebook
from autograder.web.grader import Grader
from autograder.web.invigilator import Invigilator
from autograder.web.item_analysis import ItemAnalyses
from autograder.web.late import LatePolicies
from autograder.web.limits import Limiter, Tally
from autograder.web.metrics import Metrics
from autograder.web.quizzes import Quizzes
from autograder.web.regrader import Regrader

_MOST_TOKENS = 10_000
_KEPT_EVERY_S = 60


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
        metrics_token: opens the counters to who comes from another machine; None for nobody.
    """

    course: Course
    database: Database
    confined: bool
    sessions: int
    public_url: str | None = None
    samples: Mapping[str, int] = field(default_factory=dict)
    hosts: frozenset[str] | None = None
    elsewhere: Grade | None = None
    metrics_token: str | None = None
    limiter: Limiter = field(default_factory=Limiter)
    failed_sign_ins: Tally = field(default_factory=lambda: Tally(_KEPT_EVERY_S))
    """By whose login was tried; None for those that nobody has."""

    def __post_init__(self) -> None:
        self.bell = Bell(self._graded)
        self.metrics = Metrics(self.database)
        self.quizzes = Quizzes(self.course, most=min(2, self.sessions))
        self.gradebook = CourseGradebook(self.course.root, self.quizzes)
        self.checker = Checker(self.course, self.metrics, sessions=self.sessions, most=4, confined=self.confined)
        self.grader = Grader(
            self.course,
            self.database,
            self.bell.ring,
            self.gradebook,
            sessions=self.sessions,
            confined=self.confined,
            elsewhere=self.elsewhere,
            metrics=self.metrics,
        )
        self.regrader = Regrader(
            self.course,
            self.database,
            sessions=self.sessions,
            confined=self.confined,
            elsewhere=self.elsewhere,
            metrics=self.metrics,
        )
        self.late = LatePolicies(self.course.root, self.grader.publisher.late_policy)
        engines = "Engines in memory, by what they are for."
        self.metrics.watch("autograder_engines", engines, self._engines)
        self.class_counts = ClassCounts()
        self.item_analyses = ItemAnalyses()
        publisher, pen = self.grader.publisher, self.grader.pen
        self.gradebook.elsewhere = pen.elsewhere
        self.invigilator = Invigilator(self.quizzes, self.database, publisher, pen, self.metrics)
        secret = hmac.new(self.course.key(), b"forms of the course in a browser", hashlib.sha256).digest()
        self._tokens: dict[str, str] = {}
        self._forms = URLSafeSerializer(secret, salt="form")

    def _engines(self) -> dict[str, int]:
        return {"checks": self.checker.engines, "hand_ins": self.grader.engines, "regrading": self.regrader.engines}

    def _graded(self, numbers: Collection[int]) -> Iterable[int]:
        with self.database.read() as session:
            return submissions.graded(session, numbers)

    def form_token(self, browser: str) -> str:
        """Return what a form of ours brings along, so that no other site can send it for this browser."""
        if (token := self._tokens.get(browser)) is None:
            if len(self._tokens) >= _MOST_TOKENS:
                self._tokens.clear()
            token = self._tokens[browser] = str(self._forms.dumps(_short(browser)))
        return token

    def is_form_token(self, token: str, browser: str) -> bool:
        """Return whether a form is one that we gave to this browser."""
        if hmac.compare_digest(token.encode(), self.form_token(browser).encode()):
            return True
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
        self.regrader.close()
        self.grader.close()
        self.checker.close()
        self.gradebook.close()
        self.database.close()


def _short(browser: str) -> str:
    return hashlib.sha256(browser.encode()).hexdigest()[:32]
