"""Runs the code cells of a submission and keeps what each exercise's function was at its grade cell.

Notebooks rebind names: after the exercises `data_iter`, `net` and `loss` become a DataLoader, an nn.Sequential, an
nn.MSELoss. So every exercise has a *view*: the notebook's global names as they stood at its grade cell, plus names
that were only defined later. Before a function of an exercise is called, its view becomes the content of the
one dictionary that all the notebook's functions share as their globals. Decorators, closures and classes need no
special care.

This module runs where the student's code runs: in the worker, or for the reference in the rubric's own process.
"""

from __future__ import annotations

import ast
import builtins
import codeop
import inspect
import linecache
import re
import types
import warnings
import weakref
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from autograder.sandbox import event_loops
from autograder.sandbox.failure import Failure
from autograder.sandbox.history import History, is_shown
from autograder.sandbox.interrupts import TimeIsUp
from autograder.sandbox.shell import Shell
from autograder.sandbox.variables import Variables

if TYPE_CHECKING:  # a worker holds nothing of ours that it does not need
    from autograder.sandbox.generators import CellSeed

_FRAMES_SHOWN = 8
_HERE = str(Path(__file__).parent)
_LIBRARY = re.compile(r".*(?:site-packages|/python3\.\d+)/")
_TEXT_SHOWN = 2000
_INCOMPLETE_INPUT = 0x4200  # flags of codeop's that would turn every unclosed bracket into "incomplete input"
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
_AT_MARGIN = re.compile(r"^(?=[^\s#)\]}])", re.MULTILINE)
_CHUNK = re.compile(r"^(?=def |class |@|import |from |async def )", re.MULTILINE)

_LOOPS_OF_NOTEBOOKS: weakref.WeakSet[Any] = weakref.WeakSet()
"""The loops of asyncio that notebooks of this process await in, each its own."""


