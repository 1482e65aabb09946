"""What can go wrong, by whose fault it is.

.. code-block:: text

    AutograderError
    ├── UsageError          the person at the keyboard: a path that is not there, an option that cannot be
    ├── ConfigError         the author of a course: assignment.yaml, a rubric, a source notebook
    ├── SubmissionError     a student's file that cannot be read at all
    ├── StudentError        a student's code, when it is called
    │   ├── StudentException    it raised
    │   │   └── NotWritten          what the stub raises, still
    │   ├── NotDefined          there is no such function
    │   ├── StudentTimeout      it did not return in time
    │   ├── StudentCrash        it ended its process
    │   └── BadReply            what came back is not a value (every malformed reply is this one class)
    ├── LeakError           something secret is in what students would get; nothing is released
    ├── GradebookError      nbgrader's database or folders cannot be read or written; the reports are kept
    └── SandboxError        the platform: never a student's zero

Every student's error carries a `Text`, so that it can be shown in either language.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict

if TYPE_CHECKING:  # the command line must start without pydantic
    from autograder.base.i18n import Language, Text


class AutograderError(Exception):
    """Root of all errors this package raises on purpose."""

    def said(self, language: Language | None) -> str:
        """Return the message in the language that was chosen, if one was and the message has several."""
        return str(self)


class UsageError(AutograderError):
    """The command was called in a way that cannot work; the message names the remedy.

    Args:
        text: the message.
        for_students: students see it too, before anybody knows which language they read.
    """

    def __init__(self, text: Text, *, for_students: bool = False) -> None:
        self.text = text
        super().__init__(text.both if for_students else text.en)

    def said(self, language: Language | None) -> str:
        """Return the message in one language, or without one as the class says."""
        return str(self) if language is None else self.text.get(language)

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone below a cell; IPython calls this instead of printing our frames."""
        return [str(self)]


class Mistake(TypedDict):
    """A `ConfigError` as it travels between processes, in JSON or otherwise.

    Attributes:
        message: its words; in both languages (``en``, ``zh``) where it has them.
        path: the file; relative to a folder that both sides know, where one was named.
        line: as in `ConfigError`, and so the others.
    """

    message: str | dict[str, str]
    path: str
    line: int | None
    column: int | None
    key: str | None


class ConfigError(AutograderError):
    """An author's mistake, located. It crosses every boundary between processes as a `Mistake`, and by pickle.

    Args:
        message: what is wrong and what would be right, in English or in both languages.
        path: the file.
        line: 1-based line, where known.
        column: 1-based column, where known.
        key: dotted key inside a YAML file, or the name of a test.
    """

    def __init__(
        self,
        message: str | Text,
        *,
        path: Path,
        line: int | None = None,
        column: int | None = None,
        key: str | None = None,
    ) -> None:
        self.message, self.text = str(message), None if isinstance(message, str) else message
        self.path, self.line, self.column, self.key = path, line, column, key
        super().__init__(str(self))

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.path, self.line, self.column if self.line else None) if part)
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"

    def to_dict(self, *, folder: Path | None = None) -> Mistake:
        """Return the error as it travels.

        Args:
            folder: what a path below it is given relative to, where it lies elsewhere on the other side.
        """
        is_inside = folder is not None and self.path.is_relative_to(folder)
        return {
            "message": self.message if self.text is None else {"en": self.text.en, "zh": self.text.zh},
            "path": str(self.path.relative_to(folder) if folder is not None and is_inside else self.path),
            "line": self.line,
            "column": self.column,
            "key": self.key,
        }

    @classmethod
    def from_dict(cls, mistake: Mistake, *, folder: Path | None = None) -> Self:
        """Return the error that the other side sent.

        Args:
            mistake: what it sent.
            folder: what a relative path is relative to.
        """
        message, path = mistake["message"], Path(mistake["path"])
        if isinstance(message, dict):
            from autograder.base.i18n import Text

            words: str | Text = Text(**message)
        else:
            words = message
        place = {"line": mistake["line"], "column": mistake["column"]}
        return cls(words, path=path if folder is None else folder / path, key=mistake["key"], **place)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self).from_dict, (self.to_dict(),)


class SubmissionError(AutograderError):
    """A submission that cannot be read; `text` is the reason its student is given."""

    def __init__(self, text: Text) -> None:
        self.text = text
        super().__init__(text.en)


class StudentError(AutograderError):
    """A student's code did not return a value; `text` is what its student reads."""

    def __init__(self, text: Text) -> None:
        self.text = text
        super().__init__(text.en)


class StudentException(StudentError):
    """The student's code raised.

    Args:
        text: the student's own traceback, without ours.
        kind: name of the exception's type.
        message: what it says.
        lines: the student's lines of source that led to it, the innermost one last.
    """

    def __init__(self, text: Text, *, kind: str = "", message: str = "", lines: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.kind, self.message, self.lines = kind, message, lines


class NotWritten(StudentException):
    """The student's code is still the stub, which raises `NotImplementedError`."""


class NotDefined(StudentError):
    """The submission defines no such function."""


class StudentTimeout(StudentError):
    """The student's code did not return in time."""


class StudentCrash(StudentError):
    """The student's code ended its process."""


class BadReply(StudentError):
    """What came back from the student's process cannot be taken for a value."""


class SandboxError(AutograderError):
    """The platform failed: no process could be started, or one of ours died."""


class GradebookError(AutograderError):
    """nbgrader's gradebook or folders cannot be read or written; no report is lost by it."""


class LeakError(AutograderError):
    """Something secret is in what students would get; nothing is released."""
