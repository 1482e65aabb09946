"""torch without its compiler, in processes of their own: what is imported cannot be taken back."""

import subprocess
import sys

import pytest

DEFERRED = "import sys, torch\nfrom autograder.sandbox import compiler\ncompiler.defer_import()\n"
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


def test_optimisers_work_without_it():
    assert run(DEFERRED + TRAIN + IMPORTED)[:2] == ["[0.0, 0.0]", "False False"]


def test_gradients_of_a_wrong_shape_are_refused():
    source = "try: (2 * torch.ones(2, requires_grad=True)).backward(torch.ones(3))\nexcept RuntimeError as e: print(str(e)[:23])\n"
    assert run(DEFERRED + source + IMPORTED)[:2] == ["Mismatch in shape: grad", "False False"]


@pytest.mark.parametrize(
    "use",
    [
        "print(torch.compile(lambda x: x + 1, backend='eager')(torch.ones(1)).tolist())",
        "import torch._dynamo.config as config\nprint([float(config.recompile_limit > 0) + 1])",
        "from torch._dynamo import reset\nreset()\nprint([2.0])",
    ],
    ids=["compile", "submodule", "name"],
)
def test_whoever_asks_for_it_gets_it(use):
    assert run(DEFERRED + use + "\n" + IMPORTED + TRAIN)[:3] == ["[2.0]", "True True", "[0.0, 0.0]"]


def test_looking_at_all_modules_does_not_import_it():
    look = "import inspect, warnings\ninspect.getmodule(run := lambda: 0)\n[getattr(m, '__file__', 0) for m in list(sys.modules.values())]\n"
    assert run(DEFERRED + look + IMPORTED)[0] == "False False"
