"""The vocabulary of QTI 1.2: one question is an item with a presentation, conditions and feedback."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

Condition = Callable[[Element], object]
"""Adds what must hold to a ``conditionvar``."""


class QtiItem:
    """One question in QTI.

    Args:
        section: the section it belongs to.
        name: its identifier.
        kind: Canvas's name of the type.
        points: what it is worth.
        prompt: HTML.
    """

    def __init__(self, section: Element, name: str, kind: str, points: float, prompt: str) -> None:
        self._item = SubElement(section, "item", ident=name, title=name)
        metadata(SubElement(self._item, "itemmetadata"), {"question_type": kind, "points_possible": f"{points:g}"})
        self._presentation = SubElement(self._item, "presentation")
        _material(self._presentation, prompt)
        self._processing = SubElement(self._item, "resprocessing")
        outcomes = SubElement(self._processing, "outcomes")
        SubElement(outcomes, "decvar", maxvalue="100", minvalue="0", varname="SCORE", vartype="Decimal")

    def choose(
        self,
        labels: Mapping[str, str],
        *,
        response: str = "response1",
        several: bool = False,
        words: str = "",
        plain: bool = False,
        feedback: Mapping[str, str] | None = None,
    ) -> None:
        """Offer labels to choose from.

        Args:
            labels: HTML by identifier.
            response: the identifier of the choice.
            several: any number may be chosen.
            words: what the choice is for.
            plain: the labels are plain text, not HTML.
            feedback: shown to those who choose a label, by identifier.
        """
        lid = SubElement(
            self._presentation, "response_lid", ident=response, rcardinality="Multiple" if several else "Single"
        )
        if words:
            _material(lid, words)
        choice = SubElement(lid, "render_choice")
        for name, label in labels.items():
            _material(SubElement(choice, "response_label", ident=name), label, plain=plain)
        for name, told in (feedback or {}).items():
            self.tell(f"{name}_fb", told, is_(name, response))

    def type_in(self, kind: str) -> None:
        """Add a field to type into."""
        response = SubElement(self._presentation, "response_str", ident="response1", rcardinality="Single")
        SubElement(SubElement(response, "render_fib", fibtype=kind), "response_label", ident="answer1")

    def with_essay(self) -> None:
        """Add a field for an essay, which is not scored automatically."""
        self.type_in("String")
        condition = SubElement(self._processing, "respcondition", {"continue": "No"})
        SubElement(SubElement(condition, "conditionvar"), "other")

    def score(self, condition: Condition, percent: float, *, add: bool = False) -> None:
        """Give this many percent of the points if a condition holds."""
        response = SubElement(self._processing, "respcondition", {"continue": "Yes" if add else "No"})
        condition(SubElement(response, "conditionvar"))
        SubElement(response, "setvar", action="Add" if add else "Set", varname="SCORE").text = f"{percent:g}"

    def tell(self, name: str, words: str, condition: Condition) -> None:
        """Show feedback whenever a condition holds."""
        response = SubElement(self._processing, "respcondition", {"continue": "Yes"})
        condition(SubElement(response, "conditionvar"))
        SubElement(response, "displayfeedback", feedbacktype="Response", linkrefid=name)
        feedback = SubElement(self._item, "itemfeedback", ident=name)
        _material(SubElement(feedback, "flow_mat"), words)


def metadata(parent: Element, fields: Mapping[str, str]) -> None:
    """Add entries with labels, as Canvas reads them."""
    entries = SubElement(parent, "qtimetadata")
    for label, entry in fields.items():
        field = SubElement(entries, "qtimetadatafield")
        SubElement(field, "fieldlabel").text = label
        SubElement(field, "fieldentry").text = entry


def _material(parent: Element, words: str, *, plain: bool = False) -> None:
    SubElement(SubElement(parent, "material"), "mattext", texttype="text/plain" if plain else "text/html").text = words


def is_(name: str, response: str = "response1") -> Condition:
    """Return the condition that the answer is this one, or has it among others."""

    def condition(parent: Element) -> None:
        SubElement(parent, "varequal", respident=response).text = name

    return condition


def any_of(names: Sequence[str], response: str) -> Condition:
    """Return the condition that the answer is one of these."""

    def condition(parent: Element) -> None:
        either = parent if len(names) == 1 else SubElement(parent, "or")
        for name in names:
            is_(name, response)(either)

    return condition


def written(root: Element) -> str:
    """Return the whole file."""
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"
