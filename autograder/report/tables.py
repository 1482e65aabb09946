"""What every table for terminals has in common."""

from __future__ import annotations

from rich.table import Table

GAP = 2
"""Columns of the terminal between two of a table."""


def points(value: float | None) -> str:
    """A score as short as it can be said.

    >>> points(2.0), points(0.3333333), points(None)
    ('2', '0.33', '?')
    """
    return "?" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def plain_table() -> Table:
    """A table without lines, as all of ours are."""
    return Table(header_style="bold", box=None, pad_edge=False, padding=(0, GAP, 0, 0))
