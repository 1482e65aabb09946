"""A peer that answers each request, honestly until it is told otherwise: what comes out is a plain value or a `StudentError`."""

import contextlib
import copy
import dataclasses
import gc
import inspect
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import time
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.base.errors import BadReply, NotDefined, StudentCrash, StudentError, StudentTimeout
from autograder.sandbox.forking import Child
from autograder.sandbox.frames import WireError
from autograder.sandbox.process import ForkedProcess, WorkerProcess
from autograder.sandbox.wire import Connection, pack
from autograder.student.reference import Remote
from autograder.student.remote_objects import RemoteIterator, RemoteObject
from autograder.student.remote_values import RemoteValue

SOURCE = "def f(x, y): pass"
PLAIN = (
    torch.Tensor,
    np.ndarray,
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    list,
    tuple,
    dict,
    slice,
    range,
    torch.dtype,
)
LOADED = {
    "start": {"result": None},
    "cell": {"result": []},
    "grade_cell": {"result": None},
    "finish": {"result": ["f"]},
}


class Peer:
    """Stands where a zygote does. Its workers are threads, which read every request and answer as their script says.

    Args:
        acts: what becomes of the honest answer to each request after loading; when they are used up it is sent as it is.
    """

    shares_folder = False

    def __init__(self, acts):
        self._acts = list(acts)
        self._threads = []
        with subprocess.Popen(["/bin/true"]) as ended:
            self._ended = os.pidfd_open(ended.pid)  # what kills a worker kills nobody

    def spawn(self):
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=self._serve, args=(theirs,))
        thread.start()
        self._threads.append(thread)
        process = ForkedProcess(self, Child(0, os.dup(self._ended)), os.memfd_create("output"))
        return WorkerProcess(process, Connection(ours))

    def exit_status(self, _):
        return 0

    def close(self):
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()
        os.close(self._ended)

    def _serve(self, sock):
        connection = Connection(sock)
        with sock, contextlib.suppress(OSError, EOFError):
            while True:
                message, received = connection.receive()
                answer = honest_answer(message, [r.tensor for r in received])
                if message.get("op") not in LOADED and self._acts:
                    answer = self._acts.pop(0)(answer)
                sock.sendall(answer)
                if not answer:
                    return


def honest_answer(message, tensors):
    """What a worker says whose `f` returns x, an object, an iterator and its argument y; whose gradients are ones."""
    if message.get("op") in LOADED:
        return pack(LOADED[message["op"]], [])
    if message.get("op") == "call" and "object" not in message:
        tree = [
            {"t": 0},
            {"h": [1, "Net", False, "torch.nn.Module", False]},
            {"h": [2, "generator", True, None, False]},
            {"m": [["k", {"t": 1}]]},
            {"w": [[3, "Word", False, None, True], "ab", ["upper", "__eq__", "__str__"]]},
            {"w": [[4, "Level", False, "enum.IntEnum", False], 2, []]},
            {"h": [5, "Stack", False, "builtins.list", False]},
            {"h": [6, "Config", False, None, False, 0, [["lr", [0.1]], ["name", []]]]},
            {"h": [7, "coroutine", False, None, False, 0, None, None]},
        ]
        entries = [["float32", [2, 2], True, False, 16], ["float32", [2, 2], False, True, 16]]
        extra = {"updates": [], "aliases": [[1, 1]], "changed": [], "graph": 1, "grads": [], "tensors": entries}
        return framed(
            {"result": tree, **extra}, b"".join(bytes(t.detach().numpy()).ljust(64, b"\0") for t in tensors[:2])
        )
    if message.get("op") == "record":
        return pack({"result": [["torch.softmax", "code cell 1", 2, "torch.softmax"]]}, [])
    if message.get("op") == "vjp":
        return pack({"result": [{"t": 0}] * (1 + len(message.get("wanted", ())))}, [torch.ones(2, 2)])
    return pack({"result": [{"t": 0}], "updates": [], "aliases": [], "changed": [], "grads": []}, [torch.ones(2)])


def framed(message, body=b"", sizes=None):
    header = message if isinstance(message, bytes) else json.dumps(message).encode()
    return struct.pack("<4sIQ", b"DLA\x01", *(sizes or (len(header), len(body)))) + header + body


# -- what a peer may do with an honest answer ------------------------------------------------------------------------------

junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 5)
    | st.sampled_from(
        [10**30, 1 << 63, 1.5, float("nan"), float("inf"), "", "k", "\ud800", "\x1b[2J\u202e", "0x" + "f" * 9_000]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.builds(
            lambda k, v: {k: v}, st.sampled_from([*"tnumfisrcdghbF", "zz"]), st.lists(inner, max_size=3) | inner
        )
    ),
    max_leaves=8,
)


def edited(answer, where, what, kind):
    at = int(where * len(answer))
    rest = {"set": answer[at + len(what) :], "insert": answer[at:], "cut": b""}[kind]
    return answer[:at] + (b"" if kind == "cut" else what) + rest


