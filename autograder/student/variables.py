"""The variables of a submission as a rubric reads them: ``variables["x"]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Ran(NamedTuple):
    """What became of a test that ran in the student's process. It is their word, as all that comes from there is.

    Args:
        printed: what it printed.
        shown: its last expression as a notebook shows it; None if there is none, or its value is None.
    """

    printed: str
    shown: str | None


class Reader(Protocol):
    """What reads a submission's variables."""

    def variable(self, exercise: str, name: str) -> Any:
        """Return a copy of a variable as it stood at the exercise's grade cell.

        Raises:
            StudentError: the submission does not define it, or it cannot be sent.
        """
        ...

    def run_test(self, exercise: str, source: str) -> Ran:
        """Run statements as if they stood in that grade cell.

        Raises:
            AssertionError: an assertion in them does not hold.
            StudentError: they raise anything else, or do not end.
        """
        ...


class Variables:
    """The variables of one exercise.

    Args:
        reader: reads them.
        exercise: the exercise, at whose grade cell they are looked at.
        declared: their names in ``assignment.yaml``.
    """

    def __init__(self, reader: Reader, exercise: str, declared: Sequence[str]) -> None:
        self._reader, self._exercise, self._declared = reader, exercise, declared

    def __getitem__(self, name: str) -> Any:
        if name not in self._declared:
            there_are = ", ".join(self._declared) or "none"
            raise LookupError(
                f"assignment.yaml declares no variable {name!r} of {self._exercise}; there are: {there_are}"
            )
        return self._reader.variable(self._exercise, name)

    def run(self, source: str) -> Ran:
        """Run a test where the student's code runs, which can then change what it finds.

        It is for what cannot be compared here, such as data frames. A test of `variables` alone is judged out of the
        student's reach.

        Args:
            source: its statements, which find all names of the notebook.
        """
        return self._reader.run_test(self._exercise, source)
