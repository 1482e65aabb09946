"""Shows the class at a glance: one self-contained HTML page, in both our languages if the course has them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from autograder.base.i18n import OURS, Language, Text, first_of, same, text
from autograder.report import plots
from autograder.report.tables import points
from autograder.report.templates import render
from autograder.report.terminal import in_a_line
from autograder.results.classroom import Classroom, Mistake
from autograder.results.grade_report import GradeReport

NO_FEEDBACK: Mapping[str, str] = {}
_MOST_MISTAKES = 12
_MOST_PROBLEMS = 3


def page(
    classroom: Classroom,
    language: Language,
    feedback: Mapping[str, str] = NO_FEEDBACK,
    *,
    languages: Collection[Language] = OURS,
) -> str:
    """Return the page.

    Args:
        classroom: the class to show.
        language: the language shown first; a button switches it, if it is one of ours and the course has both.
        feedback: the addresses of feedback pages, by student.
        languages: those of the course.
    """
    judged = [e for e in classroom.exercises if e.mean is not None and e.max_score]
    return render(
        "report/templates/class_page.html",
        classroom=classroom,
        language=language,
        switches={language, *OURS} <= set(languages),
        sorts=True,
        numbers=_numbers(classroom),
        histogram=plots.histogram(classroom.scores, upper=classroom.max_score) if classroom.scores else None,
        bars=plots.bars([e.name for e in judged], [(e.mean or 0) / e.max_score for e in judged]) if judged else None,
        mistakes=[(mistake, _message(mistake)) for mistake in classroom.mistakes[:_MOST_MISTAKES]],
        rarer=len(classroom.mistakes) - _MOST_MISTAKES,
        students=list(_students(classroom)),
        ungraded=[*classroom.of("error"), *classroom.of("unreadable")],
        problems_of=_problems,
        feedback=feedback,
        same=same,
        first_of=first_of,
    )


def _numbers(classroom: Classroom) -> Sequence[tuple[Text, str]]:
    of = f" / {points(classroom.max_score)}"
    seconds = classroom.seconds
    return [
        (text("submissions"), str(len(classroom.reports))),
        (text("mean"), points(round(classroom.mean, 2)) + of if classroom.mean is not None else "–"),
        (text("median"), points(classroom.median) + of if classroom.median is not None else "–"),
        (text("full marks"), str(sum(score >= classroom.max_score for score in classroom.scores))),
        (text("cannot be read"), str(len(classroom.of("unreadable")))),
        (text("could not be graded"), str(len(classroom.of("error")))),
        (text("handed in nothing"), str(len(classroom.missing))),
        *(
            [
                (text("seconds spent grading"), f"{sum(seconds):.1f}"),
                (text("longest"), f"{max(seconds):.2f} s"),
            ]
            if classroom.is_timed
            else []
        ),
    ]


def _message(mistake: Mistake) -> Text | None:
    """Return what its example says beyond the mistake's own text, or None."""
    message = mistake.example.message
    if message.en and message.en != mistake.text.en:
        return message.model_copy(update={"zh": message.zh or message.en})
    return None


def _students(classroom: Classroom) -> Iterator[tuple[GradeReport, list[float | None]]]:
    """Yield every report with its score in each exercise."""
    for report in classroom.reports:
        scores = {exercise.name: exercise.score for exercise in report.exercises}
        yield report, [scores.get(exercise.name) for exercise in classroom.exercises]


def _problems(report: GradeReport) -> list[Text]:
    told = [
        Text(**{language: in_a_line(problem, language) for language, _ in problem.text})
        for problem in report.problems[:_MOST_PROBLEMS]
    ]
    return told + ([same("…")] if len(report.problems) > _MOST_PROBLEMS else [])
