"""The systems whose downloads `collect` reads, and which of them a download comes from."""

from __future__ import annotations

from functools import reduce
from pathlib import PurePosixPath

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, printable, same, text
from autograder.lms import flat_names, student_folders
from autograder.lms.downloads import Download, Pattern, System, Upload

PATTERNS: dict[System, Pattern] = {
    "moodle": flat_names.MOODLE,
    "blackboard": flat_names.BLACKBOARD,
    "canvas": flat_names.CANVAS,
    "brightspace": student_folders.BRIGHTSPACE,
    "sakai": student_folders.SAKAI,
    "gradescope": student_folders.GRADESCOPE,
    "github-classroom": student_folders.GITHUB_CLASSROOM,
    "ilias": student_folders.ILIAS,
    "google-classroom": flat_names.GOOGLE_CLASSROOM,
    "folders": student_folders.FOLDERS,
    "files": student_folders.FILES,
    "plain": student_folders.PLAIN,
}
"""By the name that `collect --from` takes; of two that fit equally well, the first counts."""

_ON_REQUEST: tuple[System, ...] = ("folders", "files", "plain")


def system_of(download: Download) -> System:
    """Return the system that most names come from.

    Raises:
        UsageError: the names fit none well enough; the message says which were tried.
    """
    shares = {system: _share(PATTERNS[system], download) for system in PATTERNS if system not in _ON_REQUEST}
    best = max(shares, key=lambda system: shares[system])
    fitting, possible = shares[best]
    if fitting and fitting > possible / 2:
        return best
    tried = {system: counts for system, counts in shares.items() if counts[0]}
    if not download.work and not tried:
        raise UsageError(
            text(
                "{source}: holds no notebook (.ipynb), no script (.py) and no zip among {count} files, such as "
                "{example}",
                source=download.name,
                count=len(download.paths),
                example=printable(str(download.paths[0])),
            )
        )
    some = {path for system in tried for path in PATTERNS[system].fits(download)}
    if _is_plain(download, some):
        return "plain"
    raise UsageError(_unclear(download, tried, some))


def _is_plain(download: Download, some: set[PurePosixPath]) -> bool:
    """Return whether there is a folder or a file per student, and no file's name says more than a person's."""
    if not PATTERNS["plain"].fits(download):
        return False
    read = PATTERNS["plain"].reader(download)
    readings = [(path, read(path)) for path in some]
    return not any(
        isinstance(one, Upload) and one.file == path.name and one.student == path.stem for path, one in readings
    )


def _share(pattern: Pattern, download: Download) -> tuple[int, int]:
    """Return how many files fit, out of those that fit or may be somebody's work."""
    fitting = set(pattern.fits(download))
    return len(fitting), len(fitting | set(download.work))


def _unclear(download: Download, tried: dict[System, tuple[int, int]], some: set[PurePosixPath]) -> Text:
    examples = [path for path in download.work if path not in some]
    fits = [
        text(
            "{system} ({example}) fits {fitting} of {possible} files",
            system=system,
            example=PATTERNS[system].example,
            fitting=fitting,
            possible=possible,
        )
        for system, (fitting, possible) in tried.items()
    ] or [text("the names of every system, and none fits")]
    return text(
        "{name}: it is not clear whose the files are, such as {example}. Tried: {tried}; one folder or one file per "
        "student does not fit either. Say where they come from with --from NAME; --from folders takes each outermost "
        "folder for a student, --from files each file. If the students' folders lie further inside, collect the folder "
        "that holds them",
        name=printable(download.name),
        example=printable(str(examples[0] if examples else download.paths[0])),
        tried=reduce(lambda one, other: one + same("; ") + other, fits),
    )
