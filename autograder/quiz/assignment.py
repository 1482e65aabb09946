"""A quiz as an assignment: `autograder grade` grades it like any other, and only ``private/`` holds its key."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import CommentMark
from ruamel.yaml.scalarstring import FoldedScalarString, LiteralScalarString
from ruamel.yaml.tokens import CommentToken
from ruamel.yaml.util import load_yaml_guess_indent

from autograder.base.errors import ConfigError, UsageError
from autograder.base.files import write_asked
from autograder.base.i18n import text
from autograder.course.course import Assignment, Course
from autograder.quiz.exports import notebook
from autograder.quiz.exports.losses import Loss
from autograder.quiz.proofs import certificates
from autograder.quiz.questions import loading
from autograder.quiz.questions.models import Quiz
from autograder.quiz.scoring.markers import Variant
from autograder.quiz.take import released

_MADE_BY = "made by `autograder quiz release --to notebook`"
_NEVER_FOLDED = 1_000_000
_RUBRIC = '''\
"""Judges the answers to {quiz}; {made_by}."""

from pathlib import Path

from autograder.quiz.rubric import criteria

HERE = Path(__file__)
globals().update(
    criteria(
        HERE.parents[{levels}] / {quiz!r},
        kept=HERE.with_name({kept!r}),
        sha256={sha256!r},
    )
)
'''
_MADE_FROM = re.compile(r"HERE\.parents\[(?P<levels>\d+)\] / '(?P<quiz>[^']+)',.*?sha256='(?P<sha256>\w+)'", re.DOTALL)
_FORM = '''\
"""Checks whether the answers to {quiz} can be read, not whether they are right; {made_by}."""

from pathlib import Path

from autograder.quiz.rubric import form_criteria

globals().update(form_criteria(Path(__file__).with_name({released!r})))
'''


def name_of(quiz_file: Path) -> str:
    """Return the name of a quiz's assignment."""
    return f"{quiz_file.stem}_quiz"


def grade_cells(quiz_file: Path) -> set[str]:
    """Return the names of the grade cells that a quiz has in a notebook."""
    return {f"test_{notebook.exercise_name(question)}" for question in loading.load(quiz_file).questions}


def release(quiz_file: Path, course: Course) -> tuple[str, list[Loss]]:
    """Make or renew the assignment of a quiz; return its name, and what a notebook cannot do.

    Args:
        quiz_file: a quiz in the course's folder.
        course: where the assignment goes.

    Raises:
        UsageError: the quiz is outside the course, or an assignment of this name was not made from a quiz.
        ConfigError: the quiz has a mistake.
    """
    name = name_of(quiz_file)
    quiz, variants = _load(quiz_file)
    solution, handed_out = course.source / name, course.release / name
    rubric = solution / "private" / f"test_{name}.py"
    content = _rubric(rubric, quiz_file, course, quiz, variants)
    if solution.exists() and not (rubric.is_file() and _MADE_BY in rubric.read_text(encoding="utf-8")):
        raise UsageError(
            text("{solution}: already exists and was not made from a quiz; rename one of the two", solution=solution)
        )
    settings = yaml.safe_dump(_settings(quiz), allow_unicode=True, sort_keys=False, width=120)
    _write(
        {
            rubric: content,
            solution / "private" / _kept_name(quiz_file): _kept(quiz_file, quiz),
            solution / "assignment.yaml": settings,
            solution / f"{name}.ipynb": notebook.notebook(quiz, variants, keyed=True, checked=True),
            handed_out / "assignment.yaml": settings,
            handed_out / f"{name}.ipynb": notebook.notebook(quiz, variants, keyed=False, checked=True),
            **_visible(quiz_file, quiz, solution),
            **_visible(quiz_file, quiz, handed_out),
        }
    )
    return name, notebook.losses(quiz)


def add_to(assignment: Assignment, quiz_file: Path, course: Course) -> list[Loss]:
    """Append a quiz to an assignment's source, or renew it there; return what a notebook cannot do.

    Args:
        assignment: what students will get it with; the folder with the solutions.
        quiz_file: a quiz in the course's folder.
        course: its course.

    Raises:
        UsageError: the quiz is outside the course, or another quiz in the assignment conflicts with it.
        ConfigError: the quiz has a mistake, or the assignment has an exercise or a cell named like a question.
    """
    quiz, variants = _load(quiz_file)
    rubric = assignment.private / f"test_{quiz_file.stem}_quiz.py"
    settings = assignment.directory / "assignment.yaml"
    exercises = _settings(quiz)["exercises"]
    visible = _visible(quiz_file, quiz, assignment.directory)
    shown = assignment.directory / f"{quiz_file.stem}.quiz.json"
    _refuse_other_quizzes(assignment, quiz_file, shown, exercises)
    ours = _exercises_before(assignment, shown, exercises)
    cells = notebook.cells(quiz, variants, keyed=True, checked=True)
    content = _with_exercises(settings, exercises, ours)
    source = json.loads(assignment.notebook.read_text(encoding="utf-8"))
    kept = [cell for cell in source["cells"] if _grade_id(cell) not in {*notebook.grade_ids(ours), notebook.IMPORTS}]
    if taken := ({_grade_id(cell) for cell in kept} & {_grade_id(cell) for cell in cells}) - {None}:
        words = text("has a cell {name!r} of its own; rename the quiz's question", name=min(map(str, taken)))
        raise ConfigError(words, path=assignment.notebook)
    _write(
        {
            settings: content,
            assignment.notebook: notebook.written(source | {"cells": [*kept, *cells]}),
            assignment.private / _kept_name(quiz_file): _kept(quiz_file, quiz),
            rubric: _rubric(rubric, quiz_file, course, quiz, variants),
            **visible,  # last: it records which questions to replace next time
        }
    )
    return notebook.losses(quiz)


