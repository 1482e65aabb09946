"""A quiz as an nbgrader notebook: for each question its words, a function that returns the answer, and a grade cell.

Without the key this is what students get; with it, it is the source of an assignment, and nbgrader removes the answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autograder.base.errors import UsageError
from autograder.base.i18n import Language, Text, text
from autograder.course.notebook_cells import nbgrader_mark, new_cell
from autograder.quiz.exports.losses import Loss
from autograder.quiz.notation.formulas import in_lines, replaced
from autograder.quiz.notation.parsing import parse_number
from autograder.quiz.questions.fields import PLACEHOLDER, Option, with_values
from autograder.quiz.questions.fill_in import Blank, Blanks, ChoiceBlank, Code, Number, NumberBlank, ShapeBlank
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Quiz, Single, TrueFalse
from autograder.quiz.scoring.markers import Variant
from autograder.quiz.take.released import ShownQuestion

_NOT_WRITTEN = "raise NotImplementedError()"

IMPORTS = "quiz_imports"
"""The cell that imports what expressions in answers may use."""
_IN_CODE = re.compile(r"(`[^`]*`)")
_ROMAN = r"\\mathrm{\1}"
_MEANS_SOMETHING = re.compile(r"(`[^`]+`)|([\\*_<\[\]])")


def exercise_name(question: AnyQuestion | ShownQuestion) -> str:
    """Return the name of a question in ``assignment.yaml``."""
    return question.id.replace("-", "_")


def signature(question: AnyQuestion) -> str:
    """Return the signature of the function that answers, as ``assignment.yaml`` declares it."""
    parameters = ", ".join(question.given) if isinstance(question, Code) else ""
    return f"answer_{exercise_name(question)}({parameters})"


def title_of(question: AnyQuestion) -> Text:
    """Return the prompt of a question in one line of at most 60 characters."""

    def short(words: str) -> str:
        line = " ".join(in_lines(PLACEHOLDER.sub("…", words)).replace("`", "").split())
        return line if len(line) <= 60 else line[:59] + "…"

    return question.prompt.map(short)


def said_in(languages: Sequence[Language], words: Text) -> dict[Language, str]:
    """Return words as an author writes them in a course of these languages."""
    return {language: words.get(language) for language in languages}


def stub(quiz: Quiz) -> str:
    """Return what replaces a solution; in a course of our languages as in this project's nbgrader_config.py."""
    return f"# {_together(quiz, text('your code here'))}\n{_NOT_WRITTEN}"


def notebook(quiz: Quiz, variants: Mapping[str, Sequence[Variant]], *, keyed: bool, checked: bool = False) -> str:
    """Return the text of the notebook's file.

    Args:
        quiz: the questions.
        variants: of those with parameters; everybody gets the first.
        keyed: include the right answers, between nbgrader's marks of a solution.
        checked: let a grade cell show whether the answer can be read; for notebooks with a rubric beside them.

    Raises:
        UsageError: two cells would have the same name.
    """
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "cells": [_head(quiz), *cells(quiz, variants, keyed=keyed, checked=checked)],
    }
    return written(content)


def written(content: dict[str, Any]) -> str:
    """Return the text of a notebook's file, as Jupyter writes it."""
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def cells(
    quiz: Quiz, variants: Mapping[str, Sequence[Variant]], *, keyed: bool, checked: bool = False
) -> list[dict[str, Any]]:
    """Return the cells of all questions; see `notebook`."""
    names = [grade_id for question in quiz.questions for grade_id in grade_ids([exercise_name(question)])]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(
            text(
                "{id}: two cells would be called {twice} in a notebook; rename a question",
                id=quiz.id,
                twice=f"{min(twice)!r}",
            )
        )
    made = [_imports()] if any(isinstance(question, Code) for question in quiz.questions) else []
    for number, question in enumerate(quiz.questions, 1):
        variant = next(iter(variants.get(question.id, ())), None)
        made.append(_words(quiz, question, number, variant))
        made.append(_answer(quiz, question, variant, keyed=keyed))
        made.append(_grade(quiz, question, checked=checked))
    return made


