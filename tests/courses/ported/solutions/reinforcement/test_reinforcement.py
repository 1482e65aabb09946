"""What students can check themselves."""

import numpy as np
import torch

from autograder import checks, criterion


@criterion(
    "advantages",
    points=2,
    title="of one episode",
    hint="Go from the end to the beginning.",
)
def test_advantages_episode(student, rng):
    rewards = torch.randn(4, generator=rng, dtype=torch.float64).numpy()
    values = np.append(torch.randn(4, generator=rng, dtype=torch.float64).numpy(), 0.0)
    deltas = rewards + 0.9 * values[1:] - values[:-1]
    expected = np.array([sum(0.72**k * delta for k, delta in enumerate(deltas[t:])) for t in range(4)])
    checks.assert_close(student.advantages(rewards, values, np.array([0, 0, 0, 1]), 0.9, 0.8), expected)


@criterion("memory", points=3, title="holds the last transitions, with their types")
def test_memory_holds(student):
    buffer = student.ReplayBuffer(3, 0)
    for i in range(5):
        buffer.add(np.array([i, -i]), i % 2, i / 2)
        checks.require(len(buffer) == min(i + 1, 3), "there must be as many as were added, but no more than `capacity`")
    batch = buffer.sample(3)
    checks.assert_close(batch["rewards"].sort().values, torch.tensor([1.0, 1.5, 2.0]), name="the rewards")
    checks.assert_close(batch["states"], 2 * batch["rewards"][:, None] * torch.tensor([1.0, -1.0]), name="the states")
    checks.assert_equal(batch["actions"], (2 * batch["rewards"]).long() % 2, name="the actions")


@criterion("rollout", points=2, title="plays until the end", hint="The policy decides on what it sees before the step.")
def test_rollout_plays(student):
    world = student.Corridor(3)
    path = student.rollout(world, lambda state: 1, 9)
    checks.assert_equal(path["actions"], [1, 1, 1], name="the actions")
    checks.assert_equal(path["rewards"], [0.0, 0.0, 1.0], name="the rewards")
    checks.assert_equal([float(state[0]) for state in path["states"]], [0.0, 1.0, 2.0], name="the states")
    checks.require(world.resets == 1, "an episode begins once")
