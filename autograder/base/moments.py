"""Moments such as due dates: read with their time zone, shown in that of whoever reads them."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from autograder.base.i18n import Text, same, text
from autograder.base.yaml_records import mistake


def _with_zone(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise _without_zone(moment)
    return moment


def _with_time(given: object) -> object:
    """Refuse a date alone, which would be its first minute: who writes one means its end."""
    try:
        day = date.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        return given
    if day is not None:
        raise _without_zone(datetime.combine(day, time(23, 59)))
    return given


def _without_zone(moment: datetime) -> PydanticCustomError:
    example = moment.astimezone().isoformat(" ", "minutes")
    return mistake(text("a time needs its time zone, since students may be in another: {example}", example=example))


Moment = Annotated[datetime, AfterValidator(_with_zone), BeforeValidator(_with_time)]
"""A time in a file, such as ``2026-12-01 23:59+08:00``."""


def local(moment: datetime) -> Text:
    """Return a moment in the time zone of this machine.

    >>> import os, time; from datetime import UTC
    >>> os.environ["TZ"] = "Asia/Shanghai"; time.tzset()
    >>> local(datetime(2026, 12, 1, 15, 59, tzinfo=UTC)).en
    '2026-12-01 23:59 (UTC+08:00)'
    >>> del os.environ["TZ"]; time.tzset()
    """
    return same(f"{moment.astimezone():%Y-%m-%d %H:%M} ({zone(moment)})")


def zone(moment: datetime) -> str:
    """Return how far this machine's clock is from UTC at that moment, such as ``UTC+08:00``."""
    return "UTC" + moment.astimezone().isoformat()[-6:]


def time_left(due: datetime, now: datetime) -> Text:
    """Return how long it is until something is due, or how late it is.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 12, 1, 12, tzinfo=UTC)
    >>> time_left(noon + timedelta(days=2, hours=3, minutes=4), noon).en
    '2 d 3 h left'
    >>> time_left(noon, noon + timedelta(minutes=5)).zh
    '已逾期 5 分钟'
    """
    if now > due:
        return text("{time} late", time=_duration(now - due))
    return text("{time} left", time=_duration(due - now))


def _duration(time: timedelta) -> Text:
    minutes = int(time.total_seconds()) // 60
    hours, days = minutes // 60, minutes // 1440
    if days:
        return text("{days} d {hours} h", days=days, hours=hours % 24)
    if hours:
        return text("{hours} h {minutes} min", hours=hours, minutes=minutes % 60)
    return text("{minutes} min", minutes=minutes) if minutes else text("less than a minute")
