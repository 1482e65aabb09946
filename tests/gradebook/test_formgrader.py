"""An instructor's course in a real browser: JupyterLab's formgrader, by its buttons, from the source to the feedback."""

import html
import json
import shutil
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import nbgrader_course as course_of
import pytest
import stock
import tiny_course as tiny
import web_course
from browser import Browser, jupyter_lab, needs_browser
from typer.testing import CliRunner

from autograder.cli.main import app
from autograder.gradebook import feedback
from autograder.gradebook.nbgrader_course import NbgraderCourse
from autograder.results.grade_report import GradeReport

pytestmark = [pytest.mark.slow, needs_browser]
SHIPPED = "linear_regression"
HOSTILE = (
    "<script>document.title = 'taken over'</script> <img src=x onerror=\"document.title = 'taken over'\"> **because**"
)
SAID = "look at the <b>factor</b>"
ROW = "//*[@id='main-table']//tr[td[normalize-space()='{}']]"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A course of this checkout's configuration, with one of its assignments, in JupyterLab; a browser that shows it."""
    base = tmp_path_factory.mktemp("site")
    exchange = base / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    course = course_of.make(base / "files" / "course", config=f"\nc.Exchange.root = {str(exchange)!r}\n")
    shutil.copytree(course_of.ROOT / "solutions" / SHIPPED, course.root / "solutions" / SHIPPED)
    with jupyter_lab(base / "files", course.root, base / "own") as address:
        browser = Browser(base / "profile", address, base / "own" / "lab.log")
        try:
            yield SimpleNamespace(course=course, browser=browser, exchange=exchange, base=base)
        finally:
            browser.close()


def press(browser, row, column):
    """Press the button in a row of the table on the page; gives what the window says that comes up then."""
    browser.click(f"{ROW.format(row)}/td[contains(@class, '{column}')]//a")
    said = browser.text("//div[contains(@class, 'modal-body')]")
    title = browser.text("//h4[contains(@class, 'modal-title')]")
    browser.click("//div[contains(@class, 'modal-header')]//button")
    browser.gone("//div[contains(@class, 'modal')]")
    assert title == "Success", said
    return said


def cells(browser, row):
    """A row of the table on the page, by the columns' names."""
    browser.wait(ROW.format(row))
    found = browser.find(f"{ROW.format(row)}/td")
    return {cell.get_attribute("class").split()[-1]: cell.text for cell in found}


@pytest.fixture(scope="module")
def released(site):
    site.browser.open("formgrader/manage_assignments")
    for name in ("tiny", SHIPPED):
        press(site.browser, name, "assign")
        press(site.browser, name, "text-center release")
    return {name: cells(site.browser, name)["status"] for name in ("tiny", SHIPPED)}


def test_students_versions_are_made_and_released(site, released):
    assert released == {"tiny": "released", SHIPPED: "released"}
    for folder in (site.course.root / "assignments", site.exchange / "dl" / "outbound"):
        files = {str(path.relative_to(folder / "tiny")) for path in (folder / "tiny").rglob("*")}
        assert files == {"assignment.yaml", "test_tiny.py", "tiny.ipynb"}
        assert "return 2 * x" not in (folder / "tiny" / "tiny.ipynb").read_text()
        assert not (folder / SHIPPED / "private").exists()


@pytest.fixture(scope="module")
def collected(site, released):
    """One student hands in through the exchange, as nbgrader's commands do it; the others' folders are there."""
    course, notebook = site.course, site.course.root / "assignments" / "tiny" / "tiny.ipynb"
    fill = partial(course_of.handed_in, notebook)
    right = {"double": tiny.DOUBLE, "step": tiny.STEP, "essay": course_of.ANSWER}
    tiny.submit(
        course,
        "bob",
        fill(
            double="def double(x):\n    return x.t() * 2\n", essay=HOSTILE, step=tiny.STEP.replace("-=", "+=") + "1 / 0"
        ),
    )
    tiny.submit(course, "dan", b"{")
    own = course.submitted / "bob" / SHIPPED
    own.mkdir()
    shutil.copy(course.root / "solutions" / SHIPPED / f"{SHIPPED}.ipynb", own)
    me = hand_in_through_the_exchange(site, lambda path: path.write_text(json.dumps(fill(**right))))
    press(site.browser, "tiny", "collect")
    return me


