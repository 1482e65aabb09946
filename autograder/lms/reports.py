"""Reports in the formats of other graders: Gradescope's ``results.json`` and pytest's JUnit XML."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from autograder.base.i18n import Language
from autograder.results.grade_report import CriterionResult, GradeReport

_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_gradescope(report: GradeReport, language: Language) -> str:
    """Return what Gradescope reads from ``/autograder/results/results.json``.

    A submission that we could not grade gets no score, which Gradescope shows as a failure of the autograder, not as a
    zero. How long grading took is left out: code could have taken as long as a hidden input says.
    """
    report_for_student = report.model_copy(update={"exercises": tuple(e.for_student() for e in report.exercises)})
    tests = [
        _gradescope_test(criterion, f"{number}.{position}", exercise.title.get(language), language)
        for number, exercise in enumerate(report_for_student.exercises, 1)
        for position, criterion in enumerate(exercise.criteria, 1)
    ]
    document: dict[str, Any] = {
        "output": "\n".join(problem.text.get(language) for problem in report.problems),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": tests if report.status != "error" else [],
        "extra_data": {
            "assignment": report.assignment,
            "status": report.status,
            "max_score": report.max_score,
            "submission_sha256": report.submission_sha256,
            "rubric_sha256": report.rubric_sha256,
        },
    }
    if report.score is not None:
        document["score"] = report.score
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def not_graded(words: str) -> str:
    """Return the same for a submission without a report, with a message to its student."""
    document = {"output": words, "output_format": "text", "visibility": "visible", "tests": []}
    return json.dumps(document, ensure_ascii=False, indent=1)


def _gradescope_test(result: CriterionResult, number: str, exercise: str, language: Language) -> dict[str, Any]:
    return {
        "name": f"{exercise}: {result.title.get(language)}",
        "name_format": "text",
        "number": number,
        "score": result.earned,
        "max_score": result.points,
        "status": "passed" if result.outcome == "passed" else "failed",
        "output": _told(result, language),
        "output_format": "text",
        "visibility": "visible",
        "tags": [result.id.partition(".")[0]],
    }


def _told(result: CriterionResult, language: Language) -> str:
    """Return message, diagnosis and hint; a hidden criterion has none of them."""
    parts = [result.message.get(language)]
    parts += [
        words.get(language) for words in (result.diagnosis.text if result.diagnosis else None, result.hint) if words
    ]
    return "\n".join(part for part in parts if part)


def as_junit(reports: Sequence[GradeReport], language: Language) -> str:
    """Return JUnit XML as pytest writes it: a ``testsuite`` per submission, a ``testcase`` per criterion."""
    root = Element("testsuites", name="pytest tests")
    for report in sorted(reports, key=lambda r: (r.assignment, r.student)):
        results = [criterion for exercise in report.exercises for criterion in exercise.criteria]
        outcomes = [result.outcome for result in results]
        suite = SubElement(
            root,
            "testsuite",
            name=_xml(f"{report.assignment}.{report.student}"),
            errors=str(outcomes.count("error")),
            failures=str(outcomes.count("failed")),
            skipped=str(outcomes.count("skipped")),
            tests=str(len(results)),
            time=f"{report.duration_s:.3f}",
        )
        for result in results:
            _junit_case(suite, report, result, language)
        if report.problems:
            SubElement(suite, "system-out").text = _xml("\n".join(p.text.get(language) for p in report.problems))
    indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _junit_case(suite: Element, report: GradeReport, result: CriterionResult, language: Language) -> None:
    exercise, _, name = result.id.partition(".")
    case = SubElement(
        suite, "testcase", classname=_xml(f"{report.assignment}.{report.student}.{exercise}"), name=name, time="0.000"
    )
    tag = {"failed": "failure", "error": "error", "skipped": "skipped"}.get(result.outcome)
    if tag is not None:
        told = _told(result, language)
        SubElement(case, tag, message=_xml(result.title.get(language))).text = _xml(told)


def _xml(words: str) -> str:
    """Replace what XML cannot hold."""
    return _NO_XML.sub("\ufffd", words)
