"""Runs many notebooks side by side: one `NotebookRunner` per core, started when the first one has to run."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from itertools import islice
from typing import Self, TypeVar

from autograder.gradebook.plain_notebooks import NotebookRunner

Task = TypeVar("Task")
Result = TypeVar("Result")


class Runners:
    """The processes that run notebooks; a context manager, whose end ends them.

    Args:
        processes: how many notebooks run at once.
        start: makes a runner.
    """

    def __init__(self, processes: int, start: Callable[[], NotebookRunner]) -> None:
        self._processes, self._start = processes, start
        self._opened = ExitStack()
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="notebooks")
        self._runners: list[NotebookRunner] = []

    def each(
        self, run: Callable[[Task, NotebookRunner], Result], tasks: Sequence[Task]
    ) -> Iterator[tuple[Task, Result]]:
        """Do some tasks, a few at once, and yield each with its result as it is done.

        Args:
            run: does one of them.
            tasks: all of them.

        Raises:
            SandboxError: this machine cannot confine notebooks.
        """
        count = min(self._processes, len(tasks))
        idle: queue.SimpleQueue[NotebookRunner] = queue.SimpleQueue()
        for runner in self._started(count):
            idle.put(runner)

        def do(task: Task) -> tuple[Task, Result]:
            runner = idle.get()
            try:
                return task, run(task, runner)
            finally:
                idle.put(runner)

        rest, running = iter(tasks), set[Future[tuple[Task, Result]]]()
        try:
            while True:
                running |= {self._threads.submit(do, one) for one in islice(rest, count + 1 - len(running))}
                if not running:
                    return
                ended, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in ended)
        finally:
            for future in running:
                future.cancel()

    def set_timeout(self, timeout_s: float) -> None:
        """Say how long a cell may take from now on."""
        for runner in self._runners:
            runner.set_timeout(timeout_s)

    @property
    def started(self) -> NotebookRunner | None:
        """One that has been started, if any has."""
        return self._runners[0] if self._runners else None

    def _started(self, count: int) -> list[NotebookRunner]:
        """Return as many runners as are needed; new ones start side by side."""
        new = [self._start() for _ in range(count - len(self._runners))]
        self._runners += [self._opened.enter_context(runner) for runner in new]
        return self._runners[:count]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for runner in self._runners:
            runner.interrupt()
        self._threads.shutdown()  # before the folders go that a thread may be filling
        self._opened.close()
