"""``init`` and ``new``: a course to begin with, or a stock nbgrader course to take over; assignments and quizzes."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from autograder.base.errors import UsageError
from autograder.cli.options import CourseOption, LangOption, choose, course_at, errors_as_exit_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from autograder.base.i18n import Language, Text
    from autograder.course.takeover import Plan


new = typer.Typer(no_args_is_help=True, help="Begin an assignment or a quiz with something small that works.")
LanguagesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--language",
        metavar="LANGUAGE",
        help="Language of the course's words, such as zh, en or fr; repeatable, the first is the one to begin with. "
        "By default the one of --lang, or else of your system.",
    ),
]


def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where; it is made if it is missing.")] = Path(),
    title: Annotated[str | None, typer.Option("--title", metavar="TITLE", help="The course's title.")] = None,
    language: LanguagesOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Ask nothing.")] = False,
    lang: LangOption = None,
) -> None:
    """Start a course here, or take over the nbgrader course that is here."""
    from autograder.base.i18n import language_of_locale, text
    from autograder.course import skeletons
    from autograder.course.takeover import Plan, can_be_taken_over, languages_in_use

    with errors_as_exit_codes(lang):
        spoken = choose(lang, language_of_locale())
        asks = sys.stdin.isatty() and not yes
        root = folder.resolve()
        if can_be_taken_over(root):
            languages = _known(language) if language else languages_in_use(root) or (spoken,)
            plan = Plan(root, languages)
            if language and not plan.lines:
                plan.refuse_other_languages()
            if title:
                _say(text("--title is for a new course; {file} names this one", file=plan.file), spoken)
            _take_over(plan, spoken, asks=asks)
            return
        name = title or _asked(text("Title of the course"), root.name.replace("_", " ").replace("-", " "), spoken, asks)
        languages = _languages(language, spoken, asks=asks)
        written = skeletons.new_course(root, name, languages)
        _tell_written(written, root, spoken)
        _tell_untranslated(root, spoken)
        readme = next(file.name for file in written if file.suffix == ".md")
        steps = text("the five commands of {file}, `autograder audit` first", file=readme)
        if folder.resolve() != Path.cwd():
            steps = text("`{command}`, then {steps}", command=shlex.join(["cd", str(folder)]), steps=steps)
        _say(text("next: {steps}", steps=steps), spoken)


def _take_over(plan: Plan, spoken: Language, *, asks: bool) -> None:
    """Show what is to be added to a course's configuration, and add it."""
    from autograder.base.i18n import text
    from autograder.course import skeletons

    if not plan.lines:
        _say(text("{file}: has all that is needed already", file=plan.file), spoken)
        return
    _say(text("to be added to {file}:", file=plan.file), spoken)
    typer.echo("\n" + "".join(f"    {line}\n" for line in plan.lines))
    for name in plan.replaced:
        _say(text("what it sets as {name} is replaced", name=name), spoken)
    if asks and not typer.confirm(text("Add these lines?").get(spoken), default=True):
        _say(text("nothing has been written"), spoken)
        return
    plan.carry_out()
    skeletons.blank_catalogues(plan.root, plan.languages)
    _say(text("added; to undo it: {command}", command=plan.undoing), spoken)
    _tell_untranslated(plan.root, spoken)
    for words in plan.what_works():
        _say(words, spoken)


@new.command("assignment")
def new_assignment(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name: letters, digits and _.")],
    functions: Annotated[
        list[str] | None,
        typer.Option(
            "--functions",
            metavar="SIGNATURES",
            help='What students shall write, such as "f(x, y), g(z)", or the option again for each; by default one '
            "function, called like it.",
        ),
    ] = None,
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Write an assignment whose functions add up their arguments, to be changed into your own."""
    from autograder.base.i18n import text
    from autograder.course import skeletons

    with errors_as_exit_codes(lang):
        found, spoken = course_at(course), choose(lang)
        written = skeletons.new_assignment(
            found, name, _signatures(", ".join(functions or [f"{name}(x, y)"])), found.languages
        )
        _tell_written(written, found.root, spoken)
        words = text(
            "next: `autograder audit {name}` passes at once; put your own solution into the notebook, then change "
            "points, criteria and mutants until it passes again",
            name=name,
        )
        _say(words, spoken)


@new.command("quiz")
def new_quiz(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Its name: letters, digits and _.")],
    course: CourseOption = Path(),
    lang: LangOption = None,
) -> None:
    """Write a quiz of two questions whose keys can be proved, to be changed into your own."""
    from autograder.base.i18n import text
    from autograder.course import skeletons

    with errors_as_exit_codes(lang):
        found, spoken = course_at(course), choose(lang)
        _tell_written(skeletons.new_quiz(found.quizzes, name, found.languages), found.root, spoken)
        _say(text("next: autograder quiz prove {name}", name=name), spoken)


def _signatures(functions: str) -> list[str]:
    """Split at the commas that stand between signatures, outside brackets.

    >>> _signatures("f(x, y), g(z)")
    ['f(x, y)', 'g(z)']
    """
    found, depth = [""], 0
    for sign in functions:
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and not depth:
            found.append("")
        else:
            found[-1] += sign
    return [signature.strip() for signature in found if signature.strip()]


def _languages(chosen: Sequence[str] | None, spoken: Language, *, asks: bool) -> tuple[Language, ...]:
    """The languages that were named, else those that are given on asking, else the spoken one."""
    from autograder.base.i18n import text

    if chosen:
        return _known(chosen)
    words = _asked(text("Languages of its words, such as en or zh en"), spoken, spoken, asks)
    return _known(words.replace(",", " ").split())


def _known(codes: Sequence[str]) -> tuple[Language, ...]:
    """Return codes of languages, each once.

    Raises:
        UsageError: one of them cannot be such a code.
    """
    from autograder.base.i18n import LANGUAGE, text

    for code in codes:
        if not LANGUAGE.fullmatch(code):
            raise UsageError(text("{code!r} is not the code of a language, such as en or fr", code=code))
    return tuple(dict.fromkeys(codes))


def _asked(question: Text, usual: str, spoken: Language, asks: bool) -> str:
    return typer.prompt(question.get(spoken), default=usual) if asks else usual


def _say(words: Text, spoken: Language) -> None:
    typer.echo(words.get(spoken))


def _tell_untranslated(root: Path, spoken: Language) -> None:
    """Name the catalogues of the course that are still to be filled in."""
    from autograder.base.i18n import catalogue_file, find_catalogue, text
    from autograder.course.course import Course

    course = Course(root)
    for language in course.languages:
        file = catalogue_file(language, root)
        if file.is_file() and not find_catalogue(language, root):
            words = text(
                "what this program says is not in {language} yet: English stands in for it until you translate {file}",
                language=language,
                file=file.relative_to(root),
            )
            _say(words, spoken)


def _tell_written(files: list[Path], root: Path, spoken: Language) -> None:
    from autograder.base.i18n import text

    for file in files:
        name = file.relative_to(root) if file.is_relative_to(root) else file
        _say(text("written: {file}", file=name), spoken)
