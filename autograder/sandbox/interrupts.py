"""A cell that has used up its time is interrupted before its process is ended: what it has defined stays.

The trusted side sends SIGINT. Only while a cell runs does it raise anything; a student who catches it is killed a
moment later.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

_allowed = False


class TimeIsUp(KeyboardInterrupt):
    """The cell has run for as long as it may."""


def listen() -> None:
    """Let SIGINT interrupt the cell that runs, if any, and do nothing else."""
    signal.signal(signal.SIGINT, _interrupt)


@contextmanager
def allowed() -> Iterator[None]:
    """What runs inside may be interrupted."""
    global _allowed
    _allowed = True
    try:
        yield
    finally:
        _allowed = False


def _interrupt(*_: object) -> None:
    global _allowed
    if _allowed:
        _allowed = False  # once
        raise TimeIsUp
