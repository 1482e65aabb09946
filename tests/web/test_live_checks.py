"""A check as the page gets it: verdicts one by one, what the code shows, hints on request."""

import json
import re
from html import unescape

import pytest
import tiny_course as tiny
import web_course
from web_course import WRONG, Browser

from autograder.practice.check import check_file
from autograder.report.terminal import paragraphs
from autograder.web.data import explanations, offerings, people
from autograder.web.data.models import Role

PRINTS = 'print("<b>one</b>")\n' + tiny.DOUBLE


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with web_course.site(web_course.make(tmp_path_factory.mktemp("course"))) as opened:
        web_course.publish(opened, web_course.add(opened, "ivan", Role.instructor))
        yield opened


@pytest.fixture
def browser(site, request):
    return Browser(site, web_course.add(site, f"s{abs(hash(request.node.name)) % 10**9}"))


def check(browser, double, how="stream"):
    answer = browser.send_form(f"/assignments/tiny/check?as={how}", {"cell:double": double, "exercise": "double"})
    assert answer.status_code == 200
    return [json.loads(line) for line in answer.text.splitlines()] if how == "stream" else answer.text


def test_verdicts_come_one_by_one_and_end_as_the_part_without_a_stream(site, browser):
    lines = check(browser, WRONG)
    assert "the engine is starting" in lines[0]["part"].lower() or site.checker.is_warm("tiny")
    marks = [re.findall(r'<li class="(\w+)"', line["part"]) for line in lines]
    assert ["waiting", "waiting"] in marks
    assert marks[-1] == ["failed", "skipped"]
    assert all(len(each) in (0, 2) for each in marks)
    assert not any("gradient" in line["part"] for line in lines)
    assert [line["is_judged"] for line in lines] == sorted(line["is_judged"] for line in lines)
    assert lines[-1]["is_whole"]
    assert lines[-1]["part"] == check(browser, WRONG, "part")


@pytest.mark.parametrize("how", ["part", "page"])
def test_what_is_printed_is_text_and_comes_without_scripts_too(browser, how):
    given = check(browser, PRINTS, how)
    assert "&lt;b&gt;one&lt;/b&gt;" in given
    assert "<b>one" not in given
    assert "img-src 'self' data:" in browser.get("/").headers["content-security-policy"]


def test_a_hint_is_what_the_command_says_and_shown_on_request(site, browser, tmp_path):
    file = site.course.root / "solutions" / "tiny" / "mine.ipynb"
    file.write_text(json.dumps(tiny.answers(WRONG)))
    try:
        _, report = check_file(file, exercise="double")
    finally:
        file.unlink()
    browser.send_form("/language", {"language": "en"})
    part = unescape(check(browser, WRONG, "part"))
    for criterion in report.exercises[0].criteria:
        for kind, words in paragraphs(criterion, "en"):
            if kind == "hint":
                assert f'<details class="hint"><summary>Show the hint</summary>\n<p>{words}</p></details>' in part
            elif kind == "message":
                assert words in part


@pytest.mark.parametrize("how", ["stream", "part", "page"])
def test_an_explanation_of_the_named_mistake_is_part_of_the_check(site, browser, how):
    def said(double):
        found = check(browser, double, how)
        return "Twice, not " in (found[-1]["part"] if how == "stream" else found)

    with site.database.write() as session:
        offering, ivan = offerings.by_name(session, "tiny"), people.by_login(session, "ivan")
        for cause in ("constant-factor", "negated"):
            explanations.write(session, offering, "double.values", cause, {"en": f"Twice, not {cause}."}, ivan)
    assert [said(double) for double in (tiny.DOUBLE, "def double(x):\n    return -2 * x\n")] == [False, True]
    with site.database.write() as session:
        explanations.withdraw(session, offering, "double.values", "negated", ivan)
    assert not said("def double(x):\n    return -2 * x\n")
