"""Keeps a submission running: runs its cells in a worker and replaces a worker that died.

A late cell is interrupted, and what it has defined stays. A cell that ends its process, or goes on all the same, runs
once more with nothing but its definitions; a function that does so twice is not called again. The assignment's limits
bound what a submission may use in all.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, TypeVar

import torch

from autograder.base.errors import StudentCrash, StudentError, StudentTimeout
from autograder.base.i18n import Text, text
from autograder.course.sections import Section
from autograder.course.settings import Limits
from autograder.course.submission import Cell
from autograder.results.grade_report import Problem
from autograder.results.shown import Shown
from autograder.sandbox.failure import Failure
from autograder.sandbox.frames import Received, WireError, tensors_of
from autograder.sandbox.generators import CellSeed
from autograder.sandbox.process import Callback, WorkerProcess, Workers
from autograder.sandbox.protocol import (
    BackwardRequest,
    CallbackRequest,
    CallReply,
    FailureReply,
    FinishRequest,
    LookRequest,
    Reply,
    Request,
    Result,
    StartRequest,
    ValueReply,
)
from autograder.student.calling import Calling
from autograder.student.cell_runs import cell_request, interruption
from autograder.student.classes import Classes
from autograder.student.held import Held
from autograder.student.limits import Room, limit_of
from autograder.student.listening import Listening
from autograder.student.noticed import Noticed
from autograder.student.replies import as_line, as_list, as_names
from autograder.student.seeding import SEEDS
from autograder.student.shown import accept_shown
from autograder.student.unparsed import Unparsed, is_of_unwritten_class

Value = TypeVar("Value")

MAX_WORKERS = 12
MAX_FAILURES_PER_FUNCTION = 2
MAX_FAILURES_PER_CELL = 20
MAX_NAMES = 1000
"""How many names besides the declared functions are compared with a missing one."""
_MALFORMED = (
    TypeError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    RuntimeError,
    MemoryError,
    WireError,
)
_SLOW_CELLS_S = 3.0
"""How long the slow cells of an exercise may run for a student who looks on: others wait for the session meanwhile."""
_ASIDES = frozenset({"notes", "printed", "warned", "dropped"})
_USING = ("call", "record", "next", "take", "get", "iter", "vjp", "variable", "test")
"""Requests that run a student's code; only they use up a seed, which loading the cells again leaves alone."""


