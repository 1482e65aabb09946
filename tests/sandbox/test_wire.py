"""Values and frames between two processes: what goes in comes out, and hostile bytes end in one of three errors."""

import collections
import contextlib
import datetime
import json
import math
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from types import GeneratorType

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from autograder.sandbox import frames, standard_values
from autograder.sandbox.frames import DeadlineError, WireError
from autograder.sandbox.trees import used_tensors
from autograder.sandbox.values import MAX_DEPTH, MAX_FIELDS, Decoder, Encoder
from autograder.sandbox.wire import Connection, pack

REFUSALS = (WireError, EOFError, DeadlineError)
DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int64,
    torch.int32,
    torch.int16,
    torch.int8,
    torch.uint8,
    torch.bool,
    torch.complex64,
    torch.complex128,
    torch.uint16,
    torch.uint32,
    torch.uint64,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
]


@contextlib.contextmanager
def connected():
    left, right = socket.socketpair()
    with left, right:
        yield Connection(left), Connection(right)


def over_the_wire(value):
    encoder = Encoder()
    tree = encoder.encode(value)
    with ThreadPoolExecutor(1) as pool, connected() as (here, there):
        arriving = pool.submit(there.receive)
        try:
            here.send(pack({"value": tree}, encoder.tensors))
        finally:
            here.socket.shutdown(socket.SHUT_WR)
        message, received = arriving.result()
    return Decoder([r.tensor for r in received]).decode(message["value"])


def bits(tensor):
    plain = tensor.detach()
    plain = plain.to_dense() if plain.layout is not torch.strided else plain
    flat = torch.empty(plain.numel(), dtype=plain.dtype).copy_(plain.reshape(-1))
    return flat.view(torch.uint8).tolist()


def is_same(one, other):
    if isinstance(one, torch.Tensor):
        return (
            isinstance(other, torch.Tensor)
            and (one.shape, one.dtype) == (other.shape, other.dtype)
            and bits(one) == bits(other)
        )
    if isinstance(one, np.ndarray):
        return (
            type(other) is np.ndarray
            and (one.shape, one.dtype) == (other.shape, other.dtype)
            and one.tobytes() == other.tobytes()
        )
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, complex):
        return is_same(one.real, other.real) and is_same(one.imag, other.imag)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, collections.deque):
        return one.maxlen == other.maxlen and is_same(list(one), list(other))
    if isinstance(one, dict):
        return is_same(list(one), list(other)) and is_same(list(one.values()), list(other.values()))
    return one == other


# -- values --------------------------------------------------------------------------------------------------------------

half_characters = st.builds(
    lambda a, b, c: a + b + "-" + c, st.text(), st.sampled_from(["\ud800", "\udfff", "\udc80"]), st.text()
)
strings = st.text() | half_characters
integers = (
    st.integers()
    | st.integers(-(1 << 300), 1 << 300)
    | st.sampled_from([1 << 63, (1 << 63) - 1, -(1 << 63), -(1 << 63) - 1])
)
index = st.none() | st.integers(-10, 10)
scalars = (
    st.none()
    | st.booleans()
    | integers
    | st.floats()
    | strings
    | st.complex_numbers()
    | st.builds(slice, index, index, index)
    | st.builds(
        lambda start, count, step: range(start, start + count * step, step),
        integers,
        st.integers(0, 1000),
        integers.filter(bool),
    )
    | st.sampled_from(DTYPES)
)
zones = st.none() | st.timedeltas(datetime.timedelta(hours=-23), datetime.timedelta(hours=23)).map(datetime.timezone)
standard = (
    st.dates()
    | st.datetimes(timezones=zones)
    | st.times(timezones=zones)
    | st.timedeltas()
    | st.fractions()
    | st.decimals(allow_nan=False).filter(lambda d: not d.is_finite() or abs(d.adjusted()) < 1000)
    | st.sampled_from([..., torch.device("cpu"), torch.device("cuda", 1), PurePosixPath("a/b")])
)
keys = (
    st.none()
    | st.booleans()
    | integers
    | strings
    | st.tuples(integers, strings)
    | st.complex_numbers(allow_nan=False)
    | st.sampled_from(DTYPES)
    | standard
)
hashable = keys | st.frozensets(keys, max_size=5)
values = st.recursive(
    scalars
    | standard
    | st.sets(hashable)
    | st.frozensets(hashable)
    | st.lists(st.integers(0, 99)).map(torch.Size)
    | st.lists(hashable).map(collections.Counter),
    lambda inner: (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(hashable, inner)
        | st.dictionaries(hashable, inner).map(collections.OrderedDict)
        | st.builds(collections.defaultdict, st.none(), st.dictionaries(hashable, inner))
        | st.builds(collections.deque, st.lists(inner, max_size=4), st.none() | st.integers(4, 9))
    ),
    max_leaves=30,
)


