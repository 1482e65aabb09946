"""Downloads of learning management systems: whose file is whose, and nothing that leads elsewhere."""

import io
import json
import stat
import subprocess
import sys
import time
import zipfile

import downloads
import pytest
import tiny_course as tiny

from autograder.base.errors import UsageError
from autograder.course.jobs import find_jobs
from autograder.course.submission import read
from autograder.lms import archives, contents
from autograder.lms.collecting import collect

NOTEBOOK = json.dumps(tiny.answers())


def zip_of(path, files):
    """A zip with these files; an entry may be a ZipInfo."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items() if isinstance(files, dict) else files:
            archive.writestr(name, content)
    return path


def tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.is_file()}


def names(folder):
    return sorted(tree(folder))


@pytest.fixture
def submitted(tmp_path):
    return tmp_path / "course" / "submitted"


def reasons(collection):
    return {refused.path: refused.reason.en for refused in collection.refused}


def test_canvas(tmp_path, submitted):
    download = zip_of(
        tmp_path / "submissions.zip",
        {
            "doejane_101_9001_hw1.ipynb": "old",
            "doejane_101_9007_hw1-1.ipynb": NOTEBOOK,
            "doejane_101_9002_notes.txt": "see cell 3",
            "zhangwei_LATE_102_9003_作业一.ipynb": NOTEBOOK,
            "doejane_103_9004_solution.py": "def double(x): return 2 * x",
        },
    )
    collection = collect(download, submitted, "tiny")
    assert collection.system == "canvas"
    assert not collection.refused
    assert names(submitted) == [
        "doejane_101/tiny/notes.txt", "doejane_101/tiny/tiny.ipynb", "doejane_103/tiny/tiny.py", "zhangwei_102/tiny/tiny.ipynb",
    ]  # fmt: skip
    assert tree(submitted)["doejane_101/tiny/tiny.ipynb"] == NOTEBOOK
    assert {c.student: c.is_late for c in collection.collected} == {
        "doejane_101": False,
        "doejane_103": False,
        "zhangwei_102": True,
    }


@pytest.mark.parametrize("form", ["{who}_assignsubmission_file_/{file}", "{who}_assignsubmission_file/{file}", "{who}_assignsubmission_file_{file}", "Group A/{who}_assignsubmission_file_/{file}"])  # fmt: skip
def test_moodle(tmp_path, submitted, form):
    who = {
        "Jane Doe_1001": "hw1.ipynb",
        "张 伟_1002": "我的.ipynb",
        "Jane Doe_1003": "hw.py",
        "Ann O'Hara-Li_1004": "hw1.ipynb",
    }
    files = {form.format(who=name, file=file): NOTEBOOK for name, file in who.items()}
    files["Jane Doe_1001_assignsubmission_onlinetext_/onlinetext.html"] = "<p>hello</p>"
    collection = collect(zip_of(tmp_path / "moodle.zip", files), submitted, "tiny")
    assert collection.system == "moodle"
    assert not collection.refused
    assert names(submitted) == [
        "Ann O'Hara-Li/tiny/tiny.ipynb", "Jane Doe_1001/tiny/tiny.ipynb", "Jane Doe_1003/tiny/tiny.py", "张 伟/tiny/tiny.ipynb",
    ]  # fmt: skip


BLACKBOARD = {
    "HW 1_jdoe_attempt_2026-03-01-14-22-33_hw1.ipynb": "second",
    "HW 1_jdoe_attempt_2026-03-01-14-22-33.txt": "Name: Jane Doe",
    "HW 1_jdoe_attempt_2026-02-27-09-00-00_hw1.ipynb": "first",
    "HW 1_jdoe_attempt_2026-02-27-09-00-00_data.csv": "1",
    "HW 1_li_wei_attempt_2026-03-01-10-00-00_hw_1 final.py": "x = 1",
}


@pytest.fixture
def shanghai(monkeypatch):
    """A machine that is eight hours ahead of UTC."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Asia/Shanghai")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.parametrize(("attempt", "files"), [("last", {"tiny.ipynb": "second", "timestamp.txt": "2026-03-01 06:22:33 UTC\n"}), ("first", {"data.csv": "1", "tiny.ipynb": "first", "timestamp.txt": "2026-02-27 01:00:00 UTC\n"})])  # fmt: skip
def test_blackboard_and_its_attempts(tmp_path, submitted, shanghai, attempt, files):
    collection = collect(zip_of(tmp_path / "gradebook.zip", BLACKBOARD), submitted, "tiny", attempt=attempt)
    assert collection.system == "blackboard"
    assert tree(submitted / "jdoe" / "tiny") == files
    assert {c.student: c.attempts for c in collection.collected} == {"jdoe": 2, "li_wei": 1}


