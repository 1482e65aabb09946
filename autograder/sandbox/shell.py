"""Stands in for IPython's shell: magics, shell lines, and what libraries ask of it.

There is no kernel. Magics that run code run it in the cell they stand in, under its label and line numbers; those that
measure give a measurement; a few that look around or write a file do so as far as the process may. What asks for
another program or for a setting of the notebook does nothing, and assigning it gives something empty.

This module runs where the student's code runs, and imports nothing before it is used.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import sys
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from autograder.sandbox import commands, notes
from autograder.sandbox.magic_results import Captured, Handle, Ignored, Lines, Measurement, Settings

_TIMING = {
    "time": ("", ""),
    "timeit": ("nrpv", "qotc"),
    "prun": ("DlsT", "rq"),
    "memit": ("rti", "oc"),
    "debug": ("", ""),
}
"""Magics that run code, each with the letters of its options: those with a value, those without."""
_MEASURING_S = 0.2
"""How long a measurement that was asked for may go on repeating its code."""


_NAME_IN_A_COMMAND = re.compile(r"\$(\w+)|\{(\w+)\}")
_FOR_A_SHELL = re.compile(r"[|;&<>`]")

_PYLAB = """\
import numpy, matplotlib
from matplotlib import pylab, mlab, pyplot
np, plt = numpy, pyplot
from pylab import *
from numpy import *
"""
"""What ``%pylab`` defines."""


class Cells(Protocol):
    """What a shell needs of the notebook; `cells.Notebook` has it."""

    names: dict[str, Any]

    def program(self, source: str, label: str, offset: int) -> Callable[[], Any]: ...  # noqa: D102
    def compile_script(self, source: str, path: str) -> types.CodeType: ...  # noqa: D102


class Shell:
    """What ``get_ipython()`` gives.

    Args:
        notebook: whose cells it runs in.
    """

    kernel = None
    colors = "NoColor"
    execution_count: int

    def __init__(self, notebook: Cells) -> None:
        self._notebook = notebook
        self._start = self._before = os.getcwd()  # noqa: PTH109 -- each worker would pay for a path object
        self._sinks: list[Callable[..., None]] = [lambda *_, **__: None]
        self._clear: Callable[..., None] = lambda *_: None
        self._own_magics: dict[tuple[str, str], Callable[..., Any]] = {}
        self.config = Settings()
        self.has_files = False  # the submission's other files are here: one that is missing is its student's mistake

    @property
    def user_ns(self) -> dict[str, Any]:
        """The notebook's global names."""
        return self._notebook.names

    user_global_ns = user_ns

    # -- what is shown -------------------------------------------------------------------------------------------------

    def display(self, *values: Any, display_id: object = None, **options: Any) -> Handle | None:
        """Show values below the cell, where anybody looks at it."""
        self._sinks[-1](*values, **options)
        return Handle(self.display, display_id) if display_id else None

    def show_by(self, sink: Callable[..., None], clear: Callable[..., None]) -> None:
        """From now on what is displayed goes there, and is taken back there."""
        self._sinks[0], self._clear = sink, clear

    def clear_output(self, wait: bool = False) -> None:
        """Take back what is shown below the cell."""
        self._clear(wait)

    def begin_in(self, folder: str) -> None:
        """The notebook works in this folder, where the submission's other files are."""
        self._start = self._before = folder
        self.has_files = True

    # -- code as text --------------------------------------------------------------------------------------------------

    def ev(self, expression: str) -> Any:
        """The value of an expression."""
        return self._program(expression, sys._getframe(1), lines_before=-1)()

    def ex(self, source: str) -> None:
        """Run statements."""
        self._program(source, sys._getframe(1), lines_before=-1)()

    run_code = ex

    def run_cell(self, source: str, *_: Any, **__: Any) -> types.SimpleNamespace:
        """Run a cell; gives what IPython says of one that has succeeded."""
        value = self._program(source, sys._getframe(1), lines_before=-1)()
        return types.SimpleNamespace(result=value, success=True, error_before_exec=None, error_in_exec=None)

    def push(self, names: dict[str, Any], *_: Any, **__: Any) -> None:
        """Add global names."""
        self._notebook.names.update(names)

    # -- magics --------------------------------------------------------------------------------------------------------

    def register_magic_function(
        self, function: Callable[..., Any], magic_kind: str = "line", magic_name: str = ""
    ) -> None:
        """A magic of the student's own."""
        kinds = ("line", "cell") if magic_kind == "line_cell" else (magic_kind,)
        self._own_magics |= {(kind, magic_name or function.__name__): function for kind in kinds}

    def register_magics(self, *groups: Any) -> None:
        """Magics of the student's own as methods of a class, which IPython's decorators list in ``magics``."""
        for group in groups:
            owner = group(None) if isinstance(group, type) else group  # it takes none but IPython's own shell
            owner.shell = self
            for kind, names in owner.magics.items():
                for name, method in names.items():
                    function = getattr(owner, method) if isinstance(method, str) else method
                    self._own_magics[kind, name] = function

    def magic(self, line: str) -> Any:
        """The line behind ``%``."""
        name, _, rest = line.lstrip("% ").partition(" ")
        return self._line_magic(name, rest, sys._getframe(1))

    def run_line_magic(self, magic_name: str, line: str = "", _stack_depth: int = 1) -> Any:
        """``%name line``."""
        return self._line_magic(magic_name, line, sys._getframe(1))

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """``%%name line`` with the lines below it."""
        caller = sys._getframe(1)
        if own := self._own_magics.get(("cell", magic_name)):
            return own(line, cell)
        if magic_name == "timeit":
            options, setup = _split_options(line, *_TIMING["timeit"])
            self._program(setup, caller, lines_before=-1)()
            return self._measure(self._program(cell, caller), options)
        if magic_name == "capture":
            return self._capture(line, self._program(cell, caller))
        if magic_name in ("writefile", "file"):
            return self._write_file(line, cell)
        _note_command(commands.missed_of_cell(magic_name, line, cell))
        return self._program(cell, caller)() if magic_name in _TIMING else None

    def _line_magic(self, name: str, line: str, caller: types.FrameType) -> Any:
        if own := self._own_magics.get(("line", name)):
            return own(line)
        if name in _TIMING:
            options, code = _split_options(line, *_TIMING[name])
            run = self._program(code, caller, lines_before=-1)
            return self._measure(run, options) if name == "timeit" else run()
        if name == "run":
            return self._run_file(line)
        if name == "pylab":
            return self._program(_PYLAB, caller)()
        if name in ("sx", "system", "sc"):
            return self.getoutput(line)
        if name in ("pwd", "cd", "env", "set_env", "who_ls", "mkdir"):
            return getattr(self, f"_{name}")(line.strip())
        return None

    def _program(self, source: str, caller: types.FrameType, *, lines_before: int = 0) -> Callable[[], Any]:
        """Code in the cell that holds the magic, under that cell's label and line numbers; gives its last value."""
        lines_before += len(source) - len(source.lstrip("\n"))  # which IPython drops
        return self._notebook.program(source, caller.f_code.co_filename, caller.f_lineno + lines_before)

    def _measure(self, run: Callable[[], Any], options: dict[str, str]) -> Measurement | None:
        """``%timeit``: once, and more often only where somebody looks at the result."""
        is_wanted = "o" in options
        loops = max(1, _number(options.get("n"), 1)) if is_wanted else 1
        most = max(1, _number(options.get("r"), 7)) if is_wanted else 1
        started = time.perf_counter()
        seconds: list[float] = []
        while len(seconds) < most and (not seconds or time.perf_counter() - started < _MEASURING_S):
            begun = time.perf_counter()
            for done in range(1, loops + 1):
                run()
                if time.perf_counter() - started > _MEASURING_S and not seconds:
                    loops = done  # so many are all there is time for
                    break
            seconds.append(time.perf_counter() - begun)
        result = Measurement(loops, seconds)
        if "q" not in options:
            print(result)
        return result if is_wanted else None

    def _capture(self, line: str, run: Callable[[], Any]) -> None:
        """``%%capture NAME``; what was shown before an exception is captured as well."""
        words = line.split()
        captured = Captured(self.display)
        streams: dict[str, io.StringIO] = {}
        with contextlib.ExitStack() as stack:
            if "--no-stdout" not in words:
                streams["stdout"] = stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            if "--no-stderr" not in words:
                streams["stderr"] = stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
            if "--no-display" not in words:
                self._sinks.append(captured.add)
                stack.callback(self._sinks.pop)
            try:
                if (value := run()) is not None:
                    self.display(value)
            finally:
                captured.stdout, captured.stderr = (
                    streams[name].getvalue() if name in streams else "" for name in ("stdout", "stderr")
                )
                for name in (word for word in words if word.isidentifier()):
                    self._notebook.names[name] = captured

    # -- files ---------------------------------------------------------------------------------------------------------

    def _write_file(self, line: str, cell: str) -> None:
        words = shlex.split(line)
        name = next((word for word in words if not word.startswith("-")), "")
        try:
            with Path(name).open("a" if words[:1] in (["-a"], ["--append"]) else "w", encoding="utf-8") as file:
                file.write(cell if cell.endswith("\n") else cell + "\n")
        except OSError:
            if self.has_files:
                raise
            notes.add("writefile", name)
            return
        importlib = sys.modules.get("importlib")
        if importlib is not None:
            importlib.invalidate_caches()  # it may be a module that is about to be imported

    def _run_file(self, line: str) -> None:
        """``%run FILE``: a script in names of its own, which are the notebook's afterwards, or another notebook."""
        words = shlex.split(line)
        options = []
        while words and words[0].startswith("-"):
            options.append(words.pop(0))
        path = words[0] if words else ""
        if not Path(path).suffix and not Path(path).exists():
            path += ".py"
        try:
            source = Path(path).read_text(encoding="utf-8-sig")
        except OSError:
            if self.has_files:
                raise
            notes.add("run", path)
            return
        if path.endswith(".ipynb"):
            for number, cell in enumerate(_code_cells(source), start=1):
                self._notebook.program(cell, f"{path}, code cell {number}", 0)()
            return
        self._run_script(path, source, [path, *words[1:]], own="-i" not in options)

    def _run_script(self, path: str, source: str, arguments: list[str], *, own: bool) -> None:
        names = self._notebook.names
        inside = {**({} if own else names), "__name__": "__main__", "__file__": path, "__builtins__": __builtins__}
        before, sys.argv = sys.argv, arguments
        try:
            code = self._notebook.compile_script(source, path)
            with contextlib.suppress(SystemExit):
                exec(code, inside)  # noqa: S102 -- running the student's script is what this is for
        finally:
            sys.argv = before
            names.update({name: value for name, value in inside.items() if not name.startswith("__")})

    # -- looking around ------------------------------------------------------------------------------------------------

    def system(self, command: str) -> None:
        """``!command``: no program is started; a folder can be made without one."""
        with contextlib.suppress(ValueError):
            words = shlex.split(command)
            if words[:1] == ["mkdir"] and not _FOR_A_SHELL.search(command):
                return self._mkdir(" ".join(words[1:]))
        return _note_command(commands.missed(command))

    def getoutput(self, command: str, *_: Any, **__: Any) -> Lines:
        """``!command`` that is assigned: nothing, but for ``pwd``, ``ls``, ``echo`` and ``cat`` on their own."""
        with contextlib.suppress(ValueError):
            words = [word for word in shlex.split(self._expanded(command)) if not word.startswith("-")]
            if not _FOR_A_SHELL.search(command) and (found := _shown_by(words)) is not None:
                return found
        _note_command(commands.missed(command, is_read=True))
        return Lines()

    def _expanded(self, command: str) -> str:
        """The command with values for the notebook's names in it: ``$name`` and ``{name}``."""
        names = self._notebook.names
        return _NAME_IN_A_COMMAND.sub(lambda found: str(names.get(found[1] or found[2], found[0])), command)

    def _pwd(self, _: str) -> str:
        return str(Path.cwd())

    def _cd(self, line: str) -> None:
        """Go where the folder is below the one the notebook began in; elsewhere there is nothing to go to."""
        target = os.path.realpath(self._before if line == "-" else line.strip("'\"") or self._start)
        here = str(Path.cwd())
        if os.path.commonpath([target, self._start]) == self._start:
            with contextlib.suppress(OSError):
                os.chdir(target)
                self._before = here

    def _env(self, line: str) -> Any:
        if not line:
            return dict(os.environ)
        name, is_set, value = line.partition("=") if "=" in line else line.partition(" ")
        if is_set:
            os.environ[name.strip()] = value.strip()
            return None
        return os.environ.get(name)

    _set_env = _env

    def _who_ls(self, _: str) -> list[str]:
        return sorted(name for name in self._notebook.names if not name.startswith("_"))

    def _mkdir(self, line: str) -> None:
        for name in (word for word in line.split() if not word.startswith("-")):
            with contextlib.suppress(OSError):
                Path(name).mkdir(parents=True, exist_ok=True)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return Ignored()


