"""Answers requests in a process that runs a notebook's cells. Students can subvert everything here: it proves nothing.

What it can do takes no torch: begin a notebook, and show what its cells display. `worker` adds the rest.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, assert_never, cast

from autograder.sandbox import interrupts, notes, stand_ins, workfolder
from autograder.sandbox.cells import Notebook
from autograder.sandbox.failure import Failure
from autograder.sandbox.generators import seed_generators
from autograder.sandbox.protocol import (
    BackwardRequest,
    CallbackRequest,
    FailureReply,
    NotebookRequest,
    Reply,
    Request,
    ShowReply,
    ShowRequest,
    StageRequest,
    StartRequest,
)
from autograder.sandbox.showing import CellDisplay

if TYPE_CHECKING:
    import torch

    from autograder.sandbox.frames import Connection, Received


class HungUp(BaseException):
    """The other side is gone; unlike every other exception here, no student's code has raised it."""


class NotebookWorker:
    """Answers one process, message by message, until it hangs up.

    Args:
        connection: to that.
        confined: the kernel bounds what this process can do, which may be why something fails.
    """

    def __init__(self, connection: Connection, *, confined: bool = False) -> None:
        self._connection, self._confined = connection, confined
        self._notebook = Notebook({})

    def serve(self) -> None:
        """Answer until the connection ends."""
        with contextlib.suppress(HungUp):
            while True:
                message, tensors = self._receive()
                self._answer(cast("Request", message), tensors)

    def _answer(self, message: Request, tensors: list[Received]) -> None:
        if "seed" in message:
            seed_generators(message["seed"])
        try:
            self._do(message, tensors)
        except HungUp:
            raise
        except BaseException as error:  # noqa: BLE001 -- SystemExit and KeyboardInterrupt are a student's errors too
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._send(self._failure_reply(error))

    def _failure_reply(self, error: BaseException) -> FailureReply:
        failure = self._notebook.failure(error)
        reply: FailureReply = {"failure": self._as_tree(failure)}
        if failure.base:
            reply["base"] = failure.base
        return reply

    def _do(self, message: Any, tensors: list[Received]) -> None:
        self._show_notebook(message)

    def _show_notebook(self, message: NotebookRequest) -> None:
        match message["op"]:
            case "start":
                self._start(message)
            case "stage":
                self._stage(message)
            case "show":
                self._show(message)
            case _:
                assert_never(message)

    def _start(self, message: StartRequest) -> None:
        self._notebook = self._new_notebook(message)
        sys.modules[message["module"]] = self._notebook.module
        sys.argv = [message["module"]]  # what a script may parse
        stand_ins.use_shell(self._notebook.shell)
        notes.begin()
        self._send({"result": None})

    def _new_notebook(self, message: StartRequest) -> Notebook:
        return Notebook(message["functions"], message["module"])

    def _stage(self, message: StageRequest) -> None:
        self._screen = CellDisplay(self._notebook, message["folder"], message["environment"])
        self._send({"result": None})

    def _show(self, message: ShowRequest) -> None:
        notes.begin_cell()
        stand_ins.use_shell(self._notebook.shell)  # again: an earlier cell may have imported what has to be adapted
        try:
            with interrupts.allowed():
                outputs, failure = self._screen.run(message["label"], message["source"])
        except interrupts.TimeIsUp as error:  # between two statements
            outputs, failure = self._screen.shown, self._notebook.failure(error)
        shown: ShowReply = {"result": outputs, "failed": None if failure is None else self._as_tree(failure)}
        self._send(shown)

    def _as_tree(self, failure: Failure) -> list[object]:
        frames = [list(frame) for frame in failure.frames]
        surroundings = "full" if workfolder.is_full(failure.message) else "confined" if self._confined else ""
        return [failure.kind, failure.message, frames, surroundings]

    def _receive(self) -> tuple[dict[str, Any], list[Received]]:
        try:
            return self._connection.receive()
        except (EOFError, OSError):
            raise HungUp from None

    def _send(
        self, message: Reply | CallbackRequest | BackwardRequest, tensors: list[torch.Tensor] | None = None
    ) -> None:
        if noted := notes.take():
            message["notes"] = noted
        frame = self._connection.pack(message, tensors or [])
        try:
            self._connection.send(frame)
        except OSError:
            raise HungUp from None
