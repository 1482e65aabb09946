"""Confines a worker: after the fork, before any of the student's code runs.

Landlock bounds files and the network, seccomp the system calls, resource limits the rest. None suffices alone: without
Landlock students' code reads the solution; without seccomp it changes modes and times of files, sends datagrams, forks.
Where the kernel has no Landlock, the process that forks the workers moves to a root of its own, which holds only what
they may read. Every step that fails ends the worker.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import stat
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.sandbox import jail, landlock, libc, seccomp, system, workfolder
from autograder.sandbox.serving import CACHES

if TYPE_CHECKING:
    from autograder.base.i18n import Text

LANDLOCK, JAIL, UNCONFINED = "landlock+seccomp", "namespaces+seccomp", "none: process and resource limits only"
"""What reports say about the confinement in force."""

MAX_FILE_MB = 128
"""How large a file can be that code writes to a folder on disk."""

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38
_CAPABILITY_VERSION = 0x20080522
_NOBODY = 65534


@dataclass(frozen=True)
class WorkerSettings:
    """What every worker of a zygote may do and use.

    Args:
        memory_mb: memory beyond what torch takes.
        output_kb: how much of what it prints is kept.
        cpu_s: CPU seconds after which the kernel ends it.
        preload: modules imported before the fork.
        confined: whether the kernel bounds what it can do; only students' own code on their own machine may go without.
        folder: where it may read, write, move and remove files of up to `MAX_FILE_MB`; nowhere if empty.
        scratch_mb: size of a folder of its own for files; 0 for none.
        data: a folder of files to read, which appears in its working folder; none if empty.
        many: whether so many are forked that it pays to prepare for more than the first.
        huge_pages: fork faster; without them the zygote shares more memory with the process that it was split off from.
    """

    memory_mb: int
    output_kb: int
    cpu_s: int
    preload: tuple[str, ...] = ()
    confined: bool = True
    folder: str = ""
    scratch_mb: int = 0
    data: str = ""
    many: bool = True
    huge_pages: bool = True

    @property
    def largest_file(self) -> int:
        """The size limit of a file, in bytes; a scratch folder is full before it is reached."""
        output, scratch = self.output_kb << 10, self.scratch_mb << 20
        if self.folder:
            return max(output, MAX_FILE_MB << 20)
        return max(output, scratch + (1 << 20)) if scratch else output


def is_available(scratch_mb: int = 0) -> bool:
    """Can this machine confine a worker, and give it a scratch folder if it is to have one?"""
    return level() != UNCONFINED and (not scratch_mb or _has_namespaces())


def refusal(scratch_mb: int = 0, *, has_option: bool = False) -> Text | None:
    """Return the message that code may not run because this machine cannot confine it; None if it can.

    Args:
        scratch_mb: size of the scratch folder that the code asks for.
        has_option: whether the command has an option to run the code unconfined.
    """
    if is_available(scratch_mb):
        return None
    if (words := system.refusal()) is not None:
        return words

    from autograder.base.i18n import text

    remedy = text("use WSL2 or a Linux container")
    if has_option:
        remedy = text("use WSL2 or a Linux container, or add --unsafe-no-sandbox")
    return text(
        "this machine cannot confine the code it would run: it lacks {missing}; {remedy}",
        missing=missing(scratch_mb),
        remedy=remedy,
    )


def missing(scratch_mb: int = 0) -> Text:
    """Return what this machine lacks to confine a worker.

    Args:
        scratch_mb: size of the worker's scratch folder.
    """
    from autograder.base.i18n import text

    if level() == UNCONFINED or not scratch_mb:
        return text("Landlock (Linux 5.13 or newer) and user namespaces, one of which is needed")
    return text("user namespaces or root's right to mount, one of which limits.scratch_mb needs")


def level() -> str:
    """Return the best confinement this machine offers; try namespaces only if there is no Landlock."""
    if not (system.can_fork() and seccomp.is_supported()):
        return UNCONFINED
    if landlock.version() > 0:
        return LANDLOCK
    return JAIL if _has_namespaces() else UNCONFINED


@cache
def _has_namespaces() -> bool:
    """Try to enter them, in a process of its own, because there is no way back."""
    script = """
