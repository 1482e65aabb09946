"""Records which ready-made operations run while a function does, however it reaches them.

Two witnesses, because each sees what the other cannot. torch's dispatcher reports every operation of tensors, also one
that C++ calls (`functools.partial`, TorchScript, `vmap`). Python's profiler reports every function that is entered,
also one of a library without tensors. Only functions of libraries and of C count by their names: what students call
their own functions, classes and variables is up to them.

This module runs where the student's code runs: in the worker, or for the reference in the rubric's own process. A
student who means to can disturb it; `README.md` says what that is worth to them.
"""

from __future__ import annotations

import ast
import cProfile
import inspect
import linecache
import re
import sys
import sysconfig
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import islice
from pathlib import Path
from types import CodeType, FrameType, TracebackType
from typing import Any, NamedTuple, Self

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from autograder.sandbox import wire

MAX_USES = 20
"""So many uses are recorded; the first one says what there is to say."""

MAX_SHOWN = 80
"""Characters of an expression that are shown."""

_FUSED: Mapping[str, tuple[str, ...]] = {
    # attention is a softmax of products, in one kernel; torch's encoder layer holds an attention
    "softmax": ("softmin", "attention", "transformer_encoder"),
    # its activation is relu unless gelu is asked for; what oneDNN fuses and torch's encoder layer have the same choice
    "relu": ("addmm_activation", "linear_pointwise", "convolution_pointwise", "transformer_encoder"),
}
"""What computes a watched operation inside one operation of its own, without its name."""

_DISTURBING = frozenset({"setprofile", "getprofile", "start_new_thread", "start_joinable_thread"})
"""Functions that end the record, look for it or leave it; code that has nothing to hide calls none of them itself."""

_set_profile, _get_profile = sys.setprofile, sys.getprofile
_PROFILER: Any = cProfile.Profile.__base__

_INNER_MODULE = re.compile(r"\._C\b|\._(?:special|nn|ops)\b|(?<=\.nn)\.modules\.\w+")

_IMPORT = "<frozen importlib._bootstrap>"
_OURS = str(Path(__file__).parent.parent) + "/"
_LIBRARIES = tuple(
    {path + "/" for name in ("stdlib", "platstdlib", "purelib", "platlib") if (path := sysconfig.get_path(name))}
    | {str(Path(torch.__file__).parent.parent) + "/"}
)


class Use(NamedTuple):
    """A ready-made operation that ran.

    Args:
        operation: its name: ``torch.nn.functional.softmax``, ``aten::_softmax``.
        label: the cell or file of the student's innermost line; empty where none of theirs was running.
        line: in the cell or file.
        expression: what the student's line calls, as it stands there; empty where that is not known.
    """

    operation: str
    label: str
    line: int
    expression: str


class Recorder:
    """Records uses of some operations by this thread and the threads it starts, inside a ``with``.

    Args:
        watched: names, compared without case and underscores: ``softmax`` is ``_log_softmax`` and ``Softmax2d`` too,
            and whatever computes one inside.
        exact: only functions of just these names count, not what they do: ``view`` is not ``flatten``, though torch
            has one operation for both.
    """

    def __init__(self, watched: Sequence[str], *, exact: bool = False) -> None:
        names = [name for watch in watched for name in (watch, *(() if exact else _FUSED.get(plain(watch), ())))]
        self._watched, self._exact = frozenset(map(plain, names)), exact
        self._known: dict[str, bool] = {}
        self._uses: dict[Use, None] = {}
        self._disturbed = False

    @property
    def uses(self) -> list[Use] | None:
        """Return what was recorded, in order; None if something ended the record or looked for it."""
        return None if self._disturbed else list(self._uses)

    def __enter__(self) -> Self:
        self._outside = sys._getframe(1)
        self._before = threading.getprofile(), torch._C._len_torch_dispatch_stack()
        self._operations = _operations(self)
        self._operations.__enter__()
        threading.setprofile(self._in_new_thread)
        self._profile = _OneProfile(self._on_event)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        was_kept = self._profile.end()
        of_threads, modes = threading.getprofile(), torch._C._len_torch_dispatch_stack()
        of_threads_before, modes_before = self._before
        if not was_kept or of_threads != self._in_new_thread or modes != modes_before + 1:
            self._disturbed = True
        while torch._C._len_torch_dispatch_stack() > modes_before + 1:  # left behind by the function
            torch._C._pop_torch_dispatch_stack(None)
        if torch._C._len_torch_dispatch_stack() == modes_before:  # taken away by the function
            torch._C._push_on_torch_dispatch_stack(self._operations)
        self._operations.__exit__(kind, error, traceback)
        threading.setprofile(of_threads_before)

    # -- what is reported ----------------------------------------------------------------------------------------------

    def operation_runs(self, name: str, frame: FrameType | None) -> None:
        """Take note that an operation of torch's is about to run.

        Args:
            name: as its schema has it.
            frame: what calls it.
        """
        if self._is_watched(name):
            self._keep(name, frame)

    def _on_event(self, frame: FrameType, event: str, function: Any) -> None:
        if event == "c_call":
            name = function.__name__
            if self._is_watched(name):
                self._keep(_public_name(function.__module__, function.__qualname__), frame)
            elif name in _DISTURBING and _is_students(frame.f_code.co_filename):
                self._disturbed = True
        elif event == "call":
            code = frame.f_code
            if self._is_watched(code.co_qualname) and _is_function(code) and _is_library(code.co_filename):
                self._keep(_public_name(frame.f_globals.get("__name__"), code.co_qualname), frame.f_back)

    def _in_new_thread(self, frame: FrameType, event: str, function: Any) -> None:
        """Record a new thread from its first event on, like the one that started it, until it ends."""
        _operations(self).__enter__()
        _set_profile(self._on_event)
        self._on_event(frame, event, function)

    # -- what is kept --------------------------------------------------------------------------------------------------

    def _is_watched(self, name: str) -> bool:
        known = self._known.get(name)
        if known is None:
            plain_name = plain(name)
            within = plain_name.rpartition(".")[2] in self._watched
            known = self._known[name] = within or (
                not self._exact and any(word in plain_name for word in self._watched)
            )
        return known

    def _keep(self, operation: str, frame: FrameType | None) -> None:
        if len(self._uses) >= MAX_USES or (frame is not None and frame.f_code.co_filename == wire.__file__):
            return  # what takes a result apart to send it has its own use for `numpy`
        while frame is not None and frame is not self._outside and not _is_students(frame.f_code.co_filename):
            if frame.f_code.co_filename == _IMPORT:
                return  # what a library does to get ready is not what the function does
            frame = frame.f_back
        if frame is None or frame is self._outside:
            self._uses[Use(operation[:200], "", 0, "")] = None
        else:
            file = frame.f_code.co_filename
            self._uses[Use(operation[:200], file[:200], frame.f_lineno or 0, _expression(frame)[:MAX_SHOWN])] = None


