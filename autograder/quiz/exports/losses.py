"""What a target cannot express."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autograder.base.i18n import Language, Text


@dataclass(frozen=True)
class Loss:
    """Something a target cannot express.

    Args:
        question: its id; a dot and the name of a part follow if only that part is concerned.
        words: what is lost, and what happens instead.
    """

    question: str
    words: Text


def told(losses: Iterable[Loss], language: Language) -> Iterator[str]:
    """Yield a line for each kind of loss, which names everything it concerns."""
    concerned: dict[str, list[str]] = {}
    for loss in losses:
        concerned.setdefault(loss.words.get(language), []).append(loss.question)
    for words, names in concerned.items():
        yield f"{', '.join(dict.fromkeys(names))}: {words}"
