"""Replacements for nbgrader's own preprocessors that make it use our engine.

``nbgrader_config.py`` names them under ``c.Autograde``. An assignment with a rubric is graded as `autograder grade`
grades it, and the reports go to the same ``results.jsonl``; any other notebook runs confined.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from weakref import WeakKeyDictionary, finalize

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode, v4
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import Execute, SaveAutoGrades
from nbgrader.utils import is_grade, is_solution, is_task
from traitlets.log import get_logger

from autograder.base.environment import usable_cores
from autograder.base.errors import ConfigError, GradebookError
from autograder.base.i18n import Text, same, text
from autograder.course.course import Assignment, Course
from autograder.course.jobs import Job
from autograder.gradebook import autograded, handed_in, neighbours, plain_notebooks, released_notebook, repair, rows
from autograder.gradebook.imported import imported_by
from autograder.gradebook.nbgrader_course import NbgraderCourse, rubric_of, timestamp
from autograder.gradebook.released_notebook import SourceNotebook
from autograder.results.grade_report import GradeReport
from autograder.results.journal import RESULTS, Journal
from autograder.sandbox import confine

if TYPE_CHECKING:
    from nbgrader.converters import Autograde

_KEY = "autograder"
_MOST_LEFT = 50
"""So many links and the like may lie in one folder; where there are more, nothing that lies there is copied."""


def expect_notebook(assignment: str, student: str, notebooks: list[str]) -> None:
    """Accept submissions whose notebook is misnamed or whose timestamp cannot be parsed.

    For ``c.Autograde.pre_convert_hook``: nbgrader would give up on them before any preprocessor runs.

    Args:
        assignment: nbgrader's pattern of assignments; the folder says which one it is.
        student: nbgrader's pattern of students.
        notebooks: the files found in one submission's folder; changed in place.
    """
    folder = Path(notebooks[0]).parent
    if folder.is_symlink() or folder.parent.is_symlink():
        get_logger().error("%s: %s", folder.parent.name, text("{file} is a link; hand in the file itself", file=folder))
        notebooks.clear()  # so that nbgrader takes it for nobody's work: it could be another student's
        return
    notebooks[:] = [file for file in notebooks if _has_words(file)]  # no gradebook knows others
    with NbgraderCourse(Path.cwd()).open() as gradebook:
        notebooks += [file for file in _expected(gradebook, folder) if file not in notebooks]
        _complete_row(gradebook, folder.parent.name, folder.name)
    if note := timestamp(folder)[1]:
        get_logger().warning("%s: %s", folder.parent.name, note)


def _has_words(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:
        return False


def _expected(gradebook: Gradebook, folder: Path) -> list[str]:
    """Return the files that `SubmissionReader` can read, whatever they are called in truth."""
    judged = folder.name if Course(Path.cwd()).has_rubric(folder.name) else None
    names = [judged] if judged is not None else []
    if not all((folder / f"{name}.ipynb").is_file() for name in _names(gradebook, folder.name, judged)):
        found = handed_in.find(folder, _sources(gradebook, folder.name, judged), judged)
        names += [name for name, one in found.items() if one.is_lost or (one.path is not None and one.odd is not None)]
    return [str(folder / f"{name}.ipynb") for name in names]


def _names(gradebook: Gradebook, assignment: str, judged: str | None) -> list[str]:
    """Return what the notebooks are called that no rubric judges; none if nobody knows the assignment."""
    try:
        return sorted(one.name for one in gradebook.find_assignment(assignment).notebooks if one.name != judged)
    except MissingEntry:
        return []


def _sources(gradebook: Gradebook, assignment: str, judged: str | None) -> list[SourceNotebook]:
    """Return the notebooks that no rubric judges; beside one that a rubric judges, those that earn points."""
    found = [released_notebook.load(gradebook, name, assignment) for name in _names(gradebook, assignment, judged)]
    return found if judged is None else [one for one in found if one.points]


def _complete_row(gradebook: Gradebook, student: str, assignment: str) -> None:
    """Complete the row of a student who had an extension before they handed in; nbgrader would fail on it."""
    try:
        is_complete = bool(gradebook.find_submission(assignment, student).notebooks)
    except MissingEntry:
        is_complete = True
    gradebook.db.rollback()
    if not is_complete:
        rows.complete(gradebook, assignment, student)


class _Place(str):
    """A file or a folder as one of nbgrader's patterns of what it does not copy."""


def _left_behind(folders: Iterable[str], ignored: Sequence[str]) -> Iterator[_Place]:
    for folder in folders:
        student = Path(folder).parent.name
        found = neighbours.left_behind(Path(folder), ignored)
        for _, words in found[:_MOST_LEFT]:
            get_logger().warning("%s: %s", student, words)
        if len(found) > _MOST_LEFT:  # nbgrader looks for each of them wherever it copies anything
            found = [(Path(folder), same(""))]
        for path, _ in found:
            yield _Place(glob.escape(folder + str(path).removeprefix(str(Path(folder)))))  # as nbgrader spells it


