"""Auto-graded exercises and quizzes for deep-learning courses in PyTorch.

Everything here is imported on first use, so that ``import autograder`` stays cheap.
"""

from typing import Any

__all__ = ["check", "checks", "criterion", "unpack"]
__version__ = "0.1.0"

_HOME = {
    "check": "autograder.practice.check:check",
    "checks": "autograder.checks:",
    "criterion": "autograder.rubric.criteria:criterion",
    "unpack": "autograder.practice.own_notebook:unpack",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'autograder' has no attribute {name!r}")
    from pkgutil import resolve_name

    return resolve_name(_HOME[name])
