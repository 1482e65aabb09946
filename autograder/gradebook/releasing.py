"""From ``solutions/`` to what students get: nbgrader's own conversion, searched before anybody can read it."""

from __future__ import annotations

import fcntl
import filecmp
import json
import tempfile
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from autograder.base.errors import GradebookError, SubmissionError, UsageError
from autograder.base.files import replace_file
from autograder.base.i18n import Text, joined, same, text
from autograder.course import kit, source_notebook, submission
from autograder.course.course import Assignment, Course
from autograder.gradebook import colab, due_dates, leaks, released_notebook
from autograder.gradebook.nbgrader_course import NbgraderCourse, set_for_a_while
from autograder.gradebook.released_notebook import SourceNotebook
from autograder.rubric import source_reading, stated_points
from autograder.rubric.source_reading import refuse_mistakes

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from nbgrader.api import Gradebook

_ADD_KIT = "autograder.gradebook.carrying.AddKit"
_CLEARING = ("ClearSolutions", "ClearHiddenTests", "ClearMarkScheme")


@dataclass
class Release:
    """The result of releasing an assignment.

    Args:
        name: the assignment.
        folder: what students get.
        changed: files that are new or different.
        strangers: files in the folder that do not come from ``solutions/``.
        links: where Colab opens its notebooks, by name, if they have a badge.
        due: what students are told, if anybody knows when it is due.
        left_out: files too large for the notebook to carry.
    """

    name: str
    folder: Path
    changed: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    due: datetime | None = None
    left_out: tuple[str, ...] = ()


def require_source(course: Course, name: str) -> None:
    """Raise an error if there is no notebook to make an assignment from; no other stands in for that of a rubric.

    Raises:
        ConfigError: the notebook that the rubric is for is missing, or the rubric cannot work.
        UsageError: there is none at all.
    """
    if course.has_rubric(name):
        assignment = course.assignment(name)
        assignment.require_notebook()
        refuse_mistakes(assignment)
    elif not any((course.source / name).glob("*.ipynb")):
        raise UsageError(text("{source}: there is no notebook to release", source=course.source / name))


def release(course: Course, nbgrader: NbgraderCourse, name: str, *, colab_base: str | None = None) -> Release:
    """Make an assignment's release folder and enter its cells into the gradebook.

    Nothing is written where students or the gradebook would see it until the leak check has passed.

    Args:
        course: the course.
        nbgrader: its configuration.
        name: the assignment.
        colab_base: where students find the release for Colab, as in `colab.link`.

    Raises:
        ConfigError: the notebook that the rubric is for is missing, or its marks do not fit ``assignment.yaml`` or the
            rubric's points, or the rubric has a syntax error.
        UsageError: there is no such assignment, or Colab cannot open anything at this address.
        LeakError: something secret is in what students would get.
        GradebookError: nbgrader cannot convert the source.
    """
    source, target = nbgrader.folder("source", ".", name), nbgrader.folder("release", ".", name)
    require_source(course, name)
    secrets = leaks.Secrets.of(source, course.key(), _stubs(nbgrader))
    with tempfile.TemporaryDirectory(prefix="autograder-release-") as folder:
        due = due_dates.in_gradebook(nbgrader, name)
        made = _generate(nbgrader, name, Path(folder), database=False, due=due)
        if course.has_rubric(name):  # after nbgrader, which says more of marks that are broken
            assignment = course.assignment(name)
            source_reading.refuse_what_is_not_python(assignment)
            _refuse_unequal_points(assignment)
        links = colab.link(made, target, colab_base)
        names = _files(made)
        outcome = Release(name, target, strangers=sorted(set(_files(target)) - set(names)), links=links)
        outcome.due = due_dates.put_in(made, due)
        outcome.left_out = _left_out(made / f"{name}.ipynb")
        leaks.check(secrets, [*(made / n for n in names), *(target / n for n in outcome.strangers)])
        register(nbgrader, name)
        due_dates.enter(nbgrader, name, outcome.due)
        leaks.check_gradebook(secrets, nbgrader, name)
        for file in names:
            if not ((target / file).is_file() and filecmp.cmp(made / file, target / file, shallow=False)):
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                replace_file(made / file, target / file)
                outcome.changed.append(file)
    return outcome


def _refuse_unequal_points(assignment: Assignment) -> None:
    """Refuse a notebook whose marks do not fit ``assignment.yaml``, or whose points are not those of the rubric."""
    source = source_notebook.read(assignment)
    if (totals := stated_points.stated_in(assignment.rubrics)) is not None:
        stated_points.refuse_unequal(assignment, source, totals)


def register(nbgrader: NbgraderCourse, name: str) -> None:
    """Enter an assignment's cells into the gradebook, as releasing it does, but leave its release folder alone.

    Raises:
        GradebookError: nbgrader cannot convert the source, or the cells differ from those handed in.
    """
    with nbgrader.open(), tempfile.TemporaryDirectory(prefix="autograder-release-") as folder:
        _generate(nbgrader, name, Path(folder), database=True)