def test_blackboards_column_may_have_underscores(tmp_path, submitted):
    files = {name.replace("HW 1", "HW_1"): content for name, content in BLACKBOARD.items()}
    collection = collect(zip_of(tmp_path / "gradebook.zip", files), submitted, "tiny")
    assert [c.student for c in collection.collected] == ["jdoe", "li_wei"]


def blackboard(*heads, note=None):
    """A download of one file each, perhaps with what Blackboard writes about it."""
    files = {f"{head}_attempt_2026-03-01-14-22-33_hw.ipynb": NOTEBOOK for head in heads}
    notes = {f"{head}_attempt_2026-03-01-14-22-33.txt": note.format(head.rpartition("_")[2]) for head in heads if note}
    return files | notes


@pytest.mark.parametrize(
    ("files", "assignment", "students"),
    [
        (blackboard("HW_1_jdoe", note="Name: Jane Doe ({})\nAssignment: HW_1 (late)\n"), "tiny", ["jdoe"]),
        (blackboard("HW_1_x_ann", "HW_1_x_bob", note="姓名：李 ({})\n") , "tiny", ["ann", "bob"]),
        (blackboard("HW_1_li_wei"), "hw1", ["li_wei"]),
        (blackboard("HW 1_x_ann", "HW 1_x_bob"), "hw-1", ["x_ann", "x_bob"]),
        (blackboard("HW 1_jdoe"), "tiny", ["jdoe"]),
    ],
)  # fmt: skip
def test_blackboards_note_or_the_assignments_name_tells_where_the_user_begins(
    tmp_path, submitted, files, assignment, students
):
    collection = collect(zip_of(tmp_path / "gradebook.zip", files), submitted, assignment)
    assert [c.student for c in collection.collected] == students


def test_a_name_of_blackboards_that_can_be_read_in_two_ways_is_asked_about(tmp_path, submitted):
    with pytest.raises(UsageError, match=r"HW_1_jdoe_attempt_.*is the student 1_jdoe or jdoe\?"):
        collect(zip_of(tmp_path / "gradebook.zip", blackboard("HW_1_jdoe")), submitted, "tiny")
    assert not submitted.exists()


def test_a_folder_is_as_good_as_a_zip_and_plain_folders_need_no_system(tmp_path, submitted):
    folder = tmp_path / "提交 的 作业"
    for name in (
        "ann/hw.ipynb",
        "bob/part one/hw.py",
        "carl.ipynb",
        "ann/.ipynb_checkpoints/hw.ipynb",
        "__MACOSX/ann/hw.ipynb",
    ):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(NOTEBOOK, encoding="utf-8")
    (folder / "ann" / "key.ipynb").symlink_to("/etc/passwd")
    collection = collect(folder, submitted, "tiny")
    assert collection.system == "plain"
    assert reasons(collection) == {"ann/key.ipynb": "is a link"}
    assert names(submitted) == ["ann/tiny/tiny.ipynb", "bob/tiny/tiny.py", "carl/tiny/tiny.ipynb"]


def test_a_folder_may_lie_around_the_students(tmp_path, submitted):
    files = {"hw one/ann/hw.ipynb": NOTEBOOK, "hw one/ann/data.csv": "1", "hw one/bob/HW.IPYNB": NOTEBOOK}
    collect(zip_of(tmp_path / "a.zip", files), submitted, "tiny")
    assert names(submitted) == ["ann/tiny/data.csv", "ann/tiny/tiny.ipynb", "bob/tiny/tiny.ipynb"]


def test_of_two_files_of_one_name_in_an_archive_the_last_counts_and_the_other_is_told(tmp_path, submitted):
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zip_of(tmp_path / "a.zip", [("ann/hw.ipynb", "old"), ("ann/hw.ipynb", NOTEBOOK)])
    collection = collect(path, submitted, "tiny")
    assert tree(submitted) == {"ann/tiny/tiny.ipynb": NOTEBOOK}
    assert "a later file of the same name" in reasons(collection)["ann/hw.ipynb"]


def test_a_student_cannot_say_when_it_was_handed_in(tmp_path, submitted):
    inner = zip_of(tmp_path / "i.zip", {"hw.ipynb": NOTEBOOK, "timestamp.txt": "2026-01-01 00:00:00 UTC"})
    collect(zip_of(tmp_path / "a.zip", {"doe_1_2_hw.zip": inner.read_bytes()}), submitted, "tiny")
    assert names(submitted) == ["doe_1/tiny/tiny.ipynb"]


