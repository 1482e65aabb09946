"""Files in memory that a rubric passes (`io.BytesIO`, `io.StringIO`): read and written on this side, within bounds."""

from __future__ import annotations

import errno
import io
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

MAX_SIZE = 64 << 20
"""So many bytes or characters a student's code may make of one."""
METHODS = (
    *("close", "flush", "getvalue", "read", "readable", "readline", "readlines", "seek", "seekable", "tell"),
    *("truncate", "writable", "write", "writelines"),
)
SPECIAL = ("__enter__", "__exit__", "__iter__", "__next__")


def is_file(value: object) -> bool:
    """Return whether a value is a file in memory."""
    return isinstance(value, io.BytesIO | io.StringIO)


def method(file: Any, name: str) -> Callable[..., Any]:
    """Return a method of one, which does not let it grow past the bound.

    >>> file = io.BytesIO()
    >>> method(file, "write")(b"ab"), file.seek(MAX_SIZE)
    (2, 67108864)
    >>> method(file, "writelines")([b"c"])
    Traceback (most recent call last):
    ...
    OSError: [Errno 27] a file in memory of the tests holds 64 MB at most
    """
    if name == "write":
        return partial(_write, file)
    if name == "writelines":
        return lambda lines: _write_lines(file, lines)
    found: Callable[..., Any] = getattr(file, name)
    return found


def _write(file: Any, content: Any) -> Any:
    if file.tell() + len(content) > MAX_SIZE:
        raise OSError(errno.EFBIG, f"a file in memory of the tests holds {MAX_SIZE >> 20} MB at most")
    return file.write(content)


def _write_lines(file: Any, lines: Iterable[Any]) -> None:
    for line in lines:
        _write(file, line)
