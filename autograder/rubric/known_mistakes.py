"""Which known mistakes a submission makes: the mutants that do the same under every criterion of the exercise.

The mutants of ``mutants.yaml`` are edits of the reference, so they may run in this process. A mutant is run only where
it can be the answer: the criteria that it names have all failed. What is looked for, and in which order:

1. one mutant under which every criterion finds the same: the same message, up to rounding, and the same values;
2. a few mutants, each of which does the same where it fails and passes everywhere else: one mistake per criterion,
   but for criteria that failed by an exception whose cause is certain;
3. two mutants whose edits, both made, do the same.

Where an exercise has a probe, what that returns must be the same, and of criteria that depend on chance only the
outcome. When several mutants do the same, the student reads that it is one of them. An exercise that builds on another
one which has failed is compared with the reference in which that mistake is made as well. A mutant that never ends
finds what a submission finds that does not return in time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations, permutations
from typing import TYPE_CHECKING

from autograder.base.i18n import Text, text
from autograder.course.mutants import Mutant
from autograder.results.grade_report import CAUSES, FOLLOWS, CriterionResult, Diagnosis
from autograder.rubric.criteria import Criterion, is_named
from autograder.rubric.diagnosis import GENERAL
from autograder.rubric.exceptions import is_of_an_exception
from autograder.rubric.findings import Finding
from autograder.rubric.loop_budget import TooManyRounds
from autograder.rubric.signatures import BESIDES, besides, is_of_the_signature
from autograder.rubric.versions import Edits, Versions, name_of

if TYPE_CHECKING:
    from autograder.rubric.judge import Judge

MAX_CAUSES = 4
"""So many mutants that cannot be told apart are named; more would be no help."""
MAX_PAIRS = 30
"""So many pairs of mutants are tried: it bounds what a submission costs that fails everything."""
MAX_CHEAP_PAIRS = 600
"""So many where there is no probe: such functions are called in a millisecond, and the first criterion refutes most."""
MAX_BROKEN = 3
"""Where more exercises have not passed, only single mutants are looked for: that is many times cheaper."""
DRAWS = 12
"""So often at most a version draws its own random numbers, to see what depends on them."""
_PERHAPS = "-perhaps"
NOT_WRITTEN = ("NotImplementedError", "NotDefined")
NOT_PROBED = ("StudentCrash", "StudentError", "StudentTimeout", "BadReply")
"""How findings begin after which nothing more is asked: it is missing, or does not return."""


@dataclass(frozen=True)
class Observed:
    """What was found in one exercise of a submission.

    Args:
        exercise: its name.
        tried: the criteria that were tried, those that failed first: they tell mutants apart soonest.
        failed: the ids of those that failed, in the order of the rubric, and not only by the order of parameters.
        not_passed: these, and those that were not tried, such as hidden ones while only visible ones are judged.
        findings: what the criteria found.
        probe: what the probe of the exercise found, where there is one.
        certain: those of them whose exception leaves no doubt about its cause; no mutant has to explain them.
        is_alone: few other exercises have failed, so that more than single mutants may be looked for.
    """

    exercise: str
    tried: tuple[Criterion, ...]
    failed: tuple[str, ...]
    not_passed: tuple[str, ...]
    findings: Mapping[str, Finding]
    probe: Finding | None
    certain: frozenset[str]
    is_alone: bool

    def allows(self, mutant: Mutant) -> bool:
        """Can it be this mutant: have all the criteria failed that it fails?"""
        named = (any(is_named(criterion, name) for criterion in self.not_passed) for name in mutant.fails)
        return mutant.exercise == self.exercise and all(named)


@dataclass(frozen=True)
class Cause:
    """A mistake, shown at the first failed criterion that it explains; several mutants that cannot be told apart.

    Args:
        criterion: where it is shown.
        mutants: what it can be.
        explains: the failed criteria that it explains.
        besides: another mistake that shows at the same criterion, which fails by both together.
    """

    criterion: str
    mutants: tuple[Mutant, ...]
    explains: tuple[str, ...]
    besides: Mutant | None = None

    @property
    def diagnosis(self) -> Diagnosis:
        """What the student reads."""
        if self.besides is None:
            return _one_of(self.mutants)
        words = text("{cause} Besides: {other}", cause=self.mutants[0].explain, other=self.besides.explain)
        return Diagnosis(id=f"{self.mutants[0].name}{BESIDES}{self.besides.name}", text=words)


class KnownMistakes:
    """Names the mutants that a submission does the same as.

    Args:
        judge: whose criteria judge; its assignment has a reference.
    """

    def __init__(self, judge: Judge) -> None:
        self._judge, self.versions = judge, Versions(judge)
        self.deadly: frozenset[str] = frozenset()
        """The names of versions that have brought their process down more than once."""

    def assist(self) -> None:
        """Let the judge's verdicts go through `diagnose`, and its submissions through the probes."""
        self._judge.diagnose, self._judge.probe = self.diagnose, self._probe

    # -- what is looked at ---------------------------------------------------------------------------------------------

    def _probe(self) -> None:
        """Ask the probes of the exercises that have failed, while the submission is there."""
        judge = self._judge
        with suppress(Exception):  # what cannot be probed is not diagnosed; the verdict does not depend on it
            tried = [c for c in judge.criteria if c.id in judge.findings]
            for exercise in self.versions.probes:
                found = [judge.findings[c.id] for c in tried if c.exercise == exercise]
                failed = [finding for finding in found if finding.words]
                if (
                    failed
                    and not any(f.words.startswith((*NOT_WRITTEN, *NOT_PROBED)) for f in failed)
                    and judge.student
                ):
                    judge.probed[exercise] = self.versions.probe(exercise, judge.student_in_order)

    def _observed(
        self, exercise: str, results: Mapping[str, CriterionResult], findings: Mapping[str, Finding]
    ) -> Observed | None:
        """What was found in an exercise; None where that cannot be compared."""
        criteria = [c for c in self._judge.criteria if c.exercise == exercise]
        tried = [c for c in criteria if c.id in findings]
        failed = [c.id for c in criteria if results[c.id].outcome == "failed" and findings[c.id].words]
        if not failed or any(results[c.id].outcome == "error" for c in criteria):
            return None
        if not all(c.id in self._judge.plain_tests for c in tried):
            return None
        if any(findings[c.id].words.startswith(NOT_WRITTEN) for c in tried):
            return None
        probe = self._judge.probed.get(exercise)
        tried.sort(key=lambda c: results[c.id].outcome == "passed")
        known = [c for c in self._judge.known if c.exercise == exercise]
        not_passed = tuple(c.id for c in known if c.id not in results or results[c.id].outcome != "passed")
        broken = {c.exercise for c in self._judge.criteria if results[c.id].outcome != "passed"}
        is_alone = len(broken) <= MAX_BROKEN
        certain = frozenset(i for i in failed if is_of_an_exception(results[i].diagnosis))
        return Observed(exercise, tuple(tried), tuple(failed), not_passed, findings, probe, certain, is_alone)

    # -- what is said --------------------------------------------------------------------------------------------------

    def diagnose(
        self, results: Mapping[str, CriterionResult], findings: Mapping[str, Finding]
    ) -> dict[str, CriterionResult]:
        """The results with each known mistake named at the first failed criterion that it explains.

        Args:
            results: the verdicts by criterion.
            findings: what the criteria found that were tried.
        """
        named = dict(results)
        broken: dict[str, Edits | None] = {}  # by exercise that has not passed, the mutants that do the same
        criteria = self._judge.criteria
        not_passed = {c.exercise for c in criteria if results[c.id].outcome != "passed"}
        for exercise in dict.fromkeys(c.exercise for c in criteria if c.exercise in not_passed):
            broken[exercise] = None
            with suppress(Exception):  # a diagnosis that fails costs the diagnosis, never the grade
                if (observed := self._observed(exercise, results, findings)) is not None:
                    broken[exercise] = self._name(observed, broken, named)
        return named

    def _name(
        self, observed: Observed, broken: Mapping[str, Edits | None], named: dict[str, CriterionResult]
    ) -> Edits | None:
        """Name the causes of one exercise in the results, and return a version that does the same."""
        needed = [name for name in broken if name in self.versions.needed_by(observed.exercise)]
        context: Edits = ()
        for name in needed:
            if (edits := broken[name]) is None:
                _drop_consequences(named, observed, self._perhaps_from(name, named))
                return None
            context = _joined(context, edits)
        if needed and self._agrees(context, observed):
            origin = context[0].exercise
            _write(
                named,
                observed,
                {observed.failed[0]: _follows(self._judge.assignment.settings.exercises[origin].title, origin)},
            )
            return context
        causes = self._causes(observed, context) or (self._causes(observed, ()) if context else [])
        if not causes:
            if needed:
                _drop_consequences(named, observed, self._perhaps_from(needed[0], named))
            return None
        relation = named[observed.failed[0]].diagnosis
        if relation is None or relation.id in GENERAL or any(len(cause.mutants) == 1 for cause in causes):
            kept = {i: named[i].diagnosis for i in observed.certain if not any(i in c.explains for c in causes)}
            _write(named, observed, {**kept, **{cause.criterion: cause.diagnosis for cause in causes}})
        return _joined(context, tuple(cause.mutants[0] for cause in causes))

    def _perhaps_from(self, exercise: str, named: Mapping[str, CriterionResult]) -> Diagnosis:
        """An exercise on which this one builds has failed, or another one below that."""
        said = [d for c in self._judge.criteria if c.exercise == exercise and (d := named[c.id].diagnosis) is not None]
        lower = next((d for d in said if d.id.startswith(FOLLOWS)), None)
        if lower is not None:
            exercise = lower.id.removeprefix(FOLLOWS).removesuffix(_PERHAPS)
        title = self._judge.assignment.settings.exercises[exercise].title
        words = text("“{title}” is not right yet, and this may follow from it; mend that first", title=title)
        return Diagnosis(id=f"{FOLLOWS}{exercise}{_PERHAPS}", text=words)

    # -- what is looked for --------------------------------------------------------------------------------------------

    def _causes(self, observed: Observed, context: Edits) -> list[Cause]:
        candidates = [m for m in self._mutants if observed.allows(m)]
        for base in self._bases(observed):
            found = [m for m in candidates if self._agrees_in_any_order((*context, m), base, observed)]
            if found:
                found = _distinct(found)
                everything = Cause(observed.failed[0], tuple(found), observed.failed)
                return [everything] if len(found) <= MAX_CAUSES else []
        if not observed.is_alone:
            return []
        return self._independent(observed, candidates, context) or self._combined(observed, candidates, context)

    @cached_property
    def _mutants(self) -> list[Mutant]:
        return [] if self.versions.known is None else [form for m in self.versions.known.mutants for form in m.forms]

    def _bases(self, observed: Observed) -> Iterator[Edits]:
        """The reference, then the right versions that the probe finds to be different."""
        yield ()
        if observed.probe is None or self.versions.known is None or not observed.is_alone:
            return
        right = self.versions.probed((), observed.exercise)
        for version in self.versions.known.equivalents:
            if version.exercise == observed.exercise and not self.versions.probed(
                (version,), observed.exercise
            ).is_near(right):
                yield (version,)

    def _agrees_in_any_order(self, edits: Edits, base: Edits, observed: Observed) -> bool:
        if not base:
            return self._agrees(edits, observed)
        orders = [order for order in ((*edits, *base), (*base, *edits)) if self.versions.are_compatible(order)]
        return any(self._agrees(order, observed) for order in orders)

    def _independent(self, observed: Observed, candidates: list[Mutant], context: Edits) -> list[Cause]:
        """Mistakes that do not touch each other: where one of them fails, it alone explains what was found."""
        failed = [c for c in observed.tried if c.id in observed.failed]
        failed.sort(key=lambda c: observed.failed.index(c.id))
        left, causes = [c.id for c in failed], list[Cause]()
        while left and len(causes) < MAX_CAUSES:
            first = next(c for c in failed if c.id == left[0])
            alike = [m for m in candidates if self._same((*context, m), first, observed)]
            explained = {m.id: self._explained((*context, m), observed) for m in alike}
            most = max(map(len, explained.values()), default=0)
            found = tuple(_distinct(m for m in alike if len(explained[m.id]) == most))
            if not most and first.id in observed.certain and (causes or not observed.certain.issuperset(left)):
                left.remove(first.id)
                continue
            if not most or len(found) > MAX_CAUSES:
                return []
            causes.append(Cause(first.id, found, tuple(explained[found[0].id])))
            left = [c for c in left if c not in explained[found[0].id]]
        return [] if left else causes

    def _explained(self, edits: Edits, observed: Observed) -> list[str]:
        """The failed criteria that a version explains; none when it does what the submission does not."""
        explained = []
        for judged in observed.tried:
            if self._same(edits, judged, observed):
                if judged.id in observed.failed:
                    explained.append(judged.id)
            elif judged.id in observed.certain:
                if self.versions.finding(edits, judged).words == observed.findings[judged.id].words:
                    return []  # the same exception, of another cause
                continue  # the exception came before whatever else there is to find
            elif judged.id not in observed.failed or self.versions.finding(edits, judged).words:
                return []
        if observed.probe is not None:
            probe, right = (self.versions.probed(e, observed.exercise) for e in (edits, ()))
            if not probe.is_near(right) and not probe.is_near(observed.probe):
                return []
        return explained

    def _combined(self, observed: Observed, candidates: list[Mutant], context: Edits) -> list[Cause]:
        """Two mistakes at once, of which the first explains what was found first."""
        first = next(c for c in observed.tried if c.id == observed.failed[0])
        if observed.probe is None:
            begin = _distinct(m for m in candidates if self._same((*context, m), first, observed))
            pairs = [(one, other) for one in begin for other in candidates if one.name != other.name][:MAX_PAIRS]
            if not begin:
                pairs = [(one, other) for one, other in combinations(candidates, 2) if one.name != other.name]
                pairs = pairs[:MAX_CHEAP_PAIRS]
        else:
            begin = candidates
            pairs = [(one, other) for one, other in permutations(candidates, 2) if one.name < other.name][:MAX_PAIRS]
        found: list[tuple[Mutant, Mutant]] = []
        for pair in pairs:
            orders = [o for o in ((*context, *pair), (*context, *pair[::-1])) if self.versions.are_compatible(o)]
            if any(self._agrees(order, observed) for order in orders):
                found.append(pair)
        if len({frozenset(m.name for m in pair) for pair in found}) != 1:
            return []
        one, other = found[0]
        rest = [
            c.id for c in observed.tried if c.id in observed.failed and not self._same((*context, one), c, observed)
        ]
        rest.sort(key=observed.failed.index)
        second = next((c for c in (*rest, *observed.failed) if c != first.id), first.id)
        if second == first.id:
            return [Cause(first.id, (one,), observed.failed, besides=other)]
        return [Cause(first.id, (one,), observed.failed), Cause(second, (other,), observed.failed)]

    # -- what is compared ----------------------------------------------------------------------------------------------

    def _agrees(self, edits: Edits, observed: Observed) -> bool:
        """Is everything found in a version that was found in the submission?"""
        try:
            if self._is_deadly(edits):
                return False
            by_chance = False
            if observed.probe is not None:
                probe, right = (self.versions.probed(e, observed.exercise) for e in (edits, ()))
                if not probe.is_near(observed.probe):
                    return False
                by_chance = not probe.is_near(right)
            return all(self._same(edits, c, observed, by_chance=by_chance) for c in observed.tried)
        except (Exception, TooManyRounds):  # noqa: BLE001 -- it cannot be run or compared: the others still can
            return False

    def _same(self, edits: Edits, judged: Criterion, observed: Observed, *, by_chance: bool = False) -> bool:
        """Does a criterion find the same in a version?"""
        if self._is_deadly(edits):
            return False
        try:
            finding, other = self.versions.finding(edits, judged), observed.findings[judged.id]
            return finding.agrees(other) or (by_chance and self._can_be_chance(edits, judged, other))
        except (Exception, TooManyRounds):  # noqa: BLE001 -- see above
            return False

    def _can_be_chance(self, edits: Edits, judged: Criterion, other: Finding) -> bool:
        """Does what a criterion finds in a version depend on what the version draws, and can it come to this?"""
        first = self.versions.finding(edits, judged)
        varies, comes_to_this = False, first.resembles(other)
        for draw in range(1, DRAWS):
            found = self.versions.finding(edits, judged, draw=draw)
            varies, comes_to_this = varies or not found.agrees(first), comes_to_this or found.resembles(other)
            if varies and comes_to_this:
                return True
        return False

    def _is_deadly(self, edits: Edits) -> bool:
        return name_of(edits) in self.deadly or any(version.id in self.deadly for version in edits)


