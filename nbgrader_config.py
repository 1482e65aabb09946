"""Lets the stock nbgrader commands work in this checkout."""

from autograder.course.configuration import configure

c = get_config()  # type: ignore[name-defined]  # noqa: F821 -- nbgrader provides it
configure(c, languages=["zh", "en"])

c.CourseDirectory.course_id = "dl"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
c.ClearSolutions.code_stub = {"python": "# 在这里写你的代码 / your code here\nraise NotImplementedError()"}
c.ClearSolutions.text_stub = "在这里写你的答案 / your answer here"
