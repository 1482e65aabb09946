"""Reads the folders of systems that give each student one.

.. code-block:: text

    ILIAS             sheet 1/Abgaben/Doe_Jane_jdoe_12345/hw1.ipynb, perhaps below Team 7/
    Sakai             HW1/Doe, Jane(jdoe)/Submission attachment(s)/hw1.ipynb, timestamp.txt, grades.csv
    Brightspace       12345-67890 - Jane Doe - Mar 3, 2026 1100 AM/hw1.ipynb, or "... AM - hw1.ipynb"; index.html
    Gradescope        submission_123/hw1.ipynb, and submission_metadata.yml with the names
    GitHub Classroom  hw1-submissions/hw1-jdoe/hw1.ipynb
    any other         jdoe/hw1.ipynb, or jdoe.ipynb; other folders may lie around those of the students
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

import yaml

from autograder.base.i18n import text
from autograder.lms.archives import Unreadable
from autograder.lms.downloads import CODE, Download, Mention, Pattern, Reader, Reading, Upload
from autograder.lms.names_of_people import are_doubtful_files, are_doubtful_folders

_ILIAS = re.compile(r"^[^_]+(?:_[^_]+){2,}_\d+$")
_SAKAI = re.compile(r"^(?P<name>.*)\((?P<user>[^()]+)\)$")
_SAKAIS_FILE = re.compile(r"^(?:timestamp\.txt|comments\.txt|.*_?feedbackText\.html?)$", re.IGNORECASE)
_SAKAIS_TEXT = re.compile(r"^.*submissionText\.html?$", re.IGNORECASE)
_SAKAIS_ATTACHMENTS = re.compile(
    r"submission|attachment|adjunto|anhang|anlage|abgabe|pi[eè]ces|提交|附件", re.IGNORECASE
)
_FEEDBACK = re.compile(r"^(?:feedback|retro|r[ée]tro|反馈|comentarios)", re.IGNORECASE)
_BRIGHTSPACE = re.compile(r"^(?P<first>\d+)-(?P<second>\d+) - (?P<rest>.+)$")
_YEAR = re.compile(r"\b(?:19|20)\d\d\b|(?:19|20)\d\d年")
_GRADESCOPE = re.compile(r"^submission_\d+$")
_METADATA = "submission_metadata.yml"
_MAX_METADATA_BYTES = 64 << 20
_CLOCK = re.compile(r"(\d{1,2})[-:.时]?(\d\d)(?:[-:.分]?\d\d)?\s*([AP]M)?\s*$", re.IGNORECASE)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTHS_ELSEWHERE = {"mär": 3, "mai": 5, "okt": 10, "dez": 12, "ene": 1, "abr": 4, "ago": 8, "dic": 12, "avr": 4}
_PERSON = {"student", "students", "stu", "user", "学生"}
_DOCUMENTS = (".pdf", ".doc", ".docx", ".odt", ".rtf", ".html", ".htm", ".gdoc", ".rar", ".7z", ".tar", ".tgz", ".gz")
_BRANCH = re.compile(r"-(?:main|master)$")


def _matching(path: PurePosixPath, pattern: re.Pattern[str], *, deepest: bool = False) -> int | None:
    """Return which folder of a path has such a name."""
    found = [depth for depth, part in enumerate(path.parts[:-1]) if pattern.match(part)]
    return (found[-1] if deepest else found[0]) if found else None


# ILIAS


def _ilias_fits(download: Download) -> list[PurePosixPath]:
    """Return the files below folders of people; one such folder with several others in it is no person's."""
    below: dict[tuple[str, ...], set[str]] = defaultdict(set)
    fitting = []
    for path in download.paths:
        depth = _matching(path, _ILIAS, deepest=True)
        if depth is not None:
            fitting.append(path)
            if path.suffix.lower() in CODE:
                below[path.parts[: depth + 1]].add("" if len(path.parts) == depth + 2 else path.parts[depth + 1])
    is_wrapper = len(below) == 1 and len(next(iter(below.values())) - {""}) > 1
    return [] if is_wrapper else fitting


def _ilias_reader(_download: Download) -> Reader:
    def read(path: PurePosixPath) -> Reading:
        depth = _matching(path, _ILIAS, deepest=True)
        if depth is None:
            return text("ILIAS's own file") if path.suffix.lower() in (".xlsx", ".xls", ".csv", ".xml") else None
        return Upload(path.parts[depth], "", "/".join(path.parts[depth + 1 :]))

    return read


# Sakai


def _sakai_depth(download: Download) -> int | None:
    """Return at which depth the folders with users in brackets lie: those that hold what only Sakai writes."""
    votes: Counter[int] = Counter()
    for path in download.paths:
        for depth, part in enumerate(path.parts[:-1]):
            inside = path.parts[depth + 1 :]
            is_sakais = _SAKAIS_FILE.match(inside[0]) if len(inside) == 1 else _SAKAIS_ATTACHMENTS.search(inside[0])
            if _SAKAI.match(part) and is_sakais:
                votes[depth] += 1
    return max(votes, key=lambda depth: (votes[depth], -depth)) if votes else None


