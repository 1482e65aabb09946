"""YAML as checked records: an author's mistake is told with file, line and key."""

import pytest
from pydantic import BaseModel, ConfigDict

from autograder.base import yaml_records
from autograder.base.errors import ConfigError
from autograder.base.words import Words, in_languages


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    word: str = ""
    count: int = 0


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    part: Part = Part()
    parts: list[Part] = []
    table: dict[str, Part] = {}


@pytest.fixture
def load(tmp_path):
    def load(content):
        path = tmp_path / "whole.yaml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return yaml_records.load(path, Whole)

    return load


def mistake(load, content):
    with pytest.raises(ConfigError) as caught:
        load(content)
    error = caught.value
    assert error.path.name == "whole.yaml"
    assert str(error).startswith(str(error.path))
    assert "\n" not in str(error)
    return error


def test_a_record_is_read(load):
    whole = load("name: 线性\npart: {word: a}\nparts:\n- count: 1\n- count: 2\n")
    assert (whole.name, whole.part.word, [p.count for p in whole.parts]) == ("线性", "a", [1, 2])
    assert load(b"\xef\xbb\xbfname: a").name == "a"
    assert [p.count for p in load("name: a\nparts: [&one {count: 1}, *one]").parts] == [1, 1]


@pytest.mark.parametrize("word", ["no", "yes", "on", "off", "1:1", "2026-01-01", "=", "0b1"])
def test_words_of_yaml_1_1_are_words(load, word):
    assert load(f"name: {word}").name == word


@pytest.mark.parametrize("word", ["1", "true", "null", "0x10", "[a]"])
def test_what_is_no_word_is_none(load, word):
    assert (mistake(load, f"\nname: {word}").line, mistake(load, f"name: {word}").key) == (2, "name")


def test_010_is_ten(load):
    assert load("name: a\npart: {count: 010}").part.count == 10


@pytest.mark.parametrize(
    ("content", "line", "key", "said"),
    [
        ("name: a\npart:\n  wrod: b\n", 3, "part.wrod", "misspelt"),
        ("name: a\npart:\n  count: many\n", 3, "part.count", "integer"),
        ("name: a\nparts:\n- count: 1\n- word: a\n  count: x\n", 5, "parts.1.count", "integer"),
        ("name: a\nparts:\n- count: 1\n- 5\n", 4, "parts.1", ""),
        ("name: a\ntable:\n  b:\n    count: 1\n  c:\n    cuont: 1\n", 6, "table.c.cuont", "misspelt"),
        ("part:\n  count: 1\n", 1, "name", "missing"),
        ("name: a\npart: {count: 1,\n  extra: 2}\n", 3, "part.extra", "misspelt"),
        ("- name\n", 1, None, ""),
        ("name: a\nname: b\n", 2, "name", "duplicate key"),
        ("name: a\npart:\n  word: x\n  count: 1\n  word: y\n", 5, "word", "duplicate key"),
        ("name: a\nparts:\n- {count: 1, count: 1}\n", 3, "count", "duplicate key"),
        ('name: a\n"name": b\n', 2, "name", "duplicate key"),
        ("name: [a\nb: c\n", 2, None, "YAML"),
        ("name: a\n\tb: c\n", 2, None, "YAML"),
        ("name: *nothing\n", 1, None, "YAML"),
        ("a: b: c\n", 1, None, "YAML"),
        ("name: !!python/name:os.system\n", 1, None, "YAML"),
        ("name: a\n---\nname: b\n", 2, None, "YAML"),
    ],
)
def test_a_mistake_is_told_with_line_and_key(load, content, line, key, said):
    error = mistake(load, content)
    assert (error.line, error.key) == (line, key)
    assert said in error.text.en


@pytest.mark.parametrize(
    ("content", "place", "here", "above"),
    [
        ("part:\n  word: {}\n count: 1\n", (3, 2), 1, 2),
        ("part:\n  word: {}\n   count: 1\n", (3, 4), 3, 2),
        ("part:\n  word: a\n\n  # a remark\n   count: 1\n", (5, 4), 3, 2),
        (" name: a\npart: {}\n", (2, 1), 0, 1),
        ("parts:\n  - count: 1\n - count: 2\n", (3, 2), 1, 2),
    ],
)
def test_a_line_that_is_indented_otherwise_is_told_in_words(load, content, place, here, above):
    error = mistake(load, content)
    assert (error.line, error.column) == place
    words = f"the indentation of this line (spaces: {here}) does not fit the line above (spaces: {above}); begin keys"
    assert error.text.en.startswith(f"not valid YAML: {words}")


