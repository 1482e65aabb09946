"""Parameters of a student's function that are others than the assignment asks for, in number or order."""

from __future__ import annotations

from autograder.base.i18n import Text, text
from autograder.course.settings import Function
from autograder.results.grade_report import Diagnosis
from autograder.student.functions import Parameters

ANOTHER_NUMBER = Diagnosis(
    id="another-number-of-parameters",
    text=text("The function has another number of parameters than asked. It must take exactly those."),
)
ANOTHER_ORDER = Diagnosis(
    id="parameters-in-another-order",
    text=text("The parameters stand in another order than asked. Arguments are passed by position."),
)
BESIDES = "+"
"""Separates the ids of causes of one criterion that hold together, in the id of a diagnosis."""


def difference(asked: Function, own: Parameters | None) -> tuple[Text, Diagnosis] | None:
    """Compare what a function takes with what is asked: both signatures in words, and what is wrong.

    Args:
        asked: the declaration.
        own: what the student's function takes, where that is known. Other names in the same order are fine.

    >>> asked = Function.parse("sgd(params, lr, batch_size)")
    >>> words, diagnosis = difference(asked, Parameters(("params", "lr"), required=2, more=False))
    >>> words.en
    'asked is sgd(params, lr, batch_size); yours takes (params, lr)'
    >>> difference(asked, Parameters(("p", "eta", "n"), required=3, more=False)) is None
    True
    """
    if own is None:
        return None
    if own.required > asked.required or (len(own.names) < len(asked.in_order) and not own.more):
        cause = ANOTHER_NUMBER
    elif _is_in_another_order(asked.in_order, own.names):
        cause = ANOTHER_ORDER
    else:
        return None
    return text("asked is {asked}; yours takes {own}", asked=asked, own=_shown(own)), cause


def is_of_the_signature(diagnosis: Diagnosis | None) -> bool:
    """Does the cause lie in the function's first line, whatever else is wrong?"""
    return diagnosis is not None and diagnosis.id.partition(BESIDES)[0] in (ANOTHER_NUMBER.id, ANOTHER_ORDER.id)


def besides(diagnosis: Diagnosis | None, other: Diagnosis | None) -> Diagnosis | None:
    """Return another cause, after the order of the parameters where that is named already."""
    if diagnosis is None or diagnosis.id.partition(BESIDES)[0] != ANOTHER_ORDER.id:
        return other
    if other is None:
        return ANOTHER_ORDER
    words = text("{cause} Besides: {other}", cause=ANOTHER_ORDER.text, other=other.text)
    return Diagnosis(id=ANOTHER_ORDER.id + BESIDES + other.id, text=words)


def _is_in_another_order(asked: tuple[str, ...], own: tuple[str, ...]) -> bool:
    """Are the same names in another order, or at least two of them at each other's places?"""
    places = {name: place for place, name in enumerate(own)}
    there = [(place, places[name]) for place, name in enumerate(asked) if name in places]
    exchanged = any((other, place) in there for place, other in there if place != other)
    return exchanged or (set(asked) == set(own) and asked != own)


def _shown(own: Parameters) -> str:
    optional = ("=..." if place >= own.required else "" for place in range(len(own.names)))
    names = [name + default for name, default in zip(own.names, optional, strict=True)]
    return f"({', '.join([*names, '*...'] if own.more else names)})"
