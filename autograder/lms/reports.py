"""Reports in formats of others: Gradescope's ``results.json``, pytest's JUnit XML, Markdown for GitHub."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Literal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from autograder.base.i18n import Language, text
from autograder.report import terminal
from autograder.report.tables import points
from autograder.results.grade_report import CriterionResult, ExerciseResult, GradeReport

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|!~$&])")
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_gradescope(report: GradeReport, language: Language) -> str:
    """Return what Gradescope reads from ``/autograder/results/results.json``.

    A submission that we could not grade gets no score, which Gradescope shows as a failure of the autograder, not as a
    zero. How long grading took is left out: code could have taken as long as a hidden input says.
    """
    report_for_student = report.model_copy(update={"exercises": tuple(e.for_student() for e in report.exercises)})
    tests = [
        test
        for number, exercise in enumerate(report_for_student.exercises, 1)
        for test in _gradescope_tests(exercise, number, language)
    ]
    document: dict[str, Any] = {
        "output": "\n".join(problem.in_full.get(language) for problem in report.problems),
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


def _gradescope_tests(exercise: ExerciseResult, number: int, language: Language) -> Iterator[dict[str, Any]]:
    """Yield a test for each criterion; for an exercise that is judged as a whole, one with its name and points."""
    if exercise.is_whole:
        yield {
            "name": exercise.name,
            "name_format": "text",
            "number": str(number),
            "score": exercise.score,
            "max_score": exercise.max_score,
            "status": _outcome(exercise),
            "visibility": "visible",
            "tags": [exercise.name],
        }
    for position, criterion in enumerate(exercise.criteria, 1):
        yield _gradescope_test(criterion, f"{number}.{position}", exercise.title.get(language), language)


def _outcome(exercise: ExerciseResult) -> Literal["passed", "failed"]:
    """Return the verdict on an exercise that is judged as a whole."""
    return "passed" if exercise.score == exercise.max_score else "failed"


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
    """Return JUnit XML as pytest writes it: a ``testsuite`` per submission, a ``testcase`` per criterion or whole."""
    root = Element("testsuites", name="pytest tests")
    for report in sorted(reports, key=lambda r: (r.assignment, r.student)):
        results = [criterion for exercise in report.exercises for criterion in exercise.criteria]
        whole = [exercise for exercise in report.exercises if exercise.is_whole]
        outcomes = [*(result.outcome for result in results), *map(_outcome, whole)]
        suite = SubElement(
            root,
            "testsuite",
            name=_xml(f"{report.assignment}.{report.student}"),
            errors=str(outcomes.count("error")),
            failures=str(outcomes.count("failed")),
            skipped=str(outcomes.count("skipped")),
            tests=str(len(outcomes)),
            time=f"{report.duration_s:.3f}",
        )
        for result in results:
            _junit_case(suite, report, result, language)
        for exercise in whole:
            _junit_whole(suite, report, exercise)
        if report.problems:
            SubElement(suite, "system-out").text = _xml("\n".join(p.in_full.get(language) for p in report.problems))
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


def _junit_whole(suite: Element, report: GradeReport, exercise: ExerciseResult) -> None:
    owner = _xml(f"{report.assignment}.{report.student}")
    case = SubElement(suite, "testcase", classname=owner, name=_xml(exercise.name), time="0.000")
    if _outcome(exercise) == "failed":
        SubElement(case, "failure", message=_of(exercise.score, exercise.max_score))


def _xml(words: str) -> str:
    """Replace what XML cannot hold."""
    return _NO_XML.sub("\ufffd", words)


def as_markdown(reports: Sequence[GradeReport], language: Language) -> str:
    """Return the score of each submission, a table of its exercises, and its criteria with what is still open."""
    ordered = sorted(reports, key=lambda r: (r.assignment, r.student))
    return "\n".join(_markdown(report, language, named=len(ordered) > 1) for report in ordered)


def _markdown(report: GradeReport, language: Language, *, named: bool) -> str:
    exercises = [exercise.for_student() for exercise in report.exercises]
    name = f"{report.assignment}, {report.student}" if named else report.assignment
    parts = [f"## {_literal(name)}: {_of(report.score, report.max_score)}", _markdown_table(exercises, language)]
    if report.problems:
        parts.append(_fenced("\n".join(problem.in_full.get(language) for problem in report.problems)))
    listed = [exercise for exercise in exercises if not exercise.is_whole]
    parts.append(_fenced(terminal.plain(listed, language)))
    if listed and all(criterion.visible for exercise in listed for criterion in exercise.criteria):
        parts.append(text("Only the criteria that you can see count here; grading may use others too.").get(language))
    return "\n\n".join(part for part in parts if part) + "\n"


def _markdown_table(exercises: Sequence[ExerciseResult], language: Language) -> str:
    if not exercises:
        return ""
    heads = [text("exercise").get(language), text("score").get(language)]
    named = ((e.name if e.is_whole else e.title.get(language), e) for e in exercises if e.max_score)
    rows = [(_literal(name), _of(e.score, e.max_score)) for name, e in named]
    return "\n".join(f"| {left} | {right} |" for left, right in [heads, ("---", "---:"), *rows])


def _of(score: float | None, max_score: float) -> str:
    return f"{'?' if score is None else points(score)} / {points(max_score)}"


def _literal(words: str) -> str:
    """Return words on one line in which Markdown finds nothing to interpret."""
    return _MARKDOWN.sub(r"\\\1", " ".join(words.split()))


def _fenced(words: str) -> str:
    """Return lines as they are, in a fence longer than any that a student may have written into them."""
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", words) or [""]))
    return f"{fence}text\n{words}\n{fence}" if words else ""
