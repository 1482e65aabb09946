"""Two ways to talk to a student taking a quiz: a screen with keys, and plain lines for pipes and screen readers.

Both ask for one option, for several, or for a line; the student may give a `Command` instead.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Collection, Sequence
from enum import Enum
from typing import Protocol

import typer
from rich.console import Console, RenderableType
from rich.control import Control
from rich.text import Text as Styled

from autograder.base.i18n import Language, printable, text
from autograder.quiz.notation.parsing import MAX_LENGTH
from autograder.quiz.scoring.markers import NONE


class Command(Enum):
    """What a student can do instead of answering; the values are its names in a line."""

    HINT = ("hint", "h", "提示")
    LANGUAGE = ("language", "lang", "l", "语言")
    BACK = ("back", "<", "返回", "上一题")
    SKIP = ("skip", "next", ">", "跳过", "下一题")
    QUIT = ("quit", "q", "exit", "退出")


_KEYS = {
    "h": Command.HINT,
    "?": Command.HINT,
    "l": Command.LANGUAGE,
    "<": Command.BACK,
    "-": Command.BACK,
    "\x7f": Command.BACK,
    "\x1b[d": Command.BACK,
    "\x1bod": Command.BACK,
    ">": Command.SKIP,
    "+": Command.SKIP,
    "\x1b[c": Command.SKIP,
    "\x1boc": Command.SKIP,
    "q": Command.QUIT,
    "\x04": Command.QUIT,
    ":h": Command.HINT,
    ":l": Command.LANGUAGE,
    ":q": Command.QUIT,
}
"""By key, in lower case, so that Caps Lock makes no difference."""
LETTER_COMMANDS = "HLQ"
"""The commands that are letters; where options have these letters, a command needs a colon before it."""
_CODE = re.compile(r"`([^`]+)`")
_STEERING = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.)?|[\x00-\x08\x0b-\x1f\x7f]")
"""What arrow keys and the like leave in a line."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

Choice = tuple[str, str]
"""The letter of an option, and its words."""


class Screen(Protocol):
    """What `pages` needs of a screen."""

    language: Language

    def begin(self) -> None:
        """Start a new page."""

    def say(self, words: str, style: str = "") -> None:
        """Show a paragraph; `code` in backticks stands out."""

    def draw(self, what: RenderableType) -> None:
        """Show a table or the like."""

    def pick(self, choices: Sequence[Choice]) -> str | Command:
        """Ask for one letter."""

    def pick_several(self, choices: Sequence[Choice], ticked: set[str]) -> list[str] | Command:
        """Ask for any number of letters; ``ticked`` holds those ticked so far and is kept up to date."""

    def line(self, prompt: str) -> str | Command:
        """Ask for a line of text."""

    def wait(self) -> Command | None:
        """Wait until the reader is done with the page."""


def _command_of(words: str, letters: Collection[str] = ()) -> Command | None:
    """Return the command that a line names; an option's letter is a command only after a colon."""
    plain = words.strip().casefold()
    if plain.upper() in letters:
        return None
    return next((command for command in Command if plain.lstrip("/:：") in command.value), None)


class PlainScreen:
    """Lines in, lines out: no colour, no cursor, nothing is redrawn.

    Args:
        language: of its own words.
    """

    def __init__(self, language: Language) -> None:
        self.language = language
        self._console = Console(file=sys.stdout, width=100, no_color=True, force_terminal=False, highlight=False)

    def begin(self) -> None:
        """Print an empty line."""
        sys.stdout.write("\n")

    def say(self, words: str, style: str = "") -> None:
        """Print a line, or several."""
        sys.stdout.write(printable(words) + "\n")

    def draw(self, what: RenderableType) -> None:
        """Print a table or the like without colours."""
        self._console.print(what)

    def pick(self, choices: Sequence[Choice]) -> str | Command:
        """Ask until the student gives the letter or number of an option."""
        while True:
            found = self._ask(choices, ())
            if isinstance(found, Command):
                return found
            if found is not None and len(found) == 1:
                return found[0]
            letters = _letters(choices)
            words = text("choose one of {letters}", letters=letters)
            if found is None:
                words = text("choose letters from {letters}", letters=letters)
            self.say(words.get(self.language))

    def pick_several(self, choices: Sequence[Choice], ticked: set[str]) -> list[str] | Command:
        """Ask until the student gives letters, or a word for none."""
        while True:
            found = self._ask(choices, ticked)
            if found is not None:
                return found
            words = text("choose letters from {letters}, or - for none", letters=_letters(choices))
            self.say(words.get(self.language))

    def _ask(self, choices: Sequence[Choice], ticked: Collection[str]) -> list[str] | Command | None:
        """Show the options, a line each, and read a line of letters; return None if it holds anything else."""
        for letter, words in choices:
            self.say(f"  {'*' if letter in ticked else ' '}{letter}. {words}")
        given = self._read(_letters(choices))
        if given is None:
            return Command.QUIT
        command = _command_of(given, [letter for letter, _ in choices])
        if command is not None:
            return command
        if given.casefold() in NONE:
            return []
        given = given if len(given) <= MAX_LENGTH else ""  # pasted by mistake
        found = [_letter(part, choices) for part in re.findall(r"[A-Za-z]|\d+", unicodedata.normalize("NFKC", given))]
        return sorted({letter for letter in found if letter is not None}) if found and None not in found else None

    def line(self, prompt: str) -> str | Command:
        """Read a line; the end of input means to quit."""
        given = self._read(prompt)
        return Command.QUIT if given is None else _command_of(given) or _unquoted(given)

    def _read(self, prompt: str) -> str | None:
        sys.stdout.write(f"{prompt}> ")
        sys.stdout.flush()
        given = _STEERING.sub("", sys.stdin.readline())
        if not given:
            sys.stdout.write("\n")
            return None
        if not sys.stdin.isatty():
            sys.stdout.write("\n")
        return given.strip()

    def wait(self) -> Command | None:
        """Return at once: nothing disappears, so there is nothing to wait for."""
        return None


