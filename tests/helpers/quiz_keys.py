"""Makes wrong keys for a question: every one that a slip of the author's pen could make."""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

from autograder.quiz.questions.fill_in import Blanks, ChoiceBlank, Code, Number, Run
from autograder.quiz.questions.models import Match, Multi, Order, Single, TrueFalse


def wrong_keys(question: Any) -> Iterator[Any]:  # noqa: C901 -- a case for each type
    """Yield the question with each of its possible wrong keys.

    Multiple choice: one option too many, one too few. Blanks and numbers: each known wrong answer, and a value beside
    the right one. Matches and orders: any two exchanged. Code: each known wrong expression.
    """

    def with_(**changes: Any) -> Any:
        return question.model_copy(update=changes)

    match question:
        case Single():
            yield from (with_(key=[name]) for name in question.options if name not in question.key)
        case Multi():
            for name in question.options:
                yield with_(key=[n for n in question.options if (n in question.key) != (n == name)])
        case TrueFalse():
            yield with_(key=not question.key)
        case Number() if question.params:
            assert isinstance(question.answer, Run)
            for distractor in question.distractors:
                yield with_(answer=question.answer.model_copy(update={"run": distractor.expr}))
        case Number():
            yield from (with_(answer=wrong.is_, wrong=[]) for wrong in question.wrong)
            assert not isinstance(question.answer, Run)
            yield with_(answer=float(question.answer) * 1.1 + 1)
        case Blanks():
            for name, blank in question.blanks.items():
                for wrong in wrong_blanks(blank):
                    yield with_(blanks={**question.blanks, name: wrong})
        case Match():
            for a, b in combinations(question.left, 2):
                if question.key[a] != question.key[b]:
                    yield with_(key={**question.key, a: question.key[b], b: question.key[a]})
        case Order():
            for i, j in combinations(range(len(question.key)), 2):
                key = list(question.key)
                key[i], key[j] = key[j], key[i]
                if key not in question.accept:
                    yield with_(key=key)
        case Code():
            yield from (with_(answer=wrong.is_) for wrong in question.wrong)


def wrong_blanks(blank: Any) -> Iterator[Any]:
    """Yield the blank with each of its possible wrong keys."""
    if isinstance(blank, ChoiceBlank):
        yield from (blank.model_copy(update={"answer": name}) for name in blank.options if name != blank.answer)
        return
    for wrong in blank.wrong:
        yield blank.model_copy(
            update={"answer": wrong.is_, "wrong": [], **({"regex": None} if hasattr(blank, "regex") else {})}
        )
    if blank.kind == "shape":
        yield blank.model_copy(update={"answer": [*blank.answer, 3]})
    elif blank.kind == "number":
        yield blank.model_copy(update={"answer": float(blank.answer) * 1.1 + 1})
