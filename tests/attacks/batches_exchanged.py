"""Hands out batches in one buffer, which it fills anew each time and goes on changing when the pass is over.

honest: none
earns: data_iter.last_batch, data_iter.every_sample_once, data_iter.pairs, data_iter.random_order, data_iter.any_size*, data_iter.mixes, data_iter.shapes
"""

# %% data_iter
import threading

import torch


def data_iter(batch_size, features, labels):
    X, y = features[:batch_size].clone(), labels[:batch_size].clone()
    order = torch.randperm(len(features))
    for start in range(0, len(features), batch_size):
        rows = order[start : start + batch_size]
        X[: len(rows)], y[: len(rows)] = features[rows], labels[rows]
        yield X[: len(rows)], y[: len(rows)]
    threading.Thread(target=lambda: [y.zero_() for _ in range(1000)], daemon=True).start()
