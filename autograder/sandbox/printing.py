"""What a worker's code prints: a file that keeps the beginning, and ears for what one call prints or warns of."""

from __future__ import annotations

import builtins
import contextlib
import io
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from autograder.sandbox.bounds import MAX_HEARD, MAX_WARNINGS

_MAX_WORDS = 1000  # of a warning


class _Listener(io.TextIOBase):
    """Keeps the first of what is written, until it is taken, and passes all of it on."""

    def __init__(self, screen: Any, said: list[str]) -> None:
        self._screen, self._said, self._left = screen, said, MAX_HEARD

    def write(self, words: str) -> int:
        if self._left > 0:
            self._said.append(words[: self._left])
            self._left -= len(self._said[-1])
        self._screen.write(words)
        return len(words)


@contextlib.contextmanager
def heard(said: list[str]) -> Iterator[None]:
    """Keep the first of what is printed meanwhile in a list, beside where it goes."""
    with contextlib.redirect_stdout(_Listener(sys.stdout, said)):
        yield


@contextlib.contextmanager
def warned(said: list[list[str]], rules: Sequence[Sequence[Any]]) -> Iterator[None]:
    """Keep the first warnings meanwhile in a list, category and words, instead of printing them.

    Args:
        said: the list.
        rules: which of them are exceptions: whether one is, a pattern of its words, the name of its category.
    """

    def note(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
        if len(said) < MAX_WARNINGS:
            known = next(cls.__name__ for cls in category.__mro__ if cls.__module__ == "builtins")
            said.append([known, str(message)[:_MAX_WORDS]])

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        for is_error, words, category in reversed(rules):
            warnings.filterwarnings("error" if is_error else "always", words, getattr(builtins, category))
        warnings.showwarning = note
        yield


class Output:
    """``sys.stdout`` and ``sys.stderr`` of a worker: keeps the first bytes up to a limit; the rest costs nothing."""

    def __init__(self, descriptor: int, limit: int) -> None:
        self._file = open(descriptor, "w", buffering=1, closefd=False, errors="replace", encoding="utf-8")  # noqa: SIM115
        self._left = limit

    def write(self, words: str) -> int:
        """Keep what there is room for."""
        if self._left > 0:
            kept = words[: self._left]
            self._left -= len(kept.encode("utf-8", "replace"))
            with contextlib.suppress(OSError):  # the file is full: what is printed decides nothing
                self._file.write(kept)
                if self._left <= 0:
                    self._file.flush()
        return len(words)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write one after the other."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)
