"""The folder that code works in: data to read, room for files, how much it takes, what is left of it."""

from dataclasses import asdict, replace
from pathlib import Path

import pytest
import tiny_course as tiny
from escape_attempts import ATTEMPTS, FORBIDDEN, GONE, ORDINARY, REFUSED, USERS
from without_landlock import WITHOUT_LANDLOCK, grade, has_namespaces

from autograder.base.errors import StudentCrash, StudentException
from autograder.results.journal import read
from autograder.sandbox import landlock
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.process import Zygote

pytestmark = [
    pytest.mark.skipif(landlock.version() == 0, reason="this machine has no Landlock"),
    pytest.mark.skipif(not has_namespaces(), reason="this machine lets nobody mount in a namespace"),
]

SETTINGS = WorkerSettings(1024, 64, 60, ("torch.optim", "matplotlib.pyplot"), scratch_mb=2)

POSSIBLE = {
    "what was written is read": "open('a.txt', 'w').write('x')\nassert open('a.txt').read() == 'x'",
    "names are relative to it": "import os\nopen('b', 'w').close()\nassert 'b' in os.listdir() and os.path.exists(os.getcwd() + '/b')",
    "folders": "import os, shutil\nos.makedirs('c/d')\nopen('c/d/e', 'w').close()\nos.rename('c/d/e', 'c/d/f')\nshutil.rmtree('c')",
    "moving": "import os\nos.mkdir('i')\nopen('j', 'w').close()\nos.rename('j', 'i/j')",
    "replacing": "import os\nopen('g', 'w').close()\nopen('h', 'w').close()\nos.replace('g', 'h')\nos.remove('h')",
    "temporary files": "import tempfile\nwith tempfile.NamedTemporaryFile() as f:\n    f.write(b'x')\nwith tempfile.TemporaryDirectory(): pass",
    "a database": "import sqlite3\nwith sqlite3.connect('base.db') as base:\n    base.execute('create table t (a)')\nassert base.execute('select * from t').fetchall() == []",
    "copying": "import os, shutil\nopen('k', 'w').close()\nshutil.copy('k', 'l')\nshutil.copy2('k', 'm')",
    "saving a network": "import torch\ntorch.save(torch.nn.Linear(2, 2).state_dict(), 'net.pt')\ntorch.load('net.pt')",
    "figures": "import matplotlib.pyplot as plt\nplt.plot([1])\nplt.savefig('figure.png')",
}
READS = {
    "data by pathlib": "from pathlib import Path\nassert [float(x) for x in Path('data/deep/x.csv').read_text().split()] == [1, 2]",
    "data by numpy": "import numpy as np\nassert np.loadtxt('data/deep/x.csv').sum() == 3",
    "what data there is": "from pathlib import Path\nassert sorted(p.name for p in Path('data').rglob('*')) == ['deep', 'x.csv']",
}
NOT_IN_DATA = [
    "open('data/deep/x.csv', 'a')",
    "open('data/new', 'w')",
    "os.mkdir('data/new')",
    "os.remove('data/deep/x.csv')",
    "os.rename('data/deep/x.csv', 'data/deep/y.csv')",
    "os.listdir('data/../..')",
    "open(os.path.realpath('data') + '/../../other')",
]
STILL_FORBIDDEN = [
    "(open('a', 'w').close(), os.symlink('/etc/passwd', 'link'))",
    "(open('a', 'w').close(), os.link('a', 'link'))",
    "(open('a', 'w').close(), os.chmod('a', 0o777))",
    "(open('a', 'w').close(), os.utime('a'))",
    "os.mkfifo('pipe')",
    "os.mkdir('../beside')",
    "open('../beside', 'w')",
    "os.rename('../scratch', '../moved')",
    "os.rmdir('/student/scratch')",
    "os.listdir('/student')",
    "os.execv('/student/scratch/a', ['a'])",
]
FULL = {
    "too large": "def f():\n    with open('large', 'wb') as file:\n        file.write(bytes(3 << 20))",
    "too many": "def f():\n    for number in range(1000):\n        open(str(number), 'w').close()",
    "saved by torch": "import torch\ndef f():\n    torch.save(torch.ones(1 << 20), 'large.pt')",
}


