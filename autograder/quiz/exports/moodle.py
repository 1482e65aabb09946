"""Moodle XML, in one language: what Moodle's own question types can express, and a list of what they cannot."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from autograder.base.i18n import Language, Text, text
from autograder.quiz.exports.losses import Loss
from autograder.quiz.exports.markup import option_html, spellings, to_html
from autograder.quiz.notation.parsing import parse_number
from autograder.quiz.questions.fields import PLACEHOLDER, Option, with_values
from autograder.quiz.questions.fill_in import (
    Blank,
    Blanks,
    ChoiceBlank,
    Code,
    Number,
    NumberBlank,
    ShapeBlank,
    TextBlank,
    Tolerance,
)
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Quiz, Single, TrueFalse
from autograder.quiz.scoring.markers import Variant

_FRACTIONS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20)
"""Moodle has the fractions 1/k of these, and only a few others."""


class MoodleExporter:
    """Writes one quiz.

    Args:
        quiz: the questions.
        variants: of those with parameters; each becomes a question of its own.
        language: of the words.
    """

    def __init__(self, quiz: Quiz, variants: Mapping[str, Sequence[Variant]], language: Language) -> None:
        self._quiz, self._variants, self._language = quiz, variants, language
        self.losses: list[Loss] = []

    def xml(self) -> str:
        """Return the whole file."""
        root = Element("quiz")
        category = SubElement(root, "question", type="category")
        SubElement(SubElement(category, "category"), "text").text = f"$course$/top/{self._quiz.id}"
        for question in self._quiz.questions:
            self._question(root, question)
        indent(root)
        return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"

    def _lose(self, question: AnyQuestion, words: Text, part: str = "") -> None:
        self.losses.append(Loss(f"{question.id}.{part}" if part else question.id, words))

    def _question(self, root: Element, question: AnyQuestion) -> None:  # noqa: C901 -- a case for each type
        if not _falls_evenly(self._quiz.attempts(question)):
            self._lose(question, text("every attempt costs the same share in Moodle"))
        match question:
            case Single():
                self._single(root, question)
            case Multi():
                self._multi(root, question)
            case TrueFalse():
                self._truefalse(root, question)
            case Number() if question.params:
                self._lose(question, text("each variant becomes a question; Moodle must draw one at random"))
                for number, variant in enumerate(self._variants.get(question.id, ()), 1):
                    self._number(root, question, variant, f"{question.id}-{number}")
            case Number():
                self._number(root, question, Variant({}, str(question.answer)), question.id)
            case Blanks():
                self._cloze(root, question)
            case Match():
                self._match(root, question)
            case Order():
                self._lose(question, text("Moodle's core has no such type: left out"))
            case Code():
                self._lose(question, text("Moodle cannot run Python: left out"))

    # -- types ---------------------------------------------------------------------------------------------------------

    def _single(self, root: Element, question: Single) -> None:
        element = self._begin(root, question, "multichoice", question.id)
        SubElement(element, "single").text = "true"
        self._shuffle(element, question)
        for name, option in question.options.items():
            share = 1.0 if name in question.key else option.score or 0.0
            if not _is_known(share):
                self._lose(question, text("Moodle has no fraction {share}", share=f"{share:g}"), name)
            self._answer(element, share, option_html(option, self._language), option.why)

    def _multi(self, root: Element, question: Multi) -> None:
        rule = question.credit or self._quiz.defaults.credit
        right, wrong = len(question.key), len(question.options) - len(question.key)
        takes = {"balanced": wrong, "net": right}.get(rule)
        if not right:
            self._lose(question, text("Moodle gives no points for choosing nothing"))
        elif takes is None:
            self._lose(question, text("Moodle cannot credit by {rule}: balanced is used instead", rule=rule))
        takes = wrong if takes is None or not right else takes
        for count in (right, takes):
            if count and count not in _FRACTIONS:
                self._lose(question, text("Moodle has no fraction 1/{count}", count=count))
        element = self._begin(root, question, "multichoice", question.id)
        SubElement(element, "single").text = "false"
        self._shuffle(element, question)
        for name, option in question.options.items():
            share = 1 / right if name in question.key else -1 / takes if takes else 0.0
            self._answer(element, share, option_html(option, self._language), option.why)

    def _truefalse(self, root: Element, question: TrueFalse) -> None:
        element = self._begin(root, question, "truefalse", question.id)
        for value in (True, False):
            right = value == question.key
            self._answer(element, float(right), "true" if value else "false", None if right else question.why)

    def _number(self, root: Element, question: Number, variant: Variant, name: str) -> None:
        element = self._begin(root, question, "numerical", name, variant)
        self._numbers(element, question, variant.answer, None, 1.0)
        for wrong in question.wrong:
            self._numbers(element, question, str(wrong.is_), wrong.why, 0.0)
        for value, number in variant.wrong:
            self._numbers(element, question, value, question.distractors[number].why, 0.0)

    def _numbers(self, element: Element, tolerance: Tolerance, value: str, why: Text | None, share: float) -> None:
        answer = self._answer(element, share, str(parse_number(value)), why)
        SubElement(answer, "tolerance").text = str(tolerance.half_width(parse_number(value)))

    def _match(self, root: Element, question: Match) -> None:
        element = self._begin(root, question, "matching", question.id)
        self._shuffle(element, question)
        for name, option in question.left.items():
            self._pair(element, option_html(option, self._language), question.right[question.key[name]])
        used = set(question.key.values())
        for name, option in question.right.items():
            if name not in used:
                self._pair(element, "", option)  # a partner nobody has

    def _pair(self, element: Element, left: str, right: Option) -> None:
        pair = SubElement(element, "subquestion", format="html")
        SubElement(pair, "text").text = left
        SubElement(SubElement(pair, "answer"), "text").text = right.shown(self._language)

    def _cloze(self, root: Element, question: Blanks) -> None:
        if any(isinstance(blank, ShapeBlank) for blank in question.blanks.values()):
            self._lose(question, text("a shape is accepted in three spellings only"))
        total = sum(blank.weight for blank in question.blanks.values())
        worth = {name: question.points * blank.weight / total for name, blank in question.blanks.items()}
        if any(points != round(points) for points in worth.values()):
            worth = {name: float(max(1, round(blank.weight))) for name, blank in question.blanks.items()}
            if (points := sum(worth.values())) != question.points:
                self._lose(
                    question,
                    text(
                        "Moodle's weights are whole numbers: the question is worth {points} points there",
                        points=f"{points:g}",
                    ),
                )
            elif any(worth[name] != blank.weight for name, blank in question.blanks.items()):
                self._lose(question, text("Moodle's weights are whole numbers"))
        for name, blank in question.blanks.items():
            if isinstance(blank, TextBlank) and blank.regex:
                self._lose(question, text("what only the regex accepts is not accepted"), name)
        prompt = to_html(question.prompt.get(self._language))
        filled = PLACEHOLDER.sub(lambda found: self._hole(question.blanks[found[1]], round(worth[found[1]])), prompt)
        self._begin(root, question, "cloze", question.id, words=filled)

    def _hole(self, blank: Blank, weight: int) -> str:
        """Return a blank in Moodle's own notation."""
        match blank:
            case NumberBlank():
                right = parse_number(blank.answer)
                return f"{{{weight}:NUMERICAL:={right}:{blank.half_width(right)}{self._wrongs(blank.wrong)}}}"
            case ShapeBlank():
                right_ones = [s for shape in (blank.answer, *blank.accept) for s in spellings(shape)]
                wrong = "".join(
                    f"~{_cloze(s)}#{_cloze(w.why.get(self._language))}" for w in blank.wrong for s in spellings(w.is_)
                )
                return f"{{{weight}:SHORTANSWER:{'~'.join('=' + _cloze(s) for s in right_ones)}{wrong}}}"
            case TextBlank():
                right_words = "~".join(f"={_cloze(word)}" for word in (blank.answer, *blank.accept))
                wrong = "".join(f"~{_cloze(w.is_)}#{_cloze(w.why.get(self._language))}" for w in blank.wrong)
                return f"{{{weight}:SHORTANSWER:{right_words}{wrong}}}"
            case ChoiceBlank():
                options = "~".join(
                    ("=" if name == blank.answer else "%0%") + _cloze(option.shown(self._language))
                    for name, option in blank.options.items()
                )
                return f"{{{weight}:MULTICHOICE:{options}}}"

    def _wrongs(self, wrong: Sequence[object]) -> str:
        return "".join(
            f"~{parse_number(w.is_)}:0#{_cloze(w.why.get(self._language))}"  # type: ignore[attr-defined]
            for w in wrong
        )

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _begin(
        self,
        root: Element,
        question: AnyQuestion,
        kind: str,
        name: str,
        variant: Variant | None = None,
        words: str = "",
    ) -> Element:
        element = SubElement(root, "question", type=kind)
        SubElement(SubElement(element, "name"), "text").text = name
        prompt = with_values(question.prompt.get(self._language), variant.params if variant else {})
        self._words(element, "questiontext", words or to_html(prompt))
        if question.explain is not None:
            self._words(element, "generalfeedback", to_html(question.explain.get(self._language)))
        if kind != "cloze":  # Moodle adds up the parts
            SubElement(element, "defaultgrade").text = f"{question.points:g}"
        attempts = self._quiz.attempts(question)
        SubElement(element, "penalty").text = f"{1 - attempts[1]:.7g}" if len(attempts) > 1 else "1"
        for hint in question.hints if self._quiz.defaults.mode != "exam" else ():
            if hint.cost:
                self._lose(question, text("a hint costs nothing in Moodle"))
            self._words(element, "hint", to_html(hint.text.get(self._language)))
        return element

    def _shuffle(self, element: Element, question: AnyQuestion) -> None:
        shuffle = self._quiz.defaults.shuffle if question.shuffle is None else question.shuffle
        SubElement(element, "shuffleanswers").text = "true" if shuffle else "false"

    def _answer(self, element: Element, share: float, words: str, why: Text | None) -> Element:
        answer = SubElement(element, "answer", fraction=f"{100 * share:.7g}", format="html")
        SubElement(answer, "text").text = words
        if why is not None:
            self._words(answer, "feedback", to_html(why.get(self._language)))
        return answer

    def _words(self, element: Element, tag: str, words: str) -> None:
        SubElement(SubElement(element, tag, format="html"), "text").text = words


def _falls_evenly(attempts: Sequence[float]) -> bool:
    """Return whether every attempt costs the same until nothing is left, as Moodle's penalty assumes."""
    penalty = 1 - attempts[1] if len(attempts) > 1 else 1
    shares = [*attempts, 0.0]
    return all(abs(share - max(0.0, 1 - n * penalty)) < 1e-6 for n, share in enumerate(shares))


def _is_known(share: float) -> bool:
    return share in (0, 1) or any(abs(share - 1 / k) < 1e-6 for k in _FRACTIONS)


def _cloze(words: str) -> str:
    """Escape what means something inside Moodle's braces."""
    return re.sub(r"([\\}~#/\"])", r"\\\1", html.escape(words, quote=False))
