"""Starts a real JupyterLab and a real Chromium, as an instructor uses them; both keep to the folder they are given."""

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest
import stock
from selenium import webdriver
from selenium.common.exceptions import (
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
    TimeoutException,
)
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="needs Chromium and its chromedriver")
PATIENCE_S = 120
"""How long anything may take on a busy machine."""
T = TypeVar("T")
TOKEN = "token-of-this-test"
_REPLACED = (StaleElementReferenceException, ElementNotInteractableException, NoSuchElementException)
"""Pages replace elements at any moment, even between finding one and using it."""


@contextmanager
def jupyter_lab(root: Path, course: Path, own: Path) -> Iterator[str]:
    """Run JupyterLab with the files below `root`, started in the folder `course`; yield its address.

    Args:
        root: the folder of the files that it shows.
        course: where it is started; nbgrader reads the configuration there.
        own: an empty folder for everything that Jupyter would put into a home.
    """
    own.mkdir(exist_ok=True)
    folders = {"HOME": "home", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime", "IPYTHONDIR": "ipython"}  # fmt: skip
    environment = stock.environment(**{name: str(own / folder) for name, folder in folders.items()})
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", f"--ServerApp.port={_free_port()}", f"--ServerApp.root_dir={root}"),
        *(f"--IdentityProvider.token={TOKEN}", "--LabApp.extension_manager=readonly", "--LabApp.news_url=None"),
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with (own / "lab.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=course, env=environment, stdout=log, stderr=log)
    try:
        yield _address(server, own)
    finally:
        server.terminate()
        server.wait(PATIENCE_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _address(server: subprocess.Popen[bytes], own: Path) -> str:
    """Return the address that the server reports: another process may have taken the port we chose."""
    until = time.monotonic() + PATIENCE_S
    while server.poll() is None and time.monotonic() < until:
        for file in (own / "runtime").glob("jpserver-*.json"):
            try:
                return str(json.loads(file.read_text())["url"])
            except ValueError:  # it is being written
                continue
        time.sleep(0.1)
    raise AssertionError("JupyterLab did not start:\n" + (own / "lab.log").read_text()[-4000:])


class Browser:
    """Chromium with one page. If something does not appear in time, the error shows the page and the server's log.

    Args:
        profile: a folder for its profile and its cache.
        address: the server's address.
        log: the server's log file.
        first: the page to begin with; a Jupyter server's cookie says who we are from then on.
        switches: more switches for Chromium.
    """

    def __init__(
        self, profile: Path, address: str, log: Path, *, first: str = f"api?token={TOKEN}", switches: Iterable[str] = ()
    ) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM or ""
        for switch in ("headless=new", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-background-networking", "disable-component-update", "disable-sync", "window-size=1400,1600", f"user-data-dir={profile}", *switches):  # fmt: skip
            options.add_argument(f"--{switch}")
        self._address, self._log = address, log
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.driver.set_page_load_timeout(PATIENCE_S)
        self.open(first)

    def close(self) -> None:
        self.driver.quit()

    def open(self, path: str) -> None:
        self.driver.get(self._address + path)

    def find(self, xpath: str) -> list[WebElement]:
        """Return the elements that are visible now."""
        return [element for element in self.driver.find_elements(By.XPATH, xpath) if element.is_displayed()]

    def until(self, condition: Callable[[], T], what: str) -> T:
        """Wait until a function returns something true, and return that."""
        try:
            return WebDriverWait(self.driver, PATIENCE_S, 0.1, _REPLACED).until(lambda _: condition())
        except TimeoutException:
            page = self.driver.find_element(By.TAG_NAME, "body").text
            log = Path(self._log).read_text()[-4000:]
            message = f"{what}: did not come in {PATIENCE_S} s at {self.driver.current_url}\n{page}\n--- server\n{log}"
            raise AssertionError(message) from None

    def wait(self, xpath: str) -> WebElement:
        """Wait for a visible element and return the first."""
        return self.until(lambda: self.find(xpath), xpath)[0]

    def gone(self, xpath: str) -> None:
        self.until(lambda: not self.find(xpath), f"no {xpath}")

    def text(self, xpath: str) -> str:
        return self.until(lambda: found[0].text if (found := self.find(xpath)) else "", f"text of {xpath}")

    def click(self, xpath: str) -> None:
        def click() -> bool:
            self.wait(xpath).click()
            return True

        self.until(click, f"click {xpath}")
