"""Finds the submissions to grade, in nbgrader's tree or among loose notebooks and scripts."""

from __future__ import annotations

import difflib
import errno
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

from autograder.base.i18n import Text, first_of, printable, same, text
from autograder.course.configuration import Folders
from autograder.results.grade_report import Problem

_ENDINGS = (".ipynb", ".py")
_NO_ACCESS = os.strerror(errno.EACCES)
MOST_LEVELS = 30
"""Folders in folders; deeper ones are no student's work, and most programs fail on them."""
_MOST_TOLD = 8
_FOLDERS_OF_COURSES = frozenset({"assignments", "solutions", "source", "release"})
"""Folders that hold assignments and are named after no student, here or in the course of another teacher."""


@dataclass(frozen=True)
class Job:
    """One submission to grade.

    Args:
        student: whose it is.
        assignment: the assignment's name.
        path: the file; None if there is none to grade.
        reason: why there is none.
        problems: what was odd about finding it.
        exercise: judge the criteria of this exercise only; all of them by default.
        keys: judge it once more with each of these course keys, without looking for causes.
        visible_only: judge by the criteria that students have.
        live: somebody looks on: say each verdict as it is found, and what the cells show.
    """

    student: str
    assignment: str
    path: Path | None
    reason: Text | None = None
    problems: tuple[Problem, ...] = ()
    exercise: str | None = None
    keys: tuple[bytes, ...] = ()
    visible_only: bool = False
    live: bool = False

    def as_message(self) -> dict[str, Any]:
        """Return the job as plain values, for the process that grades it."""
        return {
            "student": self.student,
            "assignment": self.assignment,
            "path": str(self.path.resolve()) if self.path else None,
            "reason": self.reason.model_dump() if self.reason else None,
            "problems": [problem.model_dump() for problem in self.problems],
            "exercise": self.exercise,
            "keys": [key.hex() for key in self.keys],
            "visible_only": self.visible_only,
            "live": self.live,
        }

    @classmethod
    def of_message(cls, message: Mapping[str, Any]) -> Self:
        """Return the job that `as_message` turned into plain values."""
        return cls(
            message["student"],
            message["assignment"],
            Path(message["path"]) if message["path"] else None,
            Text(**message["reason"]) if message["reason"] else None,
            tuple(Problem(**problem) for problem in message["problems"]),
            message["exercise"],
            tuple(bytes.fromhex(key) for key in message["keys"]),
            message["visible_only"],
            message["live"],
        )


def find_jobs(
    paths: Sequence[Path],
    assignments: Sequence[str],
    others: Collection[str] = (),
    *,
    folders: Folders = Folders(),  # noqa: B008 -- immutable
    beside: Collection[Path] = (),
) -> list[Job]:
    """Find the submissions under some files and folders.

    nbgrader's tree ``<student>/<assignment>/`` gives both names. A loose file bears its student's name; if it bears the
    assignment's, its folder bears the student's. A folder that bears the assignment's name and holds many students'
    files is a folder of loose files.

    Args:
        paths: notebooks, ``.py`` files, or folders of them.
        assignments: the names of the assignments to look for; a loose file must belong to the only one.
        others: the course's other assignments; files in a folder named after one of them belong to that one only.
        folders: what the course's own folders are called, which are no students'.
        beside: ``<assignment>/<file>`` of notebooks that no rubric judges; none of them is another one, renamed.
    """
    jobs: list[Job] = []
    for path in paths:
        if path.is_dir():
            jobs.extend(_in_folder(path, assignments, frozenset(others), folders, frozenset(beside)))
        else:
            jobs.extend(_loose([path], path.parent, assignments, folders))
    return _with_unique_names(jobs)


def _in_folder(
    folder: Path, assignments: Sequence[str], others: frozenset[str], folders: Folders, beside: frozenset[Path]
) -> Iterator[Job]:
    folder = folder.resolve()
    handed_in = [
        d for name in assignments for d in sorted(folder.glob(f"*/{name}")) if not d.parent.name.startswith(".")
    ]
    alone = [folder / name for name in assignments if (folder / name).is_dir() and not any(folder.glob(f"*/{name}"))]
    if folder.name in assignments:
        alone.append(folder)
    if any(d.is_dir() for d in handed_in) or alone:
        yield from (_job_of_folder(d, folders, beside) for d in handed_in)
        for d in alone:
            yield from (
                _loose(_handed_in_loose(d), d, [d.name], folders)
                if _is_of_many(d, folders)
                else [_job_of_folder(d, folders, beside)]
            )
    else:
        files = _handed_in_loose(folder)
        if folder.name == Path(folders.submitted).name and _are_in_tree(files, folder):
            return  # whose folder's name is misspelt, maybe: `left_out` names it
        own = [p for p in files if others.isdisjoint((folder.name, *p.relative_to(folder).parts[:-1]))]
        yield from _loose(own, folder, assignments, folders)


