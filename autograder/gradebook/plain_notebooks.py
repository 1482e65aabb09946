"""Notebooks of other courses, with their asserts in the grade cells: run in a confined process, cell by cell.

Such asserts share the student's process by nature, so a student who wants to can get round them, but not out of the
process. What comes back is treated as text and pictures, never as markup.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from autograder.base.errors import SandboxError, StudentError, StudentTimeout
from autograder.base.i18n import Text, same, text
from autograder.base.run_folder import RunFolder
from autograder.gradebook import autograded
from autograder.gradebook.cell_outputs import CellOutputs, error_output
from autograder.gradebook.disk_watch import DiskWatch, empty
from autograder.gradebook.failing_cells import FailingCells
from autograder.gradebook.released_notebook import SourceNotebook
from autograder.results.grade_report import Problem
from autograder.sandbox import confine
from autograder.sandbox.bundles import NO_PICTURES
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.frames import WireError
from autograder.sandbox.process import NotebookZygote, WorkerProcess
from autograder.sandbox.protocol import Reply, Request, ShowRequest, StageRequest, StartRequest
from autograder.student.limits import Room

if TYPE_CHECKING:
    from nbformat import NotebookNode

MAX_WORKERS = 12
_MEMORY_MB, _OUTPUT_KB, _CPU_S = 4096, 4096, 3600
_MOST_TIMES = 50
"""A notebook may take so many times as long as a cell may: others are waiting."""
_TEMPORARY, _WORK = "tmp", "work"
UNDONE = "autograder_undone"
"""In a cell's metadata once it has run: it asked for a program, which was not started."""
_PRETTY = "IPython.lib.pretty"


