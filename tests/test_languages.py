"""Languages are the course's: one, both of ours or another, in everything that people read."""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbgrader_course as course_of
import pytest
import tiny_course as tiny
import tiny_quiz
from typer.testing import CliRunner

from autograder.base import i18n
from autograder.base.errors import ConfigError
from autograder.base.i18n import Text, text
from autograder.cli.main import app
from autograder.course import mutants
from autograder.course.course import Course, find_assignment
from autograder.lms import runners
from autograder.quiz import lint
from autograder.quiz.questions import loading
from autograder.results import journal
from autograder.sandbox import confine

needs_landlock = pytest.mark.skipif(not confine.is_available(), reason="needs Landlock")
MUTANTS = """\
schema: 1
mutants:
  - id: double-triples
    exercise: double
    edits: [{find: "2 * x", replace: "3 * x"}]
    explain: {zh: 乘了三。, en: It multiplies by three.}
    fails: [double.values]
  - id: double-adds
    exercise: double
    edits: [{find: "return 2 * x", replace: "return (2 * x).sum()"}]
    explain: {zh: 求了和。, en: It adds up.}
    fails: [double.shape]
  - id: double-detaches
    exercise: double
    edits: [{find: "return 2 * x", replace: "return 2 * x.detach()"}]
    explain: {zh: 断开了。, en: It detaches.}
    fails: [double.gradient]
  - id: step-climbs
    exercise: step
    edits: [{find: "p.data -=", replace: "p.data +="}]
    explain: {zh: 方向反了。, en: It climbs.}
    fails: [step.descends]
"""
FRENCH = """\
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8\\n"

msgid "total"
msgstr "somme"

msgid "likely cause: {cause}"
msgstr "cause probable : {cause}"

msgid "grading"
msgstr "notation"

msgid "your code here"
msgstr "votre code ici"

msgid "return a number"
msgstr "renvoyez un nombre"
"""
WRONG = "def double(x):\n    return 3 * x\n"
_IN_YAML = re.compile(r'\{zh: ("[^"]*"|[^,}]*), en: ("[^"]*"|[^}]*)\}')
_IN_PYTHON = re.compile(r'\{"en": ("[^"]*"), "zh": ("[^"]*")\}')


@dataclass(frozen=True)
class Form:
    """A course's languages, and how its authors write words.

    Args:
        languages: as the configuration declares them; None declares none.
        write: makes the YAML of words from Chinese and English, both as YAML.
        said: how "Double" is said in it.
    """

    languages: list[str] | None
    write: str
    said: str

    def yaml(self, source: str) -> str:
        return _IN_YAML.sub(lambda found: self._written(*found.groups()), source)

    def python(self, source: str) -> str:
        return _IN_PYTHON.sub(lambda found: self._written(found[2], found[1], key=json.dumps), source)

    def _written(self, zh: str, en: str, key=str) -> str:
        words = {"zh": zh, "en": en, "fr": json.dumps("fr " + en.strip('"'))}
        if self.write == "once":
            return words[(self.languages or ["zh"])[0]]
        return "{" + ", ".join(f"{key(name)}: {words[name]}" for name in self.languages or ["zh", "en"]) + "}"


ZH = Form(["zh"], "once", "加倍")
EN = Form(["en"], "each", "Double")
BOTH = Form(["en", "zh"], "each", "Double")
FR = Form(["fr"], "once", "fr Double")
EN_FR = Form(["en", "fr"], "each", "Double")
FORMS = {"zh": ZH, "en": EN, "both": BOTH, "fr": FR, "en and fr": EN_FR}


def make(root: Path, form: Form, *, catalogue: str = FRENCH) -> Course:
    declared = "" if form.languages is None else f"\nc.Autograder.languages = {form.languages}\n"
    course = course_of.make(root, config=declared)
    folder = course.source / "tiny"
    (folder / "assignment.yaml").write_text(form.yaml(tiny.SETTINGS), encoding="utf-8")
    (folder / "test_tiny.py").write_text(form.python(tiny.VISIBLE), encoding="utf-8")
    (folder / "private" / "test_tiny_hidden.py").write_text(form.python(tiny.HIDDEN), encoding="utf-8")
    (folder / "private" / "mutants.yaml").write_text(form.yaml(MUTANTS), encoding="utf-8")
    tiny_quiz.make(root, form.yaml(tiny_quiz.SOURCE))
    if form.languages and "fr" in form.languages:
        file = i18n.catalogue_file("fr", root)
        file.parent.mkdir(parents=True)
        file.write_text(catalogue, encoding="utf-8")
    return Course(root)


