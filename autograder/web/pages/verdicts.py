"""What a check has found, as a part of the assignment's page: once it is all there, or as it comes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence

from starlette.responses import Response, StreamingResponse

from autograder.base.errors import AutograderError
from autograder.base.i18n import text
from autograder.results.grade_report import GradeReport
from autograder.results.shown import Shown
from autograder.web import explanations
from autograder.web.live import LiveCheck, SoFar
from autograder.web.pages import places
from autograder.web.pages.places import Place
from autograder.web.visit import Visit, in_thread

CANNOT_CHECK = text("this cannot be checked at the moment; your work is saved")
_STARTS = text(
    "The engine is starting: it loads PyTorch and tries the criteria on a solution, which takes some seconds …"
)
_WAITS = text("Waiting for a free place …")


def part(visit: Visit, place: Place, report: GradeReport, shown: Sequence[Shown]) -> Response:
    """Return what a check has found, without the page around it."""
    said = explanations.of_check(visit.site.database, place.offering, report, visit.language)
    return visit.page(
        "verdict.html", report=report, shown=shown, worth=place.notebook.worth, said=said, **places.VERDICTS
    )


def stream(visit: Visit, place: Place, live: LiveCheck, remember: Callable[[GradeReport], None]) -> Response:
    """Return what a check finds as it finds it: lines of JSON, each with all that there is to show by then.

    The last one has what `part` returns; `remember` is called before the line that has the report. If the reader goes
    away, the check goes on to its end, and nobody hears of it.
    """

    async def lines() -> AsyncIterator[str]:
        try:
            if not visit.site.checker.is_warm(place.name):
                yield await in_thread(_line, visit, place, SoFar())
            is_remembered = False
            async for so_far in live.steps():
                if so_far.report is not None and not is_remembered:
                    await in_thread(remember, so_far.report)
                    is_remembered = True
                yield await in_thread(_line, visit, place, so_far)
        except AutograderError:
            yield json.dumps({"error": CANNOT_CHECK.get(visit.language)}) + "\n"

    # a proxy that collects an answer before it passes it on would bring all of it at once
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers={"x-accel-buffering": "no"})


def _line(visit: Visit, place: Place, so_far: SoFar) -> str:
    if so_far.report is not None:
        answer = part(visit, place, so_far.report, so_far.shown or ())
    else:
        waits_for = _WAITS if visit.site.checker.is_warm(place.name) else _STARTS
        answer = visit.page("judging.html", so_far=so_far, waits_for=waits_for, **places.VERDICTS)
    said = {
        "part": bytes(answer.body).decode(),
        "is_judged": so_far.report is not None,
        "is_whole": so_far.shown is not None,
    }
    return json.dumps(said, ensure_ascii=False) + "\n"
