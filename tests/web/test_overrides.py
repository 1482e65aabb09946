"""The gradebook in the browser: what people give there stands in nbgrader's gradebook, and the other way round."""

import contextlib
import json
import re
import warnings
from functools import partial
from html import unescape

import nbgrader_course as course_of
import pytest
import tiny_course as tiny
import web_course
import web_quiz
from command_line import autograder
from nbgrader.api import Gradebook
from sqlalchemy import select
from web_course import WRONG, Browser

from autograder.gradebook import feedback
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.web import overriding
from autograder.web.data import appeals, offerings, overrides, people, submissions
from autograder.web.data.models import Event, Role

until = partial(web_course.until, within_s=120)
PAGE = "/class/gradebook/{}/tiny"
ESSAY = "Because <script>alert(1)</script> it is linear."
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The course with a gradebook, where a person grades an essay and a task."""
    course = course_of.make(tmp_path_factory.mktemp("course"))
    web_course.release(course)
    with web_course.site(course) as opened:
        web_course.publish(opened, web_course.add(opened, "ivan", Role.instructor))
        web_course.add(opened, "gina", Role.grader)
        web_quiz.make(course)
        web_quiz.publish(opened, by_login(opened, "ivan"))
        opened.grader.start()
        opened.invigilator.start()
        yield opened


@pytest.fixture(scope="module")
def gina(site):
    return Browser(site, by_login(site, "gina"))


def by_login(site, login):
    with site.database.read() as session:
        return people.by_login(session, login)


@contextlib.contextmanager
def gradebook(site):
    with Gradebook(course_of.gradebook(site.course), "dl") as opened:
        yield opened


def given(site, student, cell="test_double"):
    """What nbgrader itself says of a cell: what counts, the manual score, and whether it waits for a person."""
    with gradebook(site) as opened:
        grade = opened.find_grade(cell, "tiny", "tiny", student)
        return grade.score, grade.manual_score, bool(grade.needs_manual_grade)


def mark(site, student, cell, score):
    """Mark a cell as the formgrader does."""
    with gradebook(site) as opened:
        grade = opened.find_grade(cell, "tiny", "tiny", student)
        grade.manual_score, grade.needs_manual_grade = score, score is None and grade.auto_score is None
        opened.db.commit()


def comment(site, student, cell):
    with gradebook(site) as opened:
        return opened.find_comment(cell, "tiny", "tiny", student).manual_comment


def hand_in(site, student, double=WRONG, essay=ESSAY):
    """Hand in a notebook, wait until it is in the gradebook, and return the path of its page."""
    person = by_login(site, student) or web_course.add(site, student)
    browser = Browser(site, person)
    content = json.dumps(course_of.notebook(double, essay=essay)).encode()
    files = {"file": ("tiny.ipynb", content)}
    path = browser.send_form("/assignments/tiny/upload", files=files).headers["location"]
    until(lambda: f"{path}/feedback" in browser.get(path).text)
    return path


def form_of(page, cell):
    """The version of a cell that its form says it has seen."""
    section = page[page.index(f'<section id="{cell}"') :]
    return unescape(re.search(r'name="seen" value="([^"]*)"', section)[1])


def give(gina, student, points, reason="it is right", cell="test_double", **changes):
    page = gina.get(PAGE.format(student)).text
    form = {"do": "override", "cell": cell, "points": points, "reason": reason, "seen": form_of(page, cell)}
    return gina.send_form(PAGE.format(student), form | changes)


def words(html):
    inside = html[html.index("<main") : html.index("</main>")]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", inside)).split())


def row_of(gina, student):
    """What the page's script gets of a student: name, total and, of the assignment, score and reasons."""
    rows = {row[0]: row for row in gina.get("/class/gradebook?as=json").json()}
    score, _, reasons, *_ = rows[student][5][0] or (None, "", "")
    return rows[student][2], score, reasons


