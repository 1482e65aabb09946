"""What a process imports before it forks workers, so that none of them pays for it again."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import types
from collections.abc import Sequence

from autograder.sandbox import stand_ins


def import_for_students(preload: Sequence[str]) -> None:
    """Import and touch whatever students' code will."""
    touch_for_students()
    for name in preload:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def touch_for_students() -> None:
    """Put into place what takes the place of a kernel, and touch what reads the magics in a cell."""
    stand_ins.put_in_place()
    with contextlib.suppress(ImportError):
        from IPython.core.inputtransformer2 import TransformerManager

        TransformerManager().transform_cell("%time 1\n!ls\nx?")


def import_what_is_safe(preload: Sequence[str]) -> list[str]:
    """Import modules that a course's notebooks do; return those after whose import nothing may be forked any more.

    A module may start threads or processes or open what must not be shared, and one that prints belongs into the cell
    that imports it. What cannot be imported here fails where it is imported, too.

    Args:
        preload: names of modules; ``a:b`` for what stands in ``a``, or is a module in it.
    """
    unsafe = []
    for name in preload:
        before, said = _state(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), contextlib.suppress(Exception):
            module, _, inner = name.partition(":")
            if not hasattr(importlib.import_module(module), inner or "__name__"):
                importlib.import_module(f"{module}.{inner}")
        if _state() != before or said.getvalue():
            unsafe.append(name)
    return unsafe


def _state() -> tuple[object, ...]:
    """Return what an import may not change: threads, children, descriptors, the working folder."""
    tasks = os.listdir("/proc/self/task")  # noqa: PTH208
    open_now = set(os.listdir("/proc/self/fd"))  # noqa: PTH208 -- the folder itself is among them each time
    with open(f"/proc/self/task/{tasks[0]}/children") as children:  # noqa: PTH123
        return len(tasks), children.read(), open_now, os.getcwd()  # noqa: PTH109


def hide_package() -> None:
    """Make a notebook's ``from autograder import check`` work and lead nowhere; keep data that was preloaded."""
    datasets = sys.modules.get("autograder.datasets")
    for name in [n for n in sys.modules if n == "autograder" or n.startswith("autograder.")]:
        del sys.modules[name]
    stand_in = types.ModuleType("autograder")
    stand_in.check = stand_in.unpack = lambda *_, **__: None  # type: ignore[attr-defined]
    sys.modules["autograder"] = stand_in
    if datasets is not None:
        stand_in.datasets = datasets  # type: ignore[attr-defined]
        sys.modules["autograder.datasets"] = datasets
