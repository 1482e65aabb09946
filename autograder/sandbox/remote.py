"""A submission in a process of its own, and what a rubric sees of it.

`RemoteRunner` runs the cells of a submission in a worker, replaces a worker that died, and calls functions across the
boundary: tensors travel as raw buffers, autograd asks the worker for vector-Jacobian products, iterators and modules
stay there and are reached through handles, functions of ours are called back.

Everything a worker sends is untrusted. Whatever is wrong with it is a `BadReply`, and nothing else.
"""

from __future__ import annotations

import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import GeneratorType
from typing import Any, TypeVar

import torch

from autograder.course import Function, Limits
from autograder.errors import BadReply, StudentCrash, StudentError, StudentTimeout
from autograder.results import Problem
from autograder.sandbox.cells import Failure
from autograder.sandbox.process import Message, WorkerProcess, Zygote
from autograder.sandbox.wire import Decoder, Encoder, Received, Tree, WireError, used_tensors
from autograder.student import StudentFunction, missing_function, student_exception, tell_failure
from autograder.submission import Cell
from autograder.texts import Text, text

Value = TypeVar("Value")

MAX_WORKERS = 7
MAX_TIMEOUTS_PER_FUNCTION = 2
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


class RemoteRunner:
    """Runs one submission; see `autograder.student.Runner`.

    Args:
        zygote: forks its workers.
        cells: the submission's code.
        functions: the exercise of each function the assignment declares.
        grade_ids: the exercise of each grade cell.
        limits: seconds for a call, a cell, everything.
        seed: what the random number generators start from when the cells run.
        is_script: a ``.py`` file, whose ``__main__`` part is not run.
    """

    def __init__(
        self,
        zygote: Zygote,
        cells: Sequence[Cell],
        *,
        functions: Mapping[str, str],
        grade_ids: Mapping[str, str],
        limits: Limits,
        seed: int,
        is_script: bool = False,
    ) -> None:
        self._zygote, self._cells, self._functions, self._grade_ids = zygote, cells, dict(functions), grade_ids
        self._limits, self._load_seed, self._is_script = limits, seed, is_script
        self._ends = time.monotonic() + limits.submission_s
        self._worker: WorkerProcess | None = None
        self._workers = 0
        self._given_up: StudentError | None = None
        self._bad_cells: Counter[int] = Counter()  # how often each hung or killed a worker
        self._problems: dict[int, list[Problem]] = {}
        self._defined: list[str] = []
        self._seed: int | None = None
        self._timeouts: Counter[str] = Counter()
        self._noted: dict[str, Problem] = {}  # the first failure of a function that no criterion's message should hide
        self._released: list[int] = []  # told to the worker with the next request

    # -- life ----------------------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Run the cells; of one that hung or killed the worker, only the definitions are run again in a new one."""
        while self._given_up is None and not (self._worker and self._worker.alive):
            if self._workers == MAX_WORKERS:
                self._given_up = StudentCrash(
                    text(
                        "the code ended or blocked its process {count} times; it was not started again",
                        count=MAX_WORKERS,
                    )
                )
                return
            self._replace_worker()
            self._run_cells()

    def seed(self, seed: int) -> None:
        """Before the next request the worker's random number generators are set to this."""
        self._seed = seed

    @property
    def generation(self) -> int:
        """The number of the present worker; what came from an earlier one is lost."""
        return self._workers

    def release(self, generation: int, number: int) -> None:
        """This side has no use any more for a handle or a graph."""
        if generation == self._workers:
            self._released.append(number)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What went wrong while the cells ran, in their order; functions that are missing or ended their process."""
        of_cells = (problem for _, problems in sorted(self._problems.items()) for problem in problems)
        return (*of_cells, *self._noted.values())

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _replace_worker(self) -> None:
        self.close()
        self._released = []
        self._worker = self._zygote.spawn()
        self._workers += 1

    def _run_cells(self) -> None:
        module = "submission" if self._is_script else "__main__"
        position = -1
        try:
            self._ask({"op": "start", "functions": self._functions, "module": module, "seed": self._load_seed})
            for position, cell in enumerate(self._cells):
                self._run_cell(position, cell)
            position = -1
            defined = self._ask({"op": "finish"})["result"]
            self._defined = [name for name in defined if isinstance(name, str)] if isinstance(defined, list) else []
        except (StudentTimeout, StudentCrash, BadReply) as error:
            if position < 0 or time.monotonic() > self._ends:
                self._given_up = error
            self._bad_cells[position] += 1
            cell = self._cells[position]
            kind = "cell-timeout" if isinstance(error, StudentTimeout) else "cell-crash"
            self._problems[position] = [Problem.of(kind, error.text, cell=cell.number)]

    def _run_cell(self, position: int, cell: Cell) -> None:
        if cell.is_test:
            exercise = self._grade_ids.get(cell.grade_id or "")
            if exercise is not None:
                self._ask({"op": "grade_cell", "exercise": exercise})
            return
        if cell.skip or self._bad_cells[position] > 1 or not cell.source.strip():
            return
        seconds = self._limits.cell_s
        late = text("this cell did not finish within {seconds:g} s; is there an endless loop?", seconds=seconds)
        request = {
            "op": "cell",
            "label": cell.label,
            "source": cell.source,
            "first_line": cell.first_line,
            "resume": cell.resume,
            "definitions_only": self._bad_cells[position] > 0,
        }
        answer = self._ask(request, within_s=seconds, on_timeout=late)
        if request["definitions_only"]:
            return  # what went wrong with it has been noted
        failures = self._checked(lambda: [_as_failure(tree) for tree in answer["result"]])
        self._problems[position] = [
            Problem.of(
                "cell-error",
                tell_failure(f),
                cell=cell.number,
                line=next((line for label, line, *_ in f.frames if label == cell.label), None),
            )
            for f in failures
        ]

    # -- calls ---------------------------------------------------------------------------------------------------------

    def call(self, function: Function, arguments: list[Any]) -> tuple[Any, list[str]]:
        """See `autograder.student.Runner`."""
        self.load()
        if self._given_up is not None:
            raise self._given_up.with_traceback(None)
        if function.name not in self._defined:
            raise self._note(function, "missing", StudentError(missing_function(function.name, self._defined)))
        try:
            return self.call_remote(function.name, arguments, {}, function=function)
        except StudentTimeout as error:
            raise self._note(function, "timeout", error) from None
        except StudentCrash as error:
            named = StudentCrash(text("`{name}`: {reason}", name=function.name, reason=error.text))
            raise self._note(function, "crash", named) from None

    def _note(self, function: Function, kind: str, error: StudentError) -> StudentError:
        self._noted.setdefault(function.name, Problem.of(kind, error.text))
        return error

    def call_remote(
        self,
        name: str,
        positional: Sequence[Any],
        keywords: dict[str, Any],
        *,
        target: RemoteObject | None = None,
        function: Function | None = None,
    ) -> tuple[Any, list[str]]:
        """Call a function by name, or an object that stays in the worker.

        Returns:
            The result, and the declared parameters that were changed although they may not be.
        """
        told = function.name if function else name
        if self._timeouts[told] >= MAX_TIMEOUTS_PER_FUNCTION:
            raise StudentTimeout(
                text(
                    "`{name}` did not return {count} times before, so it was not called again",
                    name=told,
                    count=self._timeouts[told],
                )
            )
        callbacks: dict[int, Callable[..., Any]] = {}
        encoder = Encoder(lambda value: self._encode_own(value, encoder, callbacks))
        request, owners = self._call_request(name, positional, keywords, encoder, function)
        if target is not None:
            self.check_generation(target._generation)
            request["object"] = target._handle
        inputs = encoder.tensors[: request["inputs"]]
        late = text(
            "`{name}` did not return within {seconds:g} s; is there an endless loop?",
            name=told,
            seconds=self._limits.call_s,
        )
        try:
            answer, received = self._ask_tensors(
                request,
                encoder.tensors,
                on_timeout=late,
                name=told,
                callback=lambda message, tensors: self._call_back(message, tensors, callbacks),
            )
        except StudentTimeout:
            self._timeouts[told] += 1
            raise
        return self._checked(lambda: self._accept(answer, received, inputs, request["changes"], owners))

    def _call_request(
        self,
        name: str,
        positional: Sequence[Any],
        keywords: dict[str, Any],
        encoder: Encoder,
        function: Function | None,
    ) -> tuple[Message, dict[int, str]]:
        """The request, and which declared parameter each tensor was passed as."""
        owners: dict[int, str] = {}
        trees = []
        for index, value in enumerate(positional):
            trees.append(encoder.encode(value))
            for tensor in range(len(owners), len(encoder.tensors)):
                owners[tensor] = function.parameters[index] if function else ""
        kwargs = encoder.encode(keywords)
        inputs = list(encoder.tensors)
        grads = {str(i): encoder.add(t.grad) for i, t in enumerate(inputs) if t.is_leaf and t.grad is not None}
        changes = [i for i, owner in owners.items() if function and owner in function.changes]
        request = {
            "op": "call",
            "name": name,
            "args": trees,
            "kwargs": kwargs,
            "grads": grads,
            "inputs": len(inputs),
            "changes": changes,
            "grad_enabled": torch.is_grad_enabled(),
        }
        return request, owners

    def _accept(
        self,
        answer: Message,
        received: list[Received],
        inputs: list[torch.Tensor],
        changes: list[int],
        owners: dict[int, str],
    ) -> tuple[Any, list[str]]:
        """Turn an untrusted answer to a call into values, and copy back what may be changed."""
        tree, tensors = answer["result"], [r.tensor for r in received]
        for index, values, gradient in answer["updates"]:
            if index not in changes:
                raise WireError("a change of an argument that may not change")
            decoder = Decoder(tensors)
            _update(inputs[index], decoder.decode(values), decoder.decode(gradient))
        aliases = {int(out): inputs[int(i)] for out, i in answer["aliases"]}
        self._attach(answer.get("graph"), used_tensors(tree), received, tensors, inputs, aliases)
        changed = {owners.get(i, "") for i in answer["changed"] if i not in changes} - {""}
        return Decoder(tensors, self._decode_handle).decode(tree), sorted(changed)

    def _attach(
        self,
        graph: Any,
        used: list[int],
        received: list[Received],
        tensors: list[torch.Tensor],
        inputs: list[torch.Tensor],
        aliases: dict[int, torch.Tensor],
    ) -> None:
        """Make the results what they are in the worker: an argument itself, a leaf, or the end of a graph."""
        ends = []
        for i in used:
            if i in aliases:
                tensors[i] = aliases[i]
            elif received[i].requires_grad and received[i].is_leaf:
                tensors[i].requires_grad_()
            elif received[i].requires_grad:
                ends.append(i)
        if not ends or not torch.is_grad_enabled():
            return
        if type(graph) is not int:
            raise WireError("a result with a gradient but without a graph")
        leaves = [x for x in inputs if x.requires_grad] or [
            torch.zeros((), requires_grad=True)
        ]  # an anchor: modules keep parameters there
        results = _RemoteGraph.apply(self, graph, ends, [tensors[i] for i in ends], *leaves)
        for i, result in zip(ends, results, strict=True):
            tensors[i] = result

    def vector_jacobian(
        self, graph: int, outputs: list[int], vectors: list[torch.Tensor], *, create_graph: bool
    ) -> tuple[list[torch.Tensor | None], int | None, list[int | None]]:
        """Ask for vector-Jacobian products.

        Returns:
            The products, the graph they hang on where ``create_graph``, and their indices in it.
        """
        request = {"op": "vjp", "graph": graph, "outputs": outputs, "create_graph": create_graph}
        answer, received = self._ask_tensors(
            request, vectors, on_timeout=text("`backward` did not return in time"), name="backward"
        )

        def accept() -> tuple[list[torch.Tensor | None], int | None, list[int | None]]:
            tree = answer["result"]
            products = Decoder([r.tensor for r in received]).decode(tree)
            if not isinstance(products, list) or not all(p is None or isinstance(p, torch.Tensor) for p in products):
                raise WireError("malformed gradients")
            indices = [node["t"] if node is not None else None for node in tree]
            kept = answer.get("graph")
            return (
                products,
                kept if type(kept) is int else None,
                [i if i is not None and received[i].requires_grad else None for i in indices],
            )

        return self._checked(accept)

    # -- values --------------------------------------------------------------------------------------------------------

    def _encode_own(self, value: Any, encoder: Encoder, callbacks: dict[int, Callable[..., Any]]) -> Tree:
        if isinstance(value, StudentFunction) and value.runner is self:
            return {"F": value.function.name}
        if isinstance(value, RemoteObject) and value._runner is self:
            self.check_generation(value._generation)
            return {"h": value._handle}
        if isinstance(value, GeneratorType):  # passed on as what it is: something that can be iterated over once
            return {"g": [encoder.encode(item) for item in value]}
        if callable(value):
            callbacks[len(callbacks)] = value
            return {"b": len(callbacks) - 1}
        raise TypeError(f"a {type(value).__name__} cannot be sent to a student's process")

    def _decode_handle(self, tag: str, inner: Tree) -> Any:
        if tag != "h":
            raise WireError(f"unknown tag {tag[:20]!r}")
        handle, kind, _, iterator, _ = inner
        if type(handle) is not int or not isinstance(kind, str):
            raise WireError("malformed handle")
        return (RemoteIterator if iterator is True else RemoteObject)(self, handle, kind[:80])

    def _call_back(
        self, message: Message, received: list[Received], callbacks: dict[int, Callable[..., Any]]
    ) -> tuple[Message, list[torch.Tensor]]:
        decoder = Decoder([r.tensor for r in received], self._decode_handle)
        function = callbacks.get(message["callback"]) if type(message["callback"]) is int else None
        positional, keywords = decoder.decode(message.get("args")), decoder.decode(message.get("kwargs"))
        if function is None or not isinstance(positional, tuple) or not isinstance(keywords, dict):
            raise WireError("malformed callback")
        try:
            with torch.no_grad():
                result = function(*positional, **keywords)
        except Exception as error:  # noqa: BLE001 -- a student may call a function of ours with anything
            return {"error": f"{type(error).__name__}: {error}"[:500]}, []
        encoder = Encoder(lambda value: self._encode_own(value, encoder, callbacks))
        return {"result": encoder.encode(result)}, encoder.tensors

    # -- requests ------------------------------------------------------------------------------------------------------

    def ask_object(self, request: Message, *, name: str) -> Any:
        """Ask for an attribute or the next item of an object that stays in the worker."""
        late = text(
            "`{name}` did not return within {seconds:g} s; is there an endless loop?",
            name=name,
            seconds=self._limits.call_s,
        )
        answer, received = self._ask_tensors(request, [], on_timeout=late, name=name)

        def accept() -> Any:
            tensors = [r.tensor.requires_grad_(r.requires_grad and r.is_leaf) for r in received]
            return Decoder(tensors, self._decode_handle).decode(answer["result"])

        return self._checked(accept)

    def _ask(self, request: Message, *, within_s: float | None = None, on_timeout: Text | None = None) -> Message:
        return self._ask_tensors(
            request, [], within_s=within_s, on_timeout=on_timeout or text("the process did not answer")
        )[0]

    def check_generation(self, generation: int) -> None:
        """Refuse what came from a worker that has been replaced.

        Raises:
            StudentCrash: it did.
        """
        if generation != self._workers:
            raise StudentCrash(text("the process this came from has ended"))

    def _ask_tensors(
        self,
        request: Message,
        tensors: list[torch.Tensor],
        *,
        on_timeout: Text,
        within_s: float | None = None,
        name: str = "",
        callback: Any = None,
    ) -> tuple[Message, list[Received]]:
        worker = self._worker
        if worker is None or not worker.alive:
            raise StudentCrash(text("the process this came from has ended"))
        within_s = within_s or self._limits.call_s
        left = self._ends - time.monotonic()
        if left < within_s:
            on_timeout = text("the submission used up its {seconds:g} s", seconds=self._limits.submission_s)
        if self._released:
            request["free"], self._released = self._released, []
        if self._seed is not None and "seed" not in request:
            request["seed"], self._seed = self._seed, None
        answer, received = worker.ask(
            request, tensors, within_s=max(min(left, within_s), 0.01), on_timeout=on_timeout, callback=callback
        )
        if "failure" in answer:
            raise self._checked(lambda: student_exception(name, _as_failure(answer["failure"])))
        if "result" not in answer:
            worker.fail_reply(WireError("no result"))
        return answer, received

    def _checked(self, accept: Callable[[], Value]) -> Value:
        """Whatever an untrusted answer makes go wrong on this side is one error."""
        try:
            return accept()
        except StudentError:
            raise
        except _MALFORMED as error:
            assert self._worker is not None
            self._worker.fail_reply(
                error if isinstance(error, WireError) else WireError(f"malformed answer ({type(error).__name__})")
            )


class RemoteObject:
    """An object that stays in the student's process: a module, a function, anything else; its methods can be called."""

    def __init__(self, runner: RemoteRunner, handle: int, kind: str) -> None:
        self._runner, self._handle, self._kind = runner, handle, kind
        self._generation = runner.generation
        weakref.finalize(self, runner.release, self._generation, handle)

    def __call__(self, *positional: Any, **keywords: Any) -> Any:  # noqa: D102 -- the object decides
        return self._runner.call_remote(self._kind, positional, keywords, target=self)[0]

    def __getattr__(self, name: str) -> Any:
        """A method as something to call, anything else as its value."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self._ask({"op": "get", "name": name}, name)

    def _ask(self, request: Message, name: str) -> Any:
        self._runner.check_generation(self._generation)
        return self._runner.ask_object({**request, "object": self._handle}, name=name)

    def __repr__(self) -> str:
        return f"<{self._kind} in the student's process>"


class RemoteIterator(RemoteObject):
    """An iterator that stays in the student's process."""

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        items = self._ask({"op": "next"}, self._kind)
        if not isinstance(items, list) or not items:
            raise StopIteration
        return items[0]


