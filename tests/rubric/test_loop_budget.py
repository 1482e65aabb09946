"""Loops of known mistakes are bounded by a count."""

import itertools

import pytest

from autograder.rubric.loop_budget import IMPORT, TooManyRounds, at_most, with_counted_rounds

ENDLESS = {
    "while": "while True: pass",
    "for": "import itertools\nfor i in itertools.count(): pass",
    "a comprehension": "import itertools\n[i for i in itertools.count()]",
    "a generator": "def forever():\n    while True:\n        yield 1\nlist(forever())",
    "items without an end": "class Data:\n    def __getitem__(self, i): return i\nlist(Data())",
    "an iterator without an end": "class Data:\n    def __iter__(self): return self\n    def __next__(self): return 1\nsum(Data())",
    "a loop that catches everything": "while True:\n    try:\n        1 / 0\n    except Exception:\n        continue",
}


def run(source):
    names = {}
    exec(f"{IMPORT}\n{with_counted_rounds(source)}", names)
    return names


@pytest.mark.parametrize("source", ENDLESS.values(), ids=ENDLESS)
def test_what_never_ends_is_ended_at_the_same_round(source):
    with pytest.raises(TooManyRounds), at_most(100):
        run(source)


def test_all_loops_share_the_rounds():
    nested = "for i in range(3):\n    for j in range(4):\n        [k for k in range(5) if k]"
    needed = 3 + 3 * 4 + 3 * 4 * 5
    with at_most(needed):
        run(nested)
    with pytest.raises(TooManyRounds), at_most(needed - 1):
        run(nested)


def test_what_ends_gives_what_it_gave():
    source = "squares = [i * i for i in range(9) if i % 2]\ntotal = 0\nfor s in squares:\n    total += s"
    with at_most(20):
        assert run(source)["total"] == sum(i * i for i in range(9) if i % 2)


def test_outside_a_bound_nothing_is_counted():
    names = run("def first(n):\n    return [i for i in range(n)]")
    with at_most(3):
        assert names["first"](3) == [0, 1, 2]
    assert len(names["first"](10_000)) == 10_000
    assert list(itertools.islice(names["first"](5), 2)) == [0, 1]


def test_what_is_not_plain_python_stays_as_it_is():
    assert with_counted_rounds("%matplotlib inline\nx = 1") == "%matplotlib inline\nx = 1"
