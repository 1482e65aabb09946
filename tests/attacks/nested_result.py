"""Returns values nested so that a message which describes them grows without bounds.

honest: linreg
"""


# %% squared_loss
def nested(depth):
    return [nested(depth - 1) for _ in range(4)] if depth else "a word that is long enough to matter in a message"


def squared_loss(y_hat, y):
    return nested(7)


# %% init_params
def init_params(num_inputs):
    return nested(3), {n: nested(2) for n in range(100)}


# %% train
def train(features, labels, lr, num_epochs, batch_size):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    return deep


# %% sgd
def sgd(params, lr, batch_size):
    loop = []
    loop.append(loop)
    return loop
