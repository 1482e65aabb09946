"""Groups that import a command only when it is asked for: importing all takes longer than most of them run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command

Panels = Mapping[str, Mapping[str, str]]
"""For each panel of ``--help`` the names of its commands, and where in this package each is: ``module:name``."""


class OnDemandGroup(TyperGroup):
    """A group whose class says where its commands are."""

    panels: ClassVar[Panels] = {}

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings | {"commands": _Commands(self.panels)})


class _Commands(Mapping[str, Any]):
    """Commands by name; typer looks them up, and goes over all of them for ``--help``."""

    def __init__(self, panels: Panels) -> None:
        self._places = {name: (place, panel) for panel, places in panels.items() for name, place in places.items()}

    def __getitem__(self, name: str) -> Any:
        return _made(name, *self._places[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


@cache
def _made(name: str, place: str, panel: str) -> Any:
    module, _, attribute = place.partition(":")
    found = getattr(import_module(f"{__package__}.{module}"), attribute)
    alone = typer.Typer(add_completion=False)
    if not isinstance(found, typer.Typer):
        alone.command(name, rich_help_panel=panel)(found)
        return get_command(alone)
    alone.add_typer(found, name=name, rich_help_panel=panel)
    group: Any = get_command(alone)
    return group.commands[name]
