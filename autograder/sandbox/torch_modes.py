"""The modes of torch and numpy around a call, which hold on the other side too.

They are autocast, inference mode, deterministic algorithms, the default dtype and `numpy.errstate`. The default device
cannot be another one there, which is an error that says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from autograder.sandbox.frames import WireError
from autograder.sandbox.protocol import Modes

_USUAL = torch.float32
_NARROW = {"bfloat16": torch.bfloat16, "float16": torch.float16}
_DEFAULTS = {"float64": torch.float64, **_NARROW}
_USUAL_ERRORS = np.geterr()
_REACTIONS = ("ignore", "warn", "raise", "print")


def present_modes() -> Modes | None:
    """Return in which modes this process is now; None, as almost always, for nothing unusual."""
    default, modes = torch.get_default_dtype(), Modes()
    if torch.is_autocast_enabled("cpu"):
        modes["autocast"] = _name(torch.get_autocast_dtype("cpu"))
    if torch.is_inference_mode_enabled():
        modes["inference"] = True
    if default is not _USUAL:
        modes["default"] = _name(default)
    if torch.are_deterministic_algorithms_enabled():
        modes["deterministic"] = "warn" if torch.is_deterministic_algorithms_warn_only_enabled() else "error"
    if (errors := np.geterr()) != _USUAL_ERRORS:
        modes["errors"] = {kind: how if how in _REACTIONS else "warn" for kind, how in errors.items()}
    if torch._C._len_torch_function_stack() and (device := torch.get_default_device()).type != "cpu":
        raise WireError(
            f"a student's process computes on the CPU, and tensors are made on `{device}` here; call its functions"
            " outside of `with torch.device(...)`, and set no default device"
        )
    return modes or None


class Recording:
    """Whether a graph is recorded around a call; what its code switches meanwhile is switched back.

    That is `torch.set_grad_enabled`, which takes three times as long: much of what a short call takes in all.

    Args:
        is_on: whether it is.
    """

    def __init__(self, is_on: bool) -> None:
        self._is_on = is_on

    def __enter__(self) -> None:
        self._before = torch.is_grad_enabled()
        torch._C._set_grad_enabled(self._is_on)

    def __exit__(self, *_: object) -> None:
        torch._C._set_grad_enabled(self._before)


def around(grad_enabled: bool, modes: object = None) -> contextlib.AbstractContextManager[None]:
    """Enter the modes of a call that a message tells; an untrusted one may tell anything.

    Args:
        grad_enabled: whether a graph is recorded.
        modes: the others.

    Raises:
        WireError: there are no such modes.
    """
    recording = Recording(grad_enabled)
    if modes is None and not torch.is_autocast_enabled("cpu"):
        return recording
    return _entered(recording, {} if modes is None else modes)


@contextlib.contextmanager
def _entered(recording: Recording, modes: object) -> Iterator[None]:
    if not isinstance(modes, dict):
        raise WireError("malformed modes")
    narrow, before = modes.get("autocast"), torch.get_default_dtype()
    default = before if "default" not in modes else _find(_DEFAULTS, modes["default"])
    dtype = torch.bfloat16 if narrow is None else _find(_NARROW, narrow)
    errors = np.errstate(**_checked(modes["errors"])) if "errors" in modes else contextlib.nullcontext()
    inference = torch.inference_mode() if modes.get("inference") is True else contextlib.nullcontext()
    strict = torch.get_deterministic_debug_mode()
    with recording, inference, errors, torch.autocast("cpu", dtype, enabled=narrow is not None):
        torch.set_default_dtype(default)
        if "deterministic" in modes:
            # the usual function imports torch's compiler first
            torch.set_deterministic_debug_mode("warn" if modes["deterministic"] == "warn" else "error")
        try:
            yield
        finally:
            torch.set_default_dtype(before)
            torch.set_deterministic_debug_mode(strict)


def _checked(errors: object) -> Any:
    if not isinstance(errors, dict) or errors.keys() != _USUAL_ERRORS.keys():
        raise WireError("malformed modes")
    if not all(how in _REACTIONS for how in errors.values()):
        raise WireError("malformed modes")
    return errors


def _find(dtypes: dict[str, torch.dtype], name: object) -> torch.dtype:
    if not isinstance(name, str) or name not in dtypes:
        raise WireError("malformed modes")
    return dtypes[name]


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
