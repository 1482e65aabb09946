"""The configuration of the courses that the tests grade; nothing of it differs from that of any course in English."""

from autograder.course.configuration import configure

c = get_config()  # type: ignore[name-defined]  # noqa: F821 -- nbgrader provides it
configure(c, languages=["en"])

c.CourseDirectory.course_id = "ported"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
