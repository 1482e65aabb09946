"""What magics leave in a name: lines of output, captured output, a measurement; and what the shell does not know."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Self


class Ignored:
    """Whatever else is asked of the shell: there, empty, and of no effect."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self

    def _ipython_display_(self) -> None:
        """Nothing is there to be shown."""

    def __call__(self, *positional: Any, **_: Any) -> Any:
        """A decorator leaves what it decorates as it is."""
        return positional[0] if len(positional) == 1 and callable(positional[0]) else self

    def __getitem__(self, _: Any) -> Self:
        return self

    def __setitem__(self, *_: Any) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __contains__(self, _: Any) -> bool:
        return False

    def __len__(self) -> int:
        return 0


class Settings(dict[str, Any]):
    """The shell's settings: kept, by item or by attribute, and of no effect."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.setdefault(name, Settings())

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class Lines(list[str]):
    """What a shell line printed, in the three forms that IPython gives it."""

    code = 0
    """With what its last command ended."""
    is_open = False
    """Nothing ends the last line."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        super().__init__(lines)
        self.complaints: list[str] = []

    @classmethod
    def of(cls, printed: str) -> Self:
        r"""Return the lines of what was printed.

        >>> Lines.of("a\nb").is_open
        True
        """
        lines = cls(printed.removesuffix("\n").split("\n") if printed else [])
        lines.is_open = bool(printed) and not printed.endswith("\n")
        return lines

    @property
    def printed(self) -> str:
        """All of it as it was printed."""
        return "\n".join(self) + ("" if self.is_open or not self else "\n")

    @property
    def n(self) -> str:
        """As one text."""
        return "\n".join(self)

    @property
    def s(self) -> str:
        """In one line."""
        return " ".join(self)

    @property
    def l(self) -> list[str]:  # noqa: E743 -- IPython's name
        """As a list."""
        return self

    nlstr, spstr, list = n, s, l


class Captured:
    """What ``%%capture NAME`` leaves in the name.

    Args:
        display: shows a value again.
    """

    stdout = stderr = ""

    def __init__(self, display: Callable[..., object]) -> None:
        self._display = display
        self.outputs: list[Any] = []

    def add(self, *values: Any, **_: Any) -> None:
        """Keep what was displayed."""
        self.outputs.extend(values)

    def show(self) -> None:
        """Show it again."""
        sys.stdout.write(self.stdout)
        sys.stderr.write(self.stderr)
        for value in self.outputs:
            self._display(value)

    __call__ = show

    def __str__(self) -> str:
        return self.stdout


Captured.__name__ = Captured.__qualname__ = "CapturedIO"
Captured.__module__ = "IPython.utils.capture"


class Handle:
    """What ``display(value, display_id=...)`` gives: shows another value in its place.

    Args:
        display: shows a value.
        name: what the place is called.
    """

    def __init__(self, display: Callable[..., object], name: object) -> None:
        self._display, self.display_id = display, name

    def display(self, value: Any, **options: Any) -> None:
        """Show a value."""
        self._display(value, display_id=self.display_id, **options)

    def update(self, value: Any, **options: Any) -> None:
        """Show a value in place of what is there."""
        self._display(value, display_id=self.display_id, update=True, **options)


class Measurement:
    """What ``%timeit -o`` gives.

    Args:
        loops: how often the code ran in each run.
        seconds: how long each run took.
    """

    def __init__(self, loops: int, seconds: list[float]) -> None:
        self.loops, self.all_runs, self.repeat = loops, seconds, len(seconds)
        self.timings = [second / loops for second in seconds]
        self.best, self.worst = min(self.timings), max(self.timings)
        self.average = sum(self.timings) / self.repeat
        self.stdev = (sum((t - self.average) ** 2 for t in self.timings) / self.repeat) ** 0.5
        self.compile_time = 0.0

    def __str__(self) -> str:
        runs, loops = (f"{n:,} {word}{'s' * (n != 1)}" for n, word in ((self.repeat, "run"), (self.loops, "loop")))
        spent = f"{in_units(self.average)} ± {in_units(self.stdev)} per loop"
        return f"{spent} (mean ± std. dev. of {runs}, {loops} each)"

    def __repr__(self) -> str:
        return f"<TimeitResult : {self}>"


def in_units(seconds: float) -> str:
    """Return a time as IPython writes it.

    >>> in_units(0.00123), in_units(0), in_units(75)
    ('1.23 ms', '0 ns', '1min 15s')
    """
    if seconds >= 60:
        return f"{int(seconds // 60)}min {int(seconds % 60)}s"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("μs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
