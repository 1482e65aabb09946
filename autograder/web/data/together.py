"""Does what many ask of the database at the same time in one transaction: they share its cost, and its way to the disk.

While one group is being committed, the next one gathers; where nobody else asks, nobody waits. Those of a group are
independent of each other: what one of them raises undoes what they did, and is raised to them alone.

A thread waits for the lock and for the disk. With SQLite the functions run in the loop: beside it, each of their
statements would wait for the interpreter, which a busy loop seldom gives away. With PostgreSQL each waits for the other
server, so they run in threads, several groups at a time.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.orm import Session

_MOST = 25
"""How many share a transaction: for as long as it takes, the loop does nothing else."""
_LOOK_EVERY_S = 1.0
Outcome = tuple[Any, Exception | None]
T = TypeVar("T")


@dataclass(frozen=True)
class _Task:
    function: Callable[[Session], Any]
    whose: int
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]


class Together:
    """Takes functions from coroutines, which do their work with a session in no time.

    Args:
        open_session: opens a session whose changes are on disk once it is closed; from any thread. It is given the
            numbers of those who ask.
        at_once: how many groups run beside each other, in threads; None for one that runs in the loop of those who ask.
    """

    def __init__(
        self, open_session: Callable[[Sequence[int]], AbstractContextManager[Session]], *, at_once: int | None
    ) -> None:
        self._open_session, self._in_loop, self._most = open_session, at_once is None, at_once or 1
        self._waiting: deque[_Task] = deque()
        self._lock = threading.Lock()
        self._running = 0
        self._threads = ThreadPoolExecutor(self._most, thread_name_prefix="together")

    async def do(self, function: Callable[[Session], T], whose: int = 0) -> T:
        """Call a function with a session; return its result once what it has changed is on disk.

        What it returns belongs to no session any more. It is called twice if another one of its group has failed, which
        undoes the first time.

        Args:
            function: does the work.
            whose: the number of the person who asks.

        Raises:
            Exception: what the function raises, or why the transaction could not be committed.
        """
        loop = asyncio.get_running_loop()
        task = _Task(function, whose, loop, loop.create_future())
        with self._lock:
            self._waiting.append(task)
            if has_to_start := self._running < self._most:
                self._running += 1
        if has_to_start:
            self._threads.submit(self._run)
        result: T = await task.future
        return result

    def close(self) -> None:
        """Finish what was begun."""
        self._threads.shutdown()

    # -- in a thread ---------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while group := self._next_group():
            outcomes = self._do_all(group)
            with suppress(RuntimeError):  # the loop has ended, and with it whoever has asked
                group[0].loop.call_soon_threadsafe(_settle, group, outcomes)

    def _next_group(self) -> list[_Task]:
        """Return the tasks of one loop that wait, or nothing for good."""
        group: list[_Task] = []
        with self._lock:
            while self._waiting and len(group) < _MOST and (not group or self._waiting[0].loop is group[0].loop):
                group.append(self._waiting.popleft())
            self._running -= not group
        return group

    def _do_all(self, group: Sequence[_Task]) -> Sequence[Outcome]:
        try:
            try:
                return self._transact(group, _do)
            except Exception:
                if len(group) == 1:
                    raise
                # savepoints for all and always would cost more than doing it once more
                return self._transact(group, _do_apart)
        except Exception as error:  # noqa: BLE001 -- everyone who waits hears of it
            return [(None, error)] * len(group)

    def _transact(self, group: Sequence[_Task], do: Callable[[Session, _Task], Outcome]) -> Sequence[Outcome]:
        with self._open_session([task.whose for task in group]) as session:
            session.connection()  # has the lock from now on

            def work() -> Sequence[Outcome]:
                return [do(session, task) for task in group]

            return _in_loop(group[0].loop, work) if self._in_loop else work()


def _in_loop(loop: asyncio.AbstractEventLoop, work: Callable[[], T]) -> T:
    """Do something in a loop, and wait for it in this thread.

    Raises:
        RuntimeError: the loop has ended.
    """
    done: Future[T] = Future()

    def do() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 -- raised where it is waited for
            done.set_exception(error)

    loop.call_soon_threadsafe(do)
    while True:
        try:
            return done.result(_LOOK_EVERY_S)
        except TimeoutError:
            if done.done():
                raise
            if loop.is_closed():
                raise RuntimeError("the loop has ended") from None


# -- where the functions run -------------------------------------------------------------------------------------------


def _do(session: Session, task: _Task) -> Outcome:
    result = task.function(session)
    session.flush()
    session.expunge_all()  # what two of a group have read are two objects
    return result, None


def _do_apart(session: Session, task: _Task) -> Outcome:
    try:
        with session.begin_nested():
            return _do(session, task)
    except Exception as error:  # noqa: BLE001 -- whoever has asked hears of it
        return None, error
    finally:
        session.expunge_all()


# -- in the loop -------------------------------------------------------------------------------------------------------


def _settle(group: Sequence[_Task], outcomes: Sequence[Outcome]) -> None:
    for task, (result, error) in zip(group, outcomes, strict=True):
        if task.future.done():  # whoever has asked has gone away
            continue
        if error is None:
            task.future.set_result(result)
        else:
            task.future.set_exception(error)
