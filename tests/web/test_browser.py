"""An instructor and students in a real Chromium: publish, join, write, check, fail, mend, hand in, read the result."""

import json
import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import browser as chromium
import psutil
import pytest
import tiny_course as tiny
import web_course
import web_quiz
from editor_page import write, written
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from web_course import PASSWORD, WRONG

SHOTS = os.environ.get("AUTOGRADER_SCREENSHOTS")
"""A folder for pictures of every page, to be looked at."""
PHONE, DESK = 390, 1280
_PNG = "89504e470d0a1a0a0000000d49484452000000040000000208000000005ac322bf0000001049444154789c63f8cff09f810144000015f403fdf2cdf77a0000000049454e44ae426082"
DRAWS = f'display(type("Picture", (), {{"_repr_png_": lambda self: bytes.fromhex("{_PNG}")}})())'
"""A last line of a cell that shows a picture of 4 by 2 pixels."""
pytestmark = [pytest.mark.slow, chromium.needs_browser]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    course = web_course.make(tmp_path_factory.mktemp("course"))
    web_quiz.make(course)
    with web_course.server(course) as (_, address, link):
        yield address, link.removeprefix(address), course


@pytest.fixture
def open_browser(served, tmp_path):
    log = tmp_path / "log"
    log.touch()
    opened = []

    def open_browser(width, language, first):
        switches = [f"accept-lang={language}", f"lang={language}"]
        profile = tmp_path / f"profile{len(opened)}"
        browser = chromium.Browser(profile, served[0], log, first=first, switches=switches)
        opened.append(browser)
        resize(browser, width, 900)
        return browser

    yield open_browser
    for browser in opened:
        browser.close()


