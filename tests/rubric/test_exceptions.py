"""Causes of exceptions: what Python and torch really raise, and what the student reads."""

import pytest

from autograder.base.errors import StudentException
from autograder.rubric.exceptions import cause_of
from autograder.rubric.findings import Finding

HEAD = """
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
X, Y = torch.randn(3, 4), torch.randn(5, 2)
w = torch.randn(4, requires_grad=True)
whole, row = torch.arange(3), torch.randn(4)
def none(): pass
def one(x): return x
def single(x): return 1 if x > 0 else 2
"""

SIZES = {
    "X / X.sum(1)": "in dimension 1 the left tensor has 4 and the right one 3",
    "row.add_(X)": "here (4), but together with the other one the result has the shape (3, 4)",
    "X.expand(2, 4)": "of shape (3, 4) cannot be spread to (2, 4): only a dimension of size 1 can, and dimension 0",
    "X @ Y": "(3, 4) @ (5, 2). The last dimension of the left factor, 4, must equal the first of the right one, 5",
    "X.reshape(5, -1)": "the tensor has 12, which (5, -1) does not give",
    "X.sum(2)": "There is no dimension 2 here: the tensor has those from -2 to 1",
    "X[3]": "Index 3 lies past the end of dimension 0, which has size 3",
}

RAISED = {
    "norm = (w.grad ** 2).sum()": "grad-is-none",
    "w.grad.zero_()": "grad-is-none",
    "torch.norm(w.grad)": "grad-is-none",
    "w.grad *= 0.5": "grad-is-none",
    "none().backward()": "value-is-none",
    "X + none()": "value-is-none",
    "w.grad = none().mean()": "value-is-none",
    "none().grad.zero_()": "value-is-none",
    "global w; w -= 1": "leaf-changed-in-place",
    "w -= 1": "local-before-assignment",
    "w[w < 0] = 0": "leaf-changed-in-place",
    "w.sub_(1)": "leaf-changed-in-place",
    "w.view(2, 2).mul_(2)": "leaf-changed-in-place",
    "y = w.exp(); y += 1; y.sum().backward()": "needed-value-overwritten",
    "y = (w ** 2).sum(); y.backward(); y.backward()": "backward-twice",
    "(w ** 2).backward()": "backward-of-many",
    "X.sum().backward()": "graph-is-cut",
    "torch.save(nn.ReLU(), (f := __import__('io').BytesIO())); f.seek(0); torch.load(f)": "whole-object-saved",
    "w.numpy()": "numpy-of-a-graph",
    "np.exp(w)": "numpy-of-a-graph",
    "np.max(X, axis=0, keepdims=True)": "numpy-on-a-tensor",
    "np.sum(X)": "numpy-on-a-tensor",
    "X.cuda()": "no-gpu",
    "torch.zeros(2, device='cuda')": "no-gpu",
    "max(X, 0)": "pythons-max",
    "min(X, torch.zeros(3, 4))": "pythons-max",
    "X.max() if (X > 0) and (X < 1) else 0": "and-of-tensors",
    "1 if not X else 2": "and-of-tensors",
    "1 if X > 0 else 2": "tensor-as-condition",
    "single(X) or 3": "tensor-as-condition",
    "nn.MSELoss(X, X)": "loss-made-of-data",
    "loss = nn.CrossEntropyLoss(X, whole)": "loss-made-of-data",
    "X.item()": "item-of-many",
    "float(X)": "item-of-many",
    "torch.tensor([X, X])": "item-of-many",
    "f'{X:.2f}'": "item-of-many",
    "X @ Y": "not-a-shape-for-matmul",
    "X @ torch.randn(3)": "not-a-shape-for-matmul",
    "row @ torch.randn(3)": "not-a-shape-for-matmul",
    "nn.Linear(3, 2)(X)": "not-a-shape-for-matmul",
    "X + torch.randn(3)": "does-not-broadcast",
    "X.expand(2, 4)": "does-not-broadcast",
    "X.reshape(5)": "reshape-of-another-size",
    "torch.stack([X, Y])": "not-equal-to-concatenate",
    "torch.cat([X, row])": "not-equal-to-concatenate",
    "torch.stack([])": "nothing-to-join",
    "torch.cat([])": "nothing-to-join",
    "sum(x for x in []).sqrt()": "number-taken-for-a-tensor",
    "whole.mean()": "integers-where-floats-belong",
    "torch.softmax(whole, 0)": "integers-where-floats-belong",
    "X.T @ whole": "integers-where-floats-belong",
    "X @ torch.ones(4, 2, dtype=torch.long)": "integers-where-floats-belong",
    "torch.arange(3, requires_grad=True)": "integers-where-floats-belong",
    "whole.mul_(0.5)": "integers-where-floats-belong",
    "X @ row.double()": "float-meets-double",
    "X @ torch.randn(4, 2).double()": "float-meets-double",
    "nn.Linear(4, 2)(X.double())": "float-meets-double",
    "X[torch.zeros(3)]": "floats-as-indices",
    "F.cross_entropy(X, torch.zeros(3))": "floats-as-indices",
    "X.gather(1, torch.zeros(3, 1))": "floats-as-indices",
    "X[0:1.5]": "floats-as-indices",
    "range(3 / 1)": "floats-as-indices",
    "t = torch.ones(1)\n    t = t - 0.1 * t.grad": "parameter-rebound",
    "(X == row.max(0)).float(); (X.max(dim=1) == row).float()": "comparison-is-one-bool",
    "(whole == 1).mean()": "truth-values-averaged",
    "X @ 2.0": "matrix-product-with-a-number",
    "np.ones(3) @ torch.ones(3)": "numpy-meets-a-tensor",
    "[w].parameters()": "list-taken-for-a-network",
    "range(3)[0] = 1": "tuple-is-changed",
    "torch.relu_max(X)": "no-such-function",
    "X.sum(dim=2)": "no-such-dimension",
    "X[0, 0, 0]": "no-such-dimension",
    "X[7]": "index-past-the-end",
    "[1][3]": "index-past-the-end",
    "F.cross_entropy(X, torch.tensor([9, 1, 1]))": "index-past-the-end",
    "X[torch.ones(4, 4).bool()]": "mask-of-another-shape",
    "X - X.max(dim=1)": "values-of-max",
    "X.max(dim=1).sum()": "values-of-max",
    "torch.exp(X.max(1))": "values-of-max",
    "list(torch.tensor(1.0))": "scalar-taken-for-a-list",
    "torch.tensor(1.0)[0]": "scalar-taken-for-a-list",
    "X.sum().item().backward()": "number-taken-for-a-tensor",
    "torch.exp(3.0)": "number-taken-for-a-tensor",
    "torch.maximum(X, 0)": "number-taken-for-a-tensor",
    "torch.sum([1, 2])": "list-taken-for-a-tensor",
    "[w].grad": "list-taken-for-a-tensor",
    "[1, 2] - [1]": "list-taken-for-a-tensor",
    "batches = (x for x in X); batches[0]": "generator-taken-for-a-list",
    "one.eval()": "eval-of-a-function",
    "X.sum / 3": "method-without-brackets",
    "X.size[0]": "method-without-brackets",
    "torch.optim.SGD(nn.Linear(1, 1).parameters, 0.1)": "method-without-brackets",
    "X ^ 2": "xor-for-a-power",
    "with torch.no_grad: w -= 1": "context-without-brackets",
    "with torch.enable_grad: w + 1": "context-without-brackets",
    "1.5 ^ 2": "xor-for-a-power",
    "[].push(1)": None,
    "[].add(1)": None,
    "[w].items()": None,
    "(3).append(1)": None,
    "X(3)": "value-is-called",
    "X.shape(0)": "value-is-called",
    "one()": "wrong-number-of-arguments",
    "one(1, 2)": "wrong-number-of-arguments",
    "one(y=1)": "wrong-keyword",
    "a, b = 1, 2, 3": "another-number-of-values",
    "if X is None: late = 1\n    return late": "local-before-assignment",
    "return f()": "calls-itself-without-end",
    "1 / 0": "division-by-zero",
    "torch.optim.SGD([], 0.1)": "optimizer-without-parameters",
    "torch.optim.SGD([w * 2], 0.1)": "not-a-leaf",
    "(X > 0) - (X > 1)": "bools-are-subtracted",
    "X.astype(float)": "numpys-name",
    "a = (1, 2); a[0] = 3": "tuple-is-changed",
    "next(iter([]))": "iterator-is-empty",
    "undefined + 1": "name-is-not-defined",
    "raise ValueError('my own')": None,
    "list()[None]": "value-is-none",
    "{}['x']": None,
}


