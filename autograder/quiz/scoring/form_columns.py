"""Reads tables as forms export them: which column is which question, whose answers they are, what a cell says.

Forms put marks around the words: a number before, whether an answer is required, the kind of question and its points
behind. A title is compared as it stands first, then with one mark less after the other.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from autograder.quiz.notation.parsing import Choices, FormatError
from autograder.quiz.questions.fields import PLACEHOLDER
from autograder.quiz.questions.fill_in import Blanks, ChoiceBlank
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Quiz, Single, TrueFalse
from autograder.quiz.scoring.markers import choices_of, is_blank, parse_truth

Target = tuple[str, str | None]
"""A question's id, and the part that a column answers if it answers only one."""

_STUDENT = (
    "student",
    "student id",
    "student_id",
    "学号",
    "学生",
    "id",
    "name",
    "姓名",
    "username",
    "用户名",
    "email address",
    "email",
    "邮箱",
    "电子邮件",
    "netid",
    "student name",
    "full name",
    "学生姓名",
    "名称",
    "student number",
    "学生学号",
    "学号/工号",
    "账号",
    "matrikelnummer",
    "e-mail",
    "电子邮箱",
)
_STARTED = ("start time", "开始时间")
"""A column of Microsoft Forms: there, ``ID`` is the number of the answer, not the student's."""
_ASKED_FOR = re.compile(r"^(?:请?(?:输入|填写))?(?:[您你]的)?|^(?:please )?(?:enter |your )+")
"""What forms put before the name of a column: 请输入您的."""
_MOST_MARKS = 6
_LONGEST_MARK = 80
_NOT_ANSWERED = ("(跳过)", "(空)")
"""What Wenjuanxing writes into the cell of a question that was not asked, or not answered."""
_NOT_CHOSEN = ("-2", "-3")
"""The same where it writes the numbers of options."""
_MOST_REMEMBERED = 10_000

_FIGURE = r"\d+(?:[.,]\d+)?"
_WORTH = r"(?:分值|满分|分数|总分|本题|每题|共|points?|score|worth|marks?|punkte?)[\s:=]*"
_UNIT = r"(?:分|points?|pts?\.?|marks?|punkte?|pkt\.?)"
_MARK = (
    rf"(?:{_WORTH})?{_FIGURE}(?:\s*/\s*{_FIGURE})?\s*{_UNIT}|{_WORTH}{_FIGURE}"
    r"|[\u4e00-\u9fff]{1,6}题|[单多]选|判断|填空|排序|非?必[填答选]|选填|可选|自动"
    r"|required|mandatory|optional|pflichtfeld|erforderlich|obligatoire"
    r"|(?:single|multiple)[ -](?:choice|answers?|select(?:ion)?)|multi-?select|check ?box(?:es)?|drop-?down"
    r"|true ?(?:/|or) ?false|short answer|fill[ -]in(?:[ -]the[ -]blanks?)?|(?:choose|select) (?:one|all that apply)"
    r"|numeric|number|text"
)
_IN_MARKS = rf"[(\[【〔<《]\s*(?:{_MARK})(?:[\s,、;:/|·]*(?:{_MARK}))*\s*[)\]】〕>》]"
_BEHIND = re.compile(rf"(?:{_IN_MARKS}|[*※])$")
_NUMBER = r"(?:q|question|frage|第|题目?|问题)?\s*(?:\d{1,3}|[一二三四五六七八九十]{1,3}(?=[题、.)]))\s*(?:题|[.)、:])?"
_BEFORE = re.compile(rf"^(?:{_IN_MARKS}|[*※]|[(\[【]\s*{_NUMBER}\s*[)\]】]|{_NUMBER})\s*")
_ID_IN_BRACKETS = re.compile(r"^\s*[\[【(]([A-Za-z][\w.-]*)[\])】]")
_LABELLED = re.compile(r"[(\[]?\s*(\d{1,2}|[a-z])\s*(?:[.)\]、:-]\s*|\s+|$|(?<=\d)(?=[^\d.]))(.*)", re.DOTALL)
_STRONG = re.compile(r"[┋|;\n]+")
_ANY = re.compile(r"[┋|;\n,、/]+")
_QUOTED_BY_A_SPREADSHEET = re.compile(r'="(.*)"')


# -- titles ------------------------------------------------------------------------------------------------------------


