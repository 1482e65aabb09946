"""seccomp: the system calls a worker may make, as a list; every other one is refused.

The filter is a program for the kernel's packet filter machine. A call that is not on the list fails with EPERM, which
Python shows as PermissionError; a call by another architecture's numbers (32-bit, x32) ends the process. Some calls are
allowed with certain arguments only: to start a thread but no process, to signal oneself but nobody else.

Source: the kernel's Documentation/userspace-api/seccomp_filter.rst; numbers from arch/x86/entry/syscalls/syscall_64.tbl
and include/uapi/asm-generic/unistd.h.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from typing import NamedTuple

from autograder.sandbox import libc

_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_SET_MODE_FILTER, _ALL_THREADS = 1, 1
_CLONE_THREAD = 0x10000
_X32_BIT = 0x40000000
_ARGUMENT = 16  # where seccomp_data holds the first argument: 8 bytes each, low half first


class _Architecture(NamedTuple):
    """The numbers of one architecture: its own, the seccomp call's, those of allowed calls by name, of some more."""

    audit: int
    seccomp: int
    calls: dict[str, int]
    arranging: tuple[int, ...]


_X86_64 = _Architecture(
    0xC000003E,
    317,
    dict(
        read=0, write=1, open=2, close=3, stat=4, fstat=5, lstat=6, poll=7, lseek=8, mmap=9, mprotect=10,
        munmap=11, brk=12, rt_sigaction=13, rt_sigprocmask=14, rt_sigreturn=15, ioctl=16, pread64=17,
        pwrite64=18, readv=19, writev=20, access=21, pipe=22, select=23, sched_yield=24, mremap=25, msync=26,
        mincore=27, madvise=28, dup=32, dup2=33, pause=34, nanosleep=35, getitimer=36, alarm=37, setitimer=38,
        getpid=39, sendto=44, recvfrom=45, sendmsg=46, recvmsg=47, shutdown=48, clone=56, exit=60, wait4=61,
        kill=62, uname=63, fcntl=72, fsync=74, ftruncate=77, getdents=78, getcwd=79, chdir=80, readlink=89,
        umask=95, gettimeofday=96, getrlimit=97, getrusage=98, sysinfo=99, times=100, getuid=102, getgid=104,
        geteuid=107, getegid=108, getppid=110, getpgrp=111, getgroups=115, sigaltstack=131, statfs=137,
        fstatfs=138, sched_getparam=143, sched_getscheduler=145, prctl=157, arch_prctl=158, gettid=186,
        tkill=200, time=201, futex=202, sched_getaffinity=204, getdents64=217, set_tid_address=218,
        restart_syscall=219, fadvise64=221, clock_gettime=228, clock_getres=229, clock_nanosleep=230,
        exit_group=231, epoll_wait=232, epoll_ctl=233, tgkill=234, mbind=237, set_mempolicy=238,
        get_mempolicy=239, openat=257, newfstatat=262, readlinkat=267, faccessat=269, pselect6=270, ppoll=271,
        set_robust_list=273, get_robust_list=274, epoll_pwait=281, eventfd2=290, epoll_create1=291, dup3=292,
        pipe2=293, prlimit64=302, getcpu=309, getrandom=318, membarrier=324, statx=332, rseq=334, clone3=435,
        close_range=436, faccessat2=439,
    ),
    # flock fdatasync rename mkdir rmdir unlink mkdirat unlinkat renameat renameat2
    (73, 75, 82, 83, 84, 87, 258, 263, 264, 316),
)  # fmt: skip
_AARCH64 = _Architecture(
    0xC00000B7,
    277,
    dict(
        getcwd=17, eventfd2=19, epoll_create1=20, epoll_ctl=21, epoll_pwait=22, dup=23, dup3=24, fcntl=25,
        ioctl=29, statfs=43, fstatfs=44, ftruncate=46, faccessat=48, chdir=49, openat=56, close=57, pipe2=59,
        getdents64=61, lseek=62, read=63, write=64, readv=65, writev=66, pread64=67, pwrite64=68, pselect6=72,
        ppoll=73, readlinkat=78, newfstatat=79, fstat=80, fsync=82, exit=93, exit_group=94, set_tid_address=96,
        futex=98, set_robust_list=99, get_robust_list=100, nanosleep=101, getitimer=102, setitimer=103,
        clock_gettime=113, clock_getres=114, clock_nanosleep=115, sched_getscheduler=120, sched_getparam=121,
        sched_getaffinity=123, sched_yield=124, restart_syscall=128, kill=129, tkill=130, tgkill=131,
        sigaltstack=132, rt_sigaction=134, rt_sigprocmask=135, rt_sigreturn=139, times=153, getgroups=158,
        uname=160, getrlimit=163, getrusage=165, umask=166, prctl=167, getcpu=168, gettimeofday=169, getpid=172,
        getppid=173, getuid=174, geteuid=175, getgid=176, getegid=177, gettid=178, sysinfo=179, sendto=206,
        recvfrom=207, shutdown=210, sendmsg=211, recvmsg=212, brk=214, munmap=215, mremap=216, clone=220,
        mmap=222, fadvise64=223, mprotect=226, msync=227, mincore=232, madvise=233, mbind=235,
        get_mempolicy=236, set_mempolicy=237, wait4=260, prlimit64=261, getrandom=278, membarrier=283,
        statx=291, rseq=293, clone3=435, close_range=436, faccessat2=439,
    ),
    (32, 34, 35, 38, 83, 276),  # flock mkdirat unlinkat renameat fdatasync renameat2
)  # fmt: skip
_ARCHITECTURES = {"x86_64": _X86_64, "aarch64": _AARCH64}

