"""The database, on SQLite and on a PostgreSQL server of our own."""

import json
import threading
from datetime import UTC, datetime, timedelta

import postgres_server
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import column, create_engine, select, text
from sqlalchemy import table as sa_table
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from autograder.base.errors import UsageError
from autograder.base.i18n import same
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport
from autograder.web.data import (
    appeals,
    checks,
    drafts,
    events,
    explanations,
    jobs,
    offerings,
    people,
    quizzes,
    submissions,
)
from autograder.web.data.database import Database, migrate
from autograder.web.data.drafts import Written, version
from autograder.web.data.events import Wanted
from autograder.web.data.models import Base, Content, Event, FeedbackPolicy, Job, Kind, Role

AT_ONCE = {"opens_at": None, "due_at": None, "closes_at": None, "feedback": FeedbackPolicy.at_once}


OLD_ROWS = (
    "insert into person (id, login, name, joined_at) values (1, 'ann', 'Ann', '2026-03-01 00:00:00+00:00')",
    "insert into offering (id, assignment, due_at, feedback, cool_down_s) values (1, 'tiny', '2026-03-02 00:00:00+00:00', 'at_once', 0)",
    "insert into offering (id, assignment, feedback, cool_down_s) values (2, 'other', 'at_once', 0)",
    "insert into extension (person_id, offering_id, due_at) values (1, 1, '2026-03-09 00:00:00+00:00')",
    "insert into draft (person_id, offering_id, cell, source, saved_at) values (1, 1, 'double', 'x', '2026-03-01 00:00:00+00:00')",
    "insert into content (sha256, content) values ('a', 'b')",
    "insert into submission (id, person_id, offering_id, received_at, file, sha256) values (1, 1, 1, '2026-03-01 00:00:00+00:00', 'tiny.ipynb', 'a')",
    "insert into job (id, submission_id) values (1, 1)",
)  # fmt: skip
"""What a database of the first version may hold."""


@pytest.fixture(scope="module")
def postgres():
    with postgres_server.running() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'web.db'}"
    server = request.getfixturevalue("postgres")
    name = "db" + str(abs(hash(tmp_path)))
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"create database {name}"))
    engine.dispose()
    return server.replace("/postgres", f"/{name}")


@pytest.fixture
def database(address):
    opened = Database(address)
    yield opened
    opened.close()


@pytest.fixture
def course(database):
    """Ann, a student, and a published assignment."""
    with database.write() as session:
        ann = people.add(session, "ann", "Ann", "!", Role.student)
        return ann, offerings.publish(session, "tiny", by=ann, **AT_ONCE)


def a_report(student="ann", score=2.0):
    line = {
        "schema": 2, "student": student, "assignment": "tiny", "status": "graded", "score": 0.0, "max_score": 0.0,
        "exercises": [], "problems": [], "file": "tiny.ipynb", "submission_sha256": "", "rubric_sha256": "", "seed": "",
        "sandbox": "", "versions": {}, "duration_s": score,
    }  # fmt: skip
    return GradeReport.from_json(json.dumps(line))


def hand_in(database, course, content=b"{}"):
    with database.write() as session:
        return submissions.receive(session, course[1], course[0], "tiny.ipynb", content).id


def test_the_migrations_make_the_tables_that_the_models_describe(database, address):
    engine = create_engine(address)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_rows_of_the_first_tables_are_kept(address):
    engine = create_engine(address)
    with engine.begin() as connection:
        migrate(connection, to="1")
        connection.execute(
            text("insert into person (id, login, name, joined_at) values (1, 'ann', 'Ann', '2026-01-01')")
        )
        connection.execute(
            text("insert into offering (id, assignment, feedback, cool_down_s) values (1, 'tiny', 'at_once', 0)")
        )
        connection.execute(text("insert into draft values (1, 1, 'double', 'mine', '2026-01-01')"))
        content = sa_table("content", column("sha256"), column("content"))
        connection.execute(content.insert().values(sha256="a" * 64, content=b"{}"))
        connection.execute(
            text(
                "insert into submission (id, person_id, offering_id, received_at, file, sha256) "
                f"values (1, 1, 1, '2026-01-02', 'tiny.ipynb', '{'a' * 64}')"
            )
        )
    engine.dispose()
    opened = Database(address)
    with opened.read() as session:
        kept = submissions.by_id(session, 1)
        assert (kept.person.login, kept.file, kept.request_key) == ("ann", "tiny.ipynb", None)
        assert appeals.of(session, [1]) == {}
        assert drafts.of(session, kept.offering, kept.person) == {"double": "mine"}
        assert checks.of(session, kept.offering, kept.person) == []
        assert explanations.ever(session, kept.offering) == []
    opened.close()


