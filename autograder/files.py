"""Files: never half written, and places in them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file; whoever reads it meanwhile, or after a kill, sees the old content or the new, never half.

    Raises:
        OSError: it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
        beside.replace(path)
    except OSError:
        beside.unlink(missing_ok=True)
        raise


def replace_file(source: Path, target: Path) -> None:
    """Put a copy of a file in the place of another; whoever reads it meanwhile sees the old one or the new one.

    Raises:
        OSError: it cannot be written.
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copy(source, beside)
    beside.replace(target)


def line_of(path: Path, words: str, *, last: bool = False) -> int | None:
    """The number of the first line, or the last, that holds some words; None where there is no such line."""
    numbers = [n for n, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1) if words in line]
    return numbers[-1 if last else 0] if numbers else None
