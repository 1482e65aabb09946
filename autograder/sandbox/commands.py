"""Says which commands of a notebook its code can do without.

No command is run in a worker. For most notebooks that changes nothing: they install what is there already, or look at
something. A student whose code needs what a command leaves behind has to know that nothing was left.
"""

from __future__ import annotations

import re

_SHOWS = re.compile(
    "cat|cd|clear|cls|date|df|dir|du|echo|env|export|false|file|free|grep|head|history|hostname|htop|jupyter|ls|lsb_release|"
    "lscpu|lsmem|man|nproc|nvcc|nvidia-smi|printenv|ps|pwd|set|sleep|tail|time|top|tree|true|uname|uptime|wc|whereis|which|"
    "whoami|yes"
)
"""What only shows something, or ends with the shell it ran in."""
_INSTALLS = re.compile(r"apt|apt-get|brew|conda|mamba|pip[\d.]*|uv|yum")
"""What installs packages; one that is missing is named where it is imported."""
_SHELLS = re.compile(r"!|bash|sh|sx|system|zsh")
_OTHERS = re.compile(r"cmd|perl|pypy|python[23]?|ruby|script")
"""Cell magics that hand the cell to a shell, and to another program."""

_PARTS = re.compile(r"\|\|?|&&?|;|\n")
_TO_NOWHERE = re.compile(r"[12&]?>>?\s*(?:/dev/null|&[12])")
_BEFORE = re.compile(r"^(?:(?:sudo|nohup|time|[A-Z_]+=\S*)\s+)*")
_LOOKS = re.compile(r"^\S+\s+(?:-m\s+(?:pip|ensurepip|venv)\b|-V$|--?version$)")
"""``python -m pip install``, ``git --version``."""


def missed(command: str, *, is_read: bool = False) -> str:
    """Return the first program whose result the code lacks, or nothing.

    Args:
        command: as it stands behind ``!``, or the lines of a cell.
        is_read: the code goes on with what it prints.

    >>> missed("wget -q https://example.org/data.zip && unzip data.zip")
    'wget'
    >>> missed("pip install -q torch 2>&1 | tail -1")
    ''
    """
    for part in _PARTS.split(_TO_NOWHERE.sub("", command)):
        program = _BEFORE.sub("", part.strip())
        if not program or program.startswith("#"):
            continue
        name = program.split()[0].rpartition("/")[2]
        shows = ">" not in part and ((_SHOWS.fullmatch(name) and not is_read) or name == "nvidia-smi")
        if not (shows or _INSTALLS.fullmatch(name) or _LOOKS.search(program)):
            return name
    return ""


def installs(program: str) -> bool:
    """Return whether a program does nothing but install packages."""
    return _INSTALLS.fullmatch(program) is not None


def first(command: str) -> str:
    """Return the first program that is asked for, whatever it does."""
    for part in _PARTS.split(command):
        if (program := _BEFORE.sub("", part.strip())) and not program.startswith("#"):
            return program.split()[0].rpartition("/")[2]
    return ""


def missed_of_cell(magic: str, line: str, cell: str) -> str:
    """Return the same for a cell under a magic such as ``%%bash``; others hand their cell to no program."""
    words = line.split()
    if magic == "script":
        magic = words[0] if words else ""
    if _SHELLS.fullmatch(magic):
        return missed(cell)
    return magic if _OTHERS.fullmatch(magic) else ""  # `%%script false` leaves a cell out on purpose
