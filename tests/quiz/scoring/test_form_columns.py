"""Tables as forms export them: the words of a question stand among marks, those of an option behind a number."""

import pytest
import yaml

from autograder.quiz.questions import loading
from autograder.quiz.scoring.form_columns import Titles, readings
from autograder.quiz.scoring.scorer import Scorer
from autograder.quiz.scoring.sheets import read_sheets

CITY, ROWS, EVEN, SUM = (
    "Which city is the largest?",
    "How many rows has a 3 by 4 matrix?",
    "哪些是偶数？",
    "2 加 2 等于 4。",
)


def both(words):
    """The same words in each of the course's languages."""
    return {"zh": words, "en": words}


QUIZ = {
    "schema": 1,
    "id": "form",
    "version": 1,
    "title": both("A form"),
    "defaults": {"credit": "exact", "attempts": [1]},
    "questions": [
        {
            "id": "city",
            "type": "single",
            "prompt": both(CITY),
            "options": {"A": {"text": "Bern"}, "B": {"text": "Lagos"}, "C": {"text": "Oslo, Norway"}},
            "key": ["B"],
        },
        {"id": "rows", "type": "number", "prompt": both(ROWS), "answer": 3},
        {
            "id": "even",
            "type": "multi",
            "prompt": both(EVEN),
            "options": {"A": {"text": "二"}, "B": {"text": "三"}, "C": {"text": "四"}},
            "key": ["A", "C"],
        },
        {"id": "sum", "type": "truefalse", "prompt": both(SUM), "key": True},
        {
            "id": "capital",
            "type": "match",
            "prompt": both("Match."),
            "left": {"no": {"text": "Norway"}, "ng": {"text": "Nigeria"}},
            "right": {"X": {"text": "Oslo"}, "Y": {"text": "Abuja"}},
            "key": {"no": "X", "ng": "Y"},
        },
        {
            "id": "digit",
            "type": "single",
            "prompt": both("Which digit is the largest?"),
            "options": {"A": {"text": "3"}, "B": {"text": "1"}, "C": {"text": "2"}},
            "key": ["A"],
        },
    ],
}


@pytest.fixture(scope="module")
def quiz(tmp_path_factory):
    file = tmp_path_factory.mktemp("quiz") / "form.yaml"
    file.write_text(yaml.safe_dump(QUIZ, allow_unicode=True), encoding="utf-8")
    return loading.load(file)


@pytest.fixture
def score(quiz, tmp_path):
    """A table -> by student, what each question earned; None for an answer that cannot be read."""

    def score(table, encoding="utf-8"):
        file = tmp_path / "form.csv"
        file.write_bytes(table.encode(encoding))
        outcomes = [Scorer(quiz).score(sheet) for sheet in read_sheets([file], quiz)]
        assert all(o.status == "scored" for o in outcomes), [p.en for o in outcomes for p in o.problems]
        return {
            o.student: {q.id: None if q.outcome == "format-error" else q.earned for q in o.questions} for o in outcomes
        }

    return score


AROUND = [
    ("", ""), ("", "（必填）"), ("", " *"), ("* ", ""), ("1. ", " *"), ("1、", "[单选题]"), ("１．", "【多选题】"), ("第1题 ", "(单选题)"), ("", " (分值: 2分)"),
    ("", "（分值：2分）（必填）"), ("", " (2 points)"), ("Q1. ", " (1 point) (required)"), ("", "【单选题】(2分)*"), ("[单选题] 1. ", ""), ("一、", "（本题2分）"),
    ("(1) ", "（单选题，2分）"), ("1) ", " [Single choice]"), ("Question 1: ", " (0.5 pts)"), ("①", "（选填）"), ("*1.", "[判断题] *"), ("", " (Required)"),
    ("1.", "(2/2 分)"), ("", "（必答题）"), ("Frage 1: ", " (2 Punkte) (Pflichtfeld)"),
]  # fmt: skip


@pytest.mark.parametrize(("before", "behind"), AROUND)
def test_a_title_is_found_among_its_marks(quiz, before, behind):
    titles = Titles(quiz)
    for prompt, name in ((CITY, "city"), (ROWS, "rows"), (EVEN, "even"), (SUM, "sum")):
        assert titles.find(f"{before}{prompt}{behind}") == (name, None), (before, prompt, behind)
        assert titles.find(f"{before}{name}{behind}") == (name, None)


@pytest.mark.parametrize(
    "title",
    ["Points - " + CITY, CITY + " [Score]", "Feedback - " + CITY, CITY + " [Feedback]", EVEN + "（得分）", "2", "加 2 等于 5。", "", "(2 points)"],
)  # fmt: skip
def test_what_a_form_says_about_a_question_is_no_answer_to_it(quiz, title):
    assert Titles(quiz).find(title) is None


