"""Records of an audit: the versions it graded, and what each criterion is good for."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from autograder.base.i18n import Text, same, text
from autograder.base.records import Record
from autograder.results.grade_report import CAUSES

MIN_KILL_RATE = 0.95


MAX_TRIVIAL_SHARE = 0.2
"""The largest share of an exercise's points that a function may earn without solving anything."""


Kind = Literal["mutant", "equivalent", "generated", "trivial"]


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
    """

    id: str
    exercise: str
    tried: int
    named: int
    generated: int
    decisive: int


class Audit(Record):
    """What an assignment's rubric is worth."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    assignment: str
    keys: int = 1
    """With how many course keys the versions were judged."""
    is_partial: bool = False
    """Were only some versions asked for by their names? Then nothing can be said of the rubric as a whole."""
    versions: tuple[Version, ...]
    criteria: tuple[CriterionAudit, ...]
    stale: tuple[str, ...] = ()
    """Ids under ``generated_equivalents`` that no generated version has."""

    def of(self, kind: Kind) -> list[Version]:
        """Return the versions of one kind."""
        return [version for version in self.versions if version.kind == kind]

    @property
    def untried(self) -> list[CriterionAudit]:
        """The criteria of exercises of which no wrong version was made."""
        return [criterion for criterion in self.criteria if not criterion.tried]

    @property
    def survivors(self) -> list[Version]:
        """Generated versions that lose nothing and are not listed as right."""
        return [v for v in self.of("generated") if not v.failed and not v.excuse and not v.problem]

    @property
    def kill_rate(self) -> float:
        """Of the generated versions not listed as right, the share that loses a point."""
        wrong = [v for v in self.of("generated") if not v.excuse]
        return 1.0 if not wrong else 1 - len(self.survivors) / len(wrong)

    @property
    def diagnosis_rate(self) -> float:
        """The share of the named mutants whose first diagnosis names that mistake."""
        named = self.of("mutant")
        return 1.0 if not named else sum(v.is_named for v in named) / len(named)

    @property
    def faults(self) -> list[Text]:
        """What needs fixing in the rubric or ``mutants.yaml``, a line each."""
        found = [
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
            text("{version}: earns {earned:g} of {points:g} points", version=v.id, earned=v.earned, points=v.points)
            for v in self.versions
            if v.is_cheap
        ]
        found += [text("generated_equivalents: no generated version is called {name!r}", name=n) for n in self.stale]
        if self.kill_rate < MIN_KILL_RATE and not self.is_partial:
            found.append(
                text(
                    "{share:.1%} of the generated versions lose a point; {least:.0%} must",
                    share=self.kill_rate,
                    least=MIN_KILL_RATE,
                )
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the audit as plain values, with the rates, survivors and faults that follow from it."""
        document = self.model_dump(mode="json", by_alias=True)
        rates = {"kill_rate": round(self.kill_rate, 4), "diagnosis_rate": round(self.diagnosis_rate, 4)}
        for version, written in zip(self.versions, document["versions"], strict=True):
            written["share"] = round(version.share, 4)
        lists = {"survivors": [v.id for v in self.survivors], "untried": [c.id for c in self.untried]}
        return document | rates | lists | {"faults": [fault.en for fault in self.faults]}


def _with_some(version: Version) -> Text:
    """Say how many of several keys show a fault: miss a mutant, or fail anything else."""
    if version.keys == 1:
        return same("")
    count = version.keys - version.caught if version.kind == "mutant" else version.caught
    return text(" with {count} of {keys} keys", count=count, keys=version.keys)
