"""The corpus in ``tests/attacks`` and the hostile files, through the application: cells of the editor, and uploads.

All of them meet one server, among honest students; `tests/test_attacks.py` has them graded by the command.
"""

import hashlib
import json
import re
import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from types import SimpleNamespace

import attack_corpus as corpus
import attack_files as files
import pytest
import web_course
from web_course import Browser

from autograder.results.cases import requirements
from autograder.results.grade_report import GradeReport
from autograder.sandbox import confine
from autograder.web.data import submissions
from autograder.web.data.models import Role

EXERCISES = ("init_params", "linreg", "squared_loss", "sgd", "data_iter", "train", "concise")
CODE = {attack.name: attack for attack in corpus.read_all(EXERCISES)}
FILES = {name: corpus.parse(name, build.__doc__, EXERCISES, {}) for name, build in files.BUILDERS.items()}
FOLDERS = ("link_to_solution", "folder_linked_to_solution", "student_linked_to_neighbour", "link_below", "pipe", "directory")  # fmt: skip
"""Hostile by what lies in the folder. Over the wire come bytes and a name, so `NAMES` take their place."""
NAMES = ("../../neighbour/x.ipynb", "/etc/passwd.ipynb", "x%00.ipynb", "\u202e\x1b[31m<b>.ipynb", "x" * 5000 + ".ipynb")
SCRIPT = next(attack for attack in CODE.values() if attack.is_script)
UNREADABLE = corpus.parse("", "honest: none\nstatus: unreadable", EXERCISES, {})
UPLOADS = [*(name for name in FILES if name not in FOLDERS), *(f"name{n}" for n in range(len(NAMES))), SCRIPT.name]
REFUSED = {"long_cell": 413, f"name{len(NAMES) - 1}": 400}
LIMITS = {"call_s": 1, "cell_s": 1, "submission_s": 6}
"""What waits in every call, as `lying_net` does, costs a whole submission's time."""
SELF_HARMING = ("thread_bomb",)
"""What it has left of its own process when its honest part is called depends on how busy the machine is."""
AT_ONCE = 8
PATIENCE_S = 240
TAGS = "ul|li|span|div|p|pre|details|summary|section|h3|h4|img"
ASSIGNMENT = f"/assignments/{corpus.NAME}"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not confine.is_available(), reason="this machine cannot confine")]


class Class:
    """Students at one site, each with a browser of their own."""

    def __init__(self, site):
        self.site, self.root = site, site.course.root
        known = {"COURSE": str(self.root), "PORT": "9", "TOKEN": "token"}
        self.desk = corpus.Desk.of(site.course.assignment(corpus.NAME), known)

    def browser(self, login):
        return Browser(self.site, web_course.add(self.site, login))

    def honest(self, exercises):
        return {name: self.desk.answers.solutions[name] for name in exercises}

    def cells(self, attack):
        """Return an attack as it can be written into the cells that are a student's; what comes first, comes after
        what is honest in the first cell."""
        parts = {place: self.desk.filled(code) for place, code in attack.parts.items()}
        given = self.honest(attack.honest)
        own = {name: parts.get(name, "" if name in given else parts.get("answers", "")) for name in EXERCISES}
        first, last = EXERCISES[0], EXERCISES[-1]
        own[first] = parts.get("start", "") + "\n" + own[first]
        own[last] += "\n" + parts.get("end", "")
        cells = {name: f"{given.get(name, '')}\n{code}" for name, code in own.items()}
        return {name: code for name, code in cells.items() if code.strip()}

    def check(self, login, cells):
        """Check everything and return what the page shows in the end."""
        form = {f"cell:{cell}": source for cell, source in cells.items()}
        answer = self.browser(login).send_form(f"{ASSIGNMENT}/check?as=stream", form)
        assert answer.status_code == 200
        last = json.loads(answer.text.splitlines()[-1])
        assert last["is_whole"]
        return answer.text, last["part"]

    def hand_in(self, login, cells):
        browser = self.browser(login)
        return browser, browser.send_form(f"{ASSIGNMENT}/hand-in", {f"cell:{c}": s for c, s in cells.items()})

    def upload(self, login, name, content):
        browser = self.browser(login)
        return browser, browser.send_form(f"{ASSIGNMENT}/upload", files={"file": (name, content, "text/html")})

    def content(self, name):
        """Return the bytes of a hostile file."""
        place = self.root / "hostile" / name
        place.mkdir(parents=True)
        files.BUILDERS[name](place, self.desk)
        return (place / files.FILE).read_bytes()

    def reports(self, answers):
        """Wait until everything that was accepted is graded and written; return the reports by login."""
        numbers = {login: number_of(answer) for login, (_, answer) in answers.items() if answer.status_code == 303}
        end = time.monotonic() + PATIENCE_S
        while True:
            with self.site.database.read() as session:
                found = {login: submissions.by_id(session, number).report for login, number in numbers.items()}
                if all(report is not None and report.written_at is not None for report in found.values()):
                    return {login: GradeReport.from_json(report.line) for login, report in found.items()}
            assert time.monotonic() < end, [login for login, report in found.items() if report is None]
            time.sleep(0.1)

    def look(self):
        """Return what nobody may have changed."""
        kept = [path for folder in ("solutions", "assignments") for path in (self.root / folder).rglob("*")]
        kept += [path for path in (self.root / "submitted" / "neighbour").rglob("*") if path.name != "timestamp.txt"]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in kept if path.is_file()}


