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

Every error carries a `Text`, so that it can be shown in any language; `said` is the one place that chooses.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict

if TYPE_CHECKING:  # the command line must start without pydantic
    from autograder.base.i18n import Language, Text


class AutograderError(Exception):
    """Root of all errors this package raises on purpose.

    Args:
        text: what happened, where, and what to do about it.
        for_students: students see it too, before anybody knows which language they read.
    """

    def __init__(self, text: Text, *, for_students: bool = False) -> None:
        self.text, self.for_students = text, for_students
        super().__init__(text)

    def said(self, language: Language | None) -> str:
        """Return the message in the language that was chosen; if none was, in English or, for students, in all."""
        if language is None:
            return self.text.for_anybody if self.for_students else self.text.en
        return self.text.get(language)

    def __str__(self) -> str:
        return self.said(None)


class UsageError(AutograderError):
    """The command was called in a way that cannot work; the message names the remedy."""

    def _render_traceback_(self) -> list[str]:
        """Show the sentence alone below a cell; IPython calls this instead of printing our frames."""
        from autograder.base.i18n import chosen_language

        return [self.said(chosen_language())]


class UndeclaredCall(AutograderError):
    """A rubric calls a function as its declaration does not allow; no `TypeError`, which a rubric may wait for."""


class Mistake(TypedDict):
    """A `ConfigError` as it travels between processes, in JSON or otherwise.

    Attributes:
        text: its words in each language.
        for_students: as in `AutograderError`.
        path: the file; relative to a folder that both sides know, where one was named.
        line: as in `ConfigError`, and so the others.
    """

    text: dict[str, str]
    for_students: bool
    path: str
    line: int | None
    column: int | None
    key: str | None


class ConfigError(AutograderError):
    """An author's mistake, located. It crosses every boundary between processes as a `Mistake`, and by pickle.

    Args:
        text: what is wrong and what would be right; it continues the place, which stands before it.
        path: the file.
        line: 1-based line, where known.
        column: 1-based column, where known.
        key: dotted key inside a YAML file, or the name of a test.
        for_students: as in `AutograderError`.
    """

    def __init__(
        self,
        text: Text,
        *,
        path: Path,
        line: int | None = None,
        column: int | None = None,
        key: str | None = None,
        for_students: bool = False,
    ) -> None:
        super().__init__(text, for_students=for_students)
        self.path, self.line, self.column, self.key = path, line, column, key

    def said(self, language: Language | None) -> str:
        """Return the place and, in the language that was chosen, the message."""
        place = ":".join(str(part) for part in (self.path, self.line, self.column if self.line else None) if part)
        return ": ".join(part for part in (place, self.key, super().said(language)) if part)

    def located(self, folder: Path) -> Text:
        """Return the place, as seen from a folder, and the message, for readers whose language nobody knows yet."""
        from autograder.base.i18n import same

        path = self.path.relative_to(folder) if self.path.is_relative_to(folder) else self.path
        place = ":".join(str(part) for part in (path, self.line) if part)
        return same("".join(f"{part}: " for part in (place, self.key) if part)) + self.text

    def to_dict(self, *, folder: Path | None = None) -> Mistake:
        """Return the error as it travels.

        Args:
            folder: what a path below it is given relative to, where it lies elsewhere on the other side.
        """
        is_inside = folder is not None and self.path.is_relative_to(folder)
        return {
            "text": self.text.model_dump(),
            "for_students": self.for_students,
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
        from autograder.base.i18n import Text

        path = Path(mistake["path"])
        return cls(
            Text(**mistake["text"]),
            path=path if folder is None else folder / path,
            line=mistake["line"],
            column=mistake["column"],
            key=mistake["key"],
            for_students=mistake["for_students"],
        )

    def __reduce__(self) -> tuple[object, ...]:
        return type(self).from_dict, (self.to_dict(),)


class SubmissionError(AutograderError):
    """A submission that cannot be read; `text` is the reason its student is given."""


class StudentError(AutograderError):
    """A student's code did not return a value; `text` is what its student reads."""


class StudentException(StudentError):
    """The student's code raised.

    Args:
        text: the student's own traceback, without ours.
        kind: name of the exception's type.
        message: what it says.
        lines: the student's lines of source that led to it, the innermost one last.
        limit: the limit of ours that it met, with which the text ends.
    """

    def __init__(
        self, text: Text, *, kind: str = "", message: str = "", lines: tuple[str, ...] = (), limit: Text | None = None
    ) -> None:
        super().__init__(text)
        self.kind, self.message, self.lines, self.limit = kind, message, lines, limit
        self.changed_arguments: list[str] = []
        """What the call has changed of its arguments, although it may not, before it raised."""


class NotWritten(StudentException, NotImplementedError):
    """The student's code is still the stub, which raises `NotImplementedError`; or that of an abstract class."""


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
