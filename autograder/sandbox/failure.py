"""What either side knows of an exception of the student's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # a worker holds nothing of ours that it does not need
    from autograder.base.i18n import Text


@dataclass(frozen=True)
class Failure:
    """An exception of the student's, as text.

    Args:
        kind: the name of its type.
        message: what it says.
        frames: label of the cell (or file), line, function, line of source.
        limit: the limit that caused it, if one did, in the words of the trusted side.
        base: the exception of Python's own that its type is derived from, where it is not one itself.
    """

    kind: str
    message: str
    frames: list[tuple[str, int, str, str]]
    limit: Text | None = None
    base: str = ""
