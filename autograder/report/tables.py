"""What every table for terminals has in common."""

from __future__ import annotations

from rich.table import Table


def plain_table() -> Table:
    """A table without lines, as all of ours are."""
    return Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
