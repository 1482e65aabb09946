"""Reads address zero; another function makes Python abort.

honest: linreg
says: segmentation fault
"""

# %% squared_loss
import ctypes


def squared_loss(y_hat, y):
    ctypes.string_at(0)


# %% sgd
def sgd(params, lr, batch_size):
    ctypes.CDLL(None).abort()