class _RemoteGraph(torch.autograd.Function):
    """The forward pass has run in the worker; the backward pass asks it for the vector-Jacobian product."""

    @staticmethod
    def forward(
        ctx: Any, runner: RemoteRunner, graph: int, ends: list[int], results: list[torch.Tensor], *leaves: torch.Tensor
    ) -> Any:
        ctx.runner, ctx.graph, ctx.ends, ctx.generation = runner, graph, ends, runner.generation
        ctx.save_for_backward(*leaves)
        ctx.set_materialize_grads(False)
        weakref.finalize(ctx, runner.release, ctx.generation, graph)
        return tuple(result.view_as(result) for result in results)

    @staticmethod
    def backward(ctx: Any, *vectors: torch.Tensor | None) -> Any:
        ctx.runner.check_generation(ctx.generation)
        leaves = ctx.saved_tensors
        nothing = (None, None, None, None)
        given = [(end, vector) for end, vector in zip(ctx.ends, vectors, strict=True) if vector is not None]
        if not given:
            return (*nothing, *(None for _ in leaves))
        sent = [vector for _, vector in given]
        create_graph = torch.is_grad_enabled() and any(t.requires_grad for t in (*sent, *leaves))
        products, graph, indices = ctx.runner.vector_jacobian(
            ctx.graph, [end for end, _ in given], sent, create_graph=create_graph
        )
        products = products or [None for _ in leaves]  # only the anchor: the gradients went to parameters over there
        if len(products) != len(leaves) or any(
            p is not None and (p.shape, p.dtype) != (x.shape, x.dtype) for p, x in zip(products, leaves, strict=False)
        ):
            raise BadReply(text("what came back cannot be used: {reason}", reason="malformed gradients"))
        if graph is not None:
            live = [i for i, index in enumerate(indices) if index is not None]
            attached = _RemoteGraph.apply(
                ctx.runner, graph, [indices[i] for i in live], [products[i] for i in live], *sent, *leaves
            )
            for i, product in zip(live, attached, strict=True):
                products[i] = product
        return (*nothing, *products)


def _update(argument: torch.Tensor, values: Any, gradient: Any) -> None:
    """Take over a declared change: same shape, same dtype, or it is none."""
    for new in (values, gradient):
        if new is not None and (
            not isinstance(new, torch.Tensor) or new.shape != argument.shape or new.dtype != argument.dtype
        ):
            raise WireError(f"an argument of shape {tuple(argument.shape)} was changed to another shape or type")
    with torch.no_grad():
        argument.copy_(values)
    if argument.is_leaf and argument.requires_grad:
        argument.grad = None if gradient is None else gradient.clone()


def _as_failure(tree: Any) -> Failure:
    kind, message, frames = tree
    shown = [
        (str(label)[:200], int(line), str(name)[:80], str(source)[:200]) for label, line, name, source in frames[:20]
    ]
    return Failure(str(kind)[:80], str(message)[:2000], shown)