def sources(
    nbgrader: NbgraderCourse, gradebook: Gradebook, name: str, files: Sequence[Path]
) -> tuple[SourceNotebook, ...]:
    """Return what the gradebook knows of an assignment's notebooks; enter the assignment first if one of them is new.

    Args:
        nbgrader: the course.
        gradebook: its gradebook.
        name: the assignment.
        files: its sources, at least one.

    Raises:
        GradebookError: nbgrader cannot convert the source, or the cells differ from those handed in.
    """
    with files[0].open("rb") as source:
        fcntl.flock(source, fcntl.LOCK_EX)  # nbgrader enters cell by cell: another grader would find half of them
        if not all(released_notebook.is_known(gradebook, file.stem, name) for file in files):
            register(nbgrader, name)
            gradebook.db.rollback()
        return tuple(released_notebook.load(gradebook, file.stem, name) for file in files)


def with_solutions(nbgrader: NbgraderCourse, name: str, into: Path) -> Path:
    """Let nbgrader convert an assignment as for a release, but keep solutions and hidden tests; nothing is entered.

    Args:
        nbgrader: the course.
        name: the assignment.
        into: an empty folder.

    Returns:
        The assignment's own folder in it.

    Raises:
        GradebookError: nbgrader cannot convert the source.
    """
    return _generate(nbgrader, name, into, database=False, left_out=_CLEARING)


def _generate(
    nbgrader: NbgraderCourse,
    name: str,
    into: Path,
    *,
    database: bool,
    due: datetime | None = None,
    left_out: Sequence[str] = (),
) -> Path:
    """Let nbgrader convert an assignment into a folder of ours; return the assignment's own folder in it."""
    from nbformat.warnings import MissingIDFieldWarning
    from nbgrader.converters import GenerateAssignment
    from nbgrader.converters.base import NbGraderException

    folders, config = nbgrader.folders, deepcopy(nbgrader.app.config)
    config.GenerateAssignment.no_database = not database
    config.SaveCells.enabled = database
    for step in left_out:
        config[step].enabled = False
    config.AddKit.due = due.isoformat() if due is not None else ""
    with (
        set_for_a_while(folders, release_directory=str(into), assignment_id=name, notebook_id="*"),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", MissingIDFieldWarning)  # of a header's cells, which get their ids in `AddKit`
        nbgrader.log.lines.clear()
        places: list[Text] = []
        try:
            converter = GenerateAssignment(coursedir=folders, parent=nbgrader.app, config=config)
            if not any(_is_add_kit(step) for step in converter.preprocessors):
                converter.preprocessors = [*converter.preprocessors, _ADD_KIT]
            converter.convert_single_notebook = _noting(places, converter.convert_single_notebook)
            converter.start()
        except (NbGraderException, SystemExit) as error:
            reason = joined((*places, nbgrader.log.reason()), ": ")
            words = text("{name}: nbgrader cannot convert the source: {reason}", name=name, reason=reason)
            raise GradebookError(words) from error
        return nbgrader.folder("release", ".", name).resolve()


def _noting(places: list[Text], convert: Callable[[str], None]) -> Callable[[str], None]:
    """Return what converts one notebook, and notes where it failed: nbgrader's own words seldom say so."""

    def converting(file: str) -> None:
        try:
            convert(file)
        except Exception as error:
            places.append(same(Path(file).name))
            # marks and cells may be anything
            with suppress(OSError, ValueError, LookupError, TypeError, AttributeError):
                places.extend(_places_of(_cell_of(error), Path(file)))
            raise

    return converting


def _cell_of(error: BaseException | None) -> NotebookNode | None:
    """Return the cell that one of nbgrader's steps was given when it failed, or when what it then reported did."""
    if error is None:
        return None
    if (inner := _cell_of(error.__context__)) is not None:
        return inner
    frames = reversed([frame for frame, _ in traceback.walk_tb(error.__traceback__)])
    given = (f.f_locals.get("cell") for f in frames if "cell" in f.f_code.co_varnames[: f.f_code.co_argcount])
    return next((cell for cell in given if hasattr(cell, "cell_type")), None)


def _places_of(cell: NotebookNode | None, file: Path) -> list[Text]:
    """Return how an author finds a cell; nothing if it has no name, and its text has changed meanwhile."""
    if cell is None:
        return []
    if name := cell.metadata.get("nbgrader", {}).get("grade_id"):
        return [same(str(name))]
    code = [one for one in json.loads(file.read_text(encoding="utf-8"))["cells"] if one["cell_type"] == "code"]
    return [
        text("code cell {number}", number=number)
        for number, one in enumerate(code, 1)
        if (one["id"] == cell.get("id") if "id" in one else "".join(one["source"]) == cell.source)
    ][:1]


def _stubs(nbgrader: NbgraderCourse) -> list[str]:
    from nbgrader.preprocessors import ClearSolutions

    clearing = ClearSolutions(parent=nbgrader.app)
    return [*clearing.code_stub.values(), clearing.text_stub]


def _is_add_kit(step: object) -> bool:
    return step == _ADD_KIT or getattr(step, "__name__", "") == _ADD_KIT.rpartition(".")[2]


def _left_out(notebook: Path) -> tuple[str, ...]:
    """Return the files that a made notebook does not carry; it carries none at all without a rubric."""
    try:
        found = kit.latest(cell.source for cell in submission.read(notebook).cells)
    except SubmissionError:
        return ()
    return found.left_out if found is not None else ()


def _files(folder: Path) -> list[str]:
    found = (p.relative_to(folder) for p in folder.rglob("*") if p.is_file())
    return sorted(p.as_posix() for p in found if "__pycache__" not in p.parts)