def readings(title: str) -> Iterator[str]:
    """Yield a title as it stands, then with one more of the marks around it taken away each time.

    >>> list(readings("2. Which are even? (2 points) *"))[-1]
    'which are even?'
    """
    behind = _peeled(_one_width(title), _without_last)
    found = [
        (more + less, words)
        for less, shorter in enumerate(behind)
        for more, words in enumerate(_peeled(shorter, _without_first))
    ]
    yield from (words for _, words in sorted(found, key=lambda pair: pair[0]))


def _one_width(words: str) -> str:
    return unicodedata.normalize("NFKC", words).casefold().strip()


def _peeled(words: str, peel: Callable[[str], str]) -> list[str]:
    """Return some words, the same without a mark, without two, and so on."""
    found = [words]
    while len(found) <= _MOST_MARKS and (shorter := peel(found[-1])) not in (found[-1], ""):
        found.append(shorter)
    return found


def _without_last(words: str) -> str:
    end = words[-_LONGEST_MARK:]
    mark = _BEHIND.search(end)
    return words[: len(words) - len(end) + mark.start()].rstrip() if mark else words


def _without_first(words: str) -> str:
    mark = _BEFORE.match(words[:_LONGEST_MARK])
    return words[mark.end() :].lstrip() if mark else words


def _bare(title: str) -> str:
    """Return a title without all of its marks, and without the punctuation at its end."""
    *_, words = readings(title)
    return _plain(words).rstrip("?.:。!")


def _plain(title: str) -> str:
    """Strip a title of what forms leave out or add: spaces, blanks' names, stars."""
    words = unicodedata.normalize("NFKC", PLACEHOLDER.sub("", title)).casefold()
    return re.sub(r"[\s*_`]+", "", words)


class Titles:
    """Finds the question that the title of a column stands for.

    Args:
        quiz: whose questions they are: by id, or by prompt in either language.
    """

    def __init__(self, quiz: Quiz) -> None:
        self._names: dict[str, Target] = {}
        self._bare: dict[str, Target | None] = {}
        self._longest = 0
        for title, target in _titles(quiz):
            self._longest = max(self._longest, len(title))
            self._names[_plain(title)] = target
            bare = _bare(title)
            self._bare[bare] = target if self._bare.get(bare, target) == target else None
        self._names.pop("", None)  # a prompt of nothing but blanks
        self._bare.pop("", None)

    def find(self, title: str) -> Target | None:
        """Return what a column answers; None if it is no question."""
        title = title.strip()
        if len(title) > 2 * self._longest + 4 * _LONGEST_MARK:
            return None
        ids = [found[1] for words in _peeled(title, _without_first) if (found := _ID_IN_BRACKETS.match(words))]
        for words in (title, *ids, *readings(title)):
            if (target := self._names.get(_plain(words))) is not None:
                return target
        return self._bare.get(_bare(title))


def _titles(quiz: Quiz) -> Iterator[tuple[str, Target]]:
    """Yield every title that a column may have; a grid has one for each of its rows, which forms add in brackets."""
    for question in quiz.questions:
        prompts = tuple(dict(question.prompt).values())
        for part, names in _parts(question).items():
            yield f"{question.id}.{part}", (question.id, part)
            for name in names:
                yield from ((f"{prompt}[{name}]", (question.id, part)) for prompt in prompts)
                yield from ((f"{prompt}({name})", (question.id, part)) for prompt in prompts)
        yield from ((title, (question.id, None)) for title in (question.id, *prompts))


def _parts(question: AnyQuestion) -> Mapping[str, set[str]]:
    """Return the parts of a question, each with the names a form may show."""
    if isinstance(question, Blanks):
        return {name: {name} for name in question.blanks}
    if isinstance(question, Match):
        return {name: {name, option.shown("en"), option.shown("zh")} for name, option in question.left.items()}
    return {}


def student_column(header: Sequence[str], others: Mapping[int, Target]) -> int | None:
    """Return the column that says whose answers these are; None if there is none.

    Args:
        header: the titles.
        others: the columns that answer questions.
    """
    said = [[] if n in others else _asked_for(title) for n, title in enumerate(header)]
    is_numbered = any(mark in words for words in said for mark in _STARTED)
    known = [name for name in _STUDENT if name != "id" or not is_numbered]
    return next((n for name in known for n, words in enumerate(said) if name in words), None)


