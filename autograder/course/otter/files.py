"""The files that a master notebook names: they lie in ``data/`` here, and what reads them finds them there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from autograder.base.errors import UsageError
from autograder.base.i18n import text
from autograder.course.otter.master import Master

_FOLDER = "data"
_ON_THE_PATH = f'import sys\n\nsys.path.insert(0, "{_FOLDER}")'


@dataclass(frozen=True)
class Files:
    """The files that students' code reads.

    Args:
        paths: where they are, by the names that the master notebook has for them.
        places: where they are in the assignment's folder, by the same names.
        modules: the names of modules and packages among them.
    """

    paths: Mapping[str, Path] = field(default_factory=dict)
    places: Mapping[str, str] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()

    @property
    def first_code(self) -> str:
        """The code that lets a notebook import the modules; empty if there are none."""
        return _ON_THE_PATH if self.modules else ""

    def rewritten(self, source: str, kind: str) -> str:
        r"""Return the text of a cell, reading files where they are now.

        >>> files = Files(places={"a.csv": "data/a.csv", "img/b.png": "data/img/b.png"})
        >>> files.rewritten("open('a.csv'), open(f'img/{x}.png')", "code")
        "open('data/a.csv'), open(f'data/img/{x}.png')"
        >>> files.rewritten("![b](img/b.png) <img src=a.csv>", "markdown")
        '![b](data/img/b.png) <img src=data/a.csv>'
        """
        moved = {name: place for name, place in [*self.places.items(), *self._folders()] if name != place}
        if not moved:
            return source
        longest_first = "|".join(map(re.escape, sorted(moved, key=len, reverse=True)))
        before, after = (r"""["']""", r"""["']""") if kind == "code" else (r"""\]\(|\bsrc=["']?""", r"""["')\s>?#]""")
        found = re.compile(rf"({before})(?:\./)?({longest_first})(?=/|{after})")
        return found.sub(lambda match: match[1] + moved[match[2]] if self._is_meant(match) else match[0], source)

    def _folders(self) -> Iterator[tuple[str, str]]:
        """Yield the folders above files, by their old and new names."""
        for name, place in self.places.items():
            for old, new in zip(PurePosixPath(name).parents, PurePosixPath(place).parents, strict=False):
                if old.name not in ("", ".."):
                    yield str(old), str(new)

    def _is_meant(self, match: re.Match[str]) -> bool:
        """Is this a path? A word that is only the name of a folder above data may mean anything."""
        name, follows = match[2], match.string[match.end()]
        return follows == "/" or name in self.places or any(n.startswith(f"{name}/") for n in self._code())

    def _code(self) -> Iterator[str]:
        return (name for name in self.places if name.endswith(".py"))


def files_of(master: Master) -> Files:
    """Return the files that a master notebook names.

    Raises:
        UsageError: some are not there.
    """
    named = {name: master.path.parent / name for name in _list(master.config.get("files"))}
    if missing := [name for name, path in named.items() if not path.exists()]:
        words = text("{file}: `files` names what is not there: {names}", file=master.path, names=", ".join(missing))
        raise UsageError(words)
    paths = {Path(name).as_posix(): path for name, path in named.items()}
    places = {name: place_of(name) for name in paths}
    modules = {module for name, path in paths.items() for module in _modules(PurePosixPath(places[name]), path)}
    return Files(paths, places, frozenset(modules))


def place_of(name: str) -> str:
    """Return where a file lies in the assignment's folder, as code reads it.

    >>> place_of("table.csv"), place_of("data/table.csv")
    ('data/table.csv', 'data/table.csv')
    """
    parts = [part for part in Path(name).parts if part not in ("..", ".", "/")]
    return "/".join([_FOLDER, *parts[parts[:1] == [_FOLDER] :]])


def _modules(place: PurePosixPath, path: Path) -> Iterator[str]:
    """Yield the names by which code may import a file or a folder: its own, and that of the folder it lies in."""
    if path.suffix == ".py" or (path.is_dir() and any(path.rglob("*.py"))):
        yield path.stem
        yield PurePosixPath(place.parts[1]).stem


def _list(value: Any) -> list[str]:
    return [str(name) for name in value] if isinstance(value, list) else [str(value)] if value else []