def _are_in_tree(files: Sequence[Path], folder: Path) -> bool:
    """Return whether all files have the form ``<student>/<name>/<file>``; whatever is loose lies higher."""
    return all(len(file.relative_to(folder).parts) > 2 for file in files)


def left_out(submitted: Path, notebooks: Mapping[str, Collection[str]]) -> Iterator[Text]:
    """Yield what `find_jobs` takes for nobody's work in nbgrader's tree: a student may wait for a grade there.

    Args:
        submitted: the tree.
        notebooks: the names of all assignments, and what the notebooks of each are called.
    """
    is_tree = any(d.is_dir() for name in notebooks for d in submitted.glob(f"*/{name}"))
    if not is_tree and not _are_in_tree(_handed_in_loose(submitted), submitted):
        return  # a folder of loose files
    students: list[Path] = []
    for path in sorted(submitted.iterdir()):
        shown = f"{submitted.name}/{printable(path.name)}"
        if path.name.startswith("."):
            if any((path / name).exists() for name in notebooks):
                yield text("{path}: was left out; its name begins with a dot", path=shown)
        elif path.is_dir() and not _may_read(path):
            yield text("{path}: was left out; it cannot be read: {reason}", path=shown, reason=_NO_ACCESS)
        elif path.suffix in _ENDINGS or not (path.suffix or path.is_dir()):
            yield text("{path}: was left out; it is not a folder <student>/<assignment>/", path=shown)
        elif path.is_dir() and not path.is_symlink():
            students.append(path)
    yield from _tell_unknown(students, notebooks)
    yield from _tell_further(students, notebooks)


def _tell_unknown(students: Sequence[Path], assignments: Collection[str]) -> Iterator[Text]:
    """Yield a line for each name in their folders that is no assignment's, those of most students first."""
    found: dict[str, list[str]] = {}
    for student in students:
        for path in sorted(student.iterdir()):
            is_hidden = path.name.startswith((".", "__"))
            if path.name not in assignments and not is_hidden and (path.suffix in _ENDINGS or path.is_dir()):
                found.setdefault(path.name, []).append(student.name)
    by_size = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    for name, names in by_size[:_MOST_TOLD]:
        words = text(
            "{place}/<student>/{name}: was left out; no assignment has this name (handed in by {students})",
            place=students[0].parent.name,
            name=printable(name),
            students=first_of(names),
        )
        folded = {assignment.casefold(): assignment for assignment in assignments}
        alike = difflib.get_close_matches(name.partition(".")[0].casefold(), folded, n=1)
        yield words + text("; did you mean {name}?", name=folded[alike[0]]) if alike else words
    if len(by_size) > _MOST_TOLD:
        yield text("{count} more names there are no assignment's", count=len(by_size) - _MOST_TOLD)


def _tell_further(students: Sequence[Path], notebooks: Mapping[str, Collection[str]]) -> Iterator[Text]:
    """Yield a line for each assignment in whose folders notebooks lie beside the expected ones, which alone count.

    Where one of these is missing, the report says which of the others was graded in its place, if any.
    """
    for name, expected in notebooks.items():
        places = [student / name for student in students if not (student / name).is_symlink()]
        folders = [place for place in places if place.is_dir() and _may_read(place)]
        files = {folder: {path.name for path in folder.glob("[!.]*.ipynb")} for folder in folders}
        further = [
            f"{folder.parent.name}/{file}"
            for folder, names in files.items()
            if names > set(expected)
            for file in sorted(names.difference(expected))
        ]
        if further:
            yield text(
                "{assignment}: notebooks of other names beside the graded ones were left out: {files}",
                assignment=name,
                files=first_of(further),
            )


def _code(folder: Path) -> list[Path]:
    return sorted(p for p in _below(folder) if _is_code(p) and _is_file(p))


def _handed_in_loose(folder: Path) -> list[Path]:
    """Return the files that bear a student's name; what is a notebook by its name only gets a report that says so."""
    return sorted(p for p in _below(folder) if _is_code(p) and (_is_file(p) or p.suffix == ".ipynb"))


def _below(folder: Path) -> Iterator[Path]:
    """Yield what lies in a folder, without recursion: there may be thousands of levels."""
    todo = [(folder, 0)]
    while todo:
        place, level = todo.pop()
        with suppress(OSError):  # such as a folder that may not be read
            for path in place.iterdir():
                yield path
                if level < MOST_LEVELS and path.is_dir() and not path.is_symlink() and path.suffix != ".ipynb":
                    todo.append((path, level + 1))