@pytest.mark.parametrize(
    ("content", "place", "said"),
    [
        ("parts: [\n  - count: 1\n", (2, 3), "items that begin with - cannot stand in brackets"),
        ("parts: [1, 2\nname: a\n", (2, 5), "after the bracket of line 1, column 8, a comma or its end ] is missing"),
        ("part: {word: [1, 2}\n", (1, 19), "after the bracket of line 1, column 14, a comma or its end ] is missing"),
        (
            "part: {word: a count: 1}\n",
            (1, 21),
            "after the bracket of line 1, column 7, a comma or its end } is missing",
        ),
        ("part: {word: a\n", (2, 1), "after the bracket of line 1, column 7, a comma or its end } is missing"),
        ("parts: [1]]\n", (1, 11), "there is no bracket that this ] closes"),
        ("name: }\n", (1, 7), "there is no bracket that this } closes"),
        ('name: "a\npart: {}\n', (3, 1), "the quote of line 1, column 7 is not closed"),
        ("name: 'it's'\n", (1, 11), "the quotes end before this; put the whole value in quotes"),
        ("name: @a\n", (1, 7), "a value that begins with @ must be in quotes"),
        ("name: `a`\n", (1, 7), "a value that begins with ` must be in quotes"),
        ("name: %a\n", (1, 7), "a value that begins with % must be in quotes"),
        ("name: *a\n", (1, 7), "a value that begins with * must be in quotes"),
        ("name: !a\n", (1, 7), "a value that begins with ! must be in quotes"),
    ],
)
def test_what_lacks_a_bracket_or_quotes_is_told_in_words(load, content, place, said):
    error = mistake(load, content)
    assert (error.line, error.column) == place
    assert error.text.en.startswith(f"not valid YAML: {said}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("name: a\n\tpart: {}\n", "indent with spaces"),
        ("name: a: b\n", "put a value that has a colon in quotes"),
        ("- a\nname: b\n", "either keys (key: value) or items (- value)"),
    ],
)
def test_other_lines_that_do_not_fit_are_told_in_words(load, content, said):
    assert said in mistake(load, content).text.en


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("nam: a\n", "did you mean name? allowed: name, part, parts, table"),
        ("name: a\npart:\n  wrod: b\n", "did you mean word? allowed: word, count"),
        ("name: a\nparts:\n- {cuont: 1}\n", "did you mean count? allowed: word, count"),
        ("name: a\ntable: {b: {colour: 1}}\n", "misspelt? allowed: word, count"),
        ("name: a\npart:\n  wrod:\n", "did you mean word? allowed: word, count"),
    ],
)
def test_the_keys_that_there_are_are_told_with_the_nearest(load, content, said):
    assert mistake(load, content).text.en.endswith(said)


@pytest.mark.parametrize(
    ("title", "written"),
    [
        ("Dropout", '{zh: "Dropout", en: "Dropout"}'),
        ('"a: b"', '{zh: "a: b", en: "a: b"}'),
        ("a" * 70, f'{{zh: "{"a" * 57}...", en: "{"a" * 57}..."}}'),
        ("", "{zh: ..., en: ...}"),
    ],
)
def test_words_in_one_language_are_written_out_in_both(tmp_path, title, written):
    class Titled(BaseModel):
        title: Words | None

    class Assignment(BaseModel):
        title: Words
        exercises: dict[str, Titled] = {}

    path = tmp_path / "titled.yaml"
    path.write_text(f"title: {title}\n")
    with pytest.raises(ConfigError) as caught:
        yaml_records.load(path, Assignment, context=in_languages(["zh", "en"]))
    assert str(caught.value).startswith(f"{path}:1:1: title: both languages belong here: write {written}")
    if title:
        path.write_text(f"title: {{zh: a, en: b}}\nexercises:\n  one: {{title: {title}}}\n")
        with pytest.raises(ConfigError) as caught:
            yaml_records.load(path, Assignment, context=in_languages(["zh", "en"]))
        assert str(caught.value).startswith(
            f"{path}:3:9: exercises.one.title: both languages belong here: write {written}"
        )


@pytest.mark.parametrize(
    "content",
    [b"", b"# nothing\n", b"name: \xff\xfe", b"name: a\x00b", b"name: " + b"[" * 3_000, b"&a [*a]"],
    ids=["empty", "comment", "not UTF-8", "NUL", "deep", "cycle"],
)
def test_what_is_no_record_is_a_mistake_of_this_file(load, content):
    mistake(load, content)


@pytest.mark.parametrize("content", ["name: a\n? [b, c]\n: d\n", "name: a\n? {b: c}\n: d\n"])
def test_keys_that_are_no_words_are_a_mistake_of_this_file(load, content):
    mistake(load, content)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        yaml_records.load(tmp_path / "nothing.yaml", Whole)
    assert "nothing.yaml" in str(caught.value)
    with pytest.raises(ConfigError, match="cannot be read"):
        yaml_records.load(tmp_path, Whole)


def test_the_column_is_told_and_an_item_goes_by_its_id(tmp_path):
    class Item(BaseModel):
        id: str
        count: int

    class Items(BaseModel):
        items: list[Item]

    path = tmp_path / "items.yaml"
    path.write_text("items:\n- {id: first, count: 1}\n- {id: second, count: many}\n")
    with pytest.raises(ConfigError) as caught:
        yaml_records.load(path, Items)
    assert str(caught.value).startswith(f"{path}:3:16: items.second.count: ")


@pytest.mark.parametrize("content", ["a: [1", "a: 1\n\tb: 2", "- a\nb: c"])
def test_plain_values_are_read_or_refused_with_their_place(content, tmp_path):
    assert yaml_records.plain("a: [1, no]", tmp_path) == {"a": [1, "no"]}
    with pytest.raises(ConfigError, match=r":\d+:\d+: not valid YAML"):
        yaml_records.plain(content, tmp_path)
