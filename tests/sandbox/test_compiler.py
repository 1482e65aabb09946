"""torch without its compiler, in processes of their own: what is imported cannot be taken back."""

import subprocess
import sys

import pytest

DEFERRED = "import sys, torch\nfrom autograder.sandbox import compiler\ncompiler.defer_import()\n"
DEFERRED_EARLY = "from autograder.sandbox import compiler\ncompiler.defer_import_with_torch()\nimport sys, torch\n"
IMPORTED = "print('torch._dynamo.eval_frame' in sys.modules, 'sympy' in sys.modules)\n"
TRAIN = """
p = torch.nn.Parameter(torch.ones(2))
for kind in (torch.optim.SGD, torch.optim.Adam):
    optimizer = kind([p], lr=0.5)
    (1 * p).backward(torch.ones(2))
    optimizer.step()
    optimizer.zero_grad()
    optimizer.load_state_dict(optimizer.state_dict())
print([abs(round(v, 3)) for v in p.tolist()])
"""


def run(source):
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout.split("\n")


@pytest.mark.parametrize(
    "use",
    [
        "print(torch._dynamo.optimize('eager')(lambda x: x + 1)(torch.ones(1)).tolist())",
        "import torch._dynamo.config as config\nprint([float(config.recompile_limit > 0) + 1])",
        "from torch._dynamo import reset\nreset()\nprint([2.0])",
    ],
    ids=["compile", "submodule", "name"],
)
def test_whoever_asks_for_it_gets_it(use):
    assert run(DEFERRED + use + "\n" + IMPORTED + TRAIN)[:3] == ["[2.0]", "True True", "[0.0, 0.0]"]


WRONG_SHAPE = """
try: (2 * torch.ones(2, requires_grad=True)).backward(torch.ones(3))
except RuntimeError as e: print(str(e)[:23])
"""
LOOK = """
import inspect, warnings
inspect.getmodule(run := lambda: 0)
[getattr(m, '__file__', 0) for m in list(sys.modules.values())]
"""


@pytest.mark.parametrize("deferred", [DEFERRED, DEFERRED_EARLY], ids=["after", "before"])
def test_ordinary_work_does_not_import_it(deferred):
    """Optimisers do without it, gradients of a wrong shape are refused, and all modules can be looked at."""
    said = run(deferred + TRAIN + IMPORTED + WRONG_SHAPE + IMPORTED + LOOK + IMPORTED)
    assert said[:5] == ["[0.0, 0.0]", "False False", "Mismatch in shape: grad", "False False", "False False"]
