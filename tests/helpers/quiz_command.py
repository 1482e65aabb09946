"""Runs ``autograder quiz ...`` as its users do."""

import os
import subprocess
import sys


def run_quiz(*arguments, cwd, code=0, **environment):
    """Run it; gives stdout and stderr."""
    command = [sys.executable, "-m", "autograder", "quiz", *map(str, arguments)]
    environment = os.environ | {"COLUMNS": "120", "PYTHONUTF8": "1"} | environment
    environment.pop("AUTOGRADER_LANG", None)
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, encoding="utf-8", stdin=subprocess.DEVNULL
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr
