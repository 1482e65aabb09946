"""The assignment's page as an editor in a real Chromium: keys, checks, reset, reload, lost connections, two tabs."""

from contextlib import ExitStack

import browser as chromium
import pytest
import tiny_course as tiny
import web_course
from editor_page import editor, write, written
from selenium.webdriver.common.keys import Keys
from web_course import PASSWORD, STUBS, WRONG

pytestmark = [pytest.mark.slow, chromium.needs_browser]

STATE = "//*[@id='state']"
NOTE = "//*[@id='cell-step']//*[contains(@class, 'note')]"
OFFLINE = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


class Student:
    """Somebody in a browser, and the server they use, which can be stopped and started again."""

    def __init__(self, course, folder, stack):
        self._course, self._stack = course, stack
        self.process, self.address, link = stack.enter_context(web_course.server(course))
        stack.enter_context(web_course.opened_course(self.address, link, "ann"))
        (folder / "log").touch()
        self.page = chromium.Browser(
            folder / "profile", self.address, folder / "log", first="/sign-in?next=/assignments/tiny",
            switches=["accept-lang=en"],
        )  # fmt: skip
        stack.callback(self.page.close)
        for name, value in {"login": "ann", "password": PASSWORD}.items():
            self.page.wait(f"//input[@name='{name}']").send_keys(value)
        self.page.driver.switch_to.active_element.send_keys(Keys.ENTER)

    def stop(self):
        self.process.kill()
        self.process.wait()

    def start(self):
        port = self.address.rpartition(":")[2]
        self.process, again, _ = self._stack.enter_context(web_course.server(self._course, "--port", port))
        assert again == self.address

    def resize(self, width):
        metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width == 390}
        self.page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def press(self, xpath):
        """Click something, out of the way of the bar at the bottom."""
        found = self.page.wait(xpath)
        self.page.driver.execute_script("arguments[0].scrollIntoView({ block: 'center' })", found)
        found.click()

    def says(self, words, where=STATE):
        self.page.until(lambda: words in self.page.text(where), words)

    def is_saved(self):
        self.page.until(lambda: self.page.text(STATE) == "saved", "saved")

    def has_state(self, exercise, words):
        self.says(words, f"//section[@id='exercise-{exercise}']//*[@class='how soft']")

    def is_in(self, cell):
        script = "return document.activeElement.closest('.answer-cell')?.id"
        return self.page.driver.execute_script(script) == f"cell-{cell}"

    def connect(self, *, offline=False):
        self.page.driver.execute_cdp_cmd("Network.enable", {})
        self.page.driver.execute_cdp_cmd("Network.emulateNetworkConditions", OFFLINE | {"offline": offline})


@pytest.fixture
def ann(tmp_path):
    with ExitStack() as stack:
        yield Student(web_course.make(tmp_path / "course"), tmp_path, stack)


def test_one_writes_checks_resets_loses_the_connection_and_opens_a_second_tab(ann):
    ann.resize(1280)
    keys_check_and_lead_on(ann)
    reset_is_undone(ann)
    problems = [entry["message"] for entry in ann.page.driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert problems == []
    ann.resize(390)
    what_is_written_outlives_the_server_and_the_tab(ann)
    two_tabs_keep_both_texts(ann)
    size = "return parseFloat(getComputedStyle(document.querySelector('.cm-content')).fontSize)"
    assert ann.page.driver.execute_script(size) >= 16
    assert ann.page.driver.execute_script("return document.documentElement.scrollWidth") <= 390


def keys_check_and_lead_on(ann):
    write(ann.page, "double", WRONG).send_keys(Keys.CONTROL, Keys.ENTER)
    assert written(ann.page, "double") == WRONG.rstrip()
    ann.has_state("double", "not right yet")
    editor(ann.page, "double").send_keys(Keys.END, Keys.TAB, "#")
    assert written(ann.page, "double") == f"{WRONG.rstrip()}  #"
    editor(ann.page, "double").send_keys(Keys.ESCAPE)
    ann.page.driver.switch_to.active_element.send_keys(Keys.TAB)
    assert ann.page.driver.switch_to.active_element.get_attribute("name") == "reset"
    write(ann.page, "double", tiny.DOUBLE)
    ann.has_state("double", "changed since")
    editor(ann.page, "double").send_keys(Keys.CONTROL, Keys.ENTER)
    ann.has_state("double", "right")
    ann.says("all 1 exercises", "//section[@id='progress']")
    ann.page.driver.refresh()
    assert written(ann.page, "double") == tiny.DOUBLE.rstrip()
    ann.has_state("double", "checked: right")
    ann.has_state("step", "judged after you hand in")


def reset_is_undone(ann):
    mine = written(ann.page, "double")
    ann.press("//button[@name='reset' and @value='double']")
    assert written(ann.page, "double") == STUBS["double"]
    ann.is_saved()
    ann.page.driver.switch_to.active_element.send_keys(Keys.F8)
    assert ann.is_in("double")
    ann.page.driver.switch_to.active_element.send_keys(Keys.CONTROL, "z")
    assert written(ann.page, "double") == mine
    ann.press("//button[@name='reset' and @value='double']")
    ann.press("//*[@id='cell-double']//button[normalize-space()='Undo']")
    assert written(ann.page, "double") == mine
    ann.is_saved()


def what_is_written_outlives_the_server_and_the_tab(ann):
    ann.stop()
    write(ann.page, "step", "first = 1")
    ann.says("no connection")
    editor(ann.page, "step").send_keys("23")
    ann.start()
    ann.is_saved()
    ann.stop()
    editor(ann.page, "step").send_keys("4")
    ann.says("no connection")
    ann.page.driver.get("about:blank")
    ann.start()
    ann.page.open("/assignments/tiny")
    ann.says("Restored", NOTE)
    assert written(ann.page, "step") == "first = 1234"
    ann.is_saved()


def two_tabs_keep_both_texts(ann):
    driver = ann.page.driver
    first = driver.current_window_handle
    driver.switch_to.new_window("tab")
    second = driver.current_window_handle
    ann.page.open("/assignments/tiny")
    write(ann.page, "step", "second = 2")
    ann.is_saved()
    driver.switch_to.window(first)
    ann.says("Brought up to date", NOTE)
    assert written(ann.page, "step") == "second = 2"

    ann.connect(offline=True)
    write(ann.page, "step", "mine = 3")
    ann.says("no connection")
    driver.switch_to.window(second)
    write(ann.page, "step", "theirs = 4")
    ann.is_saved()
    driver.switch_to.window(first)
    ann.connect()
    ann.press("//*[@class='elsewhere']//summary")
    assert ann.page.text("//*[@class='elsewhere']//pre") == "theirs = 4"
    assert written(ann.page, "step") == "mine = 3"
    ann.press("//button[contains(@formaction, '/hand-in')]")
    ann.says("not handed in", "//*[@role='alert']")
    assert written(ann.page, "step") == "mine = 3"
    ann.press("//button[@name='take']")
    assert written(ann.page, "step") == "theirs = 4"
    ann.press("//*[@id='cell-step']//button[normalize-space()='Undo']")
    ann.is_saved()
    driver.refresh()
    assert written(ann.page, "step") == "mine = 3"
