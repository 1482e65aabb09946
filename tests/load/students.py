"""A class at work, for locust; ``python tests/load`` prepares the course and starts it.

Each student has a browser: signed in, with the assignment's page open, whose script saves what they write. Beside that
they do now and then what the plan says.
"""

import hashlib
import json
import os
import random
import re
import time
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import gevent
from locust import constant_pacing, events, task
from locust.contrib.fasthttp import FastHttpUser
from plan import BEGUN, DRAFT_EVERY_S, EXERCISE, QUESTION, VARIABLE, Acknowledged, Found, Plan

PLAN = Plan.read(Path(os.environ[VARIABLE]))
FOUND = Found()
_NUMBERS = count()
_TOKEN = re.compile(r'name="form_token" value="([^"]+)"')
_BASE = re.compile(r'name="base:([^"]+)" value="([^"]*)"')
_BOUNDARY = "----a-browser-makes-this-up"
_begun_at: float | None = None
"""From when on it is measured; None before that and after the end."""


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
def note(name: str, response_time: float, exception: Exception | None, **_: Any) -> None:
    if exception is not None:
        reasons = FOUND.failures.setdefault(name, {})
        words = f"{type(exception).__name__}: {exception}"[:80]
        reasons[words] = reasons.get(words, 0) + 1
    elif _begun_at is not None:
        FOUND.times_ms.setdefault(name, []).append(response_time)


def digest(value: object) -> str:
    """Return by what a form says which answer its page had."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def as_form(fields: Mapping[str, str]) -> str:
    """Return a form as the page's script sends it."""
    parts = [f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in fields.items()]
    return "".join(parts) + f"--{_BOUNDARY}--\r\n"


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
        self.token, self.bases, self.answered = "", dict[str, str](), None
        self.to_hand_in: dict[str, str] | None = None
        self.rushes_at = self.next.uniform(0, PLAN.seconds - DRAFT_EVERY_S) if number < PLAN.rush else None
        self.open_assignment("first page")

    @task
    def turn(self) -> None:
        """Write on, and do something else now and then."""
        if not self.token:
            self.open_assignment("first page")
            return
        self.save_draft()
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
            found = _TOKEN.search(page.text)
            assert found is not None
            self.token, self.bases = found[1], dict(_BASE.findall(page.text))

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
        self.bases[EXERCISE] = hashlib.sha256(self.cells[EXERCISE].encode()).hexdigest()[:16]

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
                source = self.to_hand_in[f"cell:{cell}"]
                self.bases[cell] = hashlib.sha256(source.encode()).hexdigest()[:16]
            self.to_hand_in = None
            self.ask("receipt", page)
        elif said.status_code == 409:  # the answer to an earlier draft was lost
            self.to_hand_in = None
            self.open_assignment("assignment")

    def answer(self) -> None:
        value = f"0.{self.known.answer + 1:06}"
        form = {f"a:{QUESTION}": value, f"was:{QUESTION}": digest(self.answered)}
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
        bases = {f"base:{cell}": self.bases[cell] for cell in cells}
        return {f"cell:{cell}": self.cells[cell] for cell in cells} | bases

    def send(self, kind: str, path: str, form: Mapping[str, str], **options: Any) -> Any:
        return self.ask(kind, f"/assignments/{PLAN.assignment}{path}", form, **options)

    def ask(
        self, kind: str, path: str, form: Mapping[str, str] | None = None, *, by_script: bool = True, **options: Any
    ) -> Any:
        """Ask one server after the other, as a load balancer would."""
        self.at += 1
        address = PLAN.addresses[self.at % len(PLAN.addresses)]
        headers, data = self.headers, None
        if form is not None:
            whole = {"form_token": self.token} | form
            data = as_form(whole) if by_script else urlencode(whole)
            encoding = (
                f"multipart/form-data; boundary={_BOUNDARY}" if by_script else "application/x-www-form-urlencoded"
            )
            headers = headers | {"origin": address, "content-type": encoding}
        options |= {"name": kind, "headers": headers, "allow_redirects": False}
        return self.client.request("GET" if form is None else "POST", address + path, data=data, **options)
