"""Processes that a test starts: all of them are found again, whatever session they are in and whoever their parent was."""

import contextlib
import ctypes
from collections.abc import Callable, Iterable, Iterator

import psutil

_PR_SET_CHILD_SUBREAPER = 36


@contextlib.contextmanager
def adopting() -> Iterator[Callable[[], list[psutil.Process]]]:
    """Become the parent of descendants whose own parent dies; yields a function that gives those still there.

    What was there before, such as the processes of other fixtures, is left out.
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
    """Those that do not end by themselves in time, as text; they are ended."""
    _, alive = psutil.wait_procs(processes, timeout=within_s)
    told = []
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            told.append(f"{process.pid} {' '.join(process.cmdline())[:200]}")
            process.kill()
    return told
