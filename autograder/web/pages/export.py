"""Scores for other systems, as `autograder export` writes them."""

from __future__ import annotations

import base64
import re
from contextlib import suppress

from starlette.responses import Response

from autograder.base.errors import AutograderError, ConfigError, UsageError
from autograder.base.i18n import Text, text
from autograder.lms.formats import REPORTS, ROSTERS, RUNNERS, ScoreFormat
from autograder.web import exports, limits
from autograder.web.data import events, filled_rosters, submissions
from autograder.web.exports import Exported, Wanted
from autograder.web.pages.export_words import FIELDS, FORMATS, without_options
from autograder.web.visit import Refused, Visit, attachment, in_thread

_LONGEST_NAME = 60
"""In characters, each of which takes up to four of the 255 bytes that a file's name has."""
_SAFE = re.compile(r"[^\w.() -]")


def export(visit: Visit, problem: Text | None = None) -> Response:
    """Show what can be exported.

    Args:
        visit: the request.
        problem: why what was just wanted could not be made.
    """
    return _page(visit, problem, None, None)


def _page(visit: Visit, problem: Text | None, filled: Exported | None, number: int | None) -> Response:
    with visit.site.database.read() as session:
        unwritten = submissions.unwritten_count(session)
    done = None if filled is None else filled.done
    return visit.page(
        "export.html",
        200 if problem is None else 400,
        problem=problem,
        tables=[(one.value, FORMATS[one]) for one in ScoreFormat if one not in (*REPORTS, *RUNNERS)],
        reports=[(one.value, FORMATS[one]) for one in REPORTS],
        runners=[(one.value, FORMATS[one]) for one in RUNNERS],
        names=_names(visit),
        languages=visit.languages,
        unwritten=unwritten,
        has_gradebook=visit.site.grader.publisher.has_gradebook,
        filled=filled,
        done=done,
        fields=FIELDS,
        in_words=without_options,
        number=number,
        asked={name: visit.field(name) for name in ("to", "assignment", "language", "column")},
        is_checked={name for name in ("new_column", "scale", "overwrite") if visit.field(name)},
    )


def _names(visit: Visit) -> list[str]:
    """Return the assignments and quizzes that have scores, or can have them."""
    names = {name: None for name in visit.site.course.names()}
    with suppress(AutograderError):  # the export itself says what is wrong
        names |= {name: None for name in visit.site.grader.publisher.known_dates()}
    return sorted(names)


async def make(visit: Visit) -> Response:
    """Give a file to be saved; of a roster say first what was done to it."""
    roster = await _uploaded(visit)
    try:
        return await in_thread(_made, visit, roster)
    except ConfigError as error:
        return await in_thread(export, visit, error.located(visit.site.course.root))
    except AutograderError as error:
        return await in_thread(export, visit, without_options(error.text))


async def _uploaded(visit: Visit) -> bytes | None:
    """Return the roster of a form.

    Raises:
        Refused: it is too large.
    """
    if (file := visit.file("roster")) is None:
        return None
    content = await file.read(exports.MOST_BYTES + 1)
    if len(content) > exports.MOST_BYTES:
        raise Refused(413, text("this file is larger than {most} MB", most=exports.MOST_BYTES >> 20))
    return content or None


def _made(visit: Visit, roster: bytes | None) -> Response:
    wanted = _wanted(visit, roster)
    if wanted.to in RUNNERS:
        visit.bound("export", visit.member.id, limits.CHECK)
        exported = exports.make(visit.site.course, wanted)
    else:
        exported = visit.site.grader.publisher.export(wanted)
    about = f"{wanted.to} {wanted.assignment or '*'}"
    kind = "exported scores" if exported.done is None else "filled a roster"
    with visit.site.database.write() as session:
        events.record(session, kind, about, person_id=visit.member.id)
        if exported.done is not None:
            number = filled_rosters.keep(session, visit.member, _name_of(visit, exported.file), exported.content)
    if exported.done is None:
        return attachment(exported.content, exported.file)
    return _page(visit, None, exported, number)


def _wanted(visit: Visit, roster: bytes | None) -> Wanted:
    """Return what a form asks for.

    Raises:
        Refused: it names no format, assignment or language that there is.
        UsageError: a roster came with a format that takes none, or options without a roster.
    """
    try:
        to = ScoreFormat(visit.field("to"))
    except ValueError:
        raise Refused(400, text("this form cannot be read")) from None
    assignment = visit.field("assignment") or None
    if assignment is not None and assignment not in _names(visit):
        raise Refused(404, text("there is no such assignment"))
    if (language := visit.field("language") or visit.languages[0]) not in visit.languages:
        raise Refused(400, text("this form cannot be read"))
    if roster is not None and to not in ROSTERS:
        raise UsageError(text("only files of Canvas and Moodle can be filled: choose one of these formats"))
    return Wanted(
        to=to.value,
        assignment=assignment,
        language=language,
        roster=None if roster is None else base64.b64encode(roster).decode(),
        roster_name=_name_of(visit, exports.ROSTER),
        column=visit.field("column").strip()[:300] or None,
        new_column=bool(visit.field("new_column")),
        scale=bool(visit.field("scale")),
        overwrite=bool(visit.field("overwrite")),
    )


def _name_of(visit: Visit, usual: str) -> str:
    """Return the name that the uploaded file had, as far as a name of a file can be."""
    file = visit.file("roster")
    name = _SAFE.sub("_", (file.filename if file is not None else None) or "").lstrip(". ")[-_LONGEST_NAME:]
    return name or usual


def filled(visit: Visit) -> Response:
    """Give back a roster that was filled for the person who asks."""
    with visit.site.database.read() as session:
        found = filled_rosters.of(session, visit.member, visit.request.path_params["number"])
    if found is None:
        raise Refused(404, text("this file is not kept any more: fill it again"))
    return attachment(found.content, found.file)
