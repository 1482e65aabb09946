"""A Dask cluster that only this process reaches: scheduler and Dask workers are its threads, and none opens a port.

All who connect to a scheduler can run code with its rights. What nobody can connect to needs no keys and no passwords.
"""

from __future__ import annotations

import logging
from typing import Any

from distributed import Scheduler, SpecCluster, Worker


class _WithoutPort:
    """Part of a Dask node that would listen for browsers, whether or not anybody asked for a dashboard."""

    def start_http_server(self, *_: Any, **__: Any) -> None:
        """Listen nowhere."""


class _ClosedScheduler(_WithoutPort, Scheduler):
    """A scheduler without a port."""


class _ClosedWorker(_WithoutPort, Worker):
    """A Dask worker without a port."""


class ClosedCluster(SpecCluster):
    """A scheduler and Dask workers of one thread each, in this process; a context manager.

    Args:
        workers: how many Dask workers.
    """

    def __init__(self, workers: int) -> None:
        inside = {"protocol": "inproc://", "dashboard": False}
        options = {"nthreads": 1, "memory_limit": 0, **inside}
        super().__init__(  # type: ignore[no-untyped-call]  # distributed annotates only part of itself
            scheduler={"cls": _ClosedScheduler, "options": {"port": 0, **inside}},
            workers={number: {"cls": _ClosedWorker, "options": options} for number in range(workers)},
            silence_logs=logging.CRITICAL,
        )
