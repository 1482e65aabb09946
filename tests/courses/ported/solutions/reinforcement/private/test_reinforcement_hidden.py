"""Episodes that end, seeds, and whose values are whose."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from autograder import checks, criterion


@criterion("advantages", points=3, title="where episodes end in between", needs="advantages.episode")
def test_advantages_ends(student, reference, rng):
    rewards, values = (torch.randn(n, generator=rng, dtype=torch.float64).numpy() for n in (7, 8))
    ends = np.array([0, 1, 0, 0, 1, 1, 0])
    result = checks.assert_unchanged(student.advantages, rewards, values, ends, 0.9, 0.8)
    checks.assert_close(result, reference.advantages(rewards, values, ends, 0.9, 0.8))


def filled(student, seed):
    buffer = student.ReplayBuffer(50, seed)
    for i in range(40):
        buffer.add(np.zeros(1), 0, float(i))
    return buffer


@criterion("memory", points=2, title="draws without repetition, by its seed", needs="memory.holds")
def test_memory_draws(student):
    first, again, other = (filled(student, seed).sample(30)["rewards"] for seed in (1, 1, 2))
    checks.require(len(first.unique()) == 30, "no transition may be drawn twice")
    checks.require(first.equal(again), "the same seed must draw the same")
    checks.require(not first.equal(other), "another seed must draw others")
    with pytest.raises(ValueError):
        filled(student, 1).sample(41)


@criterion("rollout", points=2, title="is cut off, and asks the policy once a step", needs="rollout.plays")
def test_rollout_cut_off(student):
    seen = []

    def policy(state):
        seen.append(float(state[0]))
        return int(state[0] < 1)

    path = student.rollout(student.Corridor(3), policy, 4)
    checks.assert_equal(path["actions"], [1, 0, 1, 0], name="the actions")
    checks.assert_equal(seen, [0.0, 1.0, 0.0, 1.0], name="what the policy saw")


def networks(rng):
    net, target = (nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 4)) for _ in range(2))
    for p in (*net.parameters(), *target.parameters()):
        nn.init.uniform_(p, -1, 1, generator=rng)
    return net, target


@criterion("targets", points=3, title="one network chooses, the other values")
def test_targets_values(student, rng):
    net, target = networks(rng)
    rewards, states, ends = torch.randn(20, generator=rng), torch.randn(20, 3, generator=rng), torch.arange(20) % 3 // 2
    result = checks.assert_unchanged(student.q_targets, net, target, rewards, states, ends, 0.9)
    checks.require(not result.requires_grad, "targets must have no gradient")
    worth = target(states)[torch.arange(20), net(states).argmax(1)].detach()
    checks.assert_close(result, rewards + 0.9 * (1 - ends) * worth)


@criterion("targets", points=2, title="the target follows, and only the target")
def test_targets_follow(student, rng):
    net, target = networks(rng)
    goal, begin = copy.deepcopy(net), copy.deepcopy(target)
    student.follow(net, target, 0.25)
    for name, parameter in target.named_parameters():
        expected = 0.25 * goal.get_parameter(name) + 0.75 * begin.get_parameter(name)
        checks.assert_close(parameter.detach(), expected.detach(), rtol=1e-5, name=f"the target's {name}")
        checks.assert_close(net.get_parameter(name).detach(), goal.get_parameter(name).detach(), name=f"net's {name}")
