"""Stands in for IPython's shell: magics, shell lines, and what libraries ask of it.

There is no kernel. Magics that run code run it in the cell they stand in, under its label and line numbers; those that
measure give a measurement; those that look around, set something or write a file do so as far as the process may.
What asks for another program does nothing, and assigning it gives something empty.

This module runs where the student's code runs, and imports nothing before it is used.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import re
import shlex
import sys
import time
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from autograder.sandbox import bundles, notes, shell_lines
from autograder.sandbox.command_lines import CommandLines
from autograder.sandbox.history import History, is_shown
from autograder.sandbox.line_magics import LineMagics
from autograder.sandbox.magic_results import Captured, Handle, Ignored, Lines, Measurement, Settings, in_units

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
_FOR_FILES = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
"""Backends of matplotlib's that show nothing."""
_MARKUP = {"html": "HTML", "latex": "Latex", "markdown": "Markdown", "svg": "SVG", "javascript": "Javascript"}
"""Cell magics that show their cell, each with the class of IPython's that holds it."""
_COMMANDS = {name: name for name in ("cat", "cp", "ls", "mkdir", "mv", "rm", "rmdir")} | {"ll": "ls"}
"""Line magics that are commands."""
_WITHOUT_EFFECT = re.compile(
    "alias|alias_magic|autoawait|autocall|automagic|autosave|bookmark|code_wrap|colors|conda|connect_info|debug|"
    "dhist|dirs|doctest_mode|ed|edit|gui|killbgscripts|less|load|loadpy|logoff|logon|logstart|logstate|logstop|"
    "lsmagic|macro|magic|mamba|man|micromamba|more|notebook|page|pastebin|pdb|pdef|pdoc|pfile|pinfo|pinfo2|pip|"
    "popd|pprint|psearch|psource|pushd|pycat|quickref|recall|rehashx|rep|rerun|save|subshell|tb|unalias|"
    "unload_ext|uv"
)
"""IPython's other line magics, which nobody misses in a notebook that runs by itself; without IPython, to know them."""
_SCRIPTS = re.compile("!|bash|perl|pypy|python[23]?|ruby|script|sh")
"""Cell magics that hand their cell to a program."""

_PYLAB = """\
print("%pylab is deprecated, use %matplotlib inline and import the required libraries.")
print("Populating the interactive namespace from numpy and matplotlib")
import numpy, matplotlib
from matplotlib import pylab, mlab, pyplot
np, plt = numpy, pyplot
from pylab import *
from numpy import *
"""
"""What ``%pylab`` says and defines."""


