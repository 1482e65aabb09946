"""What many ask of the database at the same time: one transaction, each for themselves."""

import asyncio
import threading
from contextlib import contextmanager

import pytest
from sqlalchemy import func, select

from autograder.web.data import events
from autograder.web.data.database import Database, InTurn
from autograder.web.data.models import Event
from autograder.web.data.together import Together


@pytest.fixture
def database(tmp_path):
    opened = Database(f"sqlite:///{tmp_path / 'web.db'}")
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


def test_what_one_raises_undoes_what_they_did_and_nobody_elses(database):
    def fail(session):
        events.record(session, "wrong")
        session.flush()
        raise KeyError("mine")

    def count(session):
        return session.scalar(select(func.count()).select_from(Event))

    async def ask():
        changes = [lambda s: events.record(s, "first"), fail, count, lambda s: events.record(s, "last")]
        return await asyncio.gather(
            *(database.change(n, change) for n, change in enumerate(changes)), return_exceptions=True
        )

    first, failed, counted, last = asyncio.run(ask())
    assert (first, counted, last) == (None, 1, None)
    assert isinstance(failed, KeyError)
    assert kinds(database) == {"first", "last"}


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
