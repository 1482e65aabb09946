"""Shows an audit in terminals: what each criterion kills, what survives, what needs fixing."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text as Styled

from autograder.base.i18n import Language, text
from autograder.report.tables import plain_table
from autograder.results.audit import Audit


def tables(audit: Audit, language: Language) -> Group:
    """Return tables about one assignment: a line per criterion, the survivors, the faults, the rates."""
    parts: list[RenderableType] = [Styled(audit.assignment, style="bold")]
    if audit.criteria:
        parts.append(_criteria(audit, language))
    if audit.keys > 1:
        parts.append(_shares(audit, language))
    if audit.survivors:
        parts.append(Styled(text("generated versions that lose no points:").get(language), style="yellow"))
        parts.extend(Styled(f"  {version.id}") for version in audit.survivors)
    paid = [v for v in audit.of("trivial") if v.earned]
    if paid:
        parts.append(Styled(text("versions that solve nothing but earn points:").get(language), style="yellow"))
        parts.extend(Styled(f"  {v.earned:g} / {v.points:g}  {v.id}") for v in paid)
    undiagnosed = [v for v in audit.of("mutant") if not v.is_named]
    if undiagnosed:
        parts.append(Styled(text("mutants that no diagnosis names:").get(language), style="yellow"))
        parts.extend(Styled(f"  {v.id}" + (f" ({v.diagnosis})" if v.diagnosis else "")) for v in undiagnosed)
    if audit.faults:
        parts.append(Styled(text("needs fixing:").get(language), style="bold red"))
        parts.extend(Styled(f"  {fault.get(language)}", style="red") for fault in audit.faults)
    parts.append(_summary(audit, language))
    return Group(*parts)


def _criteria(audit: Audit, language: Language) -> Table:
    table = plain_table()
    table.add_column(Styled(text("criterion").get(language)))
    for heading in (text("named mutants"), text("generated"), text("decisive")):
        table.add_column(Styled(heading.get(language)), justify="right")
    for criterion in audit.criteria:
        if not criterion.tried:
            words = text("no version was tried against it").get(language)
            table.add_row(Styled(f"{criterion.id}: {words}", style="red"), "", "", "")
            continue
        kills = criterion.named + criterion.generated
        style = "" if criterion.decisive else "yellow" if kills else "red"
        counts = (criterion.named, criterion.generated, criterion.decisive)
        table.add_row(Styled(criterion.id, style=style), *(Styled(str(count), style=style) for count in counts))
    return table


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
    words = text(
        "{mutants} named mutants ({named} named by their diagnosis), {equivalents} equivalents, {generated} generated "
        "({excused} of them right): {killed} of the others lose a point",
        mutants=len(mutants),
        named=f"{audit.diagnosis_rate:.0%}",
        equivalents=len(audit.of("equivalent")),
        generated=len(generated),
        excused=sum(bool(v.excuse) for v in generated),
        killed=f"{audit.kill_rate:.1%}",
    )
    return Styled(words.get(language))