def _sakai_fits(download: Download) -> list[PurePosixPath]:
    depth = _sakai_depth(download)
    return [] if depth is None else [path for path in download.paths if _sakai_user(path, depth)]


def _sakai_user(path: PurePosixPath, depth: int) -> str:
    found = _SAKAI.match(path.parts[depth]) if len(path.parts) > depth + 1 else None
    return found["user"].strip() if found else ""


def _sakai_reader(download: Download) -> Reader:
    depth = _sakai_depth(download) or 0
    times = dict(_sakai_times(download, depth))

    def read(path: PurePosixPath) -> Reading:
        user = _sakai_user(path, depth)
        if not user:
            return text("Sakai's own file") if path.name.lower().startswith("grades.") else None
        inside = path.parts[depth + 1 :]
        if len(inside) == 1 and _SAKAIS_TEXT.match(path.name):
            return Upload(user, "", path.name, kind="text")
        if len(inside) == 1 and _SAKAIS_FILE.match(path.name):
            return Upload(user, "", path.name, kind="nothing")
        if len(inside) > 1 and _FEEDBACK.match(inside[0]):
            return text("feedback, not the student's")
        is_attached = len(inside) > 1 and _SAKAIS_ATTACHMENTS.search(inside[0])
        return Upload(user, "", "/".join(inside[1:] if is_attached else inside), handed_in=times.get(user))

    return read


def _sakai_times(download: Download, depth: int) -> Iterator[tuple[str, datetime]]:
    """Give when each user's work was handed in; Sakai writes UTC, in one long number."""
    for path in download.paths:
        if path.name == "timestamp.txt" and len(path.parts) == depth + 2 and (user := _sakai_user(path, depth)):
            with suppress(Unreadable, ValueError):
                digits = download.read(path)[:14].decode("ascii")
                yield user, datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _sakai_mentions(download: Download) -> list[Mention]:
    """Return the users of grades.csv: the first column, below the row of headings, which has as many columns."""
    depth = _sakai_depth(download) or 0
    users = {_sakai_user(path, depth) for path in download.paths} - {""}
    mentions: list[Mention] = []
    for path in download.paths:
        if path.name.lower() != "grades.csv" or _sakai_user(path, depth):
            continue
        with suppress(Unreadable, csv.Error):
            lines = download.read(path)[: 4 << 20].decode("utf-8-sig", "replace").splitlines()
            rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
            widths = {len(row) for row in rows if len(row) > 1 and row[0] in users}
            mentions += [Mention(row[0], "", path) for row in [row for row in rows if len(row) in widths][1:] if row[0]]
    return mentions


# Brightspace


def _brightspace_fits(download: Download) -> list[PurePosixPath]:
    return [path for path in download.paths if any(_BRIGHTSPACE.match(part) for part in path.parts)]


def _brightspace_reader(download: Download) -> Reader:
    """Return the reader of Brightspace's names: the student is the number that differs from student to student."""
    seen: dict[str, set[str]] = {"first": set(), "second": set()}
    for path in download.paths:
        for found in filter(None, map(_BRIGHTSPACE.match, path.parts)):
            for which, numbers in seen.items():
                numbers.add(found[which])
    which = "second" if len(seen["first"]) == 1 < len(seen["second"]) else "first"

    def read(path: PurePosixPath) -> Reading:
        for depth, part in enumerate(path.parts):
            if found := _BRIGHTSPACE.match(part):
                return _brightspace(found, which, path.parts[depth + 1 :])
        return text("Brightspace's list of the submissions") if path.name.lower() == "index.html" else None

    return read


def _brightspace(found: re.Match[str], which: str, inside: Sequence[str]) -> Reading:
    words = re.split(" ?- ", found["rest"])  # some sites write "Jane Doe- Mar 3, 2026 1100 AM"
    dated = [place for place, word in enumerate(words) if place > 0 and _YEAR.search(word)]
    place = (dated[-1] if inside else dated[0]) if dated else len(words) - 1
    name = words[:place] or words
    if len(name) > 1 and re.fullmatch(r"[A-Za-z]{0,2}\d+", name[0]):
        name = name[1:]  # the number that the university gave
    file = "/".join(inside) or " - ".join(words[place + 1 :])
    if not file:
        return None
    date = words[place] if place else ""
    handed_in = _date(date)
    attempt = f"{handed_in:%Y-%m-%d-%H-%M-%S}" if handed_in else date
    return Upload(" - ".join(name).strip(), found[which], file, attempt=attempt, handed_in=handed_in)


