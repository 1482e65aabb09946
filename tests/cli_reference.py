"""The reference of the command line, made from the commands: ``python tests/cli_reference.py`` writes it anew.

It stands in ``autograder/cli/README.md`` below a mark; what stands above the mark is written by hand.
"""

from __future__ import annotations

import inspect
import re
import types
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from typer.main import get_command

from autograder.cli.main import app

README = Path(__file__).parents[1] / "autograder" / "cli" / "README.md"
MARK = "<!-- python tests/cli_reference.py writes everything below -->\n"


@dataclass(frozen=True)
class Parameter:
    """An option or an argument.

    Args:
        name: ``--out``, or what an argument stands for.
        value: what is written behind an option; empty for a flag.
        choices: the only values there are, if they are few.
        help: the sentence of ``--help``.
        default: what holds if the option is not given; empty where the sentence says it.
    """

    name: str
    value: str
    choices: tuple[str, ...]
    help: str
    default: str
    required: bool
    many: bool

    @property
    def is_option(self) -> bool:
        return self.name.startswith("-")

    @property
    def usage(self) -> str:
        """The parameter in a line of usage."""
        words = f"{self.name} {self.value}".rstrip() if self.is_option else self.name + "..." * self.many
        return words if self.required else f"[{words}]"

    @property
    def line(self) -> str:
        """The parameter in a list."""
        default = (
            f" Default: `{self.default}`." if self.default else " Required." if self.required and self.is_option else ""
        )
        return f"- `{self.usage.strip('[]')}`: {_escaped(self.help)}{default}"


@dataclass(frozen=True)
class Command:
    """A command: its words, what it does, its parameters."""

    words: tuple[str, ...]
    help: str
    parameters: tuple[Parameter, ...]

    @property
    def name(self) -> str:
        return " ".join(self.words)

    @property
    def options(self) -> dict[str, Parameter]:
        return {p.name: p for p in self.parameters if p.is_option}

    @property
    def arguments(self) -> list[Parameter]:
        return [p for p in self.parameters if not p.is_option]


def commands(node: Any = None, words: tuple[str, ...] = ("autograder",)) -> Iterator[Command]:
    """Every command of the command line, in the order of ``--help``."""
    node = get_command(app) if node is None else node
    for name, inner in getattr(node, "commands", {}).items():
        yield from commands(inner, (*words, name))
    if not hasattr(node, "commands"):
        hints = typing.get_type_hints(inspect.unwrap(node.callback))
        parameters = tuple(_parameter(p, hints[p.name]) for p in node.params if p.name in hints)
        yield Command(words, inspect.cleandoc(node.help), parameters)


def groups(node: Any = None, words: tuple[str, ...] = ("autograder",)) -> dict[tuple[str, ...], set[str]]:
    """What has commands of its own, with its options."""
    node = get_command(app) if node is None else node
    if not hasattr(node, "commands"):
        return {}
    found = {words: {"--help"} | {name for p in node.params for name in p.opts}}
    for name, inner in node.commands.items():
        found |= groups(inner, (*words, name))
    return found


def _parameter(declared: Any, annotation: Any) -> Parameter:
    kinds = typing.get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    kind = next(k for k in kinds if k is not type(None))
    many = typing.get_origin(kind) is list
    kind = typing.get_args(kind)[0] if many else kind
    choices = tuple(str(member.value) for member in kind) if issubclass(kind, Enum) else ()
    is_option = declared.opts[0].startswith("-")
    metavar = declared.metavar or ""
    value = "" if kind is bool else metavar or "|".join(choices)
    default = declared.default
    shown = getattr(default, "value", default)
    tells = default not in (None, False, Path()) and "by default" not in declared.help
    return Parameter(
        name=max(declared.opts, key=len) if is_option else metavar,
        value=value if is_option else "",
        choices=choices,
        help=declared.help,
        default=str(shown) if tells else "",
        required=declared.required,
        many=many,
    )


def reference() -> str:
    """Every command with every option, as Markdown; the commands of a group come last."""
    return "\n".join(map(_section, sorted(commands(), key=lambda c: (len(c.words), c.words))))


def _section(command: Command) -> str:
    parts = [command.name, *(p.usage for p in command.arguments), *(p.usage for p in command.options.values())]
    lines = [f"### {command.name}", "", _escaped(command.help), "", "```text", *_wrapped(parts), "```"]
    if command.parameters:
        lines += ["", *(p.line for p in (*command.arguments, *command.options.values()))]
    return "\n".join(lines) + "\n"


def _escaped(words: str) -> str:
    """Words as they are, also where a renderer of Markdown would take ``<student>`` for a tag."""
    return re.sub(r"(\S*<\S*>\S*?)(?=[.,;:]?(\s|$))", r"`\1`", words)


def _wrapped(parts: list[str], width: int = 100) -> Iterator[str]:
    """The parts in lines that break between options only."""
    line = ""
    for part in parts:
        if line and len(line) + 1 + len(part) > width:
            yield line
            line = "   "
        line = f"{line} {part}" if line else part
    yield line


def written() -> str:
    """The whole file: its upper part as it is, the reference as it has to be."""
    by_hand, mark, _ = README.read_text(encoding="utf-8").partition(MARK)
    if not mark:
        raise SystemExit(f"{README}: the mark is missing, below which the reference goes: {MARK}")
    return by_hand + MARK + "\n" + reference()


if __name__ == "__main__":
    README.write_text(written(), encoding="utf-8")
