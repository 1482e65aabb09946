"""Runs whole cells and keeps what they show, as a kernel would, for notebooks that people look at.

There is no kernel and no IPython shell: magics and shell lines do what `autograder.sandbox.cells` lets them do.
This module runs where the student's code runs.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
import sys
import tempfile
from typing import Any

from autograder.sandbox import bundles, notes, workfolder
from autograder.sandbox.cells import Notebook
from autograder.sandbox.failure import Failure

Output = dict[str, Any]

_MAX_TEXT, _MAX_IMAGES = 60_000, 2_000_000
_MAX_OUTPUTS = 200
_CUT = "cut"
"""The word for more output than there is room for."""
_OVERWRITTEN = re.compile(r"[^\n\r]*\r(?=[^\n\r])")
"""What a progress bar has shown before it began its line again."""


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
        self._by_id: dict[object, list[Output]] = {}  # what the cell has shown under a name, to be replaced
        self._show_by_pyplot = lambda *_, **__: self._show_figures()
        os.chdir(folder)
        os.environ.update(environment)
        tempfile.tempdir = environment.get("TMPDIR")
        workfolder.leave_modes()
        sys.path.insert(0, "")
        sys.dont_write_bytecode = True  # of a module that is written twice in a second the first one would be kept
        notebook.shell.begin_in(folder)
        notebook.names["_dh"] = [folder]
        notebook.shell.show_by(self._display, self._clear)

    def run(self, label: str, source: str) -> tuple[list[Output], Failure | None]:
        """Run a cell until a statement fails; return what it has shown and the failure."""
        self._outputs, self._text_left, self._images_left = [], _MAX_TEXT, _MAX_IMAGES
        self._is_stale, self._by_id = False, {}
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Stream(self, "stdout"), _Stream(self, "stderr")
        try:
            failure = self._run(label, source)
            if failure is not None:
                self._show({"output_type": "error"})
            self._show_figures()
        finally:
            sys.stdout, sys.stderr = before
        return self.shown, failure

    @property
    def shown(self) -> list[Output]:
        """What the cell has shown so far."""
        if len(self._outputs) > _MAX_OUTPUTS:
            notes.add(_CUT, once=True)
        return self._outputs[:_MAX_OUTPUTS]

    def _run(self, label: str, source: str) -> Failure | None:
        self._notebook.begin(label, source)
        try:
            self._notebook.shell.reload_changed()
            for tree in self._notebook.trees(source, label, 0, resume=False):
                if isinstance(tree, Failure):
                    return tree
                if tree.body and (name := self._notebook.shell.assigned(tree.body[-1])) is not None:
                    tree.body.append(name)
                for statement in tree.body:
                    self._take_over_pyplot()
                    value = self._notebook.execute(statement, label)
                    is_last = statement is tree.body[-1]
                    if value is not None and self._notebook.shell.shows(statement, source, is_last=is_last):
                        self._show_result(value)
        except BaseException as error:  # noqa: BLE001 -- whatever a student raises, SystemExit too
            return self._notebook.failure(error)
        return None

    def write(self, name: str, words: str) -> None:
        """Keep what is printed, while there is room."""
        kept = self._fitting(words)
        last = self._outputs[-1] if self._outputs and not self._is_stale else {}
        if last.get("name") == name:
            last["text"] += kept
        elif kept:
            last = {"output_type": "stream", "name": name, "text": kept}
            self._show(last)
        if "\r" in kept:
            before = len(last["text"])
            last["text"] = _OVERWRITTEN.sub("", last["text"])
            self._text_left += before - len(last["text"])

    def _fitting(self, words: str) -> str:
        """Return as much of a text as there is room for."""
        kept = words[: self._text_left]
        self._text_left -= len(kept)
        if len(kept) < len(words):
            notes.add(_CUT, once=True)
        return kept

    def _display(
        self,
        *values: Any,
        raw: bool = False,
        display_id: object = None,
        update: bool = False,
        clear: bool = False,
        **_: Any,
    ) -> None:
        if clear:
            self._clear(wait=True)
        for value in values:
            if not raw and bundles.shows_itself(value):
                continue
            data = self._bundle(value, is_raw=raw)
            if not update:
                self._show({"output_type": "display_data", "data": data})
                if display_id is not None:
                    self._by_id.setdefault(display_id, []).append(self._outputs[-1])
            for output in self._by_id.get(display_id, ()):  # of an earlier cell none is left to be changed
                output["data"] = data

    def _clear(self, wait: bool = False) -> None:
        """Take back what has been shown, at once or as soon as there is something else."""
        self._is_stale = wait
        if not wait:
            self._outputs.clear()
            self._by_id.clear()

    def _show(self, output: Output) -> None:
        if self._is_stale:
            self._clear()
        self._outputs.append(output)

    def _show_result(self, value: Any) -> None:
        assert self._notebook.history is not None
        if not bundles.shows_itself(value):
            self._show({"output_type": "execute_result", "data": self._bundle(value)})
        self._notebook.history.keep(value)

    def _bundle(self, value: Any, *, is_raw: bool = False) -> dict[str, str]:
        """Return a value as text, and as a picture if it is one, as far as there is room."""
        data = bundles.raw(value) if is_raw else bundles.bundle(value, self._notebook.shell)
        data[bundles.TEXT] = self._fitting(data[bundles.TEXT])
        for kind in data.keys() & bundles.PICTURES:
            if len(data[kind]) > self._images_left:
                del data[kind]
                notes.add(_CUT, once=True)
            else:
                self._images_left -= len(data[kind])
        return data

    def _take_over_pyplot(self) -> None:
        """Let ``plt.show()`` show figures where it stands, and notice which backend is chosen."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is not None and pyplot.__dict__.get("show") is not self._show_by_pyplot:
            pyplot.show = self._show_by_pyplot  # type: ignore[attr-defined]
            self._follow(pyplot, "switch_backend")
        matplotlib = sys.modules.get("matplotlib")
        if matplotlib is not None and not hasattr(getattr(matplotlib, "use", self), "followed"):
            self._follow(matplotlib, "use")

    def _follow(self, module: Any, name: str) -> None:
        """Notice what a function of matplotlib's is asked for."""
        original, shell = getattr(module, name), self._notebook.shell

        def chosen(backend: Any, *given: Any, **named: Any) -> Any:
            if not sys._getframe(1).f_globals.get("__name__", "").startswith("matplotlib"):  # its own first choice
                shell.choose_backend(str(backend))
            return original(backend, *given, **named)

        chosen.followed = True  # type: ignore[attr-defined]
        setattr(module, name, functools.wraps(original)(chosen))

    def _show_figures(self) -> None:
        """Show and close the figures that are open, as matplotlib's inline backend does at the end of a cell."""
        shell = self._notebook.shell
        if (pyplot := sys.modules.get("matplotlib.pyplot")) is None or not shell.draws_inline:
            return
        with contextlib.suppress(Exception):
            closes = shell.config.get("InlineBackend", {}).get("close_figures", True)
            try:
                for figure in bundles.open_figures():
                    if closes or figure.stale:
                        self._show({"output_type": "display_data", "data": self._bundle(figure)})
                        figure.stale = False
            finally:
                if closes:  # also those that took too long to draw: the next cell has no part in them
                    pyplot.close("all")


class _Stream(io.TextIOBase):
    encoding = "UTF-8"

    def __init__(self, screen: CellDisplay, name: str) -> None:
        super().__init__()
        self._screen, self._name = screen, name

    def fileno(self) -> int:
        return {"stdout": 1, "stderr": 2}[self._name]  # what is written there is not shown

    def write(self, words: str) -> int:
        if not isinstance(words, str):
            raise TypeError(f"write() argument must be str, not {type(words).__name__}")
        self._screen.write(self._name, words)
        return len(words)

    def writable(self) -> bool:
        return True
