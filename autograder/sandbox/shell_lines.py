"""Does in Python what simple shell lines do: no program is ever started.

Files and folders are listed, shown, made, copied, moved, removed and unpacked as far as the process may; lines are
counted, searched and sorted, also through pipes. Whatever asks for more (another program, a loop) is left to the
caller. This module runs where the student's code runs.
"""

from __future__ import annotations

import itertools
import os
import re
import shlex
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.sandbox.magic_results import Lines

_VALUE = re.compile(r"\$(\w+)|\{([^{}]+)\}")
_NEEDS_A_SHELL = frozenset(("||", "&", "<", "<<", "(", ")", "`"))
_UNHEARD, _AMONG_THE_REST = re.compile(r"\s2>\s*/dev/null"), re.compile(r"\s2>\s*&1")
_QUIETLY = "\0quietly"
"""Stands among the words of a command whose complaints go nowhere."""
_LINES_SHOWN = 10
_MISSED_BY_NOBODY = re.compile(r"\s*(?:cat|echo|ls|mkdir|pwd)\b[^|;&<>]*")


def run(command: str, names: dict[str, Any] | None) -> Lines | None:
    """Do what the lines of a shell ask for, if all of it can be had without a program.

    Args:
        command: one command or several, behind ``&&`` or ``;`` or in lines of their own.
        names: the notebook's, for ``$name`` and ``{expression}``; None where only the system's variables are meant.

    Returns:
        What they print, with the complaints of those that fail and the exit code; None if nothing was done.
    """
    try:
        parts = [part for line in expanded(command, names).splitlines() for part in _parts(line)]
    except ValueError:  # a quotation mark without its fellow
        return None
    if not all(_is_known(words) for _, part in parts for words in part):
        return None
    printed = Lines()
    here = os.getcwd()  # noqa: PTH109 -- as it was
    try:
        for joint, part in parts:
            if joint == "&&" and printed.code:
                continue
            if not _do(part, printed):
                break
    finally:
        os.chdir(here)  # the folder of the shell is not the notebook's
    return printed


def _is_known(words: list[str]) -> bool:
    """Can this command be done here, with these options?"""
    if not words or words[0] not in _KNOWN or _NEEDS_A_SHELL & set(words):
        return False
    letters = "".join(word[1:] for word in words[1:] if word.startswith("-"))
    return words[0] == "echo" or set(letters) <= set(_OPTIONS.get(words[0], ""))


def _do(pipeline: list[list[str]], printed: Lines) -> bool:
    """Run the stages of a pipeline one after the other; says whether the shell goes on."""
    given: Lines | None = None
    for stage in pipeline:
        words = [word for word in stage if word != _QUIETLY]
        if words[0] == "exit":
            printed.code = int(words[1]) if words[1:] and words[1].isdigit() else printed.code
            return False
        try:
            given = _to_file(words, given) if ">" in words or ">>" in words else _KNOWN[words[0]](words[1:], given)
            printed.code = given.code
        except Exception as error:  # noqa: BLE001 -- a name of the wrong kind, an archive that is none: as in a shell
            printed.complaints += [_complaint(words[0], error)] if _QUIETLY not in stage else []
            printed.code, given = (2 if words[0] in ("grep", "ls") else 1), Lines()
    printed += given or []
    printed.is_open = bool(given and given.is_open)
    return True


def _complaint(program: str, error: Exception) -> str:
    """Return what a program prints of an error."""
    words = getattr(error, "strerror", None) or str(error)
    file = getattr(error, "filename", None)
    if file is None:
        return f"{program}: {words}"
    return f"{program}: {_CANNOT[program]} '{file}': {words}" if program in _CANNOT else f"{program}: {file}: {words}"


def expanded(command: str, names: dict[str, Any] | None, *, in_a_shell: bool = True) -> str:
    """Put in values: of names and variables of the system behind ``$``, of expressions in braces.

    Args:
        command: a line of a shell or of a magic.
        names: the notebook's; None where only the system's variables are meant.
        in_a_shell: variables of the system count too.
    """

    def value(found: re.Match[str]) -> str:
        if name := found[1]:
            return str((names or {}).get(name, os.environ.get(name, found[0]) if in_a_shell else found[0]))
        if names is None:
            return found[0]
        try:
            return str(eval(found[2], names))  # noqa: S307 -- as IPython does it, in the student's own process
        except Exception:  # noqa: BLE001 -- it is meant for a shell
            return found[0]

    return _VALUE.sub(value, command)