def number_of(answer):
    return int(answer.headers["location"].rpartition("/")[2])


@pytest.fixture(scope="module")
def attacked(tmp_path_factory):
    """Send everything in, many at a time, honest students before, among and after them; yield what came of it."""
    course = corpus.make_course(tmp_path_factory.mktemp("course"), **LIMITS)
    folder = course.root / "assignments" / corpus.NAME
    folder.mkdir(parents=True)
    for file in (corpus.ROOT / "assignments" / corpus.NAME).iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    with web_course.site(course) as site:
        web_course.publish(site, web_course.add(site, "ivan", Role.instructor), name=corpus.NAME)
        site.grader.start()
        yield sent(Class(site))


def sent(students):
    """Return what everybody was answered."""
    everything = students.honest(EXERCISES)
    neighbour = {"neighbour": students.hand_in("neighbour", everything)}
    reports, before = students.reports(neighbour), students.look()
    first = students.check("first", everything)
    sets = sorted({attack.honest for attack in CODE.values()}, key=sorted)
    given = {name: (f"{name}.ipynb", students.content(name)) for name in FILES if name not in FOLDERS}
    given |= {f"name{n}": (name, b"{}") for n, name in enumerate(NAMES)}
    given[SCRIPT.name] = ("mine.py", students.desk.content(SCRIPT)[1].encode())
    with ThreadPoolExecutor(AT_ONCE) as pool:
        alone = {done: pool.submit(students.check, f"alone{n}", students.honest(done)) for n, done in enumerate(sets)}
        checks = {name: pool.submit(students.check, name, students.cells(attack)) for name, attack in CODE.items()}
        among = pool.submit(students.check, "among", everything)
        uploads = {name: pool.submit(students.upload, f"file-{name}", *file) for name, file in given.items()}
    found = SimpleNamespace(students=students, given=given, before=before, undisturbed=reports["neighbour"])
    found.honest = [first, among.result(), students.check("last", everything)]
    found.alone = {done: future.result() for done, future in alone.items()}
    found.checks = {name: future.result() for name, future in checks.items()}
    found.uploads = {name: future.result() for name, future in uploads.items()}
    found.reports = students.reports(neighbour | found.uploads)
    found.logins = ["neighbour", *(f"file-{name}" for name in found.uploads if name not in REFUSED)]
    found.neighbour, found.after = neighbour["neighbour"], students.look()
    return found


def passed(part):
    """Return the requirements that a page shows as met, each with its exercise."""
    found = set()
    for piece in part.split("<h3>")[1:]:
        exercise, _, rows = piece.partition("</h3>")
        titles = re.findall(r'<li class="passed">.*?<span>(.*?)</span>', rows, re.DOTALL)
        found |= {(unescape(exercise), re.sub(r" \(\d+ of \d+ cases\)$", "", unescape(title))) for title in titles}
    return found


def rows(report, allowed):
    """Return the visible requirements of which all cases are among these criteria, as `passed` does."""
    found = set()
    for exercise in report.exercises:
        for one in requirements([c for c in exercise.criteria if c.visible]):
            if all(case.id in allowed for case in one.cases):
                found.add((exercise.title.en, one.title.en))
    return found


def criteria_in(report, met):
    """Return the visible criteria of the requirements that a page shows as met."""
    ids = set()
    for exercise in report.exercises:
        for one in requirements([c for c in exercise.criteria if c.visible]):
            ids |= {case.id for case in one.cases} if (exercise.title.en, one.title.en) in met else set()
    return ids


def tells(answer, own):
    """Return what an answer tells of this machine, of our code and of the course, and the sender did not know."""
    answer = re.sub(
        r"Exception (?:ignored )?in thread .*?</pre>", "", answer, flags=re.DOTALL
    )  # what their own threads have printed
    found = re.findall(r"(?<!\w)(?:/[\w.@+-]+){2,}\.pyc?\b|Traceback \(most|autograder[./]\w+[./]\w+", unescape(answer))
    return [word for word in found if word not in own]


