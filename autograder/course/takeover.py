"""Takes over an nbgrader course where it stands: lines for its configuration, and what works from then on."""

from __future__ import annotations

import copy
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from autograder.base.errors import UsageError
from autograder.base.files import write_asked
from autograder.base.i18n import Language, Text, text
from autograder.course import configuration
from autograder.course.configuration import CONFIG_FILE, Folders, is_nbgrader_course
from autograder.course.course import Course

_IMPORT = "from autograder.course.configuration import configure"


def can_be_taken_over(root: Path) -> bool:
    """Is this a course of nbgrader's: does it have a configuration, or notebooks in ``source/``?"""
    return is_nbgrader_course(root) or any((root / Folders().source).glob("*/*.ipynb"))


def languages_in_use(root: Path) -> tuple[Language, ...]:
    """Return the languages that a course's configuration declares or its rubrics are in; none if it has neither.

    Raises:
        ConfigError: its configuration is broken.
    """
    course = Course(root)
    has_rubric = any(course.source.glob("*/assignment.yaml"))
    return course.languages if has_rubric or "languages" in configuration.load(root).Autograder else ()


@dataclass(frozen=True)
class Plan:
    """What is to be added to a course's ``nbgrader_config.py``.

    Args:
        root: the course's folder.
        languages: of its words.
    """

    root: Path
    languages: tuple[Language, ...]

    @property
    def file(self) -> Path:
        """The configuration."""
        return self.root / CONFIG_FILE

    @property
    def kept(self) -> Path:
        """Where the configuration is kept as it was."""
        return self.file.with_name(f"{CONFIG_FILE}.before-autograder")

    @property
    def undoing(self) -> str:
        """The command that takes back what `carry_out` has done."""
        return shlex.join(["mv", str(self.kept), str(self.file)] if self.before else ["rm", str(self.file)])

    @cached_property
    def before(self) -> str:
        """What the configuration says now."""
        try:
            return self.file.read_text(encoding="utf-8") if self.file.exists() else ""
        except (OSError, UnicodeDecodeError) as error:
            words = text("{path}: cannot be read: {reason}", path=self.file, reason=error)
            raise UsageError(words) from error

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """The lines; none where they are there already."""
        if _IMPORT in self.before:
            return ()
        return (
            "# grades by rubrics where there are any, and runs students' code confined",
            _IMPORT,
            f"configure(get_config(), languages={list(self.languages)})",
        )

    def refuse_other_languages(self) -> None:
        """Refuse languages that the configuration does not declare, where nothing is to be added to it.

        Raises:
            ConfigError: it declares others; names the line that does.
        """
        declared = Course(self.root).languages
        if declared != self.languages:
            words = text(
                "declares {declared}, not {languages}; change it there, then put every title and hint into them",
                declared=", ".join(declared),
                languages=", ".join(self.languages),
            )
            raise configuration.of_languages(self.root, words)

    @cached_property
    def replaced(self) -> tuple[str, ...]:
        """The settings of the course that get another value.

        Raises:
            ConfigError: the configuration is broken.
        """
        before = configuration.load(self.root)
        after = copy.deepcopy(before)
        configuration.configure(after, languages=self.languages)
        return tuple(
            f"c.{section}.{name}"
            for section, settings in sorted(before.items())
            for name, value in sorted(settings.items())
            if name != "ignore" and after[section].get(name) != value
        )

    def carry_out(self) -> None:
        """Add the lines, and keep the file as it was beside it.

        Raises:
            UsageError: a file cannot be written.
        """
        if self.before:
            write_asked(self.kept, self.before)
        parts = [self.before.rstrip("\n") + "\n"] if self.before.strip() else []
        write_asked(self.file, "\n".join([*parts, "\n".join(self.lines) + "\n"]))

    def what_works(self) -> Iterator[Text]:
        """Tell what the assignments of the course can do now."""
        course, plain = Course(self.root), []
        for name in course.others(()):
            if (course.source / name / "assignment.yaml").is_file():
                yield text("{name}: has a rubric; `autograder grade` grades it", name=name)
            elif any((course.source / name).glob("*.ipynb")):
                plain.append(name)
        if plain:
            yield text(
                "without a rubric: {names}; `autograder release`, `collect` and `export` work, and "
                "`autograder grade --assignment {name}` runs the tests with students' code confined",
                names=", ".join(plain),
                name=plain[0],
            )
