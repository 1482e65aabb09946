"""What a course takes off for late work, as far as one can say it, and what it took off.

nbgrader has two rules of its own, nothing and everything, and calls a plugin for any other. Nobody can read from a
plugin what it does, so it is asked: for two scores, and for some delays.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from autograder.base.errors import ConfigError
from autograder.base.i18n import Text, joined, same, text
from autograder.course.configuration import CONFIG_FILE
from autograder.gradebook import nbgrader_course
from autograder.gradebook.nbgrader_course import NbgraderCourse

if TYPE_CHECKING:
    from nbgrader.api import Gradebook

Kind = Literal["nothing", "everything", "own"]
Unit = Literal["share", "points", "unknown"]
_HOUR_S, _DAY_S = 3600, 86400
DELAYS_S = (_HOUR_S, _DAY_S, 2 * _DAY_S, 7 * _DAY_S)
_SCORE, _SAME = 100.0, 1e-6


@dataclass(frozen=True)
class LatePolicy:
    """What is taken off for late work.

    Args:
        kind: nothing, everything, or what a plugin of the course says.
        plugin: the class of the plugin.
        unit: what `taken` counts: percents of the score, or points; unknown where it depends on more.
        taken: for each of `DELAYS_S`, what the plugin takes.
    """

    kind: Kind
    plugin: str = ""
    unit: Unit = "unknown"
    taken: tuple[float, ...] = ()

    @property
    def words(self) -> Text:
        """What it does, in a sentence without its full stop."""
        if self.kind == "nothing":
            return text("late work loses no points")
        if self.kind == "everything":
            return text("late work earns 0 points")
        if self.unit == "unknown":
            return text("late work loses points by a rule of this course, {plugin}", plugin=self.plugin)
        if not any(self.taken):
            return text("late work loses no points in the first week")
        amounts = [_amount(delay, taken, self.unit) for delay, taken in zip(DELAYS_S, self.taken, strict=True)]
        return text("late work loses points: {amounts}", amounts=joined(amounts, " · "))


def _amount(delay_s: int, taken: float, unit: Unit) -> Text:
    amount = f"−{taken:.4g} %" if unit == "share" else f"−{taken:.4g}"
    if not taken:
        amount = "0"
    if delay_s < _DAY_S:
        return text("{count} h late: {amount}", count=delay_s // _HOUR_S, amount=amount)
    if delay_s == _DAY_S:
        return text("1 day late: {amount}", amount=amount)
    return text("{count} days late: {amount}", count=delay_s // _DAY_S, amount=amount)


def policy(nbgrader: NbgraderCourse) -> LatePolicy:
    """Return what a course takes off for late work.

    Raises:
        ConfigError: ``nbgrader_config.py`` names no plugin that can be loaded.
    """
    from nbgrader.plugins import LateSubmissionPlugin

    plugin = loaded(nbgrader).plugin_inst
    if type(plugin) is LateSubmissionPlugin:
        return LatePolicy("everything" if plugin.penalty_method == "zero" else "nothing")
    return _asked(plugin)


def loaded(nbgrader: NbgraderCourse) -> Any:
    """Return nbgrader's step that asks the course's plugin.

    Raises:
        ConfigError: ``nbgrader_config.py`` names no plugin that can be loaded.
    """
    from nbgrader.converters import Autograde
    from nbgrader.preprocessors import AssignLatePenalties
    from traitlets import TraitError

    try:
        with nbgrader.own_modules():
            late = AssignLatePenalties(parent=Autograde(coursedir=nbgrader.folders, parent=nbgrader.app))
            late.init_plugin()
    except TraitError as error:
        raise ConfigError(same(nbgrader_course.reason(error)), path=nbgrader.root / CONFIG_FILE) from error
    return late


def _asked(plugin: Any) -> LatePolicy:
    """Return what a plugin says of nobody in particular; a rule that one cannot see in this stays unknown."""
    name = type(plugin).__name__
    try:
        whole, half = (_taken(plugin, score) for score in (_SCORE, _SCORE / 2))
    except Exception:  # noqa: BLE001 -- the plugin is the course's own, and may need a student
        return LatePolicy("own", name)
    if all(abs(a - 2 * b) < _SAME for a, b in zip(whole, half, strict=True)):
        return LatePolicy("own", name, "share", whole)
    if all(abs(min(a, _SCORE / 2) - b) < _SAME for a, b in zip(whole, half, strict=True)):
        return LatePolicy("own", name, "points", whole)
    return LatePolicy("own", name)


def _taken(plugin: Any, score: float) -> tuple[float, ...]:
    """Return what a plugin takes after each delay, as grading would count it."""
    return tuple(counted(plugin.late_submission_penalty("", score, float(delay)), score) or 0.0 for delay in DELAYS_S)


def counted(penalty: Any, score: float) -> float | None:
    """Return what is taken off of what a plugin says: no more than there is."""
    return None if penalty is None else min(max(float(penalty), 0.0), score)


def penalties(gradebook: Gradebook, assignment: str, students: Collection[str] | None = None) -> dict[str, float]:
    """Return what was taken off for being late, by student, of those who have lost something.

    Args:
        gradebook: an open one.
        assignment: one that it knows.
        students: the only ones to look at; everybody by default.
    """
    from nbgrader.api import SubmittedAssignment, SubmittedNotebook
    from sqlalchemy import func, select

    rows = (
        select(SubmittedAssignment.student_id, func.sum(SubmittedNotebook.late_submission_penalty))
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .where(
            SubmittedAssignment.assignment_id == gradebook.find_assignment(assignment).id,
            SubmittedNotebook.late_submission_penalty > 0,
        )
        .group_by(SubmittedAssignment.student_id)
    )
    if students is not None:
        rows = rows.where(SubmittedAssignment.student_id.in_(students))
    return {student: round(penalty, 6) for student, penalty in gradebook.db.execute(rows)}
