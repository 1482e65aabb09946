"""What students can check themselves."""

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from autograder import checks, criterion

VOCABULARY = {"good": 2, "bad": 3, "film": 4, "a": 5}
TEXTS = ["A good film", "bad", "what a bad bad film", "Good good"]
STARS = [5, 1, 2, 4]


@criterion("data_set", points=1, title="is a Dataset with a length", hint="Derive it from torch.utils.data.Dataset.")
def test_data_set_length(student):
    data_set = student.Reviews(TEXTS, STARS, VOCABULARY)
    assert isinstance(data_set, Dataset)
    assert len(data_set) == 4
    assert len(student.Reviews([], [], VOCABULARY)) == 0


@criterion("data_set", points=2, title="samples are words and a label", needs="data_set.length")
def test_data_set_samples(student):
    data_set = student.Reviews(TEXTS, STARS, VOCABULARY)
    expected = [[5, 2, 4], [3], [1, 5, 3, 3, 4], [2, 2]]
    for i, words in enumerate(expected):
        sample = data_set[i]
        assert sample.keys() == {"words", "label"}
        checks.assert_close(sample["words"], torch.tensor(words), name=f"data_set[{i}]['words']")
    assert [sample["label"] for sample in data_set] == [1, 0, 0, 1]


@criterion("data_set", points=1, title="knows its longest sample", needs="data_set.length", hint="A property.")
def test_data_set_longest(student):
    assert student.Reviews(TEXTS, STARS, VOCABULARY).longest == 5
    assert student.Reviews(TEXTS, STARS, VOCABULARY, max_length=2).longest == 2


@criterion("data_set", points=1, title="can be indexed as a list", needs="data_set.samples")
def test_data_set_index(student):
    data_set = student.Reviews(TEXTS, STARS, VOCABULARY)
    assert torch.equal(data_set[-1]["words"], data_set[3]["words"])
    with pytest.raises(IndexError):
        data_set[4]


@criterion("collate", points=2, title="pads at the end to the longest", hint="pad_sequence with batch_first=True.")
def test_collate_pads(student):
    samples = [{"words": torch.tensor(words), "label": 1} for words in ([2, 3, 4], [5], [2, 2])]
    batch = student.collate(samples)
    checks.assert_close(batch["words"], torch.tensor([[2, 3, 4], [5, 0, 0], [2, 2, 0]]), name="batch['words']")


@criterion("collate", points=1, title="lengths and labels", needs="collate.pads")
def test_collate_labels(student):
    samples = [{"words": torch.tensor(words), "label": label} for words, label in (([2, 3], 1), ([5], 0))]
    batch = student.collate(samples)
    checks.assert_close(batch["lengths"], torch.tensor([2, 1]), name="batch['lengths']")
    checks.assert_close(batch["labels"], torch.tensor([[1.0], [0.0]]), name="batch['labels']")


@criterion("collate", points=2, title="works in a DataLoader with their own data set", needs=("collate.pads"))
def test_collate_in_a_loader(student, rng):
    data_set = student.Reviews(TEXTS, STARS, VOCABULARY)
    loader = DataLoader(data_set, batch_size=3, shuffle=True, collate_fn=student.collate, generator=rng)
    batches = list(loader)
    assert [len(batch["words"]) for batch in batches] == [3, 1]
    assert sum(int(batch["labels"].sum()) for batch in batches) == 2
    assert sum(int(batch["lengths"].sum()) for batch in batches) == 11
