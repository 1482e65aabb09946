"""A root of its own for a process and what it forks: they see the files they may read, and no other has a name.

A new mount namespace, inside a new user namespace unless this is root, gets an empty file system as its root. It holds
the paths that may be read, each at its own place and read-only; the folders on the way to them can be passed through
but not listed. The process keeps the right to mount, so its children must give that up.

Source: mount_namespaces(7), user_namespaces(7), pivot_root(2); the numbers are those of include/uapi/linux/mount.h and
sched.h.
"""

from __future__ import annotations

import ctypes
import os
import platform
import re
from collections.abc import Iterable
from pathlib import Path

from autograder.sandbox import libc

_NEW_MOUNTS, _NEW_IPC, _NEW_USER, _NEW_NETWORK = 0x20000, 0x8000000, 0x10000000, 0x40000000
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _NO_PROGRAMS, _REMOUNT, _BIND = 1, 2, 4, 8, 32, 4096
_RECURSIVE, _PRIVATE = 16384, 1 << 18
_NOTHING_SPECIAL = _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS
_KEPT = {"nosuid": _NO_SETUID, "nodev": _NO_DEVICES, "noexec": _NO_PROGRAMS}
_DETACH = 2
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}

_STAGE = "/proc"  # every Linux has this folder, which is itself again once the root has been exchanged
_OUTSIDE = "/outside"
_CANARIES = ("/etc/passwd", "/proc/self/environ", "/proc/self/status")


def enter(
    readable: Iterable[Path],
    *,
    writable: Iterable[Path] = (),
    empty: Iterable[Path] = (),
    places: Iterable[Path] = (),
) -> tuple[str, ...]:
    """Leave behind all files but these; links on the way to them keep working.

    Args:
        readable: files, devices and folders.
        writable: folders.
        empty: folders that look writable but take nothing.
        places: for `mount_own`.

    Returns:
        Files that could be read before, for `prove`.

    Raises:
        OSError: the kernel refuses, or the result is not as it should be; the process may then run nothing.
    """
    open_places = {path.resolve() for path in writable}
    shown = {place: path.resolve() for path in (*readable, *open_places) for place in (path.absolute(), path.resolve())}
    canaries = tuple(filter(_can_read, _CANARIES))
    _unshare()
    _mount("", "/", _RECURSIVE | _PRIVATE)
    _mount("tmpfs", _STAGE, _NOTHING_SPECIAL, "tmpfs", "mode=0111,size=1m")
    os.chdir(_STAGE)
    Path(_OUTSIDE[1:]).mkdir()
    libc.call("syscall", ctypes.c_long(_PIVOT_ROOT[platform.machine()]), b".", _OUTSIDE[1:].encode())
    os.chdir("/")
    proc = os.open(f"{_OUTSIDE}/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for place in sorted(shown):  # a folder comes before what is in it
            _show(place, Path(f"{_OUTSIDE}{shown[place]}"))
        libc.call("umount2", _OUTSIDE.encode(), ctypes.c_int(_DETACH))
        Path(_OUTSIDE).rmdir()
        for place in empty:
            _make_place(place, is_folder=True)
            _mount("tmpfs", str(place), _NOTHING_SPECIAL, "tmpfs", "mode=0777,size=4k,nr_inodes=1")
        for place in places:
            _make_place(place, is_folder=True)
        open_places |= set(empty)
        _restrict(_mounts(proc), open_places)
        _check(_mounts(proc), open_places)
    finally:
        os.close(proc)
    prove(canaries)
    return canaries


def mount_own(place: Path, *, size_mb: int, files: int) -> None:
    """Mount an empty folder in memory that this process alone sees; call it in a child of the one that entered.

    Raises:
        OSError: the kernel refuses.
    """
    libc.call("unshare", ctypes.c_int(_NEW_MOUNTS))
    _mount("tmpfs", str(place), _NOTHING_SPECIAL, "tmpfs", f"mode=0777,size={size_mb}m,nr_inodes={files}")


def prove(canaries: Iterable[str]) -> None:
    """Prove that what could be read outside cannot be read here.

    Raises:
        OSError: it can be read here too, or there is nothing to try.
    """
    tried = list(canaries)
    if not tried or any(map(_can_read, tried)):
        raise PermissionError("what lies outside a worker's own root can be read in it")


def _unshare() -> None:
    """Enter namespaces of our own: directly as root, else through a user namespace in which our ids stay the same."""
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208 -- a path object per thread is not needed
        raise OSError("a process with threads cannot leave the others' root; does a module in `preload` start some?")
    namespaces = _NEW_MOUNTS | _NEW_IPC | _NEW_NETWORK
    try:
        libc.call("unshare", ctypes.c_int(namespaces))
    except PermissionError:
        user, group = os.geteuid(), os.getegid()
        libc.call("unshare", ctypes.c_int(namespaces | _NEW_USER))
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def read_at(folder: int, name: str) -> str:
    """Return the content of a file in an open folder, which need not have a name: after `enter`, /proc has none."""
    with os.fdopen(os.open(name, os.O_RDONLY, dir_fd=folder), encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def _show(place: Path, source: Path) -> None:
    """Make a path appear at its place, unless it is in a folder that has appeared already."""
    if not os.path.lexists(place):
        _make_place(place, is_folder=source.is_dir())
        _mount(str(source), str(place), _BIND | _RECURSIVE)


def _make_place(place: Path, *, is_folder: bool) -> None:
    """Make something to mount on, and the folders on the way to it, which nobody can list."""
    for folder in reversed(place.parents):
        if not folder.exists():
            folder.mkdir()
            folder.chmod(0o111)
    place.mkdir() if is_folder else place.touch()


def _restrict(mounts: dict[Path, list[str]], open_places: set[Path]) -> None:
    """Make all but some read-only; what a mount forbids already must stay forbidden, or the kernel refuses."""
    for place, options in mounts.items():
        flags = _REMOUNT | _BIND | _NO_SETUID | sum(_KEPT.get(option, 0) for option in options)
        flags |= 0 if place in open_places else _READ_ONLY
        flags |= 0 if place.is_char_device() else _NO_DEVICES
        _mount("", str(place), flags)


def _check(mounts: dict[Path, list[str]], open_places: set[Path]) -> None:
    """Raise PermissionError unless the kernel itself says that all is as we asked for."""
    for place, options in mounts.items():
        if "nosuid" not in options or ("ro" not in options and place not in open_places):
            raise PermissionError(f"{place} is mounted with {','.join(options)} in a worker's own root")


def _mounts(proc: int) -> dict[Path, list[str]]:
    """Return the mounts' options by place; if several are mounted at one place, those of the one seen there."""
    fields = [line.split(" ") for line in read_at(proc, "self/mountinfo").splitlines()]
    return {Path(_unescaped(place)): options.split(",") for _, _, _, _, place, options, *_ in fields}


def _unescaped(place: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), place)


def _can_read(path: str) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY))
    except OSError:
        return False
    return True


def _mount(source: str, place: str, flags: int, kind: str = "", options: str = "") -> None:
    libc.call("mount", os.fsencode(source), os.fsencode(place), kind.encode(), ctypes.c_ulong(flags), options.encode())
