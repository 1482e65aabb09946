"""Keeps what a cell shows while a student looks on: what it prints, the value of its last expression, its figures.

Figures are kept as they are and drawn only when somebody asks, after everything else: a verdict does not wait for
them, and how long they take costs no cell its time. This module runs where the student's code runs.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch

from autograder.sandbox.bundles import pretty

_MAX_WORDS = 12_000
"""A little more than is passed on, so that what is passed on can say that there was more."""
_MAX_PICTURES = 20
_MAX_SIDE = 1600
_DRAWING_S = 2.0

Thing = str | bytes | Any
"""Words, a PNG file, or a figure that is still to be drawn."""


class Watch:
    """What the watched cells of one notebook have shown so far.

    Args:
        show_by: lets `display` go to a function, and `clear_output` to another one.
    """

    def __init__(self, show_by: Callable[[Callable[..., None], Callable[..., None]], None]) -> None:
        self._show_by = show_by
        self._things: list[tuple[str, Thing]] = []
        self._words_left, self._pictures_left = _MAX_WORDS, _MAX_PICTURES
        self._label = ""  # of the cell that runs; empty between watched cells
        self._show = lambda *_, **__: self._keep_figures()
        logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)  # of a cache that it may not write

    @contextlib.contextmanager
    def watching(self, label: str) -> Iterator[None]:
        """Keep what the cell of this label shows."""
        _close_figures()  # those of an earlier cell would be drawn into
        self._label = label
        before = sys.stdout, sys.stderr
        ours = _Listener(before[0], self._print), _Listener(before[1], self._print)
        sys.stdout, sys.stderr = ours
        self._show_by(self._display, self._clear)
        self.look()
        try:
            yield
        finally:
            self._keep_figures()
            self._show_by(lambda *_, **__: None, lambda *_: None)
            for name, stream, old in zip(("stdout", "stderr"), ours, before, strict=True):
                if getattr(sys, name, None) is stream:  # else the cell has put another one there
                    setattr(sys, name, old)
            self._label = ""

    def look(self, value: Any = None) -> None:
        """A statement of the cell has run; keep its value, if it is one to be shown."""
        if value is not None:
            self._display(value)
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None and pyplot.__dict__.get("show") is not self._show:
            pyplot.show = self._show  # type: ignore[attr-defined]

    def drawn(self) -> list[list[Any]]:
        """Return label and content of what has been shown: words, or a PNG file as a tensor of bytes.

        What cannot be drawn, or not in time, is a tensor of a single byte, which is no picture.
        """
        ends = time.monotonic() + _DRAWING_S
        found: list[list[Any]] = []
        with contextlib.suppress(KeyboardInterrupt):  # the time is up: what has been drawn so far is what there is
            for label, thing in self._things:
                if isinstance(thing, str):
                    found.append([label, thing])
                else:
                    in_time = time.monotonic() < ends
                    content = thing if isinstance(thing, bytes) else _as_png(thing) if in_time else None
                    found.append([label, torch.frombuffer(bytearray(content or b"\0"), dtype=torch.uint8)])
        return found

    def _print(self, words: str) -> None:
        if self._label and self._words_left > 0 and words:
            kept = words[: self._words_left]
            self._words_left -= len(kept)
            last = self._things[-1] if self._things else ("", None)
            if last[0] == self._label and isinstance(last[1], str):
                self._things[-1] = self._label, last[1] + kept
            else:
                self._things.append((self._label, kept))

    def _display(self, *values: Any, **_: Any) -> None:
        for value in values:
            with contextlib.suppress(Exception):  # whatever a value does when it is asked for its looks
                if hasattr(value, "savefig"):
                    self._keep(value)
                elif hasattr(value, "_repr_png_") and isinstance(content := value._repr_png_(), bytes):
                    self._keep(content)
                else:
                    self._print(pretty(value) + "\n")

    def _clear(self, wait: bool = False) -> None:
        """Take back what the cell has shown; something else comes in its place."""
        self._things = [thing for thing in self._things if thing[0] != self._label]

    def _keep_figures(self) -> None:
        """Keep the figures that are open, and close them, as matplotlib's inline backend does."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None and self._label:
            with contextlib.suppress(Exception):
                for number in pyplot.get_fignums():
                    self._keep(pyplot.figure(number))
            _close_figures()

    def _keep(self, picture: Any) -> None:
        is_new = all(thing is not picture for label, thing in self._things if label == self._label)
        if is_new and self._label and self._pictures_left > 0:
            self._pictures_left -= 1
            self._things.append((self._label, picture))


def _close_figures() -> None:
    if (pyplot := sys.modules.get("matplotlib.pyplot")) is not None:
        with contextlib.suppress(Exception):
            pyplot.close("all")


def _as_png(figure: Any) -> bytes | None:
    """Return a figure as a file of a size that a page can show; None where it cannot be drawn."""
    for box in ("tight", None):  # what lies far outside of the axes would make it as large as it is far
        with contextlib.suppress(Exception):
            file = io.BytesIO()
            dpi = min(figure.dpi, _MAX_SIDE / max(*figure.get_size_inches(), 1))
            figure.savefig(file, format="png", dpi=dpi, bbox_inches=box)
            content = file.getvalue()
            if max(int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big")) <= _MAX_SIDE:
                return content
    return None


class _Listener:
    """A stream that passes on what is written, and is everything else that the stream behind it is."""

    def __init__(self, stream: Any, hear: Callable[[str], None]) -> None:
        self._stream, self._hear = stream, hear

    def write(self, words: str) -> Any:
        written = self._stream.write(words)
        self._hear(words)
        return written

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
