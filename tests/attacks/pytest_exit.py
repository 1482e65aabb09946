"""Ends the whole test session from inside a call, skips, and expects to fail.

honest: linreg
says: Exit: bye
"""

# %% start
import unittest

import pytest


# %% squared_loss
def squared_loss(y_hat, y):
    pytest.exit("bye", returncode=0)


# %% sgd
def sgd(params, lr, batch_size):
    pytest.skip("not today")


# %% data_iter
def data_iter(batch_size, features, labels):
    pytest.xfail("as foreseen")


# %% train
def train(features, labels, lr, num_epochs, batch_size):
    raise unittest.SkipTest("no")
