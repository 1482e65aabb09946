"""The cause of an exception, where the exception itself leaves no doubt: a table of how exceptions look.

Each row describes exceptions of one cause, by kind and message, some of them by the student's line as well. The first
row that fits is the cause; where none does, nothing is said.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

import torch

from autograder.base.errors import StudentException
from autograder.base.i18n import Text, text
from autograder.results.grade_report import Diagnosis
from autograder.rubric.sizes import words_with_sizes


class _Cause(NamedTuple):
    """One cause.

    Args:
        id: its name, the same from run to run.
        kinds: the exceptions it shows as.
        message: what they say.
        words: what happened, and the remedy.
        line: what the student's line must hold for it; None for any line.
        outer: the line that called this one may hold it as well.
        not_own: not if the attribute that is missing is one of the code's own class, which its lines ask ``self`` for.
    """

    id: str
    kinds: tuple[str, ...]
    message: re.Pattern[str]
    words: Text
    line: re.Pattern[str] | None = None
    outer: bool = False
    not_own: bool = False


def cause_of(error: StudentException) -> Diagnosis | None:
    """Return the cause of an exception in a student's code, if it is certain.

    >>> error = StudentException(text("..."), kind="RuntimeError", message="mat1 and mat2 shapes cannot be multiplied")
    >>> cause_of(error).id
    'not-a-shape-for-matmul'
    """
    for cause in _CAUSES:
        if (
            error.kind in cause.kinds
            and cause.message.search(error.message)
            and (cause.line is None or any(map(cause.line.search, error.lines if cause.outer else error.lines[-1:])))
            and not (cause.not_own and _is_of_own_class(error))
        ):
            return Diagnosis(id=cause.id, text=words_with_sizes(cause.id, error.message) or cause.words)
    return None


def _is_of_own_class(error: StudentException) -> bool:
    missing = re.search(r"has no attribute '(\w+)'", error.message)
    return missing is not None and any(f"self.{missing[1]}" in line for line in error.lines)


def cause_by_line(error: StudentException) -> str:
    """Return the id of the cause where only the student's line tells it from others with the same message, else ""."""
    cause = cause_of(error)
    return cause.id if cause is not None and cause.id in _BY_LINE else ""


def is_of_an_exception(diagnosis: Diagnosis | None) -> bool:
    """Is it the cause of an exception, which leaves no doubt?"""
    return diagnosis is not None and diagnosis.id in _IDS


_OF_TENSORS = "|".join(sorted({*dir(torch.Tensor)} - {*dir(object), "add"}))
"""What is asked of a tensor; whoever asks a list to `push`, or to `add`, means a list."""

_EMPTY = text("`next` was called on an iterator that has nothing left. Use a `for` loop.")

