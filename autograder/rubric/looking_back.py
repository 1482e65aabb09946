"""Which arguments a test looks at after it has passed them to the student's code, as its source tells.

Values are followed through the test, and through what it calls of its own file, in the order in which Python runs it;
what is known of each, and what follows from that, is in `passing`. Every branch is taken, and every loop once.
"""

from __future__ import annotations

import ast
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autograder.rubric.passing import CONSTANT, THEIRS, Code, Names, Passing, Value, together
from autograder.rubric.source_reading import tree_of

if TYPE_CHECKING:
    from autograder.student.calls import Looked

_STUDENTS = ("student", "variables")
_Function = ast.FunctionDef | ast.AsyncFunctionDef
_Display = ast.List | ast.Tuple | ast.Set
_ENDING = ast.Return | ast.Continue | ast.Break

_HOLDING = frozenset({
    "all", "any", "bool", "dict", "enumerate", "filter", "get", "items", "iter", "list", "next", "reversed", "set",
    "sorted", "tuple", "values", "zip",
    "H", "T", "as_tensor", "asarray", "chunk", "contiguous", "cpu", "data", "detach", "diagonal", "expand", "flatten",
    "from_numpy", "mT", "movedim", "narrow", "numpy", "permute", "ravel", "real", "reshape", "select", "split",
    "squeeze", "swapaxes", "t", "to", "transpose", "unbind", "unflatten", "unsqueeze", "view",
})  # fmt: skip
"""Functions, methods and attributes that give what they get, a part of it, what holds it, or its memory."""
_OF_VALUES = frozenset({
    "abs", "all", "allclose", "any", "argmax", "astype", "clone", "copy", "count", "dim", "double", "dtype", "eq",
    "equal", "float", "index", "int", "isfinite", "item", "keys", "long", "max", "mean", "min", "ndim", "ne", "norm",
    "numel", "shape", "size", "std", "sum", "tolist", "var",
})  # fmt: skip
"""Methods and attributes by which a tensor, an array or a list tells what it holds."""
_IDENTITY = frozenset({
    "assertIs", "assertIsNot", "data_ptr", "is_", "is_not", "is_set_to", "may_share_memory", "shares_memory", "storage",
    "untyped_storage",
})  # fmt: skip
"""Those that tell which object something is, or where its memory is."""
_TRUTH = ("assertFalse", "assertTrue", "require")
"""Asserts of which only the first argument is judged."""
_ITSELF = ("assert_unchanged", "assert_arguments_unchanged")
"""Checks that need no help."""


@lru_cache(64)
def looking_back(path: Path, declared: frozenset[Looked] = frozenset()) -> dict[str, frozenset[Looked]]:
    """Return the tests that look at an argument after they have passed it: name, and which.

    ``before = X.clone(); student.f(X); assert torch.equal(X, before)`` is about what the student's code has done to X.

    Args:
        path: of the file.
        declared: the arguments that functions may change, by position and by name.
    """
    body = tree_of(path).body
    assigned = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
    variables = {node.id for target in assigned for node in ast.walk(target) if isinstance(node, ast.Name)}
    modules = _beside(path, body)
    functions: dict[str, _Function] = {}
    for inside in (*modules.values(), _functions(body)):
        functions |= inside
    found: dict[str, frozenset[Looked]] = {}
    for block in (body, *(node.body for node in body if isinstance(node, ast.ClassDef))):
        methods = _functions(block) if block is not body else {}
        for name, test in _functions(block).items():
            if name.startswith("test"):
                passing = Passing(declared)
                _Reading(passing, functions, {**modules, "self": methods}, variables).read(test)
                if passing.looked_at:
                    found[name] = found.get(name, frozenset()) | passing.looked_at
    return found


