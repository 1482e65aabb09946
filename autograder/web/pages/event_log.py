"""The event log: who did what when."""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from urllib.parse import urlencode

from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.web.data import events, offerings, people
from autograder.web.data.events import Wanted
from autograder.web.data.models import Event, Kind
from autograder.web.pages.event_words import WORDS
from autograder.web.visit import Visit

_A_PAGE = 100
_SHA256 = re.compile(r"\b[0-9a-f]{64}\b")
_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?\+00:00")


def event_log(visit: Visit) -> Response:
    """Show what happened, the newest first: everything, or what is about one person, one offering, of one kind."""
    login = visit.request.query_params.get("person", "").replace("\0", "").strip()
    with visit.site.database.read() as session:
        wanted, is_known = _wanted(visit, session, login)
        found = list(events.found(session, wanted, _A_PAGE + 1)) if is_known else []
        published = [one for kind in Kind for one in offerings.all_of_them(session, kind)]
    older = _address(visit, replace(wanted, before=found[_A_PAGE - 1].id), login) if len(found) > _A_PAGE else None
    return visit.page(
        "event_log.html",
        events=found[:_A_PAGE],
        words=WORDS,
        kinds=sorted(WORDS, key=lambda kind: WORDS[kind].get(visit.language)),
        offerings=published,
        wanted=wanted,
        login=login,
        is_known=is_known,
        details=partial(details, visit),
        older=older,
        newest=_address(visit, replace(wanted, before=None), login) if wanted.before is not None else None,
    )


def details(visit: Visit, event: Event) -> str:
    """Return what an event says beside whom and what it is about, with times in the reader's zone."""
    named = {event.whom.login if event.whom else "", event.offering.assignment if event.offering else ""} - {""}
    words = event.about.split(" ")
    while words and words[0].rstrip(",") in named:
        words = words[1:]
    short = _SHA256.sub(lambda found: found[0][:12] + "…", " ".join(words))
    return in_the_readers_zone(visit, short)


def in_the_readers_zone(visit: Visit, words: str) -> str:
    """Return words with the times in them as their reader has them."""
    return _TIME.sub(lambda found: visit.plain_time(datetime.fromisoformat(found[0])), words)


def _wanted(visit: Visit, session: Session, login: str) -> tuple[Wanted, bool]:
    """Return what is looked for, and whether there is such a person."""
    person = people.by_login(session, login) if login else None
    kind = visit.request.query_params.get("kind", "")
    return Wanted(
        person_id=None if person is None else person.id,
        kind=kind if kind in WORDS else None,
        offering_id=_number(visit, "offering"),
        before=_number(visit, "before"),
    ), not login or person is not None


def _number(visit: Visit, name: str) -> int | None:
    words = visit.request.query_params.get(name, "")
    return int(words) if words.isascii() and words.isdecimal() and len(words) < 18 else None


def _address(visit: Visit, wanted: Wanted, login: str) -> str:
    asked = asdict(wanted)
    values = {"person": login, "kind": asked["kind"], "offering": asked["offering_id"], "before": asked["before"]}
    return visit.at("/class/events") + "?" + urlencode({name: value for name, value in values.items() if value})
