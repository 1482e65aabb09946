"""Where the processor's time goes: seconds by kind of process, those included that have ended."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress

import psutil


def seconds_by_kind(servers: Sequence[int], workers: Sequence[int], load: int) -> dict[str, float]:
    """Return what servers, their engines and publishers, Dask workers and the load generator have used so far."""
    used: defaultdict[str, float] = defaultdict(float)
    with suppress(psutil.NoSuchProcess):
        used["load generator"] += _seconds(psutil.Process(load))
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            used["Dask workers"] += _seconds_of_all(psutil.Process(worker))
    for server in servers:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(server)
            used["server"] += _seconds(process, children=False)
            for child in process.children():
                with suppress(psutil.NoSuchProcess):
                    used[_kind(child)] += _seconds_of_all(child)
    return used


def difference(later: Mapping[str, float], earlier: Mapping[str, float]) -> dict[str, float]:
    """Return what was used between two moments."""
    return {kind: seconds - earlier.get(kind, 0.0) for kind, seconds in later.items()}


def _kind(child: psutil.Process) -> str:
    return "publisher" if "autograder.web.publishing" in child.cmdline() else "engines"


def _seconds_of_all(process: psutil.Process) -> float:
    total = _seconds(process)
    for child in process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            total += _seconds(child)
    return total


def _seconds(process: psutil.Process, *, children: bool = True) -> float:
    """Return what a process has used, with its children that have ended."""
    times = process.cpu_times()
    own = times.user + times.system
    return float(own + times.children_user + times.children_system if children else own)
