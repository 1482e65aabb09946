"""Returns numbers that no format holds: of thousands of digits, not finite, with a text of their own.

honest: linreg
"""


# %% start
class Number(float):
    def __repr__(self):
        return "1e999"

    def __eq__(self, other):
        return True


class Whole(int):
    def __repr__(self):
        raise SystemExit(0)

    def __index__(self):
        return 1 << 100_000


# %% squared_loss
def squared_loss(y_hat, y):
    return -(1 << 30_000)


# %% init_params
def init_params(num_inputs):
    return Number("nan"), Whole(3)


# %% train
def train(features, labels, lr, num_epochs, batch_size):
    return complex("nan+infj"), float("-inf")


# %% data_iter
def data_iter(batch_size, features, labels):
    yield range(-(1 << 100), 1 << 100), slice(None, 1 << 70)
    yield {float("nan"): 1, float("nan"): 2, (1, (2,)): 3}, "\ud800 \udfff"


# %% sgd
def sgd(params, lr, batch_size):
    return 10**5000
