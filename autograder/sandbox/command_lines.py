"""Shell lines and cells for a shell of a notebook: what can be had without a program is done, the rest is noted.

This module runs where the student's code runs.
"""

from __future__ import annotations

import itertools
import shlex
import sys
from typing import Any, Protocol

from autograder.sandbox import commands, notes, shell_lines
from autograder.sandbox.magic_results import Lines

_SHELLS = ("bash", "sh")


class Owner(Protocol):
    """What command lines need of the shell; `shell.Shell` has it."""

    has_files: bool

    @property
    def user_ns(self) -> dict[str, Any]: ...  # noqa: D102


class CommandLines:
    """The command lines of one notebook.

    Args:
        shell: what ``get_ipython()`` gives there.
    """

    def __init__(self, shell: Owner) -> None:
        self._shell = shell

    def system(self, command: str) -> None:
        """``!command``: what it prints, and what it complains of, stands below the cell."""
        if (found := self._result_of(command, self._shell.user_ns)) is None:
            self._note(command, commands.missed(command))
            return
        self._shell.user_ns["_exit_code"] = found.code
        _write(found, [*found, *found.complaints])

    def getoutput(self, command: str) -> Lines:
        """``!command`` that is assigned: what it would print, as far as that can be had without a program."""
        if (found := self._result_of(command, self._shell.user_ns)) is None:
            self._note(command, commands.missed(command, is_read=True))
            return Lines()
        return Lines([*found, *found.complaints])

    def did(self, command: str) -> int | None:
        """Do what a program asks `os.system` for; gives the exit code, or None if it cannot be done."""
        if (found := self._result_of(command, None)) is None:
            return None
        _write(found, list(found))
        _write(found, found.complaints, to=sys.stderr)
        return found.code

    def run_cell(self, magic: str, line: str, cell: str) -> Lines | None:
        """``%%bash`` and its like, which hand their cell to a program.

        Raises:
            CalledProcessError: the last command failed.
        """
        if magic == "!":
            return self.getoutput(cell)
        options = shlex.split(line)
        program = options[0] if magic == "script" and options else magic
        found = self._result_of(cell, {}) if program in _SHELLS else None
        if found is None:
            self._note(cell if program in _SHELLS else "", commands.missed_of_cell(magic, line, cell))
            return None
        self._hand_over(found, dict(itertools.pairwise(options)))
        if found.code and self._shell.has_files and "--no-raise-error" not in options:
            from subprocess import CalledProcessError

            raise CalledProcessError(found.code, cell.encode())
        return None

    def _hand_over(self, found: Lines, options: dict[str, str]) -> None:
        """Give each stream to the name that was asked for, or else show it."""
        for option, lines in (("--out", list(found)), ("--err", found.complaints)):
            if option in options:
                self._shell.user_ns[options[option]] = "".join(f"{line}\n" for line in lines)
            else:
                _write(found, lines, to=sys.stdout if option == "--out" else sys.stderr)

    def _result_of(self, command: str, names: dict[str, Any] | None) -> Lines | None:
        """What a command has printed; None if it cannot be done here."""
        found = shell_lines.run(command, names)
        if found is not None and found.complaints and not self._shell.has_files:
            return Lines() if shell_lines.is_missed_by_nobody(command) else None
        return found

    def _note(self, command: str, program: str) -> None:
        """Note a program whose result the code lacks, or that at least shows nothing."""
        if program:
            notes.add("command", program, once=True)
        elif self._shell.has_files and (shown := commands.first(command)):
            notes.add("install" if commands.installs(shown) else "unseen", shown)


def _write(found: Lines, lines: list[str], to: Any = None) -> None:
    if lines:
        print(*lines, sep="\n", end="" if found.is_open and lines == list(found) else "\n", file=to or sys.stdout)
