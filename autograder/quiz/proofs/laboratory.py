"""Runs every option of a question in a confined worker and checks that exactly the keyed ones do what is claimed."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import permutations
from random import Random
from types import TracebackType
from typing import Any, Self

from autograder.base.errors import SandboxError, StudentError, StudentException
from autograder.base.i18n import Text, text
from autograder.course.settings import Function, Limits
from autograder.course.submission import Cell
from autograder.quiz.notation.expressions import ExpressionError, evaluate, names_in
from autograder.quiz.notation.parsing import MAX_LENGTH, FormatError, parse_number, shown
from autograder.quiz.proofs import evidence
from autograder.quiz.proofs.certificates import Certificate, fingerprint, needs_proof, probes, source_of, torch_version
from autograder.quiz.proofs.evidence import ANSWER, SHAPES, STATEMENT, Row, rounded
from autograder.quiz.questions.fields import Option, Proof
from autograder.quiz.questions.fill_in import Blanks, Code, Number, Run
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Quiz, Single, TrueFalse
from autograder.quiz.scoring.markers import Verdict
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.process import Zygote
from autograder.student.remote import RemoteRunner

_LIMITS = Limits(call_s=60, cell_s=30, submission_s=600)
_ANSWER_LIMITS = Limits(call_s=5, cell_s=30, submission_s=60)
_PROBE = Function.parse("probe(code, args, seed)")
_MAX_PERMUTED = 6
_DRAWS_PER_VARIANT = 200
_WAYS_AROUND = ("compile", "eval", "exec", "getattr", "globals", "locals", "vars")
"""Functions that reach what they do not name."""


@dataclass
class Proved:
    """The result of trying to prove one question.

    Args:
        id: of the question.
        problems: why it is not proved; empty when it is.
        also: answers outside the key that work as well.
        certificate: of the proof, if it is proved.
    """

    id: str
    problems: list[Text] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    certificate: Certificate | None = None


class Laboratory:
    """Forks confined workers that run probes; a context manager.

    Args:
        confined: let the kernel bound what the workers can do.
    """

    def __init__(self, *, confined: bool) -> None:
        self._settings = WorkerSettings(
            memory_mb=2048, output_kb=64, cpu_s=600, preload=("torch.optim",), confined=confined
        )
        self._zygote: Zygote | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._zygote is not None:
            self._zygote.close()

    def bench(self, probe: str, limits: Limits = _LIMITS) -> Bench:
        """Return a bench for one probe in a new process."""
        return Bench(self.begin(), probe, limits)

    def begin(self) -> Zygote:
        """Start what workers are forked from, unless it runs already."""
        if self._zygote is None:
            self._zygote = Zygote.begin(self._settings)
            self._zygote.wait_until_ready()
        return self._zygote


class Bench:
    """One worker in which a probe runs; a context manager."""

    def __init__(self, zygote: Zygote, probe: str, limits: Limits) -> None:
        cell = Cell(f"probe {probe}", None, source_of(probe))
        self._runner = RemoteRunner(
            zygote, [cell], functions={"probe": "quiz"}, grade_ids={}, limits=limits, seed=0, is_script=True
        )

    def __enter__(self) -> Self:
        self._runner.load()
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.close()

    def run(self, code: str, args: Mapping[str, Any], seed: int) -> evidence.Values:
        """Run the probe once on a piece of code.

        Raises:
            StudentError: the code ended its process or took too long, or the probe itself failed on it.
        """
        result, _ = self._runner.call(_PROBE, [code, dict(args), seed])
        if not isinstance(result, dict):
            raise SandboxError(text("a probe gave no evidence"))
        return {str(name): value for name, value in result.items()}


def prove(quiz: Quiz, laboratory: Laboratory, *, advance: Callable[[str], None] = lambda _: None) -> Iterator[Proved]:
    """Try to prove every question that says how.

    Args:
        quiz: the questions.
        laboratory: runs the options.
        advance: called with the id of each question when its turn comes.
    """
    for question in quiz.questions:
        if needs_proof(question):
            advance(question.id)
            yield prove_question(quiz, question, laboratory)


def prove_question(quiz: Quiz, question: AnyQuestion, laboratory: Laboratory) -> Proved:
    """Try to prove one question."""
    proved = Proved(question.id)
    if isinstance(question, Code):
        proved.problems += _refused(question)
    if question.prove is not None and question.prove.probe not in probes():
        proved.problems.append(
            text(
                "prove.probe: there is no {probe}; allowed: {names}",
                probe=f"{question.prove.probe!r}",
                names=", ".join(probes()),
            )
        )
        return proved
    rows: list[Row] = []
    variants: list[dict[str, Any]] = []
    try:
        if isinstance(question, Number) and question.params:
            variants = draw_variants(quiz, question, laboratory, proved)
        else:
            rows = gather(question, laboratory)
            finding = evidence.verify_key(question, rows)
            proved.problems += finding.problems
            proved.also = finding.also
    except StudentError as error:
        proved.problems.append(text("running it failed: {error}", error=" ".join(error.said(None).split())[:300]))
    except ExpressionError as error:
        proved.problems.append(error.text)
    if not proved.problems:
        proved.certificate = Certificate(
            sha256=fingerprint(question),
            torch=torch_version(),
            evidence=_told(question, rows),
            variants=variants,
        )
    return proved


def _expressions(question: Code) -> list[str]:
    """Return all of the author's expressions, right and wrong."""
    return [question.answer, *question.accept, *(wrong.is_ for wrong in question.wrong)]


