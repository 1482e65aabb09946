"""Who stands on a class list, as systems and people write it."""

from pathlib import Path

import pytest

from autograder.base.errors import UsageError
from autograder.lms import class_lists
from autograder.lms.class_lists import Columns
from autograder.lms.roster_file import RosterFile


def listed(words, encoding="utf-8", columns=None):
    found = class_lists.read(RosterFile(Path("list.csv"), words.encode(encoding)), columns)
    return [(one.line, one.login, one.name, one.email) for one in found.people], [n for n, _ in found.unreadable]


CANVAS = """Student,ID,SIS User ID,SIS Login ID,Section,Homework 1 (12),Current Score
,,,,,Manual Posting,
    Points Possible,,,,,10,(read only)
"Lee, Ann",101,2023001,ann,Group 1,8,80
"Ünal, Bo",102,2023002,bo@uni.example,Group 1,,
"Student, Test",103,,0123456789012345678901234567890123456789,Group 1,,
"""
MOODLE = """Identifier,Full name,ID number,Email address,Status,Grade,Maximum Grade,Grade can be changed
Participant 11,Ann Lee,2023001,ann@uni.example,Submitted,,10.00,Yes
Participant 12,Bo Li,2023002,bo@uni.example,Submitted,,10.00,Yes
"""
BLIND = """Identifier,Status,Grade,Maximum Grade,Grade can be changed
Participant 11,Submitted,,10.00,Yes
Participant 12,Submitted,,10.00,Yes
"""
ANN = ("ann", "Ann Lee", "ann@uni.example")


@pytest.mark.parametrize(
    ("words", "people"),
    [
        pytest.param(CANVAS, [(4, "ann", "Ann Lee", ""), (5, "bo", "Bo Ünal", "")], id="canvas"),
        pytest.param(
            MOODLE,
            [(2, "2023001", "Ann Lee", "ann@uni.example"), (3, "2023002", "Bo Li", "bo@uni.example")],
            id="moodle",
        ),
        pytest.param(
            "名,姓,电子邮件地址\n雷,王,wang@uni.example\n",
            [(2, "wang", "王雷", "wang@uni.example")],
            id="moodle-participants-zh",
        ),
        pytest.param(
            "Vorname;Nachname;Anmeldename;E-Mail-Adresse\nAnn;Lee;ann;ann@uni.example\n", [(2, *ANN)], id="moodle-de"
        ),
        pytest.param(
            "id,first_name,last_name,email,lms_user_id\nann,Ann,Lee,ann@uni.example,7\n", [(2, *ANN)], id="nbgrader"
        ),
        pytest.param(
            '"identifier","github_username","github_id","name"\n"2023001","ann-hub","77","Ann Lee"\n',
            [(2, "ann-hub", "Ann Lee", "")],
            id="github-classroom",
        ),
        pytest.param(
            '"identifier","github_username","github_id","name"\n"2023001","","",""\n"2023002","","",""\n',
            [(2, "2023001", "", ""), (3, "2023002", "", "")],
            id="github-classroom-before-anybody-has-an-account",
        ),
        pytest.param(
            "username,first_name,last_name,email,section,github_id\nann,Ann,Lee,ann@uni.example,,7\n",
            [(2, *ANN)],
            id="classroom50",
        ),
        pytest.param(
            '"Last Name"\t"First Name"\t"Username"\t"Student ID"\t"Availability"\n"Lee"\t"Ann"\t"ann"\t"7"\t"Yes"\n',
            [(2, "ann", "Ann Lee", "")],
            id="blackboard",
        ),
        pytest.param(
            "OrgDefinedId,Username,Last Name,First Name,Email,End-of-Line Indicator\n"
            "#7,#ann,Lee,Ann,ann@uni.example,#\n",
            [(2, *ANN)],
            id="brightspace",
        ),
        pytest.param("Name,SID,Email\nAnn Lee,7,ann@uni.example\n", [(2, "7", *ANN[1:])], id="gradescope"),
        pytest.param("Name;Vorname;Login\nLee;Ann;ann\n", [(2, "ann", "Ann Lee", "")], id="ilias"),
        pytest.param(
            "Last Name,First Name,Email Address\nLee,Ann,ann@uni.example\n", [(2, *ANN)], id="google-classroom"
        ),
        pytest.param("identifier,name\ns1001,Ann Lee\n", [(2, "s1001", "Ann Lee", "")], id="a-word-and-a-number"),
        pytest.param("email,name,login\nann@uni.example,Ann Lee,ann\n", [(2, *ANN)], id="plain-in-any-order"),
        pytest.param("ann,Ann Lee,ann@uni.example\n", [(1, *ANN)], id="no-heads"),
        pytest.param("sep=;\r\n学号;姓名\r\n2023001;王雷\r\n", [(3, "2023001", "王雷", "")], id="semicolons"),
        pytest.param("2023001\n2023002\n", [(1, "2023001", "", ""), (2, "2023002", "", "")], id="logins-alone"),
    ],
)
def test_every_dialect_is_read(words, people):
    assert listed(words) == (people, [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "gbk"])
def test_encodings_as_people_export_them(encoding):
    words = "学号,姓名,邮箱\n2023001,王雷,wang@uni.example\n2023002,张三丰,zhang@uni.example\n"
    people, _ = listed(words, encoding)
    assert people == [(2, "2023001", "王雷", "wang@uni.example"), (3, "2023002", "张三丰", "zhang@uni.example")]


def test_lines_that_cannot_be_read_are_named():
    words = 'login,name\nann,"Ann\nLee"\n,Bo\n\n@,Cy\ndan,\n'
    assert listed(words) == ([(2, "ann", "Ann Lee", ""), (7, "dan", "", "")], [4, 6])


def test_other_columns_can_be_chosen():
    words = "who,what\n7,Ann\n8,Bo\n"
    assert listed(words)[0] == [(1, "who", "what", ""), (2, "7", "Ann", ""), (3, "8", "Bo", "")]
    assert listed(words, columns=Columns(1, (0,)))[0] == [(2, "Ann", "7", ""), (3, "Bo", "8", "")]


@pytest.mark.parametrize(("words", "said"), [(BLIND, "no column holds logins"), ("a\n" * 20_001, "at most 20000")])
def test_what_is_no_class_list_is_refused_in_words(words, said):
    with pytest.raises(UsageError) as caught:
        listed(words)
    assert said in caught.value.text.en


def test_what_is_shown_steers_no_terminal_and_is_bounded():
    people, _ = listed(f"login,name,email\nann,{'A' * 300}\x1b[31m,{'a' * 400}@x\n")
    assert people == [(2, "ann", "A" * 200, "")]
