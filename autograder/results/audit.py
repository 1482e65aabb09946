"""Records of an audit: the versions it graded, and what each criterion is good for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from autograder.base.i18n import Text, same, text
from autograder.base.records import Record
from autograder.results.grade_report import CAUSES

MIN_KILL_RATE = 0.95
"""The share of the wrong versions that a rubric must take a point from, unless another one is asked for."""


MAX_TRIVIAL_SHARE = 0.2
"""The largest share of an exercise's points that a function may earn without solving anything."""


_RETURNS = ": returns "
"""Stands in the id of a version that solves nothing before what its function returns."""
_MOST_NAMED, _MOST_SHOWN = 4, 60


Kind = Literal["mutant", "equivalent", "generated", "trivial"]


CaughtBy = Literal["visible", "hidden", "itself"]


class Place(Record):
    """Where a version differs from the source of an assignment without a rubric, and which tests depend on it.

    Args:
        notebook: its notebook.
        cell: the number of the code cell.
        line: the line in the cell as the instructor wrote it; None if whole functions were replaced.
        kind: the kind of change.
        old: what was replaced.
        new: what stands there instead.
        removed: the lines that differ, as they were.
        added: the lines that stand there instead.
        tests: the grade cells that fail without an answer in this cell.
    """

    notebook: str
    cell: int
    line: int | None
    kind: str
    old: str
    new: str
    removed: tuple[str, ...]
    added: tuple[str, ...]
    tests: tuple[str, ...]

    @property
    def says(self) -> Text:
        """What it says of the tests if this version loses nothing."""
        tests, old = ", ".join(self.tests), self.old if len(self.old) <= _MOST_SHOWN else f"{self.old[:_MOST_SHOWN]}..."
        match self.kind:
            case "comparison" if self.old.replace("=", "") == self.new.replace("=", ""):
                return text("no assert of {tests} notices the boundary of `{old}`", tests=tests, old=old)
            case "condition":
                return text("no assert of {tests} notices when `{old}` is not met", tests=tests, old=old)
            case "statement":
                return text("all asserts of {tests} pass without `{old}`", tests=tests, old=old)
            case "constant" | "axis":
                return text("no assert of {tests} depends on `{old}`", tests=tests, old=old)
            case "body":
                return text("the asserts of {tests} are met by what solves nothing", tests=tests)
        return text("no assert of {tests} tells this from the solution", tests=tests)


class Version(Record):
    """One version of one exercise, and what became of it.

    Args:
        id: its name in ``mutants.yaml``, or the change that generated it.
        kind: a named mutant, an equivalent, generated from the reference, or one that solves nothing.
        exercise: the exercise it changes.
        must_fail: the criteria that a named mutant must fail.
        failed: the criteria that failed, cases of one counted once; those of its own exercise, if there are any.
        missed: those of ``must_fail`` that passed.
        diagnosis: the id of the first diagnosis a student would read.
        excuse: why a generated version is right after all.
        problem: why it could not be graded.
        keys: how many course keys judged it; ``failed`` and ``missed`` hold what any of them found, the other fields
            what the first found.
        caught: how many of them took a point from it; for a named mutant, how many failed all criteria it names.
        earned: its points in its exercise.
        points: what the exercise is worth.
        caught_by: by whom, without a rubric: asserts that students see, hidden ones only, or itself, because its own
            cell fails or never ends.
        place: where it differs from the source, without a rubric.
    """

    id: str
    kind: Kind
    exercise: str
    must_fail: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    missed: tuple[str, ...] = ()
    diagnosis: str | None = None
    excuse: str | None = None
    problem: str | None = None
    keys: int = 1
    caught: int = 0
    earned: float = 0.0
    points: float = 0.0
    caught_by: CaughtBy | None = None
    place: Place | None = None

    @property
    def is_wrong(self) -> bool:
        """Whether it should lose points, as far as is known."""
        return self.kind != "equivalent" and not self.excuse

    @property
    def share(self) -> float:
        """The share of the keys that judge it rightly: that catch a wrong version, or accept a right one."""
        return (self.caught if self.is_wrong else self.keys - self.caught) / self.keys

    @property
    def is_luck(self) -> bool:
        """Whether some keys catch it and others do not."""
        return 0 < self.caught < self.keys and not self.problem

    @property
    def is_cheap(self) -> bool:
        """Whether it earns more than it may, although it solves nothing."""
        return self.kind == "trivial" and self.earned > MAX_TRIVIAL_SHARE * self.points

    @property
    def is_settled(self) -> bool:
        """Whether the exercise that it changes shows all there is to know; if not, the others may."""
        if self.kind == "mutant":
            return bool(self.failed) and not self.missed and self.diagnosis is not None
        return self.kind == "trivial" or bool(self.failed)

    @property
    def is_named(self) -> bool:
        """Whether the diagnosis names this mistake, alone or among the few that do the same."""
        return self.diagnosis is not None and self.id in self.diagnosis.split(CAUSES)


