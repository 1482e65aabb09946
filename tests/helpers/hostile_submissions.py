"""Hostile submissions of the tiny course: not their code is wrong, but the files, folders and names it comes in.

Each function fills ``submitted/<name of the function>/tiny/``, which exists. Its `expect` says what the report must say.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import random
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tiny_course as tiny

FILE = "tiny.ipynb"
Notebook = dict[str, Any]
Builder = Callable[[Path, Notebook], None]


@dataclass(frozen=True)
class Hostile:
    """One hostile submission.

    Args:
        student: the name of its folder, as bytes where it is no text.
        build: fills the folder, given an honest notebook.
        status: of its report; None if there is no submission to find at all.
        full: whether it earns what the honest notebook earns.
    """

    student: str
    build: Builder
    status: str | None
    full: bool


TABLE: list[Hostile] = []


def _in_the_table(status: str | None, *, full: bool = False, student: str = "") -> Callable[[Builder], Builder]:
    def add(build: Builder) -> Builder:
        TABLE.append(Hostile(student or build.__name__, build, status, full))
        return build

    return add


unreadable = _in_the_table("unreadable")
graded = _in_the_table("graded")
full = _in_the_table("graded", full=True)


def _write(folder: Path, notebook: Any) -> Path:
    file = folder / FILE
    file.write_text(notebook if isinstance(notebook, str) else json.dumps(notebook), encoding="utf-8")
    return file


# -- in place of the notebook ------------------------------------------------------------------------------------------


@unreadable
def a_folder_for_a_notebook(folder: Path, notebook: Notebook) -> None:
    (folder / FILE).mkdir()
    _write(folder / FILE, notebook)


@unreadable
def a_pipe(folder: Path, notebook: Notebook) -> None:
    os.mkfifo(folder / FILE)


@unreadable
def a_socket(folder: Path, notebook: Notebook) -> None:
    here = Path.cwd()
    os.chdir(folder)  # an address is short
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(FILE)
    finally:
        os.chdir(here)


@unreadable
def an_endless_device(folder: Path, notebook: Notebook) -> None:
    try:
        os.mknod(folder / FILE, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        (folder / FILE).symlink_to("/dev/zero")


@unreadable
def a_loop_of_links(folder: Path, notebook: Notebook) -> None:
    (folder / FILE).symlink_to(FILE)
    (folder / "other.ipynb").symlink_to("tiny.py")
    (folder / "tiny.py").symlink_to("other.ipynb")


@unreadable
def empty(folder: Path, notebook: Notebook) -> None:
    (folder / FILE).touch()


@unreadable
def nothing(folder: Path, notebook: Notebook) -> None:
    pass


@unreadable
def binary(folder: Path, notebook: Notebook) -> None:
    (folder / FILE).write_bytes(random.Random(1).randbytes(100_000))


@unreadable
def breaks_off(folder: Path, notebook: Notebook) -> None:
    words = json.dumps(notebook)
    _write(folder, words[: len(words) // 2])


@unreadable
def two_of_them(folder: Path, notebook: Notebook) -> None:
    for name in ("one.ipynb", "\x1b[2Jtwo\n.ipynb"):
        (folder / name).write_text(json.dumps(notebook))


@unreadable
def a_file_for_a_folder(folder: Path, notebook: Notebook) -> None:
    folder.rmdir()
    folder.write_text(json.dumps(notebook))


@_in_the_table(None)
def a_file_for_a_student(folder: Path, notebook: Notebook) -> None:
    folder.rmdir()
    folder.parent.rmdir()
    folder.parent.write_text(json.dumps(notebook))


@_in_the_table("graded" if os.geteuid() == 0 else "unreadable", full=os.geteuid() == 0)
def unreadable_by_permission(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook).chmod(0)


@_in_the_table("graded" if os.geteuid() == 0 else "unreadable", full=os.geteuid() == 0)
def a_folder_that_may_not_be_read(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    folder.chmod(0)


# -- beside the notebook -----------------------------------------------------------------------------------------------


@full
def a_folder_for_a_timestamp(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    (folder / "timestamp.txt").mkdir()
    (folder / "timestamp.txt" / "x").touch()


@full
def a_pipe_for_a_timestamp(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    os.mkfifo(folder / "timestamp.txt")


@full
def a_timestamp_in_gbk(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    (folder / "timestamp.txt").write_bytes("2026年1月2日 上午8点".encode("gb18030"))


@full
def a_timestamp_of_garbage(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    (folder / "timestamp.txt").write_bytes(b"\x00\xff2026-01-01" * 1_000_000)


@full
def a_timestamp_far_away(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    (folder / "timestamp.txt").write_text("99999999999-12-31 23:59:59 UTC+9999")


@full
def a_link_for_a_timestamp(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    (folder / "timestamp.txt").symlink_to("timestamp.txt")


@full
def a_pipe_for_a_secret(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    os.mkfifo(folder / "submission_secret.txt")
    os.mkfifo(folder / "data.csv")


@full
def names_of_255_bytes(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    (folder / ("n" * 255)).touch()
    (folder / ("深" * 85)).mkdir()
    (folder / ("深" * 85) / ("m" * 251 + ".txt")).touch()


@full
def names_that_are_no_text(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    for name in (b"\xff\xfe.txt", b"a\nb\x1b[31m.txt", b"-rf", b"\xb2\xe2\xca\xd4.csv", b"~", b"*.ipynb"):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).touch()


@full
def three_thousand_levels(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    _nest(folder, 3_000)


@unreadable
def more_levels_than_python_recurses_and_no_notebook(folder: Path, notebook: Notebook) -> None:
    _nest(folder, 1_100)


def _nest(folder: Path, levels: int) -> None:
    place = os.open(folder, os.O_RDONLY)
    for _ in range(levels):
        os.mkdir("d", dir_fd=place)
        place, above = os.open("d", os.O_RDONLY, dir_fd=place), place
        os.close(above)
    os.close(place)


@full
def unreadable_neighbours(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)
    (folder / "secret").mkdir()
    (folder / "secret" / "x").touch()
    (folder / "secret").chmod(0)
    (folder / "data.csv").touch()
    (folder / "data.csv").chmod(0)


@full
def a_folder_named_like_ours(folder: Path, notebook: Notebook) -> None:
    """What the course brings along itself, as a folder; and a notebook as one."""
    _write(folder, notebook)
    for name in ("test_tiny.py", "data.ipynb", "results.jsonl", ".autograder", "__pycache__"):
        (folder / name).mkdir()
        (folder / name / "x").touch()


# -- what stands in the notebook ---------------------------------------------------------------------------------------


@full
def outputs_of_60_mb(folder: Path, notebook: Notebook) -> None:
    notebook["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * (60 << 20)}]
    _write(folder, notebook)


@full
def written_in_gbk(folder: Path, notebook: Notebook) -> None:
    notebook["cells"].append(tiny.code_cell("print('你好，世界')"))
    (folder / FILE).write_bytes(json.dumps(notebook, ensure_ascii=False).encode("gb18030"))


@full
def written_in_utf_16(folder: Path, notebook: Notebook) -> None:
    (folder / FILE).write_bytes(json.dumps(notebook).encode("utf-16"))


@unreadable
def nested_without_end(folder: Path, notebook: Notebook) -> None:
    words = json.dumps(notebook | {"metadata": {"x": "HERE"}})
    _write(folder, words.replace('"HERE"', "[" * 100_000 + "]" * 100_000))


@full
def nested_deeply(folder: Path, notebook: Notebook) -> None:
    """As deep as JSON may be read, too deep for much that walks through it."""
    words = json.dumps(notebook | {"metadata": {"x": "HERE"}})
    _write(folder, words.replace('"HERE"', '{"a":' * 450 + "1" + "}" * 450))


@graded
def keys_twice(folder: Path, notebook: Notebook) -> None:
    _write(folder, json.dumps(notebook)[:-1] + ', "cells": [], "metadata": {"a": 1, "a": 2}}')


@full
def numbers_that_are_none(folder: Path, notebook: Notebook) -> None:
    notebook["metadata"]["x"] = [float("nan"), float("inf"), -float("inf"), 1e308 * 10]
    notebook["cells"][0]["metadata"]["x"] = float("nan")
    notebook["cells"][0]["outputs"] = [
        {
            "output_type": "execute_result",
            "execution_count": 1,
            "data": {"application/json": float("nan")},
            "metadata": {},
        }
    ]
    _write(folder, notebook)


@unreadable
def a_number_of_5000_digits(folder: Path, notebook: Notebook) -> None:
    _write(folder, json.dumps(notebook).replace('"execution_count": null', '"execution_count": ' + "9" * 5_000))


@full
def a_number_of_4000_digits(folder: Path, notebook: Notebook) -> None:
    _write(folder, json.dumps(notebook).replace('"execution_count": null', '"execution_count": ' + "9" * 4_000))


@full
def halves_of_characters(folder: Path, notebook: Notebook) -> None:
    notebook["metadata"]["\ud800"] = "\udfff"
    notebook["cells"][0]["metadata"]["\ud800"] = "\udfff"
    notebook["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "\ud800\x00\x1b[2J"}]
    _write(folder, notebook)


def _wrong(**fields: Any) -> Builder:
    def build(folder: Path, notebook: Notebook) -> None:
        """Give each field of a notebook, or each of its first cell, a value of another type."""
        for name, value in fields.items():
            place = notebook["cells"][0] if name.startswith("cell_") else notebook
            place[name.removeprefix("cell_")] = copy.deepcopy(value)
        _write(folder, notebook)

    return build


ODD: list[Any] = [None, True, -1, 1.5, "x", [7], {}, {"a": 1}]
FIELDS = ("nbformat", "nbformat_minor", "metadata", "cell_cell_type", "cell_id", "cell_metadata", "cell_source", "cell_outputs", "cell_execution_count")  # fmt: skip
for _number, _value in enumerate(ODD):
    TABLE.append(
        Hostile(f"every field is {json.dumps(_value)}", _wrong(**dict.fromkeys(FIELDS, _value)), "graded", full=True)
    )
for _number, _field in enumerate(FIELDS):
    TABLE.append(Hostile(f"{_field} is odd", _wrong(**{_field: ODD[_number % len(ODD)]}), "graded", full=True))


@full
def ten_thousand_cells(folder: Path, notebook: Notebook) -> None:
    notebook["cells"] += [tiny.code_cell(f"x = {n}") | {"id": f"c{n}"} for n in range(10_000)]
    _write(folder, notebook)


@full
def a_cell_of_5_mb(folder: Path, notebook: Notebook) -> None:
    notebook["cells"].append(tiny.code_cell("x = '" + "a" * (5 << 20) + "'"))
    _write(folder, notebook)


def _honest(folder: Path, notebook: Notebook) -> None:
    _write(folder, notebook)


# -- names of students -------------------------------------------------------------------------------------------------

for _student in (
    "-rf", "--json", "a b", "\x1b[31mred\x1b[0m", "two\nlines", "tab\there", "<b>&amp;\"'", "%2e%2e", "{assignment}", "$(id)", "`id`", "=1+1",
    "\u202ereversed", "深" * 85, "ſtudent", "e\u0301", "\u00e9", "\udcff\udcfe", "half\udc80", "C:\\x", "*", "~", "#", "a;b,c",
):  # fmt: skip
    TABLE.append(Hostile(_student, _honest, "graded", full=True))


for _student in ("..name", "...", ".git"):
    TABLE.append(Hostile(_student, _honest, None, full=False))


HEAVY = ("ten_thousand_cells", "outputs_of_60_mb", "a_cell_of_5_mb", "three_thousand_levels")
"""They take seconds."""


def fill(submitted: Path, notebook: Notebook) -> None:
    """Write every hostile submission into nbgrader's ``submitted/``."""
    for one in TABLE:
        folder = submitted / one.student / "tiny"
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
        one.build(folder, copy.deepcopy(notebook))


