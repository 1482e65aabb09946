"""Whatever a worker returns as data, a rubric can iterate over, sort, hash, print, compare and calculate with it in bounded time and memory."""

import contextlib
import copy
import json
import random
import resource
import signal
import socket
import struct
import threading
import time

import numpy as np
import pytest
import torch

from autograder import checks
from autograder.base.errors import StudentError, StudentException
from autograder.sandbox import bounds
from autograder.sandbox.frames import WireError
from autograder.sandbox.values import Decoder
from autograder.sandbox.wire import Connection
from autograder.student import callbacks, graph_weights
from autograder.student.calls import describe
from autograder.student.remote_objects import RemoteObject

USES = {
    "iterates": lambda v: sum(1 for _ in v),
    "lists": list,
    "sorts": sorted,
    "makes a set": set,
    "makes a dict": dict.fromkeys,
    "hashes": hash,
    "prints": print,
    "represents": repr,
    "formats": lambda v: f"{v:>10} {v!s} {v:.3f}",
    "equals": lambda v: (v == v, v == 3, v == [v]),
    "compares": lambda v: (v < v, v >= 0),
    "has length": len,
    "has truth": bool,
    "contains": lambda v: (1 in v, -1 in v, "x" in v),
    "adds": lambda v: v + v,
    "sums": sum,
    "finds the largest": max,
    "multiplies": lambda v: v * v,
    "squares": lambda v: v**2,
    "divides": lambda v: (v / 3, v // 3, v % 7),
    "converts": lambda v: (float(v), int(v), complex(v)),
    "turns round": lambda v: list(reversed(v)),
    "takes parts": lambda v: (v[0], v[-1], v[::2]),
    "walks along each axis": lambda v: [sum(1 for _ in v.transpose(0, axis)) for axis in range(v.ndim)],
    "pairs": lambda v: dict(zip(v, v, strict=True)),
    "copies": copy.deepcopy,
    "makes a tensor": torch.as_tensor,
    "makes an array": np.array,
    "describes": describe,
    "checks": lambda v: checks.assert_close(v, torch.ones(2, 2)),
    "checks the shape": lambda v: checks.assert_shape(v, (2, 2)),
}
SECONDS, MEGABYTES = 20, 1500


@contextlib.contextmanager
def bounded(seconds=SECONDS):
    """Fail where something takes longer, or much memory; what Python can interrupt is interrupted."""

    def too_late(*_):
        raise TimeoutError

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    earlier = signal.signal(signal.SIGALRM, too_late)
    signal.setitimer(signal.ITIMER_REAL, 3 * seconds)
    began = time.process_time()
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)
    assert time.process_time() - began < seconds
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) >> 10 < MEGABYTES


def use(value):
    """Do what rubrics do; what a value cannot do is an exception, which costs its author the criterion."""
    for each in USES.values():
        try:
            each(value)
        except TimeoutError:
            raise
        except Exception:  # noqa: BLE001
            continue


def test_the_uses_are_real(capsys):
    """Each works on something, and the clock notices what goes on and on."""
    plain = [3, 2.5, "text", [3, 1], torch.ones(2, 2), "ab"]
    for name, each in USES.items():
        worked = 0
        for value in plain:
            with contextlib.suppress(Exception):
                each(value)
                worked += 1
        assert worked, name
    with pytest.raises(TimeoutError), bounded(0.1):
        use(range(10**12))


