"""One assignment: its cells to write in, checks, and handing in."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session
from starlette.responses import JSONResponse, Response

from autograder.base.errors import AutograderError, UsageError
from autograder.base.i18n import Text, text
from autograder.results.grade_report import GradeReport
from autograder.results.shown import Shown
from autograder.web import explanations, limits, policies
from autograder.web.data import checks, drafts, submissions
from autograder.web.data.database import take_turns
from autograder.web.data.drafts import Kept, Written
from autograder.web.data.models import Submission
from autograder.web.live import LiveCheck
from autograder.web.pages import places, verdicts
from autograder.web.pages.editor_words import SEARCH_WORDS
from autograder.web.pages.places import Place
from autograder.web.progress import Progress
from autograder.web.visit import Refused, Visit, attachment, in_thread

_CELL, _BASE, _THERE, _BEFORE = "cell:", "base:", "there:", "before:"
"""Fields of the form, for each cell: its text; the version on which that is based; the version of the other text that
was shown, to choose from; the text before a reset."""
_UPLOADS = (".ipynb", ".py")
_LONGEST_KEY = 100


def assignment(visit: Visit) -> Response:
    """Show an assignment with what its reader has written so far; a script asks for that alone, in JSON."""
    with visit.site.database.read() as session:
        place = places.place(visit, session)
        if _is_for_script(visit):
            sources, changed_at = drafts.with_times(session, place.offering, visit.member)
            kept = Kept(sources, changed_at, {})
            return JSONResponse(_as_it_is(visit, session, place, kept, place.notebook.stubs, with_texts=True))
    visit.site.checker.warm(place.name)
    return _page(visit, place)


def _page(
    visit: Visit,
    place: Place,
    report: GradeReport | None = None,
    problem: Text | None = None,
    *,
    shown: Sequence[Shown] = (),
    unsaved: Mapping[str, str] | None = None,
    before: tuple[str, str] | None = None,
) -> Response:
    """Show the page.

    Args:
        visit: who looks.
        place: the assignment.
        report: what a check has given.
        problem: what did not work.
        shown: what the checked code has drawn and printed.
        unsaved: texts that were not kept since others have been saved meanwhile, by cell.
        before: a cell that was just reset, and what was in it.
    """
    with visit.site.database.read() as session:
        handed_in = submissions.of(session, place.offering, visit.member)
        mine, changed_at = drafts.with_times(session, place.offering, visit.member)
        last_checks = checks.of(session, place.offering, visit.member)
    progress = Progress.of(place.notebook, last_checks, changed_at)
    sources = place.notebook.stubs | mine
    versions = {cell: drafts.version(source) for cell, source in sources.items()}
    return visit.page(
        "assignment.html",
        409 if unsaved else 200,
        name=place.name,
        title=place.released.settings.title,
        blocks=place.notebook.blocks,
        worth=place.notebook.worth,
        judged_here=place.notebook.judged_here,
        labels=place.notebook.labels,
        sources=sources | dict(unsaved or {}),
        versions=versions | {cell: visit.field(_BASE + cell) for cell in unsaved or ()},
        elsewhere={cell: (sources[cell], changed_at.get(cell), versions[cell]) for cell in unsaved or ()},
        before=before,
        progress=progress,
        exercises={exercise.name: exercise for exercise in progress.exercises},
        is_warm=visit.site.checker.is_warm(place.name),
        nonce=visit.style_nonce,
        search_words={english: words.get(visit.language) for english, words in SEARCH_WORDS.items()},
        dates=place.dates,
        late=visit.site.late.now() if place.dates.due_at else None,
        stage=place.dates.stage(visit.now),
        why_not_write=policies.why_not_write(visit.viewer, place.dates, visit.now),
        why_not_hand_in=policies.why_not_hand_in(visit.viewer, place.offering, place.dates, handed_in, visit.now),
        handed_in=handed_in,
        report=report,
        said=explanations.of_check(visit.site.database, place.offering, report, visit.language),
        shown=shown,
        checked={exercise.name: exercise for exercise in report.exercises} if report else {},
        problem=problem,
        request_key=secrets.token_urlsafe(16),
        **places.VERDICTS,
    )


async def save(visit: Visit) -> Response:
    """Keep what was written, put a cell back to its stub, or bring it back; a script asks for the answer in JSON."""

    def keep(session: Session) -> Callable[[], Response]:
        before = None
        place = places.place(visit, session)
        kept = _keep(visit, session, place)
        if (cell := visit.field("reset")) in place.notebook.stubs and cell not in kept.unsaved:
            before = (cell, (place.notebook.stubs | kept.sources)[cell])
            drafts.reset(session, place.offering, visit.member, cell)
            kept = kept.without(cell)
        if _is_for_script(visit):
            saved = None if kept.unsaved else visit.now.isoformat(timespec="seconds")
            said = {"saved": saved} | _as_it_is(visit, session, place, kept, _written(visit, place))
            return lambda: JSONResponse(said)
        if kept.unsaved or before:
            return lambda: _page(visit, place, unsaved=kept.unsaved, before=before)
        return lambda: visit.go(f"/assignments/{place.name}")

    answer = await visit.site.database.change(visit.member.id, keep)
    return answer() if _is_for_script(visit) else await in_thread(answer)


async def check(visit: Visit) -> Response:
    """Judge what was written by the visible criteria; all of it, or the exercise whose button was pressed."""
    visit.bound("check", visit.member.id, limits.CHECK)

    def keep(session: Session) -> tuple[Place, dict[str, str], dict[str, str]]:
        place = places.place(visit, session)
        kept = _keep(visit, session, place)
        return place, kept.sources | kept.unsaved, kept.unsaved

    place, mine, unsaved = await visit.site.database.change(visit.member.id, keep)
    begun_at = visit.now
    exercise = visit.field("exercise") or None
    if exercise is not None and exercise not in place.released.settings.exercises:
        raise Refused(404, text("there is no such exercise"))
    notebook = place.notebook.filled(mine)

    def remember(report: GradeReport) -> None:
        if not unsaved:
            _remember(visit, place, report, begun_at)

    live, how = LiveCheck(), visit.request.query_params.get("as")
    try:
        await in_thread(visit.site.checker.check, visit.member.id, place.name, notebook, exercise, live.hear)
        if how == "stream":
            return verdicts.stream(visit, place, live, remember)
        report, shown = await live.finished()
    except UsageError as error:
        raise Refused(429, error.text) from error
    except AutograderError as error:
        raise Refused(503, verdicts.CANNOT_CHECK) from error
    await in_thread(remember, report)
    if how == "part":
        return await in_thread(verdicts.part, visit, place, report, shown)
    return await in_thread(lambda: _page(visit, place, report, shown=shown, unsaved=unsaved))


def hand_in(visit: Visit) -> Response:
    """Hand in the released notebook with the cells as they are."""
    visit.bound("hand in", visit.member.id, limits.HAND_IN)
    with visit.site.database.write() as session:
        place = places.readable(visit, session)
        content = place.notebook.filled(drafts.of(session, place.offering, visit.member) | _written(visit, place))
        received, is_new = _receive(visit, session, place, f"{place.name}.ipynb", content)
        unsaved = _keep(visit, session, place, received.received_at).unsaved if is_new else {}
        if unsaved:
            session.rollback()  # one chooses first
    if not unsaved:
        return _acknowledged(visit, place, received, is_new=is_new)
    with visit.site.database.write() as session:
        place = places.place(visit, session)
        take_turns(session, visit.member.id)
        unsaved = _keep(visit, session, place).unsaved
    return _page(visit, place, problem=text("not handed in: choose first which text counts"), unsaved=unsaved)


async def upload(visit: Visit) -> Response:
    """Hand in a file, byte for byte."""
    visit.bound("hand in", visit.member.id, limits.HAND_IN)
    file = visit.file("file")
    suffix = next((s for s in _UPLOADS if file is not None and str(file.filename).lower().endswith(s)), None)
    if file is None or suffix is None:
        raise Refused(400, text("choose a notebook (.ipynb) or a script (.py)"))
    content = await file.read()

    def keep() -> Response:
        with visit.site.database.write() as session:
            place = places.readable(visit, session)
            received, is_new = _receive(visit, session, place, f"{place.name}{suffix}", content)
        return _acknowledged(visit, place, received, is_new=is_new)

    return await in_thread(keep)


def _receive(visit: Visit, session: Session, place: Place, file: str, content: bytes) -> tuple[Submission, bool]:
    """Keep a file that was handed in, or find that this request only repeats the last one.

    Raises:
        Refused: it may not be handed in now.
    """
    given = visit.request.headers.get("idempotency-key") or visit.field("request_key")
    key = given if given.isprintable() and len(given) <= _LONGEST_KEY else ""
    take_turns(session, visit.member.id)
    if (before := submissions.repeated(session, place.offering, visit.member, key, content)) is not None:
        return before, False
    handed_in = submissions.of(session, place.offering, visit.member)
    reason = policies.why_not_hand_in(visit.viewer, place.offering, place.dates, handed_in, visit.now)
    if reason is not None:
        raise Refused(403, reason)
    return submissions.receive(session, place.offering, visit.member, file, content, key), True


def _acknowledged(visit: Visit, place: Place, received: Submission, *, is_new: bool) -> Response:
    """Answer only now, when everything is on disk: the submission, and the job of grading it."""
    visit.site.grader.wake()
    if visit.is_program:
        receipt = {
            "submission": received.id,
            "file": received.file,
            "sha256": received.sha256,
            "time": received.received_at.isoformat(timespec="seconds"),
            "late": place.dates.due_at is not None and received.received_at > place.dates.due_at,
            "page": visit.public(f"/submissions/{received.id}"),
        }
        return JSONResponse(receipt, 201 if is_new else 200)
    return visit.go(f"/submissions/{received.id}")


def download(visit: Visit) -> Response:
    """Give the notebook with what was written so far, to go on in Jupyter."""
    with visit.site.database.read() as session:
        place = places.place(visit, session)
        mine = drafts.of(session, place.offering, visit.member)
    return attachment(place.notebook.filled(mine), f"{place.name}.ipynb")


# -- what these share --------------------------------------------------------------------------------------------------


def _written(visit: Visit, place: Place) -> dict[str, str]:
    """Return what a form says of the cells that are the student's to write."""
    stubs = place.notebook.stubs
    given = {name.removeprefix(_CELL): value for name, value in visit.form.items() if name.startswith(_CELL)}
    return {
        cell: source.replace("\r\n", "\n")
        for cell, source in given.items()
        if cell in stubs and isinstance(source, str)
    }