def grade_ids(names: Iterable[str]) -> set[str]:
    """Return the names of the cells of some questions, given by their names in ``assignment.yaml``."""
    return {grade_id for name in names for grade_id in (name, f"words_{name}", f"test_{name}")}


def losses(quiz: Quiz) -> list[Loss]:
    """Return what a notebook cannot express."""
    found = []
    for question in quiz.questions:
        if len(quiz.attempts(question)) > 1:
            found.append(Loss(question.id, text("an answer in a notebook is judged once, when it is graded")))
        if question.hints and quiz.defaults.mode != "exam":
            found.append(Loss(question.id, text("hints are left out")))
        if isinstance(question, Number) and question.params:
            found.append(Loss(question.id, text("everybody gets the same variant")))
    return found


# -- cells -------------------------------------------------------------------------------------------------------------


def _head(quiz: Quiz) -> dict[str, Any]:
    words = "# " + " · ".join(dict.fromkeys(map(quiz.title.get, quiz.languages)))
    if quiz.intro is not None:
        words += "\n\n" + _one_below_the_other(_markdown(quiz.intro.get(language)) for language in quiz.languages)
    return new_cell("markdown", "quiz-title", words)


def _imports() -> dict[str, Any]:
    """Return the cell that imports what an expression in an answer may use."""
    words = "import math\n\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn"
    return new_cell("code", "quiz-imports", words, nbgrader_mark(IMPORTS, locked=True))


def _words(quiz: Quiz, question: AnyQuestion, number: int, variant: Variant | None) -> dict[str, Any]:
    points = text("points: {points}", points=f"{question.points:g}")

    def told(language: Language) -> str:
        prompt = with_values(question.prompt.get(language), variant.params if variant else {})
        if isinstance(question, Blanks):
            prompt = _with_names(prompt)
        lines = [f"**{number}.** {_markdown(prompt)} ({points.get(language)})"]
        for heading, options in _offered(question, language):
            lines += ([heading] if heading else []) + [
                f"- **{name}**: {_option(option, language)}" for name, option in options.items()
            ]
        if isinstance(question, Code):
            lines += [f"- `{name}` = `{expression}`" for name, expression in question.given.items()]
        return "\n".join([*lines[:1], "", *lines[1:]]).rstrip()

    name = exercise_name(question)
    locked = nbgrader_mark(f"words_{name}", locked=True)
    return new_cell("markdown", f"words-{name}", _one_below_the_other(map(told, quiz.languages)), locked)


def _with_names(prompt: str) -> str:
    """Return a prompt with the names of its blanks as code; inside code and formulas they stay plain."""

    def named(plain: str) -> str:
        parts = _IN_CODE.split(plain)  # every other part is in backquotes
        parts[::2] = [PLACEHOLDER.sub(r"`\1`", part) for part in parts[::2]]
        return PLACEHOLDER.sub(r"\1", "".join(parts))

    def in_formula(latex: str) -> str:
        return f"${PLACEHOLDER.sub(_ROMAN, latex)}$"

    return replaced(prompt, in_formula, named)


def _offered(question: AnyQuestion, language: Language) -> list[tuple[str, Mapping[str, Option]]]:
    """Return what there is to choose from, sorted by name: the author's order may give something away."""

    def in_order(options: Mapping[str, Option]) -> dict[str, Option]:
        return {name: options[name] for name in sorted(options)}

    match question:
        case Single() | Multi():
            return [("", in_order(question.options))]
        case Order():
            return [("", in_order(question.items))]
        case Match():
            return [("", in_order(question.left)), ("\n→\n", in_order(question.right))]
        case Blanks():
            choices = {name: b for name, b in question.blanks.items() if isinstance(b, ChoiceBlank)}
            return [(f"\n`{name}`:\n", in_order(blank.options)) for name, blank in choices.items()]
        case _:
            return []


