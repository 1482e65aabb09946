"""The quiz commands of authors: list, prove, lint, release, export, schema."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
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
    must_confine,
    print_json,
    waiting,
)
from autograder.cli.quiz_options import CourseOption, QuizArgument, QuizzesArgument, quizzes_of

if TYPE_CHECKING:
    from autograder.base.i18n import Language, Text
    from autograder.quiz.exports.losses import Loss
    from autograder.quiz.proofs.certificates import Certificates
    from autograder.quiz.proofs.laboratory import Proved
    from autograder.quiz.questions.models import Quiz


class ReleaseMode(StrEnum):
    """How a released quiz is taken."""

    test = "test"
    exam = "exam"


class ExportMode(StrEnum):
    """What an exported quiz is for."""

    practice = "practice"
    test = "test"
    exam = "exam"


class QuizFormat(StrEnum):
    """What a quiz can be exported to."""

    html = "html"
    moodle = "moodle"
    qti = "qti"
    notebook = "notebook"


class ReleaseTarget(StrEnum):
    """What a quiz is handed out as."""

    quiz = "quiz"
    notebook = "notebook"


_SUFFIXES = {
    QuizFormat.html: "html",
    QuizFormat.moodle: "moodle.xml",
    QuizFormat.qti: "qti.zip",
    QuizFormat.notebook: "ipynb",
}


def list_(course: CourseOption = Path(), lang: LangOption = None, json_output: JsonOption = False) -> None:
    """List the quizzes of a course, and whether their keys are proved; in a student's folder, those handed out."""
    from rich.text import Text as Styled

    from autograder.base.i18n import printable, text
    from autograder.quiz.proofs import certificates
    from autograder.quiz.questions import loading
    from autograder.quiz.take import released
    from autograder.report.tables import plain_table, points

    with errors_as_exit_codes(lang):
        handed_out = [] if loading.files_in(course / "quizzes") else released.files_in(course)
        if handed_out:
            _list_released(handed_out, lang, as_json=json_output)
            return
        quizzes = loading.load_all(course / "quizzes")
        language = choose(lang)
        found = []
        for path, quiz in quizzes.items():
            known = certificates.load(path, quiz)
            states = [certificates.state_of(question, known) for question in quiz.questions]
            found.append((path, quiz, states))
    if json_output:
        print_json(
            [
                {
                    "id": quiz.id,
                    "file": str(path),
                    "version": quiz.version,
                    "title": quiz.title.model_dump(),
                    "questions": len(quiz.questions),
                    "points": quiz.points,
                    "proved": states.count("proved"),
                }
                for path, quiz, states in found
            ]
        )
        return
    table = plain_table()
    for heading in (text("quiz"), text("title"), text("questions"), text("points"), text("proved")):
        table.add_column(heading.get(language))
    for path, quiz, states in found:
        proved = f"{states.count('proved')}/{len(states)}"
        cells = (path.stem, quiz.title.get(language), str(len(states)), points(quiz.points), proved)
        table.add_row(*(Styled(printable(cell)) for cell in cells))
    console().print(table)


def _list_released(files: Sequence[Path], lang: str | None, *, as_json: bool) -> None:
    """List what students have been given, by the file that `quiz take` takes."""
    from rich.text import Text as Styled

    from autograder.base.i18n import printable, text
    from autograder.quiz.take import released
    from autograder.report.tables import plain_table, points

    quizzes = [(file, released.load(file)) for file in files]
    if as_json:
        print_json(
            [
                {
                    "id": quiz.id,
                    "file": str(file),
                    "version": quiz.version,
                    "title": quiz.title.model_dump(),
                    "questions": len(quiz.questions),
                    "points": quiz.points,
                }
                for file, quiz in quizzes
            ]
        )
        return
    table = plain_table()
    language = choose(lang)
    for heading in (text("quiz"), text("title"), text("questions"), text("points")):
        table.add_column(heading.get(language))
    for file, quiz in quizzes:
        cells = (str(file), quiz.title.get(language), str(len(quiz.questions)), points(quiz.points))
        table.add_row(*(Styled(printable(cell)) for cell in cells))
    console().print(table)


