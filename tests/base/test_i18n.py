"""Both languages: every sentence of ours has its Chinese one, with the same values in it."""

import ast
import string
from pathlib import Path

import polib
import pytest
from jinja2 import nodes

import autograder
from autograder.base import i18n
from autograder.base.i18n import CATALOGUE, Text, choose_language, same, text
from autograder.report.templates import environment

PACKAGE = Path(autograder.__file__).parent


def templates():
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "text" and node.args:
                assert isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}: text() takes a literal"
                yield node.args[0].value
    for path in sorted(PACKAGE.rglob("*.html")):
        for call in environment().parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if getattr(call.node, "name", "") == "text":
                assert isinstance(call.args[0], nodes.Const), f"{path}:{call.lineno}: text() takes a literal"
                yield call.args[0].value


def fields(sentence):
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


CATALOGUE_ENTRIES = {entry.msgid: entry.msgstr for entry in polib.pofile(str(CATALOGUE))}


def test_our_catalogue_is_read_as_polib_reads_it():
    assert i18n._chinese() == CATALOGUE_ENTRIES


def test_every_sentence_is_translated_and_no_translation_is_left_over():
    assert set(CATALOGUE_ENTRIES) == set(templates())


@pytest.mark.parametrize("sentence", CATALOGUE_ENTRIES)
def test_translations_name_the_same_values(sentence):
    assert CATALOGUE_ENTRIES[sentence]
    assert fields(CATALOGUE_ENTRIES[sentence]) == fields(sentence)


def test_values_are_put_in_by_language():
    words = text("likely cause: {cause}", cause=Text(en="haste", zh="匆忙"))
    assert (words.en, words.zh) == ("likely cause: haste", "可能的原因：匆忙")


def test_braces_in_a_students_words_stay_as_they_are():
    assert text("hint: {hint}", hint=same("{0} {x}")).en == "hint: {0} {x}"


def test_language_is_as_asked_then_from_the_environment_then_the_courses(monkeypatch):
    monkeypatch.delenv("AUTOGRADER_LANG", raising=False)
    assert choose_language(None, "zh") == "zh"
    monkeypatch.setenv("AUTOGRADER_LANG", "en_US")
    assert choose_language(None, "zh") == "en"
    assert choose_language("zh", "en") == "zh"
    monkeypatch.setenv("AUTOGRADER_LANG", "fr")
    assert choose_language(None, "zh") == "zh"


def test_nothing_a_student_wrote_steers_a_terminal():
    assert same("a\x1b[31mb\x07\u202ec\n\td").en == "a\ufffd[31mb\ufffd\ufffdc\n\td"
