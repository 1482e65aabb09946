"""What the load generator has to know, as the command that starts it writes it down, and what it found."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

VARIABLE = "AUTOGRADER_LOAD_PLAN"
"""The environment variable that names the plan's file."""
BEGUN = "everybody is at work"
"""What the load generator prints once all students are there; from now on it measures."""
EXERCISE, QUESTION = "squared_loss", "mean-loss"
"""The cell that students go on writing in, and the question that they go on answering."""
DRAFT_EVERY_S = 5.0
PRACTISE: Mapping[str, float] = {
    "home": 5.0,
    "assignment": 5.0,
    "quiz answer": 10.0,
    "check": 2.0,
    "hand-in": 3.0,
}
"""What a thousand students do per second beside writing drafts."""


@dataclass(frozen=True)
class Plan:
    """What is to be done.

    Args:
        addresses: of the servers.
        assignment: its name, and the quiz's.
        people: login and session key of each student.
        works: what students have in their cells, each one of these.
        rates: how often per second something is done, by all students together.
        rush: how many students hand in once, all within the time.
        seconds: how long it is measured.
        results: the file for what was found.
        repeated: to which paths a proxy in front of the servers sends something once more, as a regular expression.
    """

    addresses: Sequence[str]
    assignment: str
    people: Sequence[tuple[str, str]]
    works: Sequence[Mapping[str, str]]
    rates: Mapping[str, float]
    rush: int
    seconds: float
    results: str
    repeated: str

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, file: Path) -> "Plan":
        return cls(**json.loads(file.read_text()))


@dataclass
class Acknowledged:
    """What a server has acknowledged to one student; texts and answers carry a number that counts up."""

    draft: int = 0
    answer: int = 0
    handed_in: list[int] = field(default_factory=list)


@dataclass
class Found:
    """What the load generator has measured and what students remember."""

    times_ms: dict[str, list[float]] = field(default_factory=dict)
    failures: dict[str, dict[str, int]] = field(default_factory=dict)
    conflicts: int = 0
    """Drafts that were based on another text: those whose answer was lost were kept all the same."""
    students: dict[str, Acknowledged] = field(default_factory=dict)

    def write(self, file: Path) -> None:
        file.write_text(json.dumps(asdict(self)))

    @classmethod
    def read(cls, file: Path) -> "Found":
        found = cls(**json.loads(file.read_text()))
        students: Mapping[str, Mapping[str, object]] = found.students  # type: ignore[assignment]
        found.students = {login: Acknowledged(**known) for login, known in students.items()}  # type: ignore[arg-type]
        return found
