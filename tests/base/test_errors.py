"""Errors of ours: shown in the language that was chosen, and between processes what arrives is what was sent."""

import json
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograder.base import errors
from autograder.base.errors import AutograderError, ConfigError, StudentException, UsageError
from autograder.base.i18n import Text

names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in (".", "..")
)
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: Path("/", *parts))
words = st.builds(Text, en=st.text(), zh=st.text())
numbers = st.none() | st.integers(1, 10**6)
mistakes = st.builds(
    ConfigError,
    words,
    path=paths,
    line=numbers,
    column=numbers,
    key=st.none() | st.text(min_size=1),
    for_students=st.booleans(),
)
BROKEN = Text(en="is broken", zh="坏了")


def content(error):
    return type(error), vars(error), str(error)


@given(mistakes)
def test_what_arrives_is_what_was_sent(error):
    assert content(ConfigError.from_dict(json.loads(json.dumps(error.to_dict())))) == content(error)


@given(mistakes)
def test_a_pickled_one_is_the_same(error):
    assert content(pickle.loads(pickle.dumps(error))) == content(error)


@given(mistakes, paths, paths)
def test_a_path_below_a_folder_is_below_the_other_sides_folder_there(error, here, there):
    inside = ConfigError(error.text, path=here / error.path.relative_to("/"), column=error.column)
    assert ConfigError.from_dict(inside.to_dict(folder=here), folder=there).path == there / error.path.relative_to("/")


def test_a_path_elsewhere_stays_as_it_is():
    error = ConfigError(BROKEN, path=Path("/lib/helper.py"), line=1, column=2)
    assert (
        ConfigError.from_dict(error.to_dict(folder=Path("/run/tiny")), folder=Path("/course/tiny")).path == error.path
    )


@pytest.mark.parametrize(
    "error",
    [
        *(kind(BROKEN) for kind in vars(errors).values() if isinstance(kind, type) and kind is not ConfigError
          and issubclass(kind, AutograderError)),
        StudentException(BROKEN, kind="ValueError"),
        UsageError(BROKEN, for_students=True),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
def test_every_other_error_can_be_pickled_too(error):
    assert content(pickle.loads(pickle.dumps(error))) == content(error)
    assert (error.said("en"), error.said("zh")) == ("is broken", "坏了")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (UsageError(BROKEN), {None: "is broken", "en": "is broken", "zh": "坏了"}),
        (UsageError(BROKEN, for_students=True), {None: "is broken / 坏了", "en": "is broken", "zh": "坏了"}),
        (
            ConfigError(BROKEN, path=Path("quiz.yaml"), line=2, column=3, key="a.b"),
            {None: "quiz.yaml:2:3: a.b: is broken", "zh": "quiz.yaml:2:3: a.b: 坏了"},
        ),
        (
            ConfigError(BROKEN, path=Path("quiz.json"), column=3, for_students=True),
            {None: "quiz.json: is broken / 坏了", "en": "quiz.json: is broken"},
        ),
    ],
)
def test_an_error_is_said_in_the_language_that_was_chosen(error, said, monkeypatch):
    """Students whose course nobody knows hear both, that of their system first."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert {language: error.said(language) for language in said} == said
    assert str(error) == said[None]
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert error.said(None) == said[None].replace("is broken / 坏了", "坏了 / is broken")
