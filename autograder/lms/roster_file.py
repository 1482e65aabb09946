"""A CSV file of which single cells are changed and everything else stays byte for byte as it came."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from autograder.base.errors import UsageError
from autograder.base.i18n import text

_DELIMITERS = ",;\t"
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_TWO_HIGH_BYTES = re.compile(rb"[\x81-\xfe][\xa1-\xfe]")
_ONE_HIGH_BYTE = re.compile(rb"(?<![\x80-\xff])[\x80-\xff](?![\x80-\xff])")


@dataclass
class Record:
    """One record of the file.

    Args:
        line: the number of its first line, from 1.
        raw: its cells as they stand in the file, with quotes.
        end: what ends the record, such as CR and LF.
    """

    line: int
    raw: list[str]
    end: str

    def __getitem__(self, column: int) -> str:
        """Return what a cell says; a cell behind the end of the record is empty."""
        raw = self.raw[column] if column < len(self.raw) else ""
        return raw[1:-1].replace('""', '"') if raw.startswith('"') else raw


class RosterFile:
    """The records of a CSV file, in whatever encoding and with whatever delimiter it came.

    Args:
        path: the file.
        content: its bytes, where they came without a file.

    Raises:
        UsageError: it cannot be read as CSV, or is empty.
    """

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        self.path = path
        try:
            content = path.read_bytes() if content is None else content
        except OSError as error:
            raise UsageError(text("{path}: cannot be read as CSV: {error}", path=path, error=error.strerror)) from error
        self._bom, self.encoding = _encoding(content)
        words = content[len(self._bom) :].decode(self.encoding)
        self.delimiter = _delimiter(words)
        records = self._records(words)
        if not any(any(raw.strip() for raw in record.raw) for record in records):
            raise UsageError(text("{path}: is empty", path=path))
        self._all = records
        filled = [record for record in records if any(raw.strip() for raw in record.raw)]
        self.records = filled[_tells_the_delimiter(filled) :]
        self.head = [self.records[0][column] for column in range(len(self.records[0].raw))]

    def _records(self, words: str) -> list[Record]:
        if "\0" in words:
            raise UsageError(
                text("{path}: cannot be read as CSV: {error}", path=self.path, error=text("it contains NUL characters"))
            )
        cell = _cell(self.delimiter)
        records, record, place, line = [], Record(1, [], ""), 0, 1
        while place < len(words):
            found = cell.match(words, place)
            if found is None:
                fault = text("line {line}: a quoted cell does not end, or goes on behind its quotes", line=line)
                raise UsageError(text("{path}: cannot be read as CSV: {error}", path=self.path, error=fault))
            record.raw.append(found[1])
            place, line = found.end(), line + len(re.findall(r"\r\n|\r|\n", found[0]))
            if found[2] != self.delimiter:
                record.end = found[2]
                records.append(record)
                record = Record(line, [], "")
            elif place == len(words):
                record.raw.append("")
        return [*records, record] if record.raw else records

    def can_hold(self, value: str) -> bool:
        """Return whether the file's encoding has all characters of a value."""
        try:
            value.encode(self.encoding)
        except UnicodeEncodeError:
            return False
        return True

    def put(self, record: Record, column: int, value: str) -> None:
        """Change one cell; it is quoted if it was, or has to be."""
        record.raw.extend([""] * (column + 1 - len(record.raw)))
        special = {self.delimiter, '"', "\r", "\n"}
        if record.raw[column].startswith('"') or special & set(value) or value != value.strip():
            value = '"' + value.replace('"', '""') + '"'
        record.raw[column] = value

    def content(self) -> bytes:
        """Return the whole file."""
        words = "".join(self.delimiter.join(record.raw) + record.end for record in self._all)
        return self._bom + words.encode(self.encoding)


def _tells_the_delimiter(records: list[Record]) -> bool:
    """Return whether the first line is one that spreadsheets write before the table: ``sep=;``."""
    return len(records) > 1 and records[0].raw == ["sep=", ""]


def _cell(delimiter: str) -> re.Pattern[str]:
    """Return what matches one cell and the delimiter or end of line behind it."""
    d = re.escape(delimiter)
    return re.compile(rf'("[^"]*(?:""[^"]*)*"|(?!")[^{d}\r\n]*)({d}|\r\n|\r|\n|\Z)')


def _delimiter(words: str) -> str:
    """Return the delimiter that makes the most cells of the first line that says anything."""
    start = len(words) - len(words.lstrip("\r\n"))

    def cells(delimiter: str) -> int:
        cell, place, count = _cell(delimiter), start, 0
        while found := cell.match(words, place):
            place, count = found.end(), count + 1
            if found[2] != delimiter:
                break
        return count

    return max(_DELIMITERS, key=cells)


def _encoding(content: bytes) -> tuple[bytes, str]:
    """Return the byte order mark and the encoding, which gives the same bytes back.

    Files without a mark are UTF-8 if they can be. Otherwise Chinese characters in GBK stand in pairs of high bytes,
    Western letters in CP1252 alone between ASCII letters.
    """
    for bom, encoding in _BOMS:
        if content.startswith(bom) and _gives_back(content[len(bom) :], encoding):
            return bom, encoding
    wide = ["utf-16-le", "utf-16-be"] if content[1::2].count(0) > content[::2].count(0) else ["utf-16-be", "utf-16-le"]
    pairs, single = len(_TWO_HIGH_BYTES.findall(content)), len(_ONE_HIGH_BYTE.findall(content))
    narrow = ["gb18030", "cp1252"] if pairs > single else ["cp1252", "gb18030"]
    for encoding in (*(wide if 0 in content else ()), "utf-8", *narrow):
        if _gives_back(content, encoding):
            return b"", encoding
    return b"", "latin-1"


def _gives_back(content: bytes, encoding: str) -> bool:
    try:
        return content.decode(encoding).encode(encoding) == content
    except UnicodeError:
        return False
