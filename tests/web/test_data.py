"""The database, on SQLite and on a PostgreSQL server of our own."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import column, create_engine, select, text
from sqlalchemy import table as sa_table
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from autograder.base.errors import UsageError
from autograder.base.i18n import same
from autograder.lms.class_lists import Listed
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport
from autograder.web.data import (
    appeals,
    checks,
    drafts,
    events,
    explanations,
    jobs,
    ledger,
    offerings,
    overrides,
    people,
    quizzes,
    regradings,
    rosters,
    submissions,
)
from autograder.web.data.database import Database, migrate, take_turns
from autograder.web.data.drafts import Written, version
from autograder.web.data.events import Wanted
from autograder.web.data.models import Base, Content, Event, FeedbackPolicy, Job, Kind, Person, Role
from autograder.web.data.regradings import Progress, Refusal

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


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request, tmp_path):
    """Return the address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'web.db'}"
    return request.getfixturevalue("postgres").create()


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request, tmp_path):
    """Return the address of one with the present tables, once it is opened."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'web.db'}"
    return request.getfixturevalue("postgres").create(template=request.getfixturevalue("migrated"))


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


def test_the_migrations_make_the_tables_that_the_models_describe(empty):
    Database(empty).close()
    engine = create_engine(empty)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    engine.dispose()


def test_rows_of_the_first_tables_are_kept(empty):
    engine = create_engine(empty)
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
    opened = Database(empty)
    with opened.read() as session:
        kept = submissions.by_id(session, 1)
        assert (kept.person.login, kept.file, kept.request_key) == ("ann", "tiny.ipynb", None)
        assert appeals.of(session, [1]) == {}
        assert drafts.of(session, kept.offering, kept.person) == {"double": "mine"}
        assert checks.of(session, kept.offering, kept.person) == []
        assert explanations.ever(session, kept.offering) == []
        assert overrides.of(session, kept.offering, kept.person) == []
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
            take_turns(session, ann.id)
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


def test_what_the_first_schema_held_is_kept(empty):
    engine = create_engine(empty)
    with engine.begin() as connection:
        migrate(connection, "1")
        for statement in FIRST_ROWS.split(";"):
            connection.execute(text(statement))
    engine.dispose()
    opened = Database(empty)
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


def test_overrides_are_added_and_the_last_counts(database, course):
    ann, offering = course
    with database.write() as session:
        by = people.add(session, "gina", "Gina", "!", Role.grader)

    def give(points, seen=None, cell="test_one"):
        with database.write() as session:
            take_turns(session, ann.id)
            return overrides.give(session, offering, ann, cell, points, f"{points}", by=by, seen=seen)

    def history():
        with database.read() as session:
            return overrides.of(session, offering, ann)

    def to_follow():
        with database.read() as session:
            return [one.points for one in overrides.to_follow(session)]

    give(1.0, seen=0.5)
    give(2.0, seen=1.0)
    give(9.0, cell="other")
    assert {cell: one.points for cell, one in overrides.current(history()).items()} == {"test_one": 2.0, "other": 9.0}
    assert overrides.original(history(), "test_one") == 0.5
    assert to_follow() == [1.0, 2.0, 9.0]
    with database.write() as session:
        for one in history():
            overrides.mark_written(session, one)
    assert to_follow() == [2.0, 9.0]  # what counts is compared again and again
    with database.write() as session:
        number = submissions.receive(session, offering, ann, "tiny.ipynb", b"{}").id
    assert to_follow() == []  # until the gradebook has what was handed in
    with database.read() as session:
        assert overrides.needing_a_look(session) == {(offering.id, ann.id): 2}
    with database.write() as session:
        submissions.keep_report(session, number, a_report())
        submissions.mark_written(session, {number: submissions.by_id(session, number).report.line})
    give(None, seen=2.0)
    assert to_follow() == [9.0, None]
    assert list(overrides.current(history())) == ["other"]
    assert overrides.before(history(), history()[-1]).points == 2.0
    give(3.0)
    assert overrides.original(history(), "test_one") is None
    with database.write() as session:
        overrides.mark_overtaken(session, history()[-1])
    assert list(overrides.current(history())) == ["other"]
    assert [one.points for one in history()] == [1.0, 2.0, 9.0, None, 3.0]


def test_opening_again_changes_nothing(database, address, course):
    again = Database(address)
    with again.read() as session:
        assert people.by_login(session, "ANN").name == "Ann"
    again.close()


def test_servers_that_start_at_once_make_the_tables_once(empty):
    opened, go = [], threading.Barrier(4)

    def start():
        go.wait()
        opened.append(Database(empty))

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
            take_turns(session, ann.id)
            written = {"double": Written(f"tab {number}", base)}
            conflicts.append(drafts.keep(session, offering, ann, written, stubs).unsaved)

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


def exercise_with(earned, outcome="failed"):
    criterion = CriterionResult(
        id="double.a", title=same("a"), points=2, earned=earned, outcome=outcome, visible=True, message=same(""),
    )  # fmt: skip
    return ExerciseResult.of("double", same("Double"), (criterion,))


def test_the_last_check_of_an_exercise_replaces_the_one_before(database, course):
    ann, offering = course
    now = datetime.now(UTC)
    for earned, outcome, expected in ((0, "failed", 0), (2, "passed", 2), (0, "error", 2)):
        exercise = exercise_with(earned, outcome)
        with database.write() as session:
            checks.remember(session, offering, ann, [exercise], now)
        with database.read() as session:
            (found,) = checks.of(session, offering, ann)
            assert (found.earned, found.max_score, found.checked_at) == (expected, 2.0, now)
    with database.write() as session:  # a report on what was handed in before comes late
        checks.remember(session, offering, ann, [exercise_with(0)], now - timedelta(seconds=1))
        (found,) = checks.of(session, offering, ann)
        assert (found.earned, found.checked_at) == (2.0, now)
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


def regrade(database, offering, rubric="new"):
    """Begin to grade again; reports by this rubric hold."""
    with database.write() as session:
        found = regradings.begin(session, offering, session.get(Person, 1), rubric)
        regradings.include(session, found, lambda report: report.rubric_sha256 == rubric)
    return found


def graded(database, course, rubric="old", score=1.0):
    number = hand_in(database, course)
    report = a_report(score=score).model_copy(update={"rubric_sha256": rubric})
    with database.write() as session:
        submissions.keep_report(session, number, report)
        submissions.mark_written(session, {number: report.to_json()})
    return number


def accept(database, found, rubric="new"):
    with database.write() as session:
        return regradings.accept(session, found.id, session.get(Person, 1), "why", rubric_sha256=rubric)


def test_the_report_of_a_regrading_counts_once_it_is_accepted_and_the_first_one_is_kept(database, course):
    superseded, number = graded(database, course), graded(database, course)
    found, new = regrade(database, course[1]), a_report(score=3.0).model_copy(update={"rubric_sha256": "new"})
    assert accept(database, found) is Refusal.is_incomplete
    with database.write() as session:
        assert regradings.claim(session, found, "one", 5) == [(found.id, number)]
        assert regradings.claim(session, found, "two", 5) == []
        regradings.release(session, "one")
        assert regradings.claim(session, found, "two", 5) == [(found.id, number)]
        regradings.keep(session, (found.id, number), a_report().model_copy(update={"status": "error"}))
        assert not regradings.is_any_free(session, found)  # for a while
        regradings.keep(session, (found.id, number), new)
        regradings.keep(session, (found.id, number), a_report(score=4.0))  # the first stays
    with database.read() as session:
        assert submissions.by_id(session, number).report.line != new.to_json()
        assert [pair.after for pair in regradings.pairs(session, found)] == [new.to_json()]
    assert accept(database, found, rubric="newer") is Refusal.has_other_rubric
    assert [accept(database, found), accept(database, found)] == [None, Refusal.is_over]
    with database.read() as session:
        assert submissions.by_id(session, number).report.line == new.to_json()
        assert [one.id for one in submissions.unwritten(session, 5)] == [number]
        before = regradings.replaced(session, [superseded, number])
        assert [(one.submission_id, one.regrading.words) for one in before[number]] == [(number, "why")]
        assert before[superseded] == []
        assert submissions.by_other_rubrics(session, course[1], "new") == (1, 0)


def test_who_hands_in_while_a_regrading_is_open_takes_part_with_what_they_handed_in_last(database, course):
    graded(database, course)
    found = regrade(database, course[1])
    last = graded(database, course, rubric="new")
    with database.read() as session:
        assert regradings.progress(session, found) == Progress(0, 0, 0)
        assert [one.id for one in regradings.missing(session, found)] == [last]
    assert accept(database, found) is Refusal.is_incomplete
    with database.write() as session:
        regradings.include(session, found, lambda report: report.rubric_sha256 == "new")
        assert regradings.progress(session, found) == Progress(1, 1, 0)
        assert regradings.claim(session, found, "one", 5) == []
    assert accept(database, found) is None
    with database.read() as session:
        assert regradings.replaced(session, [last])[last] == []


def test_there_is_one_open_regrading_of_an_assignment_and_discarding_it_changes_nothing(database, course):
    number = graded(database, course)
    found = regrade(database, course[1])
    with pytest.raises(IntegrityError):
        regrade(database, course[1])
    with database.write() as session:
        assert [regradings.discard(session, found.id, session.get(Person, 1)) for _ in range(2)] == [True, False]
        assert regradings.claim(session, found, "one", 5) == []
    regrade(database, course[1])
    with database.read() as session:
        assert regradings.replaced(session, [number])[number] == []


def test_a_report_that_a_command_has_made_counts_unless_another_one_counts_by_now(database, course):
    number = graded(database, course)
    with database.read(bit_by_bit=True) as session:
        ((assignment, login, found, _, known),) = regradings.written_reports(session)
    assert (assignment, login, found) == ("tiny", "ann", number)
    other = a_report(score=3.0)
    for _ in range(2):
        with database.write() as session:
            regradings.take_over(session, [(number, known, other)])
    with database.read() as session:
        report = submissions.by_id(session, number).report
        assert report.line == other.to_json()
        assert report.written_at is not None
        assert [one.regrading.begun_by for one in regradings.replaced(session, [number])[number]] == [None]
    with database.read(bit_by_bit=True) as session:
        ((*_, known),) = regradings.written_reports(session)
    late = a_report(score=1.0).model_copy(update={"rubric_sha256": "old"})  # of a server that was stopped for a while
    with database.write() as session:
        assert regradings.take_over(session, [(number, known, late)]) == 0
    with database.read() as session:
        assert submissions.by_id(session, number).report.line == other.to_json()
        assert [one.id for one in submissions.unwritten(session, 5)] == [number]


def test_what_the_first_version_has_kept_is_there_after_an_update(empty):
    engine = create_engine(empty)
    with engine.begin() as connection:
        migrate(connection, "1")
        for words in OLD_ROWS:
            connection.execute(text(words))
    engine.dispose()
    with ThreadPoolExecutor(2) as pool:  # two servers that start at once
        opened, other = pool.map(Database, [empty] * 2)
    other.close()
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
        submissions.mark_written(session, {one.id: one.report.line for one in submissions.unwritten(session, 10)})
    with database.read() as session:
        assert list(submissions.unwritten(session, 10)) == []


def test_of_several_servers_one_writes_at_a_time_and_only_into_the_folder_that_has_the_grades(database, course):
    def ask(question, *arguments, **options):
        with database.write() as session:
            return question(session, *arguments, **options)

    assert [ask(ledger.settle, folder, "here") for folder in ("first", "copy", None)] == [True, False, False]
    assert ask(ledger.take, "copy", "b 1") is False
    assert [ask(ledger.take, "first", holder) for holder in ("a 1", "b 1", "a 2")] == [True, False, False]
    assert [ask(ledger.keep, holder) for holder in ("a 1", "b 1")] == [True, False]
    with database.write() as session:  # a server that hangs for a while
        ledger.current(session).held_until = datetime.now(UTC) - timedelta(seconds=1)
    assert ask(ledger.take, "first", "b 1")
    ask(ledger.give_back, "b 1")
    assert ask(ledger.keep, "a 1") is False  # so it knows that somebody has written meanwhile
    assert ask(ledger.take, "first", "a 2")
    first = hand_in(database, course)
    with database.write() as session:
        submissions.keep_report(session, first, a_report())
        submissions.mark_written(session, {first: submissions.by_id(session, first).report.line})
        assert ledger.settle(session, "copy", "there", moves=True)
        assert [one.id for one in submissions.unwritten(session, 5)] == [first]
    assert ask(ledger.keep, "a 2") is False
    assert ask(ledger.settle, "first", "here") is False


def test_what_was_written_beside_another_server_is_written_again_up_to_the_last_attempt(database, course):
    first, last = hand_in(database, course), hand_in(database, course)
    with database.write() as session:
        for number in (first, last):
            submissions.keep_report(session, number, a_report())
        lines = {number: submissions.by_id(session, number).report.line for number in (first, last)}
        submissions.mark_written(session, lines)
        submissions.write_attempts_again(session, [submissions.by_id(session, first)])
        assert [one.id for one in submissions.unwritten(session, 5)] == [first, last]
        assert list(submissions.graded(session, [first, last, 99])) == [first, last]


def test_two_logins_that_differ_in_case_are_one(database, course):
    with database.read() as session:
        assert people.by_login(session, "Ann").login == "ann"
    with pytest.raises(IntegrityError), database.write() as session:
        people.add(session, "ann", "Another", "!", Role.student)


def test_a_class_list_counts_as_a_whole_and_its_links_let_people_in(database, course):
    ann, _ = course
    new = [Listed(2, "bo", "Bo", "bo@uni.example"), Listed(3, "cy", "", "")]
    with database.write() as session:
        number = rosters.keep(session, "list.csv", b"login", by=ann)
        upload = rosters.kept(session, number, by=ann)
        changed = {"renamed": {ann.id: "Ann Lee"}, "emails": {ann.id: "ann@uni.example"}}
        rosters.take_in(session, upload, by=ann, new=new, back=[], gone=[], **changed)
    with database.write() as session:
        everybody = [(one.login, one.name, one.email) for one in people.everybody(session)]
        assert everybody == [("ann", "Ann Lee", "ann@uni.example"), ("bo", "Bo", "bo@uni.example"), ("cy", "cy", None)]
        assert rosters.kept(session, number, by=ann) is None
        assert [person.login for person, has in people.awaited(session) if not has] == ["bo", "cy"]
        bo, cy = (people.by_login(session, login) for login in ("bo", "cy"))
        before, _ = people.new_links(session, [bo, cy], by=ann)
        assert all(has for _, has in people.awaited(session))
        (after,) = people.new_links(session, [bo], by=ann)
        assert people.one_time_link(session, before) is None
        assert people.one_time_link(session, after).person_id == bo.id
        people.remove(session, [bo, cy], by=ann)
    with database.write() as session:
        assert people.one_time_link(session, after) is None
        assert [person.login for person in people.former(session)] == ["bo", "cy"]
        people.give_role(session, people.by_login(session, "bo"), Role.instructor, by=ann)
    with database.write() as session:
        assert people.instructors(session) == {bo.id}
        kinds = [event.kind for event in events.found(session, Wanted(person_id=bo.id), 9)]
        assert kinds == ["admitted again", "removed", "made a personal link", "made a personal link", "added"]


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
