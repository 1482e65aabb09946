"""Questions to fill in: blanks in a sentence, numbers (also with parameters) and short code."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from autograder.base.i18n import OURS, Language, text
from autograder.base.words import Words, languages_in
from autograder.base.yaml_records import mistake
from autograder.quiz.notation.expressions import ExpressionError, names_in
from autograder.quiz.notation.parsing import FormatError, NumberError, parse_number, parse_shape
from autograder.quiz.questions.fields import (
    PLACEHOLDER,
    Identifier,
    Numeral,
    Option,
    OptionKey,
    Positive,
    QuestionBase,
    QuizRecord,
    check_letters,
    one_of,
)

_LARGEST = Decimal("1e300")


def _is_shape(dimensions: list[int | str]) -> list[int | str]:
    try:
        parse_shape(dimensions)
    except FormatError as error:
        raise mistake(error.text) from None
    return dimensions


Dimensions = Annotated[list[int | str], AfterValidator(_is_shape)]


class WrongShape(QuizRecord):
    """A wrong shape people give, and why it is wrong."""

    is_: Dimensions = Field(alias="is")
    why: Words


class WrongNumber(QuizRecord):
    """A wrong number people give, and why it is wrong."""

    is_: Numeral = Field(alias="is")
    why: Words

    @model_validator(mode="after")
    def _is_a_number(self) -> Self:
        _check_number(self.is_, "is")
        return self


class WrongText(QuizRecord):
    """A wrong word people give, and why it is wrong."""

    is_: str = Field(alias="is")
    why: Words


class ShapeBlank(QuizRecord):
    """A blank for a tensor's shape."""

    kind: Literal["shape"]
    answer: Dimensions
    accept: list[Dimensions] = []
    wrong: list[WrongShape] = []
    weight: Positive = 1


class Tolerance(QuizRecord):
    """How near a number must be: within ``atol`` or ``rtol * |answer|``, or right to ``sigfig`` significant figures."""

    atol: Annotated[float, Field(ge=0)] = 0
    rtol: Annotated[float, Field(ge=0)] = 0
    sigfig: Annotated[int, Field(ge=1, le=15)] | None = None

    @property
    def relative(self) -> Decimal:
        """The relative tolerance, exactly as it was written."""
        return Decimal(str(self.rtol))

    def half_width(self, answer: Decimal) -> Decimal:
        """Return how far off an answer may be."""
        width = max(Decimal(str(self.atol)), self.relative * abs(answer))
        if self.sigfig is not None and answer:
            width = max(width, Decimal(5).scaleb(answer.adjusted() - self.sigfig))
        return width


class NumberBlank(Tolerance):
    """A blank for a number."""

    kind: Literal["number"]
    answer: Numeral
    wrong: list[WrongNumber] = []
    weight: Positive = 1

    @model_validator(mode="after")
    def _is_a_number(self) -> Self:
        _check_number(self.answer, "answer")
        return self


class TextBlank(QuizRecord):
    """A blank for a word; case and width of letters do not matter."""

    kind: Literal["text"]
    answer: str
    accept: list[str] = []
    regex: str | None = None
    wrong: list[WrongText] = []
    weight: Positive = 1

    @model_validator(mode="after")
    def _pattern_compiles(self) -> Self:
        if self.regex is not None:
            import regex

            try:
                regex.compile(self.regex)
            except regex.error as error:
                words = text("is not a regular expression: {reason}", reason=error)
                raise mistake(words, "regex") from None
        return self


class ChoiceBlank(QuizRecord):
    """A blank for one of several words."""

    kind: Literal["choice"]
    options: Annotated[dict[OptionKey, Option], Field(min_length=2)]
    answer: str
    weight: Positive = 1

    @model_validator(mode="after")
    def _answer_is_an_option(self) -> Self:
        check_letters(self.options, "options")
        if self.answer not in self.options:
            raise one_of(self.answer, self.options, text("option"), "answer")
        return self


Blank = Annotated[ShapeBlank | NumberBlank | TextBlank | ChoiceBlank, Field(discriminator="kind")]


