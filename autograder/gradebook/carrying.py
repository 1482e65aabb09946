"""Writes into a notebook for students what makes it enough on its own: a first code cell with the kit.

The cell has no mark of nbgrader's: it is worth nothing, is in no gradebook, and no checksum covers it.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nbformat import NotebookNode, from_dict
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Int, TraitError, Unicode, validate

import autograder
from autograder.base.i18n import OURS, Language, text
from autograder.course.course import Assignment, Course
from autograder.course.kit import Kit
from autograder.gradebook import due_dates
from autograder.gradebook.nbgrader_course import PRIVATE, rubric_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbgrader.converters import GenerateAssignment

_CELL = """\
{about}
try:
    import autograder
except ModuleNotFoundError:
    %pip install --quiet {install}
"""
_WITH_FILES = """\
    import autograder
autograder.unpack()  # {about}
"""


class AddKit(NbGraderPreprocessor):  # type: ignore[misc]
    """Adds the first code cell; for ``c.GenerateAssignment.preprocessors``, after all of nbgrader's own.

    It is added to notebooks with a rubric only. `autograder release` uses it even if no configuration names it.
    """

    install = Unicode(
        f"dl-autograder~={autograder.__version__}",
        help="What the first code cell gives to pip where autograder is missing: a requirement, or the address of a "
        "wheel; options such as --extra-index-url may come first.",
    ).tag(config=True)
    max_kb = Int(
        256,
        help="How much of the visible files besides rubric and settings, which it always carries, a notebook carries; "
        "in KB, compressed.",
    ).tag(config=True)

    due = Unicode("", help="When the gradebook says that the assignment is due; `autograder release` sets it.").tag(
        config=True
    )

    @validate("install")
    def _is_one_line(self, proposal: dict[str, Any]) -> str:
        given = str(proposal["value"]).strip()
        if not given or not given.isprintable():
            raise TraitError("install must be one line: what follows `pip install`")
        return given

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Add the cell before the notebook's first code cell."""
        place = resources["nbgrader"]
        folders = cast("GenerateAssignment", self.parent.parent).coursedir
        notebook = Path(folders.format_path(folders.source_directory, ".", place["assignment"]), place["notebook"])
        _name_added_cells(nb, notebook.with_name(f"{notebook.name}.ipynb"))
        if rubric_of(folders, place["assignment"], place["notebook"]) is None:
            return nb, resources
        source, target = (
            Path(folders.format_path(folder, ".", place["assignment"])).resolve()
            for folder in (folders.source_directory, folders.release_directory)
        )
        course = Course(Path(folders.root))
        _name_language(target, course)
        due_dates.put_in(target, datetime.fromisoformat(self.due) if self.due else None)
        names = [name for name in _visible_files(target) if (source / name).is_file()]
        kit = Kit.pack(target, names, name=place["assignment"], max_kb=self.max_kb)
        if kit.left_out:
            self.log.warning("not in the notebook, because max_kb is %d: %s", self.max_kb, ", ".join(kit.left_out))
        position = next((n for n, cell in enumerate(nb.cells) if cell.cell_type == "code"), len(nb.cells))
        nb.cells.insert(position, _cell(kit, self.install, course.languages, has_id=nb.nbformat_minor >= 5))
        return nb, resources


def _name_added_cells(nb: NotebookNode, source: Path) -> None:
    """Number the cells of a header or footer that have no id: nbformat would give them other ids in every release."""
    if nb.nbformat_minor < 5:
        return
    own = {cell.get("id") for cell in json.loads(source.read_bytes())["cells"]}
    for number, cell in enumerate(cell for cell in nb.cells if cell.get("id") not in own):
        cell.id = f"added-{number}"


def _name_language(folder: Path, course: Course) -> None:
    """Write the course's first language into students' copy, which knows no course and would take ours for it."""
    language, settings = course.languages[0], folder / "assignment.yaml"
    if language != OURS[0] and "language" not in Assignment.load(folder).settings.model_fields_set:
        content = settings.read_text(encoding="utf-8-sig").rstrip("\n")
        settings.write_text(f"{content}\nlanguage: {language}\n", encoding="utf-8")


def _visible_files(folder: Path) -> list[str]:
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and p.suffix != ".ipynb")
    hidden = (PRIVATE, "__pycache__")
    return sorted(p.as_posix() for p in found if not any(part in hidden or part[0] == "." for part in p.parts))


def _cell(kit: Kit, install: str, languages: Sequence[Language], *, has_id: bool) -> NotebookNode:
    first = text("Run this cell first: it installs autograder if need be. Keep the long comment: check needs it.")
    files = text("the files that the notebook reads")
    source = _CELL.format(about="\n".join(dict.fromkeys(f"# {first.get(one)}" for one in languages)), install=install)
    if kit.others:
        source += _WITH_FILES.format(about=" / ".join(dict.fromkeys(files.get(one) for one in languages)))
    source += kit.lines
    # students' editors keep it from being changed by accident, and grading does not run it
    metadata = {"deletable": False, "editable": False, "tags": ["skip-grading"]}
    cell: dict[str, Any] = {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }
    return cast("NotebookNode", from_dict(cell | ({"id": "autograder-kit"} if has_id else {})))
