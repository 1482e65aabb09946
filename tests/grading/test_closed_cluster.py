"""Nobody else gets in: a cluster of our own has no door, one elsewhere asks for certificates."""

import os
import shutil
import subprocess

import pytest
import tiny_course as tiny
from dask_processes import ENDS_SOON, Processes, command, grade, results
from listening import doors, is_open_to_others, tree
from process_tree import adopting, still_alive

from autograder.base.errors import UsageError
from autograder.grading.cluster import Cluster, Tls
from autograder.sandbox import confine

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not confine.is_available(), reason="this machine has no Landlock"),
]
SLOW = "import time\ntime.sleep(0.05)"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = tiny.make(tmp_path_factory.mktemp("course"))
    for number in range(6):
        tiny.submit(course, f"s{number}", tiny.answers(before=[SLOW]))
    return course


def test_a_cluster_of_our_own_listens_nowhere(course, tmp_path):
    with adopting() as descendants:
        grader = subprocess.Popen(
            command(course, tmp_path / "out", "--engine", "dask", "--jobs", "2"),
            stdout=subprocess.DEVNULL,
            env=os.environ | {"TMPDIR": str(tmp_path)},
        )
        found, seen = set(), set()
        while grader.poll() is None:
            processes = tree(grader.pid)
            found |= doors(processes)
            seen |= {process.pid for process in processes}
        assert still_alive(descendants(), ENDS_SOON) == []
    assert grader.returncode == 0
    assert len(seen) > 4  # grader, rubric servers, sessions, students
    assert found == set()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


# -- a scheduler elsewhere -------------------------------------------------------------------------------------------------


@pytest.fixture
def open_processes(tmp_path):
    with adopting() as descendants:
        processes = Processes(tmp_path)
        yield processes
        started = descendants()
        processes.end()
        assert still_alive(started, ENDS_SOON) == []


def test_a_scheduler_without_tls_is_open_and_said_to_be(course, open_processes, tmp_path):
    worker = open_processes.add_worker()
    code, told = grade(course, tmp_path / "out", "--engine", "dask", "--scheduler", open_processes.address)
    assert (code, "without TLS" in told) == (0, True), told
    found = doors([*tree(open_processes.scheduler.pid), *tree(worker.pid)])
    assert found and any(is_open_to_others(*door) for door in found)  # what the test above would have found


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A certificate, its key, and those of a stranger."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    folder = tmp_path_factory.mktemp("keys")
    for name in ("ours", "theirs"):
        made = ["-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-days", "2"]
        files = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem"]
        subprocess.run(["openssl", "req", "-x509", *made, *files], check=True, capture_output=True)
    return folder


def tls_of(keys, name, trusted=None):
    return Tls(keys / f"{trusted or name}.pem", keys / f"{name}.pem", keys / f"{name}.key")


def as_options(tls):
    return ["--tls-ca-file", str(tls.ca_file), "--tls-cert", str(tls.cert), "--tls-key", str(tls.key)]


@pytest.fixture
def tls_processes(keys, tmp_path):
    with adopting() as descendants:
        processes = Processes(tmp_path, options=["--protocol", "tls", *as_options(tls_of(keys, "ours"))])
        yield processes
        started = descendants()
        processes.end()
        assert still_alive(started, ENDS_SOON) == []


def test_a_scheduler_with_tls_grades_for_those_with_the_key_only(course, keys, tls_processes, tmp_path):
    tls_processes.add_worker()
    where = ["--engine", "dask", "--scheduler", tls_processes.address]
    assert tls_processes.address.startswith("tls://")
    code, told = grade(course, tmp_path / "out", *where, *as_options(tls_of(keys, "ours")))
    assert (code, "without TLS" in told) == (0, False), told
    assert len(results(tmp_path / "out")) == 6
    for tls in (Tls(), tls_of(keys, "theirs"), tls_of(keys, "theirs", trusted="ours")):
        options = as_options(tls) if tls else []
        code, told = grade(course, tmp_path / "refused", *where, *options)
        assert (code, "Traceback" in told, len(told.strip().splitlines())) == (2, False, 1), told
        assert told.startswith(f"autograder: {tls_processes.address}")
    plain = tls_processes.address.replace("tls://", "tcp://")
    assert grade(course, tmp_path / "refused", "--engine", "dask", "--scheduler", plain)[0] == 2
    assert not (tmp_path / "refused").exists()


# -- what is said ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "names", "words"),
    [
        ("tls://127.0.0.1:1", {}, "needs --tls-ca-file, --tls-cert and --tls-key"),
        ("tls://127.0.0.1:1", {"ca_file": "absent", "cert": "absent"}, "files for TLS cannot be used"),
        ("tls://127.0.0.1:1", {"ca_file": "no.pem", "cert": "no.pem", "key": "no.pem"}, "files for TLS cannot be used"),
        ("tcp://127.0.0.1:1", {"ca_file": "no.pem"}, "begins with tls://"),
    ],
    ids=["none", "absent", "no certificate", "plain address"],
)
def test_what_is_wrong_with_the_files_is_one_line(tmp_path, address, names, words):
    (tmp_path / "no.pem").write_text("nothing of the kind")
    tls = Tls(**{name: tmp_path / file for name, file in names.items()})
    with pytest.raises(UsageError, match=words), Cluster(address, 1, must_confine=True, tls=tls):
        pass


def test_tls_without_a_scheduler_is_wrong_usage(course, tmp_path):
    code, told = grade(course, tmp_path / "out", "--engine", "dask", "--tls-key", "x.key")
    assert (code, told.strip()) == (2, "autograder: --tls-ca-file, --tls-cert and --tls-key go with --scheduler")
