"""Goes past Python: system calls by number, to undo its confinement or to get around it.

honest: linreg
says: all refused
"""

# %% start
import ctypes
import os
import platform

libc = ctypes.CDLL(None, use_errno=True)
X86 = dict(
    chmod=(90, b"@COURSE@/gradebook.csv", 0o777), ptrace=(101, 0, 0, 0, 0), prctl=(157, 38, 0, 0, 0, 0),
    dumpable=(157, 4, 1, 0, 0, 0), deathsig=(157, 1, 0, 0, 0, 0), seccomp=(317, 0, 0, 0), setrlimit=(160, 7, 0),
    unshare=(272, 0x10000000), mount=(165, b"none", b"/tmp", b"tmpfs", 0, 0), open_by_handle=(304, -100, 0, 0),
    bpf=(321, 0, 0, 0), keyctl=(250, 0, 0, 0), io_uring=(425, 8, 0), memfd=(319, b"@TOKEN@", 0), vfork=(58,),
    execve=(59, b"/bin/true", 0, 0), socket=(41, 2, 1, 0), mq_open=(240, b"@TOKEN@", 0o101, 0o600, 0),
    landlock=(446, 0, 0), perf=(298, 0, 0, 0, 0, 0), personality=(135, 0x0040000), setns=(308, 0, 0),
    process_vm=(310, 1, 0, 0, 0, 0, 0), inotify=(253,), sync=(162,), reboot=(169, 0, 0, 0), swapoff=(168, b"/"),
)  # fmt: skip
done = []
if platform.machine() == "x86_64":
    for name, (number, *arguments) in X86.items():
        ctypes.set_errno(0)
        values = [a if isinstance(a, bytes) else ctypes.c_long(a) for a in arguments]
        if libc.syscall(ctypes.c_long(number), *values) != -1:
            done.append(name)
clone = libc.syscall(ctypes.c_long(56 if platform.machine() == "x86_64" else 220), ctypes.c_long(17), 0, 0, 0, 0)
if clone == 0:
    os._exit(0)
raise RuntimeError(f"done: {done}, {clone}" if done or clone != -1 else "all refused")
