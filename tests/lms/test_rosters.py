"""Rosters of Canvas and Moodle in all the forms in which they come, filled in and read back."""

import csv
import io
import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.base.errors import UsageError
from autograder.lms import filling, rosters, scores
from autograder.lms.roster_file import RosterFile
from autograder.lms.scores import Score

HOMEWORK = "linear_regression"


def score(student, earned, *, assignment=HOMEWORK, most=40.0, feedback="", is_final=True):
    return Score(student, assignment, earned, most, {}, "graded", feedback, is_final)


CLASS = [score("aliceexample_1001", 40), score("bobexample_1002", 31.5), score("carolexample_1005", 8)]
CLASS_OF_MOODLE = [
    score("Alice Example_1001", 40),
    score("Bob Example_1002", 31.5, feedback="keeps the shape"),
    score("Carol Example_1005", 8),
]


class Outcome:
    """A roster before and after, and what was said."""

    def __init__(self, before, after, done, delimiter, encoding):
        self.done, self._delimiter, self._encoding = done, delimiter, encoding
        self.before, self.after = self._cells(before), self._cells(after)

    def _cells(self, content):
        return list(csv.reader(io.StringIO(content.decode(self._encoding), newline=""), delimiter=self._delimiter))

    @property
    def changed(self):
        """The cells that differ, by row and head."""
        return {
            (number, self.before[0][column]): new
            for number, (one, other) in enumerate(zip(self.before, self.after, strict=True))
            for column, (old, new) in enumerate(zip(one, other, strict=True))
            if old != new
        }

    @property
    def said(self):
        return [
            f"{student}: {reason}"
            for student, reason in (*self.done.kept, *self.done.kept_comments, *self.done.unplaced)
        ]


@pytest.fixture
def fill(tmp_path):
    def fill(words, found, *, system, encoding="utf-8", title=None, add=False, **wishes):
        path = tmp_path / "roster.csv"
        before = words.encode(encoding)
        path.write_bytes(before)
        if system == "canvas":
            roster = rosters.canvas(path, {s.assignment: s.max_score for s in found}, title=title, add=add)
        else:
            roster = rosters.moodle(path, found[0].assignment, title=title)
        done = filling.fill(roster, found, **wishes)
        return Outcome(before, roster.file.content(), done, roster.file.delimiter, encoding)

    return fill


# -- Canvas ------------------------------------------------------------------------------------------------------------

COLUMN = "linear_regression (777)"
CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,linear_regression (777),Current Score
,,,,,Manual Posting,
    Points Possible,,,,,40.00,(read only)