class CriterionAudit(Record):
    """What one criterion is good for.

    Args:
        id: the criterion; all cases of a parametrised one count as one.
        exercise: the exercise of the criterion.
        tried: how many wrong versions of its exercise there are.
        named: how many named mutants fail it.
        generated: how many generated versions do.
        decisive: how many of both fail nothing else.
        hidden: how many of both, without a rubric, fail its hidden tests only.
        unanswered: how many versions that solve nothing, or answers that were left out, fail it, without a rubric.
        points: what the grade cell is worth, without a rubric.
        cell: its number among the code cells, without a rubric.
        problem: why it judges nothing: what the source's own solution fails with.
    """

    id: str
    exercise: str
    tried: int
    named: int
    generated: int
    decisive: int
    hidden: int = 0
    unanswered: int = 0
    points: float = 0.0
    cell: int | None = None
    problem: str | None = None

    @property
    def is_given_away(self) -> bool:
        """Does a grade cell let everything pass, even no answer at all?"""
        return self.cell is not None and not (self.problem or self.generated or self.unanswered)


class Unjudged(Record):
    """A cell of a notebook without a rubric that the audit says nothing of.

    Args:
        id: the cell.
        cell: its number among the code cells; None for words.
        points: what a person gives for it.
        versions: how many wrong versions of it there would be.
        is_blocked: whether the source itself fails the tests that it belongs to.
    """

    id: str
    cell: int | None
    points: float | None
    versions: int = 0
    is_blocked: bool = False


