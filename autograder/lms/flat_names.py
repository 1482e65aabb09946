"""Reads the names of systems that write into each file's name whose it is.

.. code-block:: text

    Canvas            doejane_LATE_12345_67890_hw1-2.ipynb     name, user, upload; -2: uploaded again
                      doejane_12345_text.html, ..._link.html   typed in instead of a file
                      LATE_anon_k3Rtq_67890_hw1.ipynb          anonymous
                      doejane12345_question_77_67890_hw1.ipynb    to a question of a quiz
    Moodle            Jane Doe_123456_assignsubmission_file_/hw1.ipynb   or with the file's name right behind it
                      Jane Doe_123456_assignsubmission_onlinetext_/onlinetext.html
    Blackboard        HW 1_jdoe_attempt_2026-03-01-14-22-33_hw1.ipynb    and a note on it, ...-14-22-33.txt
    Google Classroom  Jane Doe - hw1.ipynb

Blackboard's times have no zone; this machine's zone is assumed. Its word "attempt" is in the language of the site.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import reduce
from itertools import accumulate, takewhile
from pathlib import PurePosixPath

from autograder.base.errors import UsageError
from autograder.base.i18n import printable, same, text
from autograder.lms.archives import Unreadable
from autograder.lms.downloads import Download, Kind, Pattern, Reader, Reading, Upload
from autograder.lms.names_of_people import holds_a_date, is_a_full_name

_ANONYMOUS = re.compile(
    r"^(?P<late>LATE_)?(?P<name>anon_[A-Za-z0-9]{5})_(?P<late_too>LATE_)?"
    r"(?:(?P<upload>\d+)_(?P<file>.+)|(?P<kind>text|link)\.html)$"
)
_CANVAS_TEXT = re.compile(r"^(?P<name>.+?)_(?P<late>LATE_)?(?P<user>\d+)_(?P<kind>text|link)(?:-\d+)?\.html$")
_CANVAS_IDS = re.compile(r"_(?P<late>LATE_)?(?P<user>\d+)_(?P<upload>\d+)_(?=.)")
_MOODLE = re.compile(r"^(?P<name>[^/]+?)_(?P<number>\d+)_assignsubmission_(?P<kind>[a-z]+)(?:_?/|_)(?P<file>.+)$")
_NAMELESS = {
    "participant",
    "teilnehmer",
    "participante",
    "participant(e)",
    "deelnemer",
    "参与者",
    "参加者",
    "參與者",
    "участник",
}
_BLACKBOARD = re.compile(r"^(?P<head>.+?_.+?)_(?P<word>[^\W\d_]+)_(?P<time>\d{4}(?:-\d\d){5})(?:_(?P<file>.+)|\.txt)$")
_BLACKBOARDS_ZIP = re.compile(r"^gradebook_(?P<names>.+)_\d{4}(?:-\d\d){5}")
_IN_BRACKETS = re.compile(r"[(（]([^()（）\n]+)[)）]")
_CLASSROOM = re.compile(r"^(?P<name>\S.*?) - (?P<file>\S.*)$")
_TYPED: dict[str, Kind] = {"text": "text", "link": "link"}
_AGAIN = re.compile(r"-\d+(?=\.[^.]+$)")


def _flat(download: Download) -> list[PurePosixPath]:
    """Return the files that lie together, perhaps in one folder."""
    return [path for path in download.paths if len(path.parts) <= 2]


def _canvas_fits(download: Download) -> list[PurePosixPath]:
    patterns = (_ANONYMOUS.match, _CANVAS_TEXT.match, _CANVAS_IDS.search)
    return [path for path in _flat(download) if any(pattern(path.name) for pattern in patterns)]


def _canvas_reader(download: Download) -> Reader:
    """Return the reader of Canvas's names.

    Names of groups and of files may contain numbers between underscores as well; which two are the user and the upload
    is what the names with only one possibility show, by the numbers of digits.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    for path in download.paths:
        found = _ids(path.name)
        if len(found) == 1 and not _CANVAS_TEXT.match(path.name):
            sizes[_sizes_of(found[0])] += 1
    uploads = [upload for path in download.paths if (upload := _canvas(path, sizes, None))]
    again = _uploaded_again(uploads)
    return lambda path: _canvas(path, sizes, again)


