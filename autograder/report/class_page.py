"""The class at a glance: one HTML page that needs nothing from elsewhere, in both languages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from autograder.base.i18n import Language, Text, same, text
from autograder.report import plots
from autograder.report.tables import points
from autograder.results.classroom import Classroom, Mistake
from autograder.results.grade_report import GradeReport

_PAGE = Path(__file__).with_name("class.html")
_MOST_MISTAKES = 12
_MOST_PROBLEMS = 3


def page(classroom: Classroom, language: Language) -> str:
    """The page.

    Args:
        classroom: what it shows.
        language: shown first; a button switches.
    """
    sections = (
        _head(classroom),
        _numbers(classroom),
        _scores(classroom),
        _exercises(classroom),
        _mistakes(classroom),
        _criteria(classroom),
        _students(classroom),
        _missing(classroom),
        _ungraded(classroom),
    )
    words = _PAGE.read_text(encoding="utf-8")
    words = words.replace("LANGUAGE", language).replace("TITLE", escape(classroom.title.get(language)))
    return words.replace("BODY", "\n".join(section for section in sections if section))


def _both(words: Text) -> str:
    """Words in both languages, of which the page shows one."""
    if words.en == words.zh:
        return escape(words.en)
    return f'<span class="en" lang="en">{escape(words.en)}</span><span class="zh" lang="zh">{escape(words.zh)}</span>'


def _head(classroom: Classroom) -> str:
    switch = '<button id="language" type="button"><span class="en">中文</span><span class="zh">English</span></button>'
    name = f'<span class="soft"><code>{escape(classroom.assignment)}</code></span>'
    return f"<header><h1>{_both(classroom.title)}</h1>{name}{switch}</header>"


def _numbers(classroom: Classroom) -> str:
    of = f" / {points(classroom.max_score)}"
    seconds = classroom.seconds
    shown: list[tuple[Text, str]] = [
        (text("submissions"), str(len(classroom.reports))),
        (text("mean"), points(round(classroom.mean, 2)) + of if classroom.mean is not None else "–"),
        (text("median"), points(classroom.median) + of if classroom.median is not None else "–"),
        (text("full marks"), str(sum(score >= classroom.max_score for score in classroom.scores))),
        (text("cannot be read"), str(len(classroom.of("unreadable")))),
        (text("could not be graded"), str(len(classroom.of("error")))),
        (text("handed in nothing"), str(len(classroom.missing))),
        (text("seconds of grading"), f"{sum(seconds):.1f}"),
        (text("the longest"), f"{max(seconds, default=0):.2f} s"),
    ]
    return '<ul class="numbers">' + "".join(f"<li><b>{n}</b>{_both(words)}</li>" for words, n in shown) + "</ul>"


def _section(title: Text, content: str) -> str:
    return f"<section><h2>{_both(title)}</h2>{content}</section>"


def _scores(classroom: Classroom) -> str:
    if not classroom.scores:
        return ""
    picture = plots.histogram(classroom.scores, upper=classroom.max_score)
    caption = text("how many submissions have which score")
    return _section(text("scores"), f"<figure>{picture}<figcaption>{_both(caption)}</figcaption></figure>")


def _exercises(classroom: Classroom) -> str:
    judged = [e for e in classroom.exercises if e.mean is not None and e.max_score]
    if not judged:
        return ""
    picture = plots.bars([e.name for e in judged], [(e.mean or 0) / e.max_score for e in judged])
    caption = text("the mean share of the points of each exercise")
    rows = [
        [
            _cell(f"{_both(e.title)} <code>{escape(e.name)}</code>", value=e.name),
            _number(e.mean if e.mean is None else round(e.mean, 2)),
            _number(e.max_score),
            _share(e.full, e.judged),
        ]
        for e in classroom.exercises
    ]
    head = (text("exercise"), text("mean"), text("points"), text("full marks"))
    table = _table(head, rows, numbers=(1, 2, 3))
    return _section(
        text("exercises"), f"<figure>{picture}<figcaption>{_both(caption)}</figcaption></figure><br>{table}"
    )


def _criteria(classroom: Classroom) -> str:
    rows = []
    for criterion in classroom.criteria:
        counts, judged = criterion.outcomes, sum(criterion.outcomes.values()) - criterion.outcomes["error"]
        mark = "" if criterion.visible else f' <span class="soft">({_both(text("hidden"))})</span>'
        rows.append(
            [
                _cell(f"{_both(criterion.title)}{mark}<br><code>{escape(criterion.id)}</code>", value=criterion.id),
                _number(criterion.points),
                _share(counts["passed"], judged),
                *(_number(counts[outcome]) for outcome in ("failed", "skipped", "error")),
            ]
        )
    outcomes = (text("met"), text("not met"), text("not tried"), text("not judged"))
    head = (text("criterion"), text("points"), *outcomes)
    return _section(text("criteria"), _table(head, rows, numbers=(1, 2, 3, 4, 5)))


def _mistakes(classroom: Classroom) -> str:
    if not classroom.mistakes:
        return ""
    shown = "".join(_mistake(mistake) for mistake in classroom.mistakes[:_MOST_MISTAKES])
    left = len(classroom.mistakes) - _MOST_MISTAKES
    more = f'<p class="soft">{_both(text("{count} rarer ones are not shown", count=left))}</p>' if left > 0 else ""
    return _section(text("the commonest mistakes"), shown + more)


def _mistake(mistake: Mistake) -> str:
    count = text("made by {count}", count=len(mistake.students))
    where = text("for example {student}, in {criterion}", student=mistake.student, criterion=mistake.example.id)
    message = mistake.example
    told = ""
    if message.message and message.message != mistake.text.en:
        words = Text(en=message.message, zh=message.message_zh or message.message)
        told = f"<pre>{_both(words)}</pre>"
    return (
        f'<div class="mistake"><p><b>{_both(mistake.text)}</b></p>'
        f'<p class="soft">{_both(count)} · <code>{escape(mistake.id)}</code> · {_both(where)}</p>{told}</div>'
    )


def _students(classroom: Classroom) -> str:
    names = [exercise.name for exercise in classroom.exercises]
    rows = []
    for report in classroom.reports:
        scores = {exercise.name: exercise.score for exercise in report.exercises}
        rows.append(
            [
                _cell(escape(report.student), value=report.student),
                _number(report.score),
                *(_number(scores.get(name)) for name in names),
                _number(round(report.duration_s, 2)),
                _cell(_problems(report)),
            ]
        )
    head = (text("student"), text("total"), *map(same, names), text("seconds"), text("problems"))
    return _section(text("students"), _table(head, rows, numbers=range(1, len(names) + 3)))


def _problems(report: GradeReport) -> str:
    told = [_both(Text(en=p.text, zh=p.text_zh)) for p in report.problems[:_MOST_PROBLEMS]]
    return "<br>".join(told + (["…"] if len(report.problems) > _MOST_PROBLEMS else []))


def _missing(classroom: Classroom) -> str:
    if not classroom.missing:
        return ""
    return _section(text("handed in nothing"), f"<p>{escape(', '.join(classroom.missing))}</p>")


def _ungraded(classroom: Classroom) -> str:
    reports = [*classroom.of("error"), *classroom.of("unreadable")]
    if not reports:
        return ""
    rows = [
        [
            _cell(escape(report.student), value=report.student),
            _cell(_both(text("our fault") if report.status == "error" else text("cannot be read")), report.status),
            _cell(_problems(report)),
        ]
        for report in reports
    ]
    head = (text("student"), same(""), text("problems"))
    return _section(text("what could not be graded"), _table(head, rows))


# -- tables ------------------------------------------------------------------------------------------------------------


def _table(head: Sequence[Text], rows: Iterable[Sequence[str]], *, numbers: Iterable[int] = ()) -> str:
    right = set(numbers)
    cells = "".join(
        f'<th scope="col"{" class=n" if position in right else ""}><button type="button">{_both(words)}</button></th>'
        for position, words in enumerate(head)
    )
    lines = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table></div>'


def _cell(content: str, value: str | None = None) -> str:
    return f"<td>{content}</td>" if value is None else f'<td data-value="{escape(value)}">{content}</td>'


def _number(value: float | None) -> str:
    if value is None:
        return '<td class="n odd" data-value="-1">?</td>'
    return f'<td class="n" data-value="{value:g}">{points(value)}</td>'


def _share(count: int, of: int) -> str:
    share = count / of if of else 0.0
    return (
        f'<td class="n" data-value="{share:.4f}"><meter min="0" max="1" value="{share:.4f}"></meter> '
        f"{count}/{of} ({100 * share:.0f} %)</td>"
    )
