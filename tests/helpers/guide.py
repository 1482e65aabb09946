"""Runs the steps of a guide in a shell, as its reader would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def run(command: str, course: Path) -> subprocess.CompletedProcess[str]:
    """Run a step's commands in the folder of a course."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT), "AUTOGRADER_LANG": "en", "COLUMNS": "150"}
    return subprocess.run(
        ["bash", "-e", "-c", command], cwd=course, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
