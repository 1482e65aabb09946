"""Raises what few programs catch.

honest: linreg
says: KeyboardInterrupt
"""


# %% squared_loss
def squared_loss(y_hat, y):
    raise KeyboardInterrupt


# %% sgd
def sgd(params, lr, batch_size):
    raise SystemExit(0)


# %% data_iter
def data_iter(batch_size, features, labels):
    raise GeneratorExit


# %% train
def train(features, labels, lr, num_epochs, batch_size):
    raise BaseExceptionGroup("both", [KeyboardInterrupt(), StopIteration(3)])


# %% concise
class Mine(BaseException):
    pass


def train_concise(features, labels, lr, num_epochs, batch_size):
    raise Mine from RecursionError()