import sys
sys.path.insert(0, sys.argv[1])
from autograder.sandbox import confine
confine.enter_jail(confine.libraries())
"""
    command = [sys.executable, "-I", "-B", "-c", script, str(Path(__file__).resolve().parents[2])]
    return subprocess.run(command, env={}, capture_output=True, check=False).returncode == 0  # noqa: S603 -- our own code


def enter_jail(readable: Iterable[Path], folder: str = "") -> tuple[str, ...]:
    """Leave behind all files but those that workers may read and a folder they may write to; see `jail.enter`.

    Raises:
        OSError: this machine has no namespaces for it.
    """
    caches = {Path(os.environ[name]) for name in CACHES if name in os.environ}
    writable = [Path(folder)] if folder else []
    return jail.enter(readable, writable=writable, empty=caches, places=[workfolder.SCRATCH])


@dataclass(frozen=True)
class Confinement:
    """What is prepared once for all workers.

    Args:
        proc: descriptor of /proc, which has no name in a root of our own.
        options: what every worker gets.
        ruleset: descriptor of a Landlock ruleset, where there is one.
        canaries: what must not be readable, in a root of our own.
        drop_user: whether workers, started as root, become nobody.
        data: the assignment's data, where every worker can read it; see `workfolder.publish`.
        calls: the system calls they may make; see `seccomp.build_list`.
    """

    proc: int
    options: WorkerSettings
    ruleset: int | None = None
    canaries: tuple[str, ...] = ()
    drop_user: bool = False
    data: Path | None = None
    calls: bytes = b""

    @classmethod
    def prepare(cls, options: WorkerSettings) -> Confinement:
        """Prepare it, in the process that will fork the workers.

        Raises:
            OSError: this machine cannot confine them.
        """
        proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        data = workfolder.publish(Path(options.data)) if options.data else None
        if not options.confined:
            return cls(proc, options, data=data)
        readable = [*libraries(), *([data.parent] if data else [])]
        drop_user = os.geteuid() == 0 and all(map(_is_readable_by_others, readable))
        has_landlock = landlock.version() > 0
        # with Landlock too: only in a jail may a worker mount what bounds its scratch folder
        canaries = enter_jail(readable, options.folder) if options.scratch_mb or not has_landlock else ()
        ruleset = None
        if has_landlock:
            free = [Path(options.folder)] if options.folder else []
            # the folder above, since each worker's own does not exist yet
            free += [workfolder.SCRATCH.parent] if options.scratch_mb else []
            ruleset = landlock.build_ruleset(readable, free)
        return cls(
            proc,
            options,
            ruleset=ruleset,
            canaries=canaries,
            drop_user=drop_user and _is_known(_NOBODY, proc),
            data=data,
            calls=seccomp.build_list(arrange=options.scratch_mb > 0 or bool(options.folder)),
        )

    def apply(self, *, keep: set[int]) -> None:
        """Confine the calling process, which has just been forked.

        Args:
            keep: descriptors that stay open besides 0, 1 and 2.

        Raises:
            OSError: a step failed; the process may not run anything.
        """
        os.setsid()
        threads, mapped = self._count_threads(), _address_space(self.proc)
        self._be_killed_first()
        _close_all_but(keep | {0, 1, 2} | ({self.ruleset} if self.ruleset is not None else set()))
        limit = mapped + (self.options.memory_mb << 20)
        _limit(memory_bytes=limit, cpu_s=self.options.cpu_s, file_bytes=self.options.largest_file)
        if self.options.confined and threads != 1:
            raise OSError("a process with threads cannot be confined as a whole")
        self._enter_workfolder()
        if not self.options.confined:
            die_with_parent()
            return
        if self.drop_user:
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
        die_with_parent()  # after the change of user, which would undo it
        _prctl(_PR_SET_DUMPABLE, 0)
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _drop_capabilities()
        if self.ruleset is not None:
            landlock.restrict_self(self.ruleset)
            os.close(self.ruleset)
        if self.canaries or self.ruleset is None:
            jail.prove(self.canaries)
        seccomp.install(seccomp.build_filter(os.getpid(), self.calls))

    def _enter_workfolder(self) -> None:
        size_mb = self.options.scratch_mb
        if size_mb and self.options.confined:
            jail.mount_own(workfolder.SCRATCH, size_mb=size_mb, files=size_mb * workfolder.FILES_PER_MB)
            workfolder.use_scratch(workfolder.SCRATCH, self.data)
            workfolder.copy_without_modes()
        elif size_mb:
            workfolder.use_new_scratch(self.data)
        elif self.data:
            os.chdir(self.data.parent)

    def _be_killed_first(self) -> None:
        """Where memory runs out, let the kernel end what uses most of it here, and none of those who grade."""
        with contextlib.suppress(OSError):  # /proc can be there to read only
            place = os.open("self/oom_score_adj", os.O_WRONLY, dir_fd=self.proc)
            try:
                os.write(place, b"1000")
            finally:
                os.close(place)

    def _count_threads(self) -> int:
        tasks = os.open("self/task", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self.proc)
        try:
            return len(os.listdir(tasks))  # noqa: PTH208 -- a path object per thread is not needed
        finally:
            os.close(tasks)


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends.

    Raises:
        OSError: the kernel refuses.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def limit_own_memory(extra_mb: int) -> None:
    """Bound the memory this process may take beyond what it has now, because it judges what workers send.

    A column minus a row that a student's function returned can be any number of gigabytes. Beyond the bound, torch
    raises RuntimeError and Python MemoryError.
    """
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
    resource.setrlimit(resource.RLIMIT_AS, (_address_space(proc) + (extra_mb << 20), hard))
    os.close(proc)


_SHARED = ("xyzservices", "proj", "gdal", "fonts", "zoneinfo")
"""What packages for maps, drawing and times keep beside `lib`, and read when they are imported."""


def libraries() -> Iterator[Path]:
    """Yield what Python needs to import and run: interpreter, libraries, packages, time zones; nothing of a course."""
    paths = sysconfig.get_paths()
    prefixes = {Path(sys.prefix), Path(sys.base_prefix)}
    yield from (prefix / "lib" for prefix in prefixes)
    # never a whole prefix, whatever its name: the demo course lies in its `share`, and an exchange of nbgrader's may
    shared = (prefix / "share" / name for prefix in prefixes for name in _SHARED)
    yield from (path for path in shared if path.exists())
    yield from {Path(paths["stdlib"]).parent, Path(paths["platstdlib"]).parent}
    for path in sys.path:
        if path.endswith(("site-packages", "dist-packages")):
            yield Path(path)
    libraries = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/alternatives")
    data = ("/usr/share/zoneinfo", "/usr/share/fonts", "/etc/localtime", "/proc/cpuinfo", "/proc/meminfo")
    for name in (*libraries, *data, "/dev/null", "/dev/urandom"):
        if Path(name).exists():
            yield Path(name)


def _is_readable_by_others(path: Path) -> bool:
    mode = path.stat().st_mode
    wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
    return mode & wanted == wanted and all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def _is_known(user: int, proc: int) -> bool:
    """Does this process's user namespace have this user?"""
    ranges = [line.split() for line in jail.read_at(proc, "self/uid_map").splitlines()]
    return any(int(first) <= user < int(first) + int(count) for first, _, count in ranges)


