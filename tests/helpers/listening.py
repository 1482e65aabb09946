"""Finds what processes listen on, and tries to connect to it as another user."""

import contextlib
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import psutil

NOBODY = 65534
_CONNECT = """\
import os, socket, sys
family, address = int(sys.argv[1]), sys.argv[2]
if os.geteuid() == 0:
    os.setgroups([]); os.setgid({nobody}); os.setuid({nobody})
if family == socket.AF_UNIX:
    place = "\\0" + address[1:] if address.startswith("@") else address
else:
    host, port = address.rsplit(":", 1)
    place = (host, int(port))
with socket.socket(family) as end:
    end.settimeout(5)
    end.connect(place)
"""


def standing_by(place: Path, kind: int = socket.SOCK_STREAM) -> int:
    """Return the number of the process behind a socket."""
    with socket.socket(socket.AF_UNIX, kind) as connection:
        connection.connect(str(place))
        found: int = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    return found


def all_standing_by(
    runtime: Path, kinds: Iterable[int] = (socket.SOCK_STREAM, socket.SOCK_SEQPACKET)
) -> list[psutil.Process]:
    """Return the processes behind the sockets of these kinds in a runtime folder: streams for whole commands."""
    found = []
    for place in sorted((runtime / "autograder").glob("*.socket")):
        for kind in kinds:
            with contextlib.suppress(OSError):  # of another kind, or of a process that was killed
                found.append(psutil.Process(standing_by(place, kind)))
    return found


def doors(processes: Iterable[psutil.Process]) -> set[tuple[int, str]]:
    """Return the family and address of each socket of theirs that others could connect to."""
    found = set()
    for process in processes:
        with contextlib.suppress(psutil.Error):  # it has just ended
            for each in process.net_connections("all"):
                if each.status == psutil.CONN_LISTEN:
                    found.add((int(each.family), f"{each.laddr.ip}:{each.laddr.port}"))
                elif each.family == socket.AF_UNIX and each.laddr:
                    found.add((int(each.family), str(each.laddr)))
    return found


def is_open_to_others(family: int, address: str) -> bool:
    """Can another user of this machine connect there? Only root can try that; else this user does."""
    script = _CONNECT.format(nobody=NOBODY)
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script, str(family), address], capture_output=True)
    return done.returncode == 0


def tree(pid: int) -> list[psutil.Process]:
    """Return a process and everything below it."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []
