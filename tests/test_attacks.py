"""The corpus in ``attacks/``, graded as one batch among honest neighbours: nobody gains a mark, nothing is touched, nothing stays."""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

import attack_corpus as corpus
import attack_files as files
import pytest
from process_tree import adopting, still_alive

from autograder.course.jobs import find_jobs
from autograder.grading.batch import grade
from autograder.results.grade_report import GradeReport
from autograder.results.journal import read
from autograder.sandbox import confine

pytestmark = pytest.mark.skipif(not confine.is_available(), reason="this machine has no Landlock")

EXERCISES = ("init_params", "linreg", "squared_loss", "sgd", "data_iter", "train", "concise")
CODE = {attack.name: attack for attack in corpus.read_all(EXERCISES)}
FILES = {name: corpus.parse(name, build.__doc__, EXERCISES, {}) for name, build in files.BUILDERS.items()}
ATTACKS = CODE | FILES
NEIGHBOURS = {"a neighbour": EXERCISES, "n neighbour": EXERCISES, "z neighbour": EXERCISES, "nothing done": ()}
TOKEN = f"left-behind-{os.getpid()}"
_NOBODY = 65534
MOST_MB = 1200  # the largest process there may be: torch, and what a worker gets
_MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"""
"""Runs a command from a small process: what Linux calls the largest size of a process includes that of its parent."""
_TURNS = ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")


@dataclass
class Surroundings:
    """What an attack could harm or leave behind, as it is now."""

    files: dict[str, tuple[int, int, int, int, str]]
    left: set[str]
    ipc: list[str]

    @classmethod
    def look(cls, course: Path) -> "Surroundings":
        files = {str(p): _state(p) for p in sorted(course.rglob("*")) if p.name not in ("results.jsonl", "listener")}
        public = [Path("/tmp"), Path("/dev/shm"), Path("/var/tmp"), Path.cwd(), Path("/")]
        left = {str(p) for folder in public if folder.is_dir() for p in folder.iterdir() if TOKEN in p.name}
        ipc = [row for kind in ("shm", "sem", "msg") for row in _ipc_of_ours(kind)]
        return cls(files, left, ipc)


def _ipc_of_ours(kind: str) -> list[str]:
    """What we or the students' user made; other tests run a database beside, as a user of its own."""
    header, *rows = Path("/proc/sysvipc", kind).read_text().splitlines()
    column = header.split().index("uid")
    return [row for row in rows if int(row.split()[column]) in (os.getuid(), _NOBODY)]


def _state(path: Path) -> tuple[int, int, int, int, str]:
    status = path.lstat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
    return status.st_mode, status.st_uid, status.st_size if content else 0, status.st_mtime_ns, content


@dataclass
class Batch:
    """One run of ``autograder grade`` and what it did."""

    reports: dict[str, GradeReport]
    said: str
    code: int
    peak_mb: float
    left_running: list[str] = field(default_factory=list)
    before: Surroundings | None = None
    after: Surroundings | None = None
    heard: int = 0
    temporary: list[str] = field(default_factory=list)


