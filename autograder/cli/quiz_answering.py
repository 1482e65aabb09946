"""The quiz commands that deal with answers: take, score, stats."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import UsageError
from autograder.base.files import write_asked
from autograder.cli.options import (
    JsonOption,
    LangOption,
    choose,
    console,
    errors_as_exit_codes,
    print_json,
    print_json_array,
    waiting,
)
from autograder.cli.quiz_options import AnswersArgument, CourseOption, QuizArgument

if TYPE_CHECKING:
    from autograder.base.i18n import Text
    from autograder.quiz.proofs.certificates import Certificate
    from autograder.quiz.questions.models import Quiz
    from autograder.quiz.scoring.markers import RunCode
    from autograder.quiz.scoring.outcomes import SheetOutcome
    from autograder.quiz.scoring.scorer import Scorer
    from autograder.quiz.take.sitting import Sitting

NOBODY = "me"
"""Whose answers they are if nobody has given a name and the machine knows none."""
_LONGEST_NAME = 60


def take(
    quiz: QuizArgument,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Your name or number, which decides on variants.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="File for answers; by default QUIZ.NAME.answers.json."),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print lines only, for pipes and screen readers.")] = False,
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Take a quiz in the terminal. Answers are saved as you go; the same command resumes."""
    from autograder.quiz.take.pages import Taking
    from autograder.quiz.take.screens import KeyScreen, PlainScreen

    with errors_as_exit_codes(lang), ExitStack() as stack:
        if not plain and not (sys.stdin.isatty() and sys.stdout.isatty()):
            plain = True
        sitting, proofs = _sitting(quiz, course, _student(name), out, stack)
        language = choose(lang, sitting.shown.language)
        if not sitting.resume():
            sitting.save()  # if that fails, the student learns so before the first answer
        screen = PlainScreen(language) if plain else KeyScreen(language, console())
        taking = Taking(sitting, screen, proofs)
        try:
            taking.run()
        except KeyboardInterrupt:
            # below what was asked; the screen may have been interrupted in the middle of a line, and says nothing then
            typer.echo("\n" + taking.saved.get(screen.language))
            raise typer.Exit(130) from None


