"""The command that audits: rubrics, and the asserts in notebooks without one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import ConfigError, GradebookError, UsageError
from autograder.cli.grade import tell_nbgrader_is_needed
from autograder.cli.options import (
    AssignmentsArgument,
    CourseOption,
    JobsOption,
    JsonOption,
    LangOption,
    choose,
    console,
    course_at,
    errors_as_exit_codes,
    print_json,
    progress,
    waiting,
)

if TYPE_CHECKING:
    from autograder.base.i18n import Language
    from autograder.course.course import Assignment, Course
    from autograder.grading.audit import Selection
    from autograder.results.audit import Audit, Version


def audit(
    assignments: AssignmentsArgument = None,
    jobs: JobsOption = None,
    keys: Annotated[
        int,
        typer.Option(
            "--keys", metavar="N", min=1, help="Number of course keys, or of seeds of asserts, that judge each version."
        ),
    ] = 1,
    exercise: Annotated[
        list[str] | None,
        typer.Option("--exercise", metavar="NAME", help="Audit this exercise only, or this solution cell; repeatable."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--only", metavar="ID", help="Judge this version only; repeatable."),
    ] = None,
    least: Annotated[
        float | None,
        typer.Option(
            "--least",
            metavar="PERCENT",
            min=0,
            max=100,
            help="How many of the generated wrong versions must lose a point, in percent; "
            "by default 95 for a rubric; asserts have no such limit.",
        ),
    ] = None,
    course: CourseOption = Path(),
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Grade known and generated wrong versions, and right ones, to see what a rubric, or asserts, are worth.

    Exits with 1 if something needs fixing, such as a right version that loses a point, and with 0 otherwise.
    """
    from autograder.course import passed_audits
    from autograder.grading.audit import EVERYTHING

    with errors_as_exit_codes(lang):
        found, language = course_at(course), choose(lang)
        order = _Order(jobs, keys, frozenset(exercise or ()), frozenset(only or ()), json_output)
        audits = _audit_all(found, assignments or [], order, language)
        if least is not None:
            audits = [audited.model_copy(update={"least": least / 100}) for audited in audits]
        if order.chosen == EVERYTHING:
            for name in (one.assignment for one in audits if not one.faults and found.has_rubric(one.assignment)):
                passed_audits.remember(found, found.assignment(name))
        if json_output:
            print_json([audited.to_dict() for audited in audits])
        else:
            from autograder.report import audit as report

            for audited in audits:
                console().print(report.tables(audited, language), crop=False)  # ids are copied whole
            if len(audits) > 1:
                console().print(report.overview(audits, language))
    if any(audited.faults for audited in audits):
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Order:
    """What the command was asked for."""

    jobs: int | None
    keys: int
    exercises: frozenset[str]
    versions: frozenset[str]
    quiet: bool

    @property
    def chosen(self) -> Selection:
        from autograder.grading.audit import Selection

        return Selection(self.exercises, self.versions)


@dataclass(frozen=True)
class _Prepared:
    """An assignment whose versions are known, and what judges them: it takes what to call after each version."""

    versions: list[Version]
    run: Callable[[Callable[[], None]], Audit]


def _audit_all(course: Course, names: list[str], order: _Order, language: Language) -> list[Audit]:
    from autograder.base.i18n import text
    from autograder.grading.audit import EVERYTHING

    with_rubric, plain = _asked_for(course, names, order, language)
    count = len(with_rubric) + len(plain)
    words = text("reading one assignment") if count == 1 else text("reading {count} assignments", count=count)
    with waiting(words, language, quiet=order.quiet):
        prepared = [_with_rubric(assignment, order) for assignment in with_rubric]
        for name in plain:
            try:
                prepared.append(_plain(course, name, order))
            except (ConfigError, GradebookError) as error:
                if names or not (prepared or len(plain) > 1):
                    raise
                typer.echo(error.said(language), err=True)
    _refuse_unknown_names(order.chosen, [version for one in prepared for version in one.versions])
    counts = [sum(map(order.chosen.has, one.versions)) for one in prepared]
    with progress(sum(counts), language, quiet=order.quiet) as advance:
        return [
            one.run(advance) for one, count in zip(prepared, counts, strict=True) if count or order.chosen == EVERYTHING
        ]


def _asked_for(
    course: Course, names: list[str], order: _Order, language: Language
) -> tuple[list[Assignment], list[str]]:
    """Return the assignments to audit, with a rubric and without, and say which are left out.

    Raises:
        UsageError: there is no such assignment, or an option that it cannot be audited with.
    """
    from autograder.base.i18n import text
    from autograder.course import mutants
    from autograder.course.configuration import is_nbgrader_course

    names = course.names(*names) if names else []
    plain = [name for name in course.plain() if name in names or not names]
    if names:
        with_rubric = [course.assignment(name) for name in names if name not in plain]
    else:
        every = course.assignments().values() if not plain or any(map(course.has_rubric, course.others(()))) else ()
        with_rubric = [assignment for assignment in every if mutants.are_listed(assignment)]
        for assignment in every:
            if assignment not in with_rubric:
                words = text("{assignment}: has no private/mutants.yaml; not audited", assignment=assignment.name)
                typer.echo(words.get(language), err=True)
    if plain and not is_nbgrader_course(course.root):
        if names or not with_rubric:
            raise UsageError(tell_nbgrader_is_needed(plain[0]))
        for name in plain:
            typer.echo(tell_nbgrader_is_needed(name).get(language), err=True)
        plain = []
    return with_rubric, plain


def _with_rubric(assignment: Assignment, order: _Order) -> _Prepared:
    """Prepare the audit of a rubric; its versions are edits of the author's own code, which may run unconfined."""
    from autograder.base.environment import usable_cores
    from autograder.grading import audit as audits
    from autograder.sandbox import confine

    def run(advance: Callable[[], None]) -> Audit:
        return audits.audit(
            assignment,
            processes=order.jobs or usable_cores(),
            keys=order.keys,
            chosen=order.chosen,
            confined=confine.is_available(assignment.settings.limits.scratch_mb),
            advance=advance,
        )

    return _Prepared(audits.versions_of(assignment), run)


def _plain(course: Course, name: str, order: _Order) -> _Prepared:
    """Prepare the audit of the asserts in an assignment's notebooks."""
    from autograder.base.environment import usable_cores
    from autograder.gradebook.nbgrader_course import NbgraderCourse
    from autograder.gradebook.plain_audit import PlainAudit

    plain = PlainAudit(NbgraderCourse(course.root), name)

    def run(advance: Callable[[], None]) -> Audit:
        processes = order.jobs or usable_cores()
        return plain.run(processes=processes, keys=order.keys, chosen=order.chosen, advance=advance)

    return _Prepared(plain.versions, run)


def _refuse_unknown_names(chosen: Selection, versions: Sequence[Version]) -> None:
    """An exercise or a version that no audited assignment has is a misspelling."""
    from autograder.base.i18n import text

    for name in sorted(chosen.exercises - {version.exercise for version in versions}):
        there_are = ", ".join(dict.fromkeys(version.exercise for version in versions))
        raise UsageError(
            text("there are no versions of an exercise called {name}, only of: {names}", name=name, names=there_are)
        )
    for name in sorted(chosen.versions - {version.id for version in versions if chosen.has(version)}):
        raise UsageError(
            text("no version has the id {name}; `autograder audit --json` lists them as `versions`", name=name)
        )
