"""Who stands on a class list: login, name and address of each row, in whatever dialect a system or a person writes.

.. code-block:: text

    Canvas              Student   ID   SIS User ID   SIS Login ID   Section   ...   and rows that are no students
    Moodle              Identifier   Full name   ID number   Email address   ...    heads in the user's language
    nbgrader            id   first_name   last_name   email   lms_user_id
    GitHub Classroom    identifier   github_username   github_id   name
    Blackboard, Brightspace, Gradescope, Sakai, ILIAS, Google Classroom: logins, numbers and names under other heads
    by hand             login,name,email with heads in any order, or without heads
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, printable, text
from autograder.lms.roster_file import Record, RosterFile
from autograder.lms.rosters import are_identifiers, canvas_students, squeezed

_MOST_ROWS = 20_000
_LONGEST_NAME, _LONGEST_EMAIL = 200, 320


def _heads(words: str) -> frozenset[str]:
    return frozenset(words.split())


_LOGINS = (
    _heads("githubusername githubaccount github"),
    _heads(
        "login loginid sisloginid loginname username user userid netid account benutzername anmeldename kennung "
        "nomdutilisateur nombredeusuario usuario nomeutente nomedeusuário gebruikersnaam имяпользователя логин "
        "用户名 登录名 账号 帐号 用戶名 登入名稱 使用者名稱 帳號 ユーザ名 ユーザー名"
    ),
    _heads(
        "studentid studentnumber studentno sid sisuserid integrationid orgdefinedid idnumber matriculationnumber "
        "matrikelnummer matrikelnr matrnr numéroétudiant numérodidentification númerodeid numerodimatricola "
        "学号 學號 学籍番号 编号 工号 id号"
    ),
    _heads("identifier id uid"),
)
"""Heads of columns that can hold logins, the best first, as `squeezed` spells them."""
_FULL = _heads(
    "name fullname studentname displayname student vollständigername nomcomplet nombrecompleto nomecompleto "
    "volledigenaam 姓名 全名 学生姓名 学生 氏名 名前 полноеимя фио"
)
_FIRST = _heads("firstname givenname forename vorname prénom nombre nome voornaam имя 名 名字")
_LAST = _heads(
    "lastname surname familyname nachname nomdefamille nom apellido apellidos cognome achternaam фамилия 姓 姓氏"
)
_EMAIL = _heads(
    "email emailaddress mail emailadresse adressedecourriel adressemail courriel correoelectrónico "
    "direccióndecorreo indirizzoemail emailadres 邮箱 电子邮箱 电子邮件 电子邮件地址 邮件地址 email地址 電子郵件 "
    "メールアドレス"
)
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_WORD = re.compile(r"#?[\w.\-]+")
_NO_SPACE_IN_NAMES = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]+")


@dataclass(frozen=True)
class Columns:
    """Where a class list says what.

    Args:
        login: the column of logins.
        names: those that make up the name, in this order; none where there are no names.
        email: that of addresses.
        has_heads: whether the first row says what the columns are.
    """

    login: int
    names: tuple[int, ...] = ()
    email: int | None = None
    has_heads: bool = True


@dataclass(frozen=True)
class Listed:
    """Somebody on a class list; ``line`` is that of the file, ``name`` and ``email`` may be empty."""

    line: int
    login: str
    name: str
    email: str


@dataclass(frozen=True)
class ClassList:
    """A class list that was understood.

    Args:
        columns: where it says what.
        people: those who can be read, in the order of the file.
        unreadable: the lines that cannot be read, and why.
    """

    columns: Columns
    people: Sequence[Listed]
    unreadable: Sequence[tuple[int, Text]]


def read(file: RosterFile, columns: Columns | None = None) -> ClassList:
    """Read a class list.

    Args:
        file: its bytes.
        columns: where it says what; by default as its heads, or else its cells, make it likely.

    Raises:
        UsageError: it is too long, or nothing in it can be a login.
    """
    if (count := len(file.records)) > _MOST_ROWS:
        words = text("{path}: has {count} lines; at most {most} are read", path=file.path, count=count, most=_MOST_ROWS)
        raise UsageError(words)
    columns = columns or _likely(file)
    people, unreadable = [], []
    for row in _rows(file, columns):
        login = _login(row[columns.login])
        if not login:
            unreadable.append((row.line, text("there is no login in column {column}", column=_called(file, columns))))
            continue
        email = "" if columns.email is None else row[columns.email].strip()
        is_address = _ADDRESS.fullmatch(email) is not None and len(email) <= _LONGEST_EMAIL
        people.append(Listed(row.line, login, _name(row, columns), printable(email) if is_address else ""))
    return ClassList(columns, people, unreadable)


def _called(file: RosterFile, columns: Columns) -> str:
    head = file.head[columns.login].strip() if columns.has_heads and columns.login < len(file.head) else ""
    return f"“{printable(head)}”" if head else str(columns.login + 1)


def _rows(file: RosterFile, columns: Columns) -> Iterable[Record]:
    """Return the rows of students: in an export of Canvas's gradebook not every row is one."""
    if columns.has_heads and (students := canvas_students(file)) is not None:
        return sorted((student.record for student in students), key=lambda row: row.line)
    return file.records[1 if columns.has_heads else 0 :]


