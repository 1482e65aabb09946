"""Hands out batches that hold no tensors, only structure: a megabyte on the way, two dozen times that once unpacked.

honest: none
"""

# %% data_iter
heavy = [[] for _ in range(340_000)]


def data_iter(batch_size, features, labels):
    for _ in range(len(features)):
        yield heavy
