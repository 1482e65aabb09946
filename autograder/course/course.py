"""A course on disk: where its assignments are and what their ``assignment.yaml`` says.

.. code-block:: text

    solutions/<name>/     <name>.ipynb (the reference), assignment.yaml, data/, test_*.py (visible), private/test_*.py
    assignments/<name>/   <name>.ipynb (the stubs), assignment.yaml, data/, test_*.py

A folder is a visibility boundary: a criterion is hidden because its file lies in ``private/``. The two folders bear the
names that ``nbgrader_config.py`` gives them. A folder with notebooks and no ``assignment.yaml`` is a plain assignment:
it has no rubric, and nbgrader grades it by the tests in its notebooks.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self

import platformdirs

from autograder.base import i18n, yaml_records
from autograder.base.errors import AutograderError, ConfigError, UsageError
from autograder.base.i18n import Language, Text, text
from autograder.base.words import in_languages
from autograder.course import configuration
from autograder.course.configuration import CONFIG_FILE, OWN_NAMES, Folders, Languages, is_nbgrader_course
from autograder.course.jobs import Job, find_jobs
from autograder.course.settings import Function, Settings

if TYPE_CHECKING:
    from traitlets.config.loader import Config

PRACTICE_KEY = b"practice"
"""Seeds a student's own checks, which do not have the course key."""

GUIDE = "https://github.com/dl-autograder/dl-autograder/blob/main/solutions/README.md"
"""How to write an assignment with a rubric."""

_KEY_BYTES = 32


@dataclass(frozen=True)
class Assignment:
    """One assignment's folder, in ``solutions/`` (with the hidden part) or in ``assignments/`` (without).

    Args:
        directory: the folder.
        settings: its ``assignment.yaml``.
        visible_only: ignore the hidden part even if it is there.
        languages: those of its course; None where nobody knows the course, as in a student's copy.
    """

    directory: Path
    settings: Settings
    visible_only: bool = False
    languages: tuple[Language, ...] | None = None

    @classmethod
    def load(cls, directory: Path, *, languages: tuple[Language, ...] | None = None) -> Self:
        """Read a folder that has an ``assignment.yaml``.

        Args:
            directory: the folder.
            languages: those of its course, in which every title must be; None if they are not known.

        Raises:
            ConfigError: the file is missing, or something in it is wrong.
        """
        settings = yaml_records.load(directory / "assignment.yaml", Settings, context=in_languages(languages))
        return cls(directory, settings, languages=languages)

    @classmethod
    def load_copy(cls, directory: Path) -> Self:
        """Read a folder as students have it, without its course, whose languages only its words can tell.

        Raises:
            ConfigError: as for `load`.
        """
        assignment = cls.load(directory)
        settings = assignment.settings
        i18n.understand((settings.language, *dict(settings.title)))
        if settings.is_in_one_language:
            i18n.suppose(settings.language)
        return assignment

    @cached_property
    def name(self) -> str:
        """The folder's name."""
        return self.directory.resolve().name

    @property
    def notebook(self) -> Path:
        """The source notebook in ``solutions/``, the stubs in ``assignments/``."""
        return self.directory / f"{self.name}.ipynb"

    @property
    def other_notebooks(self) -> list[Path]:
        """Source notebooks beside the one that the rubric judges; the tests in them count."""
        return sorted(path for path in self.directory.glob("*.ipynb") if path.stem != self.name)

    def require_notebook(self) -> Path:
        """Return the notebook's path, which must exist.

        Raises:
            ConfigError: it does not.
        """
        if self.notebook.is_file():
            return self.notebook
        words = text("is missing; the source notebook has the name of its folder")
        others = sorted(self.directory.glob("*.ipynb"))
        if len(others) == 1:
            words = text(
                "is missing; rename {found}: the source notebook has the name of its folder", found=others[0].name
            )
        raise ConfigError(words, path=self.notebook)

    @property
    def private(self) -> Path:
        """The folder that students never get."""
        return self.directory / "private"

    @property
    def data(self) -> Path:
        """The folder that students' code can read as ``data/...``; it need not exist."""
        return self.directory / "data"

    @property
    def has_reference(self) -> bool:
        """Does this folder hold the solution?"""
        return self.private.is_dir() and not self.visible_only

    @property
    def rubrics(self) -> tuple[Path, ...]:
        """The rubric files, visible ones first."""
        hidden = sorted(self.private.glob("test_*.py")) if self.has_reference else []
        return (*sorted(self.directory.glob("test_*.py")), *hidden)

    @property
    def has_quiz(self) -> bool:
        """Whether questions of a quiz are among what is judged."""
        return any(self.private.glob("test_*_quiz.py"))

    @cached_property
    def functions(self) -> dict[str, Function]:
        """Every function students write, by name."""
        return {f.name: f for exercise in self.settings.exercises.values() for f in exercise.parsed}

    @cached_property
    def exercise_of(self) -> dict[str, str]:
        """The exercise each function belongs to."""
        return {f.name: name for name, exercise in self.settings.exercises.items() for f in exercise.parsed}

    @cached_property
    def variables(self) -> dict[str, list[str]]:
        """The variables of every exercise whose criteria read any."""
        return {name: exercise.variables for name, exercise in self.settings.exercises.items() if exercise.variables}

    @cached_property
    def grade_ids(self) -> dict[str, str]:
        """The exercise each grade cell belongs to, by the cell's ``grade_id``."""
        return {e.grade_id or f"test_{name}": name for name, e in self.settings.exercises.items()}

    def exercise_named(self, name: str) -> str:
        """Return the exercise of that name, or the one that the function of that name belongs to.

        Raises:
            UsageError: there is neither.
        """
        if name in self.settings.exercises:
            return name
        if name in self.exercise_of:
            return self.exercise_of[name]
        known = ", ".join(self.settings.exercises)
        words = text("there is no exercise {name}; there are: {known}", name=name, known=known)
        raise UsageError(words, for_students=True)

    def files(self) -> dict[str, Path]:
        """Return every file a grade may depend on, by its name in the folder: all but caches and hidden ones."""
        names = {p.relative_to(self.directory): p for p in sorted(self.directory.rglob("*")) if p.is_file()}
        return {
            name.as_posix(): path
            for name, path in sorted(names.items())
            if not any(part == "__pycache__" or part.startswith(".") for part in name.parts)
        }

    def sha256(self) -> str:
        """Return a hash of everything a grade may depend on."""
        digest = hashlib.sha256()
        for name, path in self.files().items():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{name} {content}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()


