"""Auto-graded exercises and quizzes for deep-learning courses in PyTorch.

Everything here is imported on first use, so that ``import autograder`` stays cheap.
"""

from importlib import import_module
from typing import Any

__all__ = ["check", "checks", "criterion"]
__version__ = "0.1.0"

_HOME = {"check": "autograder.practice.check", "criterion": "autograder.rubric.criteria"}


def __getattr__(name: str) -> Any:
    if name == "checks":
        return import_module("autograder.checks")
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'autograder' has no attribute {name!r}")
