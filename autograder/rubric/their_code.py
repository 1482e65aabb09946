"""Says what to do where a rubric lets a library look into the code of a student's function or network.

`inspect.getsource`, `torch.jit`, `torch.compile`, `torch.export` and `torch.fx` read the code of what they are given,
or follow it as it runs. It stays in the student's process, so what they say is about our stand-ins.
"""

from __future__ import annotations

import traceback

from autograder.base.i18n import Text, text
from autograder.student.functions import StudentFunction
from autograder.student.reference import reference_to

_READERS = ("inspect", "torch.jit", "torch.fx", "torch.export", "torch._dynamo")


def way_round(error: BaseException) -> Text | None:
    """Return what to do instead, if that is what an exception came of; None for other ones."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        module = f"{frame.f_globals.get('__name__')}."
        reader = next((name for name in _READERS if module.startswith(f"{name}.")), None)
        if reader and any(map(_is_theirs, frame.f_locals.values())):
            return text(
                "`{library}` reads code, and that of a student's function or network stays in their process: let a"
                " function in an ordinary cell do this there and return what comes of it, or ask"
                " `checks.assert_written_without` what runs",
                library=reader,
            )
    return None


def _is_theirs(value: object) -> bool:
    return isinstance(value, StudentFunction) or reference_to(value) is not None
