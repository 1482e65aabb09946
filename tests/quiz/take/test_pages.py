"""Taking a quiz as students do: keys in a real terminal, lines through a pipe, saved and resumed; the released form holds no key."""

import io
import json
import os
import re
import subprocess
import sys

import pexpect
import pytest
import tiny_quiz as tiny

from autograder.base.errors import ConfigError, UsageError
from autograder.quiz.notation.parsing import FormatError
from autograder.quiz.proofs import certificates
from autograder.quiz.questions import loading
from autograder.quiz.scoring.scorer import Scorer
from autograder.quiz.take import released
from autograder.quiz.take.sitting import Sitting

SOURCE = tiny.SOURCE[: tiny.SOURCE.index("  - id: varied")]
ENVIRONMENT = {k: v for k, v in os.environ.items() if k not in ("AUTOGRADER_LANG", "NO_COLOR")} | {"PYTHONUTF8": "1", "COLUMNS": "100", "LINES": "50", "TERM": "xterm-256color"}  # fmt: skip


@pytest.fixture
def course(tmp_path):
    tiny.make(tmp_path, SOURCE)
    return tmp_path


def command(*arguments):
    return [sys.executable, "-m", "autograder", "quiz", *map(str, arguments)]


def plainly(course, lines, *arguments, code=0, encoding="utf-8"):
    """Take it through a pipe; gives what was said."""
    done = subprocess.run(command("take", *arguments, "--name", "ann"), input=lines, cwd=course, env=ENVIRONMENT | {"PYTHONIOENCODING": encoding}, capture_output=True, text=True, encoding=encoding)  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "\x1b" not in done.stdout
    return done.stdout


def saved(course, name="tiny.answers.json"):
    return json.loads((course / name).read_text(encoding="utf-8"))["answers"]


class Terminal:
    """A quiz in a terminal of its own."""

    def __init__(self, course, *arguments, size=(50, 100)):
        program, *rest = command("take", *arguments, "--name", "ann")
        self.child = pexpect.spawn(
            program,
            rest,
            cwd=course,
            env=ENVIRONMENT | {"LINES": str(size[0]), "COLUMNS": str(size[1])},
            encoding="utf-8",
            timeout=60,
            dimensions=size,
        )

    def see(self, words):
        """Wait until the words are on the screen, in whatever colours."""
        self.child.expect(r"(?:\x1b\[[0-9;?]*[A-Za-z])*".join(map(re.escape, words)))
        return self

    def key(self, keys):
        self.child.send(keys)
        return self

    def end(self):
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus


def test_a_quiz_in_a_terminal_by_keys(course):
    """Hint, wrong key, second attempt, language, back, several options, a typed answer, save and quit, resume."""
    terminal = Terminal(course, "tiny", "--lang", "en")
    terminal.see("Tiny quiz").see("press any key").key(" ")
    terminal.see("question 1 of 6").see("(press h for a hint: -25 %)").key("h").see("hint: use your fingers")
    terminal.see("A  2 * 2").see("B  1 + 1").see("C  1 + 2")
    terminal.key("z").key("a").see("not right").see("this is four").see("press any key").key(" ")
    terminal.see("attempts left: 1; this one earns up to 50 %").key("l")
    terminal.see("哪一个等于二？").key("2").see("正确！").see("一加一等于二。").see("按任意键继续").key("l")
    terminal.see("question 1 of 6").see("right answer: B").see("press any key").key(" ")
    terminal.see("question 2 of 6").see("[ ] A  2").key("a").see("[x] A  2").key("c").key("c").key("2").see(
        "[x] B  0"
    ).key("\r")
    terminal.see("right!").see("press any key").key(" ")
    terminal.see("question 3 of 6").key("\x1b[D").see("question 2 of 6").see("press any key").key(" ")
    terminal.see("question 3 of 6").key("q").see("saved in tiny.answers.json")
    assert terminal.end() == 0
    assert saved(course) == {
        "one": {"attempts": ["C", "B"], "hints": 1},
        "some": {"attempts": [["A", "C"]], "hints": 0},
    }
    again = Terminal(course, "tiny", "--lang", "en").see("press any key").key(" ").see("question 3 of 6").key("1")
    again.see("right!").see("press any key").key(" ").see("question 4 of 6").see("W (a shape)").key("eight\r")
    again.see("eight is not a shape").see("this does not use up an attempt")
    again.see("W (a shape)").key("8x1\r").see("b (a shape)").key("1\r").see("right!").see("press any key").key("q")
    again.see("saved in")
    assert again.end() == 0
    assert saved(course)["shapes"]["attempts"] == [{"W": "8x1", "b": "1"}]


