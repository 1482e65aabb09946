"""An instructor and students in a real Chromium: publish, join, write, check, fail, mend, hand in, read the result."""

import os
from pathlib import Path

import browser as chromium
import pytest
import tiny_course as tiny
import web_course
from editor_page import write, written
from selenium.webdriver.common.keys import Keys
from web_course import PASSWORD, WRONG

SHOTS = os.environ.get("AUTOGRADER_SCREENSHOTS")
"""A folder for pictures of every page, to be looked at."""
PHONE, DESK = 390, 1280
pytestmark = [pytest.mark.slow, chromium.needs_browser]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with web_course.server(web_course.make(tmp_path_factory.mktemp("course"))) as (_, address, link):
        yield address, link.removeprefix(address)


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
        teacher.click("//button[@value='open']")
        link = teacher.text("//pre")
        teacher.click("//button[normalize-space()='Publish']")
        teacher.wait("//button[normalize-space()='Change']")
        look_at(teacher, "class", DESK)
        resize(teacher, PHONE, 900)
        look_at(teacher, "class", PHONE)
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

    write(browser, "double", tiny.DOUBLE).send_keys(Keys.CONTROL, Keys.ENTER)
    browser.until(lambda: verdicts(browser) == ["✓", "✓"], "the verdicts")

    write(browser, "step", "def step(params, lr):")
    browser.until(lambda: browser.text("//*[@id='state']") == {"en": "saved", "zh": "已保存"}[language], "saved")
    browser.driver.refresh()
    assert written(browser, "step") == "def step(params, lr):"
    write(browser, "step", tiny.STEP)
    browser.click("//button[contains(@formaction, '/hand-in')]")

    assert browser.text("//div[@class='total']/b") == "10"
    look_at(browser, f"result-{language}", width)
