"""Counters of one server in Prometheus' text format: what was asked, how long it took, what is waiting.

Routes appear as templates, never as they were asked for, so there are few series and no names of people in them.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from autograder.web.data import figures
from autograder.web.data.database import Database

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ROUTE = "autograder.route"
"""Where a request's scope holds the method and the template of the route that answers it."""
_NO_ROUTE = ("-", "other")
_REQUESTS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2.5, 5, 10, 30)
_CHECKS_S = (0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30, 60)


class Metrics:
    """What one server counts since its start.

    Args:
        database: what is waiting there is counted when somebody asks.
    """

    def __init__(self, database: Database) -> None:
        self._registry = registry = CollectorRegistry()
        self._requests = Counter(
            "autograder_requests",
            "Requests by method, template of the route and status.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._durations = Histogram(
            "autograder_request_duration_seconds",
            "Time until an answer begins.",
            ("method", "route"),
            buckets=_REQUESTS_S,
            registry=registry,
        )
        self.checks = Histogram(
            "autograder_check_duration_seconds",
            "Time from when a check was asked for to its report.",
            buckets=_CHECKS_S,
            registry=registry,
        )
        self.failed_checks = Counter(
            "autograder_check_failures", "Checks that could not be judged, by no student's doing.", registry=registry
        )
        self.running_checks = Gauge(
            "autograder_checks_in_progress",
            "Checks that an engine here has not judged yet.",
            registry=registry,
        )
        self.graded = Counter(
            "autograder_grading",
            "What this server has graded: kept, or failed by no student's doing and tried again.",
            ("result",),
            registry=registry,
        )
        self._faults = Counter(
            "autograder_faults",
            "Faults of ours beside the pages; the log has a traceback.",
            registry=registry,
        )
        self.failed_sign_ins = Counter(
            "autograder_sign_in_failures", "Sign-ins with a wrong login or password.", registry=registry
        )
        ProcessCollector(registry=registry)
        registry.register(_State(database))

    def fault(self) -> None:
        """Count the exception that is being handled, which should not have been; the log gets its traceback."""
        self._faults.inc()
        traceback.print_exc()

    def watch(self, name: str, words: str, counts: Callable[[], Mapping[str, int]]) -> None:
        """Show what a function counts, by kind, whenever somebody asks."""
        self._registry.register(_Counted(name, words, counts))

    def text(self) -> bytes:
        """Return everything as Prometheus reads it."""
        return generate_latest(self._registry)

    def count(self, scope: Scope, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        method, route = scope.get(ROUTE, _NO_ROUTE)
        self._requests.labels(method, route, status).inc()
        self._durations.labels(method, route).observe(seconds)


class Counting:
    """Middleware that counts requests, around everything else.

    Args:
        app: the application.
        metrics: where they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, has_answered = time.perf_counter(), False

        async def send_counted(message: Message) -> None:
            nonlocal has_answered
            if message["type"] == "http.response.start":
                has_answered = True
                self._metrics.count(scope, message["status"], time.perf_counter() - begun)
            await send(message)

        try:
            await self._app(scope, receive, send_counted)
        except Exception:
            if not has_answered:  # the page that says so is made outside
                self._metrics.count(scope, 500, time.perf_counter() - begun)
            raise


class _State(Collector):
    """What the database holds at the moment: every server of it says the same."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def describe(self) -> Iterable[Metric]:
        """Say nothing before somebody asks: this is called without a database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Count what is there."""
        answers = GaugeMetricFamily("autograder_database_up", "Whether the database answers.")
        try:
            with self._database.read() as session:
                waiting, kept = list(figures.waiting(session)), figures.kept(session)
        except SQLAlchemyError:
            answers.add_metric((), 0)
            yield answers
            return
        answers.add_metric((), 1)
        yield answers
        count = GaugeMetricFamily("autograder_waiting", "What still has to be done, by kind.", labels=("kind",))
        oldest = GaugeMetricFamily(
            "autograder_oldest_waiting_seconds", "How long the oldest of each kind waits.", labels=("kind",)
        )
        for one in waiting:
            count.add_metric((one.kind,), one.count)
            if one.oldest_s is not None:
                oldest.add_metric((one.kind,), one.oldest_s)
        yield count
        yield oldest
        for name, number in kept.items():
            yield GaugeMetricFamily(f"autograder_{name}", "How many the database holds.", value=number)


class _Counted(Collector):
    """What a function counts, by kind."""

    def __init__(self, name: str, words: str, counts: Callable[[], Mapping[str, int]]) -> None:
        self._name, self._words, self._counts = name, words, counts

    def collect(self) -> Iterator[Metric]:
        """Count it."""
        family = GaugeMetricFamily(self._name, self._words, labels=("kind",))
        for kind, count in self._counts().items():
            family.add_metric((kind,), count)
        yield family
