"""Says of its objects that they are tensors, tuples, strings.

honest: linreg
"""

# %% start
import torch


class Liar:
    dtype = torch.float32
    shape = torch.Size((6, 1))
    requires_grad = is_leaf = True

    def __init__(self, kind):
        self.kind = kind

    @property
    def __class__(self):
        return self.kind

    def numel(self):
        return 6

    def element_size(self):
        return 1 << 60

    def detach(self):
        return self


class Pair(tuple):
    def __len__(self):
        return -1

    def __iter__(self):
        while True:
            yield self

    def __getitem__(self, index):
        raise SystemExit(index)


# %% squared_loss
def squared_loss(y_hat, y):
    return Liar(torch.Tensor)


# %% init_params
def init_params(num_inputs):
    return Pair((1, 2))


# %% train
def train(features, labels, lr, num_epochs, batch_size):
    return Liar(tuple)


# %% concise
def train_concise(features, labels, lr, num_epochs, batch_size):
    return Liar(str)
