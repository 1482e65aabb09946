"""Tests of Otter's as criteria: pytest functions over the student's functions and variables.

Otter runs a test where the notebook runs. Here a test runs in the rubric's process, with the student's names unpacked
above it; one that cannot, because of what it is about, runs in the student's process and shows there what is compared
here.
"""

from __future__ import annotations

import ast
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import StringIO

from autograder.base import syntax
from autograder.base.i18n import Text, text
from autograder.course.otter.cases import Case
from autograder.course.otter.names import Definitions, bound_names, free_names, imported_modules, place_of

_OURS = frozenset({"student", "variables", "checks", "criterion", "shown"})
_INDENT = "    "
_OF_A_PROCESS = frozenset({"matplotlib", "pylab", "seaborn", "os", "sys", "pathlib", "glob", "shutil", "sqlite3"})
"""Modules that answer for the process: its current figure, its files."""
_ENVIRONMENT = "env"
"""The parameter of a test that gets all names of the notebook."""


@dataclass(frozen=True)
class Treatment:
    """What a trial has shown to be necessary for a test.

    Args:
        inside: why it runs in the student's process; None where it does not.
        touches: it first asks whether the question's answers are there, since it passes without.
        waits: it is tried only if another test of the question is met, since it passes without an answer all the same.
        left_out: why it is no criterion.
    """

    inside: Text | None = None
    touches: bool = False
    waits: bool = False
    left_out: Text | None = None


@dataclass
class Names:
    """What tests can find.

    Args:
        notebook: what the notebook's cells define.
        tests: the cells that earlier tests define names in, by these names.
        functions: the functions that are called as `student.f(...)`.
    """

    notebook: Definitions
    tests: dict[str, str] = field(default_factory=dict)
    functions: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Written:
    """A criterion's test.

    Args:
        body: its lines.
        fixtures: what it asks for.
        imports: what stands at the top of its file.
        variables: the variables that it reads.
        inside: why it runs in the student's process, if it does.
    """

    body: tuple[str, ...]
    fixtures: tuple[str, ...]
    imports: frozenset[str] = frozenset()
    variables: tuple[str, ...] = ()
    inside: Text | None = None


def write(case: Case, names: Names, treatment: Treatment, answers: Sequence[str]) -> Written:
    """Write the test of a criterion.

    Args:
        case: the test.
        names: what it can find.
        treatment: what a trial has shown to be necessary.
        answers: the names that the question's solution defines.
    """
    asked = [f"variables[{name!r}]  # passes without an answer" for name in answers] if treatment.touches else []
    found = _Found.of(case, names)
    reason = treatment.inside or found.inside
    if reason is None:
        lines = [*asked, *found.unpacked(), *_statements(case, found)]
    else:
        lines = [*asked, *_inside(case, found)]
    fixtures = tuple(n for n in ("student", "variables") if any(f"{n}." in line or f"{n}[" in line for line in lines))
    read = (*found.variables, *(answers if treatment.touches or reason is not None else ()))
    return Written(tuple(lines), fixtures, frozenset() if reason is not None else found.imports, read, reason)


@dataclass(frozen=True)
class _Found:
    """The names of one test, by where they come from.

    Args:
        statements: what it does; for one that is a function, what that does.
        is_function: whether it is one.
        imports: the statements that import names of libraries.
        functions: the student's functions that are called as `student.f(...)`.
        variables: other names of the student's.
        before: cells of earlier tests that define names.
        inside: why it must run in the student's process, if it must.
    """

    statements: ast.Module
    is_function: bool
    imports: frozenset[str]
    functions: tuple[str, ...]
    variables: tuple[str, ...]
    before: tuple[str, ...]
    inside: Text | None

    @classmethod
    def of(cls, case: Case, names: Names) -> _Found:
        function = own_function(case)
        statements, parameters = case.tree, list[str]()
        if function is not None:
            parameters = [name for name in _parameters(function) if name != _ENVIRONMENT]
            statements = _without_environment(ast.Module(function.body, type_ignores=[]))
        imports, functions, variables, before = set[str](), list[str](), list[str](), dict[str, None]()
        defined = {*names.notebook.names, *names.tests}
        pending, seen = [*parameters, *free_names(statements, defined)], set[str]()
        while pending:
            name = pending.pop(0)
            if name in seen:
                continue
            seen.add(name)
            if name in names.notebook.imports:
                imports.add(names.notebook.imports[name])
            elif name in names.functions:
                functions.append(name)
            elif name not in names.notebook.names and name in names.tests:
                before = {names.tests[name]: None, **before}
                pending += free_names(syntax.parse(names.tests[name]), defined)
            elif name not in names.notebook.names and names.notebook.stars:
                imports |= set(names.notebook.stars)
            else:
                variables.append(name)
        asks_for_all = function is not None and _ENVIRONMENT in {*_parameters(function)} & seen
        modules = imported_modules(statements) | imported_modules(syntax.parse("\n".join(imports)))
        place = _ENVIRONMENT if asks_for_all else place_of(statements)
        inside = _why_inside(statements, place, seen, modules, names.notebook.local)
        return cls(
            statements,
            function is not None,
            frozenset(imports),
            tuple(functions),
            tuple(variables),
            tuple(before),
            inside,
        )

    def unpacked(self) -> list[str]:
        """Return the lines that give the student's names to the test."""
        of_functions = (f"{name} = student.{name}" for name in self.functions)
        return [*of_functions, *(f"{name} = variables[{name!r}]" for name in self.variables)]


