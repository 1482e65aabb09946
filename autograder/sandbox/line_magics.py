"""Magics that look around, or set something: names, folders, variables, what was typed, how numbers are shown.

They print what IPython prints. This module runs where the student's code runs.
"""

from __future__ import annotations

import ast
import builtins
import copy
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Protocol

from autograder.sandbox import notes

_SETTING = re.compile(r"(\w+)\.(\w+)\s*=\s*(.+)")
_RANGE = re.compile(r"(\d+)(?:-(\d+))?")
_FULL = "%r"
_HIDDEN = frozenset(("In", "Out", "display", "get_ipython"))
"""Names that every notebook has."""
_PARTS_TO_RESET = frozenset(("array", "dhist", "in", "out"))
"""What `%reset` takes away instead of all variables."""


class Owner(Protocol):
    """What the magics need of the shell; `shell.Shell` has it."""

    start: str
    config: Any
    float_format: str

    def forget_outputs(self) -> None: ...  # noqa: D102
    def choose_backend(self, name: str) -> None: ...  # noqa: D102


class LineMagics:
    """The magics of one notebook; each takes the rest of its line.

    Args:
        shell: what ``get_ipython()`` gives there.
        names: the notebook's global names.
    """

    def __init__(self, shell: Owner, names: dict[str, Any]) -> None:
        self._shell, self._names = shell, names
        self._before = shell.start
        self._stored: dict[str, Any] = {}
        self._reloads = False
        self._versions: dict[str, tuple[int, int]] = {}

    def find(self, name: str) -> Any:
        """Return the magic of this name; None if it is no such one."""
        return getattr(self, f"_{name}", None) if name in _NAMES else None

    # -- names ---------------------------------------------------------------------------------------------------------

    def _who_ls(self, line: str) -> list[str]:
        kinds = line.split()
        own = [name for name in self._names if not name.startswith("_") and name not in _HIDDEN]
        return sorted(name for name in own if not kinds or type(self._names[name]).__name__ in kinds)

    def _who(self, line: str) -> None:
        found = self._who_ls(line)
        print("".join(f"{name}\t " for name in found) if found else "Interactive namespace is empty.")

    def _whos(self, line: str) -> None:
        rows = [(name, type(self._names[name]).__name__, _in_short(self._names[name])) for name in self._who_ls(line)]
        if not rows:
            print("Interactive namespace is empty.")
            return
        widths = [max(map(len, column)) + 3 for column in zip(*rows, ("Variable", "Type", ""), strict=True)]
        widths[1] += 1
        heading = f"{'Variable':<{widths[0]}}{'Type':<{widths[1]}}Data/Info"
        print(heading, "-" * len(heading), sep="\n")
        for name, kind, value in rows:
            print(f"{name:<{widths[0]}}{kind:<{widths[1]}}{value}")

    def _reset(self, line: str) -> None:
        words = line.split()
        if kinds := _PARTS_TO_RESET.intersection(words):
            if "in" in kinds:
                print("Flushing input history")
            if "out" in kinds:
                print(f"Flushing output cache ({len(self._names['Out'])} entries)")
                self._shell.forget_outputs()
            if "array" in kinds:
                self._remove(self._who_ls("ndarray"))
            return
        if "-f" not in words and not builtins.input("Once deleted, variables cannot be recovered. Proceed (y/[n])? "):
            return
        self._remove(name for name in self._names if not name.startswith("_") and name not in _HIDDEN)
        if "-s" not in words:
            self._shell.forget_outputs()

    def _reset_selective(self, line: str) -> None:
        pattern = line.replace("-f", "", 1).strip()
        self._remove(name for name in self._who_ls("") if re.search(pattern, name))

    def _xdel(self, line: str) -> None:
        self._remove([line.removeprefix("-n").strip()])

    def _remove(self, names: Iterable[str]) -> None:
        for name in list(names):
            self._names.pop(name, None)

    def _store(self, line: str) -> None:
        """What is stored lasts as long as the process, in which one notebook runs."""
        options = [word for word in line.split() if word.startswith("-")]
        names = [word for word in line.split() if not word.startswith("-")]
        if options == ["-z"]:
            self._stored.clear()
        elif options == ["-d"]:
            for name in names:
                self._stored.pop(name, None)
        elif options == ["-r"]:
            self._names.update({name: self._stored[name] for name in names or self._stored if name in self._stored})
        elif not names:
            print("Stored variables and their in-db values:")
            for name, value in self._stored.items():
                print(f"{name:<15} -> {value!r}")
        for name in names if not options else ():
            if name not in self._names:
                print(f"UsageError: Unknown variable '{name}'", file=sys.stderr)
                continue
            self._stored[name] = copy.deepcopy(self._names[name])
            print(f"Stored '{name}' ({type(self._names[name]).__name__})")

    # -- folders and variables -----------------------------------------------------------------------------------------

    def _pwd(self, _: str) -> str:
        return str(Path.cwd())

    def _cd(self, line: str) -> None:
        """Go where the folder is below the one the notebook began in; elsewhere there is nothing to go to."""
        place = self._before if line == "-" else line.replace("-q", "", 1).strip().strip("'\"")
        target, here = os.path.realpath(place or self._shell.start), str(Path.cwd())
        if os.path.commonpath([target, self._shell.start]) != self._shell.start:
            notes.add("cd", place)
            return
        try:
            os.chdir(target)
        except OSError as error:
            print(f"[Errno {error.errno}] {error.strerror}: {place!r}")
            target = here
        self._before = here
        if "-q" not in line.split():
            print(target)

    def _env(self, line: str) -> Any:
        if not line:
            return dict(os.environ)
        name, is_set, value = line.partition("=") if "=" in line else line.partition(" ")
        name, value = name.strip(), value.strip()
        if is_set:
            os.environ[name] = value
            print(f"env: {name}={value}")
            return None
        if name not in os.environ:
            print(f"UsageError: Environment does not have key: {name}", file=sys.stderr)
        return os.environ.get(name)

    _set_env = _env

    # -- settings ------------------------------------------------------------------------------------------------------

    def _precision(self, line: str) -> str:
        chosen = f"%.{line}f" if line.isdigit() else line or _FULL
        chosen % 3.14159  # as wrong here as where it would be used
        self._shell.float_format = "" if chosen == _FULL else chosen
        if (numpy := sys.modules.get("numpy")) is not None and (line.isdigit() or not line):
            numpy.set_printoptions(precision=int(line or 8))
        return chosen

    def _matplotlib(self, line: str) -> None:
        self._shell.choose_backend(line)

    def _config(self, line: str) -> None:
        if found := _SETTING.fullmatch(line):
            owner, name, value = found[1], found[2], ast.literal_eval(found[3])
            setattr(getattr(self._shell.config, owner), name, value)
            if owner.endswith("InteractiveShell"):
                setattr(self._shell, name, value)

    def _xmode(self, line: str) -> None:
        print(f"Exception reporting mode: {line.capitalize() or 'Context'}")

    def _history(self, line: str) -> None:
        inputs = self._names["In"]
        ranges = [found for word in line.split() if (found := _RANGE.fullmatch(word))]
        wanted = [n for found in ranges for n in range(int(found[1]), int(found[2] or found[1]) + 1)]
        for number in wanted or range(1, len(inputs)):
            if number < len(inputs):
                print(f"{number:4}: {inputs[number]}" if "-n" in line.split() else inputs[number])

    _hist = _history

    # -- modules -------------------------------------------------------------------------------------------------------

    def _load_ext(self, line: str) -> None:
        """An extension that lies beside the notebook; others set up a kernel, or are not missed by code that runs."""
        file = Path(self._shell.start, *line.split(".")).with_suffix(".py")
        if line and file.is_file():
            import importlib

            importlib.import_module(line).load_ipython_extension(self._shell)

    _reload_ext = _load_ext

    def _autoreload(self, line: str) -> None:
        self._reloads = line.strip().lower() in ("", "1", "2", "3", "now", "explicit", "all", "complete")
        self.reload_changed()

    def reload_changed(self) -> None:
        """Load the notebook's own modules again that have changed since the cell before, if ``%autoreload`` says so."""
        if not self._reloads:
            return
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if not isinstance(file, str) or not file.startswith(self._shell.start + os.sep):
                continue
            found = Path(file).stat() if Path(file).is_file() else None
            version = (found.st_mtime_ns, found.st_size) if found is not None else (0, 0)
            if self._versions.setdefault(name, version) != version:
                from IPython.extensions.autoreload import superreload

                self._versions[name] = version
                superreload(module)


_NAMES = frozenset(
    (
        *(
            "autoreload",
            "cd",
            "config",
            "env",
            "hist",
            "history",
            "load_ext",
            "precision",
            "pwd",
            "reload_ext",
            "reset",
        ),
        *("matplotlib", "reset_selective", "set_env", "store", "who", "who_ls", "whos", "xdel", "xmode"),
    )
)


def _in_short(value: Any) -> str:
    if isinstance(value, (list, tuple, set, dict)):
        return f"n={len(value)}"
    words = str(value) if isinstance(value, str) else repr(value)
    return " ".join(words.split())[:60]
