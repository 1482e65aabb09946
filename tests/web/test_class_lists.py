"""A class list as it is taken in: what would change is shown first, and nothing counts that was not seen."""

import csv
import io
import re

import pytest
import web_course
from web_course import PASSWORD, Browser

from autograder.web.data import people
from autograder.web.data.models import Role

LIST = "login,name,email\nann,Ann Lee,ann@uni.example\nbo,Bo Li,bo@uni.example\n"


@pytest.fixture
def site(tmp_path):
    course = web_course.make(tmp_path)
    with web_course.site(course) as opened:
        yield opened


@pytest.fixture
def browser(site):
    return Browser(site, web_course.add(site, "ivan", Role.instructor))


def send(browser, words, **options):
    """Send a class list, and return the address of what it would change."""
    answer = browser.send_form("/class/roster", files={"file": ("list.csv", words.encode(), "text/csv")}, **options)
    assert answer.status_code == 303, re.search(r'role="alert">([^<]*)', answer.text)[1]
    return answer.headers["location"]


def confirm(browser, address, **values):
    page = browser.get(address).text
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    return browser.send_form(address.split("?")[0], hidden | values)


def members(site):
    with site.database.read() as session:
        return {one.login: (one.name, one.email, one.enrolment.role) for one in people.everybody(session)}


def table(page, title):
    """The rows below a heading of the preview."""
    part = re.search(rf"<h2>{title}</h2>.*?<tbody>(.*?)</tbody>", page, re.DOTALL)
    rows = re.findall(r"<tr>(.*?)</tr>", part[1] if part else "", re.DOTALL)
    return [[re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<td>(.*?)</td>", row, re.DOTALL)] for row in rows]


def test_everybody_on_a_list_is_added_and_comes_in_by_a_link_of_the_table(site, browser):
    address = send(browser, LIST)
    assert table(browser.get(address).text, "New") == [
        ["2", "ann", "Ann Lee", "ann@uni.example"],
        ["3", "bo", "Bo Li", "bo@uni.example"],
    ]
    assert list(members(site)) == ["ivan"]
    assert confirm(browser, address).headers["location"] == "/class/people"
    assert members(site)["ann"] == ("Ann Lee", "ann@uni.example", Role.student)
    assert browser.get(address).status_code == 404
    answer = browser.send_form("/class/people/links", {"do": "new"})
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["login"], row["name"], row["email"]) for row in rows] == [
        ("ann", "Ann Lee", "ann@uni.example"),
        ("bo", "Bo Li", "bo@uni.example"),
    ]
    assert browser.send_form("/class/people/links", {"do": "new"}).status_code == 400
    links = [row["link"].removeprefix(web_course.ORIGIN) for row in rows]
    assert Browser(site).send_form(links[0], {"password": PASSWORD}).status_code == 303
    again = browser.send_form("/class/people/links", {"do": "all"}).content.decode("utf-8-sig")
    assert "bo," in again
    assert "ann," not in again
    assert Browser(site).get(links[1]).status_code == 410


def test_what_changes_is_shown_and_who_is_gone_stays_unless_asked(site, browser):
    confirm(browser, send(browser, LIST))
    form = {"role": "removed", "sure": "yes"}
    with site.database.read() as session:
        bo = people.by_login(session, "bo").id
    browser.send_form(f"/class/people/{bo}/role", form)
    web_course.add(site, "old")
    address = send(browser, "login,name\nANN,Ann Leigh\nbo,Bo Li\nivan,Ivan the Teacher\n")
    page = browser.get(address).text
    assert table(page, "Other name, or admitted again") == [
        ["ann", "Ann Lee", "Ann Leigh"],
        ["ivan", "Ivan", "Ivan the Teacher"],
        ["bo", "Bo Li", "admitted again"],
    ]
    assert table(page, "Not on the list") == [["old", "Old"]]
    assert [row[:2] for row in table(page, "To be looked at")] == [["2", "ANN"], ["4", "ivan"]]
    confirm(browser, address)
    there = members(site)
    assert set(there) == {"ann", "bo", "ivan", "old"}
    assert (there["ann"][0], there["ivan"][2]) == ("Ann Leigh", Role.instructor)
    assert there["ann"][1] == "ann@uni.example"
    confirm(browser, send(browser, LIST), remove="yes")
    assert set(members(site)) == {"ann", "bo", "ivan"}