def test_an_override_counts_everywhere_and_survives_every_grading(site, gina):
    path = hand_in(site, "ann")
    assert given(site, "ann") == (0.0, None, False)
    assert row_of(gina, "ann") == (4.0, 4.0, "to be marked")
    page = gina.get(PAGE.format("ann")).text
    assert "has the right gradient" in page  # hidden from students, not from those who grade
    assert "<script>alert" not in page
    for points, reason, problem in (
        ("7", "x", "give 0 to 6 points"),
        ("nan", "x", "give 0 to 6"),
        ("one", "x", "not a number"),
        ("5", " ", "write the reason"),
    ):
        answer = give(gina, "ann", points, reason)
        assert (answer.status_code, problem in answer.text) == (400, True)

    seen = form_of(page, "test_double")
    assert give(gina, "ann", "4.5", "the formula is right <b>").status_code == 303
    answer = give(gina, "ann", "1", "no", seen=seen)  # of two graders at once the second hears of the first
    assert (answer.status_code, "somebody has changed this meanwhile" in answer.text) == (409, True)
    until(lambda: given(site, "ann") == (4.5, 4.5, False))
    assert comment(site, "ann", "double") == "the formula is right <b>"
    until(lambda: "being written" not in gina.get(PAGE.format("ann")).text)
    before = course_of.tables(course_of.gradebook(site.course))
    autograder("regrade", "tiny", "--yes", "--jobs", "1", cwd=site.course.root)
    assert course_of.tables(course_of.gradebook(site.course)) == before

    assert gina.get(PAGE.format("ANN")).text == gina.get(PAGE.format("ann")).text.replace("/ann/", "/ANN/")

    student = Browser(site, by_login(site, "ann"))
    shown = words(student.get(path).text)
    assert "4.5 / 6 graded by hand the formula is right <b>" in shown
    assert "In the gradebook: 8.5 of 15 points" in shown
    assert "8.5 / 10" in words(student.get("/").text)
    assert "the formula is right &lt;b&gt;" in student.get(f"{path}/feedback").text
    found = feedback.of_student(NbgraderCourse(site.course.root), site.course.assignment("tiny"), "ann")
    assert found.score == row_of(gina, "ann")[1] == 8.5
    page = words(gina.get("/class/assignments/tiny").text)
    assert "8.5 / 15 mean 8.5 / 15 median" in page
    assert "of the scores that count: those in the gradebook" in page

    path = hand_in(site, "ann", tiny.DOUBLE)
    until(lambda: given(site, "ann") == (4.5, 4.5, True))  # nbgrader keeps it, and asks for a second look
    assert "has changed since it was marked" in row_of(gina, "ann")[2]
    assert "handed in again since these points" in gina.get(PAGE.format("ann")).text
    assert "a person looks whether they still hold" in student.get(path).text
    assert give(gina, "ann", "", do="keep").status_code == 303
    until(lambda: given(site, "ann") == (4.5, 4.5, False))
    assert "changed since" not in row_of(gina, "ann")[2]

    assert give(gina, "ann", "", do="take-back").status_code == 303
    until(lambda: given(site, "ann") == (6.0, None, False))
    assert comment(site, "ann", "double") is None
    assert give(gina, "ann", "", do="take-back").status_code == 400
    assert gina.get(PAGE.format("ann")).text.count("the formula is right") == 2  # what was given is never forgotten
    with site.database.read() as session:
        mine = select(Event.about).where(Event.kind.in_(["overrode", "took an override back"])).order_by(Event.id)
        assert list(session.scalars(mine))[-2:] == ["tiny ann test_double 4.5", "tiny ann test_double"]


def test_a_mark_does_not_replace_points_with_a_reason_unseen(site, gina):
    hand_in(site, "ida")
    assert give(gina, "ida", "2", reason="half of it").status_code == 303
    until(lambda: given(site, "ida")[1] == 2.0)
    until(lambda: "being written" not in gina.get(PAGE.format("ida")).text)
    with gradebook(site) as opened:
        address = f"/class/marking/{opened.find_grade('test_double', 'tiny', 'tiny', 'ida').id}"
        opened.add_student("zed")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # SQLAlchemy's, of what nbgrader does there
            opened.add_submission("tiny", "zed")
    page = gina.get(address).text
    assert "Gina has given 2 points here with a reason" in page
    assert 'href="/class/gradebook/ida/tiny#test_double"' in page
    form = {"seen": unescape(re.search(r'name="seen" value="([^"]*)"', page)[1]), "comment": "half of it"}
    refused = gina.send_form(address, form | {"points": "1.25"})
    assert (refused.status_code, "give others with another reason" in refused.text) == (400, True)
    assert gina.send_form(address, form | {"points": "2", "extra": "0.25"}).status_code == 303
    assert given(site, "ida") == (2.25, 2.0, False)
    assert "Only the gradebook knows zed: points with a reason are given to those" in words(
        gina.get(PAGE.format("zed")).text
    )


def test_what_was_marked_in_the_formgrader_stays_and_is_shown(site, gina):
    path = hand_in(site, "bob")
    mark(site, "bob", "test_double", 2.0)
    page = gina.get(PAGE.format("bob")).text
    student = Browser(site, by_login(site, "bob"))
    assert "2 / 6 graded by hand" in words(student.get(path).text)
    mark(site, "bob", "test_double", 3.0)
    answer = give(gina, "bob", "5", seen=form_of(page, "test_double"))
    assert (answer.status_code, given(site, "bob")[1]) == (409, 3.0)
    assert give(gina, "bob", "5").status_code == 303
    until(lambda: given(site, "bob")[1] == 5.0)
    until(lambda: "being written" not in gina.get(PAGE.format("bob")).text)
    with site.database.read() as session:
        history = overrides.of(session, offerings.by_name(session, "tiny"), by_login(site, "bob"))
    asked = overriding._asked(site.course, site.gradebook, history[0], history)
    assert site.grader.publisher.write_overrides([asked, asked]) == ["written", "written"]  # as after a kill

    mark(site, "bob", "test_double", 1.0)
    site.grader.wake_publisher()
    until(lambda: "another score was marked since" in gina.get(PAGE.format("bob")).text)
    assert given(site, "bob")[:2] == (1.0, 1.0)
    assert "1 / 6 graded by hand" in words(student.get(path).text)