class Listeners:
    """Where an attacker could send something: TCP, UDP, a unix socket, an abstract one."""

    def __init__(self, path: Path, token: str) -> None:
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port = self._sockets[0].getsockname()[1]
        for family, kind, address in (
            (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", self.port)),
            (socket.AF_UNIX, socket.SOCK_STREAM, str(path)),
            (socket.AF_UNIX, socket.SOCK_STREAM, f"\0{token}"),
        ):
            sock = socket.socket(family, kind)
            sock.bind(address)
            if kind == socket.SOCK_STREAM:
                sock.listen()
            self._sockets.append(sock)
        path.chmod(0o777)

    def heard(self) -> int:
        """How many have something to be read."""
        for sock in self._sockets:
            sock.setblocking(False)
        count = 0
        for sock in self._sockets:
            with contextlib.suppress(BlockingIOError):
                if sock.type == socket.SOCK_STREAM:
                    sock.accept()[0].close()
                else:
                    sock.recv(1)
                count += 1
        return count

    def close(self) -> None:
        for sock in self._sockets:
            sock.close()


@pytest.fixture(scope="module")
def folder():
    """Outside pytest's own folders, which nobody but us may enter: only the sandbox is to keep attackers out."""
    folder = Path(tempfile.mkdtemp(prefix="course-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def course(folder):
    course = corpus.make_course(folder / "course")
    secret = course.root / ".autograder" / "key"  # the same random inputs every time
    secret.parent.mkdir()
    secret.write_text("5e" * 32 + "\n")
    (course.root / "gradebook.db").write_bytes(b"SQLite format 3\0" + bytes(1000))
    (course.root / "gradebook.csv").write_text("student,score\na neighbour,40\n")
    (course.root / "earlier.jsonl").write_text('{"student": "a neighbour", "score": 40.0}\n')
    home = course.root / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_ed25519").write_text("a private key\n")
    (home / ".bashrc").write_text("umask 022\n")
    return course


@pytest.fixture(scope="module")
def listeners(course):
    listeners = Listeners(course.root / "listener", TOKEN)
    yield listeners
    listeners.close()


@pytest.fixture(scope="module")
def desk(course, listeners):
    known = {"COURSE": str(course.root), "PORT": str(listeners.port), "TOKEN": TOKEN}
    return corpus.Desk.of(course.assignment(corpus.NAME), known)


def hand_in(course, student: str, content: str, suffix: str = ".ipynb") -> Path:
    file = course.submitted / student / corpus.NAME / f"{corpus.NAME}{suffix}"
    file.parent.mkdir(parents=True)
    file.write_text(content, encoding="utf-8")
    return file


def run(course, folder: Path, out: str, *paths: Path) -> Batch:
    """``autograder grade`` as an instructor runs it; whatever it leaves running becomes a child of ours."""
    place = folder / out
    (place / "tmp").mkdir(parents=True)
    command = [sys.executable, "-m", "autograder", "grade", "--course", str(course.root), "--jobs", "2"]
    command += ["--out", str(place / "results.jsonl"), *map(str, paths)]
    environment = os.environ | {"HOME": str(course.root / "home"), "TMPDIR": str(place / "tmp"), "COLUMNS": "200"}
    with adopting() as descendants, (place / "said").open("wb") as said:
        measured = [sys.executable, "-I", "-c", _MEASURED, str(place / "peak_kb"), *command]
        code = subprocess.call(measured, cwd=place, env=environment, stdout=said, stderr=subprocess.STDOUT)
        left_running = still_alive(descendants())
    reports = {report.student: report for report in read(place / "results.jsonl")}
    temporary = [str(p) for p in (place / "tmp").iterdir()]
    return Batch(
        reports,
        (place / "said").read_text(),
        code,
        int((place / "peak_kb").read_text()) / 1024,
        left_running,
        temporary=temporary,
    )


@pytest.fixture(scope="module")
def neighbours(course, desk):
    """Students who do their own work: those who did all or nothing, and for every attack one who did just its honest part."""
    work = {frozenset(done): student for student, done in NEIGHBOURS.items()}
    for attack in ATTACKS.values():
        work.setdefault(attack.honest, "did " + " ".join(sorted(attack.honest)))
    students = {student: frozenset(done) for student, done in NEIGHBOURS.items()}
    students |= {student: done for done, student in work.items()}
    for student, done in students.items():
        hand_in(course, student, desk.honest_notebook(done))
    return students


@pytest.fixture(scope="module")
def attacked(course, folder, desk, listeners, neighbours):
    """Everybody in one batch."""
    for attack in CODE.values():
        suffix, content = desk.content(attack)
        hand_in(course, attack.name, content, suffix)
    for name, build in files.BUILDERS.items():
        place = course.submitted / folder_of(name) / corpus.NAME
        place.mkdir(parents=True)
        build(place, desk)
    for path in course.root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o777 if path.is_dir() else 0o666)
    before = Surroundings.look(course.root)
    batch = run(course, folder, "attacked")
    batch.before, batch.after, batch.heard = before, Surroundings.look(course.root), listeners.heard()
    return batch


@pytest.fixture(scope="module")
def undisturbed(course, folder, attacked, neighbours):
    """The honest ones once more, without company; only after the attack, which could have left something."""
    return run(course, folder, "undisturbed", *(course.submitted / student / corpus.NAME for student in neighbours))


def folder_of(name: str) -> str:
    return getattr(files.BUILDERS.get(name), "folder", name)


def report_on(attacked: Batch, name: str) -> GradeReport:
    folder = folder_of(name)
    return attacked.reports["".join("\ufffd" if steers(c) else c for c in folder).replace("\n", " ")]


def passes(report: GradeReport) -> set[str]:
    return {c.id for exercise in report.exercises for c in exercise.criteria if c.outcome == "passed"}


def criteria(report: GradeReport) -> set[str]:
    return {c.id for exercise in report.exercises for c in exercise.criteria}


def strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [s for pair in value.items() for inner in pair for s in strings(inner)]
    return [s for inner in value for s in strings(inner)] if isinstance(value, list) else []


def steers(text: str) -> set[str]:
    """Characters that steer a terminal or turn the direction of writing."""
    odd = {c for c in text if unicodedata.category(c) in ("Cc", "Cs") and c not in "\n\t"}
    return odd | {c for c in text if unicodedata.bidirectional(c) in _TURNS or c in "\u061c\u200e\u200f"}


def honest_part(attack, attacked, neighbours) -> set[str]:
    student = next(student for student, done in neighbours.items() if done == attack.honest)
    return passes(attacked.reports[student])


# -- each attack -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ATTACKS)
def test_it_gains_no_mark(attacked, neighbours, name):
    """It passes what an honest submission of the same exercises passes, and its header names what else it meets or spoils."""
    report = report_on(attacked, name)
    allowed = ATTACKS[name].may_pass(honest_part(ATTACKS[name], attacked, neighbours), criteria(report))
    assert passes(report) == allowed
    assert report.status == ATTACKS[name].status
    assert report.score == sum(c.points for e in report.exercises for c in e.criteria if c.id in allowed)


@pytest.mark.parametrize("name", ATTACKS)
def test_its_report_is_whole_and_clean(attacked, name):
    report = report_on(attacked, name)
    assert criteria(report) == criteria(attacked.reports["a neighbour"])
    document = json.loads(report.to_json(), parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert not {c for s in strings(document) for c in steers(s)}
    assert len(report.to_json()) < 300_000
    assert all(abs(n) < 10**9 for p in report.problems for n in (p.cell or 0, p.line or 0))
    for words in ATTACKS[name].says:
        assert words in " ".join(s for s in strings(document))


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_told_no_expected_value(attacked, desk, name):
    """Whatever number a hidden criterion's message holds is one that the attack or its own traceback brought along."""
    own = desk.content(ATTACKS[name])[1] if name in CODE else ""
    for exercise in report_on(attacked, name).exercises:
        for result in exercise.criteria:
            if not result.visible:
                told = re.findall(r"\d+\.\d{3,}", result.message.en + result.message.zh)
                assert [n for n in told if n not in own] == [], result.message
                assert "expected" not in result.message.en


@pytest.mark.parametrize("name", ATTACKS)
def test_it_takes_no_longer_than_it_may(attacked, name):
    """Its own limit, and what our side needs on top of that: criteria, a dozen forks."""
    assert report_on(attacked, name).duration_s < 2 * corpus.LIMITS["submission_s"]


# -- everything around them --------------------------------------------------------------------------------------------


def test_neighbours_get_the_reports_they_get_without_attackers(attacked, undisturbed, neighbours):
    assert set(undisturbed.reports) == set(neighbours)
    for student in neighbours:
        one, other = (
            batch.reports[student].model_copy(update={"duration_s": 0.0}) for batch in (attacked, undisturbed)
        )
        assert one.to_json() == other.to_json()
    for student, done in neighbours.items():
        report = attacked.reports[student]
        if set(done) == set(EXERCISES):
            assert report.score == report.max_score
        assert (report.score == 0) == (not done)


def test_everybody_has_a_report(attacked, course, neighbours):
    assert len(attacked.reports) == len(list(course.submitted.iterdir())) == len(ATTACKS) + len(neighbours)
    assert attacked.code == 0, attacked.said[-2000:]


def test_no_file_is_touched_and_none_is_left(attacked):
    assert attacked.after.files == attacked.before.files
    assert attacked.after.left == attacked.before.left == set()
    assert attacked.temporary == []


def test_no_process_socket_or_shared_memory_is_left(attacked):
    assert attacked.left_running == []
    assert attacked.heard == 0
    assert attacked.after.ipc == attacked.before.ipc


def test_no_process_took_more_memory_than_a_worker_may(attacked):
    assert attacked.peak_mb < MOST_MB


def test_nothing_shown_on_the_terminal_steers_it(attacked):
    assert steers(attacked.said) <= {"\x1b"}  # rich's own colours, where it uses any
    assert "\x1b]" not in attacked.said


def test_the_secret_and_the_folders_of_the_course_are_in_no_report(attacked, course):
    for report in attacked.reports.values():
        told = report.to_json()
        assert course.key().hex() not in told
        assert str(corpus.ROOT / "autograder") not in told


# -- the attacks themselves --------------------------------------------------------------------------------------------

BITING = ["read_solution", "tamper_gradebook", "network", "daemon"]  # bounded to the course folder and this machine


def test_without_confinement_they_bite(tmp_path):
    """The same code where nothing is confined gets what it wants, so what was tested above is the confinement."""
    course = corpus.make_course(tmp_path / "course")
    (course.root / "gradebook.csv").write_text("student,score\n")
    token = f"{TOKEN}-unconfined"
    listeners = Listeners(course.root / "listener", token)
    known = {"COURSE": str(course.root), "PORT": str(listeners.port), "TOKEN": token}
    desk = corpus.Desk.of(course.assignment(corpus.NAME), known)
    hand_in(course, "a neighbour", desk.honest_notebook(EXERCISES))
    for name in BITING:
        hand_in(course, name, desk.content(CODE[name])[1])
    jobs = [job for job in find_jobs([course.submitted], [corpus.NAME]) if job.student in BITING]
    with adopting() as descendants:
        graded = grade(jobs, course.assignment(corpus.NAME), course.key(), processes=1, confined=False)
        reports = {report.student: report for report in graded}
        left = still_alive(descendants(), within_s=1)
    assert reports["read_solution"].score == reports["read_solution"].max_score
    assert not (course.root / "gradebook.csv").exists()
    assert not (course.submitted / "a neighbour").exists()
    assert listeners.heard() == 4
    assert left
    assert all(report.sandbox == confine.UNCONFINED for report in reports.values())
    listeners.close()
