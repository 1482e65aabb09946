"""The pages of those who teach: the class in numbers, as it is at the moment; explanations; quizzes in numbers."""

import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
import tiny_course as tiny
import web_course
import web_quiz
from sqlalchemy import event, select, update
from web_course import Browser

from autograder.base.i18n import Text, same
from autograder.gradebook import explanations as saying
from autograder.results.grade_report import CriterionResult, Diagnosis, ExerciseResult, GradeReport
from autograder.web import explanations
from autograder.web.data import drafts, jobs, quizzes, standing, submissions
from autograder.web.data.models import Answer, Enrolment, Event, FeedbackPolicy, Job, Report, Role

PAGE = "/class/assignments/tiny"
SUMS = Diagnosis(id="double-adds", text=Text(en="It adds <up>.", zh="求了<和>。"))
CLIMBS = Diagnosis(id="step-climbs", text=Text(en="It climbs.", zh="方向反了。"))


def criterion(name, diagnosis=None, *, visible=True, failed=False):
    bad = failed or diagnosis is not None
    return CriterionResult(
        id=name, title=same(f"title of {name}"), points=2, earned=0 if bad else 2, outcome="failed" if bad else "passed",
        visible=visible, message=same("it is not so" if bad else ""), diagnosis=diagnosis,
    )  # fmt: skip


def a_report(student, shape=None, values=None, secret=None, status="graded"):
    """A report on which one may be wrong for a reason at each criterion: two that students have, and a hidden one."""
    double = (criterion("double.shape", shape), criterion("double.values", values))
    exercises = (
        ExerciseResult.of("double", same("Double"), double),
        ExerciseResult.of("step", same("A step"), (criterion("step.descends", secret, visible=False),)),
    )
    score = sum(e.score for e in exercises)
    return GradeReport(
        student=student, assignment="tiny", status=status, score=score, max_score=6, exercises=exercises, file="tiny.ipynb",
        submission_sha256="", rubric_sha256="", seed="", sandbox="", versions={}, duration_s=0.1,
    )  # fmt: skip


def hand_in(site, offering, person, report=None, *, double=tiny.DOUBLE):
    """Hand in as a student does; with a report, the work is graded."""
    content = json.dumps(tiny.answers(double)).encode()
    with site.database.write() as session:
        number = submissions.receive(session, offering, person, "tiny.ipynb", content).id
        if report is not None:
            submissions.keep_report(session, number, report)
    return number


@pytest.fixture
def site(tmp_path):
    with web_course.site(web_course.make(tmp_path)) as opened:
        yield opened


@pytest.fixture
def teacher(site):
    return web_course.add(site, "ivan", Role.instructor)


@pytest.fixture
def offering(site, teacher):
    return web_course.publish(site, teacher)


def plain(page):
    """What stands on a page, without its markup."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", page)).split())


def part(page, name):
    """What one part of a page says, by the part's id."""
    return plain(re.search(rf'id="{name}"[^>]*>(.*?)</(?:ul|div|tbody|p)>', page, re.DOTALL)[1])


# -- the class ---------------------------------------------------------------------------------------------------------


def test_an_empty_course_says_what_comes_next_until_everything_is_there(site, teacher):
    browser = Browser(site, teacher)
    done = r'class="(passed|skipped)"'
    assert re.findall(done, browser.get("/class").text) == ["passed", "skipped", "skipped"]
    web_course.publish(site, teacher)
    page = browser.get("/class").text
    assert re.findall(done, page) == ["passed", "passed", "skipped"]
    assert '<a href="/class/assignments/tiny">Tiny</a>' in page
    browser.send_form("/class/join-link", {"do": "open"})
    assert re.findall(done, browser.get("/class").text) == ["passed"] * 3
    web_course.add(site, "ann")
    assert re.findall(done, browser.get("/class").text) == []


