"""What a quiz file may say: questions to choose from, match or put in order, and the quiz as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, model_validator

from autograder.base.i18n import OURS, Language, text
from autograder.base.moments import Moment
from autograder.base.words import CourseLanguage, Words, languages_in, speak_the_courses_language
from autograder.base.yaml_records import mistake
from autograder.quiz.questions.fields import (
    Attempts,
    Identifier,
    Keys,
    Option,
    OptionKey,
    QuestionBase,
    QuizRecord,
    check_letters,
    one_of,
)
from autograder.quiz.questions.fill_in import Blanks, Code, Number

CreditRule = Literal["balanced", "exact", "net", "each", "coverage"]
Mode = Literal["practice", "test", "exam"]


class _Choice(QuestionBase):
    options: Annotated[dict[OptionKey, Option], Field(min_length=2, max_length=26)]

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        check_letters(self.options, "options")
        return self

    def explained(self) -> Iterator[tuple[str, Option]]:
        yield from self.options.items()


class Single(_Choice):
    """One option of several."""

    type: Literal["single"]
    key: Keys

    @model_validator(mode="after")
    def _key_names_options(self) -> Self:
        _check_key(self.key, self.options)
        for name, option in self.options.items():
            if option.score is not None and (option.score == 1) != (name in self.key):
                raise mistake(text("only an option in key has score 1"), "options", name, "score")
        return self


class Multi(_Choice):
    """Any number of options."""

    type: Literal["multi"]
    key: Keys
    none_correct: bool = False
    credit: CreditRule | None = None

    @model_validator(mode="after")
    def _key_names_options(self) -> Self:
        if not (self.none_correct and not self.key):
            _check_key(self.key, self.options)
        for name, option in self.options.items():
            if option.score is not None:
                raise mistake(text("several options are credited together; see credit"), "options", name, "score")
        return self


class TrueFalse(QuestionBase):
    """A statement that is true or false; ``why`` explains the wrong choice."""

    type: Literal["truefalse"]
    key: bool
    why: Words | None = None


def _check_key(key: list[str], options: Iterable[str]) -> None:
    if not key:
        raise mistake(text("the key is empty; name the right option"), "key")
    names = list(options)
    for position, name in enumerate(key):
        if name not in names:
            raise one_of(name, names, text("option"), "key", position)
        if name in key[:position]:
            raise mistake(text("{name} is named twice", name=name), "key", position)


class Match(QuestionBase):
    """Each thing on the left belongs to one on the right."""

    type: Literal["match"]
    left: Annotated[dict[OptionKey, Option], Field(min_length=2)]
    right: Annotated[dict[OptionKey, Option], Field(min_length=2)]
    key: dict[str, str]

    @model_validator(mode="after")
    def _key_pairs_everything(self) -> Self:
        check_letters(self.left, "left")
        check_letters(self.right, "right")
        for name, partner in self.key.items():
            if name not in self.left:
                raise one_of(name, self.left, text("left side"), "key", name)
            if partner not in self.right:
                raise one_of(partner, self.right, text("right side"), "key", name)
        if missing := set(self.left) - set(self.key):
            raise mistake(text("the key says nothing about {name}", name=min(missing)), "key")
        return self

    def explained(self) -> Iterator[tuple[str, Option]]:
        """Yield the options."""
        yield from self.left.items()


class Order(QuestionBase):
    """Things to put in order; ``accept`` names other right orders."""

    type: Literal["order"]
    items: Annotated[dict[OptionKey, Option], Field(min_length=2, max_length=10)]
    key: list[str]
    accept: list[list[str]] = []

    @model_validator(mode="after")
    def _orders_name_everything_once(self) -> Self:
        check_letters(self.items, "items")
        for path, order in ((("key",), self.key), *((("accept", n), o) for n, o in enumerate(self.accept))):
            for name in order:
                if name not in self.items:
                    raise one_of(name, self.items, text("item"), *path)
            if sorted(order) != sorted(self.items):
                raise mistake(text("must name every item once: {names}", names=", ".join(self.items)), *path)
        return self

    def explained(self) -> Iterator[tuple[str, Option]]:
        """Yield the options."""
        yield from self.items.items()


Question = Annotated[
    Single | Multi | TrueFalse | Blanks | Number | Match | Order | Code,
    Field(discriminator="type"),
]
AnyQuestion = Single | Multi | TrueFalse | Blanks | Number | Match | Order | Code


class Defaults(QuizRecord):
    """What holds for every question that does not say otherwise."""

    credit: CreditRule = "balanced"
    attempts: Attempts = [1.0]
    shuffle: bool = True
    mode: Mode = "practice"


class Quiz(QuizRecord):
    """The contents of a quiz file."""

    schema_: Literal[1] = Field(alias="schema")
    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    intro: Words | None = None
    language: CourseLanguage = OURS[0]
    due: Moment | None = None
    defaults: Defaults = Defaults()
    questions: Annotated[list[Question], Field(min_length=1)]
    _languages: tuple[Language, ...] = OURS

    _speak_the_courses_language = model_validator(mode="before")(speak_the_courses_language)

    @model_validator(mode="after")
    def _know_the_courses_languages(self, info: ValidationInfo) -> Self:
        self._languages = tuple(languages_in(info) or OURS)
        return self

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        seen: set[str] = set()
        for position, question in enumerate(self.questions):
            if question.id in seen:
                raise mistake(text("two questions are called {name!r}", name=question.id), "questions", position, "id")
            seen.add(question.id)
        return self

    @property
    def languages(self) -> tuple[Language, ...]:
        """The languages in which the quiz is shown, its own first."""
        return tuple(dict.fromkeys((self.language, *self._languages)))

    @property
    def points(self) -> float:
        """What all questions are worth together."""
        return round(sum(question.points for question in self.questions), 6)

    def attempts(self, question: AnyQuestion) -> list[float]:
        """Return the share of the points each attempt can still earn."""
        if self.defaults.mode == "exam":
            return [1.0]
        return question.attempts if question.attempts is not None else self.defaults.attempts
