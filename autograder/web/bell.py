"""Wakes the pages that wait for the report on a submission, whichever server has graded it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from contextlib import suppress

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

_LOOK_EVERY_S = 1.0
"""Another server may have graded it: one question a second finds out for all who wait here."""


class Bell:
    """Rung from any thread of this server; for what other servers do, it asks the database while somebody waits.

    Args:
        graded: returns which of some submissions have a report.
    """

    def __init__(self, graded: Callable[[Collection[int]], Iterable[int]]) -> None:
        self._graded = graded
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening: asyncio.Task[None] | None = None
        self._waiting: defaultdict[int, set[asyncio.Event]] = defaultdict(set)

    def begin(self) -> None:
        """Ring in the loop that runs now."""
        self._loop = asyncio.get_running_loop()
        self._listening = self._loop.create_task(self._listen())

    def end(self) -> None:
        """Listen no more."""
        if self._listening is not None:
            self._listening.cancel()

    def ring(self, number: int) -> None:
        """Wake those who wait for this number."""
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended, and with it the pages
                self._loop.call_soon_threadsafe(self._wake, number)

    async def wait(self, number: int, seconds: float) -> None:
        """Wait until it rings, but no longer than so many seconds."""
        event = asyncio.Event()
        self._waiting[number].add(event)
        try:
            with suppress(TimeoutError):
                await asyncio.wait_for(event.wait(), seconds)
        finally:
            self._waiting[number].discard(event)
            if not self._waiting[number]:
                del self._waiting[number]

    async def _listen(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            if self._waiting:
                with suppress(SQLAlchemyError):  # it may be away for a while
                    for number in await run_in_threadpool(self._graded, tuple(self._waiting)):
                        self._wake(number)

    def _wake(self, number: int) -> None:
        for event in self._waiting.get(number, ()):
            event.set()
