"""The worker's side of `autograder.sandbox.spawning`: becomes a worker in a Python of its own."""

from __future__ import annotations

import ctypes
import json
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from autograder.sandbox.spawning import OUT_OF_MEMORY

_LOOK_EVERY_S = 0.1
_STATUS = Path("/proc/self/status")


def main(port: int, settings: str) -> NoReturn:
    """Import everything, connect, and answer until the other side hangs up."""
    token = sys.stdin.buffer.readline().strip()

    from autograder.sandbox import interrupts, workfolder, zygote
    from autograder.sandbox.confine import WorkerSettings
    from autograder.sandbox.printing import Output
    from autograder.sandbox.serving import collect_garbage_from_now_on
    from autograder.sandbox.stand_ins import hide_package
    from autograder.sandbox.wire import Connection
    from autograder.sandbox.worker import Worker

    options = WorkerSettings(**json.loads(settings))
    zygote.warm()
    zygote.import_for_students(options.preload)
    hide_package()
    workfolder.use_new_scratch(Path(options.data) if options.data else None)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    sys.stdin = open(0, closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stderr = Output(1, options.output_kb << 10)
    control, frames = _connect(port, token), _connect(port, token)
    frames.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    worker = Worker(Connection(frames))
    interrupts.listen()
    threading.Thread(target=_watch, args=(control, options.memory_mb), daemon=True).start()
    collect_garbage_from_now_on()
    worker.serve()
    os._exit(0)  # without taking torch apart first


def _connect(port: int, token: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(token)
    return connection


def _watch(control: socket.socket, memory_mb: int) -> None:
    """Interrupt the cell that runs when told to; end the process with the other side, or when it takes too much."""
    used = _memory_in_use()
    most = used() + (memory_mb << 20)
    control.settimeout(_LOOK_EVERY_S)
    while True:
        try:
            if not control.recv(1):
                os._exit(0)
            _interrupt_main()
        except TimeoutError:
            if used() > most:
                os._exit(OUT_OF_MEMORY)
        except OSError:
            os._exit(0)


def _interrupt_main() -> None:
    main_thread = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main_thread is not None:
        signal.pthread_kill(main_thread, signal.SIGINT)  # wakes it, too
    else:
        signal.raise_signal(signal.SIGINT)  # Windows runs Python's handler in the main thread, and wakes it


def _memory_in_use() -> Callable[[], int]:
    """Return a function that gives the most memory this process has had so far, in bytes; 0 if nobody can tell."""
    if sys.platform == "win32":
        return _windows_memory
    try:
        import resource
    except ImportError:
        return _linux_memory if _STATUS.exists() else lambda: 0
    unit = 1 if sys.platform == "darwin" else 1024
    return lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _linux_memory() -> int:
    """Ask Linux, whose Python may lack that module as well."""
    found = re.search(r"^VmHWM:\s*(\d+) kB$", _STATUS.read_text(), re.MULTILINE)
    return int(found[1]) << 10 if found else 0


def _windows_memory() -> int:
    """Ask Windows; see PROCESS_MEMORY_COUNTERS in its documentation (psapi.h)."""
    sizes = ctypes.c_size_t * 8  # PeakWorkingSetSize first, PeakPagefileUsage last

    class Counters(ctypes.Structure):
        _fields_ = [("size", ctypes.c_uint32), ("page_faults", ctypes.c_uint32), ("sizes", sizes)]

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    kernel.GetCurrentProcess.restype = ctypes.c_void_p
    counters = Counters(size=ctypes.sizeof(Counters))
    this = ctypes.c_void_p(kernel.GetCurrentProcess())
    found = kernel.K32GetProcessMemoryInfo(this, ctypes.byref(counters), counters.size)
    return int(counters.sizes[7]) if found else 0