def _parts(line: str) -> list[tuple[str, list[list[str]]]]:
    """Split a line into pipelines, each with what stands before it, and these into commands and words."""
    line = _AMONG_THE_REST.sub("", _UNHEARD.sub(f" {_QUIETLY}", line))
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&`")
    lexer.whitespace_split = True
    parts: list[tuple[str, list[list[str]]]] = [("", [[]])]
    for word in lexer:
        if word in ("&&", ";"):
            parts.append((word, [[]]))
        elif word == "|":
            parts[-1][1].append([])
        else:
            parts[-1][1][-1].append(word)
    return [(joint, part) for joint, part in parts if part != [[]]]


def _to_file(words: list[str], given: Lines | None) -> Lines:
    """``echo words > file``."""
    place = next(index for index, word in enumerate(words) if word in (">", ">>"))
    written = _KNOWN[words[0]](words[1:place], given)
    with Path(*words[place + 1 : place + 2]).open("a" if words[place] == ">>" else "w", encoding="utf-8") as file:
        file.write(written.printed)
    return Lines()


# -- commands ----------------------------------------------------------------------------------------------------------


def _echo(words: list[str], _: Lines | None) -> Lines:
    options = ""
    while words and re.fullmatch("-[neE]+", words[0]):
        options += words[0][1:]
        words = words[1:]
    said = " ".join(words)
    if "e" in options:
        said = re.sub(r"\\([abfnrtv\\])", lambda found: _ESCAPED[found[1]], said)
    lines = Lines(said.split("\n"))
    lines.is_open = "n" in options
    return lines


_ESCAPED = dict(zip("abfnrtv\\", "\a\b\f\n\r\t\v\\", strict=True))


def _cat(words: list[str], given: Lines | None) -> Lines:
    return Lines.of("".join(printed for _, printed in _texts(words, given)))


def _head(words: list[str], given: Lines | None) -> Lines:
    count, rest = _count(words)
    lines = _cat(rest, given)
    lines.is_open &= len(lines) <= count
    del lines[count:]
    return lines


def _tail(words: list[str], given: Lines | None) -> Lines:
    count, rest = _count(words)
    lines = _cat(rest, given)
    del lines[: max(len(lines) - count, 0)]
    return lines


def _count(words: list[str]) -> tuple[int, list[str]]:
    """Return how many lines are wanted, and the files: ``-n 3 FILE``, ``-3 FILE``."""
    if words[:1] == ["-n"]:
        return int(words[1]), words[2:]
    if words and re.fullmatch(r"-n?\d+", words[0]):
        return int(words[0].lstrip("-n")), words[1:]
    return _LINES_SHOWN, words


def _wc(words: list[str], given: Lines | None) -> Lines:
    options = "".join(word[1:] for word in words if word.startswith("-")) or "lwc"
    counted = Lines()
    for name, printed in _texts(words, given):
        found = {"l": printed.count("\n"), "w": len(printed.split()), "c": len(printed.encode()), "m": len(printed)}
        numbers = [str(found[option]) for option in "lwmc" if option in options]
        counted.append(" ".join([*(n.rjust(len(max(numbers, key=len))) for n in numbers), name]).rstrip())
    return counted


def _grep(words: list[str], given: Lines | None) -> Lines:
    options = "".join(word[1:] for word in words if word.startswith("-"))
    pattern, *rest = _plain(words)
    wanted = re.compile(re.escape(pattern) if "F" in options else pattern, re.IGNORECASE if "i" in options else 0)
    found = [line for line in _cat(rest, given) if bool(wanted.search(line)) != ("v" in options)]
    lines = Lines([str(len(found))] if "c" in options else found)
    lines.code = int(not found)
    return lines


def _sort(words: list[str], given: Lines | None) -> Lines:
    options = "".join(word[1:] for word in words if word.startswith("-"))
    lines = sorted(_cat(words, given), key=_number if "n" in options else None, reverse="r" in options)
    return Lines(dict.fromkeys(lines) if "u" in options else lines)


def _number(line: str) -> float:
    found = re.match(r"\s*-?\d+(?:\.\d+)?", line)
    return float(found[0]) if found else 0.0


def _uniq(words: list[str], given: Lines | None) -> Lines:
    groups = [(line, len(list(same))) for line, same in itertools.groupby(_cat(words, given))]
    return Lines(f"{count:>7} {line}" if "-c" in words else line for line, count in groups)


def _texts(words: list[str], given: Lines | None) -> list[tuple[str, str]]:
    """Return what is in each file with its name, or what came through the pipe."""
    files = [(str(path), path.read_text(encoding="utf-8")) for path in _files(words)]
    return files or [("", given.printed if given else "")]


def _ls(words: list[str], _: Lines | None) -> Lines:
    found: list[str] = []
    hides = not any("a" in word.lower() for word in words if word.startswith("-"))
    for path in _files(words) or [Path()]:
        inside = sorted(p.name for p in path.iterdir() if not hides or p.name[0] != ".") if path.is_dir() else []
        if not path.is_dir():
            path.stat()
        found += inside if path.is_dir() else [str(path)]
    return Lines(found)


def _cd(words: list[str], _: Lines | None) -> Lines:
    os.chdir(words[0] if words else ".")
    return Lines()


def _nothing(_: list[str], __: Lines | None) -> Lines:
    return Lines()


def _false(_: list[str], __: Lines | None) -> Lines:
    lines = Lines()
    lines.code = 1
    return lines


def _mkdir(words: list[str], _: Lines | None) -> Lines:
    for name in _plain(words):
        Path(name).mkdir(parents="-p" in words, exist_ok="-p" in words)
    return Lines()


def _touch(words: list[str], _: Lines | None) -> Lines:
    for name in _plain(words):
        Path(name).open("a").close()
    return Lines()


def _remove(words: list[str], _: Lines | None) -> Lines:
    options = "".join(word for word in words if word.startswith("-"))
    for path in _files(words):
        if path.is_dir() and not path.is_symlink() and ("r" in options or "R" in options):
            shutil.rmtree(path)
        elif path.exists() or "f" not in options:
            path.unlink()
    return Lines()


def _rmdir(words: list[str], _: Lines | None) -> Lines:
    for path in _files(words):
        path.rmdir()
    return Lines()


def _copy(words: list[str], _: Lines | None) -> Lines:
    *paths, target = _files(words)
    for path in paths:
        if path.is_dir():
            shutil.copytree(path, target / path.name if target.is_dir() else target)
        else:
            shutil.copy(path, target)
    return Lines()


def _move(words: list[str], _: Lines | None) -> Lines:
    *paths, target = _files(words)
    for path in paths:
        shutil.move(path, target)
    return Lines()


def _unzip(words: list[str], _: Lines | None) -> Lines:
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


_KNOWN: dict[str, Callable[[list[str], Lines | None], Lines]] = {
    "cat": _cat,
    "cd": _cd,
    "cp": _copy,
    "echo": _echo,
    "exit": _nothing,
    "false": _false,
    "grep": _grep,
    "head": _head,
    "ls": _ls,
    "mkdir": _mkdir,
    "mv": _move,
    "pwd": lambda *_: Lines([str(Path.cwd())]),
    "rm": _remove,
    "rmdir": _rmdir,
    "sort": _sort,
    "tail": _tail,
    "touch": _touch,
    "true": _nothing,
    "uniq": _uniq,
    "unzip": _unzip,
    "wc": _wc,
}


_CANNOT = {"cp": "cannot stat", "ls": "cannot access", "mv": "cannot stat", "rm": "cannot remove"}
"""What these say that they cannot do with a file."""
_OPTIONS = {
    "cp": "afprRv",
    "grep": "cEFiv",
    "head": "n0123456789",
    "ls": "1aAlhrt",
    "mkdir": "p",
    "mv": "fnv",
    "rm": "frR",
    "sort": "nru",
    "tail": "n0123456789",
    "uniq": "c",
    "unzip": "doqn",
    "wc": "clmw",
}
"""The letters of the options that are known."""


def is_missed_by_nobody(command: str) -> bool:
    """Return whether code goes on without what a command would have shown or made, where there are no files."""
    return _MISSED_BY_NOBODY.fullmatch(command) is not None
