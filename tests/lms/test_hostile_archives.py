"""What is inside one student's archive costs that student a line, and nobody else anything."""

import io
import os
import stat
import subprocess
import sys
import warnings
import zipfile

import pytest

from autograder.base.errors import UsageError
from autograder.lms import contents
from autograder.lms.collecting import collect

NOTEBOOK = "{}"
_SYMLINK = (stat.S_IFLNK | 0o777) << 16


def packed(*files, encrypted=(), links=(), method=zipfile.ZIP_STORED):
    """A zip with any names; the same ones twice, too."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", method) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for name, content in files:
            entry = zipfile.ZipInfo(name or "x", (2026, 3, 3, 11, 0, 0))
            entry.filename, entry.compress_type = name, method
            entry.external_attr = _SYMLINK if name in links else 0
            archive.writestr(entry, content)
    content = bytearray(made.getvalue())
    for name in encrypted:
        at = content.rindex(name.encode()) - 46
        content[at + 8] |= 1
    return bytes(content)


def named(content, old, new):
    """The same zip with other bytes for a name, of the same length."""
    assert len(old) == len(new)
    return content.replace(old, new)


HW = ("hw.ipynb", NOTEBOOK)
TAKEN = {
    "a name of 300 characters": packed(("x" * 300 + ".txt", "1"), HW),
    "a name of 300 Chinese characters": packed(("长" * 300 + ".txt", "1"), HW),
    "file and folder of one name": packed(("a", "1"), ("a/b.txt", "1"), HW),
    "folder and file of one name": packed(("a/b.txt", "1"), ("a", "1"), HW),
    "an empty name": packed(("", "1"), HW),
    "3000 levels": packed(("d/" * 3000 + "a.txt", "1"), HW),
    "a folder with the notebook's name": packed(("tiny.ipynb/a.txt", "1"), HW),
    "a folder with the script's name": packed(("tiny.py/a.txt", "1"), ("tiny.py/b.txt", "2"), HW),
    "timestamp.txt as a folder": packed(("timestamp.txt/a", "1"), HW),
    "timestamp.txt in capitals": packed(("TIMESTAMP.TXT", "1999-01-01 00:00:00 UTC"), HW),
    "an encrypted file": packed(("secret.txt", "1"), HW, encrypted=["secret.txt"]),
    "a link": packed(("link.txt", "/etc/passwd"), HW, links=["link.txt"]),
    "an absolute path": packed(("/etc/passwd", "1"), HW),
    "a path upwards": packed(("../../../alice/tiny/tiny.ipynb", "1"), HW),
    "a path upwards with backslashes": packed(("..\\..\\a.txt", "1"), HW),
    "a drive": packed(("C:\\Windows\\a.txt", "1"), HW),
    "a name twice": packed(("a.txt", "1"), ("a.txt", "2"), HW),
    "a name in two cases": packed(("a.txt", "1"), ("A.TXT", "2"), HW),
    "a name in two normal forms": packed(("\u00e9.txt", "1"), ("e\u0301.txt", "2"), HW),
    "a name that becomes another": packed(("a:b.txt", "1"), ("a?b.txt", "2"), HW),
    "slashes only": packed(("a//b.txt", "1"), HW),
    "a damaged file": packed(("a.txt", "12345678"), HW).replace(b"12345678", b"12345679", 1),
}
NAMED_OTHERWISE = {
    "control characters": (packed(("a\x1b[2J\x07.txt", "1"), HW), "a_[2J_.txt"),
    "reversed writing": (packed(("a\u202etxt.exe", "1"), HW), "a\ufffdtxt.exe"),
    "names that Windows reserves": (packed(("CON.txt", "1"), HW), "CON_.txt"),
    "a superscript, beside the digit": (packed(("x\u00b2.txt", "1"), HW), "x\u00b2.txt"),
    "a dot at the end": (packed(("a.txt. .", "1"), HW), "a.txt"),
}
NOTHING_TAKEN = {
    "no zip": b"this is no archive",
    "empty": b"",
    "cut off": packed(HW)[:-30],
    "rar": b"Rar!\x1a\x07\x01\x00" + bytes(50),
    "7z": b"7z\xbc\xaf\x27\x1c" + bytes(50),
    "a tar in gzip": b"\x1f\x8b\x08" + bytes(50),
    "all encrypted": packed(HW, encrypted=["hw.ipynb"]),
    "a folder for the notebook": packed(("tiny.ipynb/a.txt", "1")),
    "only litter": packed(("__MACOSX/._hw.ipynb", "1"), (".DS_Store", "1")),
    "no code": packed(("report.pdf", "1")),
    "nothing": packed(),
    "a name that is not UTF-8": named(packed(("\u00e4\u00e4.ipynb", NOTEBOOK)), "\u00e4\u00e4".encode(), b"\xff\xfe\xff\xfe"),
    "half a surrogate pair": named(packed(("\u4e00.ipynb", NOTEBOOK)), "\u4e00".encode(), b"\xed\xa0\x80"),
    "NUL first": named(packed(("Q.ipynb", NOTEBOOK)), b"Q.ipynb", b"\0.ipynb"),
    "a bomb of small files": packed(*((f"{n}.txt", bytes(1 << 20)) for n in range(80)), HW, method=zipfile.ZIP_DEFLATED),
    "one large bomb": packed(("hw.ipynb", bytes(8 << 20)), method=zipfile.ZIP_DEFLATED),
    "too many files": packed(*((f"{n}.txt", "") for n in range(contents.MAX_FILES + 1)), HW),
}  # fmt: skip


def among_neighbours(tmp_path, bobs, name="hw.zip"):
    """Collect a download in which Bob's file stands between two honest ones."""
    path = tmp_path / "moodle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("Alice_1_assignsubmission_file_/hw.ipynb", NOTEBOOK)
        archive.writestr(f"Bob_2_assignsubmission_file_/{name}", bobs)
        archive.writestr("Zoe_3_assignsubmission_file_/hw.ipynb", NOTEBOOK)
    return collect(path, tmp_path / "submitted", "tiny")


