"""What a confined worker cannot do, tried for real, and what must go on working in it."""

import os
import socket
import subprocess
import sys
from dataclasses import asdict

import pytest
from without_landlock import has_namespaces

from autograder.base.errors import StudentCrash
from autograder.sandbox import landlock, seccomp
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.process import Zygote

pytestmark = pytest.mark.skipif(landlock.version() == 0, reason="this machine has no Landlock")
needs_namespaces = pytest.mark.skipif(not has_namespaces(), reason="this machine lets nobody mount in a namespace")

ATTEMPTS = '''
import ctypes, mmap, os, pathlib, resource, shutil, signal, socket, subprocess, sys, threading

libc = ctypes.CDLL(None, use_errno=True)


def syscall(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in arguments])
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def attempt(action, secret, port):
    """What came of it: the name of the exception, or what was done."""
    parent = os.getppid()
    try:
        return f"done: {eval(action)!r}"[:200]
    except BaseException as error:
        return type(error).__name__


def works(source):
    names = {}
    try:
        exec(source, names)
        return "works"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
'''

X86_64 = dict(
    ptrace=101,
    process_vm_readv=310,
    io_uring=425,
    userfaultfd=323,
    bpf=321,
    keyctl=250,
    mount=165,
    unshare=272,
    setns=308,
    shmget=29,
    execveat=322,
    pidfd_open=434,
    pidfd_getfd=438,
    perf=298,
)
AARCH64 = dict(
    ptrace=117,
    process_vm_readv=270,
    io_uring=425,
    userfaultfd=282,
    bpf=280,
    keyctl=219,
    mount=40,
    unshare=97,
    setns=268,
    shmget=194,
    execveat=281,
    pidfd_open=434,
    pidfd_getfd=438,
    perf=241,
)
NUMBERS = X86_64 if os.uname().machine == "x86_64" else AARCH64

FORBIDDEN = [
    "open(secret).read()",
    "os.listdir(os.path.dirname(secret))",
    "os.listdir('/root')",
    "open('/etc/passwd').read()",
    "os.listdir('/')",
    "os.listdir('/tmp')",
    "open(secret, 'a')",
    "open(os.__file__, 'a')",
    "open(os.path.dirname(os.__file__) + '/left-behind', 'w')",
    "open('/left-behind', 'w')",
    "os.listdir('/usr')",
    "open('/tmp/left-behind', 'w')",
    "open('/dev/shm/left-behind', 'w')",
    "os.truncate(secret, 0)",
    "os.chmod(secret, 0o777)",
    "os.chown(secret, 0, 0)",
    "os.utime(secret)",
    "os.rename(secret, secret + '.moved')",
    "os.unlink(secret)",
    "os.mkdir('/tmp/left-behind')",
    "os.symlink(secret, '/tmp/left-behind')",
    "os.link(secret, '/tmp/left-behind')",
    "os.setxattr(secret, 'user.a', b'1')",
    "os.mkfifo('/tmp/left-behind')",
    "socket.create_connection(('127.0.0.1', port))",
    "socket.socket()",
    "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port))",
    "socket.socket(socket.AF_UNIX).connect('\\0abstract')",
    "socket.socketpair()",
    "os.fork()",
    "subprocess.run(['/bin/true'])",
    "os.execv('/bin/true', ['true'])",
    "os.posix_spawn('/bin/true', ['true'], {})",
    "os.memfd_create('code')",
    "os.kill(parent, 0)",
    "os.kill(1, 0)",
    "os.killpg(0, 0)",
    "os.kill(-1, 0)",
    "open(f'/proc/{parent}/environ', 'rb').read()",
    "open(f'/proc/{parent}/mem', 'rb')",
    "os.listdir('/proc/self/fd')",
    "os.setpriority(os.PRIO_PROCESS, parent, 5)",
    "os.sched_setaffinity(parent, {0})",
    "os.setuid(0)",
    "os.chroot('/tmp')",
    "resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))",
    "resource.setrlimit(resource.RLIMIT_AS, (-1, -1))",
    *(f"syscall({number}, 0, 0, 0, 0, 0)  # {name}" for name, number in NUMBERS.items()),
]

REFUSED = ("PermissionError", "ValueError", "OSError")
GONE = "FileNotFoundError"  # in a root of its own, where nothing else has a name

ORDINARY = {
    "convolution": "import torch\ntorch.nn.Conv2d(3, 4, 3)(torch.randn(1, 3, 8, 8)).sum().backward()",
    "lstm": "import torch\ntorch.nn.LSTM(3, 4)(torch.randn(5, 2, 3))[0].sum().backward()",
    "attention": "import torch\ntorch.nn.MultiheadAttention(8, 2)(*[torch.randn(3, 2, 8)] * 3)[0].sum().backward()",
    "optimiser": "import torch\np = torch.nn.Parameter(torch.ones(3))\no = torch.optim.Adam([p])\np.sum().backward()\no.step()",
    "data loader": "import torch\nfrom torch.utils.data import *\nassert len(list(DataLoader(TensorDataset(torch.ones(4, 2)), 2, shuffle=True))) == 2",
    "figures": "import io\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('x')\nplt.show()\nplt.savefig(io.BytesIO())",
    "threads": "import threading\nt = threading.Thread(target=print)\nt.start()\nt.join()",
    "more threads in torch": "import torch\ntorch.set_num_threads(2)\ntorch.randn(500, 500) @ torch.randn(500, 500)",
    "saving to memory": "import io, torch\nb = io.BytesIO()\ntorch.save(torch.ones(2), b)\nb.seek(0)\ntorch.load(b)",
    "time zones": "import datetime, zoneinfo\ndatetime.datetime.now(zoneinfo.ZoneInfo('Asia/Shanghai'))",
    "sleeping and random bytes": "import os, time\ntime.sleep(0.001)\nos.urandom(4)",
    "scripting": "import torch\ntorch.jit.script(torch.nn.Linear(2, 2))(torch.ones(1, 2))",
    "signals to oneself": "import signal\nsignal.signal(signal.SIGUSR1, lambda *_: None)\nsignal.raise_signal(signal.SIGUSR1)",
    "reading limits": "import resource\nresource.getrlimit(resource.RLIMIT_AS)",
    "tables": "import io\nimport pandas as pd\nf = pd.read_csv(io.StringIO('a,b\\n1,x\\n2,'))\nassert pd.get_dummies(f).sum().sum() == 4",
    "linear algebra": "import numpy as np\nnp.linalg.svd(np.eye(3))",
}


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


USERS = [
    pytest.param(False, id="root", marks=pytest.mark.skipif(os.geteuid() != 0, reason="this is not root")),
    pytest.param(True, id="ordinary"),
]


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
    with pytest.raises(StudentCrash, match="signal 31"):
        student.f()
    runner.close()


def test_it_has_no_descriptor_but_its_own_three_and_the_socket(open_student):
    source = "import os\n" + (
        "def is_open(n):\n    try: return bool(os.fstat(n))\n    except OSError: return False\n"
        "def count(): return sum(map(is_open, range(1 << 12)))"
    )
    assert open_student(source).count() == 4


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
