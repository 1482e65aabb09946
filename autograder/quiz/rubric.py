"""Criteria that judge the answers to a quiz in a notebook; the rubric files that `quiz release` writes import them.

A criterion passes or fails, but an answer may earn part of its points. So if an answer has parts, each part is a
criterion, and if its credit has steps, each step is one; together they earn what scoring gives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

from autograder.base.errors import ConfigError, SandboxError, StudentError, UsageError
from autograder.base.i18n import Text, joined, same, text
from autograder.quiz.exports.notebook import exercise_name
from autograder.quiz.notation.formulas import in_lines
from autograder.quiz.notation.parsing import FormatError
from autograder.quiz.proofs import certificates
from autograder.quiz.questions import loading
from autograder.quiz.questions.fields import Proof
from autograder.quiz.questions.fill_in import Blanks, Code
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Quiz, Single
from autograder.quiz.scoring import credit
from autograder.quiz.scoring.markers import Verdict
from autograder.quiz.scoring.scorer import Scorer
from autograder.quiz.take import forms, released
from autograder.quiz.take.released import ShownQuestion
from autograder.results.grade_report import Diagnosis
from autograder.rubric import checks
from autograder.rubric.check_failures import CheckFailed
from autograder.rubric.criteria import criterion
from autograder.student.functions import Student, StudentFunction

Test = Callable[..., None]
_SLUG_LENGTH = 40


def criteria(
    quiz_file: Path, *, sha256: str, kept: Path | None = None, questions: Sequence[str] | None = None
) -> dict[str, Test]:
    """Return the criteria of a quiz by test name; a rubric takes them in with ``globals().update``.

    Args:
        quiz_file: the quiz, with its proofs beside it.
        sha256: fingerprint of the quiz when the notebook was made; a changed quiz would judge other questions.
        kept: what `certificates.keep` made of it then, for machines that have the assignment but not the course.
        questions: ids of the questions to judge; by default all.

    Raises:
        ConfigError: the quiz is not the one the notebook was made from.
    """
    try:
        if kept is not None and not quiz_file.exists():
            quiz, proofs = certificates.load_kept(kept)
        else:
            quiz = loading.load(quiz_file)
            proofs = certificates.load(quiz_file, quiz)
        variants = certificates.variants_of(quiz, proofs)
    except UsageError as error:
        raise ConfigError(error.text, path=quiz_file) from None
    if certificates.fingerprint_of_quiz(quiz, variants) != sha256:
        raise ConfigError(
            text("has changed since its notebook was made; run `autograder quiz release --to notebook` again"),
            path=quiz_file,
        )
    scorer = Scorer(quiz, variants)
    wanted = [question for question in quiz.questions if questions is None or question.id in questions]
    return {test.__name__: test for question in wanted for test in _criteria_of(scorer, question)}


def _criteria_of(scorer: Scorer, question: AnyQuestion) -> Iterator[Test]:
    match question:
        case Code():
            yield _declared(question, "right", question.points, text("the answer is right"), _code(question))
        case Blanks():
            total = sum(blank.weight for blank in question.blanks.values())
            for name, blank in question.blanks.items():
                yield _part(scorer, question, name, question.points * blank.weight / total)
        case Match():
            for name in question.left:
                yield _part(scorer, question, name, question.points / len(question.left))
        case _:
            yield from _steps(scorer, question)


def form_criteria(released_file: Path) -> dict[str, Test]:
    """Return criteria that say whether answers can be read, not whether they are right; students get these.

    Args:
        released_file: the quiz without keys, as `quiz release` writes it.

    Raises:
        ConfigError: the file is not a released quiz.
    """
    return {test.__name__: test for test in map(_form, released.load(released_file).questions)}


def _form(question: ShownQuestion) -> Test:
    def judge(student: Student) -> None:
        function = _function(student, question)
        if question.type == "code":
            names = _given(question.given, Proof(), 0)
            arguments = [names[name] for name in question.given]
            _refuse_forbidden(question.forbid, function, arguments)
            if isinstance(function(*arguments), str):
                raise StudentError(text("the answer is text; return the value of your expression"))
            return
        answer = _plain(function())
        _require_an_answer(answer)
        try:
            forms.check(question, answer)
            missing = forms.missing(question, answer)
        except FormatError as error:
            raise StudentError(error.text) from None
        if missing:
            raise StudentError(text("the answer leaves out {names}", names=", ".join(missing)))

    title = text("the answer runs") if question.type == "code" else text("the answer can be read")
    return _declared(question, "form", 0, title + text(" (grading decides whether it is right)"), judge)


def _declared(
    question: AnyQuestion | ShownQuestion,
    name: str,
    points: float,
    title: Text,
    judge: Callable[[Student], None],
    needs: str | None = None,
) -> Test:
    exercise = exercise_name(question)

    def test(student: Student) -> None:
        judge(student)

    test.__name__ = test.__qualname__ = f"test_{exercise}_{name}"
    declare = criterion(exercise, points=points, title=title, needs=f"{exercise}.{needs}" if needs else None)
    return declare(test)


def _function(student: Student, question: AnyQuestion | ShownQuestion) -> StudentFunction:
    function: StudentFunction = getattr(student, f"answer_{exercise_name(question)}")
    return function


# -- answers that are values -------------------------------------------------------------------------------------------


def _part(scorer: Scorer, question: Blanks | Match, name: str, points: float) -> Test:
    """Return the criterion of one blank, or of one pair."""

    def judge(student: Student) -> None:
        answer = _function(student, question)()
        if isinstance(answer, dict):
            answer = {key: value for key, value in answer.items() if str(key).casefold() == name.casefold()}
        elif isinstance(answer, list | tuple):  # in the order of the parts
            names = list(question.blanks if isinstance(question, Blanks) else question.left)
            answer = dict(zip(names, answer, strict=False)) if len(answer) == len(names) else list(answer)
            answer = {name: answer[name]} if isinstance(answer, dict) else answer
        _require(scorer, question, answer, points / question.points)

    return _declared(question, f"part_{name.replace('-', '_')}", points, same(name), judge)


def _steps(scorer: Scorer, question: AnyQuestion) -> Iterator[Test]:
    """Yield a criterion for each step of the credit; a step that is not reached skips the later ones."""
    shares = steps(scorer.quiz, question)
    if len(shares) == 1:
        yield _declared(
            question, "right", question.points, text("the answer is right"), _at_least(scorer, question, 1.0)
        )
        return
    before = None
    for lower, share in pairwise([0.0, *shares]):
        name, percent = f"credit_{round(1000 * share):04}", f"{100 * share:.3g}"
        if round(1000 * share) == round(1000 * lower):  # so near that the name would be the same
            name = f"credit_{share:.9f}".replace(".", "_")
        title = text("the answer earns {percent} % or more", percent=percent)
        yield _declared(
            question, name, question.points * (share - lower), title, _at_least(scorer, question, share), needs=before
        )
        before = name


def steps(quiz: Quiz, question: AnyQuestion) -> list[float]:
    """Return the shares of its points that an answer can earn, except nothing, in ascending order."""
    match question:
        case Single():
            found = {1.0} | {option.score for option in question.options.values() if option.score}
        case Multi():
            table = credit.by_counts(question.credit or quiz.defaults.credit, len(question.options), len(question.key))
            found = {round(share, 9) for row in table for share in row}
        case Order():
            found = {round(n / (len(question.items) - 1), 9) for n in range(1, len(question.items))}
        case _:
            found = {1.0}
    return sorted(share for share in found if share)


def _at_least(scorer: Scorer, question: AnyQuestion, share: float) -> Callable[[Student], None]:
    def judge(student: Student) -> None:
        _require(scorer, question, _function(student, question)(), share)

    return judge


def _require(scorer: Scorer, question: AnyQuestion, answer: Any, share: float) -> None:
    """Raise what the student reads if their answer earns less than ``share``."""
    answer = _plain(answer)
    _require_an_answer(answer)
    try:
        verdict = scorer.mark_variant(question, answer, 0)
    except FormatError as error:
        raise StudentError(error.text) from None
    if verdict.share < share - 1e-6:
        told = _joined((*verdict.malformed, *verdict.feedback) or (text("the answer is not right"),))
        raise CheckFailed(told, diagnosis=_diagnosis(question, verdict))


def _joined(words: Sequence[Text]) -> Text:
    return joined(words).map(in_lines)


def _diagnosis(question: AnyQuestion, verdict: Verdict) -> Diagnosis | None:
    """Return the author's explanation as a mistake with an id, so that a report can count who made it."""
    if not verdict.feedback:
        return None
    told = _joined(verdict.feedback)
    slug = "-".join(re.findall(r"\w+", told.en.lower()))
    if len(slug) > _SLUG_LENGTH:  # others may begin the same way
        slug = f"{slug[:_SLUG_LENGTH].strip('-')}-{sha256(told.en.encode()).hexdigest()[:6]}"
    return Diagnosis(id=f"{question.id}.{slug}", text=told)