def _login(cell: str) -> str:
    """Return a login as folders are called: without Brightspace's mark, and of an address what is before ``@``.

    >>> _login(" #ann.lee "), _login("ann@uni.example"), _login("2023001")
    ('ann.lee', 'ann', '2023001')
    """
    return printable(" ".join(cell.split()).removeprefix("#").partition("@")[0])[:_LONGEST_NAME]


def _name(row: Record, columns: Columns) -> str:
    parts = [" ".join(row[column].split()) for column in columns.names]
    if len(parts) == 1:
        last, comma, first = parts[0].partition(", ")
        parts = [first, last] if comma and first and "," not in first else parts
    return printable(_joined([part for part in parts if part]))[:_LONGEST_NAME]


def _joined(parts: Sequence[str]) -> str:
    """Return a name of first and last name, in the order of its language.

    >>> _joined(["Ann", "Lee"]), _joined(["雷", "王"])
    ('Ann Lee', '王雷')
    """
    if len(parts) == 2 and all(map(_NO_SPACE_IN_NAMES.fullmatch, parts)):
        return parts[1] + parts[0]
    return " ".join(parts)


# -- which column says what --------------------------------------------------------------------------------------------


def _likely(file: RosterFile) -> Columns:
    """Return where a file says what.

    Raises:
        UsageError: no column can hold logins.
    """
    heads = [squeezed(head) for head in file.head]
    known = frozenset().union(*_LOGINS, _FULL, _FIRST, _LAST, _EMAIL)
    has_heads = any(head in known for head in heads)
    rows = file.records[1 if has_heads else 0 :]
    email = _email(heads, rows, has_heads=has_heads)
    login = _by_head(heads, rows) if has_heads else _by_cells(rows, len(heads), besides=email)
    if login is None:
        login = email
    if login is None:
        shown = ", ".join(f"“{printable(head)}”" for head in file.head[:12])
        raise UsageError(
            text(
                "{path}: no column holds logins; name one of them login, 学号 or Email. There are: {heads}",
                path=file.path,
                heads=shown,
            )
        )
    names = _names(heads) if has_heads else _names_by_cells(rows, len(heads), besides=(login, email))
    return Columns(login, tuple(column for column in names if column != login), email, has_heads)


def _by_head(heads: Sequence[str], rows: Sequence[Record]) -> int | None:
    """Return the best column of logins by its head; most of its cells say something, and none is Moodle's number."""
    for words in _LOGINS:
        for column, head in enumerate(heads):
            cells = [row[column] for row in rows]
            filled = [cell for cell in cells if cell.strip()]
            if head in words and 2 * len(filled) >= len(cells) and not _are_moodles(filled):
                return column
    return None


def _are_moodles(cells: Sequence[str]) -> bool:
    """Return whether cells are what Moodle calls people in one worksheet alone, and not logins such as ``s1001``.

    >>> _are_moodles(["Participant 7"]), _are_moodles(["Teilnehmer/in7"]), _are_moodles(["s7"])
    (True, True, False)
    """
    are_logins = all(cell.isascii() and _WORD.fullmatch(cell.strip()) for cell in cells)
    return are_identifiers(cells) and not are_logins


def _by_cells(rows: Sequence[Record], count: int, *, besides: int | None) -> int | None:
    for column in range(count):
        cells = [row[column].strip() for row in rows]
        if column != besides and len(set(cells)) == len(cells) and all(map(_WORD.fullmatch, cells)):
            return column
    return None


def _email(heads: Sequence[str], rows: Sequence[Record], *, has_heads: bool) -> int | None:
    named = [column for column, head in enumerate(heads) if has_heads and head in _EMAIL]
    likely = [column for column in range(len(heads)) if _are_addresses([row[column].strip() for row in rows])]
    return next(iter([*named, *likely]), None)


def _are_addresses(cells: Sequence[str]) -> bool:
    return 2 * sum(_ADDRESS.fullmatch(cell) is not None for cell in cells) > len(cells)


def _names(heads: Sequence[str]) -> tuple[int, ...]:
    full, first, last = (
        next((column for column, head in enumerate(heads) if head in words), None) for words in (_FULL, _FIRST, _LAST)
    )
    if first is not None and last is None and full is not None:
        last, full = full, None  # ILIAS calls the last name a name
    parts = [column for column in (first, last) if column is not None]
    return (full,) if full is not None else tuple(parts)


def _names_by_cells(rows: Sequence[Record], count: int, *, besides: Iterable[int | None]) -> tuple[int, ...]:
    """Return the first other column whose cells are neither addresses nor numbers."""
    for column in sorted(set(range(count)) - set(besides)):
        cells = [row[column].strip() for row in rows]
        if not _are_addresses(cells) and not all(re.fullmatch(r"[\d.,]*", cell) for cell in cells):
            return (column,)
    return ()
