"""Hands out batches in one buffer, which it fills anew each time and clears when the pass is over.

honest: none
earns: data_iter.last_batch, data_iter.mixes, data_iter.shapes
"""

# %% data_iter
import torch


def data_iter(batch_size, features, labels):
    X, y = features[:batch_size].clone(), labels[:batch_size].clone()
    order = torch.randperm(len(features))
    for start in range(0, len(features), batch_size):
        rows = order[start : start + batch_size]
        X[: len(rows)], y[: len(rows)] = features[rows], labels[rows]
        yield X[: len(rows)], y[: len(rows)]
    y.zero_()
