"""Downloads of each system: everybody and every file is in exactly one of three lists."""

import zipfile

import downloads
import pytest

from autograder.base.errors import UsageError
from autograder.lms.collecting import collect

SAMPLES = downloads.SAMPLES


def collected(sample, tmp_path, **options):
    return collect(sample.write(tmp_path), tmp_path / "submitted", "tiny", **options)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_everybody_is_taken_or_named(tmp_path, sample):
    collection = collected(sample, tmp_path)
    assert collection.system == sample.system
    assert {one.student for one in collection.collected} == sample.taken
    assert set(collection.not_taken) == sample.not_taken
    assert {one.student for one in collection.collected if one.is_late} == sample.late
    assert {path.name for path in (tmp_path / "submitted").glob("*")} == sample.taken


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_every_file_is_in_exactly_one_list(tmp_path, sample):
    path = sample.write(tmp_path)
    collection = collect(path, tmp_path / "submitted", "tiny")
    listed = [source for one in collection.collected for source in one.sources]
    listed += [one.path for one in collection.refused] + [one.path for one in collection.left_over]
    for name in zipfile.ZipFile(path).namelist():
        above = [name[:end] for end, sign in enumerate(name) if sign == "/"]
        places = [one for one in listed if one == name or one in above]
        assert len(places) == 1, name
    students = [one.student for one in collection.collected]
    assert len(set(students)) == len(students)
    assert not set(students) & set(collection.not_taken)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_collecting_twice_and_from_an_unpacked_folder_changes_nothing(tmp_path, sample):
    first = collected(sample, tmp_path)
    again = collected(sample, tmp_path)
    assert {one.state for one in again.collected} <= {"same"}
    folder = tmp_path / sample.name
    zipfile.ZipFile(tmp_path / f"{sample.name}.zip").extractall(folder)
    unpacked = collect(folder, tmp_path / "submitted", "tiny")
    assert sorted((one.student, one.state) for one in unpacked.collected) == [
        (one.student, "same") for one in sorted(first.collected, key=lambda one: one.student)
    ]
    assert unpacked.not_taken == first.not_taken


@pytest.mark.parametrize(
    ("name", "student", "time"),
    [
        ("sakai", "alice", "2026-03-03 11:00:00 UTC"),
        ("gradescope", "Alice Example", "2026-03-03 11:00:00 UTC"),
        ("gradescope", "Bob_ Example, 张三", "2026-03-03 11:00:00 UTC"),
    ],
)
def test_times_are_those_of_the_system(tmp_path, name, student, time):
    collected(SAMPLES[name], tmp_path)
    assert (tmp_path / "submitted" / student / "tiny" / "timestamp.txt").read_text() == f"{time}\n"


def test_brightspaces_later_attempt_counts_whatever_its_name_sorts_like(tmp_path):
    collection = collected(SAMPLES["brightspace"], tmp_path)
    jane = next(one for one in collection.collected if one.student == "Jane Doe_101")
    assert jane.attempts == 2
    assert jane.sources == ("101-7 - Jane Doe - Mar 10, 2026 100 PM/hw.ipynb",)


def test_people_of_one_name_are_told_apart_and_it_is_said(tmp_path):
    (said,) = collected(SAMPLES["moodle: names that meet"], tmp_path).renamed
    assert said.en == "Ann E, Ann E., ann e: would share a folder; theirs are Ann E_2, Ann E._3, ann e_4"


UNCLEAR = {
    "another system's names": {f"{who}+77+{who}@example.org_v1.ipynb": "{}" for who in ("ann", "bob", "carl")}
    | {"carl_1_2_hw.ipynb": "{}"},
    "a task in every name": {"ann_hw1.ipynb": "{}", "bob_hw1.ipynb": "{}"},
    "the assignment itself": {"tiny.ipynb": "{}"},
    "folders in folders": {"a/b/c/ann/hw.ipynb": "{}", "a/b/c/bob/hw.ipynb": "{}"},
    "one folder of several": {"hw/ann.ipynb": "{}", "hw/bob.ipynb": "{}"},
    "one of three": {"ann_1_2_hw.ipynb": "{}", "bob.ipynb": "{}", "carl.ipynb": "{}"},
    "classes of students": {"1班/张三/hw.ipynb": "{}", "1班/李四/hw.ipynb": "{}", "2班/王五/hw.ipynb": "{}"},
    "sections of people's files": {"a/ann.ipynb": "{}", "a/bob.ipynb": "{}", "b/carl.ipynb": "{}"},
    "sections of people's folders": {"mon/ann/x/hw.ipynb": "{}", "mon/bob/hw.ipynb": "{}", "tue/carl/hw.ipynb": "{}"},
    "two files of one person": {"zhang_1.ipynb": "{}", "zhang_2.ipynb": "{}", "li_1.ipynb": "{}"},
    "a person and a file": {
        "2023001-张三-hw.ipynb": "{}",
        "2023001-张三-最终.ipynb": "{}",
        "2023002-李四-实验一.ipynb": "{}",
    },
    "a browser's copies": {"ann.ipynb": "{}", "ann (1).ipynb": "{}", "bob.ipynb": "{}"},
    "one student's own folders": {"me/src/a.py": "{}", "me/notebooks/hw.ipynb": "{}", "me/tests/test_a.py": "{}"},
    "nbgrader's exchange": {
        "ann+tiny+2026-03-03 11:00:00.0 UTC+x1/tiny.ipynb": "{}",
        "ann+tiny+2026-03-04 11:00:00.0 UTC+x2/tiny.ipynb": "{}",
        "bob+tiny+2026-03-04 11:00:00.0 UTC+x3/tiny.ipynb": "{}",
    },
    "dates behind names": {"Ann E - Mar 3, 2026 1105 AM/hw.ipynb": "{}", "Ann E - 4 mars 2026/hw.ipynb": "{}"},
    "dates between name and file": {"Ann E - Mar 3, 2026 - a.ipynb": "{}", "Ann E - Mar 4, 2026 - a.ipynb": "{}"},
    "people behind the dash": {"final - Ann Example.ipynb": "{}", "my work - Bob Example.ipynb": "{}"},
    "numbers before the dash": {"[1] - ann - a.ipynb": "{}", "[2] - bob - a.ipynb": "{}"},
    "half of it": {"ann_1_2_hw.ipynb": "{}", "bob.tiny.ipynb": "{}", "carl.tiny.ipynb": "{}"},
}