def _joined(one: Edits, other: Edits) -> Edits:
    return (*one, *(version for version in other if version not in one))


def _write(named: dict[str, CriterionResult], observed: Observed, causes: Mapping[str, Diagnosis | None]) -> None:
    """Put the causes into the results; what was guessed at the other criteria of the exercise goes."""
    for criterion in observed.failed:
        diagnosis = besides(named[criterion].diagnosis, causes.get(criterion))
        named[criterion] = named[criterion].model_copy(update={"diagnosis": diagnosis})


def _drop_consequences(named: dict[str, CriterionResult], observed: Observed, instead: Diagnosis) -> None:
    """Say of what the mistake of another exercise may look like in this one only that it may come from there."""
    for criterion in observed.failed:
        diagnosis = named[criterion].diagnosis
        if not is_of_the_signature(diagnosis):
            cause = instead if criterion == observed.failed[0] else None
            named[criterion] = named[criterion].model_copy(update={"diagnosis": cause})


def _follows(title: Text, exercise: str) -> Diagnosis:
    """The mistake of another exercise, with which even right code does the same."""
    words = text("this follows from the mistake in “{title}”: right code that uses it does the same here", title=title)
    return Diagnosis(id=f"{FOLLOWS}{exercise}", text=words)


def _one_of(found: tuple[Mutant, ...]) -> Diagnosis:
    """Mistakes that cannot be told apart by what they do."""
    words = found[0].explain
    for other in found[1:]:
        if other.explain == found[0].explain:
            continue
        words = text("{cause} Or: {other}", cause=words, other=other.explain)
    return Diagnosis(id=CAUSES.join(mutant.name for mutant in found), text=words)


def _distinct(found: Iterable[Mutant]) -> list[Mutant]:
    """One form of each mutant."""
    return list({mutant.name: mutant for mutant in reversed(list(found))}.values())[::-1]
