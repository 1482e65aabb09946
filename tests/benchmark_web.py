"""Measures the course in a browser: ``python tests/benchmark_web.py``. It prints, and asserts nothing.

From the press of Ctrl-Enter to the last criterion on the page, in Chromium; how many drafts and pages per second a
server keeps and gives, with the clients on the same machine; what its processes hold, with four assignments too.
"""

import argparse
import re
import shutil
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).with_name("helpers")))

import browser as chromium
import httpx
import psutil
import web_course
from editor_page import write
from selenium.webdriver.common.keys import Keys
from web_course import PASSWORD, Visitor

from autograder.course import demo
from autograder.course.course import Course

CHECKOUT = Path(__file__).resolve().parents[1]
NAME, EXERCISE = demo.ASSIGNMENT, "squared_loss"
WRONG = "def squared_loss(y_hat, y):\n    return (y_hat - y) ** 2 / 2\n"
CHECK = """\
const [exercise, done] = arguments;
const cell = document.querySelector(`textarea[name="cell:${exercise}"]`);
const begun = performance.now();
const verdicts = document.querySelector(`#exercise-${exercise} .verdicts`);
let first = 0;
new MutationObserver((changes, observer) => {
  if (changes.some((change) => change.type === "childList")) first ||= performance.now() - begun;
  if (verdicts.hasAttribute("aria-busy")) return;
  observer.disconnect();
  requestAnimationFrame(() => done([first, performance.now() - begun]));
}).observe(verdicts, { childList: true, attributes: true });
cell.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", ctrlKey: true, bubbles: true }));
"""


def tell(what: str, values_s: list[float]) -> None:
    ordered = sorted(values_s)
    p50, p95 = (ordered[int(share * (len(ordered) - 1))] for share in (0.5, 0.95))
    print(f"{what}: {len(ordered)} times, p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms")


def measure_checks(address: str, join: str, folder: Path, count: int) -> None:
    (folder / "log").touch()
    page = chromium.Browser(folder / "profile", address, folder / "log", first=join)
    try:
        for name, value in {"login": "ann", "name": "Ann", "password": PASSWORD}.items():
            page.wait(f"//input[@name='{name}']").send_keys(value)
        page.driver.switch_to.active_element.send_keys(Keys.ENTER)
        page.click(f"//a[contains(@href, '/assignments/{NAME}')]")
        write(page, EXERCISE, WRONG)
        page.driver.set_script_timeout(chromium.PATIENCE_S)
        times = []
        for _ in range(count + 1):
            times.append([ms / 1000 for ms in page.driver.execute_async_script(CHECK, EXERCISE)])
            time.sleep(2)  # as a person reads; and a person may not check more often for long
        print(f"the first check, while the engine starts: {times[0][1]:.1f} s")
        tell("a check, from the key to the first change of the page", [first for first, _ in times[1:]])
        tell("a check, from the key to the last criterion", [last for _, last in times[1:]])
    finally:
        page.close()


def measure_requests(address: str, join: str, students: int, seconds: float) -> None:
    visitors = [Visitor(address) for _ in range(students)]
    pages = []
    for number, visitor in enumerate(visitors):
        visitor.fill_in(join, login=f"s{number}", name="S", password=PASSWORD)
        pages.append(visitor.get(f"/assignments/{NAME}").text)
    tokens = [re.findall(r'name="form_token" value="([^"]+)"', page)[0] for page in pages]

    def save(number: int) -> httpx.Response:
        form = {"form_token": tokens[number], f"cell:{EXERCISE}": f"{WRONG}# {time.monotonic()}"}
        return visitors[number].post(f"/assignments/{NAME}?as=json", data=form)

    for what, act in (("drafts", save), ("pages", lambda number: visitors[number].get("/"))):

        def repeat(number: int, act: Callable[[int], httpx.Response] = act) -> list[float]:
            end, taken = time.monotonic() + seconds, []
            while time.monotonic() < end:
                begun = time.monotonic()
                act(number).raise_for_status()
                taken.append(time.monotonic() - begun)
            return taken

        with ThreadPoolExecutor(students) as pool:
            times = [one for taken in pool.map(repeat, range(students)) for one in taken]
        print(f"{what}: {len(times) / seconds:.0f} per second with {students} clients on the same machine")
        tell(f"one of the {what}", times)


