"""What a course's ``nbgrader_config.py`` says of autograding, apart from running the code.

Late penalties, the files that come beside a notebook, and who may read what is made.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from copy import copy
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.base.errors import ConfigError
from autograder.base.i18n import Text, printable, same, text
from autograder.course.configuration import CONFIG_FILE
from autograder.gradebook import late_policy, nbgrader_course, neighbours
from autograder.gradebook.nbgrader_course import NbgraderCourse

if TYPE_CHECKING:
    from nbgrader.converters import Autograde
    from traitlets.config import Configurable


class AutogradeRules:
    """The rules of one course; nbgrader's own converter has read them.

    Args:
        nbgrader: the course.

    Raises:
        ConfigError: its plugin for late penalties cannot be loaded.
    """

    def __init__(self, nbgrader: NbgraderCourse) -> None:
        self._nbgrader = nbgrader
        self._late = late_policy.loaded(nbgrader)
        self.converter: Autograde = self._late.parent

    @property
    def has_own_sanitizers(self) -> bool:
        """Whether the course prepares notebooks by other steps than nbgrader's, however a configuration names these."""
        from nbgrader.converters import Autograde

        stock = Autograde.class_traits()["sanitize_preprocessors"].default()
        given = self.converter.sanitize_preprocessors
        return len(given) != len(stock) or not all(
            step in (own, f"nbgrader.preprocessors.{own.__name__}", f"{own.__module__}.{own.__name__}")
            for step, own in zip(given, stock, strict=True)
        )

    @cached_property
    def timeout_s(self) -> float | None:
        """How long a cell may take, as ``c.Execute.timeout`` says to the step that runs the code."""
        from nbgrader.preprocessors import Execute

        running = next((step for step in self.steps if issubclass(step, Execute)), Execute)
        is_of_the_course = running.__module__.partition(".")[0] not in ("autograder", "nbgrader")
        step = running if is_of_the_course else _settings_of(running, "timeout")
        given: float | None = step(parent=self.converter).timeout
        return given

    @cached_property
    def steps(self) -> list[type]:
        """The steps of the course's autograding."""
        from traitlets.utils.importstring import import_item

        with self._nbgrader.own_modules():
            given = self.converter.autograde_preprocessors
            return [import_item(step) if isinstance(step, str) else step for step in given]

    @property
    def ignored(self) -> list[str]:
        """The patterns of files that do not come along beside a notebook; notebooks do not."""
        return [*self._nbgrader.folders.ignore, "*.ipynb"]

    def penalty(self, student: str, score: float, seconds: float) -> float | None:
        """Return what nbgrader's plugin takes off, no more than there is.

        Raises:
            ConfigError: the plugin fails.
        """
        try:
            penalty = self._late.plugin_inst.late_submission_penalty(student, score, seconds)
            return late_policy.counted(penalty, score)
        except Exception as error:  # the plugin may be the course's own
            plugin = type(self._late.plugin_inst).__name__
            reason = f"{type(error).__name__}: {nbgrader_course.reason(error)}"
            words = text("the plugin {plugin} for late penalties fails: {reason}", plugin=plugin, reason=reason)
            raise ConfigError(words, path=self._nbgrader.root / CONFIG_FILE) from error

    def bring_along(self, assignment: str, submitted: Path, folder: Path, tell: Callable[[Text], None]) -> None:
        """Copy what was handed in beside the notebooks, then what the assignment brings along, which replaces it.

        Args:
            assignment: its name.
            submitted: the folder that was handed in.
            folder: where everything goes.
            tell: receives a note on each file that could not be taken along.
        """
        if submitted.is_dir():
            student = same(f"{printable(submitted.parent.name)}: ")
            neighbours.copy(submitted, folder, self.ignored, lambda words: tell(student + words))
        own = self._nbgrader.folder("source", ".", assignment)
        for file in self.own_files(assignment):
            shutil.copyfile(file, neighbours.make_room(folder, file.relative_to(own)))

    def own_files(self, assignment: str) -> Sequence[Path]:
        """Return the files that an assignment brings along."""
        from nbgrader.utils import find_all_files

        own = self._nbgrader.folder("source", ".", assignment)
        kept = {own / name for name in self.converter.exclude_overwriting.get(assignment, [])}
        return [Path(name) for name in find_all_files(str(own), self.ignored) if Path(name) not in kept]

    def set_permissions(self, folder: Path) -> None:
        """Set the modes of what was made, as nbgrader does."""
        mode = int(str(self.converter.permissions), 8)
        for path in folder.rglob("*"):
            if path.is_file():
                path.chmod(mode)
        if self._nbgrader.folders.groupshared:
            for path in (folder, *(p for p in folder.rglob("*") if p.is_dir())):
                path.chmod(path.stat().st_mode & 0o777 | 0o2770)


def _settings_of(step: type[Configurable], *names: str) -> type[Configurable]:
    """Return a class with these settings of a step; to make the step itself loads what it works with."""
    from traitlets.config import Configurable

    traits = {name: copy(step.class_traits()[name]) for name in names}
    return type(step.__name__, (Configurable,), traits | {"section_names": step.section_names})