def test_lines_that_cannot_count_are_named_and_the_others_do(site, browser):
    for name in ("Zoe", "yan"):
        (site.course.submitted / name).mkdir(parents=True)
    words = "login,name\nCy,One\ncy,Two\nzoe,Zoe\nyan,Yan\n../up,Up\ntiny,Tiny\n,Nobody\nann,Ann\nann,Ann\nx y,X\n"
    address = send(browser, words)
    page = browser.get(address).text
    refused = table(page, "Lines that do not count")
    assert [row[:2] for row in refused] == [
        ["2", "Cy"], ["3", "cy"], ["4", "zoe"], ["6", "../up"], ["7", "tiny"], ["8", ""], ["11", "x y"],
    ]  # fmt: skip
    assert "submitted/Zoe" in refused[2][2]
    assert [row[:2] for row in table(page, "To be looked at")] == [["10", "ann"]]
    assert [row[1] for row in table(page, "New")] == ["yan gets the work in submitted/", "ann"]
    confirm(browser, address)
    assert set(members(site)) == {"ivan", "yan", "ann"}


def test_two_people_whose_addresses_begin_alike_are_not_taken_for_one(browser):
    page = browser.get(send(browser, "email,name\nlee@a.example,Ann Lee\nlee@b.example,Bo Lee\nbo@a.example,Bo\n")).text
    assert [row[:2] for row in table(page, "Lines that do not count")] == [["2", "lee"], ["3", "lee"]]
    assert [row[1] for row in table(page, "New")] == ["bo"]


def test_a_form_cannot_say_who_is_added_nor_whose_list_it_is(site, browser):
    address = send(browser, LIST)
    assert confirm(browser, address, seen="0" * 32, new="eve").status_code == 409
    other = Browser(site, web_course.add(site, "olga", Role.instructor))
    assert other.get(address).status_code == 404
    web_course.add(site, "ann")
    with site.database.write() as session:
        person = people.by_login(session, "bo") or people.add(session, "bo", "Bo", None, Role.student)
    page = browser.get(address).text
    seen = re.search(r'name="seen" value="(\w+)"', page)[1]
    with site.database.write() as session:
        people.remove(session, [people.by_id(session, person.id)], by=person)
    assert browser.send_form(address, {"seen": seen}).status_code == 409
    assert set(members(site)) == {"ann", "ivan", "olga"}


def test_columns_can_be_chosen(site, browser):
    address = send(browser, "who,what\nAnn,7\nBo,8\n") + "?login=1&name=0&heads=yes"
    assert [row[:3] for row in table(browser.get(address).text, "New")] == [["2", "7", "Ann"], ["3", "8", "Bo"]]
    confirm(browser, address)
    assert members(site)["7"][0] == "Ann"


@pytest.mark.parametrize("words", ["", '"never ends', "a\0b", "Identifier,Status\nParticipant 1,x\n"])
def test_what_is_no_class_list_is_refused_on_the_page(browser, words):
    answer = browser.send_form("/class/roster", files={"file": ("list.csv", words.encode(), "text/csv")})
    assert answer.status_code == 400
    assert "list.csv" in answer.text


def test_formulas_in_names_stay_words_in_the_table_of_links(site, browser):
    confirm(browser, send(browser, "login,name\nann,=HYPERLINK(1)\n"))
    assert "'=HYPERLINK(1)" in browser.send_form("/class/people/links", {"do": "new"}).text