def _refused(question: Code) -> Iterator[Text]:
    """Yield which of the author's expressions would be refused if a student gave them."""
    for expression in _expressions(question):
        try:
            _check_expression(question, expression)
        except FormatError as error:
            yield text(
                "{expression}: would be refused if a student gave it: {error}", expression=expression, error=error.text
            )


def gather(question: AnyQuestion, laboratory: Laboratory) -> list[Row]:
    """Run everything there is to run, once for each seed.

    Raises:
        StudentError: the code ended its process or took too long, or the setup failed.
    """
    proof = question.prove
    assert proof is not None
    args = {**proof.args, "setup": proof.setup, "observe": proof.observe}
    if isinstance(question, Code):
        args["given"] = dict(question.given)
    if isinstance(question, Blanks):
        args["blanks"] = list(question.blanks)
    rows = []
    with laboratory.bench(proof.probe) as bench:
        for of, code in _things_to_run(question, proof):
            rows += [Row(of, seed, bench.run(code, args, seed)) for seed in proof.seeds]
    return rows


def _things_to_run(question: AnyQuestion, proof: Proof) -> Iterator[tuple[str, str]]:
    """Yield the code to run, each with the name of its evidence."""
    match question:
        case Single() | Multi():
            yield from _options("", question.options)
        case TrueFalse() if isinstance(proof.run, str):
            yield STATEMENT, proof.run
        case Number() if isinstance(proof.run, str):
            yield ANSWER, proof.run
        case Blanks() if proof.probe == "enumerate_shapes":
            yield SHAPES, str(proof.args.get("code", ""))
        case Blanks() if isinstance(proof.run, dict):
            yield from proof.run.items()
        case Match():
            yield from _options("left ", question.left)
            yield from _options("right ", question.right)
        case Order():
            yield from _orders(question)
        case Code():
            yield from ((expression, expression) for expression in _expressions(question))


def _options(prefix: str, options: Mapping[str, Option]) -> Iterator[tuple[str, str]]:
    for name, option in options.items():
        code = option.run if option.run is not None else option.code
        if code is not None:
            yield prefix + name, code


