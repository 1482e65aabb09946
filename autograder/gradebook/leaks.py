"""Searches what students get for what they may not see.

The solution regions of the source notebooks, every line of ``private/`` (hidden criteria, mutants) and the course's key
are secret. Lines that the author also shows (in the rest of the notebook or the visible rubric, but in no other file)
are not, since hints quote solutions and figures begin alike; but the whole of a solution or of a function's body in it
is, wherever it stands, if it has two lines or more. The search covers all strings of a notebook with its metadata,
outputs and attachments, the files in its kit, and the bytes of every other file, compressed ones unpacked.
"""

from __future__ import annotations

import base64
import binascii
import bz2
import gzip
import io
import json
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from autograder.base.errors import ConfigError, LeakError
from autograder.base.i18n import text
from autograder.course import kit
from autograder.gradebook.nbgrader_course import PRIVATE, NbgraderCourse

_REGION = re.compile(
    r"^[^\n]*BEGIN (SOLUTION|HIDDEN TESTS|MARK SCHEME)[^\n]*\n(.*?)^[^\n]*END \1[^\n]*\n?", re.MULTILINE | re.DOTALL
)
_MARK = re.compile(r"(?:BEGIN|END) (?:SOLUTION|HIDDEN TESTS|MARK SCHEME)")
_DEFINITION = re.compile(r"^[ \t]*(?:async )?(?:def|class) .*", re.MULTILINE)
_FUNCTION = re.compile(r"^\s*def (test_\w+)", re.MULTILINE)
_ENCODED = re.compile(r"^[A-Za-z0-9+/\s]{40,}={0,2}\s*$")
_MIN_LENGTH = 8
"""Shorter lines (``else:``, ``)``) give nothing away."""
_MAX_UNPACKED = 64 << 20


@dataclass(frozen=True)
class Secrets:
    """What may not be found.

    Args:
        lines: whole lines, without their indent.
        for_graders: the lines that nbgrader keeps in the gradebook: hidden tests in grade cells, mark schemes.
        passages: solutions and bodies of their functions, as `_passage` writes them.
        words: secret wherever they appear, even inside a line: names of hidden tests, explanations of mutants, the key.
    """

    lines: frozenset[str]
    for_graders: frozenset[str]
    passages: frozenset[str]
    words: frozenset[str]

    @classmethod
    def of(cls, source: Path, key: bytes, stubs: Iterable[str] = ()) -> Self:
        """Collect the secrets of an assignment's folder in ``solutions/``.

        Args:
            source: the folder.
            key: the course's.
            stubs: what students find in place of a solution, and is none where the author has not written one yet.

        Raises:
            ConfigError: a notebook in it is not a notebook.
        """
        hidden: set[str] = set()
        for_graders: set[str] = set()
        shown = {line for stub in stubs for line in _lines(stub)}
        passages: set[str] = set()
        words = {key.hex()}
        for file in sorted(p for p in source.rglob("*") if p.is_file() and "__pycache__" not in p.parts):
            private = PRIVATE in file.relative_to(source).parts
            if file.suffix == ".ipynb" and not private:
                for cell in _cells(file) if file.parent == source else _cells_if_any(file):
                    solutions, marked, rest = _divide(cell)
                    for solution in solutions:
                        hidden.update(_lines(solution))
                        passages |= {_passage(body) for body in _DEFINITION.split(solution) if len(_lines(body)) > 1}
                    for_graders.update(_lines(marked))
                    shown.update(_lines(rest))
                continue
            if private or _is_rubric(file):
                content = file.read_bytes().decode("utf-8", "replace")
                (hidden if private else shown).update(_lines(content))
            if private:
                words |= {*_FUNCTION.findall(content), *_explanations(file)}
        passages -= {_passage(stub) for stub in stubs}
        lines, for_graders = hidden - shown, for_graders - shown - hidden
        return cls(frozenset(lines), frozenset(for_graders), frozenset(passages), frozenset(words))

    def find_in(self, content: str) -> str | None:
        """Return the first secret in a text for students, or None."""
        if mark := _MARK.search(content):
            return mark[0]
        lines = (line.strip() for line in content.splitlines())
        return (
            self._word_in(content)
            or self._line_in(content)
            or next((line for line in lines if line in self.for_graders), None)
        )

    def find_in_gradebook(self, content: str) -> str | None:
        """Return the first secret in a text in the gradebook, or None.

        Hidden tests and mark schemes are kept there, whatever of a solution their author repeats in them.
        """
        return self._word_in(content) or self._line_in(_REGION.sub(_without_what_is_for_graders, content))

    def _word_in(self, content: str) -> str | None:
        return next((word for word in sorted(self.words) if word in content), None)

    def _line_in(self, content: str) -> str | None:
        shown = _passage(content)
        found = next((passage.split("\n")[1] for passage in sorted(self.passages) if passage in shown), None)
        return found or next((line for line in content.splitlines() if line.strip() in self.lines), None)


def check(secrets: Secrets, files: Iterable[Path]) -> None:
    """Search what students get.

    Raises:
        LeakError: one of the files holds a secret.
    """
    for file in files:
        for place, content in _texts(file):
            if (found := secrets.find_in(content)) is not None:
                words = text(
                    "{place}: students would see {secret!r}; nothing was released. It belongs to a solution or to "
                    "private/: write it differently there, or remove it (a file that is not for students belongs into "
                    "private/). If they may see it, `nbgrader generate_assignment` releases without this search",
                    place=f"{file.name}{place}",
                    secret=found.strip()[:80],
                )
                raise LeakError(words)