def test_control_c_keeps_the_answers(course):
    terminal = Terminal(course, "tiny").see("按任意键继续").key(" ").see("第 1 题").key("b\r").see("正确！")
    terminal.child.sendintr()
    terminal.see("已保存在")
    assert terminal.end() == 130
    assert saved(course)["one"]["attempts"] == ["B"]


LINES = "B\nA B\nA\n8x1\n1x1\nbias\n0.112\nA\n3\n"


def test_a_quiz_through_a_pipe_to_the_end(course):
    out = plainly(course, LINES, "tiny", "--plain", "--lang", "en")
    assert "6 of 6 points" in out
    assert out.count("✓ right!") == 6
    # the file is an answer sheet
    done = subprocess.run(
        command("score", "tiny", "tiny.answers.json", "--json"),
        cwd=course,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    (sheet,) = json.loads(done.stdout)
    assert (sheet["student"], sheet["score"]) == ("ann", 6)


def test_a_small_terminal_shows_what_was_ticked_and_control_d_saves(course):
    terminal = Terminal(course, "tiny", "--lang", "en", size=(3, 40)).see("press any key").key(" ")
    terminal.see("C  1 + 2").key(">").see("[ ] C")
    terminal.child.logfile_read = drawn = io.StringIO()
    terminal.key("a").see("[x] A").key("a").see("[ ] A").key("\x04").see("saved in tiny.answers.json")
    assert terminal.end() == 0
    assert not re.search(r"\x1b\[\d*A|\[.\] B", drawn.getvalue())  # nothing is drawn over what has left the screen


def test_words_are_commands_in_lines(course):
    out = plainly(course, "提示\n返回\n跳过\nlang\nquit\n", "tiny", "--plain")
    assert "提示：用手指数" in out
    assert "question 2 of 6" in out
    assert saved(course) == {"one": {"attempts": [], "hints": 1}}


def test_a_name_is_the_same_to_whoever_scores(course):
    """Variants are drawn by it."""
    made = course / "quizzes/tiny.yaml"
    made.write_text(tiny.SOURCE, encoding="utf-8")
    sheets = []
    proof = certificates.Certificates(
        quiz="tiny",
        questions={"varied": certificates.Certificate(sha256=certificates.fingerprint(loading.load(made).questions[6]), torch="", variants=[{"params": {"n": n, "k": 2}, "answer": str(n + 2), "wrong": []} for n in range(5, 45)])},
    )  # fmt: skip
    certificates.save(made, proof)
    for number, name in enumerate(["Li  Hua", "李　明", " li ", "x" * 90, "a\tb"]):
        out = course / f"{number}.json"
        run = subprocess.run(command("take", "tiny", "--plain", "--lang", "en", "--name", name, "--out", out), input=">\n" * 6 + "q\n", cwd=course, env=ENVIRONMENT, capture_output=True, text=True)  # fmt: skip
        n = int(re.search(r"What is (\d+) plus 2", run.stdout)[1])
        done = subprocess.run(command("take", "tiny", "--plain", "--name", name, "--out", out), input=">\n" * 6 + f"{n + 2}\nq\n", cwd=course, env=ENVIRONMENT, capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr
        sheets.append(out)
    scored = subprocess.run(command("score", "tiny", *sheets, "--json"), cwd=course, env=ENVIRONMENT, capture_output=True, text=True)  # fmt: skip
    assert [sheet["score"] for sheet in json.loads(scored.stdout)] == [1] * 5


def test_a_sheet_written_by_hand_is_resumed_with_its_answers(course):
    answers = {"one": "B", "statement": True, "some": {"attempts": [5, [["A"]], ["A"]]}, "sum": {"attempts": "three"}}
    sheet = {"schema": 1, "quiz": "tiny", "version": 1, "student": "ann", "answers": answers}
    (course / "tiny.answers.json").write_text(json.dumps(sheet))
    out = plainly(course, "A C\nq\n", "tiny", "--plain", "--lang", "en")
    assert "your answer so far: " in out
    kept = {name: given["attempts"] for name, given in saved(course).items()}
    assert (kept["one"], kept["statement"], kept["sum"]) == (["B"], [True], ["three"])
    assert (len(kept["some"]), kept["some"][:3]) == (4, [5, [["A"]], ["A"]])  # what could not be read stays there


def test_what_is_filled_in_stays_while_the_language_is_changed(course):
    out = plainly(course, ">\n" * 3 + "8x1\nl\n1x1\nq\n", "tiny", "--plain", "--lang", "zh")
    assert "W = 8x1" in out
    assert "right!" in out
    terminal = Terminal(course, "tiny", "--lang", "en", "--out", "b.json").see("press any key").key(" ").key(">")
    terminal.see("[ ] A  2").key("a").see("[x] A  2").key("l").see("哪些是偶数？").see("[x] A  2").key("q").see(
        "已保存在"
    )
    assert terminal.end() == 0


def test_a_choice_in_a_blank_is_told_in_its_words(course):
    keys = "\n".join([">"] * 4 + ["bias", "0.112"])
    right = plainly(course, f"{keys}\nq\n", "tiny", "--plain", "--lang", "en")
    letter = re.search(r"([AB])\. rows", right[right.rindex("choice:") :])[1]
    out = plainly(course, f"{keys}\n{letter}\nq\n", "tiny", "--plain", "--lang", "en")
    assert "right answer: word = bias, number = 0.112, choice = rows" in out


def test_shapes_of_one_dimension_and_tabs_are_no_trouble(course):
    tiny.make(
        course,
        SOURCE.replace("attempts: [1, 0.5]", "attempts: [1]").replace(
            "answer: [1, 1], accept: [[1], []]", "answer: [8]"
        ),
    )
    out = plainly(course, ">\n" * 3 + "8\t1\n(8,)\nq\n", "tiny", "--plain", "--lang", "en")
    assert "right!" in out
    assert "right answer: W = 8x1, b = (8,)" in out
    sheet = {
        "schema": 1,
        "quiz": "tiny",
        "version": 1,
        "student": "ann",
        "answers": {"shapes": {"W": [8, 1], "b": [9]}},
    }
    (course / "tiny.answers.json").write_text(json.dumps(sheet))
    out = plainly(course, ">\n" * 3 + "q\n", "tiny", "--plain", "--lang", "en")
    assert "partly right" in out or "◐" in out


def test_leaving_is_possible_everywhere_and_none_is_an_answer(course):
    tiny.make(course, SOURCE.replace("key: [A, C]", "key: [], none_correct: true".replace(", ", "\n    ")))
    assert "saved in" in plainly(course, ">\n" * 6 + "q\n", "tiny", "--plain", "--lang", "en")
    out = plainly(course, ">\n\n-\nq\n", "tiny", "--plain", "--lang", "en")
    assert "choose letters from A/B/C/D, or - for none" in out
    assert "right!" in out
    assert saved(course)["some"]["attempts"] == [[]]


def test_the_end_names_what_is_not_answered(course):
    out = plainly(course, "skip\n" * 6 + "A\n" + "skip\n" * 6 + "B\n", "tiny", "--plain", "--lang", "en")
    assert out.count("not answered yet: 1, 2, 3, 4, 5, 6") == 2
    assert "0 of 6 points" in out


def test_answers_that_cannot_be_read_are_asked_again(course):
    out = plainly(
        course, "Z\nA B\n" + "9" * 5_000 + "\n" + "B" * 5_000 + "\nＢ\nquit\n", "tiny", "--plain", "--lang", "en"
    )
    assert "choose letters from A/B/C" in out
    assert "choose one of A/B/C" in out
    assert saved(course)["one"]["attempts"] == ["B"]


MANY = """\
schema: 1
id: tiny
version: 1
title: {zh: 多, en: Many}
defaults: {shuffle: false, attempts: [1, 0.5]}
questions:
  - id: many
    type: multi
    prompt: {zh: 哪些？, en: "Which?"}
    options: {OPTIONS}
    key: [H, L, Q]
    hints: [{text: {zh: 三个, en: three}, cost: 0.1}]
  - id: word
    type: blanks
    prompt: {zh: "{{w}} {{n}}", en: "{{w}} {{n}}"}
    blanks: {w: {kind: text, answer: h}, n: {kind: number, answer: 2}}
"""
OPTIONS = ", ".join(f'{letter}: {{text: "{letter.lower()}."}}' for letter in "ABCDEFGHIJKLMNOPQ")


def test_letters_of_options_are_no_commands(course):
    """With 17 options h, l and q are three of them; with a colon they are commands, and a word in quotes is an answer."""
    tiny.make(course, MANY.replace("OPTIONS", OPTIONS))
    terminal = Terminal(course, "tiny", "--lang", "en").see("press any key").key(" ")
    terminal.see("press :h for a hint").see("(H, L, Q: options here; commands: :h, :l, :q)").see("[ ] Q").key(":h")
    terminal.see("hint: three").see("[ ] Q").key("h").see("[x] H").key("l").see("[x] L").key("q").see("[x] Q").key("\r")
    terminal.see("right!").see("press any key").key(":q").see("saved in")
    assert terminal.end() == 0
    assert saved(course)["many"] == {"attempts": [["H", "L", "Q"]], "hints": 1}
    lines = ":h\nh l q\nskip\nh\n" + '"h"\ntwo\n2\n'
    out = plainly(course, lines, "tiny", "--plain", "--lang", "en", "--out", "plain.json")
    assert "hint: three" in out
    assert "two is not a number" in out  # and is asked again, at no cost
    assert saved(course, "plain.json") == {
        "many": {"attempts": [["H", "L", "Q"]], "hints": 1},
        "word": {"attempts": [{"w": "h", "n": "2"}], "hints": 0},
    }


def test_formulas_are_lines_a_terminal_can_show(course):
    """In prompts, options, hints and explanations; code stays code."""
    source = SOURCE
    for words, formula in (
        ('"Which one is two?"', r"'Which one is $x_1^2$?'"),
        ('"1 + 2"', '"f($x_1$)"'),
        ("use your fingers", r"try $\hat y$"),
        ("One and one is two.", r"'$x_1^2 = \frac{4}{2}$'"),
        ('text: "0"', 'text: "$z_0$"'),
        ("XW + b is 7x1: W {{W}}", r"$X{{W}} + b \\in \\mathbb{R}^7$"),
    ):
        assert words in source
        source = source.replace(words, formula)
    tiny.make(course, source)
    out = plainly(course, "h\nB\nskip\nskip\nskip\nquit\n", "tiny", "--plain", "--lang", "en")
    for line in ("Which one is x₁²?", "f($x_1$)", "hint: try ŷ", "x₁² = 4/2", "z₀", "X____(W) + b ∈ ℝ⁷"):
        assert line in out, line
    out = plainly(course, "quit\n", "tiny", "--plain", "--lang", "en", "--out", "b.json", encoding="gbk")
    assert "Which one is x??" in out  # a console without these signs stops nothing


def test_other_peoples_and_other_quizzes_answers_are_not_overwritten(course):
    plainly(course, "B\n", "tiny", "--plain")
    for name, content, said in (
        ("b.json", "{", "holds no saved answers"),
        ("c.json", json.dumps({"quiz": "other", "version": 1, "answers": {}}), "holds answers to other version 1"),
        (
            "d.json",
            json.dumps({"quiz": "tiny", "version": 1, "student": "bob", "answers": {}}),
            "holds the answers of bob",
        ),
    ):
        (course / name).write_text(content)
        done = subprocess.run(command("take", "tiny", "--plain", "--name", "ann", "--out", name), cwd=course, env=ENVIRONMENT, capture_output=True, text=True, stdin=subprocess.DEVNULL)  # fmt: skip
        assert done.returncode == 2
        assert said in done.stderr
        assert (course / name).read_text() == content


# -- the released form -------------------------------------------------------------------------------------------------


@pytest.fixture
def quiz(tmp_path):
    return loading.load(tiny.make(tmp_path))


def test_a_released_quiz_holds_no_key_in_any_form(quiz):
    for mode in ("test", "exam"):
        text = released.to_json(released.release(quiz, tiny.VARIANTS, mode))
        for secret in tiny.SECRETS:
            assert secret not in text, secret
        assert ("use your fingers" in text) == (mode == "test")


def test_a_released_quiz_shows_everything_else(quiz, tmp_path):
    path = tmp_path / "tiny.quiz.json"
    path.write_text(released.to_json(released.release(quiz, tiny.VARIANTS, "test")), encoding="utf-8")
    shown = released.load(path)
    assert [q.id for q in shown.questions] == [q.id for q in quiz.questions]
    assert shown.points == quiz.points
    for mine, other in zip(shown.questions, quiz.questions, strict=True):
        assert mine.prompt == other.prompt
        assert list(mine.options) == sorted(getattr(other, "options", {}))
    assert shown.questions[6].prompt_for(0, "en") == "What is 5 plus 2?"


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 1}', '{"schema": 1, "released": false}'])
def test_what_is_no_released_quiz_is_refused(tmp_path, content):
    path = tmp_path / "a.quiz.json"
    path.write_text(content)
    with pytest.raises(ConfigError, match="is not a released quiz"):
        released.load(path)


def test_in_a_test_nothing_is_judged_and_answers_may_change(course):
    done = subprocess.run(command("release", "tiny"), cwd=course, env=ENVIRONMENT, capture_output=True, text=True)
    assert "tiny.quiz.json: 6 questions, no keys" in done.stdout
    (course / "quizzes" / "tiny.yaml").rename(course / "hidden.yaml")
    out = plainly(course, "A\nback\nB\n" + LINES.partition("\n")[2], "tiny.quiz.json", "--lang", "en", "--plain")
    assert "right" not in out.replace("several may be right", "")
    assert "All answers are saved in tiny.answers.json. Hand in this file." in out
    assert saved(course)["one"] == {"attempts": ["B"], "hints": 0}
    (course / "hidden.yaml").rename(course / "quizzes" / "tiny.yaml")
    done = subprocess.run(
        command("score", "tiny", "tiny.answers.json", "--json"),
        cwd=course,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout)[0]["score"] == 6


def test_a_course_in_exam_mode_shows_no_key_either(course):
    tiny.make(course, SOURCE.replace("attempts: [1, 0.5]", "attempts: [1, 0.5], mode: exam"))
    out = plainly(course, LINES, "tiny", "--plain", "--lang", "en")
    assert "Hand in this file" in out
    assert "right!" not in out


# -- the session -------------------------------------------------------------------------------------------------------


def test_a_session_keeps_attempts_and_closes_questions(quiz, tmp_path):
    scorer = Scorer(quiz, tiny.VARIANTS)
    session = Sitting(
        released.release(quiz, tiny.VARIANTS, "practice"), "ann", tmp_path / "a.json", quiz=quiz, scorer=scorer
    )
    assert session.is_open(session.question)
    with pytest.raises(FormatError):
        session.answer("Z")
    assert session.tries["one"].attempts == []
    session.position = 3
    with pytest.raises(FormatError, match="eight is not a shape"):  # though the other part is right
        session.answer({"W": "8x1", "b": "eight"})
    with pytest.raises(FormatError, match="there is no answer"):
        session.answer({"W": "", "b": " "})
    assert session.tries["shapes"].attempts == []
    session.position = 0
    assert session.answer("A").share == 0
    with pytest.raises(FormatError, match="tried this answer before"):
        session.answer("A")
    assert session.is_open(session.question)
    assert session.answer("B").share == 1
    assert not session.is_open(session.question)
    session.take_hint()
    session.take_hint()
    assert session.tries["one"].hints == 1  # there is only one
    again = Sitting(session.shown, "ann", tmp_path / "a.json", quiz=quiz, scorer=scorer)
    assert again.resume()
    assert (again.tries["one"], again.position) == (session.tries["one"], 1)
    again.position = 1
    assert again.answer("B").share == 0
    assert again.is_open(again.question)
    later = Sitting(session.shown, "ann", tmp_path / "a.json", quiz=quiz, scorer=scorer)
    assert later.resume()
    assert later.position == 1  # it has an attempt left


def test_two_terminals_do_not_erase_each_other(quiz, tmp_path):
    shown, path = released.release(quiz, tiny.VARIANTS, "test"), tmp_path / "a.json"
    first, second = (Sitting(shown, "ann", path) for _ in range(2))
    assert not first.resume()
    first.answer("A")
    assert second.resume()
    second.position = 1
    second.answer(["A"])
    with pytest.raises(UsageError, match="has changed meanwhile"):
        first.answer("B")
    assert sorted(json.loads(path.read_text(encoding="utf-8"))["answers"]) == ["one", "some"]


def test_options_are_shuffled_by_student_and_stay_so(quiz, tmp_path):
    shown = released.release(quiz, tiny.VARIANTS, "test")
    orders = {
        name: tuple(Sitting(shown, name, tmp_path / "a.json").order(shown.questions[7], list("abcdef")))
        for name in map(str, range(20))
    }
    assert len(set(orders.values())) > 10
    assert tuple(Sitting(shown, "3", tmp_path / "a.json").order(shown.questions[7], list("abcdef"))) == orders["3"]
    fixed = shown.questions[0].model_copy(update={"shuffle": False})
    assert Sitting(shown, "3", tmp_path / "a.json").order(fixed, ["b", "a"]) == ["b", "a"]


def test_answers_that_cannot_be_saved_are_told(quiz, tmp_path):
    session = Sitting(released.release(quiz, tiny.VARIANTS, "test"), "ann", tmp_path / "no" / "a.json")
    with pytest.raises(UsageError, match="cannot be written"):
        session.answer("A")