def _answer(quiz: Quiz, question: AnyQuestion, variant: Variant | None, *, keyed: bool) -> dict[str, Any]:
    name = exercise_name(question)
    how = how_to_answer(question)
    body = stub(quiz)
    if keyed:
        body = f"### BEGIN SOLUTION\nreturn {right_answer(question, variant)}\n### END SOLUTION"
    lines = [f"# {_together(quiz, how)}", *body.splitlines()]
    source = f"def {signature(question)}:\n" + "\n".join(f"    {line}" for line in lines)
    return new_cell("code", name.replace("_", "-"), source, nbgrader_mark(name, solution=True))


def _grade(quiz: Quiz, question: AnyQuestion, *, checked: bool) -> dict[str, Any]:
    name = exercise_name(question)
    graded = nbgrader_mark(f"test_{name}", grade=True, locked=True, points=question.points)
    words = (
        f'from autograder import check\n\ncheck("{name}")' if checked else f"# {_together(quiz, text('graded here'))}"
    )
    return new_cell("code", f"test-{name}".replace("_", "-"), words, graded)


def _one_below_the_other(said: Iterable[str]) -> str:
    return "\n\n---\n\n".join(dict.fromkeys(said))


def _together(quiz: Quiz, words: Text) -> str:
    """Return a sentence of ours in one line: in Chinese first, whatever the quiz's own language."""
    said = sorted(quiz.languages, key=lambda language: language != "zh")
    return " / ".join(dict.fromkeys(map(words.get, said)))


def _option(option: Option, language: Language) -> str:
    if option.text is None:
        code = option.code or ""
        fence = "``" if "`" in code else "`"
        return "<br>".join(f"{fence}{line}{fence}" for line in code.splitlines() if line.strip())
    return _markdown(option.text.get(language))


def _markdown(words: str) -> str:
    """Escape an author's words so that only backquotes and dollar signs mean something."""

    def escaped(plain: str) -> str:
        return _MEANS_SOMETHING.sub(lambda found: found[1] or f"\\{found[2]}", plain)

    return replaced(words, lambda latex: f"${latex}$", escaped)


# -- answers -----------------------------------------------------------------------------------------------------------


def how_to_answer(question: AnyQuestion) -> Text:
    """Say what the function should return."""
    match question:
        case Single():
            return text("return one of {names}, as a string", names=_quoted(question.options))
        case Multi():
            return text("return a list of some of {names}", names=_quoted(question.options))
        case TrueFalse():
            return text("return True or False")
        case Number():
            return text("return a number")
        case Blanks() if any(isinstance(blank, ShapeBlank) for blank in question.blanks.values()):
            return text(
                "return a dict with a value for each of {names}; a shape is a tuple, such as (3, 4)",
                names=_quoted(question.blanks),
            )
        case Blanks():
            return text("return a dict with a value for each of {names}", names=_quoted(question.blanks))
        case Match():
            return text(
                "return a dict that gives each of {names} one of {others}",
                names=_quoted(question.left),
                others=_quoted(question.right),
            )
        case Order():
            return text("return a list of {names} in the right order", names=_quoted(question.items))
        case Code():
            return text("return the value of your expression")


def _quoted(names: Mapping[str, object]) -> str:
    return ", ".join(f'"{name}"' for name in sorted(names))


def right_answer(question: AnyQuestion, variant: Variant | None) -> str:
    """Return Python for a right answer."""
    match question:
        case Single():
            return repr(question.key[0])
        case Multi():
            return repr(list(question.key))
        case TrueFalse():
            return repr(question.key)
        case Number():
            return str(parse_number(variant.answer if variant is not None else question.answer))
        case Blanks():
            return repr({name: _filled(blank) for name, blank in question.blanks.items()})
        case Match():
            return repr(dict(question.key))
        case Order():
            return repr(list(question.key))
        case Code():
            return question.answer


def _filled(blank: Blank) -> Any:
    match blank:
        case ShapeBlank():
            return tuple(blank.answer)
        case NumberBlank():
            return str(parse_number(blank.answer))
        case _:
            return blank.answer
