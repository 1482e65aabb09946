"""The standby process for checks; see `autograder.practice.standby`.

.. code-block:: text

    check ──socket──> this process ──fork──> a check: reads rubric and submission, judges, answers, ends
                           │                   │
                        zygote ────fork────> its copy ──fork──> worker
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from autograder.base.errors import AutograderError, ConfigError
from autograder.sandbox.confine import WorkerSettings
from autograder.sandbox.serving import collect_garbage_from_now_on, name_process
from autograder.sandbox.split import split_off_zygote
from autograder.sandbox.standby import Post

if TYPE_CHECKING:  # the zygote must know nothing that it does not need
    from autograder.sandbox.process import Zygote

_REHEARSAL = {
    "assignment.yaml": """\
schema: 1
title: {zh: 预演, en: Rehearsal}
exercises:
  double: {title: {zh: 加倍, en: Double}, functions: ["double(x)"]}
""",
    "handed_in.py": "import torch\n\n\ndef double(x):\n    return 2 * x\n",
    "test_rehearsal.py": """\
import torch
from autograder import checks, criterion


@criterion("double", points=1, title={"en": "values", "zh": "数值"})
def test_double_values(student, rng):
    x = torch.randn(3, 2, generator=rng)
    checks.assert_close(student.double(x), 2 * x)


@criterion("double", points=1, title={"en": "gradient", "zh": "梯度"})
def test_double_gradient(student, rng):
    checks.assert_gradient(student.double, torch.randn(3, generator=rng, dtype=torch.float64).requires_grad_())


@criterion("double", points=1, title={"en": "what fails", "zh": "不对的"})
def test_double_fails(student, rng):
    checks.assert_close(student.double(torch.ones(2)), torch.zeros(2))
""",
}


def main(descriptor: int, settings: str) -> None:
    """Answer the checks that connect, until none comes for a while."""
    told = json.loads(settings)
    post = Post(descriptor, **told["post"])
    at_first = replace(WorkerSettings(**told["worker"]), many=False)  # somebody waits for the first check
    with contextlib.closing(split_off_zygote(at_first, leave=post.leave)) as zygote:
        name_process("check-standby")
        from autograder.practice import check  # noqa: F401 -- while the zygote warms up, and once for all forks

        collect_garbage_from_now_on()
        zygote.wait_until_ready()
        is_warm = False
        while (connection := post.next()) is not None:
            pid = _fork_check(connection, post, zygote)
            post.look_after(pid)
            if not is_warm:
                post.wait_for(pid)  # warming up takes time from the first check, which somebody waits for
                zygote.prepare_for_many()
                _warm(zygote, post.caches / "rehearsal")
                is_warm = True
    post.close()
    os._exit(0)  # without taking torch apart first


def _warm(zygote: Zygote, folder: Path) -> None:
    """Check an assignment of our own, so that the forks need not pay what the first check in a process costs."""
    from autograder.datasets import digits
    from autograder.practice import check
    from autograder.sandbox.process import Zygote

    folder.mkdir()
    for name, content in _REHEARSAL.items():
        (folder / name).write_text(content, encoding="utf-8")
    with contextlib.suppress(AutograderError), Zygote(zygote.copy()) as own:
        check.check_file(folder / "handed_in.py", own)
    digits()
    gc.collect()
    gc.freeze()


def _fork_check(connection: socket.socket, post: Post, zygote: Zygote) -> int:
    control = zygote.copy()
    pid = os.fork()
    if pid == 0:
        post.leave()
        zygote.leave()
        _answer(connection, control)
    control.close()
    connection.close()
    return pid


def _answer(connection: socket.socket, control: socket.socket) -> NoReturn:
    """Answer in the fork; without an answer the other side makes the check itself and meets the error there."""
    with contextlib.suppress(BaseException):
        name_process("check")
        from autograder.practice import check
        from autograder.sandbox.process import Zygote

        with Zygote(control) as zygote, connection.makefile("rw", encoding="utf-8") as channel:
            request = json.loads(channel.readline())
            try:
                _, report = check.check_file(Path(request["path"]), zygote, exercise=request.get("exercise"))
                answer = {"report": report.to_dict()}
            except ConfigError as error:
                answer = {"mistake": dict(error.to_dict())}
            channel.write(json.dumps(answer) + "\n")
    os._exit(0)
