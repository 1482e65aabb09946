"""What a worker says its cell has shown, checked, as outputs of a notebook: text and pictures, never markup."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

from autograder.base.errors import StudentTimeout
from autograder.base.i18n import Text, printable, text
from autograder.gradebook.nbgrader_course import as_node
from autograder.results.grade_report import Problem
from autograder.sandbox.bundles import PICTURES
from autograder.sandbox.failure import Failure
from autograder.sandbox.frames import WireError
from autograder.student.failures import tell_failure, tell_frames
from autograder.student.limits import Room, limit_of, passed_over

if TYPE_CHECKING:
    from nbformat import NotebookNode

    from autograder.sandbox.process import WorkerProcess
    from autograder.sandbox.protocol import Reply

MAX_SHOWN = 32 << 20
"""Characters that the cells of a notebook show in all, their pictures included."""
_MAX_FAILURE = 4000
_MAX_NOTES = 200
_SHORT = 1000
_OF_NO_CONCERN = ("unseen", "install")
"""What the code does without: said below the cell, and to nobody else."""
_FOR_A_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"""Colours and titles."""


@dataclass
class CellOutputs:
    """Makes outputs of what the worker of one notebook answers.

    Args:
        room: what its code has at its disposal.
        late: what the student reads where a cell had to be interrupted.
    """

    room: Room
    late: Text
    is_undone: bool = field(default=False, init=False)
    """The cell that was last asked for asked for a program in turn, and nothing was done."""
    failure: Failure | None = field(default=None, init=False)
    """The exception that ended the cell that was last asked for, unless a limit of ours did."""
    was_interrupted: bool = field(default=False, init=False)
    """That cell took too long."""
    _noticed: list[Text] = field(default_factory=list)
    _room_left: int = field(default_factory=lambda: MAX_SHOWN, init=False)
    _is_full: bool = field(default=False, init=False)

    def of(self, worker: WorkerProcess, answer: Reply, count: int) -> list[NotebookNode]:
        """Return the outputs of a cell.

        Args:
            worker: that one.
            answer: what it says.
            count: the cell's number in the order in which they ran.

        Raises:
            BadReply: the worker's reply is malformed.
        """
        self._noticed, self.failure, self.was_interrupted = [], None, False
        if "failed" not in answer:
            worker.fail_reply(WireError("malformed outputs (not an answer to a cell)"))
        try:
            shown: Any = answer["result"]
            failed: Any = answer["failed"]
            left_out = list(_left_out(answer.get("notes", ())))
            self.is_undone = any(what == "command" for what, _ in left_out)
            end = next((at for at, value in enumerate(shown) if value["output_type"] == "error"), len(shown))
            outputs = list(self._with_room(_output(value, count) for value in shown[:end]))
            outputs += [_stream("stderr", f"{words.both}\n") for _, words in left_out]
            if failed is not None:
                outputs.append(self._failure(worker, failed))
            outputs += self._with_room(_output(value, count) for value in shown[end + 1 :])
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, binascii.Error) as error:
            worker.fail_reply(WireError(f"malformed outputs ({type(error).__name__})"))
        self._noticed += [words for what, words in left_out if what not in _OF_NO_CONCERN]
        return outputs

    def _with_room(self, outputs: Iterable[NotebookNode]) -> Iterator[NotebookNode]:
        """Yield what the notebook has room for: all of its cells together might fill the memory of who grades it."""
        for output in outputs:
            data = {"text": output.text} if output.output_type == "stream" else output.data
            size = sum(map(len, data.values()))
            if size > self._room_left:
                if not self._is_full:
                    self._noticed.append(
                        text(
                            "the cells show more than {megabytes} MB; the rest was left out", megabytes=MAX_SHOWN >> 20
                        )
                    )
                self._is_full = True
                if output.output_type != "execute_result":  # which may be the score
                    continue
                output.data = {"text/plain": data["text/plain"][:_SHORT]}
                size = 0
            self._room_left -= size
            yield output

    def noticed(self, cell: int) -> list[Problem]:
        """Return what was left out of the cell that was last asked for, and which limit was in its way.

        Args:
            cell: its number among the code cells.
        """
        return [Problem.of("note", words, cell=cell) for words in self._noticed]

    def _failure(self, worker: WorkerProcess, failed: Any) -> NotebookNode:
        kind, message, frames, surroundings = failed
        failure = Failure(str(kind)[:80], str(message)[:_MAX_FAILURE], [tuple(frame) for frame in frames[:20]])
        self.was_interrupted = worker.was_interrupted
        if self.was_interrupted:
            self.failure = failure
            words = (tell_frames(failure.frames) + self.late).en
            return error_output(StudentTimeout.__name__, self.late.en, words)
        told = tell_failure(failure).en
        if (limit := limit_of(failure, self.room, surroundings)) is None:
            self.failure = failure
        else:
            self._noticed.append(limit)
            told += f"\n{limit.both}"
        return error_output(failure.kind, failure.message, told)


def error_output(kind: str, message: str, traceback: str = "") -> NotebookNode:
    """Return the output of an error; without a traceback it has one line."""
    lines = printable(traceback or f"{kind}: {message}").splitlines()
    return as_node({"output_type": "error", "ename": printable(kind), "evalue": printable(message), "traceback": lines})


def as_on_screen(words: str) -> str:
    r"""Return what a terminal would show of words: lines begun again are overwritten, colours are left out.

    >>> as_on_screen("loss 3\rloss 2\r\n\x1b[31mred\x1b[0m ab\bc")
    'loss 2\nred ac'
    """
    if not {"\r", "\b", "\x1b"} & set(words):
        return words
    return "\n".join(_overwritten(line) for line in _FOR_A_TERMINAL.sub("", words).split("\n"))


def _overwritten(line: str) -> str:
    shown: list[str] = []
    place = 0
    for sign in line:
        if sign == "\r":
            place = 0
        elif sign == "\b":
            place = max(0, place - 1)
        else:
            shown[place : place + 1] = [sign]
            place += 1
    return "".join(shown)


def _left_out(notes: Any) -> Iterator[tuple[str, Text]]:
    for what, name, _, _ in islice(notes, _MAX_NOTES):
        if (words := passed_over(what, printable(str(name)[:80]))) is not None:
            yield what, words


def _output(value: dict[str, Any], count: int) -> NotebookNode:
    kind = value["output_type"]
    if kind == "stream" and value["name"] in ("stdout", "stderr"):
        return _stream(value["name"], str(value["text"]))
    if kind not in ("display_data", "execute_result"):
        raise ValueError(kind)
    data = {"text/plain": printable(str(value["data"]["text/plain"]))}
    for picture in value["data"].keys() & PICTURES:
        b64decode(value["data"][picture], validate=True)
        data[picture] = value["data"][picture]
    output = {"output_type": kind, "data": data, "metadata": {}}
    return as_node(output | ({"execution_count": count} if kind == "execute_result" else {}))


def _stream(name: str, words: str) -> NotebookNode:
    return as_node({"output_type": "stream", "name": name, "text": printable(as_on_screen(words))})
