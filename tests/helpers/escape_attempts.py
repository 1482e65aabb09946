"""Source text of what a confined process tries, and of what must work in it nevertheless."""

import os

import pytest

ATTEMPTS = '''
import ctypes, mmap, os, pathlib, resource, shutil, signal, socket, subprocess, sys, threading

libc = ctypes.CDLL(None, use_errno=True)


def syscall(number, *arguments):
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) for a in arguments])
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def attempt(action, secret, port):
    """Return what came of it: the name of the exception, or what was done."""
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


USERS = [
    pytest.param(False, id="root", marks=pytest.mark.skipif(os.geteuid() != 0, reason="this is not root")),
    pytest.param(True, id="ordinary"),
]
