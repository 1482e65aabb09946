"""Event loops in a process that may open no socket, and where none runs between the cells of a notebook."""

from __future__ import annotations

import os
import warnings
from typing import Any


class _End:
    """One end of a pipe, where asyncio would use a socket, to wake its loop up from another thread."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        os.set_blocking(descriptor, False)

    def fileno(self) -> int:
        return self._descriptor

    def recv(self, size: int) -> bytes:
        return os.read(self._descriptor, size)

    def send(self, content: bytes) -> int:
        return os.write(self._descriptor, content)

    def close(self) -> None:
        os.close(self._descriptor)


def adapt() -> None:
    """Let event loops work where no socket may be opened, and tasks begin where no loop is running."""
    from asyncio.selector_events import BaseSelectorEventLoop

    def _make_self_pipe(self: Any) -> None:
        self._ssock, self._csock = map(_End, os.pipe())
        self._internal_fds += 1
        self._add_reader(self._ssock.fileno(), self._read_from_self)

    BaseSelectorEventLoop._make_self_pipe = _make_self_pipe  # type: ignore[attr-defined]
    _adapt_tasks()


def _adapt_tasks() -> None:
    """A cell of Jupyter's may begin a task anywhere, since a loop is running; here it goes on where a cell awaits."""
    import asyncio

    original, run = asyncio.create_task, asyncio.run

    def create_task(coroutine: Any, **options: Any) -> Any:
        if asyncio._get_running_loop() is None:
            return current().create_task(coroutine, **options)
        return original(coroutine, **options)

    def get_running_loop() -> Any:
        return asyncio._get_running_loop() or current()

    def run_beside(main: Any, **options: Any) -> Any:
        if asyncio._get_running_loop() is not None:
            return run(main, **options)  # which is refused
        own = current()
        try:
            return run(main, **options)
        finally:
            asyncio.set_event_loop(own)  # else it would be nobody's, and the tasks in it with it

    asyncio.create_task, asyncio.get_running_loop = create_task, get_running_loop  # type: ignore[assignment]
    asyncio.run = run_beside


def current() -> Any:
    """Return the loop that the notebook's cells await in; one is made where there is none."""
    import asyncio

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of Python 3.12 and 3.13, which then make one as well
            return asyncio.get_event_loop()
    except RuntimeError:  # there has been none yet, or `asyncio.run` has taken it away
        made = asyncio.new_event_loop()
        asyncio.set_event_loop(made)
        return made
