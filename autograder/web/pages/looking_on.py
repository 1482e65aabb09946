"""Staff look at pages as one student sees them; nothing is done in the student's name."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from autograder.base.i18n import text
from autograder.web import policies
from autograder.web.data import events, people
from autograder.web.data.models import Role
from autograder.web.visit import Refused, Visit

_RECORDED_AGAIN_AFTER = timedelta(hours=1)


def as_student(visit: Visit) -> Visit:
    """Return the visit as if the student came whom the path names; the event log says who looked.

    Raises:
        Refused: there is no such student.
    """
    reader, number = visit.member, visit.request.path_params["person"]
    with visit.site.database.read() as session:
        student = people.by_id(session, number)
        role = None if student is None or student.enrolment is None else Role(student.enrolment.role)
        if student is None or not policies.may_look_as(visit.viewer, role):
            raise Refused(404, text("there is no such person"))
        doing = {"person_id": reader.id, "whom_id": number}
        is_recorded = events.happened_since(session, _KIND, _RECORDED_AGAIN_AFTER, **doing)
    if not is_recorded:
        with visit.site.database.write() as session:
            events.record(session, _KIND, **doing)
    return replace(visit, person=student, reader=reader)


_KIND = "looked as a student"
