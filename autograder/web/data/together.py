"""Does what many ask of the database at the same time in one transaction: they share its cost, and its way to the disk.

While one group is being committed, the next one gathers; where nobody else asks, nobody waits. Those of a group are
independent of each other: what one of them raises undoes what they did, and is raised to them alone.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import Session

_MOST = 100
"""How many share a transaction: who comes after them must not wait for ever."""
T = TypeVar("T")


@dataclass(frozen=True)
class _Task:
    function: Callable[[Session], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]

    def settle(self, result: Any, error: Exception | None) -> None:
        if self.future.done():  # whoever has asked has gone away
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class Together:
    """Takes functions from coroutines and calls them in a thread of its own.

    Args:
        open_session: opens a session whose changes are on disk once it is closed.
        name: of the thread.
    """

    def __init__(self, open_session: Callable[[], AbstractContextManager[Session]], name: str) -> None:
        self._open_session = open_session
        self._waiting: deque[_Task] = deque()
        self._lock = threading.Lock()
        self._is_running = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=name)

    async def do(self, function: Callable[[Session], T]) -> T:
        """Call a function with a session; return its result once what it has changed is on disk.

        What it returns belongs to no session any more.

        Raises:
            Exception: what the function raises, or why the transaction could not be committed.
        """
        loop = asyncio.get_running_loop()
        task = _Task(function, loop, loop.create_future())
        with self._lock:
            self._waiting.append(task)
            has_to_start, self._is_running = not self._is_running, True
        if has_to_start:
            self._thread.submit(self._run)
        result: T = await task.future
        return result

    def close(self) -> None:
        """Finish what was begun."""
        self._thread.shutdown()

    def _run(self) -> None:
        while group := self._next_group():
            outcomes = self._do_all(group)
            by_loop = defaultdict(list)
            for task, outcome in zip(group, outcomes, strict=True):
                by_loop[task.loop].append((task, outcome))
            for loop, settled in by_loop.items():
                loop.call_soon_threadsafe(_settle, settled)

    def _next_group(self) -> list[_Task]:
        with self._lock:
            group = [self._waiting.popleft() for _ in range(min(len(self._waiting), _MOST))]
            self._is_running = bool(group)
        return group

    def _do_all(self, group: Sequence[_Task]) -> list[tuple[Any, Exception | None]]:
        try:
            with self._open_session() as session:
                return [_do(session, task.function) for task in group]
        except Exception as error:  # noqa: BLE001 -- everyone who waits hears of it
            return [(None, error)] * len(group)


def _do(session: Session, function: Callable[[Session], Any]) -> tuple[Any, Exception | None]:
    try:
        with session.begin_nested():
            return function(session), None
    except Exception as error:  # noqa: BLE001 -- whoever has asked hears of it
        return None, error
    finally:
        session.expunge_all()  # what two of a group have read are two objects


def _settle(settled: Sequence[tuple[_Task, tuple[Any, Exception | None]]]) -> None:
    for task, outcome in settled:
        task.settle(*outcome)
