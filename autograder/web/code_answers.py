"""A process that judges answers in code, in confined workers; torch and students' values stay out of the server.

It reads requests from its standard input, a line of JSON each, and ends with it. What an answer is worth comes from
`autograder.quiz.proofs.laboratory.CodeMarker`, as in ``autograder quiz score``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any

from autograder.base.errors import SandboxError
from autograder.base.i18n import Text, text
from autograder.quiz.notation.parsing import FormatError
from autograder.quiz.questions.fill_in import Code
from autograder.quiz.scoring.markers import Verdict

if TYPE_CHECKING:
    from autograder.quiz.proofs.laboratory import CodeMarker, Laboratory


class CodeJudge:
    """Our end of such processes, started when an answer needs one; marks an answer as `Scorer` asks for it.

    Args:
        most: how many answers are judged at once.
    """

    def __init__(self, most: int) -> None:
        self._places = threading.BoundedSemaphore(most)
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()
        self._lock = threading.Lock()
        self._is_closed = False

    def __call__(self, question: Code, answer: str) -> Verdict:
        """Return what an answer earns.

        Raises:
            FormatError: it is not an expression, or uses a forbidden name.
            SandboxError: it could not be judged, which is not the student's fault.
        """
        said = self._ask(
            {"question": question.model_dump(mode="json", by_alias=True, exclude_unset=True), "answer": answer}
        )
        if "format" in said:
            raise FormatError(Text(**said["format"]))
        if "failed" in said:
            raise SandboxError(Text(**said["failed"]))
        return Verdict(said["share"], tuple(Text(**words) for words in said["feedback"]))

    def warm(self) -> None:
        """Start a process beside this thread, so that it is ready when somebody has written an answer."""
        with self._lock:
            if self._all or self._is_closed:
                return
        threading.Thread(target=self._warm, name="warming for code", daemon=True).start()

    def close(self) -> None:
        """End the processes; answers that wait are not judged."""
        with self._lock:
            self._is_closed = True
            running = list(self._all)
        for process in running:
            process.close()

    def _warm(self) -> None:
        with suppress(SandboxError):
            self._ask({})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        with self._places:
            process = self._take()
            answer = process.ask(json.dumps(request).encode())
            if not answer:
                self._drop(process)
                raise SandboxError(text("the process that judges code ended"))
            with self._lock:
                self._idle.append(process)
        said: dict[str, Any] = json.loads(answer)
        return said

    def _take(self) -> _Process:
        with self._lock:
            if self._is_closed:
                raise SandboxError(text("the server is stopping"))
            process = self._idle.pop() if self._idle else _Process()
            self._all.add(process)
            return process

    def _drop(self, process: _Process) -> None:
        process.close()
        with self._lock:
            self._all.discard(process)


class _Process:
    """One process."""

    def __init__(self) -> None:
        command, pipe = [sys.executable, "-m", "autograder.web.code_answers"], subprocess.PIPE
        # Ctrl-C in the terminal is for the server, which ends this process
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, start_new_session=True)  # noqa: S603

    def ask(self, request: bytes) -> bytes:
        """Send a line and return the answer; empty where the process has ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(request + b"\n")
            self._process.stdin.flush()
            return self._process.stdout.readline()
        except (OSError, ValueError):  # it has ended, or been closed by another thread
            return b""

    def close(self) -> None:
        """End it; its workers end with it."""
        self._process.terminate()
        self._process.wait()
        for end in (self._process.stdin, self._process.stdout):
            if end is not None:
                with suppress(OSError, ValueError):
                    end.close()


class _Bench:
    """Markers of questions, in one laboratory; two quizzes may have questions of the same name."""

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._markers: dict[str, CodeMarker] = {}

    def judge(self, question: dict[str, Any], answer: str) -> dict[str, Any]:
        """Return the verdict as it travels."""
        from autograder.quiz.proofs.laboratory import CodeMarker

        written = json.dumps(question)
        marker = self._markers.setdefault(written, CodeMarker(self._laboratory))
        try:
            verdict = marker(Code.model_validate_json(written), answer)
        except FormatError as error:
            return {"format": error.text.model_dump()}
        except SandboxError as error:
            return {"failed": error.text.model_dump()}
        return {"share": verdict.share, "feedback": [words.model_dump() for words in verdict.feedback]}


def serve(requests: IO[bytes], answers: IO[bytes]) -> None:
    """Answer requests until there are no more."""
    from autograder.quiz.proofs.laboratory import Laboratory
    from autograder.sandbox import confine

    refusal = confine.refusal()
    with Laboratory(confined=True) as laboratory:
        bench = _Bench(laboratory)
        for line in requests:
            request = json.loads(line)
            if refusal is not None:
                said: dict[str, Any] = {"failed": refusal.model_dump()}
            elif request:
                said = bench.judge(request["question"], request["answer"])
            else:
                laboratory.begin()
                said = {}
            answers.write(json.dumps(said).encode() + b"\n")
            answers.flush()


if __name__ == "__main__":
    output = sys.stdout.buffer
    sys.stdout = sys.stderr
    with suppress(BrokenPipeError):  # the server was killed
        serve(sys.stdin.buffer, output)