"Example, Alice",1001,0001001,alice,Group 1,,87.50
"Example, Bob",1002,0001002,bob,"Group 1, Group 2",,
"Example, Carol",1005,0001005,carol,Group 2,,
"Student, Test",1999,,0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f,Group 1,,
"""
FILLED = {(3, COLUMN): "40", (4, COLUMN): "31.5", (5, COLUMN): "8"}
FIRST_AND_LAST = (
    CANVAS.replace("Student,ID", "LastName,FirstName,ID")
    .replace("\n,", "\n,,")
    .replace("Possible", "Possible,")
    .replace('"Example, Alice"', "Example,Alice")
    .replace('"Example, Bob"', "Example,Bob")
    .replace('"Example, Carol"', "Example,Carol")
    .replace('"Student, Test"', "Student,Test")
)


def semicolons(words):
    """The table as Canvas and spreadsheets write it where a comma is the decimal mark."""
    rows = csv.reader(io.StringIO(words))
    numbers = {"40.00": "40,00", "87.50": "87,50"}
    content = io.StringIO()
    csv.writer(content, delimiter=";").writerows([numbers.get(cell, cell) for cell in row] for row in rows)
    return content.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "gb18030"])
@pytest.mark.parametrize("words", [CANVAS, CANVAS.replace("\n", "\r\n"), FIRST_AND_LAST], ids=["lf", "crlf", "names"])
def test_canvas_own_gradebook_is_filled_in_and_nothing_else_changes(fill, words, encoding):
    group = "Gruppe für Zoë" if encoding == "cp1252" else "第二组"
    outcome = fill(words.replace("Group 2", group), CLASS, system="canvas", encoding=encoding)
    assert outcome.changed == FILLED
    assert (outcome.said, outcome.done.unreported) == ([], {})


def test_nobody_misses_the_score_of_canvas_own_test_student(fill):
    outcome = fill(CANVAS.replace("Student, Test", "学生, 测试"), CLASS, system="canvas")
    assert outcome.done.unreported == {}


def test_decimal_commas_stay_decimal_commas(fill):
    outcome = fill(semicolons(CANVAS), CLASS, system="canvas")
    assert outcome.changed == FILLED | {(4, COLUMN): "31,5"}
    quoted = fill(CANVAS.replace("40.00", '"40,00"').replace("87.50", '"87,50"'), CLASS, system="canvas")
    assert quoted.changed == FILLED | {(4, COLUMN): "31,5"}


def test_tables_of_a_spreadsheet_have_tabs(fill):
    content = io.StringIO()
    csv.writer(content, delimiter="\t").writerows(csv.reader(io.StringIO(CANVAS)))
    assert fill(content.getvalue(), CLASS, system="canvas", encoding="utf-16").changed == FILLED


def test_a_spreadsheet_may_name_the_delimiter_in_a_line_of_its_own(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("sep=;\n" + semicolons(CANVAS))
    roster = rosters.canvas(path, {HOMEWORK: 40})
    filling.fill(roster, CLASS)
    assert roster.file.content().startswith(b"sep=;\nStudent;ID;")
    assert b"Example, Carol;1005;0001005;carol;Group 2;8;" in roster.file.content()


@pytest.mark.parametrize("row", ["    满分", "    Mögliche Punkte"])
def test_the_row_of_points_is_known_by_what_it_contains(fill, row):
    words = CANVAS.replace("    Points Possible", row).replace("(read only)", "(只读)")
    assert fill(words, CLASS, system="canvas").changed == FILLED
    with pytest.raises(UsageError, match=r"worth 100 points.*worth 40 here"):
        fill(words.replace("40.00", "100.00"), CLASS, system="canvas")


def test_a_column_worth_other_points_is_scaled_only_if_asked(fill):
    words = CANVAS.replace("40.00", "100.00")
    with pytest.raises(UsageError, match=r"worth 100 points, linear_regression is worth 40 here; --scale"):
        fill(words, CLASS, system="canvas")
    assert fill(words, CLASS, system="canvas", scale=True).changed == {
        (3, COLUMN): "100",
        (4, COLUMN): "78.75",
        (5, COLUMN): "20",
    }
    with pytest.raises(UsageError, match=r"worth 0 points.*change the points in Canvas"):
        fill(words.replace("100.00", "0.00"), CLASS, system="canvas", scale=True)


@pytest.mark.parametrize("mark", ["EX", "N/A", "12.5", "A-"])
def test_what_somebody_has_decided_is_replaced_only_if_asked(fill, mark):
    words = CANVAS.replace('Group 2",,', f'Group 2",{mark},')
    kept = fill(words, CLASS, system="canvas")
    assert kept.changed == {key: value for key, value in FILLED.items() if key[0] != 4}
    (said,) = kept.said
    assert f"says {mark}, which stays; the score here is 31.5; --overwrite" in said
    replaced = fill(words, CLASS, system="canvas", overwrite=True)
    assert replaced.changed == FILLED
    assert [c.old for c in replaced.done.changes] == ["", mark, ""]


@pytest.mark.parametrize("mark", ["31.50", "31.5", "-"])
def test_the_score_that_stands_there_already_is_no_change(fill, mark):
    outcome = fill(CANVAS.replace('Group 2",,', f'Group 2",{mark},'), CLASS, system="canvas")
    assert outcome.said == []
    assert ((4, COLUMN) in outcome.changed) == (mark == "-")


def test_a_score_that_is_missing_clears_nothing(fill):
    outcome = fill(CANVAS.replace('Group 2",,', 'Group 2",7,'), [score("bobexample_1002", None)], system="canvas")
    assert outcome.changed == {}
    assert outcome.said == [f"bobexample_1002: has no score yet; {COLUMN} stays as it is"]


@pytest.mark.parametrize(
    ("head", "says"),
    [
        ("Homework 2: Linear Regression (777)", '--column "Homework 2: Linear Regression \\(777\\)"'),
        ("HW 2 (777)", 'name the right one with --column TITLE; there are: "HW 2 \\(777\\)"'),
    ],
)
def test_a_title_that_is_not_there_is_asked_for(fill, head, says):
    words = CANVAS.replace(COLUMN, head)
    with pytest.raises(UsageError, match=f"has no column linear_regression.*{says}"):
        fill(words, CLASS, system="canvas")
    for title in (head, head.removesuffix(" (777)")):
        assert len(fill(words, CLASS, system="canvas", title=title).changed) == 3


def test_with_several_assignments_the_missing_one_is_named(fill):
    both = [*CLASS, score("aliceexample_1001", 3, assignment="clipping", most=10)]
    with pytest.raises(UsageError, match=r"has no column clipping.*--assignment clipping --column TITLE"):
        fill(CANVAS, both, system="canvas")


def test_a_column_is_added_only_if_asked(fill, tmp_path):
    (tmp_path / "r.csv").write_text(CANVAS.replace(COLUMN, "HW 2 (777)"))
    roster = rosters.canvas(tmp_path / "r.csv", {HOMEWORK: 40}, add=True)
    filling.fill(roster, CLASS)
    rows = list(csv.reader(io.StringIO(roster.file.content().decode())))
    assert [row[7] for row in rows] == [HOMEWORK, "", "40", "40", "31.5", "8", ""]


def test_two_columns_of_one_title_are_not_guessed(fill):
    words = CANVAS.replace("Current Score", "linear_regression (778)").replace("(read only)", "40").replace("87.50", "")
    with pytest.raises(UsageError, match="several columns"):
        fill(words, CLASS, system="canvas")
    outcome = fill(words, CLASS, system="canvas", title="linear_regression (778)")
    assert {head for _, head in outcome.changed} == {"linear_regression (778)"}


def test_a_read_only_column_takes_no_scores(fill):
    with pytest.raises(UsageError, match="read only"):
        fill(CANVAS, CLASS, system="canvas", title="Current Score")


# -- whose row ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("student", ["bobexample_1002", "examplebob_1002", "1002", "0001002", "bob", "Bob_0001002",
                                     "Bob Example", "Example, Bob", "BobExample"])  # fmt: skip
def test_a_student_is_found_by_number_by_id_or_by_name(fill, student):
    outcome = fill(CANVAS, [score(student, 31.5)], system="canvas")
    assert outcome.changed == {(4, COLUMN): "31.5"}
    assert outcome.done.unreported == {HOMEWORK: ["Example, Alice", "Example, Carol"]}


def test_two_students_of_one_name_are_told_apart_by_their_numbers(fill):
    words = CANVAS + '"Example, Alice",1077,0001077,alice2,Group 3,,\n'
    both = [score("aliceexample_1001", 40), score("aliceexample_1077", 11)]
    assert fill(words, both, system="canvas").changed == {(3, COLUMN): "40", (7, COLUMN): "11"}
    by_name = fill(words, [score("Alice Example", 40)], system="canvas")
    assert by_name.changed == {}
    assert by_name.said == ["Alice Example: several rows fit (lines 4, 8); left out, enter it by hand"]


def test_a_row_of_the_same_name_and_another_number_is_another_student(fill):
    outcome = fill(CANVAS, [score("aliceexample_4444", 40), CLASS[1]], system="canvas")
    assert outcome.changed == {(4, COLUMN): "31.5"}
    assert outcome.said == ["aliceexample_4444: Example, Alice in line 4 has another number, 1001; left out"]


def test_a_number_that_contradicts_the_name_is_no_proof(fill):
    outcome = fill(CANVAS, [score("aliceexample_1002", 40)], system="canvas")
    assert outcome.changed == {}
    assert outcome.said == ["aliceexample_1002: the number fits line 5, the name line 4; left out"]
    assert fill(CANVAS, [score("al_1002", 40)], system="canvas").changed == {(4, COLUMN): "40"}


def test_a_student_in_two_sections_gets_the_score_twice(fill):
    words = CANVAS + '"Example, Alice",1001,0001001,alice,Group 3,,\n'
    outcome = fill(words, CLASS, system="canvas")
    assert outcome.changed == FILLED | {(7, COLUMN): "40"}
    assert [note.en for note in outcome.done.notes] == [
        "aliceexample_1001: has several rows (lines 4, 8); each gets the score"
    ]


def test_one_number_for_two_people_is_decided_by_the_name_or_not_at_all(fill):
    words = CANVAS + '"Other, Olga",1001,0009,olga,Group 3,,\n'
    assert fill(words, CLASS, system="canvas").changed == FILLED
    outcome = fill(words, [score("1001", 40)], system="canvas")
    assert outcome.changed == {}
    assert "several rows fit" in outcome.said[0]


def test_two_reports_for_one_row_are_both_left_out(fill):
    outcome = fill(CANVAS, [score("alice", 1), CLASS[0]], system="canvas")
    assert outcome.changed == {}
    assert all("line 4 fits several students" in words for words in outcome.said) and len(outcome.said) == 2


def test_a_student_who_is_not_in_the_roster_is_named(fill):
    outcome = fill(CANVAS, [*CLASS, score("=HYPERLINK(1)", 0)], system="canvas")
    assert outcome.said[0].startswith("=HYPERLINK(1): is not in ")


def test_scores_that_wait_for_a_person_are_named(fill):
    outcome = fill(CANVAS, [score("bob", 31.5, is_final=False)], system="canvas")
    assert [note.en for note in outcome.done.notes] == ["not final, a person still has to grade something: bob"]


def test_a_name_does_not_become_a_formula(fill):
    outcome = fill(CANVAS.replace('"Example, Bob"', '"=HYPERLINK(""x"")"'), CLASS, system="canvas")
    assert outcome.changed == FILLED | {(4, "Student"): '\'=HYPERLINK("x")'}
    assert "line 5" in outcome.done.notes[0].en


# -- Moodle ------------------------------------------------------------------------------------------------------------

ENGLISH = """\
Identifier,"Full name","ID number","Email address",Status,Grade,"Maximum grade","Grade can be changed",\
"Last modified (submission)","Online text","Last modified (grade)","Feedback comments"
"Participant 1001","Alice Example",0001001,alice@example.edu,"Submitted for grading",,40.00,Yes,\
"Sunday, 1 March 2026, 10:00 AM","two
lines, ""quoted"" here",-,
"Participant 1002","Bob Example",0001002,bob@example.edu,"Submitted for grading",,40.00,Yes,\
"Sunday, 1 March 2026, 10:00 AM",,-,
"Participant 1005","Carol Example",0001005,carol@example.edu,"Submitted for grading",,40.00,Yes,\
"Sunday, 1 March 2026, 10:00 AM",,-,
"""
HEADS = {
    "de": ("ID", "Vollständiger Name", "E-Mail-Adresse", "Status", "Bewertung", "Höchste Bewertung",
           "Bewertung kann geändert werden", "Zuletzt geändert (Bewertung)", "Feedback als Kommentar"),
    "zh": ("标识符", "全名", "电子邮件地址", "状态", "成绩", "最高成绩", "允许更改成绩", "最后修改（成绩）", "评语反馈"),
    "fr": ("Identifiant", "Nom complet", "Adresse de courriel", "Statut", "Note", "Note maximale",
           "La note peut être modifiée", "Dernière modification (note)", "Feedback par commentaires"),
    "es": ("Identificador", "Nombre completo", "Dirección de correo", "Estado", "Calificación",
           "Calificación máxima", "La calificación puede ser cambiada", "Última modificación (calificación)",
           "Comentarios de retroalimentación"),
    "ja": ("ID", "氏名", "メールアドレス", "ステータス", "評定", "最大評点", "評定変更可否", "最終更新日時 (評定)",
           "フィードバックコメント"),
    "no language known here": ("A", "B", "C", "D", "E", "F", "G", "H", "I"),
}  # fmt: skip
WORDS = {
    "de": ("Teilnehmer/in", "Zur Bewertung abgegeben", "40,00", "Ja"),
    "zh": ("参与者", "已提交等待评分", "40.00", "是"),
    "fr": ("Participant ", "Remis pour évaluation", "40,00", "Oui"),
    "es": ("Participante", "Enviado para calificar", "40,00", "Sí"),
    "ja": ("参加者 ", "評定のために提出済み", "40.00", "はい"),
    "no language known here": ("Osallistuja", "Palautettu", "40,00", "Kyllä"),
}
PEOPLE = ((1001, "Alice Example", "alice"), (1002, "Bob Example", "bob"), (1005, "Carol Example", "carol"))


def worksheet(language):
    word, status, most, yes = WORDS[language]
    content = io.StringIO()
    rows = [
        (f"{word}{number}", name, f"{user}@example.edu", status, "", most, yes, "-", "")
        for number, name, user in PEOPLE
    ]
    csv.writer(content).writerows([HEADS[language], *rows])
    return content.getvalue()


def test_moodles_worksheet_is_filled_in_and_nothing_else_changes(fill):
    assert fill(ENGLISH, CLASS_OF_MOODLE, system="moodle").changed == {
        (1, "Grade"): "40",
        (2, "Grade"): "31.5",
        (3, "Grade"): "8",
        (2, "Feedback comments"): "keeps the shape",
    }


@pytest.mark.parametrize(
    ("language", "encoding"),
    [(language, "utf-8-sig") for language in HEADS]
    + [("de", "cp1252"), ("fr", "cp1252"), ("zh", "gbk"), ("zh", "utf-16"), ("ja", "utf-16-le"), ("es", "utf-8")],
)
def test_worksheets_come_in_the_language_of_their_user(fill, language, encoding):
    outcome = fill(worksheet(language), CLASS_OF_MOODLE, system="moodle", encoding=encoding)
    grade, comment = HEADS[language][4], HEADS[language][8]
    half = "31,5" if WORDS[language][2] == "40,00" else "31.5"
    assert outcome.changed == {(1, grade): "40", (2, grade): half, (3, grade): "8", (2, comment): "keeps the shape"}
    assert outcome.said == []


@pytest.mark.parametrize("language", HEADS)
def test_a_worksheet_worth_other_points_is_scaled_only_if_asked(fill, language):
    words = worksheet(language).replace("40,00", "100,00").replace("40.00", "100.00")
    with pytest.raises(UsageError, match=r"worth 100 points.*worth 40 here.*change the points in Moodle"):
        fill(words, CLASS_OF_MOODLE, system="moodle")
    assert fill(words, CLASS_OF_MOODLE, system="moodle", scale=True).changed[1, HEADS[language][4]] == "100"


@pytest.mark.parametrize("word", ["Participant ", "参与者"])
def test_blind_marking_goes_by_the_number(fill, word):
    words = 'Identifier,Status,Grade,"Maximum grade","Grade can be changed","Last modified (grade)"\n' + "".join(
        f"{word}{number},Submitted,,40.00,Yes,-\n" for number, _, _ in PEOPLE
    )
    found = [score("Participant_1001", 40), score("参与者_1002", 31.5), score("1005", 8)]
    outcome = fill(words, found, system="moodle")
    assert outcome.changed == {(1, "Grade"): "40", (2, "Grade"): "31.5", (3, "Grade"): "8"}


def test_a_scale_of_words_is_refused(fill):
    with pytest.raises(UsageError, match=r"words of a scale \(Poor, Good, Very good\)"):
        fill(ENGLISH.replace("40.00", '"Poor\nGood\nVery good"'), CLASS_OF_MOODLE, system="moodle")


def test_a_grade_that_moodle_has_stays_and_one_that_only_the_file_has_is_replaced_and_said(fill):
    typed = ENGLISH.replace('grading",,40.00', 'grading","3,50",40.00', 1)
    outcome = fill(typed, CLASS_OF_MOODLE, system="moodle")
    assert outcome.changed[1, "Grade"] == "40"
    assert "3,50 stood in the file only" in outcome.done.notes[0].en
    given = typed.replace(",-,\n", ',"Monday, 2 March 2026, 9:00 AM",\n')
    outcome = fill(given, CLASS_OF_MOODLE, system="moodle")
    assert (1, "Grade") not in outcome.changed
    assert "says 3,50, which stays; the score here is 40" in outcome.said[0]
    assert fill(given, CLASS_OF_MOODLE, system="moodle", overwrite=True).changed[1, "Grade"] == "40"


def test_comments_of_a_person_stay(fill):
    commented = ENGLISH.replace('0001002,bob@example.edu,"Submitted for grading",,40.00,Yes,"Sunday, 1 March 2026, 10:00 AM",,-,',
                                '0001002,bob@example.edu,"Submitted for grading",,40.00,Yes,"Sunday, 1 March 2026, 10:00 AM",,-,well done')  # fmt: skip
    assert commented != ENGLISH
    outcome = fill(commented, CLASS_OF_MOODLE, system="moodle")
    assert (2, "Feedback comments") not in outcome.changed and outcome.changed[2, "Grade"] == "31.5"
    assert "has a comment already" in outcome.said[0]
    outcome = fill(commented, CLASS_OF_MOODLE, system="moodle", overwrite=True)
    assert outcome.changed[2, "Feedback comments"] == "keeps the shape"


def test_a_locked_grade_stays(fill):
    outcome = fill(ENGLISH.replace("Yes", "No", 1), CLASS_OF_MOODLE, system="moodle", overwrite=True)
    assert (1, "Grade") not in outcome.changed
    assert "cannot be changed" in outcome.said[0]


def test_comments_are_no_formulas_and_stay_out_of_files_that_cannot_hold_them(fill):
    found = [score("Bob Example_1002", 31.5, feedback="=1+1"), score("Alice Example_1001", 4, feedback="梯度正确")]
    outcome = fill(worksheet("de"), found, system="moodle", encoding="cp1252")
    comment = HEADS["de"][8]
    assert outcome.changed == {(1, "Bewertung"): "4", (2, "Bewertung"): "31,5", (2, comment): "'=1+1"}
    assert "cannot be written in cp1252" in outcome.said[0]


def test_the_column_of_grades_can_be_named(fill):
    words = ENGLISH.replace(",Grade,", ",XX,").replace("40.00", "")
    with pytest.raises(UsageError, match="--column TITLE"):
        fill(words, CLASS_OF_MOODLE, system="moodle")
    assert fill(words, CLASS_OF_MOODLE, system="moodle", title="XX").changed[1, "XX"] == "40"


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "\n\n", "a,b\n1,2\n", '"a\n', '"a"b,c\n', "a\0b,c\n"])
def test_a_roster_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "r.csv").write_text(content, encoding="utf-8")
    for read in (lambda path: rosters.canvas(path, {HOMEWORK: 40}), lambda path: rosters.moodle(path, HOMEWORK)):
        with pytest.raises(UsageError, match=r"r\.csv"):
            read(tmp_path / "r.csv")


_CELLS = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=12)


@given(
    rows=st.lists(st.lists(_CELLS, min_size=2, max_size=4), min_size=1, max_size=4),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    delimiter=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_a_file_that_is_not_changed_comes_back_byte_for_byte(tmp_path_factory, rows, quoting, delimiter, end, encoding):
    content = io.StringIO()
    head = ["Student", "ID", "Section", "x"]
    csv.writer(content, quoting=quoting, delimiter=delimiter, lineterminator=end).writerows([head, *rows])
    path = tmp_path_factory.mktemp("roster") / "r.csv"
    path.write_bytes(content.getvalue().encode(encoding))
    file = RosterFile(path)
    assert (file.delimiter, file.head) == (delimiter, head)
    assert file.content() == path.read_bytes()
    file.put(file.records[0], 3, 'y "z"')
    path.write_bytes(file.content())
    assert RosterFile(path).head[3] == 'y "z"'


def test_cells_that_a_person_grades_make_a_score_preliminary(tmp_path):
    notebook = tmp_path / "a.ipynb"
    assert not scores.is_graded_by_hand(notebook)
    for mark, by_hand in (({"grade": True, "solution": False}, False), ({"grade": True, "solution": True}, True)):
        notebook.write_text(json.dumps({"cells": [{"metadata": {}}, {"metadata": {"nbgrader": mark}}]}))
        assert scores.is_graded_by_hand(notebook) == by_hand


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.fixture
def graded(tmp_path):
    """Results of one student, and the roster of a class."""
    line = {
        "schema": 2, "student": "bobexample_1002", "assignment": HOMEWORK, "status": "graded", "score": 0.0,
        "max_score": 0.0, "exercises": [], "file": "x", "submission_sha256": "", "rubric_sha256": "", "seed": "",
        "sandbox": "", "versions": {}, "duration_s": 0.0,
    }  # fmt: skip
    (tmp_path / "results.jsonl").write_text(json.dumps(line) + "\n")
    (tmp_path / "roster.csv").write_text(CANVAS.replace('Group 2",,', 'Group 2",EX,'))
    return tmp_path


def export(*arguments, cwd, code, lang="en"):
    command = [sys.executable, "-m", "autograder", "export", "--to", "canvas", *arguments, "--lang", lang]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def test_the_command_says_what_stays_and_who_is_left_over(graded):
    out, said = export("--roster", "roster.csv", cwd=graded, code=1)
    assert out == "canvas.csv\n"
    assert (graded / "canvas.csv").read_bytes() == (graded / "roster.csv").read_bytes()
    assert "bobexample_1002: linear_regression (777) says EX, which stays" in said
    assert "without a score for linear_regression: Example, Alice; Example, Carol" in said
    _, said = export("--roster", "roster.csv", cwd=graded, code=1, lang="zh")
    assert "里已有 EX，予以保留" in said


def test_a_dry_run_lists_every_change_and_writes_nothing(graded):
    out, _ = export("--roster", "roster.csv", "--overwrite", "--dry-run", cwd=graded, code=0)
    assert ["bobexample_1002", "linear_regression", "(777)", "EX", "0"] in [line.split() for line in out.splitlines()]
    assert not (graded / "canvas.csv").exists()
    export("--roster", "roster.csv", "--overwrite", cwd=graded, code=0)
    assert 'Group 2",0,' in (graded / "canvas.csv").read_text()


@pytest.mark.parametrize(
    "option", [("--column", "x"), ("--scale",), ("--overwrite",), ("--dry-run",), ("--new-column",)]
)
def test_options_of_a_roster_need_one(graded, option):
    _, said = export(*option, cwd=graded, code=2)
    assert f"{option[0]} goes with --roster" in said
