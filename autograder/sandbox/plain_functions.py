"""Real functions that stand in for a rubric's: students see name, parameters and docstring, and nothing else of them.

The rubric's side describes a function (`describe`), the student's side makes one of the description (`make`). Python
itself then checks the arguments of each call, in the student's frames. Exceptions cross the other way as kind and
message (`as_told`, `as_raised`), without a file or a name of the rubric's.
"""

from __future__ import annotations

import ast
import builtins
import keyword
import math
import re
import types
from collections.abc import Callable
from functools import lru_cache
from inspect import Parameter, Signature, signature
from typing import Any

Description = list[Any]
"""Name, parameters as in a definition, their defaults by name (a list of the value, or empty where it stays behind),
and the docstring if there is one."""

_ANYTHING = Signature([Parameter("args", Parameter.VAR_POSITIONAL), Parameter("kwargs", Parameter.VAR_KEYWORD)])
_CALL = "__call__"  # the one global name of a stand-in; no parameter is called like it
_INSIDE = re.compile(r"[\w.<>]*<locals>\.")
_FOLDER = re.compile(r"(?<![\w.])/(?:[^\s/'\":]+/)+")
_MESSAGE_SENT = 500
_RAISED_AGAIN = frozenset(
    value
    for value in vars(builtins).values()
    if isinstance(value, type) and issubclass(value, Exception) and value is not Exception
)


class _Kept:
    """Stands for a default value that stays on the rubric's side."""

    def __repr__(self) -> str:
        return "..."


_KEPT = _Kept()


def describe(function: Callable[..., Any], name: str) -> Description:
    """Describe a function of the rubric's for `make`.

    Args:
        function: anything that can be called.
        name: what it is called if it has no name of its own, such as ``fs[0]``.

    >>> describe(lambda X, k=3: X, "net")
    ['net', '(X, k=None)', {'k': [3]}]
    >>> describe(abs, "fs[0]")[0], describe(lambda X: X, "fs[0]")[0]
    ('abs', 'fs')
    """
    own = getattr(function, "__name__", None)
    name = own if isinstance(own, str) and own.isidentifier() and not keyword.iskeyword(own) else name.partition("[")[0]
    try:
        found = signature(function)
    except (TypeError, ValueError):  # some builtins have none
        found = _ANYTHING
    parameters = found.parameters.values()
    shown = Signature(
        [p.replace(annotation=p.empty, default=p.empty if p.default is p.empty else None) for p in parameters]
    )
    defaults = {p.name: [p.default] if _is_plain(p.default) else [] for p in parameters if p.default is not p.empty}
    words = function.__doc__ if isinstance(function, types.FunctionType) else None
    return [name, str(shown), defaults, *([words[:_MESSAGE_SENT]] if words else [])]


def make(description: Description, call: Callable[..., Any]) -> types.FunctionType:
    """Make a function of this name and these parameters, which does what ``call`` does.

    >>> net = make(describe(lambda X, k=3: X, "net"), lambda X, k: X * k)
    >>> net(2), net(2, k=4)
    (6, 8)
    >>> net()
    Traceback (most recent call last):
    TypeError: net() missing 1 required positional argument: 'X'
    """
    name, parameters, defaults, *words = description
    code = _compiled(name, parameters)
    values = {key: value[0] if value else _KEPT for key, value in defaults.items()}
    names = code.co_varnames[: code.co_argcount]

    def pass_on(*positional: Any, **keywords: Any) -> Any:
        keywords = {key: value for key, value in keywords.items() if value is not _KEPT}
        kept = next((i for i, value in enumerate(positional) if value is _KEPT), None)
        if kept is not None:
            later = zip(names[kept:], positional[kept:], strict=False)
            keywords |= {key: value for key, value in later if value is not _KEPT}
            positional = positional[:kept]
        return call(*positional, **keywords)

    scope = {"__builtins__": builtins, "__name__": "__main__", _CALL: pass_on}
    made = types.FunctionType(code, scope, name, tuple(values[n] for n in names if n in values) or None)
    made.__doc__ = words[0] if words else None
    made.__kwdefaults__ = {key: value for key, value in values.items() if key not in names} or None
    return made


def make_here(function: Callable[..., Any], name: str) -> types.FunctionType:
    """Make the stand-in of a function that lies in this process."""
    description = describe(function, name)

    def call(*positional: Any, **keywords: Any) -> Any:
        try:
            return function(*positional, **keywords)
        except Exception as error:  # noqa: BLE001 -- a student may call a function of ours with anything
            raised = getattr(error, "original", error)
            if not is_theirs(raised):
                raised = as_raised(*as_told(error, description[0]))
        raise raised

    return make(description, call)


def is_theirs(value: object) -> bool:
    """Return whether a value is of a class that the student's cells define, where they run in this process."""
    return type(value).__module__ in ("__main__", "submission")


def as_told(error: Exception, name: str) -> tuple[str, str]:
    """Return kind and message of an exception in a function of the rubric's.

    >>> def test_a():
    ...     def inner(): pass
    ...     inner(1)
    >>> try: test_a()
    ... except TypeError as error: as_told(error, "net")
    ('TypeError', 'inner() takes 0 positional arguments but 1 was given')
    """
    of_theirs = getattr(error, "message", None) if hasattr(error, "kind") else None
    if isinstance(of_theirs, str):  # raised by their own code, which the rubric's has called
        return next((t.__name__ for t in type(error).__mro__ if t in _RAISED_AGAIN), error.kind), of_theirs  # type: ignore[attr-defined]
    message = str(error.args[0] if isinstance(error, KeyError) and error.args else error)
    message = _FOLDER.sub("", _INSIDE.sub("", message)).replace("<lambda>", name)
    return type(error).__name__, message[:_MESSAGE_SENT]


def as_raised(kind: str, message: str) -> Exception:
    """Return the exception that a student's code gets: Python's own kinds as they are, any other one in words."""
    found = getattr(builtins, kind, None)
    if isinstance(found, type) and issubclass(found, Exception):
        try:
            return found(message)
        except TypeError:  # UnicodeDecodeError and the like want more than a message
            pass
    return RuntimeError(f"{kind}: {message}")


@lru_cache(64)
def _compiled(name: str, parameters: str) -> types.CodeType:
    """Return the code of a function that passes its arguments on; its file is one whose frames nobody is shown."""
    tree = ast.parse(f"def {name}{parameters}: return {_CALL}()")
    definition: Any = tree.body[0]
    asked, call = definition.args, definition.body[0].value
    call.args = [_loaded(p) for p in (*asked.posonlyargs, *asked.args)]
    call.keywords = [ast.keyword(p.arg, _loaded(p)) for p in asked.kwonlyargs]
    if asked.vararg:
        call.args.append(ast.Starred(_loaded(asked.vararg), ast.Load()))
    if asked.kwarg:
        call.keywords.append(ast.keyword(None, _loaded(asked.kwarg)))
    ast.fix_missing_locations(tree)
    code = next(part for part in compile(tree, __file__, "exec").co_consts if isinstance(part, types.CodeType))
    return code


def _loaded(parameter: ast.arg) -> ast.Name:
    return ast.Name(parameter.arg, ast.Load())


def _is_plain(value: object) -> bool:
    return value is None or type(value) in (bool, int, str) or (type(value) is float and math.isfinite(value))
