"""What a course's configuration says about its folders, read without nbgrader."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from autograder.base.errors import ConfigError
from autograder.course.configuration import CONFIG_FILE, Folders
from autograder.course.course import Course


def configured(root: Path, *lines: str) -> Path:
    (root / CONFIG_FILE).write_text("\n".join(("c = get_config()", *lines)) + "\n", encoding="utf-8")
    return root


def test_a_stock_course_has_the_names_of_nbgrader(tmp_path):
    assert Folders.of(configured(tmp_path)) == Folders("source", "release", "submitted", "autograded", "feedback")


def test_a_course_with_solutions_has_our_names_unless_it_says_otherwise(tmp_path):
    (tmp_path / "solutions").mkdir()
    assert (Folders.of(tmp_path).source, Folders.of(tmp_path).release) == ("solutions", "assignments")
    named = Folders.of(configured(tmp_path, "c.CourseDirectory.source_directory = 'masters'"))
    assert (named.source, named.release) == ("masters", "assignments")


def test_every_folder_can_be_renamed_and_lie_elsewhere(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    names = {"source": "a/b", "release": "r", "submitted": str(elsewhere), "autograded": "g", "feedback": "f"}
    configured(tmp_path, *(f"c.CourseDirectory.{step}_directory = {name!r}" for step, name in names.items()))
    course = Course(tmp_path)
    assert course.folders == Folders(**names)
    assert (course.source, course.submitted) == (tmp_path / "a/b", elsewhere)


def test_the_configuration_may_be_json_and_import_a_module_beside_it(tmp_path):
    (tmp_path / "nbgrader_config.json").write_text(json.dumps({"CourseDirectory": {"release_directory": "out"}}))
    (tmp_path / "names_of_ours.py").write_text("SOURCE = 'in'\n")
    configured(tmp_path, "from names_of_ours import SOURCE", "c.CourseDirectory.source_directory = SOURCE")
    before = list(sys.path)
    assert (Folders.of(tmp_path).source, Folders.of(tmp_path).release) == ("in", "out")
    assert sys.path == before


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("c.x = (", r"nbgrader_config\.py:2: SyntaxError: '\(' was never closed"),
        ("c.x = 1 / 0", r"nbgrader_config\.py:2: ZeroDivisionError"),
        ("exit()", r"nbgrader_config\.py:2: SystemExit"),
        ("import nowhere_at_all", r"nbgrader_config\.py:2: ModuleNotFoundError: No module named 'nowhere_at_all'"),
        (
            "c.CourseDirectory.directory_structure = '{assignment_id}/{student_id}'",
            r"directory_structure: only \{nbgrader_step\}/\{student_id\}/\{assignment_id\} is supported",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path, line, words):
    with pytest.raises(ConfigError, match=words):
        _ = Course(configured(tmp_path, line)).source


def test_a_course_is_found_from_below_by_its_configuration(tmp_path):
    below = configured(tmp_path) / "source" / "ps1"
    below.mkdir(parents=True)
    assert Course.find(below).root == tmp_path.resolve()


def test_reading_it_loads_neither_nbgrader_nor_torch(tmp_path):
    configured(tmp_path)
    code = (
        "import sys; from pathlib import Path; from autograder.course.course import Course;"
        f"Course(Path({str(tmp_path)!r})).submitted; assert not {{'nbgrader', 'torch'}} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
