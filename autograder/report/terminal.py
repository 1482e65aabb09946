"""Shows results in terminals: a table of a whole class, and the criteria of one submission."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text as Styled

from autograder.base.i18n import Language, Text, first_of, joined, text
from autograder.report.condensed import condense, merge
from autograder.report.tables import GAP, plain_table, points
from autograder.results.cases import requirements
from autograder.results.counted import Counted, CountedCell, tell_unread, tell_waiting
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport, Problem

MARKS = {"passed": "✓", "failed": "✗", "error": "!", "skipped": "–"}
OUTCOMES = {
    "passed": text("passed"),
    "failed": text("failed"),
    "skipped": text("not tried, because what it builds on failed"),
    "error": text("could not be judged"),
}
"""The outcomes in words."""
_SYNTAX = re.compile(r"(?:Syntax|Indentation|Tab)Error\b")
NOTHING: Mapping[str, Counted] = {}
"""Where there is no gradebook."""
_TOTAL_WIDTH = 5
_PROBLEMS_WIDTH = 40
_STYLES = {"passed": "green", "failed": "red", "error": "yellow", "skipped": "dim"}


def class_table(
    reports: Sequence[GradeReport], language: Language, width: int, counted: Mapping[str, Counted] = NOTHING
) -> Group:
    """Return a table with one line per submission: the score of each exercise, the total, the problems.

    Args:
        reports: of one assignment.
        language: of the headings and problems.
        width: columns of the terminal. If the scores do not fit, each exercise is a mark; problems that do not fit
            beside the scores become a list of their own.
        counted: what the gradebook counts, by student; what people have given is in it, and what waits for them.
    """
    ordered = sorted(reports, key=lambda r: r.student)
    exercises = {e.name: e.max_score for report in ordered for e in report.exercises}
    exercises |= {name: cell.maximum for one in counted.values() for name, cell in one.cells.items()}
    student_width = min(20, max(8, *(cell_len(r.student) for r in ordered)))
    widths = {name: max(4, *(len(word) for word in name.split("_"))) for name in exercises}
    left = width - student_width - sum(w + GAP for w in widths.values()) - 2 * _TOTAL_WIDTH
    table = plain_table()
    table.add_column(Styled(text("student").get(language)), width=student_width, no_wrap=True, overflow="ellipsis")
    if narrow := left < 0:
        table.add_column(Styled(f"1–{len(exercises)}"), overflow="fold")
    else:
        for name, max_score in exercises.items():
            heading = Styled(f"{name.replace('_', ' ')} /{points(max_score)}")
            table.add_column(heading, justify="right", width=widths[name])
    maximum = _maximum(ordered, counted)
    table.add_column(
        Styled(f"{text('total').get(language)} /{points(maximum)}"), justify="right", style="bold", width=_TOTAL_WIDTH
    )
    beside = left >= _PROBLEMS_WIDTH
    if beside:
        table.add_column(
            Styled(text("problems").get(language)), style="yellow", width=left, no_wrap=True, overflow="ellipsis"
        )
    problems = {report.student: _problems(report, counted.get(report.student), language) for report in ordered}
    for report in ordered:
        known = counted.get(report.student)
        scores = {e.name: CountedCell(e.score, e.max_score) for e in report.exercises}
        scores |= known.cells if known is not None else {}
        cells = [_score_cell(scores.get(name), as_mark=narrow) for name in exercises]
        last = [Styled(problems[report.student])] if beside else []
        earned = [Styled.assemble(*cells)] if narrow else cells
        table.add_row(Styled(report.student), *earned, Styled(points(_total(report, known))), *last)
    parts: list[RenderableType] = [table]
    if narrow:
        words = text(
            "✓ all points  ◐ some  ✗ none  ? not judged yet; in this order: {names}", names=", ".join(exercises)
        )
        parts.append(Styled(words.get(language), style="dim"))
    if not beside and any(problems.values()):
        parts.append(Styled("\n" + text("problems").get(language), style="bold"))
        parts.extend(_by_problem(problems, language))
    return Group(*parts)


def _total(report: GradeReport, counted: Counted | None) -> float | None:
    """Return what counts of a submission; None if it could not be graded."""
    return report.score if counted is None or report.score is None else counted.score


def _maximum(reports: Sequence[GradeReport], counted: Mapping[str, Counted]) -> float:
    return max((*(report.max_score for report in reports), *(one.maximum for one in counted.values())), default=0)


def _by_problem(problems: Mapping[str, str], language: Language) -> Iterator[Styled]:
    """Yield a line for each problem: what a whole class has in common is said once."""
    students: dict[str, list[str]] = {}
    for student, words in problems.items():
        if words:
            students.setdefault(words, []).append(student)
    for words, names in students.items():
        yield Styled(f"{first_of(names).get(language)}: {words}", style="yellow")


def summary(reports: Sequence[GradeReport], language: Language, counted: Mapping[str, Counted] = NOTHING) -> Styled:
    """Return the counts and the mean in one line; below it, what waits for a person.

    Args:
        reports: of one assignment.
        language: of the words.
        counted: what the gradebook counts, by student.
    """
    judged = [report for report in reports if _is_judged(report, counted.get(report.student))]
    totals = [_total(report, counted.get(report.student)) for report in judged]
    scores = [score for score in totals if score is not None]
    by_status = {status: sum(r.status == status for r in reports) for status in ("graded", "unreadable", "error")}
    mean = sum(scores) / len(scores) if scores else None
    words = text(
        "{graded} graded, {unreadable} unreadable, {error} could not be graded; "
        "mean of those graded {mean} of {maximum}",
        **by_status,
        mean=points(round(mean, 2)) if mean is not None else "–",
        maximum=points(_maximum(reports, counted)),
    )
    if waiting := list(_waiting(reports, counted)):
        words += text("; marked ?: ") + joined(waiting, ", ")
    return Styled(words.get(language))


def _waiting(reports: Sequence[GradeReport], counted: Mapping[str, Counted]) -> Iterator[Text]:
    """Yield what a person has to do: of a submission that nobody could read no cell can be graded alone."""
    waits = [
        (report.status, sum(cell.waits for cell in counted[report.student].cells.values()))
        for report in reports
        if report.student in counted
    ]
    if unread := sum(status == "unreadable" and count > 0 for status, count in waits):
        yield tell_unread(unread)
    if cells := sum(count for status, count in waits if status != "unreadable"):
        yield tell_waiting(cells)


def _is_judged(report: GradeReport, counted: Counted | None) -> bool:
    """Return whether a score tells how a student did: what cannot be read has 0 until a person has looked at it."""
    if report.status != "unreadable":
        return True
    return counted is not None and not any(cell.waits for cell in counted.cells.values())


def criteria(
    exercises: Sequence[ExerciseResult], language: Language, *, at_the_end: CriterionResult | None = None
) -> Group:
    """Return every criterion with its mark, those that failed with message, likely cause and hint.

    Args:
        exercises: the verdicts.
        language: of the words.
        at_the_end: is explained below the list, where it is still in sight; so it is not explained here.
    """
    parts: list[RenderableType] = []
    for exercise in exercises:
        title, name = exercise.headed(language)
        shown = f"  ({name})" if name else ""
        parts.append(Styled.assemble((title, "bold"), f"{shown}  {score_of(exercise)}"))
        if not exercise.criteria:
            parts.append(Padding(Styled(judged_later().get(language), style="dim"), (0, 0, 0, 2)))
        for result in condense(exercise.criteria):
            parts.append(Padding(mark(result, language), (0, 0, 0, 2)))
            if at_the_end is not None and _same_explanation(result, at_the_end):
                parts.append(Padding(Styled(text("see below").get(language), style="dim"), (0, 0, 0, 6)))
                continue
            parts.extend(Padding(Styled(line), (0, 0, 0, 6)) for line in explanation(result, language))
    return Group(*parts)


def _same_explanation(one: CriterionResult, other: CriterionResult) -> bool:
    return all(getattr(one, part) == getattr(other, part) for part in ("outcome", "message", "diagnosis", "hint"))


def judged_later() -> Text:
    """Say of an exercise, all of whose criteria are hidden, when it is judged."""
    return text("nothing of it can be checked here; it is judged after you hand in")


def score_of(exercise: ExerciseResult) -> str:
    """Return the points earned and possible; nothing for an exercise that is worth no points."""
    return f"{points(exercise.score)}/{points(exercise.max_score)}" if exercise.max_score else ""


def mark(result: CriterionResult, language: Language) -> Styled:
    """Return a criterion's title with its verdict."""
    return Styled(f"{MARKS[result.outcome]} {result.title.get(language)}", style=_STYLES[result.outcome])


