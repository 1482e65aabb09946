"""What ``autograder export`` and the course in a browser hand out: the content of files, the same for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

from autograder.base.errors import UsageError
from autograder.base.i18n import Language, text
from autograder.course.course import Course
from autograder.gradebook import nbgrader_tables
from autograder.lms import classroom50, filling, github, rosters, runners, score_tables, scores
from autograder.lms import reports as writing
from autograder.lms.filling import Filled
from autograder.lms.formats import ScoreFormat
from autograder.lms.scores import Score
from autograder.results import journal
from autograder.results.grade_report import GradeReport


def reports_in(results: Path, assignment: str | None, *, may_be_none: bool = False) -> list[GradeReport]:
    """Return the reports that are to be exported.

    Args:
        results: the file that `grade` wrote.
        assignment: the only one to export.
        may_be_none: the gradebook may have scores where there are no reports.

    Raises:
        UsageError: there is no such file, or it holds none of them.
    """
    if may_be_none and not results.exists():
        return []
    if not results.is_file():
        raise UsageError(text("{results}: there is no such file; `autograder grade` writes it", results=results))
    reports = [r for r in journal.read(results) if assignment in (None, r.assignment)]
    if not reports and not may_be_none:
        raise UsageError(
            text("{results}: holds no reports of {assignment}", results=results, assignment=assignment)
            if assignment
            else text("{results}: holds no reports", results=results)
        )
    return reports


def is_only_in_gradebook(start: Path, results: Path, assignment: str | None) -> bool:
    """Return whether the scores can only come from nbgrader's gradebook: there is no rubric that could give reports."""
    with suppress(UsageError):
        course = Course.find(start)
        if assignment is not None:
            return assignment in course.plain()
        return not any(map(course.has_rubric, course.names()))
    return False


def has_gradebook(start: Path) -> bool:
    """Return whether a folder lies in a course with a gradebook, whose scores are those that count."""
    with suppress(UsageError):
        return nbgrader_tables.is_there(Course.find(start).root)
    return False


def _by_rubrics(course: Course, reports: Sequence[GradeReport]) -> list[GradeReport]:
    """Leave out reports of assignments without a rubric, whose points a person gives in part: the gradebook has all."""
    plain = course.plain()
    return [report for report in reports if report.assignment not in plain]


def score_list(
    to: ScoreFormat,
    reports: Sequence[GradeReport],
    assignment: str | None,
    start: Path,
    language: Language,
    *,
    gradebook: bool,
    everybody: bool = True,
) -> list[Score]:
    """Return the scores of a table.

    Args:
        to: what the table is for.
        reports: those that are to be exported.
        assignment: the only one to export.
        start: a folder of the course.
        language: of the feedback.
        gradebook: take the totals from nbgrader's gradebook.
        everybody: list those students of the gradebook, too, who have handed in nothing.

    Raises:
        UsageError: there are none, or too many for this format.
        GradebookError: the gradebook cannot be read.
    """
    by_hand: list[str] = []
    with suppress(UsageError):  # reports may be exported where there is no course
        course = Course.find(start)
        reports = _by_rubrics(course, reports) if gradebook else reports
        by_hand = _by_hand(course, reports)
    found = scores.of_reports(reports, language, by_hand)
    if gradebook:
        root = Course.find(start).root
        found = scores.with_gradebook(found, root, assignment, everybody=everybody)
        if not found:
            raise UsageError(
                text(
                    "{root}: according to the gradebook, nobody has handed in {assignment} yet",
                    root=root,
                    assignment=assignment or text("anything"),
                )
            )
    names = {score.assignment for score in found}
    if to is ScoreFormat.moodle and len(names) != 1:
        raise UsageError(
            text("Moodle takes one assignment per file, not {count}; choose one with --assignment", count=len(names))
        )
    return found


def _by_hand(course: Course, reports: Sequence[GradeReport]) -> list[str]:
    """Return the assignments of which a person grades some cells."""
    names = {report.assignment for report in reports}
    return [name for name in names if any(map(scores.is_graded_by_hand, (course.source / name).glob("*.ipynb")))]


def table(to: ScoreFormat, found: Sequence[Score]) -> bytes:
    """Return the content of a table of scores."""
    match to:
        case ScoreFormat.xlsx:
            return score_tables.as_xlsx(found)
        case ScoreFormat.canvas:
            return score_tables.as_canvas(found)
        case ScoreFormat.moodle:
            return score_tables.as_moodle(found)
        case _:
            return score_tables.as_csv(found)


def filled(
    found: Sequence[Score],
    to: ScoreFormat,
    roster: Path,
    *,
    column: str | None = None,
    new_column: bool = False,
    scale: bool = False,
    overwrite: bool = False,
) -> tuple[bytes, Filled]:
    """Return the content of a roster with the scores, and what was done.

    Args:
        found: scores of one assignment, or for Canvas of several.
        to: Canvas or Moodle.
        roster: the file, which stays as it is.
        column: the title of the column that takes the scores.
        new_column: add that column.
        scale: convert scores to the points that the column is worth.
        overwrite: replace what the roster says already.

    Raises:
        UsageError: the roster cannot take them.
    """
    names = {score.assignment: score.max_score for score in found}
    if column is not None and len(names) > 1:
        raise UsageError(
            text("--column is for one assignment, not {count}; choose it with --assignment", count=len(names))
        )
    if to is ScoreFormat.moodle:
        if new_column:
            raise UsageError(text("--new-column goes with --to canvas"))
        read = rosters.moodle(roster, min(names), title=column)
    else:
        read = rosters.canvas(roster, names, title=column, add=new_column)
    done = filling.fill(read, found, scale=scale, overwrite=overwrite)
    return read.file.content(), done


def report_file(
    to: ScoreFormat, reports: Sequence[GradeReport], language: Language, variables: Mapping[str, str]
) -> str:
    """Return the content of one file with all reports, or of Classroom 50's or Gradescope's with one.

    Raises:
        UsageError: there is more than one report, and the format takes one.
    """
    if to is ScoreFormat.junit:
        return writing.as_junit(reports, language)
    if to is ScoreFormat.markdown:
        return writing.as_markdown(reports, language)
    if len(reports) != 1 and to is ScoreFormat.classroom50:
        raise UsageError(text("Classroom 50 takes one submission per file, not {count}", count=len(reports)))
    if to is ScoreFormat.classroom50:
        return classroom50.as_result(reports[0], language, variables)
    return writing.as_gradescope(reports[0], language)


def place_of(report: GradeReport, file: str) -> PurePosixPath:
    """Return where the file of one submission lies among those of others."""
    student = report.student.replace("/", "_").strip(". ") or "unnamed"
    return PurePosixPath(report.assignment, student, file)


def make_runner(to: ScoreFormat, course: Course, assignment: str, folder: Path) -> list[Path]:
    """Write a folder with which others run our grader, and return what is to be looked at first.

    Raises:
        UsageError: there is no such assignment, or the folder cannot be written.
    """
    if to is ScoreFormat.gradescope_autograder:
        return runners.gradescope(course, assignment, folder)
    make = github.classroom50 if to is ScoreFormat.classroom50_autograder else github.template
    return make(course, course.assignment(assignment), folder)
