"""The assignment's page in Chromium: its editors, written into with real keys."""

from browser import Browser
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement


def editor(browser: Browser, cell: str) -> WebElement:
    return browser.wait(f"//*[@id='cell-{cell}']//*[contains(@class, 'cm-content')]")


def write(browser: Browser, cell: str, source: str) -> WebElement:
    """Replace what is in a cell, as fingers do; what the editor indents by itself is taken away, as after a last `return`."""
    area = editor(browser, cell)
    browser.driver.execute_script("arguments[0].scrollIntoView({ block: 'center' })", area)
    area.click()
    area.send_keys(Keys.CONTROL, "a")
    first, *lines = source.splitlines()
    area.send_keys(first)
    for line in lines:
        area.send_keys(Keys.ENTER, Keys.SHIFT + Keys.HOME + Keys.NULL, Keys.DELETE, line)
    return area


def written(browser: Browser, cell: str) -> str:
    """Return what is in a cell, as its form would send it."""
    editor(browser, cell)
    script = "return document.querySelector(`textarea[name='cell:${arguments[0]}']`).value"
    return str(browser.driver.execute_script(script, cell))