def test_an_override_comes_back_in_a_gradebook_that_was_made_anew(site, gina):
    hand_in(site, "eve")
    assert give(gina, "eve", "6", "told in person").status_code == 303
    until(lambda: given(site, "eve")[1] == 6.0)
    until(lambda: "being written" not in gina.get(PAGE.format("eve")).text)
    with gradebook(site) as opened:
        opened.remove_submission("tiny", "eve")
    site.grader.wake_publisher()
    until(lambda: course_of.grades(site.course, "eve").get("test_double", (None, None))[1] == 6.0)
    assert comment(site, "eve", "double") == "told in person"


def test_an_accepted_appeal_becomes_an_override_of_its_exercise(site, gina):
    path = hand_in(site, "cleo")
    student = Browser(site, by_login(site, "cleo"))
    for number, (criterion, points) in enumerate((("double.shape", "2"), ("double.gradient", "0.5")), 1):
        form = {"criterion": criterion, "words": "It is right."}
        assert student.send_form(f"{path}/appeals", form).status_code == 303
        assert "an open appeal" in row_of(gina, "cleo")[2]
        answer = {"words": f"You are right {number}.", "points": points, "do": "accept"}
        assert gina.send_form(f"/appeals/{number}", answer).status_code == 303
    until(lambda: given(site, "cleo")[1] == 2.5)
    assert comment(site, "cleo", "double") == "You are right 2."
    assert "2.5 / 6 graded by hand" in words(student.get(path).text)
    assert "6.5 of 15" in student.get(path).text
    assert row_of(gina, "cleo")[1] == 6.5
    person = f"/class/people/{by_login(site, 'cleo').id}"
    assert [page in gina.get(person).text for page in ("6.5 / 10", "4 / 10")] == [True, False]

    for points in ("", "3", ""):  # also before the gradebook has what came just before
        assert (give(gina, "cleo", points) if points else take_back(gina, "cleo")).status_code == 303
    until(lambda: given(site, "cleo")[:2] == (0.0, None))
    pages = [words(browser.get(path).text) for browser, path in ((student, path), (student, "/"), (gina, person))]
    assert "4 of 10 points" in pages[0]
    assert ["4 / 10" in page for page in pages[1:]] == [True, True]

    with site.database.write() as session:  # as after a regrading without this criterion
        found = submissions.by_id(session, int(path.rpartition("/")[2]))
        number = appeals.submit(session, found, "double.gone", "It was right.", 0.0).id
    assert "this criterion is no longer among them" in gina.get("/appeals").text
    assert gina.send_form(f"/appeals/{number}", {"words": "It was.", "do": "accept"}).status_code == 303
    assert "an open appeal" not in row_of(gina, "cleo")[2]
    assert all(one in student.get(path).text for one in ("double.gone", "It was right.", "It was."))


def test_who_has_left_keeps_name_and_work_in_the_table(site, gina):
    path = hand_in(site, "lea")
    Browser(site, by_login(site, "lea")).send_form(f"{path}/appeals", {"criterion": "double.shape", "words": "Why?"})
    with site.database.write() as session:
        lea = people.by_login(session, "lea")
        people.remove(session, [lea], by=people.by_login(session, "ivan"))
    row = next(row for row in gina.get("/class/gradebook?as=json").json() if row[0] == "lea")
    assert (row[1], row[5][0][0], "an open appeal" in row[5][0][2]) == ("Lea", 4.0, True)


def take_back(gina, student, cell="test_double"):
    seen = form_of(gina.get(PAGE.format(student)).text, cell)
    return gina.send_form(PAGE.format(student), {"do": "take-back", "cell": cell, "seen": seen})


def test_a_question_of_a_quiz_can_be_overridden_too(site, gina):
    student = Browser(site, web_course.add(site, "hal"))
    student.send_form(web_quiz.PATH)
    path = web_quiz.answer(student, {"one": "A"}, "finish", sure="yes").headers["location"]
    place = "/class/gradebook/hal/quiz-tiny"
    page = until(lambda: found if '<section id="one"' in (found := gina.get(place).text) else None)
    form = {"do": "override", "cell": "one", "points": "1", "reason": "A is right, too", "seen": form_of(page, "one")}
    assert gina.send_form(place, form).status_code == 303
    assert "a person has given 1 points A is right, too" in words(student.get(path).text)

    def manual():
        with gradebook(site) as opened:
            return opened.find_grade("one", "quiz-tiny", "quiz-tiny", "hal").manual_score

    until(lambda: manual() == 1.0)
    with gradebook(site) as opened:
        assert opened.find_comment("one", "quiz-tiny", "quiz-tiny", "hal").manual_comment == "A is right, too"


