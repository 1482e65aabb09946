"""Reads answer sheets from YAML, JSON, JSON lines and the CSV that forms export.

A damaged file becomes a sheet that says why it cannot be read; it never stops the others.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from autograder.base import yaml_records
from autograder.base.errors import ConfigError
from autograder.base.i18n import Text, printable, text
from autograder.quiz.notation.parsing import shown
from autograder.quiz.questions.models import Quiz
from autograder.quiz.scoring.form_columns import Cells, Target, Titles, student_column, unquoted

SUFFIXES = (".yaml", ".yml", ".json", ".jsonl", ".csv", ".tsv")
MAX_BYTES = 256 << 20
MAX_YAML_BYTES = 2 << 20
"""YAML is slow to read, and nobody fills in a sheet of this size."""

_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How Excel files begin, new and old."""
_MANY = 8
MAX_HEADER = 1 << 17
"""The first line of a table is sought within this many characters."""
_QUOTED = re.compile(r'"[^"]*"')
_HEADER_LINES = 5
"""The titles are sought in so many lines: forms put their own title, spreadsheets ``sep=;`` above them."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One student's answers.

    Args:
        student: whose they are.
        answers: by question; ``{attempts: [...], hints: 1}`` where there were several tries.
        seed: the seed it names; variants are drawn by the student's name all the same.
        quiz: the quiz they say they answer.
        version: its version.
        file: where they were found.
        unreadable: why there are none.
        problems: what was odd about them.
        named: whether they, or their file, say whose they are.
    """

    student: str
    answers: Mapping[str, Any] = field(default_factory=dict)
    seed: str = ""
    quiz: str | None = None
    version: Any = None
    file: str = ""
    unreadable: Text | None = None
    problems: tuple[Text, ...] = ()
    named: bool = True


Tell = Callable[[Text], None]


def read_sheets(paths: Sequence[Path], quiz: Quiz, tell: Tell = lambda _: None) -> Iterator[Sheet]:
    """Yield the sheets in some files and folders; within a folder, in the order of the files' names.

    Args:
        paths: files, or folders to search for files.
        quiz: the quiz whose questions the columns of a table are named after.
        tell: receives what was left out: files of other kinds, columns that match no question.
    """
    read: set[Path] = set()
    for path in paths:
        files = [path]
        if path.is_dir():
            found = sorted(p for p in path.rglob("*") if p.is_file() and not p.name.startswith("."))
            files = [p for p in found if _is_sheet(p)]
            if others := [p.name for p in found if not _is_sheet(p)]:
                kinds = ", ".join(SUFFIXES)
                tell(text("left out: {files}; answer sheets end in {kinds}", files=_some(others), kinds=kinds))
        for file in files:
            if (place := file.resolve()) not in read or file.is_symlink():  # a file named twice is read once
                read.add(place)
                yield from _sheets_of(file, quiz, tell)


def _is_sheet(file: Path) -> bool:
    """Judge a file by its name: `take` saves answers beside the quiz that was handed out, which is not a sheet."""
    return file.suffix.lower() in SUFFIXES and not file.name.endswith(".quiz.json")


def _some(names: Sequence[str]) -> str:
    told = ", ".join(map(shown, names[:_MANY]))
    return told if len(names) <= _MANY else f"{told}, … ({len(names)})"


def _sheets_of(file: Path, quiz: Quiz, tell: Tell) -> Iterator[Sheet]:
    student, name = printable(file.stem), printable(file.name)
    if file.is_symlink():
        yield Sheet(student, file=name, unreadable=text("{file} is a link; hand in the file itself", file=name))
        return
    try:
        content = _text_of(file)
        if file.suffix.lower() in (".csv", ".tsv"):
            yield from _of_table(content, file, quiz, tell)
        else:
            yield from _READERS.get(file.suffix.lower(), _of_yaml)(content, file)
    except _Unreadable as error:
        yield Sheet(student, file=name, unreadable=error.text)


class _Unreadable(Exception):
    def __init__(self, words: Text) -> None:
        self.text = words
        super().__init__(words.en)


class _OddError(Exception):
    """JSON that contains what no sheet may."""

    def __init__(self, words: Text) -> None:
        self.text = words
        super().__init__(words.en)


def _text_of(file: Path) -> str:
    """Return the file's text: UTF-16 by its mark, else UTF-8, else GB 18030, as spreadsheets in China write it."""
    limit = MAX_YAML_BYTES if file.suffix.lower() in (".yaml", ".yml") else MAX_BYTES
    try:
        if file.stat().st_size > limit:
            raise _Unreadable(text("{file} is too large to be an answer sheet", file=printable(file.name)))
        content = file.read_bytes()
    except OSError as error:
        raise _Unreadable(
            text("{file} cannot be read: {reason}", file=printable(file.name), reason=error.strerror or "")
        ) from None
    for encoding in _encodings(content):
        try:
            words = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if words.strip() and "\0" not in words:
            return words
        break
    name = printable(file.name)
    if not content.strip():
        raise _Unreadable(text("{file} is empty", file=name))
    if content.startswith(_SPREADSHEETS):
        raise _Unreadable(text("{file} is a spreadsheet or an archive; save it as CSV", file=name))
    raise _Unreadable(text("{file} is not a text file", file=name))