def refuse_changed(assignment: Assignment) -> None:
    """Refuse to go on with earlier reports of an assignment whose quiz has changed since, as its rubric would.

    Raises:
        ConfigError: a key, points or anything else that decides on a score is not what the notebook was made with.
    """
    for rubric in sorted(assignment.private.glob("test_*_quiz.py")):
        content = rubric.read_text(encoding="utf-8", errors="replace")
        if _MADE_BY not in content or (made := _MADE_FROM.search(content)) is None:
            continue
        quiz_file = rubric.parents[int(made["levels"])] / made["quiz"]
        if not quiz_file.is_file():  # the copy in private/ judges then
            continue
        try:
            quiz, variants = _load(quiz_file)
        except UsageError as error:
            raise ConfigError(error.text, path=quiz_file) from None
        if certificates.fingerprint_of_quiz(quiz, variants) != made["sha256"]:
            raise ConfigError(
                text("has changed since its notebook was made; run `autograder quiz release --to notebook` again"),
                path=quiz_file,
            )


def _refuse_other_quizzes(assignment: Assignment, quiz_file: Path, shown: Path, exercises: Mapping[str, Any]) -> None:
    """Refuse to replace questions that another quiz has put into the assignment."""
    if (assignment.private / f"test_{assignment.name}.py").is_file() and assignment.name.endswith("_quiz"):
        raise UsageError(
            text("{directory}: was made from a quiz; add the questions to that quiz", directory=assignment.directory)
        )
    for other in sorted(assignment.directory.glob("*.quiz.json")):
        there = {notebook.exercise_name(question) for question in released.load(other).questions}
        if other != shown and (both := there & set(exercises)):
            stem = other.name.removesuffix(".quiz.json")
            raise UsageError(
                text(
                    "{quiz_file}: this assignment already has question {question}, from quiz {stem}; "
                    "rename one of them, "
                    "or, if {stem} is the old name of this quiz, remove {other} and the two test_{stem}_quiz*.py",
                    quiz_file=quiz_file,
                    question=min(both),
                    stem=stem,
                    other=other,
                )
            )


def _grade_id(cell: Mapping[str, Any]) -> str | None:
    mark = cell["metadata"].get("nbgrader", {}).get("grade_id")
    return None if mark is None else str(mark)


def _exercises_before(assignment: Assignment, shown: Path, exercises: Mapping[str, Any]) -> set[str]:
    """Return the exercises that an earlier run put into an assignment, even if it was killed halfway."""
    there = assignment.settings.exercises
    same = {n for n, e in exercises.items() if n in there and list(there[n].functions) == e["functions"]}
    if not shown.exists():
        return same
    return same | {notebook.exercise_name(question) for question in released.load(shown).questions}


def _load(quiz_file: Path) -> tuple[Quiz, Mapping[str, list[Variant]]]:
    quiz = loading.load(quiz_file)
    return quiz, certificates.variants_of(quiz, certificates.load(quiz_file, quiz))


def _rubric(
    rubric: Path, quiz_file: Path, course: Course, loaded: Quiz, variants: Mapping[str, Sequence[Variant]]
) -> str:
    root = course.root.resolve()
    quiz, made = quiz_file.resolve(), rubric.resolve()
    if not quiz.is_relative_to(root):
        raise UsageError(
            text(
                "{quiz_file}: is outside the course {course}, so grading would not find it",
                quiz_file=quiz_file,
                course=root,
            )
        )
    start = root if made.is_relative_to(root) else Path(os.path.commonpath((root, made)))  # sources may lie elsewhere
    where, levels = quiz.relative_to(start).as_posix(), len(made.relative_to(start).parts) - 1
    sha256 = certificates.fingerprint_of_quiz(loaded, variants)
    return _RUBRIC.format(levels=levels, quiz=where, kept=_kept_name(quiz_file), sha256=sha256, made_by=_MADE_BY)


def _kept_name(quiz_file: Path) -> str:
    return f"{quiz_file.stem}.key.json"


def _kept(quiz_file: Path, quiz: Quiz) -> str:
    return certificates.keep(quiz, certificates.load(quiz_file, quiz))


