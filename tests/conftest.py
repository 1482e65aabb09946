"""What the tests share: one process that forks workers, and ways to put source text into a worker or into this process."""

import ast
import gc
import json
import os
import signal
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

import autograder.gradebook  # noqa: F401 -- before anything imports jsonschema
from autograder.base import i18n
from autograder.course.settings import Function, Limits
from autograder.course.submission import Cell
from autograder.sandbox.cells import Notebook
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.process import Zygote
from autograder.student.functions import Student
from autograder.student.instances import Instances
from autograder.student.local import LocalRunner
from autograder.student.remote import RemoteRunner

settings.register_profile(  # the same examples everywhere: a failure on one machine is a failure on all
    "autograder",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
settings.load_profile("autograder")

os.environ["AUTOGRADER_STANDBY_S"] = (
    "0"  # a check in a test leaves no process behind; tests/practice/test_standby.py does
)

gc.disable()  # thousands of tests are being collected, and all of it stays

signal.signal(signal.SIGINT, signal.default_int_handler)  # shells make what runs in the background ignore Ctrl-C

_FEW = 4  # where a file has no more tests than this, and all are slow, each is very slow

collect_ignore_glob = [
    "courses/ported/*",  # rubrics, which test submissions
    "attacks/*.py",  # hostile code: to import one of these files is to run it unconfined
    "load/students.py",  # for locust, which no test needs
    "helpers/without_grammars/*",  # fails on purpose
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest tests, so that none runs alone at the end: a few slow ones fill a file because each is long.

    Then come the files that hold most slow tests, then most tests.
    """
    sizes = Counter(item.path for item in items)
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    long = {path for path, count in slow.items() if count == sizes[path] <= _FEW}
    items.sort(key=lambda item: (item.path not in long, -slow[item.path], -sizes[item.path]))


def pytest_collection_finish() -> None:
    """Keep what was collected out of every later collection of garbage, which would take half a second."""
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def _speak_our_languages() -> Iterator[None]:
    """A process serves one course, but this one many."""
    yield
    i18n.speak()


@pytest.fixture(scope="session")
def zygote() -> Iterator[Zygote]:
    with Zygote.begin(WorkerSettings(memory_mb=1024, output_kb=1024, cpu_s=60, preload=("torch.optim",))) as process:
        yield process


@pytest.fixture(scope="session")
def open_runner(zygote: Zygote) -> Callable[..., tuple[RemoteRunner, Student]]:
    """Source texts (or cells) -> a RemoteRunner that has run them; the caller closes it."""

    def open_runner(
        *sources: str | Cell,
        seed: int = 0,
        is_script: bool = False,
        changes: Mapping[str, Iterable[str]] | None = None,
        declare: Iterable[str] = (),
        exercises: dict[str, str] | None = None,
        load: bool = True,
        instances: Instances | None = None,
        variables: Mapping[str, list[str]] | None = None,
        on: Zygote = zygote,
        **limits: Any,
    ) -> tuple[RemoteRunner, Student]:
        cells = as_cells(sources)
        functions = declared(cells, declare, changes or {})
        owners = exercises or dict.fromkeys(functions, "exercise")
        runner = RemoteRunner(
            on,
            cells,
            functions=owners,
            grade_ids={f"test_{owner}": owner for owner in owners.values()},
            limits=Limits(**{"call_s": 2, "cell_s": 2, "submission_s": 30, **limits}),
            seed=seed,
            is_script=is_script,
            instances=instances or Instances([name for name in functions if name[0].isupper()], is_learning=False),
            variables=variables or {},
        )
        if load:
            try:
                runner.load()
            except BaseException:
                runner.close()
                raise
        return runner, Student(functions, runner)

    return open_runner


@pytest.fixture
def open_student(open_runner: Callable[..., tuple[RemoteRunner, Student]]) -> Iterator[Callable[..., Student]]:
    """The same, closed at the end of the test; gives a `Student` with its runner as `runner`."""
    runners: list[RemoteRunner] = []

    def open_student(*sources: str | Cell, **options: Any) -> Student:
        runner, student = open_runner(*sources, **options)
        runners.append(runner)
        student.runner = runner  # type: ignore[attr-defined]  # for tests that look behind it
        return student

    yield open_student
    for runner in runners:
        runner.close()


@pytest.fixture(scope="session")
def open_local() -> Callable[..., Student]:
    """Source texts -> a `Student` whose functions run in this process."""

    def open_local(
        *sources: str | Cell, changes: Mapping[str, Iterable[str]] | None = None, declare: Iterable[str] = ()
    ) -> Student:
        cells = as_cells(sources)
        functions = declared(cells, declare, changes or {})
        notebook = Notebook(dict.fromkeys(functions, "exercise"))
        for cell in cells:
            assert notebook.run(cell.label, cell.source) == []
        notebook.finish()
        return Student(functions, LocalRunner.of(notebook))

    return open_local


def as_cells(sources: Iterable[str | Cell]) -> list[Cell]:
    return [
        source if isinstance(source, Cell) else Cell(label=f"code cell {number}", number=number, source=source)
        for number, source in enumerate(sources, start=1)
    ]


def declared(
    cells: Iterable[Cell], signatures: Iterable[str], changes: Mapping[str, Iterable[str]]
) -> dict[str, Function]:
    """The functions named by signatures, and every top-level ``def`` of the sources that can be declared."""
    found: dict[str, Function] = {}
    for cell in cells:
        try:
            statements = ast.parse(cell.source).body
        except (SyntaxError, ValueError):
            continue
        for s in statements:
            if isinstance(s, ast.FunctionDef) and not (s.args.vararg or s.args.kwarg or s.args.kwonlyargs):
                signature = f"{s.name}({ast.unparse(s.args)})"
                found[s.name] = Function.parse(signature, tuple(changes.get(s.name, ())))
    for signature in signatures:
        name = signature.partition("(")[0]
        found[name] = Function.parse(signature, tuple(changes.get(name, ())))
    return found


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., bytes]:
    """A frame built by hand, so that it may lie."""

    def make_frame(
        message: Any,
        body: bytes = b"",
        *,
        magic: bytes = b"DLA\x01",
        header_size: int | None = None,
        body_size: int | None = None,
    ) -> bytes:
        header = message if isinstance(message, bytes) else json.dumps(message).encode()
        sizes = (len(header) if header_size is None else header_size, len(body) if body_size is None else body_size)
        return struct.pack("<4sIQ", magic, *sizes) + header + body

    return make_frame