@pytest.mark.parametrize("statement", RAISED)
def test_an_exception_whose_cause_is_certain_gets_its_name(open_local, statement):
    student = open_local(f"{HEAD}\ndef f():\n    {statement}\n")
    with pytest.raises(StudentException) as caught:
        student.f()
    cause = cause_of(caught.value)
    assert (cause and cause.id) == RAISED[statement], caught.value.text.en
    if cause is not None:
        assert cause.text.en != cause.text.zh


@pytest.mark.parametrize(("statement", "words"), SIZES.items())
def test_a_cause_names_the_sizes_that_torch_names(open_local, statement, words):
    student = open_local(f"{HEAD}\ndef f():\n    {statement}\n")
    with pytest.raises(StudentException) as caught:
        student.f()
    cause = cause_of(caught.value)
    assert words in cause.text.en
    assert not set("[]{}") & set(cause.text.en + cause.text.zh)
    assert cause.text.en != cause.text.zh


def test_the_cause_is_the_same_across_the_boundary(open_student):
    student = open_student(f"{HEAD}\ndef f(): return max(X, 0)\ndef g():\n    for p in [w]: p.grad.zero_()\n")
    for function, cause in ((student.f, "pythons-max"), (student.g, "grad-is-none")):
        with pytest.raises(StudentException) as caught:
            function()
        assert cause_of(caught.value).id == cause


def test_what_a_class_of_their_own_has_is_no_sign_of_a_tensor(open_local):
    source = "class Value:\n    def __init__(self, data): self.data = data\n"
    adds = "    def __add__(self, other): return Value(self.data + other.data)\n"
    student = open_local(f"{source}{adds}def f(): return Value(1) + 2\n")
    with pytest.raises(StudentException, match="no attribute 'data'") as caught:
        student.f()
    assert cause_of(caught.value) is None


def test_an_exception_is_never_the_finding_of_a_criterion_that_passes(open_local):
    student = open_local("import torch\ndef f(): return torch.ones(2).view(torch.ones(2))")
    with pytest.raises(StudentException) as caught:
        student.f()
    assert caught.value.text.en.endswith("\n")  # as torch tells which arguments there are
    assert not Finding.of(caught.value).agrees(Finding.of(None))


def test_a_limit_of_ours_is_not_explained_by_something_else(open_student):
    student = open_student("import torch\ndef f(): return torch.zeros(1 << 40)")
    with pytest.raises(StudentException) as caught:
        student.f()
    assert "MB of memory" in caught.value.text.en
    assert cause_of(caught.value) is None
