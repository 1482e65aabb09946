"""What those who teach say to a mistake, wherever students see that they have made it.

They write it in the course's pages, whose server keeps it in a file of the course too, for feedback that is a file. A
mistake is the same if the diagnosis has the same id at the same requirement; what its words say of sizes and factors
may differ.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from markupsafe import Markup
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from autograder.base.errors import GradebookError
from autograder.base.files import Version, version
from autograder.base.i18n import Language, text
from autograder.gradebook.autograded import sha256
from autograder.results import journal
from autograder.results.cases import requirements
from autograder.results.grade_report import ExerciseResult

FILE = Path(".autograder", "explanations.json")
"""The file of a course; there is none where nobody has explained anything."""
Said = Mapping[str, Sequence[Markup]]
"""What is said, by the requirement's id, as HTML."""
NOTHING: Said = {}
Made = frozenset[tuple[str, str]]
"""The mistakes in a report: requirement and diagnosis, by their ids."""


class Explanation(BaseModel):
    """What is said to everybody with one mistake.

    Args:
        assignment: its name.
        criterion: the requirement's id.
        cause: the diagnosis's.
        words: by language, at least one.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    assignment: str
    criterion: str
    cause: str
    words: Mapping[Language, str] = Field(min_length=1)


_EXPLANATIONS = TypeAdapter(tuple[Explanation, ...])


def to_json(explanations: Iterable[Explanation]) -> bytes:
    """Return the content of the file."""
    return _EXPLANATIONS.dump_json(tuple(explanations), indent=1) + b"\n"


def said_to(
    explanations: Iterable[Explanation], made: Made, shown: Iterable[ExerciseResult], language: Language
) -> Said:
    """Return what is said to somebody's mistakes.

    Args:
        explanations: of the assignment.
        made: the mistakes, at hidden criteria too.
        shown: what their reader sees.
        language: of the reader.
    """
    seen = {found.id for exercise in shown for found in requirements(exercise.criteria)}
    said: defaultdict[str, list[Markup]] = defaultdict(list)
    for one in explanations:
        if one.criterion in seen and (one.criterion, one.cause) in made:
            said[one.criterion].append(as_html(one.words, language))
    return said


def mistakes(exercises: Iterable[ExerciseResult]) -> Made:
    """Return the mistakes in a report."""
    return frozenset(_mistakes(exercises))


def _mistakes(exercises: Iterable[ExerciseResult]) -> Iterator[tuple[str, str]]:
    for exercise in exercises:
        for found in requirements(exercise.criteria):
            for case in found.cases:
                if case.diagnosis is not None:
                    yield found.id, case.diagnosis.id


def as_html(words: Mapping[Language, str], language: Language) -> Markup:
    """Return an explanation in the reader's language, or else in one that it has."""
    spoken = language if language in words else next(iter(words))
    return _html(words[spoken], "zh-CN" if spoken == "zh" else spoken)


@lru_cache(maxsize=256)
def _html(words: str, language: str) -> Markup:
    from autograder.quiz.notation.markdown import to_html  # takes a while to load, and few courses have any

    return Markup('<div lang="{}">{}</div>').format(language, to_html(words))


# -- in a file of the course -------------------------------------------------------------------------------------------


def in_file(root: Path, assignment: str, exercises: Sequence[ExerciseResult], report: str, language: Language) -> Said:
    """Return what the course's file says to the mistakes of one submission.

    Args:
        root: the course's folder.
        assignment: its name.
        exercises: what their student sees of the report: hidden criteria without a diagnosis.
        report: the hash by which the autograded notebook knows the report.
        language: of the page.

    Raises:
        GradebookError: the file cannot be read.
    """
    if not (file := version(root / FILE)):
        return NOTHING
    written = [one for one in _read(root, file) if one.assignment == assignment]
    made = mistakes(exercises)
    if _hidden(exercises) & {one.criterion for one in written}:
        made |= _in_journal(root, assignment, version(root / journal.RESULTS)).get(report, frozenset())
    return said_to(written, made, exercises, language)


def _hidden(exercises: Iterable[ExerciseResult]) -> set[str]:
    """Return the hidden requirements that are not met."""
    found = (one for exercise in exercises for one in requirements(exercise.criteria))
    return {one.id for one in found if not one.example.visible and one.outcome == "failed"}


@lru_cache(maxsize=1)
def _read(root: Path, _: Version) -> tuple[Explanation, ...]:
    file = root / FILE
    try:
        return _EXPLANATIONS.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        words = text("{file} cannot be read; remove it, the course's server writes it again", file=file)
        raise GradebookError(words) from error


@lru_cache(maxsize=1)
def _in_journal(root: Path, assignment: str, file: Version) -> Mapping[str, Made]:
    """Return the mistakes at hidden criteria too, by the report's hash; only the journal has them."""
    if not file:
        return {}
    reports = journal.read(root / journal.RESULTS)
    return {sha256(one): mistakes(one.exercises) for one in reports if one.assignment == assignment}