def run(*arguments: object, code: int = 0) -> str:
    done = CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.output


@pytest.mark.slow
@needs_landlock
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_term_in_a_course_of_these_languages(form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOGRADER_LANG", raising=False)
    course, first = make(tmp_path, form), form.languages[0]
    audited = run("audit", "tiny", "--exercise", "double", "--only", "double-triples", "--only", "double-adds")
    assert {"zh": "正在评分", "en": "grading", "fr": "notation"}[first] in audited
    run("release", "tiny")
    copy = find_assignment(course.release / "tiny")
    assert (copy.settings.language, copy.settings.exercises["double"].title.get(first)) == (first, form.said)
    wrong = course_of.handed_in(course.release / "tiny" / "tiny.ipynb", double=WRONG, step=tiny.STEP)
    tiny.submit(course, "ann", wrong)
    shutil.copy(course.submitted / "ann" / "tiny" / "tiny.ipynb", course.release / "tiny" / "mine.ipynb")
    checked = run("check", course.release / "tiny" / "mine.ipynb", code=1)
    assert form.said in checked
    graded = run("grade")
    assert {"zh": "总分", "en": "total", "fr": "somme"}[first] in graded
    (report,) = journal.read(tmp_path / "results.jsonl")
    assert report.score == 6
    (triples,) = [
        c for e in report.exercises for c in e.criteria if c.diagnosis and c.outcome == "failed" and c.visible
    ]
    cause = {"zh": "乘了三。", "en": "It multiplies by three.", "fr": "fr It multiplies by three."}[first]
    assert triples.diagnosis.text.get(first) == cause
    assert ("fr" in json.dumps(report.to_dict()["problems"] + report.to_dict()["exercises"])) == (
        "fr" in form.languages
    )
    run("feedback", "tiny")
    page = (tmp_path / "feedback" / "ann" / "tiny" / "tiny.html").read_text(encoding="utf-8")
    assert cause in page and (first != "fr" or "cause probable : fr It" in page)
    run("report", "tiny")
    shown = (tmp_path / "tiny.html").read_text(encoding="utf-8")
    assert ('id="language"' in shown) == (form is BOTH)


@pytest.mark.slow
@needs_landlock
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_quiz_in_a_course_of_these_languages(form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTOGRADER_LANG", raising=False)
    course, first = make(tmp_path, form), form.languages[0]
    assert "✓" in run("quiz", "prove", "tiny")
    linted = run("quiz", "lint", "tiny")
    assert "✗" not in linted
    run("quiz", "release", "tiny", "--out", "released.json")
    released = json.loads((tmp_path / "released.json").read_text(encoding="utf-8"))
    assert released.get("language", "zh") == first
    answers = tmp_path / "ann.yaml"
    answers.write_text("answers: {one: A, sum: 1.5}", encoding="utf-8")
    scored = json.loads(run("quiz", "score", "tiny", answers, "--json"))
    told = {q["id"]: Text(**q["feedback"][0]).get(first) for q in scored[0]["questions"] if q["id"] in ("one", "sum")}
    assert (
        told
        == {
            "zh": {"one": "这是三", "sum": "没有加倍"},
            "en": {"one": "this is three", "sum": "not doubled"},
            "fr": {"one": "fr this is three", "sum": "fr not doubled"},
        }[first]
    )
    run("quiz", "release", "tiny", "--to", "notebook")
    made = json.loads((course.release / "tiny_quiz" / "tiny_quiz.ipynb").read_text(encoding="utf-8"))
    (answer,) = ["".join(c["source"]) for c in made["cells"] if c["id"] == "sum"]
    assert (
        answer.splitlines()[1:3]
        == {
            "zh": ["    # 返回一个数", "    # 在这里写你的代码"],
            "en": ["    # return a number", "    # your code here"],
            "both": ["    # 返回一个数 / return a number", "    # 在这里写你的代码 / your code here"],
            "fr": ["    # renvoyez un nombre", "    # votre code ici"],
            "en and fr": ["    # return a number / renvoyez un nombre", "    # your code here / votre code ici"],
        }[next(name for name, other in FORMS.items() if other is form)]
    )
    head = "".join(made["cells"][0]["source"])
    assert head == {"zh": "# 小测验", "en": "# Tiny quiz", "fr": "# fr Tiny quiz"}[first] + {
        "both": " · 小测验", "en and fr": " · fr Tiny quiz",
    }.get(next(name for name, other in FORMS.items() if other is form), "")  # fmt: skip


# -- what authors write ------------------------------------------------------------------------------------------------

MISTAKES = [
    ("solutions/tiny/assignment.yaml", "{zh: 加倍, en: Double}", "Double", 'both languages belong here: write {zh: "Double", en: "Double"}'),
    ("solutions/tiny/assignment.yaml", "{zh: 加倍, en: Double}", "{en: Double}", "this key is missing; the course is in zh, en"),
    ("solutions/tiny/assignment.yaml", "{zh: 加倍, en: Double}", "{zh: 加倍, en: Double, fr: Le double}", "unknown key; is it misspelt?"),
    ("solutions/tiny/private/mutants.yaml", "{zh: 求了和。, en: It adds up.}", "It adds up.", "both languages belong here"),
    ("quizzes/tiny.yaml", "title: {zh: 小测验, en: Tiny quiz}", "title: Tiny quiz", 'write {zh: "Tiny quiz", en: "Tiny quiz"}'),
    ("quizzes/tiny.yaml", "prompt: {zh: 配对, en: Match}", "prompt: Match", "both languages belong here"),
    ("quizzes/tiny.yaml", "why: {zh: 数一数, en: count them}", "why: count them", "both languages belong here"),
]  # fmt: skip


def read_all(course: Course) -> None:
    for assignment in course.assignments().values():
        mutants.load(assignment)
    loading.load_all(course.quizzes)


@pytest.mark.parametrize(("file", "old", "new", "words"), MISTAKES)
def test_with_two_languages_both_are_demanded(file, old, new, words, tmp_path):
    course = make(tmp_path, Form(None, "each", "加倍"))
    read_all(course)
    path = tmp_path / file
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        read_all(course)
    assert (caught.value.path, bool(caught.value.line), bool(caught.value.key)) == (path, True, True)


def test_a_criterion_lacks_no_language_of_the_course(tmp_path):
    from autograder.rubric.criteria import criterion, declaration

    def test_double_shape():
        """Nothing."""

    test = declaration(criterion("double", points=1, title="doubles", hint={"zh": "二"})(test_double_shape))
    assert (test.title, test.hint) == (Text(en="doubles", zh="doubles"), Text(en="二", zh="二"))
    with pytest.raises(ConfigError, match=r"test_languages\.py:\d+: double\.shape: title: both languages belong here"):
        test.check_languages(["zh", "en"])
    test.check_languages(["zh"])
    with pytest.raises(ConfigError, match=r"hint\.fr: this key is missing; the course is in fr"):
        test.check_languages(["fr"])
    with pytest.raises(ConfigError, match=r"title\.en: must be a word"):
        criterion("double", points=1, title={"en": 5, "zh": "五"})(test_double_shape)
    with pytest.raises(ConfigError, match=r"title\.English: unknown key"):
        criterion("double", points=1, title={"English": "five"})(test_double_shape)


def test_a_students_copy_may_be_in_any_language(tmp_path):
    (tmp_path / "assignment.yaml").write_text(
        "schema: 1\ntitle: {fr: Le double}\nlanguage: fr\nexercises: {double: {title: Double, functions: [double(x)]}}\n"
    )
    assignment = find_assignment(tmp_path)
    assert assignment.settings.title.get("fr") == "Le double"
    assert text("hint: {hint}", hint=assignment.settings.title).get("fr") == "hint: Le double"
    (tmp_path / "assignment.yaml").write_text("schema: 1\ntitle: {French: Le double}\nexercises: {}\n")
    with pytest.raises(ConfigError, match=r"title\.French: unknown key"):
        find_assignment(tmp_path)


def test_what_needs_no_translation_may_be_written_once_in_a_quiz(tmp_path):
    source = tiny_quiz.SOURCE.replace("{text: {zh: 用手指数, en: use your fingers}, cost: 0.25}", '{text: "`1 + 1`"}')
    quiz = tiny_quiz.load(tmp_path, source)
    assert quiz.questions[0].hints[0].text == Text(en="`1 + 1`", zh="`1 + 1`")
    assert quiz.languages == ("zh", "en")


def test_a_review_looks_at_the_languages_of_the_course_only(tmp_path):
    for form in (ZH, EN, FR):
        course = make(tmp_path / form.languages[0], form)
        (quiz,) = loading.load_all(course.quizzes).values()
        assert [r.words.en for r in lint.lint(quiz, course.quizzes, {}) if r.kind == "error"] == []


# -- what a course declares --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ("[]", r'must be a list of languages, such as \["zh", "en"\]'),
        ("'zh'", "must be a list of languages"),
        ("['zh', 'zh']", "each of them once"),
        ("['english']", "'english' is not the code of a language"),
        ("['en', 'de']", r"no catalogue of 'de'; known: zh, en; .* in locale/de/LC_MESSAGES/autograder\.po"),
        ("[5]", "'5' is not the code of a language"),
    ],
)
def test_unknown_languages_are_refused_with_file_line_and_key(declared, words, tmp_path):
    (tmp_path / "nbgrader_config.py").write_text(f"c = get_config()\nc.Autograder.languages = {declared}\n")
    with pytest.raises(ConfigError, match=rf"nbgrader_config\.py:2: c\.Autograder\.languages: .*{words}"):
        _ = Course(tmp_path).languages


