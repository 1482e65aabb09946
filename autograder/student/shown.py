"""What a worker says that its cells have shown, checked: words, and pictures that are PNG files and nothing besides."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch

from autograder.base.i18n import printable
from autograder.results.shown import (
    MAX_PICTURE_BYTES,
    MAX_PICTURES,
    MAX_PICTURES_BYTES,
    MAX_SIDE,
    MAX_WORDS,
    Shown,
)
from autograder.sandbox.frames import Received, WireError, tensors_of
from autograder.sandbox.values import Decoder

_MAX_THINGS = 1000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PICTURE = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"))
"""The parts of a file that make up its picture; words, profiles, animations and whatever else there is are dropped."""
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
"""How many bits a sample may have, by kind of colour."""


def accept_shown(tree: Any, received: Sequence[Received], exercise_of: Mapping[str, str]) -> tuple[Shown, ...]:
    """Return what cells have shown, as much of it as a page can take; something is said of what was left out.

    Args:
        tree: the worker's answer.
        received: the tensors that it names.
        exercise_of: the exercise of each watched cell, by the cell's label.

    Raises:
        WireError: it is malformed.
    """
    things = Decoder(tensors_of(received)).decode(tree)
    if not isinstance(things, list):
        raise WireError("malformed list")
    return tuple(_bounded(_things(things[:_MAX_THINGS], exercise_of)))


def _things(things: list[Any], exercise_of: Mapping[str, str]) -> Iterator[tuple[str, str | bytes | None]]:
    """Yield exercise and words or picture; None for a picture that is not one."""
    for thing in things:
        label, content = thing
        exercise = exercise_of[label]
        if isinstance(content, str):
            yield exercise, printable(content)
        elif isinstance(content, torch.Tensor) and content.dtype == torch.uint8 and content.dim() == 1:
            is_small = len(content) <= MAX_PICTURE_BYTES
            yield exercise, picture_only(content.numpy().tobytes()) if is_small else None
        else:
            raise WireError("malformed picture")


def _bounded(things: Iterator[tuple[str, str | bytes | None]]) -> Iterator[Shown]:
    words_left, pictures_left, bytes_left = MAX_WORDS, MAX_PICTURES, MAX_PICTURES_BYTES
    has_told = False
    for exercise, content in things:
        if isinstance(content, str):
            kept, words_left = content[:words_left], words_left - len(content[:words_left])
            if kept:
                yield Shown(exercise=exercise, words=kept)
            is_whole = kept == content
        elif is_whole := content is not None and pictures_left > 0 and len(content) <= bytes_left:
            pictures_left, bytes_left = pictures_left - 1, bytes_left - len(content)
            yield Shown(exercise=exercise, picture=base64.b64encode(content).decode())
        if not is_whole and not has_told:
            has_told = True
            yield Shown(exercise=exercise, left_out=True)


def picture_only(content: bytes) -> bytes | None:
    """Return a PNG file with nothing in it but its picture; None if it is none, or its picture is too large.

    The picture itself is not decoded: that is left to browsers, which are made for it.
    """
    if not content.startswith(_SIGNATURE):
        return None
    kept, position, first = [_SIGNATURE], len(_SIGNATURE), True
    while len(content) - position >= 12:
        size, kind = int.from_bytes(content[position : position + 4], "big"), content[position + 4 : position + 8]
        end = position + 12 + size
        chunk = content[position:end]
        if end > len(content) or zlib.crc32(chunk[4:-4]) != int.from_bytes(chunk[-4:], "big"):
            return None
        if first != (kind == b"IHDR") or (first and not _is_showable(chunk[8:-4])):
            return None
        if kind in _PICTURE:
            kept.append(chunk)
        elif not kind[:1].islower():  # by its own account no picture can be had without it
            return None
        if kind == b"IEND":
            return b"".join(kept)
        position, first = end, False
    return None


def _is_showable(header: bytes) -> bool:
    if len(header) != 13:
        return False
    width, height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
    depth, colour, *methods = header[8:]
    return (
        0 < width <= MAX_SIDE
        and 0 < height <= MAX_SIDE
        and depth in _DEPTHS.get(colour, ())
        and methods[:2] == [0, 0]
        and methods[2] in (0, 1)
    )