VALUES = {
    "endless range": "range(10**18)",
    "range beyond sizes": "range(10**40)",
    "range that steps back": "range(0, -10**15, -1)",
    "many ranges": "[range(10**6) for _ in range(1000)]",
    "huge number": "7 ** (10**6)",
    "number as long as may be": "1 << 13_999",
    "negative number": "-(1 << 13_999)",
    "many long numbers": "[(1 << 13_000) + i for i in range(250)]",
    "numbers of one hash": "[(i * (2**61 - 1)) for i in range(30_000)]",
    "keys of one hash": "{(i * (2**61 - 1)): i for i in range(4_000)}",
    "complex numbers of one hash": "[complex(10**15 - 1000003 * i, i) for i in range(30_000)]",
    "tuples of one hash": "[(i * (2**61 - 1), 1) for i in range(15_000)]",
    "nan keys": "{float('nan'): i for i in range(4_000)}",
    "nan everywhere": "[float('nan')] * 30_000",
    "list in itself": "(lambda x: x.append(x) or x)([])",
    "dict in itself": "(lambda x: x.update(x=x) or x)({})",
    "deep": "__import__('functools').reduce(lambda x, _: [x], range(30), 1)",
    "deep tuples": "__import__('functools').reduce(lambda x, _: (x, x), range(14), 1)",
    "too deep": "__import__('functools').reduce(lambda x, _: (x,), range(10_000), 1)",
    "shared twice at each level": "__import__('functools').reduce(lambda x, _: [x, x], range(30), 1)",
    "long text": "'x' * 100_000_000",
    "text as long as may be": "'x' * 1_000_000",
    "many lists": "[[] for _ in range(200_000)]",
    "bytes": "b'x' * 10**6",
    "bytearray": "bytearray(10**6)",
    "expanded": "torch.ones(1).expand(1 << 40)",
    "expanded, no stride": "torch.ones(1, 1).expand(1 << 12, 1 << 12)",
    "one tensor often": "[torch.zeros(1 << 22)] * 10_000",
    "empty with rows": "torch.empty(1 << 60, 0)",
    "empty with many rows": "torch.empty(1 << 30, 0)",
    "empties with rows": "[torch.empty(1 << 20, 0)] * 10_000",
    "empty array": "np.empty((0, 1 << 40))",
    "sparse": "torch.sparse_coo_tensor(torch.tensor([[0], [0]]), torch.ones(1), (1 << 30, 1 << 30))",
    "small sparse": "torch.eye(3).to_sparse()",
    "complex": "torch.full((100,), complex(float('nan'), float('inf')))",
    "quantised": "torch.quantize_per_tensor(torch.ones(4), 0.1, 0, torch.qint8)",
    "half": "torch.ones(4).to(torch.float8_e4m3fn)",
    "nested": "torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])",
    "meta": "torch.empty(1 << 40, device='meta')",
    "many dimensions": "torch.ones([1] * 60)",
    "generator": "(i for i in iter(int, 1))",
    "generator of heavy things": "(torch.zeros(1 << 23) for _ in iter(int, 1))",
    "iterator": "__import__('itertools').count()",
    "lying length": "type('L', (list,), {'__len__': lambda self: 10**18, '__iter__': lambda self: iter(int, 1)})()",
    "lying dict": "type('D', (dict,), {'items': lambda self: ((i, i) for i in iter(int, 1))})()",
    "lying tuple": "type('T', (tuple,), {'__iter__': lambda self: iter(int, 1)})()",
    "lying text": "type('S', (str,), {'__len__': lambda self: 10**18})('x')",
    "lying number": "type('I', (int,), {'__index__': lambda self: 10**10**5})(3)",
    "object that is always there": "type('O', (), {'__getitem__': lambda self, i: i, '__len__': lambda self: 1 << 40})()",
    "function": "lambda *_: 1",
    "module": "torch.nn.Linear(2, 2)",
    "set": "set(range(10**5))",
    "array of objects": "np.array([[1], 2], dtype=object)",
    "record array": "np.zeros(3, dtype='i4,f8')",
    "array of text": "np.array(['x' * 1000] * 1000)",
    "masked array": "np.ma.masked_all(10**4)",
    "view": "np.lib.stride_tricks.as_strided(np.zeros(1), (1 << 40,), (0,))",
    "fraction": "__import__('fractions').Fraction(1, 7**1000)",
    "decimal": "__import__('decimal').Decimal('1e999999')",
}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_costs_its_rubric_no_more_than_it_may(open_student, capsys, name):
    student = open_student(
        f"import torch, numpy as np\ndef f(): return {VALUES[name]}\ndef g(): return 1",
        call_s=2,
        cell_s=2,
        submission_s=6,
        memory_mb=1024,
    )
    with bounded():
        try:
            value = student.f()
        except StudentError:
            value = None
        use(value)
    if not isinstance(value, RemoteObject):  # to walk through one may take what is left of the submission's time
        assert student.g() == 1


# -- trees that no `Encoder` makes -----------------------------------------------------------------------------------------

P = 2**61 - 1


def leaf(draw):
    return draw.choice(
        [
            draw.randrange(-5, 5),
            10 ** draw.randrange(18, 400),
            {"i": hex(draw.getrandbits(draw.choice([64, 800, 13_990])))},
            {"i": hex(P * draw.randrange(1 << 40))},
            {"r": [0, -(10 ** draw.randrange(4)), -1]},
            {"r": [0, 10 ** draw.choice([1, 1, 2, 2, 4, 20]), 1]},
            {"f": draw.choice(["nan", "inf", "-inf"])},
            {"c": [float(10**15 - 1_000_003 * (i := draw.randrange(1 << 20))), float(i)]},
            {"s": [None, draw.randrange(9), None]},
            {"d": "bool"},
            {"t": draw.randrange(4)},
            {"n": draw.randrange(4)},
            "x" * draw.choice([0, 1, 90]),
            None,
            True,
        ]
    )