def test_what_is_collected_can_be_graded(tmp_path, submitted):
    collect(zip_of(tmp_path / "a.zip", {"ann/hw.ipynb": NOTEBOOK, "bob/hw.py": tiny.DOUBLE}), submitted, "tiny")
    jobs = find_jobs([submitted], ["tiny"])
    assert [(job.student, job.problems) for job in jobs] == [("ann", ()), ("bob", ())]
    assert all(read(job.path).cells for job in jobs)


def test_a_zip_in_the_zip_is_unpacked_once(tmp_path, submitted):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("hw/main.ipynb", NOTEBOOK)
        archive.writestr("../../evil.py", "x")
    files = {"doejane_101_9001_hw.zip": inner.getvalue(), "li_102_9002_hw.zip": b"PK\x03\x04 no zip"}
    collection = collect(zip_of(tmp_path / "a.zip", files), submitted, "tiny")
    assert names(submitted) == ["doejane_101/tiny/tiny.ipynb"]
    assert reasons(collection) == {
        "doejane_101_9001_hw.zip: ../../evil.py": "its path points outside the archive",
        "li_102_9002_hw.zip": "incomplete zip archive (File is not a zip file)",
    }
    assert collection.not_taken == ["li_102"]


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info, target


def test_nothing_leads_elsewhere(tmp_path, submitted):
    files = [
        ("ann/hw.ipynb", NOTEBOOK),
        ("../bob/hw.ipynb", NOTEBOOK),
        ("/etc/cron.d/hw.py", "x"),
        ("C:/hw.py", "x"),
        ("carl\\..\\..\\hw.py", "x"),
        link("dora/hw.ipynb", "/etc/passwd"),
    ]
    collection = collect(zip_of(tmp_path / "a.zip", files), submitted, "tiny")
    assert names(tmp_path / "course") == ["submitted/ann/tiny/tiny.ipynb"]
    assert set(reasons(collection).values()) == {"its path points outside the archive", "is a link"}
    assert len(collection.refused) == 5


def test_zip_bombs_are_not_unpacked(tmp_path, submitted, monkeypatch):
    files = {"ann/hw.ipynb": NOTEBOOK, "bob/hw.ipynb": b"0" * (64 << 20)}
    collection = collect(zip_of(tmp_path / "a.zip", files), submitted, "tiny")
    assert "times its size: a zip bomb" in reasons(collection)["bob/hw.ipynb"]
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 100)
    collection = collect(zip_of(tmp_path / "b.zip", {"eve/a.py": "1" * 99, "eve/b.txt": "1" * 101}), submitted, "tiny")
    assert reasons(collection) == {"eve/b.txt": "unpacks to more than 0 MB"}
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", 150)
    collection = collect(zip_of(tmp_path / "c.zip", {"fay/a.py": "1" * 99, "fay/b.txt": "1" * 99}), submitted, "tiny")
    assert list(reasons(collection)) == ["fay/b.txt"]
    monkeypatch.setattr(contents, "MAX_BYTES", 120)  # inside a student's own zip, too
    inner = zip_of(tmp_path / "d.zip", {"a.py": "1" * 70, "b.txt": "1" * 70}).read_bytes()
    monkeypatch.setattr(archives, "MAX_FILE_BYTES", 1000)
    monkeypatch.setattr(archives, "MAX_TOTAL_BYTES", 1000)
    collection = collect(zip_of(tmp_path / "e.zip", {"gil/hw.zip": inner}), submitted, "tiny")
    assert "all files of this student together are more than" in reasons(collection)["gil/hw.zip"]
    assert names(submitted) == ["ann/tiny/tiny.ipynb", "eve/tiny/tiny.py", "fay/tiny/tiny.py"]


def test_a_damaged_file_costs_itself_only(tmp_path, submitted):
    path = zip_of(tmp_path / "a.zip", {"ann/hw.ipynb": NOTEBOOK, "bob/hw.ipynb": NOTEBOOK * 3})
    content = bytearray(path.read_bytes())
    position = content.rindex(b"bob/hw.ipynb", 0, content.index(b"PK\x01\x02")) + 40
    content[position : position + 20] = bytes(20)
    path.write_bytes(content)
    collection = collect(path, submitted, "tiny")
    assert names(submitted) == ["ann/tiny/tiny.ipynb"]
    assert "is damaged" in reasons(collection)["bob/hw.ipynb"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"<html>please log in</html>"])
