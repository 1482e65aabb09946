"""From ``solutions/`` to what students get: nbgrader's own conversion, searched before anybody can read it."""

from __future__ import annotations

import filecmp
import tempfile
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

from autograder.base.errors import GradebookError, UsageError
from autograder.base.files import replace_file
from autograder.base.i18n import text
from autograder.course.course import Course
from autograder.gradebook import leaks
from autograder.gradebook.nbgrader_course import NbgraderCourse, set_for_a_while


@dataclass
class Release:
    """The result of releasing an assignment.

    Args:
        name: the assignment.
        folder: what students get.
        changed: files that are new or different.
        strangers: files in the folder that do not come from ``solutions/``.
    """

    name: str
    folder: Path
    changed: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)


def release(course: Course, nbgrader: NbgraderCourse, name: str) -> Release:
    """Make an assignment's release folder and enter its cells into the gradebook.

    Nothing is written where students or the gradebook would see it until the leak check has passed.

    Args:
        course: the course.
        nbgrader: its configuration.
        name: the assignment.

    Raises:
        UsageError: there is no such assignment.
        LeakError: something secret is in what students would get.
        GradebookError: nbgrader cannot convert the source.
    """
    source, target = nbgrader.folder("source", ".", name), nbgrader.folder("release", ".", name)
    if not any(source.glob("*.ipynb")):
        raise UsageError(text("{source}: there is no notebook to release", source=source))
    secrets = leaks.Secrets.of(source, course.key())
    with tempfile.TemporaryDirectory(prefix="autograder-release-") as folder:
        made = _generate(nbgrader, name, Path(folder), database=False)
        names = _files(made)
        outcome = Release(name, target, strangers=sorted(set(_files(target)) - set(names)))
        leaks.check(secrets, [*(made / n for n in names), *(target / n for n in outcome.strangers)])
        register(nbgrader, name)
        leaks.check_gradebook(secrets, nbgrader, name)
        for file in names:
            if not ((target / file).is_file() and filecmp.cmp(made / file, target / file, shallow=False)):
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                replace_file(made / file, target / file)
                outcome.changed.append(file)
    return outcome


def register(nbgrader: NbgraderCourse, name: str) -> None:
    """Enter an assignment's cells into the gradebook, as releasing it does, but leave its release folder alone.

    Raises:
        GradebookError: nbgrader cannot convert the source, or the cells differ from those handed in.
    """
    with nbgrader.open(), tempfile.TemporaryDirectory(prefix="autograder-release-") as folder:
        _generate(nbgrader, name, Path(folder), database=True)


def _generate(nbgrader: NbgraderCourse, name: str, into: Path, *, database: bool) -> Path:
    """Let nbgrader convert an assignment into a folder of ours; return the assignment's own folder in it."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException

    folders, config = nbgrader.folders, deepcopy(nbgrader.app.config)
    config.GenerateAssignment.no_database = not database
    config.SaveCells.enabled = database
    with set_for_a_while(folders, release_directory=str(into), assignment_id=name, notebook_id="*"):
        nbgrader.log.lines.clear()
        try:
            GenerateAssignment(coursedir=folders, parent=nbgrader.app, config=config).start()
        except (NbGraderException, SystemExit) as error:
            reason = nbgrader.log.reason()
            words = text("{name}: nbgrader cannot convert the source: {reason}", name=name, reason=reason)
            raise GradebookError(words) from error
        return nbgrader.folder("release", ".", name).resolve()


def _files(folder: Path) -> list[str]:
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return sorted(p.as_posix() for p in found if "__pycache__" not in p.parts)