class Cells(Protocol):
    """What a shell needs of the notebook; `cells.Notebook` has it."""

    names: dict[str, Any]
    history: History | None

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
        self.start = os.getcwd()  # noqa: PTH109 -- each worker would pay for a path object
        self._sinks: list[Callable[..., None]] = [lambda *_, **__: None]
        self._clear: Callable[..., None] = lambda *_: None
        self._own_magics: dict[tuple[str, str], Callable[..., Any]] = {}
        self.config = Settings()
        self.has_files = False  # the submission's other files are here: one that is missing is its student's mistake
        self.ast_node_interactivity = "last_expr"
        self.float_format = ""  # of what is shown, as %precision sets it
        self._magics: LineMagics | None = None
        self._formatter: Any = None
        self._commands = CommandLines(self)
        self.display_pub: Any = None  # where what is displayed goes instead, while somebody captures it
        self.draws_inline = True  # figures are shown where their cell ends, and closed

    @property
    def user_ns(self) -> dict[str, Any]:
        """The notebook's global names."""
        return self._notebook.names

    user_global_ns = user_ns

    # -- what is shown -------------------------------------------------------------------------------------------------

    def display(self, *values: Any, display_id: object = None, **options: Any) -> Handle | None:
        """Show values below the cell, where anybody looks at it."""
        if self.display_pub is not None:
            self._publish(values, **options)
            return None
        name = os.urandom(16).hex() if display_id is True else display_id
        self._sinks[-1](*values, display_id=name, **options)
        return Handle(self.display, name) if name and not options.get("update") else None

    def _publish(self, values: tuple[Any, ...], *, raw: bool = False, **_: Any) -> None:
        for value in values:
            self.display_pub.publish(data=bundles.raw(value) if raw else bundles.bundle(value, self))

    @property
    def display_formatter(self) -> Any:
        """IPython's own, as soon as somebody wants to change how a kind of value is shown."""
        if self._formatter is None:
            try:
                from IPython.core.formatters import DisplayFormatter
            except ImportError:
                return Ignored()
            self._formatter = DisplayFormatter()
        return self._formatter

    def formatted(self, kind: str, value: Any) -> Any:
        """Return a value in the form that somebody has chosen for its kind; None if nobody has chosen any.

        Args:
            kind: ``text/plain``, ``image/png`` or ``image/jpeg``.
            value: anything.
        """
        return None if self._formatter is None else self._formatter.formatters[kind](value)

    def show_by(self, sink: Callable[..., None], clear: Callable[..., None]) -> None:
        """From now on what is displayed goes there, and is taken back there."""
        self._sinks[0], self._clear = sink, clear

    def clear_output(self, wait: bool = False) -> None:
        """Take back what is shown below the cell."""
        self._clear(wait)

    def begin_in(self, folder: str) -> None:
        """The notebook works in this folder, where the submission's other files are."""
        self.start = folder
        self.has_files = True

    def shows(self, statement: ast.stmt, source: str, *, is_last: bool) -> bool:
        """Is the value of a statement shown? Of the last one only, unless the notebook has asked for all.

        Args:
            statement: an expression, or something else.
            source: the text of its cell.
            is_last: nothing comes after it.
        """
        chosen = self._interactivity()
        return chosen != "none" and (is_last or chosen == "all") and is_shown(statement, source)

    def assigned(self, statement: ast.stmt) -> ast.Expr | None:
        """Return the name that a cell's last statement assigns to, where the notebook has asked for its value."""
        if self._interactivity() != "last_expr_or_assign":
            return None
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if len(targets) != 1 or not isinstance(name := targets[0], ast.Name) or isinstance(statement, ast.For):
            return None
        return ast.copy_location(ast.Expr(ast.copy_location(ast.Name(name.id, ast.Load()), statement)), statement)

    def _interactivity(self) -> str:
        shells = sys.modules.get("IPython.core.interactiveshell")
        asked = getattr(shells.InteractiveShell, "ast_node_interactivity", None) if shells else None
        return asked if isinstance(asked, str) else self.ast_node_interactivity

    def choose_backend(self, name: str) -> None:
        """Draw figures by a backend of matplotlib's: one for files leaves them open, and shows none."""
        self.draws_inline = name.lower() not in _FOR_FILES

    def forget_outputs(self) -> None:
        """Forget what the cells have shown."""
        if self._notebook.history:
            self._notebook.history.forget()

    def reload_changed(self) -> None:
        """Before a cell: load the notebook's own modules again that have changed, if it has asked for that."""
        if self._magics is not None:
            self._magics.reload_changed()

    # -- code as text --------------------------------------------------------------------------------------------------

    def ev(self, expression: str) -> Any:
        """The value of an expression."""
        return self._program(expression, sys._getframe(1), lines_before=-1)()

    def ex(self, source: str) -> None:
        """Run statements."""
        self._program(source, sys._getframe(1), lines_before=-1)()

    run_code = ex

    def run_cell(self, source: str, *_: Any, **__: Any) -> types.SimpleNamespace:
        """Run a cell and show its value or its error; gives what IPython says of it."""
        value = error = None
        try:
            value = self._program(source, sys._getframe(1), lines_before=-1)()
        except Exception as raised:  # noqa: BLE001 -- the code that asks goes on
            error = raised
            print(*traceback.format_exception_only(error), sep="", end="", file=sys.stderr)
        if value is not None and not source.rstrip().endswith(";"):
            self.display(value)
        return types.SimpleNamespace(result=value, success=error is None, error_before_exec=None, error_in_exec=error)

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
        line = self._filled(magic_name, line)
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
        if magic_name in _TIMING:
            value = self._timed(magic_name, self._program(cell, caller))
            return None if magic_name == "prun" else value
        if (kind := _MARKUP.get({"js": "javascript"}.get(magic_name, magic_name.lower()))) is not None:
            return self._show_markup(kind, cell)
        if _SCRIPTS.fullmatch(magic_name):
            return self._commands.run_cell(magic_name, line, cell)
        print(f"UsageError: Cell magic `%%{magic_name}` not found.", file=sys.stderr)
        return None

    def _filled(self, magic: str, line: str) -> str:
        """Put in values behind ``$`` and in braces, as IPython does for magics that do not run their line as code."""
        return line if magic in _TIMING else shell_lines.expanded(line, self._notebook.names, in_a_shell=False)

    def _line_magic(self, name: str, line: str, caller: types.FrameType) -> Any:
        line = self._filled(name, line)
        if own := self._own_magics.get(("line", name)):
            return own(line)
        if name in _TIMING:
            options, code = _split_options(line, *_TIMING[name])
            run = self._program(code, caller, lines_before=-1)
            value = self._measure(run, options) if name == "timeit" else self._timed(name, run)
            return None if name == "prun" else value
        if name == "run":
            return self._run_file(line)
        if name == "pylab":
            return self._program(_PYLAB, caller)()
        if name in ("sx", "system", "sc"):
            return self.getoutput(line)
        if self._magics is None:
            self._magics = LineMagics(self, self._notebook.names)
        if magic := self._magics.find(name):
            return magic(line.strip())
        if name in _COMMANDS:
            self.system(f"{_COMMANDS[name]} {line}")
        elif not _WITHOUT_EFFECT.fullmatch(name):
            print(f"UsageError: Line magic function `%{name}` not found.", file=sys.stderr)
        return None

    def _show_markup(self, kind: str, cell: str) -> None:
        with contextlib.suppress(ImportError):
            from IPython import display

            self.display(getattr(display, kind)(cell))

    def _program(self, source: str, caller: types.FrameType, *, lines_before: int = 0) -> Callable[[], Any]:
        """Code in the cell that holds the magic, under that cell's label and line numbers; gives its last value."""
        lines_before += len(source) - len(source.lstrip("\n"))  # which IPython drops
        return self._notebook.program(source, caller.f_code.co_filename, caller.f_lineno + lines_before)

    def _timed(self, name: str, run: Callable[[], Any]) -> Any:
        """``%time``: says how long the code takes, where its author's own clock could."""
        if name != "time" or not self.has_files:
            return run()
        import resource

        before, begun = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
        try:
            return run()
        finally:
            wall, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
            user, system = after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime
            print(f"CPU times: user {in_units(user)}, sys: {in_units(system)}, total: {in_units(user + system)}")
            print(f"Wall time: {in_units(wall)}")

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
        appends, is_there = words[:1] in (["-a"], ["--append"]), Path(name).exists()
        try:
            with Path(name).open("a" if appends else "w", encoding="utf-8") as file:
                file.write(cell if cell.endswith("\n") else cell + "\n")
        except OSError:
            if self.has_files:
                raise
            notes.add("writefile", name)
            return
        print(f"{'Appending to' if appends and is_there else 'Overwriting' if is_there else 'Writing'} {name}")
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
        module = Path(path).stem if "-n" in options else "__main__"
        self._run_script(path, source, [path, *words[1:]], module=module, own="-i" not in options)

    def _run_script(self, path: str, source: str, arguments: list[str], *, module: str, own: bool) -> None:
        names = self._notebook.names
        inside = {**({} if own else names), "__name__": module, "__file__": path, "__builtins__": __builtins__}
        before, sys.argv = sys.argv, arguments
        try:
            code = self._notebook.compile_script(source, path)
            with contextlib.suppress(SystemExit):
                exec(code, inside)  # noqa: S102 -- running the student's script is what this is for
        finally:
            sys.argv = before
            names.update({name: value for name, value in inside.items() if not name.startswith("__")})

    # -- shell lines ---------------------------------------------------------------------------------------------------

    def system(self, command: str) -> None:
        """``!command``: no program is started; what can be had without one is printed or done."""
        self._commands.system(command)

    def getoutput(self, command: str, *_: Any, **__: Any) -> Lines:
        """``!command`` that is assigned: what it would print, as far as that can be had without a program."""
        return self._commands.getoutput(command)

    def did(self, command: str) -> int | None:
        """Do what a program asks of a shell, if that can be had without another one; gives the exit code."""
        return self._commands.did(command)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return Ignored()


# by the name of its class, much code learns whether it is in a notebook
Shell.__name__ = Shell.__qualname__ = "ZMQInteractiveShell"
Shell.__module__ = "ipykernel.zmqshell"


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


def _code_cells(source: str) -> Iterator[str]:
    for cell in json.loads(source)["cells"]:
        if cell["cell_type"] == "code":
            yield "".join(cell["source"])
