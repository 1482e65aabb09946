"""`assert_written_without`: what runs decides, in a worker and in this process; the text decides nothing."""

import cProfile
import sys

import pytest
import torch

from autograder import checks
from autograder.base.errors import BadReply, StudentError
from autograder.course.settings import Function
from autograder.course.submission import Cell
from autograder.rubric.check_failures import CheckFailed
from autograder.rubric.findings import Finding
from autograder.sandbox.cells import Notebook
from autograder.student.functions import Student
from autograder.student.local import LocalRunner
from autograder.student.source_use import Source

IMPORTS = """\
import cProfile, functools, gc, io, operator, profile, pstats, pydoc, sys, threading, _thread
from concurrent.futures import ThreadPoolExecutor
import torch
from torch import nn
import torch.nn.functional as F
"""
BODY = """\
    powers = torch.exp(X - X.max(dim=1, keepdim=True).values)
    return powers / powers.sum(dim=1, keepdim=True)
"""
BY_HAND = f"def softmax(X):\n{BODY}"
COUNTS = [(torch.tensor([[1.0, 2.0, 3.0], [0.0, 0.0, 1.0]]),), (torch.zeros(40, 3, requires_grad=True),)]

READY_MADE = {
    "by its name": "def softmax(X): return torch.softmax(X, dim=1)",
    "as a method": "def softmax(X): return X.softmax(-1)",
    "by its logarithm": "def softmax(X): return F.log_softmax(X, 1).exp()",
    "as a module": "def softmax(X): return nn.Softmax(dim=1)(X)",
    "the module itself": "softmax = nn.Softmax(dim=1)",
    "the function itself": "softmax = functools.partial(torch.softmax, dim=1)",
    "under a cell magic": "%%time\ndef softmax(X):\n    return torch.softmax(X, dim=1)",
    "under another cell magic": "%%capture\ndef softmax(X):\n    return nn.functional.softmax(X, dim=1)",
    "behind a line magic": "%time rows = torch.softmax\ndef softmax(X):\n    return rows(X, 1)",
    "by a star import": "from torch.nn.functional import *\nready = softmax\ndef softmax(X): return ready(X, 1)",
    "from a list": "steps = []\nsteps.append(torch.softmax)\ndef softmax(X): return steps[0](X, 1)",
    "from a table": "steps = {}\nsteps['s'] = torch.softmax\ndef softmax(X): return steps['s'](X, 1)",
    "a module from a table": "nets = {'out': nn.Softmax(1)}\ndef softmax(X): return nets['out'](X)",
    "from a list in a default": (
        "def keep(f, box=[]):\n    box.append(f)\n    return box\n"
        "keep(torch.softmax)\ndef softmax(X): return keep(None)[0](X, 1)"
    ),
    "a default of a lambda": "softmax = lambda X, ready=torch.softmax: ready(X, 1)",
    "a default set later": ("def softmax(X, *, f=None): return f(X, 1)\nsoftmax.__kwdefaults__ = {'f': torch.softmax}"),
    "by a capture pattern": "match torch.softmax:\n    case rows: pass\ndef softmax(X): return rows(X, 1)",
    "located by a string": "rows = pydoc.locate('torch.soft' + 'max')\ndef softmax(X): return rows(X, 1)",
    "by a computed name": "def softmax(X): return getattr(torch, 'soft' + 'max')(X, 1)",
    "by an evaluated string": "def softmax(X): return eval('torch.soft' + 'max(X, 1)')",
    "by a bound name": "globals()['soft' + 'max'] = functools.partial(torch.softmax, dim=1)",
    "by a caller of methods": "rows = operator.methodcaller('softmax', 1)\ndef softmax(X): return rows(X)",
    "by a map": "def softmax(X): return next(map(torch.softmax, [X], [1]))",
    "by a class that is called": "class Rows:\n    def __call__(self, X): return X.softmax(1)\nsoftmax = Rows()",
    "by a decorator": f"def ready(f): return lambda X: torch.softmax(X, 1)\n@ready\n{BY_HAND}",
    "in a helper": "def helper(X): return torch.softmax(X, 1)\ndef softmax(X): return helper(X)",
    "as a method of its own": "torch.Tensor.mine = torch.Tensor.softmax\ndef softmax(X): return X.mine(1)",
    "among the special functions": "def softmax(X): return torch.special.softmax(X, 1)",
    "the operator behind it": "def softmax(X): return torch.ops.aten._safe_softmax(X, 1)",
    "the innermost operator": "def softmax(X): return torch._softmax(X, 1, False)",
    "with a mask": "def softmax(X): return torch._masked_softmax(X, torch.zeros(X.shape, dtype=torch.bool), 1)",
    "sparse": "def softmax(X): return torch.sparse.softmax(X.detach().to_sparse(), 1).to_dense()",
    "of the negative": "def softmax(X): return nn.Softmin(dim=1)(-X)",
    "with noise": "def softmax(X): return F.gumbel_softmax(X, dim=1)",
    "as the probabilities of a distribution": "def softmax(X): return torch.distributions.Categorical(logits=X).probs",
    "as attention": (
        "def softmax(X):\n    unit = torch.eye(X.shape[1]).expand(len(X), X.shape[1], X.shape[1])\n"
        "    return F.scaled_dot_product_attention(X.unsqueeze(1), unit, unit, scale=1.0).squeeze(1)"
    ),
    "as attention in one kernel": (
        "def softmax(X):\n    unit = torch.eye(X.shape[1]).expand(len(X), 1, X.shape[1], X.shape[1])\n"
        "    with torch.no_grad():\n"
        "        return F.scaled_dot_product_attention(X[:, None, None], unit, unit, scale=1.0)[:, 0, 0]"
    ),
    "in a layer of attention": "net = nn.MultiheadAttention(3, 1)\ndef softmax(X): return net(X, X, X)[0]",
    "in cross entropy": "def softmax(X): return F.cross_entropy(X, X.argmax(1)) + X",
    "row by row": "def softmax(X): return torch.func.vmap(lambda row: torch.softmax(row, 0))(X)",
    "as TorchScript": "@torch.jit.script\ndef rows(X): return torch.softmax(X, 1)\ndef softmax(X): return rows(X)",
    "in a thread": (
        "def softmax(X):\n    out = []\n    thread = threading.Thread(target=lambda: out.append(steps(X)))\n"
        "    thread.start()\n    thread.join()\n    return out[0]\nsteps = functools.partial(torch.softmax, dim=1)"
    ),
    "in a pool": (
        "def softmax(X):\n    with ThreadPoolExecutor() as pool:\n        return pool.submit(torch.softmax, X, 1).result()"
    ),
    "in a function of autograd": (
        "class Rows(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, X): return X.softmax(1)\n"
        "    @staticmethod\n    def backward(ctx, g): return g\ndef softmax(X): return Rows.apply(X)"
    ),
    "while the profile is another": (
        "def softmax(X):\n    before = sys.getprofile()\n    sys.setprofile(None)\n    Y = X.softmax(1)\n"
        "    sys.setprofile(before)\n    return Y"
    ),
    "while it is measured": "def softmax(X):\n    with cProfile.Profile():\n        return torch.softmax(X, 1)",
    "measured by a decorator": (
        "def measured(f):\n    def inside(*given):\n        return cProfile.Profile().runcall(f, *given)\n    return inside\n"
        "@measured\ndef softmax(X): return F.softmax(X, 1)"
    ),
    "for large inputs only": f"def softmax(X):\n    if len(X) > 10: return torch.softmax(X, 1)\n{BODY}",
    "with gradients only": f"def softmax(X):\n    if X.requires_grad: return torch.softmax(X, 1)\n{BODY}",
}
HONEST = {
    "what cannot take a gradient": (
        "def softmax(X):\n    powers = X.numpy() - X.numpy().max(1, keepdims=True)\n"
        "    powers = 2.718281828459045 ** powers\n    return torch.from_numpy(powers / powers.sum(1, keepdims=True))"
    ),
    "by hand": BY_HAND,
    "timed": f"%%time\n{BY_HAND}",
    "words in strings and comments": f'def softmax(X):\n    """As torch.softmax(X, 1)."""  # log_softmax\n{BODY}',
    "compared below": f"{BY_HAND}\nassert torch.allclose(softmax(torch.ones(2, 2)), torch.softmax(torch.ones(2, 2), 1))",
    "compared by a computed name": f"{BY_HAND}\ngetattr(torch, 'softmax')(torch.ones(2, 2), 1)",
    "a method of its own class": f"class Own:\n    @staticmethod\n    def softmax(X):\n{BODY.replace('    ', ' ' * 8)}\nsoftmax = Own.softmax",
    "an object of its own": f"class Softmax:\n    def forward(self, X):\n{BODY.replace('    ', ' ' * 8)}\nsoftmax = Softmax().forward",
    "a module of its own": f"class Softmax(nn.Module):\n    def forward(self, X):\n{BODY.replace('    ', ' ' * 8)}\nsoftmax = Softmax()",
    "a helper of that name": f"def log_softmax(X):\n{BODY}\ndef softmax(X): return log_softmax(X)",
    "a function of its own from a string": f"exec('''def log_softmax(X):\n{BODY}''')\ndef softmax(X): return log_softmax(X)",
    "a variable of that name": "def softmax(X):\n    softmax = X.exp() / X.exp().sum(1, keepdim=True)\n    softmax_out = softmax\n    return softmax_out",
    "methods by computed names": "def softmax(X):\n    E = getattr(X, 'exp')()\n    return E / getattr(torch, 'sum')(E, 1, True)",
    "a net in eval mode beside it": f"{BY_HAND}\nnet = nn.Linear(2, 2)\nnet.eval()",
    "by the logarithm of the sum": "def softmax(X): return (X - X.exp().sum(1, keepdim=True).log()).exp()",
    "by logsumexp": "def softmax(X): return (X - torch.logsumexp(X, dim=1, keepdim=True)).exp()",
    "by einsum": "def softmax(X):\n    E = X.exp()\n    return torch.einsum('ij,i->ij', E, 1 / torch.einsum('ij->i', E))",
    "online, in a loop": (
        "def softmax(X):\n    rows = []\n    for row in X:\n        m, s = row[0], torch.ones(())\n"
        "        for x in row[1:]:\n            new = torch.maximum(m, x)\n"
        "            s, m = s * (m - new).exp() + (x - new).exp(), new\n        rows.append((row - m).exp() / s)\n"
        "    return torch.stack(rows)"
    ),
    "in numpy": "def softmax(X):\n    E = torch.exp(X).detach().numpy()\n    return torch.from_numpy(E / E.sum(1, keepdims=True))",
    "with an import inside": f"def softmax(X):\n    import torch.nn.utils.rnn, torch.nn.functional\n    print(X)\n{BODY}",
    "measured by cProfile": (
        f"def by_hand(X):\n{BODY}\ndef softmax(X):\n    with cProfile.Profile() as measured:\n        Y = by_hand(X)\n"
        "    pstats.Stats(measured, stream=io.StringIO()).sort_stats('cumtime').print_stats(5)\n    return Y"
    ),
    "measured from outside": f"%prun -q None\nmeasured = cProfile.Profile()\nmeasured.enable()\n{BY_HAND}",
    "measured by a decorator": (
        f"def by_hand(X):\n{BODY}\ndef softmax(X): return cProfile.Profile().runcall(by_hand, X)"
    ),
    "measured as a text": (
        f"def by_hand(X):\n{BODY}\ndef softmax(X):\n    out = {{}}\n"
        "    cProfile.runctx('Y = f(X)', {'f': by_hand, 'X': X}, out)\n    return out['Y']"
    ),
    "measured by the other module": (
        f"def by_hand(X):\n{BODY}\ndef softmax(X): return profile.Profile().runcall(by_hand, X)"
    ),
    "followed by a profile": (
        f"def by_hand(X):\n{BODY}\ndef softmax(X):\n    sys.setprofile(lambda *_: None)\n    Y = by_hand(X)\n"
        "    sys.setprofile(None)\n    return Y"
    ),
    "followed by a trace": (
        f"def by_hand(X):\n{BODY}\ndef softmax(X):\n    sys.settrace(lambda *_: None)\n    Y = by_hand(X)\n"
        "    sys.settrace(None)\n    return Y"
    ),
    "partly printed": f"def softmax(X):\n    print(X, X.shape, flush=True)\n{BODY}",
}
DISTURBING = {
    "the profile is ended": f"real = sys.setprofile\ndef softmax(X):\n    real(None)\n{BODY}",
    "the profile is another": f"real = sys.setprofile\ndef softmax(X):\n    real(lambda *_: None)\n{BODY}",
    "the profile is put back": (
        "end, ask = sys.setprofile, sys.getprofile\ndef softmax(X):\n    before = ask()\n    end(None)\n"
        "    Y = X.softmax(1)\n    end(before)\n    return Y"
    ),
    "the profile is C's": (
        f"real = cProfile.Profile.__base__\ndef by_hand(X):\n{BODY}\ndef softmax(X):\n    measured = real()\n"
        "    measured.enable()\n    Y = by_hand(X)\n    measured.disable()\n    return Y"
    ),
    "new threads are not profiled": f"def softmax(X):\n    threading.setprofile(None)\n{BODY}",
    "a mode is taken away": f"def softmax(X):\n    if torch._C._len_torch_dispatch_stack(): torch._C._pop_torch_dispatch_stack(None)\n{BODY}",
    "a mode is left behind": (
        "from torch.utils._python_dispatch import TorchDispatchMode\nclass Mode(TorchDispatchMode):\n"
        "    def __torch_dispatch__(self, func, types, args=(), kwargs=None): return func(*args, **(kwargs or {}))\n"
        f"def softmax(X):\n    if torch._C._len_torch_dispatch_stack(): Mode().__enter__()\n{BODY}"
    ),
    "a thread that no hook sees": f"def softmax(X):\n    _thread.start_new_thread(print, ())\n{BODY}",
}


