"""Whether the server can work, for those who watch it."""

from __future__ import annotations

import sys

from sqlalchemy import text as sql
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import JSONResponse, Response

from autograder.web.visit import Visit


def health(visit: Visit) -> Response:
    """Say whether the database answers."""
    try:
        with visit.site.database.read() as session:
            session.execute(sql("select 1"))
    except SQLAlchemyError as error:
        print(f"autograder: {error}", file=sys.stderr, flush=True)
        return JSONResponse({"status": "the database does not answer"}, 503)
    return JSONResponse({"status": "ok"})