def progress(exercises: Sequence[ExerciseResult], language: Language, *, later: float = 0.0) -> Group:
    """Return a line per exercise, with a mark per requirement and the score; the total below, and what it leaves out.

    Args:
        exercises: the verdicts.
        language: of the words.
        later: points that are judged by criteria which are not among these.
    """
    table = plain_table()
    table.show_header = False
    for justify in ("left", "left", "right"):
        table.add_column(justify=justify)
    for exercise in (e for e in exercises if e.criteria):
        marks = [(MARKS[r.outcome], _STYLES[r.outcome]) for r in requirements(exercise.criteria)]
        table.add_row(Styled(exercise.title.get(language)), Styled.assemble(*marks), Styled(score_of(exercise)))
    earned, maximum = sum(exercise.score or 0.0 for exercise in exercises), sum(e.max_score for e in exercises)
    if not maximum:
        return Group(table)
    if later > 0:
        words = text(
            "{earned} of the {maximum} points that can be checked here; "
            "{later} more are judged by checks you do not see",
            earned=points(earned),
            maximum=points(maximum),
            later=points(later),
        )
        return Group(table, Styled(words.get(language), style="bold"))
    total = f"{points(earned)}/{points(maximum)}"
    table.add_row(Styled(text("total").get(language), style="bold"), "", Styled(total, style="bold"))
    return Group(table)