def _require_an_answer(answer: Any) -> None:
    if answer is None or (isinstance(answer, str) and not answer.strip()):
        raise StudentError(text("there is no answer"))


def _plain(answer: Any) -> Any:
    """Return an answer as sheets hold it: tensors as their values, tuples as lists."""
    if hasattr(answer, "tolist"):
        return answer.tolist()
    if isinstance(answer, list | tuple):
        return [_plain(part) for part in answer]
    return {name: _plain(part) for name, part in answer.items()} if isinstance(answer, dict) else answer


# -- answers that are code ---------------------------------------------------------------------------------------------


def _code(question: Code) -> Callable[[Student], None]:
    """Return a judge that runs the student's function and the author's expression on the same values."""

    def judge(student: Student) -> None:
        function = _function(student, question)
        proof = question.prove or Proof()
        for seed in proof.seeds:
            names = _given(question.given, proof, seed)
            arguments = [names[name] for name in question.given]
            if seed == proof.seeds[0]:
                _refuse_forbidden(question.forbid, function, arguments)
            result = function(*arguments)
            checks.assert_close(result, _value(question.answer, names), rtol=question.rtol, atol=question.atol)

    return judge


def _refuse_forbidden(forbid: Sequence[str], function: StudentFunction, arguments: Sequence[Any]) -> None:
    if not forbid:
        return
    uses = function.record(arguments, *forbid, exact=True)
    if uses is None:
        raise StudentError(text("`{name}` may not be used in this answer", name="sys.setprofile"))
    if uses:
        raise StudentError(text("`{name}` may not be used in this answer", name=uses[0].operation))


def _given(given: Mapping[str, str], proof: Proof, seed: int) -> dict[str, Any]:
    """Evaluate the author's expressions for a seed, as the probe of a proof does."""
    import math

    import torch

    names: dict[str, Any] = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "math": math, "seed": seed}
    torch.manual_seed(seed)
    for name, expression in given.items():
        names[name] = _value(expression, names)
    exec(proof.setup, names)  # noqa: S102 -- the author's own code, as all of a rubric is
    return names


def _value(expression: str, names: dict[str, Any]) -> Any:
    try:
        return eval(expression, names)  # noqa: S307 -- the author's own code
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise SandboxError(text("{expression!r} fails: {reason}", expression=expression, reason=reason)) from error