def _encodings(content: bytes) -> list[str]:
    """Return what a file may be written in; UTF-16 without a mark has its zeros in every other place."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ["utf-16"]
    even, odd = content[:MAX_HEADER:2].count(0), content[1:MAX_HEADER:2].count(0)
    if min(even, odd) * 8 < max(even, odd):
        return ["utf-16-be" if even > odd else "utf-16-le"]
    return ["utf-8-sig", "gb18030"]


def _of_yaml(content: str, file: Path) -> Iterator[Sheet]:
    try:
        data = yaml_records.plain(content, file, words=("student", "seed"))
    except ConfigError as error:
        name, why = printable(file.name), _reason(error)
        if error.line:
            raise _Unreadable(text("{file}, line {line}: {reason}", file=name, line=error.line, reason=why)) from None
        raise _Unreadable(text("{file}: {reason}", file=name, reason=why)) from None
    yield from _of_data(data, file)


def _reason(error: ConfigError) -> Text:
    """Return what `yaml_records.plain` found, which may quote the student."""
    if error.key:
        return text("duplicate key {key}", key=shown(error.key))
    return error.text.map(lambda words: shown(words, 200))


def _of_json(content: str, file: Path) -> Iterator[Sheet]:
    try:
        data = _json(content)
    except json.JSONDecodeError as error:
        raise _Unreadable(_in_line(file, error.lineno, text("this is not JSON"))) from None
    except _OddError as error:
        raise _Unreadable(text("{file}: {reason}", file=printable(file.name), reason=error.text)) from None
    yield from _of_data(data, file)


def _of_json_lines(content: str, file: Path) -> Iterator[Sheet]:
    for number, line in enumerate(content.split("\n"), 1):  # `splitlines` would also split inside strings
        if not line.strip():
            continue
        try:
            data = _json(line)
        except (json.JSONDecodeError, _OddError) as error:
            why = error.text if isinstance(error, _OddError) else text("this is not JSON")
            yield _unread(file, number, _in_line(file, number, why))
        else:
            yield from _of_data(data, file)


def _json(content: str) -> Any:
    """Parse JSON.

    Raises:
        JSONDecodeError: it is not JSON.
        _OddError: it contains what no sheet may.
    """
    try:
        return json.loads(content, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError:
        raise
    except (RecursionError, ValueError):
        raise _OddError(text("it is nested too deeply, or a number in it is too long")) from None


def _in_line(file: Path, line: int, why: Text) -> Text:
    return text("{file}, line {line}: {reason}", file=printable(file.name), line=line, reason=why)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object with unique keys: neither of two answers to one question may win by accident."""
    result = dict(pairs)
    if len(result) < len(pairs):
        (twice, _), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise _OddError(text("duplicate key {key}", key=shown(twice)))
    return result


def _no_constant(name: str) -> Any:
    raise _OddError(text("{name} is not an answer", name=name))


def _unread(file: Path, number: int, reason: Text) -> Sheet:
    return Sheet(f"{printable(file.stem)} ({number})", file=printable(file.name), unreadable=reason)


def _of_data(data: Any, file: Path) -> Iterator[Sheet]:
    """Yield the one sheet, or each of a list of sheets."""
    if isinstance(data, list):
        for number, item in enumerate(data, 1):
            yield _sheet(item, file, f"{printable(file.stem)} ({number})", named=False)
    else:
        yield _sheet(data, file, printable(file.stem))


def _sheet(data: Any, file: Path, student: str, *, named: bool = True) -> Sheet:
    """Read one sheet; if it does not say whose it is, it is ``student``'s, and ``named`` says if that is a name."""
    name = printable(file.name)
    if not isinstance(data, dict) or not isinstance(data.get("answers"), dict):
        words = text("{file}: an answer sheet has the keys student and answers", file=name)
        return Sheet(student, file=name, unreadable=words)
    given = data.get("student")
    says = isinstance(given, str | int) and not isinstance(given, bool) and bool(str(given).strip())
    known = ("schema", "student", "answers", "seed", "quiz", "version", "language", "started", "finished")
    problems = tuple(text("unknown key {key} was left out", key=shown(key)) for key in data if key not in known)
    quiz = data.get("quiz")
    return Sheet(
        shown(given) if says else student,
        answers={str(key): value for key, value in data["answers"].items()},
        seed="" if data.get("seed") is None else str(data["seed"]),
        quiz=None if quiz is None else str(quiz),
        version=data.get("version"),
        file=name,
        problems=problems[:5],
        named=says or named,
    )


