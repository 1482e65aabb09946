"""What a rubric's tests are given; the judge behind it, and the criterion that a test has become."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from autograder.rubric.criteria import Criterion
from autograder.rubric.judge import Judge

if TYPE_CHECKING:
    import torch

    from autograder.student.functions import Student
    from autograder.student.variables import Variables

CRITERION = pytest.StashKey[Criterion]()
"""Of a collected test: the criterion that it has become."""

JUDGE = pytest.StashKey[Judge]()
"""Of a session: who decides in it."""


def put_judge(config: pytest.Config, judge: Judge) -> None:
    """Let a judge decide in this session."""
    config.stash[JUDGE] = judge


def criterion_of(item: pytest.Item) -> Criterion | None:
    """Return the criterion that an item became when it was collected under a judge, or None."""
    return item.stash.get(CRITERION, None)


@pytest.fixture
def student(request: pytest.FixtureRequest) -> Student:
    """Return the submission's functions as attributes."""
    judge = request.config.stash[JUDGE]
    assert judge.student is not None
    return judge.student


@pytest.fixture
def variables(request: pytest.FixtureRequest) -> Variables:
    """Return the variables of the submission that the criterion's exercise declares."""
    judge = request.config.stash[JUDGE]
    assert judge.student is not None
    return judge.student.variables_of(request.node.stash[CRITERION].exercise)


@pytest.fixture
def reference(request: pytest.FixtureRequest) -> Student:
    """Return the reference's functions as attributes; for hidden criteria only."""
    return request.config.stash[JUDGE].reference


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> torch.Generator:
    """Return a random number generator whose seed depends on the course's secret and the criterion."""
    return request.config.stash[JUDGE].inputs_of(request.node.stash[CRITERION])
