"""Values as they travel between a rubric and a student's process: a JSON tree and tensors, no pickle.

A plain JSON list of a tree is a list; everything else that JSON lacks is an object with one key, its tag:

========== =====================  ========= =======================
``t``      tensor by index        ``c``     complex [re, im]
``n``      numpy array by index   ``s``     slice [start, stop, step]
``u``      tuple                  ``r``     range [start, stop, step]
``k``      named tuple            ``d``     torch.dtype by name
``p``      parameter by index     ``v``     see `standard_values`
``m``      dict, list of pairs    ``g``     one-shot iterator over a list
``e``      set                    ``y``     bytes by index
``z``      frozen set             ``a``     any other numpy array
``f``      nan, inf or -inf       ``o``     numpy array of objects
``i``      integer, hexadecimal   ``x``     numpy scalar, as its array
``w``      see `subclasses`       ``&``,``=``  see `aliases`
``A``      see `Effects.encode` ``L``     see `held_lists`
``~``      see `array_memory`
..                                others    given to a hook: handles
========== =====================  ========= =======================

A named tuple is its type's name, the names of its fields and its values; an array of a type that no tensor has is its
type as numpy writes it, its shape and its bytes by index; an array of objects is its shape and what it holds. An array
of which more is to be told than its tensor is ``n`` of that, and what `array_memory` tells.

Decoding trusts nothing: malformed input raises `WireError`, and nothing else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

import numpy as np
import torch

from autograder.sandbox import aliases, bounds, standard_values, subclasses
from autograder.sandbox.array_memory import array_of, has_own_tensor, look_of, tensor_of, tensor_of_copy
from autograder.sandbox.frames import WireError
from autograder.sandbox.trees import Tree, checked_shape, is_plain_name, named_tuple

MAX_DEPTH = 32
_MAX_TREE_DEPTH = 3 * MAX_DEPTH  # a dict is three levels of the tree
MAX_DICT = 1 << 16
"""Entries of a dict or a set."""
MAX_FIELDS = 64
"""Fields of a named tuple, and kinds of named tuples in a value."""

DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float32,
        torch.float64,
        torch.float16,
        torch.bfloat16,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
        torch.complex64,
        torch.complex128,
        torch.uint16,
        torch.uint32,
        torch.uint64,
        torch.float8_e4m3fn,
        torch.float8_e5m2,
    )
}
DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_STRIDED = torch.strided
_LAST_CHARACTER = 0x10FFFF
KEYS = (
    *(str, int, float, bool, tuple, type(None), bytes, frozenset, np.generic, complex, range, torch.dtype),
    *standard_values.HASHABLE,
)
_ARRAY_TYPE = re.compile(
    r"[<>|](?:[US][1-9]\d{0,7}|[iu][1248]|f[248]|c8|c16|b1|m8"
    r"|[mM]8\[(?:[1-9]\d{0,5})?(?:[YMWDhms]|ms|us|ns|ps|fs|as)\])"
)
"""Types of numpy arrays that arrive: no objects, nothing with a size of 0, no dates that cannot be calculated with."""

_Value = TypeVar("_Value")
_Entries = TypeVar("_Entries", bound=dict[Any, Any] | set[Any] | frozenset[Any])
Hook = Callable[[Any], Tree]


class Encoder:
    """Turns values into a tree, collecting the tensors in it.

    Args:
        hook: returns the tree of a value this module does not know, or raises `WireError`. One that holds the encoder
            would be garbage with it after each message; a subclass is not.
        kept: classes of tuples, dicts and sets that the hook gets, instead of copies of what they hold.
    """

    def __init__(self, hook: Hook | None = None, kept: Container[type] = ()) -> None:
        self.tensors: list[torch.Tensor] = []
        self._index: dict[int, int] = {}
        self._hook, self._kept = hook, kept
        self._shared: dict[int, Any] = {}
        self._known: dict[int, Tree] = {}  # of lists that the other side has
        self._told: dict[int, Tree] = {}  # of lists that the other side knows by number
        self.arrays: dict[int, np.ndarray[Any, Any]] = {}
        """The arrays that tensors are of, by what `id` says of the tensor."""
        self._of_arrays: dict[int, torch.Tensor] = {}  # the other way
        self.made: set[int] = set()
        """Indices of tensors that were made for the way, of text and the like."""

    known_arrays: Mapping[int, torch.Tensor] = MappingProxyType({})
    """Tensors of arrays that have one, by what `id` says of the array."""
    _lends_protected = True
    """Whether tensors may have the memory of arrays that must not be written to."""
    _count_shared = 0
    _number: Callable[[Any], int | None] | None = None

    def add(self, tensor: torch.Tensor) -> int:
        """Return the index of a tensor, which is added if it is new; the same object has one index."""
        index = self._index.setdefault(id(tensor), count := len(self.tensors))
        if index == count:
            self.tensors.append(tensor)
        return index

    def encode_whole(self, value: Any) -> Tree:
        """Return the tree of a value in which one list may stand in several places."""
        if type(value) not in aliases.WALKED:
            return self.encode(value)
        self.look_through(value)
        tree = self.encode(value)
        self._shared = {}
        return tree

    def encode_numbered(
        self, value: Any, inside: Iterable[int], number: Callable[[Any], int | None] | None, known: Mapping[int, Tree]
    ) -> Tree:
        """Return the tree of a value in which lists, dicts and sets have numbers of their own; see `held_lists`.

        Args:
            value: it.
            inside: what `id` says of these.
            number: returns the number of one; None for one that merely stands in several places.
            known: the trees of others, which the other side has, by what `id` says of them.
        """
        before = self._shared
        self._shared = {**before, **dict.fromkeys(inside, aliases.MANY), **self._told, **known}
        self._number = number
        tree = self.encode(value)
        self._told |= {key: self._shared[key] for key in inside if type(self._shared[key]) is dict and key not in known}
        self._shared = {key: before[key] if key in known else self._shared[key] for key in before}
        self._number = None
        return tree

    def know(self, known: dict[int, Tree]) -> None:
        """Let lists that the other side has be named as their trees say, by what `id` says of them."""
        self._known = self._shared = known

    def look_through(self, value: Any) -> None:
        """Let each list be one in all that is encoded from now on of what is in a value."""
        self._shared = aliases.shared_in(value)
        if self._known:
            self._shared = {**self._shared, **self._known}

    def finish(self) -> None:
        """Let go of the hook, of what it holds, and of arrays, once there is nothing left to encode but tensors."""
        self._hook, self.known_arrays = None, MappingProxyType({})

    def has_any(self, tensors: Iterable[torch.Tensor]) -> bool:
        """Return whether one of these was added."""
        return not self._index.keys().isdisjoint(map(id, tensors))

    def encode(self, value: Any, depth: int = 0) -> Tree:
        """Return the tree of one value.

        Raises:
            WireError: it cannot be sent.
        """
        kind = type(value)  # most values are of these types themselves, which is faster to see
        if kind is torch.Tensor:
            return {"t": self.add(value)} if value.layout is _STRIDED else self._encode_sparse(value, depth)
        if value is None or kind is bool or kind is str:
            return value
        if kind is float:
            return value if math.isfinite(value) else {"f": repr(value)}
        if kind is int:
            return value if -(1 << 63) <= value < 1 << 63 else {"i": _hexadecimal(value)}
        if depth >= MAX_DEPTH:
            raise WireError(f"the value is nested more than {MAX_DEPTH} levels deep")
        if self._shared and id(value) in self._shared:
            return self._encode_shared(value, depth)
        if kind is list:
            return [self.encode(inner, depth + 1) for inner in value]
        if isinstance(value, torch.Tensor):
            return {"p" if isinstance(value, torch.nn.Parameter) else "t": self.add(value)}
        return self._encode_container(value, depth)

    def _encode_shared(self, value: Any, depth: int) -> Tree:
        number = self._shared[id(value)]
        if type(number) is dict:
            return number
        if number >= 0:
            return {"=": number}
        if number == aliases.OPEN:
            raise WireError(f"a {type(value).__name__} that contains itself cannot be sent; send what it holds instead")
        self._shared[id(value)] = aliases.OPEN
        inner = (
            [self.encode(v, depth + 1) for v in value] if type(value) is list else self._encode_container(value, depth)
        )
        if self._number is not None and (number := self._number(value)) is not None:
            self._shared[id(value)] = {"L": number}
            return {"L": [number, inner]}
        self._shared[id(value)] = number = self._count_shared = self._count_shared + 1
        return {"&": [number, inner]}

    def _encode_container(self, value: Any, depth: int) -> Tree:
        def inner(values: Any) -> list[Tree]:
            return [self.encode(v, depth + 1) for v in values]

        kind = type(value)
        if kind is tuple:
            return {"u": inner(value)}
        if self._kept and kind in self._kept:
            return self._encode_other(value)
        if kind is not dict and (found := standard_values.take_apart(value)) is not None:
            return {"v": [found[0], *inner(found[1])]}
        if isinstance(value, tuple):
            return self._encode_named(value, inner(value))
        if isinstance(value, dict):
            return {"m": [inner(pair) for pair in self._sendable(value, "dict").items()]}
        if isinstance(value, set | frozenset):
            return {"e" if isinstance(value, set) else "z": inner(self._sendable(value, "set"))}
        return self._encode_numbers(value, depth)

    def _encode_numbers(self, value: Any, depth: int) -> Tree:
        kind = type(value)
        if kind is complex:
            return {"c": [self.encode(part, depth) for part in (value.real, value.imag)]}
        if kind is slice:
            return {"s": [self.encode(part, depth + 1) for part in (value.start, value.stop, value.step)]}
        if kind is range:
            if bounds.count(value) > bounds.MAX_RANGE:
                raise WireError(f"a range of more than {bounds.MAX_RANGE} numbers cannot be sent")
            return {"r": [value.start, value.stop, value.step]}
        return self._encode_array(value, depth)

    def _sendable(self, entries: _Entries, kind: str) -> _Entries:
        if len(entries) > MAX_DICT:
            raise WireError(f"a {kind} of more than {MAX_DICT} entries cannot be sent")
        for key in entries:
            if not isinstance(key, KEYS) and not self._knows_others():
                what = "whose keys are" if kind == "dict" else "of"
                raise WireError(f"a {kind} {what} {type(key).__name__} cannot be sent")
        return entries

    def _knows_others(self) -> bool:
        """Return whether values that this module does not know may be keys."""
        return self._hook is not None

    @staticmethod
    def _encode_named(value: tuple[Any, ...], values: list[Tree]) -> Tree:
        fields = getattr(value, "_fields", None) or getattr(value, "__match_args__", None)  # as those of torch have
        return {"u": values} if fields is None else {"k": [type(value).__name__, list(fields), values]}

    def _encode_array(self, value: Any, depth: int) -> Tree:
        if isinstance(value, np.ndarray):
            return self._encode_numpy(value, depth)
        if isinstance(value, np.generic):
            return {"x": self._encode_numpy(np.asarray(value), depth)}
        if isinstance(value, bytes | memoryview):  # libraries write views of what they hold into files
            return {"y": self._add_bytes(bytes(value))}
        if isinstance(value, torch.dtype) and value in DTYPE_NAMES:
            return {"d": DTYPE_NAMES[value]}
        return self._encode_other(value)

    def _encode_other(self, value: Any) -> Tree:
        """Return the tree of a value that this module does not know."""
        if self._hook is None:
            raise WireError(f"a {type(value).__name__} cannot be sent")
        tree, found = self._hook(value), subclasses.content_of(value)
        if found is None or "h" not in tree:
            return tree
        content, anew = found
        fields = getattr(type(value), "_fields", None) if isinstance(value, tuple) else None
        inner = self.encode(content) if fields is None else self._encode_named(value, self.encode(list(content)))
        return {"w": [tree["h"], inner, anew]}

    def _encode_sparse(self, tensor: torch.Tensor, depth: int) -> Tree:
        found = standard_values.parts_of_sparse(tensor)
        if found is None:
            return {"t": self.add(tensor)}
        return {"v": [found[0], *(self.encode(part, depth + 1) for part in found[1])]}

    def _encode_numpy(self, array: np.ndarray[Any, Any], depth: int) -> Tree:
        if array.dtype.name in DTYPES and array.dtype.isnative:
            index, look = self.add_array(array), look_of(array)
            return {"n": index} if look is None else {"~": [{"n": index}, *look]}
        if array.dtype.hasobject and array.dtype.names is None:
            return {"o": [list(array.shape), [self.encode(item, depth + 1) for item in array.flat]]}
        if array.dtype.names is not None:
            name, parts = standard_values.fields_of(array)
            return {"v": [name, *(self.encode(part, depth + 1) for part in parts)]}
        if not _ARRAY_TYPE.fullmatch(array.dtype.str):
            raise WireError(f"a numpy array of {array.dtype} cannot be sent; send one of float64 instead")
        return {"a": [array.dtype.str, list(array.shape), self._add_bytes(array.tobytes())]}

    def add_array(self, array: np.ndarray[Any, Any]) -> int:
        """Return the index of an array's tensor, which is added if it is new."""
        known = self.known_arrays.get(id(array), self._of_arrays.get(id(array)))
        if known is not None:
            return self.add(known)
        is_lent = has_own_tensor(array) and (self._lends_protected or array.flags.writeable)
        index = self.add(tensor := tensor_of(array) if is_lent else tensor_of_copy(array))
        if is_lent:
            self.arrays[id(tensor)], self._of_arrays[id(array)] = array, tensor
        else:
            self.made.add(index)
        return index

    def _add_bytes(self, content: bytes) -> int:
        self.made.add(index := self.add(_as_tensor(content)))
        return index


