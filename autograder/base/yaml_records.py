"""Reads YAML files into checked records, with errors that name file, line, column and key.

The files are YAML 1.2: ``no`` and ``1:1`` are words, and a duplicate key is an error.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import types
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError
from yamlcore import CCoreLoader, CoreLoader

from autograder.base.errors import ConfigError
from autograder.base.i18n import Text, same, text

Model = TypeVar("Model", bound=BaseModel)


def load(path: Path, record: type[Model], *, context: Mapping[str, Any] | None = None) -> Model:
    """Read a YAML file into a pydantic record.

    Args:
        path: the file.
        record: what it holds.
        context: what the record's validators want to know.

    Raises:
        ConfigError: something in it is wrong; names the first mistake with its line, column and key.
    """
    try:
        source = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(text("cannot be read: {reason}", reason=error.strerror), path=path) from error
    except UnicodeDecodeError as error:
        raise ConfigError(text("is not UTF-8; save it as UTF-8"), path=path) from error
    root, data = _read(source, path)
    try:
        return record.model_validate(data, context=context)
    except ValidationError as error:
        # a misspelt key is also a missing one; its own line is the better place to look
        first = min(error.errors(), key=lambda e: e["type"] not in ("extra_forbidden", "mistake"))
        found = first.get("ctx", {})
        inner = [found["discriminator"].strip("'")] if "discriminator" in found else found.get("path", ())
        keys, mark = _locate(root, [str(key) for key in (*first["loc"], *inner)])
        raise ConfigError(
            _reason(first, record),
            path=path,
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
            key=".".join(keys) or None,
        ) from error


def plain(source: str, path: Path, *, words: Collection[str] = ()) -> Any:
    """Return the plain values of a YAML text that anybody may have written.

    Args:
        source: the text.
        path: where it comes from.
        words: keys whose values stay as written: student ``007`` is not student 7.

    Raises:
        ConfigError: it is not YAML, or has a duplicate key, or has aliases, ten lines of which can stand for a billion
            values.
    """
    return _read(source, path, words=words)[1]


def _read(source: str, path: Path, *, words: Collection[str] | None = None) -> tuple[yaml.Node | None, Any]:
    if yaml.__with_libyaml__:  # the same rules, seven times as fast, but its errors say less
        with contextlib.suppress(yaml.YAMLError):
            return _compose(CCoreLoader(source), path, words)
    try:
        return _compose(CoreLoader(source), path, words)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (None, None)
        problem = _in_words(error, source.splitlines())
        raise ConfigError(_not_yaml(problem), path=path, line=line, column=column) from error
    except yaml.YAMLError as error:
        raise ConfigError(_not_yaml(same(" ".join(str(error).split()))), path=path) from error


def _not_yaml(reason: Text) -> Text:
    return text("not valid YAML: {reason}", reason=reason)


def _in_words(error: yaml.MarkedYAMLError, lines: Sequence[str]) -> Text:
    """Return the library's message, in an author's words where it is about a mistake that authors make."""
    problem, mark = str(error.problem), error.problem_mark
    if (words := _of_brackets(error) or _of_a_sign(problem)) is not None:
        return words
    if mark is None or mark.line >= len(lines):
        return same(problem)
    line, before = lines[mark.line], lines[mark.line][: mark.column]
    if problem.startswith("found character '\\t'"):
        return text("there is a tab here; indent with spaces")
    if problem.startswith("mapping values are not allowed"):
        if ": " in before:
            return text("there are two keys in this line; put a value that has a colon in quotes")
        return _of_indentation(line, lines[: mark.line])
    if problem.startswith(("expected <block end>", "expected '<document start>'")) and not before.strip():
        return _of_indentation(line, lines[: mark.line])
    if problem == "expected <block end>, but found '<scalar>'" and before.rstrip().endswith(("'", '"')):
        return text("the quotes end before this; put the whole value in quotes, and double a quote that is part of it")
    return same(problem)


def _of_brackets(error: yaml.MarkedYAMLError) -> Text | None:
    """Say what a bracket or a quote lacks, and where it begins; None if the message is about something else."""
    context, problem, begins = str(error.context), str(error.problem), error.context_mark
    if found := re.fullmatch(r"expected (?:<block end>|the node content), but found '([]}])'", problem):
        return text("there is no bracket that this {bracket} closes", bracket=found[1])
    if "node content" in problem and problem.endswith("'-'"):
        return text("items that begin with - cannot stand in brackets; is one above this line not closed?")
    if begins is None:
        return None
    where = {"line": begins.line + 1, "column": begins.column + 1}
    if found := re.match(r"expected ',' or '([]}])'", problem):
        return text(
            "after the bracket of line {line}, column {column}, a comma or its end {bracket} is missing here",
            **where,
            bracket=found[1],
        )
    if context == "while scanning a quoted scalar":
        return text("the quote of line {line}, column {column} is not closed", **where)
    return None


def _of_a_sign(problem: str) -> Text | None:
    """Say that a value needs quotes because of the sign it begins with; None if that is not the matter."""
    for message in (
        r"found character '([@`%])' that cannot start any token",
        r"found undefined alias '()",
        r"could not determine a constructor for the tag '(!)",
    ):
        if found := re.match(message, problem):
            return text("a value that begins with {sign} must be in quotes", sign=found[1] or "*")
    return None


def _of_indentation(line: str, above: Sequence[str]) -> Text:
    last = next((words for words in reversed(above) if words.strip() and not words.lstrip().startswith("#")), "")
    here, there = (len(words) - len(words.lstrip(" ")) for words in (line, last))
    if here == there:
        return text("this line does not continue the one above: use either keys (key: value) or items (- value)")
    return text(
        "the indentation of this line (spaces: {here}) does not fit the line above (spaces: {there}); "
        "begin keys that belong together in the same column",
        here=here,
        there=there,
    )


def _compose(loader: Any, path: Path, words: Collection[str] | None) -> tuple[yaml.Node | None, Any]:
    try:
        root = loader.get_single_node()
        if root is None:
            return None, None
        again = _refuse_duplicate_keys(root, path, set())
        if words is not None:
            if again is not None:
                line = again.start_mark.line + 1
                raise ConfigError(text("an alias (*name) refers to this; write it out there"), path=path, line=line)
            _keep_as_written(root, words)
        return root, loader.construct_document(root)
    except RecursionError:
        raise ConfigError(_not_yaml(text("nested too deeply, or in a circle")), path=path) from None
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # from inside the library: `!!bool maybe`
        reason = same(f"{type(error).__name__}: {' '.join(str(error).split())}")
        raise ConfigError(_not_yaml(reason), path=path) from error
    finally:
        loader.dispose()


def _keep_as_written(node: yaml.Node, keys: Collection[str]) -> None:
    """Keep the values of these keys as words, in a mapping or in a list of mappings."""
    for record in node.value if isinstance(node, yaml.SequenceNode) else [node]:
        for key, value in record.value if isinstance(record, yaml.MappingNode) else []:
            if key.value in keys and value.tag.endswith((":int", ":float")):
                value.tag = "tag:yaml.org,2002:str"


def mistake(words: Text, *path: str | int) -> PydanticCustomError:
    """Return what a validator raises for an author's mistake, at a key below the record that notices it."""
    return PydanticCustomError("mistake", "{words}", {"words": words.en, "text": words, "path": list(path)})


