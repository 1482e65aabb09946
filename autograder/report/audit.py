"""Shows an audit in terminals: what each criterion kills, what survives, what needs fixing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text as Styled

from autograder.base.i18n import Language, Text, same, text
from autograder.report.tables import plain_table
from autograder.results.audit import Audit, Place, Version

_MOST_LINES, _MOST_CHANGES = 4, 6
_MOST_CHARACTERS, _BESIDE = 100, 30
"""How long a line is shown whole, and how much of a longer one on either side of what differs."""


def tables(audit: Audit, language: Language) -> Group:
    """Return tables about one assignment: a line per criterion, the survivors, the faults, the rates."""
    parts: list[RenderableType] = [Styled(audit.assignment, style="bold"), *_each(audit, language)]
    if audit.keys > 1:
        parts.append(_shares(audit, language))
    if audit.survivors:
        parts.append(Styled(text("generated versions that lose no points:").get(language), style="yellow"))
        parts.extend(_survivors(audit.survivors, language))
        parts.extend([_remedy(language)] if audit.judge == "rubric" else [])
    if paid := [(name, v) for name, v in audit.paid if not v.is_cheap]:  # the others need fixing, and stand below
        parts.append(Styled(text("versions that solve nothing but earn points:").get(language), style="yellow"))
        parts.extend(Styled(f"  {v.earned:g} / {v.points:g}  {name}") for name, v in paid)
    undiagnosed = [v for v in audit.of("mutant") if not v.is_named and audit.judge == "rubric"]
    if undiagnosed:
        words = text("mutants whose explanation students do not get (in brackets: the cause they are told instead):")
        parts.append(Styled(words.get(language), style="yellow"))
        parts.extend(Styled(f"  {v.id}" + (f" ({v.diagnosis})" if v.diagnosis else "")) for v in undiagnosed)
    parts.extend(_unjudged(audit, language))
    if audit.faults:
        parts.append(Styled(text("needs fixing:").get(language), style="bold red"))
        parts.extend(Styled(f"  {fault.get(language)}", style="red") for fault in audit.faults)
    if audit.judge == "rubric" and any(v.is_cheap for _, v in audit.paid):
        words = text(
            "What solves nothing earns too much there: name one that it fails as `needs=` of the criteria that it "
            "meets, or make them worth less."
        )
        parts.append(Styled(words.get(language)))
    if audit.judge == "rubric":
        parts.append(_summary(audit, language))
    elif audit.of("generated"):
        parts.append(_summary_of_asserts(audit, language))
    if audit.judge == "rubric" and not audit.is_partial and not audit.faults:
        words = text("{assignment}: the rubric passes its audit", assignment=audit.assignment)
        parts.append(Styled(words.get(language), style="bold green"))
    return Group(*parts)


def overview(audits: Sequence[Audit], language: Language) -> Table:
    """Return a line for each assignment: how many wrong versions lose a point, and how much needs fixing."""
    table = plain_table()
    table.add_column(Styled(text("assignment").get(language)))
    for heading in (text("wrong versions"), text("lose a point"), text("needs fixing")):
        table.add_column(Styled(heading.get(language)), justify="right")
    for audit in audits:
        style = "red" if audit.faults else "yellow" if audit.survivors else ""
        caught = f"{audit.kill_rate:.1%}" if audit.wrong else ""
        counts = (audit.assignment, str(len(audit.wrong)), caught, str(len(audit.faults) or ""))
        table.add_row(*(Styled(count, style=style) for count in counts))
    return table


def _each(audit: Audit, language: Language) -> Iterator[RenderableType]:
    """Yield the table of criteria or grade cells, what its columns count, and the exercises that it cannot speak of."""
    if audit.criteria:
        yield _grade_cells(audit, language) if audit.judge == "asserts" else _criteria(audit, language)
        yield Styled(_meaning(audit).get(language), style="dim")
    for exercise in audit.without_cell:
        words = text(
            "{exercise}: no version of it was made, because no cell with a solution has this name as its `grade_id`; "
            "give it to the cell that answers the exercise",
            exercise=exercise,
        )
        yield Styled(words.get(language), style="yellow")


def _criteria(audit: Audit, language: Language) -> Table:
    table = plain_table()
    table.add_column(Styled(text("criterion").get(language)))
    for heading in (text("named mutants"), text("generated"), text("decisive")):
        table.add_column(Styled(heading.get(language)), justify="right")
    for criterion in audit.criteria:
        if not criterion.named + criterion.generated:
            words = text("no wrong version fails it; write a mutant that should")
            if not criterion.tried:
                words = text("no version was tried against it")
            table.add_row(Styled(f"{criterion.id}: {words.get(language)}", style="red"), "", "", "")
            continue
        style = "" if criterion.decisive else "yellow"
        counts = (criterion.named, criterion.generated, criterion.decisive)
        table.add_row(Styled(criterion.id, style=style), *(Styled(str(count), style=style) for count in counts))
    return table


def _meaning(audit: Audit) -> Text:
    """Say what the columns count."""
    if audit.judge == "asserts":
        return text(
            "generated: wrong versions, made by rule, that lose points in this cell; hidden only: those of them that "
            "only its hidden tests notice; decisive: those that no other cell notices"
        )
    return text(
        "named mutants, generated: your wrong versions, and those made by rule, that fail the criterion; "
        "decisive: those of both that fail no other"
    )


def _grade_cells(audit: Audit, language: Language) -> Table:
    """Return a line for each grade cell of a notebook without a rubric."""
    table = plain_table()
    table.add_column(Styled(text("grade cell").get(language)))
    for heading in (
        text("code cell"),
        text("points"),
        text("generated"),
        text("hidden only"),
        text("decisive"),
    ):
        table.add_column(Styled(heading.get(language)), justify="right")
    for cell in audit.criteria:
        if not (cell.generated or cell.problem):
            words, style = text("no version was tried against it"), ""
            if cell.tried:
                words, style = text("no wrong version loses points in it"), "red"
            name = f"{cell.id}: {words.get(language)}"
            table.add_row(Styled(name, style=style), str(cell.cell), f"{cell.points:g}", "", "", "")
            continue
        style = "" if cell.decisive else "yellow" if cell.generated else "red"
        counts = (str(cell.cell), f"{cell.points:g}", *map(str, (cell.generated, cell.hidden, cell.decisive)))
        table.add_row(Styled(cell.id, style=style), *(Styled(count, style=style) for count in counts))
    return table


def _remedy(language: Language) -> Styled:
    words = text(
        "Write a criterion that a wrong one fails. A right one, as {new} is for {old}, is yours to declare: "
        "copy its line below `generated_equivalents:` in private/mutants.yaml, and `    reason: ...` below that.",
        new="`u[:, None] * v[None, :]`",
        old="`u[:, None] @ v[None, :]`",
    )
    return Styled(words.get(language))


def _survivors(survivors: Sequence[Version], language: Language) -> Iterator[Styled]:
    """Yield a line for each; of notebooks, line by line of the source with what may stand there unnoticed."""
    for version in survivors:
        if version.place is None:  # in one line, however long, as `mutants.yaml` takes it
            line = json.dumps(version.id, ensure_ascii=False)
            yield Styled(f"  - id: {line}", no_wrap=True, overflow="ignore")
    in_notebooks = [(version, version.place) for version in survivors if version.place is not None]
    for (_, _, removed), group in groupby(in_notebooks, key=lambda one: (one[0].exercise, one[1].cell, one[1].removed)):
        found = list(group)
        version, place = found[0]
        where = text(
            "{cell}: code cell {number}, line {line}; points at stake: {points:g}",
            cell=version.exercise,
            number=place.cell,
            line=place.line,
            points=version.points,
        )
        yield Styled("  " + where.get(language), style="bold")
        yield from _instead(removed, [place for _, place in found], language)


def _instead(removed: Sequence[str], places: Sequence[Place], language: Language) -> Iterator[Styled]:
    """Yield lines and what may stand there unnoticed; if that is nothing at all, all else goes without saying."""
    needless = [place for place in places if place.kind == "statement"]
    shown = needless or places[:_MOST_CHANGES]
    yield from (Styled(f"    - {row}", style="red") for row in _rows(removed, [place.added for place in shown]))
    for says, group in groupby(shown, key=lambda place: place.says):
        for place in group:
            yield from (Styled(f"    + {row}", style="green") for row in _rows(place.added, [removed]))
        yield Styled(f"      {says.get(language)}")
    if others := len(places) - len(shown):
        words = text("other changes of it that no assert notices: {count}", count=others)
        yield Styled(f"      {words.get(language)}")


def _rows(lines: Sequence[str], others: Sequence[Sequence[str]]) -> list[str]:
    """Return the first lines, of long ones what differs from the same lines of others."""
    rows = [_around(line, [one[at] for one in others if at < len(one)]) for at, line in enumerate(lines[:_MOST_LINES])]
    return [*rows, "..."] if len(lines) > _MOST_LINES else rows


def _around(line: str, others: Sequence[str]) -> str:
    """Return a line; of a long one its indent, and what lies around the part that differs from others."""
    if len(line) <= _MOST_CHARACTERS:
        return line
    indent = len(line) - len(line.lstrip())
    starts = [_alike(line, other) for other in others]
    ends = [
        len(line) - _alike(line[start:][::-1], other[start:][::-1]) for start, other in zip(starts, others, strict=True)
    ]
    first = max(min(starts, default=0) - _BESIDE, indent)
    last = min(max(ends, default=len(line)) + _BESIDE, first + _MOST_CHARACTERS)
    return line[:indent] + "..." * (first > indent) + line[first:last] + "..." * (last < len(line))


def _alike(one: str, other: str) -> int:
    """Return how many characters two lines begin with alike."""
    differs = (at for at, (mine, its) in enumerate(zip(one, other, strict=False)) if mine != its)
    return next(differs, min(len(one), len(other)))


def _unjudged(audit: Audit, language: Language) -> Iterator[Styled]:
    """Yield the cells that no assert looks at, and those that a person grades."""
    alone = [cell for cell in audit.unjudged if cell.points is None]
    for heading, cells in (
        (text("answers that no grade cell depends on:"), [cell for cell in alone if not cell.is_blocked]),
        (text("answers whose grade cells the source itself fails:"), [cell for cell in alone if cell.is_blocked]),
    ):
        if cells:
            yield Styled(heading.get(language), style="yellow")
        for cell in cells:
            words = text(
                "{cell}: code cell {number}; versions not run: {count}",
                cell=cell.id,
                number=cell.cell,
                count=cell.versions,
            )
            yield Styled("  " + words.get(language))
    by_hand = [cell for cell in audit.unjudged if cell.points is not None]
    if by_hand:
        names = ", ".join([cell.id for cell in by_hand[:_MOST_CHANGES]] + ["..."] * (len(by_hand) > _MOST_CHANGES))
        points = sum(cell.points or 0.0 for cell in by_hand)
        words = text("graded by a person, not audited: {names}; points: {points:g}", names=names, points=points)
        yield Styled(words.get(language))


def _summary_of_asserts(audit: Audit, language: Language) -> Styled:
    generated = audit.of("generated")
    words = text(
        "{generated} generated versions: asserts that students see catch {visible}, hidden tests only {hidden}, "
        "{itself} fail in their own cell; {excused} are right; {killed} of the others are caught",
        generated=len(generated),
        visible=len(audit.caught_by("visible")),
        hidden=len(audit.caught_by("hidden")),
        itself=len(audit.caught_by("itself")),
        excused=sum(bool(v.excuse) for v in generated),
        killed=f"{audit.kill_rate:.1%}",
    )
    return Styled(words.get(language))


def _shares(audit: Audit, language: Language) -> Table:
    """Return a line for each named version, and for each generated one that some keys miss."""
    table = plain_table()
    table.add_column(Styled(text("version").get(language)))
    table.add_column(Styled(text("keys that judge it rightly").get(language)), justify="right")
    for version in audit.versions:
        if version.kind in ("mutant", "equivalent") or (version.kind == "generated" and version.share < 1):
            right = round(version.share * version.keys)
            style = "" if right == version.keys else "red"
            table.add_row(Styled(version.id, style=style), Styled(f"{right} / {version.keys}", style=style))
    return table


def _summary(audit: Audit, language: Language) -> Styled:
    generated, mutants = audit.of("generated"), audit.of("mutant")
    found = text(" (explanation found for {named})", named=f"{audit.diagnosis_rate:.0%}") if mutants else same("")
    words = text(
        "named mutants: {mutants}{found}; equivalents: {equivalents}; generated: {generated} "
        "({excused} of them right); {killed} of the others lose a point",
        mutants=len(mutants),
        found=found,
        equivalents=len(audit.of("equivalent")),
        generated=len(generated),
        excused=sum(bool(v.excuse) for v in generated),
        killed=f"{audit.kill_rate:.1%}",
    )
    return Styled(words.get(language))