class Host:
    """One submission and the worker it runs in now.

    Args:
        workers: makes its worker, and another one where that has ended.
        cells: the submission's code.
        functions: the exercise of each function the assignment declares.
        grade_ids: the exercise of each grade cell.
        limits: seconds for a call, a cell, everything.
        seed: what the random number generators start from when the cells run.
        is_script: a ``.py`` file, whose ``__main__`` part is not run.
        variables: the variables of every exercise that has any.
        cell_seed: what every cell begins with, if anything.
        watched: the cells of those exercises for which what they show is kept.
    """

    def __init__(
        self,
        workers: Workers,
        cells: Sequence[Cell],
        *,
        functions: Mapping[str, str],
        grade_ids: Mapping[str, str],
        limits: Limits,
        seed: int,
        is_script: bool,
        variables: Mapping[str, list[str]] = MappingProxyType({}),
        cell_seed: CellSeed | None = None,
        watched: Mapping[str, Section] = MappingProxyType({}),
    ) -> None:
        self.limits = limits
        self._variables, self._cell_seed = dict(variables), cell_seed
        self.defined: list[str] = []
        self.unparsed = Unparsed()
        self._workers, self._cells, self._functions, self._grade_ids = workers, cells, dict(functions), grade_ids
        self._load_seed, self._is_script = seed, is_script
        self._watched = dict(watched)
        self._watched_cells = {at: exercise for exercise, section in watched.items() for at in section.own}
        self._ends = time.monotonic() + limits.submission_s
        self._cells_end = time.monotonic() + limits.submission_s / 2  # the rest is for calling what they define
        self._worker: WorkerProcess | None = None
        self._generation = 0
        self._given_up: StudentError | None = None
        self._bad_cells: Counter[int] = Counter()  # how often each hung or killed a worker
        self._bad_functions: dict[str, list[StudentError]] = {}  # likewise, with the errors
        self._slow_cells: set[int] = set()  # which were interrupted, and would be again
        self._noticed = Noticed(cells)
        self._has_flooded = False
        self._seed: int | None = None
        SEEDS.listen()
        self._seeds_heard = SEEDS.count
        self._listening = Listening()
        self.held = Held()
        self.classes = Classes(self._functions)
        self.call_back: Callable[..., Any] | None = None
        """Answers a callback: takes the message, its tensors and the function that runs."""
        self.fill_lists: Callable[[], None] = lambda: None
        """Lets lists of objects that the rubric has changed be so in the worker."""

    # -- life ----------------------------------------------------------------------------------------------------------

    def make_ready(self) -> None:
        """Ensure that there is a worker in which the cells have run.

        Raises:
            StudentError: the submission has used up its limits.
        """
        while self._given_up is None and not (self._worker and self._worker.alive):
            if self._generation == MAX_WORKERS:
                words = text(
                    "the code ended or blocked its process {count} times; it was not started again", count=MAX_WORKERS
                )
                self._given_up = StudentCrash(words)
                break
            self._replace_worker()
            self._run_cells()
        if self._given_up is not None:
            raise self._given_up.with_traceback(None)

    def seed(self, seed: int) -> None:
        """Seed the student's random number generators before the next call of their code.

        That call also releases everything returned so far: when our garbage collector finds it unused could depend on
        what else this process has done.
        """
        self._seed, self._seeds_heard = seed, SEEDS.count
        self._listening.begin_criterion()
        self.held.begin_criterion()

    @property
    def generation(self) -> int:
        """The number of the current worker."""
        return self._generation

    @property
    def worker(self) -> WorkerProcess | None:
        """The current worker."""
        return self._worker

    def check_generation(self, generation: int) -> None:
        """Refuse what came from a worker that has been replaced.

        Raises:
            StudentCrash: the worker is gone.
        """
        if generation != self._generation or self._worker is None or not self._worker.alive:
            raise StudentCrash(text("the process this came from has ended"))

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What went wrong while the cells ran, in their order but syntax errors first; whether too much was printed."""
        of_cells = self._noticed.in_order(self.unparsed)
        self._look_at_output()
        if not self._has_flooded:
            return of_cells
        words = text("the code printed more than the {size} KB that are kept", size=self.limits.output_kb)
        return (*of_cells, Problem.of("output", words))

    def close(self) -> None:
        """End the worker."""
        self.held.callbacks.networks.detach()
        if self._worker is not None:
            self._look_at_output()
            self._worker.close()
            self._worker = None

    def _look_at_output(self) -> None:
        if self._worker is not None and self._worker.printed_kb() >= self.limits.output_kb:
            self._has_flooded = True

    def _replace_worker(self) -> None:
        self.close()
        self._generation += 1
        self.held.begin()
        begun = time.monotonic()
        self._worker = self._workers.spawn()
        waited = time.monotonic() - begun  # not the submission's time: where nothing can be forked it takes seconds
        self._ends += waited
        self._cells_end += waited

    # -- cells ---------------------------------------------------------------------------------------------------------

    def _run_cells(self) -> None:
        running: int | None = None
        try:
            module = "submission" if self._is_script else "__main__"
            start: StartRequest = {
                "op": "start",
                "functions": self._functions,
                "module": module,
                "seed": self._load_seed,
            }
            if self._variables:
                start["variables"] = self._variables
            if self._cell_seed is not None:
                start["cell_seed"] = (self._cell_seed.value, self._cell_seed.variable)
            self._ask(start)
            reached: list[str] = []  # grade cells, sent to the worker with the next request
            for running, cell in enumerate(self._cells):
                if cell.is_test:
                    reached += filter(None, [self._grade_ids.get(cell.grade_id or "")])
                elif not cell.skip and self._bad_cells[running] <= 1 and cell.source.strip():
                    self._run_cell(running, cell, reached)
                    reached = []
            running = None
            finish: FinishRequest = {"op": "finish", "grade_cells": reached}
            finished = self._ask(finish)
            self.defined = self.checked(lambda: as_names(finished["result"], len(self._functions) + MAX_NAMES))
            self.checked(lambda: self.classes.accept(finished))
        except StudentError as error:
            if running is None:
                self._given_up = self._given_up or error
                return
            if self._worker is not None:
                self._worker.kill()  # it may have failed to report what went wrong
            self._bad_cells[running] += 1
            kind = "cell-timeout" if isinstance(error, StudentTimeout) else "cell-crash"
            self._noticed.say(running, kind, error.text)

    def _run_cell(self, position: int, cell: Cell, reached: list[str]) -> None:
        seconds = self.limits.cell_s
        late = text("this cell did not finish within {seconds:g} s; is there an endless loop?", seconds=seconds)
        hurry = time.monotonic() > self._cells_end
        if hurry and position not in self._noticed.of_cells:
            words = text(
                "earlier cells took {seconds:g} s; only the definitions of this one were run",
                seconds=self.limits.submission_s / 2,
            )
            self._noticed.say(position, "cell-skipped", words)
        definitions_only = hurry or self._bad_cells[position] > 0 or position in self._slow_cells
        request = cell_request(cell, definitions_only=definitions_only, grade_cells=reached)
        if position in self._watched_cells:
            request["watched"] = True
        try:
            answer, _ = self.ask(request, [], within_s=seconds, on_timeout=late, interrupt=True)
        except WireError:
            self._noticed.say(position, "cell-skipped", text("this cell is too long and was left out"))
            return
        if request["definitions_only"]:
            return  # what went wrong with it has been noted
        failures = self.checked(
            lambda: [self._failure(tree) for tree in as_list(answer["result"])[:MAX_FAILURES_PER_CELL]]
        )
        own = [failure for failure in failures if not self.unparsed.add(position, cell, failure)]
        own = [failure for failure in own if not is_of_unwritten_class(failure, cell, self._functions)]
        assert self._worker is not None
        if self._worker.was_interrupted:
            self._slow_cells.add(position)
            self._noticed.of_cells[position] = [interruption(late, failures, cell)]
        elif not cell.may_fail:
            self._noticed.fail(position, own)

    def look(self, passed: Collection[str]) -> tuple[Shown, ...]:
        """Return what the watched cells have shown. It is asked last: nothing that happens here changes a verdict.

        Args:
            passed: the exercises that have passed, whose slow cells behind the grade cell are run now.
        """
        if not self._watched or self._worker is None or not self._worker.alive:
            return ()
        labels = {self._cells[at].label: exercise for at, exercise in self._watched_cells.items()}
        request: LookRequest = {"op": "look"}
        try:
            for exercise in self._watched:
                if exercise in passed:
                    labels |= self._run_slow_cells(exercise)
            answer, received = self.ask(request, [], on_timeout=text("the process did not answer"), interrupt=True)
            return self.checked(lambda: accept_shown(answer["result"], received, labels))
        except StudentError:
            return ()

    def _run_slow_cells(self, exercise: str) -> dict[str, str]:
        """Run the slow cells of an exercise after those before them, while there is time; return their labels."""
        own, ends, labels = self._watched[exercise].after, time.monotonic() + _SLOW_CELLS_S, {}
        for position in range(max(own, default=-1) + 1):
            cell, left = self._cells[position], ends - time.monotonic()
            if not cell.skip or left <= 0 or (self._worker and self._worker.was_interrupted):
                continue
            request = cell_request(cell, definitions_only=False)
            request["view"] = exercise
            if position in own:
                request["watched"], labels[cell.label] = True, exercise
            self.ask(request, [], within_s=left, on_timeout=text("the process did not answer"), interrupt=True)
        return labels

    # -- requests ------------------------------------------------------------------------------------------------------

    def calling(self, name: str) -> Calling:
        """Run code of a function: count what ends or blocks the process, and enter with the message for a timeout.

        Raises:
            StudentError: the function has done so too often.
        """
        if name in self._bad_functions and len(self._bad_functions[name]) >= MAX_FAILURES_PER_FUNCTION:
            earlier = self._bad_functions[name]
            words = text(
                "`{name}` crashed or did not return {count} times before, so it was not called again",
                name=name,
                count=len(earlier),
            )
            raise type(earlier[-1])(words)
        return Calling(self, name, self._generation, self.limits.call_s)

    def count_end(self, name: str, generation: int, error: StudentError) -> None:
        """Count that a function has ended or blocked the worker of a generation, if that is so."""
        if generation == self._generation and self._worker is not None and not self._worker.alive:
            self._bad_functions.setdefault(name, []).append(error)

    def ask(
        self,
        request: Request,
        tensors: list[torch.Tensor],
        *,
        on_timeout: Text,
        within_s: float | None = None,
        name: str = "",
        callback: Callback | None = None,
        settle: Callable[[Any, list[Received]], object] | None = None,
        interrupt: bool = False,
    ) -> tuple[Result, list[Received]]:
        """Ask the worker, within what is left of the submission's time.

        Args:
            request: what to do.
            tensors: what its tree refers to.
            on_timeout: what the student reads when it takes too long.
            within_s: how long it may take; by default as long as a call may.
            name: the function that runs, for its traceback.
            callback: answers a call of a function of ours.
            settle: takes over what the code has done before it raised.
            interrupt: what is late is interrupted before its process is ended.

        Raises:
            StudentError: there is no result.
        """
        self.check_generation(self._generation)
        assert self._worker is not None
        within_s = within_s or self.limits.call_s
        left = self._ends - time.monotonic()
        if left < within_s:
            on_timeout = text("the submission used up its {seconds:g} s", seconds=self.limits.submission_s)
        if left <= 0:
            self._worker.kill()
            self._given_up = StudentTimeout(on_timeout)
            raise StudentTimeout(on_timeout)
        runs_code = request["op"] in _USING
        if runs_code and (self._seed is not None or SEEDS.count != self._seeds_heard):
            self._pass_seeds_on(request)
        self.tell_lists()
        self.held.add_to(request, tensors)
        if runs_code:
            self._listening.ask(request)
        if runs_code and callback is None and self.call_back is not None:
            callback = partial(self.call_back, origin=name)
        answer, received = self._worker.ask(
            request,
            tensors,
            within_s=min(left, within_s),
            on_timeout=on_timeout,
            callback=callback,
            interrupt=interrupt and left > within_s,
        )
        self._take_along(answer, received)
        if "failure" in answer:
            raise self._exception(name, answer, partial(settle, answer, received) if settle else None)
        if "result" not in answer or "failed" in answer:
            self._worker.fail_reply(WireError("no result"))
        return answer, received

    def _take_along(self, answer: Reply, received: list[Received]) -> None:
        """Take what any answer may bring along."""
        if not _ASIDES.isdisjoint(answer):
            self.checked(lambda: self._take_asides(answer))
        if "parameters" in answer:
            self.checked(lambda: self.held.parameters.take(as_list(answer["parameters"]), tensors_of(received)))
        if self._listening.warnings:
            self._listening.warn()

    def _exception(
        self, name: str, answer: FailureReply | ValueReply | CallReply, settle: Callable[[], object] | None
    ) -> StudentError:
        if settle is not None and "result" in answer:
            self.checked(settle)
        failure = self.checked(lambda: self._failure(answer["failure"], answer.get("base")))
        return self.unparsed.missing_in(failure) or self.checked(lambda: self.classes.exception(name, failure, answer))

    def _take_asides(self, answer: Reply) -> None:
        self._noticed.take_notes(answer.get("notes", []))
        self.pass_on(answer)

    def pass_on(self, message: Reply | CallbackRequest | BackwardRequest) -> None:
        """Take what an untrusted message brings along: what the code has printed and the like; drop graphs."""
        if "dropped" in message:
            self.held.callbacks.drop(message["dropped"])
        self._listening.take(message)

    def tell_lists(self) -> None:
        """Tell the worker what the rubric has done to lists of objects, unless they are let go of in a moment."""
        if self._seed is None and self.held.has_lists:
            self.fill_lists()

    def _pass_seeds_on(self, request: Request) -> None:
        """Let the student's code draw from the criterion's seed, and as the rubric does that has seeded since."""
        if self._seed is not None:
            request["seed"], request["forget"], self._seed = self._seed, True, None
            self.held.forget()
        if SEEDS.count != self._seeds_heard:
            request["seeds"], self._seeds_heard = SEEDS.since(self._seeds_heard), SEEDS.count

    def _failure(self, tree: Any, base: object = None) -> Failure:
        kind, message, frames, surroundings = tree
        shown = [
            (str(label)[:200], as_line(line), str(name)[:80], str(source)[:200])
            for label, line, name, source in frames[:20]
        ]
        failure = Failure(str(kind)[:80], str(message)[:2000], shown, base=base if isinstance(base, str) else "")
        room = Room(self.limits.memory_mb, self.limits.scratch_mb)
        return replace(failure, limit=limit_of(failure, room, surroundings))

    def _ask(self, request: Request) -> Result:
        return self.ask(request, [], on_timeout=text("the process did not answer"))[0]

    def checked(self, accept: Callable[[], Value]) -> Value:
        """Accept an untrusted answer; turn whatever it makes go wrong on this side into one error.

        Raises:
            BadReply: something went wrong.
        """
        try:
            return accept()
        except StudentError:
            raise
        except _MALFORMED as error:
            assert self._worker is not None
            self._worker.fail_reply(
                error if isinstance(error, WireError) else WireError(f"malformed answer ({type(error).__name__})")
            )