def test_answers_in_words_are_marked_one_after_the_other_and_nobody_overwrites_unseen(site, gina):
    for student in ("dan", "finn"):
        hand_in(site, student)
    listed = gina.get("/class/gradebook").text
    assert re.search(r'href="(/class/marking/\w+)"[^<]*>Tiny · <code>essay', listed)
    student = "dan"  # the link leads to anybody who waits, and one of them has left the course
    with gradebook(site) as opened:
        address = f"/class/marking/{opened.find_grade('essay', 'tiny', 'tiny', student).id}"
    page = gina.get(address).text
    assert ESSAY in unescape(page)
    assert "<script>alert" not in page
    assert not re.findall("Dan|Finn|dan\\b|finn\\b", page)  # nobody's name, unless somebody asks
    assert re.search("Ann|Bob|Eve|Cleo|Dan|Finn", gina.get(f"{address}?names=yes").text)

    def marked(address, points, **changes):
        page = gina.get(address).text
        seen = unescape(re.search(r'name="seen" value="([^"]*)"', page)[1])
        form = {"seen": seen, "points": points, "extra": "0.5", "comment": "Well <said>."} | changes
        return gina.send_form(address, form)

    for points in ("", "-1", "3.5", "inf", "one"):
        assert marked(address, points).status_code == 400
    assert given(site, student, "essay")[1] is None
    seen = unescape(re.search(r'name="seen" value="([^"]*)"', page)[1])
    following = marked(address, "2.5").headers["location"]
    assert given(site, student, "essay") == (3.0, 2.5, False)
    assert comment(site, student, "essay") == "Well <said>."
    assert following.startswith("/class/marking/")
    assert following != address
    answer = marked(address, "1", seen=seen)
    assert (answer.status_code, given(site, student, "essay")[1]) == (409, 2.5)
    assert "2.5 points “Well &lt;said&gt;.”" in answer.text
    assert 'value="1"' in answer.text  # what was entered stays in the form
    seen = unescape(re.search(r'name="seen" value="([^"]*)"', answer.text)[1])
    assert marked(address, "1", seen=seen).status_code == 303
    assert given(site, student, "essay")[:2] == (1.5, 1.0)
    with site.database.read() as session:
        assert f"tiny {student} essay 1" in list(session.scalars(select(Event.about).where(Event.kind == "marked")))

    hand_in(site, student, essay="Something else.")
    assert given(site, student, "essay") == (1.5, 1.0, True)  # another answer asks for a second look
    hand_in(site, student, tiny.DOUBLE, essay="Something else.")
    assert "since then the student has handed in something else" in gina.get(address).text


def test_nobody_gives_points_to_themselves_and_what_is_not_there_is_unknown(site, gina):
    hand_in(site, "gina")
    assert give_to_oneself(site, gina) == [403, 403]
    assert gina.get("/class/gradebook/nobody/tiny").status_code == 404
    assert gina.get("/class/gradebook/ann/none").status_code == 404
    assert gina.get("/class/marking/none").status_code == 404
    assert "gina" not in {row[0] for row in gina.get("/class/gradebook?as=json").json()}


def give_to_oneself(site, gina):
    with gradebook(site) as opened:
        number = opened.find_grade("essay", "tiny", "tiny", "gina").id
    form = {"do": "override", "cell": "test_double", "points": "6", "reason": "x", "seen": "0:None"}
    return [gina.send_form(PAGE.format("gina"), form).status_code, gina.get(f"/class/marking/{number}").status_code]


def test_the_table_is_searched_sorted_and_filtered_without_scripts(site, gina):
    def logins(query):
        page = gina.get(f"/class/gradebook?{query}").text
        return re.findall(r'<a (?:class="none" )?href="/class/gradebook/(\w+)/tiny"', page)

    web_course.add(site, "boris")
    everybody = logins("")
    assert everybody == sorted(everybody)
    assert logins("q=ORI") == ["boris"]
    assert logins("sort=-login") == everybody[::-1]
    scores = [-1 if (score := row_of(gina, login)[1]) is None else score for login in logins("sort=tiny")]
    assert scores == sorted(scores)
    assert set(logins("needs=yes")) == {login for login in everybody if row_of(gina, login)[2]}
    assert logins("page=9") == everybody
    assert logins("sort=none&page=x&q=%3Cscript%3E") == []