# by the name of its class, much code learns whether it is in a notebook
Shell.__name__ = Shell.__qualname__ = "ZMQInteractiveShell"


def _split_options(line: str, valued: str, plain: str) -> tuple[dict[str, str], str]:
    """The options in front of a magic's code, and the code: ``-n1 -r 3 -q f(-x)``."""
    options: dict[str, str] = {}
    rest = line.strip()
    while rest[:1] == "-" and rest[1:2] and rest[1] in valued + plain:
        word, _, rest = rest[1:].partition(" ")
        while word and word[0] in plain:
            options[word[0]], word = "", word[1:]
        if word and word[0] in valued:
            if not word[1:]:
                value, _, rest = rest.lstrip().partition(" ")
                word += value
            options[word[0]] = word[1:]
        rest = rest.lstrip()
    return options, rest


def _number(words: str | None, default: int) -> int:
    try:
        return int(words) if words else default
    except ValueError:
        return default


def _note_command(program: str) -> None:
    if program:
        notes.add("command", program, once=True)


def _shown_by(words: list[str]) -> Lines | None:
    """What a simple command prints, of those that can be had without a program; nothing of files that are not there."""
    with contextlib.suppress(OSError):
        match words:
            case ["echo", *rest]:
                return Lines(" ".join(rest).split("\n"))
            case ["cat", *names]:
                return Lines(line for name in names for line in Path(name).read_text(encoding="utf-8").splitlines())
            case ["pwd"]:
                return Lines([str(Path.cwd())])
            case ["ls", *names]:
                return Lines(_listed(names or ["."]))
            case _:
                return None
    return Lines()


def _listed(names: list[str]) -> list[str]:
    found: list[str] = []
    for name in names:
        in_it = Path(name).iterdir() if Path(name).is_dir() else Path().glob(name)
        found += sorted(path.name if Path(name).is_dir() else str(path) for path in in_it)
    return found


def _code_cells(source: str) -> Iterator[str]:
    for cell in json.loads(source)["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"])
