"""One mistake at one criterion: who made it, with examples, and what those who teach say to all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session
from starlette.responses import Response

from autograder.base.errors import UsageError
from autograder.base.i18n import Language, Text, text
from autograder.results.classroom import CriterionStatistics, Mistake
from autograder.web import explanations as shown
from autograder.web.class_counts import Counted
from autograder.web.data import explanations
from autograder.web.data.models import Explanation, Offering
from autograder.web.pages import class_report
from autograder.web.pages.appeals import MAX_WORDS
from autograder.web.pages.class_overview import title_of
from autograder.web.pages.class_report import Example
from autograder.web.visit import Refused, Visit

_WORDS = "words:"
"""Fields of the form, one for each language."""
_MOST_EXAMPLES = 3


@dataclass(frozen=True)
class Place:
    """A mistake at a criterion.

    Args:
        offering: the assignment.
        counted: the reports that count.
        criterion: the requirement's id.
        cause: the diagnosis's.
        mistake: the diagnosis; None if nobody makes it any more.
        statistics: of the criterion; None if no report has it any more.
        explanation: what was last said to it, though it may be withdrawn.
        unexplained: other mistakes that are made and that nothing is said to: key, criterion's title, diagnosis.
    """

    offering: Offering
    counted: Counted
    criterion: str
    cause: str
    mistake: Mistake | None
    statistics: CriterionStatistics | None
    explanation: Explanation | None
    unexplained: Sequence[tuple[str, Text, Text]]

    @property
    def is_unseen(self) -> bool:
        """Whether no report has the criterion any more, such as after it was renamed."""
        return self.statistics is None and bool(self.counted.counts.criteria)

    @property
    def students(self) -> Sequence[str]:
        """The logins of those who made it."""
        return () if self.mistake is None else self.mistake.places.get(self.criterion, ())

    @property
    def version(self) -> str:
        """What a form says it has seen."""
        return self.explanation.written_at.isoformat() if self.explanation is not None and self.is_said else ""

    @property
    def is_said(self) -> bool:
        """Whether there is an explanation that students read."""
        return self.explanation is not None and self.explanation.withdrawn_at is None


def mistake(visit: Visit, problem: Text | None = None) -> Response:
    """Show a mistake with the form that explains it.

    Args:
        visit: the request.
        problem: what is wrong with what was just entered.
    """
    with visit.site.database.read() as session:
        place = _place(visit, session)
        title = title_of(visit, place.offering)
        found = (_example(visit, session, place, login) for login in place.students[:_MOST_EXAMPLES])
        examples = [one for one in found if one is not None]
        words = explanations.words_of(place.explanation) if place.explanation is not None and place.is_said else {}
    entered = {one: visit.field(_WORDS + one) for one in visit.languages} if problem is not None else words
    return visit.page(
        "mistake.html",
        200 if problem is None else 400,
        name=place.offering.assignment,
        title=title,
        place=place,
        examples=examples,
        entered=entered,
        said=shown.as_html(place.explanation, visit.language) if place.explanation and place.is_said else None,
        languages=visit.named_languages,
        most=MAX_WORDS,
        problem=problem,
    )


def _example(visit: Visit, session: Session, place: Place, login: str) -> Example | None:
    return class_report.example(visit, session, place.offering, place.counted, login, place.criterion)


def explain(visit: Visit) -> Response:
    """Say something to everybody who has made this mistake or will make it, or say it no longer."""
    try:
        with visit.site.database.write() as session:
            place = _place(visit, session)
            where = (place.offering, place.criterion, place.cause)
            if "seen" in visit.form and visit.field("seen") != place.version:
                raise UsageError(_meanwhile(visit, place))
            if visit.field("do") == "withdraw":
                explanations.withdraw(session, *where, visit.member)
            elif visit.field("do") == "move":
                where = _move(visit, session, place)
            else:
                explanations.write(session, *where, _words(visit), visit.member)
    except UsageError as error:
        return mistake(visit, error.text)
    visit.site.grader.wake_publisher()
    return visit.go(class_report.mistake_path(place.offering.assignment, *where[1:]))


def _meanwhile(visit: Visit, place: Place) -> Text:
    words = explanations.words_of(place.explanation) if place.explanation is not None and place.is_said else {}
    said = words.get(visit.language) or next(iter(words.values()), "–")
    return text(
        "somebody else has changed this meanwhile; now it says: {words}. Yours is still in the form; send it again to "
        "replace that",
        words=said,
    )


def _move(visit: Visit, session: Session, place: Place) -> tuple[Offering, str, str]:
    """Say it to another mistake, which a form names by its key, and return where that is.

    Raises:
        UsageError: nobody makes it, something is said to it already, or there is nothing to move.
    """
    to = next((key for key, _, _ in place.unexplained if key == visit.field("to")), None)
    if to is None or place.explanation is None or not place.is_said:
        raise UsageError(text("choose a mistake that nobody has explained yet"))
    named = next(one for one in _made(place.counted) if class_report.key_of(*one) == to)
    explanations.move(session, place.offering, (place.criterion, place.cause), named, visit.member)
    return (place.offering, *named)


def _made(counted: Counted) -> dict[tuple[str, str], Mistake]:
    """Return the mistakes that are made, by criterion and diagnosis."""
    return {(name, one.id): one for one in counted.counts.mistakes for name in one.places}


def _words(visit: Visit) -> Mapping[Language, str]:
    """Return the words of a form, by language.

    Raises:
        UsageError: there are none, or too many.
    """
    given = {one: visit.field(_WORDS + one).replace("\r\n", "\n").strip() for one in visit.languages}
    words = {language: said for language, said in given.items() if said}
    if not words:
        raise UsageError(text("write an explanation in at least one language"))
    if (longest := max(map(len, words.values()))) > MAX_WORDS:
        raise UsageError(text("{count} characters are too many; write at most {most}", count=longest, most=MAX_WORDS))
    return words


def _place(visit: Visit, session: Session) -> Place:
    """Return the mistake that a path names.

    Raises:
        Refused: nobody has made it, and nobody has explained it.
    """
    offering = class_report.named(visit, session)
    counted = visit.site.class_counts.of(session, offering)
    written = {(one.criterion, one.cause): one for one in explanations.ever(session, offering)}
    made = _made(counted)
    key = visit.request.path_params["key"]
    named = next((one for one in {**made, **written} if class_report.key_of(*one) == key), None)
    if named is None:
        raise Refused(404, text("nobody has made this mistake"))
    criteria = {one.id: one for one in counted.counts.criteria}
    said = {where for where, one in written.items() if one.withdrawn_at is None}
    others = [
        (class_report.key_of(*where), criteria[where[0]].title, one.text)
        for where, one in made.items()
        if where not in said and where != named
    ]
    return Place(
        offering, counted, *named, made.get(named), criteria.get(named[0]), written.get(named), unexplained=others
    )
