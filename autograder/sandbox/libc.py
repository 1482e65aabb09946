"""Functions of the C library that Python has no name for."""

from __future__ import annotations

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None


def call(function: str, *arguments: object) -> int:
    """Call a function; pass numbers other than C's int as ctypes types.

    Raises:
        OSError: it returned -1, or there is no such library on this system.
    """
    if _libc is None:
        raise OSError(f"no {function} on this system")
    result: int = getattr(_libc, function)(*arguments)
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"{os.strerror(error)} ({function})")
    return result
