"""What a rubric process and a worker say to each other: one record per request and per reply.

.. code-block:: text

    rubric process ──Request──> worker                  frames of `wire`: the record, and tensors that it names by index
    rubric process <──Reply──── worker
    rubric process <──CallbackRequest── worker          in the middle of a request: a function of the rubric's is called
    rubric process ──CallbackReply────> worker

A worker believes what it is asked. The rubric process believes nothing a worker says: every field of a `Reply` and of
a `CallbackRequest` is an ``object``, so that the type checker refuses to use it unchecked, and even a field that has
to be there may be missing. That is a ``KeyError``, which `Host.checked` turns into a `BadReply` like everything else.

A tree is a value as `values.Encoder` writes it and `values.Decoder` reads it; nobody else looks into one. The records
are plain dictionaries at run time, and this module imports nothing but `typing`.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict, final

# -- rubric process to worker ------------------------------------------------------------------------------------------


class _Request(TypedDict):
    """What every request may bring along; the worker does it first.

    Attributes:
        free: handles and graphs that the rubric process has let go of.
        seed: what the student's random number generators start from.
        seeds: what those of single libraries start from, since the rubric has seeded its own of these.
        forget: let go of every handle and graph.
        retain: graph and index of each result that the rubric has told to keep its gradient.
        parameters: what has been done to linked parameters, see `links`.
        networks: number and tree of each passed network that the rubric has changed otherwise, and index and number of
            the linked tensors in it.
        heard: whether what the code prints meanwhile comes back.
        warned: its warnings do as well; whether one is an exception, a pattern of its words and its category, of which
            the first that fits it counts; absent where nobody listens.
    """

    free: NotRequired[list[int]]
    seed: NotRequired[int]
    seeds: NotRequired[dict[str, int]]
    forget: NotRequired[bool]
    retain: NotRequired[list[tuple[int, int]]]
    parameters: NotRequired[list[object]]
    networks: NotRequired[list[list[object]]]
    heard: NotRequired[bool]
    warned: NotRequired[list[list[object]]]


@final
class StartRequest(_Request):
    """Begin a submission with an empty namespace. Answered by a `ValueReply` of None.

    Attributes:
        functions: the exercise of each function that the assignment declares.
        module: the name of the module in which the cells run.
        variables: the variables of each exercise that has any; absent where none has.
        cell_seed: the seed that every cell begins with, and the variable that gets it or None; absent without one.
    """

    op: Literal["start"]
    functions: dict[str, str]
    module: str
    variables: NotRequired[dict[str, list[str]]]
    cell_seed: NotRequired[tuple[int, str | None]]


@final
class CellRequest(_Request):
    """Run a cell. Answered by a `ValueReply`, a list with the failures of the cell, each as in a `FailureReply`.

    Attributes:
        grade_cells: exercises whose grade cells stand before this one and have not been reported yet.
        label: what tracebacks call the cell.
        source: its code.
        first_line: how many lines of the file stand before it.
        resume: whether it goes on after a statement that fails.
        definitions_only: whether only definitions and imports run.
        watched: what it shows is kept for a `LookRequest`; absent where nobody looks.
        view: the exercise in whose view it runs, after the last cell; absent before.
    """

    op: Literal["cell"]
    grade_cells: list[str]
    label: str
    source: str
    first_line: int
    resume: bool
    definitions_only: bool
    watched: NotRequired[bool]
    view: NotRequired[str]


@final
class FinishRequest(_Request):
    """The last cell has run. Answered by a `ValueReply`, a list of the names that the submission defines.

    Attributes:
        grade_cells: as in a `CellRequest`.
    """

    op: Literal["finish"]
    grade_cells: list[str]


@final
class LookRequest(_Request):
    """Draw what the watched cells have shown. Answered by a `ValueReply`, a list.

    Its items are pairs of a cell's label and what it showed: words, or a tensor of bytes that are a PNG file.
    """

    op: Literal["look"]


@final
class StageRequest(_Request):
    """Prepare to show what cells display. Answered by a `ValueReply` of None.

    Attributes:
        folder: the working folder of the cells.
        environment: environment variables that are set for them.
    """

    op: Literal["stage"]
    folder: str
    environment: dict[str, str]


@final
class ShowRequest(_Request):
    """Run a cell and record what it displays. Answered by a `ShowReply`.

    Attributes:
        label: what tracebacks call the cell.
        source: its code.
    """

    op: Literal["show"]
    label: str
    source: str


class Modes(TypedDict, total=False):
    """Modes of torch and numpy that are unusual, see `torch_modes`.

    Attributes:
        autocast: the dtype in which operations calculate that may do so in a narrow one.
        inference: the inference mode is on.
        default: the dtype of new tensors.
        deterministic: ``error`` or ``warn`` where an operation has no algorithm that always gives the same.
        errors: what numpy does with each kind of error, see `numpy.errstate`.
    """

    autocast: str
    inference: bool
    default: str
    deterministic: str
    errors: dict[str, str]


@final
class CallRequest(_Request):
    """Call a function by its name, an object by its handle, or an operation on an object. Answered by a `CallReply`.

    The frame's first `inputs` tensors are the arguments, those after them their gradients.

    Attributes:
        args: a tree for each positional argument.
        kwargs: the tree of a dict, the keyword arguments; absent without any.
        grads: the index of an argument's gradient, by the argument's own index in decimal; absent without any.
        inputs: the number of tensors among the arguments.
        changes: indices of the arguments that the function may change.
        grad_enabled: whether the call records a graph.
        modes: in which other modes of torch it runs, see `torch_modes`; absent in the usual ones.
        name: the function; absent when `object` is there.
        object: a handle.
        operation: which of `operations` is applied to the arguments, among which is the object.
        most: how many items of a returned iterator are wanted instead of the iterator; absent for the iterator.
        takes_over: indices of arguments that show what is done to them, those in `changes` apart: an object may change
            them, because the reference's does, or they are in `looked_at`; absent without any.
        looked_at: indices of arguments that the rubric looks at later, whether they may be changed or not; likewise.
        containers: positions of the arguments in which there are lists, dicts or sets, those by name after the others;
            absent where there are none.
        given_back: positions among these whose contents come back where the function, which may, has changed them.
        lent: positions among them whose lists functions of the rubric's may get; absent where nothing of its is called.
        linked: index and number of the arguments that are linked parameters.
    """

    op: Literal["call"]
    args: list[object]
    kwargs: NotRequired[object]
    grads: NotRequired[dict[str, int]]
    inputs: int
    changes: list[int]
    grad_enabled: bool
    modes: NotRequired[Modes]
    name: NotRequired[str]
    object: NotRequired[int]
    operation: NotRequired[str]
    most: NotRequired[int]
    takes_over: NotRequired[list[int]]
    looked_at: NotRequired[list[int]]
    containers: NotRequired[list[int]]
    given_back: NotRequired[list[int]]
    lent: NotRequired[list[int]]
    linked: NotRequired[list[list[int]]]


@final
class RecordRequest(_Request):
    """Call a function and record which ready-made operations run. Answered by a `ValueReply`.

    Its result is a list of operation, label, line and expression of each use, as in `tracing.Use`; None if the record
    was disturbed. What the function returns is thrown away. The frame's tensors are the arguments.

    Attributes:
        name: the function.
        args: a tree for each positional argument.
        grad_enabled: whether the call records a graph.
        watch: the names of the operations.
        exact: as in `tracing.Recorder`.
        most: how many items of a returned iterator are taken.
    """

    op: Literal["record"]
    name: str
    args: list[object]
    grad_enabled: bool
    watch: list[str]
    exact: bool
    most: int


@final
class VjpRequest(_Request):
    """Ask for a vector-Jacobian product of an earlier call. Answered by a `VjpReply`.

    The frame's tensors are the vectors, one for each of `outputs`.

    Attributes:
        graph: the number under which the worker keeps the call's graph.
        outputs: indices of that call's result tensors.
        create_graph: whether the product is to be differentiated in turn.
        seen: indices of result tensors of which the whole gradient is asked for; absent where there are none.
        wanted: what else the product is asked for, whose own gradients stay as they are: numbers of linked parameters,
            and graph and index of results; absent where the code's own parameters are to have theirs.
    """

    op: Literal["vjp"]
    graph: int
    outputs: list[int]
    create_graph: bool
    seen: NotRequired[list[int]]
    wanted: NotRequired[list[object]]


@final
class NextRequest(_Request):
    """Take the next item of an iterator. Answered by a `ValueReply`: a list of the item, empty at the end.

    Attributes:
        object: its handle.
    """

    op: Literal["next"]
    object: int


@final
class TakeRequest(_Request):
    """Take the first items of an iterable. Answered by a `ValueReply`, a list.

    Attributes:
        object: its handle.
        most: how many items at most.
    """

    op: Literal["take"]
    object: int
    most: int


@final
class FillRequest(_Request):
    """Let a list, dict or set of the code's hold what the rubric has made of it. Answered by a `CallReply` of None.

    Attributes:
        object: its handle.
        part: as in `lists.News`, where what it goes on holding begins and ends.
        content: the tree of an ordinary one: what comes after that part.
        linked: index and number of the tensors in it that are one on both sides already.
        fresh: indices of those that are to be so from now on; the answer gives their numbers.
        lists: how many lists in it are to be so, those with the first numbers; the answer's `kept_lists` are pairs of
            index and number.
    """

    op: Literal["fill"]
    object: int
    part: list[int]
    content: object
    linked: list[list[int]]
    fresh: list[int]
    lists: int


@final
class IterRequest(_Request):
    """Iterate over an object. Answered by a `ValueReply`, the handle of an iterator.

    Attributes:
        object: its handle.
    """

    op: Literal["iter"]
    object: int


@final
class GetRequest(_Request):
    """Read an attribute of an object, or of a class that the assignment declares. Answered by a `ValueReply`.

    Attributes:
        object: its handle.
        cls: the class; absent when `object` is there.
        name: the attribute.
    """

    op: Literal["get"]
    object: NotRequired[int]
    cls: NotRequired[str]
    name: str


@final
class ParametersRequest(_Request):
    """Ask what a function takes. Answered by a `ValueReply`: a list, or None where nobody can tell.

    The list holds the names of its positional parameters, how many of them have no default, and whether any number of
    further ones may follow.

    Attributes:
        name: the function.
    """

    op: Literal["parameters"]
    name: str


@final
class VariableRequest(_Request):
    """Read a variable as it stood at a grade cell. Answered by a `ValueReply`: a list of the value, or empty.

    Attributes:
        exercise: whose grade cell.
        name: the variable.
    """

    op: Literal["variable"]
    exercise: str
    name: str


@final
class TestRequest(_Request):
    """Run statements as if they stood in a grade cell. Answered by a `ValueReply`.

    It is a pair of what they print, and the last expression as a notebook shows it: words, or None.

    Attributes:
        exercise: whose grade cell.
        source: the statements.
    """

    op: Literal["test"]
    exercise: str
    source: str


NotebookRequest = StartRequest | StageRequest | ShowRequest
LoadRequest = NotebookRequest | CellRequest | FinishRequest | LookRequest
"""Requests that run cells."""

ObjectRequest = NextRequest | TakeRequest | IterRequest | GetRequest
"""Requests about an object that stays in the worker."""

VariablesRequest = VariableRequest | TestRequest
"""Requests about variables of the notebook."""

Request = (
    LoadRequest
    | CallRequest
    | RecordRequest
    | VjpRequest
    | ObjectRequest
    | FillRequest
    | ParametersRequest
    | VariablesRequest
)

# -- worker to rubric process: untrusted -------------------------------------------------------------------------------


class _Reply(TypedDict):
    """What every reply may bring along.

    Attributes:
        notes: what was passed over since the last reply, see `notes.take`: word, name, label of the cell, line.
        printed: what the code has printed since the last message, where that was asked for.
        warned: category and words of its warnings since then, likewise.
        dropped: numbers of graphs of callbacks that are no longer used.
    """

    notes: NotRequired[object]
    printed: NotRequired[object]
    warned: NotRequired[object]
    dropped: NotRequired[object]


class _EffectsReply(_Reply):
    """What a call has done to its arguments, or the iterator that it returned since the last reply about it.

    Attributes:
        aliases: pairs of the index of a tensor in the result and of the argument that it is; absent without any.
        views: of tensors that show memory of an argument: index, that of the argument, where it begins in that, shape
            and strides; absent without any.
        changed: indices of arguments that the function changed although it may not; absent without any.
        updates: for each argument that it may change its index, tree of values, tree of gradient, ``requires_grad``
            and ``is_leaf``; of those that are taken over, for the changed ones.
        modes: number and ``training`` of each of the rubric's networks that were passed to it, one for each layer, and
            what was set in its layers: number of the layer, name, tree; absent where no networks and optimisers were.
        attributes: number of a network, number of a layer, name and tree of what the code has added to these; absent
            without any.
        hooks: number of each network that has hooks of the code's, and for each of them the number of the layer, its
            kind and handle, whether it gets arguments by name and always runs; absent where there are none.
        tensor_hooks: number of each linked tensor on which the code has other hooks than before, and handles of these;
            absent where there is none.
        taken: number of each network that cannot be the rubric's any longer, and why; absent where there is none.
        states: number, settings and state of each optimiser; absent likewise.
        schedules: number and state of each learning-rate scheduler; absent without any.
        refilled: positions of arguments whose lists, dicts or sets hold something else now; absent without any.
        moved: as `frozen.Containers.moved`, of all `containers`; absent where nothing has moved.
        slopes: index and tree of the gradient of each parameter among the arguments that may not change and yet has
            another gradient now: the code went back to it.
        lists: the trees of lists, dicts and sets that the rubric holds and that have changed; absent without any.
        failure: the code has raised after what is told here, as in a `FailureReply`; the result is None then.
        base: likewise.
        raised: likewise.
        declared: likewise.
        led: likewise.
    """

    aliases: NotRequired[object]
    views: NotRequired[object]
    changed: NotRequired[object]
    updates: NotRequired[object]
    modes: NotRequired[object]
    attributes: NotRequired[object]
    hooks: NotRequired[object]
    taken: NotRequired[object]
    tensor_hooks: NotRequired[object]
    states: NotRequired[object]
    schedules: NotRequired[object]
    refilled: NotRequired[object]
    moved: NotRequired[object]
    slopes: NotRequired[object]
    lists: NotRequired[object]
    failure: NotRequired[object]
    base: NotRequired[object]
    raised: NotRequired[object]
    declared: NotRequired[object]
    led: NotRequired[object]


@final
class ValueReply(_EffectsReply):
    """A value. Untrusted.

    Attributes:
        result: its tree; about an iterator, where arguments are `refilled`, as in a `CallReply`.
        number: the handle of a list, dict or set that an object holds, where that holds too much to be one on both
            sides; absent for other values.
        grads: pairs of a leaf tensor's index and the index of its gradient.
        linked: index and number of tensors that are parameters of an object.
        shared: index of tensors that show memory of a linked one, the number of that and, unless they are just where it
            is, where they begin in it, shape and strides.
        graph: the number of the value's graph, where it has one; its inputs are those of the last call of an object
            whose result has a gradient.
        retained: indices of tensors in it that keep their gradients.
        parameters: what has been done to linked parameters, see `links`.
        classes: after the last cell, the facts of declared names that are classes; absent without any.
    """

    result: object
    number: NotRequired[object]
    grads: NotRequired[object]
    linked: NotRequired[object]
    shared: NotRequired[object]
    graph: NotRequired[object]
    retained: NotRequired[object]
    parameters: NotRequired[object]
    classes: NotRequired[object]


@final
class CallReply(_EffectsReply):
    """What came of a call. Untrusted.

    Attributes:
        result: the tree of what the function returned; where any of `given_back` is `refilled`, of a tuple with that
            and all of `given_back`.
        kept: index and number of the arguments that the student's code has kept, which are linked from now on.
        kept_lists: path and number of lists, dicts and sets among them that it has kept, which are one on both sides.
        graph: the number of the call's graph, where the result has one.
        grad_enabled: of ``__enter__``, whether gradients are recorded in the block.
        retained: indices of tensors in it that keep their gradients.
        grads: as in a `ValueReply`.
        linked: likewise, of an object's answer.
        shared: likewise.
        parameters: likewise.
    """

    result: object
    kept: NotRequired[object]
    kept_lists: NotRequired[object]
    graph: NotRequired[object]
    grad_enabled: NotRequired[object]
    retained: NotRequired[object]
    grads: NotRequired[object]
    linked: NotRequired[object]
    shared: NotRequired[object]
    parameters: NotRequired[object]


@final
class VjpReply(_Reply):
    """Gradients. Untrusted.

    Attributes:
        result: the tree of a list: for each input of the call that requires a gradient a tensor or None.
        graph: the number of their own graph, where they have one.
        retained: indices of tensors in it that keep their gradients.
        grads: as in a `ValueReply`; absent without ``create_graph``.
        parameters: likewise.
        tensor_hooks: likewise.
        seen: the tree of a list: for each of the request's `seen` a tensor, or None where nothing reached it.
    """

    result: object
    seen: NotRequired[object]
    graph: NotRequired[object]
    retained: NotRequired[object]
    grads: NotRequired[object]
    parameters: NotRequired[object]
    tensor_hooks: NotRequired[object]


@final
class ShowReply(_Reply):
    """What a cell displayed. Untrusted.

    Attributes:
        result: a list of outputs as a notebook file has them, with no more than its type of the error that ended it.
        failed: the failure that ended the cell, as in a `FailureReply`, or None.
    """

    result: object
    failed: object


@final
class FailureReply(_Reply):
    """The student's code raised an exception, and nothing else is to be told. Untrusted.

    Attributes:
        failure: a list of the exception's type name, its message, its frames (label, line, function, source line) and
            what the process has around it: ``full`` where its scratch folder is, else ``confined``, or nothing.
        base: the exception of Python's own that its type is derived from; absent where it is one itself.
        raised: the handle of the exception; absent where there is no room for it.
        declared: the declared names of the classes that it is of, the nearest first; absent without any.
        led: what led to it, the nearest first, see `introspection.led_to`: how, the name of the type, message, base;
            absent where nothing did.
    """

    failure: object
    base: NotRequired[object]
    raised: NotRequired[object]
    declared: NotRequired[object]
    led: NotRequired[object]


Result = ValueReply | CallReply | VjpReply
Reply = ValueReply | CallReply | VjpReply | ShowReply | FailureReply  # in full: mypy narrows no union inside a union

# -- callbacks, while a request is being answered ----------------------------------------------------------------------


@final
class CallbackRequest(_Reply):
    """From the worker: call a function or a network of the rubric's. Untrusted.

    Attributes:
        callback: the number under which it was passed.
        args: the tree of a tuple, the positional arguments.
        kwargs: the tree of a dict, the keyword arguments.
        network: of a network, the name of a method or None for a call, the mode of each of its layers, and the tree of
            a list with its present parameters and buffers.
        grad_enabled: whether the student's code records a graph.
        asked: of an object, ``get`` or ``call`` and the name of an attribute or method.
        modes: in which other modes of torch it runs, see `torch_modes`; absent in the usual ones.
        kept_lists: path and number of lists, dicts and sets among the arguments of the call that is going on, which are
            one on both sides until it is over: the function gets them.
        aliases: pairs of the index of a tensor among the arguments and of that among those of the call that is going
            on which it is; absent without any.
        parameters: as in a `ValueReply`.
        lists: likewise.
        hooks: likewise.
    """

    callback: object
    args: object
    kwargs: object
    asked: NotRequired[object]
    network: NotRequired[object]
    grad_enabled: object
    modes: NotRequired[object]
    kept_lists: NotRequired[object]
    aliases: NotRequired[object]
    parameters: NotRequired[object]
    lists: NotRequired[object]
    hooks: NotRequired[object]


@final
class BackwardRequest(_Reply):
    """From the worker: give vector-Jacobian products of what a callback returned. Untrusted.

    The frame's tensors are the vectors, one for each of `outputs`.

    Attributes:
        callback: the number of the graph; None for those of the tensors that the call was given.
        outputs: indices of that result's tensors, or of the call's.
        create_graph: whether the product is to be differentiated in turn.
        wanted: indices of the call's tensors whose gradients come back, instead of being added over there.
        parameters: as in a `ValueReply`.
        lists: likewise.
    """

    callback: object
    outputs: object
    create_graph: object
    wanted: NotRequired[object]
    parameters: NotRequired[object]
    lists: NotRequired[object]


@final
class CallbackResult(TypedDict):
    """To the worker: what the function returned, or the gradients.

    Attributes:
        result: its tree.
        graph: the number of its graph; absent where it has none.
        buffers: the trees of a network's buffers after the call; absent without any.
        changed: index and tree of each tensor among the arguments that the function has changed; absent without any.
        refilled: places of the arguments with lists and the like, one of which was changed, the tree of a list with
            these arguments, and their `frozen.Containers.moved`; absent where none was changed.
        free: as in a request.
        parameters: what has been done to linked parameters, see `links`.
    """

    result: object
    graph: NotRequired[int]
    buffers: NotRequired[list[object]]
    changed: NotRequired[list[list[Any]]]
    refilled: NotRequired[list[Any]]
    free: NotRequired[list[int]]
    parameters: NotRequired[list[object]]


@final
class CallbackError(TypedDict):
    """To the worker: the function raised an exception.

    Attributes:
        kind: the name of its type.
        error: its message, in at most 500 characters.
        raised: the handle of the student's exception that it is; absent for others.
        changed: as in a `CallbackResult`, of what it did before.
        refilled: likewise.
        free: as in a request.
        parameters: likewise.
    """

    kind: str
    error: str
    raised: NotRequired[int]
    changed: NotRequired[list[list[Any]]]
    refilled: NotRequired[list[Any]]
    free: NotRequired[list[int]]
    parameters: NotRequired[list[object]]


CallbackReply = CallbackResult | CallbackError
