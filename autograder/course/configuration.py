"""What a course's ``nbgrader_config.py`` says, read without nbgrader, which takes seconds to load.

The file is a program. It is read in the order in which nbgrader reads: the user's and the machine's files of that name
first, the course's own last. nbgrader's own sections count, and ``c.Autograder`` has ours.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from autograder.base.errors import ConfigError
from autograder.base.files import line_of
from autograder.base.i18n import (
    LANGUAGE,
    OURS,
    Catalogue,
    Language,
    Text,
    catalogue_file,
    find_catalogue,
    same,
    text,
)

if TYPE_CHECKING:
    from traitlets.config.loader import Config

CONFIG_FILE = "nbgrader_config.py"
OWN_NAMES = {"source": "solutions", "release": "assignments"}
"""What we call these folders where a course has a ``solutions/`` and its configuration does not name them."""


def is_nbgrader_course(root: Path) -> bool:
    """Return whether nbgrader knows this folder as a course."""
    return (root / CONFIG_FILE).is_file()


@dataclass(frozen=True)
class Folders:
    """The folders of a course; absolute, or relative to it.

    Args:
        source: what the instructor writes.
        release: what students get.
        submitted: what they have handed in.
        autograded: what was graded.
        feedback: the pages that students get back.
    """

    source: str = "source"
    release: str = "release"
    submitted: str = "submitted"
    autograded: str = "autograded"
    feedback: str = "feedback"

    @classmethod
    def of(cls, root: Path, config: Config | None = None) -> Self:
        """Return the names in a course's configuration; where it gives none, nbgrader's, or ours.

        Args:
            root: the course's folder.
            config: what `load` returned for it, if that has been called.

        Raises:
            ConfigError: the configuration is broken, or orders the folders in a way of its own.
        """
        section = (config if config is not None else load(root)).get("CourseDirectory", {})
        structure = str(section.get("directory_structure", _STRUCTURE))
        if Path(structure) != Path(_STRUCTURE):
            words = text("only {structure} is supported; leave this line out", structure=_STRUCTURE)
            raise ConfigError(words, path=root / CONFIG_FILE, key="c.CourseDirectory.directory_structure")
        names = dict[str, str](OWN_NAMES if (root / OWN_NAMES["source"]).is_dir() else {})
        names.update((s, str(section[f"{s}_directory"])) for s in cls.__match_args__ if f"{s}_directory" in section)
        return cls(**names)


_RELEASING = (
    *("IncludeHeaderFooter", "InstantiateTests", "LockCells", "ClearSolutions", "ClearOutput", "CheckCellMetadata"),
    *("ComputeChecksums", "SaveCells", "ClearHiddenTests", "ClearMarkScheme", "ComputeChecksums", "CheckCellMetadata"),
)
"""What nbgrader does to a notebook that is released, in its order."""


@dataclass(frozen=True)
class Languages:
    """The languages that a course declares.

    Args:
        codes: of the languages, the one for readers who choose none first; none if it declares what holds anyway.
        catalogues: our sentences in those of them that are not ours.
    """

    codes: tuple[Language, ...] = ()
    catalogues: Mapping[Language, Catalogue] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Path, config: Config) -> Self:
        """Return the languages in a course's configuration.

        Args:
            root: the course's folder.
            config: what `load` returned for it.

        Raises:
            ConfigError: one of them is not known.
        """
        codes = config.get("Autograder", {}).get("languages")
        if codes is None or codes in (OURS, list(OURS)):
            return cls()
        if not isinstance(codes, list | tuple) or not codes or len(set(map(str, codes))) < len(codes):
            raise of_languages(root, text('must be a list of languages, such as ["zh", "en"], each of them once'))
        found = {str(code): _catalogue(root, str(code)) for code in codes if code not in OURS}
        return cls(tuple(map(str, codes)), found)


def _catalogue(root: Path, code: str) -> Catalogue:
    """Return our sentences in a language that is not ours."""
    if not LANGUAGE.fullmatch(code):
        raise of_languages(root, text("{code!r} is not the code of a language, such as en or fr", code=code))
    try:
        found = find_catalogue(code, root)
    except (OSError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        words = text("is not a catalogue of gettext: {reason}", reason=reason)
        raise ConfigError(words, path=catalogue_file(code, root)) from error
    if found is None:
        words = text(
            "there is no catalogue of {code!r}; known: {known}; "
            "for another language, translate the platform's sentences in {file}",
            code=code,
            known=", ".join(OURS),
            file=catalogue_file(code, Path()),
        )
        raise of_languages(root, words)
    return found


def of_languages(root: Path, words: Text) -> ConfigError:
    """Return the error of what a course's configuration says of its languages."""
    file = root / CONFIG_FILE
    line = line_of(file, "languages") if file.is_file() else None
    return ConfigError(words, path=file, line=line, key="c.Autograder.languages")