class Notebook:
    """One namespace, filled by running cells.

    Args:
        functions: the exercise of every function students write.
        module_name: ``__main__`` as in a notebook, anything else for a script.
        variables: the variables of every exercise that has any.
        cell_seed: what every cell begins with, if anything.
    """

    def __init__(
        self,
        functions: dict[str, str],
        module_name: str = "__main__",
        variables: Mapping[str, Sequence[str]] = MappingProxyType({}),
        cell_seed: CellSeed | None = None,
    ) -> None:
        self.exercise_of, self.variables, self._cell_seed = functions, Variables(variables), cell_seed
        self.module = types.ModuleType(module_name)
        self.names = self.module.__dict__
        self.shell = Shell(self)
        self.names.update(get_ipython=lambda: self.shell, display=self.shell.display, __builtins__=builtins)
        self.history = History(self.names) if module_name == "__main__" else None
        self._compile = codeop.Compile()
        self._compile.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        self._loop: Any = None  # of asyncio, from the first cell on that awaits something
        self._last_definition: dict[str, Any] = {}
        self._at_grade_cell: dict[str, dict[str, Any]] = {}
        self._views: dict[str, dict[str, Any]] = {}
        self._current: str | None = None
        self._labels: set[str] = set()

    def run(
        self,
        label: str,
        source: str,
        *,
        first_line: int = 0,
        resume: bool = False,
        definitions_only: bool = False,
        look: Callable[[Any], None] | None = None,
    ) -> list[Failure]:
        """Run one cell.

        Args:
            label: what tracebacks call it.
            source: its text, magics included.
            first_line: how many lines of its file come before it.
            resume: go on after a statement that fails, which otherwise ends the cell.
            definitions_only: run nothing but imports, functions and classes.
            look: is called after each statement, with the value that the cell shows or None.

        Returns:
            What failed, in order; empty when all is well.
        """
        self.begin(label, source, first_line)
        failures: list[Failure] = []
        for tree in self.trees(source, label, first_line, resume=resume):
            if isinstance(tree, Failure):
                failures.append(tree)
                continue
            for statement in tree.body:
                if definitions_only and not isinstance(statement, _DEFINITIONS):
                    continue
                try:
                    value = self.execute(statement, label)
                    is_last = statement is tree.body[-1] and is_shown(statement, source)
                    if self.history and is_last:
                        self.history.keep(value)
                    if look is not None:
                        look(value if is_last else None)
                except BaseException as error:  # noqa: BLE001 -- whatever a student raises, SystemExit too
                    failures.append(self.failure(error))
                    if isinstance(error, TimeIsUp):
                        definitions_only = True  # no time is left for more
                    elif not resume:
                        return failures
        return failures

    def begin(self, label: str, source: str, first_line: int = 0) -> None:
        """A cell of this text begins: tracebacks show its lines, and it enters the history."""
        self._labels.add(label)
        self.names.pop("__warningregistry__", None)  # another cell gives the same warning again, as in IPython
        _remember_source(label, source, first_line)
        if self.history:
            self.history.begin(source)
            self.shell.execution_count = self.history.count
        if self._cell_seed:
            self._cell_seed.plant(self.names)

    def reach_grade_cell(self, exercise: str) -> None:
        """Keep the present namespace to judge this exercise by."""
        functions = [name for name, owner in self.exercise_of.items() if owner == exercise]
        if not functions or any(name in self.names for name in functions):
            self._at_grade_cell[exercise] = dict(self.names)
        self.variables.keep(exercise, self.names)

    def finish(self) -> None:
        """Make the views, once all cells have run."""
        final = dict(self.names)
        self.variables.finish(final)
        for exercise in {*self.exercise_of.values(), *self.variables.declared}:
            at_cell = self._at_grade_cell.get(exercise)
            self._views[exercise] = {**final, **(self._last_definition if at_cell is None else at_cell)}

    def find(self, function: str) -> Any:
        """Return a student's function, with its exercise's view in place.

        Raises:
            KeyError: the submission does not define it.
        """
        self.enter(self.exercise_of.get(function))
        return self.names[function]

    def names_at(self, exercise: str) -> dict[str, Any]:
        """Return the names of an exercise's view, which is put in place, with its variables as they were then."""
        self.enter(exercise)
        return {**self.names, **self.variables.of(exercise)}

    def declared(self) -> dict[str, Any]:
        """Return what the declared names are in the views of their exercises; no view is put in place."""
        views = {name: self._view_of(exercise) for name, exercise in self.exercise_of.items()}
        return {name: view[name] for name, view in views.items() if name in view}

    def _view_of(self, exercise: str) -> dict[str, Any]:
        return self.names if exercise == self._current else self._views.get(exercise, self.names)

    def enter(self, exercise: str | None) -> None:
        """Put the names of an exercise's view in place."""
        if exercise is None or exercise == self._current or exercise not in self._views:
            return
        if self._current is not None:
            self._views[self._current] = dict(self.names)
        self.names.clear()
        self.names.update(self._views[exercise])
        self._current = exercise

    @property
    def current(self) -> str | None:
        """The exercise whose view is in place."""
        return self._current

    def defined(self) -> list[str]:
        """Return the callables a student defined, in any view, and what bears the name of one that is asked for."""
        views = [self.names, *self._views.values()]
        return sorted(
            {
                name
                for view in views
                for name, value in view.items()
                if name in self.exercise_of or (not name.startswith("_") and callable(value))
            }
        )

    def failure(self, error: BaseException) -> Failure:
        """Return an exception as text: the student's own frames, and the innermost one of the library it ended in."""
        frames: list[tuple[str, int, str, str]] = []
        last_foreign: tuple[str, int, str, str] | None = None
        traceback = error.__traceback__
        while traceback is not None:
            code, line = traceback.tb_frame.f_code, traceback.tb_lineno or 0
            shown = (code.co_filename, line, code.co_name, linecache.getline(code.co_filename, line).strip()[:200])
            if code.co_filename in self._labels:
                frames.append(shown)
                last_foreign = None
            elif not code.co_filename.startswith(_HERE):
                last_foreign = shown
            traceback = traceback.tb_next
        if not frames and isinstance(error, SyntaxError) and error.filename in self._labels:
            return _syntax_failure(error, error.filename)  # what is only found when it is compiled: `return` in a cell
        if frames and last_foreign is not None:
            file = _LIBRARY.sub("", last_foreign[0])
            frames.append((file, *last_foreign[1:]))
        kept = frames if len(frames) <= _FRAMES_SHOWN else [*frames[:2], *frames[2 - _FRAMES_SHOWN :]]
        return Failure(_type_name(error), _message(error), kept, base=_base_name(error))

    def trees(self, source: str, label: str, first_line: int, *, resume: bool) -> Iterator[ast.Module | Failure]:
        """Yield the syntax tree of a cell, or what is wrong with it.

        Valid Python is left as it is: a line that begins with ``%`` may continue the expression above it. A script that
        does not parse is cut into its definitions, so that one typo costs one of them.
        """
        try:
            yield self._parse(source, label, first_line)
            return
        except _UNPARSABLE:
            source = _to_python(source)
        parts = _definitions_apart(source) if resume else [source]
        yield from self._trees_of(parts, label, first_line, split=resume)

    def _trees_of(
        self, parts: Iterable[str], label: str, offset: int, *, split: bool
    ) -> Iterator[ast.Module | Failure]:
        """Yield the trees of consecutive parts; split one that does not parse once more, at every unindented line."""
        for part in parts:
            try:
                yield self._parse(part, label, offset)
            except _UNPARSABLE as error:
                smaller = _AT_MARGIN.split(part) if split else [part]
                if len(smaller) > 1:
                    yield from self._trees_of(smaller, label, offset, split=False)
                else:
                    yield _syntax_failure(error, label)
            offset += part.count("\n")

    def _parse(self, source: str, label: str, offset: int) -> ast.Module:
        flags = self._compile.flags & ~_INCOMPLETE_INPUT | ast.PyCF_ONLY_AST
        tree = compile("\n" * offset + source, label, "exec", flags)
        assert isinstance(tree, ast.Module)
        return tree

    def program(self, source: str, label: str, offset: int) -> Callable[[], Any]:
        """Code to be run in a cell, compiled: for magics. Running it gives the value of a last expression.

        Args:
            source: its text, which may hold magics in turn.
            label: of the cell.
            offset: how many lines of the cell stand before it.
        """
        body = self._parse(_to_python(source), label, offset).body
        compiled = [(statement, self._compiled(statement, label)) for statement in body]

        def run() -> Any:
            value = None
            for statement, code in compiled:
                value = self._execute(code)
                self._keep_definitions(statement)
            return value

        return run

    def compile_script(self, source: str, path: str) -> types.CodeType:
        """The code of a file that a cell runs; tracebacks show its lines as the student's own."""
        self._labels.add(path)
        _remember_source(path, source, 0)
        return compile(source, path, "exec", dont_inherit=True)

    def execute(self, statement: ast.stmt, label: str) -> Any:
        """Run one statement of a cell; gives the value where it is an expression."""
        value = self._execute(self._compiled(statement, label))
        self._keep_definitions(statement)
        return value

    def _keep_definitions(self, statement: ast.stmt) -> None:
        for name in _definitions(statement):
            if name in self.exercise_of and name in self.names:
                self._last_definition[name] = self.names[name]

    def _compiled(self, statement: ast.stmt, label: str) -> types.CodeType:
        if isinstance(statement, ast.Expr):
            return self._compile(ast.Expression(statement.value), label, "eval")  # type: ignore[arg-type]
        return self._compile(ast.Module([statement], type_ignores=[]), label, "exec")  # type: ignore[arg-type]

    def _execute(self, code: types.CodeType) -> Any:
        value = eval(code, self.names)  # noqa: S307 -- running the cell is what this is for
        return self._await(value) if code.co_flags & inspect.CO_COROUTINE else value

    def _await(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        """Run what a cell awaits; tasks that it has begun go on whenever a later cell awaits something."""
        import asyncio

        if self._loop is None or self._loop.is_closed():
            self._loop = event_loops.current()  # tasks may have been given to it already
            if self._loop in _LOOPS_OF_NOTEBOOKS:  # another one closes its loop when it goes
                self._loop = asyncio.new_event_loop()
                asyncio.set_event_loop(self._loop)
            _LOOPS_OF_NOTEBOOKS.add(self._loop)
            weakref.finalize(self, self._loop.close)
        return self._loop.run_until_complete(coroutine)


def positional_parameters(function: Any) -> tuple[list[str], int, bool] | None:
    """Return what a function takes by position, read from its code alone: nothing of the student's runs.

    Returns:
        The names of its parameters, how many of them have no default, and whether any number of further ones may
        follow; None if it is no plain function, or asks for keywords.
    """
    if type(function) is not types.FunctionType:
        return None
    code = function.__code__
    if code.co_kwonlyargcount > len(function.__kwdefaults__ or {}):
        return None
    names = code.co_varnames[: code.co_argcount]
    return list(names), len(names) - len(function.__defaults__ or ()), bool(code.co_flags & inspect.CO_VARARGS)


def _syntax_failure(error: BaseException, label: str) -> Failure:
    line = getattr(error, "lineno", None) or 0
    shown = (getattr(error, "text", None) or "").strip()[:200]
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return Failure(type(error).__name__, message[:_TEXT_SHOWN], [(label, line, "", shown)] if line else [])


def _remember_source(label: str, source: str, first_line: int) -> None:
    """Let tracebacks show a cell's lines; a script comes in several parts, one after the other."""
    known = linecache.cache.get(label)
    lines = list(known[2]) if known is not None and len(known) == 4 else []
    lines = [*lines, *["\n"] * (first_line - len(lines))][:first_line]
    own = source.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")
    linecache.cache[label] = (0, None, [*lines, *(line + "\n" for line in own)], label)


def _message(error: BaseException) -> str:
    try:
        return "".join(str(error)[:_TEXT_SHOWN])  # a plain str, whatever a student's __str__ returns
    except BaseException:  # noqa: BLE001 -- it may do anything else as well
        return ""


def _type_name(error: BaseException) -> str:
    name: str = type.__dict__["__name__"].__get__(type(error))  # past a metaclass that has its own idea of it
    return name[:80]


def _base_name(error: BaseException) -> str:
    """Return the name of the first type of Python's own that an exception is of; empty where its type is one."""
    types: tuple[type, ...] = type.__dict__["__mro__"].__get__(type(error))
    names = [type.__dict__["__name__"].__get__(cls) for cls in types]
    own = next((name for name, cls in zip(names, types, strict=True) if getattr(builtins, name, None) is cls), "")
    return "" if own == names[0] else own


def _to_python(source: str) -> str:
    """Turn magics and shell lines into Python; return the source itself if IPython cannot."""
    from IPython.core.inputtransformer2 import TransformerManager

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return TransformerManager().transform_cell(source)
        except Exception:  # noqa: BLE001 -- Python will say what is wrong
            return source


def _definitions_apart(source: str) -> Iterator[str]:
    """Cut a script before each definition and import; decorators stay with what is below them."""
    decorators = ""
    for part in _CHUNK.split(source):
        if part.startswith("@"):
            decorators += part
        else:
            yield decorators + part
            decorators = ""
    yield decorators


def _definitions(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that ``def`` and ``class`` bind in a statement, also inside its ``if``, ``try`` and ``with``."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _definitions(child)  # type: ignore[arg-type]
