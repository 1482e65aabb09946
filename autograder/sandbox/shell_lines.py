"""Does in Python what simple shell lines do: no program is ever started.

Files and folders are listed, shown, made, copied, moved, removed and unpacked as far as the process may. Whatever asks
for more (another program, a pipe) is left to the caller. This module runs where the student's code runs.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.sandbox.magic_results import Lines

_VALUE = re.compile(r"\$(\w+)|\{([^{}]+)\}")
_NEEDS_A_SHELL = frozenset(("|", "||", "&", "<", "<<", "(", ")", "`"))
_LINES_SHOWN = 10
_MISSED_BY_NOBODY = re.compile(r"\s*(?:cat|echo|ls|mkdir|pwd)\b[^|;&<>]*")


def run(command: str, names: dict[str, Any] | None) -> Lines | None:
    """Do what the lines of a shell ask for, if all of it can be had without a program.

    Args:
        command: one command or several, behind ``&&`` or ``;`` or in lines of their own.
        names: the notebook's, for ``$name`` and ``{expression}``; None where only the system's variables are meant.

    Returns:
        What they print; None if nothing was done.

    Raises:
        OSError: a file cannot be written or read.
    """
    try:
        parts = [part for line in _expanded(command, names).splitlines() for part in _parts(line)]
    except ValueError:  # a quotation mark without its fellow
        return None
    if not all(words and words[0] in _KNOWN and not _NEEDS_A_SHELL & set(words) for words in parts):
        return None
    printed = Lines()
    for words in parts:
        printed += _to_file(words) if ">" in words or ">>" in words else _KNOWN[words[0]](words[1:])
    return printed


def _expanded(command: str, names: dict[str, Any] | None) -> str:
    """Put in values: of names and variables of the system behind ``$``, of expressions in braces."""

    def value(found: re.Match[str]) -> str:
        if name := found[1]:
            return str((names or {}).get(name, os.environ.get(name, found[0])))
        if names is None:
            return found[0]
        try:
            return str(eval(found[2], names))  # noqa: S307 -- as IPython does it, in the student's own process
        except Exception:  # noqa: BLE001 -- it is meant for a shell
            return found[0]

    return _VALUE.sub(value, command)


def _parts(line: str) -> list[list[str]]:
    """Split a line into commands, and these into words."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&`")
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        if word in ("&&", ";"):
            parts.append([])
        else:
            parts[-1].append(word)
    return [words for words in parts if words]


def _to_file(words: list[str]) -> Lines:
    """``echo words > file``."""
    place = next(index for index, word in enumerate(words) if word in (">", ">>"))
    with Path(*words[place + 1 : place + 2]).open("a" if words[place] == ">>" else "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in _KNOWN[words[0]](words[1:place]))
    return Lines()


# -- commands ----------------------------------------------------------------------------------------------------------


def _echo(words: list[str]) -> Lines:
    return Lines(" ".join(word for word in words if word not in ("-n", "-e")).split("\n"))


def _cat(words: list[str]) -> Lines:
    return Lines(line for path in _files(words) for line in path.read_text(encoding="utf-8").splitlines())


def _head(words: list[str]) -> Lines:
    count, rest = _count(words)
    return Lines(_cat(rest)[:count])


def _tail(words: list[str]) -> Lines:
    count, rest = _count(words)
    return Lines(_cat(rest)[-count:] if count else [])


def _count(words: list[str]) -> tuple[int, list[str]]:
    """Return how many lines are wanted, and the files: ``-n 3 FILE``, ``-3 FILE``."""
    if words[:1] == ["-n"]:
        return int(words[1]), words[2:]
    if words and re.fullmatch(r"-n?\d+", words[0]):
        return int(words[0].lstrip("-n")), words[1:]
    return _LINES_SHOWN, words


def _ls(words: list[str]) -> Lines:
    found: list[str] = []
    for path in _files(words) or [Path()]:
        found += sorted(p.name for p in path.iterdir() if p.name[0] != ".") if path.is_dir() else [str(path)]
    return Lines(found)


def _mkdir(words: list[str]) -> Lines:
    for name in _plain(words):
        Path(name).mkdir(parents=True, exist_ok=True)
    return Lines()


def _touch(words: list[str]) -> Lines:
    for name in _plain(words):
        Path(name).open("a").close()
    return Lines()


def _remove(words: list[str]) -> Lines:
    options = "".join(word for word in words if word.startswith("-"))
    for path in _files(words):
        if path.is_dir() and not path.is_symlink() and ("r" in options or "R" in options):
            shutil.rmtree(path)
        elif path.exists() or "f" not in options:
            path.unlink()
    return Lines()


def _rmdir(words: list[str]) -> Lines:
    for path in _files(words):
        path.rmdir()
    return Lines()


def _copy(words: list[str]) -> Lines:
    *paths, target = _files(words)
    for path in paths:
        if path.is_dir():
            shutil.copytree(path, target / path.name if target.is_dir() else target)
        else:
            shutil.copy(path, target)
    return Lines()


def _move(words: list[str]) -> Lines:
    *paths, target = _files(words)
    for path in paths:
        shutil.move(path, target)
    return Lines()


def _unzip(words: list[str]) -> Lines:
    target = Path(words[words.index("-d") + 1]) if "-d" in words else Path()
    plain = [word for word in _plain(words) if Path(word) != target or "-d" not in words]
    with zipfile.ZipFile(plain[0]) as archive:
        archive.extractall(target)
    return Lines()


def _plain(words: list[str]) -> list[str]:
    return [word for word in words if not word.startswith("-")]


def _files(words: list[str]) -> list[Path]:
    """Return the files of a command, those of its patterns included."""
    found: list[Path] = []
    for word in _plain(words):
        matching = sorted(Path().glob(word)) if set("*?[") & set(word) and not word.startswith("/") else []
        found += matching or [Path(word)]
    return found


_KNOWN: dict[str, Callable[[list[str]], Lines]] = {
    "cat": _cat,
    "cp": _copy,
    "echo": _echo,
    "head": _head,
    "ls": _ls,
    "mkdir": _mkdir,
    "mv": _move,
    "pwd": lambda _: Lines([str(Path.cwd())]),
    "rm": _remove,
    "rmdir": _rmdir,
    "tail": _tail,
    "touch": _touch,
    "unzip": _unzip,
}


def is_missed_by_nobody(command: str) -> bool:
    """Return whether code goes on without what a command would have shown or made, where there are no files."""
    return _MISSED_BY_NOBODY.fullmatch(command) is not None


def complain(error: Exception) -> None:
    """Print what a shell would print of an error."""
    print(getattr(error, "strerror", None) or error, file=sys.stderr)
