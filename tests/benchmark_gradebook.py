"""Measures the gradebook of a large class in a browser: ``python tests/benchmark_gradebook.py``. It asserts nothing.

1,000 students by 12 assignments by default, as nbgrader's tables hold them: how long the server takes for the first
rows and for all of them, and in Chromium until the first rows are seen, all can be searched, and are.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("helpers")))

import browser as chromium
import large_gradebook
import tiny_course as tiny
import web_course
from nbgrader_course import ROOT
from web_course import Visitor

from autograder.course.course import Course
from autograder.web.data import people
from autograder.web.data.models import Person, Role
from autograder.web.visit import BROWSER

SEEN = """
const done = arguments[0];
const paint = performance.getEntriesByName("first-contentful-paint")[0];
const page = performance.getEntriesByType("navigation")[0];
done([paint ? paint.startTime : -1, page.responseEnd, page.domContentLoadedEventEnd]);
"""
ALL = """
const done = arguments[0];
const button = document.querySelector("#search button"); // which is hidden once nobody needs it
const look = () => button.hidden ? done(performance.now()) : requestAnimationFrame(look);
look();
"""
SORT = """
const done = arguments[0];
const begun = performance.now();
document.querySelector("#scores th:nth-child(3) a").click();
requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begun)));
"""
SEARCH = """
const done = arguments[0];
const field = document.querySelector("#search input[name=q]");
const begun = performance.now();
field.value = field.value ? "" : "s05";
field.dispatchEvent(new Event("input", { bubbles: true }));
requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begun)));
"""


def tell(what: str, values_ms: list[float]) -> None:
    ordered = sorted(values_ms)
    p50, p95 = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95))
    print(f"{what}: {len(ordered)} times, p50 {p50:.0f} ms, p95 {p95:.0f} ms")


def make(folder: Path, count: int, assignments: int) -> tuple[Course, str]:
    """Write a course with a full gradebook and all its students; return it with the key of a grader's browser."""
    course = web_course.make(folder)
    (folder / "nbgrader_config.py").write_bytes((ROOT / "nbgrader_config.py").read_bytes())
    logins = [f"s{number:04}" for number in range(count)]
    names = ["tiny", *(f"week_{number:02}" for number in range(2, assignments + 1))]
    begun = time.monotonic()
    large_gradebook.fill(folder / "gradebook.db", logins, names)
    print(f"{count} students by {assignments} assignments written in {time.monotonic() - begun:.0f} s")
    with web_course.site(course) as site:
        grader = web_course.add(site, "grader", Role.grader)
        with site.database.write() as session:
            everybody = [people.add(session, one, f"Student {one[1:]}", None, Role.student) for one in logins]
            assert len(everybody) == count
            key = people.begin_session(session, session.get_one(Person, grader.id))
        for name in names:
            web_course.publish(site, grader, name)
    return course, key


def measure_server(address: str, key: str, times: int) -> None:
    with Visitor(address) as visitor:
        visitor.cookies.set(BROWSER, key, domain="127.0.0.1")
        for what, path in (
            ("the page with the first rows", "/class/gradebook"),
            ("all rows for the script", "/class/gradebook?as=json"),
            ("one student's work", "/class/gradebook/s0007/tiny"),
        ):
            taken = []
            for _ in range(times):
                begun = time.monotonic()
                size = len(visitor.get(path).raise_for_status().content)
                taken.append((time.monotonic() - begun) * 1000)
            print(f"{what}: the first {taken[0]:.0f} ms, {size >> 10} kB")
            tell(what, taken[1:])


def measure_browser(address: str, key: str, folder: Path, times: int) -> None:
    (folder / "log").touch()
    page = chromium.Browser(folder / "profile", address, folder / "log", first="/sign-in")
    try:
        page.driver.add_cookie({"name": BROWSER, "value": key})
        page.driver.set_script_timeout(chromium.PATIENCE_S)
        seen: dict[str, list[float]] = {
            "the first rows are seen": [],
            "the page is there": [],
            "all students can be sorted and searched": [],
        }
        for _ in range(times):
            page.open("/class/gradebook")
            complete = page.driver.execute_async_script(ALL)
            paint, _, ready = page.driver.execute_async_script(SEEN)
            for values, value in zip(seen.values(), (paint, ready, complete), strict=True):
                values.append(value)
        for what, values in seen.items():
            tell(what, values)
        for what, script in (("sorted by a column", SORT), ("searched", SEARCH)):
            tell(what, [page.driver.execute_async_script(script) for _ in range(times)])
    finally:
        page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=1000)
    parser.add_argument("--assignments", type=int, default=12)
    parser.add_argument("--times", type=int, default=11)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        course, key = make(Path(name) / "course", asked.students, asked.assignments)
        tiny.submit(course, "s0000", tiny.answers())
        with web_course.server(course) as (_, address, _):
            measure_server(address, key, asked.times)
            measure_browser(address, key, Path(name), asked.times)


if __name__ == "__main__":
    main()
