"""A result that shows memory of an argument does so on the rubric's side: what is written into one is in the other."""

import numpy as np
import pytest
import torch

SOURCE = """
import numpy as np
import torch
def flat(x): return x.view(-1)
def turned(x): return x.T
def row(x): return x[1]
def wide(x): return x[:1].expand(3, -1)
def detached(x): return x.detach()
def copied(x): return x.clone()
def as_array(x): return x.numpy()
def as_tensor(x): return torch.from_numpy(x)
def spoilt(x):
    x += 1
    return x[1]
def itself(x): return x
def overwritten(x):
    memory = x.__array_interface__
    class Writeable: __array_interface__ = {**memory, "data": (memory["data"][0], False)}
    np.asarray(Writeable())[...] = 7
def backwards(x): return x[::-1]
def flipped(x): return np.flip(x)
def turned_round(x): return np.rot90(x)
def windows_of(x): return np.lib.stride_tricks.sliding_window_view(x, 2)
def both(x): return {"rows": [x[0], x[1]], "sum": x.sum()}
def layout(x): return tuple(x.stride()), x.is_contiguous()
def made(): return torch.zeros(2, 3).T
def windows(x, n):
    yield x
    for i in range(len(x) - n + 1): yield x[i:i + n]
class Reader:
    def row(self, x): return x[1]
    def itself(self, x): return tuple(x)
"""


@pytest.fixture(params=["open_student", "open_local"])
def student(request):
    return request.getfixturevalue(request.param)(SOURCE, declare=["Reader()"])


@pytest.mark.parametrize(
    ("name", "place", "written"),
    [
        ("flat", (0,), (0, 0)),
        ("flat", (5,), (1, 2)),
        ("turned", (2, 0), (0, 2)),
        ("row", (1,), (1, 1)),
        ("wide", (2, 1), (0, 1)),
        ("detached", (1, 1), (1, 1)),
    ],
)
@pytest.mark.parametrize("make", [lambda: torch.zeros(2, 3), lambda: torch.zeros(3, 2, 3)[1]])
def test_what_is_written_into_a_view_is_in_the_argument(student, name, place, written, make):
    x = make()
    view = getattr(student, name)(x)
    view[place] = 7
    assert x[written] == 7
    assert x.sum() == 7
    x[written] = 8
    assert view[place] == 8


def test_so_do_items(student):
    t, a = torch.arange(4.0), np.arange(3)
    (same, *windows), parts = student.windows(t, 3), list(student.windows(a, 2))
    t[2] = 9
    parts[2][1] = 7
    assert same is t
    assert [w.tolist() for w in windows] == [[0, 1, 9], [1, 9, 3]]
    assert (a.tolist(), parts[0].tolist()) == ([0, 1, 7], [0, 1, 7])


def test_of_arrays_too(student):
    a, t = np.zeros((2, 3)), torch.zeros(2)
    turned, row, tensor, array = student.turned(a), student.row(a), student.as_tensor(a), student.as_array(t)
    turned[0, 1], row[1], tensor[0, 2], array[0] = 1, 2, 3, 4
    assert a.tolist() == [[0, 0, 3], [1, 2, 0]]
    assert np.shares_memory(turned, a)
    assert t.tolist() == [4, 0]
    assert student.itself(a) is a
    assert student.Reader().itself([a, t])[0] is a


@pytest.mark.parametrize(
    ("name", "place", "written"),
    [("backwards", (0, 1), (1, 1)), ("flipped", (0, 0), (1, 2)), ("turned_round", (0, 1), (1, 2))],
)
@pytest.mark.parametrize(
    "make", [lambda: np.zeros((2, 3)), lambda: np.zeros((2, 3))[::-1], lambda: np.zeros((2, 3))[::-1, ::-1]]
)
def test_of_arrays_that_run_backwards(student, name, place, written, make):
    a = make()
    view = getattr(student, name)(a)
    view[place] = 7
    assert (a[written], a.sum()) == (7, 7)
    a[written] = 8
    assert view[place] == 8


def test_what_may_not_be_written_to_shows_it_too(student):
    a = np.zeros(3)
    windows = student.windows_of(a)
    a[1] = 5
    assert windows.tolist() == [[0, 5], [5, 0]]
    with pytest.raises(ValueError, match="read-only"):
        windows[0, 0] = 1


def test_no_tensor_is_made_of_what_runs_backwards(student):
    with pytest.raises(Exception, match="negative"):
        student.as_tensor(np.zeros(3)[::-1])


def test_wherever_it_stands(student):
    x = torch.zeros(2, 2)
    found = student.both(x)
    found["rows"][1].fill_(2)
    student.Reader().row(x)[0] = 3
    assert (x.tolist(), found["sum"].item()) == ([[0, 0], [3, 2]], 0)


def test_a_copy_and_what_was_changed_is_apart(student):
    x = torch.zeros(2, 2)
    student.copied(x).fill_(1)
    student.spoilt(x).fill_(2)
    assert x.tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("kind", [torch.zeros, np.zeros])
def test_what_has_gaps_or_is_turned_lies_there_as_here(student, kind):
    whole = kind((4, 6))
    for x, written in ((whole.T, (0, 1)), (whole[1:, ::2], (2, 0)), (whole[:, 3], (1, 3))):
        whole[...] = 0
        view = student.row(x) if x.ndim > 1 else student.itself(x)[1:2]
        view[:1] = 7
        assert (whole[written], whole.sum()) == (7, 7)
        whole[written] = 8
        assert view[0] == 8


def test_where_its_items_lie_is_known_there_and_here(student):
    x, wide = torch.zeros(2, 3), torch.zeros(8, 50)[:, :1]
    for own in (x, x.T, x[:, ::2], x.expand(4, 2, 3), x.to(torch.bool).T, x.bfloat16().T, wide):
        assert student.layout(own) == (own.stride(), own.is_contiguous())
    assert student.made().stride() == (1, 3)
    assert not student.made().is_contiguous()
    assert student.as_array(torch.zeros(2, 3).T).flags.f_contiguous
    with pytest.raises(Exception, match="view size is not compatible"):
        student.flat(x.T)


@pytest.mark.parametrize("where", ["a file", "bytes", "a number"])
def test_nothing_is_written_into_what_a_rubric_may_not_write_into(open_student, tmp_path, where):
    """A write into a file that was opened to be read, which lies in memory, would be the end of the rubric's process."""
    np.save(tmp_path / "data.npy", np.arange(4.0))
    a = {
        "a file": np.load(tmp_path / "data.npy", mmap_mode="r"),
        "bytes": np.frombuffer(bytes(32)),
        "a number": np.broadcast_to(np.array(1.0), ()),
    }[where]
    before = a.copy()
    student = open_student(SOURCE, changes={"overwritten": ("x",)})
    student.overwritten(a)
    assert a.tolist() == before.tolist()
    assert student.itself(a).tolist() == before.tolist()
