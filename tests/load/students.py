"""A class at work, for locust; ``python tests/load`` prepares the course and starts it.

Each student has a browser: signed in, with the assignment's page open, whose script saves what they write. Beside that
they do now and then what the plan says. Of several servers they ask one after the other, and the next one where a request
breaks off that nginx repeats; any other has failed.
"""

import json
import os
import random
import re
import time
from collections.abc import Mapping
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import as_a_browser
import gevent
from geventhttpclient.response import HTTPConnectionClosed
from locust import constant_pacing, events, task
from locust.contrib.fasthttp import FastHttpUser
from plan import BEGUN, DRAFT_EVERY_S, EXERCISE, QUESTION, VARIABLE, Acknowledged, Found, Plan

PLAN = Plan.read(Path(os.environ[VARIABLE]))
_REPEATED = re.compile(PLAN.repeated)
FOUND = Found()
_NUMBERS = count()
_begun_at: float | None = None
"""From when on it is measured; None before that and after the end."""
_environment: Any = None
_DOWN_UNTIL: dict[str, float] = {}
_AVOIDED_S = 600.0


@events.spawning_complete.add_listener
def begin(user_count: int, **_: Any) -> None:
    global _begun_at
    _begun_at = time.monotonic()
    print(BEGUN, flush=True)
    gevent.spawn_later(PLAN.seconds, _end)


def _end() -> None:
    global _begun_at
    _begun_at = None
    _environment.runner.quit()


@events.init.add_listener
def remember_environment(environment: Any, **_: Any) -> None:
    global _environment
    _environment = environment


@events.quitting.add_listener
def keep(**_: Any) -> None:
    FOUND.write(Path(PLAN.results))


@events.request.add_listener
def note(name: str, response_time: float, exception: Exception | None, context: Any, response: Any, **_: Any) -> None:
    if _is_passed_on(exception, **context):
        return
    if exception is not None:
        reasons = FOUND.failures.setdefault(name, {})
        status = getattr(response, "status_code", 0)
        words = f"status {status}" if status >= 400 else f"{type(exception).__name__}: {exception}"[:80]
        reasons[words] = reasons.get(words, 0) + 1
    elif _begun_at is not None:
        FOUND.times_ms.setdefault(name, []).append(response_time)


def _is_passed_on(exception: Exception | None, *, again: bool = False, repeats: bool = False) -> bool:
    """Return whether a proxy in front of the servers would have asked the next one.

    Args:
        exception: why there is no answer.
        again: whether it has asked the next one already.
        repeats: whether it may ask twice. What only reads, and what the page for those who run servers says; anything
            else it passes on only if the server has not even taken it.
    """
    broken_off = isinstance(exception, (ConnectionError, HTTPConnectionClosed))
    is_passed_on = broken_off and (repeats or isinstance(exception, ConnectionRefusedError))
    return is_passed_on and not again and len(PLAN.addresses) > 1


