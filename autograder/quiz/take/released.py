"""What students get of a quiz: prompts, options, hints. No key, no explanation, no proof, nothing to crack.

Everything here is copied field by field, so that what is added to a quiz later stays with its author until somebody
decides otherwise.
"""

from __future__ import annotations

import hashlib
import json
from codecs import BOM_UTF8
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, ValidationError

from autograder.base.errors import ConfigError
from autograder.base.i18n import Language, Text, text, understand
from autograder.base.moments import Moment
from autograder.base.records import Record
from autograder.quiz.questions.fields import Hint, Option, with_values
from autograder.quiz.questions.fill_in import Blanks, ChoiceBlank, Code, Number
from autograder.quiz.questions.models import AnyQuestion, Match, Mode, Multi, Order, Quiz, Single
from autograder.quiz.scoring.markers import Variant

SUFFIX = ".quiz.json"
"""How the names of released quizzes end."""


class ReleasedRecord(Record):
    """A part of a released quiz; fields are accepted by name as well as by alias."""

    model_config = ConfigDict(populate_by_name=True)


class ShownOption(ReleasedRecord):
    """An option as it is shown."""

    text: Text | None = None
    code: str | None = None

    def get(self, language: Language) -> str:
        """Return the text in one language, or the code."""
        return self.text.get(language) if self.text is not None else self.code or ""


class ShownBlank(ReleasedRecord):
    """A blank as it is shown."""

    kind: Literal["shape", "number", "text", "choice"]
    options: dict[str, ShownOption] = {}


class ShownHint(ReleasedRecord):
    """A hint and the share of the points it costs."""

    text: Text
    cost: float


class ShownQuestion(ReleasedRecord):
    """A question as it is shown."""

    id: str
    type: Literal["single", "multi", "truefalse", "blanks", "number", "match", "order", "code"]
    points: float
    prompt: Text
    options: dict[str, ShownOption] = {}
    left: dict[str, ShownOption] = {}
    right: dict[str, ShownOption] = {}
    items: dict[str, ShownOption] = {}
    blanks: dict[str, ShownBlank] = {}
    given: dict[str, str] = {}
    forbid: list[str] = []
    variants: list[dict[str, Any]] = []
    hints: list[ShownHint] = []
    attempts: list[float] = [1.0]
    shuffle: bool = True

    def prompt_for(self, variant: int, language: Language) -> str:
        """Return the prompt in one language, with a variant's parameters in it; blanks stay as ``{{name}}``."""
        values = self.variants[variant] if self.variants else {}
        return with_values(self.prompt.get(language), values)


class ReleasedQuiz(ReleasedRecord):
    """The contents of a released quiz."""

    schema_: Literal[1] = Field(default=1, alias="schema")
    released: Literal[True] = True
    id: str
    version: int
    title: Text
    intro: Text | None = None
    language: Language = "zh"
    due: Moment | None = None
    mode: Mode
    questions: list[ShownQuestion]

    @property
    def points(self) -> float:
        """The points of all questions together."""
        return round(sum(question.points for question in self.questions), 6)


def release(quiz: Quiz, variants: Mapping[str, Sequence[Variant]], mode: Mode) -> ReleasedQuiz:
    """Return the part of a quiz that students may see.

    Args:
        quiz: the whole quiz.
        variants: of its questions with parameters.
        mode: an ``exam`` has no hints and one attempt.
    """
    in_mode = quiz.model_copy(update={"defaults": quiz.defaults.model_copy(update={"mode": mode})})
    return ReleasedQuiz(
        schema=1,
        id=quiz.id,
        version=quiz.version,
        title=quiz.title,
        intro=quiz.intro,
        language=quiz.language,
        due=quiz.due,
        mode=mode,
        questions=[_question(in_mode, question, variants.get(question.id, ())) for question in quiz.questions],
    )


def _question(quiz: Quiz, question: AnyQuestion, variants: Sequence[Variant]) -> ShownQuestion:
    parts: dict[str, Any] = {}
    match question:
        case Single() | Multi():
            parts["options"] = _options(question.options)
        case Match():
            parts["left"], parts["right"] = _options(question.left), _options(question.right)
        case Order():
            parts["items"] = _options(question.items)
        case Blanks():
            parts["blanks"] = {
                name: ShownBlank(kind=b.kind, options=_options(b.options) if isinstance(b, ChoiceBlank) else {})
                for name, b in question.blanks.items()
            }
        case Number():
            parts["variants"] = [dict(variant.params) for variant in variants]
        case Code():
            parts["given"], parts["forbid"] = dict(question.given), list(question.forbid)
        case _:
            pass
    return ShownQuestion(
        id=question.id,
        type=question.type,
        points=question.points,
        prompt=question.prompt,
        hints=[] if quiz.defaults.mode == "exam" else [_hint(hint) for hint in question.hints],
        attempts=quiz.attempts(question),
        shuffle=quiz.defaults.shuffle if question.shuffle is None else question.shuffle,
        **parts,
    )


def _options(options: Mapping[str, Option]) -> dict[str, ShownOption]:
    """Sort options by name: the author's order may give something away."""
    return {name: ShownOption(text=options[name].text, code=options[name].code) for name in sorted(options)}


def _hint(hint: Hint) -> ShownHint:
    return ShownHint(text=hint.text, cost=hint.cost)


def shuffled(names: Iterable[str], *seed: str) -> list[str]:
    """Return names in an order that depends only on the seed, the same on every machine."""

    def place(name: str) -> bytes:
        return hashlib.sha256("\0".join((*seed, name)).encode("utf-8", "replace")).digest()

    return sorted(names, key=place)


def to_json(quiz: ReleasedQuiz) -> str:
    """Return a released quiz as the text of its file."""
    content = quiz.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return json.dumps({"schema": 1, "released": True, **content}, ensure_ascii=False, indent=1) + "\n"


def files_in(folder: Path) -> list[Path]:
    """Return the released quizzes in a student's folder, and in the folders of assignments and quizzes in it."""
    return [file for place in ("", "*/") for file in sorted(folder.glob(f"{place}*{SUFFIX}"))]


def load(path: Path) -> ReleasedQuiz:
    """Read a released quiz.

    Raises:
        ConfigError: it is damaged, or not a released quiz.
    """
    try:
        quiz = ReleasedQuiz.model_validate_json(path.read_bytes().removeprefix(BOM_UTF8))
    except OSError as error:
        words = text("cannot be read: {reason}", reason=error.strerror or "")
        raise ConfigError(words, path=path, for_students=True) from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        words = text("is not a released quiz; ask for the file again: {reason}", reason=first["msg"])
        raise ConfigError(words, path=path, key=key or None, for_students=True) from error
    understand((quiz.language, *dict(quiz.title)))
    return quiz
