"""Raises exceptions with hundreds of megabytes to say.

honest: linreg
says: Loud
"""


# %% start
class Loud(Exception):
    def __str__(self):
        return "x" * (1 << 27)


class Wide(Exception):
    pass


Wide.__name__ = Wide.__qualname__ = "W" * (1 << 22)


# %% squared_loss
def squared_loss(y_hat, y):
    raise Loud("y" * (1 << 24))


# %% sgd
def sgd(params, lr, batch_size):
    raise Wide("z" * (1 << 24))