def test_of_two_appeals_at_once_one_is_kept(database, course):
    number = hand_in(database, course)
    failures, go = [], threading.Barrier(2)

    def submit():
        go.wait()
        try:
            with database.write() as session:
                appeals.submit(session, submissions.by_id(session, number), "double.shape", "why", 0.0)
        except IntegrityError as error:
            failures.append(error)

    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) == 1
    with database.write() as session:
        ((kept,), count) = appeals.open_ones(session, 10)
        assert count == 1
        answers = [appeals.answer(session, kept.id, course[0], "yes", accepted=True, points=n) for n in (1.0, 2.0)]
        assert answers == [True, False]
        appeals.submit(session, kept.submission, "double.shape", "again", 1.0)  # once it is answered
        assert appeals.new_points(appeals.of(session, [number])[number]) == {"double.shape": 1.0}


def test_hand_ins_of_one_person_take_turns(database, course):
    ann, offering = course
    go, numbers = threading.Barrier(4), []

    def send():
        go.wait()
        with database.write() as session:
            submissions.take_turns(session, ann)
            before = submissions.repeated(session, offering, ann, "k", b"{}")
            received = before or submissions.receive(session, offering, ann, "tiny.ipynb", b"{}", "k")
            numbers.append(received.id)

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(numbers) == 4
    assert len(set(numbers)) == 1


FIRST_ROWS = """
insert into person (id, login, name, joined_at) values (7, 'ann', 'Ann', '2026-01-01 00:00:00');
insert into offering (id, assignment, feedback, attempts, cool_down_s) values (3, 'tiny', 'at_once', 2, 60);
insert into extension (person_id, offering_id, due_at) values (7, 3, '2026-02-01 00:00:00');
insert into draft (person_id, offering_id, cell, source, saved_at) values (7, 3, 'double', 'x', '2026-01-02 00:00:00');
insert into content (sha256, content) values ('abc', '{}');
insert into submission (id, person_id, offering_id, received_at, file, sha256)
    values (5, 7, 3, '2026-01-03 00:00:00', 'tiny.ipynb', 'abc');
insert into job (id, submission_id) values (1, 5);
insert into event (id, at, person_id, kind, about) values (7, '2026-01-02', 7, 'extended', 'tiny ann');
insert into event (id, at, person_id, kind, about) values (8, '2026-01-03', null, 'graded', '5')
"""


def test_what_the_first_schema_held_is_kept(address):
    engine = create_engine(address)
    with engine.begin() as connection:
        migrate(connection, "1")
        for statement in FIRST_ROWS.split(";"):
            connection.execute(text(statement))
    engine.dispose()
    opened = Database(address)
    with opened.read() as session:
        ann, offering = people.by_login(session, "ann"), offerings.by_name(session, "tiny")
        assert (offering.kind, offering.id, offering.attempts, offering.cool_down_s) == (Kind.assignment, 3, 2, 60)
        assert offerings.extensions(session, ann) == {3: datetime(2026, 2, 1, tzinfo=UTC)}
        assert drafts.of(session, offering, ann) == {"double": "x"}
        assert [(one.id, one.file) for one in submissions.of(session, offering, ann)] == [(5, "tiny.ipynb")]
        assert jobs.is_any_free(session)
        assert [(event.id, event.whom_id) for event in events.found(session, Wanted(), 9)] == [(8, None), (7, None)]
        assert [event.about for event in events.found(session, Wanted(person_id=ann.id), 9)] == ["tiny ann"]
    with opened.write() as session:
        assert offerings.publish(session, "tiny", by=ann, kind=Kind.quiz, **AT_ONCE).kind == Kind.quiz
    with pytest.raises(IntegrityError), opened.write() as session:  # references are heeded after migrating
        session.execute(text("delete from offering where id = 3"))
    opened.close()


