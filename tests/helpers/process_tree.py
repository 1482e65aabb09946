"""Finds all processes that a test has started, whatever session they are in and whether or not their parent lives."""

import contextlib
import ctypes
from collections.abc import Callable, Iterable, Iterator

import psutil

_PR_SET_CHILD_SUBREAPER = 36


@contextlib.contextmanager
def adopting() -> Iterator[Callable[[], list[psutil.Process]]]:
    """Become the parent of descendants whose own parent dies; yield a function that returns those still there.

    Processes that existed before, such as those of other fixtures, are left out.
    """
    libc = ctypes.CDLL(None)
    mine = psutil.Process()
    earlier = set(mine.children(recursive=True))
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1)
    try:
        yield lambda: [child for child in mine.children(recursive=True) if child not in earlier]
    finally:
        libc.prctl(_PR_SET_CHILD_SUBREAPER, 0)


def still_alive(processes: Iterable[psutil.Process], within_s: float = 20) -> list[str]:
    """Kill the processes that do not end in time, and return them as text."""
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    told = []
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            told.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
            process.kill()
    return told
