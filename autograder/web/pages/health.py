"""Whether the server can work, and what it has counted, for those who watch it."""

from __future__ import annotations

import asyncio
import sys

from sqlalchemy import text as sql
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from autograder.base.i18n import text
from autograder.web import policies
from autograder.web.metrics import CONTENT_TYPE
from autograder.web.protection import host_in
from autograder.web.visit import Refused, Visit, in_thread

_PATIENCE_S = 5.0
_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


async def health(visit: Visit) -> Response:
    """Say whether requests should come to this server: it answers, and so does its database.

    It has not started where students' code cannot be confined, and once it stops it does not answer. A broken rubric or
    a cluster that is away does not count: it is so for every server, and all of them would be left out at once.
    """
    try:
        await asyncio.wait_for(in_thread(_ask_database, visit), _PATIENCE_S)
    except (SQLAlchemyError, TimeoutError) as error:
        print(f"autograder: {error}", file=sys.stderr, flush=True)
        return JSONResponse({"status": "the database does not answer"}, 503)
    return JSONResponse({"status": "ok"})


def _ask_database(visit: Visit) -> None:
    with visit.site.database.read() as session:
        session.execute(sql("select 1"))


def metrics(visit: Visit) -> Response:
    """Give the counters, to Prometheus alone: for anybody else there is no such page."""
    headers = visit.request.headers
    may = policies.may_watch(
        visit.address,
        host_in(headers.get("host", "")),
        is_forwarded=any(name in headers for name in _FORWARDED),
        token=headers.get("authorization", "").partition(" ")[2].strip(),
        right_token=visit.site.metrics_token,
    )
    if not may:
        raise Refused(404, text("there is no such page"))
    return Response(visit.site.metrics.text(), media_type=CONTENT_TYPE)
