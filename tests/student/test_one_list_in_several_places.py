"""A list that stands in several places of a value is one list on the other side as well."""

import pytest

from autograder.base.errors import BadReply, StudentException
from autograder.sandbox.frames import WireError
from autograder.sandbox.values import Decoder, Encoder

SOURCE = """
def rows(): return [[0] * 2] * 3
def deep():
    d = {"x": [1]}
    return {"a": d, "b": [d, d["x"]], "c": (d["x"], {2})}
def cyclic():
    a = [1]
    a.append((a,))
    return a
def are_same(xs): return xs[0] is xs[1]
def touch(xs): xs[0].append(1)
def both(a, b):
    a.append(1)
    return a is b, list(b)
def put(a, b): a.append(b)
def same(a): return a
def inside(a): return {"a": (a, a[0]), "new": [a]}
def grown(xs):
    xs.append(1)
    return xs
def yields(a):
    yield a
    a.append(1)
    yield a
def again_and_again(a, n):
    for _ in range(n): yield a
def each(a, b):
    for i in range(2):
        a.append(i)
        yield list(b)
def call(g):
    a = [1]
    g(a, {"x": a})
    return a
class Holder:
    def __init__(self):
        a = [1]
        self.both = [a, a]
"""


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_it_is_one(runner, request):
    student = request.getfixturevalue(runner)(SOURCE, declare=["Holder()"], changes={"touch": ["xs"]})
    rows = student.rows()
    rows[0][0] = 1
    assert rows == [[1, 0]] * 3
    deep = student.deep()
    assert deep["a"] is deep["b"][0]
    assert deep["b"][1] is deep["c"][0] is deep["a"]["x"]
    holder = student.Holder()
    both = holder.both
    first = both[0]
    assert first is both[1] is holder.both[0]
    row = [1]
    assert student.are_same([row, row])
    assert not student.are_same([[1], [1]])
    student.touch(touched := [row, row])
    assert touched == [[1, 1], [1, 1]]
    assert touched[1] is row


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_it_is_one_in_several_arguments(runner, request):
    changes = {name: ["a"] for name in ("both", "put", "each")}
    student = request.getfixturevalue(runner)(SOURCE, changes=changes)
    row, other = [], [2]
    assert student.both(row, row) == (True, [1])
    assert row == [1]
    assert [(seen, list(row)) for seen in student.each(row, row)] == [([1, 0], [1, 0]), ([1, 0, 1], [1, 0, 1])]
    student.put(row, other)
    assert row[-1] is other
    assert student.call(lambda a, b: (a.append(a is b["x"]), b["x"].append(2))) == [1, True, 2]


def test_it_may_come_back_again_and_again(open_student):
    large = ["x" * 200_000]
    assert all(one is large for one in open_student(SOURCE).again_and_again(large, 30))


@pytest.mark.parametrize("runner", ["open_student", "open_local"])
def test_what_comes_back_is_the_one_that_was_passed(runner, request):
    student = request.getfixturevalue(runner)(SOURCE, changes={"yields": ["a"]})
    rows = [[1]]
    assert student.same(rows) is rows
    found = student.inside(rows)
    assert found["a"][0] is found["new"][0] is rows
    assert found["a"][1] is rows[0]
    assert student.grown(rows) == [[1], 1]
    assert rows == [[1]]
    assert all(item is rows for item in student.yields(rows))
    assert rows == [[1], 1]


def test_a_list_that_contains_itself_says_so(open_student):
    with pytest.raises(StudentException, match="a list that contains itself"):
        open_student(SOURCE).cyclic()


@pytest.mark.parametrize(
    "tree",
    [
        *(
            {"=": 1},
            {"&": [1, 2]},
            {"&": [1, {"=": 1}]},
            {"&": [True, []]},
            {"&": 3},
            {"&": [1]},
            {"=": None},
            {"=": []},
        ),
        [{"&": [1, []]}, {"&": [1, []]}],
        [{"&": [1, []]}, {"=": True}, {"=": 2}],
    ],
    ids=str,
)
def test_numbers_of_nothing_are_refused(tree):
    with pytest.raises(WireError):
        Decoder([]).decode(tree)


def test_a_list_may_not_stand_for_too_much():
    """Walking through thirty lists, each twice in the next, would take for ever."""
    value = ["x" * 100]
    for _ in range(30):
        value = [value, value]
    tree = Encoder().encode_whole(value)
    with pytest.raises(WireError, match="too much"):
        Decoder([]).decode(tree)
    long = {"&": [1, ["x" * 100_000]]}
    with pytest.raises(WireError, match="too much"):
        Decoder([]).decode([long, *[{"=": 1}] * 100])


def test_from_a_worker_it_is_a_students_error(open_student):
    student = open_student("def f():\n    x = [1]\n    for _ in range(29): x = [x, x]\n    return x")
    with pytest.raises(BadReply):
        student.f()
