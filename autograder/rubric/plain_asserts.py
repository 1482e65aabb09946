"""What a student reads of a plain ``assert`` that fails: the condition with its values, without pytest's notation.

.. code-block:: text

    assert 9.0 == 5.0 ± 5.0e-06                                         9.0 == 5.0 ± 5.0e-06
     +  where 9.0 = <built-in method item of Tensor object>()             9.0 = tensor(9.).item()
     +    where <built-in method item of Tensor object> = tensor(9.).item
     +  and   5.0 ± 5.0e-06 = <function approx>(5.0)
     +    where <function approx> = pytest.approx
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from autograder.base.i18n import Text, same, text
from autograder.student.calls import failed_call

_EXPLAINS = re.compile(r" \+ +(?:where|and) +(.+?) = (.+)")
_ASSERTS = "assert "


def in_words(said: str) -> Text:
    """Return what an assertion error says, in our words where pytest has written it.

    Args:
        said: the author's own words, if there are any, and what pytest adds: the condition and where its values are
            from.
    """
    lines = said.split("\n")  # pytest writes those in values as `\\n`
    places = [place for place, line in enumerate(lines) if line.startswith(_ASSERTS)]
    if not places:
        return same(said)
    place = places[-1]  # the author's own words stand before it
    found = [_EXPLAINS.fullmatch(line) for line in lines[place + 1 :]]
    others = [line for line, explains in zip(lines[place + 1 :], found, strict=True) if not explains and line.strip()]
    condition = lines[place].removeprefix(_ASSERTS)
    values = list(_values([explains.groups() for explains in found if explains]))
    for value, prefix in (("False", ""), ("True", "not ")):
        if condition == prefix + value and values and values[0][0] == value:
            condition = prefix + values.pop(0)[1]
    return (
        same("".join(f"{line}\n" for line in lines[:place]))
        + _does_not_hold(condition)
        + same("".join(f"\n{line}" for line in others))
        + same("".join(f"\n  {value} = {source}" for value, source in values))
    )


def _does_not_hold(condition: str) -> Text:
    call = failed_call()
    if call.changing is not None and str(call.changing) == call.words:  # stands before this, with what it changed
        return text("this does not hold: {condition}", condition=condition)
    said = {"call": same(call.words), "kind": same(call.returned), "condition": condition}
    if call.returned:
        return text("after {call}, which returned {kind}, this does not hold: {condition}", **said)
    if call.words:
        return text("after {call}, this does not hold: {condition}", **said)
    return text("this does not hold: {condition}", **said)


def _values(explained: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """Yield values and the expressions they are from; of functions and methods only the names count."""
    for place, (value, source) in enumerate(explained):
        for shown, name in explained[place + 1 :]:
            if shown.startswith("<") and source.startswith(shown):
                source = name + source.removeprefix(shown)
                break
        if not value.startswith("<") and not source.startswith(("<", "pytest.approx(", "approx(")):
            yield value, source