@dataclass(frozen=True)
class NextStep:
    """What to mend first, for the end of a long list; rich can print it.

    Args:
        line: what it is.
        explanation: what is wrong and what helps, a paragraph each.
        criterion: the criterion that is not met, if it is one.
    """

    line: Styled
    explanation: tuple[str, ...] = ()
    criterion: CriterionResult | None = None

    def __rich__(self) -> Group:
        return Group(self.line, *(Padding(Styled(words), (0, 0, 0, 2)) for words in self.explanation))


def next_step(exercises: Sequence[ExerciseResult], problems: Sequence[Problem], language: Language) -> NextStep | None:
    """Return what to mend first: a syntax error, else the first criterion that is not met; None if all are."""
    first = problems[0] if problems else None
    lines = first.text.get(language).splitlines() if first is not None else []
    error = next((line for line in lines[1:] if _SYNTAX.match(line)), None)
    if error is not None:
        words = text("{place}: {error}", place=lines[0], error=error)
        return NextStep(_failed(words.get(language)))
    for exercise in exercises:
        for result in (merge(requirement) for requirement in requirements(exercise.criteria)):
            if result.outcome == "failed":
                words = text("next: {title} ({exercise})", title=result.title, exercise=exercise.name)
                return NextStep(_failed(words.get(language)), tuple(explanation(result, language)), result)
    return None


def _failed(words: str) -> Styled:
    return Styled(f"{MARKS['failed']} {words}", style=_STYLES["failed"])


def problem(found: Problem, language: Language) -> Styled:
    """What went wrong with a submission as a whole, or in one of its cells."""
    return Styled(found.in_full.get(language), style="yellow")


def explanation(result: CriterionResult, language: Language, *, hints: bool = True) -> list[str]:
    """Return message, likely cause and, if wanted, hint of a criterion that has not passed, a paragraph each."""
    return [words for kind, words in paragraphs(result, language) if hints or kind != "hint"]


def paragraphs(result: CriterionResult, language: Language) -> Iterator[tuple[str, str]]:
    """Yield these paragraphs, each with its kind: ``message``, ``cause`` or ``hint``."""
    if result.outcome == "passed":
        return
    if result.message.get(language):
        yield "message", result.message.get(language)
    if result.diagnosis is not None and result.diagnosis.text.get(language) != result.message.get(language):
        yield "cause", text("likely cause: {cause}", cause=result.diagnosis.text).get(language)
    if result.hint is not None and result.outcome == "failed":
        yield "hint", text("hint: {hint}", hint=result.hint).get(language)


def plain(exercises: Sequence[ExerciseResult], language: Language) -> str:
    """Return what `criteria` shows as plain text, for logs and files."""
    lines = []
    for exercise in exercises:
        title, name = exercise.headed(language)
        lines.append(f"{title} ({name})" if name else title)
        if not exercise.criteria:
            lines.append(f"  {judged_later().get(language)}")
        for result in condense(exercise.criteria):
            lines.append(f"  {MARKS[result.outcome]} {result.title.get(language)}")
            lines += [f"      {line}" for paragraph in explanation(result, language) for line in paragraph.splitlines()]
    return "\n".join(lines)


def _score_cell(cell: CountedCell | None, *, as_mark: bool) -> Styled:
    """Return what was earned in an exercise, in figures or as a mark."""
    if cell is None or cell.score is None:
        return Styled("?", style="yellow")
    mark, style = ("✓", "green") if cell.score == cell.maximum else ("◐", "") if cell.score else ("✗", "red")
    shown = mark if as_mark else points(cell.score)
    return Styled(f"{shown}?", style="yellow") if cell.waits else Styled(shown, style=style)


def _problems(report: GradeReport, counted: Counted | None, language: Language) -> str:
    """Return the gravest problem of a submission in one line, and how many more there are."""
    found = [one for one in report.problems if counted is None or one.kind != "waiting"]
    if counted is not None and counted.taken_off:
        found.append(Problem.of("note", text("late: {points} points are taken off", points=points(counted.taken_off))))
    if not found:
        return ""
    # what nobody could read, then a whole notebook that is not there, else the first one
    first = min(found, key=lambda one: (one.kind != "unreadable", one.kind != "missing" or not one.notebook))
    words = in_a_line(first, language)
    more = len(found) - 1
    return words + (text(" (and {count} more)", count=more).get(language) if more else "")


def in_a_line(problem: Problem, language: Language) -> str:
    """Return the last line of a problem, which says what happened, behind its place."""
    *_, words = problem.text.get(language).splitlines() or [""]
    cell = text("code cell {number}", number=problem.cell).get(language) if problem.cell is not None else ""
    place = [problem.heading, "" if cell in words else cell]
    return ": ".join(filter(None, [", ".join(filter(None, place)), words]))