def _visible(quiz_file: Path, quiz: Quiz, folder: Path) -> Mapping[Path, str]:
    """Return the files that students get too: a rubric, and the quiz without its keys."""
    shown = f"{quiz_file.stem}.quiz.json"
    rubric = _FORM.format(quiz=quiz.id, released=shown, made_by=_MADE_BY)
    return {
        folder / f"test_{quiz_file.stem}_quiz_form.py": rubric,
        folder / shown: released.to_json(released.release(quiz, {}, "exam")),
    }


def _write(files: Mapping[Path, str]) -> None:
    for path, content in files.items():
        write_asked(path, content, make_folder=True)


def _with_exercises(settings: Path, exercises: Mapping[str, Any], ours: Collection[str]) -> str:
    """Return the text of an ``assignment.yaml`` with these exercises in place of ours; comments and order stay.

    Raises:
        ConfigError: an exercise of such a name is not ours, or the exercises are not written in lines.
    """
    content = settings.read_text(encoding="utf-8-sig").rstrip("\n") + "\n"
    _, step, dash = load_yaml_guess_indent(content)
    editor = YAML()
    editor.preserve_quotes, editor.width = True, _NEVER_FOLDED
    document = editor.load(content)
    there = document["exercises"]
    if not isinstance(there, CommentedMap) or there.fa.flow_style():
        words = text("must be written in lines, one exercise after the other")
        raise ConfigError(words, path=settings, key="exercises")
    lines = {name: there.lc.key(name) for name in there}
    for name, (line, _) in lines.items():
        if name in exercises and name not in ours:
            words = text("the quiz has a question of this name; rename one of the two")
            raise ConfigError(words, path=settings, line=line + 1, key=name)
    sequence = 2 if dash is None else step
    editor.indent(mapping=next(iter(lines.values()))[1], sequence=sequence, offset=dash or 0)
    end = _cut_comment(there, next(reversed(there)))
    begin = "".join(_remove(there, name) for name in reversed(lines) if name in ours)
    there.update({n: CommentedMap({**e, "functions": CommentedSeq(e["functions"])}) for n, e in exercises.items()})
    if begin:
        there.ca.items.setdefault(next(iter(there)), [None] * 4)[1] = [CommentToken(begin, CommentMark(0), None)]
    _add_comment(there, next(reversed(there)), end)
    written = io.StringIO()
    editor.dump(document, written)
    return written.getvalue()


def _remove(there: CommentedMap, name: str) -> str:
    """Remove an exercise, but not the comment below it: that belongs to what comes next.

    Returns:
        The comment, where there is no exercise before this one that could keep it.
    """
    names = list(there)
    comment = _cut_comment(there, name)
    del there[name]
    if name == names[0]:
        return comment
    _add_comment(there, names[names.index(name) - 1], comment)
    return ""


def _last_comment(node: Any, key: Any) -> tuple[list[Any], int, str]:
    """Find where ruamel.yaml keeps the comment below a value: at its innermost last key or item.

    Returns:
        A list, the comment's position in it, and what ends the value's own line: nothing where that is a block of text.
    """
    while isinstance(value := node[key], CommentedMap | CommentedSeq) and value and not value.fa.flow_style():
        node, key = value, next(reversed(value)) if isinstance(value, CommentedMap) else len(value) - 1
    is_block = isinstance(value, LiteralScalarString | FoldedScalarString)
    position = 2 if isinstance(node, CommentedMap) else 0
    return node.ca.items.setdefault(key, [None] * 4), position, "" if is_block else "\n"


def _cut_comment(node: Any, key: Any) -> str:
    """Cut out the lines of comment below a value and return them; a comment beside it stays."""
    places, position, end = _last_comment(node, key)
    comment = places[position]
    if comment is None:
        return ""
    beside, _, below = comment.value.partition("\n") if end else ("", "", comment.value)
    places[position] = CommentToken(beside + end, comment.start_mark, None) if beside else None
    return str(below) if end else " " * comment.start_mark.column + str(below)


def _add_comment(node: Any, key: Any, comment: str) -> None:
    """Put lines of comment below a value."""
    if comment:
        places, position, end = _last_comment(node, key)
        before = places[position]
        words, mark = (before.value, before.start_mark) if before is not None else (end, CommentMark(0))
        places[position] = CommentToken(words + comment, mark, None)


def _settings(quiz: Quiz) -> Mapping[str, Any]:
    """Return the contents of ``assignment.yaml``; nothing in it is secret: students get it too."""
    return {
        "schema": 1,
        "title": notebook.said_in(quiz.languages, quiz.title),
        "language": quiz.language,
        **({"due": quiz.due.isoformat(" ", "minutes")} if quiz.due else {}),
        "exercises": {
            notebook.exercise_name(question): {
                "title": notebook.said_in(quiz.languages, notebook.title_of(question)),
                "functions": [notebook.signature(question)],
            }
            for question in quiz.questions
        },
    }