def _keep(visit: Visit, session: Session, place: Place, at: datetime | None = None) -> Kept:
    """Keep what a form brings.

    Args:
        visit: who sends it.
        session: a writing one, in which nobody else changes their drafts.
        place: the assignment.
        at: when it was handed in, so that it has not changed since; by default it was not.
    """
    sources = _written(visit, place)
    sources.pop(visit.field("take"), None)
    if (cell := visit.field("restore")) in sources:
        sources[cell] = visit.field(_BEFORE + cell).replace("\r\n", "\n")
    chosen = visit.field("keep")
    bases = {cell: visit.field((_THERE if cell == chosen else _BASE) + cell) for cell in sources}
    written = {cell: Written(source, bases[cell] or None) for cell, source in sources.items()}
    return drafts.keep(session, place.offering, visit.member, written, place.notebook.stubs, at)


def _as_it_is(
    visit: Visit,
    session: Session,
    place: Place,
    kept: Kept,
    asked: Iterable[str],
    *,
    with_texts: bool = False,
) -> dict[str, Any]:
    """Return what is kept, for a script.

    Args:
        visit: who asks.
        session: any.
        place: the assignment.
        kept: what is there.
        asked: about which cells.
        with_texts: give the texts of all of them, instead of those which have kept others from being saved.
    """
    sources = place.notebook.stubs | kept.sources
    progress = Progress.of(place.notebook, checks.of(session, place.offering, visit.member), kept.changed_at)
    cells: dict[str, dict[str, Any]] = {}
    for cell in asked:
        cells[cell] = {"version": drafts.version(sources[cell])}
        if with_texts or cell in kept.unsaved:
            at = kept.changed_at.get(cell)
            cells[cell] |= {"source": sources[cell], "at": at.isoformat(timespec="seconds") if at else None}
    return {
        "cells": cells,
        "exercises": {one.name: [one.state, one.words.get(visit.language)] for one in progress.exercises},
        "progress": [progress.right, progress.words.get(visit.language)],
    }


def _remember(visit: Visit, place: Place, report: GradeReport, begun_at: datetime) -> None:
    """Keep what a check has given."""
    with visit.site.database.write() as session:
        checks.remember(session, place.offering, visit.member, report.exercises, begun_at)


def _is_for_script(visit: Visit) -> bool:
    return visit.request.query_params.get("as") == "json"
