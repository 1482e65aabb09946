"""What torch's messages say about sizes, in the words for the cause of an exception."""

from __future__ import annotations

import re
from collections.abc import Callable

from autograder.base.i18n import Text, text

_N, _SIZES = r"(-?\d{1,12})", r"\[([\d, -]{0,60})\]"
_WORDS: tuple[tuple[str, str, Callable[..., Text]], ...] = (
    (
        "does-not-broadcast",
        rf"size of tensor a \({_N}\) must match the size of tensor b \({_N}\) at non-singleton dimension {_N}",
        lambda left, right, dim: text(
            "These shapes do not broadcast: sizes must be equal or 1, but in dimension {dim} the left tensor has "
            "{left} and the right one {right}. With fewer dimensions a shape is filled up from the left. If a "
            "sum, mean or max took a dimension away, `keepdim=True` keeps it; otherwise `reshape` one of the two.",
            dim=dim,
            left=left,
            right=right,
        ),
    ),
    (
        "does-not-broadcast",
        rf"output with shape {_SIZES} doesn't match the broadcast shape {_SIZES}",
        lambda own, both: text(
            "An operation in place keeps the shape of its tensor, here ({own}), but together with the other one "
            "the result has the shape ({both}). Bring the other one to ({own}) first, or make a new tensor.",
            own=own,
            both=both,
        ),
    ),
    (
        "does-not-broadcast",
        rf"existing size .* at non-singleton dimension {_N}\.\s+Target sizes: {_SIZES}\.\s+Tensor sizes: {_SIZES}",
        lambda dim, wanted, own: text(
            "A tensor of shape ({own}) cannot be spread to ({wanted}): only a dimension of size 1 can, and "
            "dimension {dim} has another size.",
            own=own,
            wanted=wanted,
            dim=dim,
        ),
    ),
    (
        "not-a-shape-for-matmul",
        rf"shapes cannot be multiplied \({_N}x{_N} and {_N}x{_N}\)",
        lambda n, k, m, q: text(
            "The shapes do not fit a matrix product: ({n}, {k}) @ ({m}, {q}). The last dimension of the left "
            "factor, {k}, must equal the first of the right one, {m}; look for a swapped order or a missing "
            "transpose.",
            n=n,
            k=k,
            m=m,
            q=q,
        ),
    ),
    (
        "reshape-of-another-size",
        rf"shape '{_SIZES}' is invalid for input of size {_N}",
        lambda wanted, count: text(
            "`reshape` and `view` keep the number of elements: the tensor has {count}, which ({wanted}) does not give.",
            count=count,
            wanted=wanted,
        ),
    ),
    (
        "no-such-dimension",
        rf"expected to be in range of \[{_N}, {_N}\], but got {_N}",
        lambda least, most, asked: text(
            "There is no dimension {asked} here: the tensor has those from {least} to {most}. Dimensions count "
            "from 0, and -1 is always the last; was one lost in a sum, mean or index before?",
            asked=asked,
            least=least,
            most=most,
        ),
    ),
    (
        "index-past-the-end",
        rf"index {_N} is out of bounds for dimension {_N} with size {_N}",
        lambda index, dim, size: text(
            "Index {index} lies past the end of dimension {dim}, which has size {size}. Indices count from 0; "
            "check the limits of the loop, and that rows and columns are not swapped.",
            index=index,
            dim=dim,
            size=size,
        ),
    ),
)
"""What torch's message says about sizes, by cause; the first pattern that fits counts."""


def words_with_sizes(cause: str, message: str) -> Text | None:
    """Return the words for a cause with the sizes that torch's message names; None where it names none.

    >>> message = "mat1 and mat2 shapes cannot be multiplied (3x4 and 5x2)"
    >>> words_with_sizes("not-a-shape-for-matmul", message).en[:64]
    'The shapes do not fit a matrix product: (3, 4) @ (5, 2). The las'
    """
    for name, pattern, words in _WORDS:
        if name == cause and (found := re.search(pattern, message)):
            return words(*found.groups())
    return None
