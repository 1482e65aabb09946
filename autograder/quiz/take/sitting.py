"""One student taking a quiz: what they answered and may still try, saved after every answer.

The saved file is an answer sheet, as `autograder quiz score` reads it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.base.errors import SandboxError, UsageError
from autograder.base.files import write_whole
from autograder.base.i18n import Text, text
from autograder.quiz.notation.parsing import FormatError, shown
from autograder.quiz.questions.models import AnyQuestion, Multi, Quiz
from autograder.quiz.scoring.markers import Verdict, is_blank
from autograder.quiz.scoring.scorer import Scorer, draw, tries_of
from autograder.quiz.take import forms
from autograder.quiz.take.released import ReleasedQuiz, ShownQuestion, shuffled


@dataclass
class Tries:
    """The answers to one question.

    Args:
        attempts: the answers, in order.
        hints: how many were taken.
        unread: answers in a file edited by hand that cannot be read; they stay there and cost nothing.
    """

    attempts: list[Any] = field(default_factory=list)
    hints: int = 0
    unread: list[Any] = field(default_factory=list)


class Sitting:
    """One student's run of one quiz.

    Args:
        shown: the quiz without its keys.
        student: who answers; decides the variants and the order of options.
        path: where the answers are saved.
        quiz: the quiz with its keys, for practice; without it nothing is judged here.
        scorer: marks the answers.
    """

    def __init__(
        self,
        shown: ReleasedQuiz,
        student: str,
        path: Path,
        *,
        quiz: Quiz | None = None,
        scorer: Scorer | None = None,
    ) -> None:
        self.shown, self.student, self.path = shown, student, path
        self.scorer = scorer
        self._keyed: dict[str, AnyQuestion] = {q.id: q for q in quiz.questions} if quiz else {}
        self.tries: dict[str, Tries] = {question.id: Tries() for question in shown.questions}
        self.position = 0
        self._on_disk: str | None = None

    # -- on disk -------------------------------------------------------------------------------------------------------

    def resume(self) -> bool:
        """Continue from the saved answers; return False if there are none.

        Raises:
            UsageError: the file does not hold this student's answers to this quiz.
        """
        try:
            content = self.path.read_text(encoding="utf-8")
            saved = json.loads(content)
        except FileNotFoundError:
            return False
        except (OSError, ValueError) as error:
            raise self._cannot(text("holds no saved answers")) from error
        if not isinstance(saved, dict) or not isinstance(saved.get("answers"), dict):
            raise self._cannot(text("holds no saved answers"))
        if (saved.get("quiz"), saved.get("version")) != (self.shown.id, self.shown.version):
            words = text(
                "holds answers to {quiz} version {version}, not to {wanted} version {now}",
                quiz=shown(saved.get("quiz")),
                version=shown(saved.get("version")),
                wanted=self.shown.id,
                now=self.shown.version,
            )
            raise self._cannot(words)
        if saved.get("student") != self.student:
            raise self._cannot(text("holds the answers of {student}", student=shown(saved.get("student"))))
        for question in self.shown.questions:
            if question.id in saved["answers"]:
                attempts, hints = tries_of(saved["answers"][question.id])
                readable = [answer for answer in attempts if self._is_readable(question, answer)]
                unread = [answer for answer in attempts if answer not in readable]
                self.tries[question.id] = Tries(readable, min(hints, len(question.hints)), unread)
        self._on_disk = content
        self.position = next((n for n, q in enumerate(self.shown.questions) if self._asks_for_more(q)), 0)
        return True

    def content(self) -> str:
        """Return the answers as their file holds them."""
        answers = {
            "schema": 1,
            "quiz": self.shown.id,
            "version": self.shown.version,
            "student": self.student,
            "answers": {
                name: {"attempts": [*tries.unread, *tries.attempts], "hints": tries.hints}
                for name, tries in self.tries.items()
                if tries.attempts or tries.hints or tries.unread
            },
        }
        return json.dumps(answers, ensure_ascii=False, indent=1) + "\n"

    def save(self) -> None:
        """Write the answers.

        Raises:
            UsageError: they cannot be written, or the file has changed meanwhile.
        """
        content = self.content()
        try:
            if self.path.exists() and self.path.read_text(encoding="utf-8") != self._on_disk:
                raise UsageError(
                    text(
                        "{path}: has changed meanwhile, perhaps in another terminal; start again to continue",
                        path=self.path,
                    ),
                    for_students=True,
                )
            write_whole(self.path, content)
            self._on_disk = content
        except OSError as error:
            raise self._cannot(text("cannot be written: {reason}", reason=error.strerror or "")) from error

    def _cannot(self, why: Text) -> UsageError:
        return UsageError(
            text("{path}: {why}; name another file with --out", path=self.path, why=why), for_students=True
        )

    # -- questions -----------------------------------------------------------------------------------------------------

    @property
    def question(self) -> ShownQuestion:
        """The current question."""
        return self.shown.questions[self.position]

    def variant(self, question: ShownQuestion) -> int:
        """Return which variant of a question this student gets."""
        return draw(self.shown, question.id, self.student, len(question.variants)) if question.variants else 0

    def order(self, question: ShownQuestion, names: list[str]) -> list[str]:
        """Return the order in which this student sees options."""
        if not question.shuffle:
            return names
        return shuffled(names, self.shown.id, question.id, self.student)

    def keyed(self, question: ShownQuestion) -> AnyQuestion | None:
        """Return the question with its key, or None outside practice."""
        return self._keyed.get(question.id)

    def take_hint(self) -> None:
        """Take one more hint for the current question."""
        tries = self.tries[self.question.id]
        tries.hints = min(tries.hints + 1, len(self.question.hints))
        self.save()

    def answer(self, answer: Any) -> Verdict | None:
        """Answer the current question and save; see `consider`."""
        verdict = self.consider(self.question, answer)
        self.save()
        return verdict

    def consider(self, question: ShownQuestion, answer: Any, *, none_is_meant: bool = False) -> Verdict | None:
        """Answer a question without saving; return the verdict if answers are judged here.

        If they are not, a new answer replaces the old one.

        Args:
            question: the question.
            answer: as sheets have it.
            none_is_meant: whether choosing no option says that none is right, which is an attempt like any other, and
                cannot be that nothing was chosen yet.

        Raises:
            FormatError: the answer or a part of it cannot be read, or was given before; this uses up no attempt.
        """
        keyed, tries = self.keyed(question), self.tries[question.id]
        nothing_yet = answer == [] and not none_is_meant and isinstance(keyed, Multi) and keyed.key
        if is_blank(answer) or nothing_yet:
            raise FormatError(text("there is no answer"))
        if self.scorer is None or keyed is None:
            forms.check(question, answer)
            tries.attempts = [answer]
            return None
        if answer in tries.attempts:
            raise FormatError(text("you have tried this answer before"))
        verdict = self.scorer.mark(keyed, answer, self.student)
        if verdict.malformed:
            raise FormatError(verdict.malformed[0])
        tries.attempts.append(answer)
        return verdict

    def _is_readable(self, question: ShownQuestion, answer: Any) -> bool:
        """Return whether an answer from a file counts as an attempt: as scoring sees it, if the key is at hand."""
        keyed = self.keyed(question)
        try:
            if self.scorer is None or keyed is None:
                forms.check(question, answer)
            else:
                verdict = self.scorer.mark(keyed, answer, self.student)
                if verdict.malformed and not verdict.share:
                    return False
        except FormatError:
            return False
        except SandboxError:
            pass  # it was not judged, but it was given
        return not is_blank(answer)

    def is_open(self, question: ShownQuestion) -> bool:
        """Return whether a question may still be answered."""
        tries = self.tries[question.id].attempts
        if self.scorer is None:
            return True
        return len(tries) < len(question.attempts) and not any(self.share(question, answer) == 1 for answer in tries)

    def _asks_for_more(self, question: ShownQuestion) -> bool:
        """Return whether a question is unanswered, or answered wrong with an attempt left."""
        return not self.tries[question.id].attempts or (self.scorer is not None and self.is_open(question))

    def share(self, question: ShownQuestion, answer: Any) -> float:
        """Return the share an answer earned, attempts and hints aside; 0 if it is not judged here."""
        keyed = self.keyed(question)
        if self.scorer is None or keyed is None:
            return 0.0
        try:
            return self.scorer.mark(keyed, answer, self.student).share
        except (FormatError, SandboxError):
            return 0.0

    def unanswered(self) -> list[int]:
        """Return the positions of the questions without an answer."""
        return [n for n, question in enumerate(self.shown.questions) if not self.tries[question.id].attempts]