def replaced(answer, path, value):
    """Another value somewhere in the header's tree; the sizes are those of the new header."""
    size, _ = struct.unpack("<IQ", answer[4:16])
    message = json.loads(answer[16 : 16 + size])
    node, key = message, None
    for step in path:
        keys = sorted(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        if not keys:
            break
        parent, key = node, list(keys)[step % len(keys)]
        node = node[key]
    if key is None:
        return answer
    parent[key] = value
    return framed(message, answer[16 + size :])


def with_duplicates(answer, value):
    size, _ = struct.unpack("<IQ", answer[4:16])
    again = json.dumps({"result": value, "tensors": []}).encode()[1:]
    return framed(answer[16 : 16 + size].rstrip()[:-1] + b"," + again, answer[16 + size :])


bytewise = st.builds(
    lambda *how: lambda answer: edited(answer, *how),
    st.floats(0, 1, exclude_max=True),
    st.binary(min_size=1, max_size=4) | st.sampled_from([b"-", b"[", b"{", b"9" * 5000, b"NaN", b"1e999", b'"t":-1']),
    st.sampled_from(["set", "insert"]),
)
treewise = st.builds(
    lambda path, value: lambda answer: replaced(answer, path, value),
    st.lists(st.integers(0, 7), min_size=1, max_size=6),
    junk,
)
numbers = st.integers(-1, 4) | st.sampled_from([9, 1 << 40, True, 0.5])
places = st.lists(
    st.builds(
        lambda *place: [*place],
        *(numbers, numbers, numbers),
        st.just([2, 2]) | st.lists(numbers, max_size=3),
        st.lists(numbers, max_size=3),
    ),
    max_size=2,
)
acts = st.lists(
    st.one_of(
        bytewise,
        treewise,
        treewise,
        treewise,
        st.builds(lambda value: lambda answer: with_duplicates(answer, value), junk),
        st.builds(lambda value: lambda answer: framed({"failure": value}), junk | st.tuples(junk, junk, junk, junk)),
        st.builds(
            lambda number, names: (
                lambda _: framed(
                    {"failure": ["E", "words", [], ""], "raised": number, "declared": names, "base": names}
                )
            ),
            junk | st.integers(1, 5),
            junk | st.just(["f"]),
        ),
        st.builds(
            lambda number, args, kwargs: (
                lambda answer: framed({"callback": number, "args": args, "kwargs": kwargs}) + answer
            ),
            st.integers(-1, 1) | junk,
            st.builds(lambda value: {"u": [value]}, junk) | junk,
            st.just({"m": []}) | junk,
        ),
        st.builds(
            lambda shown: lambda answer: answering(**shown)(answer),
            st.fixed_dictionaries(
                {"linked": st.just([[0, 9]])},
                optional={
                    **{"shared": places | junk, "views": places | junk, "kept": junk | st.just([[1, 9]])},
                    "parameters": junk | st.just([[9, 0, None, True]]),
                    "result": st.builds(lambda *look: [{"p": 0}, {"~": [*look]}], st.just({"n": 1}), junk, junk),
                },
            ),
        ),
        st.sampled_from([lambda answer: b"", lambda answer: answer * 2, lambda answer: answer]),
        st.builds(
            lambda where: lambda answer: edited(answer, where, b"", "cut") + b"", st.floats(0, 1, exclude_max=True)
        ),
    ),
    min_size=1,
    max_size=5,
)


# -- using it as rubrics do ------------------------------------------------------------------------------------------------


def inner_values(value):
    yield value
    if isinstance(value, dict):
        value = [part for pair in value.items() for part in pair]
    if isinstance(value, list | tuple) and not isinstance(value, Remote):
        for part in value:
            yield from inner_values(part)


def use(student, x, y):
    """Call, go backward, iterate, call what came back."""
    for value in list(inner_values(student.f(x, y))):
        assert type(value) in PLAIN or isinstance(value, Remote) or type(value) is type(iter([])), type(value)
        if isinstance(value, torch.Tensor) and value.requires_grad:
            torch.autograd.grad(value.real.sum(), [value, x], create_graph=True, allow_unused=True)
            value.real.sum().backward()
        elif isinstance(value, RemoteIterator):
            next(value, None)
        elif isinstance(value, RemoteValue):
            for look in (str, hash, repr, lambda v: (v == 2, v + v, f"{v:>3}", v.upper(), v.name)):
                with contextlib.suppress(TypeError, BadReply, ValueError, AttributeError):
                    look(value)
        elif isinstance(value, RemoteObject):
            if callable(value):
                value(x.detach())
            for look in (len, str, float, abs, bool, hash, copy.copy, lambda v: (v[0], v == v, v == 3, v < v, 3 in v)):
                with contextlib.suppress(TypeError, BadReply, RuntimeError):  # lists of tensors are compared so
                    look(value)
            with contextlib.suppress(TypeError, ValueError, AttributeError, BadReply):
                dataclasses.asdict(value)
            with contextlib.suppress(TypeError, ValueError, AttributeError, BadReply):
                inspect.signature(value)
            with contextlib.suppress(TypeError, AttributeError, BadReply), value as inner:
                inner.attribute = x
            list(value.parameters(recurse=True) if hasattr(value, "parameters") and callable(value.parameters) else [])


@contextlib.contextmanager
def opened(open_runner, acts, *, call_s=0.5, **options):
    peer = Peer(acts)
    runner, student = open_runner(SOURCE, on=peer, call_s=call_s, **options)
    try:
        yield runner, student
    finally:
        runner.close()
        peer.close()


def arguments():
    return torch.full((2, 2), 3.0, requires_grad=True), torch.full((2, 2), 5.0)


def are_untouched(x, y):
    same = torch.equal(x.detach(), torch.full((2, 2), 3.0)) and torch.equal(y, torch.full((2, 2), 5.0))
    return same and x.requires_grad and x.is_leaf and not y.requires_grad and y.grad is None


def test_an_honest_peer_is_used_without_an_error(open_runner):
    """All of `use` is reached: what the fuzzers below change is an answer that would be taken."""
    with opened(open_runner, []) as (_, student):
        x, y = arguments()
        use(student, x, y)
        assert torch.equal(x.grad, torch.ones(2, 2))
        assert student.f(x, y)[3]["k"] is y


SILENCE_S = 0.15
"""How long to wait for a peer of which any error may come; many fall silent."""


@settings(max_examples=200)
@given(acts)
@example([lambda answer: framed(b"[" * 100_000)])
@example([lambda answer: framed(b"{}", sizes=(1 << 31, 1 << 60))])
@example([lambda answer: answer[:-1], lambda answer: b""])
def test_whatever_becomes_of_an_answer_it_is_a_plain_value_or_a_students_error(open_runner, acts):
    x, y = arguments()
    with opened(open_runner, acts, call_s=SILENCE_S) as (_, student):
        with contextlib.suppress(StudentError):
            use(student, x, y)
        assert are_untouched(x, y)


@settings(max_examples=100)
@given(acts)
def test_with_a_function_of_ours_in_its_hands(open_runner, acts):
    """Whatever it calls it with: an error of ours is told to it, and nothing of it is raised here."""
    with opened(open_runner, acts, call_s=SILENCE_S) as (_, student), contextlib.suppress(StudentError):
        student.f([torch.ones(2, 2), lambda *args, **kwargs: args[0].shape], torch.ones(2, 2))


def raising(answer):
    """The same answer, of a call that has raised."""
    return answering(failure=["E", "words", [], ""])(answer)


@settings(max_examples=100)
@given(acts, st.booleans())
def test_declared_changes_keep_shape_and_type(open_runner, acts, raises):
    x, y = arguments()
    first, *others = acts
    acts = [lambda answer: first(raising(answer)), *others] if raises else acts
    with opened(open_runner, acts, call_s=SILENCE_S, changes={"f": ("x",)}) as (_, student):
        with contextlib.suppress(StudentError):
            use(student, x, y)
        assert (x.shape, x.dtype, x.is_leaf) == ((2, 2), torch.float32, True)
        assert x.grad is None or (x.grad.shape, x.grad.dtype) == (x.shape, x.dtype)
        assert torch.equal(y, torch.full((2, 2), 5.0))


def answering(**changes):
    """An act that changes entries of the honest answer to a call."""

    def act(answer):
        size, _ = struct.unpack("<IQ", answer[4:16])
        return framed(json.loads(answer[16 : 16 + size]) | changes, answer[16 + size :])

    return act


@pytest.mark.parametrize("flags", [[], [1, 1], [True], [None, True], [True, "yes"], [True, True, True], [{}, []]])
def test_flags_of_declared_arguments_are_truth_values(open_runner, flags):
    x, y = arguments()
    lie = answering(updates=[[0, {"t": 0}, None, *flags]])
    with opened(open_runner, [lie], call_s=SILENCE_S, changes={"f": ("x",)}) as (_, student):
        with pytest.raises(BadReply):
            student.f(x, y)
        assert (x.requires_grad, x.is_leaf) == (True, True)


@pytest.mark.parametrize(
    "result",
    [
        None,
        3,
        [],
        ["", None, 1],
        ["a", 3],
        [3, None],
        [{"t": 0}, None],
        ["a" * 70_000, None],
        ["", "a" * 30_000],
        {"u": []},
    ],
)
def test_what_a_test_is_said_to_show_is_words_and_not_too_many(open_runner, result):
    with opened(open_runner, [answering(result=result)], call_s=SILENCE_S) as (runner, _), pytest.raises(BadReply):
        runner.run_test("exercise", "x")


@pytest.mark.parametrize("result", [None, 3, {"u": [1]}, {"m": []}, [{"t": 5}], [{"h": [1]}], [{"zz": 1}]])
def test_a_variable_is_in_a_list(open_runner, result):
    with opened(open_runner, [answering(result=result)], call_s=SILENCE_S) as (runner, _), pytest.raises(BadReply):
        runner.variable("exercise", "x")
    with opened(open_runner, [answering(result=[])], call_s=SILENCE_S) as (runner, _), pytest.raises(NotDefined):
        runner.variable("exercise", "x")


@pytest.mark.parametrize("changed", [3, "x", [[0]], [{}], {"0": 1}])
def test_what_a_call_is_said_to_change_is_a_list_of_indices(open_runner, changed):
    x, y = arguments()
    with opened(open_runner, [answering(changed=changed)], call_s=SILENCE_S) as (_, student):
        with pytest.raises(BadReply):
            student.f(x, y)
        assert are_untouched(x, y)


@pytest.mark.parametrize(
    "lie",
    [
        {"result": {"t": -1}},
        {"result": [{"t": 0}, {"t": -2}]},
        {"aliases": [[0, -1]]},
        {"aliases": [[-1, 0]]},
        {"aliases": [["0", "0"]]},
        {"aliases": [[0.5, 0]]},
        {"aliases": [[1, 9]]},
        {"grads": [[-1, 0]]},
        {"grads": [[0, -1]]},
        {"grads": [[True, 0]]},
    ],
    ids=json.dumps,
)
def test_tensors_are_not_counted_from_their_end(open_runner, lie):
    """Behind the results lie the arguments that they are said to be: an index below zero would reach one of ours."""
    x, y = arguments()
    with opened(open_runner, [answering(**lie)]) as (_, student):
        with pytest.raises(BadReply):
            student.f(x, y)
        assert are_untouched(x, y)
        assert x.grad is None


NOT_THEIRS = [
    *("torch.optim.lr_scheduler.Tensor", "torch.optim.lr_scheduler.Counter", "torch.utils.data.DataChunk"),
    *("torch.nn.Parameter", "torch.nn.modules.linear.Tensor", "pandas.Timestamp", "pandas.Interval", "builtins.int"),
    *("torch.nn.", ".", "", 3, None, [], {"h": 1}),
]


@pytest.mark.parametrize("claim", NOT_THEIRS, ids=str)
def test_nothing_claims_to_be_a_value(open_runner, claim):
    import pandas  # noqa: F401 -- or nothing could claim to be its

    lie = answering(result={"h": [1, "Net", False, claim, False]})
    with opened(open_runner, [lie]) as (_, student), contextlib.suppress(BadReply):
        found = student.f(*arguments())
        assert found.__class__ is type(found)


FORWARD = [0, "_forward_hooks", 5, False, False]
HOOKS = [
    *([[0, [[*lie, *FORWARD[len(lie) :]]]]] for lie in ([9], [-1], [0, "_modules"], [0, []])),
    *([[0, [[0, "_forward_hooks", lie, False, False]]]] for lie in ("x", [], True)),
    *(3, [[9, []]], [["0", []]], [[0, [FORWARD, []]]], [[0, [FORWARD] * 2000]]),
]


@pytest.mark.parametrize("hooks", HOOKS, ids=lambda lie: json.dumps(lie)[:60])
def test_what_is_said_of_hooks_while_a_network_of_ours_is_called_is_checked(open_runner, hooks):
    net, y = torch.nn.Linear(2, 2), torch.ones(2, 2)
    expected = net(y)
    asks = {"callback": 0, "args": {"u": []}, "kwargs": {"m": []}, "network": [None, [True], []], "hooks": hooks}
    with opened(open_runner, [lambda answer: framed(asks) + answer]) as (_, student), pytest.raises(BadReply):
        student.f(net, y)
    assert torch.equal(net(y), expected)


@pytest.mark.parametrize(
    "lie",
    [
        *({"modes": [[0, [True], [lie]]]} for lie in ([0, "forward", 3], [0, "weight", 3], [0, "training", 3])),
        *({"modes": [[0, [True], [lie]]]} for lie in ([0, "__class__", 3], [0, "_hooks", 3], [0, 3, 3], [9, "p", 3])),
        *({"modes": [[0, [True], [[0, "in_features", lie]]]]} for lie in ({"t": 0}, {"m": []}, [1])),
        *({"modes": lie} for lie in ([[0, [False, True], []]], [[0, [1], []]], [[9, [False], []]])),
        *({"hooks": lie} for lie in HOOKS),
        *({"taken": lie} for lie in (3, [[9, "x"]], [["0", "x"]], [[[], "x"]])),
        *({"shared": lie} for lie in (3, [[-1, 1]], [[9, 1]], [[0]])),
        *({"kept": [[0, 7]], "shared": [[0, 7, *lie]]} for lie in ([0], [0, [2, 2], [2, 2]], [1, [2, 2], [2, 1]])),
        *({"kept": [[0, 7]], "shared": [[0, 7, *lie]]} for lie in ([-1, [2, 2], [2, 1]], [0, [2, 2], [-2, 1]])),
        *({"result": {"B": lie}} for lie in ([0], [0, 1], [0, -1], [0, "0"], [9, 0], [0, [0]], [[0], 0], [0, 0, 0])),
        *({"attributes": lie} for lie in (3, [[]], [[9, 0, "best", 1]], [["0", 0, "best", 1]], [[0, 9, "best", 1]])),
        *({"attributes": [[0, 0, lie, 1]]} for lie in ("_hooks", "__class__", "a b", "x" * 81, 3, "")),
        *({"attributes": [[0, 0, "best", lie]]} for lie in ({"t": 9}, {"L": [1]}, {"L": 77}, {"zz": 1})),
        *(
            {"kept": [[0, 7]], "tensor_hooks": lie}
            for lie in (3, [[7]], [["7", []]], [[7, 3]], [[7, ["x"]]], [[7, [[]]]])
        ),
        {"kept": [[0, 7]], "tensor_hooks": [[7, [5] * 2000]]},
    ],
    ids=lambda lie: json.dumps(lie)[:60],
)
def test_what_is_said_of_a_network_of_ours_is_checked(open_runner, lie):
    net, y = torch.nn.Linear(2, 2), torch.ones(2, 2)
    before = {name: value for name, value in vars(net).items() if not name.startswith("_")}
    expected = net(y)
    with opened(open_runner, [answering(**lie)]) as (_, student), pytest.raises(BadReply):
        student.f(net, y)
    assert {name: value for name, value in vars(net).items() if not name.startswith("_")} == before
    assert torch.equal(net(y), expected)


@pytest.mark.parametrize("name", ["forward", "training", "weight", "in_features", "to", "T_destination"])
def test_nothing_of_a_network_of_ours_is_replaced(open_runner, name):
    net, y = torch.nn.Linear(2, 2), torch.ones(2, 2)
    before, expected = dict(vars(net)), net(y)
    with (
        opened(open_runner, [answering(attributes=[[0, 0, name, 1]])]) as (_, student),
        pytest.raises(StudentError, match=f"sets `{name}` of a network"),
    ):
        student.f(net, y)
    assert (vars(net), net(y).tolist()) == (before, expected.tolist())


@pytest.mark.parametrize(
    "lie",
    [
        *({"linked": lie} for lie in (3, [[0]], [[0, "1"]], [[-1, 1]], [[1, 1]], [[0, True]])),
        *({"states": lie} for lie in (3, [[0, {"u": []}]], [[-1, [[], {}]]])),
        *({"modes": lie} for lie in (3, [[0, [True]]], [[[], []]])),
        *({"schedules": lie} for lie in (3, [[0, {"m": []}]], [[[], 1]])),
        *({"kept": lie} for lie in (3, [[0]], [[-1, 1]], [[9, 1]], [[0, "1"]], [[0, 1], [0, 1]])),
        *({"dropped": lie} for lie in (3, {})),
        *({"warned": lie} for lie in (3, [3], [["UserWarning"]], [["int", "x"]], [["open", "x"]], [[3, "x"]])),
        *({"updates": lie} for lie in (3, [[0, {"t": 0}, None, True, True]], [[]])),
        *({"refilled": lie} for lie in (3, [0])),
        *({"failure": ["E", "words", [], ""], "refilled": lie} for lie in (3, [0])),
        *(
            {"failure": ["E", "words", [], ""], "led": lie}
            for lie in (3, [3], [["cause", "E", "w"]], [["cause", 1, "w", ""]])
        ),
        *({"failure": ["E", "words", [], ""], "updates": lie} for lie in (3, [[0, {"t": 0}, None, True, True]], [[]])),
        *({"failure": ["E", "words", [], ""], "changed": lie} for lie in (3, [[0]], [{}])),
        *(
            {"failure": ["E", "words", [], ""], "slopes": lie}
            for lie in (3, [[1, None]], [[-1, None]], [[0, {"t": 9}]])
        ),
        *({"result": {"B": lie}} for lie in (0, None, [], True)),
        *({"result": {"A": lie}} for lie in (0, None, [], [0], [[0]])),
        *({"result": {"L": lie}} for lie in (0, None, [8, 1], [8, {"u": []}], [True, []], [])),
        *({"lists": lie} for lie in (3, [3], [[]], [{"m": []}], [{"L": 8}], [{"L": []}], [{"L": [True, []]}])),
        *(
            {"lists": [{"L": lie}]}
            for lie in ([8, 3], [8, {"u": []}], [[], []], [8, [{"L": 8}]], [8, [{"L": [8, []]}]])
        ),
        *(
            {"lists": lie}
            for lie in ([{"L": [8, []]}, {"L": [8, []]}], [{"L": [8, ["x" * 100_000]]}, *[{"L": 8}] * 50])
        ),
        *(
            {"result": {"h": [8, "C", False, None, False, 0, lie]}}
            for lie in (3, [[]], [["x"]], [["class", []]], [["x", [[1]]]])
        ),
        *(
            {"result": {"h": [8, "C", False, None, False, *lie]}}
            for lie in (["1"], [-1], [1 << 200], [True], [0, None, 2], [0, None, "x" * 81], [0, 3])
        ),
        *({"result": {"w": lie}} for lie in (0, [], [[1], 2, []], [6, "a", []])),
        *(
            {"result": {"w": [[6, "W", False, None, False], *lie]}}
            for lie in ([[1], []], ["a", 3], ["a", [1]], [True, []])
        ),
        {"result": {"k": ["P", ["\ufb01", "fi"], [1, 2]]}},
        {"result": {"k": ["P", ["\uff3fcls"], [1]]}},
        {"result": {"k": ["class", ["x"], [1]]}},
        {"result": {"a": ["<M8[0s]", [2, 2], 0]}},
        {"result": {"x": {"o": [[], [[1]]]}, "u": []}},
    ],
    ids=json.dumps,
)
def test_what_else_an_answer_holds_is_checked(open_runner, lie):
    x, y = arguments()
    with opened(open_runner, [answering(**lie)]) as (_, student):
        with pytest.raises(BadReply):
            student.f(x, y)
        assert are_untouched(x, y)


@pytest.mark.parametrize(
    "contents", [{"t": 0}, {"h": [2, "generator", True, None, False]}, [1], {"u": [1]}, {"u": [1, 2]}], ids=str
)
def test_what_refills_a_container_is_one_of_its_kind(open_runner, contents):
    """An endless iterator in place of the contents would be walked along."""
    with opened(open_runner, [answering(result=contents, refilled=[0])], changes={"f": ("x",)}) as (_, student):
        things = [torch.zeros(2, 2)]
        with pytest.raises(BadReply):
            student.f(things, torch.ones(2, 2))
        assert len(things) == 1


def moved_in(open_runner, moved):
    """A list in a list, and what it is once an answer has refilled it and said what has moved there."""
    result = {"u": [1, [[[1], 2]]]}
    with opened(
        open_runner,
        [answering(result=result, tensors=[], graph=None, aliases=[], changed=[], refilled=[0], moved=moved)],
        changes={"f": ("x",)},
    ) as (
        _,
        student,
    ):
        things, y = [[[0], 1]], torch.full((2, 2), 5.0)
        inner = things[0][0]
        try:
            student.f(things, y)
        except BadReply:
            assert things == [[[0], 1]]
            raise
    return things, inner


@pytest.mark.parametrize("path", [3, [], [1], [-1], [True], [0, 1], [0, 0], [0, 2, 0], ["0"], [0, 1, 0, 0]], ids=str)
def test_a_list_of_ours_that_comes_back_is_one_that_was_passed(open_runner, path):
    lie = {"tensors": [], "graph": None, "aliases": [], "changed": []}
    things = [1, "x", [2]]
    right, wrong = ({"A": [0, 2]}, {"A": path})
    with opened(open_runner, [answering(result=tree, **lie) for tree in (right, wrong)]) as (_, student):
        assert student.f(things, 1) is things[2]
        with pytest.raises(BadReply):
            student.f(things, 1)
    assert things == [1, "x", [2]]


def test_a_list_of_ours_does_not_stand_for_too_much(open_runner):
    lie = {"result": [{"A": [0]}] * 50, "tensors": [], "graph": None, "aliases": [], "changed": []}
    with opened(open_runner, [answering(**lie)]) as (_, student), pytest.raises(BadReply, match="too much"):
        student.f(["x" * 100_000], 1)


def test_no_list_is_refilled_by_way_of_another_one(open_runner):
    """What may change is said to hold now what may not: that is put there as it is."""
    lie = {"result": {"u": [1, [[2]]]}, "tensors": [], "graph": None, "aliases": [], "changed": [], "refilled": [0]}
    with opened(open_runner, [answering(**lie, moved=[[[0, 0], [1]]])], changes={"f": ("x",)}) as (_, student):
        things, others = [], [1]
        student.f(things, others)
        assert (things[0] is others, others) == (True, [1])


def test_what_has_moved_in_a_container_is_told(open_runner):
    assert moved_in(open_runner, []) == ([[[1], 2]], [1])
    assert moved_in(open_runner, [[[0, 0, 0], None]]) == ([[[1], 2]], [0])


@pytest.mark.parametrize(
    "moved", [3, [[]], [[3]], [3], [[[0, 0, 0], [0]]], [[[0, 0, 0], [0, 0]]], [[[[]], None]], [[[0], 3]]], ids=str
)
def test_what_has_moved_in_a_container_was_there_and_makes_no_circle(open_runner, moved):
    with pytest.raises(BadReply):
        moved_in(open_runner, moved)


def linked(open_runner, entries):
    """A parameter that is linked by one answer, and what the next one says that was done to it."""
    entry = ["float32", [2, 2], True, True, 16]
    link = answering(result=[{"t": 0}], tensors=[entry, entry], graph=None, aliases=[], linked=[[0, 9]])
    with opened(open_runner, [link, answering(parameters=entries)]) as (_, student):
        parameter = student.f(*arguments())[0]
        try:
            student.f(*arguments())
        finally:
            assert parameter.shape == (2, 2)
    return parameter


@pytest.mark.parametrize(
    "entry",
    [
        *([], [9], 9, [9, 0, None], [9, None, None, True], [9, -1, None, True], [9, 0, -1, True], [9, 0, 7, True]),
        *([9, 0, None, 1], [[], 0, None, True], [9, True, None, True], [9, 0, {}, True]),
    ],
    ids=json.dumps,
)
def test_what_was_done_to_a_parameter_is_checked(open_runner, entry):
    with pytest.raises(BadReply):
        linked(open_runner, [entry])
    with pytest.raises(BadReply):
        linked(open_runner, {"9": entry})


def test_what_was_passed_becomes_no_parameter(open_runner):
    """A number stands for it once the code has kept it."""
    x, y = arguments()
    acts = [answering(**QUIET, kept=[[1, 9]]), answering(aliases=[], result={"p": 1}, linked=[[1, 9]])]
    with opened(open_runner, acts) as (_, student):
        student.f(x, y)
        assert student.f(x, y) is y
        assert type(y) is torch.Tensor


def test_a_gradient_of_a_parameter_is_its_own(open_runner):
    parameter = linked(open_runner, [[8, 0, None, True], [9, 1, 1, True]])
    assert parameter.grad.shape == (2, 2)
    parameter.grad.zero_()
    assert parameter.detach().eq(5).all()


LIST = {"L": [8, [{"L": [9, [1]]}, {"t": 0}]]}


def using_lists(student):
    """Read a list of an object, change it, which is told before the next call, and let that go its way."""
    held = student.f(*arguments())[1].items
    inner = held[0]
    inner.append([2])
    student.f(*arguments())
    return held, inner


def test_a_list_of_theirs_is_used_without_an_error(open_runner):
    acts = [
        lambda answer: answer,
        answering(result=LIST),
        answering(kept_lists=[[0, 10]]),
        answering(lists=[LIST, {"L": 9}]),
    ]
    with opened(open_runner, acts) as (_, student):
        held, inner = using_lists(student)
        assert (held[0] is inner, inner) == (True, [1])


@pytest.mark.parametrize("kept", [3, [3], [[0]], [[1, 7]], [[0, "7"]], [[0, 8]], [[0, 7], [0, 7]]], ids=json.dumps)
def test_what_is_put_into_a_list_of_theirs_gets_one_number(open_runner, kept):
    acts = [lambda answer: answer, answering(result={"L": [8, []]}), answering(kept=kept)]
    with opened(open_runner, acts) as (_, student):
        held = student.f(*arguments())[1].items
        held.append(torch.ones(2))
        if kept == [[0, 8]]:  # numbers of lists are others
            student.f(*arguments())
            return
        with pytest.raises(BadReply):
            student.f(*arguments())


@pytest.mark.parametrize(
    "lie", [3, [3], [[0]], [[1, 9]], [[-1, 9]], [[0, "9"]], [[0, 8]], [[0, 9], [0, 9]]], ids=json.dumps
)
def test_a_list_that_is_put_into_one_of_theirs_gets_one_number(open_runner, lie):
    acts = [lambda answer: answer, answering(result={"L": [8, []]}), answering(kept_lists=lie)]
    with opened(open_runner, acts) as (_, student):
        student.f(*arguments())[1].items.append([1])
        with pytest.raises(BadReply):
            student.f(*arguments())


@settings(max_examples=100)
@given(acts, st.integers(0, 3))
def test_whatever_becomes_of_a_list_of_theirs(open_runner, acts, at):
    honest = [
        lambda answer: answer,
        answering(result=LIST),
        answering(kept_lists=[[0, 10]]),
        answering(lists=[LIST, {"L": 9}]),
    ]
    first, *others = acts
    changed = [lambda answer: first(honest[at](answer)), *others]
    expected = (StudentError, AttributeError, TypeError, IndexError, KeyError)
    with (
        opened(open_runner, [*honest[:at], *changed], call_s=SILENCE_S) as (_, student),
        contextlib.suppress(*expected),
    ):
        for value in inner_values(using_lists(student)):
            assert isinstance(value, (*PLAIN, Remote)), type(value)


QUIET = {"tensors": [], "graph": None, "aliases": [], "changed": [], "result": 1}


def kept(open_runner, kept_lists, *lies, changes=()):
    """A list of ours, with one in it, that an answer says has been kept, and what the next ones say of it."""
    things = [1, [2]]
    acts = [answering(**QUIET, kept_lists=kept_lists), *(answering(**QUIET, **lie) for lie in lies)]
    with opened(open_runner, acts, changes={"f": changes}) as (_, student):
        student.f(things, 1)
        for _ in lies:
            student.f(1, 1)
    return things


@pytest.mark.parametrize(
    "lie",
    [
        *(3, [3], [[1, 1]], [[1, 1, 0, [2, 2], [2]]], [[1, 1, 0, [2, 2], [2, 2]]], [[1, 1, 1, [2, 2], [2, 1]]]),
        *([[1, 1, -1, [2, 2], [2, 1]]], [[1, 1, 0, [2], [1]]], [[1, 1, 0, [2, 2], [-2, 1]]], [[1, 1, True, [2, 2], [0, 0]]]),
        *([[9, 1, 0, [2, 2], [2, 1]]], [[1, 9, 0, [2, 2], [2, 1]]], [[0, 1, 0, [2, 2], [2, 1]]], [[1, 1, 1 << 70, [2, 2], [0, 0]]]),
    ],
    ids=json.dumps,
)  # fmt: skip
def test_a_view_of_an_argument_shows_nothing_else(open_runner, lie):
    x, y = arguments()
    with opened(open_runner, [answering(aliases=[], views=lie)]) as (_, student):
        with pytest.raises(BadReply):
            student.f(x, y)
        assert are_untouched(x, y)


@pytest.mark.parametrize("lie", [3, [], [None, None], [3], ["x"], [{"t": 9}], [{"e": []}]], ids=json.dumps)
def test_the_whole_gradient_of_a_result_is_of_its_shape(open_runner, lie):
    with opened(open_runner, [answering(result={"t": 0}), answering(seen=lie)]) as (_, student):
        found = student.f(*arguments())
        found.retain_grad()
        with pytest.raises(BadReply):
            found.sum().backward()


def test_a_list_of_ours_that_was_kept_is_changed_only_where_it_may_be(open_runner):
    lies = {"lists": [{"L": [7, [5, {"L": [8, [6]]}]]}]}, {"result": {"L": [7, [9]]}} | {"lists": []}
    honest = [[[0], 7], [[0, 1], 8]]
    assert kept(open_runner, honest, lies[0]) == [1, [2]]
    assert kept(open_runner, honest, lies[0], changes=["x"]) == [5, [6]]


@pytest.mark.parametrize(
    "lies",
    [
        [{"lists": [{"L": [7, [{"L": 7}]]}]}],
        [{"lists": [{"L": [7, [{"L": 8}]]}, {"L": [8, [{"L": 7}]]}]}],
        [{"lists": [{"L": [7, [{"L": 8}] * 9000]}]}, {"lists": [{"L": [8, [1] * 9000]}]}],
    ],
    ids=["itself", "each other", "too much"],
)
def test_lists_that_hold_one_another_do_not_go_on_for_ever(open_runner, lies):
    with pytest.raises(BadReply):
        kept(open_runner, [[[0], 7], [[0, 1], 8]], *lies, changes=["x"])


def test_a_list_that_stands_for_much_is_not_walked_through_again_and_again(open_runner):
    """In lists thirty deep, each of which has a number, or by way of itself."""
    row = [{"&": [1, [0] * 2000]}, *[{"=": 1}] * 1900]
    deep, around = {"L": 7}, {"L": [8, [{"L": 7}]]}
    for number in range(30):
        deep = {"L": [100 + number, [deep]]}
    begun = time.process_time()
    kept(open_runner, [[[0], 7]], {"lists": [{"L": [7, row]}]}, {"lists": [deep]}, changes=["x"])
    with pytest.raises(BadReply, match="contains itself"):
        kept(open_runner, [[[0], 7], [[0, 1], 8]], {"lists": [around, {"L": [100, [{"L": 7}]]}]}, changes=["x"])
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("lie", [{"lists": [{"L": [7, {"m": []}]}]}, {"lists": [{"L": [7, 3]}]}], ids=json.dumps)
def test_a_list_of_ours_that_was_kept_stays_one(open_runner, lie):
    with pytest.raises(BadReply):
        kept(open_runner, [[[0], 7]], lie, changes=["x"])


@pytest.mark.parametrize(
    "lie",
    [
        *(3, [3], [[[0]]], [[[0], "7"]], [[[0], True]], [[[1], 7]], [[[0, 0], 7]], [[[-1], 7]], [[[], 7]], [["0", 7]]),
        *([[[0], 7], [[0], 8]], [[[0], 7], [[0, 1], 7]]),
    ],
    ids=json.dumps,
)
def test_what_was_kept_is_a_list_that_was_passed(open_runner, lie):
    with pytest.raises(BadReply):
        kept(open_runner, lie)


def handing(args, kept_lists):
    """A call of a function of ours during the call that gets a list, of which the code says that it is handed over."""
    return {"callback": 0, "args": args, "kwargs": {"m": []}, "kept_lists": kept_lists}


@pytest.mark.parametrize(
    "lie",
    [
        *(3, [3], [[[0]]], [[[0], "7"]], [[[0], [7]]], [[[1], 7]], [[[0, 0], 7]], [[[-1], 7]], [[[], 7]], [["0", 7]]),
        *([[[0], 7], [[0], 8]], [[[0], 7], [[0, 1], 7]]),
    ],
    ids=json.dumps,
)
def test_what_a_function_of_ours_gets_is_a_list_that_was_passed(open_runner, lie):
    asks, things = handing({"u": []}, lie), [1, [2]]
    with opened(open_runner, [lambda answer: framed(asks) + answer]) as (_, student), pytest.raises(BadReply):
        student.f(lambda *_: None, things)
    assert things == [1, [2]]


@pytest.mark.parametrize("lie", [[[0, 9]], [[9, 0]], [[-1, 0]], [[0, "0"]], [[0, 1]], [[0, [0]]]], ids=json.dumps)
def test_a_function_of_ours_gets_no_tensor_that_it_is_not(open_runner, lie):
    """Such as one with a gradient, or of another shape."""
    x, y = torch.full((2, 2), 3.0), torch.full((2,), 5.0)
    asks = pack({"callback": 0, "args": {"u": [{"t": 0}]}, "kwargs": {"m": []}, "aliases": lie}, [torch.ones(2, 2)])
    with opened(open_runner, [lambda answer: asks + answer]) as (_, student), pytest.raises(BadReply):
        student.f({"f": lambda given: given.zero_(), "x": x}, y)
    assert (x.eq(3).all(), y.eq(5).all()) == (True, True)


@pytest.mark.parametrize(
    "lie",
    [
        *({"outputs": lie} for lie in (3, [], [0, 0], [1], [-1], [[0]], ["0"], [True])),
        *({"wanted": lie} for lie in (3, [0], [7], [-1], ["1"])),
        {"vectors": []},
    ],
    ids=json.dumps,
)
def test_gradients_go_back_from_one_tensor_that_was_passed(open_runner, lie):
    asks = {"callback": None, "outputs": [0], "create_graph": False, "wanted": []} | lie
    vectors = asks.pop("vectors", [torch.ones(2, 2)])
    weight, y = arguments()
    with opened(open_runner, [lambda answer: pack(asks, vectors) + answer]) as (_, student), pytest.raises(BadReply):
        student.f({"x": weight * 2}, y)
    assert weight.grad is None


@pytest.mark.parametrize("said", [{"kept_lists": [[[0], 7]]}, {"aliases": [[0, 0]]}])
def test_nothing_is_handed_over_while_no_call_goes_on(open_runner, said):
    asks = handing({"u": []}, []) | {"kept_lists": []} | said
    asks = {key: value for key, value in asks.items() if value != []}
    with opened(open_runner, [lambda answer: answer, lambda answer: framed(asks) + answer]) as (_, student):
        x, y = arguments()
        found = student.f({"f": lambda *_: None, "x": x}, y)[1]
        with pytest.raises(BadReply):
            found.items  # noqa: B018 -- the worker is asked


lists = st.recursive(
    junk | st.sampled_from([{"L": 7}, {"L": 8}, {"L": 9}]),
    lambda inner: st.builds(lambda n, held: {"L": [n, held]}, st.integers(7, 9), st.lists(inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=100)
@given(lists, st.just([[[0], 7], [[0, 1], 8]]) | junk, acts)
def test_whatever_a_function_of_ours_is_said_to_get(open_runner, args, kept_lists, acts):
    """A list that may not change stays as it is."""
    things, asks = [1, [2]], handing({"u": [args]}, kept_lists)
    with (
        opened(open_runner, [lambda _: framed(asks), *acts], call_s=SILENCE_S) as (_, student),
        contextlib.suppress(StudentError),
    ):
        student.f(lambda *given: all(isinstance(value, (*PLAIN, Remote)) for value in given), things)
        use(student, *arguments())
    assert things == [1, [2]]


@settings(max_examples=100)
@given(acts)
def test_whatever_becomes_of_a_list_of_ours_it_stays_as_it_is(open_runner, acts):
    things, first = [1, [2]], answering(**QUIET, kept_lists=[[[0], 7], [[0, 1], 8]])
    with opened(open_runner, [first, *acts], call_s=SILENCE_S) as (_, student), contextlib.suppress(StudentError):
        student.f(things, 1)
        use(student, *arguments())
    assert things == [1, [2]]


@settings(max_examples=100)
@given(acts)
def test_a_record_is_a_few_short_words_and_a_line_or_a_students_error(open_runner, acts):
    x, y = arguments()
    with opened(open_runner, acts, call_s=SILENCE_S) as (_, student):
        with contextlib.suppress(StudentError):
            for operation, label, line, expression in student.f.record((x, y), "softmax") or ():
                assert max(map(len, (operation, label, expression))) <= 200
                assert 0 <= line < 1 << 31
        assert are_untouched(x, y)


@pytest.mark.parametrize(
    "lie",
    [
        {},
        "nothing",
        0,
        [1],
        [[]],
        [["a", "b", 1]],
        [["a", "b", "1", "d"]],
        [["a", "b", -1, "d"]],
        [["a", "b", True, "d"]],
        [["a", "b", 1 << 40, "d"]],
        [["a", None, 1, "d"]],
        [["a", "b", 1, "d"]] * 1000,
        [{"t": 0}],
    ],
    ids=str,
)
def test_a_malformed_record_is_no_record(open_runner, lie):
    with opened(open_runner, [answering(result=lie)]) as (_, student), pytest.raises(BadReply):
        student.f.record(arguments(), "softmax")


def test_a_gradient_of_a_result_is_never_an_argument_of_ours(open_runner):
    """A backward pass would add to it in place."""
    x, y = arguments()
    entry = ["float32", [2, 2], True, True, 16]
    lie = answering(tensors=[entry, ["float32", [2, 2], False, True, 16]], grads=[[0, 1]], graph=None)
    with opened(open_runner, [lie]) as (_, student):
        result = student.f(x, y)[0]
        (result * 2).sum().backward()
        assert are_untouched(x, y)
        assert result.grad is not y


@pytest.mark.parametrize("line", [10**4000, -1, 1.5, "7", None, True, 1 << 40])
def test_a_line_number_is_a_number_of_a_line(open_runner, line):
    lie = framed({"failure": ["ValueError", "words", [["code cell 1", line, "f", "x"]], False]})
    with opened(open_runner, [lambda _: lie]) as (_, student), pytest.raises(BadReply):
        student.f(*arguments())


def test_a_worker_that_says_nothing_is_late_and_one_that_hangs_up_has_crashed(open_runner):
    with opened(open_runner, [lambda answer: answer[:20]], call_s=0.2) as (_, student), pytest.raises(StudentTimeout):
        student.f(*arguments())
    with opened(open_runner, [lambda answer: b""]) as (_, student), pytest.raises(StudentCrash):
        student.f(*arguments())


def peak_of(action):
    """The most memory Python's own allocators gave out meanwhile, in MB."""
    gc.collect()
    tracemalloc.start()
    try:
        with contextlib.suppress(StudentError):
            action()
        return tracemalloc.get_traced_memory()[1] / 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "bomb",
    [
        framed(b"{}", sizes=((1 << 20) + 1, 0)),
        framed(b"{}", sizes=(2, (64 << 20) + 1)),
        framed(b'{"result": [' + b"[]," * 340_000 + b"[]]}"),
        framed(b'{"result": {"u": [' + b'{"u":[]},' * 110_000 + b"0]}}"),
        framed(b'{"result": "' + b"\\u0000" * 170_000 + b'"}'),
        framed({"result": {"m": [[n, n] for n in range(50_000)]}}),
        framed({"result": {"r": [0, 10**300, 1]}}),
        framed({"result": [{"t": 0}] * 50_000, "tensors": [["float32", [0, (1 << 40) - 1], False, True, 0]]}),
    ],
    ids=["header", "body", "lists", "tuples", "text", "dictionary", "range", "one tensor often"],
)
def test_a_small_answer_takes_no_large_memory(open_runner, bomb):
    with opened(open_runner, [lambda _: bomb]) as (_, student):
        assert peak_of(lambda: student.f(*arguments())) < 150


def test_items_of_an_iterator_take_no_large_memory_together(open_runner):
    """Structure counts as tensors do: a megabyte of brackets is dozens of megabytes of lists."""
    heavy = framed(b'{"result": [[' + b"[]," * 340_000 + b"[]]]}")
    iterator = answering(result={"h": [2, "generator", True, None, False]})
    itself = framed({"result": {"h": [2, "generator", True, None, False]}})
    acts = [iterator, lambda _: itself, *[lambda _: heavy] * 60]
    with (
        opened(open_runner, acts, call_s=20, submission_s=200) as (_, student),
        pytest.raises(StudentError, match="yields more than 256 MB"),
    ):
        list(student.f(*arguments()))


# -- a real worker whose student calls our functions in hostile ways ---------------------------------------------------------

CALLERS = {
    "for ever": "while True: g(x)",
    "from a thread": "import threading\n    t = threading.Thread(target=lambda: [g(x) for _ in range(50)])\n    t.start()\n    [g(x) for _ in range(50)]\n    t.join()",
    "after it has returned": "import threading\n    threading.Timer(0.05, lambda: [g(x) for _ in range(1000)]).start()",
    "with more than can be sent": "g(torch.zeros(20 << 20))",
    "with almost more than can be sent": "[g(torch.zeros(15 << 20)) for _ in range(3)]",
    "with itself": "g(g, g=g)",
    "with numbers as names": "g._worker._send({'callback': 0, 'args': {'u': []}, 'kwargs': {'m': [[1, 2]]}}); return g._worker._receive()",
    "with a number that is none": "g._number = -1\n    g(x)",
    "in the middle of an answer": "g._worker._connection.socket.sendall(b'DLA'); g(x)",
    "without reading what it answers": "[g._worker._send({'callback': 0, 'args': {'u': []}, 'kwargs': {'m': []}}) for _ in range(10**6)]",
    "when it is deleted": "class D:\n        def __del__(self): g(x)\n    D()",
    "from a signal": "import signal\n    signal.signal(signal.SIGALRM, lambda *_: g(x))\n    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)\n    [g(x) for _ in range(300)]",
    "and raises": "g(x)\n    raise KeyboardInterrupt",
    "and goes away": "g(x)\n    import os; os._exit(3)",
    "and returns it": "return g",
    "with a generator": "g(i for i in range(3))",
    "by calling itself through it": "return g(f)",
}


@pytest.mark.parametrize("how", CALLERS)
def test_a_function_of_ours_may_be_called_in_any_way(open_student, how):
    student = open_student(f"import torch\ndef f(g, x):\n    {CALLERS[how]}\ndef other(x): return x + 1", call_s=1)
    calls = []

    def ours(*args, **kwargs):
        calls.append(len(args))
        return student.f(ours, torch.ones(2)) if args and callable(args[0]) and len(calls) < 500 else args[0]

    with contextlib.suppress(StudentError):
        student.f(ours, torch.ones(2))
    for _ in range(20):  # what it left in the socket is not the answer to another call, nor what its timer still sends
        with contextlib.suppress(StudentError):
            assert torch.equal(student.other(torch.ones(2)), torch.full((2,), 2.0))
    assert torch.equal(student.other(torch.ones(2)), torch.full((2,), 2.0))


def test_what_we_send_is_checked_before_it_is_sent(open_runner):
    with opened(open_runner, []) as (_, student), pytest.raises(WireError):
        student.f(torch.zeros(20 << 20), object())


def test_a_judge_can_bound_its_own_memory():
    """What a column minus a row takes where nobody has looked at their shapes first."""
    script = "import torch; from autograder.sandbox.confine import limit_own_memory; limit_own_memory(512)\n"
    for rows, works in ((1_000, True), (20_000, False)):
        subtract = f"torch.zeros({rows}, 1) - torch.zeros(1, {rows})"
        done = subprocess.run([sys.executable, "-c", script + subtract], capture_output=True, text=True)
        assert (done.returncode == 0) == works
        assert ("can't allocate memory" in done.stderr) == (not works)