def _date(words: str) -> datetime | None:
    """Return a time such as ``Mar 3, 2026 1100 AM`` or ``3 März 2026 11-00`` in this machine's zone, as UTC."""
    year = _YEAR.search(words)
    clock = _CLOCK.search(words[year.end() :]) if year else None
    if year is None or clock is None:
        return None
    half = (clock[3] or "").upper()
    hour = int(clock[1]) % 12 + 12 * (half == "PM") if half else int(clock[1])
    before, behind = words[: year.start()], words[year.end() : year.end() + clock.start()]
    month = next((number for word in re.findall(r"[^\W\d_]{3,}", before) if (number := _month(word))), 0)
    days = [int(number) for number in re.findall(r"\d+", before if month else behind)]
    if not month and len(days) == 2:
        month, days = days[0], days[1:]
    try:
        return datetime(int(year[0][:4]), month, days[0], hour, int(clock[2])).astimezone(UTC)
    except (ValueError, IndexError, OverflowError):
        return None


def _month(word: str) -> int:
    start = word.casefold()[:3]
    return _MONTHS.index(start) + 1 if start in _MONTHS else _MONTHS_ELSEWHERE.get(start, 0)


# Gradescope


def _gradescope_fits(download: Download) -> list[PurePosixPath]:
    return [path for path in download.paths if _matching(path, _GRADESCOPE) is not None]


def _gradescope_reader(download: Download) -> Reader:
    people = _submitters(download)

    def read(path: PurePosixPath) -> Reading:
        depth = _matching(path, _GRADESCOPE)
        if depth is None:
            return text("Gradescope's list of the submissions") if path.name == _METADATA else None
        name, handed_in = people.get(path.parts[depth], (path.parts[depth], None))
        number = path.parts[depth].removeprefix("submission_")
        return Upload(name, number, "/".join(path.parts[depth + 1 :]), handed_in=handed_in)

    return read


def _gradescope_mentions(download: Download) -> list[Mention]:
    where = next((path for path in download.paths if path.name == _METADATA), None)
    if where is None:
        return []
    return [Mention(name, key.removeprefix("submission_"), where) for key, (name, _) in _submitters(download).items()]


def _submitters(download: Download) -> dict[str, tuple[str, datetime | None]]:
    """Return who handed in each submission, and when; several are named together."""
    where = next((path for path in download.paths if path.name == _METADATA), None)
    people: dict[str, tuple[str, datetime | None]] = {}
    if where is None:
        return people
    with suppress(Unreadable):
        lines = download.read(where)[:_MAX_METADATA_BYTES].decode("utf-8", "replace").splitlines()
        for key, block in _blocks(lines):
            found = _loaded(block)
            submitters = [one for one in found.get(":submitters") or [] if isinstance(one, dict)]
            names = [str(one.get(":name") or one.get(":email") or one.get(":sid") or "").strip() for one in submitters]
            people[key] = (", ".join(filter(None, names)) or key, _created(found.get(":created_at")))
    return people