def everything_in(tmp_path):
    """Names of all files below the course; what led elsewhere would be among them."""
    return {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()} - {"moodle.zip"}


def honest(tmp_path):
    return {f"submitted/{who}/tiny/tiny.ipynb" for who in ("Alice", "Zoe")}


@pytest.mark.parametrize("bobs", TAKEN.values(), ids=TAKEN)
def test_a_file_that_cannot_be_taken_is_named_and_the_others_are_taken(tmp_path, bobs):
    collection = among_neighbours(tmp_path, bobs)
    assert [one.student for one in collection.collected] == ["Alice", "Bob", "Zoe"]
    assert collection.refused
    assert all(one.student == "Bob" for one in collection.refused)
    files = everything_in(tmp_path)
    assert honest(tmp_path) < files
    assert all(file.startswith("submitted/") for file in files)
    assert not any("passwd" in file or "Windows" in file for file in files)
    assert any(file.startswith("submitted/Bob/tiny/") for file in files)


@pytest.mark.parametrize(("bobs", "name"), NAMED_OTHERWISE.values(), ids=NAMED_OTHERWISE)
def test_a_name_that_stumbles_somewhere_is_written_otherwise(tmp_path, bobs, name):
    collection = among_neighbours(tmp_path, bobs)
    assert not collection.refused
    assert everything_in(tmp_path) == honest(tmp_path) | {"submitted/Bob/tiny/tiny.ipynb", f"submitted/Bob/tiny/{name}"}


@pytest.mark.parametrize("bobs", NOTHING_TAKEN.values(), ids=NOTHING_TAKEN)
def test_an_archive_of_which_nothing_can_be_taken_is_named_and_leaves_nothing(tmp_path, bobs):
    collection = among_neighbours(tmp_path, bobs)
    assert [one.student for one in collection.collected] == ["Alice", "Zoe"]
    assert collection.not_taken == ["Bob"]
    assert len(collection.refused) < 30
    assert everything_in(tmp_path) == honest(tmp_path)


@pytest.mark.parametrize("name", ["hw.rar", "hw.7z", "hw.tar", "hw.tar.gz", "hw.tgz", "hw.gdoc", "report.pdf"])
def test_what_cannot_be_graded_is_named(tmp_path, name):
    collection = among_neighbours(tmp_path, b"x", name)
    assert collection.not_taken == ["Bob"]
    (refused,) = collection.refused
    assert refused.path.endswith(name)


def test_an_archive_beside_the_notebook_is_data(tmp_path):
    inner = packed(("data.tar.gz", "1"), HW)
    collection = among_neighbours(tmp_path, inner)
    assert not collection.refused
    assert "submitted/Bob/tiny/data.tar.gz" in everything_in(tmp_path)


