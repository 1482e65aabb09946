"""A process that writes what was graded to where the commands look: ``submitted/``, ``results.jsonl``, the gradebook.

It writes dates there as well, and says what the gradebook knows of students and dates, and what people have given and
said. It is apart from the server because nbgrader takes seconds to load. It reads requests from its standard input, a
line of JSON each, and ends with it. Writing the same again changes nothing, so a request may be repeated after a kill.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pydantic import TypeAdapter

from autograder.base.errors import AutograderError, SandboxError
from autograder.base.files import FolderInPlace, Version, version, write_whole
from autograder.base.i18n import Text, text
from autograder.course.configuration import is_nbgrader_course
from autograder.course.course import Course
from autograder.gradebook.feedback_page import Feedback
from autograder.gradebook.late_policy import LatePolicy
from autograder.gradebook.overrides import Outcome, Override
from autograder.quiz.scoring.outcomes import SheetOutcome
from autograder.results.grade_report import GradeReport
from autograder.results.journal import RESULTS, Key, KnownReports
from autograder.web import exports, late

_FEEDBACK = TypeAdapter(Feedback)
_LATE_POLICY = TypeAdapter(LatePolicy)
_NICE = 5
_TIMESTAMP = "%Y-%m-%d %H:%M:%S.%f UTC"


@dataclass(frozen=True)
class Graded:
    """A submission with its report, as it travels.

    Args:
        file: its name in the student's folder.
        content: its bytes, in base64.
        received: when, as nbgrader writes it.
        line: the report, as ``results.jsonl`` has it.
        was_written: it was written before; if ``results.jsonl`` has another report on the same file by now, that one
            is a command's, and counts.
    """

    file: str
    content: str
    received: str
    line: str
    was_written: bool = False

    @classmethod
    def of(cls, file: str, content: bytes, received_at: datetime, line: str, *, was_written: bool) -> Graded:
        """Return it from what the database has."""
        received = received_at.astimezone(UTC).strftime(_TIMESTAMP)
        return cls(file, base64.b64encode(content).decode(), received, line, was_written)


@dataclass(frozen=True)
class Written:
    """What writing submissions and reports has given.

    Args:
        notes: what the instructor should know.
        penalties: what is taken off for being late, by assignment and student, where it is anything.
        before: the version of ``results.jsonl`` that was found.
        after: the one that is there now.
    """

    notes: list[Text]
    penalties: dict[Key, float]
    before: Version
    after: Version


@dataclass(frozen=True)
class ScoredSheet:
    """Somebody's answers to a quiz with what they earn, as they travel.

    Args:
        quiz: its name in the course.
        login: whose answers they are.
        file: the name of their file.
        content: the answer sheet.
        received: when, as nbgrader writes it.
        outcome: the line that scoring wrote.
    """

    quiz: str
    login: str
    file: str
    content: str
    received: str
    outcome: str

    @classmethod
    def of(cls, quiz: str, login: str, file: str, content: str, received_at: datetime, outcome: str) -> ScoredSheet:
        """Return it from what the database has."""
        return cls(quiz, login, file, content, received_at.astimezone(UTC).strftime(_TIMESTAMP), outcome)


class Publisher:
    """Our end of that process; it is started when there is something to write.

    Args:
        root: the course's folder.
        elsewhere: that the grades are kept in another folder, of which this one is a copy; None where they are here.
    """

    def __init__(self, root: Path, *, elsewhere: Text | None = None) -> None:
        self._root, self._elsewhere = root, elsewhere
        self._process: subprocess.Popen[bytes] | None = None
        self._is_closed = False
        self._writing = threading.Lock()
        self._asked_at = 0.0

    def publish(self, graded: Sequence[Graded]) -> Written:
        """Write submissions and reports.

        Raises:
            AutograderError: they could not be written; nothing is lost, and they can be written later.
        """
        said = self._request("write", [asdict(one) for one in graded])
        return Written(
            notes=[Text(**note) for note in said["notes"]],
            penalties={(assignment, student): taken for assignment, student, taken in said["penalties"]},
            before=tuple(said["before"]),
            after=tuple(said["after"]),
        )

    def penalties(self) -> dict[Key, float]:
        """Return what the gradebook takes off for being late, by assignment and student, where it is anything.

        Raises:
            AutograderError: it cannot be read.
        """
        found = self._request("penalties", []) if self.has_gradebook else []
        return {(assignment, student): taken for assignment, student, taken in found}

    def late_policy(self) -> LatePolicy | None:
        """Return what the course takes off for late work; None where it has no gradebook.

        Raises:
            AutograderError: the course's configuration is broken.
        """
        return _LATE_POLICY.validate_python(self._request("late policy", [])) if self.has_gradebook else None

    def publish_sheets(self, scored: Sequence[ScoredSheet]) -> list[Text]:
        """Write answer sheets and what they earn, as `publish` does.

        Raises:
            AutograderError: they could not be written; nothing is lost, and they can be written later.
        """
        return self._notes("sheets", [asdict(one) for one in scored])

    def feedback(self, student: str, assignment: str) -> Feedback | None:
        """Return the feedback on what the gradebook has of a student; None if it has nothing.

        Raises:
            AutograderError: it cannot be read.
        """
        said = self._request("feedback", [student, assignment])
        return None if said is None else _FEEDBACK.validate_python(said)

    def write_dates(
        self, assignment: str, due: datetime | None, extensions: Mapping[str, datetime | None]
    ) -> dict[str, datetime]:
        """Write when an assignment is due, and who has until when; return all extensions that the gradebook knows.

        Raises:
            AutograderError: they could not be written, and can be written later.
        """
        said = {student: _iso(end) for student, end in extensions.items()}
        return _moments(self._request("dates", [assignment, _iso(due), said]))

    def known_dates(self) -> dict[str, tuple[datetime | None, dict[str, datetime]]]:
        """Return what the gradebook knows: by assignment when it is due, and who has until when.

        Raises:
            AutograderError: it cannot be read.
        """
        found = self._request("known", []) if self.has_gradebook else {}
        return {name: (_moment(due), _moments(extensions)) for name, (due, extensions) in found.items()}

    def is_student(self, login: str) -> bool:
        """Return whether the gradebook knows a student by this id.

        Raises:
            AutograderError: it cannot be read.
        """
        self._refuse_elsewhere()  # work may be kept there without a gradebook
        return self.has_gradebook and bool(self._request("student", [login]))

    def export(self, wanted: exports.Wanted) -> exports.Exported:
        """Return a file of scores for another system.

        Raises:
            AutograderError: it cannot be made.
        """
        return exports.Exported.from_values(self._request("export", asdict(wanted)))

    def _refuse_elsewhere(self) -> None:
        if self._elsewhere is not None:
            raise AutograderError(self._elsewhere)

    def write_overrides(self, overrides: Sequence[Override]) -> list[Outcome]:
        """Write what people have given in place of automatic scores, and return what became of each.

        Raises:
            AutograderError: they could not be written, and can be written later.
        """
        return [Outcome(word) for word in self._request("overrides", [asdict(one) for one in overrides])]

    @property
    def has_gradebook(self) -> bool:
        """Whether this course can have a gradebook."""
        return is_nbgrader_course(self._root)

    def _notes(self, what: str, arguments: Sequence[object]) -> list[Text]:
        return [Text(**note) for note in self._request(what, arguments)]

    def _request(self, what: str, arguments: object) -> Any:
        """Ask for something to be done and return what the process says.

        Raises:
            AutograderError: it could not do what was asked.
        """
        self._refuse_elsewhere()
        with self._writing:
            answer = self._ask(json.dumps({"do": what, "with": arguments}).encode())
        if not answer:
            raise SandboxError(text("the process that writes the gradebook ended"))
        said = json.loads(answer)
        if "failed" in said:
            raise AutograderError(Text(**said["failed"]))
        return said["done"]

    @property
    def is_running(self) -> bool:
        """Whether the process holds memory at the moment."""
        return self._process is not None and self._process.poll() is None

    def rest(self, idle_s: float) -> None:
        """End the process if nobody has needed it for a while; it is started again for the next request."""
        with self._writing:
            if self.is_running and time.monotonic() - self._asked_at >= idle_s:
                self._end()

    def close(self) -> None:
        """End the process, whatever it is writing: what was not acknowledged is written again."""
        self._is_closed = True
        if self._process is not None:
            self._process.terminate()
            self._process.wait()
        with self._writing:  # whoever waits for an answer has heard by now that there is none
            if self._process is not None:
                self._process.terminate()  # one that was started meanwhile
                self._process.wait()
                self._close_pipes(self._process)

    def _end(self) -> None:
        assert self._process is not None
        self._close_pipes(self._process)
        self._process.wait()

    def _ask(self, request: bytes) -> bytes:
        """Send a line and return the answer; empty where the process has ended."""
        process, self._asked_at = self._running(), time.monotonic()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(request + b"\n")
            process.stdin.flush()
            return process.stdout.readline()
        except OSError:
            return b""

    def _close_pipes(self, process: subprocess.Popen[bytes]) -> None:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):  # what was not sent yet has no reader any more
                    pipe.close()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._is_closed:
            raise SandboxError(text("the server is stopping"))
        if self._process is not None and self._process.poll() is not None:
            self._close_pipes(self._process)
            self._process = None
        if self._process is None:
            command = [sys.executable, "-m", "autograder.web.publishing", str(self._root)]
            pipe = subprocess.PIPE
            # Ctrl-C in the terminal is for the server, which ends this process once it has written
            self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True)  # noqa: S603
            with suppress(OSError):  # nobody waits for it as for a page or a check
                os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)
        return self._process


def write(course: Course, graded: Sequence[Graded], known: KnownReports | None = None) -> Written:
    """Write submissions to ``submitted/``, their reports to ``results.jsonl`` and the gradebook.

    Args:
        course: the course.
        graded: submissions with their reports.
        known: what earlier calls have read and written; without it the whole journal is read.
    """
    from autograder.gradebook import write as gradebook

    file, known, counting = course.root / RESULTS, known or KnownReports(), []
    with known.journal(file, whole=any(one.was_written for one in graded)) as journal:
        before = version(file)
        for one in graded:
            report = GradeReport.from_json(one.line)
            _hand_in(course, report, one)
            there = journal.reports.get((report.assignment, report.student)) if one.was_written else None
            if there is not None and there.submission_sha256 == report.submission_sha256:
                report = there
            known.add(journal, report)
            counting.append(report)
        after = version(file)
    outcome = gradebook.write(course, [], counting)
    return Written(outcome.notes, outcome.penalties, before, after)


def write_sheets(course: Course, scored: Sequence[ScoredSheet]) -> list[Text]:
    """Write answer sheets to ``submitted/`` beside the assignments, and what they earn to the gradebook."""
    from autograder.gradebook import quizzes
    from autograder.quiz.questions import loading

    notes: list[Text] = []
    for name in dict.fromkeys(one.quiz for one in scored):
        file = loading.find(Path(name), course.root)
        quiz = loading.load(file)
        mine = [one for one in scored if one.quiz == name]
        for one in mine:
            place = course.submitted / one.login / quizzes.name_of(quiz)
            _put(place, one.file, one.content.encode(), one.received)
        if is_nbgrader_course(course.root):
            outcomes = [SheetOutcome.from_dict(json.loads(one.outcome)) for one in mine]
            notes += quizzes.write(course.root, quiz, outcomes, quiz.language).notes
    return notes


def _hand_in(course: Course, report: GradeReport, graded: Graded) -> None:
    """Put a submission where nbgrader would have collected it."""
    place = course.submitted / report.student / report.assignment
    _put(place, graded.file, base64.b64decode(graded.content), graded.received)


def _put(place: Path, file: str, content: bytes, received: str) -> None:
    folder = FolderInPlace(place)
    folder.recover()
    if (place / file).is_file() and (place / file).read_bytes() == content:
        write_whole(place / "timestamp.txt", received)
        return
    new = folder.begin()
    (new / file).write_bytes(content)
    (new / "timestamp.txt").write_text(received)
    folder.put_in_place()
    folder.finish()


def _read_feedback(course: Course, named: tuple[str, str]) -> object:
    """Return the feedback on what the gradebook has of a student, as JSON has it; None if it has nothing."""
    from autograder.gradebook import feedback
    from autograder.gradebook.nbgrader_course import NbgraderCourse

    student, assignment = named
    nbgrader = NbgraderCourse(course.root)
    found = feedback.of_student(nbgrader, course.assignment(assignment), student) if nbgrader.has_gradebook else None
    return None if found is None else _FEEDBACK.dump_python(found, mode="json")


def serve(root: Path, requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    course: Course | None = None
    for line in requests:
        request = json.loads(line)
        try:
            course = course or _opened(root)
            answer: dict[str, object] = {"done": _REQUESTS[request["do"]](course, request["with"])}
        except AutograderError as error:
            answer = {"failed": error.text.model_dump()}
        answers.write(json.dumps(answer).encode() + b"\n")
        answers.flush()


def _opened(root: Path) -> Course:
    course = Course.find(root)
    _ = course.languages  # are spoken from now on
    return course


_REPORTS = KnownReports()
"""A process writes for one course."""


def _write(course: Course, graded: list[dict[str, Any]]) -> object:
    written = write(course, [Graded(**one) for one in graded], _REPORTS)
    return {
        "notes": [note.model_dump() for note in written.notes],
        "penalties": [[*key, taken] for key, taken in written.penalties.items()],
        "before": written.before,
        "after": written.after,
    }


def _write_sheets(course: Course, scored: list[dict[str, str]]) -> object:
    return [note.model_dump() for note in write_sheets(course, [ScoredSheet(**one) for one in scored])]


def _write_dates(course: Course, dates: tuple[str, str | None, dict[str, str | None]]) -> object:
    from autograder.gradebook import published_dates

    assignment, due, extensions = dates
    until = {student: _moment(end) for student, end in extensions.items()}
    known = published_dates.write(course, assignment, _moment(due), until)
    return {student: _iso(end) for student, end in known.extensions.items()}


def _write_overrides(course: Course, found: list[dict[str, Any]]) -> object:
    from autograder.gradebook import overrides

    return overrides.write(course, [Override(**one | {"beside": tuple(one["beside"])}) for one in found])


def _known_dates(course: Course, _: object) -> object:
    from autograder.gradebook import published_dates

    return {
        name: [_iso(dates.due), {student: _iso(end) for student, end in dates.extensions.items()}]
        for name, dates in published_dates.known(course).items()
    }


def _is_student(course: Course, logins: list[str]) -> object:
    from autograder.gradebook import published_dates

    return published_dates.is_student(course, logins[0])


_REQUESTS: dict[str, Callable[[Course, Any], object]] = {
    "write": _write,
    "sheets": _write_sheets,
    "feedback": _read_feedback,
    "dates": _write_dates,
    "overrides": _write_overrides,
    "known": _known_dates,
    "student": _is_student,
    "penalties": late.read_penalties,
    "late policy": late.read_policy,
    "export": exports.export,
}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(words: str | None) -> datetime | None:
    return None if words is None else datetime.fromisoformat(words)


def _moments(words: Mapping[str, str]) -> dict[str, datetime]:
    return {student: datetime.fromisoformat(end) for student, end in words.items()}


if __name__ == "__main__":
    output = sys.stdout.buffer
    sys.stdout = sys.stderr  # whatever a course's configuration prints is no answer
    with suppress(BrokenPipeError):  # the server was killed; the next one asks again
        serve(Path(sys.argv[1]), sys.stdin.buffer, output)