class KeyScreen:
    """A page at a time, answered by single keys.

    Args:
        language: of its own words.
        console: draws the pages; obeys NO_COLOR.
    """

    def __init__(self, language: Language, console: Console) -> None:
        self.language = language
        self._console = console

    def begin(self) -> None:
        """Clear the screen."""
        self._console.clear()

    def say(self, words: str, style: str = "") -> None:
        """Print a paragraph; code in backticks stands out."""
        styled = Styled(style=style)
        for number, part in enumerate(_CODE.split(printable(words))):
            styled.append(part, style="bold cyan" if number % 2 else "")
        self._console.print(styled)

    def draw(self, what: RenderableType) -> None:
        """Print a table or the like."""
        self._console.print(what)

    def pick(self, choices: Sequence[Choice]) -> str | Command:
        """Wait for the key of an option."""
        self._options(choices, ())
        while True:
            key = _key()
            letter = _letter(key, choices)
            if letter is not None:
                return letter
            if key in _KEYS:
                return _KEYS[key]

    def pick_several(self, choices: Sequence[Choice], ticked: set[str]) -> list[str] | Command:
        """Tick and untick by key until Enter."""
        self._options(choices, ticked, boxes=True)
        while True:
            key = _key()
            letter = _letter(key, choices)
            if letter is not None:
                ticked ^= {letter}
                self._redraw(choices, ticked, letter)
            elif key in ("\r", "\n"):
                return sorted(ticked)
            elif key in _KEYS:
                return _KEYS[key]

    def line(self, prompt: str) -> str | Command:
        """Read a line with editing; a single command word is a command."""
        try:
            given = self._console.input(Styled(f"{prompt} › ", style="bold"))
        except EOFError:
            return Command.QUIT
        given = _STEERING.sub("", given)
        return _command_of(given) or _unquoted(given.strip())

    def wait(self) -> Command | None:
        """Wait for any key."""
        self.say(text("press any key to continue").get(self.language), "dim")
        return _KEYS.get(_key())

    def _redraw(self, choices: Sequence[Choice], ticked: set[str], changed: str) -> None:
        """Redraw all boxes in place; if they do not fit the screen, print the changed one below them."""
        height = self._height(choices)
        if height < self._console.height and not self._console.is_dumb_terminal:
            self._console.control(_up(height))
        else:
            choices = [choice for choice in choices if choice[0] == changed]
        self._options(choices, ticked, boxes=True)

    def _options(self, choices: Sequence[Choice], ticked: set[str] | tuple[()], *, boxes: bool = False) -> None:
        for line in self._lines(choices, ticked, boxes=boxes):
            self._console.print(line)

    def _lines(self, choices: Sequence[Choice], ticked: set[str] | tuple[()], *, boxes: bool) -> list[Styled]:
        lines = []
        for letter, words in choices:
            line = Styled("  ")
            if boxes:
                line.append("[x] " if letter in ticked else "[ ] ", style="bold green" if letter in ticked else "")
            line.append(f"{letter}  ", style="bold")
            lines.append(line.append(printable(words)))
        return lines

    def _height(self, choices: Sequence[Choice]) -> int:
        drawn = self._lines(choices, (), boxes=True)
        return sum(len(self._console.render_lines(line, pad=False)) for line in drawn)


def _key() -> str:
    """Read a key, in lower case; after a colon it is a command's, whatever the options are."""
    key = _one_key().lower()
    return f":{_one_key().lower()}" if key in (":", "：") else key


def _one_key() -> str:
    """Read a key; an Enter that came along with it is habit and ignored."""
    try:
        key = typer.getchar()
    except EOFError:
        return "\x04"
    return key.rstrip("\r\n") or key


def _unquoted(given: str) -> str:
    """Return the answer without the quotes that keep a word from being a command."""
    inside = given[1:-1]
    return inside if given in (f'"{inside}"', f"“{inside}”") and _command_of(inside) else given


def _up(lines: int) -> Control:
    return Control.move_to_column(0, y=-lines)


def _letters(choices: Sequence[Choice]) -> str:
    return "/".join(letter for letter, _ in choices)


def _letter(key: str, choices: Sequence[Choice]) -> str | None:
    """Return the letter of the option that a key names by letter or number."""
    letters = [letter for letter, _ in choices]
    names = dict(zip([*letters, *map(str, range(1, len(letters) + 1))], [*letters, *letters], strict=True))
    return names.get(unicodedata.normalize("NFKC", key).upper())