@pytest.mark.parametrize("files", UNCLEAR.values(), ids=UNCLEAR)
def test_what_fits_no_pattern_is_asked_about_and_not_guessed(tmp_path, files):
    with pytest.raises(UsageError, match=r"not clear whose the files are.*Tried: .*--from NAME"):
        collected(downloads.Sample("", files, set()), tmp_path)
    assert not (tmp_path / "submitted").exists()


CLEAR = {
    "one student with two notebooks": ({"ann/hw.ipynb": "{}", "ann/more.ipynb": "{}", "bob/hw.ipynb": "{}"}, {"ann", "bob"}),
    "parts of everybody": (
        {f"{who}/{part}/x.ipynb": "{}" for who in ("ann", "bob") for part in ("first", "second")},
        {"ann", "bob"},
    ),
    "names and numbers": ({"2023001-张三.ipynb": "{}", "01-李四.ipynb": "{}", "2_王五.ipynb": "{}"}, {"2023001-张三", "01-李四", "2_王五"}),
    "numbered people": ({f"student_{number}.ipynb": "{}" for number in (1, 2, 13)}, {"student_1", "student_2", "student_13"}),
    "assignments of nbgrader": (
        {"ann/tiny/tiny.ipynb": "{}", "bob/tiny/tiny.ipynb": "{}", "bob/other/other.ipynb": "{}"},
        {"ann", "bob"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("files", "students"), CLEAR.values(), ids=CLEAR)
def test_names_of_people_are_not_asked_about(tmp_path, files, students):
    collection = collected(downloads.Sample("", files, set()), tmp_path)
    assert {one.student for one in collection.collected} == students


def test_what_a_download_without_any_work_holds_is_said(tmp_path):
    with pytest.raises(UsageError, match=r"no notebook .* among 2 files, such as ann/report\.pdf"):
        collected(downloads.Sample("", {"ann/report.pdf": "x", "bob/report.pdf": "x"}, set()), tmp_path)


def test_the_system_that_was_tried_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"canvas \(doejane_12345_67890_hw1.ipynb\) fits 1 of 3 files"):
        collected(downloads.Sample("", UNCLEAR["half of it"], set()), tmp_path)


@pytest.mark.parametrize(
    ("files", "system", "students"),
    [
        ("one folder of several", "files", {"ann", "bob"}),
        ("one folder of several", "folders", {"hw"}),
        ("folders in folders", "folders", {"ann", "bob"}),
        ("a task in every name", "files", {"ann_hw1", "bob_hw1"}),
        ("half of it", "canvas", {"ann_1"}),
    ],
)
def test_the_instructor_decides(tmp_path, files, system, students):
    collection = collected(downloads.Sample("", UNCLEAR[files], set()), tmp_path, system=system)
    assert {one.student for one in collection.collected} == students


@pytest.mark.parametrize("system", ["canvas", "moodle", "blackboard", "ilias", "sakai", "brightspace", "gradescope", "google-classroom", "github-classroom", "folders", "files"])  # fmt: skip
@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_the_wrong_system_loses_no_file_either(tmp_path, sample, system):
    path = sample.write(tmp_path)
    try:
        collection = collect(path, tmp_path / "submitted", "tiny", system=system)
    except UsageError:
        return
    listed = [source for one in collection.collected for source in one.sources]
    listed += [one.path for one in collection.refused] + [one.path for one in collection.left_over]
    for name in zipfile.ZipFile(path).namelist():
        above = [name[:end] for end, sign in enumerate(name) if sign == "/"]
        assert len([one for one in listed if one == name or one in above]) == 1, name
