"""What quiz files are made of: strict records, and what every question has.

A validator reports a mistake at one key by ``mistake(words, *path)``; `autograder.base.yaml_records` turns the path
into file, line and column.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from autograder.base.i18n import Language, Text, text
from autograder.base.records import Record
from autograder.base.words import Term, Words
from autograder.base.yaml_records import did_you_mean, mistake, unknown_key
from autograder.quiz.notation.expressions import ExpressionError, names_in

PLACEHOLDER = re.compile(r"\{\{ *([A-Za-z_]\w*) *\}\}")
_GAP = "\ue002"


def with_values(prompt: str, values: Mapping[str, Any]) -> str:
    """Return a prompt with the values of its parameters; a name without a value stays ``{{name}}``."""
    return PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), prompt)


def with_gaps(prompt: str, blanks: Collection[str], gap: str, convert: Callable[[str], str]) -> str:
    """Convert a prompt, with a gap for every blank; ``convert`` sees a blank as one letter, so a formula may hold one.

    >>> with_gaps("b is {{b}}, not {{c}}", ["b"], "____({})", str.upper)
    'B IS ____(b), NOT {{C}}'
    """
    names = [name for name in PLACEHOLDER.findall(prompt) if name in blanks]
    converted = convert(PLACEHOLDER.sub(lambda found: _GAP if found[1] in blanks else found[0], prompt))
    for name in names:
        converted = converted.replace(_GAP, gap.format(name), 1)
    return converted


def one_of(word: object, allowed: Iterable[object], what: Text, *path: str | int) -> PydanticCustomError:
    """Return the mistake that ``word`` is not an allowed value; it suggests the closest and lists all."""
    known = [str(value) for value in allowed]
    words = text(
        "there is no {what} {word!r}; {meant}allowed: {names}",
        what=what,
        word=str(word),
        meant=did_you_mean(word, known),
        names=", ".join(known) or text("none"),
    )
    return mistake(words, *path)


def check_letters(names: Iterable[str], *path: str) -> None:
    """Refuse names that differ only in case: answers are read in any case."""
    seen: set[str] = set()
    for name in names:
        if name.casefold() in seen:
            raise mistake(text("{name} and another one differ only in case", name=name), *path, name)
        seen.add(name.casefold())


_EVIDENCE = ("error", "value", "shape", "dtype")


class QuizRecord(Record):
    """A strict, frozen record: ``yes`` is not a boolean, ``08`` is not a word, and an unknown key is a mistake."""

    model_config = ConfigDict(strict=True, populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _keys_are_known(cls, data: Any) -> Any:
        if isinstance(data, dict):
            known = [field.alias or name for name, field in cls.model_fields.items()]
            for key in data:
                if key not in known:
                    raise mistake(unknown_key(key, known), str(key))
        return data


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _never_rising(shares: list[float]) -> list[float]:
    if shares != sorted(shares, reverse=True):
        raise mistake(text("a later attempt may not earn more than an earlier one"))
    return shares


Identifier = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
OptionKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_]{0,7}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0, le=1000)]
Keys = Annotated[list[str], BeforeValidator(_as_list, json_schema_input_type=str | list[str])]
"""A list of words; a single word may be written without the list."""
Numeral = Annotated[int | float | str, Field(union_mode="left_to_right")]
Attempts = Annotated[list[Share], Field(min_length=1, max_length=10), AfterValidator(_never_rising)]


class Hint(QuizRecord):
    """A hint and the share of the question's points it costs."""

    text: Term
    cost: Share = 0


class Option(QuizRecord):
    """Something to choose, to match or to put in order.

    Args:
        text: what is shown; what needs no translation, such as a number or a formula, may be written once.
        code: what is shown as code and run by the proof.
        run: what the proof runs instead; never shown.
        why: why choosing it is wrong (or right).
        score: the share of the points that choosing it alone earns.
    """

    text: Term | None = None
    code: str | None = None
    run: str | None = None
    why: Words | None = None
    score: Share | None = None

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if self.text is None and self.code is None:
            raise mistake(text("an option needs a text or code"), "text")
        return self

    def shown(self, language: Language) -> str:
        """Return the words shown on the screen."""
        return self.code if self.text is None and self.code else self.text.get(language) if self.text else ""


class Proof(QuizRecord):
    """How `quiz prove` shows that the key is right.

    Args:
        probe: what runs each option: ``value``, ``linreg_sgd``, ``enumerate_shapes``.
        setup: statements run before each option; ``seed`` is one of the seeds.
        run: an expression whose value is the answer; for blanks, one per blank.
        observe: more evidence, by name: expressions over the option's ``result``.
        claims: expressions over the evidence; all hold for every keyed option, and for no other.
        margin: evidence that must differ by this factor between the keyed options and all others.
        seeds: the proof runs once for each.
        args: further arguments of the probe.
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
                words = text("{claim!r} is not a claim: {reason}", claim=claim, reason=error.text)
                raise mistake(words, "claims", number) from None
        for name in self.observe:
            if name in _EVIDENCE:
                raise mistake(text("every proof observes this; choose another name"), "observe", name)
        return self


class Example(QuizRecord):
    """An answer and what it must earn; `quiz lint` tries it."""

    answer: Any
    score: Share | None = None
    format_error: bool = False
    variant: int | None = None


class QuestionBase(QuizRecord):
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
        """Yield the options, if there are any."""
        yield from ()