def test_the_class_in_one_assignment(site, teacher, offering):
    people = {login: web_course.add(site, login) for login in ("ann", "bob", "cleo", "dora", "emil", "fay")}
    grader = Browser(site, web_course.add(site, "gina", Role.grader))
    hand_in(site, offering, people["ann"], a_report("ann", SUMS, SUMS))  # superseded by the next one
    hand_in(site, offering, people["ann"], a_report("ann", SUMS), double="def double(x):\n    return '<b>'\n")
    hand_in(site, offering, people["bob"], a_report("bob", SUMS, secret=CLIMBS))
    hand_in(site, offering, people["cleo"])
    failed = hand_in(site, offering, people["dora"])
    hand_in(site, offering, teacher, a_report("ivan", SUMS))  # staff try things out, and do not count
    with site.database.write() as session:
        drafts.save(session, offering, people["emil"], {"double": "x"})
        assert jobs.postpone(session.query(Job).filter_by(submission_id=failed).one())
    page = grader.get(PAGE).text
    assert part(page, "numbers").startswith("4 / 6 have handed in 3 / 6 mean 3 / 6 median")
    assert "Emil emil" in part(page, "begun")
    assert "Fay fay" in part(page, "not-begun")
    assert "Cleo" in part(page, "waiting-jobs")
    assert "Dora tries so far: 1; the next one: 20" in plain(page)
    key = re.findall(r'id="mistake-(\w+)"', page)
    assert [part(page, f"places-{one}") for one in key] == [
        "title of double.shape double.shape made by 2 Explain it to them",
        "title of step.descends step.descends made by 1 Explain it to them",
    ]
    assert "It adds &lt;up&gt;." in page
    assert "return &#39;&lt;b&gt;&#39;" in page
    assert "double.shape 2 0/2 (0 %) 2 0 0" in part(page, "criteria")
    glance = part(grader.get("/class").text, "offerings")
    assert re.search(r"Tiny 4 / 6 5 2 1$", glance), glance
    assert "6 hand-ins in two days" in plain(page)


@contextmanager
def reports_read(site):
    """Collect the statements that read whole reports."""
    read = []

    def listen(connection, cursor, statement, parameters, *_):
        if "report.line" in statement:
            read.append(parameters)

    event.listen(site.database._engine, "before_cursor_execute", listen)
    try:
        yield read
    finally:
        event.remove(site.database._engine, "before_cursor_execute", listen)


def test_a_page_costs_what_has_changed(site, teacher, offering):
    browser = Browser(site, teacher)
    ann, bob = (web_course.add(site, login) for login in ("ann", "bob"))
    hand_in(site, offering, ann, a_report("ann", SUMS))
    with reports_read(site) as read:
        first = browser.get(PAGE)
        same_again = browser.get(PAGE, headers={"if-none-match": first.headers["etag"]})
        number = hand_in(site, offering, bob, a_report("bob", SUMS))
        after = browser.get(PAGE, headers={"if-none-match": first.headers["etag"]})
    assert (same_again.status_code, same_again.content, after.status_code) == (304, b"", 200)
    assert [list(parameters) for parameters in read] == [[1], [number]]
    assert "made by 2" in plain(after.text)
    with site.database.write() as session:
        session.execute(update(Enrolment).where(Enrolment.person_id == bob.id).values(role=Role.grader))
    assert "made by 1" in plain(browser.get(PAGE).text)


def test_what_could_not_be_judged_in_the_end_is_named(site, teacher, offering):
    ann = web_course.add(site, "ann")
    number = hand_in(site, offering, ann)
    broken = a_report("ann").model_copy(update={"status": "error", "score": None})
    with site.database.write() as session:
        while not submissions.keep_report(session, number, broken):
            session.flush()
    page = Browser(site, teacher).get(PAGE).text
    assert re.search(rf'/submissions/{number}">Ann</a> <span class="soft">is not tried again', page)
    assert 'href="/class/regrade/tiny">Grade again' in page