def _asked_for(title: str) -> list[str]:
    """Return the readings of a title, also without what forms put around the name of a column."""
    if len(title) > 4 * _LONGEST_MARK:
        return []
    found = list(readings(" ".join(title.split())))
    return found + [_ASKED_FOR.sub("", words).rstrip(" *:?").removesuffix("是") for words in found]


# -- cells -------------------------------------------------------------------------------------------------------------


@dataclass
class Cells:
    """Reads the cells of one column.

    Args:
        question: what the column answers.
        part: the part of it, if it answers only one.
    """

    question: AnyQuestion
    part: str | None = None
    _remembered: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        options = _options(self.question, self.part)
        self._choices = choices_of(options) if options else None
        self._keys = list(options)
        words = [word for option in options.values() for word in (option.shown("en"), option.shown("zh"))]
        self._has_numbers = any(re.fullmatch(r"[+-]?[\d.,/]+", _one_width(word)) for word in (*words, *self._keys))

    def read(self, cell: str) -> Any:
        """Return a cell as an answer; a number or letter that a form put before an option becomes the option."""
        if cell not in self._remembered:
            if len(self._remembered) >= _MOST_REMEMBERED:
                self._remembered.clear()
            self._remembered[cell] = self._read(cell)
        return self._remembered[cell]

    def _read(self, cell: str) -> Any:
        words = _one_width(cell)
        if words in _NOT_ANSWERED:
            return ""
        if isinstance(self.question, TrueFalse):
            return _truth(cell, words)
        if self._choices is None or is_blank(cell) or self._names(self._choices, [cell]):
            return cell
        if keys := self._labelled(self._choices, words, bare=False):
            return self._as_answer(keys)
        if self._names(self._choices, cell):
            return cell
        if words in _NOT_CHOSEN:
            return ""
        keys = self._labelled(self._choices, words, bare=True)
        return self._as_answer(keys) if keys else cell

    def _as_answer(self, keys: list[str]) -> Any:
        return keys[0] if len(keys) == 1 and isinstance(self.question, Single) else keys

    @staticmethod
    def _names(choices: Choices, answer: Any) -> bool:
        try:
            choices.read(answer)
        except FormatError:
            return False
        return True

    def _labelled(self, choices: Choices, cell: str, *, bare: bool) -> list[str]:
        """Return the options of a cell whose every piece has a label; none where a label and its words disagree."""
        for separator in (_STRONG, _ANY):
            pieces = [piece.strip() for piece in separator.split(cell) if piece.strip()]
            keys = [self._option(choices, piece, bare=bare) for piece in pieces]
            if found := [key for key in keys if key is not None]:
                return found if len(found) == len(keys) else []
        return []

    def _option(self, choices: Choices, piece: str, *, bare: bool) -> str | None:
        """Return the option that ``2) words`` or ``B - words`` names, or ``2`` alone; None where it is unclear."""
        found = _LABELLED.fullmatch(piece)
        if found is None:
            return None
        label, words = found[1], found[2]
        if not label.isdigit():
            key = next((key for key in self._keys if key.casefold() == label), None)
        else:
            key = self._keys[int(label) - 1] if 0 < int(label) <= len(self._keys) else None
        if not words:
            return key if bare and not self._has_numbers else None
        try:
            return key if [key] == choices.read([words]) else None
        except FormatError:
            return None


def _options(question: AnyQuestion, part: str | None) -> Mapping[str, Any]:
    match question:
        case Single() | Multi():
            return question.options
        case Order():
            return question.items
        case Match() if part is not None:
            return question.right
        case Blanks() if part is not None:
            blank = question.blanks[part]
            return blank.options if isinstance(blank, ChoiceBlank) else {}
        case _:
            return {}


def _truth(cell: str, words: str) -> str:
    """Return true or false without the label before it; the second option of a form, by its number, is false."""
    try:
        parse_truth(cell)
    except FormatError:
        found = _LABELLED.fullmatch(words)
        if found is not None and found[1] in ("1", "2", "a", "b"):
            return "false" if found[0] == "2" else found[2] or cell
    return cell


def unquoted(cell: str) -> str:
    """Return a cell without the quotes that keep a spreadsheet from making a number of it: ``="0042"``."""
    found = _QUOTED_BY_A_SPREADSHEET.fullmatch(cell.strip())
    return found[1].strip() if found else cell.strip()