@st.composite
def tensors(draw):
    """Every dtype, any bits, and every way for memory not to be a plain block."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1 << 32)))
    if dtype is torch.bool:
        tensor = torch.randint(2, shape, generator=generator).bool()
    else:
        raw = torch.randint(256, (math.prod(shape) * dtype.itemsize,), generator=generator, dtype=torch.uint8)
        tensor = raw.view(dtype).reshape(shape)
    layout = draw(st.sampled_from(["plain", "transposed", "expanded", "strided", "lazy conjugate", "lazy negative"]))
    if layout == "transposed" and tensor.ndim > 1:
        tensor = tensor.transpose(0, -1)
    elif layout == "expanded":
        tensor = tensor.unsqueeze(0).expand(3, *tensor.shape)
    elif layout == "strided" and tensor.ndim:
        tensor = tensor[::2]
    elif layout == "lazy conjugate" and dtype.is_complex:
        tensor = tensor.conj()
    elif layout == "lazy negative" and dtype.is_complex:
        tensor = tensor.conj().imag
    return tensor


@settings(max_examples=200)
@given(values)
def test_values_come_back_as_they_were(value):
    encoder = Encoder()
    tree = json.loads(json.dumps(encoder.encode(value)))
    assert encoder.tensors == []
    assert is_same(value, Decoder([]).decode(tree))


@settings(max_examples=200)
@given(tensors())
def test_tensors_come_back_bit_for_bit(tensor):
    assert is_same(tensor, over_the_wire(tensor))


@settings(max_examples=50)
@given(
    st.recursive(
        tensors() | scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=3),
        max_leaves=8,
    )
)
def test_tensors_inside_values_come_back(value):
    assert is_same(value, over_the_wire(value))


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(1, 3)[:, 0],
        torch.arange(2.0)[::2],
        torch.ones(0, 3)[:, 0],
    ],
    ids=["column", "every second", "empty"],
)
def test_a_single_element_with_a_stride_of_its_own_can_be_sent(tensor):
    assert is_same(tensor, over_the_wire(tensor))


@pytest.mark.filterwarnings("ignore:Sparse CSR:UserWarning")
@pytest.mark.parametrize("layout", ["to_sparse", "to_sparse_csr"])
def test_sparse_tensors_arrive_dense(layout):
    dense = torch.tensor([[0.0, 2.0], [3.0, 0.0]])
    assert is_same(dense, over_the_wire(getattr(dense, layout)()))


@pytest.mark.parametrize(
    "dtype",
    ["float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "bool", "complex64", "complex128"],
)
@pytest.mark.parametrize("shape", [(3,), (0,), (2, 0, 3), (2, 3)])
def test_numpy_arrays_come_back(dtype, shape):
    array = np.arange(math.prod(shape)).reshape(shape).astype(dtype)
    assert is_same(array, over_the_wire(array))
    assert is_same(array.T, over_the_wire(array.T))
    assert is_same(array[::-1], over_the_wire(array[::-1]))


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0)[::-1],
        np.arange(6).reshape(2, 3)[:, ::-1].T,
        np.flip(np.arange(6.0).reshape(2, 3)),
        np.zeros((1, 3))[::-1],
        np.zeros(0)[::-1],
        np.broadcast_to(np.arange(3), (2, 3)),
        np.lib.stride_tricks.sliding_window_view(np.arange(5.0)[::-1], 2),
        np.zeros(2, [("a", "i4"), ("b", "i8")])["b"][::-1],
        np.zeros(2, [("a", "f4"), ("b", "u1")])["a"][:1],
        np.broadcast_to(np.array(2.0), ()),
    ],
)
def test_what_runs_backwards_or_is_protected_does_so_there(array):
    arrived = over_the_wire(array)
    assert is_same(array, arrived)
    assert arrived.flags.writeable is array.flags.writeable
    assert [s < 0 for s, n in zip(arrived.strides, array.shape, strict=True) if n > 1] == [
        s < 0 for s, n in zip(array.strides, array.shape, strict=True) if n > 1
    ]


def test_a_numpy_array_without_dimensions_keeps_its_shape():
    assert is_same(np.array(2.5), over_the_wire(np.array(2.5)))


@pytest.mark.parametrize(
    "array",
    [
        np.array(["a", "数据"]),
        np.array([b"a", b"\xff"]),
        np.array([[None, "a"], [1, 2.5]]),
        np.array([np.zeros(2), [1]], dtype=object),
        np.zeros(2, np.uint16),
        np.array([2**64 - 1], np.uint64),
        np.zeros(2, ">f4"),
        np.array(["2024-01-02"], "datetime64[D]"),
        np.array([3], "timedelta64[s]"),
        np.empty((0, 2), "<U3"),
    ],
    ids=lambda array: f"{array.dtype} {array.shape}",
)
def test_arrays_of_other_types_arrive_as_they_were(array):
    arrived = over_the_wire(array)
    assert (arrived.dtype, arrived.shape) == (array.dtype, array.shape)
    assert is_same(arrived.tolist(), array.tolist()) or all(map(np.array_equal, arrived, array))


def test_arrays_with_fields_or_a_mask_arrive_as_they_were():
    rows = np.array([(1, 2.5, "a", [1, 2])], [("n", "i4"), ("x", "f8"), ("word", "U3"), ("pair", "u1", (2,))])
    assert over_the_wire(rows).dtype == rows.dtype
    assert str(over_the_wire(rows)) == str(rows)
    assert str(over_the_wire(rows[0])) == str(rows[0])
    masked = over_the_wire(np.ma.MaskedArray([1, 2], mask=[False, True]))
    assert masked.tolist() == [1, None]
    assert isinstance(over_the_wire(np.ones((1, 2)).view(np.matrix)), np.matrix)
    assert over_the_wire(bytearray(b"ab")) == bytearray(b"ab")


@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.sparse_csr], ids=str)
def test_sparse_tensors_stay_sparse(layout):
    tensor = torch.eye(3).to_sparse(layout=layout)
    arrived = over_the_wire(tensor)
    assert (arrived.layout, arrived.shape) == (layout, tensor.shape)
    assert torch.equal(arrived.to_dense(), tensor.to_dense())


def test_a_sparse_tensor_says_whether_an_element_is_there_twice():
    tensor = torch.sparse_coo_tensor(torch.tensor([[0, 0, 1]]), torch.ones(3), (3,), check_invariants=True)
    assert not over_the_wire(tensor).is_coalesced()
    assert over_the_wire(tensor).to_dense().tolist() == [2, 1, 0]
    arrived = over_the_wire(tensor.coalesce())
    assert (arrived.is_coalesced(), arrived.values().tolist()) == (True, [2, 1])


@pytest.mark.parametrize(
    "lie",
    [
        ["Fraction", 1, 0],
        ["Decimal", "1e999999999"],
        ["Decimal", "sNaN"],
        ["Decimal", 3],
        ["date", 0, 1, 1],
        ["timedelta", 10**10, 0, 0],
        ["deque", [1], -1],
        ["Counter", [["a", 1]]],
        ["defaultdict", 3, {"m": []}],
        ["Size", -1],
        ["device", "no such"],
        ["layout", "__doc__"],
        ["structured", ["a", "a"], [1], {"n": 0}, {"n": 0}],
        ["structured", ["a"], [2], {"n": 0}],
        ["masked", {"n": 0}, {"n": 0}],
        ["sparse", [1 << 30, 1 << 30], False, {"t": 1}, {"t": 0}],
        ["sparse", [1, 1], False, {"t": 1}, {"t": 0}],
        ["sparse", [8, 8], 1, {"t": 1}, {"t": 0}],
        ["sparse", [8], True, {"t": 2}, {"t": 3}],
        ["__class__"],
        [],
    ],
    ids=str,
)
def test_a_standard_value_of_other_parts_is_refused(lie):
    tensors = [torch.ones(1), torch.full((2, 1), 7), torch.full((1, 2), 7), torch.ones(2)]
    with pytest.raises(WireError):
        Decoder(tensors).decode({"v": lie})


@pytest.mark.parametrize(
    "array",
    [np.zeros(1, np.longdouble), np.zeros(2, [("a", "f4"), ("b", "g")]), np.array([object()])],
    ids=["long double", "a field of them", "objects"],
)
def test_arrays_that_cannot_arrive_are_refused(array):
    with pytest.raises(WireError, match="cannot be sent"):
        over_the_wire(array)


SCALARS = [
    np.float32(0.5),
    np.float64(0.5),
    np.int64(-3),
    np.uint64(2**64 - 1),
    np.bool_(True),
    np.complex64(1 + 2j),
    np.str_("a"),
    np.datetime64("2024-01-02"),
]


@pytest.mark.parametrize("scalar", SCALARS, ids=repr)
def test_numpy_scalars_keep_their_type(scalar):
    arrived = over_the_wire([scalar])[0]
    assert type(arrived) is type(scalar)
    assert arrived == scalar


def test_views_of_a_dict_arrive_as_what_they_are():
    keys, values = over_the_wire([{"a": 1, (2,): 2}.keys(), {"a": [1]}.values()])
    assert keys == {"a", (2,)}
    assert list(values) == [[1]]


Pair = collections.namedtuple("Pair", "x y")


def test_named_tuples_keep_their_fields():
    arrived = over_the_wire([Pair(1, Pair("a", None))])[0]
    assert (arrived.x, arrived.y.x, arrived) == (1, "a", (1, ("a", None)))
    assert repr(arrived) == "Pair(x=1, y=Pair(x='a', y=None))"


@pytest.mark.parametrize(
    "tree",
    [
        {"k": ["Pair", ["x", "x"], [1, 2]]},
        {"k": ["Pair", ["_x"], [1]]},
        {"k": ["class", ["x"], [1]]},
        {"k": ["Pair", ["x y"], [1]]},
        {"k": ["Pair", ["x"], [1, 2]]},
        {"k": ["Pair", [f"f{i}" for i in range(MAX_FIELDS + 1)], list(range(MAX_FIELDS + 1))]},
        [{"k": [f"P{i}", ["x"], [1]]} for i in range(MAX_FIELDS + 1)],
        {"e": [[1]]},
        {"e": [{"m": []}]},
        {"a": ["|O", [1], 0]},
        {"a": ["<U0", [8], 0]},
        {"a": ["<U1", [2], 0]},
        {"a": ["<U1", [2], 1]},
        {"a": ["<U99999999", [1], 0]},
        {"a": ["<f8", [-1], 0]},
        {"a": ["[('a','f8')]", [1], 0]},
        {"o": [[2], [1]]},
        {"o": [[1 << 30, 0], []]},
        {"x": 3},
        {"x": {"n": 0}},
        {"v": ["Counter", []]},
        {"v": ["Chain", {"m": []}]},
        {"v": ["dict_keys", [1]]},
        {"v": ["dict_values", {"m": []}]},
        {"v": ["dict_items", 3]},
        {"v": ["deque", [1], -1]},
        {"v": ["deque", {"m": []}, None]},
        {"v": ["defaultdict", "open", {"m": []}]},
        {"v": ["Counter", {"m": [[[1], 2]]}]},
        {"v": ["Counter", {"v": ["Counter", {"m": []}]}]},
        {"y": 2},
        {"y": -1},
        {"~": 3},
        {"~": [1, [], True]},
        {"~": [{"n": 1}, [], True, 1]},
        {"~": [{"n": 9}, [0], True]},
        {"~": [{"n": 1}, [1], True]},
        {"~": [{"n": 1}, [0, 0], True]},
        {"~": [{"n": 1}, "0", True]},
    ],
    ids=str,
)
def test_malformed_values_of_these_kinds_are_refused(tree):
    tensors = [torch.full((8,), 255, dtype=torch.uint8), torch.zeros(2)]
    with pytest.raises(WireError):
        Decoder(tensors).decode(tree)


def test_a_numpy_scalar_without_plain_counterpart_is_refused():
    with pytest.raises(WireError):
        Encoder().encode(np.longdouble(1))


def test_named_tuples_and_sizes_arrive_as_tuples():
    assert over_the_wire(torch.Size([2, 3])) == (2, 3)
    assert over_the_wire(torch.ones(2, 2).max(dim=0))[1].tolist() == [0, 0]


def test_one_object_given_twice_arrives_as_one_object():
    tensor = torch.ones(2)
    first, second = over_the_wire([tensor, {"again": tensor}])
    assert first is second["again"]


def test_flags_of_gradients_travel_along():
    leaf = torch.ones(2, requires_grad=True)
    with connected() as (here, there):
        here.send(pack({}, [leaf, leaf * 2, torch.ones(2), torch.nn.Parameter(torch.ones(1))]))
        _, received = there.receive()
    assert [(r.requires_grad, r.is_leaf) for r in received] == [
        (True, True),
        (True, False),
        (False, True),
        (True, True),
    ]


def test_integers_cannot_be_made_to_require_gradients(make_frame):
    with connected() as (here, there):
        here.socket.sendall(make_frame({"tensors": [["int64", [1], True, True, 8]]}, bytes(64)))
        _, (received,) = there.receive()
    assert not received.requires_grad


def test_bool_bytes_are_made_zero_or_one(make_frame):
    with connected() as (here, there):
        here.socket.sendall(make_frame({"tensors": [["bool", [4], False, True, 4]]}, bytes([0, 1, 2, 255])))
        _, (received,) = there.receive()
    assert received.tensor.view(torch.uint8).tolist() == [0, 1, 1, 1]


def test_a_received_tensor_owns_its_memory(make_frame):
    with connected() as (here, there):
        here.send(pack({}, [torch.ones(2), torch.ones(2)]))
        _, (first, second) = there.receive()
    first.tensor.zero_()
    assert second.tensor.tolist() == [1, 1]


def test_one_shot_iterators_are_one_shot():
    found = Decoder([]).decode({"g": [1, {"u": [2]}]})
    assert isinstance(found, GeneratorType)
    assert list(found) == [1, (2,)]
    assert list(found) == []


@pytest.mark.parametrize(
    "wrap",
    [
        lambda v: [v],
        lambda v: (v,),
        pytest.param(
            lambda v: {"k": v},
        ),
    ],
    ids=["list", "tuple", "dict"],
)
def test_whatever_depth_can_be_sent_can_be_received(wrap):
    value = 0
    for _ in range(MAX_DEPTH):
        value = wrap(value)
    assert over_the_wire(value) == value
    with pytest.raises(WireError, match="nested"):
        Encoder().encode(wrap(value))


def test_cycles_are_refused():
    cycle = []
    cycle.append(cycle)
    with pytest.raises(WireError, match="nested"):
        Encoder().encode(cycle)


def test_unknown_objects_go_to_the_hook_or_are_refused():
    with pytest.raises(WireError, match="object"):
        Encoder().encode(object())
    assert Encoder(lambda _: {"h": 1}).encode([object()]) == [{"h": 1}]
    assert Decoder([], lambda tag, inner: (tag, inner)).decode([{"h": 1}]) == [("h", 1)]


def test_a_dtype_that_cannot_be_sent_is_refused_not_replaced():
    with pytest.raises(WireError):
        Encoder().encode(torch.float8_e5m2fnuz)


@pytest.mark.parametrize("key", [torch.ones(1), object()], ids=["tensor", "object"])
def test_a_dictionary_whose_keys_cannot_arrive_is_refused_before_it_is_sent(key):
    with pytest.raises(WireError):
        Encoder().encode({key: 1})


def test_used_tensors_are_named_once_in_order():
    assert used_tensors([{"t": 2}, {"m": [["k", {"u": [{"t": 0}, {"t": 2}]}]]}, {"n": 1}]) == [2, 0, 1]


# -- frames --------------------------------------------------------------------------------------------------------------


def test_a_frame_of_more_buffers_than_one_system_call_takes():
    sent = [torch.full((i % 7,), i, dtype=torch.int32) for i in range(1500)]
    received = over_the_wire(sent)
    assert all(map(torch.equal, sent, received))


def test_a_frame_of_several_megabytes():
    sent = [torch.arange(1 << 20), torch.arange(1 << 19, dtype=torch.float64), "x" * 500_000]
    assert is_same(sent, over_the_wire(sent))


def test_frames_follow_each_other():
    with connected() as (here, there):
        for number in range(3):
            here.send(pack({"number": number}, [torch.tensor(number)]))
        assert [there.receive()[0]["number"] for _ in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    "part", [b"", b"DLA", struct.pack("<4sIQ", b"DLA\x01", 64, 0), struct.pack("<4sIQ", b"DLA\x01", 2, 9) + b"{}..."]
)
def test_waiting_ends_at_the_deadline(part):
    with connected() as (here, there):
        here.socket.sendall(part)
        there.deadline = time.monotonic() + 0.01
        with pytest.raises(DeadlineError):
            there.receive()
        with pytest.raises(DeadlineError):
            there.send(pack({}, []))


def test_sending_to_a_peer_that_does_not_read_ends_at_the_deadline():
    with connected() as (here, _):
        here.deadline = time.monotonic() + 0.05
        with pytest.raises(DeadlineError):
            here.send(pack({}, [torch.zeros(4 << 20)]))


def test_a_peer_that_hangs_up_is_an_end_of_file():
    for part in (b"", b"DLA\x01", struct.pack("<4sIQ", b"DLA\x01", 2, 64) + b"{}"):
        with connected() as (here, there):
            here.socket.sendall(part)
            here.close()
            with pytest.raises(EOFError):
                there.receive()


def test_sending_to_a_peer_that_is_gone_is_an_os_error():
    with connected() as (here, there):
        there.close()
        with pytest.raises(OSError, match="Broken pipe"):
            here.send(pack({}, []))


@pytest.mark.parametrize(
    ("message", "sent", "reason"),
    [
        ({"value": "x" * (1 << 20)}, [], "1 MB of values"),
        ({}, [torch.zeros(1).expand(1 << 30)], "64 MB of tensors"),
        ({}, [torch.zeros(1).expand(1 << 40)], "64 MB of tensors"),
        ({}, [torch.zeros(5 << 20), torch.zeros(12 << 20)], "64 MB of tensors"),
        ({}, [torch.zeros(())] * 4097, "cannot be sent"),
        ({}, [torch.zeros(2, dtype=torch.float8_e5m2fnuz)], "float8"),
        ({}, [torch.zeros(2, device="meta")], "cannot be sent"),
    ],
    ids=["text", "expanded", "terabytes", "several", "many", "dtype", "meta"],
)
def test_what_is_too_large_or_unknown_is_refused_before_anything_is_sent(message, sent, reason):
    with connected() as (here, there):
        with pytest.raises(WireError, match=reason):
            here.send(pack(message, sent))
        there.deadline = time.monotonic()
        with pytest.raises(DeadlineError):
            there.receive()


@pytest.mark.parametrize(
    ("header", "body"), [((1 << 20) + 1, 0), (0xFFFFFFFF, 0), (2, (64 << 20) + 1), (2, (1 << 64) - 1)]
)
def test_a_frame_that_claims_too_much_is_refused_without_waiting_for_it(make_frame, header, body):
    with connected() as (here, there):
        here.socket.sendall(make_frame(b"{}", header_size=header, body_size=body))
        with pytest.raises(WireError, match="too large"):
            there.receive()


@pytest.mark.parametrize("header_size", [(4 << 20) + 1, 0xFFFFFFFF])
def test_a_frame_for_what_cells_show_is_larger_but_not_without_end(make_frame, header_size):
    here, there = map(frames.Connection, socket.socketpair())
    with contextlib.closing(here), contextlib.closing(there):
        here.socket.sendall(make_frame(b"{}", header_size=header_size))
        with pytest.raises(WireError, match="too large"):
            there.receive()
        with pytest.raises(WireError, match="4 MB of values"):
            here.pack({"value": "x" * (4 << 20)}, [])


@pytest.mark.parametrize(
    "strides", [3, [1], [1, -2], [1, "2"], [1, True], [1 << 40, 1], [1, 1, 1], None, [[1, 2]]], ids=str
)
def test_a_layout_that_no_tensor_has_is_refused(make_frame, strides):
    entry = ["float32", [2, 1], False, True, [8, strides]]
    with connected() as (here, there):
        here.socket.sendall(make_frame({"tensors": [entry]}, b"12345678"))
        with pytest.raises(WireError):
            there.receive()


def test_what_would_take_too_much_memory_for_a_layout_arrives_without_it(make_frame):
    entries = [["float32", [2], False, True, [8, [stride]]] for stride in (1 << 23, 1 << 23, 1 << 39)]
    with connected() as (here, there):
        here.socket.sendall(make_frame({"tensors": entries}, b"".join([b"12345678".ljust(64, b"0")] * 3)))
        _, received = there.receive()
    assert [r.tensor.stride() for r in received] == [(1 << 23,), (1,), (1,)]


@pytest.mark.parametrize("magic", [b"DLA\x00", b"DLA\x02", b"HTTP"])
def test_another_version_is_named_as_such(make_frame, magic):
    with connected() as (here, there):
        here.socket.sendall(make_frame({}, magic=magic))
        with pytest.raises(WireError, match="version"):
            there.receive()


# -- hostile peers -------------------------------------------------------------------------------------------------------


def receive_all(content):
    """Read frames out of bytes, and every value in them, until they end or are refused."""
    with connected() as (here, there):
        feeder = threading.Thread(target=_feed, args=(here.socket, content))
        feeder.start()
        there.deadline = time.monotonic() + 30
        try:
            while True:
                message, received = there.receive()
                used_tensors(message)
                for r in received:
                    r.tensor.requires_grad_(r.requires_grad)
                Decoder([r.tensor.detach() for r in received]).decode(message.get("value"))
        except REFUSALS:
            return
        finally:
            there.close()
            feeder.join()


def _feed(sock, content):
    with contextlib.suppress(OSError):
        sock.sendall(content)
        sock.shutdown(socket.SHUT_WR)


def valid_frame(value):
    encoder = Encoder()
    tree = encoder.encode(value)
    with connected() as (here, there):
        here.send(pack({"value": tree}, encoder.tensors))
        there.socket.settimeout(0)
        return there.socket.recv(1 << 20)


samples = st.sampled_from(
    [
        0,
        [1, (2, {"k": None})],
        torch.ones(2, 3),
        [torch.tensor(True), np.zeros((0, 2)), torch.zeros(2, dtype=torch.complex64)],
        {"f": math.nan, "i": 1 << 70, "s": slice(1, None), "r": range(3), "c": 1j, "d": torch.int8},
    ]
).map(valid_frame)
edits = st.lists(
    st.tuples(
        st.sampled_from(["set", "insert", "delete", "cut", "double"]),
        st.floats(0, 1, exclude_max=True),
        st.binary(min_size=1, max_size=3)
        | st.sampled_from([b'"', b"[", b"]", b"{", b"}", b"-", b"1e999", b"null", b"0", b"9" * 5000]),
    ),
    min_size=1,
    max_size=4,
)


def apply_edits(content, changes):
    for kind, where, what in changes:
        at = int(where * len(content))
        rest = {
            "set": content[at + len(what) :],
            "insert": content[at:],
            "delete": content[at + len(what) :],
            "cut": b"",
            "double": content[at:] * 2,
        }[kind]
        content = content[:at] + (what if kind in ("set", "insert") else b"") + rest
    return content


@settings(max_examples=400)
@given(samples, edits)
def test_a_damaged_frame_is_refused(content, changes):
    receive_all(apply_edits(content, changes))


@settings(max_examples=100)
@given(st.binary(max_size=200), st.booleans())
def test_noise_is_refused(noise, plausible):
    receive_all(struct.pack("<4sIQ", b"DLA\x01", len(noise), 0) + noise if plausible else noise)


numbers = st.integers(-2, 70) | st.sampled_from(
    [1 << 40, (1 << 40) - 1, 1 << 63, -(1 << 64), 10**30, 0.5, 1e308, math.nan]
)
words = st.sampled_from(
    ["", "nan", "float32", "bool", "0x1", "-0xff", "0xg", "0x" + "f" * 20_000, "\ud800", "x" * 1000]
)
odd = st.recursive(
    st.none() | st.booleans() | numbers | words,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["t", "x", "", "float32"]), inner, max_size=2)
    ),
    max_leaves=8,
)
trees = st.recursive(
    odd,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.builds(
            lambda name, parts: {"v": [name, *parts]},
            st.sampled_from(sorted(standard_values._MADE)),
            st.lists(inner | st.integers(-1, 99), max_size=9),
        )
        | st.builds(
            lambda tag, value: {tag: value},
            st.sampled_from([*"tnumfisrcdg", "h", "F", "b", "p", "v", "w", "&", "=", "zz"]),
            st.lists(inner | st.lists(inner, min_size=2, max_size=2), max_size=4) | inner,
        )
    ),
    max_leaves=20,
)
entries = (
    st.tuples(
        st.sampled_from(["float32", "bool", "int8", "complex128", "bfloat16", "nope"]) | odd,
        st.sampled_from(
            [[2], [], [0], [2, 2], [-1], [1] * 17, [1] * 16, [0, *[(1 << 40) - 1] * 3], "", {}, "ab", [True]]
        )
        | odd,
        st.booleans() | odd,
        st.booleans() | odd,
        st.sampled_from([0, 1, 4, 8, 16, 32, 64]) | odd,
    )
    | odd
)
hostile = st.fixed_dictionaries({"value": trees}, optional={"tensors": st.lists(entries, max_size=4) | odd})


@settings(max_examples=300)
@given(hostile, st.binary(max_size=64))
def test_any_tree_is_a_value_or_refused(make_frame, message, body):
    receive_all(make_frame(message, body))


@pytest.mark.parametrize(
    "shape",
    ["", {}, [], [True]],
    ids=["text", "object", "list", "bool"],
)
def test_a_shape_that_is_no_list_of_integers_is_refused_or_read_as_one(make_frame, shape):
    receive_all(make_frame({"tensors": [["float32", shape, False, True, 4]]}, bytes(64)))


@example(trees=[[]])
@given(st.lists(trees, max_size=3))
def test_any_header_is_a_frame_or_refused(make_frame, trees):
    receive_all(make_frame(trees))


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 100_000,
        b'{"value":' + b"[" * 60_000 + b"]" * 60_000 + b"}",
        b'{"value":' + b'{"u":[' * 5_000 + b"]}" * 5_000 + b"}",
    ],
)
def test_headers_nested_without_end_are_refused(make_frame, header):
    receive_all(make_frame(header))


def test_a_dictionary_of_keys_that_share_one_hash_does_not_hold_up_the_reader(make_frame):
    """Looking up n keys of equal hash takes n * n steps: the number of keys must be small or keys like these refused."""
    pairs = [[(2**61 - 1) * k, 0] for k in range(1, 8_000)]
    with pytest.raises(WireError):
        Decoder([]).decode({"m": pairs})
