"""What a quiz file may say: one record per type of question, strict about words, numbers and keys.

A mistake that concerns one key says so by ``mistake(message, *path)``; `autograder.yamlfile` turns the path into file,
line and column.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from autograder.quiz.expressions import ExpressionError, names_in
from autograder.quiz.reading import NumberError, parse_number
from autograder.texts import Language, Text

_EVIDENCE = ("error", "value", "shape", "dtype")
PLACEHOLDER = re.compile(r"\{\{ *([A-Za-z_]\w*) *\}\}")


def mistake(message: str, *path: str | int) -> PydanticCustomError:
    """An author's mistake at a key below the record that notices it."""
    return PydanticCustomError("mistake", message, {"path": list(path)})


def one_of(word: object, allowed: Iterable[object], what: str, *path: str | int) -> PydanticCustomError:
    """``word`` is none of the values there are; they are listed, the closest first."""
    known = [str(value) for value in allowed]
    close = difflib.get_close_matches(str(word), known, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return mistake(f"there is no {what} {str(word)!r}; {meant}allowed: {', '.join(known) or 'none'}", *path)


class Record(BaseModel):
    """Strict and frozen: ``yes`` is no boolean, ``08`` no word, and a key that is not known is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known:
                    close = difflib.get_close_matches(str(key), known, n=1)
                    meant = f"did you mean {close[0]}? " if close else ""
                    raise mistake(f"unknown key; is it misspelt? {meant}allowed: {', '.join(known)}", str(key))
        return data


def _in_both_languages(value: Any) -> Any:
    return {"en": value, "zh": value} if isinstance(value, str) else value


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Words = Annotated[Text, BeforeValidator(_in_both_languages, json_schema_input_type=str | Text)]
"""Words in both languages; what is no language at all (a formula, code) may be written once."""

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
OptionKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,7}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=1000)]
Keys = Annotated[list[str], BeforeValidator(_as_list, json_schema_input_type=str | list[str])]
"""Words in a list; one by itself may be written without."""
Dimensions = list[int | str]
Numeral = Annotated[int | float | str, Field(union_mode="left_to_right")]
CreditRule = Literal["balanced", "exact", "net", "each", "coverage"]
Mode = Literal["practice", "test", "exam"]
Attempts = Annotated[list[Share], Field(min_length=1, max_length=10)]


class Hint(Record):
    """A hint and the share of the question's points it costs."""

    text: Words
    cost: Share = 0


class Option(Record):
    """Something to choose, to match or to put in order.

    Args:
        text: what is shown.
        code: what is shown as code, and run by the proof.
        run: what the proof runs instead; never shown.
        why: why choosing it is wrong (or right).
        score: the share of the points a single choice of it earns.
    """

    text: Words | None = None
    code: str | None = None
    run: str | None = None
    why: Words | None = None
    score: Share | None = None

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if self.text is None and self.code is None:
            raise mistake("an option needs a text or code", "text")
        return self

    def shown(self, language: Language) -> str:
        """The words on the screen."""
        return self.code if self.text is None and self.code else self.text.get(language) if self.text else ""


class Proof(Record):
    """How `quiz prove` shows that the key is right.

    Args:
        probe: what runs each option: ``value``, ``linreg_sgd``, ``enumerate_shapes``.
        setup: statements run before each option; ``seed`` is one of the seeds.
        run: an expression whose value is the answer; for blanks one per blank.
        observe: more evidence, by name: expressions over the option's ``result``.
        claims: expressions over the evidence; all hold for every keyed option, never for one that is not.
        margin: evidence that must differ by this factor between the keyed options and all others.
        seeds: the whole is done once for each.
        args: what else the probe takes.
        show: the evidence shown when an answer is reviewed.
    """

    probe: str = "value"
    setup: str = ""
    run: str | dict[str, str] | None = None
    observe: dict[str, str] = {}
    claims: Keys = []
    margin: dict[str, Annotated[float, Field(gt=1)]] = {}
    seeds: Annotated[list[int], Field(min_length=1)] = [0, 1, 2]
    args: dict[str, Any] = {}
    show: list[str] = []

    @model_validator(mode="after")
    def _claims_can_be_read(self) -> Self:
        for number, claim in enumerate(self.claims):
            try:
                names_in(claim)
            except ExpressionError as error:
                raise mistake(f"{claim!r} is no claim: {error}", "claims", number) from None
        for name in self.observe:
            if name in _EVIDENCE:
                raise mistake("every proof observes this; choose another name", "observe", name)
        return self


class Example(Record):
    """An answer and what it must earn; `quiz lint` tries them."""

    answer: Any
    score: Share | None = None
    format_error: bool = False
    variant: int | None = None


class QuestionBase(Record):
    """What every question has."""

    id: Identifier
    points: Positive = 1
    tags: list[str] = []
    prompt: Words
    explain: Words | None = None
    hints: list[Hint] = []
    attempts: Attempts | None = None
    shuffle: bool | None = None
    prove: Proof | None = None
    tests: list[Example] = []

    def explained(self) -> Iterator[tuple[str, Option]]:
        """The options, where there are some."""
        yield from ()


class _Choice(QuestionBase):
    options: Annotated[dict[OptionKey, Option], Field(min_length=2, max_length=26)]

    @model_validator(mode="after")
    def _keys_differ(self) -> Self:
        _check_letters(self.options, "options")
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
                raise mistake("only an option in key has score 1", "options", name, "score")
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
                raise mistake("several options are credited together; see credit", "options", name, "score")
        return self


class TrueFalse(QuestionBase):
    """A statement; ``why`` tells who chose wrongly."""

    type: Literal["truefalse"]
    key: bool
    why: Words | None = None


def _check_letters(options: Iterable[str], *path: str) -> None:
    """Answers are read whatever their case."""
    seen: set[str] = set()
    for name in options:
        if name.casefold() in seen:
            raise mistake(f"{name} and another one differ only in case", *path, name)
        seen.add(name.casefold())


def _check_key(key: list[str], options: Iterable[str]) -> None:
    if not key:
        raise mistake("the key is empty; name the right option", "key")
    names = list(options)
    for position, name in enumerate(key):
        if name not in names:
            raise one_of(name, names, "option", "key", position)
        if name in key[:position]:
            raise mistake(f"{name} is named twice", "key", position)


class WrongShape(Record):
    """A wrong answer people give, and what to tell them."""

    is_: Dimensions = Field(alias="is")
    why: Words


class WrongNumber(Record):
    """A wrong number people give, and what to tell them."""

    is_: Numeral = Field(alias="is")
    why: Words

    @model_validator(mode="after")
    def _is_a_number(self) -> Self:
        _check_number(self.is_, "is")
        return self


class WrongText(Record):
    """A wrong word people give, and what to tell them."""

    is_: str = Field(alias="is")
    why: Words


class ShapeBlank(Record):
    """A blank for a tensor's shape."""

    kind: Literal["shape"]
    answer: Dimensions
    accept: list[Dimensions] = []
    wrong: list[WrongShape] = []
    weight: Positive = 1


class Tolerance(Record):
    """How near a number must be: within ``atol`` or ``rtol * |answer|``, or right to ``sigfig`` significant figures."""

    atol: Annotated[float, Field(ge=0)] = 0
    rtol: Annotated[float, Field(ge=0)] = 0
    sigfig: Annotated[int, Field(ge=1, le=15)] | None = None

    @property
    def relative(self) -> Decimal:
        """The relative tolerance, exactly as it was written."""
        return Decimal(str(self.rtol))

    def half_width(self, answer: Decimal) -> Decimal:
        """How far off an answer may be."""
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


class TextBlank(Record):
    """A blank for a word; case and width of letters do not matter."""

    kind: Literal["text"]
    answer: str
    accept: list[str] = []
    regex: str | None = None
    wrong: list[WrongText] = []
    weight: Positive = 1

    @model_validator(mode="after")
    def _pattern_compiles(self) -> Self:
        try:
            re.compile(self.regex or "")
        except re.error as error:
            raise mistake(f"is not a regular expression: {error}", "regex") from None
        return self


class ChoiceBlank(Record):
    """A blank for one of several words."""

    kind: Literal["choice"]
    options: Annotated[dict[OptionKey, Option], Field(min_length=2)]
    answer: str
    weight: Positive = 1

    @model_validator(mode="after")
    def _answer_is_an_option(self) -> Self:
        if self.answer not in self.options:
            raise one_of(self.answer, self.options, "option", "answer")
        return self


Blank = Annotated[ShapeBlank | NumberBlank | TextBlank | ChoiceBlank, Field(discriminator="kind")]


class Blanks(QuestionBase):
    """A sentence with blanks, written ``{{name}}`` in the prompt."""

    type: Literal["blanks"]
    blanks: Annotated[dict[Identifier, Blank], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _prompt_shows_every_blank(self) -> Self:
        if "attempts" in self.blanks:
            raise mistake("this name means something else in answer sheets; choose another", "blanks", "attempts")
        for language, words in (("en", self.prompt.en), ("zh", self.prompt.zh)):
            shown = PLACEHOLDER.findall(words)
            for name in self.blanks:
                if shown.count(name) != 1:
                    raise mistake(f"the {language} prompt must show the blank {{{{{name}}}}} exactly once", "prompt")
            for name in shown:
                if name not in self.blanks:
                    raise one_of(name, self.blanks, "blank", "prompt")
        return self


class Parameter(Record):
    """Values a parameter of a question may take: whole numbers from, to; or one of some."""

    int_: Annotated[list[int], Field(min_length=2, max_length=2)] | None = Field(default=None, alias="int")
    choice: Annotated[list[int | float | str], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.int_ is None) == (self.choice is None):
            raise mistake("give either int: [from, to] or choice: [values]")
        if self.int_ is not None and self.int_[0] > self.int_[1]:
            raise mistake("from is larger than to", "int")
        return self


class Distractor(Record):
    """A wrong value people arrive at: a formula over the parameters."""

    expr: str
    why: Words


class Run(Record):
    """An answer that is executed, never typed."""

    run: str


class Variants(Record):
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
    def _parameters_and_variants_go_together(self) -> Self:
        if not isinstance(self.answer, Run):
            _check_number(self.answer, "answer")
        if bool(self.params) != isinstance(self.answer, Run):
            raise mistake("params and answer: {run: ...} belong together", "answer")
        for key, given in (("where", self.where), ("distractors", self.distractors), ("variants", self.variants)):
            if given and not self.params:
                raise mistake("needs params", key)
        if self.params:
            self._check_parameters()
        return self

    def _check_parameters(self) -> None:
        formulas = [("where", n, text) for n, text in enumerate(self.where)]
        formulas += [("distractors", n, d.expr) for n, d in enumerate(self.distractors)]
        for key, position, formula in formulas:
            try:
                unknown = names_in(formula) - set(self.params)
            except ExpressionError as error:
                raise mistake(f"{formula!r}: {error}", key, position) from None
            if unknown:
                raise one_of(min(unknown), self.params, "parameter", key, position)
        for language, words in (("en", self.prompt.en), ("zh", self.prompt.zh)):
            if missing := set(self.params) - set(PLACEHOLDER.findall(words)):
                raise mistake(f"the {language} prompt does not show the parameter {{{{{min(missing)}}}}}", "prompt")
        for name in PLACEHOLDER.findall(self.prompt.en + self.prompt.zh):
            if name not in self.params:
                raise one_of(name, self.params, "parameter", "prompt")


class Match(QuestionBase):
    """Each thing on the left belongs to one on the right."""

    type: Literal["match"]
    left: Annotated[dict[OptionKey, Option], Field(min_length=2)]
    right: Annotated[dict[OptionKey, Option], Field(min_length=2)]
    key: dict[str, str]

    @model_validator(mode="after")
    def _key_pairs_everything(self) -> Self:
        for name, partner in self.key.items():
            if name not in self.left:
                raise one_of(name, self.left, "left side", "key", name)
            if partner not in self.right:
                raise one_of(partner, self.right, "right side", "key", name)
        if missing := set(self.left) - set(self.key):
            raise mistake(f"the key says nothing about {min(missing)}", "key")
        return self

    def explained(self) -> Iterator[tuple[str, Option]]:
        """The options."""
        yield from self.left.items()


class Order(QuestionBase):
    """Things to put in order; ``accept`` names other right orders."""

    type: Literal["order"]
    items: Annotated[dict[OptionKey, Option], Field(min_length=2, max_length=10)]
    key: list[str]
    accept: list[list[str]] = []

    @model_validator(mode="after")
    def _orders_name_everything_once(self) -> Self:
        for path, order in ((("key",), self.key), *((("accept", n), o) for n, o in enumerate(self.accept))):
            for name in order:
                if name not in self.items:
                    raise one_of(name, self.items, "item", *path)
            if sorted(order) != sorted(self.items):
                raise mistake(f"must name every item once: {', '.join(self.items)}", *path)
        return self

    def explained(self) -> Iterator[tuple[str, Option]]:
        """The options."""
        yield from self.items.items()


class WrongCode(Record):
    """A wrong expression people write, and what to tell them."""

    is_: str = Field(alias="is")
    why: Words


class Code(QuestionBase):
    """A short expression, judged by its value on several seeded inputs.

    Args:
        given: what may be used, by name: an expression each, evaluated after ``torch.manual_seed``.
        answer: an expression that is right.
        accept: others that must be accepted.
        wrong: expressions that must not be, with what to tell who wrote them.
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


Question = Annotated[
    Single | Multi | TrueFalse | Blanks | Number | Match | Order | Code,
    Field(discriminator="type"),
]
AnyQuestion = Single | Multi | TrueFalse | Blanks | Number | Match | Order | Code


class Defaults(Record):
    """What holds for every question that does not say otherwise."""

    credit: CreditRule = "balanced"
    attempts: Attempts = [1.0]
    shuffle: bool = True
    mode: Mode = "practice"


class Quiz(Record):
    """The contents of a quiz file."""

    schema_: Literal[1] = Field(alias="schema")
    id: Identifier
    version: Annotated[int, Field(ge=1)]
    title: Words
    intro: Words | None = None
    language: Language = "zh"
    defaults: Defaults = Defaults()
    questions: Annotated[list[Question], Field(min_length=1)]

    @model_validator(mode="after")
    def _ids_are_unique(self) -> Self:
        seen: set[str] = set()
        for position, question in enumerate(self.questions):
            if question.id in seen:
                raise mistake(f"two questions are called {question.id!r}", "questions", position, "id")
            seen.add(question.id)
        return self

    @property
    def points(self) -> float:
        """What all questions are worth together."""
        return round(sum(question.points for question in self.questions), 6)

    def attempts(self, question: AnyQuestion) -> list[float]:
        """The share of the points each attempt can still earn."""
        if self.defaults.mode == "exam":
            return [1.0]
        return question.attempts if question.attempts is not None else self.defaults.attempts


def _check_number(value: int | float | str, key: str) -> None:
    if isinstance(value, bool):
        raise mistake("true and false are no numbers", key)
    try:
        parse_number(str(value))
    except NumberError as error:
        raise mistake(f"{value!r} is no number: {error.text}", key) from None