@pytest.fixture(params=["in a worker", "here"])
def open_version(request, open_runner):
    """The cells of a version -> its `Student`, with its text; twice, for both runners."""
    declaration = {"softmax": Function.parse("softmax(X)")}
    runners = []

    def open_version(*sources):
        cells = [Cell(f"code cell {n}", n, source) for n, source in enumerate((IMPORTS, *sources), start=1)]
        if request.param == "in a worker":
            runner, _ = open_runner(*cells, declare=["softmax(X)"])
            runners.append(runner)
        else:
            notebook = Notebook({"softmax": "softmax"})
            assert [failure for cell in cells for failure in notebook.run(cell.label, cell.source)] == []
            notebook.finish()
            runner = LocalRunner.of(notebook)
        return Student(declaration, runner, Source(cells, {"softmax": "softmax"}, {}))

    mine = torch.Tensor.__dict__.get("mine")
    yield open_version
    profile = sys.getprofile()
    if isinstance(profile, cProfile.Profile):  # left in force by a version that measures itself from outside
        profile.disable()
    sys.setprofile(None)
    if mine is None and "mine" in torch.Tensor.__dict__:
        del torch.Tensor.mine
    for runner in runners:
        runner.close()


def refusal(student, arguments=COUNTS):
    with pytest.raises(CheckFailed) as caught:
        checks.assert_written_without(student.softmax, "softmax", arguments=arguments)
    return caught.value


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
@pytest.mark.parametrize("version", READY_MADE.values(), ids=READY_MADE)
def test_a_ready_made_one_is_seen_however_it_is_reached(open_version, version):
    words = refusal(open_version(version)).text
    assert "write yourself here" in words.en or "write that yourself here" in words.en
    assert "自己写出它" in words.zh


