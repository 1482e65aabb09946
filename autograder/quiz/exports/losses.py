"""What a target cannot express."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Loss:
    """Something a target cannot express.

    Args:
        question: whose.
        words: what is lost, and what happens instead.
    """

    question: str
    words: str
