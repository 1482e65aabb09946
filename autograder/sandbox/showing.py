"""Runs whole cells and keeps what they show, as a kernel would, for notebooks that people look at.

There is no kernel and no IPython shell: magics and shell lines do what `autograder.sandbox.cells` lets them do.
This module runs where the student's code runs.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
import sys
import tempfile
from typing import Any

from autograder.sandbox import workfolder
from autograder.sandbox.cells import Failure, Notebook
from autograder.sandbox.history import is_shown

Output = dict[str, Any]

NO_PICTURES = "AUTOGRADER_NO_PICTURES"
"""In the environment of the code: nobody looks at its figures, which take far longer to draw than to describe."""

_MAX_TEXT, _MAX_IMAGES = 60_000, 500_000
_MAX_OUTPUTS = 200


class CellDisplay:
    """Runs the cells of one notebook and keeps what they show.

    Args:
        notebook: its namespace.
        folder: where its files are; relative paths start there, and modules are found there.
        environment: variables its code may read.
    """

    def __init__(self, notebook: Notebook, folder: str, environment: dict[str, str]) -> None:
        self._notebook = notebook
        self._outputs: list[Output] = []
        self._text_left, self._images_left = _MAX_TEXT, _MAX_IMAGES
        self._is_stale = False  # what has been shown goes when something else comes
        os.chdir(folder)
        os.environ.update(environment)
        tempfile.tempdir = environment.get("TMPDIR")
        workfolder.copy_without_modes()
        sys.path.insert(0, "")
        notebook.shell.begin_in(folder)
        notebook.shell.show_by(self._display, self._clear)

    def run(self, label: str, source: str) -> tuple[list[Output], Failure | None]:
        """Run a cell until a statement fails; return what it has shown and the failure."""
        self._outputs, self._text_left, self._images_left = [], _MAX_TEXT, _MAX_IMAGES
        self._is_stale = False
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Stream(self, "stdout"), _Stream(self, "stderr")
        try:
            failure = self._run(label, source)
            self._show_figures()
        finally:
            sys.stdout, sys.stderr = before
        return self.shown, failure

    @property
    def shown(self) -> list[Output]:
        """What the cell has shown so far."""
        return self._outputs[:_MAX_OUTPUTS]

    def _run(self, label: str, source: str) -> Failure | None:
        self._notebook.begin(label, source)
        for tree in self._notebook.trees(source, label, 0, resume=False):
            if isinstance(tree, Failure):
                return tree
            try:
                for statement in tree.body:
                    value = self._notebook.execute(statement, label)
                    if statement is tree.body[-1] and is_shown(statement, source):
                        self._show_result(value)
            except BaseException as error:  # noqa: BLE001 -- whatever a student raises, SystemExit too
                return self._notebook.failure(error)
        return None

    def write(self, name: str, words: str) -> None:
        """Keep what is printed, while there is room."""
        kept = words[: self._text_left]
        self._text_left -= len(kept)
        last = self._outputs[-1] if self._outputs and not self._is_stale else {}
        if last.get("name") == name:
            last["text"] += kept
        elif kept:
            self._show({"output_type": "stream", "name": name, "text": kept})

    def _display(self, *values: Any, **_: Any) -> None:
        for value in values:
            self._show({"output_type": "display_data", "data": self._bundle(value)})

    def _clear(self, wait: bool = False) -> None:
        """Take back what has been shown, at once or as soon as there is something else."""
        self._is_stale = wait
        if not wait:
            self._outputs.clear()

    def _show(self, output: Output) -> None:
        if self._is_stale:
            self._clear()
        self._outputs.append(output)

    def _show_result(self, value: Any) -> None:
        if value is not None:
            assert self._notebook.history is not None
            self._notebook.history.keep(value)
            self._show({"output_type": "execute_result", "data": self._bundle(value)})

    def _bundle(self, value: Any) -> dict[str, str]:
        """Return a value as text, and as a picture if it is one."""
        data = {"text/plain": self._cut(pretty(value))}
        if hasattr(value, "savefig"):
            data |= self._picture(value)
        elif hasattr(value, "_repr_png_") and isinstance(content := value._repr_png_(), bytes):
            data |= self._encoded(content)
        return data

    def _show_figures(self) -> None:
        """Show and close the figures that are open at the end of a cell, as matplotlib's inline backend does."""
        if (pyplot := sys.modules.get("matplotlib.pyplot")) is None:
            return
        with contextlib.suppress(Exception):
            for number in pyplot.get_fignums() if NO_PICTURES not in os.environ else ():
                figure = pyplot.figure(number)
                data = {"text/plain": self._cut(pretty(figure))} | self._picture(figure)
                self._show({"output_type": "display_data", "data": data})
            pyplot.close("all")

    def _picture(self, figure: Any) -> dict[str, str]:
        return self._encoded(as_png(figure))

    def _encoded(self, content: bytes) -> dict[str, str]:
        encoded = base64.b64encode(content).decode()
        if len(encoded) > self._images_left:
            return {}
        self._images_left -= len(encoded)
        return {"image/png": encoded}

    def _cut(self, words: str) -> str:
        kept = words[: self._text_left]
        self._text_left -= len(kept)
        return kept


class _Stream(io.TextIOBase):
    def __init__(self, screen: CellDisplay, name: str) -> None:
        super().__init__()
        self._screen, self._name = screen, name

    def write(self, words: str) -> int:
        if not isinstance(words, str):
            raise TypeError(f"write() argument must be str, not {type(words).__name__}")
        self._screen.write(self._name, words)
        return len(words)

    def writable(self) -> bool:
        return True


def as_png(figure: Any) -> bytes:
    """Return a figure as matplotlib's inline backend draws it."""
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    return file.getvalue()


def pretty(value: Any) -> str:
    """Return a value as a notebook shows it."""
    with contextlib.suppress(ImportError):
        from IPython.lib.pretty import pretty

        return str(pretty(value))
    return repr(value)
