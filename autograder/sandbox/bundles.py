"""What a notebook shows of a value: its text, and a picture if it has one.

As IPython's display formatter decides it, without any of its other forms: HTML and the like never leave the process.
This module runs where the student's code runs.
"""

from __future__ import annotations

import base64
import contextlib
import io
import os
import sys
from collections.abc import Callable
from typing import Any, Protocol

_CANARY = "_ipython_canary_method_should_not_exist_"
"""An object that has even this one answers to every name."""
TEXT, PNG = "text/plain", "image/png"
PICTURES = (PNG, "image/jpeg")
"""A value is shown as the first of these that it has."""
NO_PICTURES = "AUTOGRADER_NO_PICTURES"
"""In the environment of the code: nobody looks at its figures, which take far longer to draw than to describe."""


def shows_itself(value: Any) -> bool:
    """Let a value show itself, if it can; says whether it has."""
    show = _method(value, "_ipython_display_")
    if show is None:
        return False
    try:
        show()
    except NotImplementedError:
        return False
    return True


class Formats(Protocol):
    """What the notebook has chosen; `shell.Shell` has it."""

    float_format: str

    def formatted(self, kind: str, value: Any) -> Any: ...  # noqa: D102


def bundle(value: Any, formats: Formats) -> dict[str, str]:
    """Return the text of a value, and its picture as base64, if it has one.

    Args:
        value: what is shown.
        formats: how, where the notebook has chosen that; numbers without a format are written in full.
    """
    found: dict[str, str] = {}
    if (own := _method(value, "_repr_mimebundle_")) is not None:
        given = own(include=None, exclude=None)
        given = given[0] if isinstance(given, tuple) else given
        found = _known(given or {})
    if TEXT not in found:
        chosen = "" if formats.float_format else _encoded(TEXT, formats.formatted(TEXT, value))
        found[TEXT] = chosen or pretty(value, formats.float_format)
    if len(found) == 1:
        found |= _picture(value, formats)
    return found


def raw(value: Any) -> dict[str, str]:
    """Return the text and the picture of a value that is a bundle already, as ``display(..., raw=True)`` takes it."""
    return {TEXT: "", **_known(value if isinstance(value, dict) else {})}


def drawn(figure: Any) -> str:
    """Return a figure as a PNG file in base64; nothing of one that has nothing on it, or if nobody looks."""
    is_empty = not (getattr(figure, "axes", True) or getattr(figure, "lines", True))
    if is_empty or NO_PICTURES in os.environ:
        return ""
    file = io.BytesIO()
    figure.savefig(file, format="png", bbox_inches="tight")
    return base64.b64encode(file.getvalue()).decode()


def pretty(value: Any, float_format: str = "") -> str:
    """Return a value as a notebook shows it."""
    with contextlib.suppress(ImportError):
        from IPython.lib.pretty import RepresentationPrinter
        from IPython.lib.pretty import pretty as prettily

        if not float_format:
            return str(prettily(value))
        stream = io.StringIO()
        printer = RepresentationPrinter(stream)
        printer.type_pprinters = {**printer.type_pprinters, float: lambda number, p, _: p.text(float_format % number)}
        printer.pretty(value)
        printer.flush()
        return stream.getvalue()
    return repr(value)


def _method(value: Any, name: str) -> Callable[..., Any] | None:
    """Return a method of a value by which it says how it is shown; a class has none, nor what answers to any name."""
    if isinstance(value, type) or callable(getattr(value, _CANARY, None)):
        return None
    method = getattr(value, name, None)
    return method if callable(method) else None


def _known(given: dict[str, Any]) -> dict[str, str]:
    """Return the text of a bundle and the first of its pictures."""
    shown = [TEXT, *[kind for kind in PICTURES if given.get(kind)][:1]]
    return {kind: content for kind in shown if (content := _encoded(kind, given.get(kind)))}


def _picture(value: Any, formats: Formats) -> dict[str, str]:
    if _method(value, "savefig") is not None and (drawing := drawn(value)):
        return {PNG: drawing}
    for kind in PICTURES:
        own = _method(value, f"_repr_{kind.removeprefix('image/')}_")
        content = (own and own()) or formats.formatted(kind, value)
        if picture := _encoded(kind, content[0] if isinstance(content, tuple) else content):  # it may come with a size
            return {kind: picture}
    return {}


def _encoded(kind: str, content: Any) -> str:
    if kind in PICTURES and isinstance(content, bytes):
        return base64.b64encode(content).decode()
    return "".join(content) if isinstance(content, str) else ""


def open_figures() -> list[Any]:
    """Return matplotlib's figures that nobody has closed."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return [] if pyplot is None else [pyplot.figure(number) for number in pyplot.get_fignums()]