def _beside(path: Path, body: Sequence[ast.stmt]) -> dict[str, dict[str, _Function]]:
    """Return the functions of ``conftest.py`` and of the modules that a file imports, where they lie beside it."""
    imported = [alias.name for node in body if isinstance(node, ast.Import) for alias in node.names]
    imported += [node.module for node in body if isinstance(node, ast.ImportFrom) and node.module is not None]
    folders = (path.parent, path.parents[1]) if path.parent.name == "private" else (path.parent,)
    files = [folder / f"{name}.py" for name in ("conftest", *imported) for folder in reversed(folders)]
    found: dict[str, dict[str, _Function]] = {}
    for file in filter(Path.is_file, files):
        with suppress(SyntaxError, ValueError):  # importing it says so
            found[file.stem] = _functions(tree_of(file).body)
    return found


def _functions(body: Sequence[ast.stmt]) -> dict[str, _Function]:
    return {node.name: node for node in body if isinstance(node, _Function)}


class _Reading(ast.NodeVisitor):
    """One test, as it is read from its beginning to its end; visiting an expression returns its `Value`.

    Args:
        passing: follows what is passed.
        functions: those of the file, and of the modules beside it.
        inside: those of each of these modules, and as ``self`` the methods of the test's class.
        variables: the names of the file's values.
    """

    def __init__(
        self,
        passing: Passing,
        functions: dict[str, _Function],
        inside: dict[str, dict[str, _Function]],
        variables: Container[str],
    ) -> None:
        self._passing, self._functions, self._inside, self._variables = passing, functions, inside, variables
        self._names: Names = {}
        self._fixtures: Names = {}
        self._conditions: list[Value] = []
        self._returned: list[Value] = []
        self._running: list[Code] = []

    def read(self, test: _Function) -> Value:
        """Read the test, or a fixture, with the fixtures that it asks for."""
        return self._run(test, {}, {arg.arg: self._fixture(arg.arg) for arg in _parameters(test)})

    def _fixture(self, name: str) -> Value:
        if name not in self._fixtures:  # all who ask for it get the same
            self._fixtures[name] = self._made_by_fixture(name)
        return self._fixtures[name]

    def _made_by_fixture(self, name: str) -> Value:
        if name in _STUDENTS:
            return THEIRS._replace(name=name)
        function = self._inside["self"].get(name) or self._functions.get(name)
        if function is None or function in self._running or not any(map(_is_fixture, function.decorator_list)):
            return self._passing.new(name)
        return self.read(function)

    def _run(self, function: Code, around: Names, given: Names) -> Value:
        """Run a function of the file with what it is given; return what it returns or yields."""
        before = self._names, self._returned, self._conditions
        self._names, self._returned, self._conditions = {**around, **given}, [], []
        self._running.append(function)
        if isinstance(function, ast.Lambda):
            self._returned.append(self._value(function.body))
        else:
            self._block(function.body)
        self._running.pop()
        result = together(self._returned)
        self._names, self._returned, self._conditions = before
        return result

    def _block(self, body: Sequence[ast.stmt]) -> None:
        outside = len(self._conditions)
        for statement in body:
            self.visit(statement)
            if isinstance(statement, ast.If) and isinstance(statement.body[-1], _ENDING):  # what follows is its else
                self._conditions.append(self._value(statement.test))
        del self._conditions[outside:]

    def _branches(self, condition: Value, bodies: Iterable[Sequence[ast.stmt]]) -> None:
        """Run each of several blocks, of which one runs; what any of them does to a name may be so afterwards."""
        before, ends = self._names, list[Names]()
        self._conditions.append(condition)
        for body in bodies:
            self._names = dict(before)
            self._block(body)
            ends.append(self._names)
        self._conditions.pop()
        self._names = before
        for name in set().union(*ends):
            if len(found := {id(value): value for end in ends if (value := end.get(name)) is not None}) > 1:
                before[name] = together(found.values())
            else:
                (before[name],) = found.values()

    def _as_told(self, value: Value) -> Value:
        """Return a value with what the conditions tell under which it is that one."""
        if not self._conditions or value.function:
            return value
        made = self._passing.made_of(*self._conditions)
        (condition,) = made.parts
        return value.each(condition.told_by) if value.parts else made

    # -- statements ----------------------------------------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> None:
        for target in node.targets:
            self._assign(target, node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._assign(node.target, node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        before, more = self._value(node.target), self._as_told(self._value(node.value))
        if not isinstance(node.op, ast.BitAnd | ast.BitOr):
            more = self._passing.made_of(before, more)
        self._bind(node.target, together([before, more]))

    def visit_Assert(self, node: ast.Assert) -> None:
        is_constant = isinstance(node.test, ast.Constant)
        self._passing.judge(self._conditions if is_constant else [self._value(node.test)])

    def visit_Raise(self, node: ast.Raise) -> None:
        self._passing.judge(self._conditions)

    def visit_Return(self, node: ast.Return) -> None:
        self._returned.append(self._as_told(self._value(node.value)))

    def visit_Expr(self, node: ast.Expr) -> None:
        self._value(node.value)
        match node.value:  # `mistakes.append("X has changed")`
            case ast.Call(func=ast.Attribute(value=holder, attr=name), args=args) if not name.startswith("assert"):
                self._add(holder, together(map(self._value, args)))

    def visit_If(self, node: ast.If) -> None:
        self._branches(self._value(node.test), [node.body, node.orelse])

    def visit_While(self, node: ast.While) -> None:
        self._branches(self._value(node.test), [node.body, node.orelse])

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self._bind_items(node.target, node.iter)
        self._block(node.body)
        self._block(node.orelse)

    def visit_With(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            entered = self._value(item.context_expr)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, entered)
        self._block(node.body)

    def visit_Try(self, node: ast.Try) -> None:
        for body in (node.body, *(handler.body for handler in node.handlers), node.orelse, node.finalbody):
            self._block(body)

    def visit_Match(self, node: ast.Match) -> None:
        subject = self._value(node.subject)
        for inner in (inner for case in node.cases for inner in ast.walk(case.pattern)):
            if isinstance(inner, ast.MatchAs | ast.MatchStar) and inner.name is not None:
                self._names[inner.name] = subject
        guards = [self._value(case.guard) for case in node.cases]
        self._branches(together([subject, *guards]), [case.body for case in node.cases])

    def visit_FunctionDef(self, node: _Function) -> None:
        self._names[node.name] = Value(function=(node, self._names))

    visit_AsyncFunctionDef, visit_AsyncFor, visit_AsyncWith = visit_FunctionDef, visit_For, visit_With

    # -- names ---------------------------------------------------------------------------------------------------------

    def _assign(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, _Display) and isinstance(value, _Display) and len(target.elts) == len(value.elts):
            for inner, one in zip(target.elts, map(self._value, value.elts), strict=True):
                self._bind(inner, self._as_told(one))
        else:
            self._bind(target, self._as_told(self._value(value)))

    def _bind(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Name(id=name):
                self._names[name] = value
            case ast.List(elts=inside) | ast.Tuple(elts=inside):
                for inner in inside:
                    self._bind(inner, value)
            case ast.Starred(value=inner):
                self._bind(inner, value)
            case ast.Attribute(value=holder) | ast.Subscript(value=holder):
                self._add(holder, value)

    def _add(self, holder: ast.expr, value: Value) -> None:
        """Let what a name stands for hold something more."""
        while isinstance(holder, ast.Attribute | ast.Subscript):
            holder = holder.value
        if isinstance(holder, ast.Name) and holder.id in self._names:
            self._names[holder.id] = together([self._names[holder.id], self._as_told(value)])

    def _bind_items(self, target: ast.expr, items: ast.expr) -> None:
        """Bind the target of a loop to the items of what it goes through."""
        match items, target:
            case ast.Call(func=ast.Name(id="zip"), args=args), ast.Tuple(elts=elts) if len(args) == len(elts):
                for inner, arg in zip(elts, args, strict=True):
                    self._bind_items(inner, arg)
            case ast.Call(func=ast.Name(id="enumerate"), args=[arg, *_]), ast.Tuple(elts=[number, inner]):
                self._bind(number, CONSTANT)
                self._bind_items(inner, arg)
            case _:
                self._bind(target, self._value(items)._replace(name=""))

    # -- expressions ---------------------------------------------------------------------------------------------------

    def _value(self, node: ast.expr | None) -> Value:
        found: Value = CONSTANT if node is None else self.visit(node)
        return found

    def generic_visit(self, node: ast.AST) -> Any:
        """Return what an expression calculates from those in it; other statements do nothing that matters."""
        if isinstance(node, ast.expr):
            return self._passing.made_of(*map(self._value, _inside(node)))
        return None

    def visit_Constant(self, node: ast.Constant) -> Value:
        return CONSTANT

    def visit_Name(self, node: ast.Name) -> Value:
        if node.id in self._names:
            return self._names[node.id]
        if node.id in self._functions:
            return Value(function=(self._functions[node.id], {}))
        is_known = node.id in self._variables or node.id in self._inside
        return self._passing.new(node.id) if is_known else CONSTANT

    def visit_Attribute(self, node: ast.Attribute) -> Value:
        return self._attribute(self._value(node.value), node.attr)

    def _attribute(self, value: Value, name: str) -> Value:
        holder = next((one for one in self._inside if value.things == {(one,)}), "")
        if holder and name in self._inside[holder]:
            return Value(function=(self._inside[holder][name], {"self": value} if holder == "self" else {}))
        if name == "grad":  # what their code does to it shows on this side anyway
            return THEIRS
        if name in _IDENTITY:
            value = value.each(lambda part: part._replace(same=part.same | part.things))
        elif name not in _HOLDING:
            is_value = name in _OF_VALUES
            value = value.each(lambda part: part.inner(name) if is_value else part.inner(name).of_an_object())
        return Value(value.parts, name if value.theirs else "")

    def visit_Subscript(self, node: ast.Subscript) -> Value:
        value = self._value(node.value)
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            key = f"[{node.slice.value}"
            return value.each(lambda part: part.inner(key))
        (by,) = self._passing.made_of(self._value(node.slice)).parts
        found = value.each(lambda part: part._replace(seen=part.seen | by.seen, theirs=max(part.theirs, by.theirs)))
        found = found._replace(name="")
        return self._passing.holding(found) if isinstance(node.slice, ast.Slice) else found

    def visit_NamedExpr(self, node: ast.NamedExpr) -> Value:
        self._bind(node.target, found := self._value(node.value))
        return found

    def visit_Starred(self, node: ast.Starred | ast.Await) -> Value:
        return self._value(node.value)

    def visit_Yield(self, node: ast.Yield | ast.YieldFrom) -> Value:
        self._returned.append(self._as_told(self._value(node.value)))
        return CONSTANT

    def visit_Lambda(self, node: ast.Lambda) -> Value:
        return Value(function=(node, self._names))

    def visit_BoolOp(self, node: ast.BoolOp | ast.IfExp) -> Value:
        return together(map(self._value, _inside(node)))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Value:
        return self._value(node.operand) if isinstance(node.op, ast.Not) else self.generic_visit(node)

    def visit_Compare(self, node: ast.Compare) -> Value:
        pairs = zip([node.left, *node.comparators[:-1]], node.ops, node.comparators, strict=True)
        return together([self._compared(*pair) for pair in pairs])

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> Value:
        if isinstance(left, _Display) and isinstance(right, _Display) and len(left.elts) == len(right.elts):
            return together([self._compared(one, op, two) for one, two in zip(left.elts, right.elts, strict=True)])
        values = self._value(left), self._value(right)
        same = isinstance(op, ast.Is | ast.IsNot) and CONSTANT not in values
        return self._passing.made_of(*values, same=same)

    def visit_List(self, node: _Display | ast.Dict) -> Value:
        return self._passing.holding(*map(self._value, _inside(node)))

    def visit_ListComp(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Value:
        before = self._names
        self._names = dict(before)
        for one in node.generators:
            self._bind_items(one.target, one.iter)
        found = self._passing.holding(*map(self._value, _inside(node)))
        self._names = before
        return found

    visit_Await, visit_YieldFrom, visit_IfExp = visit_Starred, visit_Yield, visit_BoolOp
    visit_Tuple = visit_Set = visit_Dict = visit_List
    visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_ListComp

    # -- calls ---------------------------------------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> Value:
        name = _last_name(node.func)
        if isinstance(node.func, ast.Attribute):
            receiver = self._value(node.func.value)
            function = self._attribute(receiver, name)
        else:
            receiver = function = self._value(node.func)
            if self._passing.is_passed(function):  # a network that they have trained
                receiver = THEIRS
        given = list(self._arguments(node))
        values = [value for _, value in given]
        if function.function is not None:
            return self._call_ours(*function.function, given)
        if function.theirs and not (name in _OF_VALUES | _HOLDING and receiver.is_plain):
            for place, value in given:
                self._passing.give(value, function.name, place)
            return self._passing.call(function)
        return self._call_others(name, receiver, values)

    def _call_others(self, name: str, receiver: Value, values: list[Value]) -> Value:
        """Call a function of Python's or of a library's."""
        is_same = name in _IDENTITY or name == "id"
        if name not in _ITSELF:
            values += self._handed_on(values)
        if name == "fail":
            self._passing.judge(self._conditions)
        elif name in _TRUTH:
            self._passing.judge(values[:1])
        elif name.startswith("assert"):
            self._passing.judge([self._passing.made_of(*values, same=is_same)])
        if name in _HOLDING or name[:1].isupper() or (name.endswith("_") and not is_same):
            return self._passing.holding(receiver, *values)._replace(name="", function=None)
        return self._passing.made_of(receiver, *values, same=is_same)

    def _arguments(self, call: ast.Call) -> Iterator[tuple[int | str | None, Value]]:
        """Place of each argument, or its name, and what it is; what follows after ``*xs`` is at no known one."""
        is_known = True
        for place, argument in enumerate(call.args):
            is_known = is_known and not isinstance(argument, ast.Starred)
            yield place if is_known else None, self._value(argument)
        yield from ((keyword.arg, self._value(keyword.value)) for keyword in call.keywords)

    def _call_ours(self, function: Code, around: Names, given: Sequence[tuple[int | str | None, Value]]) -> Value:
        parameters = [arg.arg for arg in _parameters(function) if arg.arg not in around or arg.arg != "self"]
        bound = {name: self._passing.new() for name in parameters}
        for place, value in given:
            name = parameters[place] if isinstance(place, int) and place < len(parameters) else place
            if name in bound:
                bound[str(name)] = value
            else:
                bound = {name: together([value, other]) for name, other in bound.items()}
        if function in self._running:
            return self._passing.made_of(*bound.values())
        return self._run(function, around, bound)

    def _handed_on(self, values: Sequence[Value]) -> list[Value]:
        """Let what gets functions and other values call each with any of these; return what the rubric's own give."""
        found = []
        for function in values:
            others = [value for value in values if value is not function]
            if function.function is not None:
                found.append(self._call_ours(*function.function, [(None, value) for value in others]))
            elif function.name:
                for value in others:
                    self._passing.give(value, "" if function.name in _STUDENTS else function.name, None)
        return found


def _inside(node: ast.AST) -> Iterator[ast.expr]:
    return (inner for inner in ast.iter_child_nodes(node) if isinstance(inner, ast.expr))


def _parameters(function: Code) -> list[ast.arg]:
    found = function.args
    more = [arg for arg in (found.vararg, found.kwarg) if arg is not None]
    return [*found.posonlyargs, *found.args, *found.kwonlyargs, *more]


def _is_fixture(decorator: ast.expr) -> bool:
    return _last_name(decorator.func if isinstance(decorator, ast.Call) else decorator) == "fixture"


def _last_name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
