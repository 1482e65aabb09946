"""What libraries and notebooks find instead of things that a process without a kernel has not: put in place once.

`get_ipython` by import, wherever a library asks for it; `display` and `clear_output`; a shell for those that want to
set it up; progress bars where tqdm is not installed; a `DataLoader` without worker processes, and pools of threads
where processes were asked for; an `os.system` that notes what it cannot start; an `os.access` that knows what is not
allowed here; questions that nobody answers. IPython is not imported for this: what is not there yet will find ours. For
processes of ours only, never for a student's own Jupyter.
"""

from __future__ import annotations

import builtins
import importlib.util
import logging
import mimetypes
import os
import sys
import threading
import types
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.machinery import ModuleSpec
from typing import Any, Self

from autograder.sandbox import commands, event_loops, notes
from autograder.sandbox.magic_results import Ignored
from autograder.sandbox.serving import CACHES
from autograder.sandbox.shell import Shell

_QUESTION = "IPython.core.getipython"

_shells: list[Shell] = []  # at most one: that of the notebook that runs


def use_shell(shell: Shell) -> None:
    """From now on this is the shell that everybody finds."""
    _shells[:] = [shell]
    _adapt_ipython()
    _adapt_loader()


def put_in_place() -> None:
    """Prepare a process that students' code will run in."""
    _adapt_ipython()
    _adapt_loader()
    event_loops.adapt()
    _adapt_system()
    _adapt_rights()
    _adapt_pools()
    _adapt_questions()
    logging.getLogger("matplotlib.font_manager").addFilter(_is_of_concern)
    mimetypes.knownfiles = []  # files of the system, which no worker may read
    builtins.__IPYTHON__ = True  # type: ignore[attr-defined]  # by which some ask whether this is a notebook
    # modules beside the notebook find them here, and pandas asks how wide a line may be
    builtins.get_ipython, builtins.display = _get_shell, _display  # type: ignore[attr-defined]
    if importlib.util.find_spec("tqdm") is None:
        _add_progress_bars()


def _is_of_concern(record: logging.LogRecord) -> bool:
    """Leave out that matplotlib has not kept its list of fonts: no worker keeps anything."""
    return not record.getMessage().startswith("Could not save font_manager cache")


def _get_shell() -> Shell | Ignored:
    """The shell, or before there is one something with a kernel: pandas asks that when it is imported, once for all."""
    return _shells[0] if _shells else Ignored()


def _get_ipython() -> Shell | None:
    return _shells[0] if _shells else None


def _adapt_ipython() -> None:
    """Before IPython is imported its module for the question is ours; afterwards what is there is replaced."""
    for name, names in _REPLACED.items():
        module = sys.modules.get(name)
        if module is None and name == _QUESTION:
            module = _add_module(name)
        for attribute, ours in names.items() if module else ():
            # only what is not ours yet: to write to a page is to copy it, in every worker
            if getattr(module, attribute, None) is not ours:
                setattr(module, attribute, ours)
    shells = sys.modules.get("IPython.core.interactiveshell")
    if shells is not None and "instance" not in vars(shells.InteractiveShell):
        shells.InteractiveShell.instance = _get_ipython  # matplotlib_inline would have it made


def _display(*values: Any, **options: Any) -> Any:
    return _shells[0].display(*values, **options) if _shells else None


def _ignore(*_: Any, **__: Any) -> None:
    pass


def _clear_output(wait: bool = False) -> None:
    if _shells:
        _shells[0].clear_output(wait)


_REPLACED: dict[str, dict[str, object]] = {
    _QUESTION: {"get_ipython": _get_ipython},
    "IPython": {"get_ipython": _get_ipython},
    "IPython.core.display_functions": {"display": _display, "clear_output": _clear_output},
    "IPython.display": {
        "display": _display,
        "clear_output": _clear_output,
        # older notebooks set them here; newer versions of IPython have no such name
        "set_matplotlib_formats": _ignore,
        "set_matplotlib_close": _ignore,
    },
}


# -- torch -------------------------------------------------------------------------------------------------------------


def _adapt_loader() -> None:
    """A `DataLoader` iterates in its own process, whatever it was asked; its batches are those of ``num_workers=0``."""
    loaders = sys.modules.get("torch.utils.data.dataloader")
    if loaders is None or hasattr(loaders.DataLoader._get_iterator, "original"):
        return
    original = loaders.DataLoader._get_iterator

    def _get_iterator(self: Any) -> Any:
        if not self.num_workers:
            return original(self)
        notes.add("workers")
        asked = self.num_workers, self.timeout
        self.num_workers = self.timeout = 0
        try:
            return original(self)
        finally:
            self.num_workers, self.timeout = asked

    _get_iterator.original = original  # type: ignore[attr-defined]
    loaders.DataLoader._get_iterator = _get_iterator


# -- commands ----------------------------------------------------------------------------------------------------------


def _adapt_system() -> None:
    """`os.system` cannot start a program, and says so by no more than a number that few look at."""
    original = os.system

    def system(command: Any) -> int:
        words = os.fsdecode(command)
        if _shells and (code := _shells[0].did(words)) is not None:
            return code << 8
        if program := commands.missed(words):
            notes.add("command", program, once=True)
        return original(command)

    os.system = system


def _adapt_rights() -> None:
    """`os.access` tells what the user may do; who asks it first wants to know what this process may."""
    original = os.access

    def access(path: Any, mode: int, **options: Any) -> bool:
        return original(path, mode, **options) and (bool(options) or not _is_refused(path, mode))

    os.access = access