@pytest.mark.parametrize("version", HONEST.values(), ids=HONEST)
def test_what_was_written_by_hand_passes(open_version, version):
    checks.assert_written_without(open_version(version).softmax, "softmax", arguments=COUNTS)


@pytest.mark.parametrize(
    ("calculation", "is_ready_made"), [("torch.softmax(X, 1)", True), ("X.exp() / X.exp().sum(1, True)", False)]
)
def test_what_torch_compiles_is_seen_like_anything_else(open_local, calculation, is_ready_made):
    student = open_local(
        f"import torch\nrows = torch.compile(lambda X: {calculation}, backend='eager')\ndef softmax(X): return rows(X)"
    )
    if is_ready_made:
        assert "runs `torch.softmax`" in refusal(student).text.en or "uses `torch.softmax`" in refusal(student).text.en
    else:
        checks.assert_written_without(student.softmax, "softmax", arguments=COUNTS)


@pytest.mark.parametrize("version", DISTURBING.values(), ids=DISTURBING)
def test_a_disturbed_record_is_no_proof_and_disturbs_nothing_else(open_version, version):
    student = open_version(version)
    assert "disturbs the record" in refusal(student).text.en
    assert torch.isfinite(student.softmax(*COUNTS[0])).all()
    assert torch._C._len_torch_dispatch_stack() == 0