def _address_space(proc: int) -> int:
    """Return how many bytes this process has mapped, used or not."""
    return int(jail.read_at(proc, "self/statm").split()[0]) * os.sysconf("SC_PAGESIZE")


def _limit(*, memory_bytes: int, cpu_s: int, file_bytes: int) -> None:
    import resource  # not there on Windows, where a student's own check imports this module

    limits = {
        resource.RLIMIT_AS: memory_bytes,
        resource.RLIMIT_CPU: cpu_s,
        resource.RLIMIT_FSIZE: file_bytes,
        resource.RLIMIT_NOFILE: 64,
        resource.RLIMIT_CORE: 0,
    }
    for limit, value in limits.items():
        _, hard = resource.getrlimit(limit)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        # at the soft CPU limit the kernel's signal names the limit, at the hard one it just kills
        grace = 1 if limit == resource.RLIMIT_CPU and (hard == resource.RLIM_INFINITY or value < hard) else 0
        resource.setrlimit(limit, (value, value + grace))


def _close_all_but(keep: set[int]) -> None:
    start = 0
    for descriptor in sorted(keep):
        if descriptor > start:  # CPython takes an empty range that starts at 0 for everything
            os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, 1 << 16)


def _drop_capabilities() -> None:
    """Give up every capability, and with the bounding set every way to get one back."""
    with contextlib.suppress(OSError):  # an ordinary user may not, and has none; or the kernel knows no more of them
        for capability in range(64):
            _prctl(_PR_CAPBSET_DROP, capability)
    libc.call("capset", struct.pack("Ii", _CAPABILITY_VERSION, 0), struct.pack("6I", *[0] * 6))


def _prctl(option: int, value: int) -> None:
    libc.call("prctl", option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0))