def score(
    quiz: QuizArgument,
    answers: AnswersArgument,
    details: Annotated[bool, typer.Option("--details", help="Show every answer and its feedback.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write one JSON object per sheet to this file.")
    ] = None,
    feedback: Annotated[
        Path | None,
        typer.Option("--feedback", metavar="FOLDER", help="Write a page for each student into this folder."),
    ] = None,
    gradebook: Annotated[
        bool,
        typer.Option("--gradebook", help="Write the scores to nbgrader's gradebook as an assignment of their own."),
    ] = False,
    course: CourseOption = Path(),
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Score answer sheets."""
    import json

    from autograder.quiz import terminal

    with errors_as_exit_codes(lang):
        file, scored, outcomes = _scored(quiz, answers, course)
        if out is not None:
            lines = "".join(json.dumps(o.to_dict(), ensure_ascii=False) + "\n" for o in outcomes)
            write_asked(out, lines, inputs=[*answers, file])
        if json_output:
            print_json_array(outcome.to_dict() for outcome in outcomes)
        else:
            screen, language = console(), choose(lang)
            screen.print(terminal.scores(outcomes, language, screen.width))
            for outcome in outcomes if details else ():
                screen.print()
                screen.print(terminal.details(outcome, language))
            screen.print(terminal.summary(outcomes, language), markup=False, highlight=False)
        no_page = feedback is not None and _write_feedback(file, scored, outcomes, feedback, lang, quiet=json_output)
        left_out = gradebook and _write_gradebook(scored, course, outcomes, lang, quiet=json_output)
    if no_page or left_out or any(outcome.status == "error" for outcome in outcomes):
        raise typer.Exit(1)


def _write_feedback(
    file: Path, quiz: Quiz, outcomes: list[SheetOutcome], folder: Path, lang: str | None, *, quiet: bool
) -> bool:
    """Write a page for each student; return whether somebody gets none."""
    from autograder.base.i18n import text
    from autograder.quiz import feedback as pages
    from autograder.quiz.proofs import certificates

    variants = certificates.variants_of(quiz, certificates.load(file, quiz))
    written, notes = pages.write_all(folder, quiz, variants, outcomes, choose(lang, quiz.language))
    summary = text("pages written: {count}, {folder}/<student>/{quiz}.html", count=written, folder=folder, quiz=quiz.id)
    return _tell_of_writing(notes, summary, lang, quiet=quiet)


def _write_gradebook(quiz: Quiz, course: Path, outcomes: list[SheetOutcome], lang: str | None, *, quiet: bool) -> bool:
    """Write the scores to the gradebook; return whether some could not be written."""
    from autograder.base.i18n import text
    from autograder.course.configuration import is_nbgrader_course
    from autograder.course.course import Course
    from autograder.gradebook import quizzes

    root = course if is_nbgrader_course(course) else Course.find(course).root
    with waiting(text("writing the gradebook"), choose(lang), quiet=quiet):
        outcome = quizzes.write(root, quiz, outcomes, choose(lang, quiz.language))
    return _tell_of_writing(outcome.notes, outcome.summary, lang, quiet=quiet)


def _tell_of_writing(notes: Sequence[Text], summary: Text, lang: str | None, *, quiet: bool) -> bool:
    """Print who was left out and how many were not; return whether somebody was."""
    for note in notes:
        typer.echo(note.get(choose(lang)), err=True)
    if not quiet:
        typer.echo(summary.get(choose(lang)))
    return bool(notes)


def stats(
    quiz: QuizArgument,
    answers: AnswersArgument,
    course: CourseOption = Path(),
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Analyse questions: facility, discrimination, chosen options; alpha and the standard error."""
    from dataclasses import asdict

    from autograder.base.i18n import text
    from autograder.quiz import terminal
    from autograder.quiz.scoring import statistics

    with errors_as_exit_codes(lang):
        _, _, outcomes = _scored(quiz, answers, course)
        for problem in (words for outcome in outcomes if outcome.status == "unreadable" for words in outcome.problems):
            typer.echo(problem.get(choose(lang)), err=True)
        try:
            analysis = statistics.analyse(outcomes)
        except ValueError:
            raise UsageError(text("at least two scored sheets are needed")) from None
        if json_output:
            print_json(asdict(analysis))
        else:
            console().print(terminal.analysis(analysis, choose(lang)))


def _scored(name: Path, answers: list[Path], course: Path) -> tuple[Path, Quiz, list[SheetOutcome]]:
    """Return the quiz, its file and the outcome of each sheet; print what is odd about the sheets."""
    from collections import Counter

    from autograder.base.i18n import text
    from autograder.quiz.questions import loading
    from autograder.quiz.scoring import sheets
    from autograder.quiz.take import releases

    def tell(note: Text) -> None:
        typer.echo(note.get(choose(None)), err=True)

    for path in answers:
        if not path.exists():
            raise UsageError(text("{path}: there is no such file or folder", path=path))
    file = loading.find(name, course)
    quiz = releases.as_released(file, loading.load(file))
    with _scorer(file, quiz) as scorer:
        outcomes = [scorer.score(sheet) for sheet in sheets.read_sheets(answers, quiz, tell)]
    if not outcomes:
        raise UsageError(text("no answer sheets found in {names}", names=", ".join(map(str, answers))))
    for student, count in Counter(outcome.student for outcome in outcomes if outcome.named).items():
        if count > 1:
            tell(text("{student}: has {count} answer sheets; all of them count here", student=student, count=count))
    return file, quiz, outcomes


@contextmanager
def _scorer(file: Path, quiz: Quiz) -> Iterator[Scorer]:
    """Yield a scorer; it loads torch only if the quiz has an answer in code to run."""
    from autograder.quiz.proofs import certificates
    from autograder.quiz.questions.fill_in import Code
    from autograder.quiz.scoring.scorer import Scorer

    variants = certificates.variants_of(quiz, certificates.load(file, quiz))
    with ExitStack() as stack:
        run_code: RunCode | None = None
        if any(isinstance(question, Code) for question in quiz.questions):
            run_code = _code_marker(stack)
        yield Scorer(quiz, variants, run_code)


def _code_marker(stack: ExitStack) -> RunCode:
    """Return what marks code, started by the first answer; code that cannot be confined stays unmarked."""
    from autograder.quiz.questions.fill_in import Code
    from autograder.quiz.scoring.markers import Verdict

    ready: list[RunCode] = []

    def judge(question: Code, answer: str) -> Verdict:
        if not ready:
            from autograder.base.errors import SandboxError
            from autograder.quiz.proofs.laboratory import CodeMarker, Laboratory
            from autograder.sandbox import confine

            if (refusal := confine.refusal()) is not None:
                raise SandboxError(refusal)
            ready.append(CodeMarker(stack.enter_context(Laboratory(confined=True))))
        return ready[0](question, answer)

    return judge


def _sitting(
    name: Path, course: Path, student: str, out: Path | None, stack: ExitStack
) -> tuple[Sitting, Mapping[str, Certificate]]:
    """Return a student's sitting: with keys for a practice quiz of a course, without for any other."""
    from autograder.quiz.proofs import certificates
    from autograder.quiz.questions import loading
    from autograder.quiz.take import released, releases
    from autograder.quiz.take.sitting import Sitting

    if name.suffix == ".json":
        shown = released.load(name)
        return Sitting(shown, student, out or _answers_to(name, student)), {}
    file = loading.find(name, course)
    quiz = releases.as_released(file, loading.load(file))
    known = certificates.load(file, quiz)
    shown = released.release(quiz, certificates.variants_of(quiz, known), quiz.defaults.mode)
    path = out or _answers_to(file, student)
    if quiz.defaults.mode != "practice":
        return Sitting(shown, student, path), {}
    scorer = stack.enter_context(_scorer(file, quiz))
    return Sitting(shown, student, path, quiz=quiz, scorer=scorer), known.questions


def _answers_to(quiz: Path, student: str) -> Path:
    """Return the file for a student's answers, which bears their name: an instructor gets many in one folder.

    It is named after ``NAME.quiz.json`` or ``NAME.yaml``, without the number that a second download has.
    """
    name = quiz.stem if quiz.suffix != ".json" else re.sub(r"\.quiz\b[^.]*$", "", quiz.stem)
    whose = re.sub(r"[^\w. @-]", "_", student)[:_LONGEST_NAME].strip(". ")
    return Path(f"{name}.{whose}.answers.json" if whose and student != NOBODY else f"{name}.answers.json")


def _student(name: str | None) -> str:
    import getpass

    from autograder.quiz.notation.parsing import shown

    try:
        return shown((name or "").strip() or getpass.getuser())  # as the file will give it back, to draw variants by
    except (KeyError, OSError):  # the machine knows no user of that number
        return NOBODY