def _orders(question: Order) -> Iterator[tuple[str, str]]:
    if len(question.items) > _MAX_PERMUTED:
        raise ExpressionError(
            text(
                "more than {most} items have too many orders to prove one",
                most=_MAX_PERMUTED,
            )
        )
    code = {name: option.run or option.code or "" for name, option in question.items.items()}
    for order in permutations(question.items):
        yield ",".join(order), "\n".join(code[name] for name in order)


def _told(question: AnyQuestion, rows: list[Row]) -> dict[str, dict[str, Any]]:
    """Return the evidence that a certificate keeps: of the first seed, under the names that the claims use."""
    proof = question.prove
    if proof is None or isinstance(question, Order):
        return {}
    names = proof.show or sorted({name for claim in proof.claims for name in names_in(claim)} | set(proof.margin))
    plain = {name.removeprefix("left_").removeprefix("right_") for name in names} or {"value"}
    plain = plain | {"working"} if proof.probe == "enumerate_shapes" else plain
    told: dict[str, dict[str, Any]] = {}
    for row in rows:
        shown_values = {name: rounded(v) for name, v in row.values.items() if name in plain and v is not None}
        if row.values.get("error"):
            shown_values["error"] = row.values["error"]
        told.setdefault(row.of, shown_values)
    return told


def draw_variants(quiz: Quiz, question: Number, laboratory: Laboratory, proved: Proved) -> list[dict[str, Any]]:
    """Draw sets of parameters, run the answer twice for each, and keep those whose values all differ.

    A set is kept if its wrong values differ from the answer and from each other.

    The same question gives the same sets on every machine.
    """
    assert isinstance(question.answer, Run)
    wanted = question.variants.deploy if question.variants else 20
    random = Random(f"{quiz.id}/{question.id}")  # noqa: S311 -- nothing is secret about it
    fulfilled = False
    seen: set[tuple[Any, ...]] = set()
    found: list[dict[str, Any]] = []
    with laboratory.bench("value") as bench:
        for _ in range(wanted * _DRAWS_PER_VARIANT):
            params = _draw(question, random)
            if not all(evaluate(where, params) for where in question.where):
                continue
            fulfilled = True
            if tuple(params.values()) in seen:
                continue
            seen.add(tuple(params.values()))
            variant = _variant(question, params, bench)
            if variant is not None:
                found.append(variant)
            if len(found) == wanted:
                return found
    if not fulfilled:
        proved.problems.append(text("where: no set of parameters drawn satisfies it"))
        return found
    proved.problems.append(
        text(
            "variants: only {count} of {wanted} sets of parameters have distinct wrong values",
            count=len(found),
            wanted=wanted,
        )
    )
    return found


def _draw(question: Number, random: Random) -> dict[str, Any]:
    return {
        name: random.randint(*parameter.int_) if parameter.int_ else random.choice(parameter.choice or [])
        for name, parameter in question.params.items()
    }


def _variant(question: Number, params: Mapping[str, Any], bench: Bench) -> dict[str, Any] | None:
    """Check a set of parameters; return None if a wrong value is right or two are the same."""
    assert isinstance(question.answer, Run)
    setup = question.prove.setup if question.prove else ""
    values = [bench.run(question.answer.run, {**params, "setup": setup}, seed) for seed in (0, 1)]
    if any(v.get("error") for v in values):
        raise ExpressionError(
            text("answer.run fails on {params}: {error}", params=dict(params), error=values[0].get("error"))
        )
    if values[0].get("value") != values[1].get("value"):
        raise ExpressionError(
            text("answer.run gives different values for different seeds on {params}", params=dict(params))
        )
    answer = _as_number(values[0].get("value"))
    wrong = [_as_number(evaluate(d.expr, params)) for d in question.distractors]
    numbers = [parse_number(answer), *map(parse_number, wrong)]
    width = question.half_width(numbers[0])
    if any(abs(a - b) <= 2 * width for position, a in enumerate(numbers) for b in numbers[:position]):
        return None
    return {"params": dict(params), "answer": answer, "wrong": [[value, n] for n, value in enumerate(wrong)]}