def is_block(array: np.ndarray[Any, Any]) -> bool:
    """Return whether a tensor of the array's own memory can be made; what is done to it is done to the array."""
    return array.dtype.name in DTYPES and array.dtype.isnative and has_own_tensor(array)


def _as_tensor(content: bytes | bytearray) -> torch.Tensor:
    return torch.frombuffer(bytearray(content), dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)


def _hexadecimal(value: int) -> str:
    if value.bit_length() > bounds.MAX_INT_BITS:
        raise WireError(f"an integer of more than {bounds.MAX_INT_BITS} binary digits cannot be sent")
    return hex(value)


class Decoder:
    """Turns a tree back into values.

    Args:
        tensors: what the frame's body held.
        hook: returns the value of an unknown tag, or raises `WireError`.
    """

    ours: Container[int] = ()
    """The indices of tensors that are not the peer's."""
    key_types: tuple[type, ...] = KEYS
    """What may be a key of a dict or in a set."""
    _weight = _numbers = 0  # of the tensors named, in the ranges
    _known: aliases.Known | None = None  # lists that stand in several places
    _lists: aliases.Known | None = None  # those of objects
    arrays: dict[int, np.ndarray[Any, Any]] | None = None
    """The arrays that came, by what `id` says of their tensors; None where there are none."""
    _named: frozenset[tuple[str, ...]] = frozenset()  # the kinds of named tuples

    def __init__(self, tensors: list[torch.Tensor], hook: Callable[[str, Tree], Any] | None = None) -> None:
        self.tensors = tensors
        self._hook = hook
        self._hashable: list[Any] = []  # all values whose hash a peer can choose

    def decode(self, tree: Tree) -> Any:
        """Return the value of a tree.

        Raises:
            WireError: the tree is not one that `Encoder` makes.
        """
        try:
            value = self._decode(tree, 0)
            if self._hashable:
                self._refuse_equal_hashes(self._hashable)
            return value
        except WireError:
            raise
        except (TypeError, ValueError, KeyError, IndexError, ArithmeticError, AttributeError, RuntimeError) as error:
            raise WireError(f"malformed value ({type(error).__name__})") from error

    def _decode(self, tree: Tree, depth: int) -> Any:
        kind = type(tree)
        if kind is not list and kind is not dict:
            return tree
        if depth > _MAX_TREE_DEPTH:
            raise WireError("the value is nested too deep")
        if kind is list:
            return [self._decode(t, depth + 1) for t in tree]
        ((tag, inner),) = tree.items()
        if tag == "t":
            return self._tensor(inner)
        if tag in ("u", "m", "g", "s", "c", "e", "z"):
            return self._decode_container(tag, self._decode(self._list(inner), depth + 1))
        if tag in ("k", "o", "x", "v", "w", "&", "L", "~"):
            return self._decode_typed(tag, inner, depth)
        return self._decode_scalar(tag, inner)

    def _decode_container(self, tag: str, values: list[Any]) -> Any:
        if tag == "u":
            return self._noted(tuple(values))
        if tag == "g":
            return (value for value in values)  # a generator, for code that asks what it was given
        if tag == "s":
            return self._noted(slice(*values))
        if tag == "c":
            return self._noted(complex(*values))
        if len(values) > MAX_DICT:
            raise WireError("malformed dictionary")
        if tag in ("e", "z"):
            self._refuse_equal_hashes([self._key(key) for key in values])
            return set(values) if tag == "e" else self._noted(frozenset(values))
        self._refuse_equal_hashes([self._key(key) for key, _ in values])
        return dict(values)

    def _decode_typed(self, tag: str, inner: Tree, depth: int) -> Any:
        if tag == "x":
            array = self._decode(inner, depth + 1)
            if not isinstance(array, np.ndarray) or array.ndim:
                raise WireError("malformed numpy scalar")
            return self._noted(array[()])
        if tag == "o":
            shape, items = inner
            return self._objects(shape, self._decode(self._list(items), depth + 1))
        if tag == "v":
            name, *parts = inner
            return self._noted(standard_values.put_together(name, self._decode(parts, depth + 1)))
        if tag == "&":
            number, tree = inner
            self._known = self._known or aliases.Known()
            return self._known.note(number, self._decode(tree, depth + 1), tree)
        if tag == "L":
            return self._held(inner, depth)
        if tag == "~":
            plain, *look = inner
            return self._array_of(self._tensor(plain["n"]), *look)
        if tag == "w":
            handle, content, anew = inner
            return self._decode_other(tag, [handle, self._decode(content, depth + 1), anew])
        kind, fields, items = inner
        return self._noted(self._named_tuple(kind, fields)(*self._decode(self._list(items), depth + 1)))

    def _held(self, inner: Tree, depth: int) -> Any:
        self._lists = self._lists or aliases.Known()
        if not isinstance(inner, list):
            return self._lists.again(inner)
        number, tree = inner
        content = self._decode(tree, depth + 1)
        return self._lists.note(number, self._decode_other("L", [number, content]), tree)

    @staticmethod
    def _objects(shape: Any, values: list[Any]) -> np.ndarray[Any, Any]:
        if len(values) != math.prod(checked_shape(shape)):
            raise WireError("an array's shape and size disagree")
        array = np.empty(len(values), dtype=object)
        for index, value in enumerate(values):
            array[index] = value
        return array.reshape(shape)

    def _named_tuple(self, kind: Any, fields: Tree) -> Callable[..., tuple[Any, ...]]:
        names = (kind, *self._list(fields))
        if not all(map(is_plain_name, names)):
            raise WireError("malformed named tuple")
        self._named |= {names}
        if len(names) > MAX_FIELDS or len(self._named) > MAX_FIELDS:
            raise WireError("malformed named tuple")
        return named_tuple(kind, names[1:])

    def _decode_scalar(self, tag: str, inner: Tree) -> Any:
        if tag == "n":
            return self._array_of(self._tensor(inner))
        if tag == "p":
            return self._parameter(inner)
        if tag == "y":
            return self._noted(self._bytes(inner))
        if tag == "a":
            return self._array(*inner)
        if tag == "f" and inner in ("nan", "inf", "-inf"):
            return float(inner)
        if tag == "i" and isinstance(inner, str) and len(inner) <= bounds.MAX_INT_BITS // 4 + len("-0x"):
            return self._noted(int(inner, 16))
        if tag == "d":
            return DTYPES[inner]
        if tag == "=":
            return (self._known or aliases.Known()).again(inner)
        if tag == "r" and all(type(i) is int for i in inner):
            return self._range(range(*inner))
        return self._decode_other(tag, inner)

    def _decode_other(self, tag: str, inner: Tree) -> Any:
        """Return the value of a tag that this module does not know."""
        if self._hook is not None:
            return self._hook(tag, inner)
        raise WireError(f"unknown tag {tag[:20]!r}")

    def _tensor(self, index: Any) -> torch.Tensor:
        if type(index) is not int or index < 0:
            raise WireError("malformed tensor index")
        tensor = self.tensors[index]
        self._weight += tensor.nbytes or bounds.weight(tensor)
        if self._weight > bounds.MAX_NAMED:
            raise WireError(f"more than {bounds.MAX_NAMED >> 20} MB of tensors, counted wherever they stand")
        return tensor

    def _parameter(self, index: Any) -> torch.Tensor:
        tensor = self._tensor(index)
        if tensor.is_leaf and index not in self.ours:
            tensor.__class__ = torch.nn.Parameter  # no other tensor, which somebody may hold already
        return tensor

    def _array_of(self, tensor: torch.Tensor, *look: Any) -> np.ndarray[Any, Any]:
        """Return the array of a tensor, which is one wherever it stands.

        Args:
            tensor: it.
            look: what else is known of the array, see `array_memory`.
        """
        if self.arrays is None:
            self.arrays = {}
        if id(tensor) not in self.arrays:
            self.arrays[id(tensor)] = array_of(tensor, *look) if look else tensor.numpy()
        return self.arrays[id(tensor)]

    def _bytes(self, index: Any) -> bytes:
        raw = self._tensor(index)
        if raw.dtype is not torch.uint8:
            raise WireError("malformed bytes")
        return raw.numpy().tobytes()

    def _array(self, kind: Any, shape: Any, index: Any) -> np.ndarray[Any, Any]:
        if not isinstance(kind, str) or not _ARRAY_TYPE.fullmatch(kind):
            raise WireError("malformed type of an array")
        raw, dtype = self._bytes(index), np.dtype(kind)
        if len(raw) != math.prod(checked_shape(shape)) * dtype.itemsize:
            raise WireError("an array's shape and size disagree")
        if dtype.kind == "U" and (np.frombuffer(raw, kind[0] + "u4") > _LAST_CHARACTER).any():
            raise WireError("malformed characters in an array")
        return np.frombuffer(raw, dtype).reshape(shape).copy()

    def _range(self, numbers: range) -> range:
        self._numbers += bounds.count(numbers)
        if self._numbers > bounds.MAX_RANGE:
            raise WireError(f"ranges of more than {bounds.MAX_RANGE} numbers")
        return self._noted(numbers)

    def _noted(self, value: _Value) -> _Value:
        self._hashable.append(value)
        return value

    @staticmethod
    def _refuse_equal_hashes(values: Sequence[Any]) -> None:
        if bounds.share_hashes(values):
            raise WireError("too many different values of one hash")

    @staticmethod
    def _list(inner: Tree) -> list[Any]:
        if not isinstance(inner, list):
            raise WireError("malformed value")
        return inner

    def _key(self, key: Any) -> Any:
        if isinstance(key, self.key_types):
            hash(key)
            return key
        raise WireError("malformed dictionary key")