@pytest.fixture(scope="module")
def with_scratch():
    with Zygote.begin(SETTINGS) as zygote:
        yield zygote


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """In a folder that only its owner may enter."""
    folder = tmp_path_factory.mktemp("home") / "data"
    (folder / "deep").mkdir(parents=True, mode=0o700)
    (folder / "deep" / "x.csv").write_text("1\n2\n")
    folder.parent.chmod(0o700)
    return folder


def attempts(open_runner, secret, zygote, more_forbidden, possible):
    runner, student = open_runner(
        ATTEMPTS, on=zygote, declare=["attempt(action, secret, port)", "works(source)"], call_s=30, submission_s=300
    )
    refused = {a: student.attempt(a, str(secret), 1) for a in (*FORBIDDEN, *more_forbidden)}
    worked = {what: student.works(source) for what, source in {**ORDINARY, **possible}.items()}
    runner.close()
    return refused, worked


@pytest.mark.parametrize("version", [0, 1, landlock.version()])
@pytest.mark.parametrize("ordinary", USERS)
@pytest.mark.parametrize("scratch_mb", [0, 2])
def test_nothing_else_is_possible_than_to_read_data_and_to_keep_files(
    open_runner, tmp_path, data, version, ordinary, scratch_mb
):
    secret = tmp_path / "solution.py"
    secret.write_text("the answer")
    settings = asdict(replace(SETTINGS, data=str(data), scratch_mb=scratch_mb))
    forbidden = NOT_IN_DATA + (STILL_FORBIDDEN if scratch_mb else [])
    with Zygote.start("tests.helpers.older_landlock", settings | {"landlock": version, "ordinary": ordinary}) as zygote:
        refused, worked = attempts(open_runner, secret, zygote, forbidden, READS | (POSSIBLE if scratch_mb else {}))
    assert {a: what for a, what in refused.items() if what not in (*REFUSED, GONE)} == {}
    if version == 1 and scratch_mb:
        assert "cross-device" in worked.pop("moving")  # which that version never allows; shutil.move copies then
    assert set(worked.values()) == {"works"}, worked
    assert secret.read_text() == "the answer"


@pytest.mark.parametrize("source", FULL.values(), ids=FULL)
def test_what_does_not_fit_is_told_as_that(open_runner, with_scratch, source):
    runner, student = open_runner(source, on=with_scratch, scratch_mb=2)
    with pytest.raises(StudentException) as failure:
        student.f()
    assert failure.value.text.en.endswith("the code may keep 2 MB in at most 512 files")
    assert failure.value.text.zh.endswith("代码最多可以存 2 MB，512 个文件")
    runner.close()


@pytest.mark.parametrize("place", ["/tmp/a.pt", "/content/a.pt"])
def test_a_file_elsewhere_is_told_where_it_may_be(open_runner, with_scratch, place):
    source = f"import torch\ndef f():\n    torch.save(torch.ones(1), {place!r})"
    runner, student = open_runner(source, on=with_scratch, scratch_mb=2)
    with pytest.raises(StudentException, match="in the working folder only"):
        student.f()
    runner.close()


def test_other_errors_say_nothing_of_room(open_runner, with_scratch):
    runner, student = open_runner("def f():\n    open('a', 'w').write('x')\n    1 / 0", on=with_scratch, scratch_mb=2)
    with pytest.raises(StudentException, match=r"division by zero$"):
        student.f()
    runner.close()


def test_a_mapped_file_that_does_not_fit_ends_the_process_only(open_runner, with_scratch):
    source = "import numpy as np\ndef f():\n    np.memmap('large', mode='w+', shape=3 << 20)[:] = 1"
    runner, student = open_runner(source, on=with_scratch, scratch_mb=2)
    with pytest.raises(StudentCrash, match="bus error"):
        student.f()
    runner.close()