def _why_inside(
    statements: ast.Module, place: str, used: Iterable[str], modules: set[str], local: frozenset[str]
) -> Text | None:
    if place:
        return text("it asks for `{name}`, which only the notebook knows", name=place)
    if module := min(modules & _OF_A_PROCESS, default=""):
        return text("it asks `{module}`, which knows of the process that it is in", module=module)
    if module := min(modules & local, default=""):
        return text("it imports `{module}`, which lies beside the notebook", module=module)
    if clash := min(_OURS & {*used, *bound_names(statements)}, default=""):
        return text("it uses the name `{name}`, which means something else in rubrics", name=clash)
    if any(isinstance(node, ast.Global | ast.Nonlocal) for node in ast.walk(statements)):
        return text("it changes names of the notebook")
    return None


def own_function(case: Case) -> ast.FunctionDef | None:
    """Return the function that a test is: all of its cell, but for a call with the parameters' own names."""
    function, *rest = case.tree.body
    if not isinstance(function, ast.FunctionDef) or len(rest) > 1 or not (rest or case.raises):
        return None
    for statement in rest:
        match statement:
            case ast.Expr(ast.Call(ast.Name(name), arguments)) if name == function.name:
                if case.raises or [ast.unparse(argument) for argument in arguments] == _parameters(function):
                    continue
        return None
    return function


def left_by(case: Case) -> dict[str, str]:
    """Return the names that a test leaves to later ones, with the statements that define them.

    Where tests raise, each is a function that sees nothing of the others.
    """
    if case.raises:
        return {}
    function = own_function(case)
    source = case.source if function is None else ast.unparse(function)
    return dict.fromkeys(bound_names(case.tree), source)


def _parameters(function: ast.FunctionDef) -> list[str]:
    return [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]


class _Environment(ast.NodeTransformer):
    """Turns ``env["x"]`` and ``env.get("x")`` into ``x``."""

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        match self.generic_visit(node):
            case ast.Subscript(ast.Name(name), ast.Constant(str(key)), ast.Load()) if name == _ENVIRONMENT:
                return ast.Name(key, ast.Load())
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match self.generic_visit(node):
            case ast.Call(ast.Attribute(ast.Name(name), "get"), [ast.Constant(str(key))]) if name == _ENVIRONMENT:
                return ast.Name(key, ast.Load())
        return node


def _without_environment(statements: ast.Module) -> ast.Module:
    changed = _Environment().visit(syntax.parse(ast.unparse(statements)))
    assert isinstance(changed, ast.Module)
    return changed


def _statements(case: Case, found: _Found) -> list[str]:
    before = [line for source in found.before for line in source.split("\n")]
    body = found.statements.body
    if found.is_function:
        return [*before, *ast.unparse(found.statements).split("\n")]
    last = body[-1]
    if not isinstance(last, ast.Expr) and not case.expected and "print(" not in case.source:
        return [*before, *_as_written(case.source, found.statements)]
    if len(body) == 1 and isinstance(last, ast.Expr):
        return [*before, f"checks.assert_shows(lambda: {ast.unparse(last.value)}, {case.expected!r})"]
    rest = ast.Return(last.value) if isinstance(last, ast.Expr) else last
    lines = ast.unparse(ast.fix_missing_locations(ast.Module([*body[:-1], rest], type_ignores=[]))).split("\n")
    rebound = sorted(bound_names(found.statements) & {*found.functions, *found.variables})
    lines = [*([f"nonlocal {', '.join(rebound)}"] if rebound else []), *lines]
    inner = [f"{_INDENT}{line}" for line in lines]
    return [*before, "def shown():", *inner, f"checks.assert_shows(shown, {case.expected!r})"]


def _as_written(source: str, tree: ast.Module) -> list[str]:
    """Return the lines with their comments, unless a string goes over several of them: they will be indented."""
    for token in tokenize.generate_tokens(StringIO(source).readline):
        if token.type == tokenize.STRING and token.start[0] != token.end[0]:
            return ast.unparse(tree).split("\n")
    return source.split("\n")


def _inside(case: Case, found: _Found) -> list[str]:
    """Return the lines of a test that runs in the student's process."""
    function, source = own_function(case), case.source
    if function is not None:
        given = ("env=globals()" if name == _ENVIRONMENT else f"{name}={name}" for name in _parameters(function))
        source = f"{ast.unparse(function)}\n{function.name}({', '.join(given)})"
    written = [f"{line}\n" for before in found.before for line in before.split("\n")]
    written += [f"{line}\n" for line in source.split("\n")]
    expected = "" if found.is_function else case.expected
    return [
        "test = (",
        *(f"{_INDENT}{line!r}" for line in written),
        ")",
        f"checks.assert_shows(lambda: variables.run(test), {expected!r})",
    ]
