"""Tells names of people from names that hold more, or that no person has, where no system says which is which.

It only answers whether to ask: a doubtful name costs the instructor a question, and no student their work.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

_TASK = re.compile(
    r"(?:hw|homework|lab|ex|exercise|ps|pset|part|task|project|assignment|submission|solution|l(?:oe|ö)sung|notebook|data|"
    r"final|copy|version|v(?=\d)|week|quiz|exam|report|question|file|untitled)s?\d*",
    re.IGNORECASE,
)
_CHINESE_TASK = re.compile("作业|实验|报告|练习|答案|解答|最终|副本|附件|数据|题")
_PLACE = re.compile(
    r"(?:src|source|code|data|dataset|test|notebook|lib|util|doc|script|image|chapter|section|class|course|tutorial|block|"
    r"part|week|lab|task|question|exercise|(?:working|submitted) file|submission)s?[ _-]?\d*|"
    r"代码|数据|测试|第?[\d一二三四五六七八九十]+(?:班|章|节|周)|.*\d班",
    re.IGNORECASE,
)
_DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d[-_.年]\d{1,2}[-_.月]\d{1,2}|"
    r"[^\W\d_]{3,}\.? \d{1,2},? (?:19|20)\d\d(?!\d)|(?<!\d)\d{1,2}\.? [^\W\d_]{3,}\.? (?:19|20)\d\d(?!\d)"
)
_FULL_NAME = re.compile(r"[^\W\d_]+(?:['’. -]+[^\W\d_]+)+|[\u4e00-\u9fff]{2,4}")
_COUNT = re.compile(r"(?P<name>.+?)[\W_]+\d{1,2}[)）]?")
_NOT_ONE_PERSON = {"student", "stu", "user", "group", "team", "学生", "组", "小组"}


def names_a_task(name: str) -> bool:
    """Return whether a word in a name is one for a task, a file or a version.

    >>> names_a_task("张三-hw1"), names_a_task("Ann Final"), names_a_task("2023001-张三")
    (True, True, False)
    """
    return any(map(_TASK.fullmatch, re.split(r"[\W_]+", name))) or bool(_CHINESE_TASK.search(name))


def holds_a_date(name: str) -> bool:
    """Return whether a name holds a date, so that a person may have several.

    >>> holds_a_date("Ann Example - Mar 3, 2026 1105 AM"), holds_a_date("ann+hw+2026-03-03"), holds_a_date("2023001")
    (True, True, False)
    """
    return bool(_DATE.search(name))


def is_a_full_name(words: str) -> bool:
    """Return whether words look like somebody's first and last name.

    >>> is_a_full_name("Ann Example"), is_a_full_name("张三"), is_a_full_name("my work"), is_a_full_name("hw1")
    (True, True, False, False)
    """
    parts = [part for part in re.split(r"['’. -]+", words) if part]
    is_capital = all(part[0].isupper() or not part[0].isascii() for part in parts)
    return bool(_FULL_NAME.fullmatch(words)) and is_capital and not names_a_task(words)


def are_doubtful_files(stems: Sequence[str]) -> bool:
    """Return whether names of files say more than a person, or one person has several."""
    counted = [found["name"] for stem in stems if (found := _COUNT.fullmatch(stem))]
    persons = Counter([*stems, *counted])
    is_repeated = any(persons[name] > 1 and name.casefold() not in _NOT_ONE_PERSON for name in counted)
    return is_repeated or any(names_a_task(stem) or holds_a_date(stem) or stem.count(" - ") > 1 for stem in stems)


def are_doubtful_folders(work: Iterable[PurePosixPath], assignment: str) -> bool:
    """Return whether some folders may be no person's, or hold several people's work.

    Args:
        work: files below the folders, which stand first in each path.
        assignment: its name, under which several notebooks of one person are told apart.
    """
    below: dict[str, list[PurePosixPath]] = defaultdict(list)
    for path in work:
        below[path.parts[0]].append(PurePosixPath(*path.parts[1:]))
    if any(_PLACE.fullmatch(folder) or holds_a_date(folder) for folder in below):
        return True
    return len(below) > 1 and _hold_several_people(
        {folder: _pieces(paths) for folder, paths in below.items()}, assignment
    )


def _pieces(paths: Sequence[PurePosixPath]) -> set[str]:
    """Return what may be one person's each: notebooks and zips in a folder, or else the folders in it."""
    if any(len(path.parts) == 1 for path in paths):
        return {path.stem for path in paths if len(path.parts) == 1 and path.suffix.lower() in (".ipynb", ".zip")}
    return {f"{path.parts[0]}/" for path in paths}


def _hold_several_people(pieces: dict[str, set[str]], assignment: str) -> bool:
    """Return whether half of the folders or more hold several pieces whose names the other folders do not have."""
    owners = Counter(piece for found in pieces.values() for piece in found)

    def is_doubtful(found: set[str]) -> bool:
        own = [piece for piece in found if owners[piece] == 1]
        are_folders = any(piece.endswith("/") for piece in found)
        is_told_apart = any(names_a_task(piece) or piece.rstrip("/") == assignment for piece in found)
        return len(found) > 1 and not is_told_apart and (bool(own) if are_folders else len(own) == len(found))

    return 2 * sum(map(is_doubtful, pieces.values())) >= len(pieces)