def find_assignment(start: Path) -> Assignment:
    """Return the assignment whose folder is ``start`` or lies above it.

    Raises:
        UsageError: there is none.
    """
    for folder in (start, *start.parents):
        if (folder / "assignment.yaml").is_file():
            return Assignment.load_copy(folder)
    refuse_plain(start)
    words = text(
        "{folder}: no assignment.yaml here or above; name your notebook, or go to the folder in which it lies",
        folder=start,
    )
    raise UsageError(words, for_students=True)


def refuse_plain(folder: Path) -> None:
    """Say of a plain assignment that there is nothing to check it by.

    Raises:
        UsageError: the folder is one, in the course that it lies in.
    """
    if _is_plain(folder):
        words = text(
            "{name}: has no rubric, so there are no criteria to check; `nbgrader validate NOTEBOOK` runs its tests, "
            "`nbgrader submit {name}` hands it in",
            name=folder.name,
        )
        raise UsageError(words, for_students=True)


def _is_plain(folder: Path) -> bool:
    with suppress(AutograderError):  # most students have no course around them
        course = Course.find(folder)
        _ = course.languages  # which we speak from now on, also where it is not one
        places = (course.source.resolve(), course.release.resolve())
        is_in_place = folder.parent in places or folder.parent.parent == course.submitted.resolve()
        return is_in_place and folder.name in course.plain()
    return False


def tell_no_rubric(names: Sequence[str], source: Path) -> Text:
    """Say which assignments have no rubric, and the two ways on.

    Args:
        names: at least one.
        source: the folder they are in.
    """
    return text(
        "{names}: no rubric; either `autograder grade --assignment {name}` grades it by the tests in its notebooks, "
        "with students' code confined, or you write a rubric: assignment.yaml, test_*.py and private/test_*.py beside "
        "the notebook in {folder}, such as `autograder new assignment` makes; step by step: {guide}",
        names=", ".join(names),
        name=names[0],
        folder=source / names[0],
        guide=GUIDE,
    )