def measure_memory(server: int, what: str) -> None:
    """Print what a server and its processes hold; pages that several of them share count once."""
    processes = [psutil.Process(server), *psutil.Process(server).children(recursive=True)]
    held: dict[str, int] = defaultdict(int)
    for process in processes:
        with suppress(OSError, psutil.Error):
            rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
            held[process.name()] += int(re.findall(r"^Pss: +(\d+) kB", rollup, re.MULTILINE)[0])
    kinds = ", ".join(f"{name} {kb >> 10}" for name, kb in sorted(held.items(), key=lambda item: -item[1]))
    print(f"memory of {len(processes)} processes {what}: {sum(held.values()) >> 10} MB ({kinds})")


def measure_four_assignments(folder: Path) -> None:
    """Print what a server holds that checks four assignments, grades one of them and writes its gradebook."""
    course = folder / "four"
    ignored = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("solutions", "assignments"):
        shutil.copytree(CHECKOUT / name, course / name, ignore=ignored)
    shutil.copy(CHECKOUT / "nbgrader_config.py", course)
    names = list(Course(course).assignments())
    with web_course.server(Course(course)) as (process, address, link), Visitor(address) as visitor:
        begun = time.monotonic()
        httpx.get(f"{address}/sign-in").raise_for_status()
        print(f"the first page, before any engine is warm: {(time.monotonic() - begun) * 1000:.0f} ms")
        measure_memory(process.pid, "before anybody works")
        visitor.fill_in(link, login="teacher", name="Teacher", password=PASSWORD)
        for name in names:
            visitor.fill_in("/class/offerings", "/class/offerings", assignment=name, feedback="at_once")
            visitor.fill_in(f"/assignments/{name}", f"/assignments/{name}/check")
        measure_memory(process.pid, f"with {len(names)} assignments warm")
        page = visitor.fill_in(f"/assignments/{names[0]}", f"/assignments/{names[0]}/hand-in").url.path
        with visitor.stream("GET", f"{page}/events") as events:
            list(events.iter_lines())
        time.sleep(10)  # until the gradebook is written
        measure_memory(process.pid, "and a submission graded and written to the gradebook")


def opened(address: str, link: str) -> str:
    """Publish the assignment and return the path of the join link."""
    with Visitor(address) as teacher:
        teacher.fill_in(link, login="teacher", name="Teacher", password=PASSWORD)
        teacher.fill_in("/class/offerings", "/class/offerings", assignment=NAME, feedback="at_once")
        page = teacher.fill_in("/class/people", "/class/join-link", do="open").text
    found = re.search(r"https?://[^/]+(/join/[\w-]+)", page)
    assert found is not None
    return found[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checks", type=int, default=20)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--memory", action="store_true", help="measure the memory of four warm assignments alone")
    asked = parser.parse_args()
    if asked.memory:
        with tempfile.TemporaryDirectory() as name:
            measure_four_assignments(Path(name))
        return
    with tempfile.TemporaryDirectory() as name:
        course: Course = demo.make(Path(name) / "course")
        begun = time.monotonic()
        with web_course.server(course) as (process, address, link):
            print(f"from the command to the links: {time.monotonic() - begun:.1f} s")
            begun = time.monotonic()
            httpx.get(f"{address}/sign-in").raise_for_status()
            print(f"the first page: {(time.monotonic() - begun) * 1000:.0f} ms")
            join = opened(address, link)
            measure_checks(address, join, Path(name), asked.checks)
            measure_memory(process.pid, "with one assignment warm")
            measure_requests(address, join, asked.clients, asked.seconds)
        measure_four_assignments(Path(name))


if __name__ == "__main__":
    main()
