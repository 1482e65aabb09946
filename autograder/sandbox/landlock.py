"""Landlock: what a worker may do with files and the network, as rights on folders that the kernel enforces.

A ruleset is built once and put in force in each worker after the fork. It says what is allowed; everything else that
this kernel's Landlock knows is forbidden. What it does not know, metadata above all, is left to `sandbox.seccomp`.

Source: the kernel's Documentation/userspace-api/landlock.rst; the numbers are those of include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

from autograder.sandbox import libc

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR, _REMOVE_DIR, _REMOVE_FILE = 1 << 1, 1 << 2, 1 << 3, 1 << 4, 1 << 5
_MAKE_DIR, _MAKE_FILE, _MOVE, _TRUNCATE = 1 << 7, 1 << 8, 1 << 13, 1 << 14
_READ, _WRITE = _READ_FILE | _READ_DIR, _WRITE_FILE | _MAKE_FILE | _TRUNCATE
_ARRANGE = _MAKE_DIR | _REMOVE_DIR | _REMOVE_FILE | _MOVE
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_FILE_RIGHTS_SINCE_5 = (1 << 16) - 1
_NETWORK_RIGHTS = 0b11  # bind and connect of TCP, since version 4
_SCOPES = 0b11  # abstract unix sockets and signals to others, since version 6


def version() -> int:
    """Return this kernel's version of Landlock; 0 if it has none, or has it switched off."""
    try:
        return _syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    except OSError:
        return 0


def build_ruleset(readable: Iterable[Path], free: Iterable[Path] = ()) -> int:
    """Build a ruleset that allows reading below some paths, any work with files below others, and nothing else.

    Args:
        readable: files and folders.
        free: folders in which files and folders can be made, written, moved and removed.

    Returns:
        Its descriptor.

    Raises:
        OSError: the kernel has no Landlock.
    """
    supported = version()
    files = _FILE_RIGHTS.get(supported, _FILE_RIGHTS_SINCE_5)
    attributes = struct.pack("<QQQ", files, _NETWORK_RIGHTS, _SCOPES)
    size = 8 if supported < 4 else 16 if supported < 6 else 24
    ruleset = _syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), ctypes.c_uint32(0))
    os.set_inheritable(ruleset, False)
    for path in readable:
        is_null = str(path) == os.devnull  # what is written there goes nowhere
        _allow(ruleset, path, _READ if path.is_dir() else _READ_FILE | (_WRITE_FILE if is_null else 0))
    for path in free:
        _allow(ruleset, path, (_READ | _WRITE | _ARRANGE) & files)
    return ruleset


def restrict_self(ruleset: int) -> None:
    """Put a ruleset in force in this thread for good; ``no_new_privs`` must be set already.

    Raises:
        OSError: the kernel refuses.
    """
    _syscall(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        rule = struct.pack("=Qi", rights, descriptor)
        _syscall(_ADD_RULE, ctypes.c_int(ruleset), ctypes.c_int(_RULE_PATH_BENEATH), rule, ctypes.c_uint32(0))
    finally:
        os.close(descriptor)


def _syscall(number: int, *arguments: object) -> int:
    return libc.call("syscall", ctypes.c_long(number), *arguments)