def _is_refused(path: Any, mode: int) -> bool:
    """Return whether a file or folder may not be opened; of their caches, libraries go on to believe that they may."""
    caches = tuple(os.environ[name] for name in CACHES if name in os.environ)
    if not mode & (os.R_OK | os.W_OK) or isinstance(path, int) or os.fsdecode(path).startswith(caches):
        return False
    flags = (os.O_WRONLY if mode & os.W_OK else os.O_RDONLY) | os.O_NONBLOCK
    if mode & os.W_OK and os.path.isdir(path):  # noqa: PTH112 -- of bytes as well
        flags |= getattr(os, "O_TMPFILE", 0)
    try:
        os.close(os.open(path, flags))
    except PermissionError:
        return True
    except OSError:
        return False
    return False


# -- pools of processes ------------------------------------------------------------------------------------------------


class _ThreadsForProcesses(ThreadPoolExecutor):
    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: object = None,
        initializer: Any = None,
        initargs: tuple[Any, ...] = (),
        **_: Any,
    ) -> None:
        notes.add("pool", once=True)
        super().__init__(max_workers, initializer=initializer, initargs=initargs)


def _pool(
    *given: Any, processes: int | None = None, initializer: Any = None, initargs: tuple[Any, ...] = (), **_: Any
) -> Any:
    from multiprocessing.pool import ThreadPool

    notes.add("pool", once=True)
    return ThreadPool(*(given[:3] or (processes, initializer, initargs)))


def _pipe(duplex: bool = True) -> Any:
    """Two ends that threads may share; those of processes are sockets."""
    from multiprocessing.dummy import Pipe

    return Pipe(duplex)


def _adapt_pools() -> None:
    """A pool of processes works with threads: what it is asked to calculate, it calculates.

    A process of its own stays an error: what it leaves alone in its parent, a thread would not.
    """
    import concurrent.futures
    import multiprocessing
    from multiprocessing import heap
    from multiprocessing.context import BaseContext

    concurrent.futures.ProcessPoolExecutor = _ThreadsForProcesses  # type: ignore[misc, assignment]
    for name in ("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier"):
        ours = getattr(threading, name)  # one of several processes would need a place that they share
        setattr(multiprocessing, name, ours)
        setattr(BaseContext, name, staticmethod(ours))
    multiprocessing.Pipe = _pipe
    BaseContext.Pipe = staticmethod(_pipe)  # type: ignore[assignment, method-assign]
    heap.Arena._dir_candidates = []  # type: ignore[attr-defined]  # what would lie in shared memory lies among the temporary files
    multiprocessing.Pool = _pool  # type: ignore[assignment]
    BaseContext.Pool = staticmethod(_pool)  # type: ignore[assignment]
    if (torchs := sys.modules.get("torch.multiprocessing")) is not None:
        torchs.Pool = _pool  # type: ignore[attr-defined]


# -- questions ---------------------------------------------------------------------------------------------------------


def _adapt_questions() -> None:
    """As in a notebook that runs by itself: ``input()`` is an error, ``exit()`` and ``breakpoint()`` do nothing."""
    import getpass

    builtins.input, getpass.getpass = _nobody_answers, _nobody_enters
    builtins.exit = builtins.quit = _Exit()  # type: ignore[assignment]
    sys.breakpointhook = _ignore


def _nobody_answers(*_: Any, asked_by: str = "raw_input", **__: Any) -> str:
    words = f"{asked_by} was called, but this frontend does not support input requests."
    try:
        from IPython.core.error import StdinNotImplementedError
    except ImportError:
        raise NotImplementedError(words) from None
    raise StdinNotImplementedError(words)


def _nobody_enters(*_: Any, **__: Any) -> str:
    return _nobody_answers(asked_by="getpass")


class _Exit:
    """What ``exit`` and ``quit`` are in a notebook: a wish to end the kernel, which a cell's end does not wait for."""

    def __call__(self, *_: Any) -> None:
        pass

    def _ipython_display_(self) -> None:
        pass


# -- tqdm --------------------------------------------------------------------------------------------------------------


class _Bar:
    """A progress bar that nobody sees."""

    def __init__(self, iterable: Any = None, *_: Any, total: float | None = None, **__: Any) -> None:
        self.iterable, self.total, self.n = iterable, total, 0

    def __iter__(self) -> Iterator[Any]:
        return iter(self.iterable)

    def __len__(self) -> int:
        return int(self.total) if self.iterable is None and self.total is not None else len(self.iterable)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, n: float = 1) -> None:
        self.n += n  # type: ignore[assignment]

    @classmethod
    def write(cls, words: str, *_: Any, **__: Any) -> None:
        print(words)

    @classmethod
    def pandas(cls, *_: Any, **__: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


def _add_progress_bars() -> None:
    def trange(*numbers: int, **options: Any) -> _Bar:
        return _Bar(range(*numbers), **options)

    modules = {name: _add_module(f"tqdm.{name}") for name in ("auto", "notebook", "autonotebook", "std")}
    package = _add_module("tqdm")
    package.__path__ = []
    for module in (package, *modules.values()):
        vars(module).update(tqdm=_Bar, trange=trange)
    vars(package).update(modules, tqdm_notebook=_Bar, tnrange=trange)


def _add_module(name: str) -> types.ModuleType:
    module = sys.modules[name] = types.ModuleType(name)
    module.__spec__ = ModuleSpec(name, None)  # without one, asking whether it is there is an error
    return module