def _may_read(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # such as links in a circle
        return False


def _is_of_many(folder: Path, folders: Folders) -> bool:
    """Does a folder named after an assignment hold many students' files, and not what one student handed in?"""
    if folder.parent.parent.name == Path(folders.submitted).name or any(
        (folder / f"{folder.name}{end}").exists() for end in _ENDINGS
    ):
        return False
    return sum(path.suffix == ".ipynb" for path in _code(folder)) > 1


def _is_code(path: Path) -> bool:
    hidden = any(part.startswith((".", "__")) for part in path.parts[-3:])
    return path.suffix in _ENDINGS and not hidden and not path.name.startswith(("test_", "conftest"))


def _job(student: str, assignment: str, file: Path, problems: tuple[Problem, ...] = ()) -> Job:
    """Return the job for a file; refuse a link, which could lead to the solution or to another student's file."""
    if file.is_symlink():
        reason = text("{file} is a link; hand in the file itself", file=printable(file.name))
        return Job(student, assignment, None, reason)
    return Job(student, assignment, file, problems=problems)


def _student(name: str) -> str:
    """Return a student's name in one line, from the name of a file or folder."""
    return printable(name).replace("\n", " ")


def student_of(folder: Path) -> str:
    """Return the name that a report has for the student whose folder this is."""
    return _student(folder.name)


def _owner(folder: Path, folders: Folders) -> str | None:
    """Return whose folder of an assignment this is; None in a course's own folders."""
    own = {Path(folders.source).name, Path(folders.release).name} | _FOLDERS_OF_COURSES
    return folder.parent.name if folder.parent.name not in own else None


def _job_of_folder(folder: Path, folders: Folders, beside: frozenset[Path]) -> Job:
    """Choose the file in ``<student>/<assignment>/``: the one named after the assignment, else the only candidate."""
    assignment = folder.name
    student = _student(_owner(folder, folders) or assignment)
    for part in (folder, folder.parent):
        if part.is_symlink():
            return _job(student, assignment, part)
    if not folder.is_dir():
        return Job(student, assignment, None, text("{file} is a file; it must be a folder", file=assignment))
    if not _may_read(folder):
        return Job(
            student, assignment, None, text("{file} cannot be read: {reason}", file=assignment, reason=_NO_ACCESS)
        )
    for name in (f"{assignment}{end}" for end in _ENDINGS):
        if (folder / name).exists():
            return _job(student, assignment, folder / name)
    found = [path for path in _code(folder) if Path(assignment, path.name) not in beside]
    notebooks = [p for p in found if p.suffix == ".ipynb"]
    candidates = notebooks or found
    if len(candidates) == 1:
        note = text(
            "{expected} was expected; {found} was graded",
            expected=f"{assignment}.ipynb",
            found=printable(candidates[0].name),
        )
        return _job(student, assignment, candidates[0], (Problem.of("missing", note),))
    if not candidates:
        return Job(student, assignment, None, text("there is no {expected}", expected=f"{assignment}.ipynb"))
    names = ", ".join(printable(p.name) for p in candidates[:5])
    return Job(
        student,
        assignment,
        None,
        text(
            "{expected} was expected; it is unclear which of {found} to grade",
            expected=f"{assignment}.ipynb",
            found=same(names),
        ),
    )


def _loose(files: Sequence[Path], base: Path, assignments: Sequence[str], folders: Folders) -> Iterator[Job]:
    holds_many = cache(lambda parent: _is_of_many(parent, folders))
    for file in files:
        parent = file.absolute().parent
        assignment = next((name for name in assignments if name in (file.stem, parent.name)), assignments[0])
        if parent.name == assignment and not holds_many(parent):
            student = _owner(parent, folders) or file.stem
        elif file.stem == assignment and parent != base.absolute():
            student = parent.name
        else:
            student = file.stem
        yield _job(_student(student), assignment, file)


def _with_unique_names(jobs: list[Job]) -> list[Job]:
    """Make two files of one student two submissions, named by their paths; drop a file that is given twice."""
    seen: dict[tuple[str, str], Job] = {}
    for job in jobs:
        earlier = seen.get((job.assignment, job.student))
        if earlier is not None:
            if job.path and earlier.path and earlier.path.resolve() == job.path.resolve():
                continue
            name = _student(str(job.path)) if job.path else f"{job.student} ({len(seen) + 1})"
            job = replace(job, student=name)
        seen[job.assignment, job.student] = job
    return list(seen.values())
