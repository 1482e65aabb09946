"""A class of a thousand at one server: ``python tests/load``. It prints, and asserts nothing about time.

It makes the demo course with students who are signed in, starts the server, lets them work, and says how long each kind
of request took, how long hand-ins waited for their reports, and which process used the processor. Then it looks whether
everything that was acknowledged is there. The load generator is locust, from the extra `load`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "helpers"))

import afterwards
import class_of_many
import dask_processes
import postgres_server
import processor
import proxy
import web_course
from plan import BEGUN, PRACTISE, VARIABLE, Found, Plan

from autograder.course.course import Course
from autograder.course.demo import ASSIGNMENT
from autograder.web.data.database import Database

HERE = Path(__file__).resolve().parent
RUSH = 300
"""How many hand in within the last minute."""
PATIENCE_S = 600
_JOIN_PER_S = 25.0
_ABSENT = {"check", "hand-in", "quiz answer"}
"""What nobody does in the last minute but those who hand in."""


class Servers:
    """The servers of one course, each a process of its own, which may be killed."""

    def __init__(self, course: Course, count: int, options: Sequence[str]) -> None:
        self._course, self._options = course, options
        self._opened = [ExitStack() for _ in range(count)]
        self.processes, self.addresses = [], list[str]()
        for opened in self._opened:
            process, address, _ = opened.enter_context(web_course.server(course, *options))
            self.processes.append(process)
            self.addresses.append(address)

    def kill_one(self) -> None:
        """Kill the first, and start it again at its port where there is no other."""
        self._opened[0].close()
        if len(self.processes) == 1:
            again = (*self._options, "--port", self.addresses[0].rpartition(":")[2])
            self.processes[0], _, _ = self._opened[0].enter_context(web_course.server(self._course, *again))

    def close(self) -> None:
        for opened in self._opened:
            opened.close()

    @property
    def numbers(self) -> list[int]:
        return [process.pid for process in self.processes]


class Cluster:
    """Dask workers, one of which may be killed; none of them without a count."""

    def __init__(self, folder: Path, count: int) -> None:
        self._dask = dask_processes.Processes(folder) if count else None
        self._workers = [self._dask.add_worker() for _ in range(count)] if self._dask else []
        self.options = ["--engine", "dask", "--scheduler", self._dask.address] if self._dask else []

    def kill_one(self) -> None:
        for worker in self._workers[:1]:
            worker.kill()

    def close(self) -> None:
        if self._dask:
            self._dask.end()

    @property
    def numbers(self) -> list[int]:
        return [worker.pid for worker in self._workers]


def run(asked: argparse.Namespace, folder: Path, address: str | None) -> None:
    course, works = class_of_many.make(folder / "course")
    database = Database(address) if address else Database.of_course(course.root)
    people = class_of_many.fill(course, database, asked.students)
    cluster = Cluster(folder, asked.dask)
    servers = Servers(course, asked.servers, [*(["--database", address] if address else []), *cluster.options])
    try:
        plan = _plan(asked, servers, people, works, folder / "found.json")
        used = _work(asked, servers, cluster, plan, folder / "plan.json")
        found = Found.read(folder / "found.json")
        _print_times(found)
        print(f"drafts based on a text that was not the kept one: {found.conflicts}")
        _wait_for_reports(database)
        _print_waits(afterwards.seconds_until_report(database))
        for one in used:
            print("processor seconds: " + ", ".join(f"{kind} {seconds:.1f}" for kind, seconds in one.items()))
        lost = afterwards.lost(database, found)
        print("\n".join(lost[:20]) or "nothing that was acknowledged is lost, and each hand-in has one report")
        if lost:
            raise SystemExit(1)
    finally:
        servers.close()
        cluster.close()
        database.close()


def _plan(
    asked: argparse.Namespace,
    servers: Servers,
    people: Sequence[tuple[str, str]],
    works: Sequence[dict[str, str]],
    results: Path,
) -> Plan:
    share = asked.students / 1000
    rushes = asked.scenario == "rush"
    rates = {kind: rate * share for kind, rate in PRACTISE.items() if not (rushes and kind in _ABSENT)}
    rush = round(RUSH * share) if rushes else 0
    how_long = (rush, asked.seconds)
    return Plan(servers.addresses, ASSIGNMENT, people, works, rates, *how_long, str(results), proxy.repeated())


def _work(
    asked: argparse.Namespace, servers: Servers, cluster: Cluster, plan: Plan, file: Path
) -> list[dict[str, float]]:
    """Let the class work; return what it has cost of the processor while it was measured, before and after a kill."""
    plan.write(file)
    with _load(plan, file) as load:
        assert load.stdout is not None
        for line in load.stdout:
            if line.strip() == BEGUN:
                break
        moments = [plan.seconds / 2] * 2 if asked.kill else [plan.seconds]
        costs = []
        for number, moment in enumerate(moments):
            if number:
                cluster.kill_one()
                servers.kill_one()
                print(f"a server was killed after {moment:.0f} s" + (", and a Dask worker" if asked.dask else ""))
            before = processor.seconds_by_kind(servers.numbers, cluster.numbers, load.pid)
            time.sleep(moment)
            after = processor.seconds_by_kind(servers.numbers, cluster.numbers, load.pid)
            costs.append(processor.difference(after, before))
        return costs


@contextmanager
def _load(plan: Plan, file: Path) -> Iterator[subprocess.Popen[str]]:
    users, rate = str(len(plan.people)), str(min(_JOIN_PER_S, len(plan.people)))
    command = [sys.executable, "-m", "locust", "-f", str(HERE / "students.py"), "--headless", "--only-summary"]
    command += ["-u", users, "-r", rate, "--loglevel", "ERROR", "--exit-code-on-error", "0"]
    variables = os.environ | {VARIABLE: str(file), "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(HERE)}
    with file.with_name("locust.log").open("w+") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=variables)
        try:
            yield process
            process.communicate()
        finally:
            process.kill()
            process.wait()
        if not Path(plan.results).exists():
            raise SystemExit(f"the load generator has failed:\n{Path(log.name).read_text()}")


def _print_times(found: Found) -> None:
    print(f"{'':14}{'count':>8}{'failed':>8}{'p50 ms':>8}{'p95 ms':>8}{'p99 ms':>8}{'max ms':>8}")
    for kind in sorted(found.times_ms | found.failures):
        times = sorted(found.times_ms.get(kind, [])) or [0.0]
        failed = sum(found.failures.get(kind, {}).values())
        at = "".join(f"{_share(times, share):8.0f}" for share in (0.5, 0.95, 0.99, 1))
        print(f"{kind:14}{len(found.times_ms.get(kind, [])):8}{failed:8}{at}")
    for kind, reasons in found.failures.items():
        for reason, times_seen in reasons.items():
            print(f"failed: {kind}: {reason} ({times_seen} times)")


def _print_waits(waits: Sequence[float]) -> None:
    ordered = sorted(waits) or [0.0]
    at = ", ".join(
        f"{name} {_share(ordered, share):.1f} s" for name, share in (("p50", 0.5), ("p95", 0.95), ("max", 1))
    )
    print(f"from the arrival of a hand-in to its report: {len(waits)} times, {at}")


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[int(share * (len(ordered) - 1))]


def _wait_for_reports(database: Database) -> None:
    begun, jobs, unwritten = time.monotonic(), *afterwards.waiting(database)
    print(f"at the end {jobs} hand-ins wait for their report, {unwritten} reports for the gradebook")
    while any(afterwards.waiting(database)) and time.monotonic() - begun < PATIENCE_S:
        time.sleep(1)
    print(f"all of them were done {time.monotonic() - begun:.0f} s later")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python tests/load", description=__doc__)
    parser.add_argument("--seconds", type=float, help="how long it is measured (300, and 60 for the rush)")
    parser.add_argument("--students", type=int, default=1000)
    parser.add_argument("--scenario", choices=("practise", "rush"), default="practise")
    parser.add_argument("--database", help="its address; by default a file in the course")
    parser.add_argument("--postgresql", action="store_true", help="start a PostgreSQL server, which does not fsync")
    parser.add_argument("--servers", type=int, default=1, help="more than one need PostgreSQL")
    parser.add_argument("--dask", type=int, default=0, metavar="WORKERS", help="grade with so many Dask workers")
    parser.add_argument(
        "--kill", action="store_true", help="kill one of the servers half-way, and one of the Dask workers"
    )
    asked = parser.parse_args()
    asked.seconds = asked.seconds or {"practise": 300, "rush": 60}[asked.scenario]
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        own = opened.enter_context(postgres_server.running()).create() if asked.postgresql else None
        run(asked, folder, own or asked.database)


if __name__ == "__main__":
    main()