class NotebookRunner:
    """Runs notebooks one after the other, each in a folder and in processes of its own; a context manager.

    Args:
        timeout_s: how long a cell may take; None means an hour.
        imported: the modules that most notebooks import.
        pictures: whether anybody will look at what their figures show.

    Raises:
        SandboxError: this machine cannot confine them.
    """

    def __init__(self, timeout_s: float | None, imported: Sequence[str] = (), *, pictures: bool = True) -> None:
        if (refusal := confine.refusal()) is not None:
            raise SandboxError(refusal)
        self.set_timeout(timeout_s)
        self._replacing, self._is_closed = threading.Lock(), False
        self._environment = {} if pictures else {NO_PICTURES: "1"}
        self._made = RunFolder()
        self._base = self._made.path / secrets.token_hex(16)
        self._base.mkdir()
        if os.geteuid() == 0:  # whose workers are nobody; no other user of the machine may find out that name
            self._made.path.chmod(0o711)
            self._base.chmod(0o777)
        self._folder = self._base
        self._ends = 0.0
        self._noticed: list[Problem] = []
        self._ended: list[Problem] = []
        preload = (_PRETTY, *imported)
        self._settings = WorkerSettings(_MEMORY_MB, _OUTPUT_KB, _CPU_S, preload, folder=str(self._base), many=False)
        self._zygote = NotebookZygote.begin(self._settings)

    def set_timeout(self, timeout_s: float | None) -> None:
        """Say how long a cell may take from now on; None means an hour."""
        self._timeout_s = timeout_s or float(_CPU_S)

    def run(self, notebook: NotebookNode, folder: Path, handed_in: Path | None = None) -> list[Problem]:
        """Run a notebook and put what its cells show into it.

        Args:
            notebook: changed in place.
            folder: its files; the code gets copies of them.
            handed_in: where the notebooks are as they were handed in: the code finds these, without hidden tests.

        Returns:
            Which cells failed that are no tests, took too long or ended the process, which limits of the sandbox were
            in the way of which cell, and what was left out there.
        """
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        self._ends = time.monotonic() + _MOST_TIMES * self._timeout_s
        for cell in cells:
            cell.metadata.pop(UNDONE, None)  # what somebody has handed in says nothing
        bad: set[int] = set()
        self._ended = []
        for last in range(MAX_WORKERS, 0, -1):
            self._fill(folder, handed_in)
            try:
                ended = self._run_until_one_ends_it(cells, bad)
            except SandboxError:  # somebody may have killed the zygote
                self._begin_again()
                self._fill(folder, handed_in)
                ended = self._run_until_one_ends_it(cells, bad)
            if ended is None:
                break
            bad.add(ended)
            if last == 1:
                count = MAX_WORKERS
                words = text(
                    "the code ended or blocked its process {count} times; it was not started again", count=count
                )
                say_not_run(cells[ended + 1 :], words)
        return sorted([*self._noticed, *self._ended], key=lambda problem: problem.cell or 0)

    def interrupt(self) -> None:
        """End the processes; a notebook that another thread is running fails, and so does every later one."""
        with self._replacing:
            self._is_closed = True
            self._zygote.close()

    def close(self) -> None:
        """End the processes and remove the folder."""
        self.interrupt()
        with suppress(OSError):  # what another user's process has made unreadable stays until the system clears it
            empty(self._base)
        self._made.close()

    def __enter__(self) -> Self:
        try:
            self._wait_until_ready()
        except SandboxError:
            self.close()
            raise
        return self

    def _wait_until_ready(self) -> None:
        try:
            self._zygote.wait_until_ready()
        except SandboxError:  # the process that stood by may have ended just now
            self._begin_again()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _begin_again(self) -> None:
        with self._replacing:
            if self._is_closed:
                raise SandboxError(text("interrupted"))
            self._zygote.close()
            self._zygote = NotebookZygote.begin(self._settings)
        self._zygote.wait_until_ready()

    def _run_until_one_ends_it(self, cells: Sequence[NotebookNode], bad: set[int]) -> int | None:
        """Run all cells but the bad ones in a new process; return the one that ended or blocked it, if any."""
        self._noticed, count = [], 0
        outputs, failing = CellOutputs(Room(_MEMORY_MB, has_files=True), self._late), FailingCells()
        worker = self._zygote.spawn()
        try:
            with DiskWatch(self._base, worker):
                self._ask(worker, StartRequest(op="start", seed=_seed(cells), functions={}, module="__main__"))
                temporary = str(self._base / _TEMPORARY)
                environment = {"NBGRADER_EXECUTION": "autograde", "TMPDIR": temporary, "HOME": temporary}
                environment |= self._environment
                self._ask(worker, StageRequest(op="stage", folder=str(self._folder), environment=environment))
                for number, cell in enumerate(cells):
                    if not cell.source.strip():
                        continue
                    if time.monotonic() > self._ends:
                        words = text("the cells before took {minutes} minutes in all", minutes=self._most_minutes)
                        say_not_run(cells[number:], words)
                        self._noticed.append(Problem.of("cell-skipped", words, cell=number + 1))
                        return None
                    count += 1
                    cell.execution_count = count
                    source = cell.source if number not in bad else ""  # the numbers of the others stay as they are
                    request = ShowRequest(op="show", label=f"code cell {number + 1}", source=source)
                    try:
                        answer = self._ask(worker, request)
                        if number not in bad:
                            cell.outputs = outputs.of(worker, answer, count)
                            self._noticed += outputs.noticed(number + 1)
                            late = self._late if outputs.was_interrupted else None
                            self._noticed += failing.noticed(number + 1, cell, outputs.failure, late)
                            if outputs.is_undone:
                                cell.metadata[UNDONE] = True
                    except StudentError as error:
                        cell.outputs = [error_output(type(error).__name__, error.text.en)]
                        kind = "cell-timeout" if isinstance(error, StudentTimeout) else "cell-crash"
                        self._ended.append(Problem.of(kind, error.text, cell=number + 1))
                        return number
                    except WireError:
                        words = text("this cell is too long and was left out")
                        say_not_run([cell], words)
                        self._noticed.append(Problem.of("cell-skipped", words, cell=number + 1))
        finally:
            worker.close()
        return None

    @property
    def _most_minutes(self) -> int:
        return round(_MOST_TIMES * self._timeout_s / 60)

    @property
    def _late(self) -> Text:
        return text("this cell did not finish within {seconds:g} s; is there an endless loop?", seconds=self._timeout_s)

    def _ask(self, worker: WorkerProcess, request: Request) -> Reply:
        return worker.ask(
            request, [], within_s=self._timeout_s, on_timeout=self._late, interrupt=request["op"] == "show"
        )[0]

    def _fill(self, folder: Path, handed_in: Path | None) -> None:
        """Copy a notebook's files for the code to read, to a folder of the same name; what the one before left goes."""
        empty(self._base)
        self._folder = self._base / _WORK / folder.name
        for made in (self._base / _TEMPORARY, self._base / _WORK, self._folder):
            made.mkdir()
            made.chmod(0o777)
        for path in folder.rglob("*"):
            target = self._folder / path.relative_to(folder)
            if path.is_symlink():  # it could lead anywhere
                continue
            if handed_in is not None and path.parent == folder and path.suffix == ".ipynb":
                continue  # by now it may hold hidden tests
            if path.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                target.chmod(0o777)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
                target.chmod(0o666)
        for path in handed_in.glob("*.ipynb") if handed_in is not None else ():
            with suppress(OSError):  # whatever lies there: the notebook that is graded has been read
                if path.is_file() and not path.is_symlink():
                    shutil.copyfile(path, self._folder / path.name)
                    (self._folder / path.name).chmod(0o666)


