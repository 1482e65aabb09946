"""Makes courses, assignments and quizzes to begin with: small and complete, so that every command works on them.

The functions of a new assignment add up multiples of their arguments. That is meant to be replaced: by what students
shall write, with criteria and mutants to match.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic_core import PydanticCustomError

from autograder.base.errors import UsageError
from autograder.base.files import write_asked
from autograder.base.i18n import (
    OURS,
    Language,
    Text,
    blank_catalogue,
    catalogue_file,
    find_catalogue,
    same,
    text,
)
from autograder.course.configuration import CONFIG_FILE, Folders
from autograder.course.course import GUIDE, Course
from autograder.course.notebook_cells import nbgrader_mark, new_cell
from autograder.course.settings import Function

ASSIGNMENT, SIGNATURES = "first_steps", ("weighted_sum(x, y)",)
QUIZ = "first_quiz"
STUDENT = "sample_student"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_POINTS = 3
_NAMES_OF_THE_RUBRIC = ("checks", "reference", "student", "torch")
_NAMES_OF_THE_NOTEBOOK = ("check", "torch")


@dataclass(frozen=True)
class Example:
    """A declared function, and what the skeleton lets it do: add up multiples of its arguments.

    Args:
        function: as declared.
        signature: as the author has written it.
    """

    function: Function
    signature: str

    @property
    def name(self) -> str:
        """The function's name, which is the exercise's too."""
        return self.function.name

    @property
    def id(self) -> str:
        """The name as it begins the ids of mutants."""
        return self.name.replace("_", "-")

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of its parameters."""
        return self.function.parameters

    @property
    def inputs(self) -> str:
        """What a criterion assigns random inputs to; a single one is unpacked as well."""
        return ", ".join(self.parameters) + ("," if len(self.parameters) == 1 else "")

    @property
    def call(self) -> str:
        """A call in a criterion."""
        in_order, by_name = self.function.split([*self.parameters])
        return f"{self.name}({', '.join([*in_order, *(f'{name}={name}' for name in by_name)])})"

    @cached_property
    def formula(self) -> str:
        """What the reference returns."""
        terms = [f"{factor} * {name}" for factor, name in enumerate(self.parameters, 2)]
        return " + ".join(terms) or "torch.ones(4, 3)"

    @property
    def of_ones(self) -> float:
        """What the reference returns for tensors of ones."""
        return float(sum(range(2, 2 + len(self.parameters))))


def new_assignment(course: Course, name: str, signatures: Sequence[str], languages: Sequence[Language]) -> list[Path]:
    """Write an assignment: notebook, settings, visible and hidden criteria, mutants. Return the files.

    Args:
        course: where it goes.
        name: the assignment's.
        signatures: of the functions that students shall write, such as ``sgd(params, lr)``.
        languages: of its words.

    Raises:
        UsageError: the name is none, the assignment is there already, or a signature is wrong.
    """
    folder = course.source / _checked(name)
    functions = _examples(signatures)
    if folder.exists():
        raise UsageError(text("{path}: exists already; choose another name", path=folder))
    fill = _Filler(languages, {"functions": functions})
    title, takes_parameters = same(name.replace("_", " ").capitalize()), any(f.parameters for f in functions)
    words = {
        "title": fill.words(title),
        "exercise": lambda f: fill.words(same(f.name)),
        "visible": text("The criteria that students see.").get(languages[0]),
        "hidden": text(
            "Hidden criteria: students see their titles and whether they are met, no message and no hint."
        ).get(languages[0]),
        "mutants": text("The mistakes you expect: edits of the solution, each of which must lose points.").get(
            languages[0]
        ),
        "example_title": lambda f: fill.words(_example_title(f)),
        "example_hint": fill.words(text("Print what you return, and its shape.")),
        "values_title": lambda f: fill.words(_values_title(f)),
        "adds_up": fill.words(text("Everything is added up to one number; one number per element is asked.")),
        "doubles": fill.words(text("Every number is doubled; ones are asked.")),
        "squares": lambda f: fill.words(text("{name} is squared; its double is asked.", name=f.parameters[0])),
    }
    return _write(
        {
            folder / "assignment.yaml": fill("assignment.yaml", words=words),
            folder / f"{name}.ipynb": _notebook(title, functions, languages),
            folder / f"test_{name}.py": fill("visible.py", words=words, takes_parameters=takes_parameters),
            folder / "private" / f"test_{name}_hidden.py": fill(
                "hidden.py", words=words, takes_parameters=takes_parameters
            ),
            folder / "private" / "mutants.yaml": fill("mutants.yaml", words=words),
        }
    )