class Audit(Record):
    """What an assignment's rubric is worth, or the asserts in its notebooks."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    assignment: str
    judge: Literal["rubric", "asserts"] = "rubric"
    keys: int = 1
    """With how many course keys the versions were judged."""
    is_partial: bool = False
    """Were only some versions asked for by their names? Then nothing can be said of the rubric as a whole."""
    versions: tuple[Version, ...]
    criteria: tuple[CriterionAudit, ...]
    without_cell: tuple[str, ...] = ()
    """The exercises of which no version can be made, because no cell with a solution has their name."""
    stale: tuple[str, ...] = ()
    """Ids under ``generated_equivalents`` that no generated version has."""
    unjudged: tuple[Unjudged, ...] = ()
    """Cells graded by a person, and cells that no assert looks at."""
    least: float | None = None
    """The share of the wrong versions that must lose a point, if one is asked for."""

    @property
    def bound(self) -> float:
        """The share of the wrong versions that must lose a point.

        Asserts have none of their own: what they let through is shown, and those who teach decide what that is worth.
        """
        if self.is_partial:
            return 0.0
        return self.least if self.least is not None else MIN_KILL_RATE if self.judge == "rubric" else 0.0

    def of(self, kind: Kind) -> list[Version]:
        """Return the versions of one kind."""
        return [version for version in self.versions if version.kind == kind]

    @property
    def untried(self) -> list[CriterionAudit]:
        """The criteria of exercises of which no wrong version was made."""
        return [criterion for criterion in self.criteria if not criterion.tried]

    @property
    def paid(self) -> list[tuple[str, Version]]:
        """Those that solve nothing but earn points; of asserts, what a function may return for the same points at once.

        Each comes with what to call it.
        """
        found = [version for version in self.of("trivial") if version.earned]
        if self.judge == "rubric":
            return [(version.id, version) for version in found]
        groups: dict[tuple[str, str, float], list[Version]] = {}
        for version in found:
            function = version.id.partition(_RETURNS)[0]
            groups.setdefault((version.exercise, function, version.earned), []).append(version)
        return [(_all_of(group), group[0]) for group in groups.values()]

    @property
    def survivors(self) -> list[Version]:
        """Generated versions that lose nothing and are not listed as right, those with most points at stake first."""
        found = [v for v in self.of("generated") if not (v.failed or v.caught or v.excuse or v.problem)]
        return sorted(found, key=lambda version: -version.points)

    @property
    def wrong(self) -> list[Version]:
        """Generated versions that are not listed as right."""
        return [v for v in self.of("generated") if not v.excuse]

    @property
    def kill_rate(self) -> float:
        """Of the generated versions not listed as right, the share that loses a point."""
        return 1.0 if not self.wrong else 1 - len(self.survivors) / len(self.wrong)

    @property
    def diagnosis_rate(self) -> float:
        """The share of the named mutants whose first diagnosis names that mistake."""
        named = self.of("mutant")
        return 1.0 if not named else sum(v.is_named for v in named) / len(named)

    def caught_by(self, whom: CaughtBy) -> list[Version]:
        """Return the generated versions that one kind of tests catches, without a rubric."""
        return [v for v in self.of("generated") if v.caught_by == whom]

    @property
    def faults(self) -> list[Text]:
        """What needs fixing in the rubric or ``mutants.yaml``, or in the source of notebooks, a line each."""
        found = [
            text(
                "{cell} (code cell {number}): the source's own solution does not pass: {problem}; "
                "correct it, or the test",
                cell=criterion.id,
                number=criterion.cell,
                problem=criterion.problem,
            )
            for criterion in self.criteria
            if criterion.problem
        ]
        found += [
            text(
                "{cell} (code cell {number}): passes with every answer and with none; points given away: {points:g}",
                cell=criterion.id,
                number=criterion.cell,
                points=criterion.points,
            )
            for criterion in self.criteria
            if criterion.is_given_away
        ]
        found += [
            text("{version}: could not be graded: {problem}", version=v.id, problem=v.problem)
            for v in self.versions
            if v.problem
        ]
        found += [
            text("{version}: passes {criteria}{keys}", version=v.id, criteria=", ".join(v.missed), keys=_with_some(v))
            for v in self.of("mutant")
            if v.missed
        ]
        found += [
            text(
                "{version}: is right but fails {criteria}{keys}",
                version=v.id,
                criteria=", ".join(v.failed),
                keys=_with_some(v),
            )
            for v in (*self.of("equivalent"), *(v for v in self.of("generated") if v.excuse))
            if v.failed
        ]
        found += [
            text("{version}: is caught{keys} only", version=v.id, keys=_with_some(v))
            for v in self.of("generated")
            if v.is_luck and v.is_wrong
        ]
        found += [
            text("{version}: is right but is diagnosed as {diagnosis}", version=v.id, diagnosis=v.diagnosis)
            for v in self.of("equivalent")
            if v.diagnosis
        ]
        found += [
            text("{version}: earns {earned:g} of {points:g} points", version=name, earned=v.earned, points=v.points)
            for name, v in self.paid
            if v.is_cheap
        ]
        found += [text("generated_equivalents: no generated version is called {name!r}", name=n) for n in self.stale]
        if self.kill_rate < self.bound:
            found.append(
                text(
                    "{share:.1%} of the generated versions lose a point; {least:.0%} must",
                    share=self.kill_rate,
                    least=self.bound,
                )
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as plain values, with the rates, survivors and faults that follow from it."""
        document = self.model_dump(mode="json", by_alias=True)
        rates = {"kill_rate": round(self.kill_rate, 4), "diagnosis_rate": round(self.diagnosis_rate, 4)}
        for version, written in zip(self.versions, document["versions"], strict=True):
            written["share"] = round(version.share, 4)
            if version.place is not None and not version.caught:
                written["place"]["says"] = version.place.says.model_dump()
        lists = {"survivors": [v.id for v in self.survivors], "untried": [c.id for c in self.untried]}
        return document | rates | lists | {"faults": [fault.en for fault in self.faults]}


def _all_of(versions: Sequence[Version]) -> str:
    """Name versions of a function that return something else each."""
    values = [version.id.partition(_RETURNS)[2] for version in versions[1:_MOST_NAMED]]
    return ", ".join([versions[0].id, *values]) + (", ..." if len(versions) > _MOST_NAMED else "")


def _with_some(version: Version) -> Text:
    """Say how many of several keys show a fault: miss a mutant, or fail anything else."""
    if version.keys == 1:
        return same("")
    count = version.keys - version.caught if version.kind == "mutant" else version.caught
    return text(" with {count} of {keys} keys", count=count, keys=version.keys)