def test_hours_are_those_in_which_something_came(site, teacher, offering):
    ann = web_course.add(site, "ann")
    long_ago = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
    for minutes in (0, 10, 90):
        number = hand_in(site, offering, ann)
        with site.database.write() as session:
            session.get_one(submissions.Submission, number).received_at = long_ago + timedelta(minutes=minutes)
    with site.database.read() as session:
        hours = standing.hand_ins(session, offering, 48, datetime.now(UTC))
        assert hours[-2:] == [(datetime(2026, 3, 1, 13, tzinfo=UTC), 0), (datetime(2026, 3, 1, 14, tzinfo=UTC), 1)]
        assert (len(hours), sum(count for _, count in hours)) == (48, 3)
        assert standing.hand_ins(session, None, 48, long_ago + timedelta(hours=3))[-2][1] == 1


def test_there_is_no_class_in_what_is_not_published(site, teacher):
    assert Browser(site, teacher).get(PAGE).status_code == 404


# -- explanations ------------------------------------------------------------------------------------------------------

SAID = {"words:en": "Do **not** add: `2 * x`, $y = 2x$ <script>alert(1)</script>", "words:zh": "不要求和。"}


def mistakes(browser):
    """The pages of the mistakes that the class page names, by criterion and cause."""
    page = browser.get(PAGE).text
    rows = re.findall(r'<code>([^<]*)</code>\s*<span class="soft">made by \d+</span>\s*<a href="([^"]+)"', page)
    return dict(rows)


def words_at(browser, number, *, path=""):
    """What those who teach say on the page of a submission."""
    return [plain(said) for said in re.findall(r"explanation\">(.*?)</div></div></div>", browser.get(f"/submissions/{number}{path}").text, re.DOTALL)]  # fmt: skip


def events_of(site, person):
    with site.database.read() as session:
        mine = select(Event.kind, Event.about).where(Event.person_id == person.id).order_by(Event.id)
        return [tuple(row) for row in session.execute(mine)]


def test_everybody_with_the_same_mistake_reads_the_explanation_now_and_later(site, teacher, offering):
    people = {login: web_course.add(site, login) for login in ("ann", "bob", "cleo", "dora")}
    browsers = {login: Browser(site, person) for login, person in people.items()}
    ann = hand_in(site, offering, people["ann"], a_report("ann", SUMS))
    sized = SUMS.model_copy(update={"text": same("It adds 7 numbers.")})
    bob = hand_in(site, offering, people["bob"], a_report("bob", sized))
    cleo = hand_in(site, offering, people["cleo"], a_report("cleo", values=SUMS))  # at another criterion
    gina = web_course.add(site, "gina", Role.grader)
    staff = Browser(site, gina)
    path = mistakes(staff)["double.shape"]
    page = staff.get(path).text
    assert "made by 2" in plain(page)
    assert "return 2 * x" in page
    assert words_at(browsers["ann"], ann) == []

    assert staff.send_form(path, {"words:en": " "}).status_code == 400
    kept = staff.send_form(path, SAID | {"words:zh": "长" * 4001})
    assert (kept.status_code, "Do **not** add" in kept.text) == (400, True)
    assert staff.send_form(path, SAID).status_code == 303
    for login, number in (("ann", ann), ("bob", bob)):
        before = browsers[login].get(f"/submissions/{number}").text
        assert "<strong>not</strong>" in before
        assert "<math" in before
        assert "<script>alert" not in before
        assert len(words_at(browsers[login], number)) == 1
        in_chinese = browsers[login].get(f"/submissions/{number}", headers={"accept-language": "zh"}).text
        assert "不要求和。" in in_chinese
    assert words_at(browsers["cleo"], cleo) == []
    dora = hand_in(site, offering, people["dora"], a_report("dora", SUMS))
    assert len(words_at(browsers["dora"], dora)) == 1
    assert "0 / 2" in plain(browsers["ann"].get(f"/submissions/{ann}").text)

    unseen = staff.send_form(path, {"seen": "", "words:en": "Something else."})
    assert (unseen.status_code, "now it says: Do **not** add" in unseen.text) == (400, True)
    assert "Something else." in unseen.text
    assert staff.send_form(path, {"words:zh": "只有中文。"}).status_code == 303
    assert words_at(browsers["ann"], ann) == ["From those who teach this course: 只有中文。"]
    assert "Explained" in staff.get(PAGE).text
    assert staff.send_form(path, {"do": "withdraw"}).status_code == 303
    assert words_at(browsers["ann"], ann) == []
    assert "Explained" not in staff.get(PAGE).text
    about = "tiny double.shape double-adds"
    kinds = ("explained a mistake", "changed an explanation", "withdrew an explanation")
    assert [one for one in events_of(site, gina) if one[1] == about] == [(kind, about) for kind in kinds]