def new_quiz(folder: Path, name: str, languages: Sequence[Language]) -> list[Path]:
    """Write a quiz of two questions whose keys can be proved; return the files.

    Args:
        folder: of the course's quizzes.
        name: the quiz's.
        languages: of its words.

    Raises:
        UsageError: the name is none, or the quiz is there already.
    """
    file = folder / f"{_checked(name)}.yaml"
    if file.exists():
        raise UsageError(text("{path}: exists already; choose another name", path=file))
    fill = _Filler(languages, {"id": name.replace("_", "-")})
    words = {
        "title": same(name.replace("_", " ").capitalize()),
        "means": text("`X` has shape (6, 3), one sample per row. Which one gives the mean of every feature?"),
        "all_means": text("That is one mean, of all 18 numbers."),
        "row_means": text("That is the mean of every sample, 6 numbers."),
        "means_hint": text("Write down the shape of every option first."),
        "means_explained": text("A mean along dim=0 makes the rows disappear and leaves one number per column."),
        "parameters": text("How many numbers does `torch.nn.Linear(4, 7)` learn?"),
        "no_biases": text("These are the weights; each of the 7 outputs has a bias as well."),
        "parameters_explained": text("4 * 7 weights and 7 biases."),
    }
    return _write({file: fill("quiz.yaml", words={key: fill.words(value) for key, value in words.items()})})


def configuration(title: str, languages: Sequence[Language]) -> str:
    """Return the ``nbgrader_config.py`` of a new course."""
    stub = {"zh": "在这里写你的代码", "en": "your code here"}
    text_stub = {"zh": "在这里写你的答案", "en": "your answer here"}
    said = {
        "spoken": list(languages),
        "course_id": re.sub(r"\W+", "-", title).strip("-").lower() or "course",
        "stub": f"# {_in_each(languages, stub)}\nraise NotImplementedError()",
        "text_stub": _in_each(languages, text_stub),
    }
    values = {name: json.dumps(value, ensure_ascii=False) for name, value in said.items()}
    return _Filler(languages, {})("nbgrader_config.py", **values)


def _in_each(languages: Sequence[Language], words: Mapping[Language, str]) -> str:
    return " / ".join(dict.fromkeys(words.get(one, words["en"]) for one in languages))


def new_course(root: Path, title: str, languages: Sequence[Language]) -> list[Path]:
    """Write a course into a folder: configuration, an assignment, a quiz, a submission, what to do next (a ``.md``).

    Args:
        root: the folder; made if it is missing. What is in it stays.
        title: the course's.
        languages: of its words, the first being the one to begin with.

    Raises:
        UsageError: a file is there already, or cannot be written; or the folder is a file.
    """
    if root.is_file():
        raise UsageError(text("{path}: is a file; name a folder", path=root))
    config = root / CONFIG_FILE
    files = {config: configuration(title, languages)}
    readme = root / ("FIRST_STEPS.md" if (root / "README.md").exists() else "README.md")
    for file in (config, readme):
        if file.exists():
            raise UsageError(text("{path}: exists already; choose another folder", path=file))
    files[readme] = _readme(title, languages)
    if not (root / ".gitignore").exists():
        files[root / ".gitignore"] = _gitignore(languages[0])
    written = _write(files) + blank_catalogues(root, languages)
    course = Course(root)
    written += new_assignment(course, ASSIGNMENT, SIGNATURES, languages)
    written += new_quiz(course.quizzes, QUIZ, languages)
    return written + _sample(course)


def blank_catalogues(root: Path, languages: Sequence[Language]) -> list[Path]:
    """Write the catalogues that a course's languages lack, with every sentence of ours to be translated.

    Args:
        root: the course's folder.
        languages: those that it declares or is about to declare.
    """
    lacking = [one for one in languages if one not in OURS and find_catalogue(one, root) is None]
    return _write({catalogue_file(language, root): blank_catalogue(language) for language in lacking})


def _readme(title: str, languages: Sequence[Language]) -> str:
    steps = (
        (text("See what the criteria are worth: every wrong version must lose points."), "autograder audit"),
        (text("Make what students get, and enter it into the gradebook."), f"autograder release {ASSIGNMENT}"),
        (text("Grade what has been handed in; one sample is there already."), "autograder grade"),
        (text("Look at the class."), f"autograder report {ASSIGNMENT}"),
        (text("Prove the keys of the quiz by running every option."), "autograder quiz prove"),
    )
    more = text(
        "Change the assignment in `solutions/{assignment}/` into one of your own, or begin another: "
        '`autograder new assignment NAME --functions "f(x, y)"`. Step by step, with examples to copy: {guide}',
        assignment=ASSIGNMENT,
        guide=GUIDE,
    )
    browser = text(
        "To run the course in a browser, for your students and yourself: `autograder serve`. It prints a link that "
        "makes you the instructor."
    )
    language = languages[0]
    shown = [{"words": words.get(language), "command": command} for words, command in steps]
    return _Filler(languages, {})(
        "README.md", title=title, steps=shown, words={"more": more.get(language), "browser": browser.get(language)}
    )


def _gitignore(language: Language) -> str:
    words = {"kept_out": text("what grading makes, and what students have handed in").get(language)}
    return _Filler((language,), {})("gitignore", words=words, folders=Folders())


