"""The process that forks workers for notebooks: what it imports beforehand, what it does not, and who shares it."""

import json
import os
import select
import signal
import socket
import subprocess
import sys

import pytest
from listening import standing_by

from autograder.base.i18n import same
from autograder.gradebook.imported import imported_by
from autograder.sandbox import confine, standby
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.process import NotebookZygote
from autograder.sandbox.protocol import ShowRequest, StageRequest, StartRequest

pytestmark = pytest.mark.skipif(not confine.is_available(), reason="this machine confines nothing")

MODULES = {
    "quiet_one.py": "import json",
    "with_a_thread.py": "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "with_a_file.py": "opened = open(__file__)",
    "with_words.py": "print('hello')",
    "elsewhere.py": "import os; os.chdir('/tmp')",
    "broken_one.py": "1 / 0",
    "package/__init__.py": "shadowed = 1",
    "package/inner.py": "",
    "package/shadowed.py": "raise AssertionError",
}
ASKED = (
    "quiet_one",
    "with_a_thread",
    "with_a_file",
    "with_words",
    "elsewhere",
    "broken_one",
    "missing",
    "package:inner",
)
TRY = f"""
import sys
sys.path.insert(0, sys.argv[1])
from autograder.sandbox import preloading
unsafe = preloading.import_what_is_safe({(*ASKED, "package:shadowed")})
print(unsafe, "package.inner" in sys.modules, "package.shadowed" in sys.modules, "quiet_one" in sys.modules)
"""


def test_what_leaves_something_behind_is_not_shared(tmp_path):
    for name, source in MODULES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(source)
    done = subprocess.run([sys.executable, "-c", TRY, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout == f"{['with_a_thread', 'with_a_file', 'with_words', 'elsewhere']} True False True\n"


def shown(zygote, folder, source):
    """What a cell prints in a new worker."""
    worker = zygote.spawn()
    requests = (
        StartRequest(op="start", functions={}, module="__main__"),
        StageRequest(op="stage", folder=str(folder), environment={}),
        ShowRequest(op="show", label="cell", source=source),
    )
    try:
        answers = [worker.ask(one, [], within_s=60, on_timeout=same("late"))[0] for one in requests]
    finally:
        worker.close()
    assert answers[-1]["failed"] is None
    return "".join(output["text"] for output in answers[-1]["result"])


def settings(folder):
    """Of a course that imports what prints, in a folder."""
    preload = ("this", "wave", "email:message")
    return WorkerSettings(256, 64, 20, preload, folder=str(folder), many=False)


def test_it_begins_again_without_what_cannot_be_shared_and_has_no_torch(tmp_path):
    tmp_path.chmod(0o777)
    with NotebookZygote.begin(settings(tmp_path)) as zygote:
        asked = (
            "import sys; print([name in sys.modules for name in ('this', 'wave', 'email.message', 'torch', 'numpy')])"
        )
        assert shown(zygote, tmp_path, asked) == "[False, True, True, False, False]\n"
        assert shown(zygote, tmp_path, "import this").startswith("The Zen of Python")


def test_the_next_one_finds_it_and_one_that_was_killed_is_replaced(tmp_path, tmp_path_factory, monkeypatch):
    runtime = tmp_path_factory.mktemp("run")  # the path of a socket may not be long
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setenv(standby.IDLE_S, "1")
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        folder.chmod(0o777)
    with NotebookZygote.begin(settings(folders[0])) as first, NotebookZygote.begin(settings(folders[1])) as second:
        (place,) = (runtime / "autograder").glob("*.socket")
        assert shown(first, folders[0], "open('mine', 'w').close(); print(1)") == "1\n"
        assert shown(second, folders[1], "import os; print(os.listdir())") == "[]\n"
        before = standing_by(place, socket.SOCK_SEQPACKET)
        handle = os.pidfd_open(before)
        os.kill(before, signal.SIGKILL)
        select.select([handle], [], [])
        os.close(handle)
        assert shown(first, folders[0], "print(2)") == "2\n"  # what was begun goes on
        with NotebookZygote.begin(settings(folders[0])) as third:
            assert shown(third, folders[0], "print(3)") == "3\n"
            assert standing_by(place, socket.SOCK_SEQPACKET) != before


def test_what_a_source_imports_as_it_runs_and_not_what_lies_beside_it(tmp_path):
    cells = [
        "%matplotlib inline\nimport numpy as np, os.path\nfrom torch.utils import data\nimport helpers",
        "%%writefile own.py\nimport json",
        "%%time\nimport own\nimport csv",
        "def later():\n    import sqlite3\ntry:\n    import wave\nexcept ImportError:\n    pass",
        "import broken(",
        "from . import sibling\nfrom autograder import check",
    ]
    for name, sources in (("a.ipynb", cells[:3]), ("b.ipynb", cells[3:])):
        told = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
        (tmp_path / name).write_text(json.dumps({"cells": [*told, {"cell_type": "markdown", "source": "import re"}]}))
    (tmp_path / "c.ipynb").write_text("{")
    (tmp_path / "helpers.py").touch()
    assert imported_by(tmp_path) == ("numpy", "os.path", "torch.utils:data", "json", "csv", "wave")
