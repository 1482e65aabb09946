"""Stops itself and waits to be continued.

honest: linreg
says: did not return within
"""

# %% squared_loss
import os
import signal


def squared_loss(y_hat, y):
    os.kill(os.getpid(), signal.SIGSTOP)
    return y_hat
