"""What a notebook carries: whole, bounded, recognised when damaged, and never more than a student's own files say."""

import base64
import hashlib
import io
import json
import os
import re
import stat
import zipfile

import pytest
import tiny_course as tiny

from autograder.base.errors import ConfigError, SubmissionError, UsageError
from autograder.course import kit

FILES = ["assignment.yaml", "data/points.csv", "test_tiny.py"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def packed(tmp_path):
    folder = tiny.make(tmp_path / "course").root / "solutions" / "tiny"
    (folder / "data").mkdir()
    (folder / "data" / "points.csv").write_bytes(bytes(range(256)))
    return kit.Kit.pack(folder, FILES, name="小 作业", max_kb=10)


def alone(tmp_path, lines, name="mine.ipynb"):
    """A notebook alone in a folder, with these lines at the end of its first cell."""
    folder = tmp_path / "an empty folder"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps(tiny.answers(before=["x = 1\n" + lines])), encoding="utf-8")
    return folder / name


def archive(entries, about=None):
    """A kit as nobody here makes it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, words in {"kit.json": json.dumps(about or {"assignment": "a", "left_out": []}), **entries}.items():
            packed.writestr(name, words)
    checksum = hashlib.sha256(content.getvalue()).hexdigest()[:32]
    return f"# autograder-kit 1 {checksum}\n# {base64.urlsafe_b64encode(content.getvalue()).decode()}"


def test_what_is_packed_comes_back(packed):
    found = kit.find("import os\n" + packed.lines)
    assert found == packed
    assert found.lines == packed.lines
    assert list(found.others) == ["data/points.csv"]


def test_it_is_comments_only(packed):
    import ast

    assert not ast.parse(packed.lines).body
    assert all(re.fullmatch(r"# [\w=\- ]+", line) for line in packed.lines.splitlines())


@pytest.mark.parametrize("end", ["", "\n", "\n\nprint(1)\n", "\r\n"])
def test_line_ends_and_reflowed_lines_do_no_harm(packed, end):
    first, *rest = packed.lines.splitlines()
    reflowed = "\n".join([first, *(f"#   {line[i : i + 70]}" for line in rest for i in range(2, len(line), 70))])
    assert kit.find(packed.lines + end) == packed
    assert kit.find(packed.lines.replace("\n", "\r\n") + end) == packed
    assert kit.find(reflowed + end) == packed


def test_a_script_carries_it_as_well(packed, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(f"# %%\nx = 1\n{packed.lines}\n# %%\n{tiny.DOUBLE}", encoding="utf-8")
    assert kit.assignment_of(file).name == "小 作业"


def test_the_assignment_is_placed_in_the_users_cache(packed, tmp_path, cache):
    assignment = kit.assignment_of(alone(tmp_path, packed.lines))
    assert assignment.directory.is_relative_to(cache)
    assert assignment.name == "小 作业"
    assert (assignment.data / "points.csv").read_bytes() == bytes(range(256))
    assert sorted(assignment.files()) == FILES
    assert not assignment.notebook.exists()


def test_what_was_changed_in_the_cache_is_put_right(packed, tmp_path):
    file = alone(tmp_path, packed.lines)
    folder = kit.assignment_of(file).directory
    (folder / "test_tiny.py").write_text("assert False")
    (folder / "test_mine.py").write_text("assert False")
    assert sorted(kit.assignment_of(file).files()) == FILES
    assert (folder / "test_tiny.py").read_text() == tiny.VISIBLE


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other rights")
def test_without_a_cache_a_temporary_folder_serves(packed, tmp_path, cache):
    cache.write_text("no folder can be made here")
    assert kit.assignment_of(alone(tmp_path, packed.lines)).settings.exercises.keys() == {"double", "step"}
    assert stat.S_ISREG(cache.stat().st_mode)


DAMAGES = {
    "a letter": lambda lines: re.sub(r"(# UEsDB.{40}).", r"\1_", lines),
    "cut": lambda lines: lines[:-40],
    "no data": lambda lines: lines.splitlines()[0],
    "header": lambda lines: lines.replace("autograder-kit 1 ", "autograder-kit "),
    "no archive": lambda lines: f"# autograder-kit 1 {hashlib.sha256(b'ab').hexdigest()[:32]}\n# YWI=",
    "above": lambda lines: archive({"../evil.py": "x"}),
    "absolute": lambda lines: archive({"/evil.py": "x"}),
    "windows": lambda lines: archive({"c:\\evil.py": "x"}),
    "a bomb": lambda lines: archive({"zeros": "0" * (kit.MAX_UNPACKED + 1)}),
    "a folder as name": lambda lines: archive({"assignment.yaml": "x"}, {"assignment": "../..", "left_out": []}),
    "no about": lambda lines: archive({"kit.json": "[]"}),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_damage_is_one_clear_line_and_writes_nothing(packed, tmp_path, cache, damage):
    file = alone(tmp_path, damage(packed.lines))
    with pytest.raises(UsageError, match="have been changed") as caught:
        kit.assignment_of(file)
    assert "\n" not in str(caught.value)
    assert not cache.exists()


def test_a_newer_form_says_what_to_install(packed, tmp_path):
    with pytest.raises(UsageError, match="pip install -U dl-autograder"):
        kit.assignment_of(alone(tmp_path, packed.lines.replace("autograder-kit 1 ", "autograder-kit 2 ")))


def test_without_one_the_remedy_is_named(tmp_path):
    with pytest.raises(UsageError, match="copy that cell from the notebook as you received it"):
        kit.assignment_of(alone(tmp_path, ""))


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    (tmp_path / "mine.ipynb").write_text("{")
    with pytest.raises(SubmissionError, match="breaks off in line"):
        kit.assignment_of(tmp_path / "mine.ipynb")


def test_files_beside_the_notebook_come_first_and_make_up_for_damage(packed, tmp_path):
    file = alone(tmp_path, packed.lines)
    (file.parent / "assignment.yaml").write_text(tiny.SETTINGS + "# of next week\n", encoding="utf-8")
    (file.parent / "test_tiny.py").write_text(tiny.VISIBLE, encoding="utf-8")
    assert kit.assignment_of(file).directory == file.parent
    alone(tmp_path, packed.lines[:-40])
    assert kit.assignment_of(file).directory == file.parent
    (file.parent / "assignment.yaml").write_text("schema: 2\n")
    with pytest.raises(ConfigError):
        kit.assignment_of(file)


def test_files_of_another_assignment_beside_it_are_not_its_own(packed, tmp_path):
    file = alone(tmp_path, packed.lines)
    other = tiny.SETTINGS.replace("double", "triple")
    (file.parent / "assignment.yaml").write_text(other, encoding="utf-8")
    assert kit.assignment_of(file).name == "小 作业"


def test_inside_a_course_its_own_files_count(packed, tmp_path):
    """What a student hands in brings no rubric along, not even for a check."""
    course = tiny.make(tmp_path / "other")
    rubric = 'raise SystemExit("of the submission")'
    evil = archive({"assignment.yaml": tiny.SETTINGS, "test_tiny.py": rubric}, {"assignment": "tiny", "left_out": []})
    file = tiny.submit(course, "s01", tiny.answers(before=[evil]))
    assert kit.assignment_of(file).directory == course.root / "solutions" / "tiny"


def test_the_last_kit_counts(packed, tmp_path):
    other = archive({"assignment.yaml": tiny.SETTINGS, "test_x.py": ""}, {"assignment": "newer", "left_out": []})
    assert kit.choose(tmp_path, [packed.lines, other, "x = 1"]).name == "newer"


def test_large_files_are_left_out_and_named(tmp_path):
    folder = tiny.make(tmp_path).root / "solutions" / "tiny"
    (folder / "large.bin").write_bytes(os.urandom(40_000))
    (folder / "small.csv").write_text("1,2\n")
    found = kit.find(kit.Kit.pack(folder, [*FILES[::2], "large.bin", "small.csv"], name="tiny", max_kb=20).lines)
    assert found.left_out == ("large.bin",)
    assert sorted(found.files) == ["assignment.yaml", "small.csv", "test_tiny.py"]
    assert sorted(kit.Kit.pack(folder, FILES[::2], name="tiny", max_kb=0).files) == FILES[::2]


def test_pages_show_a_cell_without_it(packed):
    shown = kit.without("import os\n" + packed.lines + "\nx = 1")
    assert shown == "import os\n# autograder-kit ...\nx = 1"
