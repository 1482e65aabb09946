"""Finds out which system a download comes from, and whose each of its files is.

The patterns themselves are in `flat_names` (Canvas, Moodle, Blackboard, Google Classroom) and `student_folders` (all
others). A download that fits none of them is not guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Literal

from autograder.base.i18n import Text

System = Literal[
    "canvas",
    "moodle",
    "blackboard",
    "ilias",
    "sakai",
    "brightspace",
    "gradescope",
    "google-classroom",
    "github-classroom",
    "folders",
    "files",
    "plain",
]
Kind = Literal["file", "text", "link", "nothing"]

CODE = (".ipynb", ".py")


@dataclass(frozen=True)
class Upload:
    """Whose a file is, and of which attempt.

    Args:
        student: as the LMS calls them.
        number: distinguishes students of the same name, if the LMS has one.
        file: what the student called the file.
        attempt: names and orders the attempts of one student.
        order: larger for the newer of two uploads of one file in one attempt.
        handed_in: the time in UTC, if anything says it.
        is_late: the LMS says so.
        kind: a file, or what an LMS writes where there is none: a text, a link, or that nothing is attached.
    """

    student: str
    number: str
    file: str
    attempt: str = ""
    order: int = 0
    handed_in: datetime | None = None
    is_late: bool = False
    kind: Kind = "file"


@dataclass(frozen=True)
class Mention:
    """Somebody whom a list of the LMS names, perhaps without any file.

    Args:
        student: as the uploads call them.
        number: as the uploads have it.
        where: the file that names them.
    """

    student: str
    number: str
    where: PurePosixPath


Reading = Upload | Text | None
"""Whose a file is; or what it is, if it is nobody's; None if its name does not fit."""
Reader = Callable[[PurePosixPath], Reading]


@dataclass(frozen=True)
class Download:
    """What the patterns may look at.

    Args:
        name: of the zip or folder, without suffix.
        assignment: our name of the assignment, which may be the system's too.
        paths: all files that can be read.
        read: returns the bytes of one of them; raises `Unreadable`.
    """

    name: str
    assignment: str
    paths: Sequence[PurePosixPath]
    read: Callable[[PurePosixPath], bytes] = field(repr=False)

    @property
    def work(self) -> list[PurePosixPath]:
        """The files that may be somebody's submission."""
        return [path for path in self.paths if path.suffix.lower() in (*CODE, ".zip")]


@dataclass(frozen=True)
class Pattern:
    """How one system names files.

    Args:
        example: a name, for people.
        fits: returns the files that are named like this.
        reader: returns the function that reads a name; raises UsageError if names can be read in two ways.
        mentions: returns the people whom lists in the download name.
    """

    example: str
    fits: Callable[[Download], list[PurePosixPath]]
    reader: Callable[[Download], Reader]
    mentions: Callable[[Download], list[Mention]] = lambda _download: []
