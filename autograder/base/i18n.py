"""Two languages: every sentence a user reads exists in English and in Chinese.

The code holds the English sentences, ``locale/zh_CN/LC_MESSAGES/autograder.po`` the Chinese ones. A test compares
the two, so a missing translation fails the build. Content (titles, hints) carries both languages itself.
"""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

Language = Literal["en", "zh"]
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f]")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_FOLDER = re.compile(r"(?:/[^\s/'\"]+)*/autograder-work-\w+")
CATALOGUE = Path(__file__).parents[1] / "locale" / "zh_CN" / "LC_MESSAGES" / "autograder.po"


def without_addresses(words: str) -> str:
    """Return words without memory addresses and working folders, which differ from process to process.

    >>> without_addresses("<Net object at 0x7fd9d15dc280>, '/tmp/autograder-run-1/autograder-work-2/data/x.csv'")
    "<Net object>, './data/x.csv'"
    """
    return _FOLDER.sub(".", _ADDRESS.sub("", words))


def printable(words: str) -> str:
    """Return words that every encoding and terminal can take.

    File names may be any bytes and JSON strings half a surrogate pair; both may contain characters that steer a
    terminal or reverse the direction of writing.
    """
    if words.isprintable():  # as nearly all are
        return words
    words = _STEERING.sub("\ufffd", words)
    if words.isascii():
        return words
    return words.encode("utf-8", "surrogateescape" if _is_file_name(words) else "replace").decode("utf-8", "replace")


def _is_file_name(words: str) -> bool:
    return all(not "\ud800" <= c <= "\udfff" or "\udc80" <= c <= "\udcff" for c in words)


class Text(BaseModel):
    """The same words in both languages."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    en: str
    zh: str

    @field_validator("en", "zh")
    @classmethod
    def _can_be_written(cls, words: str) -> str:
        """Replace half a surrogate pair, from a student's string or a file name, which has no encoding."""
        return printable(words)

    def __str__(self) -> str:
        return self.en

    def get(self, language: Language) -> str:
        """Return the words in one language."""
        return self.zh if language == "zh" else self.en

    @property
    def both(self) -> str:
        """Both languages in one line, for a reader whose language is not known yet."""
        return f"{self.zh} / {self.en}"

    def in_one_line(self) -> Text:
        """The same words without line breaks."""
        return Text(en=" ".join(self.en.split()), zh=" ".join(self.zh.split()))

    def __add__(self, other: Text) -> Text:
        return Text(en=self.en + other.en, zh=self.zh + other.zh)


@cache
def _chinese() -> dict[str, str]:
    import polib

    return {entry.msgid: entry.msgstr for entry in polib.pofile(str(CATALOGUE)) if entry.msgstr}


def text(template: str, /, **values: object) -> Text:
    """Return a sentence of ours in both languages.

    Args:
        template: the English sentence, with ``{name}`` where a value goes.
        values: what goes there; a `Text` goes in by language.

    >>> text("not a notebook: {reason}", reason="empty").en
    'not a notebook: empty'
    """

    def fill(sentence: str, language: Language) -> str:
        return sentence.format(**{k: v.get(language) if isinstance(v, Text) else v for k, v in values.items()})

    return Text(en=fill(template, "en"), zh=fill(_chinese().get(template, template), "zh"))


def same(words: str) -> Text:
    """Return words that are not ours to translate, such as a traceback or a file name, as they are."""
    return Text(en=words, zh=words)


def choose_language(asked: Language | None = None, default: Language = "en") -> Language:
    """Return the language to use: the one asked for, else ``AUTOGRADER_LANG``, else the course's."""
    return chosen_language(asked) or default


def chosen_language(asked: Language | None = None) -> Language | None:
    """Return the language that the user chose: the one asked for, else ``AUTOGRADER_LANG``, else None."""
    if asked:
        return asked
    from_environment = os.environ.get("AUTOGRADER_LANG", "")[:2]
    return from_environment if from_environment in ("en", "zh") else None  # type: ignore[return-value]