def _uploaded_again(uploads: list[Upload]) -> set[tuple[str, str, str]]:
    """Return the files (student, number, name) whose ``-1`` is the student's: there are several and no plain one."""
    names: dict[tuple[str, str, str], set[str]] = {}
    for upload in uploads:
        names.setdefault((upload.student, upload.number, _AGAIN.sub("", upload.file)), set()).add(upload.file)
    own = {key for key, files in names.items() if len(files) > 1 and key[2] not in files}
    return {(student, number, file) for student, number, plain in own for file in names[student, number, plain]}


def _ids(name: str) -> list[re.Match[str]]:
    """Return every place where a user and an upload may stand."""
    found = (_CANVAS_IDS.match(name, at) for at in range(1, len(name)) if name[at] == "_")
    return [one for one in found if one is not None and not name[: one.start()].endswith("_LATE")]


def _sizes_of(ids: re.Match[str]) -> tuple[int, int]:
    return len(ids["user"]), len(ids["upload"])


def _canvas(
    path: PurePosixPath, sizes: Counter[tuple[int, int]], own: set[tuple[str, str, str]] | None
) -> Upload | None:
    """Read a name; without the set of files whose ``-1`` is the student's, every name stays as it is."""
    name = path.name
    if found := _ANONYMOUS.match(name):
        late = bool(found["late"] or found["late_too"])
        if found["kind"]:
            return Upload(found["name"], "", name, is_late=late, kind=_TYPED[found["kind"]])
        student, user, file, upload = found["name"], "", found["file"], found["upload"]
    elif (found := _CANVAS_TEXT.match(name)) and not any(_sizes_of(one) in sizes for one in _ids(name)):
        return Upload(found["name"], found["user"], name, is_late=bool(found["late"]), kind=_TYPED[found["kind"]])
    elif ids := _ids(name):
        best = max(ids, key=lambda one: sizes[_sizes_of(one)])
        late, user, upload = bool(best["late"]), best["user"], best["upload"]
        student, file = name[: best.start()], name[best.end() :]
        if student.endswith("_question"):  # of a quiz, where the user stands right behind the name
            student, user, file = student.removesuffix("_question"), "", f"question_{user}/{file}"
    else:
        return None
    is_own = own is None or (student, user, file) in own
    return Upload(student, user, file if is_own else _AGAIN.sub("", file), order=int(upload), is_late=late)


def _moodle(path: PurePosixPath) -> Reading:
    for start in range(len(path.parts)):  # below the folder of a group, perhaps
        found = _MOODLE.match("/".join(path.parts[start:]))
        if found is not None:
            name = found["name"].strip()
            is_blind = re.sub(r"[\W_].*", "", name.casefold()) in _NAMELESS or name.casefold() in _NAMELESS
            kind: Kind = "file" if found["kind"] == "file" else "text"
            number = found["number"]
            return Upload(
                f"{name}_{number}" if is_blind else name, "" if is_blind else number, found["file"], kind=kind
            )
    return None


def _blackboard_fits(download: Download) -> list[PurePosixPath]:
    return [path for path in _flat(download) if _BLACKBOARD.match(path.name)]


def _blackboard_reader(download: Download) -> Reader:
    found = {path: match for path in download.paths if (match := _BLACKBOARD.match(path.name))}
    notes = {path: _note(download, path) for path, match in found.items() if match["file"] is None}
    heads = {match["head"] for match in found.values()}
    users = _users(notes)
    column = _column(heads, users, download)
    with_files = {(match["head"], match["time"]) for match in found.values() if match["file"] is not None}
    has_file = {head for head, _ in with_files}

    def read(path: PurePosixPath) -> Reading:
        match = _BLACKBOARD.match(path.name)
        if match is None:
            return None
        user = users.get(match["head"]) or match["head"].removeprefix(column)
        if match["file"] is None and ((match["head"], match["time"]) in with_files or match["head"] in has_file):
            return text("Blackboard's note about an attempt")
        return _attempt(match, user)

    return read


def _attempt(match: re.Match[str], user: str) -> Reading:
    time = match["time"]
    try:
        handed_in = datetime.strptime(time, "%Y-%m-%d-%H-%M-%S").astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    if match["file"] is None:
        return Upload(user, "", match.string, attempt=time, handed_in=handed_in, kind="nothing")
    return Upload(user, "", match["file"], attempt=time, handed_in=handed_in)


def _note(download: Download, path: PurePosixPath) -> list[str]:
    """Return what a note may say: sites write UTF-8, UTF-16, or what Windows has in their country."""
    with suppress(Unreadable):
        content = download.read(path)[: 1 << 20]
        return list(_decoded(content))
    return []


