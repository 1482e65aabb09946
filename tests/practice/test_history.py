"""What is remembered of a file: the last check, the hand-ins; nothing that cannot be read stops anybody."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import tiny_course as tiny

from autograder.practice import check, history
from autograder.practice.history import HandedIn

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state"


@pytest.fixture
def mine(tmp_path):
    return tiny.make(tmp_path / "course").root / "solutions" / "tiny" / "tiny.ipynb"


def test_the_last_check_is_remembered_with_what_was_checked(mine, zygote):
    _, report = check.check_file(mine, zygote)
    history.remember_check(mine, report, now=NOON)
    last = history.read(mine).last_check
    assert (last.passed, last.total, last.time) == (2, 2, NOON)
    assert (last.sha256, last.rubric_sha256) == (report.submission_sha256, report.rubric_sha256)


def test_hand_ins_come_together_and_a_damaged_file_is_forgotten(mine, state):
    for way in ("zip", "nbgrader's exchange"):
        history.remember_hand_in(mine, HandedIn(time=NOON, sha256="0", way=way))
    assert [one.way for one in history.read(mine).handed_in] == ["zip", "nbgrader's exchange"]
    (kept,) = state.rglob("*.json")
    assert kept.parent.stat().st_mode & 0o077 == 0
    kept.write_text("{")
    assert history.read(mine).handed_in == ()


def test_where_nothing_can_be_kept_nothing_is_lost(mine, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    history.remember_hand_in(mine, HandedIn(time=NOON, sha256="0", way="zip"))
    assert history.read(Path("nowhere")).last_check is None
