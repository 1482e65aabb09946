"""Forks 80 processes that stay.

honest: linreg
says: PermissionError
"""

# %% start
import os
import time

for _ in range(80):
    if os.fork() == 0:
        time.sleep(15)
        os._exit(0)

# %% squared_loss
import multiprocessing


def squared_loss(y_hat, y):
    with multiprocessing.get_context("fork").Pool(8) as pool:
        return pool.map(abs, [1])