def _of_table(content: str, file: Path, quiz: Quiz, tell: Tell) -> Iterator[Sheet]:
    """Read a table with a line per student; its columns carry the ids of questions, or their prompts."""
    csv.field_size_limit(1 << 20)
    titles, lines, header = Titles(quiz), None, 0
    try:
        delimiter, header = _layout(content, titles)
        lines = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
        head = list(islice(lines, header + 1))[-1]
        columns = _columns(head, titles, file)
        if not columns:
            raise _Unreadable(
                text("{file}: no column is named after a question of this quiz", file=printable(file.name))
            )
        table = _Table(file, len(head), columns, student_column(head, columns), _cells(columns, quiz))
        _tell_of_columns(head, columns, table.whose, file, tell)
        for line in lines:
            if any(cell.strip() for cell in line):
                yield _line(line, table, lines.line_num)
    except csv.Error as error:
        number = lines.line_num if lines is not None else 1
        words = text("{file}, line {line}: {reason}", file=printable(file.name), line=number, reason=str(error))
        yield Sheet(f"{printable(file.stem)} ({number})", file=printable(file.name), unreadable=words)


@dataclass(frozen=True)
class _Table:
    """What the lines of a table have in common."""

    file: Path
    width: int
    columns: Mapping[int, Target]
    whose: int | None
    cells: Mapping[int, Cells]


def _layout(content: str, titles: Titles) -> tuple[str, int]:
    """Return what separates the cells, and the number of the line with the titles: where most name a question."""
    best, delimiter, header = 0, _commonest_delimiter(content), 0
    for candidate in sorted("\t,;", key=lambda sign: sign != delimiter):
        for number, line in enumerate(_first_lines(content, candidate)):
            count = sum(titles.find(title) is not None for title in line)
            if count > best:
                best, delimiter, header = count, candidate, number
    return delimiter, header


def _commonest_delimiter(content: str) -> str:
    outside = _QUOTED.sub("", content[:MAX_HEADER]).lstrip("\r\n")
    return max("\t,;", key=re.split(r"[\r\n]", outside, maxsplit=1)[0].count)


def _first_lines(content: str, delimiter: str) -> list[list[str]]:
    found: list[list[str]] = []
    with suppress(csv.Error):
        lines = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
        found.extend(islice(lines, _HEADER_LINES))
    return found


def _cells(columns: Mapping[int, Target], quiz: Quiz) -> Mapping[int, Cells]:
    questions = {question.id: question for question in quiz.questions}
    return {position: Cells(questions[name], part) for position, (name, part) in columns.items()}


def _line(line: list[str], table: _Table, number: int) -> Sheet:
    whose, file = table.whose, printable(table.file.name)
    name = unquoted(line[whose]) if whose is not None and whose < len(line) else ""
    student = shown(name) if name else f"{printable(table.file.stem)} ({number})"
    where = f"{file}:{number}"
    while len(line) > table.width and not line[-1].strip():
        line = line[:-1]
    if len(line) != table.width:
        words = text(
            "{file}, line {line}: {count} cells where the header has {width}",
            file=file,
            line=number,
            count=len(line),
            width=table.width,
        )
        return Sheet(student, file=where, unreadable=words, named=bool(name))
    answers: dict[str, Any] = {}
    for position, (question, part) in table.columns.items():
        answer = table.cells[position].read(line[position])
        if part is None:
            answers[question] = answer
        else:
            answers.setdefault(question, {})[part] = answer
    return Sheet(student, answers=answers, file=where, named=bool(name))


def _tell_of_columns(
    header: Sequence[str], columns: Collection[int], whose: int | None, file: Path, tell: Tell
) -> None:
    """Report the columns that are not used: a misspelt question looks like any other column of a form."""
    name = printable(file.name)
    others = [title for n, title in enumerate(header) if n not in columns and n != whose and title.strip()]
    if others:
        tell(text("{file}: these columns match no question: {columns}", file=name, columns=_some(others)))
    if whose is None:
        tell(text("{file}: no column says whose answers these are; name one 'student'", file=name))


def _columns(header: Sequence[str], titles: Titles, file: Path) -> dict[int, Target]:
    """Map each column to its question and part; refuse two for one, because neither may win by accident."""
    found: dict[int, Target] = {}
    for position, title in enumerate(header):
        target = titles.find(title)
        if target is None:
            continue
        earlier = next((p for p, (question, part) in found.items() if _overlap(target, question, part)), None)
        if earlier is not None:
            words = text(
                "{file}: the columns {one} and {other} answer the same question; leave one of them out",
                file=printable(file.name),
                one=shown(header[earlier]),
                other=shown(title),
            )
            raise _Unreadable(words)
        found[position] = target
    return found


def _overlap(target: Target, question: str, part: str | None) -> bool:
    """Return whether two columns answer the same question, and the same part if each answers only a part."""
    return target[0] == question and (target[1] is None or part is None or target[1] == part)


_READERS = {".json": _of_json, ".jsonl": _of_json_lines}
