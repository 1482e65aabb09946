"""The databases that pages are tested on: SQLite, and a PostgreSQL server of our own, one for all tests of a process."""

from collections.abc import Iterator

import postgres_server
import pytest
from databases import POSTGRESQL, SQLITE
from postgres_server import Server

from autograder.web.data.database import Database
from autograder.web.pages import submission


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with postgres_server.running() as server:
        yield server


@pytest.fixture(scope="session")
def migrated(postgres: Server) -> str:
    """Make a database with our tables, of which others are copies; return its name."""
    Database(postgres.create("migrated")).close()
    return "migrated"


@pytest.fixture(scope="module", params=[SQLITE, POSTGRESQL])
def address(request: pytest.FixtureRequest) -> str | None:
    """Return where the tables of a module's course are: in a new database, or for None in the course's own file."""
    if request.param == SQLITE:
        return None
    server: Server = request.getfixturevalue("postgres")
    return server.create(template=request.getfixturevalue("migrated"))


@pytest.fixture(autouse=True)
def _looks_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait shortly for results in pages that are asked without a server, whose loop would be told of them."""
    monkeypatch.setattr(submission, "_LOOK_EVERY_S", 0.2)
