"""Says which limit of the sandbox was in the way of a student's code, and what to write instead.

A failure comes as text from a process that proves nothing. What is made of it is a sentence for the student whose code
it was, so the worst that a forged one does is to mislead its own author.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from autograder.base.i18n import Text, text
from autograder.sandbox.confine import MAX_FILE_MB
from autograder.sandbox.failure import Failure
from autograder.sandbox.workfolder import FILES_PER_MB


@dataclass(frozen=True)
class Room:
    """What the code of a submission has at its disposal.

    Args:
        memory_mb: memory.
        scratch_mb: size of its folder for files; 0 where it has none.
        has_files: it has the files beside the notebook, and may write to their folder.
    """

    memory_mb: int
    scratch_mb: int = 0
    has_files: bool = False


@dataclass(frozen=True)
class _Limit:
    """How a failure looks that comes of a limit, and the words for it.

    Args:
        kinds: the exception's type, a pattern.
        message: what it says, likewise.
        words: None where this is no limit after all.
        place: one of the lines it went through, as file and source, likewise.
        always: it is the same where nothing is confined.
    """

    kinds: str
    message: str
    words: Callable[[Room, re.Match[str]], Text | None]
    place: str = ""
    always: bool = False


def limit_of(failure: Failure, room: Room, surroundings: object) -> Text | None:
    """The limit that made the student's code fail, where one did.

    Args:
        failure: the exception.
        room: what the code had.
        surroundings: in the worker's own words, ``full``, ``confined`` or nothing.
    """
    if surroundings == "full" and room.scratch_mb:
        return _no_room(room.scratch_mb)
    places = "\n".join(f"{label} {source}" for label, _, _, source in failure.frames)
    for limit in _LIMITS:
        if surroundings != "confined" and not limit.always:
            continue
        found = re.search(limit.message, failure.message)
        if found and re.fullmatch(limit.kinds, failure.kind) and re.search(limit.place, places, re.MULTILINE):
            return limit.words(room, found)
    return None


def passed_over(what: object, name: str) -> Text | None:
    """What to say of something that was not done, by the word for it that a worker sends; None of an unknown one."""
    match what:
        case "workers":
            return text(
                "num_workers: no other process can be started here, so the DataLoader loads in this one, as with "
                "num_workers=0; the batches are the same. Nothing needs to be changed."
            )
        case "command":
            return text(
                "commands are not run here: `{name}` did nothing, and what follows lacks its result. "
                "If the code needs it, write it in Python.",
                name=name,
            )
        case "unseen":
            return text(
                "`{name}` was not run, since no program can be started here; what it would have printed is not shown.",
                name=name,
            )
        case "install":
            return text("`{name}` installed nothing: what is installed here is all there is", name=name)
        case "cut":
            return text("this cell shows more than is kept; the rest of its output was left out, and nothing else")
        case "pool":
            return text(
                "no other process can be started here, so the pool works with threads of this one; the results are the "
                "same. Nothing needs to be changed."
            )
        case "cd":
            return text("%cd {name} did nothing: only the notebook's own folder and those below it are here", name=name)
        case "run":
            return text(
                "%run {name} did nothing: only the notebook is read, not the files beside it; "
                "paste the content of {name} into a cell",
                name=name,
            )
        case "writefile":
            return text(
                "%%writefile {name} did nothing: no files can be written here; "
                "take the %%writefile line away, so that the cell itself defines what is in it, and import nothing "
                "from it",
                name=name,
            )
        case _:
            return None


def changes_nothing(words: Text) -> bool:
    """Return whether the code has the same results all the same, as with a pool of threads."""
    return any(words.en.endswith(said.en) for what in ("workers", "pool", "cut") if (said := passed_over(what, "")))


def _no_room(size_mb: int) -> Text:
    return text(
        "there is no room left for files: the code may keep {size} MB in at most {count} files",
        size=size_mb,
        count=size_mb * FILES_PER_MB,
    )


def _memory(room: Room, _: re.Match[str]) -> Text:
    return text("the code may use {size} MB of memory", size=room.memory_mb)


def _input(*_: object) -> Text:
    return text("nobody is there to answer input(): write the value into the cell instead, as in n = 5")


def _debugger(*_: object) -> Text:
    return text("nobody is there to answer the debugger: take its line out before you hand in")


def _links(*_: object) -> Text:
    return text("no links to files can be made here: copy the file instead")


def _refused(*_: object) -> Text:
    return text(
        "this is not possible here: the code may calculate and use the notebook's own files, but change nothing else "
        "of the machine; take the line out, or do it in another way"
    )


def _network(*_: object) -> Text:
    return text(
        "there is no network here: what the code needs must lie in the cell itself or in the data of the assignment"
    )


def _processes(*_: object) -> Text:
    return text(
        "no other process can be started here: do the work in the notebook's own process, with a plain loop instead of "
        "a pool and Python's functions instead of commands"
    )


def _files(room: Room, _: re.Match[str]) -> Text:
    if room.has_files or room.scratch_mb:
        return text(
            "files can be read and written in the working folder only: use a name without a folder in front, such as "
            "best.pt"
        )
    return text(
        "no files can be written here, and none can be read but the data of the assignment: keep what you need in a "
        "variable, as in best = copy.deepcopy(net.state_dict()), or in io.BytesIO() instead of a file"
    )


def _picture(room: Room, found: re.Match[str]) -> Text:
    if room.has_files or room.scratch_mb:
        return _files(room, found)
    return text(
        "no files can be written here: leave the saving of the picture out; plt.show() shows it in the notebook"
    )


def _large_file(room: Room, _: re.Match[str]) -> Text:
    return text("a file can have at most {size} MB here", size=MAX_FILE_MB) if room.has_files else _files(room, _)


def _module(room: Room, found: re.Match[str]) -> Text | None:
    if room.has_files:
        return text("a module `{name}` is neither installed here nor beside the notebook", name=found[1])
    return text(
        "only the notebook is read, not the files beside it, and no module `{name}` is installed here: "
        "if {name}.py is yours, paste its functions into the notebook",
        name=found[1],
    )


def _rubrics_file(room: Room, _: re.Match[str]) -> Text:
    """A folder of pytest's is the rubric's: only a fault of its author leads there."""
    return text(
        "no file of the tests is here, and none that is written here is there: they pass io.BytesIO() or "
        "io.StringIO(), a name without a folder in front, or a file of data/"
    )


def _missing_file(room: Room, _: re.Match[str]) -> Text | None:
    if room.has_files:
        return None
    return text(
        "only the notebook is read, not the files beside it: what the code needs of them must stand in a cell; "
        "the data of the assignment keeps the place it has in the assignment's folder"
    )


def _file_outside(room: Room, found: re.Match[str]) -> Text | None:
    if not room.has_files:
        return _missing_file(room, found)
    return text(
        "{file} lies outside of the notebook's folder, of which alone the files are here: put it into the assignment's "
        "folder, and use its name without a folder in front",
        file=found[1],
    )


_REFUSED = r"\[Errno (?:1|13)\] (?:Operation not permitted|Permission denied)"
_NO_FILE = (
    r"open file failed with strerror: (?:Permission denied|Operation not permitted|Read-only file system)"
    r"|^Parent directory .* does not exist|^File .* cannot be opened"
)
_OF_PYTEST = r"/pytest-of-\w+/pytest-\d+/"
_OUTSIDE = r"(?:\.\./|/(?!\S*autograder-run-))[^']*"
"""A path that leads out of the notebook's folder."""
_WRITES = r"\(.*['\"][wax][bt+]*['\"]|\.(?:write_text|write_bytes|mkdir|makedirs|save|savefig|dump|to_csv)\("
_LIMITS = (
    _Limit(r".*", r"can't allocate memory|Cannot allocate memory", _memory, always=True),
    _Limit(r"MemoryError|_ArrayMemoryError", r"", _memory, always=True),
    _Limit(r".*", _OF_PYTEST, _rubrics_file, always=True),
    _Limit(r"\w*NotImplementedError", r"support input requests", _debugger, place=r"\A\Z"),  # asks between two lines
    _Limit(r"EOFError|\w*NotImplementedError", r"^EOF when reading a line|support input requests", _input, always=True),
    _Limit(r"BdbQuit", r"", _debugger, always=True),
    _Limit(r"gaierror|URLError|\w*Connection\w*|MaxRetryError|\w*Timeout", r"Errno|resolv|reach", _network),
    _Limit(r"RuntimeError", r"no internet connection", _network),
    _Limit(r"PermissionError", _REFUSED + "$", _network, place=r"^(?:.*/)?(?:socket|socketserver)\.py "),
    _Limit(
        r"PermissionError|BlockingIOError|OSError",
        _REFUSED + "$",
        _processes,
        place=r"subprocess\.py|multiprocessing/|concurrent/futures|\bfork|\bspawn|\bpopen",
    ),
    _Limit(r"PermissionError", _REFUSED, _processes, place=r"\bos\.posix_spawn\("),
    _Limit(r"PermissionError", _REFUSED, _links, place=r"\b(?:sym|hard)?link(?:_to)?\(|\.mkfifo\("),
    _Limit(r"RuntimeError", r"^unable to open shared memory object", _processes),
    _Limit(r"PermissionError|FileNotFoundError", r"\[Errno (?:1|2|13)\]", _picture, place=r"\.savefig\("),
    _Limit(r"PermissionError", _REFUSED + r": b?['\"]", _files),
    _Limit(r"FileNotFoundError", r"No usable temporary directory", _files),
    _Limit(r"FileNotFoundError", r"\[Errno 2\]", _files, place=_WRITES),
    _Limit(r"RuntimeError", _NO_FILE, _files),
    _Limit(r"OperationalError", r"unable to open database|access permission denied|readonly database", _files),
    _Limit(r"OSError", r"non-existent directory|Read-only file system|errno = 13\b", _files),
    _Limit(r"OSError", r"\[Errno 27\]", _large_file),
    _Limit(r"PermissionError", r"\[Errno 1\] Operation not permitted$", _refused),
    _Limit(r"AccessDenied", r"", _refused, place=r"^psutil/"),
    _Limit(r"ModuleNotFoundError", r"^No module named '(\w+)'", _module, always=True),
    _Limit(r"FileNotFoundError|OSError", rf"^\[Errno 2\] [^']*'({_OUTSIDE})'$", _file_outside, always=True),
    _Limit(r"FileNotFoundError|OSError", rf"^({_OUTSIDE}) not found\.$", _file_outside, always=True),
    _Limit(r"FileNotFoundError|OSError", r"\[Errno 2\] |not found\.$", _missing_file, always=True),
)
"""From the special to the general: the first that fits is said."""
