"""Every page in Chromium, wide and narrow, light and dark, in both languages: axe finds nothing, and keys alone do everything."""

import json
import re
import time
from contextlib import ExitStack
from itertools import product
from pathlib import Path
from types import SimpleNamespace

import axe_core_python
import browser as chromium
import pytest
import tiny_course as tiny
import web_course
import web_quiz
from editor_page import written
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from web_course import PASSWORD, WRONG, Visitor

from autograder.web.data import people
from autograder.web.data.models import Role
from autograder.web.visit import BROWSER

pytestmark = [pytest.mark.slow, chromium.needs_browser]

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text()
RUN_AXE = """
const done = arguments[0];
axe.run(document, { resultTypes: ["violations"] }).then(({ violations }) => done(violations.map(
  ({ id, impact, nodes }) => [id, impact, nodes[0].html, nodes[0].failureSummary])), (error) => done([[String(error)]]));
"""
LOOKS = {"en": [(390, "dark")], "zh": [(1280, "light"), (390, "light")]}
MODES = ("practice", "test", "exam")
PUBLIC = ("/sign-in", "/link/none", "/nothing")
"""Pages for everybody; two of them are refusals."""


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A course with something to see on every page: attempts, an appeal, quizzes that are cold, begun and finished."""
    course = web_course.make(tmp_path_factory.mktemp("course"))
    for mode in MODES:
        web_quiz.make(course, mode)
    with ExitStack() as stack:
        with web_course.site(course) as opened:
            teacher = web_course.add(opened, "teacher", Role.instructor)
            web_course.publish(opened, teacher)
            for mode in MODES:
                web_quiz.publish(opened, teacher, mode, mode=mode, time_limit_s=1800 if mode == "exam" else None)
            everybody = {"teacher": teacher, "new": web_course.add(opened, "new"), "ann": web_course.add(opened, "ann")}
            with opened.database.write() as session:
                keys = {login: people.begin_session(session, person) for login, person in everybody.items()}
        _, address, _ = stack.enter_context(web_course.server(course))
        join, mistake = work(address, keys)
        yield SimpleNamespace(address=address, keys=keys, join=join, mistake=mistake)


def work(address, keys):
    """Let the student and their teacher do what leaves something to see; return the paths of the join link and of a mistake."""
    with visitor(address, keys["ann"]) as ann, visitor(address, keys["teacher"]) as teacher:
        for double in (tiny.DOUBLE, WRONG):
            ann.fill_in("/assignments/tiny", "/assignments/tiny/hand-in", **{"cell:double": double})
        wait_for_report(ann)
        for criterion in re.findall(r'<option value="([\w.]+)">', ann.get("/submissions/2").text)[:2]:
            ann.fill_in("/submissions/2", "/submissions/2/appeals", criterion=criterion, words="It is right.")
        for mode in MODES:
            ann.fill_in(f"/quizzes/{mode}")
        wrong = {"a:one": "A", "was:one": "-"}
        ann.fill_in("/quizzes/practice", "/quizzes/practice/check", question="one", **wrong)
        ann.fill_in("/quizzes/test", "/quizzes/test/finish", sure="yes", **wrong)
        teacher.fill_in("/appeals", "/appeals/1", words="It is not.", do="decline")
        page = teacher.fill_in("/class/people", "/class/join-link", do="open")
        found = teacher.get("/class/assignments/tiny").text
        return re.search(r"/join/[\w-]+", page.text)[0], re.search(r"/class/assignments/tiny/mistakes/\w+", found)[0]


def visitor(address, key):
    found = Visitor(address)
    found.cookies.set(BROWSER, key, domain="127.0.0.1")
    return found


def wait_for_report(ann):
    until = time.monotonic() + chromium.PATIENCE_S
    while 'id="waiting"' in ann.get("/submissions/2").text:
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.fixture(scope="module")
def page(served, tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    (folder / "log").touch()
    first, switches = "/sign-in", ["accept-lang=en"]
    browser = chromium.Browser(folder / "profile", served.address, folder / "log", first=first, switches=switches)
    yield browser
    browser.close()


def become(page, served, login):
    page.driver.delete_all_cookies()
    if login:
        page.driver.add_cookie({"name": BROWSER, "value": served.keys[login]})


def wear(page, width, scheme):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == 390}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def found_by_axe(page):
    """What is wrong with the page as it is, but for trifles."""
    return [found for found in page.driver.execute_async_script(RUN_AXE) if found[1:2] != ["minor"]]


def pages_of(served, login):
    """The pages that somebody sees, with what their addresses hold."""
    if login is None:
        return (*PUBLIC, served.join)
    if login == "teacher":
        shown = ("/class/people/3", "/class/as/3/assignments/tiny", "/class/events")
        numbers = ("/class/assignments/tiny", served.mistake, "/class/quizzes/test")
        return (
            "/class/gradebook",
            "/class/gradebook/ann/tiny",
            "/class/offerings",
            "/class/people",
            "/class/regrade/tiny",
            "/class/export",
            *shown,
            "/appeals",
            *numbers,
        )
    if login == "new":
        return ("/", "/assignments/tiny", "/assignments/tiny/history", "/quizzes/test", "/class/offerings")
    with visitor(served.address, served.keys[login]) as ann:
        review = re.search(r"/attempts/\d+", ann.get("/").text)[0]
    work = (
        "/",
        "/assignments/tiny",
        "/assignments/tiny/history",
        "/submissions/2",
        "/account",
        "/submissions/2/feedback",
    )
    return (*work, *(f"/quizzes/{mode}" for mode in MODES), "/quizzes/practice?only=2", review)


@pytest.mark.parametrize("login", [None, "new", "ann", "teacher"])
def test_axe_finds_nothing_on_any_page(served, page, login):
    become(page, served, login)
    problems = []
    for language, path in product(
        LOOKS, pages_of(served, login)
    ):  # to change the language at every page costs two more
        page.open(path)
        if page.driver.find_element(By.TAG_NAME, "html").get_attribute("lang")[:2] != language:
            page.click(f"//button[@name='language'][@value='{language}']")
            page.wait(f"//html[starts-with(@lang, '{language}')]")
            page.open(path)
        page.driver.execute_script(AXE)
        for width, scheme in LOOKS[language]:
            wear(page, width, scheme)
            problems += [(path, language, width, scheme, *found) for found in found_by_axe(page)]
            wide = page.driver.execute_script("return document.documentElement.scrollWidth")
            assert wide <= width, path
    assert not problems, json.dumps(problems, indent=1, ensure_ascii=False)


def test_the_class_follows_and_leaves_what_is_open_where_it_is(served, page):
    become(page, served, "teacher")
    wear(page, 1280, "light")
    page.open("/class/assignments/tiny")
    page.click("//div[@class='mistake']//summary")
    before = page.driver.execute_script("window.mark = 1; scrollTo(0, 1e6); return [scrollY, numbers.textContent]")
    assert before[0] > 0
    with visitor(served.address, served.keys["new"]) as new:
        new.fill_in("/assignments/tiny", "/assignments/tiny/hand-in", **{"cell:double": tiny.DOUBLE})
    page.until(lambda: "2 / 2" in page.text("//*[@id='numbers']"), "the second student")
    page.until(lambda: page.find("//tbody[@id='criteria']//meter[@value='0.5000']"), "the second report")
    mark, scrolled = page.driver.execute_script("return [window.mark, scrollY]")
    assert mark == 1
    assert scrolled == pytest.approx(before[0], abs=200)
    assert page.find("//div[@class='mistake']/details[@open]")


def test_the_gradebook_is_searched_and_sorted_in_the_page(served, page):
    def logins():
        return [row.text.split()[-1] for row in page.find("//table[@id='scores']/tbody/tr/th")]

    become(page, served, "teacher")
    wear(page, 1280, "light")
    page.open("/class/gradebook")
    page.gone("//form[@id='search']//button")  # which nobody needs once the script has everything
    before = logins()
    assert len(before) >= 2
    page.click("//th[@data-sort='login']/a")
    page.until(lambda: logins() == before[::-1], "the other way round")
    field = page.wait("//input[@name='q']")
    field.send_keys("ANN")
    page.until(lambda: logins() == ["ann"], "the one")
    assert page.driver.current_url.endswith("?q=ANN&sort=-login")  # which the page without scripts understands
    field.send_keys(Keys.BACKSPACE * 3)
    page.click("//input[@name='needs']")
    page.until(lambda: logins() == ["ann"], "who has an open appeal")


FOCUS = """
const active = document.activeElement, style = getComputedStyle(active.closest(".cm-editor") || active);
const { top, bottom } = active.getBoundingClientRect();
return [active.matches(arguments[0]), active !== document.body && style.outlineStyle !== "none" && bottom > 0 && top < innerHeight];
"""


class Hands:
    """Somebody with a keyboard and nothing else, who has to see where they are."""

    def __init__(self, page):
        self._page = page

    def press(self, *keys):
        self._page.driver.switch_to.active_element.send_keys(*keys)

    def is_at(self, selector):
        """Whether the focus is there; anywhere, it has to be seen as soon as the page has drawn it."""
        until = time.monotonic() + 2
        is_there, is_seen = self._page.driver.execute_script(FOCUS, selector)
        while not is_seen and time.monotonic() < until:
            is_there, is_seen = self._page.driver.execute_script(FOCUS, selector)
        where = self._page.driver.switch_to.active_element.get_attribute("outerHTML")[:200]
        assert is_seen, f"{where}: nobody sees that the focus is here"
        return is_there

    def go_to(self, selector, key=Keys.TAB):
        for _ in range(60):
            self.press(key)
            if self.is_at(selector):
                return
        raise AssertionError(f"{selector}: not reached by keys")


def test_a_student_needs_no_more_than_a_keyboard(served, page):
    become(page, served, None)
    wear(page, 1280, "light")
    hands = Hands(page)
    page.open(served.join)
    hands.go_to(".skip")
    hands.press(Keys.ENTER)
    hands.press(Keys.TAB)
    assert hands.is_at("input[name=login]")
    for words in ("keys", "Keys", PASSWORD):
        hands.press(words)
        hands.go_to("input, button")
    hands.press(Keys.ENTER)
    page.wait("//a[contains(@href, '/assignments/tiny')]")

    hands.go_to("a[href$='/assignments/tiny']")
    hands.press(Keys.ENTER)
    page.wait("//*[@id='cell-double']//*[contains(@class, 'cm-content')]")
    writes_and_hands_in(page, hands)
    answers_and_finishes(page, hands)


def writes_and_hands_in(page, hands):
    hands.go_to("#cell-step .cm-content")  # Tab passes an editor in which nothing is done
    assert written(page, "double") == web_course.STUBS["double"]
    hands.go_to("#cell-double .cm-content", Keys.SHIFT + Keys.TAB)
    replace(hands, WRONG)
    hands.press(Keys.END, Keys.TAB)
    assert written(page, "double") == WRONG.rstrip() + " " * 2
    hands.press(Keys.ESCAPE)
    hands.go_to("button[name=exercise][value=double]")
    hands.press(Keys.SPACE)
    page.wait("//section[@id='exercise-double']//details[@class='hint']")
    assert hands.is_at("button[name=exercise][value=double]")
    hands.go_to(".hint summary")
    hands.press(Keys.ENTER)
    assert page.find("//details[@class='hint'][@open]")
    hands.press(Keys.F8)
    assert hands.is_at("#cell-double .cm-content")
    replace(hands, tiny.DOUBLE)
    hands.press(Keys.CONTROL, Keys.ENTER)
    page.wait("//section[@id='exercise-double'][@data-state='right']")
    assert hands.is_at("#cell-double .cm-content")
    hands.press(Keys.ESCAPE)
    hands.go_to("button[formaction$='/hand-in']")
    hands.press(Keys.ENTER)
    page.wait("//div[@class='total']/b")


def replace(hands, source):
    """Write over everything, on lines that the editor indents by itself."""
    hands.press(Keys.CONTROL, "a")
    before, *lines = [line.strip() for line in source.strip().splitlines()]
    hands.press(before)
    for line in lines:
        hands.press(Keys.ENTER, line)


def answers_and_finishes(page, hands):
    page.open("/")
    hands.go_to("a[href$='/quizzes/practice']")
    hands.press(Keys.ENTER)
    page.wait("//main//form//button")
    hands.go_to("main button")
    hands.press(Keys.ENTER)
    page.wait("//section[@id='question-1']")
    hands.go_to("input[type=radio]")
    hands.press(Keys.ARROW_DOWN, Keys.SPACE)
    hands.go_to("#question-1 button.main")
    hands.press(Keys.SPACE)
    page.wait("//section[@id='question-1']//div[@class='said']//strong")
    page.until(lambda: hands.is_at("#question-1 *"), "the focus in the question")
    hands.go_to("button[formaction$='/finish']")
    hands.press(Keys.ENTER)
    page.until(lambda: page.find("//button[@name='sure']"), "are you sure")
    hands.go_to("button[name=sure]")
    hands.press(Keys.ENTER)
    page.until(lambda: "/attempts/" in page.driver.current_url, "the end")
    page.wait("//div[@class='total']/b")
