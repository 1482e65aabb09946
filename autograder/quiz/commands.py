"""``autograder quiz ...``: parse, call, render; nothing else. Heavy imports wait until a command needs them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.commandline import JsonOption, LangOption, choose, console, errors_as_exit_codes, print_json
from autograder.errors import UsageError

if TYPE_CHECKING:
    from autograder.quiz.certificates import Certificate
    from autograder.quiz.models import Quiz
    from autograder.quiz.outcomes import SheetOutcome
    from autograder.quiz.proving import Proved
    from autograder.quiz.scoring import RunCode, Scorer
    from autograder.quiz.session import Session

app = typer.Typer(
    name="quiz",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Quizzes: take, score, prove, check, hand out.",
)


class ReleaseMode(StrEnum):
    """How a released quiz is taken."""

    test = "test"
    exam = "exam"


class ExportTarget(StrEnum):
    """What a quiz can be exported to."""

    html = "html"
    moodle = "moodle"


CourseOption = Annotated[Path, typer.Option("--course", help="The course's folder, the one with quizzes/ in it.")]
AnswersArgument = Annotated[
    list[Path], typer.Argument(help="Answer sheets: .yaml, .json, .jsonl, .csv files or folders.")
]
QuizArgument = Annotated[Path, typer.Argument(metavar="QUIZ", help="A quiz file, or the name of one in quizzes/.")]
QuizzesArgument = Annotated[
    list[Path] | None, typer.Argument(metavar="[QUIZ]...", help="Quiz files or names; by default all of quizzes/.")
]


@app.command("list")
def list_(course: CourseOption = Path(), lang: LangOption = None, json_output: JsonOption = False) -> None:
    """List the quizzes of a course, and whether their keys are proved."""
    from autograder.quiz import certificates, loading, tables
    from autograder.report.tables import plain_table
    from autograder.texts import text

    with errors_as_exit_codes():
        language = choose(lang)
        quizzes = loading.load_all(course / "quizzes")
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
                    "title": {"en": quiz.title.en, "zh": quiz.title.zh},
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
        table.add_row(path.stem, quiz.title.get(language), str(len(states)), tables.number(quiz.points), proved)
    console().print(table)


@app.command()
def score(
    quiz: QuizArgument,
    answers: AnswersArgument,
    details: Annotated[bool, typer.Option("--details", help="Show every answer and its feedback.")] = False,
    out: Annotated[Path | None, typer.Option("--out", help="Write one JSON object per sheet to this file.")] = None,
    course: CourseOption = Path(),
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Score answer sheets."""
    from autograder.quiz import tables

    with errors_as_exit_codes():
        outcomes = _scored(quiz, answers, course)
        if out is not None:
            _write_lines(outcomes, out)
        if json_output:
            print_json([outcome.to_dict() for outcome in outcomes])
        else:
            screen, language = console(), choose(lang)
            screen.print(tables.scores(outcomes, language, screen.width))
            for outcome in outcomes if details else ():
                screen.print()
                screen.print(tables.details(outcome, language))
            screen.print(tables.summary(outcomes, language), markup=False, highlight=False)
    if any(outcome.status == "error" for outcome in outcomes):
        raise typer.Exit(1)


