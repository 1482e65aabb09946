"""`autograder check --watch`: what has changed, one hint at a time, nothing by itself."""

import io
import json
import os
import re
import shutil
import sys

import pexpect
import pytest
import tiny_course as tiny
from rich.console import Console

from autograder.practice import check
from autograder.practice.watch import Watch

WRONG = "def double(x):\n    return 3 * x\n"
FLAT = "def double(x):\n    return (2 * x).sum()\n"
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("AUTOGRADER_LANG", "NO_COLOR")} | {
    "PYTHONUTF8": "1",
    "TERM": "xterm-256color",
}


@pytest.fixture
def mine(tmp_path):
    course = tiny.make(
        tmp_path / "course", visible=tiny.VISIBLE.replace('needs="double.shape"', 'hint={"en": "twice", "zh": "两倍"}')
    )
    folder = tmp_path / "tiny"
    shutil.copytree(course.root / "solutions" / "tiny", folder, ignore=shutil.ignore_patterns("private"))
    return folder / "mine.ipynb"


def write(path, double):
    """As an editor saves: whole, beside, then put in its place."""
    beside = path.with_suffix(".tmp")
    beside.write_text(json.dumps(tiny.answers(double=double)), encoding="utf-8")
    beside.replace(path)
    return path


class Told:
    """A `Watch` and what it has said since one last looked."""

    def __init__(self, zygote):
        self._file, self._zygote = io.StringIO(), zygote
        self.watch = Watch(Console(file=self._file, width=100), "en")

    def after(self, path):
        self.watch.tell(check.check_file(path, self._zygote)[1])
        return self.said()

    def hint(self):
        self.watch.hint()
        return self.said()

    def said(self):
        words = self._file.getvalue()
        self._file.seek(0)
        self._file.truncate()
        return [line.strip() for line in words.splitlines() if line.strip()]


def test_only_what_changed_is_told_and_hints_come_one_by_one(mine, zygote):
    told = Told(zygote)
    first = told.after(write(mine, FLAT))
    assert "✗ keeps the shape" in first
    assert "✗ doubles" in first
    assert not [line for line in first if line.startswith("hint")]
    assert [line.split() for line in first[-3:-1]] == [["Double", "✗✗", "0/5"], ["total", "0/5"]]
    assert first[-1] == "✗ next: keeps the shape (double)"

    assert told.hint() == ["keeps the shape", "hint: 2 * x"]
    again = told.after(write(mine, FLAT + "\n"))
    assert again[0] == "nothing has changed"
    assert told.hint() == ["doubles", "hint: twice"]
    assert told.hint() == ["there are no more hints"]

    better = told.after(write(mine, WRONG))
    assert better[0] == "✓ keeps the shape"
    assert better[1] == "✗ doubles"  # the message is another
    assert told.hint() == ["there are no more hints"]  # it has been shown

    right = told.after(write(mine, tiny.DOUBLE))
    assert right[0] == "✓ doubles"
    assert "✓✓" in right[1]
    assert told.watch.passed

    told.after(write(mine, WRONG))
    assert told.hint() == ["doubles", "hint: twice"]  # a new mistake, a new need


def test_in_a_terminal_by_keys_and_saves(mine):
    write(mine, WRONG)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "autograder", "check", str(mine), "--watch", "--lang", "en"],
        env=ENVIRONMENT,
        encoding="utf-8",
        timeout=180,
        dimensions=(40, 100),
    )
    written = child.logfile_read = io.StringIO()

    def see(words):
        child.expect(r"(?:\x1b\[[0-9;?]*[A-Za-z])*".join(map(re.escape, words)))

    see("✗ doubles")
    see("h: next hint")
    child.send("x")  # no key of ours
    child.send("h")
    see("hint: twice")
    see("h: next hint")
    write(mine, tiny.DOUBLE)
    child.expect(r"\d\d:\d\d:\d\d mine\.ipynb")
    see("✓ doubles")
    see("5/5")
    see("h: next hint")
    whole = mine.read_bytes()
    mine.write_bytes(b"")  # as an editor that writes in place begins
    mine.write_bytes(whole[:100])
    see("mine.ipynb breaks off in line 1")
    see("h: next hint")
    mine.write_bytes(whole)
    see("5/5")
    see("h: next hint")
    child.send("q")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert "\x1b[2J" not in written.getvalue()
    shown = written.getvalue().split("h: next hint · q: quit")
    assert len(shown) == 6  # after the first check, the hint and each save
    for following in shown[1:]:  # it is erased before anything else is written, so that it is there only once
        assert re.match(r"(?:\x1b\[[0-9;]*m)*\x1b\[1G\x1b\[2K", following), following[:40]


def test_watching_and_json_exclude_each_other(mine):
    write(mine, WRONG)
    from typer.testing import CliRunner

    from autograder.cli.main import app

    result = CliRunner().invoke(app, ["check", str(mine), "--watch", "--json"])
    assert result.exit_code == 2
