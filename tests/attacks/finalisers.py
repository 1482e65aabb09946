"""Leaves objects behind whose end hangs, raises or ends the process.

honest: linreg
loses: linreg.shape
"""

# %% squared_loss
import os
import time


class Hangs:
    def __del__(self):
        time.sleep(30)


class Exits:
    def __del__(self):
        os._exit(0)


def squared_loss(y_hat, y):
    return Hangs()


# %% sgd
def sgd(params, lr, batch_size):
    return Exits()


# %% init_params
def init_params(num_inputs):
    return Exits(), Exits()