def _as_number(value: Any) -> str:
    """Return a number in full but for a float's last bits: it is a key, not evidence to look at."""
    try:
        number = parse_number(f"{value:.15g}" if isinstance(value, float) else value)
    except FormatError:
        raise ExpressionError(text("{value} is not a number", value=f"{value!r}")) from None
    return str(int(number)) if number == number.to_integral_value() else str(number)


# -- students' code ----------------------------------------------------------------------------------------------------


class CodeMarker:
    """Marks answers to ``code`` questions: runs them in a worker and compares the results in this process.

    The author's answer runs in another process than the student's, so that nothing a student does can change it.
    """

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._right: dict[str, list[evidence.Values]] = {}
        self._known: dict[tuple[str, str], Verdict] = {}

    def __call__(self, question: Code, answer: str) -> Verdict:
        """Return what an expression earns.

        Raises:
            FormatError: it is not an expression, or uses a forbidden name.
            SandboxError: no process could be started, or the author's own answer fails.
        """
        expression = answer.strip()
        _check_expression(question, expression)
        if (question.id, expression) not in self._known:
            self._known[question.id, expression] = self._mark(question, expression)
        return self._known[question.id, expression]

    def _mark(self, question: Code, expression: str) -> Verdict:
        if question.id not in self._right:
            try:
                self._right[question.id] = self._run(question, question.answer)
            except StudentError as error:
                words = text("{id}: the author's answer fails: {reason}", id=question.id, reason=error.text)
                raise SandboxError(words) from error
        try:
            given = self._run(question, expression)
        except StudentException as error:  # one that the probe lets through, whose lines are not the student's
            return Verdict(0.0, (text("running it raises {error}", error=shown(error.kind)),))
        except StudentError as error:
            return Verdict(0.0, (error.text,))
        right = self._right[question.id]
        if all(evidence.is_same(question, mine, other) for mine, other in zip(given, right, strict=True)):
            return Verdict(1.0)
        return Verdict(0.0, (_why_wrong(question, expression, given[0], right[0]),))

    def _run(self, question: Code, expression: str) -> list[evidence.Values]:
        proof = question.prove or Proof()
        args = {"given": dict(question.given), "setup": proof.setup}
        with self._laboratory.bench("value", _ANSWER_LIMITS) as bench:
            return [bench.run(expression, args, seed) for seed in proof.seeds]


def _why_wrong(question: Code, expression: str, mine: evidence.Values, right: evidence.Values) -> Any:
    for wrong in question.wrong:
        if ast.dump(ast.parse(wrong.is_)) == ast.dump(ast.parse(expression)):
            return wrong.why
    if mine.get("error"):
        return text("running it raises {error}", error=shown(mine["error"]))
    if mine.get("shape") != right.get("shape"):
        return text("its shape is {shape}, not the one asked for", shape=shown(mine.get("shape")))
    return text("it runs, but its values are not the ones asked for")


def _check_expression(question: Code, expression: str) -> None:
    if len(expression) > MAX_LENGTH:
        raise FormatError(
            text(
                "this is {count} characters long; an answer has at most {most}", count=len(expression), most=MAX_LENGTH
            )
        )
    try:
        tree = ast.parse(expression, mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise FormatError(text("{answer} is not an expression in Python", answer=shown(expression))) from None
    forbidden = {name.strip("_").lower() for name in question.forbid}
    for node in ast.walk(tree):
        name = node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
        is_another = name not in question.forbid and name in question.given
        is_way_around = bool(forbidden) and isinstance(node, ast.Name) and name in _WAYS_AROUND
        is_forbidden = name.strip("_").lower() in forbidden and not is_another
        if is_forbidden or is_way_around or name.startswith("__"):
            raise FormatError(text("`{name}` may not be used in this answer", name=shown(name)))