def _seed(cells: Sequence[NotebookNode]) -> int:
    """Return what seeds a notebook's random numbers: others for others' work, and the same ones every time."""
    digest = hashlib.sha256("\0".join(cell.source for cell in cells).encode("utf-8", "surrogatepass"))
    return int.from_bytes(digest.digest()[:7], "big")


def say_not_run(cells: Sequence[NotebookNode], why: Text) -> None:
    """Give cells that are not run the output of an error, which earns nothing: without any they would earn all."""
    for cell in cells:
        cell.outputs, cell.execution_count = [error_output("NotRun", why.en)], None


@dataclass(frozen=True)
class CellScore:
    """What a grade cell's outputs are worth.

    Args:
        score: None if a person has to look.
        reason: why they have to.
    """

    score: float | None
    reason: Text | None = None


def score(cell: NotebookNode) -> CellScore:
    """Score a grade cell's outputs as nbgrader does, but without points for nonsense.

    An error is worth nothing; a number as the cell's result is the score; anything else earns full points. Unlike
    nbgrader's rule, this one lets code print warnings, and a number that cannot be a score (negative, above the
    maximum, not finite) waits for a person, as does a test that asked for a program: nobody knows what it would say.
    """
    most = float(cell.metadata.nbgrader["points"])
    if UNDONE in cell.metadata:
        return CellScore(None, text("its test asks for a command, and commands are not run here"))
    for output in cell.outputs:
        if output.output_type == "error":
            return CellScore(0.0)
        if output.output_type == "execute_result":
            try:
                value = float(output.data.get("text/plain", ""))
            except ValueError:
                return CellScore(most)
            if 0 <= value <= most:
                return CellScore(value)
            words = text("the cell's result {value:g} is no score between 0 and {most:g}", value=value, most=most)
            return CellScore(None, words)
    return CellScore(most)


def scores(notebook: NotebookNode, source: SourceNotebook) -> tuple[dict[str, float | None], list[Problem]]:
    """Score every cell with points of a notebook that has run; with notes on those that wait for a person."""
    found: dict[str, float | None] = {}
    notes: list[Problem] = []
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        known = source.cells.get(name)
        if known is None or known.points is None:
            continue
        if known.grade and not known.solution and cell.cell_type == "code":
            given = score(cell)
            found[name] = given.score
            if given.reason:
                notes.append(Problem.of("note", same(f"{name}: ") + given.reason))
        else:  # an answer in words; nobody has to look at one that is still as it was released
            found[name] = 0.0 if known.solution and not known.task and autograded.is_untouched(cell) else None
    return found, notes


def tell_other_language(notebook: str, language: object) -> Text:
    """Say that a notebook cannot run here, and what can run it."""
    return text(
        "{notebook}.ipynb is for {language}: only Python can be run confined; to run it unconfined, "
        "put nbgrader.preprocessors.Execute and SaveAutoGrades back into nbgrader_config.py",
        notebook=notebook,
        language=language,
    )
