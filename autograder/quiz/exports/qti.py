"""A QTI 1.2 package as Canvas imports it, in one language, and a list of what it cannot express.

A package is a zip of three files: the manifest, the questions, and Canvas's own description of the quiz. Canvas reads
the type of a question from its metadata and scores by its own rules: several right options by ``net``, all blanks of a
sentence alike. The conditions written here express those rules as far as QTI can.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from xml.etree.ElementTree import Element, SubElement

from autograder.base.i18n import Language, Text, same, text
from autograder.quiz.exports.losses import Loss
from autograder.quiz.exports.markup import option_html, spellings, to_html
from autograder.quiz.exports.qti_items import QtiItem, any_of, is_, metadata, written
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
)
from autograder.quiz.questions.models import AnyQuestion, Match, Multi, Order, Quiz, Single, TrueFalse
from autograder.quiz.scoring.markers import Variant

_QTI = "http://www.imsglobal.org/xsd/ims_qtiasiv1p2"
_PACKAGE = "http://www.imsglobal.org/xsd/imsccv1p1/imscp_v1p1"
_CANVAS = "http://canvas.instructure.com/xsd/cccv1p0"
_LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the package, so that the same quiz gives the same bytes."""


class QtiExporter:
    """Writes one quiz.

    Args:
        quiz: the questions.
        variants: of those with parameters; Canvas draws one for each student.
        language: of the words.
    """

    def __init__(self, quiz: Quiz, variants: Mapping[str, Sequence[Variant]], language: Language) -> None:
        self._quiz, self._variants, self._language = quiz, variants, language
        self.losses: list[Loss] = []

    def package(self) -> bytes:
        """Return the zip file."""
        name = self._quiz.id
        files = {
            "imsmanifest.xml": self._manifest(),
            f"{name}/{name}.xml": self.questions(),
            f"{name}/assessment_meta.xml": self._about(),
        }
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, xml in files.items():
                archive.writestr(zipfile.ZipInfo(path, _LONG_AGO), xml, zipfile.ZIP_DEFLATED)
        return content.getvalue()

    def questions(self) -> str:
        """Return the XML of the questions with their keys."""
        self.losses = []
        root = Element("questestinterop", xmlns=_QTI)
        assessment = SubElement(root, "assessment", ident=self._quiz.id, title=self._quiz.title.get(self._language))
        metadata(assessment, {"cc_maxattempts": "1"})
        section = SubElement(assessment, "section", ident="root_section")
        for question in self._quiz.questions:
            self._tell_what_canvas_lacks(question)
            self._question(section, question)
        return written(root)

    def _lose(self, question: AnyQuestion, words: Text, part: str = "") -> None:
        self.losses.append(Loss(f"{question.id}.{part}" if part else question.id, words))

    def _tell_what_canvas_lacks(self, question: AnyQuestion) -> None:
        if len(self._quiz.attempts(question)) > 1:
            self._lose(question, text("Canvas counts attempts by quiz, not by question"))
        if question.hints and self._quiz.defaults.mode != "exam":
            self._lose(question, text("Canvas has no hints: left out"))
        if question.shuffle not in (None, self._quiz.defaults.shuffle):
            self._lose(question, text("Canvas shuffles all questions' options or none"))

    def _question(self, section: Element, question: AnyQuestion) -> None:
        match question:
            case Single():
                self._single(section, question)
            case Multi():
                self._multi(section, question)
            case TrueFalse():
                self._truefalse(section, question)
            case Number():
                self._number(section, question)
            case Blanks():
                self._blanks(section, question)
            case Match():
                self._match(section, question)
            case Order():
                self._order(section, question)
            case Code():
                self._lose(question, text("Canvas cannot run Python: exported as an essay, to be graded by hand"))
                self._begin(section, question, "essay_question").with_essay()

    # -- types ---------------------------------------------------------------------------------------------------------

    def _single(self, section: Element, question: Single) -> None:
        item = self._begin(section, question, "multiple_choice_question")
        item.choose(self._labels(question.options), feedback=self._feedback(question.options))
        for name, option in question.options.items():
            share = 1.0 if name in question.key else option.score or 0.0
            if share:
                item.score(is_(name), 100 * share)
            if 0 < share < 1:
                self._lose(question, text("Canvas gives no partial credit for a single choice"), name)

    def _multi(self, section: Element, question: Multi) -> None:
        rule = question.credit or self._quiz.defaults.credit
        right, wrong = len(question.key), len(question.options) - len(question.key)
        if rule == "exact":
            self._lose(question, text("the package asks for exact, as QTI can, but Canvas always credits by net"))
        elif not right or not (rule == "net" or (rule == "balanced" and right == wrong)):
            self._lose(question, text("Canvas cannot credit by {rule}: net is used instead", rule=rule))
        item = self._begin(section, question, "multiple_answers_question")
        item.choose(self._labels(question.options), several=True, feedback=self._feedback(question.options))

        def exactly_the_key(condition: Element) -> None:
            together = SubElement(condition, "and")
            for name in question.options:
                parent = together if name in question.key else SubElement(together, "not")
                is_(name)(parent)

        item.score(exactly_the_key, 100)

    def _truefalse(self, section: Element, question: TrueFalse) -> None:
        right, wrong = ("true", "false") if question.key else ("false", "true")
        words = {"true": text("true").get(self._language), "false": text("false").get(self._language)}
        item = self._begin(section, question, "true_false_question")
        item.choose(words, feedback={wrong: self._words(question.why)} if question.why else {})
        item.score(is_(right), 100)

    def _number(self, section: Element, question: Number) -> None:
        if question.wrong or question.distractors:
            self._lose(question, text("the explanations of known wrong answers are left out"))
        if not question.params:
            self._one_number(section, question, Variant({}, str(question.answer)), question.id)
            return
        group = SubElement(section, "section", ident=f"{question.id}-variants", title=question.id)
        selection = SubElement(SubElement(group, "selection_ordering"), "selection")
        SubElement(selection, "selection_number").text = "1"
        points = SubElement(SubElement(selection, "selection_extension"), "points_per_item")
        points.text = f"{question.points:g}"
        for number, variant in enumerate(self._variants.get(question.id, ()), 1):
            self._one_number(group, question, variant, f"{question.id}-{number}")

    def _one_number(self, section: Element, question: Number, variant: Variant, name: str) -> None:
        right = parse_number(variant.answer)
        width = question.half_width(right)

        def near(condition: Element) -> None:
            either = SubElement(condition, "or")
            SubElement(either, "varequal", respident="response1").text = _plain(right)
            both = SubElement(either, "and")
            SubElement(both, "vargte", respident="response1").text = _plain(right - width)
            SubElement(both, "varlte", respident="response1").text = _plain(right + width)

        item = self._begin(section, question, "numerical_question", name=name, variant=variant)
        item.type_in("Decimal")
        item.score(near, 100)

    def _blanks(self, section: Element, question: Blanks) -> None:
        self._tell_about_blanks(question)
        only_choices = all(isinstance(blank, ChoiceBlank) for blank in question.blanks.values())
        kind = "multiple_dropdowns_question" if only_choices else "fill_in_multiple_blanks_question"

        def hole(name: str) -> str:
            blank = question.blanks[name]
            choices = "" if only_choices or not isinstance(blank, ChoiceBlank) else f" ({self._choices(blank)})"
            return f"[{name}]{choices}"

        prompt = PLACEHOLDER.sub(lambda found: hole(found[1]), question.prompt.get(self._language))
        item = self._begin(section, question, kind, prompt=prompt)
        shares = _hundred({name: blank.weight for name, blank in question.blanks.items()})
        for name, blank in question.blanks.items():
            if only_choices and isinstance(blank, ChoiceBlank):
                labels = {f"{name}_{key}": blank.options[key].shown(self._language) for key in sorted(blank.options)}
                right = [f"{name}_{blank.answer}"]
            else:
                labels = {f"{name}_{n}": words for n, words in enumerate(self._accepted(blank))}
                right = list(labels)
            response = f"response_{name}"
            item.choose(labels, response=response, words=name, plain=True)
            item.score(any_of(right, response), shares[name], add=True)

    def _tell_about_blanks(self, question: Blanks) -> None:
        blanks = question.blanks
        if len({blank.weight for blank in blanks.values()}) > 1:
            self._lose(question, text("Canvas weighs all blanks alike"))
        for name, blank in blanks.items():
            match blank:
                case ShapeBlank():
                    self._lose(question, text("a shape is accepted in three spellings only"), name)
                case NumberBlank() if blank.half_width(parse_number(blank.answer)):
                    self._lose(question, text("a number in a blank is accepted only as written"), name)
                case TextBlank() if blank.regex:
                    self._lose(question, text("what only the regex accepts is not accepted"), name)
                case _:
                    pass
            if not isinstance(blank, ChoiceBlank) and blank.wrong:
                self._lose(question, text("the explanations of known wrong answers are left out"), name)

    def _choices(self, blank: ChoiceBlank) -> str:
        return " / ".join(option.shown(self._language) for option in blank.options.values())

    def _accepted(self, blank: Blank) -> list[str]:
        match blank:
            case ShapeBlank():
                return [words for shape in (blank.answer, *blank.accept) for words in spellings(shape)]
            case NumberBlank():
                return list(dict.fromkeys([str(blank.answer), _plain(parse_number(blank.answer))]))
            case TextBlank():
                return list(dict.fromkeys([blank.answer, *blank.accept]))
            case ChoiceBlank():
                return [blank.options[blank.answer].shown(self._language)]

    def _match(self, section: Element, question: Match) -> None:
        item = self._begin(section, question, "matching_question")
        self._pair(item, question.left, question.right, question.key)

    def _order(self, section: Element, question: Order) -> None:
        self._lose(question, text("Canvas has no questions about order: places are matched, each credited by itself"))
        if question.accept:
            self._lose(question, text("other right orders are not accepted"))
        places = {str(n): Option(text=same(str(n))) for n in range(1, len(question.key) + 1)}
        item = self._begin(section, question, "matching_question")
        self._pair(item, places, question.items, dict(zip(places, question.key, strict=True)))

    def _pair(
        self, item: QtiItem, left: Mapping[str, Option], right: Mapping[str, Option], key: Mapping[str, str]
    ) -> None:
        labels = {name: option.shown(self._language) for name, option in sorted(right.items())}
        shares = _hundred(dict.fromkeys(left, 1.0))
        for name, option in left.items():
            response = f"response_{name}"
            item.choose(labels, response=response, words=option_html(option, self._language), plain=True)
            item.score(is_(key[name], response), shares[name], add=True)

    # -- parts ---------------------------------------------------------------------------------------------------------

    def _begin(
        self,
        section: Element,
        question: AnyQuestion,
        kind: str,
        *,
        name: str | None = None,
        variant: Variant | None = None,
        prompt: str | None = None,
    ) -> QtiItem:
        words = with_values(prompt or question.prompt.get(self._language), variant.params if variant else {})
        item = QtiItem(section, name or question.id, kind, question.points, to_html(words))
        if question.explain is not None:
            item.tell("general_fb", self._words(question.explain), lambda condition: SubElement(condition, "other"))
        return item

    def _labels(self, options: Mapping[str, Option]) -> dict[str, str]:
        return {name: option_html(option, self._language) for name, option in options.items()}

    def _feedback(self, options: Mapping[str, Option]) -> dict[str, str]:
        return {name: self._words(option.why) for name, option in options.items() if option.why is not None}

    def _words(self, words: Text) -> str:
        return to_html(words.get(self._language))

    def _manifest(self) -> str:
        name = self._quiz.id
        root = Element("manifest", xmlns=_PACKAGE, identifier=f"{name}_manifest")
        about = SubElement(root, "metadata")
        SubElement(about, "schema").text = "IMS Content"
        SubElement(about, "schemaversion").text = "1.1.3"
        SubElement(root, "organizations")
        resources = SubElement(root, "resources")
        questions = SubElement(resources, "resource", identifier=name, type="imsqti_xmlv1p2")
        SubElement(questions, "file", href=f"{name}/{name}.xml")
        SubElement(questions, "dependency", identifierref=f"{name}_meta")
        path = f"{name}/assessment_meta.xml"
        kind = "associatedcontent/imscc_xmlv1p1/learning-application-resource"
        meta = SubElement(resources, "resource", identifier=f"{name}_meta", type=kind, href=path)
        SubElement(meta, "file", href=path)
        return written(root)

    def _about(self) -> str:
        """Return Canvas's own description of the quiz."""
        defaults = self._quiz.defaults
        root = Element("quiz", xmlns=_CANVAS, identifier=self._quiz.id)
        for tag, words in (
            ("title", self._quiz.title.get(self._language)),
            ("description", self._words(self._quiz.intro) if self._quiz.intro else ""),
            ("shuffle_answers", str(defaults.shuffle).lower()),
            ("scoring_policy", "keep_highest"),
            ("hide_results", "always" if defaults.mode == "exam" else ""),
            ("quiz_type", "practice_quiz" if defaults.mode == "practice" else "assignment"),
            ("points_possible", f"{self._quiz.points:g}"),
            ("allowed_attempts", "-1" if defaults.mode == "practice" else "1"),
            ("available", "false"),
        ):
            SubElement(root, tag).text = words
        return written(root)


def _hundred(weights: Mapping[str, float]) -> dict[str, float]:
    """Return percentages in proportion to the weights, to two digits, that add up to exactly 100."""
    total = sum(weights.values())
    shares = {name: round(100 * weight / total, 2) for name, weight in weights.items()}
    last = list(shares)[-1]
    shares[last] = round(shares[last] + 100 - sum(shares.values()), 2)
    return shares


def _plain(number: Decimal) -> str:
    """Return a number without an exponent."""
    words = format(number, "f")
    return words.rstrip("0").rstrip(".") if "." in words else words
