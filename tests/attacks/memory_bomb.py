"""Allocates 6 GB in a call, and keeps what it gets.

honest: linreg
says: allocate
"""

# %% squared_loss
import torch

kept = []


def squared_loss(y_hat, y):
    for _ in range(24):
        kept.append(torch.ones(1 << 26))
    return y_hat
