"""What becomes of each question: an exercise with criteria, an answer that a person grades, or neither."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from autograder.base.errors import UsageError
from autograder.base.i18n import Text, text
from autograder.course.otter import client, criteria, names
from autograder.course.otter.cases import Case, cases_of
from autograder.course.otter.cells import MAY_FAIL, Cell
from autograder.course.otter.criteria import Names, Treatment, Written
from autograder.course.otter.files import Files, files_of
from autograder.course.otter.master import Master, Question
from autograder.course.otter.solutions import Solution, converted, without_ignored


@dataclass(frozen=True)
class Note:
    """Something that was not turned, or not quite.

    Args:
        cell: where it stands in the master notebook; None if it is about all of it.
        words: what, and why.
    """

    cell: int | None
    words: Text


@dataclass(frozen=True)
class Criterion:
    """A test that becomes a criterion.

    Args:
        case: the test.
        written: how it is written.
        points: what it earns here.
        needs: the name of an earlier one without which it is not tried.
    """

    case: Case
    written: Written
    points: float
    needs: str | None = None


@dataclass(frozen=True)
class Exercise:
    """A question whose tests became criteria.

    Args:
        question: the question.
        criteria: its criteria, visible ones first.
        functions: the functions that are declared: name and parameters.
        variables: the variables that are declared.
    """

    question: Question
    criteria: tuple[Criterion, ...]
    functions: Mapping[str, tuple[str, ...]]
    variables: tuple[str, ...]

    def id_of(self, criterion: Criterion) -> str:
        """Return the id of one of its criteria."""
        return f"{self.question.exercise}.{criterion.case.name}"

    @property
    def points(self) -> float:
        """What it is worth."""
        return round(sum(criterion.points for criterion in self.criteria), 6)


@dataclass
class Plan:
    """What becomes of a master notebook.

    Args:
        master: the notebook.
        treatments: what a trial has shown to be necessary, by the cell of a test.
        failing: why cells fail here, by their numbers.
        stops: why the source notebook fails as students' work, if it does, but not otherwise.
    """

    master: Master
    treatments: dict[int, Treatment] = field(default_factory=dict)
    failing: dict[int, Text] = field(default_factory=dict)
    stops: Text | None = None

    @cached_property
    def files(self) -> Files:
        """The files that students' code reads."""
        return files_of(self.master)

    @cached_property
    def cases(self) -> dict[str, list[Case]]:
        """The tests of each question."""
        return {question.name: self._cases_of(question) for question in self.master.questions}

    def _cases_of(self, question: Question) -> list[Case]:
        found = cases_of(self.master, question)
        return [replace(case, source=self.files.rewritten(case.source, "code")) for case in found]

    @cached_property
    def solutions(self) -> dict[int, Solution]:
        """The code cells outside of tests with nbgrader's marks, by their numbers."""
        found = {}
        for cell in self._code():
            try:
                found[id(cell)] = converted(self._code_of(cell), is_seeded=self._is_seeded)
            except UsageError as error:
                self.master.refuse(cell, error.text)
        return found

    def _code_of(self, cell: Cell) -> str:
        return self.files.rewritten(client.without(cell.source, self._graders), "code")

    @cached_property
    def _graders(self) -> frozenset[str]:
        return client.graders(cell.source for cell in self._code())

    @property
    def _is_seeded(self) -> bool:
        seed = self.master.seed
        return seed is not None and seed[1] is None

    def solution_of(self, cell: Cell) -> Solution:
        """Return a code cell with nbgrader's marks."""
        return self.solutions[id(cell)]

    def may_fail(self, cell: Cell) -> bool:
        """May a cell fail: one without a solution that shows an error, or fails here?"""
        return (cell.may_fail or cell.number in self.failing) and not self.solution_of(cell).is_marked

    def excuse(self, failures: Mapping[int, Text]) -> bool:
        """Let cells fail that do so here, and return whether that is all that can be done: none holds a solution.

        Args:
            failures: why they fail, by their numbers.
        """
        without_solution = {cell.number for cell in self._code() if not self.solution_of(cell).is_marked}
        if not failures or not failures.keys() <= without_solution - self.failing.keys():
            return False
        self.failing.update(failures)
        return True

    def words_of(self, cell: Cell) -> str:
        """Return the text of a cell that is not code."""
        try:
            return self.files.rewritten(without_ignored(cell.source), cell.kind)
        except UsageError as error:
            self.master.refuse(cell, error.text)

    def _code(self) -> Iterator[Cell]:
        for part in self.master.parts:
            own = [("text", part)] if isinstance(part, Cell) else part.parts
            yield from (cell for role, cell in own if role != "tests" and cell.kind == "code")

    @cached_property
    def _definitions(self) -> names.Definitions:
        return names.defined_by((solution.code for solution in self.solutions.values()), self.files.modules)

    def seeded_cells(self) -> list[int]:
        """Return the numbers of cells with lines that seed a generator."""
        return [cell.number for cell in self._code() if self.solution_of(cell).has_seed]

    def notes_on_code(self) -> Iterator[Note]:
        """Yield what was not turned of code cells."""
        for cell in self._code():
            if self.solution_of(cell).has_plugin:
                yield Note(cell.number, text("a plugin was left out: there is nothing like it here"))
            if client.without(cell.source, self._graders) != cell.source:
                yield Note(cell.number, text("calls of Otter were left out: every question has its `check` here"))
            if cell.number in self.failing:
                words = text("it fails here, so it is tagged `{tag}`: it may fail in grading, too: ", tag=MAY_FAIL)
                yield Note(cell.number, words + self.failing[cell.number])
            elif self.may_fail(cell):
                words = text("it shows an error, so it is tagged `{tag}`: it may fail in grading, too", tag=MAY_FAIL)
                yield Note(cell.number, words)
        for part in self.master.parts:
            if isinstance(part, Cell) and part.kind == "code" and self.solution_of(part).is_marked:
                yield Note(part.number, text("a solution outside of a question: students get a stub in its place"))

    def answers(self, question: Question) -> list[str]:
        """Return the names that the marked cells of a question's solution define, libraries left out."""
        cells = [c for c in question.cells("solution") if c.kind == "code" and self.solution_of(c).is_marked]
        found = names.defined_by(self.solution_of(cell).code for cell in cells)
        return sorted(found.names - set(found.imports))

    def _functions(self) -> dict[str, str]:
        """Return the question that asks for each function which a rubric can declare: its parameters are all plain."""
        owners = {}
        for question in self.master.questions:
            for name in self.answers(question) if self._is_tested(question) else ():
                function = self._definitions.functions.get(name)
                if function is not None and _is_plain(function.args):
                    owners[name] = question.name
        return owners

    def _is_tested(self, question: Question) -> bool:
        kept = [case for case in self.cases[question.name] if self.treatment_of(case).left_out is None]
        return not question.is_manual and sum(case.points for case in kept) > 0

    def treatment_of(self, case: Case) -> Treatment:
        """Return what is known to be necessary for a test."""
        return self.treatments.get(case.cell.number, Treatment())

    def exercises(self) -> list[Exercise]:
        """Return the questions that are judged by criteria."""
        found, earlier, functions = [], dict[str, str](), self._functions()
        for question in self.master.questions:
            if self._is_tested(question):
                exercise = self._exercise(question, earlier, functions)
                if not exercise.functions and not exercise.variables:
                    words = text(
                        "it looks at nothing that students write; let it use a name of the solution, and import again"
                    )
                    self.treatments |= {c.cell.number: Treatment(left_out=words) for c in self.cases[question.name]}
                else:
                    found.append(exercise)
            for case in self.cases[question.name]:
                earlier |= criteria.left_by(case)
        return found

    def _exercise(self, question: Question, earlier: Mapping[str, str], asked: Mapping[str, str]) -> Exercise:
        own, known = [], dict(earlier)
        for case in self.cases[question.name]:
            treatment = self.treatment_of(case)
            if treatment.left_out is None:
                found = Names(self._definitions, known, frozenset(asked))
                written = criteria.write(case, found, treatment, self.answers(question))
                own.append(Criterion(case, written, case.points))
            known |= criteria.left_by(case)
        own.sort(key=lambda criterion: (criterion.case.is_hidden, self.treatment_of(criterion.case).waits))
        own = [replace(criterion, needs=self._needed_by(criterion, own)) for criterion in own]
        if question.config.get("all_or_nothing"):
            own = list(_all_or_nothing(question, own))
        functions = {n: _parameters(self._definitions, n) for n, q in asked.items() if q == question.name}
        variables = dict.fromkeys(name for criterion in own for name in criterion.written.variables)
        if not functions and not variables:  # an exercise declares something, whatever its tests look at
            variables = dict.fromkeys(self.answers(question))
        return Exercise(question, tuple(own), functions, tuple(variables))

    def _needed_by(self, criterion: Criterion, own: Iterable[Criterion]) -> str | None:
        """Return the first criterion that does not wait for another one, if this one waits for it."""
        if not self.treatment_of(criterion.case).waits:
            return None
        first = next((c for c in own if not self.treatment_of(c.case).waits), criterion)
        return None if first is criterion else f"{criterion.case.question.exercise}.{first.case.name}"


