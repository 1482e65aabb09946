"""Loads no more of nbgrader, and of what it builds on, than is asked for.

nbgrader's ``__init__`` imports a web server and every command, that of nbconvert every format it can write; to read a
configuration and to write a gradebook takes half of that. Here such a package is there before its ``__init__`` has
run: a name that this would take from one of the package's modules comes from that module alone, and any other name
runs it after all.
"""

from __future__ import annotations

import builtins
import importlib
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import find_spec, resolve_name
from types import ModuleType, SimpleNamespace
from typing import Any

MODULES = frozenset(
    (
        *("nbgrader", "nbgrader.apps", "nbgrader.auth", "nbgrader.converters", "nbgrader.plugins"),
        *("nbgrader.exchange", "nbgrader.exchange.abc", "nbgrader.exchange.default", "nbgrader.preprocessors"),
        *("nbconvert", "nbconvert.exporters", "nbconvert.filters", "nbconvert.preprocessors", "nbconvert.writers"),
        *("nbclient", "jupyter_client", "jsonschema", "nbformat", "nbformat.v4", "rapidfuzz", "rapidfuzz.fuzz"),
    )
)
"""Those that run when somebody asks for a name of their own."""

_LOADED_BEFORE = {"nbformat": "nbformat.validator"}
"""Modules of a package that import one another: by package, the one with which that works."""

_CHECKERS = (
    *("fqdn", "isoduration", "rfc3339_validator", "rfc3986_validator", "rfc3987", "rfc3987_syntax"),
    *("uri_template", "webcolors"),
)
_ARCHIVES = ("unpack_archive", "unpack_tarfile", "unpack_zipfile")


_KERNELS_BY_NAME: dict[str, object] = {
    module: SimpleNamespace(**{name: f"{module}.{name}" for name in names})
    for module, names in (
        ("jupyter_client.client", ["KernelClient"]),
        ("jupyter_client.manager", ["KernelManager", "AsyncKernelManager"]),
    )
}
"""Classes by the names by which traitlets finds them once a step is made."""


def begin() -> None:
    """Import so from now on; what has been imported before stays as it is."""
    sys.meta_path.insert(0, _Finder())


class _Finder:
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in MODULES and name not in _INSTEAD:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(spec.loader)  # type: ignore[assignment]
        return spec


class _Loader:
    """Loads one module; what asks later how that was done hears of the usual loader."""

    def __init__(self, usual: SourceFileLoader) -> None:
        self._usual = usual

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._usual.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        assert module.__spec__ is not None
        module.__spec__.loader = module.__loader__ = self._usual
        if (instead := _INSTEAD.get(module.__name__)) is not None:
            module.__dict__["__builtins__"] = vars(builtins) | {"__import__": partial(_import, instead)}
            self._usual.exec_module(module)
            return
        source = self._usual.get_source(module.__name__) or ""
        names = dict(taken(source, module.__name__))
        if {place.rpartition(".")[2] for place, _ in names.values()}.isdisjoint(names):
            module.__dict__["__getattr__"] = _Names(module, self._usual, source, names).find
        else:  # a module that has the name of what is taken from it would hide that once it is loaded
            self._usual.exec_module(module)


class _Names:
    """The names of a package whose ``__init__`` has not run yet.

    Args:
        module: the package.
        loader: runs its ``__init__``.
        source: of that.
        taken: names that it would take from modules, each with the module and the name there.
    """

    def __init__(
        self, module: ModuleType, loader: SourceFileLoader, source: str, taken: dict[str, tuple[str, str]]
    ) -> None:
        self._module, self._loader, self._source, self._taken = module, loader, source, taken
        self._running = threading.local()

    def find(self, name: str) -> Any:
        """Return what a name stands for; Python asks if the package does not have it yet."""
        inner = f"{self._module.__name__}.{name}"
        if name in self._taken:
            place, there = self._taken[name]
            value = getattr(importlib.import_module(place), there)
            setattr(self._module, name, value)
            return value
        if "__path__" in vars(self._module) and not name.startswith("__") and find_spec(inner) is not None:
            return importlib.import_module(inner)
        is_own = not name.startswith("__") or name == "__all__" or name in self._source  # else Python asks every module
        if is_own and not hasattr(self._running, "begun"):
            self._running.begun = True  # what it imports may ask for a name that it does not have yet
            try:
                if self._module.__name__ in _LOADED_BEFORE:
                    importlib.import_module(_LOADED_BEFORE[self._module.__name__])
                self._loader.exec_module(self._module)
            finally:
                del self._running.begun
            if name in vars(self._module):
                return vars(self._module)[name]
        raise AttributeError(f"module {self._module.__name__!r} has no attribute {name!r}", name=name, obj=self._module)


def taken(source: str, package: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the names that an ``__init__`` takes from modules."""
    import ast

    from autograder.base import syntax

    for node in syntax.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            place = resolve_name("." * node.level + node.module, package)
            if place != package:
                yield from ((a.asname or a.name, (place, a.name)) for a in node.names if a.name != "*")


def _import(instead: Mapping[str, object], name: str, *others: Any) -> object:
    """Import a module as the statement does, or what there is instead."""
    if name not in instead:
        return __import__(name, *others)
    if instead[name] is None:
        raise ImportError(name=name)
    return instead[name]


def _later(module: str, name: str) -> Callable[..., Any]:
    """Return what calls a function of a module that is not loaded before."""
    return lambda *given, **named: getattr(importlib.import_module(module), name)(*given, **named)


_INSTEAD: dict[str, dict[str, object]] = {
    # what checks formats of texts, such as addresses and colours, takes two thirds of jsonschema's start: for those of
    # every language it builds 38 grammars; no notebook's schema asks for any
    "jsonschema._format": dict.fromkeys(_CHECKERS),
    # all of setuptools, for three functions
    "nbgrader.utils": {
        "setuptools.archive_util": SimpleNamespace(**{n: _later("setuptools.archive_util", n) for n in _ARCHIVES})
    },
    # a validator of every draft, to check notebooks by one where they are checked at all
    "nbformat.json_compat": {"jsonschema": SimpleNamespace(Draft4Validator=_later("jsonschema", "Draft4Validator"))},
    # what talks to kernels: whoever makes such a step asks for it
    "nbclient.client": _KERNELS_BY_NAME,
    "nbclient.output_widget": _KERNELS_BY_NAME,
    "nbconvert.preprocessors.execute": _KERNELS_BY_NAME,
    "nbgrader.preprocessors.execute": _KERNELS_BY_NAME,
}
"""By module, what it gets instead of others that it would import; None if it has to do without."""