def tree(draw, depth=0):
    if depth > draw.randrange(1, 6):
        return leaf(draw)
    kind = draw.choice("lugm-")
    if kind == "-":
        inner = leaf(draw)
        for _ in range(draw.randrange(1, 60)):
            inner = draw.choice([[inner], {"u": [inner]}])
        return inner
    some = [tree(draw, depth + 1) for _ in range(draw.randrange(1, 5))]
    many, one = list(some), leaf(draw)
    if not depth:  # else it would grow with each level
        many = some * draw.choice([1, 1, 50]) + [one] * draw.choice([0, 0, 500])
        many += [leaf(draw) for _ in range(draw.choice([0, 0, 100]))]
    if kind == "m":
        return {"m": [[{"u": [{"i": hex(P * draw.randrange(1 << 40))}, draw.randrange(9)]}, inner] for inner in many]}
    return many if kind == "l" else {kind: many}


ENTRIES = [
    ["float32", [2, 2], False, True, 16],
    ["bool", [0, 1 << 19], False, True, 0],
    ["complex64", [3, 1], True, True, 24],
    ["float64", [1 << 17], False, True, 1 << 20],
]
BODY = b"".join(bytes(size + -size % 64) for *_, size in ENTRIES)


def frame(draw):
    header = json.dumps({"result": tree(draw), "tensors": ENTRIES}).encode()
    return struct.pack("<4sIQ", b"DLA\x01", len(header), len(BODY)) + header + BODY


def accepted(content):
    """The value of a frame, or `WireError`."""
    here, there = socket.socketpair()
    with here, there:

        def send():
            with contextlib.suppress(OSError):
                there.sendall(content)

        thread = threading.Thread(target=send)
        thread.start()
        try:
            message, received = Connection(here).receive()
        finally:
            here.shutdown(socket.SHUT_RDWR)
            thread.join()
    return Decoder([r.tensor for r in received]).decode(message["result"])


@pytest.mark.parametrize("seed", range(4))
def test_hostile_trees_are_refused_or_can_be_used(capsys, seed):
    draw, taken = random.Random(seed), 0
    for _ in range(40):
        content = frame(draw)
        with bounded():
            try:
                value = accepted(content)
            except WireError:
                continue
            taken += 1
            use(value)
    assert 10 < taken < 40


@pytest.mark.parametrize(
    "result",
    [
        {"r": [0, bounds.MAX_RANGE + 1, 1]},
        [{"r": [0, bounds.MAX_RANGE, 1]}] * 2,
        {"i": "0x1" + "f" * (bounds.MAX_INT_BITS // 4 + 1)},
        [{"i": hex(P * n)} for n in range(10, 100)],
        {"m": [[{"u": [{"i": hex(P * n)}]}, 0] for n in range(10, 100)]},
        [{"t": 3}] * (bounds.MAX_NAMED >> 20) + [{"t": 3}],
        [{"t": 1}] * 1000,
    ],
    ids=["range", "ranges", "number", "hashes", "keys", "one tensor often", "empty tensors"],
)
def test_what_stands_for_too_much_is_refused(result):
    header = json.dumps({"result": result, "tensors": ENTRIES}).encode()
    with pytest.raises(WireError):
        accepted(struct.pack("<4sIQ", b"DLA\x01", len(header), len(BODY)) + header + BODY)


def test_equal_values_are_not_too_many(open_student):
    student = open_student("def f(): return [(1, 2)] * 5000 + [complex(i, -i) for i in range(5000)]")
    assert len(set(student.f())) == 5001


HOARD = """
def hoard(f, x, n):
    kept = [f(x) for _ in range(n)]
    return sum(kept).detach()
"""


def test_what_lies_between_the_ends_of_the_graphs_that_the_code_keeps_is_bounded(open_student, monkeypatch):
    """But what all of them hold, such as the data, counts once."""
    monkeypatch.setattr(callbacks, "MAX_GRAPHS_BYTES", 1 << 20)
    student, x, data = open_student(HOARD), torch.ones(300, requires_grad=True), torch.ones(600, 300)
    with pytest.raises(StudentException, match="too many results with gradients are kept"):
        student.hoard(lambda x: (x[:, None] * x).exp().sum(), x, 20)
    assert student.hoard(lambda x: (data @ x).sum(), x, 20) == 20 * 600 * 300
    assert student.hoard(lambda x: (x[:, None] * x).exp().sum(), x, 5) > 0


def test_a_graph_that_grows_with_each_call_is_not_looked_at_as_a_whole_for_ever(monkeypatch):
    monkeypatch.setattr(graph_weights, "_STEPS", 600)
    weights, x = graph_weights.GraphWeights(), torch.ones(100, requires_grad=True)
    for _ in range(500):
        x = x.exp()
    weights.add(0, [], [x])
    assert weights.total == 500 * x.nbytes
    weights.drop(0)
    weights.add(1, [], [x])
    assert weights.total == 256 * x.nbytes  # those next to the result