def hand_in_through_the_exchange(site, work):
    """Fetch the tiny assignment, let somebody work on the notebook, submit it; gives the student's name."""
    home = site.base / "home"
    home.mkdir()
    shutil.copy(site.course.root / "nbgrader_config.py", home)
    own = dict.fromkeys(("HOME", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR"), str(home))
    for command in ("fetch_assignment", "submit"):
        stock.run("nbgrader", command, "tiny", cwd=home, **own)
        if command == "fetch_assignment":
            work(home / "tiny" / "tiny.ipynb")
    (inbound,) = (site.exchange / "dl" / "inbound").iterdir()
    return inbound.name.partition("+")[0]


@pytest.fixture(scope="module")
def graded(site, collected):
    """What the page shows of each submission after its autograde button was pressed; of the shipped one by its name."""
    site.browser.open("formgrader/manage_submissions/tiny")
    found = {}
    for student in (collected, "bob", "dan"):
        press(site.browser, student, "autograde")
        found[student] = cells(site.browser, student)
    site.browser.open(f"formgrader/manage_submissions/{SHIPPED}")
    press(site.browser, "bob", "autograde")
    return found | {SHIPPED: cells(site.browser, "bob")}


def test_autograding_by_button_gives_what_our_command_gives(site, graded, collected):
    shown = {student: (row["score"], row["status"]) for student, row in graded.items()}
    waits = "needs manual grading"
    assert shown == {
        collected: ("10 / 15", waits), "bob": ("1 / 15", waits), "dan": ("0 / 15", waits), SHIPPED: ("40 / 40", "graded"),
    }  # fmt: skip
    assert {r.student: r.score for r in reports(site.course) if r.assignment == "tiny"} == {
        collected: 10,
        "bob": 1,
        "dan": 0,
    }
    assert command(site.course, "grade").stdout.endswith("0 written, 4 unchanged\n")


def reports(course):
    return [GradeReport.model_validate_json(line) for line in (course.root / "results.jsonl").read_text().splitlines()]


def command(course, *arguments):
    """Run one of our own commands in the course."""
    done = subprocess.run(
        [sys.executable, "-m", "autograder", *arguments], cwd=course.root, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done


def here(*arguments):
    """Run one of our own commands in this process, which has loaded nbgrader already."""
    done = CliRunner().invoke(app, [*map(str, arguments), "--lang", "en"], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def open_submission(site, student):
    """The page on which a person grades, by the way a person takes there."""
    site.browser.open("formgrader/manage_submissions/tiny")
    site.browser.click(ROW.format(student) + "/td[contains(@class, 'student-name')]/a")
    site.browser.click(ROW.format("tiny") + "/td[contains(@class, 'name')]//a")
    site.browser.wait("//input[@id='essay']")


@pytest.fixture(scope="module")
def corrected(site, graded):
    """A person gives bob's answer 2.5 points and writes a comment; gives the page."""
    open_submission(site, "bob")
    page = SimpleNamespace(title=site.browser.driver.title, text=site.browser.text("//*[@id='notebook']"))
    give(site, "bob", "2.5", SAID)
    return page


def give(site, student, score, words):
    """Enter a score and a comment for the essay on the page of a submission, as a person does."""
    browser = site.browser
    for name, entered in (("essay", score), ("essay-comment", words)):
        field = browser.wait(f"//*[@id='{name}']")
        browser.until(lambda field=field: field.get_attribute("placeholder") is not None, "the form")
        field.send_keys(entered)
        browser.driver.execute_script("arguments[0].blur()", field)
    browser.until(lambda: course_of.grades(site.course, student)["essay"][1] == float(score), "the score")
    browser.until(lambda: comment(site, student), "the comment in the gradebook")


def comment(site, student):
    rows = course_of.tables(course_of.gradebook(site.course))["comments"]
    return next(row[4] for row in rows if row[:2] == (student, "essay"))


def test_a_students_markup_does_nothing_on_the_instructors_page(corrected):
    assert corrected.title == "tiny"
    assert "<script>document.title" in corrected.text


def test_the_page_for_grading_shows_the_report(corrected):
    assert "返回值的形状应为 (3, 2)，却是 (2, 3)" in corrected.text
    assert "梯度正确" in corrected.text
    assert "ZeroDivisionError: division by zero" in corrected.text


def test_what_a_person_gave_is_kept_when_graded_again(site, corrected):
    site.browser.open("formgrader/manage_submissions/tiny")
    press(site.browser, "bob", "autograde")
    assert cells(site.browser, "bob")["score"] == "3.5 / 15"
    command(site.course, "grade")
    assert course_of.grades(site.course, "bob")["essay"][:2] == (None, 2.5)
    assert comment(site, "bob") == SAID


@pytest.fixture(scope="module")
def feedback_page(site, corrected):
    """What bob reads after the button for feedback was pressed: the file, and what a browser shows of it."""
    browser, file = site.browser, site.course.root / "feedback" / "bob" / "tiny" / "tiny.html"
    browser.open("formgrader/manage_assignments")
    press(browser, "tiny", "generate-feedback")
    browser.driver.get(file.as_uri())
    return SimpleNamespace(file=file, text=browser.text("//main"), title=browser.driver.title)


def test_feedback_by_button_is_the_page_of_our_command(site, feedback_page):
    by_button = feedback_page.file.read_bytes()
    feedback_page.file.unlink()
    list(feedback.write_all(NbgraderCourse(site.course.root), site.course.assignment("tiny"), "zh"))
    assert feedback_page.file.read_bytes() == by_button


def test_what_a_student_reads(feedback_page):
    words = " ".join(feedback_page.text.split())
    assert feedback_page.title == "小作业 · bob"
    assert "bob 3.5 分，满分 15 分" in words
    assert "调用 double(x: float32 (3, 2)) 之后：返回值的形状应为 (3, 2)，却是 (2, 3)" in words
    assert "✗ 就地下降 隐藏测试 0 / 4 essay 2.5 / 3" in words  # of a hidden criterion nothing but its title
    assert SAID in words
    assert HOSTILE in feedback_page.text


# -- beside a server ---------------------------------------------------------------------------------------------------


def hand_in_by_page(student, **cells):
    """Hand in on the course's page and return the path of the result."""
    form = {f"cell:{name}": source for name, source in cells.items()}
    return student.fill_in("/assignments/tiny", "/assignments/tiny/hand-in", **form).url.path


def shown(site, student, double):
    """Wait until the gradebook has a score of the first exercise; return what the page of submissions shows."""
    site.browser.until(lambda: course_of.grades(site.course, student).get("test_double", (0,))[0] == double, "a score")
    site.browser.open("formgrader/manage_submissions/tiny")
    row = cells(site.browser, student)
    return row["score"], row["status"]


def test_beside_a_server_the_formgrader_and_the_commands_see_and_say_the_same(site, released):
    course, browser = site.course, site.browser
    with web_course.server(course) as (_, address, link), web_course.opened_course(address, link, "eve") as (eve,):
        page = hand_in_by_page(eve, double=tiny.DOUBLE, step=tiny.STEP, essay=course_of.ANSWER)
        assert shown(site, "eve", 6) == ("10 / 15", "needs manual grading")
        open_submission(site, "eve")
        give(site, "eve", "2.5", SAID)
        feedback_page = eve.get(f"{page}/feedback").text
        assert "2.5 / 3" in feedback_page
        assert html.escape(SAID) in feedback_page
        again = hand_in_by_page(eve, double="def double(x):\n    return x.t() * 2\n", step=tiny.STEP, essay="Because.")
        assert shown(site, "eve", 1) == ("7.5 / 15", "needs manual grading")
        assert "2.5 / 3" in eve.get(f"{again}/feedback").text
        before = course_of.tables(course_of.gradebook(course))
        press(browser, "eve", "autograde")
        assert command(course, "grade").stdout.endswith(" unchanged\n")
        assert course_of.tables(course_of.gradebook(course)) == before
        here("feedback", "--course", course.root)
        assert html.escape(SAID) in (course.root / "feedback" / "eve" / "tiny" / "tiny.html").read_text()
        table = course.root / "grades.csv"
        here("export", "--to", "csv", "--gradebook", "--course", course.root, "--out", table)
        assert "\neve,tiny,graded,7.5,15,no" in table.read_text()
        assert [one.score for one in reports(course) if one.student == "eve"] == [5]