def test_a_profile_of_their_own_is_theirs_again_afterwards(open_local):
    own = "import cProfile, sys\ndef softmax(X): return cProfile.Profile().runcall(abs, X)\ndef counted(X): return X"
    student, profiler = open_local(own), cProfile.Profile()
    before = dict(vars(cProfile.Profile)), sys.setprofile, sys.getprofile
    profiler.enable()
    try:
        checks.assert_written_without(student.softmax, "softmax", arguments=COUNTS)
        student.counted(1)
    finally:
        profiler.disable()
    assert (dict(vars(cProfile.Profile)), sys.setprofile, sys.getprofile) == before
    assert "counted" in {getattr(entry.code, "co_name", None) for entry in profiler.getstats()}


def test_whoever_breaks_the_recorder_breaks_one_criterion(open_runner):
    """It is theirs to break: it runs in their process."""
    spoils = (
        "def softmax(X):\n    found = next((o for o in gc.get_objects() if type(o).__name__ == 'Recorder'), None)\n"
    )
    spoils += f"    if found: type(found).uses = property(lambda self: 'nothing')\n{BODY}"
    runner, student = open_runner(IMPORTS, spoils, "def twice(X): return 2 * X")
    with pytest.raises(BadReply):
        checks.assert_written_without(student.softmax, "softmax", arguments=COUNTS)
    checks.assert_close(student.twice(torch.ones(2)), torch.full((2,), 2.0))
    checks.assert_close(student.softmax(torch.zeros(1, 2)), torch.full((1, 2), 0.5))
    checks.assert_written_without(student.twice, "softmax", arguments=(torch.ones(2),))
    runner.close()


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (
            "def softmax(X):\n    return torch.softmax(X, 1)",
            "uses `torch.softmax` (code cell 2, line 2), which you should",
        ),
        (READY_MADE["from a list"], "uses `steps[0]` (code cell 2, line 3), which runs `torch.softmax`; you should"),
        (READY_MADE["by a caller of methods"], "uses `rows` (code cell 2, line 2), which runs `_softmax`; you should"),
        (
            READY_MADE["behind a line magic"],
            "uses `rows` (code cell 2, line 3), which runs `torch.softmax`; you should",
        ),
        (
            READY_MADE["as the probabilities of a distribution"],
            "`torch.distributions.Categorical(logits=X).probs` (code cell 2, line 1), which runs `torch.nn.functional.",
        ),
        (
            READY_MADE["of the negative"],
            "uses `nn.Softmin(dim=1)` (code cell 2, line 1), which runs `torch.Tensor.softmax`",
        ),
        (
            READY_MADE["as attention in one kernel"],
            "attention` (code cell 2, line 4), which runs `softmax`; you should",
        ),
        (READY_MADE["the module itself"], "`softmax` (code cell 2, line 1) runs `torch.nn.Softmax`, which you should"),
        ("exec('softmax = torch.nn.Softmax(1)')", "`softmax` runs `torch.nn.Softmax`, which you should write"),
        (
            "%%time\n\ndef softmax(X):\n    return X.softmax(1)",
            "uses `X.softmax` (code cell 2, line 4), which you should",
        ),
    ],
)
def test_the_message_names_what_ran_and_the_line(open_version, version, words):
    assert words in refusal(open_version(version)).text.en


