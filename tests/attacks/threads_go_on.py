"""Returns, and lets threads go on that change the result, the arguments and the worker behind it.

honest: linreg
"""

# %% squared_loss
import threading

import torch

given = []


def meddle():
    while True:
        for tensor in given[-4:]:
            with torch.no_grad():
                tensor.zero_()
        print("meddling")


threading.Thread(target=meddle, daemon=True).start()


def squared_loss(y_hat, y):
    result = torch.full((2, 2), 7.0)
    given.extend((result, y_hat.detach(), y.detach()))
    return result
