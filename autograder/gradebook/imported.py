"""What the notebooks of an assignment import: worth importing once, in the process that all submissions fork from."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from autograder.base import syntax

_MOST = 100
_WRITTEN = re.compile(r"^%%(?:writefile|file)\b.*?([\w-]+)\.py\s*$", re.MULTILINE)
_NO_PYTHON = re.compile(r"^\s*[%!?]")
_LATER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def imported_by(folder: Path) -> tuple[str, ...]:
    """Return what the notebooks in an assignment's source folder import as they run, each once, in order.

    ``from a import b`` is ``a:b``, since nobody can see whether that is a module. What lies beside the notebooks, or is
    written by one of them, is not there: only the submission's own counts.
    """
    found: dict[str, None] = {}
    own = {path.stem for path in folder.glob("*") if path.is_dir() or path.suffix == ".py"} | {"autograder"}
    for file in sorted(folder.glob("*.ipynb")):
        with suppress(OSError, ValueError, LookupError, TypeError):  # whoever releases it is told
            for cell in json.loads(file.read_text(encoding="utf-8-sig"))["cells"]:
                if cell["cell_type"] == "code":
                    source = "".join(cell["source"])
                    own |= set(_WRITTEN.findall(source))
                    found |= dict.fromkeys(_imports(source))
    return tuple(name for name in found if re.split("[.:]", name)[0] not in own)[:_MOST]


def _imports(source: str) -> Iterator[str]:
    if source.lstrip().startswith("%%"):
        source = source.lstrip().partition("\n")[2]  # most of these run what is below, and others are rarely Python
    lines = ("" if _NO_PYTHON.match(line) else line for line in source.splitlines())
    with suppress(SyntaxError, ValueError):
        pending: list[ast.AST] = [syntax.parse("\n".join(lines))]
        while pending:
            node = pending.pop(0)
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                yield from (f"{node.module}:{alias.name}" for alias in node.names)
            elif not isinstance(node, _LATER):
                pending += ast.iter_child_nodes(node)
