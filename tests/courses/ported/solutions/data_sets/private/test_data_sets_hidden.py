"""What decides besides."""

import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, SequentialSampler, TensorDataset

from autograder import checks, criterion

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon"]


def reviews(rng, n):
    """Random texts with unknown words among them, their stars and a vocabulary."""
    lengths = torch.randint(1, 9, (n,), generator=rng).tolist()
    texts = [" ".join([*WORDS, "Zeta"][i] for i in torch.randint(0, 6, (k,), generator=rng)) for k in lengths]
    return texts, torch.randint(1, 6, (n,), generator=rng).tolist(), {word: i + 2 for i, word in enumerate(WORDS)}


@criterion("data_set", points=1, title="other texts and a limit on their length", needs="data_set.samples")
@pytest.mark.parametrize("max_length", [None, 3])
def test_data_set_other(student, reference, rng, max_length):
    arguments = (*reviews(rng, 12), max_length)
    data_set, right = student.Reviews(*arguments), reference.Reviews(*arguments)
    checks.assert_equal(list(data_set), list(right), name="list(data_set)")


@criterion("data_set", points=2, title="refuses texts without stars, and leaves its arguments alone")
def test_data_set_arguments(student, rng):
    texts, stars, vocabulary = reviews(rng, 4)
    with pytest.raises(ValueError):
        student.Reviews(texts, stars[:-1], vocabulary)
    checks.assert_unchanged(student.Reviews, texts, stars, vocabulary)


@criterion("collate", points=2, title="the mask", needs="collate.pads", hint="Compare positions with the lengths.")
def test_collate_mask(student, rng):
    lengths = [*torch.randint(1, 7, (4,), generator=rng).tolist(), 7]
    # a word may have the number of the padding
    samples = [{"words": torch.zeros(k, dtype=torch.int64), "label": 0} for k in lengths]
    mask = student.collate(samples)["mask"]
    expected = torch.tensor([[place < k for place in range(7)] for k in lengths])
    checks.assert_close(mask, expected, name="batch['mask']")


@criterion("loading", points=3, title="two parts without common samples")
def test_loading_parts(student, rng):
    whole = TensorDataset(torch.arange(11))
    larger, smaller = student.split(whole, 0.3, 5)
    assert (len(larger), len(smaller)) == (8, 3)
    found = [int(x) for part in (larger, smaller) for (x,) in part]
    assert sorted(found) == list(range(11))
    texts, stars, vocabulary = reviews(rng, 6)
    theirs, _ = student.split(student.Reviews(texts, stars, vocabulary), 0.5, 1)
    sampler = BatchSampler(SequentialSampler(theirs), 2, drop_last=False)
    assert len(list(DataLoader(theirs, batch_sampler=sampler, collate_fn=student.collate))) == 2


@criterion("loading", points=2, title="decided by the seed alone", needs="loading.parts")
def test_loading_seed(student):
    whole = TensorDataset(torch.arange(20))

    def indices(seed):
        return [int(x) for (x,) in student.split(whole, 0.5, seed)[0]]

    first = indices(1)
    assert indices(1) == first
    assert indices(2) != first
