"""What all tables for terminals have in common."""

from __future__ import annotations

from rich.table import Table

GAP = 2
"""How many columns of the terminal lie between two columns of a table."""


def points(value: float | None) -> str:
    """Return a score in as few characters as possible, with at most two decimals.

    >>> points(2.0), points(0.3333333), points(None)
    ('2', '0.33', '?')
    """
    return "?" if value is None else f"{value:.2f}".rstrip("0").rstrip(".")


def plain_table() -> Table:
    """Return a table without lines, as all of ours are."""
    return Table(header_style="bold", box=None, pad_edge=False, padding=(0, GAP, 0, 0))