def test_answers_and_the_outcome_of_an_attempt_are_kept_once(database, course):
    ann, _ = course
    with database.write() as session:
        offering = offerings.publish(session, "tiny", by=ann, kind=Kind.quiz, time_limit_s=60, **AT_ONCE)
        for _ in range(2):
            quizzes.begin(session, offering, ann, version=1)
        attempt = quizzes.open_one(session, offering, ann)
        for value in ("A", ["B", "组"]):
            quizzes.save(session, attempt, "one", value)
        for _ in range(3):
            quizzes.take_hint(session, attempt, "one", most=2)
        quizzes.count(session, attempt, "one", 1, "A")
        assert quizzes.unfinished(session, attempt.begun_at) == []
        assert [one.id for one in quizzes.unfinished(session, attempt.ends_at)] == [attempt.id]
    with database.write() as session:
        kept = [(one.seq, json.loads(one.value), one.hints) for one in quizzes.answers(session, attempt)]
        assert kept == [(0, ["B", "组"], 2), (1, "A", 0)]
        quizzes.finish(session, quizzes.by_id(session, attempt.id), "{}", attempt.ends_at)
    with database.write() as session:
        assert not quizzes.locked(session, attempt.id)
        assert [one.id for one in quizzes.unscored(session, 5)] == [attempt.id]
        for outcome in ("first", "second"):
            quizzes.keep_outcome(session, attempt.id, outcome)
    with database.read() as session:
        assert [one.outcome for one in quizzes.unwritten(session, 5)] == ["first"]
        assert quizzes.latest(session, ann)[offering.id].id == attempt.id


def test_opening_again_changes_nothing(database, address, course):
    again = Database(address)
    with again.read() as session:
        assert people.by_login(session, "ANN").name == "Ann"
    again.close()


def test_servers_that_start_at_once_make_the_tables_once(address):
    opened, go = [], threading.Barrier(4)

    def start():
        go.wait()
        opened.append(Database(address))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 4
    for one in opened:
        one.close()


def test_a_draft_is_the_last_one_saved_and_other_cells_stay(database, course):
    ann, offering = course
    for sources in ({"double": "1", "step": "a"}, {"double": "2"}):
        with database.write() as session:
            drafts.save(session, offering, ann, sources)
    with database.read() as session:
        assert drafts.of(session, offering, ann) == {"double": "2", "step": "a"}


def test_of_tabs_that_save_at_once_on_the_same_text_one_succeeds(database, course):
    ann, offering = course
    base, stubs, conflicts, go = version("stub"), {"double": "stub"}, [], threading.Barrier(4)

    def save(number):
        go.wait()
        with database.write() as session:
            written = {"double": Written(f"tab {number}", base)}
            conflicts.append(drafts.keep(session, offering, ann, written, stubs))

    threads = [threading.Thread(target=save, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, conflicts)) == [0, 1, 1, 1]


def test_a_text_that_stays_the_same_is_not_saved_again(database, course):
    ann, offering = course
    times = []
    for _ in range(2):
        with database.write() as session:
            drafts.keep(session, offering, ann, {"double": Written("1")}, {"double": "stub"})
            times.append(drafts.times(session, offering, ann))
            assert drafts.times_of_all(session, ann) == {offering.id: times[0]}
    assert times[0] == times[1]


def test_the_last_check_of_an_exercise_replaces_the_one_before(database, course):
    ann, offering = course
    now = datetime.now(UTC)
    for earned, outcome, expected in ((0, "failed", 0), (2, "passed", 2), (0, "error", 2)):
        criterion = CriterionResult(
            id="double.a", title=same("a"), points=2, earned=earned, outcome=outcome, visible=True, message=same(""),
        )  # fmt: skip
        exercise = ExerciseResult.of("double", same("Double"), (criterion,))
        with database.write() as session:
            checks.remember(session, offering, ann, a_report().model_copy(update={"exercises": (exercise,)}), now)
        with database.read() as session:
            (found,) = checks.of(session, offering, ann)
            assert (found.earned, found.max_score, found.checked_at) == (expected, 2.0, now)
    with database.read() as session:
        assert [check.exercise for check in checks.of_all(session, ann)[offering.id]] == ["double"]