def test_every_process_begins_with_an_empty_one(open_runner, with_scratch):
    source = "import os\nopen('mine', 'w').close()\ndef f(): return os.listdir()\ndef ends(): os._exit(1)"
    runner, student = open_runner(source, on=with_scratch)
    other, of_other = open_runner(source.replace("mine", "other"), on=with_scratch)
    assert (student.f(), of_other.f()) == (["mine"], ["other"])
    for one in (runner, other):
        one.close()


def test_where_it_lies_is_in_no_report(open_runner, data):
    source = "from pathlib import Path\ndef f(): return (Path.cwd() / 'data' / 'y.csv').read_text()"
    with Zygote.begin(replace(SETTINGS, data=str(data), scratch_mb=0)) as zygote:
        runner, student = open_runner(source, on=zygote)
        with pytest.raises(StudentException, match=r"No such file or directory: '\./data/y\.csv'\n"):
            student.f()
        runner.close()


def test_without_confinement_it_is_on_disk_and_gone_afterwards(open_runner):
    with Zygote.begin(replace(SETTINGS, confined=False)) as zygote:
        runner, student = open_runner(
            "import os\nopen('mine', 'w').close()\ndef f(): return os.path.abspath('mine')", on=zygote
        )
        place = Path(student.f())
        assert place.exists()
        runner.close()
    assert not place.parent.exists()


KEEPS = """\
import torch
from pathlib import Path
factor = float(Path("data/factor.txt").read_text())
torch.save(torch.ones(3), "factors.pt")
def double(x):
    torch.save(factor * x, "doubled.pt")
    return torch.load("doubled.pt") * torch.load("factors.pt")[0]
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """The reference keeps files as well, some when its cells run; both are judged where it runs and in a worker."""
    hidden = tiny.HIDDEN[tiny.HIDDEN.index('@criterion("step"') :]
    compared = '\n\n@criterion("double", points=1, title={"en": "like the reference", "zh": "和参考一致"})\n' + (
        "def test_double_like_reference(student, reference, rng):\n"
        "    x = torch.randn(3, generator=rng)\n"
        "    checks.assert_close(student.double(x), reference.double(x))\n"
    )
    course = tiny.make(
        tmp_path_factory.mktemp("course"),
        settings=tiny.SETTINGS.replace("memory_mb", "scratch_mb: 1, memory_mb"),
        hidden="import torch\nfrom autograder import checks, criterion\n\n\n" + hidden + compared,
        source=tiny.answers(KEEPS),
    )
    (course.root / "solutions" / "tiny" / "data").mkdir()
    (course.root / "solutions" / "tiny" / "data" / "factor.txt").write_text("2")
    tiny.submit(course, "keeps", tiny.answers(KEEPS))
    tiny.submit(course, "fills", tiny.answers(KEEPS.replace("factor * x", "torch.ones(1 << 20)")))
    return course


def test_an_assignment_with_one_is_graded(course, tmp_path):
    done = grade(course, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    reports = {report.student: report for report in read(tmp_path / "out")}
    assert {student: report.score for student, report in reports.items()} == {"keeps": 10, "fills": 4}
    assert "1 MB in at most 256 files" in reports["fills"].exercises[0].criteria[0].message.en
    assert not list(course.root.rglob("*.pt"))


@pytest.mark.parametrize("without", ["--unshare", "--mount"])
def test_where_none_can_be_given_grading_is_refused_or_goes_on_unconfined(course, tmp_path, without):
    refused = grade(course, tmp_path / "out", before=(*WITHOUT_LANDLOCK, "--landlock", without))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), refused.stderr
    assert "limits.scratch_mb" in refused.stderr and "--unsafe-no-sandbox" in refused.stderr
    if without == "--mount":
        done = grade(course, tmp_path / "out", "--unsafe-no-sandbox", before=(*WITHOUT_LANDLOCK, "--landlock", without))
        assert done.returncode == 0, done.stderr
        assert {report.student: report.score for report in read(tmp_path / "out")}["keeps"] == 10
