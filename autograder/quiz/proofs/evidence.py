"""Checks a key against what running everything gave: pure, so that another key can be tried without running it again.

Every option has a row of evidence per seed. Exactly the keyed options may satisfy the claims; a row with an `error`
satisfies none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import permutations
from typing import Any

from autograder.base.i18n import Text, text
from autograder.quiz.notation.expressions import ExpressionError, are_close, evaluate
from autograder.quiz.notation.parsing import FormatError, parse_number, parse_shape
from autograder.quiz.questions.fields import Proof
from autograder.quiz.questions.fill_in import Blank, Blanks, ChoiceBlank, Code, Number, NumberBlank, ShapeBlank
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Single, TrueFalse
from autograder.quiz.scoring.markers import is_near, marker_of_blank

Values = dict[str, Any]
STATEMENT, ANSWER, SHAPES = "statement", "answer", "shapes"
_WRONG_BY_TOLERANCES = 2
"""A known wrong number must lie more than this many tolerances away from the right one."""


@dataclass(frozen=True)
class Row:
    """What one run gave.

    Args:
        of: the option, item, blank or expression.
        seed: of the random numbers.
        values: the evidence by name.
    """

    of: str
    seed: int
    values: Values


@dataclass
class KeyCheck:
    """What the evidence says about a key, which is proved if there are no problems.

    Args:
        problems: why the key is refuted, or cannot be judged.
        also: answers that are not in the key but work as well.
    """

    problems: list[Text] = field(default_factory=list)
    also: list[str] = field(default_factory=list)


def verify_key(question: AnyQuestion, rows: Sequence[Row]) -> KeyCheck:
    """Check a key against the evidence.

    Args:
        question: with its key and its proof.
        rows: what `laboratory.gather` found, for this question or for one that differs in its key only.
    """
    assert question.prove is not None
    check = KeyCheck()
    of: dict[str, list[Row]] = {}
    for row in rows:
        of.setdefault(row.of, []).append(row)
    match question:
        case Single() | Multi():
            _verify_claims(question.prove, of, list(question.options), set(question.key), text("option"), check)
        case TrueFalse():
            _verify_statement(question, of, check)
        case Number():
            _verify_number(question, of.get(ANSWER, []), check)
        case Blanks():
            _verify_blanks(question, of, check)
        case Match():
            _verify_match(question, of, check)
        case Order():
            orders = {",".join(order) for order in permutations(question.items)}
            right = {",".join(order) for order in (question.key, *question.accept)}
            _verify_claims(question.prove, of, sorted(orders), right, text("order"), check)
        case Code():
            _verify_code(question, of, check)
    return check


def holds(claims: Iterable[str], values: Values) -> bool:
    """Return whether all claims are true of this evidence.

    Raises:
        ExpressionError: a claim cannot be evaluated on evidence that has no error.
    """
    try:
        return all(evaluate(claim, values) for claim in claims)
    except ExpressionError:
        if values.get("error"):
            return False
        raise


def _holds_by_seed(claims: Sequence[str], rows: Sequence[Row], check: KeyCheck) -> list[bool]:
    result = []
    for row in rows:
        try:
            result.append(holds(claims, row.values))
        except ExpressionError as error:
            check.problems.append(
                text(
                    "{of}, seed {seed}: the claim cannot be judged: {error}", of=row.of, seed=row.seed, error=error.text
                )
            )
            result.append(False)
    return result


def _verify_claims(
    proof: Proof, of: Mapping[str, Sequence[Row]], names: Sequence[str], key: set[str], what: Text, check: KeyCheck
) -> None:
    if not proof.claims:
        check.problems.append(text("claims: say what the right answers have in common"))
        return
    for name in names:
        rows = of.get(name, [])
        if not rows:
            check.problems.append(
                text("{what} {name}: there is nothing to run; give it code or run", what=what, name=name)
            )
            continue
        met = _holds_by_seed(proof.claims, rows, check)
        if name in key and not all(met):
            seeds = [row.seed for row, good in zip(rows, met, strict=True) if not good]
            check.problems.append(
                text(
                    "{what} {name} is in the key but fails the claim (seeds {seeds}): {evidence}",
                    what=what,
                    name=name,
                    seeds=seeds,
                    evidence=_short(rows[0]),
                )
            )
        elif name not in key and any(met):
            check.problems.append(
                text(
                    "{what} {name} is not in the key but satisfies the claim: {evidence}",
                    what=what,
                    name=name,
                    evidence=_short(rows[0]),
                )
            )
            check.also.append(name)
    for measure, factor in proof.margin.items():
        _verify_margin(measure, factor, of, names, key, check)


def _verify_margin(
    measure: str, factor: float, of: Mapping[str, Sequence[Row]], names: Sequence[str], key: set[str], check: KeyCheck
) -> None:
    """Check that the keyed and the other options lie apart by the factor, on whichever side."""
    try:
        inside = [abs(float(row.values[measure])) for name in names if name in key for row in of.get(name, [])]
        outside = [abs(float(row.values[measure])) for name in names if name not in key for row in of.get(name, [])]
    except (KeyError, TypeError, ValueError):
        check.problems.append(text("margin.{measure}: the evidence holds no such number", measure=measure))
        return
    if not inside or not outside:
        check.problems.append(text("margin.{measure}: there is nothing to compare", measure=measure))
        return
    apart = max(_ratio(min(inside), max(outside)), _ratio(min(outside), max(inside)))
    if not apart >= factor:
        check.problems.append(
            text(
                "margin.{measure}: right and wrong differ by a factor of {apart}, not {factor}",
                measure=measure,
                apart=f"{apart:.3g}",
                factor=f"{factor:g}",
            )
        )


def _ratio(large: float, small: float) -> float:
    return large / small if small else math.inf if large else 0.0


def _verify_statement(question: TrueFalse, of: Mapping[str, Sequence[Row]], check: KeyCheck) -> None:
    assert question.prove is not None
    rows = of.get(STATEMENT, [])
    if not rows:
        check.problems.append(text("run: give an expression that is true when the statement is"))
        return
    met = _holds_by_seed(question.prove.claims or ["value"], rows, check)
    for row in rows:
        if row.values.get("error"):
            check.problems.append(
                text("seed {seed}: running it raised {error}", seed=row.seed, error=row.values["error"])
            )
    if not all(good == question.key for good in met):
        check.problems.append(
            text(
                "the key is {key}, but running it says otherwise: {evidence}",
                key=question.key,
                evidence=_short(rows[0]),
            )
        )


def _verify_number(question: Number, rows: Sequence[Row], check: KeyCheck) -> None:
    if not rows:
        check.problems.append(text("run: give an expression whose value is the answer"))
    for row in rows:
        try:
            value = parse_number(row.values.get("value"))
        except FormatError:
            check.problems.append(
                text("seed {seed}: running it gives no number: {evidence}", seed=row.seed, evidence=_short(row))
            )
            continue
        if not is_near(value, parse_number(question.answer), question):
            check.problems.append(
                text(
                    "the key is {answer}, but running it gives {value}",
                    answer=question.answer,
                    value=row.values["value"],
                )
            )
        for wrong in question.wrong:
            apart = abs(parse_number(wrong.is_) - value)
            if apart <= _WRONG_BY_TOLERANCES * question.half_width(value):
                check.problems.append(
                    text(
                        "wrong: {answer} is too near the right value {value}",
                        answer=wrong.is_,
                        value=row.values["value"],
                    )
                )


def _verify_blanks(question: Blanks, of: Mapping[str, Sequence[Row]], check: KeyCheck) -> None:
    if SHAPES in of:
        _verify_shapes(question, of[SHAPES][0].values, check)
        return
    for name, blank in question.blanks.items():
        rows = of.get(name, [])
        if not rows:
            check.problems.append(text("run.{name}: give an expression whose value is the answer", name=name))
        for row in rows:
            _verify_blank(name, blank, row, check)


def _verify_blank(name: str, blank: Blank, row: Row, check: KeyCheck) -> None:
    value = row.values.get("value")
    try:
        right = marker_of_blank(blank)(value).share == 1
    except FormatError:
        right = False
    if not right:
        check.problems.append(
            text(
                "{name}: the key is {key}, but running it gives {value}",
                name=name,
                key=_key_of(blank),
                value=value,
            )
        )
    if isinstance(blank, ChoiceBlank):
        return
    for wrong in blank.wrong:
        if marker_of_blank(blank)(wrong.is_).share:
            check.problems.append(text("{name}: {answer} is listed as wrong but accepted", name=name, answer=wrong.is_))
    if isinstance(blank, NumberBlank) and right:
        for known in blank.wrong:
            apart = abs(parse_number(known.is_) - parse_number(value))
            if apart <= _WRONG_BY_TOLERANCES * blank.half_width(parse_number(value)):
                check.problems.append(
                    text(
                        "{name}: {answer} is too near the right value {value}", name=name, answer=known.is_, value=value
                    )
                )


def _key_of(blank: Blank) -> str:
    return str(tuple(blank.answer) if isinstance(blank, ShapeBlank) else blank.answer)


def _verify_shapes(question: Blanks, values: Values, check: KeyCheck) -> None:
    """Check that exactly the accepted ones of all the shapes tried work."""
    names: list[str] = values["names"]
    blanks = [question.blanks[name] for name in names]
    if set(names) != set(question.blanks) or not all(isinstance(blank, ShapeBlank) for blank in blanks):
        check.problems.append(text("enumerate_shapes: every blank must be a shape"))
        return
    working = {tuple(tuple(shape) for shape in combination) for combination in values["working"]}
    accepted = [{parse_shape(s) for s in (b.answer, *b.accept)} for b in blanks if isinstance(b, ShapeBlank)]
    keyed = tuple(parse_shape(blank.answer) for blank in blanks if isinstance(blank, ShapeBlank))
    for position, shapes in enumerate(accepted):
        for shape in sorted(shapes, key=str):
            tried = (*keyed[:position], shape, *keyed[position + 1 :])
            if tried not in working:
                check.problems.append(
                    text("{name}: {shape} is accepted but does not work", name=names[position], shape=shape)
                )
    for combination in sorted(working, key=str):
        if not all(shape in allowed for shape, allowed in zip(combination, accepted, strict=True)):
            check.also.append(", ".join(f"{name} {shape}" for name, shape in zip(names, combination, strict=True)))
    if check.also:
        check.problems.append(text("also works but is not accepted: {names}", names="; ".join(check.also[:5])))


def _verify_match(question: Match, of: Mapping[str, Sequence[Row]], check: KeyCheck) -> None:
    assert question.prove is not None
    if not question.prove.claims:
        check.problems.append(text("claims: say what belongs together, in left_... and right_..."))
    for left in question.left:
        for right in question.right:
            pairs = list(zip(of.get(f"left {left}", []), of.get(f"right {right}", []), strict=False))
            if not pairs:
                check.problems.append(
                    text(
                        "{left} and {right}: there is nothing to run; give both sides code or run",
                        left=left,
                        right=right,
                    )
                )
                continue
            rows = [Row(f"{left}-{right}", a.seed, _side_by_side(a.values, b.values)) for a, b in pairs]
            met = _holds_by_seed(question.prove.claims, rows, check)
            belongs = question.key[left] == right
            if belongs and not all(met):
                check.problems.append(
                    text(
                        "{left}-{right} is in the key but fails the claim: {evidence}",
                        left=left,
                        right=right,
                        evidence=_short(rows[0]),
                    )
                )
            elif not belongs and any(met):
                check.problems.append(
                    text(
                        "{left}-{right} is not in the key but satisfies the claim: {evidence}",
                        left=left,
                        right=right,
                        evidence=_short(rows[0]),
                    )
                )
                check.also.append(f"{left}-{right}")


def _side_by_side(left: Values, right: Values) -> Values:
    values = {f"left_{name}": value for name, value in left.items()}
    values |= {f"right_{name}": value for name, value in right.items()}
    return {**values, "error": ""}


def _verify_code(question: Code, of: Mapping[str, Sequence[Row]], check: KeyCheck) -> None:
    assert question.prove is not None
    right = of.get(question.answer, [])
    for row in right:
        if row.values.get("error"):
            check.problems.append(text("running the answer raises {error}", error=row.values["error"]))
    for expression in (question.answer, *question.accept):
        rows = of.get(expression, [])
        if not rows or not all(
            is_same(question, row.values, other.values) for row, other in zip(rows, right, strict=True)
        ):
            check.problems.append(
                text("accept: {expression} does not give the same as the answer", expression=expression)
            )
        if not all(_holds_by_seed(question.prove.claims, rows, check)):
            check.problems.append(
                text("{expression} fails the claim: {evidence}", expression=expression, evidence=_short(rows[0]))
            )
    for wrong in question.wrong:
        rows = of.get(wrong.is_, [])
        if not rows or any(is_same(question, row.values, other.values) for row, other in zip(rows, right, strict=True)):
            check.problems.append(text("wrong: {answer} gives the same as the answer", answer=wrong.is_))


def is_same(question: Code, values: Values, others: Values) -> bool:
    """Return whether two expressions give the same, numbers within the question's tolerances."""
    if values.get("error") or others.get("error") or values.get("shape") != others.get("shape"):
        return False
    a, b = values.get("value"), others.get("value")
    if a is None or b is None:
        return False
    try:
        return are_close(a, b, rtol=question.rtol, atol=question.atol)
    except RecursionError:
        return False
    except (TypeError, ValueError, ArithmeticError):  # words, or numbers no float can hold
        return bool(type(a) is type(b) and a == b)


def _short(row: Row) -> str:
    """Return evidence in one line."""
    return ", ".join(f"{name} = {tell(value)}" for name, value in row.values.items() if value not in (None, ""))[:300]


def tell(value: Any) -> str:
    """Return a value of evidence in readable form.

    >>> tell(0.00012345678), tell([1.0, [2.5]]), tell("x")
    ('0.000123457', '[1, [2.5]]', 'x')
    """
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(tell, value)) + "]"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def rounded(value: Any) -> Any:
    """Round evidence to six significant figures, so that the next run writes the same; inf and nan become text."""
    if isinstance(value, list | tuple):
        return [rounded(inner) for inner in value]
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else str(value)
    return value
