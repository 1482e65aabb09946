"""Hand-ins that a Dask cluster grades: the reports are those of this machine."""

import pytest
import tiny_course as tiny
import web_course
import working_students
from process_tree import adopting, still_alive

from autograder.course.jobs import Job
from autograder.grading.batch import grade
from autograder.results.grade_report import GradeReport

CELLS = ({"cell:double": tiny.DOUBLE, "cell:step": tiny.STEP}, {"cell:double": web_course.WRONG})


@pytest.mark.slow
def test_reports_of_hand_ins_are_those_of_this_machine(tmp_path):
    course = web_course.make(tmp_path / "course")
    with adopting() as descendants:
        with (
            web_course.server(course, "--engine", "dask") as (process, address, link),
            web_course.opened_course(address, link, "ann", "bob") as students,
        ):
            pages = []
            for student, cells in zip(students, CELLS, strict=True):
                pages.append(student.fill_in("/assignments/tiny", "/assignments/tiny/hand-in", **cells).url.path)
            for student, page in zip(students, pages, strict=True):
                with student.stream("GET", f"{page}/events") as events:
                    assert any("graded" in line for line in events.iter_lines())
            process.terminate()
            assert process.wait(60) == 0
        assert still_alive(descendants(), 30) == []
    rows = working_students.ask(
        course,
        "select p.login, c.content, r.line from report r join submission s on s.id = r.submission_id "
        "join person p on p.id = s.person_id join content c on c.sha256 = s.sha256",
    )
    assert sorted(login for login, _, _ in rows) == ["ann", "bob"]
    for login, content, line in rows:
        file = tmp_path / login / "tiny.ipynb"
        file.parent.mkdir()
        file.write_bytes(content)
        (expected,) = grade([Job(login, "tiny", file)], course.assignment("tiny"), course.key(), processes=1)
        assert line == expected.model_copy(update={"duration_s": GradeReport.from_json(line).duration_s}).to_json()
