"""`ConfigError` between processes: what arrives is what was sent."""

import json
import pickle
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from autograder.base.errors import ConfigError
from autograder.base.i18n import Text

names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda name: name not in (".", "..")
)
paths = st.lists(names, min_size=1, max_size=3).map(lambda parts: Path("/", *parts))
words = st.text() | st.builds(Text, en=st.text(), zh=st.text())
numbers = st.none() | st.integers(1, 10**6)
mistakes = st.builds(ConfigError, words, path=paths, line=numbers, column=numbers, key=st.none() | st.text(min_size=1))


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
    inside = ConfigError(error.message, path=here / error.path.relative_to("/"), column=error.column)
    assert ConfigError.from_dict(inside.to_dict(folder=here), folder=there).path == there / error.path.relative_to("/")


def test_a_path_elsewhere_stays_as_it_is():
    error = ConfigError("is broken", path=Path("/lib/helper.py"), line=1, column=2)
    assert (
        ConfigError.from_dict(error.to_dict(folder=Path("/run/tiny")), folder=Path("/course/tiny")).path == error.path
    )


def test_both_languages_arrive():
    error = ConfigError(Text(en="is broken", zh="坏了"), path=Path("quiz.yaml"))
    arrived = ConfigError.from_dict(json.loads(json.dumps(error.to_dict())))
    assert (arrived.message, arrived.text) == ("is broken", Text(en="is broken", zh="坏了"))
