"""What a confined worker cannot do, tried for real, and what must go on working in it."""

import os
import socket
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from escape_attempts import ATTEMPTS, FORBIDDEN, GONE, ORDINARY, REFUSED, USERS
from without_landlock import has_namespaces

from autograder.base.errors import StudentCrash
from autograder.sandbox import confine, landlock, seccomp
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.process import Zygote

pytestmark = pytest.mark.skipif(landlock.version() == 0, reason="this machine has no Landlock")
needs_namespaces = pytest.mark.skipif(not has_namespaces(), reason="this machine lets nobody mount in a namespace")


@pytest.fixture(scope="module")
def confined(open_runner):
    with Zygote.begin(
        WorkerSettings(memory_mb=1024, output_kb=1024, cpu_s=60, preload=("torch.optim", "matplotlib.pyplot"))
    ) as zygote:
        runner, student = open_runner(
            ATTEMPTS, on=zygote, declare=["attempt(action, secret, port)", "works(source)"], call_s=30, submission_s=300
        )
        yield student
        runner.close()


@pytest.fixture(scope="module")
def secret(tmp_path_factory):
    file = tmp_path_factory.mktemp("solutions") / "solution.py"
    file.write_text("the answer")
    return file


@pytest.fixture(scope="module")
def port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("action", FORBIDDEN)
def test_it_cannot(confined, secret, port, action):
    before = secret.stat()
    assert confined.attempt(action, str(secret), port) in REFUSED, action
    after = secret.stat()
    assert (before.st_mode, before.st_mtime, before.st_size) == (after.st_mode, after.st_mtime, after.st_size)
    assert not os.path.lexists("/tmp/left-behind")


@pytest.mark.parametrize("version", range(1, landlock.version()))
def test_no_more_is_possible_with_an_older_landlock(open_runner, secret, port, version):
    """Rights that the kernel does not know yet are left to the filter of system calls."""
    settings = asdict(WorkerSettings(memory_mb=1024, output_kb=1024, cpu_s=60))
    with Zygote.start("tests.helpers.older_landlock", settings | {"landlock": version}) as zygote:
        runner, student = open_runner(
            ATTEMPTS, on=zygote, declare=["attempt(action, secret, port)"], call_s=30, submission_s=300
        )
        came_of = {action: student.attempt(action, str(secret), port) for action in FORBIDDEN}
        runner.close()
    assert {a: what for a, what in came_of.items() if what not in REFUSED} == {}
    assert secret.read_text() == "the answer"
    assert not os.path.lexists("/tmp/left-behind")


@needs_namespaces
@pytest.mark.parametrize("ordinary", USERS)
def test_without_landlock_no_more_is_possible_and_no_less(open_runner, secret, port, ordinary):
    settings = asdict(WorkerSettings(1024, 1024, 60, ("torch.optim", "matplotlib.pyplot")))
    with Zygote.start("tests.helpers.older_landlock", settings | {"landlock": 0, "ordinary": ordinary}) as zygote:
        runner, student = open_runner(
            ATTEMPTS, on=zygote, declare=["attempt(action, secret, port)", "works(source)"], call_s=30, submission_s=300
        )
        came_of = {action: student.attempt(action, str(secret), port) for action in FORBIDDEN}
        worked = {what: student.works(source) for what, source in ORDINARY.items()}
        runner.close()
    assert {a: what for a, what in came_of.items() if what not in (*REFUSED, GONE)} == {}
    assert came_of["open(secret).read()"] == GONE
    assert secret.read_text() == "the answer"
    assert not os.path.lexists("/tmp/left-behind")
    assert set(worked.values()) == {"works"}, worked


REFUSES = {
    "a root that holds too much": "from autograder.sandbox import jail\nfrom pathlib import Path\njail.enter([Path('/etc')])",
    "a worker that is not in it": (
        "import os\nfrom autograder.sandbox.confine import Confinement, WorkerSettings\n"
        "options = WorkerSettings(memory_mb=512, output_kb=1, cpu_s=10)\n"
        "Confinement(os.open('/proc', os.O_PATH), options, canaries=('/etc/passwd',)).apply(keep=set())"
    ),
    "nothing to try it with": "from autograder.sandbox import jail\njail.prove([])",
}


