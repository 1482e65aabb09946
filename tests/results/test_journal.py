"""The file of reports, for those who open it again and again."""

import json

import pytest

from autograder.base.errors import UsageError
from autograder.base.i18n import same
from autograder.results.grade_report import GradeReport
from autograder.results.journal import Journal, KnownReports, read


def report(student, assignment="tiny", **values):
    line = {
        "schema": 2, "student": student, "assignment": assignment, "status": "graded", "score": 0, "max_score": 0, "exercises": [],
        "file": "", "submission_sha256": "", "rubric_sha256": "", "seed": "", "sandbox": "", "versions": {}, "duration_s": 0,
    }  # fmt: skip
    return GradeReport.from_json(json.dumps(line | values))


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


@pytest.mark.parametrize("killed_after", [None, 0, 1, 2])
def test_what_another_rubric_judges_anew_is_kept_whenever_the_run_was_killed(tmp_path, killed_after):
    file = tmp_path / "results.jsonl"
    old = [report(name, rubric_sha256="old") for name in ("ann", "bob")] + [report("ann", "other")]
    file.write_text("".join(one.to_json() + "\n" for one in old))
    if killed_after is not None:
        with Journal(file) as killed:
            for one in old[:killed_after]:
                killed.add(one.model_copy(update={"rubric_sha256": "new"}))
    with Journal(file) as journal:
        assert list(journal.before.values()) == old
        for one in old[killed_after or 0 : 2]:
            journal.add(one.model_copy(update={"rubric_sha256": "new"}))
        journal.finish()
    assert [one.rubric_sha256 for one in read(file)] == ["", "new", "new"]
    (kept,) = tmp_path.glob("results.*.jsonl")
    assert journal.kept == {"tiny": kept}
    assert kept.read_text() == "".join(one.to_json() + "\n" for one in old[:2])


def test_two_changes_of_a_rubric_before_the_end_keep_both(tmp_path):
    file = tmp_path / "results.jsonl"
    lines = [report("ann", rubric_sha256=version).to_json() for version in ("1", "2", "3")]
    file.write_text("".join(f"{line}\n" for line in lines))
    with Journal(file) as journal:
        journal.finish()
    assert journal.kept["tiny"].read_text().splitlines() == lines[:2]


def test_neither_a_draft_nor_another_file_keeps_anything(tmp_path):
    for name, changed, is_draft in (("draft", {}, True), ("other", {"submission_sha256": "another"}, False)):
        with Journal(tmp_path / name, is_draft=is_draft) as journal:
            journal.add(report("ann"))
            journal.finish()
            journal.add(report("ann", rubric_sha256="new", **changed))
            journal.finish()
    assert {path.name for path in tmp_path.iterdir()} == {"draft", "other"}


def test_a_journal_put_in_order_is_still_its_own(tmp_path):
    file = tmp_path / "results.jsonl"
    with Journal(file) as first:
        waiting = file.open("a+b")
        first.finish()
        with pytest.raises(UsageError):
            Journal(file)
        first.add(report("ann"))
        assert [one.student for one in read(file)] == ["ann"]
    with waiting, Journal(file) as second:
        assert second.reports
