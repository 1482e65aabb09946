"""What many ask of the database at the same time: one transaction, each for themselves."""

import asyncio
import threading
import time
from contextlib import contextmanager
from functools import partial

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from web_course import until

from autograder.web.data import events, people
from autograder.web.data.database import Database, InTurn
from autograder.web.data.models import Event, Person, Role
from autograder.web.data.together import Together


@pytest.fixture
def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path / 'web.db'}")
    yield opened
    opened.close()


@pytest.fixture
def address(postgres, migrated):
    """Return where a PostgreSQL database is."""
    return postgres.create(template=migrated)


@pytest.fixture(params=["database", "address"])
def either(request):
    """Return a database, SQLite and then PostgreSQL."""
    found = request.getfixturevalue(request.param)
    opened = found if isinstance(found, Database) else Database(found)
    yield opened
    opened.close()


def kinds(database):
    with database.read() as session:
        return set(session.scalars(select(Event.kind)))


def test_who_asks_while_others_are_written_shares_a_transaction(database):
    opened = []

    @contextmanager
    def counted(_):
        with database.write() as session:
            opened.append(session)
            yield session

    async def ask():
        together = Together(counted, at_once=None)
        with database.write() as session:  # nobody else can write meanwhile
            session.connection()
            tasks = [
                asyncio.ensure_future(together.do(lambda s, n=n: events.record(s, str(n)) or n)) for n in range(40)
            ]
            await asyncio.sleep(0)
        results = await asyncio.gather(*tasks)
        together.close()
        return results

    assert asyncio.run(ask()) == list(range(40))
    assert kinds(database) == {str(number) for number in range(40)}
    assert len(opened) <= 3


def test_what_one_raises_undoes_what_they_did_and_nobody_elses(either):
    def fail(session):
        events.record(session, "wrong")
        session.flush()
        raise KeyError("mine")

    def count(session):
        return session.scalar(select(func.count()).select_from(Event))

    def cannot(session):
        session.execute(text("select nothing from nowhere"))

    async def ask():
        changes = [lambda s: events.record(s, "first"), fail, cannot, count, lambda s: events.record(s, "last")]
        return await asyncio.gather(*map(together.do, changes), return_exceptions=True)

    together = Together(lambda _: either.write(), at_once=1 if "postgresql" in either.shown else None)
    first, failed, refused, counted, last = asyncio.run(ask())
    together.close()
    assert (first, counted, last) == (None, 1, None)
    assert isinstance(failed, KeyError)
    assert isinstance(refused, SQLAlchemyError)
    assert kinds(either) == {"first", "last"}


def test_two_servers_that_change_the_same_people_take_turns(address):
    servers = [Database(address) for _ in range(2)]
    with servers[0].write() as session:
        numbers = [people.add(session, f"s{n}", "S", "!", Role.student).id for n in range(12)]

    def add(session, number):
        session.get_one(Person, number).name += "+"

    async def ask(server, order):
        await asyncio.gather(*(server.change(n, partial(add, number=n)) for _ in range(5) for n in order))

    orders = (numbers, numbers[::-1])  # each would wait for the other without an order of its own
    threads = [threading.Thread(target=asyncio.run, args=(ask(*one),)) for one in zip(servers, orders, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with servers[0].read() as session:
        assert {person.name for person in people.everybody(session)} == {"S" + 10 * "+"}
    for server in servers:
        server.close()


def test_who_asks_hears_what_is_so_now(either):
    with either.write() as session:
        ann = people.add(session, "ann", "Ann", "!", Role.student)
        key, token = people.begin_session(session, ann), people.new_token(session, ann)

    def ask():
        async def look():
            by_key = await either.look(lambda s: people.of_session(s, key))
            return [by_key, await either.look(lambda s: people.of_token(s, token))]

        return asyncio.run(look())

    assert [(one.login, one.enrolment.role) for one in ask()] == 2 * [("ann", Role.student)]
    with either.write() as session:
        people.give_role(session, session.get_one(Person, ann.id), Role.grader, by=ann)
    assert [one.enrolment.role for one in ask()] == 2 * [Role.grader]
    with either.write() as session:
        people.remove(session, [session.get_one(Person, ann.id)], by=ann)
    assert ask() == [None, None]


def test_a_database_that_was_started_again_is_asked_as_before(address):
    servers = [Database(address) for _ in range(2)]
    assert [kinds(server) for server in servers] == [set(), set()]
    with servers[1].write() as session:
        others = "datname = current_database() and pid <> pg_backend_pid()"
        session.execute(text(f"select pg_terminate_backend(pid) from pg_stat_activity where {others}"))
    rests_until = time.monotonic() + 1.1
    until(lambda: time.monotonic() > rests_until)
    assert kinds(servers[0]) == set()
    for server in servers:
        server.close()


def test_everybody_hears_that_a_transaction_failed(database):
    @contextmanager
    def full(_):
        with database.write() as session:
            yield session
            raise OSError("the disk is full")

    async def ask():
        together = Together(full, at_once=None)
        asked = [together.do(lambda s: events.record(s, "lost")) for _ in range(3)]
        results = await asyncio.gather(*asked, return_exceptions=True)
        together.close()
        return results

    assert [str(error) for error in asyncio.run(ask())] == ["the disk is full"] * 3
    assert kinds(database) == set()


def test_each_loop_gets_its_own_answers(database):
    """As the pages of two servers in one process."""
    results = {}

    def serve(name):
        async def ask():
            return await asyncio.gather(*(database.change(1, lambda s, n=n: f"{name}{n}") for n in range(10)))

        results[name] = asyncio.run(ask())

    threads = [threading.Thread(target=serve, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert results == {name: [f"{name}{n}" for n in range(10)] for name in "ab"}


def test_threads_get_the_lock_in_the_order_in_which_they_ask():
    lock, order = InTurn(), []

    def take(number):
        with lock:
            order.append(number)

    threads = [threading.Thread(target=take, args=(number,)) for number in range(5)]
    with lock:
        for number, thread in enumerate(threads):
            thread.start()
            while lock.waiting <= number:  # until it has asked
                threading.Event().wait(0.001)
        assert order == []
    for thread in threads:
        thread.join(60)
    assert order == list(range(5))