def speak_as_around(folder: Path) -> None:
    """Speak the languages of the course, or of the student's copy, that a folder lies in: for an error that follows."""
    with suppress(AutograderError):
        _ = Course.find(folder).languages
        return
    with suppress(AutograderError):
        find_assignment(folder.resolve())


def find_notebook(path: Path) -> Path:
    """Return the file that a student means: the file itself, or the notebook of an assignment's folder.

    Raises:
        UsageError: there is no such file or folder, the folder does not hold its notebook, or it holds several.
    """
    if not path.exists():
        speak_as_around(path.parent)
        raise UsageError(text("{path}: there is no such file or folder", path=path), for_students=True)
    if not path.is_dir():
        return path
    try:
        notebook = find_assignment(path.resolve()).notebook
    except UsageError:
        found = sorted(path.glob("*.ipynb"))
        if len(found) == 1:
            return found[0]  # it may carry all that the folder lacks
        if not found:
            raise
        refuse_plain(path.resolve())
        names = ", ".join(file.name for file in found)
        words = text("{folder}: holds several notebooks; name the one you mean: {names}", folder=path, names=names)
        raise UsageError(words, for_students=True) from None
    if not notebook.is_file():
        words = text("{path}: there is no such file; your notebook must have this name", path=notebook)
        if len(others := list(notebook.parent.glob("*.ipynb"))) == 1:
            words += text(
                ": rename {file}, or rename the folder to {name} if that was its name",
                file=others[0].name,
                name=others[0].stem,
            )
        raise UsageError(words, for_students=True)
    return notebook


