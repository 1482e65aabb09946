"""Runs the steps of a guide in a shell, as its reader would."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import stock

ROOT = Path(__file__).parents[2]


def run(command: str, course: Path) -> subprocess.CompletedProcess[str]:
    """Run a step's commands in the folder of a course."""
    environment = stock.environment(AUTOGRADER_LANG="en", COLUMNS="150")
    environment["PYTHONPATH"] += f"{os.pathsep}{ROOT}"
    return subprocess.run(
        ["bash", "-e", "-c", command], cwd=course, env=environment, capture_output=True, text=True, encoding="utf-8"
    )
