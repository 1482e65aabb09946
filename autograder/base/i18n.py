"""Languages: every sentence a user reads exists in English, in Chinese and in whatever else a course declares.

The code holds the English sentences, ``locale/zh_CN/LC_MESSAGES/autograder.po`` the Chinese ones. A test compares
the two, so a missing translation fails the build. For another language a catalogue of the same form lies in the
course's ``locale/``, or beside ours; what it lacks is said in English. Content (titles, hints) carries its languages
itself.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

LANGUAGE = re.compile("[a-z]{2,3}([-_][A-Za-z]{2,8})?")
Language = Annotated[str, StringConstraints(pattern=f"^{LANGUAGE.pattern}$")]
"""The code of a language, such as ``zh``; which languages there are, a course says."""
OURS: tuple[Language, ...] = ("zh", "en")
"""The languages that every sentence of ours has, and that a course has unless it declares others."""
_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f]")
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+| id='[0-9]+'")  # the second is that of a mock
_MODULE_FILE = re.compile(r"(<module '[\w.]+') from '[^']*'>")
_FOLDER = re.compile(r"(?:/[^\s/'\"]+)*/autograder-work-\w+")
_STRING = re.compile(r'^msg(?:id|str) (".*")$', re.MULTILINE)
_PACKAGE = Path(__file__).parents[1]
CATALOGUE = _PACKAGE / "locale" / "zh_CN" / "LC_MESSAGES" / "autograder.po"
Catalogue = Mapping[str, str]
"""Sentences of ours in another language, by the English ones."""

_declared: tuple[Language, ...] = ()
_others: dict[Language, Catalogue] = {}


def without_addresses(words: str) -> str:
    """Return words without addresses and folders, which differ from process to process and from machine to machine.

    >>> without_addresses("<Net object at 0x7fd9d15dc280>, '/tmp/autograder-run-1/autograder-work-2/data/x.csv'")
    "<Net object>, './data/x.csv'"
    >>> without_addresses("<module 'torch.optim' from '/opt/torch/optim/__init__.py'>, <Mock name='m' id='14018'>")
    "<module 'torch.optim'>, <Mock name='m'>"
    """
    return _FOLDER.sub(".", _MODULE_FILE.sub(r"\1>", _ADDRESS.sub("", words)))


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


_Printable = Annotated[str, AfterValidator(printable)]
"""Half a surrogate pair, from a student's string or a file name, has no encoding and is replaced."""


class Text(BaseModel):
    """The same words in English, in Chinese and, as further fields, in the other languages of their course."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, _Printable] = Field(init=False)

    en: _Printable
    zh: _Printable

    def __str__(self) -> str:
        return self.en

    def get(self, language: Language) -> str:
        """Return the words in one language; in English, where they lack it."""
        if language == "zh":
            return self.zh
        return self.__pydantic_extra__.get(language, self.en) if self.__pydantic_extra__ else self.en

    @property
    def both(self) -> str:
        """The words in every language of the course, in one line, for a reader whose language is not known yet."""
        return " / ".join(dict.fromkeys(map(self.get, _declared or OURS)))

    @property
    def for_anybody(self) -> str:
        """The same; where nobody knows the course, what the reader's system speaks comes first."""
        return self.both if _declared else " / ".join(dict.fromkeys(map(self.get, (language_of_locale(), *OURS))))

    def map(self, change: Callable[[str], str]) -> Text:
        """Return the words with the same change made in every language."""
        return Text(**{language: change(words) for language, words in self})

    def in_one_line(self) -> Text:
        """The same words without line breaks."""
        return self.map(lambda words: " ".join(words.split()))

    def __add__(self, other: Text) -> Text:
        return joined((self, other), "")


def joined(parts: Iterable[Text], by: str = " ") -> Text:
    """Return texts one after the other, in every language that one of them has."""
    parts = tuple(parts)
    languages = dict.fromkeys(["en", "zh", *(name for part in parts for name in part.__pydantic_extra__)])
    return Text(**{language: by.join(part.get(language) for part in parts) for language in languages})


@cache
def _chinese() -> Catalogue:
    """Read our own catalogue: plain pairs of strings, for which polib takes seven times as long."""
    words = CATALOGUE.read_text(encoding="utf-8").replace('"\n"', "")
    strings = json.loads(f"[{','.join(_STRING.findall(words))}]")
    return {
        english: chinese for english, chinese in zip(strings[::2], strings[1::2], strict=True) if english and chinese
    }