# fmt: off
_SIGNALS = ("kill", "tkill", "tgkill")
_IOCTLS = (0x5401, 0x541B, 0x5421, 0x5413, 0x5450, 0x5451)  # TCGETS FIONREAD FIONBIO TIOCGWINSZ FIONCLEX FIOCLEX
_PRCTLS = (15, 16, 3, 0x53564D41)  # a thread's name, PR_GET_DUMPABLE, PR_SET_VMA
_FCNTLS = (0, 1, 2, 3, 4, 1030, 1034)  # F_DUPFD F_GETFD F_SETFD F_GETFL F_SETFL F_DUPFD_CLOEXEC F_GET_SEALS
_LOCKS = (5, 6, 7, 36, 37, 38)  # F_GETLK F_SETLK F_SETLKW F_OFD_GETLK F_OFD_SETLK F_OFD_SETLKW
# fmt: on


def is_supported() -> bool:
    """Is there a list for this machine's system calls?"""
    return platform.system() == "Linux" and platform.machine() in _ARCHITECTURES


def build_list(*, arrange: bool = False) -> bytes:
    """Build the part of the filter that all workers share, for `build_filter`.

    Args:
        arrange: whether they may make and remove folders, move, remove and lock files, as far as they can reach any.
    """
    architecture = _ARCHITECTURES[platform.machine()]
    calls = {name: number for name, number in architecture.calls.items() if name not in _SIGNALS}
    program = _Program()
    program.allow_bits(calls.pop("clone"), argument=0, bits=_CLONE_THREAD)
    program.refuse(calls.pop("clone3"), errno.ENOSYS)  # so that libc uses clone, whose flags can be seen
    program.allow_with_zero(calls.pop("prlimit64"), argument=2)  # reading limits, not setting them
    for name, argument, values in (
        ("ioctl", 1, _IOCTLS),
        ("prctl", 0, _PRCTLS),
        ("fcntl", 1, _FCNTLS + (_LOCKS if arrange else ())),
    ):
        program.allow_with(calls.pop(name), argument=argument, values=values)
    for number in sorted((*calls.values(), *(architecture.arranging if arrange else ()))):
        program.allow(number)
    return program.end(errno.EPERM)