def test_marks_that_belong_to_a_prompt_stay_with_it(tmp_path):
    """Two questions that differ in nothing else are told apart, and a title that leaves it out is neither."""
    asked = [
        {"id": name, "type": "number", "prompt": both(f"How much is it? ({name} points)"), "answer": 1}
        for name in ("2", "3")
    ]
    asked = [question | {"id": f"q{question['id']}"} for question in asked]
    file = tmp_path / "quiz.yaml"
    file.write_text(yaml.safe_dump({**QUIZ, "questions": asked}))
    titles = Titles(loading.load(file))
    assert titles.find("1. How much is it? (3 points) *") == ("q3", None)
    assert titles.find("How much is it?") is None


def test_a_title_of_marks_only_is_left_as_it_is():
    assert list(readings("（必填）")) == ["(必填)"]
    assert len(list(readings("*" * 1000))) < 60


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_every_export_has_its_encoding_and_its_delimiter(score, encoding, delimiter):
    lines = [
        ["学号（必填）", f"1.{CITY}[单选题]", f"2.{ROWS} *", f"3.{EVEN}【多选题】", f"4.{SUM}"],
        ["u1", "Lagos", "３", "二┋四", "对"],
    ]
    table = "\r\n".join(delimiter.join(line) for line in lines)
    assert score(table, encoding) == {
        "u1": {"city": 1, "rows": 1, "even": 1, "sum": 1, "capital": 0, "digit": 0},
    }


@pytest.mark.parametrize(
    ("title", "cell", "earned"),
    [
        ("city", "2", 1), ("city", "1", 0), ("city", "2) Lagos", 1), ("city", "B. Lagos", 1), ("city", "Ｂ．Ｌａｇｏｓ", 1), ("city", "B - Lagos", 1), ("city", "B Lagos", 1),
        ("city", "(2) Lagos", 1), ("city", "②Lagos", 1), ("city", "２、Lagos", 1), ("city", "3. Oslo, Norway", 0), ("city", "1. Lagos", None), ("city", "9", None), ("city", "-3", 0),
        ("city", "(跳过)", 0), ("city", "（空）", 0), ("city", "2;", 1),
        ("even", "1┋3", 1), ("even", "1,3", 1), ("even", "1. 二┋3. 四", 1), ("even", "A.二;C.四;", 1), ("even", "二, 四", 1), ("even", "二\n四", 1), ("even", "Ａ，Ｃ", 1),
        ("even", "1┋2", 0), ("even", "1. 四", None), ("even", "1┋9", None),
        ("sum", "A. 对", 1), ("sum", "2. 错误", 0), ("sum", "1", 1), ("sum", "2", 0), ("sum", "B、错", 0), ("sum", "TRUE", 1), ("sum", "vielleicht", None),
        ("rows", "3,0", 1), ("rows", "３，０", 1), ("rows", "3,000", None), ("rows", "3,1", 0), ("rows", "0,003e3", 1),
        ("digit", "3", 1), ("digit", "2", 0), ("digit", "1. 3", 1), ("digit", "1) 2", None), ("digit", "7", None),
    ],
)  # fmt: skip
def test_a_cell_names_an_option_by_number_letter_or_words(score, title, cell, earned):
    cell = f'"{cell}"'
    assert score(f"student,{title}\nu1,{cell}\n")["u1"][title] == earned


def test_a_grid_has_a_column_for_each_row(score):
    table = "Timestamp\tEmail Address\tMatch. [Norway]\tMatch. [Nigeria]\nnow\tu1@x.org\tOslo\t2. Abuja\n"
    assert score(table)["u1@x.org"]["capital"] == 1


@pytest.mark.parametrize(
    ("header", "student"),
    [
        ("Email Address,Score,学号（必填）", "c"), ("1、您的学号：[填空题],x,y", "a"), ("x,* 请输入您的学号 *,姓名", "b"), ("ID,Start time,Student ID (required)", "c"),
        ("1. 学号 [填空题] *,开始时间,ID", "a"), ("x,Your name *,y", "b"), ("x,y,【必填】学号", "c"), ("Name,E-Mail,x", "a"),
    ],
)  # fmt: skip
def test_the_column_of_the_student_has_marks_too(score, header, student):
    assert list(score(f"{header},city\na,b,c,Lagos\n")) == [student]


def test_what_stands_above_the_titles_is_passed_over(score):
    assert score(f"sep=;\nStudent;{CITY}\nu1;Lagos;\n") == score(f"Course quiz of May\n\nStudent,{CITY}\nu1,Lagos\n")


def test_a_number_kept_as_text_by_a_spreadsheet_is_the_students(score):
    assert list(score('student,city\n"=""0042""",Lagos\n\t0043,Lagos\n')) == ["0042", "0043"]