class Blanks(QuestionBase):
    """A sentence with blanks, written ``{{name}}`` in the prompt."""

    type: Literal["blanks"]
    blanks: Annotated[dict[Identifier, Blank], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _prompt_shows_every_blank(self, info: ValidationInfo) -> Self:
        check_letters(self.blanks, "blanks")
        if "attempts" in self.blanks:
            words = text("this name means something else in answer sheets; choose another")
            raise mistake(words, "blanks", "attempts")
        for language in sorted(languages_in(info) or OURS):
            shown = PLACEHOLDER.findall(self.prompt.get(language))
            for name in self.blanks:
                if shown.count(name) != 1:
                    words = text(
                        "the {language} prompt must show the blank {blank} exactly once",
                        language=language,
                        blank=f"{{{{{name}}}}}",
                    )
                    raise mistake(words, "prompt")
            for name in shown:
                if name not in self.blanks:
                    raise one_of(name, self.blanks, text("blank"), "prompt")
        return self


class Parameter(QuizRecord):
    """The values a parameter may take: whole numbers from ``int[0]`` to ``int[1]``, or one of ``choice``."""

    int_: Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(default=None, alias="int")
    choice: Annotated[list[int | float | str], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.int_ is None) == (self.choice is None):
            raise mistake(text("give either int: [from, to] or choice: [values]"))
        if self.int_ is not None and self.int_[0] > self.int_[1]:
            raise mistake(text("from is larger than to"), "int")
        return self


class Distractor(QuizRecord):
    """A wrong value people arrive at: a formula over the parameters."""

    expr: str
    why: Words


class Run(QuizRecord):
    """An answer that is executed, never typed."""

    run: str


class Variants(QuizRecord):
    """How many checked sets of parameters are handed out."""

    deploy: Annotated[int, Field(ge=1, le=1000)] = 20


class Number(QuestionBase, Tolerance):
    """A number; with ``params`` a different one for every student."""

    type: Literal["number"]
    answer: Run | Numeral
    wrong: list[WrongNumber] = []
    params: dict[Identifier, Parameter] = {}
    where: list[str] = []
    distractors: list[Distractor] = []
    variants: Variants | None = None

    @model_validator(mode="after")
    def _parameters_and_variants_go_together(self, info: ValidationInfo) -> Self:
        if not isinstance(self.answer, Run):
            _check_number(self.answer, "answer")
        if bool(self.params) != isinstance(self.answer, Run):
            raise mistake(text("params and answer: {{run: ...}} belong together"), "answer")
        for key, given in (("where", self.where), ("distractors", self.distractors), ("variants", self.variants)):
            if given and not self.params:
                raise mistake(text("needs params"), key)
        if self.params:
            self._check_parameters(sorted(languages_in(info) or OURS))
        return self

    def _check_parameters(self, languages: Sequence[Language]) -> None:
        formulas = [("where", n, condition) for n, condition in enumerate(self.where)]
        formulas += [("distractors", n, d.expr) for n, d in enumerate(self.distractors)]
        for key, position, formula in formulas:
            try:
                unknown = names_in(formula) - set(self.params)
            except ExpressionError as error:
                raise mistake(
                    text("{formula!r}: {reason}", formula=formula, reason=error.text), key, position
                ) from None
            if unknown:
                raise one_of(min(unknown), self.params, text("parameter"), key, position)
        for language in languages:
            if missing := set(self.params) - set(PLACEHOLDER.findall(self.prompt.get(language))):
                words = text(
                    "the {language} prompt does not show the parameter {parameter}",
                    language=language,
                    parameter=f"{{{{{min(missing)}}}}}",
                )
                raise mistake(words, "prompt")
        for name in PLACEHOLDER.findall("".join(dict(self.prompt).values())):
            if name not in self.params:
                raise one_of(name, self.params, text("parameter"), "prompt")


class WrongCode(QuizRecord):
    """A wrong expression people write, and why it is wrong."""

    is_: str = Field(alias="is")
    why: Words


class Code(QuestionBase):
    """A short expression, judged by its value on several seeded inputs.

    Args:
        given: the values that may be used, by name: an expression each, evaluated after ``torch.manual_seed``.
        answer: a right expression.
        accept: other expressions that must be accepted.
        wrong: expressions that must not be accepted, and why.
        forbid: names that may not be used.
    """

    type: Literal["code"]
    given: dict[Identifier, str]
    answer: str
    accept: list[str] = []
    wrong: list[WrongCode] = []
    forbid: list[str] = []
    rtol: Annotated[float, Field(ge=0)] = 1e-4
    atol: Annotated[float, Field(ge=0)] = 1e-6


def _check_number(value: int | float | str, key: str) -> None:
    if isinstance(value, bool):
        raise mistake(text("true and false are not numbers"), key)
    try:
        number = parse_number(str(value))
    except NumberError as error:
        raise mistake(error.text, key) from None
    if abs(number) > _LARGEST:
        words = text(
            "{number} is beyond {largest}; not every program that reads quizzes can hold it",
            number=f"{value!r}",
            largest=f"{_LARGEST:.0e}",
        )
        raise mistake(words, key)