class _OneProfile:
    """The profile of this thread, for which Python has room once.

    Code that measures or follows itself is no less honest for that. Until the end its own profiles come to nothing:
    `sys.setprofile` only remembers, and a profiler of `cProfile` counts no more than that it was there.
    """

    def __init__(self, profile: Callable[[FrameType, str, Any], None]) -> None:
        self._profile, self._before = profile, _get_profile()
        self._theirs: Any = None
        stand_ins = {
            (sys, "setprofile"): self._set,
            (sys, "getprofile"): lambda: self._theirs,
            (cProfile.Profile, "enable"): lambda profiler, *_, **__: self._enable(profiler),
            (cProfile.Profile, "disable"): lambda _: None,
        }
        self._own = [(owner, name, vars(owner).get(name)) for owner, name in stand_ins]
        for (owner, name), stand_in in stand_ins.items():
            setattr(owner, name, stand_in)
        _set_profile(profile)

    def end(self) -> bool:
        """Put everything back, and say whether the profile was in force until now."""
        was_kept = _get_profile() == self._profile
        _set_profile(None)
        for owner, name, value in self._own:
            if value is not None:
                setattr(owner, name, value)
            elif name in vars(owner):
                delattr(owner, name)
        if isinstance(self._before, _PROFILER):
            self._before.enable()  # it is no function that could be set
        else:
            _set_profile(self._before)
        return was_kept

    def _set(self, function: Any) -> None:
        if sys._getframe(1).f_code.co_filename == threading.__file__:  # a new thread begins with the profile of threads
            _set_profile(function)
        else:
            self._theirs = function

    def _enable(self, profiler: Any) -> None:
        """Let it count its own end: what shows a profile cannot show an empty one."""
        _PROFILER.enable(profiler)
        _PROFILER.disable(profiler)
        _set_profile(self._profile)


class _Operations(TorchDispatchMode):
    """Reports torch's operations to a recorder."""

    supports_higher_order_operators = True

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # skipping it takes the compiler, which takes seconds to import

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        self._recorder.operation_runs(func.name(), sys._getframe(1))
        return func(*args, **(kwargs or {}))


class _NeverCompiled(_Operations):
    """The same where torch.compile is in use, which would compile the report as a part of what is reported."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return True

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return super().__torch_dispatch__(func, types, args, kwargs)


def _operations(recorder: Recorder) -> _Operations:
    return (_NeverCompiled if "torch._dynamo.eval_frame" in sys.modules else _Operations)(recorder)


def plain(name: str) -> str:
    """Return a name as names are compared: without case and underscores."""
    return name.replace("_", "").lower()


@lru_cache(1000)
def _is_library(file: str) -> bool:
    return file.startswith(_LIBRARIES) and not file.startswith(_OURS)


@lru_cache(1000)
def _is_students(file: str) -> bool:
    """Say whether it is a cell or a file of theirs; what has no file, as ``<string>``, has no line to show either."""
    return not file.startswith((*_LIBRARIES, _OURS, "<")) or file.startswith("<ipython-input")


def _is_function(code: CodeType) -> bool:
    """Leave out bodies of classes, and what Python calls by itself when an object is made or shown."""
    special = code.co_name.startswith("__") and code.co_name != "__call__"
    return bool(code.co_flags & inspect.CO_OPTIMIZED) and not special


def _public_name(module: object, name: str) -> str:
    """Return the name under which people know a library's function or class."""
    if "pybind11" in name:
        name = name.rpartition(".")[2]
    name = name.removeprefix("_VariableFunctionsClass.").removesuffix(".forward")
    return f"{_INNER_MODULE.sub('', module) if isinstance(module, str) else 'torch'}.{name}"


def _expression(frame: FrameType) -> str:
    """Return what the student's frame is calling, as it stands in their source."""
    position = next(islice(frame.f_code.co_positions(), frame.f_lasti // 2, None), None)
    if position is None:
        return ""
    first, last, start, end = position
    if first is None or last is None or start is None or end is None:
        return ""
    lines = [linecache.getline(frame.f_code.co_filename, n).rstrip("\n").encode() for n in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][start:]
    try:
        tree = ast.parse(b"\n".join(lines).decode().strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError):  # a magic has moved the columns
        return ""
    return ast.unparse(tree.func if isinstance(tree, ast.Call) else tree)