class Student(FastHttpUser):
    """Somebody with a browser."""

    host = PLAN.addresses[0]
    wait_time = constant_pacing(DRAFT_EVERY_S)
    connection_timeout = network_timeout = 60.0
    concurrency = 1

    def on_start(self) -> None:
        number = next(_NUMBERS)
        self.login, key = PLAN.people[number]
        self.known = FOUND.students.setdefault(self.login, Acknowledged())
        self.next = random.Random(number)
        self.cells = dict(PLAN.works[number % len(PLAN.works)])
        self.begun_with = self.cells[EXERCISE]
        self.at, self.written = number, 0
        self.headers = {"cookie": f"autograder_browser={key}", "accept-language": "en"}
        self.token, self.bases = "", dict[str, str]()
        self.answered: str | None = None
        self.to_hand_in: dict[str, str] | None = None
        self.to_read = ""
        self.rushes_at = self.next.uniform(0, PLAN.seconds - DRAFT_EVERY_S) if number < PLAN.rush else None
        self.open_assignment("first page")

    @task
    def turn(self) -> None:
        """Write on, and do something else now and then."""
        if not self.token:
            self.open_assignment("first page")
            return
        self.save_draft()
        if self.to_read:
            self.ask("result", self.to_read)
            self.to_read = ""
        if self.to_hand_in is not None or self.is_in_a_rush():
            self.hand_in()  # perhaps once more: nobody has acknowledged it
            return
        chance = self.next.random()
        for kind, per_second in PLAN.rates.items():
            chance -= per_second * DRAFT_EVERY_S / len(PLAN.people)
            if chance < 0:
                self.do(kind)
                return

    def do(self, kind: str) -> None:
        {
            "home": lambda: self.ask(kind, "/"),
            "assignment": lambda: self.open_assignment(kind),
            "quiz answer": self.answer,
            "check": self.check,
            "hand-in": self.hand_in,
        }[kind]()

    def is_in_a_rush(self) -> bool:
        """Return whether this is the moment to hand in, once, before the deadline."""
        if self.rushes_at is None or _begun_at is None or time.monotonic() - _begun_at < self.rushes_at:
            return False
        self.rushes_at = None
        return True

    # -- what students do ----------------------------------------------------------------------------------------------

    def open_assignment(self, kind: str) -> None:
        page = self.ask(kind, f"/assignments/{PLAN.assignment}")
        if page.status_code == 200:
            self.token, self.bases = as_a_browser.read(page.text)

    def save_draft(self) -> None:
        number = self.write()
        said = self.send("draft", "?as=json", self.written_in(EXERCISE))
        if said.status_code != 200:
            return
        answer = said.json()
        self.bases[EXERCISE] = answer["cells"][EXERCISE]["version"]
        if answer["saved"] is None:
            FOUND.conflicts += 1
        else:
            self.known.draft = number

    def check(self) -> None:
        number = self.write()
        with self.ask(
            "check",
            f"/assignments/{PLAN.assignment}/check?as=stream",
            self.written_in(EXERCISE) | {"exercise": EXERCISE},
            catch_response=True,
        ) as said:
            lines = (said.text or "").splitlines() if said.status_code == 200 else []
            if not lines or not json.loads(lines[-1]).get("is_whole"):
                said.failure(f"status {said.status_code}: {lines[-1][:60] if lines else ''}")
                return
        self.known.draft = number  # saved with it, though the page learns of its version later
        self.bases[EXERCISE] = as_a_browser.version(self.cells[EXERCISE])

    def hand_in(self) -> None:
        number = self.write()
        if self.to_hand_in is None:
            key = {"request_key": f"{self.login}-{number}"}
            self.to_hand_in = self.written_in(*self.cells) | key
        said = self.send("hand-in", "/hand-in", self.to_hand_in, by_script=False)
        if said.status_code == 303:
            page = said.headers["location"]
            self.known.handed_in.append(int(page.rpartition("/")[2]))
            for cell in self.cells:
                self.bases[cell] = as_a_browser.version(self.to_hand_in[f"cell:{cell}"])
            self.to_hand_in, self.to_read = None, page
            self.ask("receipt", page)
        elif said.status_code == 409:  # the answer to an earlier draft was lost
            self.to_hand_in = None
            self.open_assignment("assignment")

    def answer(self) -> None:
        value = f"0.{self.known.answer + 1:06}"
        form = as_a_browser.answer(QUESTION, value, self.answered)
        said = self.ask("quiz answer", f"/quizzes/{PLAN.assignment}/answers?as=json", form)
        if said.status_code == 200:
            self.known.answer += 1
            self.answered = value

    # -- how a browser does it -----------------------------------------------------------------------------------------

    def write(self) -> int:
        """Write something into a cell, which says when."""
        self.written += 1
        self.cells[EXERCISE] = f"{self.begun_with}# {self.written}\n"
        return self.written

    def written_in(self, *cells: str) -> dict[str, str]:
        return as_a_browser.cells({cell: self.cells[cell] for cell in cells}, self.bases)

    def send(self, kind: str, path: str, form: Mapping[str, str], **options: Any) -> Any:
        return self.ask(kind, f"/assignments/{PLAN.assignment}{path}", form, **options)

    def ask(
        self,
        kind: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        by_script: bool = True,
        again: bool = False,
        **options: Any,
    ) -> Any:
        address = self.next_server()
        headers, data = self.headers, None
        if form is not None:
            whole = {"form_token": self.token, **form}
            data = as_a_browser.form(whole) if by_script else urlencode(whole)
            encoding = as_a_browser.AS_FORM if by_script else "application/x-www-form-urlencoded"
            headers = headers | {"origin": address, "content-type": encoding}
        method = "GET" if form is None else "POST"
        proxy = {"again": again, "repeats": form is None or bool(_REPEATED.match(path.partition("?")[0]))}
        send = partial(self.client.request, method, address + path, name=kind, data=data, headers=headers)
        answer = send(allow_redirects=False, context=proxy, **options)
        if answer.status_code == 0:
            _DOWN_UNTIL[address] = time.monotonic() + _AVOIDED_S
            if _is_passed_on(answer.error, **proxy):
                return self.ask(kind, path, form, by_script=by_script, again=True, **options)
        return answer

    def next_server(self) -> str:
        """Return one server after the other, as a load balancer would: without those that have just not answered."""
        now = time.monotonic()
        up = [address for address in PLAN.addresses if _DOWN_UNTIL.get(address, now) <= now] or PLAN.addresses
        self.at += 1
        return up[self.at % len(up)]
