"""Says that results are arguments, counts tensors from behind, and gives arguments a gradient of its own.

honest: none
says: what came back cannot be used
"""


# %% squared_loss
def squared_loss(y_hat, y):
    return y_hat


# %% linreg
def linreg(X, w, b):
    return X


# %% end
import gc

import torch

Worker = type(next(found for found in gc.get_objects() if type(found).__name__ == "Worker"))


def lie(self, message, tensors):
    first = tensors[0].tensor.detach() if tensors else torch.zeros(1)
    answer = {
        "result": [{"t": -1}, {"t": 0}],
        "aliases": [[0, 0], [1, 1]],
        "changed": [],
        "updates": [],
        "grads": [[-1, 0], [-2, 1]],
    }
    self._send(answer, [torch.zeros_like(first).requires_grad_(), torch.ones_like(first)])


Worker._call = lie
