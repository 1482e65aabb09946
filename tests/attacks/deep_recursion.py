"""Recurses without end: in a function, in a module's forward, in a comparison, in an attribute, in its own traceback.

honest: linreg
says: RecursionError
"""

# %% start
import sys

import torch

sys.setrecursionlimit(10**9)


# %% squared_loss
def squared_loss(y_hat, y):
    return squared_loss(y_hat, y)


# %% sgd
def sgd(params, lr, batch_size):
    sys.setrecursionlimit(2000)
    error = None
    for n in range(5000):
        fresh = RuntimeError(n)
        fresh.__cause__ = fresh.__context__ = error
        error = fresh
    raise error


# %% init_params
def init_params(num_inputs):
    sys.setrecursionlimit(2000)
    return init_params(num_inputs + 1)


# %% concise
class Net(torch.nn.Module):
    def forward(self, X):
        return self(X)


def train_concise(features, labels, lr, num_epochs, batch_size):
    sys.setrecursionlimit(2000)
    return Net()