def release(
    quiz: QuizArgument,
    to: Annotated[
        ReleaseTarget, typer.Option("--to", help="A file for `quiz take`, or a notebook: an assignment of the course.")
    ] = ReleaseTarget.quiz,
    into: Annotated[
        str | None, typer.Option("--into", metavar="ASSIGNMENT", help="Put the notebook's cells into this assignment.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write; by default NAME.quiz.json.")
    ] = None,
    mode: Annotated[
        ReleaseMode | None,
        typer.Option("--mode", help="An exam has one attempt and no hints; by default what the quiz says it is."),
    ] = None,
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Write what students may see of a quiz: no key, no explanation, no proof."""
    from autograder.base.i18n import text
    from autograder.quiz.proofs import certificates
    from autograder.quiz.questions import loading
    from autograder.quiz.take import released

    with errors_as_exit_codes(lang):
        file = loading.find(quiz, course)
        loaded = loading.load(file)
        if to is ReleaseTarget.notebook:
            if out is not None:
                raise UsageError(
                    text("--out goes with --to quiz; a notebook goes to the folder with the course's assignments")
                )
            with _recorded(file, loaded, mode, choose(lang)):
                _release_notebook(file, course, into, choose(lang))
            return
        if into is not None:
            raise UsageError(text("--into goes with --to notebook"))
        mode = mode or (ReleaseMode.exam if loaded.defaults.mode == "exam" else ReleaseMode.test)
        variants = certificates.variants_of(loaded, certificates.load(file, loaded))
        content = released.to_json(released.release(loaded, variants, mode.value))
        target = out or Path(f"{file.stem}.quiz.json")
        with _recorded(file, loaded, mode, choose(lang)):
            write_asked(target, content, inputs=[file])
        words = text("{file}: {count} questions, no keys", file=target, count=len(loaded.questions))
        typer.echo(words.get(choose(lang)))


@contextmanager
def _recorded(file: Path, quiz: Quiz, mode: ReleaseMode | None, language: Language) -> Iterator[None]:
    """Record what is released; say so if it is scored otherwise, since it was an exam before.

    A notebook has one attempt and no hints in every mode, so only one that the user names is recorded.
    """
    from autograder.base.i18n import text
    from autograder.quiz.take import releases

    if mode is None:
        yield
        return
    with releases.recorded(file, quiz, mode.value) as bound:
        yield
    if bound.defaults.mode == "exam" and mode is not ReleaseMode.exam:
        words = text(
            "version {version} was released as an exam before, so answers to it are scored as an exam's; "
            "raise the quiz's version to begin anew, or delete {file}",
            version=quiz.version,
            file=releases.file_of(file),
        )
        sys.stderr.write(words.get(language) + "\n")


def _release_notebook(file: Path, start: Path, into: str | None, language: Language) -> None:
    from autograder.base.i18n import text
    from autograder.course.course import Course
    from autograder.quiz import assignment
    from autograder.quiz.exports.losses import told

    if into is None:
        course = Course(start.resolve()) if (start / "quizzes").is_dir() else Course.find(start)
        if (course.source / assignment.name_of(file)).exists():
            from autograder.gradebook import quizzes

            quizzes.refuse_other_questions(course.root, assignment.name_of(file), assignment.grade_cells(file))
        with waiting(text("making the notebook of {quiz}", quiz=file.stem), language):
            name, losses = assignment.release(file, course)
        words = text("students get {folder}, no keys", folder=course.release / name)
    else:
        course = Course.find(start)
        name, losses = into, assignment.add_to(course.assignment(into), file, course)
        words = text("put into {folder}", folder=course.source / name)
    typer.echo(words.get(language))
    for line in told(losses, language):
        sys.stderr.write(text("a notebook cannot express {what}", what=line).get(language) + "\n")
    words = text("next: autograder release {name}; graded by: autograder grade --assignment {name}", name=name)
    typer.echo(words.get(language))


def export(
    quiz: QuizArgument,
    to: Annotated[QuizFormat, typer.Option("--to", help="Format to write.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="File to write; by default named after the quiz.")
    ] = None,
    mode: Annotated[
        ExportMode | None,
        typer.Option(
            "--mode", help="A page for practice carries the keys, an exam no hints; by default as it was released."
        ),
    ] = None,
    lossy: Annotated[bool, typer.Option("--lossy", help="Export even if something cannot be expressed.")] = False,
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Export a quiz as a page for self-study, Moodle XML, a Canvas package or a notebook; name what is lost."""
    from autograder.base.i18n import text
    from autograder.quiz.exports.losses import told
    from autograder.quiz.proofs import certificates
    from autograder.quiz.questions import loading
    from autograder.quiz.take import releases

    with errors_as_exit_codes(lang):
        file = loading.find(quiz, course)
        loaded = loading.load(file)
        loaded = releases.as_released(file, loaded) if mode is None else releases.in_mode(loaded, mode.value)
        content, losses = _exported(loaded, certificates.load(file, loaded), to, choose(lang, loaded.language))
        language = choose(lang)
        for line in told(losses, language):
            words = text("{format} cannot express {what}", format=to.value, what=line)
            sys.stderr.write(words.get(language) + "\n")
        if losses and not lossy:
            words = text("nothing was written; --lossy exports anyway")
            sys.stderr.write(words.get(language) + "\n")
            raise typer.Exit(1)
        target = out or Path(f"{file.stem}.{_SUFFIXES[to]}")
        write_asked(target, content, inputs=[file])
        typer.echo(str(target))


def _exported(
    quiz: Quiz, known: Certificates, to: QuizFormat, language: Language
) -> tuple[str | bytes, Sequence[Loss]]:
    """Return a quiz in another format, and what is lost."""
    from autograder.quiz.exports import html, moodle, notebook, qti
    from autograder.quiz.proofs import certificates

    variants = certificates.variants_of(quiz, known)
    match to:
        case QuizFormat.html:
            return html.page(quiz, variants, known.questions)
        case QuizFormat.moodle:
            xml = moodle.MoodleExporter(quiz, variants, language)
            return xml.xml(), xml.losses
        case QuizFormat.qti:
            package = qti.QtiExporter(quiz, variants, language)
            return package.package(), package.losses
        case QuizFormat.notebook:
            return notebook.notebook(quiz, variants, keyed=False), notebook.losses(quiz)


def prove(
    quizzes: QuizzesArgument = None,
    check: Annotated[bool, typer.Option("--check", help="Only check that every certificate is fresh.")] = False,
    course: CourseOption = Path(),
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run the quiz's code even if it cannot be confined.")
    ] = False,
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Run every option, confined, and write certificates: exactly the keyed ones must do what is claimed."""
    from autograder.base.i18n import text

    with errors_as_exit_codes(lang):
        found = quizzes_of(quizzes, course)
        results = {
            file: _certificate_states(file, quiz)
            if check
            else _prove(file, quiz, choose(lang), unsafe=unsafe_no_sandbox, quiet=json_output)
            for file, quiz in found.items()
        }
    refused = {file: {name: words for name, words in r.items() if words} for file, r in results.items()}
    if json_output:
        print_json(
            [{"file": str(f), "questions": len(results[f]), "refused": _in_english(refused[f])} for f in results]
        )
    else:
        for file, problems in refused.items():
            mark = "✗" if problems else "✓"
            summary = text(
                "{quiz}: {proved} of {all} proved",
                quiz=file.stem,
                proved=len(results[file]) - len(problems),
                all=len(results[file]),
            )
            typer.echo(f"{mark} {summary.get(choose(lang))}")
            for name, words in problems.items():
                for line in words:
                    typer.echo(f"    {name}: {line.get(choose(lang))}")
    if any(refused.values()):
        raise typer.Exit(1)


def lint(
    quizzes: QuizzesArgument = None,
    course: CourseOption = Path(),
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Review quizzes: explanations, languages, options that give themselves away, links, what guessing earns."""
    from autograder.quiz import lint, terminal
    from autograder.quiz.proofs import certificates

    with errors_as_exit_codes(lang):
        found = []
        for file, quiz in quizzes_of(quizzes, course).items():
            variants = certificates.fresh_variants_of(quiz, certificates.load(file, quiz))
            found.append((file, lint.lint(quiz, file.parent, variants), lint.guesses(quiz)))
    if json_output:
        print_json(
            [
                {
                    "file": str(file),
                    "remarks": [{"kind": r.kind, "question": r.question, "words": r.words.en} for r in remarks],
                    "guesses": [
                        {"question": g.question, "blank": g.blank, "everything": g.everything, "random": g.random}
                        for g in guesses
                    ],
                }
                for file, remarks, guesses in found
            ]
        )
    else:
        screen = console()
        for file, remarks, guesses in found:
            screen.print(terminal.review(file.stem, remarks, guesses, choose(lang)))
    if any(remark.kind == "error" for _, remarks, _ in found for remark in remarks):
        raise typer.Exit(1)


def schema() -> None:
    """Print the JSON Schema of quiz files, for editors."""
    from autograder.quiz.questions import loading

    sys.stdout.write(loading.schema_text())


def _prove(file: Path, quiz: Quiz, language: Language, *, unsafe: bool, quiet: bool) -> dict[str, list[Text]]:
    """Prove a quiz, keep its certificates and return the problems of each question."""
    from autograder.base.i18n import text
    from autograder.quiz.proofs import certificates
    from autograder.quiz.proofs.laboratory import Laboratory
    from autograder.quiz.proofs.laboratory import prove as prove_all

    confined = must_confine(unsafe=unsafe)
    found: list[Proved] = []
    screen = console(stderr=True)
    screen.quiet = quiet

    def advance(name: str) -> None:
        status.update(text("proving {quiz}: {question}", quiz=file.stem, question=name).get(language))

    with (
        waiting(text("proving {quiz}", quiz=file.stem), language, quiet=quiet or screen.is_terminal),
        screen.status(text("proving {quiz}", quiz=file.stem).get(language)) as status,
        Laboratory(confined=confined) as laboratory,
    ):
        for proved in prove_all(quiz, laboratory, advance=advance):
            found.append(proved)
    kept = {proved.id: proved.certificate for proved in found if proved.certificate is not None}
    certificates.save(file, certificates.Certificates(schema=1, quiz=quiz.id, questions=kept))
    return {proved.id: proved.problems for proved in found}


def _in_english(problems: Mapping[str, Sequence[Text]]) -> dict[str, list[str]]:
    return {name: [line.en for line in words] for name, words in problems.items()}


def _certificate_states(file: Path, quiz: Quiz) -> dict[str, list[Text]]:
    from autograder.base.i18n import text
    from autograder.quiz.proofs import certificates

    known = certificates.load(file, quiz)
    states = {question.id: certificates.state_of(question, known) for question in quiz.questions}
    words = {"missing": text("not proved yet"), "stale": text("has changed since it was proved, or torch has")}
    return {name: [words[state]] if state in words else [] for name, state in states.items() if state != "unproved"}