@pytest.mark.parametrize("name", CODE)
def test_what_is_written_into_cells_gains_nothing(attacked, name):
    """A check shows as met what it shows where the attack's honest part is alone, and what its header names besides."""
    attack, full = CODE[name], attacked.undisturbed
    _, part = attacked.checks[name]
    honest = criteria_in(full, passed(attacked.alone[attack.honest][1]))
    everything = [c.id for exercise in full.exercises for c in exercise.criteria]
    found, fair = passed(part), rows(full, attack.may_pass(honest, everything))
    assert found <= fair if name in SELF_HARMING else found == fair


@pytest.mark.parametrize("name", CODE)
def test_what_is_written_into_cells_is_told_nothing(attacked, name):
    """Of hidden criteria not even the titles, of the machine no path; what the code shows or says is text."""
    answer, part = attacked.checks[name]
    own = "".join(attacked.students.cells(CODE[name]).values())
    assert tells(answer, own) == []
    for exercise in attacked.undisturbed.exercises:
        assert not [c.id for c in exercise.criteria if not c.visible and f"<span>{c.title.en}<" in answer]
    assert not re.search(rf"<(?!/?(?:{TAGS})\b)", part)
    assert attacked.students.site.course.key().hex() not in answer


@pytest.mark.parametrize("name", UPLOADS)
def test_what_is_uploaded_gains_nothing(attacked, name):
    """Its honest part counts. The page of its result says nothing more of hidden criteria than title and verdict."""
    browser, answer = attacked.uploads[name]
    if name in REFUSED:
        assert answer.status_code == REFUSED[name]
        assert tells(answer.text, "") == []
        return
    expected, report = FILES.get(name, SCRIPT if name == SCRIPT.name else UNREADABLE), attacked.reports[name]
    everything = {c.id: c for exercise in attacked.undisturbed.exercises for c in exercise.criteria}
    honest = {id for id in everything if id.partition(".")[0] in expected.honest}
    met = {c.id for exercise in report.exercises for c in exercise.criteria if c.outcome == "passed"}
    assert met == expected.may_pass(honest, everything)
    assert (report.status, report.score) == (expected.status, sum(everything[id].points for id in met))
    page = browser.get(answer.headers["location"]).text
    assert tells(page, attacked.given[name][1].decode(errors="replace")) == []
    criteria = [c for exercise in report.exercises for c in exercise.criteria]
    secret = {c.message.en for c in criteria if not c.visible} - {c.message.en for c in criteria if c.visible}
    assert not [words for words in secret if words in unescape(page)]
    assert not re.search(r"<(?:script(?! src)|img|iframe|svg)\b", page)


@pytest.mark.parametrize("name", [name for name in UPLOADS if name not in REFUSED])
def test_what_is_uploaded_is_kept_as_it_is_and_served_to_nobody_else(attacked, name):
    browser, answer = attacked.uploads[name]
    file = f"{answer.headers['location']}/file"
    given = browser.get(file)
    assert given.content == attacked.given[name][1]
    assert given.headers["content-type"] == "application/octet-stream"
    assert re.fullmatch(
        rf"attachment; filename\*=utf-8''{corpus.NAME}\.(ipynb|py)", given.headers["content-disposition"]
    )
    neighbour, _ = attacked.neighbour
    assert neighbour.get(file).status_code == neighbour.get(answer.headers["location"]).status_code == 404


def test_nobody_else_is_touched(attacked):
    """Honest students read the same before, among and after all this; their work and the course's folders are as they were."""
    verdicts = [re.findall(r'<ul class="marks">.*?</ul>', part, re.DOTALL) for _, part in attacked.honest]
    assert verdicts[0] == verdicts[1] == verdicts[2]
    assert attacked.reports["neighbour"] == attacked.undisturbed
    assert attacked.undisturbed.score == attacked.undisturbed.max_score
    assert attacked.after == attacked.before
    browser, answer = attacked.neighbour
    assert "40" in browser.get(answer.headers["location"]).text


def test_everybody_is_in_the_journal_once_and_under_their_own_name(attacked):
    root = attacked.students.root
    lines = [json.loads(line)["student"] for line in (root / "results.jsonl").read_text().splitlines()]
    assert sorted(lines) == sorted(attacked.logins)
    assert {path.name for path in (root / "submitted").iterdir()} == set(attacked.logins)
    for folder in (root / "submitted").iterdir():
        assert {path.name for path in (folder / corpus.NAME).iterdir()} <= {f"{corpus.NAME}.ipynb", f"{corpus.NAME}.py", "timestamp.txt"}  # fmt: skip
