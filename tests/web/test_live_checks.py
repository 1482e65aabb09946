"""A check as the page gets it: verdicts one by one, what the code shows, hints on request; and attacks through the page."""

import itertools
import json
import re
from concurrent.futures import ThreadPoolExecutor
from html import unescape

import attack_corpus as corpus
import attack_files as files
import pytest
import tiny_course as tiny
import web_course
from web_course import WRONG, Browser

from autograder.practice.check import check_file
from autograder.report.terminal import paragraphs
from autograder.sandbox import confine
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


# -- attacks -----------------------------------------------------------------------------------------------------------

EXERCISES = ("init_params", "linreg", "squared_loss", "sgd", "data_iter", "train", "concise")
CODE = {attack.name: attack for attack in corpus.read_all(EXERCISES)}
IN_CELLS = ("read_solution", "forged_frames", "lying_cells", "flood_of_frames", "kill_parent", "persistence", "os_exit_zero", "huge_exception")  # fmt: skip
"""One of each kind: reads, forges, lies, floods, signals, leaves something behind, ends, blocks."""
IN_FILES = ("zip_bomb", "deep_json", "marks_that_lie", "cells_that_are_none", "null_bytes")


@pytest.mark.slow
@pytest.mark.skipif(not confine.is_available(), reason="this machine cannot confine")
def test_attacks_through_editor_and_upload(tmp_path):
    course = corpus.make_course(tmp_path / "course")
    folder = course.root / "assignments" / corpus.NAME
    folder.mkdir(parents=True)
    for file in (corpus.ROOT / "assignments" / corpus.NAME).iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    desk = corpus.Desk.of(course.assignment(corpus.NAME), {"COURSE": str(course.root), "PORT": "9", "TOKEN": "token"})
    with web_course.site(course) as site:
        web_course.publish(site, web_course.add(site, "ivan", Role.instructor), name=corpus.NAME)
        site.grader.start()
        attacks = Attacks(site, desk)
        honest = {done: attacks.honest(done) for done in {CODE[name].honest for name in IN_CELLS}}
        everything = attacks.honest(EXERCISES)
        with ThreadPoolExecutor(len(IN_CELLS) + len(IN_FILES)) as pool:
            done = [pool.submit(attacks.check, name, honest[CODE[name].honest]) for name in IN_CELLS]
            done += [pool.submit(attacks.upload, name) for name in IN_FILES]
        for future in done:
            future.result()
        assert passed(attacks.honest(EXERCISES)) == passed(everything)
    assert (folder / f"{corpus.NAME}.ipynb").read_bytes() == (corpus.ROOT / "assignments" / corpus.NAME / f"{corpus.NAME}.ipynb").read_bytes()  # fmt: skip


class Attacks:
    """Hostile students at one site, each with a browser of their own."""

    def __init__(self, site, desk):
        self.site, self.desk = site, desk
        self._numbers = itertools.count()

    def browser(self):
        browser = Browser(self.site, web_course.add(self.site, f"student{next(self._numbers)}"))
        browser.send_form("/language", {"language": "en"})
        return browser

    def answer(self, given):
        """Write into the cells, check everything and return what the page shows at the end."""
        form = {f"cell:{cell}": source for cell, source in given.items()}
        answer = self.browser().send_form(f"/assignments/{corpus.NAME}/check?as=stream", form)
        assert answer.status_code == 200
        last = json.loads(answer.text.splitlines()[-1])
        assert last["is_whole"]
        return last["part"]

    def honest(self, exercises):
        return self.answer({name: self.desk.answers.solutions[name] for name in exercises})

    def check(self, name, expected):
        """Write an attack into the cells that are a student's: what passes is what its honest part passes."""
        attack, hostile = CODE[name], {}
        first, last = EXERCISES[0], EXERCISES[-1]
        for place, code in attack.parts.items():
            cells = EXERCISES if place == "answers" else ({"start": first, "end": last}.get(place, place),)
            for cell in set(cells) - attack.honest:
                hostile[cell] = hostile.get(cell, "") + "\n" + self.desk.filled(code)
        told = self.answer({cell: self.desk.answers.solutions[cell] for cell in attack.honest} | hostile)
        assert passed(told) == passed(expected)
        assert not re.search(rf"<(?!/?(?:{_TAGS})\b)", told)

    def upload(self, name):
        """Hand a hostile file in: it is judged, kept byte for byte, and never served as a page or to others."""
        place = self.site.course.root / "hostile" / name
        place.mkdir(parents=True)
        files.BUILDERS[name](place, self.desk)
        content = (place / files.FILE).read_bytes()
        browser = self.browser()
        file = {"file": ("x.ipynb", content, "text/html")}
        receipt = browser.send_form(f"/assignments/{corpus.NAME}/upload", files=file).headers["location"]
        assert "graded" in browser.get(f"{receipt}/events").text
        assert browser.get(receipt).status_code == 200
        given = browser.get(f"{receipt}/file")
        assert given.content == content
        assert given.headers["content-type"] == "application/octet-stream"
        assert given.headers["content-disposition"].startswith("attachment")
        assert self.browser().get(f"{receipt}/file").status_code == 404


_TAGS = "ul|li|span|div|p|pre|details|summary|section|h3|h4|img"


def passed(part):
    return re.findall(r'<li class="passed">.*?<span>(.*?)</span>', part, re.DOTALL)
