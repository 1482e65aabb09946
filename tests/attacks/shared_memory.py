"""Leaves a message for the next submission: shared memory, semaphores, queues, locks, abstract names.

honest: linreg
says: nothing shared
"""

# %% start
import ctypes
import fcntl
import mmap
import multiprocessing.shared_memory
import os
import tempfile

libc = ctypes.CDLL(None)
shared = []
for action in (
    lambda: multiprocessing.shared_memory.SharedMemory("@TOKEN@", create=True, size=4096),
    lambda: tempfile.NamedTemporaryFile(prefix="@TOKEN@", delete=False),
    lambda: os.mkfifo("/tmp/@TOKEN@"),
    lambda: os.memfd_create("@TOKEN@"),
    lambda: fcntl.flock(os.open("/dev/null", os.O_RDONLY), fcntl.LOCK_EX),
    lambda: fcntl.lockf(1, fcntl.LOCK_EX),
    lambda: os.open("/dev/shm/@TOKEN@", os.O_CREAT | os.O_RDWR),
):
    try:
        shared.append(action())
    except (OSError, ValueError):
        continue
shared += [
    n for n in (libc.shmget(1234, 4096, 0o1666), libc.semget(1234, 1, 0o1666), libc.msgget(1234, 0o1666)) if n != -1
]
raise RuntimeError(f"shared: {shared}" if shared else "nothing shared")
