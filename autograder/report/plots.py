"""Draws a class as SVG for a page: in the page's own colours, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INK, _FILL = "#010203", "#040506"
"""Stand for the page's own colours until the picture is written."""

_WIDTH = 4.4
"""Inches: about a phone's width, on which the words in a wider picture would be too small to read."""


def histogram(values: Sequence[float], *, upper: float) -> Markup:
    """Draw how values are distributed between 0 and ``upper``."""
    from matplotlib.ticker import MaxNLocator

    count = int(upper) if upper == int(upper) and 5 <= upper <= 25 else 20
    width = (upper or 1.0) / count
    edges = [number * width for number in range(count + 1)]

    def draw(axes: Axes) -> None:
        axes.hist(values, bins=edges, color=_FILL, rwidth=0.92)
        axes.set_xlim(0, upper or 1.0)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))

    return _svg(draw, height=1.9, name="histogram")


def bars(names: Sequence[str], shares: Sequence[float]) -> Markup:
    """Draw a bar from 0 to 100 % for each name, the first on top."""

    def draw(axes: Axes) -> None:
        axes.barh(range(len(names)), [100 * share for share in shares], color=_FILL, height=0.7)
        axes.set_yticks(range(len(names)), names)
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} %")

    return _svg(draw, height=0.5 + 0.24 * len(names), name="bars")


def _svg(draw: Callable[[Axes], None], *, height: float, name: str) -> Markup:
    import warnings

    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    style: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "text.color": _INK,
        "axes.edgecolor": _INK,
        "axes.labelcolor": _INK,
        "xtick.color": _INK,
        "ytick.color": _INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.size": 9,
    }
    with mpl.rc_context(style), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about glyphs that its own fonts lack: the browser's have them
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.add_subplot()
        axes.patch.set_alpha(0)
        draw(axes)
        content = io.StringIO()
        canvas: Any = FigureCanvasSVG(figure)
        canvas.print_svg(content, metadata={"Date": None, "Creator": None})
    picture = content.getvalue()
    picture = picture[picture.index("<svg") :].replace(_INK, "currentColor").replace(_FILL, "var(--accent)")
    picture = re.sub(r"<metadata>.*?</metadata>", "", picture, flags=re.DOTALL)
    picture = re.sub(r'(font: [^;"]*?)\'DejaVu Sans\'[^;"]*', r"\1sans-serif", picture)
    picture = re.sub(r'<svg ([^>]*?)width="[^"]*"([^>]*?)height="[^"]*"', r'<svg \1\2role="img"', picture, count=1)
    return Markup(picture)  # noqa: S704 -- Matplotlib wrote it and escaped the names in it
