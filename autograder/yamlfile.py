"""YAML files as checked records, with errors that name file, line and key.

YAML is read by version 1.2 of its rules: ``no`` is a word, ``1:1`` is one too, and a key given twice is an error.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yamlcore import CoreLoader

from autograder.errors import ConfigError

Record = TypeVar("Record", bound=BaseModel)


def load(path: Path, record: type[Record]) -> Record:
    """Read a YAML file into a pydantic record.

    Raises:
        ConfigError: at the first thing wrong in it, with its line and key.
    """
    try:
        source = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}", path=path) from error
    except UnicodeDecodeError as error:
        raise ConfigError("is not UTF-8; save it as UTF-8", path=path) from error
    try:
        root = yaml.compose(source, Loader=CoreLoader)
        if root is not None:
            _refuse_duplicate_keys(root, path)
        data = yaml.load(source, Loader=CoreLoader)  # noqa: S506 -- CoreLoader builds plain values only
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigError(f"is not YAML: {error.problem}", path=path, line=line) from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"is not YAML: {' '.join(str(error).split())}", path=path) from error
    try:
        return record.model_validate(data)
    except ValidationError as error:
        # a misspelt key is also a missing one; its own line is the better place to look
        first = min(error.errors(), key=lambda e: e["type"] != "extra_forbidden")
        keys = [str(key) for key in first["loc"]]
        raise ConfigError(
            _reason(first["type"], first["msg"]), path=path, line=_line(root, keys), key=".".join(keys) or None
        ) from error


def _reason(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "unknown key; is it misspelt?"
    if kind == "missing":
        return "this key is missing"
    return message.removeprefix("Value error, ")


def _refuse_duplicate_keys(node: yaml.Node, path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if str(key.value) in seen:
                raise ConfigError(
                    "this key stands here twice", path=path, line=key.start_mark.line + 1, key=str(key.value)
                )
            seen.add(str(key.value))
            _refuse_duplicate_keys(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_duplicate_keys(child, path)


def _line(node: yaml.Node | None, keys: Sequence[str]) -> int | None:
    """The 1-based line of the deepest node on the way along ``keys``."""
    if node is None:
        return None
    line = node.start_mark.line + 1
    for key in keys:
        if isinstance(node, yaml.MappingNode):
            found = next(((k, v) for k, v in node.value if str(k.value) == key), None)
            if found is None:
                break
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            node = node.value[int(key)]
            line = node.start_mark.line + 1
        else:
            break
    return line