def test_what_is_no_archive_is_said_to_be_none(tmp_path, submitted, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(UsageError, match="is neither a folder nor a complete zip archive"):
        collect(tmp_path / "a.zip", submitted, "tiny")


def test_names_in_an_old_encoding_are_read_as_they_were_meant(tmp_path, submitted):
    path = tmp_path / "a.zip"
    zip_of(path, {"XXXX_1_assignsubmission_file_/hw.ipynb": NOTEBOOK})
    path.write_bytes(path.read_bytes().replace(b"XXXX", "张伟".encode("gbk")))
    collect(path, submitted, "tiny")
    assert names(submitted) == ["张伟/tiny/tiny.ipynb"]


def test_what_was_collected_before_is_kept_unless_it_shall_be_replaced(tmp_path, submitted):
    def states(content, **options):
        download = zip_of(tmp_path / "a.zip", {"ann/hw.ipynb": content})
        return [c.state for c in collect(download, submitted, "tiny", **options).collected]

    assert states("1") == ["new"]
    assert states("1") == ["same"]
    assert states("2") == ["kept"]
    assert tree(submitted) == {"ann/tiny/tiny.ipynb": "1"}
    assert states("2", update=True) == ["replaced"]
    assert tree(submitted) == {"ann/tiny/tiny.ipynb": "2"}


KILLED = """
import itertools, os, sys
from pathlib import Path
from autograder.lms.collecting import collect
numbers = itertools.count()
sys.addaudithook(lambda event, _: event == "os.rename" and next(numbers) == int(sys.argv[1]) and os._exit(9))
collect(Path(sys.argv[2]), Path(sys.argv[3]), "tiny", update=True)
"""


@pytest.mark.parametrize("before", [0, 1])
def test_killed_before_either_step_what_was_collected_is_not_lost(tmp_path, submitted, before):
    collect(zip_of(tmp_path / "a.zip", {"ann/hw.ipynb": "1"}), submitted, "tiny")
    newer = zip_of(tmp_path / "b.zip", {"ann/hw.ipynb": "2"})
    done = subprocess.run([sys.executable, "-c", KILLED, str(before), newer, submitted])
    assert done.returncode == 9
    assert "1" in tree(submitted).values()
    assert [c.state for c in collect(newer, submitted, "tiny").collected] == ["kept"]
    assert tree(submitted) == {"ann/tiny/tiny.ipynb": "1"}


def autograder(*arguments, cwd, code):
    done = subprocess.run([sys.executable, "-m", "autograder", *arguments], cwd=cwd, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done


def test_the_command(tmp_path):
    course = tiny.make(tmp_path / "course")
    download = zip_of(tmp_path / "a.zip", [("ann/[b]hw.ipynb", NOTEBOOK), ("../b.py", "x")])
    done = autograder("collect", str(download), "--assignment", "tiny", cwd=course.root, code=1)
    assert "../b.py: its path points outside the archive; not taken" in done.stderr
    assert "plain: 1 new; 1 not taken" in done.stdout
    done = autograder("collect", str(download), "--assignment", "tiny", "--json", cwd=course.root, code=1)
    assert json.loads(done.stdout)["collected"][0] | {"files": None} == {
        "student": "ann", "files": None, "state": "same", "attempts": 1, "is_late": False, "sources": ["ann/[b]hw.ipynb"],
    }  # fmt: skip
    assert (
        "no such file" in autograder("collect", "nowhere.zip", "--assignment", "tiny", cwd=course.root, code=2).stderr
    )


def test_the_command_prints_three_lists_and_json_holds_them(tmp_path):
    course = tiny.make(tmp_path / "course")
    download = str(downloads.SAMPLES["sakai"].write(tmp_path))
    done = autograder("collect", download, "--assignment", "tiny", cwd=course.root, code=1)
    assert "nothing was taken from these students (3): carl, dana, eve" in done.stderr
    assert "eve: is named in HW1 (late)/grades.csv, but no file of theirs is there; not taken" in done.stderr
    assert "left over (Sakai's own file): HW1 (late)/grades.csv" in done.stdout
    assert "sakai: 2 new; 3 not taken; 5 left over" in done.stdout
    done = autograder("collect", download, "--assignment", "tiny", "--lang", "zh", cwd=course.root, code=1)
    assert "以下 3 名学生没有收到任何作业：carl, dana, eve" in done.stderr
    assert "sakai：2 相同；未收 3 个；其余 5 个" in done.stdout
    done = autograder("collect", download, "--assignment", "tiny", "--json", cwd=course.root, code=1)
    document = json.loads(done.stdout)
    assert document["not_taken"] == ["carl", "dana", "eve"]
    assert {len(document[name]) for name in ("collected", "refused", "left_over")} == {2, 3, 5}
    done = autograder("collect", download, "--assignment", "tiny", "--from", "moodle", cwd=course.root, code=1)
    assert "moodle: nothing; 3 not taken; 6 left over" in done.stdout