def _blocks(lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Give each submission's lines about people and time; results and history, which may be long, are left out."""
    key, block, is_wanted = "", list[str](), False
    for line in lines:
        if found := re.match(r"^(submission_\d+):\s*$", line):
            if key:
                yield key, block
            key, block, is_wanted = found[1], [], False
        elif found := re.match(r"^  (:\w+):", line):
            is_wanted = found[1] in (":submitters", ":created_at")
        if is_wanted and not line.startswith("submission_"):
            block.append(line)
    if key:
        yield key, block


def _loaded(block: Sequence[str]) -> dict[str, Any]:
    words = "\n".join(block)
    if len(words) > 1 << 16 or re.search(r"(?m)[&*]\w+\s*$", words):  # nobody is called like an alias
        return {}
    try:
        found = yaml.safe_load(words)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _created(value: object) -> datetime | None:
    if isinstance(value, str):
        with suppress(ValueError):
            value = datetime.fromisoformat(
                re.sub(r"\.\d+| (?=[-+])", "", value).replace(" UTC", "Z").replace(" Z", "Z")
            )
    if not isinstance(value, datetime):
        return None
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# GitHub Classroom, and folders of any kind


def _github(download: Download) -> re.Pattern[str]:
    """Return what repositories' paths look like: below a folder of the task, or named after our assignment."""
    task = "[-_ ]".join(map(re.escape, re.split(r"[-_ ]", download.assignment)))
    named = re.compile(rf"^{task}-(?P<user>[^/]+)/(?P<file>.+)$", re.IGNORECASE)
    if download.work and all(named.match(str(path)) for path in download.work):
        return named
    return re.compile(r"(?:^|/)(?P<task>[^/]+)-submissions/(?P=task)-(?P<user>[^/]+)/(?P<file>.+)$")


def _github_reader(download: Download) -> Reader:
    pattern = _github(download)

    def read(path: PurePosixPath) -> Reading:
        found = pattern.search(str(path)) or pattern.search(f"{download.name}/{path}")
        return Upload(_BRANCH.sub("", found["user"]), "", found["file"]) if found else None

    return read


def _github_fits(download: Download) -> list[PurePosixPath]:
    read = _github_reader(download)
    return [path for path in download.paths if read(path) is not None]


def _unwrapped(download: Download) -> int:
    """Return how many folders lie around those of all people: each is alone, and several with work lie below it."""
    work = download.work or list(download.paths)
    depth = 0
    while (
        all(len(path.parts) > depth + 2 for path in work)
        and len({path.parts[: depth + 1] for path in work}) == 1
        and len({path.parts[:-1] for path in work}) > 1
    ):
        depth += 1
    return depth


def _folder_reader(download: Download) -> Reader:
    depth = _unwrapped(download)

    def read(path: PurePosixPath) -> Reading:
        below = path.parts[depth:]
        return Upload(below[0], "", "/".join(below[1:])) if len(below) > 1 else None

    return read


def _file_reader(_download: Download) -> Reader:
    def read(path: PurePosixPath) -> Reading:
        is_list = path.stem.lower() in ("index", "readme", "grades")
        is_work = path.suffix.lower() in (*CODE, ".zip", *_DOCUMENTS) and not is_list
        return Upload(path.stem, "", path.name) if is_work else None

    return read


def _plain_reader(download: Download) -> Reader:
    depth, of_folder, of_file = _unwrapped(download), _folder_reader(download), _file_reader(download)
    has_files = any(len(path.parts) == depth + 1 for path in download.work)

    def read(path: PurePosixPath) -> Reading:
        if len(path.parts) > depth + 1:
            return of_folder(path)
        return of_file(path) if has_files else None

    return read


def _plain_fits(download: Download) -> list[PurePosixPath]:
    """Return the files of people, unless names hold more than a person, or folders may not be people's."""
    depth = _unwrapped(download)
    files = [path for path in download.work if len(path.parts) == depth + 1]
    folders = {path.parts[depth] for path in download.work if len(path.parts) > depth + 1}
    is_unclear = depth > 1 or (len(folders) == 1 and not files and _may_be_of_several(download))
    if is_unclear or _hold_more_than_names([path.stem for path in files], download.assignment):
        return []
    below = [PurePosixPath(*path.parts[depth:]) for path in download.work if len(path.parts) > depth + 1]
    if are_doubtful_files([path.stem for path in files]) or are_doubtful_folders(below, download.assignment):
        return []
    read = _plain_reader(download)
    return [path for path in download.paths if read(path) is not None]


def _may_be_of_several(download: Download) -> bool:
    """Return whether one folder holds several notebooks, or several scripts, and none that our assignment names."""
    for suffix in CODE:
        stems = [path.stem for path in download.work if path.suffix.lower() == suffix]
        if stems:
            return len(stems) > 1 and download.assignment not in stems
    return False


def _hold_more_than_names(stems: Sequence[str], assignment: str) -> bool:
    """Return whether names of files look as if a system or a habit had put more into them than a person."""
    words = [set(re.split(r"[\W_]+", stem.casefold())) - {""} for stem in stems]
    ours = set(re.split(r"[\W_]+", assignment.casefold()))
    shared = set.intersection(*words) - _PERSON if len(words) > 1 else set[str]()
    is_common = any(len(words) > 2 or word in ours or re.search(r"\d", word) for word in shared if len(word) > 1)
    return is_common or any(ours <= found or len(found) > 4 for found in words)


def _everything(download: Download) -> list[PurePosixPath]:
    return list(download.paths)


ILIAS = Pattern("Doe_Jane_jdoe_12345/hw1.ipynb", _ilias_fits, _ilias_reader)
SAKAI = Pattern("Doe, Jane(jdoe)/Submission attachment(s)/hw1.ipynb", _sakai_fits, _sakai_reader, _sakai_mentions)
BRIGHTSPACE = Pattern("12345-67890 - Jane Doe - Mar 3, 2026 1100 AM/hw1.ipynb", _brightspace_fits, _brightspace_reader)
GRADESCOPE = Pattern("submission_123/hw1.ipynb", _gradescope_fits, _gradescope_reader, _gradescope_mentions)
GITHUB_CLASSROOM = Pattern("hw1-submissions/hw1-jdoe/hw1.ipynb", _github_fits, _github_reader)
PLAIN = Pattern("jdoe/hw1.ipynb, jdoe.ipynb", _plain_fits, _plain_reader)
FOLDERS = Pattern("jdoe/hw1.ipynb", _everything, _folder_reader)
FILES = Pattern("jdoe.ipynb", _everything, _file_reader)
