"""What every table for terminals has in common."""

from __future__ import annotations

from rich.table import Table

GAP = 2
"""Columns of the terminal between two of a table."""


def plain_table() -> Table:
    """A table without lines, as all of ours are."""
    return Table(header_style="bold", box=None, pad_edge=False, padding=(0, GAP, 0, 0))