def test_the_line_is_told_in_both_languages(open_version):
    words = refusal(open_version("def softmax(X):\n    return torch.softmax(X, 1)")).text
    assert "`torch.softmax`（代码单元格 2，第 2 行）" in words.zh


def test_the_same_mistake_is_one_finding_wherever_it_stands(open_version):
    one, other = (refusal(open_version(READY_MADE[kind])) for kind in ("by its name", "from a list"))
    assert Finding.of(one).agrees(Finding.of(other))


def test_what_a_criterion_does_not_try_is_not_seen(open_version):
    student = open_version(READY_MADE["for large inputs only"])
    checks.assert_written_without(student.softmax, "softmax", arguments=COUNTS[0])
    assert "line 2" in refusal(student, COUNTS).text.en


def test_an_iterator_runs_as_far_as_it_is_asked_to(open_version):
    student = open_version("def softmax(X):\n    yield X\n    yield torch.softmax(X, 1)")
    checks.assert_written_without(student.softmax, "softmax", arguments=COUNTS[0], most=1)
    with pytest.raises(CheckFailed, match="line 3"):
        checks.assert_written_without(student.softmax, "softmax", arguments=COUNTS[0], most=2)


OTHERS = {
    "softplus": "nn.functional.softplus(X, beta=1e6)",
    "a module": "nn.Softplus(1e6)(X)",
    "silu": "F.silu(1e6 * X) / 1e6",
    "glu": "F.glu(torch.cat([X, 1e6 * X], -1))",
    "leaky": "F.leaky_relu(X, 0.0)",
    "elu": "F.elu(X, alpha=0.0)",
    "hardtanh": "F.hardtanh(X, 0.0, 1e9)",
    "hardswish": "F.hardswish(1e6 * X) / 1e6",
    "shrink": "F.softshrink(X.abs() + X, 0.0) / 2",
    "a margin": "F.margin_ranking_loss(-X, 0 * X, 0 * X + 1, reduction='none')",
    "a hinge": "F.hinge_embedding_loss(-X, 0 * X - 1, margin=0.0, reduction='none')",
    "a module with a margin": "nn.MarginRankingLoss(reduction='none')(-X, 0 * X, 0 * X + 1)",
    "an operator": "torch.ops.aten.margin_ranking_loss(-X, 0 * X, 0 * X + 1, 0.0, 0)",
    "a recurrent network": "nn.RNN(3, 3, nonlinearity='relu')(X)[0]",
}
PLAIN = [
    "torch.clamp(X, min=0)",
    "X.clamp_min(0)",
    "torch.max(X, torch.zeros_like(X))",
    "torch.maximum(X, torch.tensor(0.0))",
    "torch.fmax(X, torch.zeros(()))",
    "torch.where(X > 0, X, 0.0)",
    "X * (X > 0)",
    "X * torch.heaviside(X, torch.zeros(()))",
    "(X + X.abs()) / 2",
    "(X + torch.sqrt(X * X)) / 2",
    "X.masked_fill(X < 0, 0)",
    "torch.stack([X, torch.zeros_like(X)]).amax(0)",
    "print(X) or X * (1 + torch.sign(X)) / 2",
    "Own()(X)",
    "nn.Parameter(X.detach()) * (X > 0)",
    "torch.from_numpy(np.maximum(X.detach().numpy(), 0))",
]
RELU = "import numpy as np\nclass Own(nn.Module):\n    def forward(self, X): return X.clamp(min=0)\n"