def _sample(course: Course) -> list[Path]:
    """Hand in the assignment with one mistake, which is a mutant of it."""
    source = json.loads((course.source / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").read_text(encoding="utf-8"))
    (function,) = _examples(SIGNATURES)
    right = f"return 2 * {function.parameters[0]}"
    for cell in source["cells"]:
        lines = [line.replace(right, f"{right} ** 2") for line in cell["source"]]
        cell["source"] = [line for line in lines if not line.strip().startswith("### ")]
    name = f"{ASSIGNMENT}.ipynb"
    return _write({course.submitted / STUDENT / ASSIGNMENT / name: _written(source)})


# -- the parts ---------------------------------------------------------------------------------------------------------


class _Filler:
    """Fills in the templates of this package.

    Args:
        languages: of the words.
        names: what every template knows.
    """

    def __init__(self, languages: Sequence[Language], names: Mapping[str, Any]) -> None:
        from jinja2 import Environment, PackageLoader, StrictUndefined

        self._languages = languages
        self._names = {**names, "languages": tuple(languages)}
        self._templates = Environment(
            loader=PackageLoader("autograder.course"),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
            autoescape=False,  # noqa: S701 -- what comes out is Python, YAML and Markdown
        )

    def __call__(self, template: str, **values: Any) -> str:
        """Fill in one of them."""
        return self._templates.get_template(f"{template}.j2").render({**self._names, **values})

    def words(self, words: Text) -> str:
        """Return words as both YAML and Python write them: a string, or a mapping where there are more languages."""
        told = {language: words.get(language) for language in self._languages}
        return json.dumps(told if len(told) > 1 else next(iter(told.values())), ensure_ascii=False)


def _examples(signatures: Iterable[str]) -> tuple[Example, ...]:
    functions = []
    for signature in signatures:
        try:
            functions.append(Example(Function.parse(signature), signature))
        except PydanticCustomError as error:
            raise UsageError((error.context or {})["text"]) from error
    names = [function.name for function in functions]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(text("{name} is given twice; every function needs a name of its own", name=min(twice)))
    if taken := {*names}.intersection(_NAMES_OF_THE_NOTEBOOK):
        words = text("{name}: the notebook imports this name itself; call the function otherwise", name=min(taken))
        raise UsageError(words)
    if taken := {name for function in functions for name in function.parameters}.intersection(_NAMES_OF_THE_RUBRIC):
        raise UsageError(text("{name}: the rubric has this name itself; call the parameter otherwise", name=min(taken)))
    if not functions:
        raise UsageError(text('name at least one function: --functions "f(x, y)"'))
    return tuple(functions)


def _example_title(function: Example) -> Text:
    return text("right for tensors of ones") if function.parameters else text("right shape")


def _values_title(function: Example) -> Text:
    return text("right for random inputs") if function.parameters else text("right values")


def _notebook(title: Text, functions: Sequence[Example], languages: Sequence[Language]) -> str:
    heading = " / ".join(dict.fromkeys(title.get(language) for language in languages))
    cells = [
        new_cell("markdown", "title", f"# {heading}"),
        new_cell("code", "imports", "import torch\nfrom autograder import check"),
    ]
    for function in functions:
        name, test = function.name, f"test_{function.name}"
        solution = nbgrader_mark(name, solution=True)
        graded = nbgrader_mark(test, grade=True, locked=True, points=_POINTS)
        cells.append(new_cell("code", function.id, _solution(function, languages), solution))
        cells.append(new_cell("code", f"test-{function.id}", f'check("{name}")', graded))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return _written({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})


def _solution(function: Example, languages: Sequence[Language]) -> str:
    takes: Text = (
        text("{names}: tensors of one shape", names=", ".join(function.parameters))
        if len(function.parameters) > 1
        else text("{names}: a tensor of any shape", names=", ".join(function.parameters))
    )
    wanted = text("Return {formula}.", formula=function.formula)
    lines = [wanted.get(language) for language in languages]
    if function.parameters:
        lines += ["", *(takes.get(language) for language in languages)]
    docstring = "\n".join(f"    {line}".rstrip() for line in lines).lstrip()
    return (
        f'def {function.signature}:\n    """{docstring}\n    """\n'
        f"    ### BEGIN SOLUTION\n    return {function.formula}\n    ### END SOLUTION"
    )


def _written(notebook: Mapping[str, Any]) -> str:
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def _checked(name: str) -> str:
    """Return the name of an assignment or a quiz, which is part of file names and of names in Python.

    Raises:
        UsageError: it cannot be.
    """
    if _NAME.fullmatch(name):
        return name
    raise UsageError(text("{name!r}: a name has letters, digits and _, and begins with a letter", name=name))


def _write(files: Mapping[Path, str]) -> list[Path]:
    """Write new files.

    Raises:
        UsageError: one cannot be written.
    """
    for path, content in files.items():
        write_asked(path, content, make_folder=True)
    return list(files)