def test_compressible_files_up_to_64_mb_are_no_bomb(tmp_path):
    inner = packed(*((f"{n}.npy", bytes(1 << 20)) for n in range(20)), HW, method=zipfile.ZIP_DEFLATED)
    collection = among_neighbours(tmp_path, inner)
    assert not collection.refused


def test_thousands_of_bad_names_are_few_lines(tmp_path):
    inner = packed(*((f"../{n}.txt", "") for n in range(5000)), HW)
    collection = among_neighbours(tmp_path, inner)
    assert len(collection.refused) == 21
    assert collection.refused[-1].reason.en == "and 4980 more files in it"


def test_a_place_that_is_taken_by_something_else_costs_one_student(tmp_path):
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted" / "Bob").write_text("a file where a folder belongs")
    collection = among_neighbours(tmp_path, packed(HW))
    assert [one.student for one in collection.collected] == ["Alice", "Zoe"]
    assert collection.not_taken == ["Bob"]
    assert "cannot be written" in collection.refused[0].reason.en


def test_when_nobody_can_be_written_the_command_ends(tmp_path):
    (tmp_path / "submitted").write_text("a file where the folder belongs")
    with pytest.raises(UsageError, match="cannot be written"):
        among_neighbours(tmp_path, packed(HW))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_cannot_be_read_is_named(tmp_path):
    for who in ("ann", "bob"):
        (tmp_path / "in" / who).mkdir(parents=True)
        (tmp_path / "in" / who / "hw.ipynb").write_text(NOTEBOOK)
    (tmp_path / "in" / "bob").chmod(0)
    collection = collect(tmp_path / "in", tmp_path / "submitted", "tiny")
    (tmp_path / "in" / "bob").chmod(0o700)
    assert [one.path for one in collection.refused] == ["bob"]


def test_special_files_and_names_in_no_encoding_are_named(tmp_path):
    (tmp_path / "in" / "ann").mkdir(parents=True)
    (tmp_path / "in" / "ann" / "hw.ipynb").write_text(NOTEBOOK)
    (tmp_path / "in" / "bob").mkdir()
    os.mkfifo(tmp_path / "in" / "bob" / "hw.ipynb")
    strange = tmp_path / "in" / os.fsdecode(b"\xff\xfe")
    strange.mkdir()
    (strange / "hw.ipynb").write_text(NOTEBOOK)
    collection = collect(tmp_path / "in", tmp_path / "submitted", "tiny")
    assert [one.student for one in collection.collected] == ["ann", "\ufffd\ufffd"]
    assert collection.not_taken == ["bob"]


KILLED = """
import itertools, os, sys
from pathlib import Path
from autograder.lms.collecting import collect
numbers = itertools.count()
steps = ("open", "os.mkdir", "os.rename", "os.rmdir", "os.remove", "shutil.rmtree")
def stop(event, arguments):
    if event in steps and "submitted" in str(arguments) and next(numbers) == int(sys.argv[1]):
        os._exit(9)
sys.addaudithook(stop)
collect(Path(sys.argv[2]), Path(sys.argv[3]), "tiny", update=True)
"""


def test_killed_at_any_moment_a_second_run_completes_it(tmp_path):
    submitted, newer = tmp_path / "submitted", tmp_path / "b.zip"
    old = tmp_path / "a.zip"
    for path, content in ((old, "1"), (newer, "2")):
        path.write_bytes(packed(("ann/hw.ipynb", content), ("bob/hw.ipynb", content), ("bob/x/y.txt", content)))
    ended, moments = 9, 0
    while ended == 9:
        collect(old, submitted, "tiny", update=True)
        ended = subprocess.run([sys.executable, "-c", KILLED, str(moments), newer, submitted], check=False).returncode
        survived = {p.read_text() for p in submitted.rglob("tiny.ipynb")}
        assert survived <= {"1", "2"} and survived
        assert {one.student for one in collect(newer, submitted, "tiny", update=True).collected} == {"ann", "bob"}
        assert {p.relative_to(submitted).as_posix(): p.read_text() for p in submitted.rglob("*") if p.is_file()} == {
            "ann/tiny/tiny.ipynb": "2", "bob/tiny/tiny.ipynb": "2", "bob/tiny/x/y.txt": "2",
        }  # fmt: skip
        moments += 3  # every third step, with all kinds of steps among them
    assert ended == 0
    assert moments > 10
