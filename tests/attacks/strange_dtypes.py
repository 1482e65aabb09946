"""Returns tensors of kinds that few have heard of: meta, quantised, sparse, nested, eight bits wide, complex.

honest: linreg
"""

# %% start
import itertools

import torch

kinds = itertools.cycle(
    [
        lambda: torch.zeros(6, 1, device="meta"),
        lambda: torch.zeros(6, 1).to(torch.float8_e4m3fn),
        lambda: torch.quantize_per_tensor(torch.zeros(6, 1), 0.1, 0, torch.qint8),
        lambda: torch.eye(6, 1).to_sparse_csr(),
        lambda: torch.nested.nested_tensor([torch.zeros(1), torch.zeros(2)]),
        lambda: torch.zeros(6, 1, dtype=torch.complex64).conj(),
        lambda: torch.zeros(6, 1).to_mkldnn(),
        lambda: torch.zeros(6, 1, dtype=torch.uint16),
        lambda: torch._efficientzerotensor((6, 1)),
        lambda: torch.zeros(6, 1, dtype=torch.bool),
    ]
)


def strange(*args):
    return next(kinds)()


# %% squared_loss
squared_loss = strange


# %% init_params
def init_params(num_inputs):
    return strange(), strange()


# %% data_iter
def data_iter(batch_size, features, labels):
    for _ in range(len(features) // batch_size):
        yield strange(), strange()


# %% train
def train(features, labels, lr, num_epochs, batch_size):
    return strange(), strange()


# %% concise
def train_concise(features, labels, lr, num_epochs, batch_size):
    return strange
