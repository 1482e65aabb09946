"""What a student's cells show when they run, as a check gives it beside its report: never part of one."""

from __future__ import annotations

from autograder.base.records import Record

MAX_WORDS = 10_000
"""How many characters of what is printed one check shows."""
MAX_PICTURES = 10
MAX_PICTURE_BYTES, MAX_PICTURES_BYTES = 1 << 20, 4 << 20
"""How large a picture may be, and all of them together."""
MAX_SIDE = 2000
"""How many pixels wide or high a picture may be."""


class Shown(Record):
    """One thing that a cell of an exercise shows.

    Args:
        exercise: whose cell it was.
        words: what it printed or what its last expression came to; empty for a picture.
        picture: a PNG file in base64; empty for words.
        left_out: more than can be shown was cut here.
    """

    exercise: str
    words: str = ""
    picture: str = ""
    left_out: bool = False
