"""The engine on a Dask cluster: every Dask worker keeps an engine, submissions travel as bytes, reports come back.

.. code-block:: text

    here: jobs -> a few of them per task ──scheduler──> Dask worker: Engine -> [session + zygote + workers]
    here: journal, gradebook <──────────── reports (JSON) ───────────────┘

The course's key and its hidden rubrics travel to the Dask workers: the cluster is trusted like this machine. What comes
back is JSON, checked like the lines of a results file. A cluster that is started here is reached by nobody else.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import threading
import time
import warnings
import zipfile
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import dask
from distributed import (
    CancelledError,
    Client,
    Future,
    KilledWorker,
    Security,
    Worker,
    WorkerPlugin,
    as_completed,
    get_worker,
)

from autograder.base.errors import ConfigError, SandboxError, SubmissionError, UsageError
from autograder.base.i18n import Catalogue, Language, Text, same, speak, spoken, text
from autograder.base.run_folder import RunFolder
from autograder.course import submission
from autograder.course.course import Assignment
from autograder.course.jobs import Job
from autograder.grading.closed_cluster import ClosedCluster
from autograder.grading.engine import Engine, failed
from autograder.results.grade_report import GradeReport
from autograder.rubric.provenance import Provenance
from autograder.sandbox import confine

_PER_TASK = 8
_TASKS_AHEAD = 4
"""At most this many tasks per thread are with the cluster; the submissions of the others wait here, unread."""
_CONNECT_S = 10
_REST_S = 5
"""A scheduler that did not answer is not asked again before, by as many threads as wait for it."""
_CONNECTION_LOST = (CancelledError, OSError, TimeoutError)


class GradingBench(WorkerPlugin):
    """Grades one assignment on a Dask worker, with an engine that outlives each task.

    Args:
        name: distinguishes benches; derived from everything a grade depends on.
        assignment: the assignment's name.
        files: its folder, zipped.
        key: the course's secret.
        languages: the course's; None if nobody knows them.
        spoken: what `i18n.speak` is told.
        must_confine: refuse to grade if the kernel cannot confine students' code.
        processors: each numbered Dask worker gets one of these; None if that is not ours to decide.
    """

    def __init__(
        self,
        name: str,
        assignment: str,
        files: bytes,
        key: bytes,
        *,
        languages: tuple[Language, ...] | None,
        spoken: tuple[Sequence[Language], Mapping[Language, Catalogue]],
        must_confine: bool,
        processors: Sequence[int] | None,
    ) -> None:
        self._languages, self._spoken = languages, spoken
        self.name, self._assignment, self._files, self._key = name, assignment, files, key
        self._must_confine, self._processors = must_confine, processors

    def setup(self, worker: Worker) -> None:
        """Prepare on the Dask worker; the engine starts with the first submission."""
        self._sessions = worker.state.nthreads
        # one thread for everything, which outlives each task: the engine's processes end with it
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=self.name)
        if self._processors is not None and isinstance(worker.name, int):
            own = self._processors[worker.name % len(self._processors)]
            self._thread.submit(os.sched_setaffinity, 0, {own}).result()  # of that thread, and of what it starts
        self._stack = contextlib.ExitStack()
        self._engine: Engine | None = None

    def teardown(self, worker: Worker) -> None:
        """End what was started on the Dask worker."""
        self._thread.submit(self._stack.close).result()
        self._thread.shutdown()

    def grade(self, sent: list[dict[str, Any]]) -> dict[str, Any]:
        """Return the reports on some submissions, or why there are none."""
        return self._thread.submit(self._grade, sent).result()

    def _grade(self, sent: list[dict[str, Any]]) -> dict[str, Any]:
        try:
            engine = self._engine = self._engine or self._start()
            with RunFolder() as folder:
                engine.add([_unpack(job, folder / str(number)) for number, job in enumerate(sent)])
                return {"reports": [report.to_json() for report in engine.reports()]}
        except ConfigError as error:
            return {"mistake": error.to_dict(folder=self._folder)}
        except SandboxError as error:
            self._stack.close()
            self._engine = None
            return {"unfit": error.text.model_dump()}

    def _start(self) -> Engine:
        parent = self._stack.enter_context(RunFolder())
        self._folder = parent / self._assignment
        with zipfile.ZipFile(io.BytesIO(self._files)) as archive:
            archive.extractall(self._folder)
        speak(*self._spoken)
        assignment = Assignment.load(self._folder, languages=self._languages)
        refusal = confine.refusal(assignment.settings.limits.scratch_mb)
        if self._must_confine and refusal is not None:
            raise SandboxError(refusal)
        return self._stack.enter_context(
            Engine([], assignment, self._key, sessions=self._sessions, confined=refusal is None)
        )


def _grade_there(bench: str, sent: list[dict[str, Any]]) -> dict[str, Any]:
    """Grade submissions at the bench of the Dask worker that runs this task."""
    worker = get_worker()
    plugin = worker.plugins.get(bench)
    if plugin is None:  # of a scheduler that was started again, which does not know us yet
        raise ConnectionResetError
    assert isinstance(plugin, GradingBench)
    return {"worker": worker.address, **plugin.grade(sent)}


@dataclass(frozen=True)
class Tls:
    """The files that prove who we are and whom we believe; what is None comes from Dask's own configuration.

    Args:
        ca_file: certificates of those who may vouch for the scheduler.
        cert: our certificate.
        key: its private key.
    """

    ca_file: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def __bool__(self) -> bool:
        return any((self.ca_file, self.cert, self.key))

    def security(self, address: str) -> Security:
        """Return what a client of the scheduler needs.

        Raises:
            UsageError: a file is missing or is none of its kind, or the address is one without TLS.
        """
        names = {"tls_ca_file": self.ca_file, "tls_client_cert": self.cert, "tls_client_key": self.key}
        security = Security(**{name: str(path) for name, path in names.items() if path is not None})
        if not has_tls(address):
            if self:
                words = text(
                    "{address}: the --tls options need a scheduler whose address begins with tls://", address=address
                )
                raise UsageError(words)
            return security
        try:
            ready = security.get_connection_args("client").get("ssl_context") is not None
        except OSError as error:  # what is wrong with certificates is one too
            words = text("the files for TLS cannot be used: {reason}", reason=error)
            raise UsageError(words) from error
        if not ready:
            words = text("{address}: needs --tls-ca-file, --tls-cert and --tls-key", address=address)
            raise UsageError(words)
        return security


def has_tls(address: str) -> bool:
    """Do those who talk to a scheduler at this address prove who they are?"""
    return address.startswith(("tls://", "wss://"))


@dataclass
class Cluster:
    """A Dask cluster to grade on; a context manager. A scheduler that was away is found again by the next `grade`.

    Args:
        address: the scheduler's address; None starts a cluster on this machine, which nobody else can reach.
        processes: how many Dask workers to start on this machine.
        must_confine: refuse to grade if the kernel cannot confine students' code.
        tls: for a scheduler at an address.

    Raises:
        UsageError: no scheduler answers at the address.
    """

    address: str | None
    processes: int
    _: KW_ONLY
    must_confine: bool
    tls: Tls = Tls()
    unfit: dict[str, Text] = field(default_factory=dict)
    """Dask workers that cannot grade, with the reason."""
    _jobs: dict[Any, list[Job]] = field(default_factory=dict)
    _benches: set[tuple[str, str]] = field(default_factory=set)
    _registering: threading.Lock = field(default_factory=threading.Lock)
    _away_until: float = 0.0

    def __enter__(self) -> Self:
        security = None if self.address is None else self.tls.security(self.address)
        self._stack = contextlib.ExitStack()
        self._stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.CRITICAL)  # one line of ours says what is wrong
        where: Any = self.address
        try:
            # Dask's own folder for temporary files has a name that others could have taken before
            folder = self._stack.enter_context(RunFolder())
            self._stack.enter_context(dask.config.set({"temporary-directory": str(folder)}))
            if where is None:
                self._stack.enter_context(dask.config.set({"distributed.worker.profile.enabled": False}))
                where = self._stack.enter_context(ClosedCluster(self.processes))
            self._client = self._connected_to(where, security)
        except (OSError, ValueError, TimeoutError) as error:
            self._stack.close()
            reason = str(error) or type(error).__name__
            raise UsageError(
                text("{address}: no Dask scheduler answers there ({reason})", address=self.address, reason=reason)
            ) from error
        return self

    def _connected_to(self, where: Any, security: Security | None) -> Client:
        client: Client = Client(where, timeout=_CONNECT_S, set_as_default=False, security=security)
        self._stack.enter_context(client)
        return client

    def _connect_again(self) -> None:
        """Connect to a scheduler that has been away.

        Raises:
            OSError: it still is; nobody asks it again for a while.
        """
        if self.address is None or time.monotonic() < self._away_until:
            raise ConnectionResetError
        with contextlib.suppress(*_CONNECTION_LOST):
            self._client.close(timeout=1)
        try:
            self._client = self._connected_to(self.address, self.tls.security(self.address))
        except _CONNECTION_LOST:
            self._away_until = time.monotonic() + _REST_S
            raise
        self.unfit.clear()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(*_CONNECTION_LOST):
            self._stack.close()

    @property
    def warning(self) -> Text | None:
        """What the instructor should know of a scheduler elsewhere."""
        if self.address is None or has_tls(self.address):
            return None
        return text(
            "{address}: without TLS, everybody who reaches this scheduler can run code there and read the course key "
            "and the hidden rubrics; start scheduler and workers with --tls-ca-file, --tls-cert and --tls-key, and "
            "give grade the same options",
            address=self.address,
        )

    def grade(self, jobs: Sequence[Job], assignment: Assignment, key: bytes) -> Iterator[GradeReport]:
        """Grade submissions of one assignment; see `batch.grade`.

        Raises:
            ConfigError: the rubric is broken.
            SandboxError: no Dask worker can grade, or the connection to the scheduler is lost.
        """
        if not jobs:
            return
        kinds = (True,) if self.must_confine else (True, False)
        provenances = [Provenance(assignment, key, confined=confined) for confined in kinds]
        try:
            bench = self._set_up(assignment, key)
            waiting = deque(_portions(jobs, self._threads()))
            running = as_completed(loop=self._client.loop)
            while waiting or not running.is_empty():
                while waiting and running.count() < _TASKS_AHEAD * self._threads():
                    running.add(self._submit(bench, waiting.popleft()))
                yield from self._collect(next(running), waiting, assignment, provenances)
        except _CONNECTION_LOST as error:
            words = text(
                "the connection to the Dask scheduler {address} was lost; "
                "what is graded is kept; run the same command again to continue",
                address=self.address or "",
            )
            raise SandboxError(words) from error

    def _set_up(self, assignment: Assignment, key: bytes) -> str:
        files = _zipped(assignment)
        languages = json.dumps([assignment.languages, spoken()]).encode()
        digest = sha256(b"\0".join((files, key, languages, bytes([self.must_confine])))).hexdigest()[:16]
        name = f"autograder-{assignment.name}-{digest}"
        all_processors = sorted(os.sched_getaffinity(0))
        processors = all_processors if self.address is None and self.processes == len(all_processors) else None
        bench = GradingBench(
            name,
            assignment.name,
            files,
            key,
            languages=assignment.languages,
            spoken=spoken(),
            must_confine=self.must_confine,
            processors=processors,
        )
        with self._registering:
            if self._client.status != "running":
                self._connect_again()
            scheduler = self._client.scheduler_info()["id"]  # changes when it is started again, and then knows no bench
            if (scheduler, name) not in self._benches:  # registering it again would end its engines
                self._client.register_plugin(bench, name=name)
                self._benches.add((scheduler, name))
        return name

    def _threads(self) -> int:
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(count for address, count in threads.items() if address not in self.unfit))

    def _submit(self, bench: str, jobs: list[Job]) -> Future[Any]:
        fit = None
        if self.unfit:
            fit = [address for address in self._client.nthreads() if address not in self.unfit]
            if not fit:
                (address, reason), *others = self.unfit.items()
                told = same(f"{address}: ") + reason
                for address, reason in others:
                    told += same(f"; {address}: ") + reason
                raise SandboxError(text("no Dask worker can grade ({reasons})", reasons=told))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large tasks: they are as large as what was handed in
            future: Future[Any] = self._client.submit(
                _grade_there, bench, [_pack(job) for job in jobs], pure=False, workers=fit
            )
        self._jobs[future.key] = jobs
        return future

    def _collect(
        self, future: Future[Any], waiting: deque[list[Job]], assignment: Assignment, provenances: list[Provenance]
    ) -> Iterator[GradeReport]:
        """Yield the reports of a finished task; what it could not grade goes back to the waiting submissions."""
        jobs = self._jobs.pop(future.key)
        try:
            answer = future.result()
        except KilledWorker:
            if len(jobs) > 1:  # one of them may be what ends Dask workers
                waiting.extend([job] for job in jobs)
            else:
                yield failed(jobs[0], text("it ended the Dask workers that tried to grade it"), provenances[0])
            return
        if "unfit" in answer:
            self.unfit[answer["worker"]] = Text(**answer["unfit"])
            waiting.appendleft(jobs)
        elif "mistake" in answer:
            raise ConfigError.from_dict(answer["mistake"], folder=assignment.directory)
        else:
            reports = [GradeReport.model_validate_json(line) for line in answer["reports"]]
            if all(any(provenance.made(report) for provenance in provenances) for report in reports):
                yield from reports
            else:
                words = text("grades with other versions: {versions}", versions=reports[0].versions)
                self.unfit[answer["worker"]] = words
                waiting.appendleft(jobs)


def _portions(jobs: Sequence[Job], threads: int) -> Iterator[list[Job]]:
    """Yield a few submissions per task, fewer if there would not be a task for every thread."""
    size = max(1, min(_PER_TASK, len(jobs) // (2 * threads)))
    for start in range(0, len(jobs), size):
        yield list(jobs[start : start + size])


def _zipped(assignment: Assignment) -> bytes:
    """Return a zip of every file that a grade may depend on; the same files give the same bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in assignment.files().items():
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
        archive.writestr(zipfile.ZipInfo("private/"), b"")  # even if empty, it says that the reference is here
    return content.getvalue()


def _pack(job: Job) -> dict[str, Any]:
    """Return a submission as it travels; this side already notes that a file cannot be read."""
    content = None
    if job.path is not None:
        try:
            content = submission.read_bytes(job.path)
        except SubmissionError as error:
            job = replace(job, reason=job.reason or error.text)
    name = os.fsencode(job.path.name) if job.path else None
    return job.as_message() | {"path": None, "name": name, "content": content}


def _unpack(sent: dict[str, Any], folder: Path) -> Job:
    job = Job.of_message(sent)
    if sent["name"] is None:
        return job
    path = folder / Path(os.fsdecode(sent["name"])).name
    folder.mkdir()
    if sent["content"] is not None:
        path.write_bytes(sent["content"])
    return replace(job, path=path)
