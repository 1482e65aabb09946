"""What is kept while one writes, without scripts and as scripts ask for it; how far one is; what the editor needs."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
import tiny_course as tiny
import web_course
from web_course import STUBS, WRONG, Browser

import autograder.web
from autograder.web import released
from autograder.web.data import drafts, offerings
from autograder.web.data.models import Role
from autograder.web.released import ReleasedNotebook

ROOT = Path(__file__).parents[2]
STATIC = Path(autograder.web.__file__).parent / "static"
PAGE = "/assignments/tiny"


@pytest.fixture(scope="module")
def site(tmp_path_factory, address):
    with web_course.site(web_course.make(tmp_path_factory.mktemp("course")), address) as opened:
        web_course.publish(opened, web_course.add(opened, "ivan", Role.instructor))
        yield opened


@pytest.fixture
def student(site, request):
    return web_course.add(site, f"s{abs(hash(request.node.name)) % 10**9}")


@pytest.fixture
def browser(site, student):
    return Browser(site, student)


def kept(browser):
    """The texts of all cells, as a script learns them."""
    return {cell: found["source"] for cell, found in browser.get(f"{PAGE}?as=json").json()["cells"].items()}


def version(browser, cell="double"):
    return browser.get(f"{PAGE}?as=json").json()["cells"][cell]["version"]


def states(browser):
    found = browser.get(f"{PAGE}?as=json").json()
    return {name: state for name, (state, _) in found["exercises"].items()}, found["progress"][0]


# -- two tabs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "text", "is_kept"),
    [("present", "mine", True), ("old", "mine", False), ("old", "theirs", True), ("nonsense", "mine", False),
     ("", "mine", True)],
)  # fmt: skip
def test_a_text_is_kept_if_it_goes_on_from_the_one_that_is_there(browser, base, text, is_kept):
    bases = {"old": version(browser), "nonsense": "nonsense", "": ""}
    browser.send_form(PAGE, {"cell:double": "theirs", "base:double": bases["old"]})
    bases["present"] = version(browser)
    form = {"cell:double": text, "base:double": bases[base], "cell:step": "also written"}
    answer = browser.send_form(f"{PAGE}?as=json", form).json()
    assert bool(answer["saved"]) is is_kept
    assert kept(browser) == {"double": text if is_kept else "theirs", "step": "also written"}
    there = answer["cells"]["double"]
    assert there["version"] == version(browser)
    assert there.get("source") == (None if is_kept else "theirs")
    assert answer["cells"]["step"] == {"version": version(browser, "step")}


def conflict(browser, path=PAGE):
    """Save another text meanwhile; return the page that answers, and what its form would send."""
    old = version(browser)
    browser.send_form(PAGE, {"cell:double": "theirs"})
    answer = browser.send_form(path, {"cell:double": "mine", "base:double": old})
    assert answer.status_code == 409
    hidden = dict(re.findall(r'name="((?:base|there):double)" value="(\w+)"', answer.text))
    return answer.text, {"cell:double": "mine"} | hidden


def test_without_scripts_the_page_shows_both_texts_and_one_chooses(browser):
    page, form = conflict(browser)
    assert re.search(r'<textarea name="cell:double"[^>]*>\nmine</textarea>', page)
    assert "<pre>theirs</pre>" in page
    assert browser.send_form(PAGE, form).status_code == 409
    assert browser.send_form(PAGE, form | {"take": "double"}).status_code == 303
    assert kept(browser)["double"] == "theirs"
    assert browser.send_form(PAGE, form | {"keep": "double"}).status_code == 303
    assert kept(browser)["double"] == "mine"


def test_who_keeps_theirs_does_not_replace_a_third_text_unseen(browser):
    _, form = conflict(browser)
    browser.send_form(PAGE, {"cell:double": "a third"})
    assert browser.send_form(PAGE, form | {"keep": "double"}).status_code == 409
    assert kept(browser)["double"] == "a third"


def test_nothing_is_handed_in_before_one_has_chosen(browser):
    page, _ = conflict(browser, f"{PAGE}/hand-in")
    assert "not handed in" in page
    assert "handed in</a>" not in browser.get(PAGE).text
    assert 'href="/submissions/' not in browser.get(PAGE).text


# -- the stub ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mine", [WRONG, "", 'a = "</textarea>"\r\n'])
def test_a_reset_can_be_undone_without_scripts(browser, mine):
    browser.send_form(PAGE, {"cell:double": "before"})
    page = browser.send_form(PAGE, {"cell:double": mine, "reset": "double"}).text
    assert kept(browser)["double"] == STUBS["double"]
    before = unescape(re.search(r'<textarea name="before:double" hidden>\n(.*?)</textarea>', page, re.DOTALL)[1])
    form = {
        "cell:double": STUBS["double"],
        "before:double": before,
        "restore": "double",
        "base:double": version(browser),
    }
    assert browser.send_form(PAGE, form).status_code == 303
    assert kept(browser)["double"] == mine.replace("\r\n", "\n")


def test_a_reset_does_not_remove_a_text_from_another_tab(browser):
    old = version(browser)
    browser.send_form(PAGE, {"cell:double": "theirs"})
    form = {"cell:double": "mine", "base:double": old, "reset": "double"}
    assert browser.send_form(PAGE, form).status_code == 409
    assert kept(browser)["double"] == "theirs"


@pytest.mark.parametrize("cell", ["test_double", "nothing", "../x"])
def test_only_what_one_writes_is_reset(browser, cell):
    assert browser.send_form(PAGE, {"reset": cell, "restore": cell, f"before:{cell}": "x"}).status_code == 303
    assert kept(browser) == STUBS


# -- how far one is ----------------------------------------------------------------------------------------------------


def test_the_last_check_is_remembered_until_the_cell_changes(browser):
    assert states(browser) == ({"double": "open", "step": "later"}, 0)
    assert "5 of 10 points are judged by checks you can run here" in browser.get(PAGE).text
    for source, state, right in ((WRONG, "not_yet", 0), (tiny.DOUBLE, "right", 1)):
        form = {"cell:double": source, "exercise": "double"}
        assert browser.send_form(f"{PAGE}/check?as=part", form).status_code == 200
        assert states(browser) == ({"double": state, "step": "later"}, right)
    home = browser.get("/").text
    assert "all 1 exercises" in home
    assert 'max="1" value="1"' in home
    browser.send_form(PAGE, {"cell:double": tiny.DOUBLE, "cell:step": "pass"})
    assert states(browser)[0]["double"] == "right"
    browser.send_form(PAGE, {"cell:double": WRONG})
    assert states(browser) == ({"double": "changed", "step": "later"}, 0)
    assert f'href="{PAGE}#cell-double"' in browser.get("/").text


def test_a_text_that_was_not_kept_is_checked_and_nothing_remembered(browser):
    old = version(browser)
    browser.send_form(PAGE, {"cell:double": WRONG})
    form = {"cell:double": tiny.DOUBLE, "base:double": old, "exercise": "double"}
    verdict = browser.send_form(f"{PAGE}/check?as=part", form).text
    assert "✗" not in verdict
    assert states(browser)[0]["double"] == "open"
    assert kept(browser)["double"] == WRONG


@pytest.mark.parametrize(
    ("rubric", "expected"),
    [
        ("@criterion('double', points=2)\ndef test_a(): ...\n@criterion('double', points=.5)\ndef test_b(): ...", 2.5),
        ("@autograder.criterion(exercise='double', points=3)\n@parametrize('x', [1, 2])\ndef test_a(x): ...", 3),
        ("def helper(): ...", 0),
        ("@criterion('double', points=POINTS)\ndef test_a(): ...", None),
        ("@criterion('nothing', points=1)\ndef test_a(): ...", None),
        ("@criterion(**WORTH)\ndef test_a(): ...", None),
        ("def test_a(): ...", None),
    ],
)
def test_what_is_judged_here_is_read_off_the_visible_rubric_or_not_said(tmp_path, rubric, expected):
    folder = web_course.make(tmp_path).root / "assignments" / "tiny"
    (folder / "test_tiny.py").write_text(rubric)
    found = ReleasedNotebook.of(released.load(folder)).judged_here
    assert found == (None if expected is None else {"double": expected, "step": 0})


# -- the editor --------------------------------------------------------------------------------------------------------


def test_styles_of_the_editor_come_with_a_word_that_is_new_each_time(browser):
    found = set()
    for _ in range(2):
        answer = browser.get(PAGE)
        nonce = re.search(r'data-nonce="([\w-]{20,})"', answer.text)[1]
        policy = answer.headers["content-security-policy"]
        assert f"style-src 'self' 'nonce-{nonce}';" in policy
        assert "script-src 'self';" in policy
        found.add(nonce)
    assert len(found) == 2
    assert "nonce" not in browser.get("/").headers["content-security-policy"]


def test_the_words_of_the_search_are_in_the_readers_language(browser):
    browser.send_form("/language", {"language": "zh", "next": PAGE})
    words = json.loads(re.search(r"data-phrases='([^']*)'", browser.get(PAGE).text)[1])
    assert words["replace all"] == "全部替换"


@pytest.mark.parametrize("name", ["codemirror.js", "drafts.js", "web.css", "report.css"])
def test_what_pages_load_is_small_and_loaded_once(browser, name):
    first = browser.get(f"/static/{name}")
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["cache-control"] == "no-cache"
    again = browser.get(f"/static/{name}", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"] == "no-cache"


def test_every_package_in_the_editor_has_its_licence_beside_it():
    lock = json.loads((ROOT / ".ci/codemirror/package-lock.json").read_text())
    licences = (STATIC / "codemirror.licenses.txt").read_text(encoding="utf-8")
    blocks = [block.strip() for block in licences.split("-" * 80)]
    assert all("Permission is hereby granted, free of charge" in block for block in blocks)
    locked = {path.removeprefix("node_modules/"): one for path, one in lock["packages"].items() if path}
    unused = {"@codemirror/autocomplete", "@codemirror/streamparser"}  # come with others, and nothing of them is used
    needed = {f"{name} {one['version']}" for name, one in locked.items() if not one.get("dev") and name not in unused}
    assert {block.splitlines()[0] for block in blocks} == needed


def test_no_script_of_the_editor_asks_another_server():
    addresses = re.findall(r"https?://[^\s\"'`]+", (STATIC / "codemirror.js").read_text(encoding="utf-8"))
    assert addresses == ["http://www.w3.org/2000/svg"]  # a name, not an address


def test_a_new_release_of_a_stub_reaches_who_has_written_nothing_into_the_cell(site, student, browser):
    browser.send_form(PAGE, {"cell:double": STUBS["double"], "cell:step": "mine"})
    with site.database.read() as session:
        mine = drafts.of(session, offerings.by_name(session, "tiny"), student)
    assert mine == {"step": "mine"}