_STRUCTURE = "{nbgrader_step}/{student_id}/{assignment_id}"


def load(root: Path) -> Config:
    """Execute the configuration files that count for a course.

    Raises:
        ConfigError: one of them fails; it is named, with the line.
    """
    from jupyter_core.paths import jupyter_config_path
    from traitlets.config.loader import Config, ConfigFileNotFound, JSONFileConfigLoader, PyFileConfigLoader

    config = Config()
    for folder in (*reversed(jupyter_config_path()), str(root)):
        for loader in (
            PyFileConfigLoader(CONFIG_FILE, path=folder),
            JSONFileConfigLoader(f"{Path(CONFIG_FILE).stem}.json", path=folder),
        ):
            with _modules_of(root), _told(Path(folder) / loader.filename):
                try:
                    config.merge(loader.load_config())
                except ConfigFileNotFound:
                    continue
    return config


def configure(c: Config, *, languages: Sequence[str] = ("zh", "en")) -> None:
    """Let nbgrader's own commands and the formgrader run students' code confined, and grade by our rubrics.

    It is called at the end of a course's configuration; what that has set stays, but for the steps of autograding.

    Args:
        c: the configuration.
        languages: of the course's words, the one to begin with first.
    """
    c.Autograder.languages = list(languages)
    ignored = c.CourseDirectory.get("ignore")
    before = ignored if isinstance(ignored, list) else [".ipynb_checkpoints", "*.pyc", "__pycache__"]
    # nbgrader hands everything beside a source notebook to students; `private` holds hidden criteria and mutants
    c.CourseDirectory.ignore = list(dict.fromkeys([*before, ".pytest_cache", "private"]))
    c.Autograde.autograde_preprocessors = [
        "autograder.gradebook.preprocessors.ConfinedExecute",
        "nbgrader.preprocessors.IgnorePattern",
        "nbconvert.preprocessors.ClearMetadataPreprocessor",
        "nbgrader.preprocessors.LimitOutput",
        "autograder.gradebook.preprocessors.SaveScores",
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    # the notebook that students get carries what `check` needs, so that it is enough on its own
    steps = c.GenerateAssignment.get("preprocessors")
    released = steps if isinstance(steps, list) else [f"nbgrader.preprocessors.{name}" for name in _RELEASING]
    c.GenerateAssignment.preprocessors = [*released, "autograder.gradebook.carrying.AddKit"]
    # damaged and renamed notebooks are graded as well
    c.Autograde.exporter_class = "autograder.gradebook.preprocessors.SubmissionReader"
    c.Autograde.pre_convert_hook = "autograder.gradebook.preprocessors.expect_notebook"
    # what students wrote is shown in the formgrader without scripts, please
    c.HTMLExporter.filters = {
        "markdown2html": "autograder.gradebook.rendering.markdown",
        "strip_files_prefix": "autograder.gradebook.rendering.as_it_is",
    }
    c.HTMLExporter.preprocessors = ["autograder.gradebook.rendering.CleanOutputs"]
    # `nbgrader generate_feedback` and the formgrader's button give the page that `autograder feedback` gives
    c.GenerateFeedback.exporter_class = "autograder.gradebook.rendering.FeedbackPage"


@contextmanager
def _modules_of(root: Path) -> Iterator[None]:
    """Make the modules of a course importable, as nbgrader does."""
    before = list(sys.path)
    sys.path.insert(0, str(root))
    try:
        yield
    finally:
        sys.path[:] = before


@contextmanager
def _told(file: Path) -> Iterator[None]:
    """Tell what is wrong with a configuration file, and where."""
    try:
        yield
    except SyntaxError as error:
        raise ConfigError(same(f"SyntaxError: {error.msg}"), path=file, line=_line(error, file)) from error
    except (Exception, SystemExit) as error:  # the file is a program
        words = same(f"{type(error).__name__}: {_first_line(error)}")
        raise ConfigError(words, path=file, line=_line(error, file)) from error


def _line(error: BaseException, file: Path) -> int | None:
    if isinstance(error, SyntaxError) and error.filename and Path(error.filename) == file:
        return error.lineno
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file)]
    return frames[-1].lineno if frames else None


def _first_line(error: Any) -> str:
    return (str(error).strip().splitlines() or ["-"])[0][:300]