def test_an_explanation_at_a_hidden_test_waits_until_the_test_is_shown(site, teacher, offering):
    ann = web_course.add(site, "ann")
    number = hand_in(site, offering, ann, a_report("ann", secret=CLIMBS))
    staff, student = Browser(site, teacher), Browser(site, ann)
    path = mistakes(staff)["step.descends"]
    assert "This test is hidden" in staff.get(path).text
    staff.send_form(path, {"words:en": "Look at the sign."})
    rules = {"feedback": FeedbackPolicy.after_closing, "closes_at": datetime.now(UTC) + timedelta(hours=1)}
    web_course.publish(site, teacher, **rules)
    assert "Look at the sign" not in student.get(f"/submissions/{number}").text
    web_course.publish(site, teacher, **rules | {"closes_at": datetime.now(UTC) - timedelta(hours=1)})
    page = student.get(f"/submissions/{number}").text
    assert "Look at the sign" in page
    file = site.course.root / saying.FILE
    explanations.keep(site.database, site.course.root)
    assert json.loads(file.read_text()) == [
        {
            "assignment": "tiny",
            "criterion": "step.descends",
            "cause": "step-climbs",
            "words": {"en": "Look at the sign."},
        }
    ]
    staff.send_form(path, {"do": "withdraw"})
    explanations.keep(site.database, site.course.root)
    assert json.loads(file.read_text()) == []
    staff.send_form(path, {"words:en": "Look at the sign."})
    assert "It climbs" not in page  # the cause itself stays hidden
    web_course.publish(site, teacher)
    assert "Look at the sign" in student.get(f"/submissions/{number}").text


def test_a_mistake_that_nobody_makes_any_more_is_still_explained(site, teacher, offering):
    ann = web_course.add(site, "ann")
    hand_in(site, offering, ann, a_report("ann", SUMS))
    staff = Browser(site, teacher)
    path = mistakes(staff)["double.shape"]
    staff.send_form(path, SAID)
    hand_in(site, offering, ann, a_report("ann"))
    assert path in staff.get(PAGE).text
    assert "made by 0" in plain(staff.get(path).text)
    assert staff.send_form(path, {"do": "withdraw"}).status_code == 303
    assert path not in staff.get(PAGE).text
    assert staff.get(f"{PAGE}/mistakes/nothing").status_code == 404


