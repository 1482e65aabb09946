"""What a worker has to tell the student besides errors: what was passed over because it cannot be had here.

A note is no more than a word of a closed list and a name; `autograder.student.limits` has the sentences.
"""

from __future__ import annotations

import sys

_MOST, _LONGEST = 20, 80
_EACH_CELL = ("command", "unseen", "cut")

_noted: dict[tuple[str, str], tuple[str, int]] = {}  # each once: where it was first
_pending: list[list[str | int]] = []


def begin() -> None:
    """Forget everything: another submission begins."""
    _noted.clear()
    _pending.clear()


def begin_cell() -> None:
    """A cell begins that people will look at: commands are noted in each cell that asks for them, installers once."""
    for key in [key for key in _noted if key[0] in _EACH_CELL]:
        del _noted[key]


def add(what: str, name: str = "", *, once: bool = False) -> None:
    """Note something, once a name or only once, with the cell and line that asked for it."""
    key = what, "" if once else name[:_LONGEST]
    if key not in _noted and sum(known == what for known, _ in _noted) < _MOST:
        _noted[key] = _place()
        _pending.append([what, name[:_LONGEST], *_noted[key]])


def take() -> list[list[str | int]]:
    """What has been noted since this was last asked: the word, the name, the label of the cell, the line."""
    if not _pending:
        return []
    taken = list(_pending)
    _pending.clear()
    return taken


def _place() -> tuple[str, int]:
    """The innermost line that stands in a cell, or in a script's file that was read as text."""
    import linecache

    frame = sys._getframe(2)
    while frame is not None:
        known = linecache.cache.get(frame.f_code.co_filename)
        if known is not None and len(known) == 4 and known[1] is None:  # as `cells` leaves it: no file has no time
            return frame.f_code.co_filename[:_LONGEST], frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]
    return "", 0
