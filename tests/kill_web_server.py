"""Kills the server of the course in a browser while a class works: ``python tests/kill_web_server.py``.

Students write drafts, check and hand in, each in a browser of their own; the server is killed at random moments. After
each kill every draft and hand-in that was acknowledged must be there; in the end every submission has one report, and
`autograder grade` gives the same. It fails where something is lost, and prints how far it is.
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("helpers")))

import nbgrader_course
import web_course
import working_students


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--students", type=int, default=50)
    parser.add_argument("--longest", type=float, default=8, help="seconds that a server lives at most")
    parser.add_argument("--seed", type=int, default=20)
    asked = parser.parse_args()
    moments = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        course = nbgrader_course.make(Path(name) / "course")
        web_course.release(course)
        lives = [moments.uniform(0.2, asked.longest) for _ in range(asked.kills)]
        students = working_students.kill_again_and_again(course, asked.students, lives, tell=print)
        working_students.assert_each_report_comes_once(course)
        reports = working_students.assert_commands_agree(course)
        handed_in, checks = (
            sum(counts) for counts in zip(*((len(s.handed_in), s.checks) for s in students), strict=True)
        )
        print(f"{asked.kills} kills, {asked.students} students: {handed_in} hand-ins and {checks} checks acknowledged")
        print(f"nothing was lost, each submission has one report, and the command agrees on all {len(reports)}")


if __name__ == "__main__":
    main()