def build_filter(pid: int, common: bytes) -> bytes:
    """Build the filter for the process of this id, which may send signals to itself."""
    architecture = _ARCHITECTURES[platform.machine()]
    program = _Program()
    program.check_architecture(architecture.audit, x32=platform.machine() == "x86_64")
    for name in _SIGNALS:
        program.allow_with(architecture.calls[name], argument=0, values=(pid,))
    return program.code() + common


def install(program: bytes) -> None:
    """Put a filter in force in every thread of this process for good; ``no_new_privs`` must be set already.

    Raises:
        OSError: the kernel refuses.
    """
    buffer = ctypes.create_string_buffer(program, len(program))
    pointer = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    number = _ARCHITECTURES[platform.machine()].seccomp
    libc.call("syscall", ctypes.c_long(number), ctypes.c_uint(_SET_MODE_FILTER), ctypes.c_uint(_ALL_THREADS), pointer)


class _Program:
    """Instructions of the packet filter machine; each rule says what becomes of one system call."""

    _LOAD, _IF_EQUAL, _IF_ABOVE, _IF_BITS, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06

    def __init__(self) -> None:
        self._code: list[tuple[int, int, int, int]] = []

    def check_architecture(self, audit: int, *, x32: bool) -> None:
        self._add(self._LOAD, 4)
        self._add(self._IF_EQUAL, audit, 1, 0)
        self._add(self._RETURN, _KILL)
        self._add(self._LOAD, 0)
        if x32:
            self._add(self._IF_ABOVE, _X32_BIT - 1, 0, 1)
            self._add(self._RETURN, _KILL)

    def allow(self, number: int) -> None:
        self._rule(number, [(self._RETURN, 0, 0, _ALLOW)])

    def refuse(self, number: int, error: int) -> None:
        self._rule(number, [(self._RETURN, 0, 0, _ERRNO | error)])

    def allow_with(self, number: int, *, argument: int, values: tuple[int, ...]) -> None:
        """Allow a call whose argument's low half is one of these."""
        body = [(self._LOAD, 0, 0, _ARGUMENT + 8 * argument)]
        for value in values:
            body += [(self._IF_EQUAL, 0, 1, value), (self._RETURN, 0, 0, _ALLOW)]
        self._rule(number, [*body, (self._RETURN, 0, 0, _ERRNO | errno.EPERM)])

    def allow_bits(self, number: int, *, argument: int, bits: int) -> None:
        """Allow a call whose argument has these bits set."""
        load = (self._LOAD, 0, 0, _ARGUMENT + 8 * argument)
        body = [load, (self._IF_BITS, 0, 1, bits), (self._RETURN, 0, 0, _ALLOW)]
        self._rule(number, [*body, (self._RETURN, 0, 0, _ERRNO | errno.EPERM)])

    def allow_with_zero(self, number: int, *, argument: int) -> None:
        """Allow a call whose argument, a pointer, is null in both halves."""
        low, high = _ARGUMENT + 8 * argument, _ARGUMENT + 8 * argument + 4
        body = [(self._LOAD, 0, 0, low), (self._IF_EQUAL, 0, 3, 0), (self._LOAD, 0, 0, high), (self._IF_EQUAL, 0, 1, 0)]
        self._rule(number, [*body, (self._RETURN, 0, 0, _ALLOW), (self._RETURN, 0, 0, _ERRNO | errno.EPERM)])

    def end(self, error: int) -> bytes:
        self._add(self._RETURN, _ERRNO | error)
        return self.code()

    def code(self) -> bytes:
        return b"".join(struct.pack("HBBI", *instruction) for instruction in self._code)

    def _rule(self, number: int, body: list[tuple[int, int, int, int]]) -> None:
        self._add(self._IF_EQUAL, number, 0, len(body))
        self._code += body

    def _add(self, code: int, value: int, if_true: int = 0, if_false: int = 0) -> None:
        self._code.append((code, if_true, if_false, value))
