"""Scores one answer sheet: reads each answer, gives it its share of the points, says why.

Nothing here runs code or needs torch; answers to ``code`` questions go to the ``run_code`` that `Scorer` was given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Protocol

from autograder.base.errors import SandboxError, UsageError
from autograder.base.i18n import Text, text
from autograder.quiz.notation.parsing import FormatError, parse_number, shown
from autograder.quiz.questions.fill_in import Code, Number
from autograder.quiz.questions.models import AnyQuestion, Quiz
from autograder.quiz.scoring.markers import Marker, RunCode, Variant, Verdict, is_blank, mark_number, marker_for
from autograder.quiz.scoring.outcomes import Mark, QuestionOutcome, SheetOutcome
from autograder.quiz.scoring.sheets import Sheet

_MAX_REMEMBERED = 50_000
_ALL = 1 << 30


class Identified(Protocol):
    """A quiz, with or without its keys."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def version(self) -> int:
        """Its version."""


def draw(quiz: Identified, question: str, seed: str, count: int) -> int:
    """Return which of ``count`` variants a student gets: the same one on every machine, every day.

    Args:
        quiz: its id and version are part of the draw.
        question: the question's id.
        seed: whose variant; the student's name.
        count: how many there are.
    """
    digest = hashlib.sha256(f"{quiz.id}\0{quiz.version}\0{question}\0{seed}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:8], "big") % count


class Scorer:
    """Scores the sheets of one quiz.

    Args:
        quiz: the questions and their keys.
        variants: of each question with parameters, as `quiz prove` has checked them.
        run_code: marks an answer to a ``code`` question.

    Raises:
        UsageError: a question with parameters has no checked variants.
    """

    def __init__(
        self, quiz: Quiz, variants: Mapping[str, Sequence[Variant]] | None = None, run_code: RunCode | None = None
    ) -> None:
        self.quiz = quiz
        self._variants = variants or {}
        self._run_code = run_code
        self._markers: dict[str, Marker] = {}
        self._remembered: dict[tuple[str, int, Hashable], Verdict | Text] = {}  # many students give the same answer
        for question in quiz.questions:
            if isinstance(question, Number) and question.params:
                if not self._variants.get(question.id):
                    raise UsageError(
                        text("{id}: no checked variants; run `autograder quiz prove` first", id=question.id)
                    )
            else:
                self._markers[question.id] = marker_for(question, self.quiz.defaults.credit, self._mark_code)

    def score(self, sheet: Sheet) -> SheetOutcome:
        """Score one sheet."""
        if sheet.unreadable is not None:
            return self._unread(sheet, sheet.unreadable)
        if sheet.quiz not in (None, self.quiz.id):
            words = text("these are answers to {other}, not to {quiz}", other=shown(sheet.quiz), quiz=self.quiz.id)
            return self._unread(sheet, words)
        outcomes = tuple(self._outcome(question, sheet) for question in self.quiz.questions)
        unjudged = any(outcome.earned is None for outcome in outcomes)
        return SheetOutcome(
            student=sheet.student,
            quiz=self.quiz.id,
            version=self.quiz.version,
            status="error" if unjudged else "scored",
            score=None if unjudged else round(sum(o.earned or 0 for o in outcomes), 6),
            max_score=self.quiz.points,
            questions=outcomes,
            problems=(*sheet.problems, *self._problems(sheet)),
            file=sheet.file,
            named=sheet.named,
        )

    def mark(self, question: AnyQuestion, answer: Any, seed: str) -> Verdict:
        """Mark one try, leaving attempts and hints aside.

        Raises:
            FormatError: the answer cannot be read.
            SandboxError: the answer is code, and the platform failed.
        """
        return self._mark_remembered(question, answer, self._variant(question, seed) or 0)

    def _mark_remembered(self, question: AnyQuestion, answer: Any, number: int) -> Verdict:
        key = _hashable(answer)
        if key is None:
            return self._mark_afresh(question, answer, number)
        remembered = self._remembered.get((question.id, number, key))
        if remembered is None:
            try:
                remembered = self._mark_afresh(question, answer, number)
            except FormatError as error:
                remembered = error.text
            if len(self._remembered) >= _MAX_REMEMBERED:
                self._remembered.clear()
            self._remembered[question.id, number, key] = remembered
        if isinstance(remembered, Text):
            raise FormatError(remembered)
        return remembered

    def _variant(self, question: AnyQuestion, seed: str) -> int | None:
        """Return which variant a student was asked; None if the question has no variants."""
        if isinstance(question, Number) and question.params:
            return draw(self.quiz, question.id, seed, len(self._variants[question.id]))
        return None

    def mark_variant(self, question: AnyQuestion, answer: Any, number: int) -> Verdict:
        """Mark one try at one of the question's checked variants.

        Raises:
            FormatError: the answer cannot be read.
        """
        return self._mark_afresh(question, answer, number)

    def _mark_afresh(self, question: AnyQuestion, answer: Any, number: int) -> Verdict:
        if isinstance(question, Number) and question.params:
            return mark_number(question, self._variants[question.id][number], answer)
        return self._markers[question.id](answer)

    def _unread(self, sheet: Sheet, reason: Text) -> SheetOutcome:
        blank = tuple(QuestionOutcome(q.id, "blank", q.points, 0.0) for q in self.quiz.questions)
        return SheetOutcome(
            student=sheet.student,
            quiz=self.quiz.id,
            version=self.quiz.version,
            status="unreadable",
            score=0.0,
            max_score=self.quiz.points,
            questions=blank,
            problems=(*sheet.problems, reason),
            file=sheet.file,
        )

    def _problems(self, sheet: Sheet) -> list[Text]:
        known = {question.id for question in self.quiz.questions}
        unknown = [name for name in sheet.answers if name not in known]
        problems = [text("there is no question {name}; its answer was left out", name=shown(n)) for n in unknown[:5]]
        if len(unknown) > 5:
            problems.append(text("{count} more answers to unknown questions were left out", count=len(unknown) - 5))
        if sheet.seed and shown(sheet.seed) != sheet.student:
            problems.append(
                text(
                    "the sheet names the seed {seed}; it was ignored: {student} is asked their own variants",
                    seed=shown(sheet.seed),
                    student=sheet.student,
                )
            )
        if sheet.version not in (None, self.quiz.version):
            problems.append(
                text(
                    "answered in version {old} of the quiz, scored by version {new}",
                    old=shown(sheet.version),
                    new=self.quiz.version,
                )
            )
        return problems

    def _outcome(self, question: AnyQuestion, sheet: Sheet) -> QuestionOutcome:
        """Score the best of the attempts that count, less what the hints cost."""
        tries, hints = tries_of(sheet.answers.get(question.id))
        factors = self.quiz.attempts(question)
        best: tuple[float, int, Verdict, str] | None = None
        variant = self._variant(question, sheet.student)  # a sheet does not choose its questions
        used, unread, last = 0, list[Text](), ""
        for answer in tries:
            if is_blank(answer):
                continue
            last = shown(answer)
            if used == len(factors):
                unread.append(text("more answers than attempts; the rest were left out"))
                break
            try:
                verdict = self._mark_remembered(question, answer, variant or 0)
            except FormatError as error:
                unread.append(error.text)
                continue
            except SandboxError:
                words = text("this answer could not be judged; that is not your fault")
                return QuestionOutcome(
                    question.id, "unjudged", question.points, None, last, variant=variant, feedback=(words,)
                )
            if verdict.malformed and not verdict.share:
                unread.extend(verdict.malformed)
                continue
            share = verdict.share * factors[used]
            used += 1
            if best is None or share > best[0]:
                best = (share, used, verdict, last)
        taken = min(hints, len(question.hints)) if self.quiz.defaults.mode != "exam" else 0
        if best is None:
            outcome: Mark = "format-error" if unread else "blank"
            return QuestionOutcome(
                question.id, outcome, question.points, 0.0, last, hints=taken, variant=variant, feedback=tuple(unread)
            )
        share, attempt, verdict, counted = best
        share = max(0.0, share - sum(hint.cost for hint in question.hints[:taken])) if share else 0.0
        feedback = (*unread, *verdict.malformed, *verdict.feedback)
        if verdict.share < 1 and question.explain is not None:
            feedback = (*feedback, question.explain)
        return QuestionOutcome(
            question.id,
            "right" if verdict.share == 1 else "partial" if verdict.share else "wrong",
            question.points,
            round(share * question.points, 6),
            counted,
            verdict.chosen,
            attempt,
            taken,
            variant,
            feedback,
        )

    def _mark_code(self, question: Code, answer: Any) -> Verdict:
        if not isinstance(answer, str):
            raise FormatError(text("{answer} is not an expression in Python", answer=shown(answer)))
        if self._run_code is None:
            raise SandboxError(text("there is no process to run an answer in"))
        return self._run_code(question, answer)


def tries_of(given: Any) -> tuple[list[Any], int]:
    """Return the attempts of an answer, and how many hints were taken."""
    if isinstance(given, dict) and "attempts" in given:
        tries, hints = given["attempts"], given.get("hints", 0)
        tries = tries if isinstance(tries, list) else [tries]
        return tries, _count_of(hints)
    return [given], 0


def _count_of(hints: Any) -> int:
    """Return how many hints were taken; a count that cannot be read means all, so that no hint is free."""
    if isinstance(hints, list | None):
        return len(hints or [])
    try:
        return max(0, hints if isinstance(hints, int) else int(parse_number(hints)))
    except (FormatError, OverflowError):
        return _ALL


def _hashable(answer: Any) -> Hashable:
    """Return a key that identifies an answer; None where building one takes longer than marking it again."""
    if isinstance(answer, str):
        return answer
    if isinstance(answer, dict) and all(isinstance(value, str) for value in answer.values()):
        return tuple(answer.items())
    return None