def check_gradebook(secrets: Secrets, nbgrader: NbgraderCourse, assignment: str) -> None:
    """Search what the gradebook holds of an assignment.

    Raises:
        LeakError: it holds a secret.
    """
    with nbgrader.open() as gradebook:
        for notebook in gradebook.find_assignment(assignment).notebooks:
            for cell in notebook.source_cells:
                if (found := secrets.find_in_gradebook(cell.source)) is not None:
                    words = text(
                        "the gradebook's cell {name} holds {secret!r}; no file was released",
                        name=cell.name,
                        secret=found.strip()[:80],
                    )
                    raise LeakError(words)


def _is_rubric(file: Path) -> bool:
    """Return whether a file is written to be shown; any other may hold a line of a solution by mistake."""
    return file.name in ("assignment.yaml", "conftest.py") or file.match("test_*.py")


def _cells(notebook: Path) -> list[dict[str, Any]]:
    try:
        return json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (ValueError, LookupError, TypeError) as error:
        raise ConfigError(text("is not a notebook ({reason})", reason=error), path=notebook) from None


def _cells_if_any(file: Path) -> list[dict[str, Any]]:
    """Return the cells of what lies deeper: nbgrader makes nothing of it, and editors call other files notebooks."""
    try:
        return _cells(file)
    except ConfigError:
        return []


def _divide(cell: dict[str, Any]) -> tuple[list[str], str, str]:
    """Divide a source cell as nbgrader's conversion does: its solutions, what is for graders, the rest."""
    source = cell.get("source", "")
    source = source if isinstance(source, str) else "".join(source)
    regions = [(region[1], region[2]) for region in _REGION.finditer(source)]
    solutions = [region for kind, region in regions if kind == "SOLUTION"]
    marked = "".join(region for kind, region in regions if kind != "SOLUTION")
    rest = _REGION.sub("", source)
    mark = cell.get("metadata", {}).get("nbgrader")
    if isinstance(mark, dict) and mark.get("solution") and not solutions:  # anything else nbgrader refuses
        return [rest], marked, ""  # without a region all of it is replaced
    return solutions, marked, rest


def _without_what_is_for_graders(region: re.Match[str]) -> str:
    """Leave a solution as it is; of others leave the mark, which keeps apart what stands before and after."""
    return region[0] if region[1] == "SOLUTION" else f"BEGIN {region[1]}\n"


def _lines(content: str) -> list[str]:
    return [line for raw in content.splitlines() if len(line := raw.strip()) >= _MIN_LENGTH]


def _passage(content: str) -> str:
    """Return a text's lines, without indents and short ones, each between line feeds."""
    return "\n".join(["", *_lines(content), ""])


def _explanations(file: Path) -> Iterator[str]:
    """Yield the sentences of a YAML file: every text of an explanation, in whatever languages."""
    if file.suffix != ".yaml":
        return
    import yaml

    todo = [yaml.safe_load(file.read_text(encoding="utf-8"))]
    while todo:
        value = todo.pop()
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        todo += [v for v in inner if isinstance(v, dict | list)]
        if isinstance(value, dict):
            explained = value["explain"].values() if isinstance(value.get("explain"), dict) else ()
            said = [*(value.get(key) for key in ("en", "zh", "explain")), *explained]
            yield from (words for words in said if isinstance(words, str) and len(words) >= _MIN_LENGTH)


def _texts(file: Path) -> Iterator[tuple[str, str]]:
    """Yield every text in a file, with its place in it."""
    content = file.read_bytes()
    try:
        notebook = json.loads(content) if file.suffix == ".ipynb" else None
    except ValueError:
        notebook = None
    if notebook is not None:
        for place, words in _strings(notebook, ""):
            yield place, words
            yield from ((f"{place}: {name}", inner) for name, inner in _carried(words))
            if _ENCODED.match(words):
                yield from ((place, unpacked) for unpacked in _unpack(_decode(words)))
    else:
        yield from (("", unpacked) for unpacked in _unpack(content))


def _strings(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield place, str(key)
            yield from _strings(inner, f"{place}.{key}")
    elif isinstance(value, list):
        if value and all(isinstance(line, str) for line in value):
            yield place, "".join(value)
        for number, inner in enumerate(value):
            yield from _strings(inner, f"{place}[{number}]")


def _carried(words: str) -> Iterator[tuple[str, str]]:
    """Yield the texts of the files in a cell's kit."""
    try:
        found = kit.find(words)
    except kit.DamagedKit:  # a single line of one: the cell as a whole is searched too
        return
    for name, content in found.files.items() if found is not None else ():
        yield from ((name, unpacked) for unpacked in (name, *_unpack(content)))


def _decode(words: str) -> bytes:
    try:
        return base64.b64decode("".join(words.split()), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unpack(content: bytes) -> Iterator[str]:
    """Yield the text of some bytes, and of what they contain compressed (one level deep)."""
    yield content.decode("utf-8", "replace")
    if content[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.infolist():
                yield entry.filename
                with archive.open(entry) as file:
                    yield file.read(_MAX_UNPACKED).decode("utf-8", "replace")
        return
    for open_packed in (gzip.open, bz2.open, lzma.open):
        try:
            with open_packed(io.BytesIO(content)) as file:
                yield file.read(_MAX_UNPACKED).decode("utf-8", "replace")
        except (OSError, EOFError, zlib.error, lzma.LZMAError):
            continue