def unknown_key(key: object, known: Iterable[str]) -> Text:
    """Return a message that the key is unknown, with the keys that are allowed."""
    there_are = list(known)
    return text(
        "unknown key; is it misspelt? {meant}allowed: {names}",
        meant=did_you_mean(key, there_are),
        names=", ".join(there_are),
    )


def did_you_mean(word: object, known: Sequence[str], *, cutoff: float = 0.6) -> Text:
    """Ask whether the closest known word was meant, with a blank at the end; say nothing if no word is close.

    >>> did_you_mean("exercise", ["title", "exercises"]).en
    'did you mean exercises? '
    """
    close = difflib.get_close_matches(str(word), known, n=1, cutoff=cutoff)
    return text("did you mean {name}? ", name=close[0]) if close else same("")


def _short(number: float) -> float:
    """Return the number, as an integer where it is one."""
    return int(number) if number == int(number) else number


_BY_KIND: Mapping[str, Callable[[Mapping[str, Any]], Text]] = {
    "mistake": lambda context: context["text"],
    "missing": lambda _: text("this key is missing"),
    "union_tag_not_found": lambda _: text("this key is missing"),
    "model_type": lambda _: text("keys with values belong here, a line for each: key: value"),
    "dict_type": lambda _: text("keys with values belong here, a line for each: key: value"),
    "list_type": lambda _: text("must be a list, such as [A, B]; put digits in quotes"),
    "bool_type": lambda _: text("write true or false"),
    "string_type": lambda _: text("must be a word; put it in quotes"),
    "int_type": lambda _: text("must be an integer"),
    "int_parsing": lambda _: text("must be an integer"),
    "int_from_float": lambda _: text("must be an integer"),
    "float_type": lambda _: text("must be a number"),
    "float_parsing": lambda _: text("must be a number"),
    "finite_number": lambda _: text("must be a finite number"),
    "greater_than": lambda context: text("must be greater than {limit}", limit=_short(context["gt"])),
    "greater_than_equal": lambda context: text("must be {limit} or more", limit=_short(context["ge"])),
    "less_than_equal": lambda context: text("must be {limit} or less", limit=_short(context["le"])),
    "too_short": lambda context: text("too few entries here; the least is {limit}", limit=context["min_length"]),
    "too_long": lambda context: text("too many entries here; the most is {limit}", limit=context["max_length"]),
    "string_too_short": lambda _: text("must not be empty"),
    "string_pattern_mismatch": lambda context: text("must match the pattern {pattern}", pattern=context["pattern"]),
    **dict.fromkeys(
        ("datetime_parsing", "datetime_from_date_parsing", "datetime_type"),
        lambda _: text("must be a date and a time with its zone, such as 2026-12-01 23:59+08:00"),
    ),
    "literal_error": lambda context: text("allowed: {names}", names=context["expected"].replace(" or ", ", ")),
}
"""What pydantic says, by the kind of its error, in our words."""