class SubmissionReader(NotebookExporter):
    """Reads what was handed in as `autograder grade` does; for ``c.Autograde.exporter_class``.

    A notebook with a rubric stays unread: `ConfinedExecute` grades and shows the file as it was handed in. nbgrader's
    own steps would give up on a file that is damaged, missing, misnamed, no UTF-8 or a script.

    It is made when a run begins: nbgrader copies what lies beside a notebook, wherever links lead, which is told now to
    leave them behind.
    """

    def __init__(self, config: Any = None, **settings: Any) -> None:
        super().__init__(config, **settings)
        converter: Any = self.parent
        if (folders := getattr(converter, "coursedir", None)) is not None:
            patterns = [pattern for pattern in folders.ignore if not isinstance(pattern, _Place)]  # as it was before
            folders.ignore = [*patterns, *_left_behind(converter.assignments, [*patterns, "*.ipynb"])]

    def from_filename(
        self, filename: str, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Run a notebook through the preprocessors; an empty one stands in for one that a rubric judges."""
        place = (resources or {}).get("nbgrader")
        if not place:
            return super().from_filename(filename, resources, **kw)
        converter = cast("Autograde", self.parent)
        if rubric_of(converter.coursedir, place["assignment"], place["notebook"]) is not None:
            return self.from_notebook_node(v4.new_notebook(), resources, **kw)
        notebook = self._read(Path(filename), place, _run_of(converter))
        about = {"name": place["notebook"], "path": str(Path(filename).parent)}
        return self.from_notebook_node(notebook, {**(resources or {}), "metadata": about}, **kw)

    def _read(self, file: Path, place: dict[str, Any], run: _Run) -> NotebookNode:
        """Return a notebook with its marks restored; the run knows if there was nothing to read."""
        name, assignment = place["notebook"], place["assignment"]
        with Gradebook(place["db_url"]) as gradebook:
            source = released_notebook.load(gradebook, name, assignment)
            one = handed_in.HandedIn(file)
            if not file.is_file():
                judged = assignment if Course(run.root).has_rubric(assignment) else None
                one = handed_in.find(file.parent, _sources(gradebook, assignment, judged), judged).get(name, one)
        reading = handed_in.read(one)
        for problem in (*filter(None, [one.odd]), *reading.problems):
            get_logger().warning("%s: %s", place["student"], problem.text)
        released_notebook.restore(reading.notebook, source)
        if reading.unread is not None:
            run.unread[place["student"], assignment, name] = reading.unread
            handed_in.put_first(reading.notebook, reading.unread)
        repair.name_cells(reading.notebook.cells)
        return reading.notebook


class ConfinedExecute(Execute):  # type: ignore[misc]
    """Grades a notebook, or runs it confined; replaces nbgrader's ``Execute`` and obeys its settings."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        """Return the notebook with its outputs, and the resources with the score of each grade cell."""
        run = _run_of(self.parent.parent)
        place = resources["nbgrader"]
        assignment = rubric_of(self.parent.parent.coursedir, place["assignment"], place["notebook"])
        if assignment is not None:
            made = run.grade(assignment, place["student"], place["db_url"])
            resources[_KEY] = {"scores": made.scores, "is_unread": made.is_unread}
            return made.notebook, resources
        language = nb.metadata.get("kernelspec", {}).get("language") or nb.metadata.get("language_info", {}).get("name")
        if str(language or "python").lower() != "python":
            raise GradebookError(plain_notebooks.tell_other_language(place["notebook"], language))
        unread = run.unread.get((place["student"], place["assignment"], place["notebook"]))
        if unread is not None:
            plain_notebooks.say_not_run([cell for cell in nb.cells if cell.cell_type == "code"], unread)
        else:
            run.execute(nb, place["student"], place["assignment"], self.timeout)
        scores = {}
        for cell in nb.cells:
            if is_grade(cell) and not is_solution(cell) and cell.cell_type == "code":
                given = plain_notebooks.score(cell)
                scores[cell.metadata.nbgrader.grade_id] = given.score
                if given.reason:
                    self.log.warning("%s: %s", cell.metadata.nbgrader.grade_id, given.reason)
        resources[_KEY] = {"scores": scores, "is_unread": unread is not None}
        return nb, resources


class SaveScores(SaveAutoGrades):  # type: ignore[misc]
    """Writes the scores as they were given; replaces nbgrader's ``SaveAutoGrades``, which reads outputs."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], cell_index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        """Undo the zero that nbgrader gives the tasks of a misnamed notebook, which it takes to be missing."""
        if is_task(cell):
            grade = self.gradebook.find_grade(cell.metadata.nbgrader.grade_id, *self._place)
            if grade.auto_score is not None:
                grade.auto_score, grade.needs_manual_grade = None, True
                self.gradebook.db.commit()
        return super().preprocess_cell(cell, resources, cell_index)

    def _add_score(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        given = resources.get(_KEY, {})
        name = cell.metadata.nbgrader.grade_id
        grade = self.gradebook.find_grade(name, *self._place)
        if name in given.get("scores", {}):
            grade.auto_score = given["scores"][name]
            grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
        elif not is_solution(cell) and cell.cell_type == "code":
            words = text("{name}: nothing has graded this cell, and a student's own outputs are no score", name=name)
            raise GradebookError(words)
        else:
            super()._add_score(cell, resources)
        if given.get("is_unread"):  # its zeros wait for a person
            grade.needs_manual_grade = True
        self.gradebook.db.commit()

    def _add_comment(self, cell: NotebookNode, resources: dict[str, Any]) -> None:
        super()._add_comment(cell, resources)
        if resources.get(_KEY, {}).get("is_unread"):  # so nobody knows that there is no response
            self.gradebook.find_comment(cell.metadata.nbgrader.grade_id, *self._place).auto_comment = None
            self.gradebook.db.commit()

    @property
    def _place(self) -> tuple[str, str, str]:
        return self.notebook_id, self.assignment_id, self.student_id


class _Run:
    """What one run of ``nbgrader autograde`` keeps from notebook to notebook.

    Args:
        folders: nbgrader's names of the course's folders.
        assignments: the folders of the submissions in this run.

    Attributes:
        root: the course's folder.
        unread: why nothing could be read, by student, assignment and notebook.
    """

    def __init__(self, folders: Any, assignments: list[str]) -> None:
        self._folders, self._submissions = folders, assignments
        self.root = Path(folders.root)
        self.unread: dict[tuple[str, str, str], Text] = {}
        self._reports: dict[tuple[str, str], tuple[Job, GradeReport]] = {}
        self._runners: dict[str, plain_notebooks.NotebookRunner] = {}

    def grade(self, assignment: Assignment, student: str, database: str) -> autograded.Autograded:
        """Return the autograded notebook of a submission; the first call grades the whole run at once."""
        if (assignment.name, student) not in self._reports:
            self._grade_all(assignment, student)
        job, report = self._reports[assignment.name, student]
        with Gradebook(database) as gradebook:
            source = released_notebook.load(gradebook, assignment.name, assignment.name)
        return autograded.make(job.path, report, source, assignment)

    def _grade_all(self, assignment: Assignment, student: str) -> None:
        # notebooks without a rubric do not need these
        from autograder.grading.batch import grade_all
        from autograder.quiz import assignment as quiz_assignment

        own = self._folders.format_path(self._folders.submitted_directory, student, assignment.name)
        folders = dict.fromkeys(Path(name).resolve() for name in [own, *self._submissions])
        course = Course(self.root)
        jobs = course.jobs([assignment.name], [folder for folder in folders if folder.name == assignment.name])
        quiz_assignment.refuse_changed(assignment)
        if (refusal := confine.refusal(assignment.settings.limits.scratch_mb)) is not None:
            raise GradebookError(refusal)
        with Journal(self.root / RESULTS) as journal:
            reports = grade_all(course, jobs, journal, processes=usable_cores())
            by_student = {report.student: report for report in reports}
            if assignment.other_notebooks:
                _complete(course, assignment.name, journal, list(folders), list(by_student.values()))
        for job in jobs:
            self._reports[assignment.name, job.student] = job, by_student[job.student]

    def execute(self, notebook: NotebookNode, student: str, assignment: str, timeout_s: float | None) -> None:
        """Run an ordinary notebook with its other files at hand."""
        made, handed_in = (
            Path(self._folders.format_path(place, student, assignment))
            for place in (self._folders.autograded_directory, self._folders.submitted_directory)
        )
        self._runner_of(assignment, timeout_s).run(notebook, made, handed_in)

    def _runner_of(self, assignment: str, timeout_s: float | None) -> plain_notebooks.NotebookRunner:
        """Return the processes that have what an assignment imports, started for its first notebook."""
        if assignment not in self._runners:
            source = Path(self._folders.format_path(self._folders.source_directory, ".", assignment))
            runner = plain_notebooks.NotebookRunner(timeout_s, imported_by(source)).__enter__()
            finalize(self, runner.close)
            self._runners[assignment] = runner
        return self._runners[assignment]


def _complete(
    course: Course, name: str, journal: Journal, folders: Sequence[Path], reports: Sequence[GradeReport]
) -> None:
    """Add to reports by a rubric what the other notebooks earn; these run once more, when nbgrader comes to them."""
    from autograder.gradebook import plain_grading

    with (
        suppress(ConfigError),  # steps of the course's own, which `autograder grade` does not take either
        plain_grading.PlainGrading(course, journal, processes=usable_cores()) as grading,
    ):
        whole = grading.preview_rest(name, plain_grading.find(course, name, folders), reports)
        for report in whole:
            journal.add(report)
        journal.finish()


_runs: WeakKeyDictionary[Any, _Run] = WeakKeyDictionary()
"""By nbgrader's converter, which lives as long as a run and makes new preprocessors for every notebook."""


def _run_of(converter: Any) -> _Run:
    if converter not in _runs:
        _runs[converter] = _Run(converter.coursedir, list(converter.assignments))
    return _runs[converter]