@app.command()
def take(
    quiz: QuizArgument,
    name: Annotated[str | None, typer.Option("--name", help="Your name or number; decides on variants.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where your answers are saved.")] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Lines only: for pipes and screen readers.")] = False,
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Take a quiz in the terminal. Answers are saved as you go; the same command resumes."""
    from autograder.quiz.screens import KeyScreen, PlainScreen
    from autograder.quiz.taking import Taking

    with errors_as_exit_codes(), ExitStack() as stack:
        if not plain and not (sys.stdin.isatty() and sys.stdout.isatty()):
            plain = True
        session, proofs = _session(quiz, course, _student(name), out, stack)
        language = choose(lang, session.shown.language)
        session.resume()
        screen = PlainScreen(language) if plain else KeyScreen(language, console())
        Taking(session, screen, proofs).run()


@app.command()
def release(
    quiz: QuizArgument,
    out: Annotated[Path | None, typer.Option("--out", help="Where it goes; by default NAME.quiz.json.")] = None,
    mode: Annotated[ReleaseMode, typer.Option("--mode", help="An exam has one attempt and no hints.")] = (
        ReleaseMode.test
    ),
    course: CourseOption = Path(),
) -> None:
    """Write what students may see of a quiz: no key, no explanation, no proof."""
    from autograder.quiz import certificates, loading, released

    with errors_as_exit_codes():
        file = loading.find(quiz, course)
        loaded = loading.load(file)
        variants = certificates.variants_of(loaded, certificates.load(file, loaded))
        content = released.to_json(released.release(loaded, variants, mode.value))
        target = out or Path(f"{file.stem}.quiz.json")
        _write(target, content)
        typer.echo(f"{target}: {len(loaded.questions)} questions, no keys")


@app.command()
def export(
    quiz: QuizArgument,
    to: Annotated[ExportTarget, typer.Option("--to", help="The format.")],
    out: Annotated[Path | None, typer.Option("--out", help="Where it goes; by default named after the quiz.")] = None,
    lossy: Annotated[bool, typer.Option("--lossy", help="Export although something cannot be expressed.")] = False,
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Export a quiz: a page for self-study, or Moodle XML. Says what the target cannot express."""
    from autograder.quiz import certificates, loading
    from autograder.quiz.exports import html, moodle

    with errors_as_exit_codes():
        file = loading.find(quiz, course)
        loaded = loading.load(file)
        known = certificates.load(file, loaded)
        variants = certificates.variants_of(loaded, known)
        if to is ExportTarget.html:
            content, losses = html.page(loaded, variants, known.questions)
        else:
            exporter = moodle.Exporter(loaded, variants, choose(lang, loaded.language))
            content, losses = exporter.xml(), exporter.losses
        for loss in losses:
            sys.stderr.write(f"{to.value} cannot express {loss.question}: {loss.words}\n")
        if losses and not lossy:
            sys.stderr.write("nothing was written; --lossy exports all the same\n")
            raise typer.Exit(1)
        target = out or Path(f"{file.stem}.{'html' if to is ExportTarget.html else 'moodle.xml'}")
        _write(target, content)
        typer.echo(str(target))


@app.command()
def prove(
    quizzes: QuizzesArgument = None,
    check: Annotated[bool, typer.Option("--check", help="Only see whether every certificate is fresh.")] = False,
    course: CourseOption = Path(),
    unsafe_no_sandbox: Annotated[
        bool, typer.Option("--unsafe-no-sandbox", help="Run the quiz's code where it cannot be confined.")
    ] = False,
    json_output: JsonOption = False,
) -> None:
    """Run every option, confined: exactly the keyed ones must do what is claimed. Writes certificates."""
    with errors_as_exit_codes():
        found = _quizzes(quizzes, course)
        results = {
            file: _certificate_states(file, quiz) if check else _prove(file, quiz, unsafe=unsafe_no_sandbox)
            for file, quiz in found.items()
        }
    refused = {file: {name: words for name, words in r.items() if words} for file, r in results.items()}
    if json_output:
        print_json([{"file": str(f), "questions": len(results[f]), "refused": refused[f]} for f in results])
    else:
        for file, problems in refused.items():
            mark = "✗" if problems else "✓"
            typer.echo(f"{mark} {file.stem}: {len(results[file]) - len(problems)} of {len(results[file])} proved")
            for name, words in problems.items():
                for line in words:
                    typer.echo(f"    {name}: {line}")
    if any(refused.values()):
        raise typer.Exit(1)


@app.command()
def lint(quizzes: QuizzesArgument = None, course: CourseOption = Path(), json_output: JsonOption = False) -> None:
    """Review quizzes: explanations, languages, options that give themselves away, links, what guessing earns."""
    from autograder.quiz import certificates, linting, tables

    with errors_as_exit_codes():
        found = []
        for file, quiz in _quizzes(quizzes, course).items():
            variants = certificates.fresh_variants_of(quiz, certificates.load(file, quiz))
            found.append((file, linting.lint(quiz, file.parent, variants), linting.guesses(quiz)))
    if json_output:
        print_json(
            [
                {
                    "file": str(file),
                    "remarks": [{"kind": r.kind, "question": r.question, "words": r.words} for r in remarks],
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
            screen.print(tables.review(file.stem, remarks, guesses))
    if any(remark.kind == "error" for _, remarks, _ in found for remark in remarks):
        raise typer.Exit(1)


@app.command()
def stats(
    quiz: QuizArgument,
    answers: AnswersArgument,
    course: CourseOption = Path(),
    lang: LangOption = None,
    json_output: JsonOption = False,
) -> None:
    """Analyse questions: how hard, how telling, what was chosen; alpha and the error of measurement."""
    from dataclasses import asdict

    from autograder.quiz import statistics, tables

    with errors_as_exit_codes():
        outcomes = _scored(quiz, answers, course)
        try:
            analysis = statistics.analyse(outcomes)
        except ValueError as error:
            raise UsageError(str(error)) from None
        if json_output:
            print_json(asdict(analysis))
        else:
            console().print(tables.analysis(analysis, choose(lang)))


@app.command()
def schema() -> None:
    """Print the JSON Schema of quiz files, for editors."""
    from autograder.quiz import loading

    sys.stdout.write(loading.schema_text())


def _scored(name: Path, answers: list[Path], course: Path) -> list[SheetOutcome]:
    from autograder.quiz import loading, sheets

    for path in answers:
        if not path.exists():
            raise UsageError(f"{path}: there is no such file or folder")
    file = loading.find(name, course)
    quiz = loading.load(file)
    with _scorer(file, quiz) as scorer:
        outcomes = [scorer.score(sheet) for sheet in sheets.read_sheets(answers, quiz)]
    if not outcomes:
        raise UsageError(f"no answer sheets found in {', '.join(map(str, answers))}")
    return outcomes


def _quizzes(names: list[Path] | None, course: Path) -> dict[Path, Quiz]:
    from autograder.quiz import loading

    if not names:
        return loading.load_all(course / "quizzes")
    files = [loading.find(name, course) for name in names]
    return {file: loading.load(file) for file in files}


@contextmanager
def _scorer(file: Path, quiz: Quiz) -> Iterator[Scorer]:
    """A scorer; torch is loaded only for a quiz that has an answer in code to run."""
    from autograder.quiz import certificates
    from autograder.quiz.models import Code
    from autograder.quiz.scoring import Scorer

    variants = certificates.variants_of(quiz, certificates.load(file, quiz))
    with ExitStack() as stack:
        run_code: RunCode | None = None
        if any(isinstance(question, Code) for question in quiz.questions):
            run_code = _code_judge(stack)
        yield Scorer(quiz, variants, run_code)


def _code_judge(stack: ExitStack) -> RunCode:
    """Judges code when the first answer comes; where it cannot be confined such answers stay unjudged."""
    from autograder.quiz.models import Code
    from autograder.quiz.scoring import Verdict

    ready: list[RunCode] = []

    def judge(question: Code, answer: str) -> Verdict:
        if not ready:
            from autograder.errors import SandboxError
            from autograder.quiz.proving import CodeJudge, Laboratory
            from autograder.sandbox import confine

            if not confine.is_available():
                raise SandboxError("this machine cannot confine code")
            ready.append(CodeJudge(stack.enter_context(Laboratory(confined=True))))
        return ready[0](question, answer)

    return judge


def _prove(file: Path, quiz: Quiz, *, unsafe: bool) -> dict[str, list[str]]:
    """Prove a quiz and keep its certificates; gives the problems of each question."""
    from autograder.quiz import certificates
    from autograder.quiz.proving import Laboratory
    from autograder.quiz.proving import prove as prove_all
    from autograder.sandbox import confine

    if not confine.is_available() and not unsafe:
        raise UsageError(
            "this machine cannot confine code (Linux 5.13 or newer with Landlock is needed); "
            "prove in WSL2 or a Linux container, or add --unsafe-no-sandbox"
        )
    found: list[Proved] = []
    with (
        Laboratory(confined=confine.is_available()) as laboratory,
        console(stderr=True).status(f"proving {file.stem}") as status,
    ):
        for proved in prove_all(quiz, laboratory, advance=lambda name: status.update(f"proving {file.stem}: {name}")):
            found.append(proved)
    kept = {proved.id: proved.certificate for proved in found if proved.certificate is not None}
    certificates.save(file, certificates.Certificates(schema=1, quiz=quiz.id, questions=kept))
    return {proved.id: proved.problems for proved in found}


def _certificate_states(file: Path, quiz: Quiz) -> dict[str, list[str]]:
    from autograder.quiz import certificates

    known = certificates.load(file, quiz)
    states = {question.id: certificates.state_of(question, known) for question in quiz.questions}
    words = {"missing": "not proved yet", "stale": "has changed since it was proved, or torch has"}
    return {name: [words[state]] if state in words else [] for name, state in states.items() if state != "unproved"}


def _session(
    name: Path, course: Path, student: str, out: Path | None, stack: ExitStack
) -> tuple[Session, Mapping[str, Certificate]]:
    """Somebody's session: with keys for a quiz of a course in practice, without for what was released."""
    from autograder.quiz import certificates, loading, released
    from autograder.quiz.session import Session

    if name.suffix == ".json":
        shown = released.load(name)
        return Session(shown, student, out or Path(f"{shown.id}.answers.json")), {}
    file = loading.find(name, course)
    quiz = loading.load(file)
    known = certificates.load(file, quiz)
    shown = released.release(quiz, certificates.variants_of(quiz, known), quiz.defaults.mode)
    path = out or Path(f"{quiz.id}.answers.json")
    if quiz.defaults.mode != "practice":
        return Session(shown, student, path), {}
    scorer = stack.enter_context(_scorer(file, quiz))
    return Session(shown, student, path, quiz=quiz, scorer=scorer), known.questions


def _student(name: str | None) -> str:
    import getpass

    try:
        return name or getpass.getuser()
    except (KeyError, OSError):  # a machine without a user of that number
        return "me"


def _write(target: Path, content: str) -> None:
    try:
        target.write_text(content, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error


def _write_lines(outcomes: list[SheetOutcome], out: Path) -> None:
    import json

    try:
        with out.open("w", encoding="utf-8") as file:
            for outcome in outcomes:
                file.write(json.dumps(outcome.to_dict(), ensure_ascii=False) + "\n")
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}") from error
