"""Runs the command line as its users do."""

import os
import subprocess
import sys
from pathlib import Path


def run_quiz(*arguments: object, cwd: Path | str, code: int = 0, **environment: str) -> tuple[str, str]:
    """Run it and return stdout and stderr."""
    command = [sys.executable, "-m", "autograder", "quiz", *map(str, arguments)]
    variables = os.environ | {"COLUMNS": "120", "PYTHONUTF8": "1"} | environment
    variables.pop("AUTOGRADER_LANG", None)
    done = subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, text=True, encoding="utf-8", stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def autograder(*arguments: object, cwd: Path | str, code: int = 0, **environment: str) -> tuple[str, str]:
    """Run it and return stdout and stderr."""
    command = [sys.executable, "-m", "autograder", *map(str, arguments)]
    variables = os.environ | {"COLUMNS": "100", "PYTHONUTF8": "1"} | environment
    variables.pop("AUTOGRADER_LANG", None)
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr
