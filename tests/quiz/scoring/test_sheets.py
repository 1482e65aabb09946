"""Answer sheets: every format, and every way a file can be damaged without stopping the others."""

import json
import random

import pytest
import tiny_quiz as tiny

from autograder.quiz.scoring.sheets import read_sheets


@pytest.fixture(scope="module")
def quiz(tmp_path_factory):
    return tiny.load(tmp_path_factory.mktemp("quiz"))


@pytest.fixture
def read(tmp_path, quiz):
    def read(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(read_sheets([path], quiz))

    return read


def test_yaml_and_json_hold_one_sheet_or_many(read):
    (sheet,) = read("ann.yaml", "student: 安\nquiz: tiny\nversion: 1\nanswers: {one: B, sum: 3, some: [A, C]}\n")
    assert (sheet.student, sheet.quiz, sheet.version, sheet.answers) == ("安", "tiny", 1, {"one": "B", "sum": 3, "some": ["A", "C"]})  # fmt: skip
    assert read("bob.json", '{"answers": {"one": "B"}}')[0].student == "bob"
    many = [{"student": name, "answers": {"one": "A"}} for name in ("ann", "bob")]
    assert [s.student for s in read("all.json", json.dumps(many))] == ["ann", "bob"]
    assert [s.student for s in read("all.jsonl", "\n".join(map(json.dumps, many)))] == ["ann", "bob"]


@pytest.mark.parametrize("name", ["0042", "19e04", "0x1F", "20261127001", "1.10"])
def test_a_students_number_stays_as_it_was_written(read, name):
    """As a number 0042 would be another student, 42."""
    for words in (
        f"student: {name}\nseed: {name}\nanswers: {{}}\n",
        f"- {{student: {name}, seed: {name}, answers: {{}}}}\n",
    ):
        (sheet,) = read("sheet.yaml", words)
        assert (sheet.student, sheet.seed) == (name, name)


def test_words_of_yaml_1_1_are_answers(read):
    (sheet,) = read("a.yaml", "answers: {a: no, b: 1:20, c: 08, d: yes}")
    assert sheet.answers == {"a": "no", "b": "1:20", "c": 8, "d": "yes"}


TABLE = 'Timestamp,学号,1. 哪一个等于二？ *,[some] which?,shapes.W,shapes.b,note\n2026,s1,B,"A, C",8x1,1x1,hi\n2026,s2,A,,,,\n,,,,,,\n'


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_forms_export_is_a_table(read, encoding, delimiter):
    table = TABLE.replace("A, C", "A C").replace(",", delimiter)
    sheets = read("answers.csv", table.encode(encoding))
    assert [s.student for s in sheets] == ["s1", "s2"]
    assert sheets[0].answers == {"one": "B", "some": "A C", "shapes": {"W": "8x1", "b": "1x1"}}


def test_a_csv_of_wenjuanxing_is_read(read):
    """Its columns are numbered, its header is quoted where it has commas, tabs or lines, several options have a bar between."""
    head = '序号,提交答卷时间,所用时间,来自IP,"1、您的学号是：","2、哪一个等于二？","3、[some]哪些是偶数？\n（多选, 可不选; 可多选; 有分号;）","4、[sum] 1.5, 的; 两倍"'
    (sheet,) = read("1_按文本.csv", f"{head}\n1,2026/3/1 8:00:00,55秒,1.1.1.1,s7,B.1 + 1,0┋2,(空)\n".encode("gb18030"))
    assert (sheet.student, sheet.answers) == ("s7", {"one": "B.1 + 1", "some": "0┋2", "sum": ""})
    (sheet,) = read("b.csv", 'name;"one, or: a, b, c, d?";[some]\nann;B;A┋C\n')
    assert (sheet.student, sheet.answers) == ("ann", {"some": "A┋C"})


def test_columns_may_hold_the_question_in_either_language(read):
    (sheet,) = read("a.csv", "Name,Which one is two?,第2题 哪些是偶数？\nann,1 + 1,A;C\n")
    assert (sheet.student, sheet.answers) == ("ann", {"one": "1 + 1", "some": "A;C"})


ALIASES = "a: &a [1, 1]\n" + "".join(
    f"k{n}: &k{n} [*{last}, *{last}]\n" for n, last in enumerate(["a", *(f"k{n}" for n in range(60))])
)
"""Some hundred bytes that stand for 2 to the 62nd values."""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yaml", "", "is empty"),
        ("a.yaml", b" \n", "is empty"),
        ("a.yaml", "answers: [", "a.yaml, line 1: not valid YAML"),
        ("a.yaml", "answers: {a: 1}\nanswers: {a: 2}", "line 2: duplicate key answers"),
        ("a.yaml", "answers:\n  a: A\n  a: B\n", "a.yaml, line 3: duplicate key a"),
        ("a.yaml", "- 5\n", "has the keys student and answers"),
        ("a.yaml", "answers: B\n", "has the keys student and answers"),
        ("a.yaml", "just words", "has the keys student and answers"),
        ("a.yaml", "x: !!python/object/apply:os.system [ls]", "not valid YAML"),
        ("a.yaml", ALIASES, "a.yaml, line 1: an alias (*name) refers to this; write it out there"),
        ("a.yaml", b"\x00\x01\x02" * 50, "is not a text file"),
        ("a.csv", b"PK\x03\x04\x00" * 50, "is a spreadsheet or an archive; save it as CSV"),
        ("a.json", '{"answers": {"a": "A", "a": "B"}}', "duplicate key a"),
        ("a.json", '{"answers": {"a": NaN}}', "NaN is not an answer"),
        ("a.json", '{"answers": ', "line 1: this is not JSON"),
        ("a.json", "[" * 100_000, "a.json: it is nested too deeply"),
        ("a.jsonl", '{"answers": {}}\n{"answers": \n', "line 2: this is not JSON"),
        ("a.jsonl", '{"answers": {"a": "A", "a": "B"}}\n', "a.jsonl, line 1: duplicate key a"),
        ("a.jsonl", '{"answers": {"a": NaN}}\n', "a.jsonl, line 1: NaN is not an answer"),
        ("a.yaml", 'answers: {one: !!bool "foo"}', "not valid YAML: KeyError"),
        ("a.yaml", 'answers: {one: !!int ""}', "not valid YAML: IndexError"),
        ("a.csv", "name,other\nann,B\n", "no column is named after a question"),
        ("a.csv", "name,one,one\nann,A,B\n", "the columns one and one answer the same question"),
        ("a.csv", "name,shapes,shapes.W\nann,x,8x1\n", "the columns shapes and shapes.W answer the same question"),
        ("a.csv", "name,shapes.W,shapes\nann,8x1,x\n", "the columns shapes.W and shapes answer the same question"),
        ("a.csv", 'name,one\nann,"B\n', "a.csv, line 2"),
        ("a.csv", "name,one\nann,B,C\n", "3 cells where the header has 2"),
        ("a.csv", "name,one\nann," + "B" * (2 << 20) + "\n", "field larger"),
        ("a.yaml", b"answers: {one: '" + b"B" * (3 << 20) + b"'}", "too large"),
    ],
)  # fmt: skip
def test_a_damaged_file_is_a_sheet_that_says_so_and_the_next_is_read(tmp_path, quiz, name, content, said):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "z.yaml").write_text("answers: {one: B}")
    sheets = list(read_sheets([tmp_path], quiz))
    bad = [sheet for sheet in sheets if sheet.unreadable]
    assert len(bad) == 1
    assert said in bad[0].unreadable.en
    assert "\n" not in bad[0].unreadable.en
    assert sheets[-1].answers == {"one": "B"}


def test_a_line_of_json_ends_where_the_line_ends(read):
    (sheet,) = read("a.jsonl", '{"student": "ann", "answers": {"words": "one\u2028two"}}\n')
    assert sheet.answers == {"words": "one\u2028two"}


@pytest.mark.parametrize(
    ("header", "student"),
    [
        ("ID,Start time,Email", "a@b.c"),
        ("ID,开始时间,学号", "a@b.c"),
        ("id,city,name", "7"),
        ("n,x,学号（必填）", "a@b.c"),
        ("n,x,2、请输入您的姓名是：*", "a@b.c"),
    ],
)
def test_the_number_of_a_forms_answer_is_no_student(read, header, student):
    (sheet,) = read("form.csv", f"{header},one\n7,8:00,a@b.c,B\n")
    assert (sheet.student, sheet.named) == (student, True)


def test_what_is_left_out_is_told(tmp_path, quiz):
    for name, content in {
        "tiny.quiz.json": "{}",
        "a.csv": "wer,onE,sume\nann,B,C\n",
        "b.txt": "answers: {}",
        "c.xlsx": "",
        "d": "",
        ".hidden": "",
    }.items():
        (tmp_path / name).write_text(content)
    told = []
    (sheet,) = read_sheets([tmp_path, tmp_path / "a.csv"], quiz, told.append)  # named twice
    assert (sheet.student, sheet.named, sheet.answers) == ("a (2)", False, {"one": "B"})
    assert [note.en for note in told] == [
        "left out: b.txt, c.xlsx, d, tiny.quiz.json; answer sheets end in .yaml, .yml, .json, .jsonl, .csv, .tsv",
        "a.csv: these columns match no question: wer, sume",
        "a.csv: no column says whose answers these are; name one 'student'",
    ]


def test_a_header_of_nothing_but_signs_is_read_in_its_time(read):
    """Adjacent repetitions in a pattern would take hours for this."""
    (sheet,) = read("a.csv", f"student,one,{':' * 1_000_000}x,{' ' * 1_000_000}x\nann,B,,\n")
    assert sheet.answers == {"one": "B"}


def test_links_and_missing_files_are_told(tmp_path, quiz):
    (tmp_path / "real.yaml").write_text("answers: {one: B}")
    (tmp_path / "link.yaml").symlink_to(tmp_path / "real.yaml")
    link, missing = read_sheets([tmp_path / "link.yaml", tmp_path / "gone.yaml"], quiz)
    assert "is a link" in link.unreadable.en
    assert "cannot be read" in missing.unreadable.en


def test_damage_at_random_never_stops_the_batch(tmp_path, quiz):
    """Bytes are flipped, cut out and doubled in good files; reading goes on to the end."""
    rng = random.Random(3)
    good = {
        "a.yaml": b"student: ann\nanswers:\n  one: B\n  some: [A, C]\n",
        "b.json": b'{"student": "b", "answers": {"one": "B"}}',
        "c.csv": TABLE.encode(),
    }
    for round_ in range(60):
        for name, content in good.items():
            damaged = bytearray(content)
            for _ in range(rng.randint(1, 4)):
                position = rng.randrange(len(damaged))
                damaged[position : position + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 3))
            (tmp_path / f"{round_}{name}").write_bytes(damaged)
    sheets = list(read_sheets([tmp_path], quiz))
    assert len(sheets) >= 180
    assert any(sheet.unreadable for sheet in sheets)
    for sheet in sheets:
        assert "\x1b" not in sheet.student
        assert "\n" not in sheet.student
