"""Folders of runs: gone with the next run when theirs was killed, and only then."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from autograder.base.run_folder import RunFolder

STAY = "import sys\nfrom autograder.base.run_folder import RunFolder\nprint(RunFolder().path, flush=True)\nsys.stdin.read()"


def start(folder):
    environment = os.environ | {"TMPDIR": str(folder)}
    child = subprocess.Popen(
        [sys.executable, "-c", STAY], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    return child, child.stdout.readline().strip()


def test_what_a_killed_run_leaves_is_removed_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (killed, left), (alive, used) = start(tmp_path), start(tmp_path)
    killed.kill()
    killed.communicate()
    own, link, demo = (tmp_path / f"autograder-{name}" for name in ("run-a file", "run-a link", "demo"))
    own.touch()
    demo.mkdir()
    link.symlink_to(demo)
    kept = {own.name, link.name, demo.name, Path(used).name}
    if os.geteuid() == 0:
        theirs = tmp_path / "autograder-run-another user's"
        theirs.mkdir()
        os.chown(theirs, 65534, -1)
        kept.add(theirs.name)
    assert {path.name for path in tmp_path.iterdir()} == kept | {Path(left).name}
    with RunFolder() as mine:
        (mine / "a file").touch()
        assert {path.name for path in tmp_path.iterdir()} == kept | {mine.name}
    assert {path.name for path in tmp_path.iterdir()} == kept
    alive.communicate()
