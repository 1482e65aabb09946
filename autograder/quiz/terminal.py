"""Scores for terminals. What comes from a file goes into `rich.text.Text`, never into markup."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from rich.cells import cell_len
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text as Styled

from autograder.base.i18n import Language, text
from autograder.quiz.lint import Guess, Remark
from autograder.quiz.notation.formulas import in_lines
from autograder.quiz.scoring.outcomes import Mark, QuestionOutcome, SheetOutcome
from autograder.quiz.scoring.statistics import Analysis, QuestionStatistics
from autograder.report.tables import GAP, plain_table, points

MARKS: dict[Mark, str] = {
    "right": "✓",
    "partial": "◐",
    "wrong": "✗",
    "blank": "–",
    "format-error": "?",
    "unjudged": "!",
}
STYLES: dict[Mark, str] = {
    "right": "green",
    "partial": "yellow",
    "wrong": "red",
    "blank": "dim",
    "format-error": "magenta",
    "unjudged": "yellow",
}
MAX_LINES = 200
_PROBLEMS_WIDTH = 30


def scores(sheets: Sequence[SheetOutcome], language: Language, width: int) -> Group:
    """Return one line per sheet: what each question earned, the total, the problems.

    Args:
        sheets: of one quiz.
        language: of the headings and problems.
        width: columns of the terminal. Scores that do not fit become one mark per question; problems that do not fit
            beside the scores go below them.
    """
    ordered = sorted(sheets, key=lambda sheet: sheet.student)[:MAX_LINES]
    heading, rows = _of_questions(ordered)
    student = min(24, max(7, *(cell_len(sheet.student) for sheet in ordered))) if ordered else 7
    maximum = ordered[0].max_score if ordered else 0
    total = f"{text('total').get(language)} /{points(maximum)}"
    left = width - student - cell_len(total) - 2 * GAP - _width(heading, rows)
    if narrow := left < 0:
        heading, rows = [f"1–{len(heading)}"], [[Styled.assemble(*map(_mark, s.questions))] for s in ordered]
    table = plain_table()
    table.add_column(Styled(text("student").get(language)), width=student, no_wrap=True, overflow="ellipsis")
    for head in heading:
        table.add_column(Styled(head), justify="left" if narrow else "right", overflow="fold")
    table.add_column(Styled(total), justify="right", style="bold", no_wrap=True)
    beside = left >= _PROBLEMS_WIDTH
    if beside:
        problems = Styled(text("problems").get(language))
        table.add_column(problems, style="yellow", max_width=left, no_wrap=True, overflow="ellipsis")
    for sheet, cells in zip(ordered, rows, strict=True):
        last = [Styled(_problems(sheet, language))] if beside else []
        table.add_row(Styled(sheet.student), *cells, Styled(points(sheet.score)), *last)
    parts: list[RenderableType] = [table]
    if len(sheets) > len(ordered):
        words = text("… and {count} more; --out writes all of them to a file", count=len(sheets) - len(ordered))
        parts.append(Styled(words.get(language), style="dim"))
    if not beside:
        parts += [Styled(f"{s.student}: {_problems(s, language)}", style="yellow") for s in ordered if s.problems]
    return Group(*parts, Styled(_legend(language), style="dim"))


def _of_questions(sheets: Sequence[SheetOutcome]) -> tuple[list[str], list[list[Styled]]]:
    """Return a heading for each question, its number and points, and what each sheet earned."""
    questions = sheets[0].questions if sheets else ()
    heading = [f"{position} /{points(question.points)}" for position, question in enumerate(questions, 1)]
    return heading, [[_cell(question) for question in sheet.questions] for sheet in sheets]


def _width(heading: Sequence[str], rows: Sequence[Sequence[Styled]]) -> int:
    """Return the width of these columns of a table."""
    return sum(max([cell_len(head), *(row[n].cell_len for row in rows)]) + GAP for n, head in enumerate(heading))


def _cell(question: QuestionOutcome) -> Styled:
    if question.outcome in ("blank", "format-error", "unjudged"):
        return _mark(question)
    return Styled(f"{points(question.earned)} ", style=STYLES[question.outcome]).append_text(_mark(question))


def _mark(question: QuestionOutcome) -> Styled:
    return Styled(MARKS[question.outcome], style=STYLES[question.outcome])


def _legend(language: Language) -> str:
    words = text("✓ right  ◐ partly right  ✗ wrong  – not answered  ? cannot be read  ! could not be judged")
    return words.get(language)


def _problems(sheet: SheetOutcome, language: Language) -> str:
    return "; ".join(words.get(language) for words in sheet.problems)


def review(name: str, remarks: Sequence[Remark], guesses: Sequence[Guess], language: Language) -> Group:
    """Return what a reviewer says about a quiz, and what guessing earns."""
    parts: list[RenderableType] = [Styled(name, style="bold")]
    for remark in remarks:
        mark, style = ("✗", "red") if remark.kind == "error" else ("·", "yellow")
        where = f"{remark.question}: " if remark.question else ""
        parts.append(Padding(Styled(f"{mark} {where}{remark.words.get(language)}", style=style), (0, 0, 0, 2)))
    if not remarks:
        parts.append(Padding(Styled("✓ " + text("no remarks").get(language), style="green"), (0, 0, 0, 2)))
    table = plain_table()
    table.add_column(text("share of the points for").get(language))
    for heading in (text("blank"), text("everything"), text("random")):
        table.add_column(heading.get(language), justify="right")
    for guess in guesses:
        table.add_row(Styled(guess.question), *(f"{s:.0%}" for s in (guess.blank, guess.everything, guess.random)))
    return Group(*parts, Padding(table, (0, 0, 1, 2)))


def analysis(found: Analysis, language: Language) -> Group:
    """Return the item analysis, a line per question; below it, which options were chosen."""
    table, choices = plain_table(), plain_table()
    for each in (table, choices):
        each.add_column(text("question").get(language), no_wrap=True)
    headings = (text("facility"), text("discrimination"), text("efficiency"), text("blank"))
    for heading in headings:
        table.add_column(heading.get(language), justify="right")
    choices.add_column(text("chosen: all (best / worst)").get(language), overflow="fold")
    for item in found.items:
        suspicious = item.discrimination is not None and item.discrimination < 0
        table.add_row(
            Styled(item.id),
            f"{item.facility:.0%}",
            Styled(_two_digits(item.discrimination), style="red" if suspicious else ""),
            _two_digits(item.efficiency),
            f"{item.blank:.0%}",
        )
        if item.chosen:
            told = [Styled(_choice(item, name)) for name in item.chosen]
            choices.add_row(Styled(item.id), Columns(told, padding=(0, GAP), equal=True))
    words = text(
        "{students} students; mean {mean}, standard deviation {deviation}; alpha {alpha}, standard error {error}",
        students=found.students,
        mean=points(found.mean),
        deviation=points(found.deviation),
        alpha=_two_digits(found.alpha),
        error=_two_digits(found.error),
    )
    below: list[RenderableType] = ["", Padding(choices, (0, 0, 1, GAP))] if choices.row_count else []
    return Group(table, *below, Styled(words.get(language)))


def _choice(item: QuestionStatistics, name: str) -> str:
    best, worst = item.chosen_by_best.get(name, 0), item.chosen_by_worst.get(name, 0)
    return f"{name} {item.chosen[name]:.0%} ({best:.0%} / {worst:.0%})"


def _two_digits(value: float | None) -> str:
    return "–" if value is None else f"{round(value, 2) + 0.0:.2f}"  # no minus before a zero


def summary(sheets: Sequence[SheetOutcome], language: Language) -> str:
    """Return the counts and the mean, in one line."""
    scored = [sheet.score for sheet in sheets if sheet.status == "scored" and sheet.score is not None]
    words = text(
        "{scored} scored, {unreadable} unreadable, {error} could not be judged; mean {mean} of {maximum}",
        scored=len(scored),
        unreadable=sum(sheet.status == "unreadable" for sheet in sheets),
        error=sum(sheet.status == "error" for sheet in sheets),
        mean=points(fmean(scored)) if scored else "–",
        maximum=points(sheets[0].max_score if sheets else 0),
    )
    return words.get(language)


def details(sheet: SheetOutcome, language: Language) -> Group:
    """Return every question of one sheet with its mark, its answer and the feedback."""
    parts: list[RenderableType] = [
        Styled(f"{sheet.student}  {points(sheet.score)}/{points(sheet.max_score)}", style="bold")
    ]
    parts += [Padding(Styled(words.get(language), style="yellow"), (0, 0, 0, 2)) for words in sheet.problems]
    for question in sheet.questions:
        head = f"{MARKS[question.outcome]} {question.id}  {points(question.earned)}/{points(question.points)}"
        line = Styled(head, style=STYLES[question.outcome])
        if question.answer:
            line.append(f"  {question.answer}", style="default")
        parts.append(Padding(line, (0, 0, 0, 2)))
        parts += [Padding(Styled(in_lines(words.get(language))), (0, 0, 0, 6)) for words in question.feedback]
    return Group(*parts)