def _is_plain(arguments: ast.arguments) -> bool:
    return not (
        arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs or arguments.defaults
    )


def _parameters(definitions: names.Definitions, name: str) -> tuple[str, ...]:
    return tuple(argument.arg for argument in definitions.functions[name].args.args)


def _all_or_nothing(question: Question, own: list[Criterion]) -> Iterator[Criterion]:
    """Give all points to the last criterion, which needs those before it."""
    total, needs = sum(criterion.points for criterion in own), None
    for criterion in own:
        is_last = criterion is own[-1]
        yield replace(criterion, points=total if is_last else 0.0, needs=needs)
        needs = f"{question.exercise}.{criterion.case.name}"


def notes_on_questions(plan: Plan, exercises: Iterable[Exercise]) -> Iterator[Note]:
    """Yield what was not turned of questions and their tests."""
    judged = {exercise.question.name: exercise for exercise in exercises}
    for question in plan.master.questions:
        yield from _notes_on(plan, question, judged.get(question.name))


def _notes_on(plan: Plan, question: Question, exercise: Exercise | None) -> Iterator[Note]:
    cases, at = plan.cases[question.name], question.cell.number
    if question.is_manual and cases:
        words = text(
            "{name}: a person grades it, so its tests were left out; put them into a question of their own",
            name=question.name,
        )
        yield Note(at, words)
    elif not question.is_manual and not cases:
        yield Note(at, text("{name}: has no tests, so nobody grades it, as with Otter", name=question.name))
    elif not question.is_manual and exercise is None and not sum(case.points for case in cases):
        yield Note(at, text("{name}: is worth 0 points; its tests were left out", name=question.name))
    for role, cell in question.parts:
        if role == "solution" and cell.kind == "markdown" and not question.is_manual and not is_kept(cell):
            yield Note(cell.number, text("words of a solution were left out: nbgrader removes no cells"))
    told = [case for case in cases if case.config.get("success_message")]
    if told:
        words = text(
            "`success_message` of {count} tests of {name}: there is no message for a test that passes",
            count=len(told),
            name=question.name,
        )
        yield Note(told[0].cell.number, words)
    for case in [] if question.is_manual else cases:
        yield from _notes_on_case(plan, case, exercise)


def _notes_on_case(plan: Plan, case: Case, exercise: Exercise | None) -> Iterator[Note]:
    treatment = plan.treatment_of(case)
    told = {"name": case.question.name, "number": case.number}
    written = next((c.written for c in exercise.criteria if c.case is case), None) if exercise else None
    if treatment.left_out is not None:
        words = text("{name}, test {number}: was left out, with its {points:g} points: ", **told, points=case.points)
        yield Note(case.cell.number, words + treatment.left_out)
    elif written is not None and written.inside is not None:
        words = text("{name}, test {number}: runs in the student's process, as Otter's tests do: ", **told)
        yield Note(case.cell.number, words + written.inside)
    if treatment.left_out is None and treatment.waits:
        words = text("{name}, test {number}: passes without an answer; here it counts once another test is met", **told)
        yield Note(case.cell.number, words)
    elif treatment.left_out is None and treatment.touches:
        words = text("{name}, test {number}: passes without an answer; here it asks for one first", **told)
        yield Note(case.cell.number, words)


def is_kept(cell: Cell) -> bool:
    """Do students get this Markdown cell of a solution?"""
    return "otter_include" in cell.tags
