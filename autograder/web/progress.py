"""How far somebody is in an assignment: the state of each exercise, by its last check and what was written since."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from autograder.base.i18n import Text, text
from autograder.web.data.checks import Checked
from autograder.web.released import Check, ReleasedNotebook


class State(StrEnum):
    """Where an exercise stands."""

    open = "open"
    right = "right"
    not_yet = "not_yet"
    changed = "changed"
    later = "later"


WORDS: Mapping[State, Text] = {
    State.open: text("not checked yet"),
    State.right: text("checked: right"),
    State.not_yet: text("checked: not right yet"),
    State.changed: text("changed since the last check"),
    State.later: text("judged after you hand in"),
}
_TO_DO = (State.open, State.not_yet, State.changed)


@dataclass(frozen=True)
class Exercise:
    """An exercise as somebody meets it.

    Args:
        name: in ``assignment.yaml``.
        title: for people.
        cells: where it is answered.
        state: where it stands.
    """

    name: str
    title: Text
    cells: tuple[str, ...]
    state: State

    @property
    def is_to_do(self) -> bool:
        """Whether there is something to write or to check."""
        return self.state in _TO_DO

    @property
    def words(self) -> Text:
        """Its state in words."""
        return WORDS[self.state]

    @property
    def anchor(self) -> str:
        """The place on the page where one goes on with it."""
        return f"cell-{self.cells[0]}" if self.cells else f"exercise-{self.name}"


@dataclass(frozen=True)
class Progress:
    """All exercises of an assignment, as they are asked."""

    exercises: tuple[Exercise, ...]

    @classmethod
    def of(cls, notebook: ReleasedNotebook, checks: Iterable[Checked], changed_at: Mapping[str, datetime]) -> Progress:
        """Return how far somebody is.

        Args:
            notebook: what they got.
            checks: their last checks.
            changed_at: when each of their cells changed last.
        """
        last = {check.exercise: check for check in checks}

        def exercise(block: Check) -> Exercise:
            cells = tuple(notebook.cells_of[block.exercise])
            times = [changed_at[cell] for cell in cells if cell in changed_at]
            nothing_here = notebook.judged_here is not None and not notebook.judged_here.get(block.exercise)
            return Exercise(
                block.exercise, block.title, cells, _state(last.get(block.exercise), times, nothing_here=nothing_here)
            )

        return cls(tuple(exercise(block) for block in notebook.blocks if isinstance(block, Check)))

    @property
    def right(self) -> int:
        """How many exercises have all points that checks can give here."""
        return sum(exercise.state is State.right for exercise in self.exercises)

    @property
    def checkable(self) -> int:
        """How many exercises have checks that students can run."""
        return sum(exercise.state is not State.later for exercise in self.exercises)

    @property
    def next(self) -> Exercise | None:
        """The first exercise that is to do."""
        return next((exercise for exercise in self.exercises if exercise.is_to_do), None)

    @property
    def words(self) -> Text:
        """How many are right, in words."""
        if self.checkable and self.right == self.checkable:
            return text("all {count} exercises that can be checked here are right", count=self.checkable)
        if all(exercise.state in (State.open, State.later) for exercise in self.exercises):
            return text("none of {count} exercises has been checked here yet", count=self.checkable)
        return text("{right} of {count} exercises are right", right=self.right, count=self.checkable)


def _state(check: Checked | None, changed_at: Sequence[datetime], *, nothing_here: bool) -> State:
    if nothing_here or (check is not None and not check.max_score):
        return State.later
    if check is None:
        return State.open
    if any(moment > check.checked_at for moment in changed_at):
        return State.changed
    return State.right if check.earned >= check.max_score else State.not_yet
