"""nbgrader and Jupyter as they are installed, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

_WITHOUT_GRAMMARS = Path(__file__).with_name("without_grammars")


def environment(**variables: str) -> dict[str, str]:
    """Return the variables of such a process, with these besides: it finds the programs of this environment.

    It starts in half of the processor's time: jsonschema does without what checks formats of texts, an extra of its
    own, and no notebook's schema asks for any.
    """
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))  # nbgrader looks there for alembic
    modules = os.pathsep.join(filter(None, (str(_WITHOUT_GRAMMARS), os.environ.get("PYTHONPATH"))))
    return os.environ | {"PATH": path, "PYTHONPATH": modules} | variables


def run(*arguments: str, cwd: Path, code: int | None = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a module of theirs, such as `nbgrader`, and what it is told.

    Args:
        arguments: the module, then its arguments.
        cwd: the folder it is started in.
        code: how it must end; None if that does not matter.
        variables: of its environment.
    """
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=cwd, env=environment(**variables), capture_output=True, text=True)
    assert code is None or done.returncode == code, done.stderr[-2000:]
    return done
