"""A student's check on macOS and Windows, as far as Linux can be either: no forks, none of its modules, the same words."""

import json
import shutil
import signal
import time
from pathlib import Path

import elsewhere
import pytest
import tiny_course as tiny

from autograder.course.kit import assignment_of
from autograder.practice.check import check_file
from autograder.sandbox import confine
from autograder.sandbox.process import Zygote
from autograder.student.worker_settings import worker_settings_of

SYSTEMS = ("macos", "windows")
LIMITS = tiny.SETTINGS.replace("submission_s: 30", "submission_s: 60")
CASES = {
    "right": {},
    "wrong": {"double": "def double(x):\n    return 3 * x"},
    "raises": {"before": ["1 / 0"], "double": "def double(x):\n    return x.nonsense"},
    "endless cell": {"before": ["kept = 2\nwhile True: pass"], "double": "def double(x):\n    return kept * x"},
    "endless function": {"double": "def double(x):\n    while True:\n        pass"},
    "sleeps": {"before": ["import time\ntime.sleep(1000)"]},
    "catches everything": {
        "before": ["while True:\n    try:\n        while True: pass\n    except BaseException: pass"]
    },
    "exits": {"double": "def double(x):\n    import os\n    os._exit(3)"},
    "prints for ever": {"before": ["for _ in range(300000): print('x' * 70)"]},
    "asks": {"before": ["name = input()"]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A notebook of each kind, in the folder of its assignment."""
    folder = tmp_path_factory.mktemp("作业") / "tiny"
    course = tiny.make(folder.parent / "course", settings=LIMITS)
    shutil.copytree(course.root / "solutions" / "tiny", folder, ignore=shutil.ignore_patterns("private"))
    for name, answers in CASES.items():
        (folder / f"{name}.ipynb").write_text(json.dumps(tiny.answers(**answers)), encoding="utf-8")
    return folder


def check_on(system, file):
    return elsewhere.run(system, "-m", "autograder", "check", file, "--lang", "en")


CHECKS = """
import sys
from autograder.cli.main import app
for file in sys.argv[1:]:
    app(["check", file, "--lang", "en", "--json"], standalone_mode=False)
"""


@pytest.fixture(scope="module", params=SYSTEMS)
def there(request, folder):
    """What a system says of each notebook, all in one process, which imports torch once."""
    # Windows itself wakes who sleeps, which Linux does not do in its place
    names = [name for name in CASES if (request.param, name) != ("windows", "sleeps")]
    done = elsewhere.run(request.param, "-c", CHECKS, *(folder / f"{name}.ipynb" for name in names))
    documents = json.loads("[" + done.stdout.replace("\n}\n{", "\n},\n{") + "]")
    assert len(documents) == len(names), done.stderr
    return dict(zip(names, documents, strict=True))


@pytest.fixture(scope="module")
def here(folder):
    """What is said of each notebook on this system."""
    settings = worker_settings_of(assignment_of(folder / "right.ipynb"), confined=confine.is_available())
    with Zygote.begin(settings) as zygote:
        return {name: check_file(folder / f"{name}.ipynb", zygote)[1].to_dict() for name in CASES}


def told(report):
    """What a student reads in a report."""
    criteria = [c for exercise in report["exercises"] for c in exercise["criteria"]]
    return (
        report["status"],
        report["score"],
        [(p["kind"], p["cell"], p["line"], p["text"]["en"]) for p in report["problems"]],
        [(c["id"], c["outcome"], c["message"]["en"]) for c in criteria],
    )


@pytest.mark.slow
def test_reports_are_those_of_linux(there, here):
    assert {name: told(report) for name, report in there.items()} == {name: told(here[name]) for name in there}


def test_an_endless_loop_ends_with_its_cell_and_line(folder):
    done = check_on("windows", folder / "endless cell.ipynb")
    assert "this cell did not finish within 2 s; is there an endless loop?" in done.stdout
    assert "code cell 2, line 2" in done.stdout
    assert "✓ doubles" in done.stdout  # what the cell has defined stays
    assert done.returncode == 0, done.stderr


def test_a_crash_and_too_much_memory_are_named(folder):
    """With what macOS says of a process; here the kernel's own limit is not in force."""
    crash = "def double(x):\n    import os\n    os.kill(os.getpid(), 11)"
    greedy = "def double(x):\n    import torch\n    return torch.ones(1 << 28).sum() * x"
    memory = "may use 512 MB of memory"
    for system, words, source in (
        ("macos", "crashed Python (segmentation fault)", crash),
        ("macos", memory, greedy),
        ("windows", memory, greedy),
    ):
        file = folder / "bad.ipynb"
        file.write_text(json.dumps(tiny.answers(double=source)))
        done = check_on(system, file)
        assert words in " ".join(done.stdout.split()), done.stdout + done.stderr


def test_data_can_be_read_and_what_is_written_disturbs_nothing(folder):
    (folder / "data").mkdir()
    (folder / "data" / "factor.txt").write_text("2")
    source = (
        "def double(x):\n    open('mine.txt', 'w').write('x')\n    return float(open('data/factor.txt').read()) * x"
    )
    (folder / "reads.ipynb").write_text(json.dumps(tiny.answers(double=source)))
    assert check_on("windows", folder / "reads.ipynb").returncode == 0
    assert not (folder / "mine.txt").exists()
    shutil.rmtree(folder / "data")


def test_the_worker_ends_with_the_check(folder, tmp_path):
    """Even if that is killed while the student's code runs."""
    source = f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(1000)"
    (folder / "waits.ipynb").write_text(json.dumps(tiny.answers(before=[source])))
    script = (
        "import os, threading, time\nfrom pathlib import Path\n"
        f"pid = Path({str(tmp_path / 'pid')!r})\n"
        "def die():\n    while not (pid.exists() and pid.read_text()): time.sleep(0.01)\n    os._exit(1)\n"
        "threading.Thread(target=die).start()\n"
        f"from autograder.practice import standby\nstandby.check_file(Path({str(folder / 'waits.ipynb')!r}))"
    )
    elsewhere.run("windows", "-c", script)
    assert _ends(int((tmp_path / "pid").read_text()))


def _ends(pid):
    ends = time.monotonic() + 20
    while time.monotonic() < ends:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
    return False


@pytest.mark.parametrize("system", SYSTEMS)
def test_check_in_a_notebook_works(folder, system):
    script = "from autograder import check\ndef double(x): return 2 * x\nprint(check('double', lang='en').passed)"
    done = elsewhere.run(system, "-c", script, cwd=folder)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.parametrize("options", [(), ("--unsafe-no-sandbox",)])
def test_grading_is_refused_in_one_line(folder, options):
    course = folder.parent / "course"
    done = elsewhere.run("windows", "-m", "autograder", "grade", "--course", course, folder / "right.ipynb", *options)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "this needs Linux: use WSL2 or a Linux container" in done.stderr


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_else_needs_linux_says_so_in_one_line(system, tmp_path):
    done = elsewhere.run(system, "-m", "autograder", "demo", tmp_path / "demo")
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr
    assert "this needs Linux" in done.stderr.splitlines()[-1]


def test_the_doctor_says_what_works(folder):
    done = elsewhere.run("macos", "-m", "autograder", "doctor", "--lang", "en", cwd=folder)
    assert (
        "student processes: can be started for checks of your own work, with time limits, not confined" in done.stdout
    )
    assert "grading a class: this needs Linux" in done.stdout
    assert done.stderr in ("", "trying what this machine can do ...\n")


def test_nothing_of_this_is_used_here():
    from autograder.sandbox import system

    assert system.can_fork()
    assert signal.SIGXCPU
