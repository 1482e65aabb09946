"""Raises exceptions whose text never comes, ends the process, or is no text.

honest: linreg
"""

# %% start
import os


class Hangs(Exception):
    def __str__(self):
        while True:
            pass


class Exits(Exception):
    def __str__(self):
        os._exit(0)


class Lies(Exception):
    def __str__(self):
        return 7


class Text(str):
    def __getitem__(self, index):
        return self

    def __iter__(self):
        raise SystemExit(0)


class Subclass(Exception):
    def __str__(self):
        return Text("short")


class Meta(type):
    def __name__(cls):
        raise SystemExit(0)


# %% squared_loss
def squared_loss(y_hat, y):
    raise Hangs


# %% sgd
def sgd(params, lr, batch_size):
    raise Exits


# %% init_params
def init_params(num_inputs):
    raise Lies


# %% data_iter
def data_iter(batch_size, features, labels):
    raise Subclass
    yield


# %% train
def train(features, labels, lr, num_epochs, batch_size):
    raise Meta("M", (Exception,), {})


# %% end
raise Lies
