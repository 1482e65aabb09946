"""The file of reports, for those who open it again and again."""

import json

import pytest

from autograder.base.errors import UsageError
from autograder.base.i18n import same
from autograder.results.grade_report import GradeReport
from autograder.results.journal import Journal, KnownReports, read


def report(student):
    line = {
        "schema": 2, "student": student, "assignment": "tiny", "status": "graded", "score": 0, "max_score": 0, "exercises": [],
        "file": "", "submission_sha256": "", "rubric_sha256": "", "seed": "", "sandbox": "", "versions": {}, "duration_s": 0,
    }  # fmt: skip
    return GradeReport.from_json(json.dumps(line))


def test_a_file_that_nobody_has_changed_is_not_read_again(tmp_path):
    file = tmp_path / "results.jsonl"
    with Journal(file) as first:
        assert first.state is None
        first.add(report("ann"))
    with Journal(file, known=first.state) as second:
        assert (second.is_read, second.reports) == (False, {})
        second.add(report("bob"))
    assert [one.student for one in read(file)] == ["ann", "bob"]
    with Journal(file, known=first.state) as third:  # bob has come since
        assert third.is_read
        assert len(third.reports) == 2


def test_a_file_is_read_again_after_something_could_not_be_added(tmp_path):
    file = tmp_path / "results.jsonl"
    with pytest.raises(UsageError), Journal(file) as journal:
        journal.add(report("ann"))
        with file.open("ab") as half:
            half.write(b'{"cut')
        raise UsageError(same("the disk is full"))
    assert journal.state is None
    with Journal(file, known=journal.state) as again:
        assert again.is_read
        again.add(report("bob"))
    assert [one.student for one in read(file)] == ["ann", "bob"]


def test_known_reports_are_added_once_whoever_else_writes(tmp_path):
    file, known = tmp_path / "results.jsonl", KnownReports()
    for _ in range(2):
        with known.journal(file) as journal:
            known.add(journal, report("ann"))
    assert not journal.is_read
    with Journal(file) as other:
        other.add(report("bob"))
    with known.journal(file) as journal:
        assert journal.is_read
        for name in ("ann", "bob", "cat"):
            known.add(journal, report(name))
    with known.journal(file, whole=True) as journal:
        assert [student for _, student in journal.reports] == ["ann", "bob", "cat"]
    assert [line.count(b'"student"') for line in file.read_bytes().splitlines()] == [1, 1, 1]
