"""The quizzes of the course, as the server uses them: what students get, what an answer earns, what a sheet earns."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from autograder.base.errors import AutograderError, ConfigError
from autograder.base.i18n import text
from autograder.base.run_folder import RunFolder
from autograder.course.course import Course
from autograder.quiz.notation.parsing import shown as in_one_line
from autograder.quiz.proofs import certificates
from autograder.quiz.proofs.certificates import Certificates
from autograder.quiz.questions import loading
from autograder.quiz.questions.fill_in import Code
from autograder.quiz.questions.models import Mode, Quiz
from autograder.quiz.scoring import sheets
from autograder.quiz.scoring.markers import Variant
from autograder.quiz.scoring.scorer import Scorer
from autograder.quiz.take import released, releases
from autograder.quiz.take.released import ReleasedQuiz
from autograder.quiz.take.sitting import Sitting, Tries
from autograder.web.code_answers import CodeJudge
from autograder.web.data.models import Answer, Person

_MOST_JUDGED = 12
"""How many answers that students have sent are being judged or wait for it, each of another student."""


@dataclass(frozen=True)
class CourseQuiz:
    """A quiz with all that its author knows.

    Args:
        file: where it is written.
        quiz: in the mode in which its answers are scored.
        certificates: of its proofs.
        variants: of its questions with parameters.
        scorer: marks its answers.
    """

    file: Path
    quiz: Quiz
    certificates: Certificates
    variants: Mapping[str, Sequence[Variant]]
    scorer: Scorer
    _shown: dict[Mode, ReleasedQuiz] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name in the course."""
        return self.file.stem

    @property
    def runs_code(self) -> bool:
        """Whether answers to it are run."""
        return any(isinstance(question, Code) for question in self.quiz.questions)

    def mode(self, published: str | None) -> Mode:
        """Return how it is taken: as it was published, but what was ever an exam stays one."""
        scored = self.quiz.defaults.mode
        return "exam" if "exam" in (scored, published) else "test" if published == "test" else "practice"

    def shown(self, mode: Mode) -> ReleasedQuiz:
        """Return what students get."""
        if mode not in self._shown:
            self._shown[mode] = released.release(self.quiz, self.variants, mode)
        return self._shown[mode]

    def sitting(self, mode: Mode, person: Person, answers: Sequence[Answer] = (), *, judged: bool) -> Sitting:
        """Return somebody's run of it as `quiz take` would have it; nothing is saved from there.

        Args:
            mode: how it is taken.
            person: who answers.
            answers: those that were judged, and hints.
            judged: whether answers are judged as they come.
        """
        quiz, scorer = (self.quiz, self.scorer) if judged else (None, None)
        name = in_one_line(person.login)  # as scoring reads it, which draws the variants by it
        sitting = Sitting(self.shown(mode), name, self.sheet_of(person), quiz=quiz, scorer=scorer)
        for answer in answers:
            tries = sitting.tries.setdefault(answer.question, Tries())
            if answer.seq:
                tries.attempts.append(json.loads(answer.value))
            else:
                tries.hints = answer.hints
        return sitting

    def sheet_of(self, person: Person) -> Path:
        """Return the name of the file with somebody's answers, as `quiz take` calls it."""
        return Path(f"{self.name}.{person.login}.answers.json")


class Quizzes:
    """Reads the quizzes of a course, each once until one of its files changes.

    Args:
        course: the course.
        most: how many answers in code are judged at once.
    """

    def __init__(self, course: Course, *, most: int) -> None:
        self._course = course
        self._judge = CodeJudge(most)
        self._folder = RunFolder()
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._judging: set[int] = set()
        self._known: dict[str, tuple[object, CourseQuiz]] = {}

    def names(self) -> list[str]:
        """Return the names of all quizzes, in order."""
        return [file.stem for file in loading.files_in(self._course.quizzes)]

    def of(self, name: str) -> CourseQuiz:
        """Return a quiz.

        Raises:
            AutograderError: there is none, or something in it is wrong.
        """
        file = next((file for file in loading.files_in(self._course.quizzes) if file.stem == name), None)
        if file is None:
            raise ConfigError(text("there is no such quiz"), path=self._course.quizzes / f"{name}.yaml")
        state = tuple(map(_state_of, (file, certificates.path_of(file), releases.file_of(file))))
        with self._lock:
            known = self._known.get(name)
            if known is None or known[0] != state:
                known = self._known[name] = (state, self._read(file))
        return known[1]

    def publish(self, name: str, mode: Mode) -> Quiz:
        """Record, where scoring looks for it, how a quiz is handed out; return it as its answers will be scored.

        Raises:
            AutograderError: it has a mistake, or the record cannot be written.
        """
        found = self.of(name)
        with releases.recorded(found.file, loading.load(found.file), mode) as bound:
            return bound

    def score(self, quiz: CourseQuiz, file: str, sheet: str) -> str:
        """Return what an answer sheet earns, as ``autograder quiz score --out`` writes it.

        Raises:
            AutograderError: it cannot be scored at the moment, which is not the student's fault.
        """
        folder = self._folder.path / str(next(self._numbers))
        folder.mkdir()
        try:
            (folder / file).write_text(sheet, encoding="utf-8")
            outcome = quiz.scorer.score(next(sheets.read_sheets([folder / file], quiz.quiz)))
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        if outcome.status == "error":
            raise AutograderError(text("{file}: an answer could not be judged; it is tried again", file=file))
        return json.dumps(outcome.to_dict(), ensure_ascii=False)

    @contextmanager
    def place(self, who: int) -> Iterator[bool]:
        """Give one answer of a person's a place to be judged, which may take seconds; false where none is free.

        Each waits in a thread, of which all pages have a few dozen.
        """
        with self._lock:
            is_free = who not in self._judging and len(self._judging) < _MOST_JUDGED
            if is_free:
                self._judging.add(who)
        try:
            yield is_free
        finally:
            if is_free:
                with self._lock:
                    self._judging.discard(who)

    def warm(self) -> None:
        """Get ready for answers in code."""
        self._judge.warm()

    def close(self) -> None:
        """End what runs."""
        self._judge.close()
        self._folder.close()

    def _read(self, file: Path) -> CourseQuiz:
        quiz = releases.as_released(file, loading.load(file))
        known = certificates.load(file, quiz)
        variants = certificates.variants_of(quiz, known)
        return CourseQuiz(file, quiz, known, variants, Scorer(quiz, variants, self._judge))


def _state_of(file: Path) -> object:
    try:
        state = file.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size


def sheet_at_the_end(sitting: Sitting, answers: Sequence[Answer]) -> str:
    """Return the sheet of an attempt that ends: what was judged, and after it what was saved and not judged yet."""
    for answer in answers:
        question = next((q for q in sitting.shown.questions if q.id == answer.question), None)
        if answer.seq or question is None or (saved := given(json.loads(answer.value))) is None:
            continue
        tries = sitting.tries[question.id]
        if saved not in tries.attempts and sitting.is_open(question):
            tries.attempts.append(saved)
    return sitting.content()


def given(value: object) -> object:
    """Return an answer as sheets have it: without the parts that are blank, and None where nothing is left."""
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, dict):
        return {part: words for part, words in value.items() if words.strip()} or None
    if isinstance(value, list) and value:  # an empty one says that no option is right
        return [part for part in value if part] or None
    return value
