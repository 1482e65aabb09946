"""The formgrader's page of a submission, rendered as its handler does it: by its own exporter, template and settings."""

from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from nbconvert.exporters import HTMLExporter
from nbgrader.server_extensions.formgrader.formgrader import FormgradeExtension


class FormgraderPage:
    """Renders notebooks of a course.

    Args:
        root: the course's folder, with its ``nbgrader_config.py``.
    """

    def __init__(self, root: Path) -> None:
        extension = FormgradeExtension()
        extension.load_cwd_config = False
        extension.config_dir = str(root)
        extension.initialize([], root=str(root))
        self._exporter: Any = HTMLExporter(config=extension.config)  # type: ignore[no-untyped-call]

    def render(self, file: Path) -> BeautifulSoup:
        """Return the page; raises what would be the server's error 500."""
        resources = {
            **{"assignment_id": "tiny", "notebook_id": file.stem, "submission_id": "0", "index": 0, "total": 1},
            **{"base_url": "", "student": "ann", "last_name": None, "first_name": None, "notebook_path": file.name},
        }
        return BeautifulSoup(self._exporter.from_filename(str(file), resources=resources)[0], "html.parser")


def fields(page: BeautifulSoup) -> tuple[set[str], set[str]]:
    """Return the cells that can be given a score on this page, and those that can be given a comment."""
    scores = {str(tag["id"]) for tag in page.find_all("input", class_="score")}
    return scores, {str(tag["id"]).removesuffix("-comment") for tag in page.find_all("textarea", class_="comment")}


def acting(page: BeautifulSoup) -> list[str]:
    """Return what could act in the part of the page that shows the notebook."""
    found: list[str] = []
    shown = page.find(id="notebook-container")
    assert isinstance(shown, Tag)
    for tag in shown.find_all(True):  # a selector would try every element of the page, which takes four times as long
        if tag.name in ("script", "svg", "iframe", "form", "style", "object", "link", "meta"):
            found.append(tag.name)
        for name, value in tag.attrs.items():
            address = "".join(str(value).split()).lower()
            if name.startswith("on") or (name in ("href", "src") and address.startswith(("javascript:", "vbscript:"))):
                found.append(f"{tag.name} {name}={value}")
            if name in ("href", "src") and address.startswith("data:") and not address.startswith("data:image/"):
                found.append(f"{tag.name} {name}={value}")
            if tag.name == "a" and name == "href" and address.startswith("data:"):
                found.append(f"{tag.name} {name}={value}")
    return found