def resize(browser, width, height):
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def look_at(browser, name, width):
    """Make sure that nothing is wider than the window and no script has failed; take pictures if they are wanted."""
    driver = browser.driver
    wide = "return document.documentElement.scrollWidth"
    assert driver.execute_script(wide) <= width, name
    assert [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"] == []
    for scheme in ("light", "dark") if SHOTS else ():
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        resize(browser, width, driver.execute_script("return document.documentElement.scrollHeight"))
        driver.save_screenshot(str(Path(SHOTS) / f"{name}-{width}-{scheme}.png"))
        resize(browser, width, 900)


def enter(browser, **values):
    for name, value in values.items():
        browser.wait(f"//input[@name='{name}']").send_keys(value)
    browser.driver.switch_to.active_element.send_keys(Keys.ENTER)


def verdicts(browser):
    """The marks below an exercise that was checked."""
    return [mark.text for mark in browser.find("//section[@id='exercise-double']//ul[@class='marks']/li/span[1]")]


@pytest.fixture(scope="module")
def join_link(served, tmp_path_factory):
    """What the instructor does first, with the link that the server has printed."""
    base = tmp_path_factory.mktemp("teacher")
    (base / "log").touch()
    teacher = chromium.Browser(base / "profile", served[0], base / "log", first=served[1], switches=["accept-lang=en"])
    try:
        resize(teacher, DESK, 900)
        enter(teacher, login="teacher", name="Teacher", password=PASSWORD)
        teacher.click("//a[normalize-space()='People']")
        teacher.click("//button[@value='open']")
        link = teacher.text("//pre")
        teacher.click("//a[normalize-space()='Offerings']")
        teacher.click("//button[normalize-space()='Publish']")
        teacher.wait("//button[normalize-space()='Change']")
        quiz = "//form[contains(@action, '/class/quizzes')]"
        teacher.wait(f"{quiz}//input[@name='minutes']").send_keys("30")
        Select(teacher.wait(f"{quiz}//select[@name='mode']")).select_by_value("test")
        teacher.click(f"{quiz}//button")
        teacher.wait(f"{quiz}//button[normalize-space()='Change']")
        look_at(teacher, "offerings", DESK)
        resize(teacher, PHONE, 900)
        look_at(teacher, "offerings", PHONE)
        yield link.removeprefix(served[0])
    finally:
        teacher.close()


@pytest.mark.parametrize(("width", "language"), [(PHONE, "en"), (DESK, "zh")])
def test_a_students_way_from_the_link_to_the_result(join_link, open_browser, width, language):
    browser = open_browser(width, language, join_link)
    look_at(browser, f"join-{language}", width)
    enter(browser, login=f"student{width}", name="Ann", password=PASSWORD)
    browser.wait("//a[contains(@href, '/assignments/tiny')]")
    look_at(browser, f"home-{language}", width)
    browser.click("//a[contains(@href, '/assignments/tiny')]")

    write(browser, "double", WRONG).send_keys(Keys.CONTROL, Keys.ENTER)
    browser.until(lambda: verdicts(browser) == ["✗", "–"], "the verdicts")
    hint = browser.wait("//details[@class='hint']/summary")
    assert "2 * x" not in browser.text("//section[@id='exercise-double']")
    hint.click()
    assert "2 * x" in browser.text("//section[@id='exercise-double']")
    look_at(browser, f"failed-{language}", width)

    write(browser, "double", f"{tiny.DOUBLE}\n{DRAWS}").send_keys(Keys.CONTROL, Keys.ENTER)
    browser.until(lambda: verdicts(browser) == ["✓", "✓"], "the verdicts")
    picture = browser.wait("//section[@class='shown']/img")
    assert browser.driver.execute_script("return [arguments[0].naturalWidth, arguments[0].naturalHeight]", picture) == [
        4,
        2,
    ]
    look_at(browser, f"drawn-{language}", width)

    write(browser, "step", "def step(params, lr):")
    browser.until(lambda: browser.text("//*[@id='state']") == {"en": "saved", "zh": "已保存"}[language], "saved")
    browser.driver.refresh()
    assert written(browser, "step") == "def step(params, lr):"
    write(browser, "step", tiny.STEP)
    browser.click("//button[contains(@formaction, '/hand-in')]")

    assert browser.text("//div[@class='total']/b") == "10"
    look_at(browser, f"result-{language}", width)


TICKED = ("a:one=B", "a:some=A", "a:some=C", "a:statement=true")
TYPED = {"a:shapes:W": "8×1", "a:shapes:b": "1x1", "a:words:word": "bias", "a:sum": "three", "a:varied": "1", "a:write": "x.mean()"}  # fmt: skip
CHOSEN = {"a:words:choice": "A", "a:pairs:a": "Y", "a:pairs:b": "X"} | {f"a:steps:{n}": item for n, item in enumerate("dacb")}  # fmt: skip


def saved_sum(course):
    """What the server has of the question «sum»."""
    with closing(sqlite3.connect(course.root / ".autograder" / "web.db", timeout=30)) as database:
        ((value,),) = database.execute("select value from answer where question = 'sum' and seq = 0").fetchall()
    return json.loads(value)


def filled_in(browser):
    """What stands in the form: the ticks, and every other field by name."""
    ticked = {f"{box.get_attribute('name')}={box.get_attribute('value')}" for box in browser.find("//input[@value]") if box.is_selected()}  # fmt: skip
    fields = browser.find("//fieldset//input[@type='text'] | //fieldset//select")
    return ticked, {field.get_attribute("name"): field.get_attribute("value") for field in fields}


def test_a_quiz_outlives_its_browser_and_ends_when_its_time_is_over(served, join_link, open_browser):
    first = open_browser(PHONE, "zh", join_link)
    enter(first, login="quizzer", name="Cleo", password=PASSWORD)
    first.click("//a[contains(@href, '/quizzes/tiny')]")
    first.wait("//main//form//button")
    look_at(first, "quiz-cover-zh", PHONE)
    first.click("//main//form//button")
    for tick in TICKED:
        name, _, value = tick.partition("=")
        first.wait(f"//input[@name='{name}'][@value='{value}']").send_keys(Keys.SPACE)
    for name, words in TYPED.items():
        first.wait(f"//input[@name='{name}']").send_keys(words)
    first.until(lambda: first.text("//*[@id='state']") == "已保存", "saved")
    for name, value in CHOSEN.items():
        # tells the page of a change, not of input
        Select(first.wait(f"//select[@name='{name}']")).select_by_value(value)
    first.wait("//section[@id='question-6']//p[contains(@class, 'complaint')]")
    first.until(lambda: first.text("//*[@id='state']") == "已保存", "saved")
    look_at(first, "quiz-zh", PHONE)
    for process in psutil.Process(first.driver.service.process.pid).children(recursive=True):
        process.kill()  # without a word to the page

    with closing(sqlite3.connect(served[2].root / ".autograder" / "web.db", timeout=30)) as database, database:
        soon = datetime.now(UTC) + timedelta(seconds=30)
        database.execute("update quiz_attempt set ends_at = ?", (soon.replace(tzinfo=None).isoformat(" "),))
    second = open_browser(DESK, "en", "/sign-in?next=/quizzes/tiny")
    enter(second, login="quizzer", password=PASSWORD)
    second.wait("//section[@id='question-10']")
    ticked, fields = filled_in(second)
    assert ticked == set(TICKED)
    assert {name: fields[name] for name in (*TYPED, *CHOSEN)} == TYPED | CHOSEN
    for words in ("4", "three", "3"):  # also back to what the page was made with
        total = second.wait("//input[@name='a:sum']")
        total.clear()
        total.send_keys(words)
        second.until(lambda words=words: saved_sum(served[2]) == words, f"{words} on disk")
    second.until(lambda: "/attempts/" in second.driver.current_url, "the end")
    second.until(lambda: bool(second.find("//div[@class='total']/b")), "the result")
    right = [mark.text for mark in second.find("//section//h2/span[@class='passed']")]
    assert len(right) == 8  # all but a number nobody can guess, and a sentence with a blank left out
    look_at(second, "quiz-review-en", DESK)