def _reason(error: Any, record: type[BaseModel]) -> Text:
    """Say what one of pydantic's errors found wrong, and what would be right."""
    kind, message, given = str(error["type"]), str(error["msg"]), error["input"]
    if kind == "extra_forbidden":
        model = next(_models_at(record, error["loc"][:-1]), None)
        if model is None and given is None:  # {words: of shape (2, 2)} has a key `2)`
            return text("unknown key; if it is a part of words with a comma, put them in quotes")
        if model is None:
            return text("unknown key; is it misspelt?")
        return unknown_key(error["loc"][-1], _keys_of(model))
    if kind == "union_tag_invalid":
        return text("allowed: {names}", names=message.rpartition("expected tags: ")[2])
    if kind in _BY_KIND:
        return _BY_KIND[kind](error.get("ctx", {}))
    return same(message.removeprefix("Value error, "))


def _keys_of(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_at(annotation: Any, way: Sequence[str | int]) -> Iterator[type[BaseModel]]:
    """Yield the records that pydantic's path may lead to; it also names which one of several was tried."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from _models_at(arguments[0], way)
    elif origin in (Union, types.UnionType):
        for tried in arguments:
            yield from _models_at(tried, way)
            yield from _models_at(tried, way[1:]) if way else ()
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if not way:
            yield annotation
        for name, field in annotation.model_fields.items() if way else ():
            if way[0] in (name, field.alias):
                yield from _models_at(field.annotation, way[1:])
    elif arguments and way:  # what a list or a table holds
        yield from _models_at(arguments[0 if origin is tuple else -1], way[1:])


def _refuse_duplicate_keys(node: yaml.Node, path: Path, done: set[int]) -> yaml.Node | None:
    """Visit every node once; return one that an alias repeats, if there is any."""
    if id(node) in done:
        return node
    again: yaml.Node | None = None
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if str(key.value) in seen:
                raise ConfigError(
                    text("duplicate key; keep one of the two"),
                    path=path,
                    line=key.start_mark.line + 1,
                    column=key.start_mark.column + 1,
                    key=str(key.value),
                )
            seen.add(str(key.value))
            found = _refuse_duplicate_keys(value, path, done)
            again = again or found
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            found = _refuse_duplicate_keys(child, path, done)
            again = again or found
    done.add(id(node))  # only now: a node that contains itself must recurse until it is too deep
    return again


def _locate(node: yaml.Node | None, keys: Sequence[str]) -> tuple[list[str], yaml.Mark | None]:
    """Return the path along ``keys`` as an author knows it, and the mark of its deepest node.

    Pydantic's path also names which of several records was tried; what is not a key of the file is left out. A list
    item goes by its id, if it has one.
    """
    if node is None:
        return list(keys), None
    mark, way = node.start_mark, list[str]()
    tagged: yaml.Node | None = None  # the mapping whose type was named last
    for position, key in enumerate(keys):
        if isinstance(node, yaml.MappingNode):
            if node is not tagged and any(k.value in ("type", "kind") and v.value == key for k, v in node.value):
                tagged = node
                continue
            found = next(((k, v) for k, v in node.value if str(k.value) == key), None)
            if found is not None:
                mark, node = found[0].start_mark, found[1]
                way.append(key)
            elif position == len(keys) - 1:
                way.append(key)  # a key that is missing
        elif isinstance(node, yaml.SequenceNode) and key.isdigit() and int(key) < len(node.value):
            node = node.value[int(key)]
            mark = node.start_mark
            way.append(_id_of(node) or key)
    return way, mark


def _id_of(node: yaml.Node) -> str | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((str(v.value) for k, v in node.value if k.value == "id" and isinstance(v, yaml.ScalarNode)), None)
