"""What a rubric hears of a student's code besides its answers: what it prints, and its warnings.

Both come along only where somebody listens: where `sys.stdout` is another one than usual, as in `redirect_stdout`, or
the filters of warnings are, as in `pytest.warns`. Everything that arrives is untrusted.
"""

from __future__ import annotations

import builtins
import sys
import warnings
from typing import Any

from autograder.sandbox.bounds import MAX_HEARD, MAX_WARNINGS
from autograder.sandbox.frames import WireError
from autograder.sandbox.protocol import BackwardRequest, CallbackRequest, Reply, Request
from autograder.student.replies import as_list


class Listening:
    """Passes it on; made where nobody listens."""

    def __init__(self) -> None:
        self._stdout, self._filters = sys.stdout, warnings.filters
        self.begin_criterion()

    def begin_criterion(self) -> None:
        """Print as much as a criterion may see; forget warnings of a call that ended its process."""
        self.warnings: list[tuple[str, type[Warning]]] = []
        """Those that have come and have not been passed on."""
        self._may_print = 16 * MAX_HEARD  # characters

    def ask(self, request: Request) -> None:
        """Ask for what somebody listens to."""
        if sys.stdout is not self._stdout:
            request["heard"] = True
        if warnings.filters is not self._filters:
            request["warned"] = _rules()

    def take(self, message: Reply | CallbackRequest | BackwardRequest) -> None:
        """Print what a message says that the code has printed, and note its warnings.

        Raises:
            WireError: it says something else.
        """
        if "printed" in message and sys.stdout is not self._stdout:
            words = message["printed"]
            if not isinstance(words, str) or len(words) > MAX_HEARD:
                raise WireError("malformed output")
            words = words[: self._may_print]
            self._may_print -= len(words)
            sys.stdout.write(words)
        if "warned" in message:
            found = [(str(words), _category(name)) for name, words in as_list(message["warned"])]
            if warnings.filters is not self._filters:
                self.warnings += found[: MAX_WARNINGS - len(self.warnings)]

    def warn(self) -> None:
        """Warn as the code did."""
        found, self.warnings = self.warnings, []
        for words, category in found:
            warnings.warn_explicit(words[:MAX_HEARD], category, "<student>", 1, module="__main__")


def _rules() -> list[list[object]]:
    """Return which warnings are exceptions, as the rubric's filters say: whether one is, its words, its category.

    The first that fits a warning counts. A category that is not Python's own is none of the code's.
    """
    found: list[list[object]] = [
        [action == "error", getattr(words, "pattern", words) or "", category.__name__]
        for action, words, category, module, line in warnings.filters
        if isinstance(category, type) and category.__module__ == "builtins" and not line and _is_of_main(module)
    ]
    return found if any(is_error for is_error, *_ in found) else []


def _is_of_main(module: Any) -> bool:
    return module is None or (module == "__main__" if isinstance(module, str) else bool(module.match("__main__")))


def _category(name: object) -> type[Warning]:
    found = getattr(builtins, name, None) if isinstance(name, str) else None
    if not isinstance(found, type) or not issubclass(found, Warning):
        raise WireError("malformed warning")
    return found