@dataclass(frozen=True)
class Course:
    """A folder with an ``nbgrader_config.py`` or a ``solutions/`` in it."""

    root: Path

    @classmethod
    def find(cls, start: Path) -> Self:
        """Return the course that ``start`` lies in.

        Raises:
            UsageError: no folder from here up is a course.
        """
        start = start.resolve()
        for folder in (start, *start.parents):
            if is_nbgrader_course(folder) or (folder / OWN_NAMES["source"]).is_dir():
                return cls(folder)
        raise UsageError(
            text(
                "{start}: no course here: neither this folder nor one above it has an {config} or a solutions/ folder; "
                "go to the course's folder, name it with --course, or make a course here with `autograder init`",
                start=start,
                config=CONFIG_FILE,
            )
        )

    @cached_property
    def _configuration(self) -> Config:
        return configuration.load(self.root)

    @cached_property
    def folders(self) -> Folders:
        """The names of the course's folders.

        Raises:
            ConfigError: its configuration is broken.
        """
        return Folders.of(self.root, self._configuration)

    @cached_property
    def languages(self) -> tuple[Language, ...]:
        """The languages of the course, in which every title must be; from now on, we speak them too.

        Raises:
            ConfigError: its configuration is broken, or declares a language that nobody has a catalogue of.
        """
        declared = Languages.of(self.root, self._configuration)
        i18n.speak(declared.codes, declared.catalogues)
        return declared.codes or i18n.OURS

    @property
    def source(self) -> Path:
        """What the instructor writes: a folder per assignment, with the solutions."""
        return self.root / self.folders.source

    @property
    def release(self) -> Path:
        """What students get: a folder per assignment, without the solutions."""
        return self.root / self.folders.release

    @property
    def submitted(self) -> Path:
        """What students have handed in: ``<student>/<assignment>/``."""
        return self.root / self.folders.submitted

    @property
    def quizzes(self) -> Path:
        """The quiz files."""
        return self.root / "quizzes"

    def assignments(self) -> dict[str, Assignment]:
        """Return every assignment of this course, by name.

        Raises:
            UsageError: none of them has a rubric.
            ConfigError: there is none, or one of them has a mistake.
        """
        names = self._with_rubric()
        if not names and (plain := self.plain()):
            raise UsageError(tell_no_rubric(plain, self.source))
        if not names:
            raise ConfigError(text("holds no <name>/assignment.yaml"), path=self.source)
        return {name: Assignment.load(self.source / name, languages=self.languages) for name in names}

    def has_rubric(self, name: str) -> bool:
        """Is there an ``assignment.yaml`` for the assignment of this name?"""
        return (self.source / name / "assignment.yaml").is_file()

    def _with_rubric(self) -> list[str]:
        return sorted(p.parent.name for p in self.source.glob("*/assignment.yaml"))

    def plain(self) -> list[str]:
        """Return the names of the plain assignments: notebooks in a folder, and no rubric."""
        return [name for name in self.others(self._with_rubric()) if any((self.source / name).glob("*.ipynb"))]

    def names(self, *wanted: str) -> list[str]:
        """Return the names of all assignments, with and without a rubric; or those that are wanted.

        Raises:
            UsageError: there is no such assignment, or none at all.
        """
        known = self._known()
        wanted = tuple(name.rstrip("/") for name in wanted)
        if unknown := [name for name in wanted if name not in known]:
            raise self._unknown(unknown[0])
        if not known:
            words = text("{source}: there is no assignment here: no folder with a notebook", source=self.source)
            raise UsageError(words)
        return list(wanted) or known

    def notebooks(self) -> dict[str, list[str]]:
        """Return the names of all assignments, and what the source notebooks of each are called."""
        return {name: [path.name for path in (self.source / name).glob("*.ipynb")] for name in self._known()}

    def _known(self) -> list[str]:
        return sorted([*self._with_rubric(), *self.plain()])

    def _unknown(self, name: str) -> UsageError:
        return UsageError(
            text(
                "no assignment {name} in {root}; there are: {names}",
                name=f"{name!r}",
                root=self.source,
                names=", ".join(self._known()) or text("none"),
            )
        )

    def others(self, names: Collection[str]) -> list[str]:
        """Return the other folders beside them, including those without a rubric."""
        found = self.source.iterdir() if self.source.is_dir() else ()
        folders = (p.name for p in found if p.is_dir() and not p.name.startswith("."))
        return sorted(set(folders) - set(names))

    def jobs(self, names: Sequence[str], paths: Sequence[Path] | None = None) -> list[Job]:
        """Return the submissions of some assignments that rubrics judge.

        Args:
            names: of these assignments.
            paths: where to look for them, as for `find_jobs`; in ``submitted/`` by default.
        """
        beside = {Path(name, path.name) for name in names for path in (self.source / name).glob("*.ipynb")}
        beside -= {Path(name, f"{name}.ipynb") for name in names}
        places = [self.submitted] if paths is None else paths
        return find_jobs(places, names, self.others(names), folders=self.folders, beside=beside)

    def assignment(self, name: str) -> Assignment:
        """Return one assignment by name.

        Raises:
            UsageError: there is none of that name, or it has no rubric.
        """
        name = name.rstrip("/")
        if self.has_rubric(name):
            return Assignment.load(self.source / name, languages=self.languages)
        if name in self.plain():
            raise UsageError(tell_no_rubric([name], self.source))
        raise self._unknown(name)

    def key(self) -> bytes:
        """Return the course key, which seeds every random input; made on first use, readable by its owner only.

        If the course folder cannot be written, the key lies in the user's state folder.

        Raises:
            ConfigError: the file that holds it is damaged.
        """
        state = platformdirs.user_state_path("autograder", appauthor=False)
        elsewhere = state / hashlib.sha256(str(self.root).encode()).hexdigest()[:16] / "key"
        here = self.root / ".autograder" / "key"
        for path in (here, elsewhere):
            if path.is_file():
                return _read_key(path)
        try:
            return _make_key(here)
        except OSError:
            return _make_key(elsewhere)


def _make_key(path: Path) -> bytes:
    """Write a new key; if two processes try at once, both get the first one's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    mine = path.with_name(f"key.{secrets.token_hex(8)}")
    descriptor = os.open(mine, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(_KEY_BYTES) + "\n")
    try:
        os.link(mine, path)
    except FileExistsError:
        pass
    finally:
        mine.unlink()
    return _read_key(path)


def _read_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text().strip())
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise ConfigError(
            text("is damaged: it must hold 64 hexadecimal digits; restore it, or delete it to have new inputs drawn"),
            path=path,
        )
    return key


def derive_seed(key: bytes, *names: str) -> int:
    """Return a 63-bit seed that only the holder of the key can predict.

    >>> derive_seed(b"k", "a") == derive_seed(b"k", "a") != derive_seed(b"k", "b")
    True
    """
    digest = hmac.new(key, "\0".join(names).encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big") >> 1