def test_an_explanation_follows_its_criterion_to_another_name(site, teacher, offering):
    ann = web_course.add(site, "ann")
    number = hand_in(site, offering, ann, a_report("ann", SUMS))
    staff, student = Browser(site, teacher), Browser(site, ann)
    old = mistakes(staff)["double.shape"]
    staff.send_form(old, SAID)
    assert "nobody reads it" not in staff.get(PAGE).text
    assert "Nobody reads this" not in staff.get(old).text
    renamed = a_report("ann", SUMS).to_json().replace('"double.shape"', '"double.size"')
    with site.database.write() as session:
        session.execute(update(Report).values(line=renamed, made_at=datetime.now(UTC)))
    assert words_at(student, number) == []
    listed = part(staff.get(PAGE).text, "explanations")
    assert "double.shape double-adds made by 0 nobody reads it: no work that counts has this criterion" in listed
    page = staff.get(old).text
    assert "no work that counts has the criterion double.shape any more" in page
    keys = re.findall(r'<option value="(\w+)">title of double.shape: It adds', page)
    assert staff.send_form(old, {"do": "move", "to": "another"}).status_code == 400
    assert staff.send_form(old, {"do": "move", "to": keys[0]}).headers["location"] == mistakes(staff)["double.size"]
    assert len(words_at(student, number)) == 1
    assert part(staff.get(PAGE).text, "explanations").startswith("Explanations double.size double-adds made by 1")
    assert staff.send_form(old, {"do": "move", "to": keys[0]}).status_code == 400


# -- quizzes -----------------------------------------------------------------------------------------------------------

QUIZ = "/class/quizzes/tiny"


def take(site, offering, student, given, *, minutes=1):
    """Take the quiz with these answers, a minute for each question, and have it scored."""
    begun_at = datetime.now(UTC)
    with site.database.write() as session:
        quizzes.begin(session, offering, student, version=1)
        attempt = quizzes.open_one(session, offering, student)
        attempt.begun_at = begun_at
        for number, (question, value) in enumerate(given.items(), 1):
            quizzes.save(session, attempt, question, value)
            session.flush()
            saved = session.get_one(Answer, (attempt.id, question, 0))
            saved.saved_at = begun_at + timedelta(minutes=minutes * number)
        site.invigilator.finish(session, attempt.id, begun_at + timedelta(minutes=10 * minutes))
    with site.database.read() as session:
        site.invigilator.score(quizzes.by_id(session, attempt.id))


def test_a_quiz_in_numbers(site, teacher):
    web_quiz.make(site.course)
    offering = web_quiz.publish(site, teacher)
    staff = Browser(site, teacher)
    empty = plain(staff.get(QUIZ).text)
    assert "0 students who count" in empty
    assert "Once two students have finished" in empty
    people = [web_course.add(site, login) for login in ("ann", "bob", "cleo", "dora")]
    for student, one, shape in zip(people, "BAAB", ("8x1", "1x8", "1x8", "8x1"), strict=True):
        take(site, offering, student, {"one": one, "shapes": {"W": shape, "b": "1x1"}, "sum": "3"})
    take(site, offering, people[0], {"one": "B", "sum": "3"}, minutes=2)  # the last one counts
    take(site, offering, teacher, {"one": "C"})
    page = staff.get(QUIZ).text
    assert "4 students who count 5 attempts begun" in part(page, "numbers")
    assert "10:00 (10:00–10:00) time taken" in part(page, "numbers")
    rows = dict(
        re.findall(r"\d+\. (\w+) (\d+ % \S+ \S+ \d+ % \S+ \S+ \S+)(?= |$)", part(page, "items").replace("\xa0", " "))
    )
    assert rows["one"].startswith("50 % ")
    assert rows["one"].endswith(" 1:00")
    assert rows["sum"].split()[-1] == "1:00"
    assert rows["write"].split()[4] == "100"  # nobody has answered it
    assert "A. 1 + 2 50 %" in plain(page).replace("\xa0", " ")
    assert "B. 1 + 1 ✓ right answer 50 % 100 % 0 %" in plain(page).replace("\xa0", " ")
    assert re.search(r"What was misunderstood this is three made by 2 ", plain(page))
    assert "the wrong way round made by 2" in plain(page)
    file = site.course.quizzes / "tiny.yaml"
    file.write_text(file.read_text(encoding="utf-8").replace("id: one\n", "id: first\n"), encoding="utf-8")
    assert "before the quiz was changed: 4" in plain(staff.get(QUIZ).text)
