"""Converts version 1 of a report, which kept each language of a message in a key of its own.

Version 2 keeps ``{"en": ..., "zh": ...}``. Everything here works on plain values, just read or about to be hashed.
Version 1 is read wherever reports are read and written nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

_Values = Mapping[str, Any]


def read(line: bytes | str) -> dict[str, Any] | None:
    """Return the values of a line of version 1 as version 2 has them, or None where it is something else."""
    try:
        values = json.loads(line)
    except ValueError:
        return None
    return upgrade(values) if isinstance(values, dict) and values.get("schema") == 1 else None


def upgrade(values: _Values) -> dict[str, Any]:
    """Turn the exercises and problems of version 1 into those of version 2; everything else stays.

    Args:
        values: with ``exercises`` and ``problems``, as in JSON; what is damaged is left to validation.
    """
    return _convert(values, _joined)


def downgrade(values: _Values) -> dict[str, Any]:
    """Undo `upgrade`: return the exercises and problems as version 1 wrote them, in its order of keys."""
    return _convert(values, _split)


def _convert(values: _Values, convert: Callable[[_Values, str], _Values]) -> dict[str, Any]:
    converted = dict(values)
    if isinstance(exercises := values.get("exercises"), list):
        converted["exercises"] = [_of_exercise(exercise, convert) for exercise in exercises]
    if isinstance(problems := values.get("problems"), list):
        converted["problems"] = [convert(p, "text") if isinstance(p, Mapping) else p for p in problems]
    return converted


def _of_exercise(exercise: Any, convert: Callable[[_Values, str], _Values]) -> Any:
    if not isinstance(exercise, Mapping) or not isinstance(exercise.get("criteria"), list):
        return exercise
    criteria = [convert(c, "message") if isinstance(c, Mapping) else c for c in exercise["criteria"]]
    return {**exercise, "criteria": criteria}


def _joined(values: _Values, key: str) -> _Values:
    """Turn ``{key: en, key_zh: zh}`` into ``{key: {"en": en, "zh": zh}}``."""
    others = {k: v for k, v in values.items() if k != f"{key}_zh"}
    return others | {key: {"en": values.get(key, ""), "zh": values.get(f"{key}_zh", "")}}


def _split(values: _Values, key: str) -> _Values:
    pairs: dict[str, Any] = {}
    for name, value in values.items():
        pairs |= {key: value["en"], f"{key}_zh": value["zh"]} if name == key else {name: value}
    return pairs