def fill_loose(folder: Path, notebook: Notebook) -> list[Hostile]:
    """Write the same files into a folder of loose ones, each named after its student; return whose there are."""
    there = []
    for number, one in enumerate(one for one in TABLE if one.student not in HEAVY):
        built, place = folder / str(number) / "tiny", folder / f"{one.student}.ipynb"
        built.mkdir(parents=True)
        one.build(built, copy.deepcopy(notebook))
        if len(os.fsencode(place.name)) <= 255 and os.path.lexists(built / FILE):
            (built / FILE).rename(place)
            there.append(one)
        remove(folder / str(number))
    return there


def remove(root: Path) -> None:
    """Remove folders that are deeper than Python's own function can go, and for which ``rm`` takes many seconds."""
    subprocess.run(["chmod", "-R", "u+rwX", "--", root], check=False, stderr=subprocess.DEVNULL)
    for pattern in ("*/d", "*/*/d", "*/*/*/d"):
        for chain in root.glob(pattern):
            _remove_chain(chain.parent)
    shutil.rmtree(root, ignore_errors=True)


def _remove_chain(folder: Path) -> None:
    """Remove folders in folders from the innermost one, each by its short name."""
    place, levels = os.open(folder, os.O_RDONLY), 0
    with contextlib.suppress(FileNotFoundError):
        while True:
            below = os.open("d", os.O_RDONLY | os.O_DIRECTORY, dir_fd=place)
            os.close(place)
            place, levels = below, levels + 1
    for _ in range(levels):
        above = os.open("..", os.O_RDONLY, dir_fd=place)
        os.close(place)
        os.rmdir("d", dir_fd=above)
        place = above
    os.close(place)
