"""Rows that nearly every request asks for, as objects that belong to no session and are only read.

SQLAlchemy takes several times as long for an object of a session as for the row that it is made of. Those who use this
keep the objects that they have made, by the rows' values, and ask the database every time whether a row has changed.
"""

from __future__ import annotations

from typing import TypeVar

from sqlalchemy.orm import make_transient_to_detached

from autograder.web.data.models import Base

MOST_KEPT = 4096
T = TypeVar("T", bound=Base)


def made(table: type[T], values: tuple[object, ...]) -> T:
    """Return an object for a row, given by the values of all columns in their order; its relationships are unknown."""
    names = (column.key for column in table.__table__.columns)
    found = table(**dict(zip(names, values, strict=True)))
    make_transient_to_detached(found)
    return found
