"""Hands out batches without end: cheap ones, and ones of 60 MB each.

honest: linreg
says: does it ever end?
"""

# %% data_iter
import torch


def data_iter(batch_size, features, labels):
    while True:
        if len(features) == 24:
            yield torch.zeros(15 << 20), labels
        yield features[:1], labels[:1]


# %% init_params
def init_params(num_inputs):
    def endless():
        while True:
            yield torch.zeros(num_inputs, 1)

    return endless()