def test_drafts_saved_at_once_do_not_fail(database, course):
    ann, offering = course
    failures = []

    def save(number):
        try:
            for turn in range(10):
                with database.write() as session:
                    drafts.save(session, offering, ann, {"double": f"{number} {turn}"})
        except SQLAlchemyError as error:
            failures.append(error)

    threads = [threading.Thread(target=save, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with database.read() as session:
        assert drafts.of(session, offering, ann)["double"].endswith(" 9")


def test_what_is_handed_in_is_kept_with_its_job_or_not_at_all(database, course):
    with pytest.raises(ZeroDivisionError), database.write() as session:
        submissions.receive(session, course[1], course[0], "tiny.ipynb", b"{}")
        _ = 1 / 0
    with database.read() as session:
        assert session.scalars(select(Job)).all() == []
    hand_in(database, course)
    with database.read() as session:
        assert len(session.scalars(select(Job)).all()) == 1
        assert [event.kind for event in session.scalars(select(Event))][-1] == "handed in"


def test_the_same_bytes_are_kept_once(database, course):
    numbers = [hand_in(database, course, content) for content in (b"a", b"a", b"b")]
    with database.read() as session:
        assert len(session.scalars(select(Content)).all()) == 2
        kept = [submissions.content(session, submissions.by_id(session, number)) for number in numbers]
    assert kept == [b"a", b"a", b"b"]


def test_graders_at_once_claim_different_jobs(database, course):
    with database.write() as session:
        students = [people.add(session, f"s{number}", "Name", None, Role.student) for number in range(20)]
    numbers = [hand_in(database, (student, course[1])) for student in students]
    claimed, go = [], threading.Barrier(4)

    def claim(name):
        go.wait()
        for _ in range(5):
            with database.write() as session:
                claimed.extend(jobs.claim(session, name, 2))

    threads = [threading.Thread(target=claim, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == numbers


def test_a_claim_that_is_not_renewed_runs_out(database, course):
    number = hand_in(database, course)
    with database.write() as session:
        assert jobs.claim(session, "one", 5) == [number]
        assert not jobs.is_any_free(session)
        session.scalars(select(Job)).one().leased_until = datetime.now(UTC) - timedelta(seconds=1)
    with database.write() as session:
        assert jobs.is_any_free(session)
        assert jobs.claim(session, "two", 5) == [number]
    with database.write() as session:
        jobs.renew(session, "two", [number])
        assert jobs.claim(session, "three", 5) == []
        jobs.release(session, "two")
        assert jobs.claim(session, "three", 5) == [number]


def test_the_first_report_stays(database, course):
    number = hand_in(database, course)
    for expected, score in ((True, 1.0), (False, 2.0)):
        with database.write() as session:
            assert submissions.keep_report(session, number, a_report(score=score)) is expected
    with database.read() as session:
        kept = submissions.by_id(session, number)
        assert GradeReport.from_json(kept.report.line).duration_s == 1.0
        assert session.scalars(select(Job)).all() == []


def test_what_could_not_be_judged_by_our_fault_is_tried_again_so_often_and_no_more(database, course):
    number, failed = hand_in(database, course), a_report().model_copy(update={"status": "error"})
    for pause in jobs.PAUSES:
        with database.write() as session:
            assert jobs.claim(session, "one", 5) == [number]
            assert not submissions.keep_report(session, number, failed)
            assert jobs.claim(session, "one", 5) == []
            wait = jobs.next_try(session, number) - datetime.now(UTC)
            assert pause - timedelta(seconds=5) < wait <= pause
            session.scalars(select(Job)).one().leased_until = datetime.now(UTC) - timedelta(seconds=1)
    with database.write() as session:
        assert submissions.keep_report(session, number, failed)
    with database.read() as session:
        assert submissions.by_id(session, number).report is not None
        assert jobs.next_try(session, number) is None


def test_a_report_after_a_failure_stays(database, course):
    number = hand_in(database, course)
    with database.write() as session:
        assert not submissions.keep_report(session, number, a_report().model_copy(update={"status": "error"}))
        assert submissions.keep_report(session, number, a_report())


def test_an_extension_counts_until_it_is_taken_back_and_the_gradebook_has_to_hear_of_both(database, course):
    ann, until = course[0], datetime.now(UTC) + timedelta(days=1)
    for change, expected in ((offerings.extend, {"ann": until}), (offerings.take_back, {"ann": None})):
        with database.write() as session:
            offering = offerings.by_name(session, "tiny")
            offerings.mark_written(session, offering)
            change(session, offering, ann, *([until] if change is offerings.extend else []), by=ann)
        with database.read() as session:
            offering = offerings.by_name(session, "tiny")
            assert offerings.extension(session, offering, ann) == expected["ann"]
            assert list(offerings.extensions(session, ann).values()) == [end for end in expected.values() if end]
            assert offerings.dates(session, offering) == (None, expected)
            assert [one.id for one in offerings.unwritten(session)] == [offering.id]


def test_what_the_first_version_has_kept_is_there_after_an_update(address):
    engine = create_engine(address)
    with engine.begin() as connection:
        migrate(connection, "1")
        for words in OLD_ROWS:
            connection.execute(text(words))
    engine.dispose()
    opened = Database(address)
    with opened.write() as session:
        ann = people.by_login(session, "ann")
        tiny, other = (offerings.by_name(session, name) for name in ("tiny", "other"))
        assert offerings.extension(session, tiny, ann) == datetime(2026, 3, 9, tzinfo=UTC)
        assert drafts.of(session, tiny, ann) == {"double": "x"}
        assert jobs.claim(session, "one", 5) == [1]
        # the page has a due date for one of them, which the gradebook has to hear of; its own for the other stays
        assert list(offerings.unwritten(session)) == [tiny]
        assert other.dates_written_at is not None
    opened.close()


def test_a_database_of_a_newer_version_is_refused(database, address):
    with database.write() as session:
        session.execute(text("update alembic_version set version_num = '9999'"))
    with pytest.raises(UsageError) as caught:
        Database(address)
    assert "newer version" in caught.value.text.en
    assert "--database" in caught.value.text.en


def test_only_the_last_of_several_hand_ins_counts(database, course):
    first, last = hand_in(database, course), hand_in(database, course)
    with database.write() as session:
        for number in (first, last):
            submissions.keep_report(session, number, a_report())
    with database.read() as session:
        waiting = submissions.unwritten(session, 10)
        assert [(s.id, submissions.is_superseded(session, s)) for s in waiting] == [(first, True), (last, False)]
    with database.write() as session:
        submissions.mark_written(session, [first, last])
    with database.read() as session:
        assert list(submissions.unwritten(session, 10)) == []


def test_two_logins_that_differ_in_case_are_one(database, course):
    with database.read() as session:
        assert people.by_login(session, "Ann").login == "ann"
    with pytest.raises(IntegrityError), database.write() as session:
        people.add(session, "ann", "Another", "!", Role.student)


def test_a_one_time_link_is_used_once(database, course):
    with database.write() as session:
        token = people.new_one_time_link(session, course[0])
    with database.write() as session:
        assert people.one_time_link(session, token).person_id == course[0].id
        assert [people.use_up(session, token), people.use_up(session, token)] == [True, False]
    with database.read() as session:
        assert people.one_time_link(session, token) is None


def test_secrets_are_kept_as_hashes(database, course, address):
    with database.write() as session:
        ann = people.by_login(session, "ann")
        secrets = [
            people.begin_session(session, ann),
            people.new_token(session, ann),
            people.new_one_time_link(session, ann),
        ]
    engine = create_engine(address)
    with engine.connect() as connection:
        kept = " ".join(str(row) for table in Base.metadata.sorted_tables for row in connection.execute(table.select()))
    engine.dispose()
    assert "ann" in kept
    assert not any(secret in kept for secret in secrets)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nonsense", "postgresql+psycopg://user@host/database"),
        ("sqlite:////no/such/folder/file.db", "--database"),
        ("postgresql+psycopg://me:secret@127.0.0.1:9/db", "me:***@127.0.0.1:9"),
        ("postgresql+nothing://me@127.0.0.1/db", "postgresql+psycopg://"),
    ],
)
def test_a_database_that_cannot_be_used_is_refused_in_words(address, words):
    with pytest.raises(UsageError) as caught:
        Database(address)
    assert words in caught.value.text.en
    assert "secret" not in caught.value.text.en