def test_a_broken_catalogue_is_named(tmp_path):
    course = make(tmp_path, FR, catalogue='msgid "total\nmsgstr')
    with pytest.raises(ConfigError, match=r"locale/fr/LC_MESSAGES/autograder\.po: is not a catalogue of gettext"):
        _ = course.languages


@pytest.mark.parametrize("declared", [None, ["zh", "en"]])
def test_a_course_that_declares_nothing_or_both_is_in_both_and_speaks_as_before(tmp_path, declared):
    assert make(tmp_path, Form(declared, "each", "加倍")).languages == ("zh", "en")
    assert i18n.choose_language() == "en"
    assert i18n.chosen_language() is None
    assert text("total").both == "总分 / total"


def test_the_first_language_is_the_default_and_what_a_catalogue_lacks_is_english(tmp_path, monkeypatch):
    monkeypatch.delenv("AUTOGRADER_LANG", raising=False)
    assert make(tmp_path, FR).languages == ("fr",)
    assert (i18n.choose_language(), i18n.chosen_language(), i18n.known_languages()) == ("fr", "fr", ("fr", "zh", "en"))
    assert text("total").both == "somme"
    assert text("student").get("fr") == "student"
    assert (text("total") + text("student")).get("fr") == "sommestudent"
    monkeypatch.setenv("AUTOGRADER_LANG", "zh_CN")
    assert i18n.choose_language(None, "fr") == "zh"


def test_words_of_our_languages_are_kept_as_before():
    words = text("likely cause: {cause}", cause=Text(en="haste", zh="匆忙"))
    assert words.model_dump_json() == '{"en":"likely cause: haste","zh":"可能的原因：匆忙"}'


def test_a_copy_for_gradescope_speaks_the_languages_of_its_course(tmp_path):
    course = make(tmp_path / "course", FR)
    runners.gradescope(course, "tiny", tmp_path / "runner")
    i18n.speak()
    copy = Course(tmp_path / "runner" / "course")
    assert copy.assignment("tiny").languages == ("fr",)
    assert text("total").get("fr") == "somme"
    assert "--lang fr" in (tmp_path / "runner" / "run_autograder").read_text(encoding="utf-8")


def test_a_language_that_is_nowhere_is_refused(tmp_path):
    course = make(tmp_path, FR)
    assert "--lang: de is not a language here; there are: fr, zh, en" in run(
        "audit", "tiny", "--course", course.root, "--lang", "de", code=2
    )