def _read(file: Path) -> Catalogue:
    import polib

    return {entry.msgid: entry.msgstr for entry in polib.pofile(str(file), encoding="utf-8") if entry.msgstr}


def catalogue_file(language: Language, course: Path) -> Path:
    """Return where a course has the catalogue of a language."""
    return course / "locale" / language / "LC_MESSAGES" / "autograder.po"


def blank_catalogue(language: Language) -> str:
    """Return the text of a catalogue with every sentence of ours, none of them translated yet."""
    import polib

    catalogue = polib.POFile()
    catalogue.metadata = {"Language": language, "Content-Type": "text/plain; charset=UTF-8"}
    catalogue.extend(polib.POEntry(msgid=english) for english in _chinese())
    return str(catalogue) + "\n"


def find_catalogue(language: Language, course: Path | None = None) -> Catalogue | None:
    """Return our sentences in another language, from the course's folder or from beside ours; None if nobody has them.

    Raises:
        OSError: the file cannot be read, or is not a catalogue.
    """
    files = (catalogue_file(language, folder) for folder in (course, _PACKAGE) if folder is not None)
    return next((_read(file) for file in files if file.is_file()), None)


def speak(languages: Iterable[Language] = (), catalogues: Mapping[Language, Catalogue] | None = None) -> None:
    """From now on, say every sentence of ours in a course's languages too; without arguments, in ours only.

    Args:
        languages: those that the course declares, the one for readers who choose none first.
        catalogues: our sentences in those of them that are not ours.
    """
    global _declared, _others
    _declared, _others = tuple(languages), dict(catalogues or {})


def understand(languages: Iterable[Language]) -> None:
    """Say every sentence of ours in these languages too, where a student's copy is in them but nobody knows the course.

    A catalogue can only lie beside ours then.
    """
    for language in languages:
        if language not in OURS and language not in _others:
            _others[language] = find_catalogue(language) or {}


def suppose(language: Language) -> None:
    """Say errors in this language alone, as a student's copy is in no other, unless the course itself is known."""
    global _declared
    _declared = _declared or (language,)


def spoken() -> tuple[tuple[Language, ...], Mapping[Language, Catalogue]]:
    """Return what `speak` was told, for another process."""
    return _declared, _others


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

    said = {language: fill(catalogue.get(template, template), language) for language, catalogue in _others.items()}
    for value in values.values():  # a title has its course's languages, also where nobody knows the course
        if isinstance(value, Text) and value.__pydantic_extra__:
            said |= {name: fill(template, name) for name in value.__pydantic_extra__ if name not in said}
    return Text(en=fill(template, "en"), zh=fill(_chinese().get(template, template), "zh"), **said)


def first_of(names: Sequence[str], most: int = 5) -> Text:
    """Return names in one line: of many the first ones, and how many there are besides.

    >>> first_of(["ann", "bob", "cyd"], 2).en
    'ann, bob and 1 more'
    """
    shown = ", ".join(map(printable, names[:most]))
    more = len(names) - most
    return text("{names} and {count} more", names=shown, count=more) if more > 0 else same(shown)


def same(words: str) -> Text:
    """Return words that are not ours to translate, such as a traceback or a file name, as they are."""
    return Text(en=words, zh=words)


def choose_language(asked: Language | None = None, default: Language | None = None) -> Language:
    """Return the language to use: the one asked for, else ``AUTOGRADER_LANG``, else the default, else the course's."""
    return _chosen(asked) or default or next(iter(_declared), "en")


def language_of_locale() -> Language:
    """Return the language of ours that the user's system speaks, English where it speaks neither."""
    settings = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    code = next(filter(None, settings), "")[:2]
    return code if code in OURS else "en"


def chosen_language(asked: Language | None = None) -> Language | None:
    """Return the language to use for an error: as `choose_language`, but None where nobody has chosen one."""
    return _chosen(asked) or next(iter(_declared), None)


def _chosen(asked: Language | None) -> Language | None:
    if asked:
        return asked
    code, known = os.environ.get("AUTOGRADER_LANG", ""), known_languages()
    return code if code in known else code[:2] if code[:2] in known else None


def known_languages() -> tuple[Language, ...]:
    """Return the languages that sentences of ours are said in."""
    return tuple(dict.fromkeys((*_declared, *OURS, *_others)))
