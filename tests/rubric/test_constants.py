"""What a rubric holds is for every submission as it was read, wherever it is held."""

import pytest

from tests.rubric.test_plugin import thrice, tiny

HELD = """import collections, dataclasses, types
import numpy as np
import pytest
import torch
from typing import NamedTuple
class Pair(NamedTuple):
    xs: list
    n: int
@dataclasses.dataclass
class Case:
    xs: list
@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    xs: list
class Holder:
    xs = [3, 1]
def helper(xs=[3, 1]):
    return xs
def kw(*, xs=[3, 1]):
    return xs
def closed():
    xs = [3, 1]
    return lambda: xs
CLOSED = closed()
ROW = [1]
ROWS = [ROW, ROW]
NET = torch.nn.Linear(2, 1)
BIAS0 = NET.bias.detach().clone()
NESTED = {"a": [Case([3, 1])]}
TLIST = [torch.zeros(2), np.zeros(2)]
PARAM = torch.nn.Parameter(torch.zeros(2))
OBJ = [[1, Pair([3, 1], 2)]]
SPACE = types.SimpleNamespace(xs=[3, 1])
GEN = torch.Generator().manual_seed(0)
RNG = np.random.default_rng(0)
FIRST = {}
OARR = np.array([[1, 2], None], dtype=object)
VIEWBASE = torch.zeros(4)
VIEW = VIEWBASE[:2]
class L(list): pass
SUB = L([3, 1])
DEEP = Case([Case([3,1])])
import ours
from ours import counted
COUNT = 0
def set_count():
    global COUNT
    COUNT = 1
TUPD = {"k": ([3, 1], 2)}
OD = collections.OrderedDict(a=[3, 1])
DD = collections.defaultdict(list, a=[3, 1])
@pytest.fixture(scope="module")
def data(): return [3, 1]
@pytest.fixture(scope="session")
def sdata(): return [3, 1]
"""
HELPERS = """import itertools
SEEN, COUNT = [], 0
def counted():
    global COUNT
    COUNT += 1
    SEEN.append(COUNT)
    return COUNT
"""
CONFTEST = """import pytest
MADE = []
@pytest.fixture
def number():
    MADE.append(1)
    return len(MADE)
"""
HOLDERS = {
    "global": ("COUNT == 0", "set_count()"),
    "module": ("ours.SEEN == []", "ours.SEEN.append(1)"),
    "global_of_module": ("ours.COUNT == 0", "ours.COUNT = 1"),
    "imported_function": ("counted() == 1", "pass"),
    "conftest": ("number == 1", "pass"),
    "namedtuple_param": ("pair.xs == [3, 1]", "pair.xs.sort()"),
    "slotted": ("SL.xs == [3, 1]", "SL.xs.sort()"),
    "classattr": ("Holder.xs == [3, 1]", "Holder.xs.sort()"),
    "default": ("helper() == [3, 1]", "helper().sort()"),
    "kwdefault": ("kw() == [3, 1]", "kw().sort()"),
    "closure": ("CLOSED() == [3, 1]", "CLOSED().sort()"),
    "identity": ("ROWS[0] is ROWS[1] and ROWS[0] is ROW and ROWS == [[1],[1]]", "ROW.append(2)"),
    "net": ("torch.equal(NET.bias, BIAS0)", "NET.bias.data.add_(1)"),
    "nested_case": ("NESTED['a'][0].xs == [3, 1]", "NESTED['a'][0].xs.sort()"),
    "nested_case_attr": ("NESTED['a'][0].xs == [3, 1]", "NESTED['a'][0].xs = 5"),
    "tlist": ("TLIST[0].sum() == 0 and TLIST[1].sum() == 0", "TLIST[0].add_(1); TLIST[1].__iadd__(1)"),
    "param": (
        "PARAM.sum() == 0 and PARAM.requires_grad and PARAM.grad is None",
        "PARAM.data.add_(1); PARAM.sum().backward()",
    ),
    "paramgrad": ("PARAM.grad is None", "PARAM.sum().backward()"),
    "obj": ("OBJ[0][1].xs == [3, 1]", "OBJ[0][1].xs.sort()"),
    "space": ("SPACE.xs == [3, 1]", "SPACE.xs.sort()"),
    "gen": ("torch.rand(1, generator=GEN).item() == pytest.approx(0.4962565899)", "pass"),
    "rng": ("RNG.random() == pytest.approx(0.6369616873214543)", "pass"),
    "oarr": ("OARR[0] == [1, 2] if OARR.ndim == 1 else OARR[0,0]==1", "OARR[0].append(3) if OARR.ndim == 1 else None"),
    "viewbase": ("VIEW.sum() == 0 and VIEW.data_ptr() == VIEWBASE.data_ptr()", "VIEW.add_(1)"),
    "sub": ("SUB == [3, 1]", "SUB.sort()"),
    "deep": ("DEEP.xs[0].xs == [3, 1]", "DEEP.xs[0].xs.sort()"),
    "tupd": ("TUPD['k'][0] == [3, 1]", "TUPD['k'][0].sort()"),
    "od": ("list(OD.items()) == [('a', [3, 1])]", "OD['a'].sort(); OD.__setitem__('b', 1)"),
    "dd": ("dict(DD) == {'a': [3, 1]}", "DD['b'].append(1)"),
    "default_factory": ("DD.default_factory is list", "DD.default_factory = int; DD['b'] += 1"),
    "module_fixture": ("data == [3, 1]", "data.sort()"),
    "session_fixture": ("sdata == [3, 1]", "sdata.sort()"),
    "paramlist": ("xs == [3, 1]", "xs.sort()"),
    "reqgrad": ("not VIEWBASE.requires_grad", "VIEWBASE.requires_grad_()"),
}


@pytest.mark.parametrize("name", HOLDERS)
def test_it_is_as_it_was_for_the_next_submission(tmp_path, name):
    ok, change = HOLDERS[name]
    text = (
        tiny.VISIBLE.replace("import torch\n", HELD + "SL = Slotted([3, 1])\n", 1)
        .replace(
            '@criterion("double", points=2',
            '@pytest.mark.parametrize(("xs", "pair"), [([3, 1], Pair([3, 1], 2))])\n@criterion("double", points=2',
            1,
        )
        .replace(
            "def test_double_shape(student, rng):",
            f"""def test_double_shape(student, rng, xs, pair, data, sdata, number):
    assert {ok}
    {change}""",
            1,
        )
    )
    course = tiny.make(tmp_path, visible=text)
    for file, written in (("ours.py", HELPERS), ("conftest.py", CONFTEST)):
        (course.root / "solutions" / "tiny" / file).write_text(written)
    outcomes = thrice(course)
    assert outcomes == [["passed"] * len(outcomes[0])] * 3
