"""Frames, series and indices of pandas cross both ways as arrays; what a submission says of one is checked."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograder.sandbox import tables
from autograder.sandbox.frames import WireError
from autograder.sandbox.values import Decoder, Encoder
from autograder.student.local import LocalRunner

FRAMES = [
    pd.DataFrame(
        {"a": [1, 2], "b": ["x", None], "c": [1.5, np.nan], "d": [True, False], "e": [{"k": 1}, [2]]}, index=["r", "s"]
    ),
    pd.DataFrame(
        {
            "t": pd.to_datetime(["2024-01-01", "2024-01-02"]),
            "c": pd.Categorical(["u", "v"]),
            "n": pd.array([1, None], "Int64"),
        }
    ),
    *(
        pd.DataFrame(),
        pd.DataFrame(index=["a"]),
        pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]),
        pd.DataFrame(np.zeros((2, 3))),
    ),
    pd.DataFrame({"x": [1, 2, 1], "y": [1.0, 2, 3]}).groupby("x").agg(["mean", "max"]),
    *(pd.Series([1, 2], name="s", index=pd.date_range("2024-01-01", periods=2)), pd.Series(["a", None], dtype=object)),
    *(pd.Series([True, None], dtype="boolean"), pd.Series(["a", None], dtype="string"), pd.Series(dtype="float64")),
    *(
        pd.Index([1, 2], name="i"),
        pd.RangeIndex(3),
        pd.CategoricalIndex(["a"]),
        pd.date_range("2024", periods=3, freq="W"),
    ),
    pd.MultiIndex.from_product([["a", "b"], [1, 2]], names=["x", "y"]),
]
SOURCE = """
import pandas as pd
def frame(): return pd.DataFrame({"loss": [0.5, 0.25], "name": ["a", "b"]}, index=[1, 2])
def numbers(): return {"s": [pd.Series([1, 2, 3])]}
def cleaned(df): return df.dropna()
def add(df): df["z"] = 1
def kind(x): return type(x).__name__
def in_a_zone(): return pd.Series(pd.date_range("2024", periods=2, tz="UTC"))
class Loader:
    def __init__(self, df): self.df = df
    def head(self, n): return self.df.head(n)
"""


@pytest.fixture(scope="module", params=["worker", "here"])
def student(request, open_runner, open_local):
    """In one worker for all tests: it takes long to import pandas."""
    options = {"declare": ["Loader(df)"], "changes": {"add": ["df"]}}
    if request.param == "here":
        yield open_local(SOURCE, **options)
        return
    runner, student = open_runner(SOURCE, cell_s=20, **options)
    yield student
    runner.close()


def test_what_comes_back_is_compared_and_calculated_with(student):
    expected = pd.DataFrame({"loss": [0.5, 0.25], "name": ["a", "b"]}, index=[1, 2])
    pd.testing.assert_frame_equal(student.frame(), expected)
    assert (student.frame() == expected).all().all()
    assert (student.frame()["loss"] < 1).all()
    assert student.numbers()["s"][0].sum() == 6
    assert student.Loader(expected).head(1)["name"].tolist() == ["a"]
    assert student.in_a_zone().dt.year.tolist() == [2024, 2024]


def test_frames_are_arguments_and_changes_come_back_or_are_held_against_the_function(student):
    df = pd.DataFrame({"a": [1.0, None], "b": ["x", "y"]})
    assert len(student.cleaned(df)) == 1
    assert [student.kind(x) for x in (df, df["a"], df.index)] == ["DataFrame", "Series", "RangeIndex"]
    student.add(df)
    assert list(df.columns) == ["a", "b", "z"]
    undeclared = replace(student.add.function, changes=frozenset())
    df = pd.DataFrame({"a": [1]})
    assert student.add.runner.call(undeclared, [df]) == (None, ["df"])
    assert list(df.columns) == ["a"]


def test_what_stays_says_why(student):
    if isinstance(student.frame.runner, LocalRunner):
        return  # nothing has to cross
    with pytest.raises(TypeError, match="stays in the student's process"):
        _ = student.in_a_zone() == 3
    for too_much in (pd.Series(range(tables.MAX_ROWS + 1)), pd.Series(pd.date_range("2024", periods=2, tz="UTC"))):
        with pytest.raises(WireError, match="to_numpy"):
            student.kind(too_much)


@pytest.mark.parametrize("table", FRAMES, ids=lambda table: type(table).__name__)
def test_a_table_is_the_same_on_the_other_side(table):
    encoder = Encoder()
    tree = encoder.encode(tables.take_apart(table))
    made = tables.put_together(Decoder(encoder.tensors).decode(tree))
    assert tables.is_same(made, table)
    if isinstance(table, pd.DataFrame):
        pd.testing.assert_frame_equal(made, table)
    elif isinstance(table, pd.Series):
        pd.testing.assert_series_equal(made, table)
    else:
        pd.testing.assert_index_equal(made, table)


words = st.sampled_from(
    ["frame", "series", "range", "levels", "index", "array", "category", "words", "mask", "str", "Int64", "W", "a"]
)
arrays = st.sampled_from(
    [
        np.array([1, 2]),
        np.array([True, False]),
        np.array(["a", None], dtype=object),
        np.zeros((2, 2)),
        np.array([[]]),
        np.array([1.5, 9]),
    ]
)
parts = st.recursive(
    words | arrays | st.none() | st.booleans() | st.integers(-2, 1 << 70),
    lambda inner: (
        st.lists(inner, max_size=5) | st.builds(lambda kind, rest: [kind, *rest], words, st.lists(inner, max_size=4))
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(parts)
def test_whatever_is_said_of_a_table_makes_one_or_none(parts):
    try:
        made = tables.put_together(parts)
    except ValueError:
        return
    assert len(made) <= tables.MAX_ROWS
    repr(made)
