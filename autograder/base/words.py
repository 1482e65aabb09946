"""Words that authors write, such as titles and hints: once, or in each language of their course.

A reader of YAML puts the course's languages into pydantic's context (`in_languages`). Where nobody knows the course, as
in a student's copy of an assignment, any languages will do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationInfo

from autograder.base.i18n import LANGUAGE, OURS, Language, Text, text
from autograder.base.yaml_records import mistake, unknown_key


def in_languages(languages: Sequence[Language] | None) -> dict[str, Any]:
    """Return the context in which records with `Words` are validated."""
    return {"languages": languages}


def languages_in(info: ValidationInfo) -> Sequence[Language] | None:
    """Return the course's languages, or None where nobody knows them."""
    return (info.context or {}).get("languages")


def speak_the_courses_language(cls: type, data: Any, info: ValidationInfo) -> Any:
    """Give what an author has written the course's first language, if they name none: a validator of records."""
    languages = languages_in(info)
    return {"language": languages[0], **data} if languages and isinstance(data, dict) else data


def in_each(given: object, languages: Sequence[Language] | None, *, once: bool = False) -> Mapping[Any, object]:
    """Return words with an entry for English, Chinese and whatever else they were given in.

    Args:
        given: a mapping from languages to words, or words for all of them.
        languages: the course's; None where nobody knows them.
        once: words that need no translation may be given once, whatever the course's languages.

    Raises:
        PydanticCustomError: they are not words, or lack a language of the course.
    """
    if not isinstance(given, Mapping):
        if not once and languages is not None and len(languages) > 1:
            raise mistake(_each_belongs_here(given, languages))
        if not isinstance(given, str):
            raise mistake(text("must be a word; put it in quotes"))
        return dict.fromkeys(("en", "zh"), given)
    for key in given:
        if not _is_language(key, languages):
            raise mistake(_no_language(key, given[key], languages), str(key))
    if lacking := [language for language in languages or () if language not in given]:
        words = text("this key is missing; the course is in {languages}", languages=", ".join(languages or ()))
        raise mistake(words, lacking[0])
    if not given:
        raise mistake(text("must not be empty"))
    first = given.get((languages or OURS)[0], next(iter(given.values())))
    english = given.get("en", first)
    return {"en": english, "zh": given.get("zh", english if "en" in given else first), **given}


def _is_language(key: object, languages: Sequence[Language] | None) -> bool:
    if languages is not None:
        return key in languages or key in OURS
    return isinstance(key, str) and LANGUAGE.fullmatch(key) is not None


def _no_language(key: object, words: object, languages: Sequence[Language] | None) -> Text:
    if words is None:  # {en: of shape (2, 2)} has a key `2)`
        return text("unknown key; if it is a part of words with a comma, put them in quotes")
    return unknown_key(key, languages or OURS)


def _each_belongs_here(given: object, languages: Sequence[Language]) -> Text:
    is_short = isinstance(given, str) and len(given) <= 60
    words = given if not isinstance(given, str) or is_short else f"{given[:57]}..."
    shown = json.dumps(str(words), ensure_ascii=False) if isinstance(given, str | int | float) else "..."
    example = "{" + ", ".join(f"{language}: {shown}" for language in languages) + "}"
    if len(languages) == len(OURS):
        return text("both languages belong here: write {example}, each in its own words", example=example)
    return text("every language of the course belongs here: write {example}, each in its own words", example=example)


def _words(given: Any, info: ValidationInfo) -> Any:
    return given if isinstance(given, Text) else in_each(given, languages_in(info))


def _term(given: Any, info: ValidationInfo) -> Any:
    return given if isinstance(given, Text) else in_each(given, languages_in(info), once=True)


def _of_the_course(code: Any, info: ValidationInfo) -> Any:
    languages = languages_in(info)
    if languages is not None and code not in languages:
        raise mistake(text("allowed: {names}", names=", ".join(languages)))
    return code


Words = Annotated[Text, BeforeValidator(_words, json_schema_input_type=str | dict[Language, str])]
"""Words in every language of the course; with one language, also a plain string."""
Term = Annotated[Text, BeforeValidator(_term, json_schema_input_type=str | dict[Language, str])]
"""What may need no translation, such as a number or a formula: as `Words`, but a plain string always stands for all."""
CourseLanguage = Annotated[Language, BeforeValidator(_of_the_course)]
"""One of the course's languages."""