def _decoded(content: bytes) -> Iterator[str]:
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff")) or content.count(b"\0") > len(content) // 4
    if wide:
        yield content.decode("utf-16" if content[:1] in (b"\xff", b"\xfe") else "utf-16-le", "replace")
    for encoding in ("utf-8", "gb18030", "cp1252"):
        with suppress(UnicodeDecodeError):
            yield content.decode(encoding)


def _users(notes: Mapping[PurePosixPath, list[str]]) -> dict[str, str]:
    """Return the user in each ``column_user`` that files begin with; Blackboard's notes have the user in brackets."""
    users: dict[str, str] = {}
    for path, readings in notes.items():
        match = _BLACKBOARD.match(path.name)
        for user in (user for note in readings for user in _IN_BRACKETS.findall(note)):
            if match and match["head"].endswith(f"_{user}"):
                users[match["head"]] = user
    return users


def _column(heads: set[str], users: Mapping[str, str], download: Download) -> str:
    """Return the column's name, with which all files begin; both it and a user's name may contain underscores."""
    for head, user in users.items():
        return head.removesuffix(user)
    shared = takewhile(lambda parts: len(set(parts)) == 1, zip(*(head.split("_")[:-1] for head in heads), strict=False))
    columns = list(accumulate(f"{parts[0]}_" for parts in shared))
    zip_name = _BLACKBOARDS_ZIP.match(download.name)
    for column in columns:
        ends = zip_name is not None and _letters(zip_name["names"]).endswith(_letters(column))
        if _letters(column) == _letters(download.assignment) or (ends and len(_letters(column)) > 1):
            return column
    if len(heads) == 1 and len(columns) > 1:
        (head,) = heads
        ways = reduce(
            lambda one, other: one + text(" or ") + other,
            (same(printable(head.removeprefix(column))) for column in columns),
        )
        raise UsageError(
            text(
                "{head}_attempt_...: is the student {ways}? leave Blackboard's own .txt file beside it, which "
                "says so, or put the file into a folder of the student's name and collect that",
                head=printable(head),
                ways=ways,
            )
        )
    return columns[-1] if columns else ""


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _classroom_fits(download: Download) -> list[PurePosixPath]:
    """Return the files with a dash behind a name, if they lie in one place and are not all of one name."""
    work = download.work
    if len({path.parent for path in work}) > 1:
        return []
    found = [match for path in work if (match := _CLASSROOM.match(path.name))]
    if len(found) > 1 and len({match["name"] for match in found}) == 1:
        return []
    if _names_stand_behind(found) or any(holds_a_date(path.stem.rpartition(" - ")[0]) for path in work):
        return []
    return [path for path in _flat(download) if _CLASSROOM.match(path.name)]


def _names_stand_behind(found: Sequence[re.Match[str]]) -> bool:
    """Return whether the people rather stand behind the dash, as in uploads to Google Forms, or not in front of it."""
    sides = [(match["name"], PurePosixPath(match["file"]).stem) for match in found]
    behind = sum(is_a_full_name(file) and not is_a_full_name(name) for name, file in sides)
    before = sum(is_a_full_name(name) and not is_a_full_name(file) for name, file in sides)
    return behind > before or any(not re.search(r"[^\W\d_]", name) for name, _ in sides)


def _classroom_reader(download: Download) -> Reader:
    """Return the reader of Classroom's names; with several dashes, the file's name is what most files share."""
    tails = Counter(path.name[dash.end() :] for path in download.work for dash in re.finditer(" - ", path.name))

    def read(path: PurePosixPath) -> Reading:
        dashes = [dash for dash in re.finditer(" - ", path.name) if path.name[: dash.start()].strip()]
        if not dashes:
            return None
        best = max(dashes, key=lambda dash: tails[path.name[dash.end() :]])
        return Upload(path.name[: best.start()].strip(), "", path.name[best.end() :])

    return read


def _moodle_fits(download: Download) -> list[PurePosixPath]:
    return [path for path in download.paths if _moodle(path) is not None]


def _moodle_reader(_download: Download) -> Callable[[PurePosixPath], Reading]:
    return _moodle


MOODLE = Pattern("Jane Doe_123456_assignsubmission_file_/hw1.ipynb", _moodle_fits, _moodle_reader)
BLACKBOARD = Pattern("HW 1_jdoe_attempt_2026-03-01-14-22-33_hw1.ipynb", _blackboard_fits, _blackboard_reader)
CANVAS = Pattern("doejane_12345_67890_hw1.ipynb", _canvas_fits, _canvas_reader)
GOOGLE_CLASSROOM = Pattern("Jane Doe - hw1.ipynb", _classroom_fits, _classroom_reader)
