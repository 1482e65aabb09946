"""Finds and reads quiz files, and gives their schema for editors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from autograder.base import yaml_records
from autograder.base.errors import ConfigError, UsageError
from autograder.base.i18n import OURS, Language, same, text
from autograder.base.words import in_languages
from autograder.course.course import Course, speak_as_around
from autograder.quiz.questions.models import Quiz

SCHEMA_NAME = "quiz.schema.json"


def load(path: Path) -> Quiz:
    """Read a quiz file; its words must be in every language of the course in which it lies.

    Raises:
        ConfigError: the file has a mistake; the first one is named with line, column, key and the values allowed.
    """
    return _load(path, _languages_of(path.parent))


def _load(path: Path, languages: Sequence[Language]) -> Quiz:
    return yaml_records.load(path, Quiz, context=in_languages(languages))


def _languages_of(folder: Path) -> Sequence[Language]:
    """Return the languages of the course that a folder lies in; a quiz alone is in ours."""
    try:
        return Course.find(folder).languages
    except UsageError:
        return OURS


def find(name: Path, course: Path = Path()) -> Path:
    """Return the file of a quiz, given by its path or by its name in the course's ``quizzes/``.

    Raises:
        UsageError: there is no such file and no such quiz.
    """
    if name.is_file():
        _refuse_others(name)
        return name
    folder = course / "quizzes"
    for suffix in (".yaml", ".yml"):
        if (found := folder / f"{name}{suffix}").is_file():
            return found
    speak_as_around(course)
    words = text(
        "no such file, and no quiz of that name in {folder}; there are: {names}",
        folder=folder,
        names=", ".join(path.stem for path in files_in(folder)) or text("none"),
    )
    raise UsageError(same(f"{name}: ") + words, for_students=True)


def _refuse_others(file: Path) -> None:
    """Raise UsageError for a file that cannot be a quiz, by its name; a notebook may hold questions, though."""
    if file.suffix == ".ipynb":
        words = text(
            "{file} is a notebook: its questions are answered in Jupyter; "
            "this needs a quiz, NAME.quiz.json as students get it or NAME.yaml in a course",
            file=file,
        )
        raise UsageError(words, for_students=True)
    if file.suffix not in (".yaml", ".yml", ".json"):
        words = text("{file} is not a quiz; a quiz is NAME.quiz.json, or NAME.yaml in a course", file=file)
        raise UsageError(words, for_students=True)


def files_in(folder: Path) -> list[Path]:
    """Return the quiz files in a folder, in order of their names."""
    return sorted(path for path in folder.glob("*.y*ml") if path.suffix in (".yaml", ".yml"))


def load_all(folder: Path) -> dict[Path, Quiz]:
    """Load every quiz in a folder.

    Raises:
        ConfigError: a quiz has a mistake, or two have the same id.
        UsageError: there is no quiz.
    """
    quizzes: dict[Path, Quiz] = {}
    languages = _languages_of(folder)
    for path in files_in(folder):
        quiz = _load(path, languages)
        for other_path, other in quizzes.items():
            if other.id == quiz.id:
                raise ConfigError(text("has the same id as {file}", file=other_path.name), path=path, key="id")
        quizzes[path] = quiz
    if not quizzes:
        raise UsageError(text("{folder}: there is no quiz here; a quiz is a .yaml file", folder=folder))
    return quizzes


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a quiz file, for editors that complete and check YAML."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Quiz.model_json_schema(by_alias=True)}


def schema_text() -> str:
    """Return the schema as it is written to ``quiz.schema.json``."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
