"""The base of every record that is written to a file or read from one."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A record that is checked when it is read, never changes and refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)
