"""The base of every record that is written to a file or read from one."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Values that are checked when they are read and never change; an unknown key is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