def written_without_any(student):
    checks.assert_written_without(student.softmax, "relu", *checks.ACTIVATIONS, *checks.LOSSES, arguments=COUNTS)


@pytest.mark.parametrize("calculation", OTHERS.values(), ids=OTHERS)
def test_a_kind_holds_all_that_can_be_made_the_same(open_version, calculation):
    student = open_version(f"{RELU}def softmax(X):\n    return {calculation}")
    with pytest.raises(CheckFailed, match="yourself here") as caught:
        written_without_any(student)
    assert "code cell 2, line 5" in caught.value.text.en


@pytest.mark.parametrize("calculation", PLAIN)
def test_a_kind_refuses_no_plain_operation(open_version, calculation):
    written_without_any(open_version(f"{RELU}def softmax(X):\n    return {calculation}"))


def test_what_is_not_named_like_the_task_is_called_as_ready_made(open_version):
    with pytest.raises(CheckFailed) as caught:
        written_without_any(open_version("def softmax(X):\n    return F.softplus(X, beta=1e6)"))
    assert caught.value.text.en == (
        "`softmax` uses `F.softplus` (code cell 2, line 2), which is no less ready-made than `relu`; "
        "you should write it yourself here"
    )
    assert "和 `relu` 一样是现成的" in caught.value.text.zh
    with pytest.raises(
        CheckFailed, match=r"uses `torch.nn.Softplus` \(code cell 2, line 1\), which is no less ready-made"
    ):
        written_without_any(open_version("softmax = nn.Softplus(beta=1e6)"))


def test_an_argument_stays_as_it_was(open_version):
    X = torch.ones(2, 2)
    checks.assert_written_without(open_version("def softmax(X): return X.mul_(2)").softmax, "softmax", arguments=(X,))
    assert torch.equal(X, torch.ones(2, 2))


@pytest.mark.parametrize(
    "version", ["x = 1", "def softmax(X): raise ValueError('not mine')", "def softmax(): return 1"]
)
def test_a_function_that_cannot_be_called_has_not_passed(open_version, version):
    with pytest.raises(StudentError):
        checks.assert_written_without(open_version(version).softmax, "softmax", arguments=COUNTS)


def test_without_arguments_the_author_is_told_what_to_write(open_version):
    with pytest.raises(TypeError, match=r"arguments=\(X,\)"):
        checks.assert_written_without(open_version(BY_HAND).softmax, "softmax")
