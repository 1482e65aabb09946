"""A check while it runs: takes what the engine says in its threads, and gives the page what there is to show so far."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace

from autograder.base.i18n import Text
from autograder.grading.live import Begun, Event, Judged, Looked
from autograder.report.condensed import condense
from autograder.results.cases import Requirement, requirements
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport
from autograder.results.shown import Shown

_PATIENCE_S = 0.5
"""How long a check may wait for a session before its page says so."""
_PAUSE_S = 0.03
"""A page is not changed more often: most criteria take less, and each change costs the reader's machine as much."""


@dataclass(frozen=True)
class Row:
    """A requirement while its exercise is being judged.

    Args:
        title: what it asks for.
        result: its verdict, once all its cases have one.
    """

    title: Text
    result: CriterionResult | None


@dataclass(frozen=True)
class SoFar:
    """How far a check has come.

    Args:
        exercises: what is judged; empty before a session has begun.
        judged: the verdicts so far, by criterion.
        report: the report, once it is there.
        shown: what the student's cells show; None before that is known, which is after the report.
    """

    exercises: tuple[ExerciseResult, ...] = ()
    judged: tuple[CriterionResult, ...] = ()
    report: GradeReport | None = None
    shown: tuple[Shown, ...] | None = None

    def after(self, event: Event | GradeReport) -> SoFar:
        """Return how far it has come after this."""
        match event:
            case Begun(exercises):
                return SoFar(exercises)
            case Judged(result):
                return replace(self, judged=(*self.judged, result))
            case Looked(shown):
                return replace(self, shown=shown)
            case _:
                return replace(self, report=event)

    def rows(self, exercise: ExerciseResult) -> list[Row]:
        """Return what to show of an exercise before the report: one row for each visible requirement, in its order."""
        verdicts = {result.id: result for result in self.judged}
        waiting = [r for r in requirements(exercise.criteria) if r.cases[0].visible]
        judged = [_judged(requirement, verdicts) for requirement in waiting]
        done = iter(condense(case for requirement in judged if requirement for case in requirement.cases))
        return [Row(one.title, next(done) if found else None) for one, found in zip(waiting, judged, strict=True)]


def _judged(requirement: Requirement, verdicts: dict[str, CriterionResult]) -> Requirement | None:
    cases = [verdicts.get(case.id) for case in requirement.cases]
    return None if None in cases else Requirement(tuple(case for case in cases if case is not None))


class LiveCheck:
    """Brings what is said of one check, in any thread, to the loop of the page that shows it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | Future[GradeReport]] = asyncio.Queue()
        self._has_begun, self._has_report = asyncio.Event(), asyncio.Event()

    def hear(self, event: Event | Future[GradeReport]) -> None:
        """Take what an engine says, or its report that is there; from any thread."""
        with suppress(RuntimeError):  # the loop has ended, and with it the page
            self._loop.call_soon_threadsafe(self._take, event)

    def _take(self, event: Event | Future[GradeReport]) -> None:
        self._queue.put_nowait(event)
        self._has_begun.set()
        if isinstance(event, Future):
            self._has_report.set()

    async def steps(self) -> AsyncIterator[SoFar]:
        """Yield how far the check has come whenever it has, up to what the cells show.

        Before a session is free for it, this is once nowhere.

        Raises:
            AutograderError: it cannot be judged.
        """
        so_far = SoFar()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._has_begun.wait(), _PATIENCE_S)
        if not self._has_begun.is_set():
            yield so_far
        while so_far.shown is None:
            so_far = so_far.after(_event(await self._queue.get()))
            while not self._queue.empty():
                so_far = so_far.after(_event(self._queue.get_nowait()))
            yield so_far
            if so_far.report is None:
                await self._pause()

    async def finished(self) -> tuple[GradeReport, tuple[Shown, ...]]:
        """Wait for the report and for what the cells show.

        Raises:
            AutograderError: it cannot be judged.
        """
        so_far = [step async for step in self.steps()][-1]
        assert so_far.report is not None and so_far.shown is not None
        return so_far.report, so_far.shown

    async def _pause(self) -> None:
        """Let more come together before the next change; the report waits for nothing."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._has_report.wait(), _PAUSE_S)


def _event(event: Event | Future[GradeReport]) -> Event | GradeReport:
    return event.result() if isinstance(event, Future) else event