_CAUSES = (
    _Cause(
        "numpy-on-a-tensor",
        ("TypeError",),
        re.compile(r"received an invalid combination of arguments|\(\) got an unexpected keyword argument"),
        text(
            "A NumPy function is given a tensor and passes it arguments that torch does not know. Use torch's own "
            "function, with `dim` for `axis` and `keepdim` for `keepdims`."
        ),
        re.compile(r"\b(?:np|numpy)\.\w"),
    ),
    _Cause(
        "parameter-rebound",
        ("TypeError",),
        re.compile(r"NoneType"),
        text(
            "`W = W - ...` makes a new tensor, and the `.grad` of that one stays None. Change the parameter itself: "
            "`W -= ...` under `with torch.no_grad():`."
        ),
        re.compile(r"^(\w+)\s*=\s*\1\s*[-+].*\b\1\.grad\b"),
    ),
    _Cause(
        "grad-is-none",
        (
            "AttributeError",
            "TypeError",
            "RuntimeError",
        ),
        re.compile(r"NoneType(?!' object has no attribute 'grad)"),
        text(
            "`.grad` is None here: `backward()` has not reached the tensor yet, or the tensor is the result of a "
            "computation, which keeps its gradient only after `retain_grad()`. Where it may be None, ask `if p.grad "
            "is not None` first."
        ),
        re.compile(r"\.grad\b(?!\s*=[^=])"),
        outer=True,
    ),
    _Cause(
        "value-is-none",
        (
            "AttributeError",
            "TypeError",
        ),
        re.compile(r"^(?!.*invalid combination of arguments).*NoneType", re.DOTALL),
        text(
            "A value on this line is None. A function without `return` gives None, and so do methods that "
            "change something in place, such as `list.append`."
        ),
    ),
    _Cause(
        "leaf-changed-in-place",
        ("RuntimeError",),
        re.compile(r"leaf Variable that requires grad is being used in an in-place"),
        text(
            "A tensor that requires a gradient is changed in place while gradients are being recorded. Put an "
            "update of parameters under `with torch.no_grad():`; everywhere else compute a new tensor, for "
            "example with `torch.where` or `torch.clamp`."
        ),
    ),
    _Cause(
        "needed-value-overwritten",
        ("RuntimeError",),
        re.compile(r"needed for gradient computation has been modified by an inplace"),
        text(
            "A value that `backward()` still needs was overwritten in place (`+=`, `x[...] = `, a method "
            "ending in `_`). Compute a new tensor instead."
        ),
    ),
    _Cause(
        "backward-twice",
        ("RuntimeError",),
        re.compile(r"backward through the graph a second time"),
        text(
            "`backward()` runs a second time through the same graph. Compute the loss anew before each "
            "`backward()`, and `detach()` what is carried over from an earlier step."
        ),
    ),
    _Cause(
        "backward-of-many",
        ("RuntimeError",),
        re.compile(r"grad can be implicitly created only for scalar"),
        text(
            "`backward()` starts from a single number, but this tensor has several elements. Take `.sum()` or "
            "`.mean()` first."
        ),
    ),
    _Cause(
        "graph-is-cut",
        ("RuntimeError",),
        re.compile(r"does not require grad and does not have a grad_fn"),
        text(
            "Nothing leads from this value back to a tensor that requires a gradient. Either no input has "
            "`requires_grad=True`, or the way is cut by `torch.no_grad()`, `.detach()`, `.data`, `.item()` or "
            "`torch.tensor(...)`."
        ),
    ),
    _Cause(
        "numpy-of-a-graph",
        ("RuntimeError",),
        re.compile(r"Can't call numpy\(\) on Tensor that requires grad"),
        text(
            "NumPy cannot take a tensor that requires a gradient. Use torch's own functions where gradients "
            "are needed, `.detach().numpy()` elsewhere."
        ),
    ),
    _Cause(
        "no-gpu",
        ("AssertionError", "RuntimeError"),
        re.compile(r"not compiled with CUDA|No CUDA GPUs|no NVIDIA driver|Attempting to deserialize object on a CUDA"),
        text("There is no GPU here. Leave tensors where they are, or take the device from the data: `x.to(X.device)`."),
    ),
    _Cause(
        "two-devices",
        ("RuntimeError",),
        re.compile(r"Expected all tensors to be on the same device"),
        text("The tensors of this line are on different devices. Take the device from the data: `x.to(X.device)`."),
    ),
    _Cause(
        "loss-made-of-data",
        ("RuntimeError",),
        re.compile(r"Boolean value of Tensor with more than one value"),
        text(
            "A loss such as `nn.MSELoss` is made first and called then: `nn.MSELoss()(y_hat, y)`. Here the data are "
            "taken for its settings."
        ),
        re.compile(r"\b[A-Z]\w*Loss\(\s*[^\s)]"),
    ),
    _Cause(
        "pythons-max",
        ("RuntimeError",),
        re.compile(r"Boolean value of Tensor with more than one value"),
        text(
            "Python's `max` and `min` compare whole tensors, not elements. Use `torch.clamp`, `torch.maximum` "
            "or `torch.where`."
        ),
        re.compile(r"^[^#]*(?<![\w.])(?:max|min)\("),
    ),
    _Cause(
        "and-of-tensors",
        ("RuntimeError",),
        re.compile(r"Boolean value of Tensor with more than one value"),
        text(
            "`and`, `or` and `not` want a single truth value. For elements write `&`, `|` and `~`, with "
            "brackets around the comparisons."
        ),
        re.compile(r"^[^#]*\b(?:and|or|(?<!is )not(?! in))\b"),
    ),
    _Cause(
        "tensor-as-condition",
        ("RuntimeError",),
        re.compile(r"Boolean value of Tensor with more than one value"),
        text(
            "A tensor with several elements is used as a single truth value. Decide element by element with "
            "`torch.where`, or reduce it with `.all()` or `.any()`."
        ),
    ),
    _Cause(
        "item-of-many",
        (
            "RuntimeError",
            "ValueError",
            "TypeError",
        ),
        re.compile(
            r"cannot be converted to Scalar|only one element tensors can be converted|"
            r"unsupported format string passed to Tensor"
        ),
        text(
            "Only a tensor of one element can become a Python number. Take `.sum()` or `.mean()` first, pick "
            "one element, or use `torch.stack` for a list of tensors."
        ),
    ),
    _Cause(
        "not-a-shape-for-matmul",
        ("RuntimeError",),
        re.compile(
            r"shapes cannot be multiplied|size mismatch, got input|"
            r"inconsistent tensor size, expected tensor|Expected size for first two dimensions of batch2|"
            r"vector \+ matrix @ vector|must be a matrix|1D tensors expected, but got|"
            r"both arguments to matmul need"
        ),
        text(
            "The shapes do not fit a matrix product: the last dimension of the left factor must equal the "
            "first of the right one, (n, k) @ (k, m). Print both shapes; look for a swapped order or a "
            "missing transpose."
        ),
    ),
    _Cause(
        "does-not-broadcast",
        ("RuntimeError",),
        re.compile(
            r"must match the size of tensor b|doesn't match the broadcast shape|"
            r"must match the existing size"
        ),
        text(
            "These shapes do not broadcast: counted from the last dimension, sizes must be equal or 1. Print "
            "both shapes; `keepdim=True` or `reshape` often mends it."
        ),
    ),
    _Cause(
        "reshape-of-another-size",
        ("RuntimeError",),
        re.compile(r"is invalid for input of size"),
        text("`reshape` and `view` keep the number of elements; the sizes asked for have another product."),
    ),
    _Cause(
        "nothing-to-join",
        ("RuntimeError", "ValueError"),
        re.compile(r"expects a non-empty TensorList|expected a non-empty list of Tensors"),
        text(
            "`torch.stack` and `torch.cat` refuse an empty list. Ask first whether there is anything in it, and return "
            "what is right for nothing."
        ),
    ),
    _Cause(
        "not-equal-to-concatenate",
        ("RuntimeError",),
        re.compile(
            r"Tensors must have same number of dimensions|Sizes of tensors must match except|"
            r"stack expects each tensor to be equal size"
        ),
        text(
            "The tensors to be joined have different shapes. `torch.stack` wants equal ones; `torch.cat` lets "
            "them differ in the joined dimension only."
        ),
    ),
    _Cause(
        "truth-values-averaged",
        ("RuntimeError",),
        re.compile(r"could not infer output dtype.*Got: Bool"),
        text("Truth values have no mean. Make numbers of them first: `(a == b).float().mean()`."),
    ),
    _Cause(
        "integers-where-floats-belong",
        (
            "RuntimeError",
            "NotImplementedError",
        ),
        re.compile(
            r"(?:same dtype|scalar type).*\b(?:long(?: int)?|Long|Int|int)\b|"
            r"could not infer output dtype|not implemented for '(?:Long|Int)'|"
            r"result type Float can't be cast|only support floating point|"
            r"floating point (?:and complex )?dtype can require gradients"
        ),
        text(
            "A tensor of integers stands where floating-point numbers are needed. Make it one with `.float()` "
            "or `.to(X.dtype)`, or create it with `1.0` instead of `1`."
        ),
    ),
    _Cause(
        "float-meets-double",
        ("RuntimeError",),
        re.compile(
            r"(?:same dtype|scalar type|Found dtype|should be the same)"
            r".*\b(?:[Ff]loat|[Dd]ouble)\b.*\b(?:[Ff]loat|[Dd]ouble)\b"
        ),
        text(
            "float32 meets float64 here. torch creates float32, NumPy float64; convert one of them, for "
            "example with `.to(X.dtype)`, and give new tensors the dtype of the data."
        ),
    ),
    _Cause(
        "floats-as-indices",
        ("TypeError",),
        re.compile(r"'float' object cannot be interpreted as an integer"),
        text("A whole number is needed here, but `/` always gives a float. Use `//`, or `int(...)`."),
    ),
    _Cause(
        "floats-as-indices",
        (
            "RuntimeError",
            "IndexError",
            "TypeError",
        ),
        re.compile(
            r"tensors used as indices must be|Expected dtype int.* for index|"
            r"index tensor of type LongTensor|expected target dtype to be Long|"
            r"expected scalar type Long|slice indices must be integers|"
            r"only integers, slices|cannot be interpreted as an integer|"
            r"must be int, not float"
        ),
        text(
            "An index, a size or a class must be an integer. Use `.long()` for a tensor, `//` or `int(...)` "
            "for a number; a tensor made of an empty list holds no integers: should the list be empty?"
        ),
    ),
    _Cause(
        "no-such-dimension",
        ("IndexError",),
        re.compile(r"Dimension out of range|too many indices for tensor"),
        text(
            "The tensor has fewer dimensions than this line uses. Dimensions count from 0: a table has 0 and "
            "1, and -1 is always the last."
        ),
    ),
    _Cause(
        "index-past-the-end",
        (
            "IndexError",
            "RuntimeError",
        ),
        re.compile(r"is out of bounds|index out of range|Class values must be smaller"),
        text(
            "An index lies past the end. Indices count from 0, so the last one is the size minus 1; check the "
            "limits of the loop, and that rows and columns are not swapped."
        ),
    ),
    _Cause(
        "mask-of-another-shape",
        ("IndexError",),
        re.compile(r"shape of the mask|indexing tensors could not be broadcast"),
        text("The mask or the indices have another shape than the tensor they select from. Print both shapes."),
    ),
    _Cause(
        "values-of-max",
        (
            "AttributeError",
            "TypeError",
        ),
        re.compile(r"torch\.return_types\."),
        text(
            "With `dim`, `max`, `min`, `sort` and `topk` return values and indices together. Take `.values` "
            "or `.indices`, or use `torch.amax`."
        ),
    ),
    _Cause(
        "scalar-taken-for-a-list",
        (
            "TypeError",
            "IndexError",
        ),
        re.compile(r"0-d tensor|0-dim tensor"),
        text(
            "A tensor without dimensions is a single number: it cannot be indexed, counted or looped over. "
            "Was it summed or averaged too early?"
        ),
    ),
    _Cause(
        "comparison-is-one-bool",
        ("AttributeError",),
        re.compile(r"'bool' object has no attribute"),
        text(
            "The comparison gave one True or False instead of one per element: a side of it is no tensor. With `dim`, "
            "for example, `max` returns values and indices together; the indices are `argmax`."
        ),
        re.compile(r"[=!]=|[<>]"),
    ),
    _Cause(
        "number-taken-for-a-tensor",
        (
            "AttributeError",
            "TypeError",
        ),
        re.compile(
            rf"'(?:float|int|bool)' object has no attribute '(?:{_OF_TENSORS})'|must be Tensor, not (?:float|int|bool)|"
            r"as element \d+ in argument 0, but got (?:float|int)"
        ),
        text(
            "A plain Python number stands where a tensor is needed. Keep the tensor (no `.item()`, `float()` "
            "or `int()` before), or make one with `torch.tensor`. Where nothing is added up, `sum()` is a plain 0, too."
        ),
        not_own=True,
    ),
    _Cause(
        "matrix-product-with-a-number",
        ("TypeError",),
        re.compile(r"unsupported operand type\(s\) for @: .*'(?:float|int)'"),
        text("`@` is the product of two matrices. A plain number multiplies with `*`."),
    ),
    _Cause(
        "numpy-meets-a-tensor",
        ("TypeError",),
        re.compile(
            r"unsupported operand type\(s\) for \S+ '(?:numpy\.ndarray' and 'Tensor|Tensor' and 'numpy\.ndarray)'"
        ),
        text("A NumPy array meets a tensor here. Make a tensor of it with `torch.from_numpy(...)`."),
    ),
    _Cause(
        "list-taken-for-a-network",
        ("AttributeError",),
        re.compile(r"'(?:list|generator)' object has no attribute '(?:params|\w*parameters|zero_grad)'"),
        text("The parameters themselves are passed here, not a network. Loop over them."),
    ),
    _Cause(
        "list-taken-for-a-tensor",
        (
            "AttributeError",
            "TypeError",
        ),
        re.compile(
            rf"must be Tensor, not (?:list|tuple)|'list' object has no attribute '(?:{_OF_TENSORS})'|"
            r"unsupported operand type\(s\) for .*'list'|can't multiply sequence by non-int"
        ),
        text(
            "A list stands where a tensor is needed. Loop over its elements, or make one tensor of them with "
            "`torch.stack` or `torch.tensor`."
        ),
    ),
    _Cause(
        "generator-taken-for-a-list",
        (
            "AttributeError",
            "TypeError",
        ),
        re.compile(r"'generator' object|of type 'generator'"),
        text("A generator can only be looped over, once. Make a list of it first: `list(...)`."),
    ),
    _Cause(
        "eval-of-a-function",
        ("AttributeError",),
        re.compile(r"'function' object has no attribute '(?:eval|train|training|parameters)'"),
        text(
            "This is a plain function, not an `nn.Module`, so it has no modes and no parameters. Ask "
            "`isinstance(net, nn.Module)` first."
        ),
    ),
    _Cause(
        "method-without-brackets",
        ("TypeError",),
        re.compile(
            r"'(?:builtin_function_or_method|method|function)'(?: and|$)|"
            r"'(?:builtin_function_or_method|method)' object is not (?:subscriptable|iterable)"
        ),
        text("The brackets of a call are missing: `X.sum` is the method, `X.sum()` its result."),
    ),
    _Cause(
        "context-without-brackets",
        ("TypeError",),
        re.compile(r"'(?:type|function)' object does not support the context manager protocol"),
        text("The brackets of a call are missing after `with`: write `with torch.no_grad():`."),
    ),
    _Cause(
        "xor-for-a-power",
        ("NotImplementedError", "RuntimeError", "TypeError"),
        re.compile(r"bitwise_xor|unsupported operand type\(s\) for \^"),
        text("`^` is not a power in Python but a bitwise operation. Write `x ** 2`."),
    ),
    _Cause(
        "value-is-called",
        ("TypeError",),
        re.compile(r"'(?:Tensor|int|float|list|tuple|torch\.Size|bool|str|dict)' object is not callable"),
        text(
            "A value is called like a function. Use square brackets for an index and `*` for a product, and "
            "give no variable the name of a function."
        ),
    ),
    _Cause(
        "wrong-keyword",
        ("TypeError",),
        re.compile(r"\(\) got an unexpected keyword argument|\(\) got multiple values for argument"),
        text(
            "The function has no parameter of this name, or gets it twice. Compare the call with the first "
            "line of its definition."
        ),
    ),
    _Cause(
        "wrong-number-of-arguments",
        ("TypeError",),
        re.compile(r"\(\) takes (?:from )?\d+ .*positional arguments?|\(\) missing \d+ required"),
        text(
            "A function is called with another number of arguments than it takes. Compare the call with the "
            "first line of its definition."
        ),
    ),
    _Cause(
        "another-number-of-values",
        (
            "ValueError",
            "TypeError",
        ),
        re.compile(r"values to unpack|cannot unpack non-iterable"),
        text("The right side of an assignment has another number of values than there are names on the left."),
    ),
    _Cause(
        "local-before-assignment",
        ("UnboundLocalError",),
        re.compile(r""),
        text(
            "A name that is assigned anywhere in a function is local to all of it, and here it has no value "
            "yet: give it one before the branch or loop, or choose another name than the global one."
        ),
    ),
    _Cause(
        "calls-itself-without-end",
        ("RecursionError",),
        re.compile(r""),
        text(
            "A function calls itself too deep; Python allows about a thousand calls in one another. Does it have the "
            "name of the ready-made function that it was to call? If it goes one deeper for each part of something "
            "long, use a loop."
        ),
    ),
    _Cause(
        "division-by-zero",
        ("ZeroDivisionError",),
        re.compile(r""),
        text("The divisor is 0, for example a count that was never raised or the length of something empty."),
    ),
    _Cause(
        "optimizer-without-parameters",
        ("ValueError",),
        re.compile(r"optimizer got an empty parameter list"),
        text(
            "The optimizer gets no parameters. Layers must be attributes of an `nn.Module` (a plain list hides them: "
            "use `nn.ModuleList`), and `net.parameters()` is used up after one loop."
        ),
    ),
    _Cause(
        "not-a-leaf",
        (
            "ValueError",
            "RuntimeError",
        ),
        re.compile(r"can't optimize a non-leaf Tensor|only change requires_grad flags of leaf"),
        text(
            "This tensor is the result of a computation, not a parameter. Create it with `requires_grad=True` "
            "last, after scaling or reshaping."
        ),
    ),
    _Cause(
        "bools-are-subtracted",
        ("RuntimeError",),
        re.compile(r"(?:Subtraction|Negation), the `-` operator"),
        text("Truth values cannot be subtracted. Make numbers of them first: `(X > 0).float()`."),
    ),
    _Cause(
        "numpys-name",
        ("AttributeError",),
        re.compile(r"'Tensor' object has no attribute '(?:astype|copy|transpose_|concatenate|newaxis)'"),
        text("This is a name of NumPy's. A tensor has `.to(dtype)` for `astype` and `.clone()` for `copy`."),
    ),
    _Cause(
        "tuple-is-changed",
        ("TypeError",),
        re.compile(r"'(?:tuple|range|str)' object does not support item assignment"),
        text("A tuple, a `range` or a string cannot be changed. Make a list of it, `list(...)`, or build a new one."),
    ),
    _Cause(
        "module-not-initialised",
        ("AttributeError",),
        re.compile(r"cannot assign \w+ before Module.__init__\(\) call"),
        text("The class inherits from `nn.Module`, so its `__init__` must begin with `super().__init__()`."),
    ),
    _Cause(
        "whole-object-saved",
        ("UnpicklingError",),
        re.compile(r"Weights only load failed"),
        text(
            "`torch.load` reads tensors, numbers, text, lists and dictionaries only. Save what `state_dict()` returns "
            "instead of the whole object, and put it back with `load_state_dict`."
        ),
    ),
    _Cause(
        "no-such-function",
        ("AttributeError",),
        re.compile(r"^module '(?:torch|numpy|math|random)\b[\w.]*' has no attribute"),
        text("The module has nothing of this name. Compare the spelling with its documentation."),
    ),
    _Cause("iterator-is-empty", ("StopIteration",), re.compile(""), _EMPTY),
    _Cause("iterator-is-empty", ("RuntimeError",), re.compile("generator raised StopIteration"), _EMPTY),
    _Cause(
        "name-is-not-defined",
        ("NameError",),
        re.compile(r"name '.*' is not defined"),
        text(
            "Nothing of this name exists when the line runs. Is it spelled as where it was defined, and is "
            "its `import` or its cell in the notebook, above the function's use?"
        ),
    ),
)

_IDS = frozenset(cause.id for cause in _CAUSES)
_MESSAGES = Counter(message for _, message in {(cause.id, cause.message) for cause in _CAUSES})
_BY_LINE = frozenset(cause.id for cause in _CAUSES if _MESSAGES[cause.message] > 1 and cause.message.pattern)