@needs_namespaces
@pytest.mark.parametrize("source", REFUSES.values(), ids=REFUSES)
def test_a_root_that_cannot_be_proved_is_not_used(source):
    done = subprocess.run([sys.executable, "-c", source + "\nprint('used')"], capture_output=True, text=True)
    assert "what lies outside a worker's own root can be read in it" in done.stderr
    assert done.returncode and not done.stdout


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")  # heard where another test has begun the worker
@pytest.mark.parametrize("what", ORDINARY)
def test_it_can(confined, what):
    assert confined.works(ORDINARY[what]) == "works"


GETPID_BY_ANOTHER_TABLE = {
    "x32": "def f(): return ctypes.CDLL(None).syscall(ctypes.c_long(0x40000000 + 39))",
    "32 bits": (
        "code = mmap.mmap(-1, 4096, prot=7)\n"
        "code.write(bytes.fromhex('b814000000 cd80 c3'))  # mov eax, 20; int 0x80; ret\n"
        "def f(): return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))()"
    ),
}


@pytest.mark.parametrize("source", GETPID_BY_ANOTHER_TABLE.values(), ids=GETPID_BY_ANOTHER_TABLE)
def test_another_architectures_calls_end_it(open_runner, confined, source):
    if os.uname().machine != "x86_64":
        pytest.skip("x86-64 only")
    assert confined.works(f"import ctypes, mmap\n{source}") == "works"  # it is the call itself that ends it
    runner, student = open_runner(f"import ctypes, mmap\n{source}")
    with pytest.raises(StudentCrash, match="process was killed"):
        student.f()
    runner.close()


def test_it_has_no_descriptor_but_its_own_three_and_the_socket(open_student):
    source = "import os\n" + (
        "def is_open(n):\n    try: return bool(os.fstat(n))\n    except OSError: return False\n"
        "def count(): return sum(map(is_open, range(1 << 12)))"
    )
    assert open_student(source).count() == 4


def test_it_is_the_first_to_go_where_memory_runs_out(open_student):
    worker = open_student("def f(): pass").runner.host.worker
    assert Path(f"/proc/{worker.pid}/oom_score_adj").read_text() == "1000\n"


def test_without_confinement_it_could(open_runner, secret):
    """The same attempt where nothing is confined: the table above tests something."""
    with Zygote.begin(WorkerSettings(memory_mb=512, output_kb=64, cpu_s=20, confined=False)) as zygote:
        runner, student = open_runner(ATTEMPTS, on=zygote, declare=["attempt(action, secret, port)"])
        assert student.attempt("open(secret).read()", str(secret), 0) == "done: 'the answer'"
        assert student.attempt("os.fork() or os._exit(0)", str(secret), 0).startswith("done")
        runner.close()


def test_the_filter_is_built_for_both_architectures(monkeypatch):
    for machine in ("x86_64", "aarch64"):
        monkeypatch.setattr(seccomp.platform, "machine", lambda machine=machine: machine)
        program = seccomp.build_filter(1234, seccomp.build_list(arrange=True))
        assert len(program) % 8 == 0
        assert len(program) // 8 < 4096  # the kernel's limit
    assert landlock.version() > 0


def test_what_packages_for_maps_keep_beside_lib_is_there_and_nothing_else_of_it(monkeypatch, tmp_path):
    """xyzservices, which geopandas and folium import, reads `share/xyzservices/providers.json` at once."""
    for name in ("xyzservices", "nbgrader/exchange", "dl-autograder"):
        (tmp_path / "share" / name).mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    shared = {path for path in confine.libraries() if path.is_relative_to(tmp_path / "share")}
    assert shared == {tmp_path / "share" / "xyzservices"}
